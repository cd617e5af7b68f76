"Clicks through the strip builder in a real browser (voila and Debian's Chromium): draw, balloon, reorder, undo, an error in words, export, reopen. Says so and passes where there is no Chromium"
import os, re, shutil, socket, subprocess, sys, tempfile
from pathlib import Path

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()
CELL = "from autocomics.comics.builder import StripBuilder\nStripBuilder('six', 'seven', autosave=False, flags='flags.jsonl')"

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def served(folder):
    "Start voila on a notebook with the builder in it; (process, address)"
    import nbformat
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)], metadata=dict(kernelspec=dict(display_name='python3', language='python', name='python3')))
    nbformat.write(nb, folder/'builder.ipynb')
    env, port = {**os.environ, **{f'JUPYTER_{k}_DIR': str(folder/k) for k in ('CONFIG', 'DATA', 'RUNTIME')}}, free_port()
    p = subprocess.Popen([sys.executable, '-m', 'voila', 'builder.ipynb', '--no-browser', f'--port={port}'], cwd=folder, env=env, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if 'running at' in line: return p, f'http://127.0.0.1:{port}/'
    raise SystemExit('voila did not start')

def said(page, text, role='status'): page.locator(f'[role={role}]').filter(has_text=text).wait_for()

def press(page, name): page.get_by_role('button', name=name, exact=True).click()

def write(page, label, text): page.get_by_label(label, exact=True).fill(text); page.get_by_label(label, exact=True).press('Tab')

def click_through(page, folder):
    page.get_by_label('Caption 1').wait_for()
    write(page, 'Balloon 1', 'I smell trouble.'); write(page, 'Title', 'Lunch')
    press(page, 'Draw all'); said(page, 'Done')
    assert 'I smell trouble' in page.locator('img[alt^="Comic strip"]').get_attribute('alt')
    press(page, '◀ Move 2 left'); said(page, 'is now panel 1')
    assert page.get_by_label('Caption 1').input_value() == 'seven'
    press(page, 'Undo'); said(page, 'Undone')
    press(page, 'Export')
    with page.expect_download() as download: page.get_by_role('link', name=re.compile('Download')).click()
    download.value.save_as(folder/'got.png')
    write(page, 'Caption 1', 'Batman'); press(page, 'Draw all'); said(page, 'names no digit', 'alert')

def main():
    if not CHROMIUM: print('skipped: no Chromium on this machine'); return
    from playwright.sync_api import sync_playwright
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
        folder = Path(d)
        voila, address = served(folder)
        try:
            with sync_playwright() as p:
                browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                page = browser.new_page(viewport=dict(width=1150, height=1250)); page.set_default_timeout(150_000)
                page.goto(address); click_through(page, folder); browser.close()
        finally: voila.terminate(); voila.wait(20)
        from autocomics.comics.strip import from_file
        strip = from_file(folder/'got.png')
        assert (strip.title, [p.prompt for p in strip.panels], strip.panels[0].balloons[0].text) == ('Lunch', ['six', 'seven'], 'I smell trouble.')
    print('the strip builder works in the browser')

if __name__ == '__main__': main()
