"The cells every notebook opens with: a Colab badge, and an install cell pinned to this version. `--fix` writes them, without it they are checked"
import json, sys, tomllib
from pathlib import Path

root = Path(__file__).resolve().parent.parent
repo = tomllib.loads((root/'pyproject.toml').read_text(encoding='utf-8'))['project']['urls']['Repository']

def version():
    text = (root/'autocomics/__init__.py').read_text(encoding='utf-8')
    return text.split('__version__ = "')[1].split('"')[0]

def badge(name):
    slug = repo.removeprefix('https://github.com/')
    return ('[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]'
            f'(https://colab.research.google.com/github/{slug}/blob/main/nbs/{name})')

def install():
    "On Colab, and only there: this version from PyPI, or from git where PyPI does not have it yet"
    return ('#| hide\n#| eval: false\n'
            f'! [ -e /content ] && (pip install -Uqq autocomics=={version()} || pip install -qq git+{repo})')

def header(name):
    "The two cells that follow the title of notebook `name`"
    return [dict(cell_type='markdown', id='colab-badge', metadata={}, source=badge(name).splitlines(True)),
            dict(cell_type='code', id='colab-install', execution_count=None, metadata={}, outputs=[],
                 source=install().splitlines(True))]

def apply(nb, name):
    "Notebook `nb` with its header cells put right"
    cells = [c for c in nb['cells'] if c.get('id') not in ('colab-badge', 'colab-install')]
    return {**nb, 'cells': cells[:1] + header(name) + cells[1:]}

def main(fix=False):
    wrong = []
    for path in sorted((root/'nbs').glob('*.ipynb')):
        nb = json.loads(path.read_text(encoding='utf-8'))
        if apply(nb, path.name) == nb: continue
        wrong.append(path.name)
        if fix: path.write_text(json.dumps(apply(nb, path.name), indent=1, ensure_ascii=False, sort_keys=True)+'\n', encoding='utf-8')
    if wrong: print(('fixed: ' if fix else 'no badge or install cell of this version (python tools/headers.py --fix): ')+', '.join(wrong))
    return 0 if fix else len(wrong)

if __name__ == '__main__': sys.exit(bool(main('--fix' in sys.argv)))
