"""Thirty visitors at once: what a page for a class costs. Prints a table, and keeps it where chapter 45 finds it.

    python tools/load.py                                  # thirty visitors, four panels each, the shipped model
    python tools/load.py --visitors 6 --steps 2 --kill 3  # a small one, with the process that draws killed three times
"""
import argparse, json, os, platform, random, statistics, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from autocomics.comics.strip import from_file
from autocomics.comics.visitors import Visitor, started

TOKEN = 'the-token-of-the-load-test'
CAPTIONS = 'a fox in the forest', 'a fox in the forest in the rain', 'a fox in a room at night', 'a fox on the beach at sunset'
ALONE = '''
import sys, time
from autocomics.comics.generators import draw_steps, finish, get
from autocomics.comics.strip import Strip
captions, visitors, steps, model = eval(sys.argv[1])
get(model).load()
began, before = time.monotonic(), time.process_time()
for v in range(visitors): finish(draw_steps(Strip(list(captions)), model, seed=v, **({'num_inference_steps': steps} if steps else {})))
print(time.monotonic() - began, time.process_time() - before)
'''

def memory(pid):
    "Megabytes of a process and all that it has started; what several of them share counts once"
    total = 0
    for p in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try: total += p.memory_full_info().pss
        except (psutil.Error, AttributeError): pass
    return total/2**20

def work(pid):
    "Seconds of processor time of a process and all that it has started and that still runs"
    total = 0
    for p in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try: total += sum(p.cpu_times()[:2])
        except psutil.Error: pass
    return total

def drawing_process(pid):
    return next((p for p in psutil.Process(pid).children() if 'worker import main' in ' '.join(p.cmdline())), None)

def visit(address, args, gate, at):
    "One visitor: opens the page, joins, writes, waits for the others, draws; what happened when"
    v, began = Visitor(address, TOKEN), time.monotonic()
    page = v.open()
    seen = dict(status=page.status_code, page=time.monotonic() - began)
    v.join().look()
    seen['joined'] = time.monotonic() - began
    captions = CAPTIONS[:args.panels] if args.model == 'scenes' else ('one', 'two', 'three', 'four')[:args.panels]
    while len(v.panels) < args.panels: v.act('add'); v.look()
    v.write('title', f'visitor {at}')
    for name, caption in zip(v.panels, captions): v.write(f'{name}.prompt', caption)
    if args.steps: v.act('option', name='num_inference_steps', value=str(args.steps))
    v.look() # everything before was heard
    gate.wait()
    began = time.monotonic()
    v.act('draw')
    v.told('Done', seconds=args.patience)
    seen['drawn'] = time.monotonic() - began
    return seen

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--visitors', type=int, default=30); p.add_argument('--panels', type=int, default=4); p.add_argument('--model', default='scenes')
    p.add_argument('--steps', type=int, help='of the sampler; few for a quick look'); p.add_argument('--kill', type=int, default=0, help='kill the process that draws so often, at random moments')
    p.add_argument('--alone', action=argparse.BooleanOptionalAction, default=True, help='also time one process that draws all the panels')
    p.add_argument('--patience', type=float, default=3000); p.add_argument('--keep', action='store_true', help='keep the result for the chapter')
    args = p.parse_args()
    found = dict(visitors=args.visitors, panels=args.panels, steps=args.steps, model=args.model, machine=f'{os.cpu_count()} CPU cores ({platform.machine()})')
    if args.alone:
        told = repr((CAPTIONS[:args.panels] if args.model == 'scenes' else ('one', 'two', 'three', 'four')[:args.panels], args.visitors, args.steps, args.model))
        found['alone'], found['alone_work'] = map(float, subprocess.check_output([sys.executable, '-c', ALONE, told], text=True).split())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        server, address = started('--visitors', str(args.visitors), '--panels', str(max(4, args.panels)), '--model', args.model, '--folder', home, token=TOKEN, log=None)
        try:
            drawing, over, peak = threading.Event(), threading.Event(), [0.]
            gate = threading.Barrier(args.visitors, action=lambda: (found.update(idle=memory(server.pid), open_work=work(server.pid)), drawing.set()))
            def watch():
                kills, after = args.kill, random.Random(0)
                drawing.wait()
                while not over.wait(after.uniform(.3, 3) if kills else 5):
                    peak[0] = max(peak[0], memory(server.pid))
                    victim = drawing_process(server.pid)
                    if kills and victim and victim.cpu_times().user > .5: victim.kill(); kills -= 1
                found['killed'] = args.kill - kills
            watcher = threading.Thread(target=watch); watcher.start()
            try:
                with ThreadPoolExecutor(args.visitors) as pool: seen = list(pool.map(lambda i: visit(address, args, gate, i), range(args.visitors)))
            finally: gate.abort(); drawing.set(); over.set(); watcher.join()
            found['draw_work'] = work(server.pid) - found['open_work']
            time.sleep(10) # a strip is saved a moment after it changed
            strips = {s.title: s for s in map(from_file, Path(home).glob('autocomics-*/visitors/*/autosave.json'))}
            panels = [p for s in strips.values() for p in s.panels]
            found.update(page=max(s['page'] for s in seen), joined=max(s['joined'] for s in seen), drawn=max(s['drawn'] for s in seen), median=statistics.median(s['drawn'] for s in seen),
                         peak=peak[0], strips=len(strips), pictures=sum(p.image is not None for p in panels), words=sum(p.prompt in CAPTIONS or args.model != 'scenes' for p in panels))
        finally: server.terminate(); server.wait(60)
    print(json.dumps(found, indent=1))
    if args.keep:
        path = Path(__file__).parent.parent/'benchmarks/results'/('load-killed.json' if args.kill else 'load.json')
        path.write_text(json.dumps(found, indent=1) + '\n')
    wanted = args.visitors*args.panels
    if not (found['strips'] == args.visitors and found['pictures'] == found['words'] == wanted and all(s['status'] == 200 for s in seen)): raise SystemExit('something was lost')

if __name__ == '__main__': main()
