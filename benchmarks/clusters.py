"""The downloader's unit of work on three schedulers: the local pool, Dask and Ray, two workers each, from one local server.

    python benchmarks/clusters.py              # makes an environment with Dask and Ray of its own, kept in --work

All three map `autocomics.data.download.part` over the same jobs. Each picture's colour spells its number, so that a picture with another's caption is seen. The three sets must be the same to the last byte of their metadata.jsonl.
Seconds are those of `download_pictures`, the scheduler's start included.
"""
import argparse, hashlib, io, json, os, platform, shutil, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDS = 'dask distributed ray aiohttp fastcore filelock numpy Pillow polars protego requests tqdm pyarrow'.split()
HOSTS, CLUSTERS = ('127.0.0.1', '127.0.0.2', '127.0.0.3'), ('local pool', 'dask', 'ray')


def colour(n): return (n >> 8)*16 + 8, (n >> 4 & 15)*16 + 8, (n & 15)*16 + 8

class Pictures(BaseHTTPRequestHandler):
    "Answers /N.png with a picture of colour N after 20 ms"
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass
    def do_GET(self):
        from PIL import Image
        found, data = self.path.endswith('.png'), b''
        if found: time.sleep(.02); f = io.BytesIO(); Image.new('RGB', (96, 96), colour(int(self.path[1:-4]))).save(f, 'PNG'); data = f.getvalue()
        self.send_response(200 if found else 404); self.send_header('Content-Length', str(len(data))); self.end_headers(); self.wfile.write(data)


def with_dask(part, jobs):
    from dask.distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client: return client.gather(client.map(part, jobs))

def with_ray(part, jobs):
    import ray
    ray.init(num_cpus=2, include_dashboard=False, logging_level='error', log_to_driver=False)
    try: return ray.get([ray.remote(part).remote(job) for job in jobs])
    finally: ray.shutdown()

def download(cluster, rows, out):
    "Run one download on one of `CLUSTERS`, and print what came of it"
    from autocomics.data.download import download_pictures, local_pool
    start = time.perf_counter()
    ci = download_pictures(json.loads(Path(rows).read_text()), out, plan=dict(source='clusters'), pool={'local pool': local_pool, 'dask': with_dask, 'ray': with_ray}[cluster], workers=2,
                           size=32, format='png', allow=('127.0.0.0/8',), per_second=1000., progress=False)
    seconds = time.perf_counter()-start
    wrong = sum(o.image.getpixel((16, 16)) != colour(int(o.captions[0].split()[1])) for o in ci)
    print(json.dumps(dict(pool=cluster, kept=len(ci), wrong=wrong, seconds=round(seconds, 2), set=hashlib.sha256((Path(out)/'metadata.jsonl').read_bytes()).hexdigest())))


def environment(work):
    "A Python with Dask and Ray"
    env = work/'clusters-env'
    if not (env/'ready').exists():
        subprocess.run([sys.executable, '-m', 'venv', env], check=True)
        subprocess.run([env/'bin/pip', 'install', '-q', *NEEDS], check=True)
        (env/'ready').touch()
    return env/'bin/python'

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--n', type=int, default=900); a.add_argument('--work', type=Path, default=ROOT/'.benchmark'); a.add_argument('--out', type=Path, default=ROOT/'benchmarks/results/clusters.json')
    a.add_argument('--job', nargs=3, help=argparse.SUPPRESS)
    a = a.parse_args()
    if a.job: return download(*a.job)
    work = a.work.resolve(); work.mkdir(parents=True, exist_ok=True)
    python, env = environment(work), dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', RAY_DEDUP_LOGS='0')
    servers = [ThreadingHTTPServer((HOSTS[0], 0), Pictures)]; port = servers[0].server_port
    servers += [ThreadingHTTPServer((h, port), Pictures) for h in HOSTS[1:]]
    for s in servers: threading.Thread(target=s.serve_forever, daemon=True).start()
    rows = work/'clusters.json'; rows.write_text(json.dumps([dict(url=f'http://{HOSTS[n % 3]}:{port}/{n}.png', text=f'number {n}') for n in range(a.n)]))
    runs = []
    for cluster in CLUSTERS:
        out = work/'clusters-out'; shutil.rmtree(out, ignore_errors=True)
        done = subprocess.run([str(python), __file__, '--job', cluster, str(rows), str(out)], capture_output=True, text=True, env=env)
        if done.returncode: raise SystemExit(f'{cluster} failed:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}')
        runs.append(json.loads(done.stdout.splitlines()[-1]) | dict(n=a.n)); print(runs[-1], flush=True)
    first = runs[0]['set']
    for r in runs: r['same_set'] = r.pop('set') == first
    shutil.rmtree(work/'clusters-out', ignore_errors=True)
    versions = subprocess.run([str(python), '-c', 'import json; from importlib.metadata import version as v; print(json.dumps({p: v(p) for p in ("dask", "distributed", "ray")}))'], capture_output=True, text=True).stdout
    result = dict(date=time.strftime('%Y-%m-%d'), machine=dict(cpus=os.cpu_count(), platform=platform.platform(terse=True)), versions=json.loads(versions), runs=runs)
    a.out.parent.mkdir(parents=True, exist_ok=True); a.out.write_text(json.dumps(result, indent=1)+'\n')
    if any(r['wrong'] or r['kept'] != a.n or not r['same_set'] for r in runs): raise SystemExit('the schedulers do not agree')


if __name__ == '__main__': main()
