"""What the benchmarks share: ways that take turns, processes of their own, and figures kept with date, versions and hardware."""
import datetime, importlib.metadata, importlib.util, inspect, json, os, platform, statistics, subprocess, sys, time
from pathlib import Path

from autocomics.core import atomic_write

HERE = Path(__file__).resolve().parent
RESULTS = HERE/'results'

def cpu_seconds():
    "User and system time of this process and of the children that it waited for"
    t = os.times()
    return time.process_time() + t.children_user + t.children_system

CLOCKS = dict(wall=time.perf_counter, cpu=cpu_seconds)   # cpu: for a machine that others use at the same time

def take_turns(ways, n=5, clock='wall', seconds=0, most=25):
    """name -> seconds of n runs, or of more (at most `most`) until all have taken `seconds`; one round before warms up

    The ways take turns, so that a busy moment hits all of them. A way is a function, or a pair of them of which the second is timed."""
    now, taken = CLOCKS[clock], {name: [] for name in ways}
    pairs = {name: way if isinstance(way, tuple) else (None, way) for name, way in ways.items()}
    while True:
        for name, (prepare, run) in pairs.items():
            if prepare: prepare()
            start = now(); run(); taken[name].append(now() - start)
        rounds = len(taken[name]) - 1
        if rounds >= most or rounds >= n and sum(map(sum, taken.values())) >= seconds: return {name: runs[1:] for name, runs in taken.items()}

def spread(runs):
    "What was measured, run by run, and its ends"
    return dict(low=digits(min(runs)), high=digits(max(runs)), n=len(runs), runs=[digits(o) for o in runs])

def compare(seconds, peer):
    "Each way against `peer`: median seconds, and the median, smallest and largest ratio of neighbouring runs"
    rows = {}
    for name, runs in seconds.items():
        ratios = [a/b for a, b in zip(runs, seconds[peer])]
        rows[name] = dict(seconds=digits(statistics.median(runs)), ratio=digits(statistics.median(ratios)), **spread(ratios))
    return rows

def alternate(ours, theirs, n=5, clock='wall', seconds=5):
    "Ours and theirs in alternating runs: (our row, their row) of `compare`"
    rows = compare(take_turns(dict(ours=ours, theirs=theirs), n, clock, seconds), 'theirs')
    return rows['ours'], rows['theirs']

def digits(x, n=4): return float(f'{x:.{n}g}')

def peak_mib():
    "The most resident memory that this process ever held"
    import resource, sys
    from pathlib import Path
    status = Path('/proc/self/status')
    # on Linux ru_maxrss begins with what the process held that started this one
    if status.exists(): return round(int(status.read_text().split('VmHWM:')[1].split()[0])/1024)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/(2**20 if sys.platform == 'darwin' else 1024))

def python(code, *args):
    "The last line that a fresh Python prints after `code`, read as JSON (None without one), and its peak of resident memory in MiB"
    tail = f'\n{inspect.getsource(peak_mib)}\nprint(peak_mib())'
    run = subprocess.run([sys.executable, '-c', code + tail, *map(str, args)], capture_output=True, text=True, cwd=HERE)
    if run.returncode: raise RuntimeError(run.stderr.strip().splitlines()[-1])
    *lines, peak = run.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None, int(peak)

def installed(*names):
    "Whether all these packages can be imported"
    return all(importlib.util.find_spec(name) for name in names)

def gpu_name():
    "The GPU that torch sees, or None"
    import torch
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None

def memory_gib():
    "The machine's memory in GiB, None where the system does not say"
    try: return round(os.sysconf('SC_PAGE_SIZE')*os.sysconf('SC_PHYS_PAGES')/2**30, 1)
    except (AttributeError, ValueError, OSError): return None

def machine(clock='wall', threads=None):
    "What the figures were measured on"
    lines = Path('/proc/cpuinfo').read_text().splitlines() if Path('/proc/cpuinfo').exists() else []
    cpu = next((line.split(':')[1].strip() for line in lines if line.startswith('model name')), platform.processor() or platform.machine())
    versions = {}
    for name in ('autocomics', 'torch', 'fastai', 'diffusers', 'glide-text2im', 'polars', 'pandas'):
        try: versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError: pass
    return dict(cpu=cpu, gpu=gpu_name(), cores=os.cpu_count(), memory_gib=memory_gib(), threads=threads or os.cpu_count(), load_before=round(os.getloadavg()[0], 1) if hasattr(os, 'getloadavg') else None, clock=clock,
                system=f'{platform.system()} {platform.machine()}', python=platform.python_version(), versions=versions)

def record(path, part, result, about, seconds):
    "Put one part's figures into a JSON file; the other parts stay"
    entry = dict(date=datetime.date.today().isoformat(), machine=about, took_seconds=round(seconds, 1), result=result)
    if path:
        results = (json.loads(path.read_text()) if path.exists() else {}) | {part: entry}
        path.parent.mkdir(exist_ok=True)
        with atomic_write(path, 'w') as f: f.write(json.dumps(results, indent=1) + '\n')
    return entry
