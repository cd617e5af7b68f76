"""Where the time of a step goes and what each setting is worth: drawing and learning, the scene model's networks and full-size GLIDE, on a CPU or a GPU.

Parts of benchmarks/run.py: `settings`, `profile`, `gpu`. A *step* of drawing is one pass of a network over as many rows as one picture needs; a step of learning is a pass forth and back and the optimiser's."""
import os
from collections import defaultdict
from contextlib import contextmanager, nullcontext
from itertools import product

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import glide, harness
from autocomics.glide.pipeline import TextToImage, best_dtype
from autocomics.learner import Autocast, decay_groups

BACKENDS = dict(fused=[SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH], written=[SDPBackend.MATH])
LAYOUTS = dict(last=torch.channels_last, first=torch.contiguous_format)
PLAIN, OURS = 'plain fp32', 'ours'
BATCH = {'base': 16, 'upsample': 8}   # in which the scene model learns; full-size GLIDE: two rows
NAMES = {torch.float32: 'fp32', torch.bfloat16: 'bf16', torch.float16: 'fp16'}


def settled(run, device):
    "`run`, and on a GPU a wait until it is done: its kernels go on after the call returns"
    if device.type != 'cuda': return run
    def way(): run(); torch.cuda.synchronize()
    return way

def batch(model, n, device, size=None):
    "What a pass over n rows takes, on the device; `size`: of a crop"
    x, t, tokens, mask, pictures = glide.inputs(model, n)
    if size:
        x = x[..., :size, :size]
        pictures = {k: p[..., :size//4, :size//4] for k, p in pictures.items()}
    return [o.to(device) for o in (x, t, tokens, mask)], {k: p.to(device) for k, p in pictures.items()}


# ---- one step, in a setting

def drawing(kind, options, device, dtype, layout, attention, cached=True, compiled=False):
    "A pass of a network as sampling calls it, in one setting: () -> None"
    model = glide.random_network(kind, dtype, **options).to(device, memory_format=LAYOUTS[layout])
    (x, t, tokens, mask), pictures = batch(model, glide.ROWS[kind], device)
    text = model.encode_text(tokens, mask) if cached else None
    if compiled: model.compile(mode='reduce-overhead')
    def run():
        with sdpa_kernel(BACKENDS[attention]), nullcontext() if cached else glide.by_the_book(): model(x, t, **pictures, **(dict(text=text) if cached else dict(tokens=tokens, mask=mask)))
    return settled(run, device)

class Learning:
    "A network, its gradients and its optimiser's memory, held once; `way` gives a step in one setting and turns everything over to that setting first"
    def __init__(self, kind, options, device, rows, size=None):
        self.model, self.device = glide.random_network(kind, **options).to(device).requires_grad_(True).train(), device
        (x, t, tokens, mask), pictures = batch(self.model, rows, device, size)
        self.given, self.state = (x, t, tokens, mask, *pictures.values()), defaultdict(dict)
        self.noise = torch.randn_like(x)

    def way(self, dtype, layout, attention, fused, compiled=False):
        optimizer = torch.optim.AdamW(decay_groups(self.model), lr=1e-6, **dict(fused=True) if fused else dict(foreach=self.device.type == 'cuda'))
        optimizer.state = self.state
        form, net = LAYOUTS[layout], Autocast(self.model, dtype) if dtype != torch.float32 else self.model
        if compiled: net = torch.compile(net)
        def prepare():
            self.model.to(memory_format=form)
            for state in self.state.values():
                for k, v in state.items():
                    if v.ndim == 4: state[k] = v.contiguous(memory_format=form)
            self.given = (self.given[0].contiguous(memory_format=form), *self.given[1:])
        def run():
            with torch.enable_grad(), sdpa_kernel(BACKENDS[attention]):
                eps, _ = net(*self.given).chunk(2, dim=1)
                (eps - self.noise).square().mean().backward()
            optimizer.step(); optimizer.zero_grad()
        return prepare, settled(run, self.device)


# ---- settings

def defaults(device, threads, learning=False):
    "What a user gets: (dtype, layout, attention) for drawing, and for learning the optimiser as well"
    return (best_dtype(device), 'last', 'fused', *([True] if learning else []), threads)

def grid(device, args, learning=False):
    "Every setting that we know"
    threads = sorted({1, args.threads}) if args.clock == 'wall' and device.type == 'cpu' else [args.threads]   # processor time says nothing of more threads
    dtypes = [torch.float32, torch.bfloat16] + [torch.float16]*(device.type == 'cuda' and not learning)
    return list(product(dtypes, LAYOUTS, BACKENDS, *([(True, False)] if learning else []), threads))

def with_threads(way, k):
    "The way on k threads"
    prepare, run = way if isinstance(way, tuple) else (None, way)
    def ready():
        torch.set_num_threads(k)
        if prepare: prepare()
    return ready, run

def compared(ways, default, args, clock, learning=False):
    "One row per setting, the fastest first; ratios are to the default"
    rows = harness.compare(harness.take_turns(ways, args.rounds, clock, seconds=0 if args.quick else 2), default)
    keys = ('dtype', 'layout', 'attention', *(['fused optimiser'] if learning else []), 'threads')
    return [dict(zip(keys, (NAMES[name[0]], *name[1:]))) | dict(default=name == default) | row for name, row in sorted(rows.items(), key=lambda o: o[1]['ratio'])]

def settings(args, device=torch.device('cpu')):
    "A step of the scene model in every setting that we know, drawing and learning; `default` is what a user gets"
    result, clock = {}, args.clock if device.type == 'cpu' else 'wall'
    for kind, options in glide.SCENES.items():
        ways = {s: with_threads(drawing(kind, options, device, *s[:-1]), s[-1]) for s in grid(device, args)}
        result[f'drawing, {kind}'] = compared(ways, defaults(device, args.threads), args, clock)
        held = Learning(kind, options, device, BATCH[kind]//(4 if args.quick else 1), 64 if kind == 'upsample' else None)
        ways = {s: with_threads(held.way(*s[:-1]), s[-1]) for s in grid(device, args, True) if s[-1] == args.threads}
        result[f'learning, {kind}'] = compared(ways, defaults(device, args.threads, True), args, clock, True)
    torch.set_num_threads(args.threads)
    return result


# ---- profile

KINDS_OF_WORK = {'optimiser': ('adam',), 'convolution': ('conv',), 'attention': ('scaled_dot_product', 'attention', 'softmax', 'bmm'), 'matrix product': ('addmm', 'linear', 'mm', 'gemm'), 'norm': ('norm',),
                 'activation': ('silu', 'gelu'), 'copy and layout': ('copy', 'clone', 'cat', 'contiguous', 'fill', 'zero', 'empty', 'resize', 'upsample', 'pool', 'memcpy', 'memset')}

def kind_of_work(op): return next((kind for kind, parts in KINDS_OF_WORK.items() if any(p in op.lower() for p in parts)), 'the rest')

def peak_rate(dtype, device, clock, rounds=5):
    "The most operations per second that a large product of matrices reached here; a multiplication and its addition count as two"
    a = torch.randn(1536 if device.type == 'cpu' else 8192, 1536 if device.type == 'cpu' else 8192, device=device, dtype=dtype)
    return 2*len(a)**3/min(harness.take_turns(dict(product=settled(lambda: a@a, device)), rounds, clock)['product'])

@contextmanager
def quiet():
    "Without what the profiler's own library writes to the error stream"
    with open(os.devnull, 'w') as nowhere:
        kept = os.dup(2); os.dup2(nowhere.fileno(), 2)
        try: yield
        finally: os.dup2(kept, 2); os.close(kept)

def work(way, device, rounds=2):
    "The share of time that each kind of work takes in a way"
    prepare, run = way if isinstance(way, tuple) else (nullcontext, way)
    prepare(); run()
    activity, spent = (torch.profiler.ProfilerActivity.CPU, 'self_cpu_time_total') if device.type == 'cpu' else (torch.profiler.ProfilerActivity.CUDA, 'self_device_time_total')
    with quiet(), torch.profiler.profile(activities=[activity]) as prof:
        for _ in range(rounds): run()
    seconds = defaultdict(float)
    for event in prof.key_averages(): seconds[kind_of_work(event.key)] += getattr(event, spent)
    return {kind: harness.digits(s/sum(seconds.values())) for kind, s in sorted(seconds.items(), key=lambda o: -o[1])}

def flops(way):
    "Operations of one step"
    prepare, run = way if isinstance(way, tuple) else (nullcontext, way)
    prepare()
    with FlopCounterMode(display=False) as count: run()
    return count.get_total_flops()

def steps_of(args, device):
    "name -> function that makes the two ways of a step: plain fp32, and ours"
    dtype = best_dtype(device)
    def draw(kind, options): return lambda: {PLAIN: drawing(kind, options, device, torch.float32, 'first', 'written', cached=False), OURS: drawing(kind, options, device, dtype, 'last', 'fused')}
    def learn(kind, options, rows, size=None):
        def ways():
            held = Learning(kind, options, device, rows, size)
            return {PLAIN: held.way(torch.float32, 'first', 'written', False), OURS: held.way(dtype, 'last', 'fused', True)}
        return ways
    steps = {}
    for kind, options in glide.SCENES.items():
        steps[f'scenes, {kind}: drawing'] = draw(kind, options)
        steps[f'scenes, {kind}: learning'] = learn(kind, options, BATCH[kind]//(4 if args.quick else 1), 64 if kind == 'upsample' else None)
    if not args.quick:
        for kind in glide.ROWS: steps[f'GLIDE, {kind}: drawing'] = draw(kind, {})
        steps['GLIDE, base: learning'] = learn('base', {}, 2 if device.type == 'cpu' else 8)
    return steps

def profile(args, device=torch.device('cpu')):
    "A step, plain and ours: seconds, the share of the device's peak, and the share of each kind of work"
    clock = args.clock if device.type == 'cpu' else 'wall'
    peaks = {dtype: peak_rate(dtype, device, clock) for dtype in {torch.float32, best_dtype(device)}}
    result = dict(peak_gflops={NAMES[dtype]: harness.digits(peak/1e9) for dtype, peak in peaks.items()}, steps={})
    for name, make in steps_of(args, device).items():
        ways = make()
        count = flops(ways[PLAIN])
        rows = harness.compare(harness.take_turns(ways, args.rounds, clock), PLAIN)
        for way, row in rows.items():
            dtype = torch.float32 if way == PLAIN else best_dtype(device)
            row.update(dtype=NAMES[dtype], share_of_peak=harness.digits(count/row['seconds']/peaks[dtype]), work=work(ways[way], device, 1 if name.startswith('GLIDE') else 3))
        result['steps'][name] = dict(gflop=harness.digits(count/1e9)) | rows
        del ways
    return result


# ---- a GPU

def gpu(args):
    "What the goals name for a GPU: 256x256 pictures at batch 1 and 32, eager and compiled; and the settings and the profile there"
    if not torch.cuda.is_available(): return dict(skipped='no GPU on this machine')
    device, pictures = torch.device('cuda'), {}
    result = dict(card=torch.cuda.get_device_name(), dtype=NAMES[best_dtype(device)], settings=settings(args, device), profile=profile(args, device), pictures=pictures)
    for compiled in (False, True):
        networks = {kind: glide.random_network(kind, best_dtype(device), args.quick) for kind in glide.ROWS}
        pipe = TextToImage(networks, glide.WordTokenizer(networks['base'].options['n_vocab']), device=device, compile=compiled)
        for n in (1, 32):
            torch.cuda.reset_peak_memory_stats()
            draw = settled(lambda: pipe(['a boat']*n, seed=1, batch_size=n), device)
            seconds = min(harness.take_turns(dict(draw=draw), args.rounds, 'wall')['draw'])
            pictures[f'{"compiled" if compiled else "eager"}, batch {n}'] = dict(seconds=harness.digits(seconds), pictures_per_second=harness.digits(n/seconds), peak_gib=harness.digits(torch.cuda.max_memory_allocated()/2**30))
    return result
