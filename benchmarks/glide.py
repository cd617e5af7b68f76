"""How fast and how large GLIDE is here: every figure a ratio measured in one run, the ways taking turns.

    python benchmarks/glide.py                 full size, about 10 minutes on two quiet cores
    python benchmarks/glide.py --quick         small networks, under a minute: does the script work?
    python benchmarks/glide.py step memory     only some parts

Weights are random: time, memory and rounding do not depend on what they mean. What a whole drawing takes is the measured time of a step times the number of its steps, for all samplers alike.
Results go to benchmarks/results/glide.json; parts that were not run keep their stored figures."""
import argparse, copy, json, os, statistics, time
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import harness
from autocomics.diffusion.process import Diffusion, GaussianMixture, noise_schedule
from autocomics.diffusion.samplers import final
from autocomics.glide.checkpoints import SAMPLING, read_config
from autocomics.glide import kernels, text2im
from autocomics.glide.pipeline import TextToImage, best_dtype, sampler_plan
from autocomics.glide.text2im import create_model

GIB, CPU = 2**30, torch.device('cpu')
SMALL = dict(num_channels=64, num_res_blocks=1, text_ctx=32, xf_width=128, xf_layers=2, xf_heads=2, n_vocab=1000)
PLAIN = 'plain fp32, text recomputed'
FP32, BF16 = '+ channels last, Winograd (ours, fp32)', '+ bfloat16 (ours, bf16)'
ROWS = dict(base=2, upsample=1)   # guidance doubles the base network's rows
STEPS = dict(base=SAMPLING['num_inference_steps'], upsample=SAMPLING['upsample_steps'])   # of a drawing, where the user says nothing


def random_network(kind, dtype=torch.float32, quick=False, **options):
    "A network with random weights, allocated once and in its final dtype"
    # as many levels as OpenAI's package insists on for these sizes
    if quick: options = SMALL | dict(attention_resolutions='16') | (dict(image_size=32, channel_mult='1,2,2') if kind == 'base' else dict(image_size=64, channel_mult='1,1,2,2')) | options
    with torch.device('meta'): model = create_model(kind, **options).cast(dtype)
    model = model.to_empty(device='cpu').eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, p in model.named_parameters():
        if p.ndim > 1: p.normal_(std=(len(p)/p.numel())**0.5, generator=generator)
        else: p.normal_(std=0.1, generator=generator).add_(float(name.endswith('weight')))
    return model

def shipped_options(name='scenes'):
    "kind -> options of the networks of a model that ships"
    config = read_config(Path(str(files('autocomics')))/'weights'/name)
    return {kind: network['options'] for kind, network in config['networks'].items()}

SCENES = shipped_options()   # with which a strip is drawn at once


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


def by_the_book():
    "Maps are enlarged and then convolved, and every product is taken, as the paper has it"
    return patch.multiple(text2im, convolve=lambda x, conv, enlarged=False: conv(kernels.enlarge(x) if enlarged else x))

def eager(model, x, t, tokens, mask, pictures):
    "Plain fp32: attention written out, maps enlarged before they are convolved, the caption read again at every step"
    with sdpa_kernel(SDPBackend.MATH), by_the_book(): return model(x, t, tokens, mask, **pictures)


def pass_ways(plain, rows):
    "The ways to do one pass of a network: plain fp32 eager with the text read again, and ours setting by setting"
    x, t, tokens, mask, pictures = inputs(plain, rows)
    text = plain.encode_text(tokens, mask)
    def cached():
        with sdpa_kernel(SDPBackend.MATH), by_the_book(): return plain(x, t, text=text, **pictures)
    def fused():
        with by_the_book(): return plain(x, t, text=text, **pictures)
    ways = {PLAIN: lambda: eager(plain, x, t, tokens, mask, pictures), '+ text cached': cached, '+ fused attention': fused, '+ enlarging by sums of weights': lambda: plain(x, t, text=text, **pictures)}
    for name, dtype in ((FP32, torch.float32), (BF16, torch.bfloat16)):
        model = copy.deepcopy(plain).cast(dtype).to(memory_format=torch.channels_last)
        features = model.encode_text(tokens, mask)
        ways[name] = lambda model=model, features=features: model(x, t, text=features, **pictures)
    if harness.installed('glide_text2im'): ways['glide-text2im'] = package(plain, (x, t, tokens, mask, pictures))
    return ways


def package_network(options, steps=''):
    "A network of these options by OpenAI's package, which has to be installed from git, in fp32 and otherwise as the package has it; and its chain of `steps`"
    from glide_text2im.model_creation import create_model_and_diffusion, model_and_diffusion_defaults, model_and_diffusion_defaults_upsampler
    theirs = (model_and_diffusion_defaults_upsampler if options['super_res'] else model_and_diffusion_defaults)()
    with torch.device('cpu'): return create_model_and_diffusion(**theirs | {k: options[k] for k in theirs if k in options} | dict(use_fp16=False, timestep_respacing=steps))


def package(ours, given):
    "The same pass by OpenAI's package"
    theirs, _ = package_network(ours.options)
    theirs.eval().load_state_dict({k: v if v.shape == theirs.state_dict()[k].shape else theirs.state_dict()[k] for k, v in ours.state_dict().items()})
    x, t, tokens, mask, pictures = given
    return lambda: theirs(x, t, tokens=tokens, mask=mask, **pictures)


def package_drawing(options, steps, upsample_steps):
    "One guided picture by OpenAI's package, sampled as its own examples do: ancestral in the base, DDIM in the upsampler; () -> picture"
    (base, chain), (up, up_chain) = package_network(options['base'], str(steps)), package_network(options['upsample'], f'ddim{upsample_steps}')
    size, big = (options[kind]['image_size'] for kind in ('base', 'upsample'))
    tokens, mask = WordTokenizer(options['base']['n_vocab'])(['']*2, options['base']['text_ctx'])
    def guided(x, t, **given):
        out = base(torch.cat([x[:1], x[:1]]), t, **given)
        eps, rest = out[:, :3], out[:, 3:]
        eps = eps[1:] + 3*(eps[:1] - eps[1:])
        return torch.cat([torch.cat([eps, eps]), rest], dim=1)
    def draw():
        small = chain.p_sample_loop(guided, (2, 3, size, size), device='cpu', clip_denoised=True, model_kwargs=dict(tokens=tokens, mask=mask))[:1]
        low = ((small + 1)*127.5).round()/127.5 - 1
        return up_chain.ddim_sample_loop(up, (1, 3, big, big), noise=torch.randn(1, 3, big, big)*0.997, device='cpu', clip_denoised=True, model_kwargs=dict(low_res=low, tokens=tokens[:1], mask=mask[:1]))
    base.eval(); up.eval()
    return draw


def step(args):
    "Seconds of a guided base step (two rows) and of an upsampler step (one row), each way, as shares of plain fp32; and what a drawing of so many steps takes"
    steps = {kind: harness.compare(harness.take_turns(pass_ways(random_network(kind, quick=args.quick), rows), args.rounds, args.clock), PLAIN) for kind, rows in ROWS.items()}
    return steps | dict(image=drawings(steps))


def drawings(steps):
    "One picture: the time of a step times the number of steps"
    ways = {'reference, plain fp32, text recomputed': (PLAIN, 100, 27), 'reference, our network in fp32': (FP32, 100, 27), 'default, fp32': (FP32, *STEPS.values()), 'default, bf16': (BF16, *STEPS.values())}
    seconds = {name: n*steps['base'][way]['seconds'] + m*steps['upsample'][way]['seconds'] for name, (way, n, m) in ways.items()}
    plain, ours, *_ = seconds.values()
    return {name: dict(seconds=harness.digits(s), steps=ways[name][1:], ratio_to_plain_reference=harness.digits(s/plain), ratio_to_reference=harness.digits(s/ours)) for name, s in seconds.items()}


def precision(args):
    "Relative difference of bfloat16 outputs from fp32, with the same weights: the largest of three timesteps"
    result = {}
    for kind in ROWS:
        exact = random_network(kind, quick=args.quick)
        low = copy.deepcopy(exact).cast(torch.bfloat16).to(memory_format=torch.channels_last)
        x, _, tokens, mask, pictures = inputs(exact, 1)
        errors = []
        for t in (20, 500, 980):
            want, got = (m(x, torch.tensor([t]), tokens, mask, **pictures) for m in (exact, low))
            errors.append(((got - want).norm()/want.norm()).item())
        result[f'{kind} bfloat16'] = harness.digits(max(errors))
    return result


def memory(args):
    "Peak resident memory of sampling one picture with both networks loaded, interpreter and torch included"
    code = '''
import json, sys, torch
import glide
dtype, quick, threads = getattr(torch, sys.argv[1]), sys.argv[2] == 'True', int(sys.argv[3])
torch.set_num_threads(threads)
networks = {kind: glide.random_network(kind, dtype, quick) for kind in glide.ROWS}
pipe = glide.TextToImage(networks, glide.WordTokenizer(networks['base'].options['n_vocab']), device='cpu', dtype=dtype)
pipe('a boat', seed=0, num_inference_steps=2, upsample_steps=2)
print(sum(p.nbytes for m in networks.values() for p in m.parameters()))'''
    result = {}
    for dtype in ('float32', 'bfloat16'):
        weights, peak = harness.python(code, dtype, args.quick, args.threads)
        result[dtype] = dict(peak_gib=harness.digits(peak/1024), weights_gib=harness.digits(weights/GIB))
    return result


def energy_distance(a, b):
    "Szekely's energy distance 2E|a-b| - E|a-a'| - E|b-b'| between two sets of rows"
    n, m = len(a), len(b)
    return (2*torch.cdist(a, b).mean() - torch.cdist(a, a).sum()/(n*(n - 1)) - torch.cdist(b, b).sum()/(m*(m - 1))).item()


def mixture():
    "A world of three pictures of 3x4x4 in [-1, 1], each a shape on a constant colour of its own"
    colours = torch.tensor([[0.7, 0.1, -0.6], [-0.5, 0.6, 0.2], [-0.7, -0.7, 0.5]])[:, :, None, None]
    shapes = 0.3*torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    return GaussianMixture((colours + shapes).clamp(-0.85, 0.85), 0.05, weights=(0.5, 0.3, 0.2))


def quality(args):
    "Energy distance of samples to the true mixture, the pipeline's default against the reference, on the schedules of base and upsampler; several seeds"
    n, seeds, result, world = *((300, 2) if args.quick else (2000, 5)), {}, mixture()
    randn = lambda: torch.randn(n, 3, 4, 4, dtype=torch.float64)
    for kind, schedule in (('base', 'squaredcos_cap_v2'), ('upsample', 'linear')):
        betas = noise_schedule(schedule, 1000); denoise = world.denoiser(Diffusion(betas))
        walks = {'default': sampler_plan('dpm_solver', kind, STEPS[kind], betas)[0], 'reference': sampler_plan('reference', kind, None, betas)[0]}
        distances = {name: [] for name in (*walks, 'true against true')}
        for seed in range(seeds):
            torch.manual_seed(seed)
            true, other, x = world.sample(n)[0], world.sample(n)[0], randn()
            for name, walk in walks.items(): distances[name].append(energy_distance(final(walk(denoise, x, noise=randn)).flatten(1), true.flatten(1)))
            distances['true against true'].append(energy_distance(other.flatten(1), true.flatten(1)))
        result[kind] = {name: dict(energy_distance=round(statistics.mean(d), 6), standard_error=round(statistics.stdev(d)/len(d)**0.5, 6), n=n, seeds=seeds) for name, d in distances.items()}
    return result


PARTS = dict(step=step, precision=precision, memory=memory, quality=quality)


def arguments(parser):
    "What all benchmarks of a network can be told"
    parser.add_argument('--quick', action='store_true', help='small networks, few rounds')
    parser.add_argument('--rounds', type=int, default=3); parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--clock', choices=harness.CLOCKS, default='wall', help='cpu: seconds of processor time, for a machine that others use too')


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('parts', nargs='*', help=', '.join(PARTS)); arguments(parser)
    args = parser.parse_args()
    unknown = [o for o in args.parts if o not in PARTS]
    if unknown: parser.error(f'no part {unknown[0]!r}; there are {", ".join(PARTS)}')
    torch.set_num_threads(args.threads)
    for name in args.parts or PARTS:
        about, start = harness.machine(args.clock, args.threads), time.perf_counter()
        result = PARTS[name](args)
        harness.record(None if args.quick else harness.RESULTS/'glide.json', name, result, about, time.perf_counter() - start)
        print(f'## {name}: {PARTS[name].__doc__} [{time.perf_counter() - start:.0f} s]\n' + json.dumps(result, indent=1), flush=True)


if __name__ == '__main__': main()
