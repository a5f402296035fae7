"""README's first block, typed as printed, on a platform that `make up` built and started."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from platform_under_test import MINORS, ROOT, kubectl_path


class FirstMinutes(unittest.TestCase):
    def block(self, readme):
        text = (ROOT / readme).read_text()
        return re.search(r"^```sh\n(.*?)^```$", text, re.M | re.S).group(1)

    def test_both_readmes_print_the_same_commands(self):
        def commands(readme):
            return [line.split("  #")[0].strip() for line in self.block(readme).splitlines()]
        self.assertEqual(commands("README.md"), commands("README.zh-TW.md"))

    def test_readme_as_printed(self):
        folder = tempfile.mkdtemp(prefix="insula-e2e-")
        os.chmod(folder, 0o755)
        # Where make up puts things and where it listens is all that differs from a user's shell.
        env = dict(os.environ, INSULA_DATA_DIR=folder, BUILD=os.environ.get("INSULA_BUILD", "release"),
                   PATH=f"{Path(kubectl_path(MINORS[-1])).parent}:{os.environ['PATH']}",
                   UP_FLAGS="--api-address=127.0.0.1:0 --gateway-address=127.0.0.1:0 "
                            f"--gateway-metrics-address=127.0.0.1:0 --pod-cidr=10.{192 + os.getpid() % 60}.0.0/20")
        script = "set -e\n"
        again = "make help >/dev/null && make up"
        for number, line in enumerate(self.block("README.md").splitlines()):
            script += f"echo; echo '@@{number}'\n{line}\n"
        # In that shell, whose PATH now leads to insula, make must go on working.
        script += f"echo; echo '@@again'\n{again}\n"
        try:
            done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
            self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        finally:
            subprocess.run([ROOT / "insula", "down"], env=env, capture_output=True)
            subprocess.run(["rm", "-rf", folder])
        answers = re.split(r"^@@\d+\n", done.stdout, flags=re.M)[1:]
        for tenant in ("demo-a", "demo-b"):
            self.assertIn(tenant, answers[0], "make up prints URLs and keys")
        self.assertIn("curl", answers[0])
        self.assertIn("demo-a", answers[2])
        self.assertIn("tenant-c", answers[3])
        completion = json.loads(answers[5])
        self.assertEqual(completion["object"], "chat.completion")
        self.assertRegex(answers[6], r"\b1\b")
        self.assertIn("already running", done.stdout.split("@@again")[1])


if __name__ == "__main__":
    unittest.main()
