"""Insula's API server and kube-apiserver with etcd, as a load program sees them."""
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

READY_SECONDS = 120
AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def openssl(*args, **kwargs):
    subprocess.run(["openssl", *args], check=True, capture_output=True, **kwargs)


def make_certificate(folder, name, subject, extension, authority):
    """`name`.crt and .key in `folder`, signed by `authority`, a certificate and its key."""
    certificate, key = authority
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
    (folder / f"{name}.ext").write_text(extension + "\n")
    openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", certificate, "-CAkey", key, "-CAcreateserial",
            "-out", folder / f"{name}.crt", "-days", "2", "-extfile", folder / f"{name}.ext")


class Server:
    """Where it is, who asks it, and how to end it. `authority` signs its clients' certificates."""

    def __init__(self, name, url, ca, cert, key, processes=(), data=None, authority=None):
        self.name, self.url, self.ca, self.cert, self.key = name, url, str(ca), str(cert), str(key)
        self.processes, self.data, self.authority = list(processes), data, authority

    def context(self):
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        return context

    def wait_ready(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            for process in self.processes:
                if process.poll() is not None:
                    raise SystemExit(f"{self.name}: {process.args[0]} ended with {process.returncode}")
            try:
                with urllib.request.urlopen(self.url + "/readyz", context=self.context(), timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.01)
        raise SystemExit(f"{self.name}: not ready after {READY_SECONDS} s")

    def cpu_seconds(self):
        """Of Insula's process `control` so far; None of others."""
        if self.data is None:
            return None
        state = json.loads((self.data / "run/state.json").read_text())
        pid = next(p["pid"] for p in state["processes"] if p["name"] == "control")
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def as_user(self, folder, name):
        """The same server, asked by a user of that name. `folder`: where the certificate goes."""
        folder = pathlib.Path(folder)
        make_certificate(folder, name, f"/CN={name}", "extendedKeyUsage=clientAuth", self.authority)
        return Server(self.name, self.url, self.ca, folder / f"{name}.crt", folder / f"{name}.key", data=self.data)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


class Api:
    """A server's API, asked for one thing after the other."""

    def __init__(self, server):
        parts = urllib.parse.urlsplit(server.url)
        self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=server.context(), timeout=30)

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)


def start_kubernetes(args, directory):
    """Without priority and fairness, whose default limits turn one busy client away."""
    folder = pathlib.Path(directory)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "ca.key",
            "-out", folder / "ca.crt", "-subj", "/CN=ca", "-days", "2")
    authority = (folder / "ca.crt", folder / "ca.key")
    make_certificate(folder, "server", "/CN=server", "subjectAltName=IP:127.0.0.1", authority)
    make_certificate(folder, "admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth", authority)
    openssl("genrsa", "-out", folder / "sa.key", "2048")
    (folder / "audit.yaml").write_text(AUDIT_POLICY)
    etcd_port, peer_port, api_port = free_port(), free_port(), free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": open(folder / "peer.log", "w")}
    etcd_url = f"http://127.0.0.1:{etcd_port}"
    etcd = subprocess.Popen(
        [args.etcd, "--data-dir", folder / "etcd", "--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url,
         "--listen-peer-urls", f"http://127.0.0.1:{peer_port}"], **quiet)
    api = subprocess.Popen(
        [args.kube_apiserver, "--etcd-servers", etcd_url, "--secure-port", str(api_port), "--bind-address", "127.0.0.1",
         "--tls-cert-file", folder / "server.crt", "--tls-private-key-file", folder / "server.key",
         "--client-ca-file", folder / "ca.crt", "--service-account-issuer", "https://kubernetes.default.svc",
         "--service-account-key-file", folder / "sa.key", "--service-account-signing-key-file", folder / "sa.key",
         "--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC",
         "--audit-policy-file", folder / "audit.yaml", "--audit-log-path", folder / "audit.log",
         "--enable-priority-and-fairness=false", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0"],
        **quiet)
    return Server("kube-apiserver", f"https://127.0.0.1:{api_port}", folder / "ca.crt", folder / "admin.crt",
                  folder / "admin.key", [etcd, api], authority=authority)


def start_insula(args, directory, name="insula", flags=()):
    os.chmod(directory, 0o755)  # its processes run as users of their own
    folder = pathlib.Path(directory)
    data = folder / "data"
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [pathlib.Path(args.build) / "src/server/insula", "up", "--data-dir", data, "--api-address", address,
         "--gateway-address", f"127.0.0.1:{free_port()}", "--gateway-metrics-address", f"127.0.0.1:{free_port()}",
         *flags],
        stdout=subprocess.DEVNULL, stderr=open(folder / "insula.log", "w"))
    end = time.monotonic() + READY_SECONDS
    while not (data / "pki/admin.crt").exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.002)
    return Server(name, f"https://{address}", data / "pki/ca.crt", data / "pki/admin.crt", data / "pki/admin.key",
                  [process], data, (data / "pki/client-ca.crt", data / "pki/client-ca.key"))


def start_audited(args, directory):
    """Notes every request at the level Metadata, as the peer here does."""
    policy = pathlib.Path(directory) / "audit.yaml"
    policy.write_text(AUDIT_POLICY)
    return start_insula(args, directory, flags=["--audit-policy", policy])
