#!/usr/bin/env python3
"""What running the whole platform costs: start, memory, idle disk writes, pods, first completion.

  bench/platform.py [--build build/release] [--rounds 5] [--idle-seconds 60] [--pods 20]

Every figure is taken from a platform started for it, in a data directory of its own. The bars stand
beside the figures. The last line is JSON.
"""
import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

MIB = 1 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Refused(Exception):
    pass


class Platform:
    def __init__(self, build, *flags):
        self.insula = pathlib.Path(build).resolve() / "src/server/insula"
        self.directory = tempfile.TemporaryDirectory(prefix="insula-bench-")
        os.chmod(self.directory.name, 0o755)  # its processes run as users of their own
        self.data = pathlib.Path(self.directory.name) / "data"
        self.api = f"https://127.0.0.1:{free_port()}"
        self.gateway = f"http://127.0.0.1:{free_port()}"
        self.command = [self.insula, "up", "--data-dir", self.data, "--api-address", self.api[8:],
                        "--gateway-address", self.gateway[7:],
                        "--gateway-metrics-address", f"127.0.0.1:{free_port()}", *flags]

    def start(self):
        """Seconds until `up --detach` says that everything is ready."""
        begin = time.monotonic()
        subprocess.run([*self.command, "--detach"], check=True, capture_output=True)
        return time.monotonic() - begin

    def run(self, *words):
        return subprocess.run([self.insula, words[0], *words[1:], "--data-dir", self.data], check=True,
                              capture_output=True, text=True).stdout

    def status(self):
        return json.loads(self.run("status", "-o", "json"))

    def context(self):
        pki = self.data / "pki"
        context = ssl.create_default_context(cafile=pki / "ca.crt")
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        return context

    def connect(self):
        return http.client.HTTPSConnection(self.api[8:], context=self.context(), timeout=30)

    def request(self, method, path, body=None, connection=None):
        """The answer's object, over a connection of its own unless one is given. Raises Refused."""
        connection = connection or self.connect()
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        result = json.loads(answer.read())
        if answer.status >= 300:
            raise Refused(answer.status)
        return result

    def stop(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.run("down")
        self.directory.cleanup()


@contextlib.contextmanager
def platform(build, *flags):
    p = Platform(build, *flags)
    try:
        yield p
    finally:
        p.stop()


def wait_for(seconds, what, probe):
    end = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > end:
            raise SystemExit(f"no {what} within {seconds} s")
        time.sleep(0.002)


def api_ready_seconds(build):
    """From the start of the process to the first 200 of /readyz."""
    with platform(build) as p:
        # A first start makes keys and certificates; the bar is about a start.
        p.start()
        p.run("down")
        context = p.context()
        begin = time.monotonic()
        process = subprocess.Popen(p.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def ready():
            try:
                with urllib.request.urlopen(p.api + "/readyz", context=context, timeout=5):
                    return True
            except (urllib.error.URLError, OSError):
                return False

        wait_for(30, "readiness", ready)
        seconds = time.monotonic() - begin
        p.run("down")
        process.wait(30)
        return seconds


def complete(p, tenant, key):
    body = json.dumps({"model": "llm-sim", "messages": [{"role": "user", "content": "hello"}]}).encode()
    request = urllib.request.Request(f"{p.gateway}/{tenant}/v1/chat/completions", body,
                                     {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["usage"]["completion_tokens"] > 0
    except (urllib.error.HTTPError, urllib.error.URLError, OSError):
        return False


def first_completion_seconds(build):
    """From `insula up --demo --detach` in an empty data directory to a completion."""
    with platform(build, "--demo") as p:
        begin = time.monotonic()
        p.start()
        key = p.run("key", "create", "demo-a").strip()
        wait_for(30, "completion", lambda: complete(p, "demo-a", key))
        return time.monotonic() - begin


def written_bytes(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(), re.M)[1])
    return total


def idle(build, seconds):
    """Memory of all our processes with the demo running, and what they write to disk while idle."""
    with platform(build, "--demo") as p:
        p.start()
        key = p.run("key", "create", "demo-a").strip()
        wait_for(30, "completion", lambda: complete(p, "demo-a", key))
        time.sleep(10)  # until what the start has caused is written
        processes = p.status()["processes"]
        pids = [entry["pid"] for entry in processes]
        before = written_bytes(pids)
        time.sleep(seconds)
        return {
            "pss_mib": round(sum(e["pssBytes"] for e in p.status()["processes"]) / MIB, 1),
            "written_bytes": written_bytes(pids) - before,
            "by_process_mib": {e["name"]: round(e["pssBytes"] / MIB, 1) for e in processes},
        }


def pod(name, **resources):
    container = {"name": "c", "image": "insula/llm-sim"}
    if resources:
        container["resources"] = {"requests": resources, "limits": resources}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


def pod_start_ms(build, count, *flags):
    """From the create's answer being asked for to phase Running, one pod after another."""
    with platform(build, *flags) as p:
        p.start()
        wait_for(30, "service account", lambda: p.request("GET", "/api/v1/namespaces/default/serviceaccounts")["items"])
        connection = p.connect()
        times = []
        for i in range(count):
            begin = time.monotonic()
            p.request("POST", "/api/v1/namespaces/default/pods", pod(f"p{i}"), connection)
            path = f"/api/v1/namespaces/default/pods/p{i}"
            wait_for(30, f"running pod p{i}",
                     lambda: p.request("GET", path, connection=connection).get("status", {}).get("phase") == "Running")
            times.append((time.monotonic() - begin) * 1000)
        return times


def racing_quota(build, racers=100, places=10):
    with platform(build) as p:
        p.start()
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
                 "spec": {"hard": {"configmaps": str(places)}}}
        p.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "race"}})
        ca = "/api/v1/namespaces/race/configmaps"
        wait_for(30, "root certificate", lambda: p.request("GET", ca)["items"])
        present = len(p.request("GET", ca)["items"])
        p.request("POST", "/api/v1/namespaces/race/resourcequotas", quota)

        def create(i):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i}"}}
            try:
                p.request("POST", ca, body)
                return True
            except Refused as refused:
                assert refused.args == (403,), refused
                return False

        with concurrent.futures.ThreadPoolExecutor(racers) as pool:
            admitted = sum(pool.map(create, range(racers)))
        used = int(p.request("GET", "/api/v1/namespaces/race/resourcequotas/q")["status"]["used"]["configmaps"])
        return {"admitted": admitted, "expected": places - present, "used": used, "hard": places}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-seconds", type=int, default=60)
    parser.add_argument("--pods", type=int, default=20)
    args = parser.parse_args()
    median = statistics.median

    report = {"bench": "platform"}
    ready = [api_ready_seconds(args.build) for _ in range(args.rounds)]
    report["api_ready_s"] = {"median": round(median(ready), 3), "bar": 0.1}
    first = [first_completion_seconds(args.build) for _ in range(args.rounds)]
    report["first_completion_s"] = {"median": round(median(first), 2), "bar": 4}
    rest = idle(args.build, args.idle_seconds)
    report["memory_pss_mib"] = {"value": rest["pss_mib"], "bar": 80, **rest["by_process_mib"]}
    report["idle_disk_writes_bytes"] = {"value": rest["written_bytes"], "seconds": args.idle_seconds, "bar": 0}
    runtimes = ["auto", "crun", "process"] if os.geteuid() == 0 else ["process"]
    for runtime in runtimes:
        times = sorted(pod_start_ms(args.build, args.pods, "--runtime", runtime))
        report[f"pod_running_ms_{runtime}"] = {"p50": round(median(times), 1), "max": round(times[-1], 1),
                                               "bar": 20 if runtime == "process" else 150}
    report["racing_quota"] = racing_quota(args.build)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
