"""Words in captions: autocomics' filter against plain Python, pandas, polars and duckdb, over one Parquet file.

    python benchmarks/words.py                 # writes three million captions once to --work; makes an environment for duckdb there if it is not installed
    python benchmarks/words.py --rows 200000 --repeats 1

The captions are made up: 2 to 14 words each, drawn by Zipf's law from a list in several scripts, with look-alikes (Beachwood, steamboat), composed and decomposed accents, full-width letters, zero-width characters, capitals, and missing ones.
Each client runs in a process of its own and is timed from opening the file to having the numbers of the rows that fit; importing is not counted. Memory is the most that the process ever held, imports and all. Clients take turns; figures are medians.
Every row's answer is compared with a reference in plain Python, for four questions. The last part reads the file over HTTP until there are 2,000 matches, and counts the bytes.
"""
import argparse, importlib.metadata, importlib.util, json, os, platform, statistics, subprocess, sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
QUERIES = [dict(any=['boat', 'boats']), dict(all=['painting', 'beach']), dict(any=['café', '海'], none=['lamp']), dict(any=['ЛОДКА', 'Straße'], none=['old'])]
BARE = r'\b(?:boat|boats)\b'
SOME = 100_000                 # rows for the client that would take minutes
COMMON = 'the of a in with and on at by for from old new white blue red large small night day house garden street city tree light water sky wall door window hand woman man child dog cat horse bird flower car road bridge ' \
         'photo picture image stock vintage print poster map card book art design home kitchen table lamp chair painting beach sea portrait drive'.split()
RARE = ['boat', 'boats', 'boat', 'Boat', 'Beachwood', 'steamboat', 'BOATS,', "boat's", 'lifeboats', 'boat-house', 'beach.', 'beach_ball', 'boat2', 'café', 'CAFÉ', 'cafe\u0301', 'cafés', 'caf\u00e9teria', '海', '海辺の絵', '上海タワー', 'лодка', 'ЛОДКИ', 'Лодка!', 'страна', 'Straße',
        'STRASSE', 'straßenbahn', 'ｂｏａｔ', 'ＢＥＡＣＨ', 'bo\u200bat', 'be\u00adach', 'oﬃce', 'naïve', 'İstanbul', 'ελιά', 'قارب', 'नाव', 'เรือ', '보트', '😀', '½', 'Nº', 'crème']


# ---- the file

def make_file(path, rows, group=100_000, seed=0):
    "A table as LAION's are"
    import numpy as np, polars as pl, pyarrow as pa, pyarrow.parquet as pq
    rng, words = np.random.default_rng(seed), COMMON+RARE
    weight = np.r_[1/np.arange(2, 2+len(COMMON))**.7, np.full(len(RARE), .002)]
    vocabulary, writer, part = pl.Series(words), None, path.with_suffix('.part')
    for start in range(0, rows, group):
        n = min(group, rows-start)
        picks = rng.choice(len(words), (14, n), p=weight/weight.sum())
        length, gone = rng.integers(2, 15, n), rng.random(n) < .01
        columns = [vocabulary.gather(p).to_frame('w').select(pl.when(pl.Series(length > k)).then(pl.col('w')).otherwise(None).alias(f'w{k}')).to_series() for k, p in enumerate(picks)]
        text = pl.DataFrame(columns).select(pl.when(pl.Series(gone)).then(None).otherwise(pl.concat_str(pl.all(), separator=' ', ignore_nulls=True)).alias('TEXT')).to_series()
        ids = np.arange(start, start+n)
        table = pa.table(dict(SAMPLE_ID=ids, URL=[f'https://pictures-{i*7919 % 5000}.example/{i*104729 % 10**9:09d}/{i}.jpg' for i in ids.tolist()], TEXT=text.to_arrow().cast(pa.string()), HEIGHT=rng.integers(64, 2000, n), WIDTH=rng.integers(64, 2000, n),
                              LICENSE=['?']*n, NSFW=np.array(['UNLIKELY', 'UNSURE', 'NSFW'])[rng.choice(3, n, p=[.93, .05, .02])], similarity=rng.uniform(.2, .5, n)))
        writer = writer or pq.ParquetWriter(part, table.schema)
        writer.write_table(table, row_group_size=group)
    writer.close(); part.rename(path)


# ---- the reference: what the words "as a word" mean, one row after another

def plain_reference(captions, queries):
    "For each caption, the answers to all `queries`"
    import re, unicodedata
    from autocomics.data.captions import SPACELESS, ZERO_WIDTH
    invisible, spaceless = re.compile(f'[{ZERO_WIDTH}]'), re.compile(f'[{SPACELESS}]')
    def tidy(s): return unicodedata.normalize('NFKC', invisible.sub('', unicodedata.normalize('NFKC', s))).lower()
    def joins(c): return bool(c) and (unicodedata.category(c)[0] in 'LMN' or c == '_') and not spaceless.match(c)
    def has(text, word):
        at = text.find(word)
        while at >= 0:
            end = at+len(word)
            if not (joins(word[0]) and joins(text[at-1:at])) and not (joins(word[-1]) and joins(text[end:end+1])): return True
            at = text.find(word, at+1)
        return False
    queries = [{k: [tidy(w) for w in q.get(k, ())] for k in ('any', 'all', 'none')} for q in queries]
    for c in captions:
        if c is None: yield [False]*len(queries); continue
        t = tidy(c)
        yield [(not q['any'] or any(has(t, w) for w in q['any'])) and all(has(t, w) for w in q['all']) and not any(has(t, w) for w in q['none']) for q in queries]

def captions_of(path):
    import pyarrow.parquet as pq
    for batch in pq.ParquetFile(path).iter_batches(columns=['TEXT']): yield from batch.column(0).to_pylist()

def check_every_row(path):
    "Compare all answers; keep the first question's row numbers for the clients to be judged by"
    import numpy as np
    from autocomics.data.laion import Filter, matching_rows
    start, fits = time.perf_counter(), [[] for _ in QUERIES]
    for i, answers in enumerate(plain_reference(captions_of(path), QUERIES)):
        for f, yes in zip(fits, answers):
            if yes: f.append(i)
    seconds = time.perf_counter()-start
    np.save(path.with_suffix('.truth.npy'), np.array(fits[0]))
    different = 0
    for query, f in zip(QUERIES, fits):
        ours = [r['cursor'][1]-1 for r in matching_rows(path, Filter(**{k: tuple(v) for k, v in query.items()}, safe=False))]
        different += len(set(ours) ^ set(f))+(ours != sorted(ours))
    return dict(rows=i+1, questions=[dict(q, rows_that_fit=len(f)) for q, f in zip(QUERIES, fits)], rows_answered_differently=different, reference_rows_per_second=round((i+1)/seconds))


# ---- the clients: each returns the numbers of the rows whose caption speaks of a boat

def autocomics_rows(path):
    from autocomics.data.laion import Filter, matching_rows
    def go(): return [r['cursor'][1]-1 for r in matching_rows(path, Filter(any=('boat', 'boats'), safe=False))]
    return go

def iterrows_rows(path):
    import pandas as pd, pyarrow.parquet as pq
    some = pq.ParquetFile(path).iter_batches(SOME)
    def go(): return [row['SAMPLE_ID'] for _, row in next(some).to_pandas().iterrows() if isinstance(row['TEXT'], str) and 'boat' in row['TEXT'].lower()]
    return go

def pandas_rows(path):
    import pandas as pd
    def go():
        d = pd.read_parquet(path, columns=['SAMPLE_ID', 'TEXT', 'URL'])
        return d[d['TEXT'].str.contains(BARE, case=False, na=False)]['SAMPLE_ID'].tolist()
    return go

def polars_rows(path):
    import polars as pl
    def go(): return pl.scan_parquet(path).filter(pl.col('TEXT').str.contains('(?i)'+BARE)).select('SAMPLE_ID', 'TEXT', 'URL').collect(engine='streaming')['SAMPLE_ID'].to_list()
    return go

def duckdb_rows(path):
    import duckdb
    def go(): return [r[0] for r in duckdb.sql(f"SELECT SAMPLE_ID, TEXT, URL FROM '{path}' WHERE regexp_matches(TEXT, '{BARE}', 'i')").fetchall()]
    return go

CLIENTS = {'autocomics': autocomics_rows, 'pandas iterrows, substring': iterrows_rows, 'pandas contains': pandas_rows, 'polars contains, streaming': polars_rows, 'duckdb regexp_matches': duckdb_rows}

def peak_mb():
    "The most memory that this process ever held"
    try: return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])/1000
    except OSError: import resource; return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/(1e6 if sys.platform == 'darwin' else 1e3)

def run_client(name, path, rows):
    go = CLIENTS[name](str(path))
    cpu, start = time.process_time(), time.perf_counter()
    found = go()
    seconds, cpu, peak = time.perf_counter()-start, time.process_time()-cpu, peak_mb()
    import numpy as np
    looked_at = min(rows, SOME) if 'iterrows' in name else rows
    truth = np.load(path.with_suffix('.truth.npy')); truth = truth[truth < looked_at]
    return dict(seconds=round(seconds, 3), rows_per_second=round(looked_at/seconds), cpu_seconds_per_million=round(1e6*cpu/looked_at, 3), peak_mb=round(peak, 1), missed=len(np.setdiff1d(truth, found)), wrong=len(np.setdiff1d(found, truth)))


# ---- early stop

def early_stop(path, wanted=2_000):
    "Bytes that a server sends until `wanted` rows are found, and the bytes of the row groups and columns that hold them"
    import re, threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from itertools import islice
    import pyarrow.parquet as pq
    from autocomics.data.laion import Filter, matching_rows
    size, sent = path.stat().st_size, []
    class Ranges(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        def log_message(self, *args): pass
        def do_HEAD(self): self.do_GET()
        def do_GET(self):
            wanted = re.match(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
            a, b = (int(wanted[1]), min(int(wanted[2] or size-1), size-1)) if wanted else (0, size-1)
            self.send_response(206 if wanted else 200)
            for k, v in {'Content-Length': b-a+1, 'Accept-Ranges': 'bytes', 'Content-Range': f'bytes {a}-{b}/{size}'}.items(): self.send_header(k, str(v))
            self.end_headers()
            if self.command == 'GET':
                with open(path, 'rb') as f: f.seek(a); self.wfile.write(f.read(b-a+1))
                sent.append(b-a+1)
    server = ThreadingHTTPServer(('127.0.0.1', 0), Ranges)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows = list(islice(matching_rows(f'http://127.0.0.1:{server.server_port}/captions.parquet', Filter(any=('boat', 'boats'), min_side=64)), wanted))
    server.shutdown()
    meta, left, needed = pq.ParquetFile(path).metadata, rows[-1]['cursor'][1], 0
    for g in range(meta.num_row_groups):
        if left <= 0: break
        group = meta.row_group(g); left -= group.num_rows
        needed += sum(c.total_compressed_size for c in map(group.column, range(group.num_columns)) if c.path_in_schema != 'SAMPLE_ID')
    needed += max(meta.serialized_size, 1 << 16)
    return dict(matches=len(rows), rows_looked_at=rows[-1]['cursor'][1], bytes_sent=sum(sent), bytes_of_needed_row_groups=needed, bytes_of_file=size, ratio=round(sum(sent)/needed, 3))


# ---- all of it

def environment(name, work):
    "The Python that runs a client: this one, or one of its own for a package that is not installed here"
    if name.split()[0] != 'duckdb' or importlib.util.find_spec('duckdb'): return sys.executable
    env = work/'duckdb-env'
    if not (env/'ready').exists():
        subprocess.run([sys.executable, '-m', 'venv', env], check=True)
        subprocess.run([env/'bin/pip', 'install', '-q', 'duckdb', 'numpy'], check=True)
        (env/'ready').touch()
    return env/'bin/python'

def job(python, *args):
    "Run a part of this script in a process of its own; what it prints last is its answer"
    done = subprocess.run([str(a) for a in (python, __file__, '--job', *args)], capture_output=True, text=True, env=dict(os.environ, POLARS_MAX_THREADS=str(os.cpu_count())))
    if done.returncode: raise SystemExit(f'{args} failed:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}')
    return json.loads(done.stdout.splitlines()[-1])

def version(python, package):
    return subprocess.run([str(python), '-c', f'import importlib.metadata as m; print(m.version("{package}"))'], capture_output=True, text=True).stdout.strip()

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--rows', type=int, default=3_000_000); a.add_argument('--repeats', type=int, default=5); a.add_argument('--work', type=Path, default=ROOT/'.benchmark')
    a.add_argument('--out', type=Path, default=ROOT/'benchmarks/results/words.json'); a.add_argument('--without', nargs='+', default=[], metavar='CLIENT', help='clients to leave out, by the first word of their names')
    a.add_argument('--job', nargs='+', help=argparse.SUPPRESS)
    a = a.parse_args(); work = a.work.resolve()
    path = work/f'captions-{a.rows}.parquet'
    if a.job:
        kind, path, *more = a.job
        print(json.dumps(dict(make=lambda: make_file(Path(path), int(more[0])), check=lambda: check_every_row(Path(path)), stop=lambda: early_stop(Path(path)), client=lambda: run_client(more[0], Path(path), int(more[1])))[kind]()))
        return
    work.mkdir(parents=True, exist_ok=True)
    clients = [c for c in CLIENTS if c.split()[0] not in a.without]
    pythons = {c: environment(c, work) for c in clients}
    if not path.exists(): job(sys.executable, 'make', path, a.rows)
    versions = {'python': platform.python_version(), **{p: version(pythons.get(f'{p} regexp_matches', sys.executable), p) for p in ('autocomics', 'polars', 'pyarrow', 'pandas', 'duckdb') if p not in a.without}}
    result = dict(date=time.strftime('%Y-%m-%d'), machine=dict(cpus=os.cpu_count(), platform=platform.platform(terse=True), load_before=round(os.getloadavg()[0], 1)), versions=versions, file_bytes=path.stat().st_size, equal=job(sys.executable, 'check', path))
    runs = {c: [] for c in clients}
    for r in range(a.repeats):
        for c in clients:
            runs[c].append(job(pythons[c], 'client', path, c, a.rows))
            print(f'{r+1}/{a.repeats} {c:28} {runs[c][-1]}', flush=True)
    median = {c: {k: statistics.median(x[k] for x in v) for k in v[0]} for c, v in runs.items()}
    stop = job(sys.executable, 'stop', path)
    ours = median['autocomics']
    result['machine']['load_after'] = round(os.getloadavg()[0], 1)
    result.update(runs=runs, median=median, early_stop=stop, goals={
        'rows answered differently from plain Python, 0': result['equal']['rows_answered_differently'], 'rows per second, at least 2,000,000': round(ours['rows_per_second']),
        'times the rows per second of pandas iterrows, at least 25': round(ours['rows_per_second']/median['pandas iterrows, substring']['rows_per_second'], 1),
        'peak memory in MB, at most 250': ours['peak_mb'], 'early stop: bytes read to bytes of the row groups needed, at most 1.2': stop['ratio']})
    a.out.parent.mkdir(parents=True, exist_ok=True); a.out.write_text(json.dumps(result, indent=1, ensure_ascii=False)+'\n', encoding='utf-8')
    print(json.dumps(result['goals'], indent=1))


if __name__ == '__main__': main()
