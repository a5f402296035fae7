#!/usr/bin/env python3
"""Kills the control process (`kill -9`) again and again while clients write.

  bench/crash.py [--kills 1000] [--writers 3]

Of every acknowledged write it is checked that it is there, of every write that was cut off that it is
there whole or not at all, and of revisions that none was given out twice. The process is started by
this script on a socket that it keeps, since the supervisor would wait longer and longer. The last line
is JSON; the exit code is 1 when anything was lost.
"""
import argparse
import json
import pathlib
import random
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
from platform_under_test import BINARY, ApiConnection, Platform, eventually  # noqa: E402
from writer import Writer  # noqa: E402


class Control:
    """The API server of a platform's data, without the platform."""

    def __init__(self, platform):
        self.data_dir = platform.data_dir
        self.kubeconfig = platform.status["kubeconfig"]
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        self.process = None

    def start(self):
        fd = self.listener.fileno()
        self.process = subprocess.Popen(
            [BINARY, "control", "--data-dir", self.data_dir, f"--listen-fd={fd}", "--api-url", self.url,
             "--gateway-url", "http://127.0.0.1:1", "--log-level=error"], pass_fds=[fd])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def api(self):
        return ApiConnection(self.kubeconfig, self.url)

    def config_maps(self):
        api = self.api()
        items, more = [], ""
        while True:
            page = api.request("GET", f"/api/v1/namespaces/default/configmaps?limit=5000&continue={more}").json()
            items += page["items"]
            more = page["metadata"].get("continue")
            if not more:
                api.close()
                return items


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=3)
    options = parser.parse_args()
    with Platform() as platform:
        platform.insula("down")
        control = Control(platform)
        control.start()
        began = time.monotonic()
        try:
            with Writer(control, "w", threads=options.writers) as writer:
                for kill in range(options.kills):
                    goal = len(writer.written) + random.randint(1, 20)
                    eventually(lambda: len(writer.written) >= goal, 60, message="further writes")
                    control.kill()
                    control.start()
                    if kill % 100 == 99:
                        print(f"{kill + 1} kills, {len(writer.written)} writes", flush=True)
                writer.more()
            items = control.config_maps()
        finally:
            control.kill()
        seconds = time.monotonic() - began
        lost = ""
        try:
            writer.check(unittest.TestCase(), items)
        except AssertionError as error:
            lost = str(error)
            print(lost, file=sys.stderr)
    print(json.dumps({"kills": options.kills, "acknowledged_writes": len(writer.written), "objects": len(items),
                      "lost_or_reused": lost, "seconds": round(seconds, 1)}))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
