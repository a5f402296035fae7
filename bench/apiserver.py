#!/usr/bin/env python3
"""Insula's API server with RBAC, audit log, managedFields and quota, beside kube-apiserver with etcd and the same.

  bench/apiserver.py [--build build/release] [--rounds 5] [--seconds 5] [--only create_1,list]
                     [--plain] [--kube-apiserver PATH --etcd PATH]

A user asks who may only what a ClusterRole allows; every request is noted at the level Metadata, every ConfigMap counted by
a ResourceQuota. Each round runs every operation against every server, in alternating order; medians are reported:
  create_1, create_64   durable creates of ConfigMaps of some 1.2 KB over so many connections
  get_64                reads of one over 64
  list, list_protobuf   all of 27,000, in JSON or protobuf, one after the other
  watch                 how late 1,000 watchers, each of one of 100 namespaces, hear of 500 writes a second; of Insula
  start                 with 10,000 objects, to /readyz; of Insula
Without a peer's binaries only Insula is measured, and the ratio is null. With --plain an Insula that an administrator asks,
without audit and quota, runs beside the others. cpu_us is what the process `control` takes for a request. The last line is
JSON; ratios are to the peer's rates.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from apiserver_suite.servers import Api, Server, start_audited, start_insula, start_kubernetes

LOADED, LISTED, WATCHED = "bench", "bench-listed", "bench-watched-{}"
WATCHED_NAMESPACES, WATCHERS, WRITES = 100, 1000, 500
LISTED_OBJECTS, START_OBJECTS = 27_000, 10_000
RBAC = "rbac.authorization.k8s.io"
FLOWS = "flowcontrol.apiserver.k8s.io"


class Bench:
    """A server, prepared for the load."""

    def __init__(self, args, server, folder, plain=False):
        self.args, self.server = args, server
        server.wait_ready()
        api = Api(server)
        for name in (LOADED, LISTED, *(WATCHED.format(n) for n in range(WATCHED_NAMESPACES))):
            api.send("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.user = server
        if not plain:
            self.user = server.as_user(folder, "load")
            self.restrict(api)
        self.load("seed", 1)

    def restrict(self, api):
        """What the user may, and a quota that counts what it makes."""
        api.send("POST", f"/apis/{RBAC}/v1/clusterroles", {
            "apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "load"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]})
        api.send("POST", f"/apis/{RBAC}/v1/clusterrolebindings", {
            "apiVersion": f"{RBAC}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "load"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "load"},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "load"}]})
        hard = {"count/configmaps": "100000000"}
        path = f"/api/v1/namespaces/{LOADED}/resourcequotas"
        quota = api.send("POST", path, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "load"},
                                        "spec": {"hard": hard}})
        if self.server.data is None:
            # No controller there begins the count.
            quota["status"] = {"hard": hard, "used": {"count/configmaps": "0"}}
            api.send("PUT", f"{path}/load/status", quota)
        else:
            # As the peer, without a share of its own for the user.
            api.send("POST", f"/apis/{FLOWS}/v1/flowschemas", {
                "apiVersion": f"{FLOWS}/v1", "kind": "FlowSchema", "metadata": {"name": "load"},
                "spec": {"matchingPrecedence": 100, "priorityLevelConfiguration": {"name": "exempt"}, "rules": [
                    {"subjects": [{"kind": "User", "user": {"name": "load"}}], "resourceRules": [
                        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}]}]}})

    def run(self, user, program, *options):
        """What the program prints last, and the CPU time of `control` meanwhile."""
        before = self.server.cpu_seconds()
        done = subprocess.run(
            [pathlib.Path(self.args.build) / "bench" / program, "--server", user.url, "--ca", user.ca,
             "--cert", user.cert, "--key", user.key, *map(str, options)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{self.server.name}: {program} {options}: {done.stderr.strip()}")
        if done.stderr:
            print(f"{self.server.name}: {done.stderr.strip()}", file=sys.stderr)
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if before is not None:
            used = self.server.cpu_seconds() - before
            result["cpu_us"] = round(used / max(1, result["done"]) * 1e6, 1)
        return result

    def load(self, operation, connections, *options, namespace=LOADED, run="0"):
        return self.run(self.user, "api_load", "--operation", operation, "--connections", connections, "--namespace", namespace,
                        "--seconds", self.args.seconds, "--run", run, *options)


def prepare_list(bench):
    bench.load("create", 64, "--count", LISTED_OBJECTS, namespace=LISTED)


def watch(bench, _):
    # The administrator: Insula lets nobody else have so many.
    result = bench.run(bench.server, "watch_load", "--watchers", WATCHERS, "--namespaces", WATCHED_NAMESPACES, "--prefix",
                     WATCHED.format(""), "--writes", WRITES, "--seconds", bench.args.seconds)
    result.pop("cpu_us", None)  # mostly of a thousand handshakes
    return result


OPERATIONS = {
    "create_1": lambda bench, run: bench.load("create", 1, run=run),
    "create_64": lambda bench, run: bench.load("create", 64, run=run),
    "get_64": lambda bench, run: bench.load("get", 64),
    "list": lambda bench, run: bench.load("list", 1, namespace=LISTED),
    "list_protobuf": lambda bench, run: bench.load("list", 1, "--format", "protobuf", namespace=LISTED),
    "watch": watch,
}


def start_with_objects(args):
    """Seconds from the command to /readyz, of rounds."""
    with tempfile.TemporaryDirectory() as directory:
        server = start_insula(args, directory)
        server.wait_ready()
        Bench(args, server, directory, plain=True).load("create", 64, "--count", START_OBJECTS)
        seconds = []
        for _ in range(args.rounds):
            server.stop()
            begin = time.monotonic()
            server = start_insula(args, directory)
            server.wait_ready()
            seconds.append(round(time.monotonic() - begin, 3))
        server.stop()
    return {"objects": START_OBJECTS, "seconds": statistics.median(seconds)}


def compare(rows):
    """Medians of one operation's figures for each server; ratios to the peer's."""
    medians = {server: {key: statistics.median(row[key] for row in figures) for key, value in figures[0].items()
                       if not isinstance(value, str)}
               for server, figures in rows.items()}
    peer = medians.get("kube-apiserver")
    for server, figures in medians.items():
        if peer is not None and server != "kube-apiserver":
            figures["ratio"] = round(figures["per_second"] / peer["per_second"], 2)
    return medians


def measure(args, benches):
    figures = {name: collections.defaultdict(list) for name in args.only}
    for round_ in range(args.rounds):
        for name in args.only:
            for bench in benches if round_ % 2 == 0 else reversed(benches):
                if name == "watch" and bench.server.data is None:
                    continue
                result = OPERATIONS[name](bench, f"{os.getpid()}-{round_}-{name.replace('_', '-')}")
                if result.pop("failed"):
                    raise SystemExit(f"{bench.server.name}: requests of {name} failed")
                figures[name][bench.server.name].append(result)
                print(f"round {round_} {name} {bench.server.name}: {result}", file=sys.stderr)
    return {name: compare(rows) for name, rows in figures.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[*OPERATIONS, "start"])
    parser.add_argument("--plain", action="store_true", help="beside an Insula without RBAC, audit and quota")
    parser.add_argument("--kube-apiserver", default=shutil.which("kube-apiserver"))
    parser.add_argument("--etcd", default=shutil.which("etcd"))
    args = parser.parse_args()
    unknown = set(args.only) - {*OPERATIONS, "start"}
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))}: use {', '.join([*OPERATIONS, 'start'])}")

    report = {"bench": "apiserver", "rounds": args.rounds, "seconds": args.seconds}
    if "start" in args.only:
        report["start"] = start_with_objects(args)
        args.only = [name for name in args.only if name != "start"]
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as plain, \
            tempfile.TemporaryDirectory() as theirs:
        servers: list[tuple[Server, str]] = [(start_audited(args, ours), ours)]
        if args.plain:
            # No pods run; but two platforms may not share their addresses.
            servers.append((start_insula(args, plain, "plain", ["--pod-cidr", "10.213.0.0/24"]), plain))
        if args.kube_apiserver and args.etcd:
            servers.append((start_kubernetes(args, theirs), theirs))
        try:
            benches = [Bench(args, server, folder, plain=server.name == "plain") for server, folder in servers]
            if {"list", "list_protobuf"} & set(args.only):
                for bench in benches:
                    prepare_list(bench)
            report |= measure(args, benches)
        finally:
            for server, _ in servers:
                server.stop()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
