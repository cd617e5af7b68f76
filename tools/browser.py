"""Clicks through the strip builder in a real browser (Debian's Chromium), in voila and in JupyterLab: type, draw, redraw one, keep one, cancel, an error in words,
reorder by keyboard, undo, compare, export, reopen, reload and restore. Says so and passes where there is no Chromium.

    python tools/browser.py [--slow] [--only voila,lab,tick,old-thread,old-tick] [--shots FOLDER] [--portraits FOLDER]

`--slow` adds the driver of Colab, and an environment of its own with ipywidgets 7.7.1, JupyterLab 3.6 and ipykernel 6.17, made on first use below .envs/.
`--portraits` clicks nothing through: it draws a story with the model that ships and keeps the pictures that the chapters show."""
import argparse, json, os, re, secrets, shutil, socket, subprocess, sys, sysconfig, tempfile, time, urllib.request
from pathlib import Path

root = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()
OLD = ['jupyterlab==3.6.8', 'ipykernel==6.17.1', 'ipywidgets==7.7.1', 'jupyterlab_widgets==1.1.1', 'widgetsnbextension==3.6.6']
CELL = '''from PIL import Image
from autocomics.comics.builder import StripBuilder
from autocomics.comics.generators import Generator, get
class Grey(Generator):
    name, about = 'grey', 'a grey square'
    def _steps(self, captions, seeds, options): yield 1, 1, [Image.new('L', (64, 64), s % 200) for s in seeds]
builder = StripBuilder('', '', models=[get('digits'), Grey()], autosave='autosave.json', flags='flags.jsonl', driver=DRIVER)
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
        page.locator('.jp-Notebook .jp-Cell').first.wait_for()
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"], .jp-StatusItem:has-text("Idle")').first.wait_for()
        page.locator(':is(.lm-MenuBar-itemLabel, .lp-MenuBar-itemLabel, .p-MenuBar-itemLabel):text-is("Run")').click()
        page.locator(':is(.lm-Menu-itemLabel, .p-Menu-itemLabel):text-is("Run All Cells")').click()
    return process, open_

# ---- what a person does

def said(page, text, role='status'): page.locator(f'[role={role}]').filter(has_text=text).wait_for()

def press(page, name): page.get_by_role('button', name=name, exact=True).click()

def write(page, label, text):
    box = page.get_by_label(label, exact=True)
    box.fill(text); box.press('Tab')

def draw(page, button='Draw all'):
    picture = page.locator('img[alt^="Comic strip"]')
    press(page, button); said(page, 'Done'); picture.first.wait_for()
    return picture.first.get_attribute('src')

def exported(page, path):
    "Press Export, follow the link, open what was downloaded"
    from autocomics.comics.strip import from_file
    link = page.get_by_role('link', name=re.compile('Download'))
    link.wait_for(state='detached') # every change takes the old one away
    while not link.count(): press(page, 'Export'); page.wait_for_timeout(1500) # a change still on its way takes this one away, too
    with page.expect_download() as download: link.click()
    download.value.save_as(path)
    return from_file(path)

def main_path(page, folder, shot):
    "Write, draw, let them talk, reorder, an error, export"
    page.get_by_label('Caption 1', exact=True).wait_for()
    for label, text in {'Caption 1': 'six', 'Caption 2': 'seven', 'Seed 1': '5', 'Seed 2': '6', 'Balloon 1': 'I smell trouble.', 'Title': 'Lunch'}.items(): write(page, label, text)
    draw(page); shot('drawn')
    assert 'I smell trouble' in page.locator('img[alt^="Comic strip"]').get_attribute('alt')
    page.get_by_role('button', name='◀ Move 2 left', exact=True).focus(); page.keyboard.press('Enter'); said(page, 'is now panel 1')
    page.wait_for_timeout(1000); assert 'Move' in page.evaluate('document.activeElement.textContent'), 'the keyboard was lost'
    assert page.get_by_label('Caption 1', exact=True).input_value() == 'seven'
    press(page, 'Undo'); said(page, 'Undone'); assert page.get_by_label('Caption 1', exact=True).input_value() == 'six'
    write(page, 'Caption 2', 'Batman fights a dragon'); press(page, 'Draw all'); said(page, 'names no digit', 'alert'); shot('error')
    write(page, 'Caption 2', 'seven')
    strip = exported(page, folder/'first.png')
    assert (strip.title, [p.prompt for p in strip.panels], [p.seed for p in strip.panels], strip.panels[0].balloons[0].text) == ('Lunch', ['six', 'seven'], [5, 6], 'I smell trouble.')

def second_balloon(page, folder, shot):
    "A thought in the other corner, whose tail is aimed"
    press(page, 'Add balloon 2'); write(page, 'Balloon 2', 'Hungry'); write(page, 'Balloon 2.2', 'Very.')
    for label, value in {'Kind 2.2': 'thought', 'Place 2.2': 'bottom right', 'Tail across 2.2': '30%', 'Tail down 2.2': '55%'}.items(): page.get_by_label(label, exact=True).select_option(value)
    page.locator('img[alt*="Very."]').wait_for(); page.wait_for_timeout(2000); shot('balloons')
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
    press(page, 'Compare'); page.locator('figcaption').filter(has_text='grey').wait_for(); said(page, 'Done'); shot('compare')
    assert page.locator('figure img[alt^="Comic strip"]').count() == 2
    write(page, 'Note 1', 'a fine six'); press(page, 'Good 1'); said(page, 'flagged as good')
    assert json.loads((folder/'flags.jsonl').read_text().splitlines()[-1])['note'] == 'a fine six'

def again(page, folder, open_):
    "Reload the page, restore what was there; load the first file as well"
    open_(page)
    page.get_by_label('Caption 1', exact=True).wait_for()
    for _ in range(100): # the page of before may still be in sight
        if page.get_by_label('Caption 1', exact=True).input_value() == '': break
        page.wait_for_timeout(200)
    press(page, 'Restore'); said(page, 'Loaded a strip of 2 panels'); assert page.get_by_label('Title', exact=True).input_value() == 'Lunch'
    write(page, 'Title', 'Another')
    with page.expect_file_chooser() as chooser: page.get_by_role('button', name=re.compile('Load a strip')).click()
    chooser.value.set_files(folder/'first.png'); page.locator('img[alt*="Lunch"]').wait_for()

# ---- pictures for the chapters

STORY = '''from autocomics.comics.builder import StripBuilder
builder = StripBuilder('a fox in the forest', 'a ghost in the forest at night', 'a fox in a room', models=['scenes', 'scenes-base'], autosave=False, flags='flags.jsonl')
builder'''

def small(png, path, width=1000):
    "Keep a screenshot as a small file"
    from PIL import Image
    image = Image.open(png).convert('RGB')
    image.resize((width, round(image.height*width/image.width)), Image.Resampling.LANCZOS).quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f'{path}: {Path(path).stat().st_size//1024} KB')

def story(page):
    "Write what a person would, and draw"
    page.get_by_label('Caption 1', exact=True).wait_for()
    for label, text in {'Title': 'Boo', 'Seed 1': '7', 'Seed 2': '2', 'Seed 3': '5', 'Lettering 1': 'One evening …', 'Lettering 2': 'Somebody was waiting.', 'Lettering 3': 'Home at last.', 'Balloon 2': 'BOO!', 'Balloon 3': 'I am not going out again.'}.items(): write(page, label, text)
    page.get_by_label('Kind 2', exact=True).select_option('shout'); page.get_by_label('Kind 3', exact=True).select_option('thought')
    draw(page)
    press(page, 'Undo'); said(page, 'Undone'); press(page, 'Redo'); said(page, 'Redone'); page.wait_for_timeout(1500) # rather than the seconds that it took here

def portraits(folder):
    "The builder with a story, two models side by side, words that are not known, and the web page"
    from playwright.sync_api import sync_playwright
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d, sync_playwright() as p:
        home, shot = Path(d), Path(d)/'shot.png'
        write_notebook(home, STORY); process, open_ = voila(home, sys.executable)
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport=dict(width=1180, height=1330)); page.set_default_timeout(240_000)
            open_(page); story(page); page.mouse.move(0, 0); page.screenshot(path=shot); small(shot, Path(folder)/'builder.png')
            page.get_by_label('Compare with', exact=True).select_option('scenes-base'); press(page, 'Compare'); page.locator('figcaption').filter(has_text='scenes-base').wait_for(); said(page, 'Done'); page.wait_for_timeout(1500)
            page.locator('figure').first.locator('..').screenshot(path=shot); small(shot, Path(folder)/'builder_compare.png')
            write(page, 'Caption 1', 'Batman fights a dragon'); page.get_by_text('batman').first.wait_for(); press(page, 'Draw all'); said(page, 'names nobody', 'alert'); page.wait_for_timeout(1000)
            page.get_by_text('Panel 1', exact=True).locator('xpath=ancestor::*[contains(@class, "widget-vbox")][1]').screenshot(path=shot); small(shot, Path(folder)/'builder_words.png')
        finally: browser.close(); process.terminate(); process.wait(20)

# ---- runs

def click(name, serve, python=sys.executable, driver='thread', whole=True, shots=None):
    "One run: serve a notebook, open it, do everything a person would"
    from playwright.sync_api import sync_playwright
    start, told = time.monotonic(), []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d, sync_playwright() as p:
        folder = Path(d); write_notebook(folder, CELL.replace('DRIVER', repr(driver)))
        process, open_ = serve(folder, python)
        try:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=dict(width=1250, height=1400)); page.set_default_timeout(150_000)
            def shot(what): shots and page.screenshot(path=Path(shots)/f'{name}-{what}.png')
            try:
                open_(page); main_path(page, folder, shot)
                for part in (cancel, *((second_balloon, one_and_keep, two_models) if whole else ())): told.append(part(page, folder, shot))
                again(page, folder, open_)
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
    args = ap.parse_args()
    if not CHROMIUM: print('skipped: no Chromium on this machine'); return
    if args.portraits: return portraits(args.portraits)
    if args.shots: Path(args.shots).mkdir(parents=True, exist_ok=True)
    wanted = args.only.split(',') if args.only else ['voila', 'lab', *(['tick', 'old-thread', 'old-tick'] if args.slow else [])]
    if 'voila' in wanted: click('voila', voila, whole=args.slow, shots=args.shots)
    if 'lab' in wanted: click('lab', lab, shots=args.shots)
    if 'tick' in wanted: click('tick', lab, driver='tick', whole=False, shots=args.shots)
    old = [name for name in wanted if name.startswith('old-')]
    python = old_python() if old else None
    for name in old if python else (): click(name, lab, python, name.removeprefix('old-'), whole=False, shots=args.shots)

if __name__ == '__main__': main()
