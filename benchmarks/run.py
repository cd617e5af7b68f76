"""How fast autocomics is against what one would use instead: the same work by both, in turns, on this machine.

    python benchmarks/run.py                        everything, full-size GLIDE too: about 30 minutes on two cores
    python benchmarks/run.py --quick                small sizes, under 3 minutes, with nothing but the package installed
    python benchmarks/run.py --only digits strip    some parts
    python benchmarks/run.py --again                all ratios a second time: does another run say the same?

A ratio is our time by the peer's: below 1 we are faster. It is the median over neighbouring runs, with the smallest and the largest. The table is visited twice with some minutes between, and both visits' runs count. Peers that are not installed are left out with a word.
Results go to benchmarks/results/benchmarks.json (--quick: quick.json, --again: benchmarks-again.json), each part with its date, versions and hardware. benchmarks/glide.py, download.py and words.py, parts of which this runs too, keep files of their own."""
import argparse, json, shutil, statistics, subprocess, sys, tempfile, time
from collections import Counter
from pathlib import Path

import torch

import glide, harness, steps
from harness import alternate, compare, installed, python, take_turns
from autocomics.glide.pipeline import TextToImage, best_dtype
from autocomics.glide.tokenizer import Tokenizer


def row(what, peer, ours, theirs, pictures=None):
    "One line of the table; `pictures`: how many were drawn or learned from"
    rate = dict(pictures_per_second=harness.digits(pictures/ours['seconds'])) if pictures else {}
    return dict(what=what, peer=peer, ours=ours['seconds'], theirs=theirs['seconds'], ratio=ours['ratio'], low=ours['low'], high=ours['high'], n=ours['n'], runs=ours['runs'], **rate)

def against(ours, theirs, args):
    "Both in turns: (our row, their row)"
    return alternate(ours, theirs, args.rounds, args.clock, seconds=1 if args.quick else 5)

def alone(what, run, args, pictures=None):
    "A line without a peer: median seconds, and the spread in them"
    seconds = take_turns(dict(run=run), args.rounds, args.clock, seconds=0.5 if args.quick else 3)['run']
    median = statistics.median(seconds)
    return dict(what=what, peer=None, ours=harness.digits(median), **harness.spread(seconds), **(dict(pictures_per_second=harness.digits(pictures/median)) if pictures else {}))

def skip(what, why): return dict(what=what, skipped=why)

def pooled(lines, later):
    "Lines of the table, with the runs of a later visit to the same work added"
    later = {(l['what'], l.get('peer')): l for l in later}
    return [add_runs(l, later[l['what'], l.get('peer')]) if 'runs' in l else l for l in lines]

def add_runs(line, other):
    "One line with the runs of another"
    runs = line['runs'] + other['runs']
    seconds = {k: statistics.mean((line[k], other[k])) for k in ('ours', 'theirs') if line.get(k)} if line['peer'] else dict(ours=statistics.median(runs))
    rate = dict(pictures_per_second=line['pictures_per_second']*line['ours']/seconds['ours']) if 'pictures_per_second' in line else {}
    ratio = dict(ratio=statistics.median(runs)) if line['peer'] else {}
    return line | {k: harness.digits(v) for k, v in (seconds | rate | ratio).items()} | harness.spread(runs)


# ---- what is compared

def digits(args):
    "The digit model of chapter 14: a training step of 32 pictures, and guided digits in 20 steps"
    if not installed('diffusers'): return [skip('digits', "needs diffusers: pip install 'autocomics[diffusers]'")]
    from digits import Peer, draw_peer
    from autocomics.diffusion.digits import draw_digits
    from autocomics.diffusion.unet import UNet
    from autocomics.learner import decay_groups
    x, t, labels, noise = torch.randn(32, 1, 28, 28), torch.randint(1000, (32,)), torch.arange(32) % 10, torch.randn(32, 1, 28, 28)
    def trainer(model, make):
        optimizer = make(model)
        def run():
            with torch.enable_grad(): torch.nn.functional.mse_loss(model(x, t, labels), noise).backward()
            optimizer.step(); optimizer.zero_grad()
        return run
    ours, theirs = UNet(), Peer()
    fused, plain = (lambda model: torch.optim.AdamW(decay_groups(model), 1e-4, fused=True)), (lambda model: torch.optim.AdamW(model.parameters(), 1e-4))
    peer = 'diffusers UNet2DModel, as many parameters'
    rows = [row('digits: training step of 32', peer, *against(trainer(ours, fused), trainer(theirs, plain), args), pictures=32)]
    n = 10 if args.quick else 50
    ours, theirs = ours.eval(), theirs.eval()
    rows.append(row(f'digits: drawing {n}', peer + ' and DPMSolverMultistepScheduler', *against(
        lambda: [None for _ in draw_digits([i % 10 for i in range(n)], model=ours)], lambda: draw_peer(theirs, labels.repeat(2)[:n]), args), pictures=n))
    return rows


def glide_rows(args):
    "GLIDE: a step of each network, a guided drawing, a training step; plain fp32 eager that reads the caption at every step is the peer, and OpenAI's package where it is installed"
    results = {}
    for part in ('step', *(('memory',) if args.first and not (args.quick or args.again) else ())): results[part] = glide.PARTS[part](args)
    size = 'small GLIDE' if args.quick else 'GLIDE, full size'
    return [r | dict(what=f"{size}: {r['what']}") for r in step_rows(results) + sampling_rows(args) + training_rows(args)]

def step_rows(results):
    "Lines from results of glide.py"
    rows, ours = [], glide.BF16 if best_dtype(glide.CPU) == torch.bfloat16 else glide.FP32
    for kind, what in (('base', 'guided base step'), ('upsample', 'upsampler step')):
        ways = results['step'][kind]
        rows.append(row(what, glide.PLAIN, ways[ours], ways[glide.PLAIN]))
        if 'glide-text2im' in ways: rows.append(row(what, 'glide-text2im', compare_stored(ways[ours], ways['glide-text2im']), ways['glide-text2im']))
    return rows + [dict(what=f'peak memory, one picture in {dtype}', mib=round(m['peak_gib']*1024)) for dtype, m in results.get('memory', {}).items()]

def compare_stored(ours, theirs):
    "Our row against another peer than the one its ratio was taken with"
    ratios = [a/b for a, b in zip(ours['runs'], theirs['runs'])]
    return ours | dict(ratio=harness.digits(statistics.median(ratios))) | harness.spread(ratios)

def sampling_rows(args):
    "A whole guided picture, drawn in as many steps by all"
    base = up = 2   # OpenAI's package cannot walk a DDIM chain in one
    ours, theirs = glide_pipeline(args), glide_pipeline(args, plain=True)
    draw = lambda pipe: pipe('a boat', seed=1, num_inference_steps=base, upsample_steps=up)
    ways = dict(ours=lambda: draw(ours), plain=lambda: draw(theirs))
    if installed('glide_text2im'): ways['glide-text2im'] = glide.package_drawing({kind: m.options for kind, m in ours.networks.items()}, base, up)
    seconds = take_turns(ways, args.rounds, args.clock, seconds=1 if args.quick else 0)
    return [row(f'one guided picture in {base}+{up} steps', peer if peer != 'plain' else glide.PLAIN, compare(seconds, peer)['ours'], dict(seconds=statistics.median(seconds[peer]))) for peer in ways if peer != 'ours']

def glide_pipeline(args, plain=False):
    "GLIDE's networks with random weights behind the pipeline: as they are by default, or plain"
    dtype = torch.float32 if plain else best_dtype(glide.CPU)
    networks = {kind: glide.random_network(kind, dtype, args.quick) for kind in glide.ROWS}
    return plainly(TextToImage(networks, glide.WordTokenizer(networks['base'].options['n_vocab']), device='cpu', dtype=dtype), plain)

def training_rows(args):
    "A training step of the base network: forth, back, AdamW"
    held = steps.Learning('base', dict(quick=args.quick), glide.CPU, 2)
    ways = dict(ours=held.way(best_dtype(glide.CPU), 'last', 'fused', True), plain=held.way(torch.float32, 'first', 'written', False))
    rows = compare(take_turns(ways, args.rounds, args.clock, seconds=1 if args.quick else 0), 'plain')
    return [row('training step of the base, 2 pictures', 'plain fp32', rows['ours'], rows['plain'])]


class Plain:
    "A network that reads its captions again at every step and attends without the fused kernel: what the scene model would cost without our settings"
    def __init__(self, model): self.model, self.options, self.device, self.dtype = model, model.options, model.device, model.dtype
    def encode_text(self, tokens, mask): return Captions(tokens, mask)
    def denoiser(self, text, **pictures):
        def denoise(x, t): return glide.eager(self.model, x, t, text.tokens, text.mask, {k: p if len(p) == len(x) else p.repeat(2, 1, 1, 1) for k, p in pictures.items()}).chunk(2, dim=1)
        return denoise

class Captions:
    def __init__(self, tokens, mask): self.tokens, self.mask = tokens, mask
    def __getitem__(self, rows): return Captions(self.tokens[rows], self.mask[rows])

def plainly(pipe, plain=True):
    "The pipeline with plain networks"
    if plain: pipe.networks = {kind: Plain(m.to(memory_format=torch.contiguous_format)) for kind, m in pipe.networks.items()}
    return pipe

def scene_pipeline(plain=False):
    "The scene model that ships: as it is by default, or plain"
    return plainly(TextToImage.from_pretrained('scenes', device='cpu', dtype='fp32' if plain else None), plain)

CAPTIONS = ['a fox in the forest', 'a cat on the beach at night', 'a robot in the city', 'a rocket in space', 'a panda in the snow', 'an owl in a room', 'a lion in the desert', 'a house in a field']

def composed(args):
    "Scenes put together from emoji and painted places, which the scene model learns from: pictures per second of one core"
    from autocomics.data.scenes import Scenes, available_actors
    n, rows = 10 if args.quick else 50, []
    for style in ('plain', 'comic'):
        pictures = Scenes(style, 'train', 64, 0, tuple(available_actors()))
        rows.append(alone(f'scenes composed for training, {style}, {n} of 64x64', lambda: [pictures[i] for i in range(n)], args, pictures=n))
    return rows

def scenes(args):
    "The scene model: a strip of four 128x128 panels, and a step of its training"
    ours, theirs = scene_pipeline(), scene_pipeline(plain=True)
    captions = CAPTIONS[:1 if args.quick else 4]
    draw = lambda pipe: pipe(captions, seed=1)
    rows = [row(f'scenes: {len(captions)} panel{"s"*(len(captions) > 1)} of 128x128', 'the same networks in plain fp32, text recomputed', *against(lambda: draw(ours), lambda: draw(theirs), args), pictures=len(captions))]
    slow = lambda: theirs(captions[:1], seed=1, sampler='reference')
    if not args.quick: rows.append(row('scenes: one panel of 128x128', "plain fp32 in the reference's 100+27 steps", *against(lambda: ours(captions[:1], seed=1), slow, args), pictures=1))
    n = 4 if args.quick else steps.BATCH['base']
    held = steps.Learning('base', glide.SCENES['base'], glide.CPU, n)
    ways = held.way(best_dtype(glide.CPU), 'last', 'fused', True), held.way(torch.float32, 'first', 'written', False)
    return rows + [row(f'scenes: training step of {n}, base', 'plain fp32', *against(*ways, args), pictures=n)] + composed(args)


def script(name, args, *options):
    "Run one of the data scripts: its results, which leave its own stored file alone"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)/'out.json'
        done = subprocess.run([sys.executable, harness.HERE/f'{name}.py', '--out', out, *options], capture_output=True, text=True)
        if done.returncode: raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
        return json.loads(out.read_text())

def rates(what, runs, rate):
    "Lines from runs of which each says how much it did per second"
    seconds = {name: [1/r[rate] for r in rs] for name, rs in runs.items()}
    return [row(what, peer, compare({'ours': seconds['autocomics'], 'theirs': s}, 'theirs')['ours'], dict(seconds=statistics.median(s))) for peer, s in seconds.items() if peer != 'autocomics']

WORK = harness.HERE.parent/'.benchmark'

def download(args):
    "Pictures per second from a local server, against img2dataset; benchmarks/download.py has the whole story"
    if not shutil.which('nginx') or not (WORK/'img2dataset-env').exists():
        return [skip('download', 'needs nginx, and img2dataset in an environment of its own, which `python benchmarks/download.py` makes')]
    result = script('download', args, *(['--n', '100', '--repeats', '1', '--formats', 'webdataset'] if args.quick else ['--n', '2000', '--repeats', str(args.rounds)]), '--latency-n', '0')
    return rates('download: seconds of processor per picture', {n: [dict(rate=1000/r['cpu_ms_per_image']) for r in rs] for n, rs in result['local']['runs'].items()}, 'rate')

def words(args):
    "Captions filtered by words, against plain Python, pandas, polars and duckdb; benchmarks/words.py has the whole story"
    left_out = [] if installed('duckdb') or (WORK/'duckdb-env').exists() else [skip('word filter, against duckdb', 'needs duckdb, or an environment for it, which `python benchmarks/words.py` makes')]
    result = script('words', args, *(['--rows', '100000', '--repeats', '2'] if args.quick else ['--repeats', str(args.rounds)]), *(['--without', 'duckdb'] if left_out else []))
    return rates('word filter: seconds per row', result['runs'], 'rows_per_second') + left_out


def strip(args):
    "A lettered strip of four panels as a file"
    from autocomics.comics.strip import to_pdf, to_png, to_svg
    s = some_strip(4)
    return [alone(f'strip: four panels to {name}', lambda: write(s), args) for name, write in dict(PNG=to_png, SVG=to_svg, PDF=to_pdf).items()]

def some_strip(n):
    from PIL import Image
    from autocomics.comics.strip import Balloon, Panel, Strip
    return Strip([Panel(f'panel {i}', caption='Meanwhile, somewhere else', image=Image.effect_noise((256, 256), 60 + i).convert('RGB'), balloons=[Balloon('Was that you?')]) for i in range(n)],
                 layout=f'{min(n, 4)}x{-(-n//4)}', title='A strip')

STARTS = {'import: TextToImage': ('from autocomics.glide.pipeline import TextToImage', 'diffusers DiffusionPipeline', 'from diffusers import DiffusionPipeline', 'diffusers'),
          'import: autocomics': ('import autocomics', 'torch', 'import torch', 'torch'), 'import: strips, without pictures': ('import autocomics.comics.strip', 'torch', 'import torch', 'torch')}

def start(args):
    "Fresh processes: imports, and the builder on the screen"
    clock, rows = 'cpu' if args.clock == 'cpu' else 'wall', []
    for what, (ours, peer, theirs, package) in STARTS.items():
        if not installed(package): rows.append(skip(what, f'needs {package}')); continue
        rows.append(row(what, peer, *alternate(lambda: python(ours), lambda: python(theirs), 2 if args.quick else args.rounds, clock, 0)))
    code = "from autocomics.comics.builder import StripBuilder\nStripBuilder('a two', 'a seven', autosave=False, driver='inline')"
    return rows + [alone('builder: from nothing to a strip with buttons', lambda: python(code), argparse.Namespace(quick=args.quick, rounds=1 if args.quick else args.rounds, clock=clock))]


DRAW_OURS = "import torch\nfrom autocomics.diffusion.digits import draw_digits\nfor _ in draw_digits(list(range(10)), num_inference_steps=4): pass"
DRAW_THEIRS = '''
import json, sys, torch
from diffusers import DPMSolverMultistepScheduler, UNet2DModel
net, scheduler, x, labels = UNet2DModel(**json.loads(sys.argv[1])).eval(), DPMSolverMultistepScheduler(beta_schedule='squaredcos_cap_v2'), torch.randn(10, 1, 28, 28), torch.cat([torch.arange(10), torch.full((10,), 10)])
scheduler.set_timesteps(4)
with torch.no_grad():
    for t in scheduler.timesteps:
        cond, free = net(torch.cat([x, x]), t, class_labels=labels).sample.chunk(2)
        x = scheduler.step(free + 2*(cond - free), t, x).prev_sample
print('null')'''
SCENE = "import run\nrun.scene_pipeline()(run.CAPTIONS[:4], seed=1, num_inference_steps=2, upsample_steps=2)"

def memory(args):
    "Peak of resident memory, in MiB, of processes that do one thing"
    jobs = {'python and torch': ['import torch'], 'ten digits': [DRAW_OURS], 'scenes, four panels': [SCENE]}
    jobs['a lettered strip as PNG, without torch'] = ["from PIL import Image\nfrom autocomics.comics.strip import Panel, Strip, to_png\nto_png(Strip([Panel('x', caption='Yes', image=Image.new('RGB', (256, 256)))]*4))"]
    if installed('diffusers'):
        from digits import PEER
        jobs['ten digits, diffusers'] = [DRAW_THEIRS, json.dumps(PEER)]
    return [dict(what=f'memory: {what}', mib=python(*job)[1]) for what, job in jobs.items()]


# ---- how cost grows

def axis_pictures(n): return lambda pipe=scene_pipeline(): pipe([CAPTIONS[i % 8] for i in range(n)], seed=1, num_inference_steps=4, upsample_steps=2)
def axis_steps(n): return lambda pipe=scene_pipeline(): pipe(CAPTIONS[:1], seed=1, num_inference_steps=n, upsample_steps=max(1, n//2))
def axis_panels(n):
    from autocomics.comics.strip import to_png
    return lambda s=some_strip(n): to_png(s)
def axis_rows(n):
    from autocomics.data.captions import match_words
    captions = [f'{CAPTIONS[i % 8]}, number {i}' for i in range(n)]
    return lambda: match_words(captions, any=['beach', 'boat'])
def axis_resolution(n):
    model = glide.random_network('base', best_dtype(glide.CPU), **glide.SCENES['base'] | dict(image_size=n, attention_resolutions=str(n//4))).to(memory_format=torch.channels_last)
    x, t, tokens, mask, _ = glide.inputs(model, 2); text = model.encode_text(tokens, mask)
    return lambda: model(x, t, text=text)

AXES = dict(pictures=(1, 2, 4, 8, 16), resolution=(32, 64, 128, 256), steps=(5, 10, 20, 40), panels=(1, 4, 9, 16, 25), rows=(1000, 10_000, 100_000, 1_000_000))
GROW = '''
import json, sys, torch
import run
axis, clock, threads, *sizes = sys.argv[1:]
torch.set_num_threads(int(threads)); torch.set_grad_enabled(False)
points = []
for n in map(int, sizes):
    seconds = run.take_turns(dict(run=getattr(run, f'axis_{axis}')(n)), 3, clock)['run']
    points.append(dict(n=n, seconds=run.harness.digits(min(seconds)), peak_mib=run.harness.peak_mib()))
print(json.dumps(points))'''

def growth(args):
    "Seconds, and peak memory of the process, against how much is asked for; a process for each axis, sizes rising"
    return {axis: python(GROW, axis, args.clock, args.threads, *(sizes[:2] if args.quick else sizes))[0] for axis, sizes in AXES.items()}


PARTS = dict(digits=digits, scenes=scenes, strip=strip, start=start, memory=memory, words=words, download=download, growth=growth, settings=steps.settings, profile=steps.profile, glide=glide_rows, gpu=steps.gpu)
TABLE = ('digits', 'scenes', 'strip', 'start', 'memory', 'words', 'download', 'glide')   # parts whose results are lines of the table


# ---- the table

def line(r):
    if 'skipped' in r: return f"{r['what']:<58} left out: {r['skipped']}"
    if 'mib' in r: return f"{r['what']:<58} {r['mib']:>8} MiB"
    spread, rate = f"{r['low']:.3g} to {r['high']:.3g}", f"  {r['pictures_per_second']:.3g} pictures/s" if 'pictures_per_second' in r else ''
    if r['peer'] is None: return f"{r['what']:<58} {r['ours']:>8.3g} s   ({spread}){rate}"
    return f"{r['what']:<58} {r['ours']:>8.3g} s   {r['ratio']:>6.3g} x  ({spread})  {r['peer']}{rate}"

def show(name, result):
    if 'skipped' in result: print(f"{name:<58} left out: {result['skipped']}")
    elif name in TABLE:
        for r in result: print(line(r))
    elif name == 'growth':
        for axis, points in result.items(): print(f'{axis:<12}', '   '.join(f"{p['n']}: {p['seconds']:.3g} s, {p['peak_mib']} MiB" for p in points))
    elif name == 'settings':
        for what, rows in result.items(): print(f"{what:<20} the default takes {1/rows[0]['ratio']:.2f} x the time of the fastest of {len(rows)} settings, {', '.join(f'{k} {v}' for k, v in rows[0].items() if k in ('dtype', 'layout', 'attention', 'fused optimiser', 'threads'))}")
    elif name == 'profile':
        for what, ways in result['steps'].items(): print(f'{what:<28}', '   '.join(f"{way}: {r['seconds']:.3g} s, {r['share_of_peak']:.0%} of the {r['dtype']} peak, {', '.join(f'{k} {v:.0%}' for k, v in list(r['work'].items())[:3])}" for way, r in ways.items() if way != 'gflop'))
    elif name == 'gpu':
        for way, r in result['pictures'].items(): print(f"{way:<28} {r['seconds']:.3g} s, {r['pictures_per_second']:.3g} pictures/s, {r['peak_gib']:.3g} GiB")
    sys.stdout.flush()

@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='+', choices=PARTS, metavar='PART', help=', '.join(PARTS)); glide.arguments(parser); parser.set_defaults(rounds=2)
    parser.add_argument('--again', action='store_true', help='the lines of the table a second time, into a file of their own')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    about, begin, failed = harness.machine(args.clock, args.threads), time.perf_counter(), []
    print(f"{about['cpu']}, {args.threads} of {about['cores']} cores, {about['gpu'] or 'no GPU'}, {', '.join(f'{k} {v}' for k, v in about['versions'].items())}; seconds of {'processor' if args.clock == 'cpu' else 'wall'} time\n")
    print(f"{'what':<58} {'ours':>8}     ratio to the peer (spread over runs)", flush=True)
    path = harness.RESULTS/f"{'quick' if args.quick else 'benchmarks'}{'-again' if args.again else ''}.json"
    parts, done, took = list(args.only or (TABLE if args.again else PARTS)), {}, Counter()
    # a machine is another one a quarter of an hour later: the table is visited twice, so that its spread says so
    for name in parts + [name for name in parts if name in TABLE]*(not args.quick):
        start, args.first = time.perf_counter(), name not in done
        try: result = PARTS[name](args)
        except Exception as e: failed.append(name); print(f'{name:<58} failed: {type(e).__name__}: {e}', flush=True); continue
        took[name] += time.perf_counter() - start
        done[name] = result if args.first else pooled(done[name], result)
        harness.record(path, name, done[name], about, took[name])
        show(name, done[name])
    print(f'\nTook {(time.perf_counter() - begin)/60:.1f} minutes. Results: {path}')
    if failed: sys.exit(f"failed: {', '.join(failed)}")

if __name__ == '__main__': main()
