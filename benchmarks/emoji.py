"""A second set, of real drawings: fine-tune from Noto's style of emoji to OpenMoji's, with the same captions, and measure it by the commands that measure the scenes. Writes results/emoji.json and nbs/images/emoji.jpg.

    python benchmarks/emoji.py                      twelve minutes of one core; goes on where it was stopped
    python benchmarks/emoji.py --noto 1200 --openmoji 500 -n 200   better weights, narrower intervals: some forty minutes

Every step is a command that a user could type; they are kept in the result."""
import argparse, json, os, shlex, subprocess, sys, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
from PIL import Image
from autocomics.core import atomic_write, cache_dir
from autocomics.training.finetune import log_rows

here = Path(__file__).resolve().parent
captions = 'dog face', 'red apple', 'automobile', 'grinning face', 'house', 'guitar', 'penguin', 'rocket', 'sunflower', 'red heart'
how = '--option ema=.995 --option dtype=bf16 --option debiased=yes --option valid_pictures=150 ' + ' '.join(f'--draw "{o}"' for o in captions)

def run(commands, line, done):
    "Note a command, and call it where its result is not there yet"
    commands.append(f'autocomics {line}')
    print(f'$ {commands[-1]}', flush=True)
    if not Path(done).exists(): subprocess.run([sys.executable, '-c', 'from autocomics.cli import main; main()', *shlex.split(line)], check=True)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--noto', type=int, default=300, help='steps on the Noto drawings, from scenes-base')
    parser.add_argument('--openmoji', type=int, default=150, help='steps on the OpenMoji drawings; and of the control, from fresh weights')
    parser.add_argument('-n', type=int, default=60, help='captions of the test part')
    parser.add_argument('--folder', type=Path, default=None, help='where sets, models and drawings are kept')
    parser.add_argument('--results', type=Path, default=here/'results'/'emoji.json')
    parser.add_argument('--sheet', type=Path, default=here.parent/'nbs'/'images'/'emoji.jpg')
    args = parser.parse_args()
    results, picture, commands = args.results.resolve(), args.sheet.resolve(), []
    os.chdir(args.folder or cache_dir('benchmarks', 'emoji'))
    for name in ('noto', 'openmoji'): run(commands, f'dataset emoji {name} --size 64 -o {name}', name)
    run(commands, f'finetune noto --base scenes-base -o emoji-noto --steps {args.noto} --lr 1e-3 --option every=100 {how}', 'emoji-noto/README.md')
    for output, fresh in (('emoji-openmoji', ''), ('from-scratch', ' --option fresh=yes')):
        run(commands, f'finetune openmoji --base emoji-noto -o {output} --steps {args.openmoji} --lr 5e-4 --option every=50{fresh} {how}', f'{output}/README.md')
    run(commands, f'evaluate emoji-openmoji --data openmoji --extractor scenes --against emoji-noto --against from-scratch --controls -n {args.n} -o proof', 'proof/report.json')
    data = dict(commands=commands, report=json.loads(Path('proof/report.json').read_text(encoding='utf-8')), curve=log_rows('emoji-openmoji/run-base'),
                card=Path('emoji-openmoji/README.md').read_text(encoding='utf-8'), taken=time.strftime('%Y-%m-%d'))
    with atomic_write(results, 'w') as f: json.dump(data, f, indent=1, ensure_ascii=False)
    with atomic_write(picture) as f: Image.open('proof/sheet.png').convert('RGB').save(f, 'JPEG', quality=80, optimize=True)
    print(Path('proof/table.txt').read_text(encoding='utf-8'))

if __name__ == '__main__': main()
