"""The pictures of the README and of the builder's chapters, made again: `make pictures`. Draws with the weights as they are now.
The README's is strip.png, which `make strip` has just drawn, with fewer colours and without the project in it, since every reader of the README downloads it."""
import subprocess, sys
from pathlib import Path
from PIL import Image, PngImagePlugin

root = Path(__file__).resolve().parent.parent

def reduced(source, path):
    "A strip's picture as a small file that keeps its title and its alt text"
    image, info = Image.open(source), PngImagePlugin.PngInfo()
    for key in ('Title', 'Description', 'Software', 'Source'): info.add_itxt(key, image.text[key])
    image.convert('RGB').quantize(128, dither=Image.Dither.NONE).save(path, pnginfo=info, optimize=True)
    print(f'{path}: {path.stat().st_size//1024} KB. {image.text["Description"]}')

if __name__ == '__main__':
    reduced(root/'strip.png', root/'nbs/images/strip.png')
    for tool in ('browser', 'app_browser'): subprocess.run([sys.executable, root/f'tools/{tool}.py', '--portraits', root/'nbs/images'], check=True)
