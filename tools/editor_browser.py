"""What a person does with the strip editor, step by step; `tools/browser.py` runs it in voila and in JupyterLab. Every step waits for a condition, never for a time."""
import base64, io, json, re
try: from playwright.sync_api import expect
except ImportError: pass # no browser here, which is said below

def said(page, text, role='status'): page.locator(f'[role={role}]').filter(has_text=text).first.wait_for()

def forget(page):
    "Wipe out what was said before, so that it is not taken for the answer to what is asked next"
    page.evaluate("document.querySelectorAll('.ac [role=status], .jupyter-widgets [role=status]').forEach(node => node.textContent = '')")

def press(page, name): page.get_by_role('button', name=name, exact=True).click()

def settled(page): page.locator('.ac[data-waiting="0"]').wait_for()

def write(page, label, text):
    "Type into a field, leave it, and wait until the kernel has confirmed it"
    box = page.get_by_label(label, exact=True)
    box.fill(text); box.press('Tab'); settled(page)

def panel(page, n): return page.locator('.ac-panel').nth(n - 1)

def choose(page, n):
    "Click a panel at the edge of its picture, where no balloon is"
    panel(page, n).locator('.ac-hit').first.click(position=dict(x=9, y=40)); page.get_by_role('heading', name=f'Panel {n}').wait_for()

def draw(page, button='Draw all'):
    forget(page); press(page, button); said(page, 'Done in')
    page.wait_for_function("![...document.querySelectorAll('.ac-panel image')].some(i => !i.getAttribute('href'))")

def project(page, folder, format='json'):
    "The strip as the kernel has it, by the way of Export"
    from autocomics.comics.strip import from_file
    page.get_by_label('Format', exact=True).select_option(format)
    page.evaluate("document.querySelector('.ac-link').replaceChildren()")
    press(page, 'Export')
    with page.expect_download() as download: page.get_by_role('link', name=re.compile('Download')).click()
    download.value.save_as(folder/f'project.{format}')
    return from_file(folder/f'project.{format}')

def drag(page, locator, dx, dy, position=None):
    box = locator.bounding_box()
    x, y = box['x'] + (position or (box['width']/2, box['height']/2))[0], box['y'] + (position or (box['width']/2, box['height']/2))[1]
    page.mouse.move(x, y); page.mouse.down(); page.mouse.move(x + dx/2, y + dy/2); page.mouse.move(x + dx, y + dy); page.mouse.up()
    settled(page)

# ---- steps

def main_path(page, folder, shot):
    "Write, draw, let them talk, move by keyboard, an error in words, export"
    panel(page, 2).wait_for(); choose(page, 1)
    write(page, 'Caption 1', 'six'); write(page, 'Seed 1', '5'); press(page, 'Add balloon 1'); write(page, 'Balloon 1', 'I smell trouble.'); write(page, 'Title', 'Lunch')
    choose(page, 2); write(page, 'Caption 2', 'seven'); write(page, 'Seed 2', '6')
    draw(page); shot('drawn')
    panel(page, 2).focus(); page.keyboard.press('Alt+ArrowLeft'); said(page, 'is now panel 1')
    page.wait_for_function("(document.activeElement.getAttribute('aria-label') || '').startsWith('Panel 1')") # the keyboard is not lost
    press(page, 'Undo'); said(page, 'Undone')
    write(page, 'Caption 2', 'Batman fights a knight'); press(page, 'Draw all'); said(page, 'names no digit', 'alert'); shot('error')
    write(page, 'Caption 2', 'seven')
    strip = project(page, folder, 'png')
    assert (strip.title, [p.prompt for p in strip.panels], [p.seed for p in strip.panels], strip.panels[0].balloons[0].text) == ('Lunch', ['six', 'seven'], [5, 6], 'I smell trouble.')

LONG = 'It was the kind of evening on which one says a great deal more than one meant to, and is glad of it the next day, or is not, so'

def typing(page, folder, shot):
    "Go on typing while a drawing ends, and while every other thing happens: nothing may be lost"
    page.get_by_text('Model, language, font, credits').click()
    page.get_by_label('Model', exact=True).select_option('grey')
    choose(page, 2)
    box = page.get_by_label('Lettering 2', exact=True)
    forget(page); press(page, 'Draw all'); box.fill(''); box.press_sequentially(LONG[:64]); said(page, 'Done in'); box.press_sequentially(LONG[64:])
    expect(box).to_have_value(LONG); settled(page)
    text = LONG
    for name in ('Add panel', 'Undo', 'Redo', 'Undo', 'Move left 2', 'Undo', 'Draw all', 'Cancel', 'Good 2'):
        box = page.get_by_label(re.compile(r'^Lettering \d$')); box.focus(); page.keyboard.press('End'); page.keyboard.type(' and'); text += ' and'
        page.evaluate("name => [...document.querySelectorAll('.ac button')].find(b => (b.getAttribute('aria-label') || b.textContent) === name)?.click()", name) # without leaving the box
        page.keyboard.type(' on'); text += ' on'
        expect(box).to_have_value(text)
    settled(page); page.keyboard.press('Tab'); settled(page)
    assert text in [p.caption for p in project(page, folder).panels]
    while (n := page.locator('.ac-panel').count()) > 2: choose(page, n); press(page, f'Remove {n}'); said(page, 'removed')
    if not panel(page, 1).locator('.ac-balloon').count(): choose(page, 2); press(page, 'Move left 2'); said(page, 'is now panel 1')
    panel(page, 1).locator('.ac-balloon').first.wait_for(); choose(page, 2); write(page, 'Lettering 2', 'Seven.')
    page.get_by_label('Model', exact=True).select_option('digits')

def by_mouse(page, folder, shot):
    "Drag a balloon and its tail, drag a panel, drop and paste a picture, edit lettering where it stands; then undo it all"
    before = project(page, folder)
    drag(page, panel(page, 1).locator('.ac-balloon').first, 60, 70)
    panel(page, 1).locator('.ac-balloon').first.hover(); drag(page, panel(page, 1).locator('.ac-tip').first, -30, 10)
    b = project(page, folder).panels[0].balloons[0]; assert b.at and b.tail, b
    panel(page, 2).locator('.ac-caption').dblclick(); page.get_by_label('Words under the picture').fill('Seven, of course.'); page.keyboard.press('Enter'); settled(page)
    one, two = panel(page, 1).bounding_box(), panel(page, 2).bounding_box()
    drag(page, panel(page, 1), two['x'] - one['x'] + 20, 0, (12, one['height']*.55)); said(page, 'Panel 1 is now panel 2')
    from PIL import Image
    out = io.BytesIO(); Image.new('RGB', (300, 200), '#2d7d46').save(out, 'PNG')
    give(page, panel(page, 1), 'drop', out.getvalue()); said(page, 'Your picture is in panel 1')
    panel(page, 2).focus(); page.keyboard.press('Enter'); give(page, panel(page, 2), 'paste', out.getvalue()); said(page, 'Your picture is in panel 2'); shot('mouse')
    now = project(page, folder)
    assert [p.image.size for p in now.panels] == [(300, 200)]*2 and now.panels[0].caption == 'Seven, of course.', now.panels
    for _ in range(6): press(page, 'Undo')
    page.wait_for_function("document.querySelector('.ac-panel .ac-balloon') !== null")
    after = project(page, folder)
    assert [(p.prompt, p.caption, p.balloons) for p in after.panels] == [(p.prompt, p.caption, p.balloons) for p in before.panels], (after, before)

def give(page, target, kind, data):
    "Drop or paste a picture"
    target.evaluate("""(node, [kind, data]) => {
        const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0)), carrier = new DataTransfer()
        carrier.items.add(new File([bytes], 'mine.png', {type: 'image/png'}))
        node.dispatchEvent(kind === 'drop' ? new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: carrier}) : new ClipboardEvent('paste', {bubbles: true, cancelable: true, clipboardData: carrier}))
    }""", [kind, base64.b64encode(data).decode()])

def cancel(page, folder, shot):
    "Stop a long drawing; the picture stays"
    import time
    box = page.get_by_label('Steps', exact=True); box.fill('900'); box.press('Tab')
    images = lambda: page.evaluate("[...document.querySelectorAll('.ac-panel image')].map(i => i.dataset.picture).join()")
    before = images()
    press(page, 'Draw all'); said(page, 'of 900'); shot('progress')
    start = time.monotonic(); press(page, 'Cancel'); said(page, 'Cancelled'); took = time.monotonic() - start
    page.wait_for_function("before => [...document.querySelectorAll('.ac-panel image')].map(i => i.dataset.picture).join() === before", arg=before)
    box.fill(''); box.press('Tab')
    return f'cancelled in {took:.2f} s'

def phone(page, folder, shot):
    "A narrow page shows the panels below each other, with letters that can be read"
    size = page.viewport_size
    page.set_viewport_size(dict(width=390, height=800))
    page.wait_for_function("(() => { const p = [...document.querySelectorAll('.ac-panel')].map(g => g.getBoundingClientRect()); return p.length > 1 && p[1].top > p[0].bottom - 5 })()")
    letters = page.evaluate("Math.min(...[...document.querySelectorAll('.ac-panel text:not(.ac-ghost)')].map(t => t.getAttribute('font-size') * t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width))")
    shot('phone'); page.set_viewport_size(size)
    assert letters >= 12, letters
    return f'letters of {letters:.0f} px at 390 px'

def again(page, folder, open_):
    "Reload the page, restore what was there; load a file as well"
    project(page, folder, 'png'); (folder/'project.png').rename(folder/'first.png')
    open_(page)
    panel(page, 1).wait_for(); expect(page.get_by_label('Title', exact=True)).to_have_value('')
    press(page, 'Restore'); said(page, 'Loaded a strip of 2 panels'); expect(page.get_by_label('Title', exact=True)).to_have_value('Lunch')
    write(page, 'Title', 'Another')
    page.get_by_label('Load a strip').set_input_files(folder/'first.png'); said(page, 'Loaded a strip'); expect(page.get_by_label('Title', exact=True)).to_have_value('Lunch')
