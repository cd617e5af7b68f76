"""The site as far as it can be made without Quarto: each processed page through Pandoc, with the book's own face, sidebar and contents.

    python tools/preview.py [--out _docs] [names of notebooks]      make docs calls it where Quarto is missing"""
import argparse, base64, html, json, re, shutil, sys
from pathlib import Path
import pypandoc, yaml

sys.path.insert(0, str(Path(__file__).parent))
import docs
from reading import body, directives, prose, signature, text

root = Path(__file__).resolve().parent.parent

page = '''<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – autocomics</title><link rel="icon" href="images/favicon.png"><link rel="stylesheet" href="preview.css"><link rel="stylesheet" href="styles.css">
<script>if (matchMedia('(prefers-color-scheme: dark)').matches) document.documentElement.classList.add('dark')</script></head>
<body><header class="navbar"><a class="navbar-title" href="index.html">autocomics</a></header>
<div class="page"><nav class="sidebar" aria-label="Chapters">{sidebar}</nav>
<main><h1 class="title">{title}</h1><p class="subtitle">{description}</p>{body}<nav class="turn" aria-label="Previous and next chapter">{turn}</nav></main>
<nav class="toc" aria-label="On this page"><b>On this page</b>{toc}</nav></div></body></html>'''

layout = '''body { margin: 0 } .navbar { padding: .5rem 1rem } .navbar a { text-decoration: none; font-size: 1.3rem }
.page { display: grid; grid-template-columns: 15rem minmax(0, 50rem) 14rem; gap: 2rem; max-width: 1366px; margin: auto; padding: 0 1rem }
.sidebar, .toc { position: sticky; top: 0; max-height: 100vh; overflow: auto; font-size: .86rem; padding-top: 1rem }
.sidebar ul, .toc ul { list-style: none; padding-left: .7rem; margin: .2rem 0 } .sidebar a, .toc a { text-decoration: none } .sidebar .here { font-weight: bold }
.turn { display: flex; justify-content: space-between; margin: 3rem 0 } pre { background: var(--soft); border-radius: 6px }
@media (max-width: 900px) { .page { display: block } .sidebar, .toc { display: none } }'''

def output(o, alt):
    "One output as Markdown"
    data = o.get('data', {})
    if o['output_type'] == 'stream': return f"::: cell-output\n```\n{text(o['text'])}\n```\n:::"
    if 'text/markdown' in data: return text(data['text/markdown'])
    if 'text/html' in data: return f"```{{=html}}\n<div class=\"cell-output-display\">{text(data['text/html'])}</div>\n```"
    for kind in ('image/svg+xml', 'image/png', 'image/jpeg'):
        if kind in data:
            raw = text(data[kind])
            if kind == 'image/svg+xml': raw = base64.b64encode(raw.encode()).decode()
            return f'```{{=html}}\n<div class="cell-output"><img alt="{html.escape(alt)}" src="data:{kind};base64,{raw.strip()}"></div>\n```'
    if 'text/plain' in data: return f"::: cell-output\n```\n{text(data['text/plain'])}\n```\n:::"
    return ''

def markdown(cells):
    "A processed page as Markdown"
    for c in cells:
        if prose(c): yield body(c)
        elif c['cell_type'] == 'code':
            d = directives(c)
            if d.get('echo') != 'false' and not signature(c): yield f'```python\n{body(c)}\n```'
            for o in c.get('outputs', []): yield output(o, d.get('fig-alt', '').strip().strip('"\''))

def entries(node):
    "The sidebar as (section or None, page, label)"
    for o in node:
        if isinstance(o, dict) and 'section' in o: yield from ((o['section'], p, label) for _, p, label in entries(o['contents']))
        else: yield (None, o['href'], o.get('text')) if isinstance(o, dict) else (None, o, None)

def build(out, names=()):
    pages = docs.processed()
    order = list(entries(yaml.safe_load((root/'nbs/sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']['contents']))
    order = [o for o in order if o[1] in pages]
    out.mkdir(parents=True, exist_ok=True)
    for folder in ('images', 'fonts'): shutil.copytree(root/'nbs'/folder, out/folder, dirs_exist_ok=True)
    shutil.copy(root/'nbs/styles.css', out); (out/'preview.css').write_text(layout)
    link = {name: (url, label or front.get('title', name)) for _, name, label in order for url, front, *_ in [pages[name]]}
    for i, (_, name, _) in enumerate(order):
        url, front, _, cells = pages[name]
        if names and Path(name).stem not in names: continue
        side, last = '', None
        for section, other, _ in order:
            if section != last: side += ('</ul>' if last else '') + (f'<b>{section}</b><ul>' if section else ''); last = section
            side += f'<li class="{"here" if other == name else ""}"><a href="{link[other][0]}">{link[other][1]}</a></li>'
        md = re.sub(r'\]\(([\w/]+)\.ipynb', lambda m: f"]({pages.get(m[1] + '.ipynb', [m[1] + '.html'])[0]}", '\n\n'.join(markdown(cells)))
        whole = pypandoc.convert_text(md, 'html5', 'markdown-implicit_figures+lists_without_preceding_blankline', extra_args=['--mathml', '--toc', '--toc-depth=3', '--standalone', '--template', str(template(out))])
        contents, body_ = whole.split('<!--toc-->')
        turn = ''.join(f'<a href="{link[order[j][1]][0]}">{arrow} {link[order[j][1]][1]}</a>' if 0 <= j < len(order) else '<span></span>' for j, arrow in ((i-1, '←'), (i+1, '→')))
        (out/url).write_text(page.format(title=html.escape(front.get('title', '')), description=html.escape(front.get('description', '')), sidebar=side + '</ul>', toc=contents, body=body_, turn=turn), encoding='utf-8')
    return out

def template(out):
    path = out/'.template.html'
    path.write_text('$toc$<!--toc-->$body$')
    return path

if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('names', nargs='*'); ap.add_argument('--out', type=Path, default=root/'_docs')
    args = ap.parse_args()
    print('The pages are in', build(args.out, args.names))
