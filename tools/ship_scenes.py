"""Put a network that `finetune` trained in the place of one that ships, and write its model's card from what the run knows.

    python tools/ship_scenes.py scenes-base base runs/scenes-base --note "70% of them with two actors"
    python tools/ship_scenes.py scenes base runs/scenes --fresh-history
    python tools/ship_scenes.py scenes upsample runs/scenes

Of a run that was stopped before its end, the averaged weights of the newest checkpoint are taken. Then: python tools/scenes_report.py --measure, and chapters 36c and 37 again."""
import argparse, json
from pathlib import Path

import torch
from safetensors.torch import load_file
from autocomics.core import atomic_write
from autocomics.data.scenes import ACTORS
from autocomics.glide import checkpoints
from autocomics.training.finetune import log_rows

root = Path(__file__).resolve().parent.parent

def leg(run, state, style, note):
    "One line on the run that trained a network, from its settings, its log and its last checkpoint"
    s = json.loads((run/'settings.json').read_text(encoding='utf-8'))
    losses = [float(o['valid_loss']) for o in log_rows(run) if o['valid_loss']]
    weights = 'debiased weights' if s['debiased'] else f"min-SNR weights, γ = {s['min_snr']:g}" if s['min_snr'] else 'no weights'
    planned = '' if state['step'] == s['steps'] else f" (planned: {s['steps']:,})"
    crop = f" of crops of {s['crop']}x{s['crop']}" if s['crop'] else ''
    return (f"{state['step']:,} steps{planned} of batches of {s['batch_size']}{crop}, learning rate up to {s['lr']:g} ({s['warmup']} steps of warm-up, then {s['schedule']}), {s['loss']} loss with {weights}, averaged weights (decay {s['ema']:g}), "
            f"{s['caption_dropout']:.0%} of the captions hidden, {s['dtype'] or 'fp32'}, on {state['recipe']['samples']:,} {style} scenes{note and ', '+note}; validation loss {losses[0]:.4f} before, {losses[-1]:.4f} after")

def trained(folder, kind, state):
    "Weights of a run as 16-bit tensors: of its result, or else of its newest checkpoint"
    made = folder/f'{kind}.safetensors'
    if made.exists() and (folder/'config.json').exists(): return {k: v for k, v in load_file(made).items()}
    return {k.removeprefix('model.'): v for k, v in state['callbacks']['EMA']['shadow'].items()}

HEAD = dict(
    plain="""# scenes-base: plain scenes, 128x128

A small text-to-image model of GLIDE's architecture ([chapter 31](https://autocomics.github.io/autocomics/text2im.html)): a base network of 32x32 pixels ({base:,} parameters) and an upsampler to 128x128 ({upsample:,}), stored as 16-bit floats. It is what the comic model `scenes` was fine-tuned from.""",
    comic="""# scenes: comic scenes, 128x128

The model that autocomics draws with by default: [scenes-base](../scenes-base/README.md), fine-tuned by [`finetune`](https://autocomics.github.io/autocomics/finetune.html), the same function that fine-tunes GLIDE, on comic scenes (ink, flat colours, halftone). Base network {base:,} parameters, upsampler {upsample:,}, stored as 16-bit floats.""")

BODY = """
Data: {style} scenes that the library draws itself (`Scenes('{style}', 'train', size, seed={seed})`), the last 500 for validation; {actors} actors in ten places, from Noto Emoji (Apache-2.0) and drawn by us; one pair of actor and place in ten is held out.

| network | trained in these legs, each from the averaged weights of the one before; seed 0 |
|---|---|
{legs}

`python -m autocomics.training.cli scenes-model` teaches such a model, in fewer legs and more steps ([chapter 36c](https://autocomics.github.io/autocomics/scene_model.html)). Licence: Apache-2.0.

It draws {actors} actors in ten places, alone, two that differ, two or three alike, by day, at sunset and at night, in rain and fog, and nothing else. Figures: `python tools/scenes_report.py` in the repository, by [a judge that learned nothing](https://autocomics.github.io/autocomics/scene_judge.html).
"""

def card(config, sizes):
    "The card as Markdown, from config.json"
    info = config['info']
    legs = '\n'.join(f'| {kind} | {line} |' for kind, lines in info['history'].items() for line in lines)
    return HEAD[info['style']].format(**sizes) + '\n' + BODY.format(style=info['style'], actors=len(info['actors']), seed=('plain', 'comic').index(info['style']), legs=legs)

def ship(name, kind, folder, note, fresh, weights):
    "Take a trained network over into the weights `name`, and write the card"
    target, run = weights/name, folder/f'run-{kind}'
    config, net = checkpoints.read_config(target), checkpoints.load(kind, target)
    state = torch.load(max((run/'checkpoints').glob('step-*.pt')), weights_only=True, map_location='cpu')
    net.load_state_dict({k: v.float() for k, v in trained(folder, kind, state).items()})
    checkpoints.write_safetensors({k: v.to(net.stored_dtype(k, torch.float16)) for k, v in net.state_dict().items()}, target/f'{kind}.safetensors')
    history = config['info']['history']
    history[kind] = ([] if fresh else history[kind]) + [leg(run, state, config['info']['style'], note)]
    config['info']['actors'] = list(ACTORS)
    with atomic_write(target/'config.json', 'w') as f: json.dump(config, f, indent=1, ensure_ascii=False)
    sizes = {o: sum(p.numel() for p in checkpoints.load(o, target).parameters()) for o in config['networks']}
    with atomic_write(target/'README.md', 'w') as f: f.write(card(config, sizes))
    for path in sorted(target.iterdir()): print(f'{path}  {path.stat().st_size/2**20:.2f} MiB')

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', choices=('scenes', 'scenes-base'))
    parser.add_argument('kind', choices=('base', 'upsample'))
    parser.add_argument('folder', type=Path, help='what finetune wrote, with its folder run-base or run-upsample')
    parser.add_argument('--note', default='', help='what else is to be said about the pictures')
    parser.add_argument('--fresh-history', action='store_true', help='the run did not begin with the weights that ship under this name')
    parser.add_argument('--weights', type=Path, default=root/'autocomics'/'weights', help='where the weights that ship are')
    args = parser.parse_args()
    ship(args.name, args.kind, args.folder, args.note, args.fresh_history, args.weights)

if __name__ == '__main__': main()
