"""What can be known of the documentation without rendering it: every page has a title, no stored error, outputs within budget, a place in the sidebar, and links that lead somewhere"""
import json, re
from collections import Counter
from pathlib import Path
import yaml
from nbdev.config import get_config
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
import reading

root = Path(__file__).resolve().parent.parent
budget = 900_000   # bytes of outputs that one notebook may store

def slug(heading):
    "The anchor that Pandoc gives a heading"
    text = re.sub(r'[`*$]|\{.*?\}|\[([^\]]*)\]\([^)]*\)', lambda m: m[1] or '', heading).strip().lower()
    return re.sub(r'^[^a-z]+', '', re.sub(r'\s+', '-', re.sub(r'[^\w\s.\-]', '', text)))

def processed(names=()):
    "Each notebook, or those named, as nbdev processes it for the site: {name: (page, front matter, markdown, cells)}"
    refresh_quarto_yml()
    cache, pages = proc_nbs(n_workers=1, force=not names), {}
    for f in sorted(cache.rglob('*.ipynb')):
        if names and f.stem not in names: continue
        cells = json.loads(f.read_text(encoding='utf-8'))['cells']
        front = yaml.safe_load(''.join(cells[0]['source']).strip().strip('-')) if cells[0]['cell_type'] == 'raw' else {}
        md = [''.join(c['source']) for c in cells if c['cell_type'] == 'markdown']
        md += [''.join(o['data']['text/markdown']) for c in cells for o in c.get('outputs', []) if 'text/markdown' in o.get('data', {})]
        name = f.relative_to(cache)
        page = (name.parent/front.get('output-file', name.with_suffix('.html').name)).as_posix()
        pages[name.as_posix()] = page, front, re.sub(r'^```.*?^```', ' ', '\n'.join(md), flags=re.S|re.M), cells
    return pages

def leaves(node):
    "Every page that the sidebar names"
    if isinstance(node, str): yield node
    elif isinstance(node, list):
        for o in node: yield from leaves(o)
    elif isinstance(node, dict):
        if 'href' in node: yield node['href']
        yield from leaves(node.get('contents', []))

def broken(cfg, name, pages, anchors):
    "The links of one page that lead nowhere"
    base = cfg.doc_host + cfg.doc_baseurl.rstrip('/') + '/'
    for url in re.findall(r'\]\(([^)\s]+)', pages[name][2]):
        path, _, anchor = url.partition('#')
        if path.startswith(base): target = path[len(base):] or 'index.html'
        elif re.match(r'\w+:', url): continue
        else:
            file = (cfg.nbs_path/name).parent/path if path else cfg.nbs_path/name
            if not file.exists(): yield f'no such file: {url}'; continue
            if file.suffix != '.ipynb': continue
            target = pages.get(file.resolve().relative_to(cfg.nbs_path.resolve()).as_posix(), [None])[0]
        if target not in anchors: yield f'no such page: {url}'
        # nbdev links the name of a method that has no heading of its own to a place that is not there: the page is right
        elif anchor and anchor.lower() not in anchors[target] and not (path.startswith(base) and re.search(r'[._]', anchor)): yield f'no such anchor: {url}'

def following(order, name, md):
    "Where a page says what comes next, it names the page that the sidebar names"
    if name not in order[:-1]: return
    after = order[order.index(name)+1]
    for url in re.findall(r'\bNext\b[^\n\[]{0,60}\[[^\]]*\]\(([\w/]+\.ipynb)|\[Next[^\]]*\]\(([\w/]+\.ipynb)', md):
        if (said := ''.join(url)) != after: yield f'says that {said} comes next; in the sidebar it is {after}'

def check():
    "{what: [problems]} for each page, the sidebar and the configuration"
    cfg = get_config()
    try: pages = processed()
    except Exception as e: return {'processing': [f'{e}', 'A cell with imports holds nothing else, unless it is exported: building the pages runs such cells on their own.']}
    order = list(leaves(yaml.safe_load((cfg.nbs_path/'sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']))
    anchors = {page: {slug(h) for h in re.findall(r'^#{1,6}\s+(.*)$', md, re.M)} for page, _, md, _ in pages.values()}
    result = {}
    for name, (page, front, md, cells) in pages.items():
        problems = [] if front.get('title') else ['no title']
        problems += [f"stores the error {o.get('ename')}" for c in cells for o in c.get('outputs', []) if o['output_type'] == 'error']
        raw = json.loads((cfg.nbs_path/name).read_text(encoding='utf-8'))['cells']
        size = sum(len(json.dumps(c.get('outputs', []))) for c in raw)
        if size > budget: problems.append(f'stores {size:,} bytes of outputs, more than {budget:,}')
        plain = '\n'.join(''.join(c['source']) for c in raw if c['cell_type'] == 'markdown')
        result[name] = problems + list(broken(cfg, name, pages, anchors)) + reading.problems(cells, raw) + list(following(order, name, plain))
    result['sidebar.yml'] = [f'{s}: no such file' for s in order if not (cfg.nbs_path/s).exists()] + [f'{n} is not listed' for n in pages if n not in order]
    twice = [p for p, n in Counter(page for page, *_ in pages.values()).items() if n > 1]
    result['sidebar.yml'] += [f'two chapters would be written to {p}: rename one' for p in twice]
    quarto = yaml.safe_load((root/'_quarto.yml').read_text(encoding='utf-8'))
    result['_quarto.yml'] = [f'{m} is missing' for m in quarto['metadata-files'] + [quarto['format']['html']['css']] if not (cfg.nbs_path/m).exists()]
    if (cfg.nbs_path/'_quarto.yml').read_text(encoding='utf-8') != (root/'_quarto.yml').read_text(encoding='utf-8'): result['_quarto.yml'].append('nbs/_quarto.yml differs')
    return result
