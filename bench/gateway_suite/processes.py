"""Processes of a measurement: pinned to cores, with real-time priority, and ended with it.

The proxy has core 0 and the load core 1. A hog with a higher priority than the proxy's leaves it half of
its core, so that the proxy is the limit and not the load beside it.
"""
import contextlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import time

PROXY_CORE, LOAD_CORE = 0, 1
PRIORITY = "5"
HOG_PRIORITY = "50"
HOG_MICROS = "300"
DESCRIPTORS = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def fail(why):
    sys.exit(f"bench/gateway.py: {why}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, *command, priority=PRIORITY, policy="-r"):
    return ["chrt", policy, priority, "taskset", "-c", str(core), *map(str, command)]


def wait_for(port, process, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            fail(f"{' '.join(process.args[6:8])} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    fail(f"nothing listens on port {port}")


def tree(pid):
    """The process and all below it."""
    pids = [pid]
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pids += tree(int(child))
    return pids


def cpu_seconds(pid):
    """Time on a core of all threads of a process tree, from the scheduler: exact, where ticks are sampled."""
    total = 0
    for process in tree(pid):
        for thread in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError):
                total += int(pathlib.Path(f"/proc/{process}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9


def resident_kib(pid):
    total = 0
    for process in tree(pid):
        with contextlib.suppress(OSError, AttributeError):
            status = pathlib.Path(f"/proc/{process}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
    return total


class Processes:
    """Ends what it started, in reverse order."""

    def __init__(self):
        self.running = []

    def start(self, core, *command, priority=PRIORITY, policy="-r", **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(
            pinned(core, *command, priority=priority, policy=policy), text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)), **options)
        self.running.append(process)
        return process

    @contextlib.contextmanager
    def half_a_core(self, build):
        hog = self.start(PROXY_CORE, build / "bench" / "cpu_hog", HOG_MICROS, HOG_MICROS,
                         priority=HOG_PRIORITY, policy="-f")
        try:
            yield
        finally:
            hog.kill()
            hog.wait()

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
                process.wait()
