"""From a convolution to a comic strip: a diffusion book you can run and a library you can import

Modules:

- `autocomics.core`: Devices, seeds, pictures and tensors, files that are whole or absent, downloads that are checked.
- `autocomics.data.scenes`: Captioned comic panels without end: a composer that knows the truth of every caption it writes.
- `autocomics.glide.pipeline`: Two networks, one sampler and a seed per picture: `TextToImage`, with inpainting, previews, and steps that can be stopped"""

__version__ = "0.1.0"

def strip(*captions, model=None, **kwargs):
    "Draw a comic strip, one panel per caption, and return it as a `Strip`; the arguments are those of `autocomics.comics.generators.draw`"
    from .comics.generators import draw
    return draw(*captions, model=model, **kwargs)
