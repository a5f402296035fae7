#!/usr/bin/env python3
"""The gateway beside its peers.

  bench/gateway.py [--build build/release] [--rounds 5] [--seconds 3] [--only requests,sse] [--peers nginx,haproxy]

Proxy and load have a core each and real-time priority; where rates are compared, the proxy has half of its
core, so that it is the limit. Targets alternate, in reversed order every other round; medians are reported,
with their ratio to nginx's. The gateway runs with token checks (cached), rate limit, usage and metrics on;
each peer as its file in bench/peers says. A peer that is not there is named and left out. The last line is
JSON. --chart FILE draws it.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from gateway_suite import chart, peers, scenarios
from gateway_suite import processes as p

PEERS = ["nginx", "haproxy", "envoy", "litellm", "portkey"]


def default_build():
    binary = os.environ.get("INSULA_BIN")
    return pathlib.Path(binary).resolve().parents[2] if binary else pathlib.Path("build/release")


def names(allowed):
    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: use {', '.join(allowed)}")
        return chosen
    return parse


def check_machine(build):
    missing = [tool for tool in ("nginx", "wrk", "h2load", "openssl", "chrt", "taskset") if shutil.which(tool) is None]
    missing += [str(build / "bench" / tool) for tool in ("gateway_target", "cpu_hog", "rate_load", "sse_load")
                if not (build / "bench" / tool).exists()]
    if missing:
        p.fail("missing " + ", ".join(missing))
    if len(os.sched_getaffinity(0)) < 2:
        p.fail("two cores are needed, one for the proxy and one for the load")
    if subprocess.run(["chrt", "-r", p.PRIORITY, "true"], capture_output=True).returncode != 0:
        p.fail("real-time priority is not allowed here; run it as root")


def measure(options, only):
    results = {}
    with tempfile.TemporaryDirectory() as directory, p.Processes() as running:
        bench = None
        for name, scenario in scenarios.WITH_UPSTREAM.items():
            if name in only:
                bench = bench or scenarios.Bench(options, pathlib.Path(directory), running)
                print(name, flush=True)
                results[name] = scenarios.ratios(scenario(bench))
    for name, scenario in scenarios.WITH_STREAMS.items():
        if name in only:
            print(name, flush=True)
            results[name] = scenarios.ratios(scenario(options))
    return results


def main():
    every = [*scenarios.WITH_UPSTREAM, *scenarios.WITH_STREAMS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=default_build())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", type=names(every), default=every)
    parser.add_argument("--peers", type=names(PEERS), default=PEERS)
    parser.add_argument("--chart", type=pathlib.Path)
    options = parser.parse_args()
    build = options.build.resolve()
    check_machine(build)
    absent = {name: why for name in options.peers if (why := peers.missing(name))}
    for why in absent.values():
        print(f"left out: {why}")
    present = [name for name in options.peers if name not in absent]
    figures = measure(scenarios.Options(build, options.rounds, options.seconds, present), options.only)
    if options.chart:
        options.chart.write_text(chart.draw(figures))
    print(json.dumps({"bench": "gateway", "rounds": options.rounds, "leftOut": sorted(absent), **figures}))


if __name__ == "__main__":
    main()
