#!/usr/bin/env python3
"""Durable writes and reads per second of Insula's API server, beside kube-apiserver with etcd.

  bench/apiserver.py [--build build/release] [--rounds 5] [--seconds 5]
                     [--audit] [--kube-apiserver PATH --etcd PATH]

Each round runs every operation against every server, in alternating order; medians are reported.
Without a peer's binaries only Insula is measured, and the ratio is null. With --audit an Insula that
notes every request at the level Metadata runs beside the other, and `audited` has its figures and
what part of the other's rate that is. cpu_us is what the process `control` takes for a request. The
last line is JSON.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

OPERATIONS = [("create", 1), ("create", 64), ("get", 64)]
READY_SECONDS = 120


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def openssl(*args, **kwargs):
    subprocess.run(["openssl", *args], check=True, capture_output=True, **kwargs)


def make_pki(directory):
    """A CA, a server certificate for 127.0.0.1 and an administrator's certificate, for the peer."""
    d = pathlib.Path(directory)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", d / "ca.key", "-out", d / "ca.crt", "-subj", "/CN=ca", "-days", "2")
    for name, subject, extra in [
        ("server", "/CN=server", "subjectAltName=IP:127.0.0.1"),
        ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth"),
    ]:
        openssl("req", *key, "-keyout", d / f"{name}.key", "-out", d / f"{name}.csr", "-subj", subject)
        (d / f"{name}.ext").write_text(extra + "\n")
        openssl("x509", "-req", "-in", d / f"{name}.csr", "-CA", d / "ca.crt", "-CAkey", d / "ca.key",
                "-CAcreateserial", "-out", d / f"{name}.crt", "-days", "2", "-extfile", d / f"{name}.ext")
    openssl("genrsa", "-out", d / "sa.key", "2048")
    return d


class Server:
    """What the load program needs to know, and how to end it."""

    def __init__(self, name, url, ca, cert, key, processes, data=None):
        self.name, self.url, self.ca, self.cert, self.key = name, url, str(ca), str(cert), str(key)
        self.processes, self.data = processes, data

    def wait_ready(self):
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            for process in self.processes:
                if process.poll() is not None:
                    raise SystemExit(f"{self.name}: {process.args[0]} ended with {process.returncode}")
            try:
                with urllib.request.urlopen(self.url + "/api/v1/namespaces/default", context=context, timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise SystemExit(f"{self.name}: not ready after {READY_SECONDS} s")

    def cpu_seconds(self):
        """Of Insula's process `control` so far; None of others."""
        if self.data is None:
            return None
        state = json.loads((self.data / "run/state.json").read_text())
        pid = next(p["pid"] for p in state["processes"] if p["name"] == "control")
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def start_kubernetes(args, directory):
    pki = make_pki(directory)
    etcd_port, peer_port, api_port = free_port(), free_port(), free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": open(pki / "peer.log", "w")}
    etcd_url = f"http://127.0.0.1:{etcd_port}"
    etcd = subprocess.Popen(
        [args.etcd, "--data-dir", pki / "etcd", "--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url,
         "--listen-peer-urls", f"http://127.0.0.1:{peer_port}"], **quiet)
    api = subprocess.Popen(
        [args.kube_apiserver, "--etcd-servers", etcd_url, "--secure-port", str(api_port), "--bind-address", "127.0.0.1",
         "--tls-cert-file", pki / "server.crt", "--tls-private-key-file", pki / "server.key",
         "--client-ca-file", pki / "ca.crt", "--service-account-issuer", "https://kubernetes.default.svc",
         "--service-account-key-file", pki / "sa.key", "--service-account-signing-key-file", pki / "sa.key",
         "--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC",
         # Its default limits turn one busy client away; the peer is measured without them.
         "--enable-priority-and-fairness=false", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0"],
        **quiet)
    return Server("kube-apiserver", f"https://127.0.0.1:{api_port}", pki / "ca.crt", pki / "admin.crt",
                  pki / "admin.key", [etcd, api])


AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


def start_insula(args, directory, name="insula", flags=()):
    os.chmod(directory, 0o755)  # its processes run as users of their own
    data = pathlib.Path(directory) / "data"
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [pathlib.Path(args.build) / "src/server/insula", "up", "--data-dir", data, "--api-address", address,
         "--gateway-address", f"127.0.0.1:{free_port()}", "--gateway-metrics-address", f"127.0.0.1:{free_port()}",
         *flags],
        stdout=subprocess.DEVNULL, stderr=open(pathlib.Path(directory) / "insula.log", "w"))
    end = time.monotonic() + READY_SECONDS
    while not (data / "pki/admin.crt").exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    return Server(name, f"https://{address}", data / "pki/ca.crt", data / "pki/admin.crt", data / "pki/admin.key",
                  [process], data)


def start_audited(args, directory):
    policy = pathlib.Path(directory) / "audit-policy.yaml"
    policy.write_text(AUDIT_POLICY)
    # No pods run; but two platforms may not share their addresses.
    return start_insula(args, directory, "audited", ["--audit-policy", policy, "--pod-cidr", "10.213.0.0/24"])


def load(args, server, operation, connections, run):
    done = subprocess.run(
        [pathlib.Path(args.build) / "bench/api_load", "--server", server.url, "--ca", server.ca, "--cert", server.cert,
         "--key", server.key, "--operation", operation, "--connections", str(connections), "--seconds",
         str(args.seconds), "--run", run], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: {operation}: {done.stderr.strip()}")
    if done.stderr:
        print(f"{server.name}: {operation}: {done.stderr.strip()}", file=sys.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--audit", action="store_true")
    parser.add_argument("--kube-apiserver", default=shutil.which("kube-apiserver"))
    parser.add_argument("--etcd", default=shutil.which("etcd"))
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as audited, \
            tempfile.TemporaryDirectory() as theirs:
        servers = [start_insula(args, ours)]
        if args.audit:
            servers.append(start_audited(args, audited))
        if args.kube_apiserver and args.etcd:
            servers.append(start_kubernetes(args, theirs))
        figures = {(s.name, op): [] for s in servers for op in OPERATIONS}
        try:
            for server in servers:
                server.wait_ready()
                load(args, server, "seed", 1, "0")
            for round_ in range(args.rounds):
                for operation in OPERATIONS:
                    for server in servers if round_ % 2 == 0 else reversed(servers):
                        before = server.cpu_seconds()
                        result = load(args, server, *operation, f"{os.getpid()}-{round_}-{operation[1]}")
                        if before is not None:
                            used = server.cpu_seconds() - before
                            result["cpu_us"] = round(used / max(1, result["per_second"] * args.seconds) * 1e6, 1)
                        figures[server.name, operation].append(result)
                        print(f"round {round_} {server.name}: {result}", file=sys.stderr)
        finally:
            for server in servers:
                server.stop()

    report = {"bench": "apiserver", "rounds": args.rounds, "seconds": args.seconds}
    for operation in OPERATIONS:
        label = f"{operation[0]}_{operation[1]}"
        medians = {s.name: statistics.median(r["per_second"] for r in figures[s.name, operation]) for s in servers}
        p50 = {s.name: statistics.median(r["p50_ms"] for r in figures[s.name, operation]) for s in servers}
        cpu = {s.name: statistics.median(r["cpu_us"] for r in figures[s.name, operation])
               for s in servers if s.data is not None}
        peer = medians.get("kube-apiserver")
        report[label] = {"per_second": medians["insula"], "p50_ms": p50["insula"], "cpu_us": cpu["insula"],
                         "peer_per_second": peer,
                         "peer_p50_ms": p50.get("kube-apiserver"),
                         "ratio": round(medians["insula"] / peer, 2) if peer else None}
        if args.audit:
            report[label]["audited"] = {"per_second": medians["audited"], "p50_ms": p50["audited"],
                                        "cpu_us": cpu["audited"],
                                        "ratio": round(medians["audited"] / medians["insula"], 2)}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
