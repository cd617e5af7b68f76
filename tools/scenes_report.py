"""Print the figures of the scene models beside their goals, each with its number and its 95% interval.

    python tools/scenes_report.py                         what is on file, if it is of these weights
    python tools/scenes_report.py --measure               take the outside judge's figures again (minutes on one core)
    python tools/scenes_report.py --measure --model DIR   of another model's folder; nothing is written

The outside judge is that of chapter 37b. The distances and the trained judge's figures come from benchmarks/scenes.py."""
import argparse, json, os, subprocess, sys, tempfile, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np

root = Path(__file__).resolve().parent.parent
FILE = root/'benchmarks'/'results'/'scenes_outside.json'

def wanted(actors, each=2, pairs=100, seed=11):
    "What is asked for: every actor alone `each` times, and pairs, in places where training may have seen them, in clear weather"
    from autocomics.data.scenes import PLACES, TIMES, Scene, held_out
    rng, places, times = np.random.default_rng(seed), list(PLACES), list(TIMES)
    def scene(cast):
        place = rng.choice([o for o in places if not any(held_out(a, o) for a in cast)])
        return Scene(cast, str(place), 'night' if place == 'space' else times[rng.integers(3)])
    return [scene((a,)) for a in actors for _ in range(each)] + [scene(tuple(str(o) for o in rng.choice(actors, 2, replace=False))) for _ in range(pairs)]

def composed(scenes, size, style='comic'):
    "The same scenes by the composer, composed at 128 pixels, reduced to `size` and enlarged again"
    from PIL import Image
    from autocomics.data.scenes import compose
    pictures = [compose(o, np.random.default_rng((1, i)), 128, style) for i, o in enumerate(scenes)]
    return [o.resize((size,)*2, Image.Resampling.BOX).resize((128,)*2, Image.Resampling.BICUBIC) for o in pictures]

def drawn(model, scenes, chunk=20):
    "The scenes by a model, with its own settings"
    from autocomics.data.scenes import caption
    pictures = []
    for i in range(0, len(scenes), chunk):
        pictures += model([caption(o) for o in scenes[i:i+chunk]], seed=1000+i)
        print(f'{len(pictures)} of {len(scenes)}', end='\r', file=sys.stderr, flush=True)
    return pictures

def plain(figures): return {k: v if k == 'fit of' else dict(value=float(v), low=v.low, high=v.high, n=v.n) for k, v in figures.items()}

def measure(path, each, pairs):
    "All figures of a model by the outside judge, of the composer, and of the composer at 32 pixels; place and time by the trained judge"
    import torch
    from autocomics.glide.pipeline import TextToImage
    from autocomics.training.evaluate import agreement
    from autocomics.training.scene_judge import OutsideJudge, outside_figures
    torch.set_num_threads(1)
    model = TextToImage.from_pretrained(path, device='cpu')
    info = json.loads((Path(path)/'config.json').read_text(encoding='utf-8'))['info']
    scenes, judge = wanted(info['actors'], each, pairs), OutsideJudge(info['actors'], info['style'])
    pictures, out = drawn(model, scenes), {}
    for name, of in (('model', pictures), ('composed', composed(scenes, 128, info['style'])), ('composed at 32 pixels', composed(scenes, 32, info['style']))):
        out[name] = plain(outside_figures(judge, of, scenes))
    try: out['model'] |= plain({f'{k}, trained judge': v for k, v in agreement(pictures, scenes).items()})
    except Exception as e: print(f'The trained judge says nothing: {e}', file=sys.stderr)
    return out

def seconds():
    "Seconds that the command for a strip of four panels takes, as a person waits for it"
    with tempfile.TemporaryDirectory() as folder:
        start, path = time.monotonic(), Path(folder)/'strip.png'
        captions = 'a fox in the forest', 'a fox and an owl in the forest at night', 'an owl on the beach', 'a fox in a room'
        command = [sys.executable, '-c', 'from autocomics.cli import main; main()', 'strip', *captions, '-o', str(path)]
        subprocess.run(command, check=True, capture_output=True, env={k: v for k, v in os.environ.items() if k != 'OMP_NUM_THREADS'})
        if not path.exists(): raise RuntimeError(f'{command} wrote no strip')
        return time.monotonic() - start

def rows(figures):
    "(what, measured, composed, goal, reached) for each goal"
    ours, real = figures['model'], figures['composed']
    share = lambda e: f"{100*e['value']:.1f}% [{100*e['low']:.1f}, {100*e['high']:.1f}], n = {e['n']}"
    number = lambda e: f"{e['value']:.3f} [{e['low']:.3f}, {e['high']:.3f}], n = {e['n']}"
    def row(name, what, goal, ok, as_text=share): return what, as_text(ours[name]), as_text(real[name]), goal, ok(ours[name]['value'], real[name]['value'])
    yield row('best fit, alone', 'the asked-for actor fits best, alone', 'at least 95%', lambda o, r: o >= .95)
    yield row('best fits, both of two', 'both fit best, of two', 'at least 90%', lambda o, r: o >= .90)
    yield row('fit, alone', 'fit, alone', 'at least 0.86 of composed', lambda o, r: o >= .86*r, number)
    yield row('fit, of two', 'fit, of two', 'at least 0.86 of composed', lambda o, r: o >= .86*r, number)
    low = ours['actors below 0.6']
    yield 'actors of the cast below 0.6', f"{round(low['value']*low['n'])} of {low['n']}", '0', 'none', low['value'] == 0
    yield row('two suns or more', 'two suns or more', 'composed + 1%', lambda o, r: o <= r + .01)
    yield row('drawn twice, asked for once', 'drawn twice, asked for once', 'composed + 1%', lambda o, r: o <= r + .01)
    yield row('left and right as named', 'left and right as named', 'at least 97%', lambda o, r: o >= .97)
    for k in ('place', 'time'):
        if f'{k}, trained judge' in ours: yield f'{k} (trained judge)', share(ours[f'{k}, trained judge']), '', 'at least 98%', ours[f'{k}, trained judge']['value'] >= .98
    if 'seconds' in figures: yield 'a strip of four panels, seconds of the whole command', f"{figures['seconds']:.1f}", '', 'at most 8', figures['seconds'] <= 8

def show(figures):
    lines = [('figure', 'model', 'composed', 'goal', '')] + [(*o[:4], 'reached' if o[4] else 'NOT reached') for o in rows(figures)]
    width = [max(len(o[i]) for o in lines) for i in range(5)]
    for o in lines: print('  '.join(x.ljust(w) for x, w in zip(o, width)).rstrip())
    for k in ('fit, alone', 'fit, of two'):
        ours, real, small = (figures[o][k]['value'] for o in ('model', 'composed', 'composed at 32 pixels'))
        print(f'{k}: {ours/real:.2f} of composed; composed scenes reduced to 32 pixels have {small/real:.2f} of it')
    worst = sorted(figures['model']['fit of'].items(), key=lambda o: o[1])[:8]
    print('least recognisable: ' + ', '.join(f'{k} {v:.2f}' for k, v in worst))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--measure', action='store_true', help='draw and judge again')
    parser.add_argument('--model', type=Path, default=root/'autocomics'/'weights'/'scenes', help='folder of a model')
    parser.add_argument('--each', type=int, default=2, help='pictures of each actor alone')
    parser.add_argument('--pairs', type=int, default=100, help='pictures of two')
    args = parser.parse_args()
    from autocomics.core import atomic_write, sha256_file
    ours = args.model == parser.get_default('model')
    weights = {o.name: sha256_file(o) for o in sorted(args.model.glob('*.safetensors'))}
    if args.measure:
        figures = measure(args.model, args.each, args.pairs) | dict(weights=weights)
        if ours:
            figures['seconds'] = seconds()
            with atomic_write(FILE, 'w') as f: json.dump(figures, f, indent=1)
    elif not FILE.exists(): sys.exit(f'{FILE} is not there: run python tools/scenes_report.py --measure')
    else: figures = json.loads(FILE.read_text(encoding='utf-8'))
    if figures['weights'] != weights: sys.exit('The figures on file are those of other weights: run python tools/scenes_report.py --measure')
    show(figures)
    distances(root/'benchmarks'/'results'/'scenes.json')

def goals(data):
    "(what, goal, measured, reached) for each goal of the scene model, from the file of figures"
    from autocomics.training.evaluate import shown
    columns, name = data['report']['figures'], data['report']['model']
    ours, real = columns[name], columns['real pictures']
    floor = real['kernel distance']['high']
    rows = [('kernel distance, times the upper end of the floor', 'at most 3', f"{ours['kernel distance']['value']/floor:.1f}", ours['kernel distance']['value'] <= 3*floor)]
    rows += [(f'kernel distance, {name} and {other}', 'nearer, intervals apart', f"{shown('kernel distance', ours['kernel distance'])} and {shown('kernel distance', column['kernel distance'])}",
              ours['kernel distance']['high'] < column['kernel distance']['low']) for other, column in columns.items() if other not in (name, 'real pictures')]
    for what, least in {'actors, seen': .85, 'place, seen': .95, 'time, seen': .95, 'actors, held_out': .70}.items():
        rows.append((what, f'at least {least:.0%}', shown(what, ours[what]), ours[what]['value'] >= least))
    if 'scenes-base' in columns:
        lost = columns['scenes-base']['actors, seen']['value'] - ours['actors, seen']['value']
        rows.append(('actors, seen: points lost by fine-tuning', 'at most 3', f'{100*lost:.1f}', lost <= .03))
    share = ours['nearer to training than to unseen']
    rows.append(('nearer to training pictures than to unseen ones', 'interval covers 50%', shown('nearer to training', share), share['low'] <= .5))
    for kind, o in data.get('losses', {}).items():
        rows.append((f'loss of the {kind} network on unseen comics: fall by fine-tuning', 'beyond its interval', f"{o['fall']['value']:.4f} [{o['fall']['low']:.4f}, {o['fall']['high']:.4f}]", o['fall']['low'] > 0))
    rows += [(f'the judge on real {kind} scenes: {k}', 'at least 98%', shown(k, e), e['value'] >= .98) for kind, row in data['judge'].items() for k, e in row.items() if k in ('actors', 'place', 'time')]
    return rows

def distances(path):
    "What benchmarks/scenes.py found with the trained judge, where it was of these weights"
    from autocomics.core import sha256_file
    from autocomics.training.evaluate import report_text
    if not path.exists(): return
    data = json.loads(path.read_text(encoding='utf-8'))
    stale = [name for name, sha in data['weights'].items() if sha256_file(root/'autocomics'/'weights'/name) != sha]
    if stale: return print(f"\nbenchmarks/results/scenes.json is of other weights ({', '.join(stale)}): python benchmarks/scenes.py takes its figures again")
    print('\n' + report_text(data['report']))
    for what, goal, measured, ok in goals(data): print(f'{what}: {measured} ({goal}, {"reached" if ok else "NOT reached"})')

if __name__ == '__main__': main()
