"""How fast autocomics is against what one would use instead: the same work by both, in turns, on this machine.

    python benchmarks/run.py                        everything, full-size GLIDE too: half an hour on two cores
    python benchmarks/run.py --quick                small sizes, under 3 minutes, with nothing but the package installed
    python benchmarks/run.py --only digits strip    some parts

A ratio is our time by the peer's: below 1 we are faster. It is the median over neighbouring runs, with the smallest and the largest. Peers that are not installed are left out with a word.
Results go to benchmarks/results/benchmarks.json (--quick: quick.json), each part with its date, versions and hardware; benchmarks/glide.py, download.py and words.py, which this runs too, keep files of their own."""
import argparse, json, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

import torch

import glide, harness
from harness import alternate, compare, installed, python, take_turns
from autocomics.glide.pipeline import TextToImage, best_dtype
from autocomics.glide.tokenizer import Tokenizer


def row(what, peer, ours, theirs):
    "One line of the table"
    return dict(what=what, peer=peer, ours=ours['seconds'], theirs=theirs['seconds'], ratio=ours['ratio'], low=ours['low'], high=ours['high'], n=ours['n'])

def alone(what, run, args):
    "A line without a peer: median seconds, and the spread in them"
    seconds = take_turns(dict(run=run), args.rounds, args.clock)['run']
    return dict(what=what, peer=None, ours=harness.digits(statistics.median(seconds)), low=harness.digits(min(seconds)), high=harness.digits(max(seconds)), n=len(seconds))

def skip(what, why): return dict(what=what, skipped=why)


# ---- what is compared

def digits(args):
    "The digit model of chapter 14: a training step of 32 pictures, and guided digits in 20 steps"
    if not installed('diffusers'): return [skip('digits', "needs diffusers: pip install 'autocomics[diffusers]'")]
    from digits import Peer, draw_peer
    from autocomics.diffusion.digits import draw_digits
    from autocomics.diffusion.unet import UNet
    from autocomics.learner import adamw
    x, t, labels, noise = torch.randn(32, 1, 28, 28), torch.randint(1000, (32,)), torch.arange(32) % 10, torch.randn(32, 1, 28, 28)
    def trainer(model, make):
        optimizer = make(model)
        def run():
            with torch.enable_grad(): torch.nn.functional.mse_loss(model(x, t, labels), noise).backward()
            optimizer.step(); optimizer.zero_grad()
        return run
    ours, theirs = UNet(), Peer()
    plain = lambda model: torch.optim.AdamW(model.parameters(), 1e-4)
    peer = 'diffusers UNet2DModel, as many parameters'
    rows = [row('digits: training step', peer, *alternate(trainer(ours, plain), trainer(theirs, plain), args.rounds, args.clock))]
    n = 10 if args.quick else 50
    ours, theirs = ours.eval(), theirs.eval()
    rows.append(row(f'digits: drawing {n}', peer + ' and DPMSolverMultistepScheduler', *alternate(
        lambda: [None for _ in draw_digits([i % 10 for i in range(n)], model=ours)], lambda: draw_peer(theirs, labels.repeat(2)[:n]), args.rounds, args.clock)))
    return rows


def glide_rows(args):
    "GLIDE: a step of each network, a training step, a drawing; plain fp32 eager that reads the caption at every step is the peer"
    parts = ('step', 'train') + (() if args.quick else ('precision', 'memory', 'profile')) + (('cuda',) if torch.cuda.is_available() else ())
    results = {}
    for part in parts:
        about, start = harness.machine(args.clock, args.threads), time.perf_counter()
        results[part] = glide.PARTS[part](args)
        harness.record(None if args.quick else harness.RESULTS/'glide.json', part, results[part], about, time.perf_counter() - start)
    return glide_table(results, best_dtype(glide.CPU) == torch.bfloat16)

def glide_table(results, bf16):
    "The table's lines for GLIDE from results of glide.py"
    rows, size = [], 'small GLIDE' if results['step']['base'][glide.PLAIN]['seconds'] < .5 else 'GLIDE, full size'
    for kind, what in (('base', 'guided base step'), ('upsample', 'upsampler step')):
        ways = results['step'][kind]
        rows.append(row(f'{size}: {what}', glide.PLAIN, ways[glide.BF16 if bf16 else glide.FP32], ways[glide.PLAIN]))
        if 'glide-text2im' in ways: rows.append(row(f'{size}: {what}', 'glide-text2im', compare_stored(ways[glide.BF16 if bf16 else glide.FP32], ways['glide-text2im']), ways['glide-text2im']))
    drawn = results['step']['image']
    ours, theirs = drawn['default, bf16' if bf16 else 'default, fp32'], drawn['reference, plain fp32, text recomputed']
    rows.append(dict(what=f'{size}: one picture, 20+10 steps', peer='100+27 steps of plain fp32', ours=ours['seconds'], theirs=theirs['seconds'], ratio=ours['ratio_to_plain_reference'], n=ways[glide.PLAIN]['n']))
    plain, ours = results['train'].values()
    return rows + [row(f'{size}: training step, base', glide.PLAIN, ours, plain)]

def compare_stored(ours, theirs):
    "Our row against another peer than the one its ratio was taken with"
    return ours | {k: harness.digits(ours[k]/theirs['ratio']) for k in ('ratio', 'low', 'high')}


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

def scene_pipeline(plain=False):
    "The scene model's networks with random weights, behind the pipeline: as they are by default, or plain"
    tokenizer = Tokenizer.small()
    networks = {kind: glide.random_network(kind, **o | dict(n_vocab=tokenizer.n_vocab)) for kind, o in glide.SCENES.items()}
    pipe = TextToImage(networks, tokenizer, device='cpu', dtype='fp32' if plain else None)
    if plain: pipe.networks = {kind: Plain(m.to(memory_format=torch.contiguous_format)) for kind, m in pipe.networks.items()}
    return pipe

CAPTIONS = ['a fox in the forest', 'a cat on the beach at night', 'a robot in the city', 'a rocket in space', 'a panda in the snow', 'an owl in a room', 'a lion in the desert', 'a house in a field']

def scenes(args):
    "The scene model: a strip of four 128x128 panels"
    ours, theirs = scene_pipeline(), scene_pipeline(plain=True)
    captions = CAPTIONS[:1 if args.quick else 4]
    draw = lambda pipe: pipe(captions, seed=1)
    rows = [row(f'scenes: {len(captions)} panel{"s"*(len(captions) > 1)} of 128x128', 'the same networks in plain fp32, text recomputed', *alternate(lambda: draw(ours), lambda: draw(theirs), args.rounds, args.clock))]
    slow = lambda: theirs(captions[:1], seed=1, sampler='reference')
    if not args.quick: rows.append(row('scenes: one panel', "plain fp32 in the reference's 100+27 steps", *alternate(lambda: ours(captions[:1], seed=1), slow, args.rounds, args.clock)))
    return rows


def script(name, args, *options):
    "Run one of the data scripts: its results; in quick mode to a temporary file"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)/'out.json' if args.quick else harness.RESULTS/f'{name}.json'
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
    result = script('download', args, *(['--n', '100', '--latency-n', '0', '--repeats', '1', '--formats', 'webdataset'] if args.quick else []))
    return rates('download: seconds of processor per picture', {n: [dict(rate=1000/r['cpu_ms_per_image']) for r in rs] for n, rs in result['local']['runs'].items()}, 'rate')

def words(args):
    "Captions filtered by words, against plain Python, pandas, polars and duckdb; benchmarks/words.py has the whole story"
    if not installed('duckdb') and not (WORK/'duckdb-env').exists(): return [skip('word filter', 'needs duckdb, or an environment for it, which `python benchmarks/words.py` makes')]
    result = script('words', args, *(['--rows', '100000', '--repeats', '1'] if args.quick else []))
    return rates('word filter: seconds per row', result['runs'], 'rows_per_second')


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
        rows.append(row(what, peer, *alternate(lambda: python(ours), lambda: python(theirs), 2 if args.quick else args.rounds, clock)))
    code = "from autocomics.comics.builder import StripBuilder\nStripBuilder('a two', 'a seven', autosave=False, driver='inline')"
    return rows + [alone('builder: from nothing to a strip with buttons', lambda: python(code), argparse.Namespace(rounds=1 if args.quick else args.rounds, clock=clock))]


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
    model = glide.random_network('base', **glide.SCENES['base'] | dict(image_size=n, attention_resolutions=str(n//4))).to(memory_format=torch.channels_last)
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


def settings(args):
    "A guided base step and an upsampler step of the scene model in every setting that we know; `default` is what a user gets"
    result, threads = {}, sorted({1, args.threads})
    for kind, options in glide.SCENES.items():
        ways, default = {}, (str(best_dtype(glide.CPU)).replace('torch.', ''), 'channels last', 'fused', args.threads)
        for dtype in ('float32', 'bfloat16'):
            for layout, form in {'channels last': torch.channels_last, 'channels first': torch.contiguous_format}.items():
                model = glide.random_network(kind, getattr(torch, dtype), **options).to(memory_format=form)
                x, t, tokens, mask, pictures = glide.inputs(model, glide.ROWS[kind]); text = model.encode_text(tokens, mask)
                for attention in ('fused', 'written out'):
                    backends = [glide.SDPBackend.FLASH_ATTENTION, glide.SDPBackend.MATH] if attention == 'fused' else [glide.SDPBackend.MATH]
                    for k in threads:
                        def way(model=model, x=x, t=t, text=text, pictures=pictures, backends=backends, k=k):
                            torch.set_num_threads(k)
                            with glide.sdpa_kernel(backends): model(x, t, text=text, **pictures)
                        ways[dtype, layout, attention, k] = way
        rows = compare(take_turns(ways, args.rounds, args.clock), default)
        torch.set_num_threads(args.threads)
        result[kind] = [dict(zip(('dtype', 'layout', 'attention', 'threads'), name)) | dict(default=name == default) | r for name, r in sorted(rows.items(), key=lambda o: o[1]['ratio'])]
    return result


PARTS = dict(digits=digits, glide=glide_rows, scenes=scenes, strip=strip, start=start, memory=memory, words=words, download=download, growth=growth, settings=settings)


# ---- the table

def line(r):
    if 'skipped' in r: return f"{r['what']:<46} left out: {r['skipped']}"
    if 'mib' in r: return f"{r['what']:<46} {r['mib']:>8} MiB"
    spread = f"{r['low']:.3g} to {r['high']:.3g}" if 'low' in r else ''
    if r['peer'] is None: return f"{r['what']:<46} {r['ours']:>8.3g} s   ({spread})"
    return f"{r['what']:<46} {r['ours']:>8.3g} s   {r['ratio']:>6.3g} x  ({spread})  {r['peer']}"

def show(name, result):
    if name == 'growth':
        for axis, points in result.items(): print(f'{axis:<12}', '   '.join(f"{p['n']}: {p['seconds']:.3g} s, {p['peak_mib']} MiB" for p in points))
    elif name == 'settings':
        for kind, rows in result.items(): print(f"{kind:<12} default takes {next(r for r in rows if r['default'])['ratio']/rows[0]['ratio']:.2f} x the fastest of {len(rows)} settings: {', '.join(str(rows[0][k]) for k in ('dtype', 'layout', 'attention', 'threads'))} threads")
    else:
        for r in result: print(line(r))
    sys.stdout.flush()

@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS), metavar='PART', help=', '.join(PARTS)); glide.arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    about = harness.machine(args.clock, args.threads)
    print(f"{about['cpu']}, {args.threads} of {about['cores']} cores, {', '.join(f'{k} {v}' for k, v in about['versions'].items())}; seconds of {'processor' if args.clock == 'cpu' else 'wall'} time\n")
    print(f"{'what':<46} {'ours':>8}     ratio to the peer (spread over runs)", flush=True)
    for name in args.only:
        start = time.perf_counter()
        try: result = PARTS[name](args)
        except Exception as e: print(f'{name:<46} failed: {type(e).__name__}: {e}', flush=True); continue
        harness.record(harness.RESULTS/('quick.json' if args.quick else 'benchmarks.json'), name, result, about, time.perf_counter() - start)
        show(name, result)

if __name__ == '__main__': main()
