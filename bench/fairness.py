#!/usr/bin/env python3
"""Latency of a small client of the API server: alone, beside a flood that is held to fairness, and
beside the same flood when nobody is held to anything.

  bench/fairness.py [--build build/release] [--rounds 3] [--seconds 5] [--objects 2000] [--connections 64]

The small client reads one ConfigMap after the other, then creates them, over one connection. The flood
lists all ConfigMaps and creates more, over --connections connections each, and repeats at once what is
refused. Held to fairness both are users like any other; with everything exempt both are
administrators. Rounds measure the three in turn; medians are reported. The last line is JSON.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from apiserver_suite.servers import Api, start_insula

OPERATIONS = ("get", "create")
LISTED = "listed"  # the namespace whose ConfigMaps the flood lists
RIGHTS = [
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "bench-fairness"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
     "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name} for name in ("flood", "small")]},
]


def program(args, who, operation, connections, seconds, run):
    return [pathlib.Path(args.build) / "bench/api_load", "--server", who.url, "--ca", who.ca, "--cert", who.cert,
            "--key", who.key, "--operation", operation, "--connections", str(connections), "--seconds", str(seconds),
            "--run", run, "--namespace", LISTED if operation == "list" else "default"]


def figures(done):
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip())
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(args, small, flood, run):
    """The small client's figures, beside a flood unless that is None, and the flood's."""
    seconds = args.seconds * len(OPERATIONS) + 2
    floods = []
    if flood is not None:
        floods = [subprocess.Popen(program(args, flood, operation, args.connections, seconds, run + operation),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                  for operation in ("list", "create")]
        time.sleep(1)
    out = {}
    for operation in OPERATIONS:
        out[operation] = figures(subprocess.run(program(args, small, operation, 1, args.seconds, run + "s"),
                                                capture_output=True, text=True))
    for process in floods:
        text, errors = process.communicate(timeout=120)
        done = figures(subprocess.CompletedProcess([], process.returncode, text, errors))
        out["flood_" + done["operation"]] = done
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=2000, help="ConfigMaps of a list")
    parser.add_argument("--connections", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as keys:
        server = start_insula(args, directory)
        try:
            server.wait_ready()
            api = Api(server)
            users = {name: server.as_user(keys, name) for name in ("flood", "small")}
            for right in RIGHTS:
                api.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", right)
            subprocess.run(program(args, server, "seed", 1, 1, "0"), check=True, stdout=subprocess.DEVNULL)
            api.send("POST", "/api/v1/namespaces",
                     {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LISTED}})
            for number in range(args.objects):
                api.send("POST", f"/api/v1/namespaces/{LISTED}/configmaps",
                         {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"o{number}"},
                          "data": {"v": "x" * 1000}})
            ways = {"alone": (users["small"], None), "fair": (users["small"], users["flood"]),
                    "exempt": (server, server)}
            measured = {way: [] for way in ways}
            for round_ in range(args.rounds):
                for way, (small, flood) in ways.items():
                    result = measure(args, small, flood, f"{os.getpid()}-{round_}-{way}-")
                    measured[way].append(result)
                    print(f"round {round_} {way}: {result}", file=sys.stderr)
        finally:
            server.stop()
    report = {"bench": "fairness", "rounds": args.rounds, "seconds": args.seconds, "connections": args.connections}
    for way, results in measured.items():
        report[way] = {f"{operation}_{figure}": statistics.median(r[operation][figure] for r in results)
                       for operation in results[0] for figure in ("per_second", "p50_ms", "p99_ms", "refused")}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
