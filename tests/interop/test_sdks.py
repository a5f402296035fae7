"""The official OpenAI and Anthropic client libraries, unmodified, against a tenant with two model servers."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from platform_under_test import Platform, eventually  # noqa: E402

HERE = Path(__file__).parent
CACHE = Path(subprocess.run([ROOT / "tools/sdks.sh"], capture_output=True, text=True).stdout.strip() or "/nonexistent")
PYTHON = CACHE / "venv/bin/python3"
NODE_MODULES = CACHE / "node/node_modules"


def has_python():
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", "import openai, anthropic"], capture_output=True).returncode == 0


def anthropic_objects():
    """A server for Claude's models, from a script in a ConfigMap, and its Service."""
    labels = {"app": "anthropic"}
    pod = {"containers": [{
        "name": "server", "image": "local/python",
        "args": ["/srv/anthropic_server.py", "$(POD_IP)", "8002"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8002}, "periodSeconds": 1},
        "volumeMounts": [{"name": "script", "mountPath": "/srv"}]}],
        "volumes": [{"name": "script", "configMap": {"name": "anthropic"}}]}
    return {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "anthropic", "namespace": "team-a"},
         "data": {"anthropic_server.py": (HERE / "anthropic_server.py").read_text()}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "anthropic", "namespace": "team-a"},
         "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "anthropic", "namespace": "team-a"},
         "spec": {"selector": labels, "ports": [{"name": "http", "port": 8000, "targetPort": 8002}]}}]}


class Sdks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(f"--map-image=local/python = host:{os.path.realpath('/usr/bin/python3')}").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.key = cls.platform.tenant("team-a")
        cls.platform.kubectl("apply", "-f", "-", input=json.dumps(anthropic_objects()))
        models = [{"name": "llm-sim"}, {"name": "claude", "backends": [{"service": {"name": "anthropic"}}]}]
        cls.platform.kubectl("patch", "tenant", "team-a", "--type", "merge",
                             "-p", json.dumps({"spec": {"gateway": {"models": models}}}))
        asked = {"model": "claude", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
        eventually(lambda: cls.platform.request("/team-a/v1/messages", cls.key, asked).status == 200, 60,
                   message="the server for Claude's models answers")

    def calls(self, *command, **more):
        done = subprocess.run([*command, self.platform.status["gateway"], "team-a", self.key], capture_output=True,
                              text=True, timeout=120, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def check(self, answers, rate_limit_errors):
        self.assertEqual(answers["openai"], {
            "models": ["llm-sim", "claude"], "chat": 5, "keyAlone": "chat.completion", "streamPieces": 5, "streamUsage": 5,
            "tools": "length", "completion": 3, "embedding": 2, "remaining": True,
            "errors": ["AuthenticationError 401 invalid_api_key", "NotFoundError 404 unknown_tenant",
                       "BadRequestError 400 invalid_request", "InternalServerError 503 simulated"]})
        self.assertEqual(answers["anthropic"], {
            "message": "you said so", "streamed": "you said so", "streamUsage": 3, "tool": "weather Taipei", "count": 7,
            "errors": rate_limit_errors})

    @unittest.skipUnless(has_python(), "openai and anthropic are not to be had from PyPI (tools/sdks.sh)")
    def test_python(self):
        self.check(self.calls(PYTHON, HERE / "sdk_calls.py"), ["AuthenticationError 401 None"])

    @unittest.skipUnless(shutil.which("node") and (NODE_MODULES / "openai").exists(),
                         "openai and @anthropic-ai/sdk are not to be had from npm (tools/sdks.sh)")
    def test_javascript(self):
        self.check(self.calls("node", HERE / "sdk_calls.mjs", env=os.environ | {"INSULA_SDKS": str(CACHE / "node")}),
                   ["AuthenticationError 401 null"])


if __name__ == "__main__":
    unittest.main()
