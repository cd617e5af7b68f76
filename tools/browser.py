"""Clicks through the strip builder in a real browser (Debian's Chromium), in voila and in JupyterLab: type while everything else happens, draw, drag, drop, undo, cancel, an error in words,
reorder by keyboard, export, reopen, reload and restore. Says so and passes where there is no Chromium. `editor_browser.py` has the steps for the editor; those for the form are here.

    python tools/browser.py [--slow] [--only voila,lab,form,tick,old-thread,old-tick] [--shots FOLDER] [--portraits FOLDER]

`--slow` adds the form, the driver of Colab, and an environment of its own with ipywidgets 7.7.1, JupyterLab 3.6 and ipykernel 6.17, made on first use below .envs/.
`--portraits` clicks nothing through: it draws a story with the model that ships and keeps the pictures that the chapters show."""
import argparse, io, json, os, re, secrets, shutil, socket, subprocess, sys, sysconfig, tempfile, time, urllib.request
from pathlib import Path

from editor_browser import forget, press, said
try: from playwright.sync_api import TimeoutError as TooLate, expect
except ImportError: pass # no browser here, which is said below

root = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()
OLD = ['jupyterlab==3.6.8', 'ipykernel==6.17.1', 'ipywidgets==7.7.1', 'jupyterlab_widgets==1.1.1', 'widgetsnbextension==3.6.6']
CELL = '''import time
from PIL import Image
from autocomics.comics.builder import StripBuilder
from autocomics.comics.generators import Generator, get
class Grey(Generator):
    name, about = 'grey', 'a grey square'
    def _steps(self, captions, seeds, options):
        for i in range(8): time.sleep(.1); yield i+1, 8, [Image.new('RGB', (64, 64), (s % 200, 20*i, 90)) for s in seeds]
builder = StripBuilder('', '', models=[get('digits'), Grey()], autosave='autosave.json', flags='flags.jsonl', driver=DRIVER, face=FACE)
builder'''

# ---- servers

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def write_notebook(folder, source):
    import nbformat
    cell = nbformat.v4.new_code_cell(source)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=dict(kernelspec=dict(display_name='python3', language='python', name='python3'))), folder/'builder.ipynb')

def started(folder, python, *args):
    "A server in a folder, with settings of its own; returns the process"
    quiet = folder/'SETTINGS/@jupyterlab/apputils-extension'
    quiet.mkdir(parents=True)
    (quiet/'notification.jupyterlab-settings').write_text('{"fetchNews": "false", "checkForUpdates": false}')
    env = {**os.environ, **{f'JUPYTER_{k}_DIR': str(folder/k) for k in ('CONFIG', 'DATA', 'RUNTIME')}, 'JUPYTERLAB_SETTINGS_DIR': str(folder/'SETTINGS'), 'PYTHONPATH': str(root), 'OMP_NUM_THREADS': '1'}
    return subprocess.Popen([python, *args], cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=open(folder/'server.log', 'w'))

def wait_for(port, process, log):
    "Wait until something listens"
    for _ in range(900):
        if process.poll() is not None: break
        with socket.socket() as s:
            if not s.connect_ex(('127.0.0.1', port)): return
        time.sleep(.2)
    raise SystemExit(f'the server did not start: {log.read_text()[-1500:]}')

def voila(folder, python):
    "(process, function that opens the page)"
    port = free_port()
    process = started(folder, python, '-m', 'voila', 'builder.ipynb', '--no-browser', f'--port={port}')
    wait_for(port, process, folder/'server.log')
    return process, lambda page: page.goto(f'http://127.0.0.1:{port}/')

def lab(folder, python):
    "(process, function that opens the notebook and runs it)"
    port, token = free_port(), secrets.token_hex(8)
    process = started(folder, python, '-m', 'jupyterlab', '--no-browser', f'--port={port}', f'--ServerApp.token={token}', f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={folder}', '--allow-root')
    wait_for(port, process, folder/'server.log')
    address = f'http://127.0.0.1:{port}'
    session = dict(path='builder.ipynb', name='builder.ipynb', type='notebook', kernel=dict(name='python3'))
    # without a kernel that is there already, "Run All" is lost now and then
    urllib.request.urlopen(urllib.request.Request(f'{address}/api/sessions?token={token}', json.dumps(session).encode(), {'Content-Type': 'application/json'}), timeout=150).close()
    def open_(page):
        page.goto(f'{address}/lab/tree/builder.ipynb?token={token}&reset')
        prompt, asked = page.locator('.jp-Notebook .jp-CodeCell .jp-InputPrompt'), page.locator('.jp-Dialog .jp-mod-accept')
        prompt.first.wait_for(); page.locator('#jp-main-statusbar :text("| Idle")').first.wait_for() # the notebook's own sign is idle before there is a kernel, too
        ran = prompt.filter(has_not_text=prompt.first.text_content()) # from "[ ]" to "[*]"
        while True:
            page.locator(':is(.lm-MenuBar-itemLabel, .lp-MenuBar-itemLabel, .p-MenuBar-itemLabel):text-is("Run")').click()
            page.locator(':is(.lm-Menu-itemLabel, .p-Menu-itemLabel):text-is("Run All Cells")').click()
            asked.or_(ran).first.wait_for()
            if ran.count(): return
            asked.click() # which kernel? now and then, although there is one
            try: return ran.first.wait_for(timeout=20_000)
            except TooLate: pass # the question took "Run All" with it
    return process, open_

# ---- what a person does with the form

def write(page, label, text):
    box = page.get_by_label(label, exact=True)
    box.fill(text); box.press('Tab')

def draw(page, button='Draw all'):
    picture = page.locator('img[alt^="Comic strip"]')
    forget(page); press(page, button); said(page, 'Done in'); picture.first.wait_for()
    return picture.first.get_attribute('src')

def exported(page, path):
    "Press Export, follow the link, open what was downloaded"
    from autocomics.comics.strip import from_file
    page.evaluate("document.querySelectorAll('.jupyter-widgets a[download]').forEach(link => link.remove())") # one of before
    press(page, 'Export')
    with page.expect_download() as download: page.get_by_role('link', name=re.compile('Download')).click()
    download.value.save_as(path)
    return from_file(path)

def main_path(page, folder, shot):
    "Write, draw, let them talk, reorder, an error, export"
    page.get_by_label('Caption 1', exact=True).wait_for()
    for label, text in {'Caption 1': 'six', 'Caption 2': 'seven', 'Seed 1': '5', 'Seed 2': '6', 'Balloon 1': 'I smell trouble.', 'Title': 'Lunch'}.items(): write(page, label, text)
    draw(page); shot('drawn')
    assert 'I smell trouble' in page.locator('img[alt^="Comic strip"]').get_attribute('alt')
    caption = page.get_by_label('Caption 1', exact=True)
    page.get_by_role('button', name='◀ Move 2 left', exact=True).focus(); page.keyboard.press('Enter'); said(page, 'is now panel 1'); expect(caption).to_have_value('seven')
    page.keyboard.press('Enter'); expect(caption).to_have_value('six') # the keyboard is still on the button
    press(page, 'Undo'); expect(caption).to_have_value('seven'); press(page, 'Undo'); expect(caption).to_have_value('six'); said(page, 'Undone')
    write(page, 'Caption 2', 'Batman fights a knight'); press(page, 'Draw all'); said(page, 'names no digit', 'alert'); shot('error')
    write(page, 'Caption 2', 'seven')
    strip = exported(page, folder/'first.png')
    assert (strip.title, [p.prompt for p in strip.panels], [p.seed for p in strip.panels], strip.panels[0].balloons[0].text) == ('Lunch', ['six', 'seven'], [5, 6], 'I smell trouble.')

def second_balloon(page, folder, shot):
    "A thought in the other corner, whose tail is aimed"
    press(page, 'Add balloon 2'); write(page, 'Balloon 2', 'Hungry'); write(page, 'Balloon 2.2', 'Very.')
    for label, value in {'Kind 2.2': 'thought', 'Place 2.2': 'bottom right', 'Tail across 2.2': '30%', 'Tail down 2.2': '55%'}.items(): page.get_by_label(label, exact=True).select_option(value)
    page.locator('img[alt*="Very."]').wait_for(); shot('balloons')
    b = exported(page, folder/'balloons.png').panels[1].balloons
    assert (len(b), b[1].kind, b[1].tail) == (2, 'thought', (.3, .55)), b

def one_and_keep(page, folder, shot):
    "Redraw one; keep one while all are drawn"
    before = page.locator('img[alt^="Comic strip"]').get_attribute('src')
    write(page, 'Seed 2', '9'); assert draw(page, 'Redraw 2') != before
    page.get_by_label('Keep picture 1', exact=True).check(); write(page, 'Seed 1', '77'); write(page, 'Seed 2', '10'); draw(page)
    assert [p.seed for p in exported(page, folder/'kept.png').panels] == [5, 10]

def cancel(page, folder, shot):
    "Stop a long drawing; the picture stays"
    before = page.locator('img[alt^="Comic strip"]').get_attribute('src')
    write(page, 'Steps', '900'); press(page, 'Draw all'); said(page, 'of 900'); shot('progress')
    start = time.monotonic(); press(page, 'Cancel'); said(page, 'Cancelled'); took = time.monotonic() - start
    assert took < 20, f'cancelling took {took:.1f} s' # 0.3 s where the machine is free
    assert page.locator('img[alt^="Comic strip"]').get_attribute('src') == before; write(page, 'Steps', '')
    return f'cancelled in {took:.2f} s'

def two_models(page, folder, shot):
    page.get_by_label('Compare with', exact=True).select_option('grey')
    forget(page); press(page, 'Compare'); page.locator('figcaption').filter(has_text='grey').wait_for(); said(page, 'Done in'); shot('compare')
    assert page.locator('figure img[alt^="Comic strip"]').count() == 2
    write(page, 'Note 1', 'a fine six'); press(page, 'Good 1'); said(page, 'flagged as good')
    assert json.loads((folder/'flags.jsonl').read_text().splitlines()[-1])['note'] == 'a fine six'

def again(page, folder, open_):
    "Reload the page, restore what was there; load the first file as well"
    open_(page)
    expect(page.get_by_label('Caption 1', exact=True)).to_have_value('') # the page of before may still be in sight
    press(page, 'Restore'); said(page, 'Loaded a strip of 2 panels'); expect(page.get_by_label('Title', exact=True)).to_have_value('Lunch')
    write(page, 'Title', 'Another')
    with page.expect_file_chooser() as chooser: page.get_by_role('button', name=re.compile('Load a strip')).click()
    chooser.value.set_files(folder/'first.png'); page.locator('img[alt*="Lunch"]').wait_for()

# ---- pictures for the chapters

STORY = '''from autocomics.comics.builder import StripBuilder
from autocomics.comics.strip import Balloon, Panel, Strip
builder = StripBuilder(Strip([Panel('a fox in the forest', 'One evening …', fixed_seed=7), Panel('a ghost in the forest at night', 'Somebody was waiting.', Balloon('BOO!', 'shout'), fixed_seed=2),
    Panel('a fox in a room', 'Home at last.', Balloon('I am not going out again.', 'thought'), fixed_seed=5)], title='Boo'), models=['scenes', 'scenes-base'], autosave=False, flags='flags.jsonl', face=FACE)
builder'''

def small(png, path, width=1000):
    "Keep a screenshot as a small file"
    from PIL import Image
    image = Image.open(png).convert('RGB')
    image.resize((width, round(image.height*width/image.width)), Image.Resampling.LANCZOS).quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f'{path}: {Path(path).stat().st_size//1024} KB')

def portraits(folder):
    "The story in the editor, in the editor on a phone, and in the form"
    import editor_browser as e
    def keep(page, name, width=1000): page.mouse.move(0, 0); small(io.BytesIO(page.screenshot()), Path(folder)/f'{name}.png', width)
    def editor(page):
        e.panel(page, 3).wait_for(); e.draw(page); e.choose(page, 3); keep(page, 'editor')
        page.set_viewport_size(dict(width=390, height=800)); e.phone(page, None, lambda what: keep(page, 'editor_phone', 390))
    def form(page): draw(page); keep(page, 'builder')
    for face, size, act in (('editor', dict(width=1366, height=1044), editor), ('form', dict(width=1180, height=1360), form)): portrait(face, size, act)

def portrait(face, size, act):
    "Open the story in a page of that size and hand it to `act`"
    from playwright.sync_api import sync_playwright
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d, sync_playwright() as p:
        write_notebook(Path(d), STORY.replace('FACE', repr(face))); process, open_ = voila(Path(d), sys.executable)
        try:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=size); page.set_default_timeout(400_000); open_(page); act(page)
            browser.close()
        finally: process.terminate(); process.wait(20)

# ---- runs

def click(name, serve, python=sys.executable, driver='thread', face='editor', whole=True, shots=None, patience=150):
    "One run: serve a notebook, open it, do everything a person would"
    from playwright.sync_api import sync_playwright
    start, told = time.monotonic(), []
    if face == 'form': first, parts, last = main_path, (cancel, *((second_balloon, one_and_keep, two_models) if whole else ())), again
    else:
        import editor_browser as e
        first, parts, last = e.main_path, (e.typing, e.cancel, *((e.by_mouse,) if whole else ()), *((e.phone,) if serve is voila else ())), e.again
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d, sync_playwright() as p:
        folder = Path(d); write_notebook(folder, CELL.replace('DRIVER', repr(driver)).replace('FACE', repr(face)))
        process, open_ = serve(folder, python)
        try:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=dict(width=1250, height=1400)); page.set_default_timeout(1000*patience); expect.set_options(timeout=1000*patience)
            def shot(what): shots and page.screenshot(path=Path(shots)/f'{name}-{what}.png')
            try:
                open_(page); first(page, folder, shot)
                for part in parts: told.append(part(page, folder, shot))
                last(page, folder, open_)
            except Exception: shot('failed'); raise
            finally: browser.close()
        finally: process.terminate(); process.wait(20)
    print(f'{name}: works ({time.monotonic()-start:.0f} s; {", ".join(t for t in told if t)})', flush=True)

def old_python():
    "Python of an environment with ipywidgets 7.7.1, made on first use; None where it cannot be made"
    home = root/'.envs/ipywidgets7'
    python = home/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
    if (home/'ready').exists(): return python
    shutil.rmtree(home, ignore_errors=True)
    for command in ([sys.executable, '-m', 'venv', home], [python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', *OLD]):
        r = subprocess.run([str(o) for o in command], capture_output=True, text=True)
        if r.returncode: print(f'old: skipped, its environment could not be made: {(r.stderr.strip().splitlines() or ["?"])[-1][:200]}'); return
    # PyTorch and the like come from here, behind the old packages
    (next(home.glob('lib/python*/site-packages')) if os.name != 'nt' else home/'Lib/site-packages').joinpath('zz_main.pth').write_text(sysconfig.get_path('purelib'))
    (home/'ready').touch()
    return python

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--slow', action='store_true', help='all of it')
    ap.add_argument('--only', help='which runs, separated by commas')
    ap.add_argument('--shots', help='keep pictures of the pages in this folder')
    ap.add_argument('--portraits', help='draw the pictures that the chapters show, into this folder')
    ap.add_argument('--patience', type=int, default=150, help='seconds to wait for any one thing')
    args = ap.parse_args()
    if not CHROMIUM: print('skipped: no Chromium on this machine'); return
    if args.portraits: return portraits(args.portraits)
    if args.shots: Path(args.shots).mkdir(parents=True, exist_ok=True)
    wanted = args.only.split(',') if args.only else ['voila', 'lab', *(['form', 'tick', 'old-thread', 'old-tick'] if args.slow else [])]
    if 'voila' in wanted: click('voila', voila, shots=args.shots, patience=args.patience)
    if 'lab' in wanted: click('lab', lab, shots=args.shots, patience=args.patience)
    if 'form' in wanted: click('form', voila, face='form', shots=args.shots, patience=args.patience)
    if 'tick' in wanted: click('tick', lab, driver='tick', whole=False, shots=args.shots, patience=args.patience)
    old = [name for name in wanted if name.startswith('old-')]
    python = old_python() if old else None
    for name in old if python else (): click(name, lab, python, name.removeprefix('old-'), 'form', whole=False, shots=args.shots, patience=args.patience)

if __name__ == '__main__': main()
