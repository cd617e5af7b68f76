"""README.md from nbs/index.ipynb: its Markdown and its visible code, with links that work on GitHub and on PyPI. `python tools/readme.py` writes it"""
import json, re, tomllib
from pathlib import Path

root = Path(__file__).resolve().parent.parent
urls = tomllib.loads((root/'pyproject.toml').read_text(encoding='utf-8'))['project']['urls']
raw = urls['Repository'].replace('https://github.com', 'https://raw.githubusercontent.com') + '/main/'
notice = '<!-- Made from nbs/index.ipynb by tools/readme.py: edit the notebook, then run make fix -->\n'

def page(name): return urls['Documentation'] + re.sub(r'^\d+[a-zA-Z0-9]*_', '', name) + '.html'

def absolute(text):
    "Links to notebooks become links to their pages, pictures come from the repository"
    text = re.sub(r'\]\((?!\w+:)([\w/.-]+)\.ipynb(#[\w-]+)?\)', lambda m: f"]({page(m[1])}{m[2] or ''})", text)
    return re.sub(r'!\[([^\]]*)\]\((?!\w+:)([^)]+)\)', lambda m: f'![{m[1]}]({raw}nbs/{m[2]})', text)

def lines(cell):
    "What a cell shows on the page, without nbdev's directives"
    source = ''.join(cell['source'])
    if cell['id'].startswith('colab-') or re.search(r'^#\| hide\s*$', source, re.M): return ''
    body = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip()
    return absolute(body) if cell['cell_type'] == 'markdown' else f'```python\n{body}\n```' if body else ''

def build():
    cells = json.loads((root/'nbs/index.ipynb').read_text(encoding='utf-8'))['cells']
    return notice + '\n' + '\n\n'.join(filter(None, map(lines, cells))) + '\n'

if __name__ == '__main__': (root/'README.md').write_text(build(), encoding='utf-8')
