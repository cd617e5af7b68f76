"""How fast and how large GLIDE is here: every figure a ratio measured in one run.

    python benchmarks/glide.py                 full size, about 15 minutes on two quiet cores
    python benchmarks/glide.py --quick         small networks, under a minute: does the script work?
    python benchmarks/glide.py step memory     only some parts: step, images, precision, memory, quality, cuda

Weights are random: time, memory and rounding do not depend on what they mean. Results go to benchmarks/results/glide.json;
parts that were not run keep their stored figures."""
import argparse, json, os, platform, resource, statistics, subprocess, sys, time
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from autocomics.core import atomic_write
from autocomics.diffusion.guidance import classifier_free
from autocomics.diffusion.process import Diffusion, noise_schedule
from autocomics.diffusion.samplers import ddim, ddpm, dpm_solver, final
from autocomics.glide.pipeline import TextToImage, best_dtype
from autocomics.glide.text2im import create_model

GIB = 2**30
CLOCKS, CLOCK = dict(wall=time.perf_counter, cpu=time.process_time), 'wall'   # cpu: for a machine that others use too
RESULTS = Path(__file__).parent/'results'/'glide.json'
SMALL = dict(num_channels=64, num_res_blocks=1, channel_mult='1,2', text_ctx=32, xf_width=128, xf_layers=2, xf_heads=2, n_vocab=1000)


def random_network(kind, dtype=torch.float32, quick=False):
    "A network with random weights, allocated once and in its final dtype"
    options = SMALL | dict(image_size=32 if kind == 'base' else 64, attention_resolutions='16') if quick else {}
    with torch.device('meta'): model = create_model(kind, **options).cast(dtype)
    model = model.to_empty(device='cpu').eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, p in model.named_parameters():
        if p.ndim > 1: p.normal_(std=(len(p)/p.numel())**0.5, generator=generator)
        else: p.normal_(std=0.1, generator=generator).add_(float(name.endswith('weight')))
    return model


class WordTokenizer:
    "Stands in for the tokenizer: any ids cost the same"
    def __init__(self, n_vocab): self.n_vocab = n_vocab
    def left_out(self, text, text_ctx): return ''
    def __call__(self, captions, text_ctx):
        ids = torch.arange(len(captions)*text_ctx).reshape(-1, text_ctx) % self.n_vocab
        return ids, torch.arange(text_ctx).expand(len(captions), -1) < 8


def inputs(model, n):
    "What a pass over n rows takes"
    g = torch.Generator().manual_seed(1); size = model.options['image_size']
    x = torch.randn(n, 3, size, size, generator=g)
    tokens, mask = WordTokenizer(model.options['n_vocab'])(['']*n, model.options['text_ctx'])
    pictures = dict(low_res=torch.rand(n, 3, size//4, size//4, generator=g)*2 - 1) if model.options['super_res'] else {}
    return x, torch.full((n,), 500), tokens, mask, pictures


def timed_rounds(ways, rounds):
    "Median seconds of each way; the ways take turns, so that a busy moment hits all of them"
    now, times = CLOCKS[CLOCK], {name: [] for name in ways}
    for way in ways.values(): way()
    for _ in range(rounds):
        for name, way in ways.items():
            start = now(); way(); times[name].append(now() - start)
    return {name: statistics.median(ts) for name, ts in times.items()}


def eager(model, x, t, tokens, mask, pictures):
    "Plain fp32: attention written out, the caption read again at every step"
    with sdpa_kernel(SDPBackend.MATH): return model(x, t, tokens, mask, **pictures)


def pass_ways(kind, rows, quick):
    "The ways to do one pass: plain fp32 eager with the text read again, and ours step by step"
    plain = random_network(kind, quick=quick)
    x, t, tokens, mask, pictures = inputs(plain, rows)
    text = plain.encode_text(tokens, mask)
    def cached():
        with sdpa_kernel(SDPBackend.MATH): return plain(x, t, text=text, **pictures)
    ways = {'plain fp32, text recomputed': lambda: eager(plain, x, t, tokens, mask, pictures), '+ text cached': cached, '+ fused attention': lambda: plain(x, t, text=text, **pictures)}
    fp32 = random_network(kind, quick=quick).to(memory_format=torch.channels_last)
    text32 = fp32.encode_text(tokens, mask)
    ways['+ channels last (ours, fp32)'] = lambda: fp32(x, t, text=text32, **pictures)
    low = best_dtype(torch.device('cpu'))
    low = torch.bfloat16 if low == torch.float32 else low
    bf16 = random_network(kind, low, quick=quick).to(memory_format=torch.channels_last)
    text16 = bf16.encode_text(tokens, mask)
    ways['+ bfloat16 (ours, bf16)'] = lambda: bf16(x, t, text=text16, **pictures)
    return ways


def step(args):
    "Seconds of a guided base step (two rows) and an upsampler step (one row), each way, and as shares of plain fp32"
    result = {}
    for kind, rows in (('base', 2), ('upsample', 1)):
        seconds = timed_rounds(pass_ways(kind, rows, args.quick), args.rounds)
        plain = seconds['plain fp32, text recomputed']
        result[kind] = {name: dict(seconds=round(s, 4), ratio=round(s/plain, 3)) for name, s in seconds.items()}
    return result


def images(args):
    "One picture, default settings against sampler='reference' in fp32: seconds per step taken in turns, times the number of steps"
    low, sizes, walks, counts = best_dtype(torch.device('cpu')), {}, {}, {}
    fp32, fast = ({kind: random_network(kind, dtype, args.quick) for kind in ('base', 'upsample')} for dtype in (torch.float32, low))
    pipes = {'reference, fp32': ('reference', fp32, torch.float32), 'default, fp32': ('dpm_solver', fp32, torch.float32), 'default, this machine': ('dpm_solver', fast, low)}
    for name, (sampler, networks, dtype) in pipes.items():
        pipe = TextToImage(networks, WordTokenizer(networks['base'].options['n_vocab']), device='cpu', dtype=dtype)
        for kind in networks:
            size, small = networks[kind].options['image_size'], networks['base'].options['image_size']
            pictures = dict(low_res=torch.zeros(1, 3, small, small)) if kind == 'upsample' else {}
            walk = pipe.stage(kind, ['a boat'], lambda size=size: torch.randn(1, 3, size, size), 3.0 if kind == 'base' else 1.0, sampler=sampler, **pictures)
            walks[name, kind], counts[name, kind] = (lambda walk=walk: next(walk)), ((100, 27) if sampler == 'reference' else (20, 10))[kind == 'upsample']
    name = 'reference, plain fp32, text recomputed'
    for kind, rows in (('base', 2), ('upsample', 1)):
        model = random_network(kind, quick=args.quick)
        walks[name, kind], counts[name, kind] = (lambda model=model, given=inputs(model, rows): eager(model, *given)), (100, 27)[kind == 'upsample']
    seconds, result = timed_rounds(walks, args.rounds), {}
    for name in dict.fromkeys(name for name, _ in walks):
        total = sum(seconds[name, kind]*counts[name, kind] for kind in ('base', 'upsample'))
        result[name] = dict(seconds=round(total, 2), **{kind: dict(steps=counts[name, kind], seconds_per_step=round(seconds[name, kind], 4)) for kind in ('base', 'upsample')})
    for r in result.values():
        r['ratio_to_reference'] = round(r['seconds']/result['reference, fp32']['seconds'], 4)
        r['ratio_to_plain_reference'] = round(r['seconds']/result[name]['seconds'], 4)
    return result


def precision(args):
    "Relative difference of 16-bit outputs from fp32, with the same weights"
    result = {}
    for kind in ('base', 'upsample'):
        exact = random_network(kind, quick=args.quick)
        x, t, tokens, mask, pictures = inputs(exact, 1)
        want = {steps: exact(x, torch.tensor([steps]), tokens, mask, **pictures) for steps in (20, 500, 980)}
        state = exact.state_dict()
        for dtype in (torch.bfloat16, torch.float16):
            model = exact.cast(dtype).to(memory_format=torch.channels_last)
            try: errors = [((model(x, torch.tensor([steps]), tokens, mask, **pictures) - w).norm()/w.norm()).item() for steps, w in want.items()]
            except RuntimeError as e: errors = [str(e).splitlines()[0]]
            result[f'{kind} {dtype}'.replace('torch.', '')] = round(max(errors), 5) if isinstance(errors[0], float) else errors[0]
            exact = random_network(kind, quick=args.quick)
    return result


def memory_child(dtype, quick):
    "In a process of its own: sample one picture with base and upsampler, print the peak of resident memory"
    dtype = getattr(torch, dtype)
    networks = {kind: random_network(kind, dtype, quick) for kind in ('base', 'upsample')}
    pipe = TextToImage(networks, WordTokenizer(networks['base'].options['n_vocab']), device='cpu', dtype=dtype)
    pipe('a boat', seed=0, num_inference_steps=2, upsample_steps=2)
    weights = sum(p.numel()*p.element_size() for m in networks.values() for p in m.parameters())
    print(json.dumps(dict(peak_gib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss*1024/GIB, 3), weights_gib=round(weights/GIB, 3))))


def memory(args):
    "Peak resident memory of sampling one picture with both networks loaded, interpreter and torch included"
    result = {}
    for dtype in ('float32', 'bfloat16'):
        command = [sys.executable, __file__, '--memory-child', dtype, '--threads', str(args.threads)] + (['--quick'] if args.quick else [])
        run = subprocess.run(command, capture_output=True, text=True)
        result[dtype] = json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else f'stopped with {run.returncode}: {run.stderr.strip()[-300:]}'
    return result


def energy_distance(a, b):
    "Szekely's energy distance 2E|a-b| - E|a-a'| - E|b-b'| between two sets of rows"
    n, m = len(a), len(b)
    return (2*torch.cdist(a, b).mean() - torch.cdist(a, a).sum()/(n*(n - 1)) - torch.cdist(b, b).sum()/(m*(m - 1))).item()


def mixture():
    "Means, weights and spread of three pictures of 3x4x4 in [-1, 1], each a shape on its own constant colour"
    colours = torch.tensor([[0.7, 0.1, -0.6], [-0.5, 0.6, 0.2], [-0.7, -0.7, 0.5]])[:, :, None, None]
    shapes = 0.3*torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    return (colours + shapes).clamp(-0.85, 0.85), torch.tensor([0.5, 0.3, 0.2]), 0.05


def true_samples(means, weights, std, n):
    return means[torch.multinomial(weights, n, replacement=True)] + std*torch.randn(n, 3, 4, 4)


def mixture_denoiser(means, weights, std, betas):
    "The exact noise estimate for the mixture, (x, t) -> (eps, None), in float64"
    ab = torch.as_tensor(Diffusion(betas).alphas_cumprod)
    def denoise(x, t):
        a = ab[t][:, None, None, None]; x64 = x.double(); var = a*std**2 + 1 - a
        centres = a.sqrt()[:, None]*means[None].double()
        logits = -((x64[:, None] - centres)**2).flatten(2).sum(-1)/(2*var.flatten()[:, None]) + weights.double().log()
        post = logits.softmax(-1)[:, :, None, None, None]
        score = (post*(centres - x64[:, None])).sum(1)/var
        return (-(1 - a).sqrt()*score).float(), None
    return denoise


def quality(args):
    "Energy distance of samples to the true mixture, default against reference, on the schedules of base and upsampler; several seeds"
    n, seeds, result = (300, 2, {}) if args.quick else (2000, 5, {})
    for kind, schedule in (('base', 'squaredcos_cap_v2'), ('upsample', 'linear')):
        betas = noise_schedule(schedule, 1000); full = Diffusion(betas)
        walks = {'default': (lambda d, x: dpm_solver(d, x, full, 20)) if kind == 'base' else (lambda d, x: dpm_solver(d, x, full, 10)),
                 'reference': (lambda d, x: ddpm(d, x, full.respaced(100))) if kind == 'base' else (lambda d, x: ddim(d, x, full.respaced('fast27')))}
        distances = {name: [] for name in (*walks, 'true against true')}
        for seed in range(seeds):
            torch.manual_seed(seed)
            world = mixture()
            true, other, denoise, x = true_samples(*world, n), true_samples(*world, n), mixture_denoiser(*world, betas), torch.randn(n, 3, 4, 4)
            for name, walk in walks.items(): distances[name].append(energy_distance(final(walk(denoise, x)).flatten(1), true.flatten(1)))
            distances['true against true'].append(energy_distance(other.flatten(1), true.flatten(1)))
        result[kind] = {name: dict(energy_distance=round(statistics.mean(d), 6), standard_error=round(statistics.stdev(d)/len(d)**0.5, 6), n=n, seeds=seeds) for name, d in distances.items()}
    return result


def cuda(args):
    "Pictures per second of a guided base step on a GPU, at batch 1, 8 and 32; nothing without one"
    if not torch.cuda.is_available(): return 'no GPU on this machine'
    result = dict(card=torch.cuda.get_device_name())
    for dtype in (torch.bfloat16, torch.float16):
        for compiled in (False, True):
            model = random_network('base', dtype, args.quick).to('cuda', memory_format=torch.channels_last)
            if compiled: model.compile(mode='reduce-overhead')
            for n in (1, 8, 32):
                x, t, tokens, mask, _ = (o.cuda() if torch.is_tensor(o) else o for o in inputs(model, 2*n))
                text = model.encode_text(tokens, mask)
                for _ in range(3): model(x, t, text=text)
                torch.cuda.synchronize(); torch.cuda.reset_peak_memory_stats(); start = time.perf_counter()
                for _ in range(args.rounds): model(x, t, text=text)
                torch.cuda.synchronize(); seconds = (time.perf_counter() - start)/args.rounds
                result[f'{dtype} {"compiled" if compiled else "eager"} batch {n}'.replace('torch.', '')] = dict(
                    guided_steps_per_second=round(1/seconds, 2), images_per_second_20_steps=round(n/(20*seconds), 3), peak_gib=round(torch.cuda.max_memory_allocated()/GIB, 3))
    return result


PARTS = dict(step=step, images=images, precision=precision, memory=memory, quality=quality, cuda=cuda)


def machine(args):
    cpu = next((line.split(':')[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines() if line.startswith('model name')), platform.processor()) if os.path.exists('/proc/cpuinfo') else platform.processor()
    return dict(cpu=cpu, threads=args.threads, load_before=round(os.getloadavg()[0], 2), torch=torch.__version__, best_dtype=str(best_dtype(torch.device('cpu'))).replace('torch.', ''), rounds=args.rounds, clock=args.clock)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('parts', nargs='*', help=', '.join(PARTS))
    parser.add_argument('--quick', action='store_true'); parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=os.cpu_count()); parser.add_argument('--clock', choices=CLOCKS, default='wall')
    parser.add_argument('--out', type=Path); parser.add_argument('--memory-child')
    args = parser.parse_args()
    global CLOCK
    CLOCK = args.clock
    torch.set_num_threads(args.threads)
    if args.memory_child: return memory_child(args.memory_child, args.quick)
    out = args.out or (None if args.quick else RESULTS)
    for name in args.parts or PARTS:
        start = time.perf_counter()
        measured = dict(machine=machine(args), result=PARTS[name](args), took_seconds=round(time.perf_counter() - start, 1))
        print(f'## {name}: {PARTS[name].__doc__} [{measured["took_seconds"]} s]\n' + json.dumps(measured['result'], indent=1), flush=True)
        if out:
            results = (json.loads(out.read_text()) if out.exists() else {}) | {name: measured}
            with atomic_write(out, 'w') as f: f.write(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__': main()
