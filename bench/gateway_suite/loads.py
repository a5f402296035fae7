"""The load generators and what their output says."""
import json
import pathlib
import re
import subprocess
import sys
import time

from . import processes as p

PROMPT = "The quick brown fox jumps over the lazy dog. "
UNITS = {"us": 1, "ms": 1e3, "s": 1e6}


def chat_body(directory, content_bytes=765):
    """A file with a chat request that is some 300 bytes longer than its prompt."""
    file = directory / f"chat-{content_bytes}.json"
    prompt = (PROMPT * (content_bytes // len(PROMPT) + 1))[:content_bytes]
    file.write_text(json.dumps({"model": "m", "messages": [{"role": "system", "content": "You are helpful."},
                                                           {"role": "user", "content": prompt}],
                                "stream": False, "temperature": 0.7, "max_tokens": 256}))
    return file


def headers_of(proxy):
    return {"Content-Type": "application/json"} | proxy.headers


def wrk(proxy, body, connections, seconds, refusals=False):
    """HTTP/1.1 as fast as it goes."""
    script = body.with_suffix(f".{proxy.name}.lua")
    lines = ["wrk.method='POST'", f"wrk.body=io.open('{body}'):read('*a')"]
    lines += [f"wrk.headers['{name}']='{value}'" for name, value in headers_of(proxy).items()]
    script.write_text("\n".join(lines) + "\n")
    command = p.pinned(p.LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s",
                       "-s", script, f"http://127.0.0.1:{proxy.h1}{proxy.path}")
    text = subprocess.run(command, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if (failed and not refusals) or "Requests/sec" not in text:
        p.fail(f"wrk had failures with {proxy.name}:\n{text}")
    p50 = re.search(r"\n\s+50%\s+([\d.]+)(us|ms|s)", text)
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "requests": int(re.search(r"(\d+) requests in", text).group(1)),
            "p50": float(p50.group(1)) * UNITS[p50.group(2)]}


def h2load(proxy, body, url, *options):
    command = p.pinned(p.LOAD_CORE, "h2load", "-t1", "-d", body, *options)
    for name, value in headers_of(proxy).items():
        command += ["-H", f"{name}: {value}"]
    text = subprocess.run([*command, url + proxy.path], capture_output=True, text=True).stdout
    good = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", text)
    codes = re.search(r"status codes: (\d+) 2xx", text)
    if good is None or int(good.group(1)) == 0 or int(good.group(2)) > 0 or int(codes.group(1)) < int(good.group(1)):
        p.fail(f"h2load had failures with {proxy.name}:\n{text[-1500:]}")
    return {"rate": float(re.search(r"([\d.]+) req/s", text).group(1)), "requests": int(good.group(1))}


def http2(proxy, body, seconds):
    """16 connections with 8 streams each, in clear text by prior knowledge."""
    return h2load(proxy, body, f"http://127.0.0.1:{proxy.h2}", f"-D{seconds}", "-c16", "-m8")


def http2_tls(proxy, body, seconds):
    return h2load(proxy, body, f"https://127.0.0.1:{proxy.tls}", f"-D{seconds}", "-c16", "-m8")


def http1_tls(proxy, body, seconds):
    return h2load(proxy, body, f"https://127.0.0.1:{proxy.tls}", f"-D{seconds}", "-c64", "--h1")


def at_rate(build, proxy, body, rate, seconds):
    """Requests at even distances; latencies in microseconds."""
    headers = [f"{name}:{value}" for name, value in headers_of(proxy).items()]
    command = p.pinned(p.LOAD_CORE, build / "bench" / "rate_load", proxy.h1, rate, seconds, body, *headers, proxy.path)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        p.fail(f"rate_load had failures with {proxy.name}: {done.stderr}")
    figures = json.loads(done.stdout.splitlines()[-1])
    if figures["failed"]:
        p.fail(f"{figures['failed']} requests failed at {proxy.name}")
    return figures


def handshakes(proxy, resumed, seconds):
    """TLS 1.3 handshakes, one connection after the other, without or with resumption; the client is the slower side,
    so the CPU time of the proxy is what counts."""
    command = p.pinned(p.LOAD_CORE, sys.executable, pathlib.Path(__file__).with_name("tls_clients.py"), proxy.tls, seconds,
                       "resumed" if resumed else "new")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        p.fail(f"no handshakes with {proxy.name}: {done.stderr}")
    return {"requests": int(done.stdout)}


def sse(build, upstream, proxy, streams, seconds):
    """Streams with an event each 20 ms; the CPU time of the proxy while they are counted."""
    load = subprocess.Popen(
        p.pinned(p.LOAD_CORE, build / "bench" / "sse_load", upstream, proxy.h1, streams, seconds, proxy.path,
                 *(value.removeprefix("Bearer ") for value in proxy.headers.values())), stdout=subprocess.PIPE, text=True)
    load.stdout.readline()
    before = p.cpu_seconds(proxy.process.pid)
    figures = json.loads(load.stdout.readline())
    figures["cpu"] = (p.cpu_seconds(proxy.process.pid) - before) / max(figures["events"], 1) * 1e6
    load.wait()
    if figures["broken"]:
        p.fail(f"{figures['broken']} streams broke at {proxy.name}")
    return figures


def measured(proxy, load):
    """Runs a load; adds the proxy's CPU time for one request, in microseconds, unless the load has taken it itself."""
    before, begin = p.cpu_seconds(proxy.process.pid), time.monotonic()
    figures = load()
    used = p.cpu_seconds(proxy.process.pid) - before
    figures.setdefault("cpu", used / figures["requests"] * 1e6)
    figures["busy"] = used / (time.monotonic() - begin)
    return figures
