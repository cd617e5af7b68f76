"""Measures the scene models that ship: losses, caption agreement, distances, copies, controls; and the judge that reads them. Writes results/scenes.json.

    python benchmarks/scenes.py --n 300 --held-out 200                    goes on where it was stopped
    python benchmarks/scenes.py --scratch runs/scratch/scenes             with the control: the same steps from fresh weights, made by
                                                                          python -m autocomics.training.cli scenes-model --scratch -o runs/scratch
    python benchmarks/scenes.py --run runs/scenes/run-base                with the curve of the fine-tuning, from the run's log"""
import argparse, json, os, platform, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
import torch
import numpy as np
from autocomics.core import WEIGHTS, atomic_write, cache_dir, sha256_file
from autocomics.data.scenes import Scenes
from autocomics.diffusion.metrics import bootstrap
from autocomics.glide.pipeline import TextToImage
from autocomics.training.evaluate import _Line, _plain, evaluate, judge_accuracy, load_scene_judge, report_text, scene_trial
from autocomics.training.callbacks import picture_losses
from autocomics.training.finetune import ArraySet, configured, log_rows, make_learner, open_base

here = Path(__file__).parent

def checksums():
    "SHA-256 of every file of weights that the figures depend on"
    root = WEIGHTS
    files = [root/'scene_judge.safetensors', *sorted(p for name in ('scenes', 'scenes-base') for p in (root/name).glob('*.safetensors'))]
    return {p.relative_to(root).as_posix(): sha256_file(p) for p in files}

def fall(n):
    "The loss of both networks of both models on `n` comic scenes that neither has seen, and the fall, picture by picture"
    scenes, out = Scenes('comic', 'valid', 128), {}
    drawn = [scenes[i][:2] for i in range(n)]
    data = ArraySet(np.stack([np.asarray(image) for image, _ in drawn]), [text for _, text in drawn])
    for kind in ('base', 'upsample'):
        c = configured(stage=kind, debiased=True, valid_pictures=n, batch_size=1)
        losses = {name: picture_losses(make_learner(data, open_base(of), c, data, 'cpu')).numpy() for name, of in (('base', 'scenes-base'), ('fine-tuned', 'scenes'))}
        out[kind] = {name: _plain(bootstrap(np.mean, v)) for name, v in (*losses.items(), ('fall', losses['base']-losses['fine-tuned']))}
        print(f"{kind}: {out[kind]}", flush=True)
    return out

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=300, help='captions of seen pairs')
    parser.add_argument('--held-out', type=int, default=200, help='captions of held-out pairs')
    parser.add_argument('--judged', type=int, default=1000, help="real scenes of each kind for the judge's own figures")
    parser.add_argument('--copies', type=int, default=2000, help='training pictures searched for copies')
    parser.add_argument('--scratch', help='folder of a model trained on comics alone, for as many steps')
    parser.add_argument('--run', type=Path, help="folder of the fine-tuning's run, with its log.csv: for the curve")
    parser.add_argument('--losses', type=int, default=200, help='unseen comic scenes on which the losses are compared')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--folder', type=Path, default=None, help='where drawings are kept')
    parser.add_argument('--results', type=Path, default=here/'results'/'scenes.json')
    args = parser.parse_args()
    torch.set_num_threads(1)
    start, weights = time.process_time(), checksums()
    judge = load_scene_judge(device='cpu')
    accuracy = judge_accuracy(judge, args.judged)
    models = {name: TextToImage.from_pretrained(name, device='cpu') for name in ('scenes', 'scenes-base')}
    if args.scratch: models['from scratch'] = TextToImage.from_pretrained(args.scratch, device='cpu')
    for name, pipe in models.items(): pipe.name = name
    first, *others = models.values()
    # a new run of the figures keeps the curve, as long as the weights are the same
    old = json.loads(args.results.read_text(encoding='utf-8')) if args.results.exists() else {}
    curve = log_rows(args.run) if args.run else old.get('curve') if old.get('weights') == weights else None
    losses = fall(args.losses)
    trial = scene_trial(args.n, args.held_out, args.copies, args.seed, judge)
    result = evaluate(first, trial, against=others, controls=True, seed=args.seed, folder=args.folder or cache_dir('benchmarks', 'scenes'), progress=_Line())
    data = dict(weights=weights, report=result.report, losses=losses, curve=curve, judge={f'{style}, {split}': {k: _plain(e) for k, e in row.items()} for (style, split), row in accuracy.items()},
                sampling={name: pipe.sampling for name, pipe in models.items()}, dtype={name: str(pipe.dtype) for name, pipe in models.items()},
                torch=torch.__version__, machine=platform.machine(), cpu_seconds=round(time.process_time()-start), taken=time.strftime('%Y-%m-%d'))
    with atomic_write(args.results, 'w') as f: json.dump(data, f, indent=1)
    print(report_text(result.report))
    print('Beside the goals:  python tools/scenes_report.py')

if __name__ == '__main__': main()
