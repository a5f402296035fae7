"""Starting and stopping: one clear line for each thing that can be wrong."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

from platform_under_test import BINARY, MINORS, Platform, eventually


class Starting(unittest.TestCase):
    def refused(self, *flags, data_dir=None, env=None):
        with tempfile.TemporaryDirectory(prefix="insula-e2e-") as folder:
            os.chmod(folder, 0o755)
            done = subprocess.run(
                [BINARY, "up", f"--data-dir={data_dir or folder}", "--api-address=127.0.0.1:0",
                 "--gateway-address=127.0.0.1:0", "--gateway-metrics-address=127.0.0.1:0", *flags],
                capture_output=True, text=True, timeout=60, env=env)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("insula up: "), done.stderr)
        return done.returncode, done.stderr

    def test_a_second_instance_on_the_same_data_is_told_who_runs(self):
        with Platform() as platform:
            code, line = self.refused("--detach", data_dir=platform.data_dir)
            self.assertEqual(code, 1)
            self.assertIn(f"pid {platform.pid('supervisor')}", line)

    def test_what_would_keep_a_process_from_starting_is_said_at_once(self):
        code, line = self.refused("--detach", "--image-map=/no/such/file")
        self.assertEqual(code, 2)
        self.assertIn("/no/such/file", line)

    def test_a_busy_port_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for flag in ("--api-address", "--gateway-address", "--gateway-metrics-address"):
                code, line = self.refused(f"{flag}={address}")
                self.assertEqual(code, 1)
                self.assertIn(f"{flag} {address}", line)

    def test_two_platforms_cannot_share_the_gateways_port(self):
        with Platform() as platform:
            address = platform.status["gateway"].removeprefix("http://")
            code, line = self.refused(f"--gateway-address={address}")
            self.assertEqual(code, 1)
            self.assertIn("in use", line)

    def test_data_of_a_newer_build_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "VERSION").write_text("99\n")
            code, line = self.refused(data_dir=folder)
            self.assertEqual(code, 1)
            self.assertIn("newer", line)
            self.assertEqual(Path(folder, "VERSION").read_text(), "99\n")

    def test_a_folder_of_something_else_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "thesis.txt").write_text("words")
            os.chmod(folder, 0o750)
            code, line = self.refused("--detach", data_dir=folder)
            self.assertEqual(code, 1)
            self.assertIn("not a data directory of insula", line)
            self.assertEqual(os.listdir(folder), ["thesis.txt"])
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o750)

    def test_a_process_that_does_not_start_is_told_at_once(self):
        platform = Platform().start()
        try:
            platform.insula("down")
            Path(platform.data_dir, "control", "state.db").write_bytes(b"no database at all\n" * 400)
            begun = time.monotonic()
            code, line = self.refused("--detach", data_dir=platform.data_dir)
            self.assertEqual(code, 1)
            self.assertIn("control does not start", line)
            self.assertIn("database", line)
            self.assertLess(time.monotonic() - begun, 20)
        finally:
            platform.stop()

    def test_an_interrupted_start_leaves_no_process(self):
        with tempfile.TemporaryDirectory(prefix="insula-e2e-") as folder:
            os.chmod(folder, 0o755)
            up = subprocess.Popen(
                [BINARY, "up", "--detach", f"--data-dir={folder}", "--api-address=127.0.0.1:0",
                 "--gateway-address=127.0.0.1:0", "--gateway-metrics-address=127.0.0.1:0"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            eventually(lambda: Path(folder, "lock").exists(), every=0.001)
            up.send_signal(signal.SIGINT)
            _, said = up.communicate(timeout=60)
            if up.returncode == 0:
                subprocess.run([BINARY, "down", f"--data-dir={folder}"], check=True)
                self.skipTest("it was ready before the signal came")
            self.assertEqual(up.returncode, 130, said)
            down = subprocess.run([BINARY, "down", f"--data-dir={folder}"], capture_output=True, text=True)
            self.assertIn("not running", down.stdout)

    def test_a_full_disk_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a small file system")
        with tempfile.TemporaryDirectory() as folder:
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True).returncode:
                self.skipTest("cannot mount here")
            try:
                code, line = self.refused(data_dir=folder)
            finally:
                subprocess.run(["umount", folder], check=True)
            self.assertEqual(code, 1)
            self.assertIn("disk", line)
            self.assertIn("full", line)

    def test_mistakes_on_the_command_line_are_one_line_and_code_two(self):
        for words in (["up", "--nonsense"], ["up", "--simulate-gpus", "many"], ["nonsense"], ["tenant", "create"],
                      ["tenant", "nonsense"], ["key", "create"], ["status", "-o", "xml"], ["token"],
                      ["tenant", "delete", ""], ["key", "list", "a", "b"], ["version", "extra"],
                      ["tenant", "create", "a", "--timeout=-1"],
                      ["tenant", "create", "a", "--serve=x", "--replicas=4294967297"],
                      ["up", "--node-cpu=many"], ["up", "--node-memory=0"], ["up", "--pod-cidr=127.0.0.0/16"],
                      ["up", "--api-address=unix:/x"], ["up", "--node-name=A_B"], ["up", "--simulate-gpus=-1"],
                      ["up", "--map-image=x = magic:y"], ["up", "--image-map=/nonexistent"]):
            done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2, words)
            if words != ["token"]:
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform().start()
        cls.addClassCleanup(cls.platform.stop)

    def test_status_has_the_promised_shape(self):
        status = self.platform.read_status()
        self.assertEqual(sorted(status), ["apiServer", "dataDir", "gateway", "kubeconfig", "processes", "ready", "version"])
        self.assertIs(status["ready"], True)
        self.assertEqual(status["dataDir"], self.platform.data_dir)
        names = [p["name"] for p in status["processes"]]
        self.assertEqual(names[:4], ["supervisor", "control", "node", "gateway"])
        for process in status["processes"]:
            self.assertEqual(sorted(process), ["metrics", "name", "pid", "pssBytes"])
            self.assertGreater(process["pssBytes"], 100_000, process)
            os.kill(process["pid"], 0)

    def test_secrets_are_readable_by_their_owner_only(self):
        root = Path(self.platform.data_dir)
        for path in [root / "kubeconfig", *root.glob("pki/*.key"), *root.glob("pki/*.kubeconfig")]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)

    def test_control_and_gateway_are_unprivileged(self):
        if os.geteuid() != 0:
            self.skipTest("everything runs as one user without root")
        users = {}
        for name in ("control", "node", "gateway"):
            text = Path(f"/proc/{self.platform.pid(name)}/status").read_text()
            fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            users[name] = fields["Uid"].split()[0]
            if name != "node":
                self.assertEqual(fields["NoNewPrivs"], "1")
                self.assertEqual(int(fields["CapEff"], 16), 0)
        self.assertEqual(len(set(users.values())), 3, users)
        self.assertEqual(users["node"], "0")

    def test_env_points_a_shell_here(self):
        lines = self.platform.insula("env").stdout
        shown = subprocess.run(["bash", "-c", f'{lines} echo "$KUBECONFIG $GATEWAY"; command -v insula'],
                               capture_output=True, text=True).stdout.splitlines()
        self.assertEqual(shown[0], f"{self.platform.status['kubeconfig']} {self.platform.status['gateway']}")
        self.assertTrue(shown[1].endswith("/insula"))

    def test_strangers_are_refused(self):
        import http.client
        import ssl
        import urllib.parse
        url = urllib.parse.urlsplit(self.platform.status["apiServer"])
        connection = http.client.HTTPSConnection(url.hostname, url.port, context=ssl._create_unverified_context())
        connection.request("GET", "/api/v1/secrets")
        answer = connection.getresponse()
        self.assertIn(answer.status, (401, 403))
        self.assertEqual(json.loads(answer.read())["kind"], "Status")
        connection.close()

    def test_what_kubectl_lists_it_can_apply_again(self):
        for name in ("first", "second"):
            self.platform.kubectl("create", "configmap", name, "--from-literal=a=b", "-n", "default")
        listed = self.platform.kubectl("get", "configmap", "first", "second", "-n", "default", "-o", "yaml").stdout
        self.assertIn("kind: List", listed)
        # Of an object that has changed since, it would be refused, and is on every cluster.
        listed = "".join(line for line in listed.splitlines(True) if "resourceVersion" not in line)
        for minor in MINORS:
            applied = self.platform.kubectl("apply", "-f", "-", minor=minor, input=listed).stdout
            self.assertEqual(len(applied.splitlines()), 2, applied)
        wrong = listed.replace("  data:", "  dta:")
        refused = self.platform.kubectl("apply", "-f", "-", input=wrong, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn('unknown field "dta"', refused.stderr)


class Stopping(unittest.TestCase):
    def test_down_ends_every_process_and_is_repeatable(self):
        platform = Platform("--demo").start()
        pids = [p["pid"] for p in platform.read_status()["processes"]]
        try:
            platform.insula("down")
            for pid in pids:
                eventually(lambda: not Path(f"/proc/{pid}").exists(), 10, message=f"{pid} gone")
            mounts = Path("/proc/self/mounts").read_text()
            self.assertNotIn(str(platform.data_dir), mounts, "a network of a stopped pod is left")
            log = (Path(platform.data_dir) / "logs" / "supervisor.log").read_text()
            for name in ("gateway", "node", "control"):
                self.assertIn(f'process stopped component=supervisor process={name} exit="status 0"', log)
            self.assertIn("not running", platform.insula("down").stdout)
            self.assertEqual(platform.insula("status", check=False).returncode, 1)
        finally:
            platform.stop()

    def test_requests_under_way_are_finished_while_new_clients_are_refused(self):
        platform = Platform().start()
        try:
            key = platform.tenant("leaving")
            gateway = urllib.parse.urlsplit(platform.status["gateway"])
            body = json.dumps({"model": "llm-sim", "messages": [{"role": "user", "content": "hello"}]}).encode()
            connection = http.client.HTTPConnection(gateway.hostname, gateway.port, timeout=30)
            connection.putrequest("POST", "/leaving/v1/chat/completions")
            for header, value in (("Authorization", f"Bearer {key}"), ("Content-Type", "application/json"),
                                  ("Content-Length", str(len(body))), ("Expect", "100-continue")):
                connection.putheader(header, value)
            connection.endheaders()
            # The gateway has begun with the request when it asks for its body.
            self.assertIn(b" 100 ", connection.sock.recv(1000))
            log = Path(platform.data_dir) / "logs" / "gateway" / "gateway.log"
            down = subprocess.Popen([BINARY, "down"], env=platform.env, stdout=subprocess.DEVNULL)
            eventually(lambda: "gateway draining" in log.read_text(), message="it drains")

            def refused():
                try:
                    socket.create_connection((gateway.hostname, gateway.port), timeout=5).close()
                except ConnectionRefusedError:
                    return True
                return False

            eventually(refused, 5, message="refused")  # each loop closes its own socket
            connection.send(body)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(answer.read())["object"], "chat.completion")
            connection.close()
            self.assertEqual(down.wait(30), 0)
        finally:
            platform.stop()

    def test_pods_come_back_after_a_restart_and_leave_nothing_in_the_kernel(self):
        platform = Platform().start()
        try:
            key = platform.tenant("again")
            platform.insula("down")
            self.assertNotIn(platform.data_dir, Path("/proc/self/mountinfo").read_text())
            platform.start()
            eventually(lambda: platform.chat("again", key).status == 200, 30, message="served again")
            platform.insula("down", "--keep-pods")
            platform.start()
            self.assertEqual(platform.chat("again", key).status, 200)
            platform.insula("down")
            self.assertNotIn(platform.data_dir, Path("/proc/self/mountinfo").read_text())
        finally:
            platform.stop()

    def test_down_gives_back_what_pods_held_of_the_machine(self):
        platform = Platform("--map-image=local/sh = host:/bin/sh").start()
        try:
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "holder"},
                    "spec": {"containers": [{"name": "main", "image": "local/sh", "args": ["-c", "sleep 1000"],
                                             "volumeMounts": [{"name": "memory", "mountPath": "/memory"}]}],
                             "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}],
                             "terminationGracePeriodSeconds": 1}}
            platform.kubectl("create", "-f", "-", input=json.dumps(body))
            platform.kubectl("wait", "pod/holder", "--for=condition=Ready", "--timeout=30s")
            uid = platform.get("pod", "holder")["metadata"]["uid"]
            platform.insula("down")
            self.assertNotIn(platform.data_dir, Path("/proc/self/mountinfo").read_text())
            self.assertEqual(list(Path("/sys/fs/cgroup").glob(f"**/insula/{uid}*")), [])
            self.assertEqual(list(Path(platform.data_dir).glob("node/oci/*")), [])
            platform.start()
            eventually(lambda: platform.get("pod", "holder")["status"]["containerStatuses"][0]["restartCount"] == 1,
                       message="started again")
        finally:
            platform.stop()

    def test_data_is_there_after_a_restart(self):
        platform = Platform().start()
        try:
            platform.kubectl("create", "namespace", "kept")
            uid = platform.get("namespace", "kept")["metadata"]["uid"]
            platform.insula("down")
            platform.start()
            self.assertEqual(platform.get("namespace", "kept")["metadata"]["uid"], uid)
        finally:
            platform.stop()


if __name__ == "__main__":
    unittest.main()
