"""The official Kubernetes client libraries, unmodified: informers, watches and leader election, over a restart of the server."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from platform_under_test import Platform, eventually  # noqa: E402

HERE = Path(__file__).parent
CACHE = Path(subprocess.run([ROOT / "tools/clients.sh"], capture_output=True, text=True).stdout.strip() or "/nonexistent")
PYTHON = CACHE / "venv/bin/python3"
NODE_MODULES = CACHE / "node/node_modules"
CONTROLLER = CACHE / "controller"


def has_python():
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", "import kubernetes"], capture_output=True).returncode == 0


class Program:
    """One that prints lines; a line that was waited for is taken out."""

    def __init__(self, *command, env):
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.lines, self.seen, self.errors = queue.Queue(), [], []
        self.readers = [threading.Thread(target=self.read_lines, daemon=True), threading.Thread(target=self.read_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def read_errors(self):
        self.errors.extend(self.process.stderr)

    def expect(self, line, within=60):
        def come():
            while not self.lines.empty():
                self.seen.append(self.lines.get())
            return line in self.seen
        eventually(come, within, message=lambda: f"{line!r} among {self.seen}; it said\n{''.join(self.errors[-20:])}")
        self.seen.remove(line)

    def ended(self):
        """Every line that was not waited for, once the program has come to its end."""
        self.process.wait(60)
        for reader in self.readers:
            reader.join(60)
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        return self.seen

    def finish(self):
        """Ends its input and waits."""
        self.process.stdin.close()
        return self.ended()

    def kill(self):
        self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join(60)
        self.process.stdout.close()
        self.process.stderr.close()
        if not self.process.stdin.closed:
            self.process.stdin.close()


class Clients(unittest.TestCase):
    def setUp(self):
        self.platform = Platform().start()
        self.addCleanup(self.platform.stop)
        self.platform.kubectl("create", "namespace", "interop")
        eventually(lambda: self.platform.kubectl("get", "configmap", "kube-root-ca.crt", "-n", "interop", check=False).returncode == 0,
                   message="the namespace's own ConfigMap")

    def kubectl(self, *words, **more):
        return self.platform.kubectl(*words, "--namespace", "interop", **more)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def start(self, *command, **env):
        program = Program(*command, env=self.platform.env | env)
        self.addCleanup(program.kill)
        return program

    def restart_server(self):
        self.platform.wait_restarted("control", self.platform.kill("control"))

    def make(self, name, *labels):
        self.kubectl("create", "configmap", name, "--from-literal=colour=red")
        if labels:
            self.kubectl("label", "configmap", name, *labels)


@unittest.skipUnless(has_python(), "kubernetes is not to be had from PyPI (tools/clients.sh)")
class Python(Clients):
    def python(self, *words):
        return self.start(PYTHON, HERE / "watch_calls.py", *words)

    def test_a_watch_goes_on_over_a_restart_where_it_was(self):
        program = self.python("watch", "configmaps")
        program.expect("listed kube-root-ca.crt")
        self.make("before")
        program.expect("ADDED before")
        self.restart_server()
        self.make("after")
        program.expect("ADDED after")
        self.kubectl("delete", "configmap", "before")
        program.expect("DELETED before")
        # Neither listed anew nor told anything twice.
        self.assertEqual(program.finish(), [])

    def test_a_watch_of_what_no_restart_survives_is_answered_410_and_listed_anew(self):
        node = self.platform.get("nodes")["items"][0]["metadata"]["name"]
        program = self.python("watch", "leases")
        program.expect(f"listed {node}")
        self.restart_server()
        program.expect("expired")
        program.expect(f"listed {node}")
        self.platform.kubectl("create", "-f", "-", input=json.dumps({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "later", "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": "somebody"}}))
        program.expect("ADDED later")
        program.finish()

    def test_the_dynamic_client(self):
        program = self.python("dynamic")
        answer = json.loads(program.ended()[-1])
        self.assertEqual(answer, {"namespaced": True, "subresources": ["scale", "status"], "patched": {"a": "1", "b": "2"},
                                  "applied": {"a": "1", "b": "2", "c": "3"}, "replaced": {"d": "4"}, "conflict": 409,
                                  "events": ["MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]})

    def test_leader_election(self):
        first = self.python("lead", "first")
        first.expect("leading first")
        second = self.python("lead", "second")
        held = self.get("lease", "python")["spec"]
        self.assertIn("first", held["holderIdentity"])
        self.restart_server()
        eventually(lambda: self.get("lease", "python")["spec"]["renewTime"] > held["renewTime"], message="renewed")
        first.kill()
        second.expect("leading second")


@unittest.skipUnless(shutil.which("node") and (NODE_MODULES / "@kubernetes/client-node").exists(),
                     "@kubernetes/client-node is not to be had from npm (tools/clients.sh)")
class JavaScript(Clients):
    def test_an_informer_goes_on_over_a_restart(self):
        trust = {"INSULA_CLIENTS": str(CACHE / "node")}
        program = self.start("node", HERE / "informer_calls.mjs", **trust)
        program.expect("add kube-root-ca.crt")
        self.make("before")
        program.expect("add before")
        self.kubectl("label", "configmap", "before", "x=y")
        program.expect("update before")
        self.restart_server()
        self.make("after")
        program.expect("add after")
        self.kubectl("delete", "configmap", "before")
        program.expect("delete before")
        told = program.finish()
        self.assertEqual(told[-1], "cache after kube-root-ca.crt")
        self.assertFalse([line for line in told if line.startswith("add ")], "told twice")


@unittest.skipUnless(CONTROLLER.exists(), "the controller on client-go cannot be built (tools/clients.sh says why)")
class Go(Clients):
    def test_a_controller_of_client_go(self):
        first = self.start(CONTROLLER, "first", "protobuf")
        first.expect("synced")
        second = self.start(CONTROLLER, "second", "json")
        second.expect("leader first")
        with self.subTest("it acts on what it sees"):
            self.make("lamp", "interop=parent")
            first.expect("created lamp")
            child = self.get("secret", "lamp")
            owner = child["metadata"]["ownerReferences"][0]
            self.assertEqual((owner["kind"], owner["name"], owner["controller"]), ("ConfigMap", "lamp", True))
            self.assertEqual(self.get("configmap", "lamp")["metadata"]["finalizers"], ["interop.example.org/child"])
            eventually(lambda: "Created Secret lamp" in self.kubectl("get", "events").stdout, message="its event")
        with self.subTest("and goes on after a restart of the server"):
            self.restart_server()
            self.kubectl("patch", "secret", "lamp", "--type=merge", "-p", '{"stringData":{"colour":"blue"}}')
            first.expect("updated lamp")
            self.make("chair", "interop=parent")
            first.expect("created chair")
        with self.subTest("a finalizer holds an object until its controller lets it go; the owned goes after it"):
            self.kubectl("delete", "configmap", "lamp", "--timeout=30s")
            first.expect("released lamp")
            eventually(lambda: "lamp" not in self.kubectl("get", "secrets", "-o", "name").stdout, message="the Secret gone")
        with self.subTest("a leader that ends hands over at once"):
            first.process.terminate()
            first.expect("stopped first")
            told = first.ended()
            second.expect("leading second", 10)
            second.expect("synced")
            self.make("table", "interop=parent")
            second.expect("created table")
        with self.subTest("informers began with a streamed list, and listed nothing in the ordinary way"):
            lists, watches, streamed, protobuf = map(int, told[-1].split()[1:])
            self.assertEqual((lists, streamed), (0, 2))
            self.assertGreaterEqual(watches, 2)
        with self.subTest("in protobuf, as it asked"):
            self.assertGreaterEqual(protobuf, streamed + watches)


if __name__ == "__main__":
    unittest.main()
