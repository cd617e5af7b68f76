"""Measures the digit model: accuracy, Fréchet distance, solvers, validation loss, cost. Each part adds its rows to results/digits.json as soon as it has them.

python benchmarks/digits.py validation cost sample:1.0:20:10000 sample:2.0:20:10000 solver:2000 peer:120:400

Drawing is done in chunks that are kept: started again, a part goes on, and the same part started twice at once shares the chunks (two cores, half the time)."""
import argparse, csv, json, math, os, sys, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np, torch
from filelock import FileLock, Timeout
from torch import nn
from autocomics.core import WEIGHTS, atomic_write, sha256_file, to_tensor
from autocomics.mnist import load_mnist
from autocomics.learner import Autocast
from autocomics.diffusion.digits import digit_steps, digits_diffusion, draw_digits, guided_denoiser, load_digits_model
from autocomics.diffusion.metrics import conditional_accuracy, extract, frechet_distance, kernel_difference, kernel_distance, load_digit_judge, real_floor, wilson
from autocomics.diffusion.samplers import final, image_noise
from autocomics.diffusion.unet import UNet

here = Path(__file__).parent
results, store = here/'results'/'digits.json', Path(os.environ.get('AUTOCOMICS_SAMPLES', here/'samples'))
training, weights = here/'results'/'digits_training.json', WEIGHTS/'digits.safetensors'

def add(key, **row):
    "Put a row into the JSON file; what other weights drew is thrown away"
    results.parent.mkdir(exist_ok=True)
    with FileLock(str(results)+'.lock'):
        sha = sha256_file(weights)
        data = json.loads(results.read_text()) if results.exists() else {}
        if data.get('weights_sha256') != sha: data = dict(weights_sha256=sha, rows={k: v for k,v in data.get('rows', {}).items() if k in ('judge', 'peer')})
        data['rows'][key] = row
        with atomic_write(results, 'w') as f: json.dump(data, f, indent=1, sort_keys=True)
    Path(str(results)+'.lock').unlink(missing_ok=True)
    print(key, json.dumps(row), flush=True)

def interval(e): return dict(value=float(e), low=e.low, high=e.high, n=e.n)

def _drawn(path, model, scale, steps, sampler, start, chunk):
    "One chunk of digits, from disk or drawn now; None where another process is drawing it"
    if not path.exists():
        try:
            with FileLock(f'{path}.lock', timeout=0):
                if not path.exists():
                    labels, noise = torch.arange(start, start+chunk) % 10, image_noise(range(start, start+chunk), (1, 28, 28))
                    x = final(digit_steps(Autocast(model), labels, noise, scale, steps, sampler))
                    with atomic_write(path) as f: np.savez(f, images=((x+1)*127.5).round().clamp(0, 255).byte().numpy()[:, 0])
            Path(f'{path}.lock').unlink(missing_ok=True)
        except Timeout: return None
    return to_tensor(np.load(path)['images'][..., None])

def sample(model, judge, scale, steps, n, sampler='dpm_solver', chunk=250, report=None):
    """n digits, 0 to 9 in turn, seed i for digit i, in bfloat16: (features, logits)

    Every chunk is kept on disk. The same command may be started again after an interruption, or several times at once: then the processes share the chunks."""
    folder = store/f'{sha256_file(weights)[:8]}-{sampler}-{scale}-{steps}'
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    while len(parts) < n//chunk:
        for start in range(0, n, chunk):
            if start in parts: continue
            x = _drawn(folder/f'{start:06d}-{chunk}.npz', model, scale, steps, sampler, start, chunk)
            if x is None: continue
            parts[start] = extract(judge.features, x), extract(judge, x)
            whole = all(o in parts for o in range(0, start, chunk))
            if report and whole: report(*(np.concatenate(o) for o in zip(*(parts[i] for i in range(0, start+1, chunk)))))
        else: time.sleep(1)
    return tuple(np.concatenate(o) for o in zip(*(parts[i] for i in sorted(parts))))

def real_features(judge): return extract(judge.features, to_tensor(load_mnist('train')[0][..., None]))

def _real(judge):
    path = store/'real.npy'
    if not path.exists():
        store.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as f: np.save(f, real_features(judge))
    return np.load(path)

def part_sample(model, judge, scale, steps, n):
    "Accuracy and Fréchet distance at one guidance scale and number of steps"
    start = time.process_time()
    def progress(features, logits): print(f'scale {scale}: {(logits.argmax(1) == np.arange(len(logits)) % 10).mean():.4f} of {len(logits):,} read as asked', flush=True)
    features, logits = sample(model, judge, scale, steps, n, report=progress)
    accuracy = wilson(int((logits.argmax(1) == np.arange(n) % 10).sum()), n)
    real = _real(judge)
    floor = real_floor(frechet_distance, real, n, repeats=5)
    rng = np.random.default_rng(0)
    distance = [frechet_distance(features, real[rng.permutation(len(real))[:n]]) for _ in range(5)]
    add(f'sample-{scale}-{steps}-{n}', guidance_scale=scale, num_inference_steps=steps, sampler='dpm_solver, stochastic until lambda = 1', n=n, seeds=f'0-{n-1}', accuracy=interval(accuracy),
        frechet=float(np.mean(distance)), floor=interval(floor), ratio=float(np.mean(distance)/float(floor)), dtype='bfloat16', cpu_seconds=round(time.process_time()-start))

def part_solver(model, judge, n, scale=1.):
    "20 steps of the solver against 1000 ancestral ones, from the same noise and labels, n pictures each"
    real = _real(judge)[:10000]
    def compare(features, _):
        m = len(features)
        if m < 500 or m % 500: return
        a = sample(model, judge, scale, 20, m)[0]
        e = kernel_difference(a, features, real)
        add('solver', n=m, guidance_scale=scale, seeds=f'0-{m-1}', difference=interval(e), dpm_solver_20=kernel_distance(a, real), ddpm_1000=kernel_distance(features, real), dtype='bfloat16')
    compare(*sample(model, judge, scale, 1000, n, sampler='ddpm', report=compare))

def part_validation(model, judge):
    "ε mean squared error on the 10,000 test pictures: timesteps evenly spread, noise fixed"
    x0, labels = to_tensor(load_mnist('test')[0][..., None]), torch.as_tensor(load_mnist('test')[1]).long()
    d, errors = digits_diffusion(), []
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    t = torch.arange(len(x0)) % 1000
    t = t[torch.randperm(len(t), generator=torch.Generator().manual_seed(1))]
    with torch.no_grad():
        for i in torch.arange(len(x0)).split(250): errors.append(((model(d.q_sample(x0[i], t[i], noise[i]), t[i], labels[i])-noise[i])**2).flatten(1).mean(1))
    e = torch.cat(errors)
    half = 1.96*e.std().item()/len(e)**0.5
    add('validation', value=e.mean().item(), low=e.mean().item()-half, high=e.mean().item()+half, n=len(e), dtype='float32',
        by_timestep=[e[(t >= a) & (t < a+100)].mean().item() for a in range(0, 1000, 100)])

def part_training(model, judge, run, folder, every=4):
    "Keep the log of one run of the training (counted from 1), thinned, for the page that shows it"
    with open(Path(folder)/'log.csv', newline='', encoding='utf-8') as f: log = list(csv.DictReader(f))
    of = lambda what: [[int(r['step']), round(float(r[what]), 5)] for r in log if r[what]]
    kept = json.loads(training.read_text(encoding='utf-8'))['legs'][:run-1] if training.exists() else []
    if len(kept) != run-1: raise SystemExit(f'run {run} comes after run {run-1}, whose log is not in {training}: give that first')
    with atomic_write(training, 'w') as f: json.dump(dict(legs=[*kept, dict(train_loss=of('train_loss')[::every], valid_loss=of('valid_loss'))]), f)

def part_judge(model, judge):
    "How well the judge reads real test digits"
    add('judge', **interval(conditional_accuracy(judge, *load_mnist('test'))))

def part_cost(model, judge):
    "Floating-point operations per picture, and 100 digits in 20 steps on the threads there are"
    from torch.utils.flop_counter import FlopCounterMode
    m = UNet(**model.options)
    with FlopCounterMode(display=False) as count: m(torch.randn(1, 1, 28, 28), torch.tensor([1]), torch.tensor([1])).square().mean().backward()
    start, cpu = time.time(), time.process_time()
    for _ in draw_digits([i % 10 for i in range(100)], guidance_scale=2., model=model): pass
    add('cost', gflop=count.get_total_flops()/1e9, parameters=sum(p.numel() for p in m.parameters()), megabytes=weights.stat().st_size/1e6,
        seconds_100_digits=time.time()-start, cpu_seconds_100_digits=time.process_time()-cpu, threads=torch.get_num_threads())

# as many parameters as ours, at the same three sizes of feature maps
PEER = dict(sample_size=28, in_channels=1, out_channels=1, block_out_channels=(32, 48, 72), layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
            down_block_types=('DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'), up_block_types=('AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'), num_class_embeds=11)

def peer_network():
    from diffusers import UNet2DModel
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet2DModel(**PEER)

class Peer(nn.Module):
    "diffusers' network with the arguments of ours"
    def __init__(self): super().__init__(); self.net = peer_network()
    def forward(self, x, t, labels): return self.net(x, t, class_labels=labels).sample

def _train_for(model, seconds, lr):
    "The digits recipe in bfloat16 for so many CPU seconds: (pictures per CPU second, validation loss)"
    from autocomics.diffusion.digits import digits_learner
    from autocomics.learner import CancelFitException, Callback
    class Stop(Callback):
        order = 50  # before the schedule reads how much of the run is over
        def before_fit(self): self.start = time.process_time()
        def before_batch(self):
            if self.training: self.learn.pct_train = min(1., (time.process_time()-self.start)/seconds)
        def after_batch(self):
            if self.training and time.process_time()-self.start > seconds: raise CancelFitException()
    learn = digits_learner(data=load_mnist('train'), valid=tuple(o[:1000] for o in load_mnist('test')), model=model, dtype=torch.bfloat16, interval=10**6, ema=.99, cbs=[Stop()])
    learn.fit_steps(10**6, lr)
    rate = learn.step*32/seconds
    loss = float(list(learn.validate())[-1])
    model.load_state_dict({k.removeprefix('model.'): v for k,v in learn.ema.shadow.items()})
    return rate, loss

def draw_peer(model, labels, steps=20):
    "Guided digits by diffusers' own scheduler; model: (x, t, labels) -> eps"
    from diffusers import DPMSolverMultistepScheduler
    scheduler = DPMSolverMultistepScheduler(num_train_timesteps=1000, beta_schedule='squaredcos_cap_v2', use_lu_lambdas=True, algorithm_type='sde-dpmsolver++')
    scheduler.set_timesteps(steps)
    denoise = guided_denoiser(model, labels, 2.)
    x, generator = image_noise(range(len(labels)), (1, 28, 28))(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for t in scheduler.timesteps: x = scheduler.step(denoise(x, t.long().expand(len(x)))[0], t, x, generator=generator).prev_sample
    return x.clamp(-1, 1)

def part_peer(model, judge, seconds=60, n=100):
    "Ours and diffusers' U-Net, trained for the same CPU seconds, the better of two learning rates for each"
    from torch.utils.flop_counter import FlopCounterMode
    rows, labels = {}, torch.arange(n) % 10
    for name,make in {'autocomics UNet': UNet, 'diffusers UNet2DModel': Peer}.items():
        best = None
        for lr in (1e-3, 4e-3):
            torch.manual_seed(0)
            m = make()
            rate, loss = _train_for(m, seconds, lr)
            if best is None or loss < best[1]: best = m, loss, rate, lr
        m, loss, rate, lr = best
        m.eval()
        with FlopCounterMode(display=False) as count: m(torch.randn(1, 1, 28, 28), torch.tensor([1]), torch.tensor([1]))
        start = time.process_time()
        if name.startswith('auto'):
            x = final(digit_steps(Autocast(m), labels, image_noise(range(n), (1, 28, 28)), 2.))
        else: x = draw_peer(Autocast(m), labels)
        cpu = time.process_time()-start
        right = conditional_accuracy(judge, x, labels)
        rows[name] = dict(parameters=sum(p.numel() for p in m.parameters()), gflop_forward=round(count.get_total_flops()/1e9, 3), trained_per_cpu_second=round(rate), learning_rate=lr,
                          validation_loss=round(loss, 4), drawn_per_cpu_second=round(n/cpu, 2), accuracy=f'{float(right):.1%} [{right.low:.1%}, {right.high:.1%}]', n=n, cpu_seconds_of_training=seconds)
        add('peer', **rows)

def _number(text):
    "'3' -> 3, '1.5' -> 1.5, other text as it is"
    for kind in (int, float):
        try: return kind(text)
        except ValueError: pass
    return text

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('parts', nargs='+', help='judge, validation, cost, sample:SCALE:STEPS:N, solver:N, peer:SECONDS:N, training:LEG:FOLDER')
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, judge = load_digits_model(device='cpu'), load_digit_judge(device='cpu')
    for part in args.parts:
        name, *rest = part.split(':', 2 if part.startswith('training') else -1)
        globals()[f'part_{name}'](model, judge, *[_number(o) for o in rest])

if __name__ == '__main__': main()
