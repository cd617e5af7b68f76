"""How long DALL-E Mini takes here, and how much memory Mini and Mega need: random weights of the true sizes, nothing is downloaded.

    python benchmarks/dalle.py                   both models, one and four candidates, about 3 minutes on two quiet cores
    python benchmarks/dalle.py --models mini     one of them
    python benchmarks/dalle.py --clock cpu       seconds of the processor, for a machine that others use at the same time

Weights are random: time and memory do not depend on what they mean. `pictures`: the part of the seconds that the last step took, in which the detokenizer draws. Each case runs in a process of its own, whose peak of resident memory is kept. Mega draws 16 of its 256 tokens; its seconds are not a picture's.
Results go to benchmarks/results/dalle.json."""
import argparse, json

import harness

CASE = '''
import json, sys, torch
sys.path.append(sys.path.pop(0))           # this folder, which has an emoji.py, behind the package emoji
from harness import CLOCKS
from autocomics.dalle.detokenizer import Detokenizer
from autocomics.dalle.drawing import Dalle
from autocomics.dalle.text import CaptionTokenizer
from autocomics.dalle.transformer import create
kind, dtype, candidates, clock, threads, most = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3]), CLOCKS[sys.argv[4]], int(sys.argv[5]), int(sys.argv[6])
if threads: torch.set_num_threads(threads)

def filled(net, dtype):
    net = net.to(dtype).to_empty(device='cpu').requires_grad_(False)
    for p in net.parameters(): p.normal_(std=.02) if p.ndim > 1 else p.zero_()
    return net

with torch.device('meta'): nets = create(kind), Detokenizer()
words = ['<s>', '<pad>', '</s>', '<unk>', 'Ġ', *'abcdefghijklmnopqrstuvwxyz']
dalle = Dalle(filled(nets[0], dtype), filled(nets[1], torch.float32), CaptionTokenizer({w: i for i, w in enumerate(words)}, []), 'cpu')
start = clock()
for step, total, x in dalle.steps('fox forest', 0, candidates=candidates):
    if step == total - 1: last = clock()
    if step == most: break
end = clock()
print(json.dumps(dict(seconds=end - start, pictures=end - last if step == total else None, tokens=step)))
'''

def case(kind, candidates, args, dtype, most):
    row, peak = harness.python(CASE, kind, dtype, candidates, args.clock, args.threads, most)
    out = dict(model=kind, dtype=dtype, candidates=candidates, tokens=row['tokens'], seconds=harness.digits(row['seconds']),
               pictures=row['pictures'] and harness.digits(row['pictures']), peak_mib=peak)
    print(out, flush=True)
    return out

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--models', nargs='*', default=['mini', 'mega'], choices=['mini', 'mega'])
    ap.add_argument('--dtype', default='bfloat16', choices=['bfloat16', 'float32'])
    ap.add_argument('--clock', default='wall', choices=list(harness.CLOCKS))
    ap.add_argument('--threads', type=int, default=0, help="0: torch's own choice")
    args = ap.parse_args()
    machine = harness.machine(args.clock, args.threads or None)
    rows = [case(kind, n, args, args.dtype, 256 if kind == 'mini' else 16) for kind in args.models for n in ((1, 4) if kind == 'mini' else (1,))]
    mini = [r for r in rows if r['model'] == 'mini']
    result = dict(machine=machine, rows=rows, **(dict(four_by_one=harness.digits(mini[1]['seconds']/mini[0]['seconds'])) if mini else {}))
    harness.RESULTS.mkdir(exist_ok=True)
    (harness.RESULTS/'dalle.json').write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')

if __name__ == '__main__': main()
