"""Print the figures of the scene models beside their goals. They were measured by benchmarks/scenes.py; --measure takes them again (about ten minutes on one core)."""
import json, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent

def goals(data):
    "(what, goal, measured, reached) for each goal of the scene model, from the file of figures"
    from autocomics.training.evaluate import shown
    columns, name = data['report']['figures'], data['report']['model']
    ours, real = columns[name], columns['real pictures']
    floor = real['kernel distance']['high']
    rows = [('kernel distance, times the upper end of the floor', 'at most 3', f"{ours['kernel distance']['value']/floor:.1f}", ours['kernel distance']['value'] <= 3*floor)]
    rows += [(f'kernel distance, {name} and {other}', 'nearer, intervals apart', f"{shown('kernel distance', ours['kernel distance'])} and {shown('kernel distance', column['kernel distance'])}",
              ours['kernel distance']['high'] < column['kernel distance']['low']) for other, column in columns.items() if other not in (name, 'real pictures')]
    for what, least in {'actors, seen': .85, 'place, seen': .95, 'time, seen': .95, 'actors, held_out': .70}.items():
        rows.append((what, f'at least {least:.0%}', shown(what, ours[what]), ours[what]['value'] >= least))
    if 'scenes-base' in columns:
        lost = columns['scenes-base']['actors, seen']['value'] - ours['actors, seen']['value']
        rows.append(('actors, seen: points lost by fine-tuning', 'at most 3', f'{100*lost:.1f}', lost <= .03))
    share = ours['nearer to training than to unseen']
    rows.append(('nearer to training pictures than to unseen ones', 'interval covers 50%', shown('nearer to training', share), share['low'] <= .5))
    for kind, o in data.get('losses', {}).items():
        rows.append((f'loss of the {kind} network on unseen comics: fall by fine-tuning', 'beyond its interval', f"{o['fall']['value']:.4f} [{o['fall']['low']:.4f}, {o['fall']['high']:.4f}]", o['fall']['low'] > 0))
    rows += [(f'the judge on real {kind} scenes: {k}', 'at least 98%', shown(k, e), e['value'] >= .98) for kind, row in data['judge'].items() for k, e in row.items() if k in ('actors', 'place', 'time')]
    return rows

def main():
    from autocomics.core import sha256_file
    from autocomics.training.evaluate import report_text
    if '--measure' in sys.argv: subprocess.run([sys.executable, root/'benchmarks'/'scenes.py'], check=True)
    path = root/'benchmarks'/'results'/'scenes.json'
    if not path.exists(): sys.exit(f'{path} is not there: run python tools/scenes_report.py --measure')
    data = json.loads(path.read_text(encoding='utf-8'))
    other = [name for name, sha in data['weights'].items() if sha256_file(root/'autocomics'/'weights'/name) != sha]
    if other: sys.exit(f"The figures on file are those of other weights ({', '.join(other)}): run python tools/scenes_report.py --measure")
    print(report_text(data['report']))
    rows = goals(data)
    width = [max(len(r[i]) for r in rows) for i in range(3)]
    for what, goal, measured, ok in rows: print(f'{what:<{width[0]}}  {goal:<{width[1]}}  {measured:<{width[2]}}  {"reached" if ok else "NOT reached"}')

if __name__ == '__main__': main()
