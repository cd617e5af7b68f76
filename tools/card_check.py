"""Walk training, drawing and the notebooks under a make-believe CUDA card: main memory that plays by a card's rules.

    AUTOCOMICS_CARD=FOLDER python tools/card_check.py [--notebooks 05_learner 14_digits ...] [--all]

FOLDER holds the make-believe card: card.py, and libcard.so that was built for the torch of this environment (its README says
how). It is no part of this project. Where AUTOCOMICS_CARD is not set nothing is checked, and that is said; on a machine with a
real card the notebooks' own `cuda` cells are the check. Every line says OK or FAIL; the exit code is the number of failures."""
import argparse, json, os, re, shutil, sys, tempfile, time, traceback, warnings
from pathlib import Path

root = Path(__file__).resolve().parent.parent
NOTEBOOKS = ('03_vae', '05a_batches', '05_learner', '05c_record', '14_digits', '35_callbacks', '36_finetune', '36b_flat_curves', '36h_run',
             '36i_memory', '37_evaluate')
done, failed = [], []

def check(name, work):
    "Run one check; what goes wrong is told with its place"
    start = time.monotonic()
    try: said = work()
    except Exception as e:
        where = ' > '.join(f'{Path(o.filename).name}:{o.lineno}' for o in traceback.extract_tb(e.__traceback__) if 'autocomics' in o.filename)
        failed.append(name)
        print(f'FAIL  {name}: {type(e).__name__}: {str(e)[:200]} | {where}', flush=True)
    else: print(f'OK    {name}' + (f': {said}' if said else '') + f'  [{time.monotonic()-start:.0f} s]', flush=True)
    done.append(name)

# ---- training

def small_set(n=24, size=16):
    import numpy as np
    from autocomics.training.finetune import ArraySet
    return ArraySet(np.random.default_rng(0).integers(0, 255, (n, size, size, 3), dtype=np.uint8), ['a fox', 'a cat']*(n//2))

def a_model(folder):
    "A folder with a small base network and upsampler"
    from autocomics.glide import checkpoints
    from autocomics.glide.pipeline import tiny_networks
    from autocomics.glide.tokenizer import Tokenizer
    checkpoints.save(folder, tiny_networks(('base', 'upsample'), Tokenizer.small().n_vocab), 'small', 'tiny')
    return folder

def options(folder, **kw):
    return dict(dict(folder=folder, steps=4, batch_size=8, every=2, save_seconds=1e9, valid_pictures=4, draw=('a fox',)), **kw)

def learner(base, folder, device='cuda', **kw):
    from autocomics.training import finetune as f
    c = f.configured(**options(folder, **kw))
    return f.make_learner(small_set(size=32 if c.stage == 'upsample' else 16), f.open_base(base, c.stage), c, device=device)

def trains(base, folder, **kw):
    from autocomics.training.finetune import finetune
    learn = finetune(small_set(size=32 if kw.get('stage') == 'upsample' else 16), base, device='cuda', **options(folder, **kw))
    assert learn.finished and learn.device.type == 'cuda'
    return f'loss {float(learn.recorder.losses[-1]):.3f}, micro-batch {learn.micro_batch}'

def resumes(base, folder, **kw):
    "Stopped after two steps and gone on: the same weights in every bit"
    import torch
    from autocomics.training.finetune import finetune
    whole = finetune(small_set(), base, device='cuda', **options(folder/'whole', **kw))
    part = finetune(small_set(), base, device='cuda', **options(folder/'part', hours=1e-9, **kw))
    assert not part.finished
    while not part.finished: part = finetune(small_set(), base, device='cuda', **options(folder/'part', **kw))
    for a, b in zip(whole.model.state_dict().values(), part.model.state_dict().values()): assert torch.equal(a.cpu(), b.cpu())

def on_the_cpu(base, folder):
    learn = learner(base, folder, 'cpu')
    learn.fit_steps(2, 1e-3)
    assert {p.device.type for p in learn.model.parameters()} == {'cpu'}

# ---- waits: every copy between the device and main memory, and every value read back, counts as one

def waits(card, work):
    card.reset(); work(); c = card.counts()
    return c['h2d'] + c['d2h'] + c['read']

def training_waits(card, base, folder, **kw):
    learn = learner(base, folder, **kw)
    for o in ('checkpoint', 'run_log', 'machine_log', 'pictures', 'step_bar', 'stop_on_ctrl_c'): learn.remove_cb(getattr(learn, o))
    learn.create_opt(); learn.ema.before_fit(); learn.model.train(); learn.training = True
    learn.ema.learn.step = learn.step
    def steps(n):
        for i in range(n): learn.one_batch(i, learn.dls.train.batch(learn.step))
    learn.opt.set_hyper('lr', 1e-4)
    learn.recorder.before_fit(); learn.recorder.before_epoch(); learn.train_iter, learn.n_iter, learn.pct_train = 0, 10, 0.
    steps(2) # tables go over, the optimiser makes its state
    a, b = waits(card, lambda: steps(2)), waits(card, lambda: steps(6))
    n, most = (b-a)/4, 2
    assert n <= most, f'{n} waits a step, at most {most} are allowed: {card.counts()}'
    return f'{n:g} waits a step'

def sampling_waits(card, base, sampler):
    from autocomics.glide.pipeline import TextToImage
    pipe = TextToImage.from_pretrained(base, device='cuda', dtype='fp32')
    draw = lambda n: pipe(['a fox'], seed=0, sampler=sampler, num_inference_steps=n, upsample_steps=2)
    draw(12); draw(6)
    a, b = waits(card, lambda: draw(6)), waits(card, lambda: draw(12))
    n = (b-a)/6
    most = 0 if sampler == 'ddim' else 1 # ancestral steps get their picture's own noise, which goes over
    assert n <= most, f'{n} waits a step, at most {most} are allowed'
    return f'{n:g} waits a step'

# ---- notebooks

def notebook(name):
    "Every cell of a notebook, but those that are slow, for a real card, or not run"
    from execnb.shell import CaptureShell
    shell, here, wrong = CaptureShell(), os.getcwd(), []
    os.chdir(root/'nbs'); sys.path.insert(0, '.')
    try:
        for cell in json.loads((root/'nbs'/f'{name}.ipynb').read_text(encoding='utf-8'))['cells']:
            source = ''.join(cell['source'])
            flags = re.findall(r'^#\|\s*(.*)$', source, re.M)
            if cell['cell_type'] != 'code' or 'pip install' in source or any(re.match(r'(eval:\s*false|slow|cuda)', o) for o in flags): continue
            shell.run(source)
            if getattr(shell, 'exc', None):
                kind, value = (shell.exc[:2] if isinstance(shell.exc, tuple) else (type(shell.exc), shell.exc))
                wrong.append(f"cell {cell.get('id')}: {kind.__name__}: {str(value)[:150]}"); shell.exc = None
    finally: os.chdir(here)
    if wrong: raise AssertionError('; '.join(wrong[:3]))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--notebooks', nargs='*', default=[], help='run these under the card, too')
    parser.add_argument('--all', action='store_true', help=f"all that train: {' '.join(NOTEBOOKS)}")
    args = parser.parse_args()
    folder = os.environ.get('AUTOCOMICS_CARD')
    if not folder: print('No make-believe card is at hand (AUTOCOMICS_CARD names its folder): nothing was checked.'); return 0
    sys.path.insert(0, folder); sys.path.insert(0, str(root))
    import card
    os.environ['IN_TEST'] = '1'
    os.environ.setdefault('TQDM_DISABLE', '1')
    warnings.filterwarnings('ignore')
    work = Path(tempfile.mkdtemp())
    base = a_model(work/'tiny')
    for dtype in ('fp32', 'bf16', 'fp16'):
        for stage in ('base', 'upsample'):
            for train in ('full', 'lora'):
                check(f'fine-tuning {dtype} {stage} {train}', lambda: trains(base, work/f'{dtype}{stage}{train}', dtype=dtype, stage=stage, train=train))
    check('resumed, fp32', lambda: resumes(base, work/'r32', dtype='fp32'))
    check('resumed, bf16', lambda: resumes(base, work/'r16', dtype='bf16'))
    check('device="cpu" trains on the CPU', lambda: on_the_cpu(base, work/'cpu'))
    for dtype in ('fp32', 'bf16', 'fp16'): check(f'waits of a training step, {dtype}', lambda: training_waits(card, base, work/'w', dtype=dtype))
    check('waits of a training step, upsampler with crops', lambda: training_waits(card, base, work/'w', dtype='fp32', stage='upsample', crop=16))
    for sampler in ('dpm_solver', 'ddim', 'ddpm'): check(f'waits of a sampling step, {sampler}', lambda: sampling_waits(card, base, sampler))
    for name in NOTEBOOKS if args.all else args.notebooks: check(f'notebook {name}', lambda: notebook(name))
    shutil.rmtree(work, ignore_errors=True)
    print(f'{len(done)-len(failed)} passed, {len(failed)} failed')
    return len(failed)

if __name__ == '__main__': sys.exit(main())
