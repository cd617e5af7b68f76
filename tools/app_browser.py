"Clicks through `autocomics app --hosted` in a real browser: log in, write, draw, export, reload; a second visitor, a full house, a page that was closed. `--shots FOLDER` keeps pictures; `--portraits FOLDER` only makes the picture of the chapter"
import os, re, subprocess, sys, tempfile
from pathlib import Path
try: from playwright.sync_api import expect
except ImportError: pass # no browser here, which is said below

from browser import CHROMIUM, FLAGS, small
from editor_browser import choose, draw, press, said, write

COMMAND = [sys.executable, '-c', 'from autocomics.cli import main; main()', 'app']
TOKEN = 'the-token-of-this-test'

def served(folder):
    "Start a page for two strangers; (process, address)"
    p = subprocess.Popen([*COMMAND, '--hosted', '--visitors', '2', '--panels', '4', '--model', 'digits', '--upload', '200000', '--no-browser', '--port', '0', '--folder', str(folder)], stdout=subprocess.PIPE, text=True,
                         env={'OMP_NUM_THREADS': '1', **os.environ, 'AUTOCOMICS_TOKEN': TOKEN})
    link = p.stdout.readline().strip()
    if not link: raise SystemExit('the page was not served')
    return p, link.split('?')[0]

def visitor(browser):
    "A page of somebody with cookies of their own"
    page = browser.new_context(viewport=dict(width=1150, height=1000), accept_downloads=True).new_page()
    page.set_default_timeout(240_000); expect.set_options(timeout=240_000) # where nothing is said, expect gives up after 5 s
    return page

def first(page, address, folder, shot):
    "Somebody who types the token, writes a strip, draws it, takes it home and comes back"
    page.goto(address); shot(page, 'login')
    page.get_by_label('Token').fill(TOKEN); page.get_by_role('button', name='Open').click()
    page.get_by_label('Caption 1', exact=True).wait_for(); shot(page, 'fresh')
    write(page, 'Title', 'Ann'); write(page, 'Caption 1', 'two'); draw(page)
    page.locator('.ac-caption').filter(has_text='two').wait_for(); shot(page, 'drawn')
    press(page, 'Export')
    with page.expect_download() as download: page.get_by_role('link', name=re.compile('Download')).click()
    download.value.save_as(folder/'ann.png')
    (folder/'big.png').write_bytes(bytes(300_000))
    page.get_by_label('Load a strip').set_input_files(folder/'big.png'); said(page, 'files of up to', 'alert')
    press(page, 'Add panel'); said(page, 'up to 4 panels', 'alert'); shot(page, 'limits')
    page.reload(); page.get_by_label('Title', exact=True).wait_for()
    expect(page.get_by_label('Title', exact=True)).to_have_value('Ann'); said(page, 'saved last')

def second(page, address, ann, shot):
    "Somebody else sees a page of their own, and nothing of Ann's"
    page.goto(f'{address}?token={TOKEN}'); page.get_by_label('Title', exact=True).wait_for()
    expect(page.get_by_label('Caption 1', exact=True)).not_to_have_value(''); assert page.get_by_label('Title', exact=True).input_value() == '' and 'Ann' not in page.content()
    press(page, 'Restore'); said(page, 'saved', 'alert')
    kernel = ann.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
    assert page.evaluate(f"fetch('{address}api/kernels/{kernel}').then(r => r.status)") == 404
    assert page.evaluate(f"new Promise(done => {{const s = new WebSocket('ws{address[4:]}api/kernels/{kernel}/channels'); s.onopen = () => done('open'); s.onerror = () => done('refused')}})") == 'refused'

def ended(page, address, shot):
    "A page whose kernel went away says so, and can be opened again"
    kernel = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
    page.evaluate(f"fetch('{address}api/kernels/{kernel}?token={TOKEN}', {{method: 'DELETE'}})")
    page.get_by_text('This page was closed').wait_for(); shot(page, 'closed')
    page.get_by_role('button', name='Open it again').click(); page.get_by_label('Caption 1', exact=True).wait_for()

def portrait(folder):
    "The page as somebody has it on their own machine, after a title and a press of Draw all"
    from playwright.sync_api import sync_playwright
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d, sync_playwright() as p:
        server = subprocess.Popen([*COMMAND, '--no-browser', '--port', '0', '--folder', d, '--model', 'scenes'], stdout=subprocess.PIPE, text=True, env={**os.environ, 'AUTOCOMICS_CACHE': d})
        try:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=dict(width=1366, height=1090)); page.set_default_timeout(240_000)
            page.goto(server.stdout.readline().strip()); page.get_by_label('Title', exact=True).wait_for()
            write(page, 'Title', 'Weather'); choose(page, 2); press(page, 'Add balloon 2'); write(page, 'Balloon 2', 'Not again.'); draw(page)
            press(page, 'Undo'); said(page, 'Undone'); press(page, 'Redo'); said(page, 'Redone'); page.mouse.move(0, 0)
            page.screenshot(path=Path(d)/'shot.png'); small(Path(d)/'shot.png', Path(folder)/'app.png')
            browser.close()
        finally: server.terminate(); server.wait(60)

def main(shots=None):
    if not CHROMIUM: print('skipped: no Chromium on this machine'); return
    from playwright.sync_api import sync_playwright
    from autocomics.comics.strip import from_file
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
        folder, home = Path(d), Path(d)/'home'
        home.mkdir()
        if shots: Path(shots).mkdir(parents=True, exist_ok=True)
        shot = lambda page, name: shots and page.screenshot(path=Path(shots)/f'{name}.png')
        server, address = served(home)
        try:
            with sync_playwright() as p:
                browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                ann, bob, cid = (visitor(browser) for _ in range(3))
                first(ann, address, folder, shot); second(bob, address, ann, shot)
                assert cid.goto(f'{address}?token={TOKEN}').status == 503; shot(cid, 'full')
                ended(bob, address, shot); write(ann, 'Title', 'Ann, still here')
                browser.close()
        finally: server.terminate(); server.wait(60)
        strip = from_file(folder/'ann.png')
        assert (strip.title, strip.panels[0].prompt) == ('Ann', 'two') and not list(home.iterdir())
    print('the web page works in the browser')

if __name__ == '__main__':
    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    if '--portraits' in given: portrait(given['--portraits'])
    else: main(given.get('--shots'))
