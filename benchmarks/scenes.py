"""Measures the scene models that ship: caption agreement, distances, copies, controls; and the judge that reads them. Writes results/scenes.json.

python benchmarks/scenes.py --n 300 --held-out 200                  about ten minutes on one core, and goes on where it was stopped
python benchmarks/scenes.py --scratch runs/comic-from-scratch       with the control that was trained without the base"""
import argparse, json, os, platform, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
import torch
from autocomics.core import atomic_write, cache_dir, sha256_file
from autocomics.glide.pipeline import TextToImage
from autocomics.training.evaluate import _Line, _plain, _weights_folder, evaluate, judge_accuracy, load_scene_judge, report_text, scene_trial

here = Path(__file__).parent

def checksums():
    "SHA-256 of every file of weights that the figures depend on"
    root = _weights_folder()
    files = [root/'scene_judge.safetensors', *sorted(p for name in ('scenes', 'scenes-base') for p in (root/name).glob('*.safetensors'))]
    return {p.relative_to(root).as_posix(): sha256_file(p) for p in files}

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=300, help='captions of seen pairs')
    parser.add_argument('--held-out', type=int, default=200, help='captions of held-out pairs')
    parser.add_argument('--judged', type=int, default=1000, help="real scenes of each kind for the judge's own figures")
    parser.add_argument('--copies', type=int, default=2000, help='training pictures searched for copies')
    parser.add_argument('--scratch', help='folder of a model trained on comics alone, for as many steps')
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
    trial = scene_trial(args.n, args.held_out, args.copies, args.seed, judge)
    result = evaluate(first, trial, against=others, controls=True, seed=args.seed, folder=args.folder or cache_dir('benchmarks', 'scenes'), progress=_Line())
    data = dict(weights=weights, report=result.report, judge={f'{style}, {split}': {k: _plain(e) for k, e in row.items()} for (style, split), row in accuracy.items()},
                sampling={name: pipe.sampling for name, pipe in models.items()}, dtype={name: str(pipe.dtype) for name, pipe in models.items()},
                torch=torch.__version__, machine=platform.machine(), cpu_seconds=round(time.process_time()-start), taken=time.strftime('%Y-%m-%d'))
    with atomic_write(args.results, 'w') as f: json.dump(data, f, indent=1)
    print(report_text(result.report))
    print('Beside the goals:  python tools/scenes_report.py')

if __name__ == '__main__': main()
