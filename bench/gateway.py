#!/usr/bin/env python3
"""The gateway beside nginx: requests per second of half a core, CPU per request, CPU per SSE event, memory.

  bench/gateway.py [--build build/release] [--rounds 5] [--seconds 3] [--connections 64] [--only requests|sse]

The proxies are pinned to core 0 and the load to core 1, all with real-time priority; a hog with a higher
one leaves the proxy half of its core, so that the proxy is the limit. Targets alternate, in reversed order
every other round; medians are reported. The gateway runs with token checks (cached), rate limit, usage and
metrics on; nginx proxies plainly, without a log. The last line is JSON.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PRIORITY = "5"
HOG_PRIORITY = "50"
HOG_MICROS = "300"
REPLY = ('{"id":"chatcmpl-9f8e7d6c5b4a","object":"chat.completion","created":1718000000,"model":"m","choices":'
         '[{"index":0,"message":{"role":"assistant","content":"Hello! How can I help you today?"},'
         '"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21},'
         '"system_fingerprint":"fp_1"}')
PROMPT = "The quick brown fox jumps over the lazy dog. " * 17
EVENTS_PER_STREAM = 50  # a second, as sse_load sends them


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"bench/gateway.py: {process.args[-1]} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"bench/gateway.py: nothing listens on port {port}")


def pinned(core, *command, priority=PRIORITY, policy="-r"):
    return ["chrt", policy, priority, "taskset", "-c", str(core), *map(str, command)]


def nginx(directory, name, core, servers, upstreams=""):
    """Starts a one-worker nginx in the foreground; its own files all lie in `directory`."""
    conf = directory / f"{name}.conf"
    conf.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {directory}/{name}.pid;
error_log {directory}/{name}.err crit; worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; default_type application/json;
  client_body_temp_path {directory}/{name}-body; proxy_temp_path {directory}/{name}-proxy;
  fastcgi_temp_path {directory}/{name}-f; uwsgi_temp_path {directory}/{name}-u; scgi_temp_path {directory}/{name}-s;
  client_body_buffer_size 64k;
  {upstreams}
  {servers}
}}""")
    return subprocess.Popen(pinned(core, "nginx", "-p", directory, "-e", f"{directory}/{name}.err", "-c", conf))


def keepalive_upstream(port):
    return (f"upstream u {{ server 127.0.0.1:{port}; keepalive 2048; keepalive_requests 1000000000; "
            f"keepalive_timeout 3600s; }}")


def proxy_server(port, extra=""):
    return (f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ {extra} proxy_pass http://u; "
            f"proxy_http_version 1.1; proxy_set_header Connection \"\"; "
            f"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}")


def cpu_seconds(pid):
    """Time on a core of all threads, from the scheduler: exact, where ticks are sampled."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
        except OSError:
            pass
    return total / 1e9


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class Processes:
    def __init__(self):
        self.running = []

    def add(self, process):
        self.running.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def start_gateway(build, directory, upstream, processes):
    port = free_port()
    process = processes.add(subprocess.Popen(
        pinned(0, build / "bench" / "gateway_target", directory / f"gateway-{port}", port, f"127.0.0.1:{upstream}"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
    tokens = [process.stdout.readline().strip() for _ in range(2)]
    wait_for(port, process)
    return process, port, tokens


def write_requests(script, token):
    body = json.dumps({"model": "m", "messages": [{"role": "system", "content": "You are helpful."},
                                                  {"role": "user", "content": PROMPT}],
                       "stream": False, "temperature": 0.7, "max_tokens": 256})
    script.write_text(f"wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\n"
                      f"wrk.headers['Authorization']='Bearer {token}'\nwrk.body='{body}'\n")
    return script


def wrk(port, path, script, connections, seconds, refusals=False):
    command = pinned(1, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script,
                     f"http://127.0.0.1:{port}{path}")
    text = subprocess.run(command, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if (failed and not refusals) or "Requests/sec" not in text:
        sys.exit(f"bench/gateway.py: wrk on port {port} had failures:\n{text}")
    unit = {"us": 1, "ms": 1e3, "s": 1e6}
    p50 = re.search(r"\n\s+50%\s+([\d.]+)(us|ms|s)", text)
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "requests": int(re.search(r"(\d+) requests in", text).group(1)),
            "p50": float(p50.group(1)) * unit[p50.group(2)]}


def measure_requests(build, directory, options):
    with Processes() as processes:
        upstream, peer_port = free_port(), free_port()
        up = processes.add(nginx(directory, "upstream", 1,
                                 f"server {{ listen 127.0.0.1:{upstream} backlog=4096; "
                                 f"location / {{ return 200 '{REPLY}'; }} }}"))
        wait_for(upstream, up)
        peer = processes.add(nginx(directory, "proxy", 0, proxy_server(peer_port), keepalive_upstream(upstream)))
        wait_for(peer_port, peer)
        gateway, port, tokens = start_gateway(build, directory, upstream, processes)
        script = write_requests(directory / "post.lua", tokens[0])
        path = "/bench/v1/chat/completions"
        targets = [("nginx", peer, peer_port), ("gateway", gateway, port)]
        # With the usual rate limit: most are refused, and what that takes is measured as well.
        usual = write_requests(directory / "usual.lua", tokens[1])
        wrk(port, "/usual/v1/chat/completions", usual, 32, 1, refusals=True)
        rss = {"gateway": resident_kib(gateway.pid)}
        for _, _, p in targets:
            wrk(p, path, script, options.connections, 1)
        hog = processes.add(subprocess.Popen(pinned(0, build / "bench" / "cpu_hog", HOG_MICROS, HOG_MICROS,
                                                    priority=HOG_PRIORITY, policy="-f")))
        results = {name: [] for name, _, _ in targets}
        for round_number in range(options.rounds):
            for name, process, p in targets if round_number % 2 == 0 else reversed(targets):
                before = cpu_seconds(process.pid)
                figures = wrk(p, path, script, options.connections, options.seconds)
                figures["cpu"] = (cpu_seconds(process.pid) - before) / figures["requests"] * 1e6
                results[name].append(figures)
                print(f"round {round_number + 1} {name:8} {figures['rate']:9.0f} requests/s "
                      f"{figures['cpu']:6.2f} us CPU each, p50 {figures['p50']:.0f} us", flush=True)
        hog.kill()
    median = {name: {key: statistics.median(f[key] for f in rows) for key in ("rate", "cpu", "p50")}
              for name, rows in results.items()}
    return {"requestsPerSecondHalfCore": round(median["gateway"]["rate"]),
            "peerRequestsPerSecondHalfCore": round(median["nginx"]["rate"]),
            "ratio": round(median["gateway"]["rate"] / median["nginx"]["rate"], 3),
            "cpuMicrosPerRequest": round(median["gateway"]["cpu"], 2),
            "peerCpuMicrosPerRequest": round(median["nginx"]["cpu"], 2),
            "connections": options.connections,
            "residentKibAt32Connections": rss["gateway"]}


def run_sse(build, upstream, port, process, streams, seconds, extra):
    load = subprocess.Popen(pinned(1, build / "bench" / "sse_load", upstream, port, streams, seconds, *extra),
                            stdout=subprocess.PIPE, text=True)
    load.stdout.readline()
    before = cpu_seconds(process.pid)
    figures = json.loads(load.stdout.readline())
    figures["cpu"] = (cpu_seconds(process.pid) - before) / max(figures["events"], 1) * 1e6
    figures["rss"] = resident_kib(process.pid)
    load.wait()
    return figures


def measure_sse(build, directory, options):
    results = {"nginx": [], "gateway": []}
    with Processes() as processes:
        upstream, peer_port = free_port(), free_port()
        peer = processes.add(nginx(directory, "stream", 0, proxy_server(peer_port, "proxy_buffering off;"),
                                   keepalive_upstream(upstream)))
        wait_for(peer_port, peer)
        gateway, port, tokens = start_gateway(build, directory, upstream, processes)
        targets = [("nginx", peer, peer_port, []), ("gateway", gateway, port, ["/bench/v1/chat/completions", tokens[0]])]
        for round_number in range(options.rounds):
            for name, process, p, extra in targets if round_number % 2 == 0 else reversed(targets):
                figures = run_sse(build, upstream, p, process, options.streams, options.seconds, extra)
                results[name].append(figures)
                print(f"round {round_number + 1} {name:8} {figures['events']} events {figures['cpu']:6.2f} us CPU each, "
                      f"p50 {figures['p50Micros']:.0f} us, p99 {figures['p99Micros']:.0f} us, "
                      f"broken {figures['broken']}, RSS {figures['rss']} KiB", flush=True)
    median = {name: {key: statistics.median(f[key] for f in rows) for key in ("cpu", "p50Micros", "p99Micros", "rss")}
              for name, rows in results.items()}
    return {"streams": options.streams,
            "cpuMicrosPerEvent": round(median["gateway"]["cpu"], 2),
            "peerCpuMicrosPerEvent": round(median["nginx"]["cpu"], 2),
            "ratio": round(median["nginx"]["cpu"] / median["gateway"]["cpu"], 3),
            "p50Micros": median["gateway"]["p50Micros"], "p99Micros": median["gateway"]["p99Micros"],
            "peerP50Micros": median["nginx"]["p50Micros"], "peerP99Micros": median["nginx"]["p99Micros"],
            "residentKib": median["gateway"]["rss"]}


def default_build():
    binary = os.environ.get("INSULA_BIN")
    return pathlib.Path(binary).resolve().parents[2] if binary else pathlib.Path("build/release")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=default_build())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--only", choices=["requests", "sse"])
    options = parser.parse_args()
    build = options.build.resolve()
    missing = [tool for tool in ("nginx", "wrk", "chrt", "taskset") if shutil.which(tool) is None]
    missing += [str(build / "bench" / p) for p in ("gateway_target", "cpu_hog", "sse_load")
                if not (build / "bench" / p).exists()]
    if missing:
        sys.exit("bench/gateway.py: missing " + ", ".join(missing))
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench/gateway.py: two cores are needed, one for the proxy and one for the load")
    if subprocess.run(["chrt", "-r", PRIORITY, "true"], capture_output=True).returncode != 0:
        sys.exit("bench/gateway.py: real-time priority is not allowed here; run it as root")
    result = {"bench": "gateway", "peer": "nginx"}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        if options.only != "sse":
            result["requests"] = measure_requests(build, directory, options)
        if options.only != "requests":
            result["sse"] = measure_sse(build, directory, options)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
