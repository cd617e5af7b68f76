"""nbs/api.ipynb from the exported modules: every public name, what it does in a line, and where the book tells of it. `python tools/api.py` writes it"""
import ast, json, re, sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root/'tools'))
import headers

def index():
    "nbdev's own index: {module: {name: (page#anchor, file)}}"
    spec = spec_from_file_location('_modidx', root/'autocomics/_modidx.py')
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found.d['syms']

def sentence(text):
    "The first sentence or line of a docstring"
    text = re.sub(r'\s+', ' ', (text or '').strip().split('\n\n')[0])
    return text.replace('|', '\\|')

def patched(node):
    "The class that a @patch function belongs to, or None"
    if not any('patch' in ast.unparse(d) for d in node.decorator_list) or not node.args.args: return None
    note = node.args.args[0].annotation
    return ast.unparse(note) if note else None

def names(path):
    "The public names of a module: [(name, docstring, [(method, docstring)])]"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    public = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == '__all__'), [])
    classes = {n.name: [(m.name, ast.get_docstring(m)) for m in n.body if isinstance(m, (ast.FunctionDef, ast.AsyncFunctionDef)) and not m.name.startswith('_') and ast.get_docstring(m)]
               for n in tree.body if isinstance(n, ast.ClassDef)}
    for n in tree.body:
        if isinstance(n, ast.FunctionDef) and patched(n) in classes and not n.name.startswith('_'): classes[patched(n)].append((n.name, ast.get_docstring(n)))
    for n in tree.body:
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and n.name in public and not patched_method(n):
            bases = [ast.unparse(b) for b in n.bases] if isinstance(n, ast.ClassDef) else []
            if not any(b.endswith(('Error', 'Exception')) for b in bases): yield n.name, ast.get_docstring(n), classes.get(n.name, [])

def patched_method(node): return isinstance(node, ast.FunctionDef) and patched(node) is not None

def link(entry, pages):
    "A page and anchor of nbdev's index as a link between notebooks"
    page, _, anchor = entry.partition('#')
    return f"{pages[page]}#{anchor}" if page in pages else None

def notebook_pages():
    "{page: notebook}"
    return {re.sub(r'^\d+[a-zA-Z0-9]*_', '', p.stem) + '.html': p.name for p in (root/'nbs').glob('*.ipynb')}

def sections():
    pages = notebook_pages()
    for module, symbols in sorted(index().items()):
        path = root/(module.replace('.', '/') + '.py')
        if not path.exists(): continue
        rows = []
        for name, doc, methods in names(path):
            entry = symbols.get(f'{module}.{name}')
            url = link(entry[0], pages) if entry else None
            rows.append(f"| {f'[`{name}`]({url})' if url else f'`{name}`'} | {sentence(doc)} |")
            for method, text in methods:
                entry = symbols.get(f'{module}.{name}.{method}')
                rows.append(f"| `.{method}` | {sentence(text)} |")
        if rows: yield f'## {module}\n\n| name | what it does |\n|---|---|\n' + '\n'.join(rows)

def build():
    title = '# API\n> Every public name of the library: what it does, and the page that tells of it.\n\nA name leads to its place in the book. Methods stand below their class. Errors are left out: they say themselves what to do.'
    def md(text, i): return dict(cell_type='markdown', id=f'api-{i:03d}', metadata={}, source=text.splitlines(True))
    nb = dict(cells=[md(title, 0), *(md(t, i) for i, t in enumerate(sections(), 1))],
              metadata={'kernelspec': dict(display_name='python3', language='python', name='python3')}, nbformat=4, nbformat_minor=5)
    return json.dumps(headers.apply(nb, 'api.ipynb'), indent=1, ensure_ascii=False, sort_keys=True) + '\n'

if __name__ == '__main__': (root/'nbs/api.ipynb').write_text(build(), encoding='utf-8')
