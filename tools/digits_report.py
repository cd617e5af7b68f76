"""Print the figures of the digit model beside their goals. They were measured by benchmarks/digits.py; --measure takes them again (about an hour and a half of one core). --card writes them into the model card."""
import hashlib, json, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
parts = 'judge validation cost sample:1.0:20:10000 sample:1.15:20:10000 sample:1.25:20:10000 sample:1.5:20:10000 sample:2.0:20:10000 solver:2000 peer:120:400'.split()

def goals(rows):
    "(what, goal, measured, reached) for each goal that has been measured"
    pct = lambda e: f"{e['value']:.2%} [{e['low']:.2%}, {e['high']:.2%}], n = {e['n']:,}"
    samples = [r for k,r in rows.items() if k.startswith('sample') and r['n'] >= 10000]
    guided, plain = [[r for r in samples if (r['guidance_scale'] != 1) == g] for g in (True, False)]
    if guided:
        r = max(guided, key=lambda r: r['accuracy']['low'])
        yield f"conditional accuracy, guidance scale {r['guidance_scale']}, {r['num_inference_steps']} steps of {r['sampler']}", 'lower end >= 99.0%', pct(r['accuracy']), r['accuracy']['low'] >= .99
    if plain:
        r = max(plain, key=lambda r: r['accuracy']['value'])
        yield f"conditional accuracy, unguided, {r['num_inference_steps']} steps of {r['sampler']}", '>= 97%', pct(r['accuracy']), r['accuracy']['low'] >= .97
    if 'judge' in rows: yield 'the judge on real test digits', '>= 99.2%', pct(rows['judge']), rows['judge']['value'] >= .992
    for most,steps in ((3, None), (5, 20)):
        of = [r for r in samples if steps in (None, r['num_inference_steps'])]
        if not of: continue
        r = min(of, key=lambda r: r['ratio'])
        yield f"Fréchet distance, guidance scale {r['guidance_scale']}, {r['num_inference_steps']} steps of {r['sampler']}", f'<= {most}x the floor', f"{r['frechet']:.3f} = {r['ratio']:.1f}x {r['floor']['value']:.3f}, n = {r['n']:,}", r['ratio'] <= most
    if 'solver' in rows:
        r, d = rows['solver'], rows['solver']['difference']
        yield '20 steps of dpm_solver against 1000 of ddpm, kernel distance', 'difference <= 0 or covers 0', f"{d['value']:.5f} [{d['low']:.5f}, {d['high']:.5f}], n = {r['n']:,}", d['low'] <= 0 and r['n'] >= 2000
    if 'cost' in rows:
        r = rows['cost']
        yield 'forward + backward per picture', '<= 0.5 GFLOP', f"{r['gflop']:.3f} GFLOP", r['gflop'] <= .5
        yield '100 digits in 20 steps, guided', '<= 10 s on 2 cores', f"{r['cpu_seconds_100_digits']:.1f} CPU seconds on {r['threads']} thread(s)", r['cpu_seconds_100_digits'] <= 20 if r['threads'] > 1 else r['cpu_seconds_100_digits'] <= 10
        yield 'shipped weights', '<= 4 MB', f"{r['megabytes']:.2f} MB", r['megabytes'] <= 4
    if 'validation' in rows:
        r = rows['validation']
        yield 'validation noise error (cosine, [-1, 1], fixed noise)', '<= 0.039', f"{r['value']:.4f} [{r['low']:.4f}, {r['high']:.4f}], n = {r['n']:,}", r['value'] <= .039

def write_card(rows):
    "The figures into the card that lies beside the weights"
    from autocomics.core import atomic_write
    from autocomics.diffusion.digits import digits_card
    table = '\n'.join(['| figure | goal | measured |', '|---|---|---|', *(f'| {what} | {goal} | {measured}{"" if ok else " (not reached)"} |' for what,goal,measured,ok in rows)])
    with atomic_write(root/'autocomics'/'weights'/'digits.md', 'w') as f: f.write(digits_card(figures=table))

def main():
    if '--measure' in sys.argv: subprocess.run([sys.executable, root/'benchmarks'/'digits.py', *parts], check=True)
    path, weights = root/'benchmarks'/'results'/'digits.json', root/'autocomics'/'weights'/'digits.safetensors'
    if not path.exists(): sys.exit(f'{path} is not there: run python tools/digits_report.py --measure')
    data = json.loads(path.read_text(encoding='utf-8'))
    if data['weights_sha256'] != hashlib.sha256(weights.read_bytes()).hexdigest():
        sys.exit('The figures on file are those of other weights: run python tools/digits_report.py --measure')
    rows = list(goals(data['rows']))
    if '--card' in sys.argv or '--measure' in sys.argv: write_card(rows)
    width = [max(len(str(r[i])) for r in rows) for i in range(3)]
    for what,goal,measured,ok in rows: print(f'{what:<{width[0]}}  {goal:<{width[1]}}  {measured:<{width[2]}}  {"reached" if ok else "NOT reached"}')
    for key,r in sorted(data['rows'].items()):
        if key.startswith('sample'): print(f"  scale {r['guidance_scale']}, {r['num_inference_steps']} steps of {r['sampler']}, n = {r['n']:,}: accuracy {r['accuracy']['value']:.2%}, Fréchet distance {r['frechet']:.3f} ({r['ratio']:.1f}x the floor)")
        if key == 'peer':
            for name,o in r.items(): print(f'  {name}: {json.dumps(o)}')

if __name__ == '__main__': main()
