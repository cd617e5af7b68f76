"""What a reader of the published pages would trip over, found on the pages as nbdev processes them: each rule names its cell.

    python tools/reading.py [names of notebooks]"""
import io, json, re, sys, tokenize
from collections import Counter
from pathlib import Path

root = Path(__file__).resolve().parent.parent
width = 95   # columns of a code block at 1,366 pixels
local = re.compile(r'(?<![\w.:/-])/(?:home|root|tmp|work|Users|private|mnt)/\w')
foreign = ('Should be overridden by all subclasses', 'Define the computation performed at every call', 'Initialize self.  See help')
nearby = re.compile(r'\b(?:code|function|class|cell|lines?|loop|method)s? (?:above|below)\b', re.I)

def text(x): return ''.join(x) if isinstance(x, list) else str(x)
def source(cell): return text(cell['source'])
def directives(cell): return dict(re.findall(r'^#\|\s*([\w-]+):?[ \t]*(.*)$', source(cell), re.M))
def body(cell): return re.sub(r'^#\|.*\n?', '', source(cell), flags=re.M).strip()
def prose(cell): return cell['cell_type'] == 'markdown' and not body(cell).startswith(('<!--', '[!['))
def signature(cell): return bool(re.match(r'show_doc\(', body(cell)))
def visible(cell):
    "Code, or an output, that the page shows in full: no signature of hidden code"
    if cell['cell_type'] != 'code' or signature(cell): return False
    return directives(cell).get('echo') != 'false' or bool(cell.get('outputs'))

def colons(cells):
    "Prose that introduces something ends in a colon, and the next thing on the page is code, an output or more prose of its kind"
    shown = [c for c in cells if not signature(c)]   # the page puts a function's signature before its code
    for a, b in zip(shown, [*shown[1:], None]):
        if prose(a) and re.search(r':\W*$', body(a)) and not (b and (visible(b) or prose(b) and re.match(r'[|>$:*-]|\d\.|!\[|```', body(b)))):
            yield f'ends in a colon, and nothing follows: “… {body(a)[-60:]}”'

def pointers(cells):
    "Prose that speaks of the code above or below stands beside visible code"
    for i, c in enumerate(cells):
        near = cells[max(0, i-2):i] + cells[i+1:i+3]
        if prose(c) and (m := nearby.search(body(c))) and not any(map(visible, near)): yield f'speaks of the {m[0]}, which is not on the page'

def unbroken(code):
    "The lines of text that cannot be broken where they stand: within a longer string, an address, a shell command"
    whole = {n for n, line in enumerate(code.splitlines(), 1) if line.startswith(('!', '%'))}
    try: tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError): return whole
    for t in tokens:
        if t.type == tokenize.STRING and (t.start[0] < t.end[0] or len(t.string) > 60): whole.update(range(t.start[0], t.end[0]+1))
    return whole

def columns(cells):
    "A line of code that a reader sees fits the page; what stands in a long string may wrap there"
    for c in cells:
        if c['cell_type'] != 'code' or directives(c).get('echo') == 'false' or signature(c): continue
        free = unbroken(body(c))
        for n, line in enumerate(body(c).splitlines(), 1):
            if len(line) > width and n not in free: yield f'{len(line)} columns: {line.strip()[:60]} …'

def evidence(cells, stored):
    "Building the pages executes cells with imports again: what they show must be what was stored"
    before = {c.get('id'): c for c in stored}
    def shown(c): return [text(o.get('text') or o.get('data', {}).get('text/plain', '')) for o in c.get('outputs', [])]
    for c in cells:
        old = before.get(c.get('id'))
        if old and c['cell_type'] == 'code' and not signature(c) and not {'export', 'exports'} & directives(old).keys() and shown(c) != shown(old):
            yield f'shows {shown(c)} on the page, and {shown(old)} in the notebook: imports belong in a cell of their own: {body(c)[:60]}'

def outputs(cells):
    "Outputs hold no path of the machine that made them, and no other library's docstring"
    for c in cells:
        for o in c.get('outputs', []):
            said = text(o.get('text', '')) + ''.join(text(v) for k, v in o.get('data', {}).items() if k.startswith('text/'))
            plain = re.sub(r'data:[\w/+;-]+,[\w/+=]+', '', said)
            if m := local.search(plain): yield f'shows a path of this machine: {plain[m.start():m.start()+50]!r}'
            for leak in foreign:
                if leak in said: yield f'shows another library\'s docstring: “{leak} …” ({body(c)[:50]})'

def headings(cells):
    "One title, and no level left out below it"
    level = 1
    for c in cells:
        if c['cell_type'] != 'markdown': continue
        for marks, title in re.findall(r'^(#{1,6})\s+(.*)$', re.sub(r'```.*?```', '', body(c), flags=re.S), re.M):
            if len(marks) == 1: yield f'a second title: {title}'
            if len(marks) > level + 1: yield f'level {len(marks)} comes after level {level}: {title}'
            level = len(marks)

def alternatives(cells):
    "Every picture says in words what it shows"
    for c in cells:
        if c['cell_type'] == 'markdown':
            for alt, url in re.findall(r'!\[([^\]]*)\]\(([^)\s]+)', body(c)):
                if not alt.strip() and '{fig-alt=' not in body(c): yield f'no alternative text: {url}'
        said = directives(c).get('fig-alt', '').strip(' "\'')
        for o in c.get('outputs', []):
            data, meta = o.get('data', {}), json.dumps(o.get('metadata', {}))
            html = text(data.get('text/html', '') if 'text/html' in data else data.get('text/markdown', ''))
            if any(not re.search(r'\balt=(["\'])\s*[^"\'\s]', tag) for tag in re.findall(r'<img\b[^>]*>', html)): yield f'a picture without alternative text: {body(c)[:60]}'
            if any(k.startswith('image/') for k in data) and 'text/html' not in data and not said and '"alt"' not in meta:
                yield f'a picture without alternative text (#| fig-alt: "…"): {body(c)[:60]}'

rules = dict(colons=colons, pointers=pointers, columns=columns, outputs=outputs, headings=headings, alternatives=alternatives)

def problems(cells, stored):
    "What is wrong with one processed page, in words"
    result = [f'{name}: {p}' for name, rule in rules.items() for p in rule(cells)]
    return result + [f'evidence: {p}' for p in evidence(cells, stored)]

def main(names):
    import docs
    count = Counter()
    for name, (_, _, _, cells) in docs.processed(names).items():
        found = problems(cells, json.loads((root/'nbs'/name).read_text(encoding='utf-8'))['cells'])
        for p in found: print(f'{name}: {p}')
        count.update(p.split(':')[0] for p in found)
    print(dict(count) or 'nothing')

if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1:])
