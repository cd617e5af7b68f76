"""Every check of `make test`, in the order in which one would want to know. Ends with one line 'N passed, N failed'.

    python tools/check.py [--slow] [--record] [--only notebooks,docs,...] [--notebooks 10_process 12_samplers]"""
import argparse, ast, datetime, filecmp, json, os, platform, re, shlex, shutil, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import api, docs, headers, readme

root = Path(__file__).resolve().parent.parent
bin_ = Path(sys.executable).parent
env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore', 'TQDM_DISABLE': '1', 'MPLBACKEND': 'agg'}
passed, failed, seconds, lock = [], [], {}, threading.Lock()

def check(name, ok, why=''):
    "Count one check; a failure is told at once, with its reason"
    with lock:
        (passed if ok else failed).append(name)
        if not ok: print(f'FAILED  {name}' + (f'\n{why}'.replace('\n', '\n        ') if why else ''), flush=True)
    return ok

def say(text): print(text, flush=True)

def run(*args, **kw):
    "Run a command to its end; its output is kept"
    return subprocess.run([str(o) for o in args], capture_output=True, text=True, env=kw.pop('env', env), **kw)

# ---- sources: notebooks clean, exported with no difference left, headers right

def sources():
    "In a copy of the project, clean and export again: nothing may change"
    with tempfile.TemporaryDirectory() as tmp:
        copy = Path(tmp)/root.name
        shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns('.venv', '.envs', '.git', '_proc', '_docs', 'dist', 'build', '*.egg-info', '__pycache__', 'runs'))
        for tool in ('nbdev-clean', 'nbdev-export'):
            r = run(bin_/tool, cwd=copy)
            check(f'{tool} runs', r.returncode == 0, r.stderr[-2000:])
        compare('clean', copy, [p for p in (root/'nbs').glob('*.ipynb')], 'not clean: make fix')
        made = [root/p.relative_to(copy) for p in [*copy.glob('autocomics/**/*.py'), copy/'nbs/llms.txt'] if '__pycache__' not in p.parts]
        compare('exported', copy, sorted({*made, *(p for p in root.glob('autocomics/**/*.py') if '__pycache__' not in p.parts)}),
                'differs from what its notebook exports: edit the notebook, then make fix')
    for path in sorted((root/'nbs').glob('*.ipynb')):
        nb = json.loads(path.read_text(encoding='utf-8'))
        check(f'header: {path.name}', headers.apply(nb, path.name) == nb, 'no Colab badge or install cell of this version: make fix')

def compare(what, copy, paths, why):
    for p in paths:
        other = copy/p.relative_to(root)
        check(f'{what}: {p.relative_to(root)}', p.exists() and other.exists() and filecmp.cmp(p, other, shallow=False), why)

# ---- imports: arrows point down the design's table only, and light things stay light

def house():
    "What each part may import, as the table of the contributing page says: {part: parts}"
    cells = json.loads((root/'nbs/contributing.ipynb').read_text(encoding='utf-8'))['cells']
    rows = [[o.strip() for o in line.split('|')[1:-1]] for c in cells for line in c['source'] if re.match(r'\| `\w+` \|', line)]
    table = {row[0].strip('`'): row[-1] for row in rows if len(row) == 4}
    return {part: set(table) if says == 'everything' else set(re.findall(r'`(\w+)`', says)) for part, says in table.items()}

below = house()
longest = 500   # lines of a module: what is longer has more than one idea
light = ['autocomics', 'autocomics.core', 'autocomics.commands', 'autocomics.cli', 'autocomics.comics.strip', 'autocomics.data']
never = {'torchvision', 'nbdev', 'jupyterlab', 'glide_text2im'}

def imported(path):
    "The parts of autocomics, and the foreign packages, that a module imports, wherever in its text"
    package = ('autocomics', *path.relative_to(root/'autocomics').parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): names = [o.name for o in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(package[:len(package)-node.level+1]) if node.level else ''
            names = [f"{base}{'.' if base and node.module else ''}{node.module or ''}"]
            if names == ['autocomics']: names = [f'autocomics.{o.name}' for o in node.names]
        else: continue
        yield from names

def imports():
    for path in sorted((root/'autocomics').rglob('*.py')):
        rel = path.relative_to(root/'autocomics')
        if path.name in ('__init__.py', '_modidx.py', '__main__.py'): continue
        part, names = rel.parts[0].removesuffix('.py'), list(imported(path))
        ours = {n.split('.')[1] for n in names if n.startswith('autocomics.')} - {part, '__version__'}
        up = ours - below.get(part, set())
        check(f'imports: {rel}', not up and not never & {n.split('.')[0] for n in names},
              f"imports {sorted(up | never & {n.split('.')[0] for n in names})}; {part} may import {sorted(below.get(part, set()))}")
        lines = sum(bool(o.strip()) and not o.startswith('# %%') for o in path.read_text(encoding='utf-8').splitlines())   # without nbdev's own marks
        check(f'length: {rel}', lines <= longest, f'{lines} lines, more than {longest}: split it by idea, each room with its notebook')
    data = [f'autocomics.data.{p.stem}' for p in (root/'autocomics/data').glob('[a-z]*.py')]
    for name in [m for m in light + data if (root/m.replace('.', '/')).with_suffix('.py').exists() or (root/m.replace('.', '/')).is_dir()]:
        r = run(sys.executable, '-c', f"import sys, {name}; sys.exit('torch' in sys.modules)", cwd=root)
        check(f'no torch: {name}', r.returncode == 0, r.stderr[-800:] or 'importing it imports torch')
    timing = "import time; t=time.perf_counter(); import autocomics; print(time.perf_counter()-t)"
    seconds = min(float(run(sys.executable, '-c', timing, cwd=root).stdout or 9) for _ in range(3))
    check('import autocomics takes under 0.3 s', seconds < 0.3, f'{seconds:.2f} s')

# ---- types: what the annotations promise is kept

# modules that do not pass yet; a new module is checked, and one that passes is taken off this list
untyped = """
    batches comics/app comics/book_models comics/builder comics/editor comics/files comics/gates comics/generator comics/generators comics/layouts
    comics/painting comics/panels comics/pipelines comics/server comics/thesis_models comics/visitors comics/warm comics/worker commands dalle/drawing
    dalle/text dalle/twin data/archives data/captions data/cli data/collections data/download data/fetch data/guard data/laion data/pictures
    data/tables data/wikipedia data/writer diffusion/digits diffusion/samplers diffusion/unet glide/pipeline glide/tokenizer record training/result
    training/settings training/evaluate
    training/scene_judge training/scene_model""".split()

def types():
    "mypy over the library; methods that fastcore's @patch adds are not seen by it"
    r = run(sys.executable, '-m', 'mypy', '--follow-imports=skip', '--ignore-missing-imports', '--no-site-packages', '--disable-error-code', 'attr-defined', '--disable-error-code', 'no-redef', 'autocomics', cwd=root)
    found = {}
    for line in r.stdout.splitlines():
        if m := re.match(r'autocomics[\\/](.+?)\.py:\d+: error: ', line): found.setdefault(m[1].replace(os.sep, '/'), []).append(line)
    if not check('mypy runs', 'Found' in r.stdout or 'Success' in r.stdout, r.stdout[-1000:] + r.stderr[-1000:]): return
    for path in sorted((root/'autocomics').rglob('*.py')):
        name = path.relative_to(root/'autocomics').with_suffix('').as_posix()
        if name not in untyped: check(f'types: {name}', name not in found, '\n'.join(found.get(name, [])))

# ---- notebooks: each runs top to bottom in a process of its own

def notebook(path, slow):
    start = time.time()
    r = run(bin_/'nbdev-test', path, '--n-workers', '0', *(['--flags', 'slow'] if slow else []), cwd=root)
    ok = check(f'runs: {path.name}', r.returncode == 0 and 'Success' in r.stdout, (r.stdout + r.stderr)[-4000:])
    seconds[path.stem] = round(time.time() - start)
    if ok: say(f'        {path.name}  {seconds[path.stem]} s')

def notebooks(names, slow):
    paths = sorted(p for p in (root/'nbs').glob('*.ipynb') if not names or p.stem in names)
    before = run('git', 'status', '--porcelain', cwd=root).stdout
    with ThreadPoolExecutor(2) as pool: list(pool.map(lambda p: notebook(p, slow), paths))
    after = run('git', 'status', '--porcelain', cwd=root).stdout
    check('notebooks leave the project as it was', before == after, after)

def record():
    "Keep the seconds per notebook where the hardware page finds them"
    path = root/'benchmarks/results/notebooks.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = f'{os.cpu_count()} CPU cores ({platform.machine()}, {platform.system()}), two notebooks at a time, Python {platform.python_version()}'
    path.write_text(json.dumps(dict(date=str(datetime.date.today()), machine=machine, seconds=dict(sorted(seconds.items()))), indent=1) + '\n', encoding='utf-8')

# ---- wheel: what a stranger installs, in an environment of its own

# modules that only work with an extra of the package
extras = {f'autocomics.comics.{name}': 'app' for name in ('gates', 'kernels', 'server', 'warm')}

probe = '''
import importlib, json, pkgutil, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'nbdev', 'jupyterlab', 'torchvision'}: raise ImportError(f'{name} is not needed')
sys.meta_path.insert(0, Blocked())
import autocomics
out = {}
for m in pkgutil.walk_packages(autocomics.__path__, 'autocomics.'):
    try: importlib.import_module(m.name); out[m.name] = ''
    except Exception as e: out[m.name] = f'{type(e).__name__}: {e}'
print(json.dumps(out))
'''

def wheel():
    home, dist = root/'.envs/wheel', root/'.envs/dist'
    for p in (home, dist): shutil.rmtree(p, ignore_errors=True)
    r = run(sys.executable, '-m', 'build', '--outdir', dist, '.', cwd=root)
    if not check('sdist and wheel build', r.returncode == 0, r.stdout[-2000:] + r.stderr[-2000:]): return
    run(sys.executable, '-m', 'venv', home)
    py = home/('Scripts' if os.name == 'nt' else 'bin')/'python'
    if not check('the install cell installs the wheel', *install(py, dist)): return
    with tempfile.TemporaryDirectory() as tmp:
        r = run(py, '-c', probe, cwd=tmp)
        modules = json.loads(r.stdout.strip().splitlines()[-1]) if r.returncode == 0 else {'autocomics': r.stderr[-2000:]}
        for name, error in modules.items():
            if name not in extras: check(f'wheel: import {name}', not error, error)
        r = run(py.with_name('autocomics'), 'app', cwd=tmp)
        check('wheel: what the page needs is said', r.returncode and 'autocomics[app]' in r.stderr and 'Traceback' not in r.stderr, r.stdout + r.stderr)
        r = run(py.with_name('autocomics'), '--help', cwd=tmp)
        check('wheel: autocomics --help', r.returncode == 0 and 'strip' in r.stdout, r.stdout + r.stderr)
        r = run(py.with_name('autocomics'), 'strip', 'a fox in the forest', 'a penguin in the snow', 'a rocket in space', '-o', 'strip.png', cwd=tmp)
        drawn = r.returncode == 0 and (Path(tmp)/'strip.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
        check('wheel: a strip is drawn', drawn, r.stdout + r.stderr)
        # what the front page shows is run as it is written, but for what installs and what stays open
        for kind, block in re.findall(r'```(sh|python)\n(.*?)```', (root/'README.md').read_text(encoding='utf-8'), re.S):
            commands = [[py, '-c', block]] if kind == 'python' else [[py.with_name('autocomics'), *shlex.split(l, comments=True)[1:]] for l in block.splitlines() if l.startswith('autocomics strip')]
            for command in commands:
                r = run(*command, cwd=tmp)
                check(f'README runs as written: {block.strip().splitlines()[-1][:50]}', r.returncode == 0, r.stdout + r.stderr)

def install(py, dist):
    "Run the notebooks' install cell as Colab would, with the wheel just built in the place of PyPI's"
    command = re.search(r'\((.*)\)', headers.install()).group(1).replace('pip ', f'{py} -m pip ', 1).split(' || ')[0]
    links = ' '.join(filter(None, [str(dist), os.environ.get('PIP_FIND_LINKS')]))
    r = run('sh', '-c', command, env={**env, 'PIP_FIND_LINKS': links, 'PIP_CONSTRAINT': str(root/'constraints.txt')}) if os.name != 'nt' else \
        run(py, '-m', 'pip', 'install', '-q', '--find-links', dist, '-c', root/'constraints.txt', f'autocomics=={headers.version()}')
    run(py, root/'tools/drop_torchvision.py')
    return r.returncode == 0, r.stdout[-2000:] + r.stderr[-3000:]

# ---- browser: the strip builder, clicked through by a program

def browser(slow):
    for name, tool, more in (('the strip builder in a browser', 'browser', ['--slow'] if slow else []), ('the web page in a browser', 'app_browser', [])):
        r = run(sys.executable, root/f'tools/{tool}.py', *more, cwd=root)
        if r.stdout.startswith('skipped'): say('        ' + r.stdout.strip())
        else: check(name, r.returncode == 0, r.stdout[-1000:] + r.stderr[-3000:])

# ---- documentation

def documentation():
    for name, problems in docs.check().items(): check(f'docs: {name}', not problems, '\n'.join(problems))
    check('README.md in step with nbs/index.ipynb', readme.build() == (root/'README.md').read_text(encoding='utf-8'), 'make fix')
    check('nbs/api.ipynb in step with the library', api.build() == (root/'nbs/api.ipynb').read_text(encoding='utf-8'), 'make fix')

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--slow', action='store_true', help='run the cells flagged slow as well')
    ap.add_argument('--record', action='store_true', help='store the seconds per notebook in benchmarks/results')
    ap.add_argument('--only', default='sources,imports,types,documentation,notebooks,browser,wheel', help='which checks, separated by commas')
    ap.add_argument('--notebooks', nargs='*', help='which notebooks (names without .ipynb)')
    args = ap.parse_args()
    os.chdir(root)
    only, start = args.only.split(','), time.time()
    background = threading.Thread(target=wheel) if 'wheel' in only else None
    for step in (sources, imports, types, documentation):
        if step.__name__ in only: say(f'{step.__name__} ...'); step()
    if background: say('wheel (in the background) ...'); background.start()
    if 'notebooks' in only: say('notebooks ...'); notebooks(args.notebooks, args.slow)
    if args.record and 'notebooks' in only: record()
    if 'browser' in only: say('browser ...'); browser(args.slow)
    if background: background.join()
    if failed: say('\nFailed:\n  ' + '\n  '.join(failed))
    say(f'\nTook {(time.time()-start)/60:.1f} minutes. ' + ('Read a chapter with: make lab' if not failed else 'One notebook alone: make notebook NB=nbs/NAME.ipynb'))
    say(f'{len(passed)} passed, {len(failed)} failed')
    sys.exit(bool(failed))

if __name__ == '__main__': main()
