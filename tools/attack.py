"""Strangers and a visitor who try to bring a page down: the attacks that are known, then random ones for a while.

    python tools/attack.py --seconds 60

Starts a page of its own on loopback. What it looks at: does somebody who behaves still get the page and an answer, and does the
server stay small and its log short? Prints what was done, and ends with an error where the page did not hold.
"""
import argparse, collections, json, os, random, resource, socket, struct, subprocess, sys, tempfile, time, uuid
from pathlib import Path
from urllib.parse import urlsplit

import psutil, requests

from autocomics.comics.gates import KINDS, pack
from autocomics.comics.visitors import Visitor, half_sent, started

TOKEN = 'the-token-of-the-attack'
PATHS = ['', 'logout', 'login', 'voila/static/voila.js', 'voila/files/x.png', 'voila/templates/lab/static/../../../../etc/passwd', 'api/kernels', 'api/kernels/{u}', 'api/kernels/{u}/channels', 'voila/api/shutdown/{u}',
         'voila/labextensions/..%2f..%2fetc/passwd', 'voila/api/themes/x', '%00', '%ff', 'x'*9000, '?token=\xff', '?token=' + 'x'*9000, '?template=../x&theme=..', 'voila/query/{u}']

def junk(rng, n): return bytes(rng.randrange(256) for _ in range(n))

def raw(address, data, rng, answer=True):
    "Bytes that are sent just so"
    try:
        with socket.create_connection(('127.0.0.1', urlsplit(address).port), timeout=5) as line:
            line.sendall(data)
            return line.recv(100) if answer else b''
    except OSError: return b''

def asks(address, rng, insider):
    "A request with a path, a method and headers of every kind; with the visitor's own cookie now and then"
    path = rng.choice(PATHS).format(u=rng.choice([uuid.uuid4(), insider.kernel]))
    headers = {k: rng.choice(v) for k, v in {'Host': ['evil.example', '127.0.0.1', '', 'x'*500], 'Origin': ['null', 'https://evil.example'], 'Sec-Fetch-Site': ['cross-site', 'same-site', 'same-origin', '\xff'],
        'Cookie': ['x'*4000, 'username-127-0-0-1="2|1:0|"', '; '.join(f'{c.name}={c.value}' for c in insider.http.cookies)], 'Content-Length': ['-1', '99999999999', '5'], 'Transfer-Encoding': ['chunked', 'x'],
        'Authorization': ['token x', 'Bearer ' + 'x'*3000], 'X-Forwarded-For': ['127.0.0.1', '::', 'x']}.items() if rng.random() < .25}
    lines = [f'{rng.choice(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "X"*rng.choice([1, 300])])} /{path} HTTP/1.{rng.choice("1109")}', *(f'{k}: {v}' for k, v in headers.items()), '', '']
    if 'kernelId' in raw(address, '\r\n'.join(lines).encode('latin-1', 'replace'), rng).decode('latin-1'): raise SystemExit('a stranger was given a page')

def half(address, rng, insider): half_sent(address, rng.randint(1, 60))

def garbage(address, rng, insider): raw(address, junk(rng, rng.choice([1, 100, 20_000])), rng, False)

def guesses(address, rng, insider):
    for _ in range(5): raw(address, f'GET /?token={uuid.uuid4()} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.encode(), rng)

def many_lines(address, rng, insider):
    for _ in range(6):
        copy = Visitor(address); copy.http = insider.http
        try: copy.join(insider.kernel)
        except Exception: pass

def messages(address, rng, insider):
    "On a line to one's own kernel: parts that overlap, headers of every kind, contents that no page sends"
    line = Visitor(address); line.http = insider.http
    try: line.join(insider.kernel)
    except Exception: return
    for _ in range(20):
        n = rng.choice([0, 1, 6, 7, 64, 12_000, 2**62])
        wild = struct.pack('<Q', n) + b''.join(struct.pack('<Q', rng.choice([0, 8, 56, 2**17, 2**63])) for _ in range(min(n, 12_000))) + bytes(rng.choice([0, 100, 2**17]))
        header = dict(msg_id='x', msg_type=rng.choice([*KINDS, 'execute_request', 'shutdown_request', 'input_reply']), session='x', username='', date='', version='5.3')
        content = rng.choice([{}, [], None, dict(comm_id=rng.choice([insider.editor, 'x']), data=dict(method=rng.choice(['update', 'custom', 'request_states', 3]), state=dict(value=rng.choice([None, 'x'*5000, [1], 1e308])), content=dict(do=rng.choice(['edit', 'draw', 'load', 'option', 'x', 3]), edits=rng.choice([3, [[1]], [['title', 'x'*9000, 1, 0, 1]]]))),
            target_name=rng.choice(['jupyter.widget', 'jupyter.widget.control', 'x']), code='open("owned", "w")'), json.loads('['*100 + ']'*100)])
        whole = pack(rng.choice([b'shell', b'control', b'stdin', b'iopub', b'']), *(json.dumps(p).encode() for p in (header, {}, {}, content)), *[junk(rng, 50)]*rng.choice([0, 1, 3]))
        try: line.line.send(rng.choice([wild, whole, whole[:-1], b'', 'words']))
        except Exception: break
    try: line.line.close()
    except Exception: pass

KINDS_OF_ATTACK = [asks, asks, asks, half, garbage, guesses, many_lines, messages]

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--seconds', type=float, default=60); p.add_argument('--seed', type=int, default=0)
    args = p.parse_args()
    rng, done = random.Random(args.seed), collections.Counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, open(Path(home)/'log', 'w+') as log:
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
        server, address = started('--model', 'digits', '--visitors', '3', '--folder', home, '--idle', '600', token=TOKEN, log=log, before=few)
        try:
            good, insider = Visitor(address, TOKEN), Visitor(address, TOKEN)
            for v in (good, insider): assert v.open().status_code == 200; v.join().look()
            good.token = '' # the cookie is enough
            size, end, slowest = psutil.Process(server.pid).memory_info().rss, time.monotonic() + args.seconds, 0
            while time.monotonic() < end:
                attack = rng.choice(KINDS_OF_ATTACK)
                attack(address, rng, insider); done[attack.__name__] += 1
                began = time.monotonic()
                assert good.get(f'api/kernels/{good.kernel}').status_code == 200, attack.__name__
                slowest = max(slowest, time.monotonic() - began)
            good.look(); good.write('title', 'still here'); good.act('draw'); good.told('Done')
            grown = (psutil.Process(server.pid).memory_info().rss - size)/2**20
            files = psutil.Process(server.pid).num_fds()
            found = dict(seconds=args.seconds, attacks=dict(done), slowest_answer=round(slowest, 2), grown_mb=round(grown), descriptors=files, log_bytes=log.seek(0, 2), owned=len(list(Path(home).rglob('owned'))))
            print(json.dumps(found, indent=1))
            if grown > 200 or log.tell() > 200_000 or found['owned']: raise SystemExit('the page did not hold')
        finally: server.terminate(); server.wait(60)

if __name__ == '__main__': main()
