"""A backup of a platform, running or not, and a platform made of it."""

import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import threading
import unittest
from pathlib import Path

from platform_under_test import BINARY, Platform, eventually

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name, value):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}


def members(path):
    """The files of an archive, by name."""
    text = subprocess.run(["zstd", "-dc", str(path)], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(text)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


class Backup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="insula-e2e-")
        os.chmod(cls.folder, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.running, cls.at_rest = (str(Path(cls.folder, name)) for name in ("running.tar.zst", "at-rest.tar.zst"))
        with Platform() as platform:
            cls.key = platform.tenant("kept", "--requests-per-hour", "1000")
            for _ in range(5):
                assert platform.chat("kept", cls.key).status == 200
            platform.kubectl("create", "secret", "generic", "s", "--from-literal=a=b")
            api = platform.api()
            cls.made = api.request("POST", MAPS, config_map("m", "first")).json()
            cls.made = api.request("PUT", MAPS + "/m", config_map("m", "second")).json()
            with Writer(platform) as writer:
                writer.wait(20)
                cls.acknowledged = dict(writer.acknowledged)
                cls.said = platform.insula("backup", cls.running).stdout
                writer.wait(20)
            cls.in_use = platform.insula("restore", cls.running, check=False)
            cls.usage = json.loads(platform.insula("usage", "kept", "-o", "json").stdout)
            cls.last_revision = int(api.request("GET", MAPS).json()["metadata"]["resourceVersion"])
            cls.kubeconfig = Path(platform.data_dir, "kubeconfig").read_text()
            api.close()
            platform.insula("down")
            platform.insula("backup", cls.at_rest)
            cls.not_empty = platform.insula("restore", cls.running, check=False)

    def restored(self, path):
        """A platform over what was restored."""
        target = tempfile.mkdtemp(prefix="insula-e2e-")
        self.addCleanup(shutil.rmtree, target, ignore_errors=True)
        done = subprocess.run([BINARY, "restore", path, "--data-dir", target], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"insula up --data-dir {target}", done.stdout)
        platform = Platform(data_dir=target)
        platform.start()
        self.addCleanup(platform.stop)
        return platform

    def check(self, platform):
        api = platform.api()
        self.addCleanup(api.close)
        made = api.request("GET", MAPS + "/m").json()
        self.assertEqual(made, self.made)
        self.assertEqual(platform.kubectl("get", "secret", "s", "-o", "jsonpath={.data.a}").stdout, "Yg==")
        # Tenant, key, model and bill are those of before.
        eventually(lambda: platform.request("/kept/v1/models", self.key).status == 200, 60, message="the tenant serves")
        usage = json.loads(platform.insula("usage", "kept", "-o", "json").stdout)
        self.assertGreaterEqual(usage["requests"], self.usage["requests"])
        for tokens in ("promptTokens", "completionTokens"):
            self.assertEqual(usage[tokens], self.usage[tokens])
        records = json.loads(platform.insula("usage", "records", "kept", "-o", "json").stdout)
        self.assertEqual(sum(record["operation"] == "chat.completions" for record in records), 5)
        self.assertEqual(platform.chat("kept", self.key).status, 200)
        # Who has seen a later revision lists anew, and none is given out again.
        watch = api.request("GET", f"{MAPS}?watch=true&timeoutSeconds=1&resourceVersion={self.last_revision + 5}")
        self.assertIn('"code":410', watch.body.decode())
        new = api.request("POST", MAPS, config_map("new", "1")).json()
        self.assertGreater(int(new["metadata"]["resourceVersion"]), self.last_revision + 1_000_000)
        return api

    def test_a_backup_of_a_running_platform_has_all_that_was_acknowledged_before_it(self):
        api = self.check(self.restored(self.running))
        stored = {item["metadata"]["name"] for item in api.request("GET", MAPS).json()["items"]}
        self.assertLessEqual(set(self.acknowledged), stored)

    def test_a_backup_of_one_that_is_stopped_is_the_same(self):
        platform = self.restored(self.at_rest)
        self.check(platform)
        # Kubeconfigs of before go on working: the authority is the same one.
        port = platform.status["apiServer"].rsplit(":", 1)[1]
        earlier = Path(self.folder, "kubeconfig")
        before = next(line for line in self.kubeconfig.splitlines() if "server:" in line)
        earlier.write_text(self.kubeconfig.replace(before.split()[-1], f"https://127.0.0.1:{port}"))
        platform.kubectl("get", "secret", "s", env={"KUBECONFIG": str(earlier)})

    def test_it_says_what_is_in_it(self):
        objects = len(members(self.running)["state.jsonl"].splitlines()) - 2
        self.assertIn(f"is backed up in {self.running}: {objects} objects, ", self.said)
        self.assertGreater(objects, 20)

    def test_only_its_owner_may_read_it(self):
        for path in (self.running, self.at_rest):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(os.listdir(self.folder).count("running.tar.zst.new"), 0)

    def test_what_cannot_be_restored_is_refused_with_the_reason(self):
        self.assertIn("insula down stops it", self.in_use.stderr)
        self.assertIn("is not empty", self.not_empty.stderr)
        for done in (self.in_use, self.not_empty):
            self.assertEqual(done.returncode, 1)

    def refusal(self, content):
        """What restore says of such a file; it leaves nothing behind."""
        path = Path(self.folder, "wrong.tar.zst")
        path.write_bytes(content)
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([BINARY, "restore", str(path), "--data-dir", folder + "/new"],
                                  capture_output=True, text=True)
            self.assertEqual(os.listdir(folder), [])
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    def packed(self, files):
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return plain.getvalue()

    def test_a_file_that_is_no_whole_backup_is_refused(self):
        whole = Path(self.running).read_bytes()
        self.assertIn("no whole backup", self.refusal(b"hello"))
        self.refusal(whole[:len(whole) // 2])
        files = members(self.running)
        self.assertIn("state.jsonl is missing",
                      self.refusal(self.packed({k: v for k, v in files.items() if k != "state.jsonl"})))
        self.assertIn("pki/sa.key is missing",
                      self.refusal(self.packed({k: v for k, v in files.items() if k != "pki/sa.key"})))
        cut = {**files, "state.jsonl": files["state.jsonl"].rsplit(b"\n", 2)[0]}
        self.assertIn("the end is missing", self.refusal(self.packed(cut)))
        self.assertIn("no part of a backup", self.refusal(self.packed({**files, "../evil": b""})))
        self.assertIn("no part of a backup", self.refusal(self.packed({**files, "records/../../evil": b""})))
        newer = {**files, "backup.json": b'{"format":2,"dataVersion":1,"insula":"9"}'}
        self.assertIn("newer insula (9)", self.refusal(self.packed(newer)))
        self.assertIn("not a backup", self.refusal(self.packed({"x": b""})))


class Writer:
    """Creates ConfigMaps one after another."""

    def __init__(self, platform):
        self.api = platform.api()
        self.acknowledged = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            name = f"w-{len(self.acknowledged)}"
            if self.api.request("POST", MAPS, config_map(name, "x")).status == 201:
                self.acknowledged[name] = True

    def wait(self, more):
        goal = len(self.acknowledged) + more
        eventually(lambda: len(self.acknowledged) >= goal, message="further writes")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.api.close()


if __name__ == "__main__":
    unittest.main()
