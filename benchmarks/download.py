"""Downloading pictures: autocomics against img2dataset, on this machine, against a local nginx.

    python benchmarks/download.py                    # makes its own environment for img2dataset and its own pictures, both kept in --work
    python benchmarks/download.py --repeats 5 --n 8000 --latency-n 16000

Both fetch the same JPEGs (about 49 KiB each) from 64 loopback addresses that play the parts of 64 hosts, shrink them to 64x64 (centre crop), and store JPEGs of quality 95. All of autocomics' guards are on (address check with
127.0.0.0/8 allowed explicitly, robots.txt, opt-outs, per-host limits, byte and pixel caps, hashes, checksummed log, assembly into numbered files). Runs alternate; figures are medians. CPU is user + system of the client's whole process
tree, starting up included, the server's not. The second scenario adds 150 ms of latency and lets 2% of the requests stall for ever (needs nginx's echo module); both clients give up after 10 s and do not retry.
"""
import argparse, json, os, platform, resource, shutil, socket, statistics, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOSTS = [f'127.0.{i//16}.{i % 16+1}' for i in range(64)]
OURS = '''import json, sys
from autocomics.data.download import download_pictures
rows, out, options = json.loads(sys.argv[1])
import pyarrow.parquet as pq
def source(cursor=None):
    for batch in pq.ParquetFile(rows).iter_batches():
        for r in batch.to_pylist(): yield dict(url=r['URL'], text=r['TEXT'], cursor=None)
ci = download_pictures(source, out, plan={}, workers=2, size=64, allow=('127.0.0.0/8',), per_second=1000., progress=False, **options)
print(len(ci))
'''


def make_pictures(folder, numbers):
    "JPEGs of about 49 KiB, all different: soft shapes under fine grain, as photographs have"
    import io, numpy as np
    from PIL import Image
    for n in numbers:
        path = folder/f'{n}.jpg'
        if path.exists(): continue
        rng = np.random.default_rng(n)
        soft = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((640, 480), Image.BICUBIC)
        grain = rng.integers(-14, 15, (480, 640, 1), np.int16)
        im = Image.fromarray((np.asarray(soft)+grain).clip(0, 255).astype(np.uint8))
        part = path.with_suffix('.part'); im.save(part, 'JPEG', quality=74); part.rename(path)


def start_nginx(work, port):
    "nginx on all of HOSTS: /i/N.jpg at once; /late/N.jpg after 150 ms; /stall/N.jpg never"
    echo = next((p for p in ('/usr/lib/nginx/modules/ngx_http_echo_module.so', '/usr/share/nginx/modules/ngx_http_echo_module.so') if Path(p).exists()), None)
    late = r'''location ~ ^/late/(\d+\.jpg)$ { echo_sleep 0.15; echo_exec /i/$1; }
        location /stall/ { echo_sleep 300; echo no; }''' if echo else ''
    (work/'nginx.conf').write_text(f'''{f"load_module {echo};" if echo else ""}
    worker_processes 1; pid {work}/nginx.pid; error_log {work}/error.log; daemon off;
    events {{ worker_connections 4096; }}
    http {{ access_log off; types {{ image/jpeg jpg; }} sendfile on; keepalive_timeout 30; keepalive_requests 100000;
      client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3; uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5;
      server {{ {" ".join(f"listen {h}:{port};" for h in HOSTS)}
        location /i/ {{ alias {work}/pictures/; }}
        {late} }} }}''')
    process = subprocess.Popen(['nginx', '-p', str(work), '-c', str(work/'nginx.conf'), '-e', str(work/'error.log')])
    for _ in range(100):
        try: socket.create_connection((HOSTS[0], port), 1).close(); return process, bool(echo)
        except OSError: time.sleep(.05)
    raise SystemExit(f'nginx did not start: {(work/"error.log").read_text()[-500:]}')


def write_urls(path, port, n, late):
    import pyarrow as pa, pyarrow.parquet as pq
    kind = lambda i: 'i' if not late else 'stall' if i % 50 == 7 else 'late'
    pq.write_table(pa.table({'URL': [f'http://{HOSTS[i*7 % 64]}:{port}/{kind(i)}/{i}.jpg' for i in range(n)], 'TEXT': [f'picture {i}' for i in range(n)]}), path)


def peer(work):
    "img2dataset in an environment of its own"
    env = work/'img2dataset-env'
    if not (env/'bin/img2dataset').exists():
        subprocess.run([sys.executable, '-m', 'venv', env], check=True)
        subprocess.run([env/'bin/pip', 'install', '-q', 'img2dataset==1.47.0'], check=True)
    return env/'bin/img2dataset'


def versions(command):
    "Of Python and of the packages that do the work"
    from importlib.metadata import version
    theirs = subprocess.run([Path(command).with_name('python'), '-c', 'from importlib.metadata import version as v; print(v("img2dataset"))'], capture_output=True, text=True).stdout.strip()
    return {'python': platform.python_version(), **{p: version(p) for p in ('autocomics', 'aiohttp', 'Pillow')}, 'img2dataset': theirs}


def measured(command, env):
    "(seconds, CPU seconds, output) of a command and its process tree"
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()-start
    if done.returncode: raise SystemExit(f'{command[0]} failed:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}')
    return seconds, after.ru_utime+after.ru_stime-before.ru_utime-before.ru_stime, done.stdout


def run_ours(urls, out, late):
    options = dict(deadline=10., retries=0, per_host=8, host_failures=100_000) if late else {}
    env = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    seconds, cpu, text = measured([sys.executable, '-c', OURS, json.dumps([str(urls), str(out), options])], env)
    return seconds, cpu, int(text.split()[-1])


def run_peer(command, urls, out, late, form):
    env = dict(os.environ, NO_ALBUMENTATIONS_UPDATE='1', OMP_NUM_THREADS='1')
    seconds, cpu, _ = measured([command, '--url_list', urls, '--input_format', 'parquet', '--url_col', 'URL', '--caption_col', 'TEXT', '--image_size', 64, '--resize_mode', 'center_crop', '--encode_quality', 95,
                                '--output_format', form, '--processes_count', 2, '--thread_count', 32, '--number_sample_per_shard', 1000, '--timeout', 10, '--retries', 0, '--output_folder', out], env)
    return seconds, cpu, sum(json.loads(p.read_text())['successes'] for p in Path(out).glob('*_stats.json'))


def scenario(name, clients, n, repeats, work):
    runs = {c: [] for c in clients}
    for r in range(repeats):
        for client, f in clients.items():
            out = work/'out'; shutil.rmtree(out, ignore_errors=True)
            seconds, cpu, kept = f(out)
            runs[client].append(dict(seconds=round(seconds, 2), kept=kept, per_second=round(kept/seconds, 1), cpu_ms_per_image=round(1e3*cpu/kept, 3)))
            print(f'{name} {r+1}/{repeats} {client:24} {runs[client][-1]}', flush=True)
    shutil.rmtree(work/'out', ignore_errors=True)
    return dict(n=n, runs=runs, median={c: {k: statistics.median(x[k] for x in v) for k in v[0]} for c, v in runs.items()})


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--n', type=int, default=6000); a.add_argument('--latency-n', type=int, default=8000); a.add_argument('--repeats', type=int, default=3)
    a.add_argument('--work', type=Path, default=ROOT/'.benchmark'); a.add_argument('--out', type=Path, default=ROOT/'benchmarks/results/download.json'); a.add_argument('--port', type=int, default=8765)
    a.add_argument('--formats', nargs='+', default=['webdataset', 'files'], choices=['webdataset', 'files'], help="img2dataset's outputs to compare with")
    a = a.parse_args(); work = a.work.resolve(); (work/'pictures').mkdir(parents=True, exist_ok=True)
    many = range(max(a.n, a.latency_n))
    with ProcessPoolExecutor(2) as pool: list(pool.map(make_pictures, [work/'pictures']*2, [many[0::2], many[1::2]]))
    size = sum((work/f'pictures/{i}.jpg').stat().st_size for i in range(100))/100
    command = peer(work)
    nginx, echo = start_nginx(work, a.port)
    try:
        urls, late = work/'urls.parquet', work/'late.parquet'
        write_urls(urls, a.port, a.n, False); write_urls(late, a.port, a.latency_n, True)
        clients = {'autocomics': lambda out: run_ours(urls, out, False), **{f'img2dataset {form}': lambda out, form=form: run_peer(command, urls, out, False, form) for form in a.formats}}
        result = dict(date=time.strftime('%Y-%m-%d'), machine=dict(cpus=os.cpu_count(), platform=platform.platform(terse=True), load_before=round(os.getloadavg()[0], 1)), versions=versions(command), picture_bytes=round(size),
                      local=scenario('local', clients, a.n, a.repeats, work))
        if echo and a.latency_n:
            slow = {'autocomics': lambda out: run_ours(late, out, True), 'img2dataset webdataset': lambda out: run_peer(command, late, out, True, 'webdataset')}
            result['latency'] = scenario('latency', slow, a.latency_n, a.repeats, work)
        else: print('the latency scenario needs nginx\'s echo module (Debian: libnginx-mod-http-echo): skipped')
    finally: nginx.terminate(); nginx.wait()
    result['machine']['load_after'] = round(os.getloadavg()[0], 1)
    m = result['local']['median']
    result['goals'] = {f'CPU per image against {c}, at most 0.6': round(m['autocomics']['cpu_ms_per_image']/v['cpu_ms_per_image'], 3) for c, v in m.items() if c != 'autocomics'}
    if 'latency' in result:
        m = result['latency']['median']
        result['goals']['images per second against img2dataset, 150 ms latency and 2% stalls, at least 2'] = round(m['autocomics']['per_second']/m['img2dataset webdataset']['per_second'], 2)
    a.out.parent.mkdir(parents=True, exist_ok=True); a.out.write_text(json.dumps(result, indent=1)+'\n')
    print(json.dumps(result['goals'], indent=1))


if __name__ == '__main__': main()
