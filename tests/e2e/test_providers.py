"""Backends outside the platform: a provider over HTTPS with an authority of its own."""

import base64
import http.server
import json
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from platform_under_test import Platform, eventually, missing

REPLY = {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}


class Provider:
    """Answers chat completions to whoever has its key."""

    def __init__(self, key, secure=True):
        if shutil.which("openssl") is None:
            missing("no openssl")
        self.folder = tempfile.mkdtemp(prefix="insula-provider-")
        self.certificate, private = Path(self.folder, "ca.crt"), Path(self.folder, "ca.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=p",
                        "-keyout", private, "-out", self.certificate, "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True, timeout=60)
        self.key, self.secure = key, secure
        self.asked = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.asked.append((self.path, dict(self.headers), body))
                good = self.headers["Authorization"] == f"Bearer {provider.key}"
                if good and body.get("stream"):
                    self.stream()
                else:
                    self.answer(200 if good else 401, json.dumps(REPLY if good else {"error": "no"}).encode())

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                usage = {"choices": [], "usage": REPLY["usage"]}
                for event in (json.dumps({"choices": [{"delta": {"content": "hi"}}]}), json.dumps(usage), "[DONE]"):
                    text = f"data: {event}\n\n".encode()
                    self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, private)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self.secure else 'http'}://127.0.0.1:{self.server.server_address[1]}/api/v1"

    def remove(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)


def secret(name, namespace, kind="Opaque", **entries):
    data = {entry: base64.b64encode(value.encode()).decode() for entry, value in entries.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "type": kind,
            "data": data}


class Providers(unittest.TestCase):
    def setUp(self):
        self.provider = Provider("sk-first")
        self.addCleanup(self.provider.remove)

    def start(self, *flags):
        platform = Platform("--runtime=process", *flags)
        self.addCleanup(platform.stop)
        platform.start()
        self.api = platform.api()
        self.addCleanup(self.api.close)
        platform.insula("tenant", "create", "team-a")
        self.key = platform.insula("key", "create", "team-a").stdout.strip()
        return platform

    def write(self, provider):
        """The tenant's only model, served by this provider."""
        spec = {"gateway": {"models": [{"name": "gpt", "backends": [{"provider": provider, "model": "theirs"}]}]}}
        answer = self.api.request("PATCH", "/apis/insula.dev/v1alpha1/tenants/team-a", {"spec": spec},
                                  "application/merge-patch+json")
        self.assertEqual(answer.status, 200, answer)

    def put(self, what):
        path = f"/api/v1/namespaces/{what['metadata']['namespace']}/secrets"
        answer = self.api.request("POST", path, what)
        if answer.status == 409:
            answer = self.api.request("PUT", path + "/" + what["metadata"]["name"], what)
        self.assertIn(answer.status, (200, 201), answer)

    def condition(self):
        tenant = self.api.request("GET", "/apis/insula.dev/v1alpha1/tenants/team-a").json()
        for condition in tenant.get("status", {}).get("conditions", []):
            if condition["type"] == "ProvidersReady":
                return condition["status"] + " " + condition["message"]
        return ""

    def ask(self, platform, **more):
        return platform.chat("team-a", self.key, **{"model": "gpt", **more})

    def wait_for(self, platform, status):
        return eventually(lambda: (answer := self.ask(platform)).status == status and answer,
                          message=f"an answer of {status}")

    def test_a_key_from_the_tenants_secret_that_is_replaced(self):
        platform = self.start("--provider-network=127.0.0.0/8")
        self.write({"baseURL": self.provider.url, "apiKeyRef": {"name": "openai", "key": "apiKey"},
                              "caRef": {"name": "openai", "key": "ca.crt"}})
        eventually(lambda: "team-a/openai does not exist" in self.condition(), message="the condition")
        self.assertEqual(self.ask(platform).status, 503)
        authority = self.provider.certificate.read_text()
        self.put(secret("openai", "team-a", **{"apiKey": "sk-first\n", "ca.crt": authority}))
        self.assertEqual(self.wait_for(platform, 200).json(), REPLY)
        eventually(lambda: self.condition().startswith("True"), message="the condition")

        path, headers, body = self.provider.asked[-1]
        self.assertEqual((path, body["model"]), ("/api/v1/chat/completions", "theirs"))
        self.assertNotIn(self.key, json.dumps(headers))
        self.assertFalse([name for name in headers if name.lower().startswith("x-")], headers)
        streamed = self.ask(platform, stream=True)
        self.assertIn(b"[DONE]", streamed.body)
        self.assertNotIn(b"usage", streamed.body)

        self.provider.key = "sk-second"
        refused = self.ask(platform)
        self.assertEqual((refused.status, refused.json()["error"]["code"]), (502, "provider_refused"))
        self.put(secret("openai", "team-a", **{"apiKey": "sk-second", "ca.crt": authority}))
        self.wait_for(platform, 200)
        self.assertNotIn("sk-", platform.logs())
        usage = json.loads(platform.insula("usage", "team-a", "-o", "json").stdout)
        self.assertGreaterEqual(usage["totalTokens"], 12)

    def test_a_key_of_the_platform_is_for_the_tenants_it_names(self):
        platform = self.start("--provider-network=127.0.0.0/8")
        authority = self.provider.certificate.read_text()
        self.put(secret("ca", "team-a", **{"ca.crt": authority}))
        self.put(secret("shared", "insula-system", "insula.dev/provider-key", k="sk-first", tenants="team-b"))
        self.write({"baseURL": self.provider.url, "caRef": {"name": "ca", "key": "ca.crt"},
                              "apiKeyRef": {"name": "shared", "namespace": "insula-system", "key": "k"}})
        eventually(lambda: "not for this tenant" in self.condition(), message="the condition")
        self.assertEqual(self.ask(platform).status, 503)
        self.put(secret("shared", "insula-system", "insula.dev/provider-key", k="sk-first",
                                  tenants="team-b,team-a"))
        self.wait_for(platform, 200)

    def test_a_configuration_of_litellm_is_taken_over(self):
        plain = Provider("sk-lite", secure=False)
        self.addCleanup(plain.remove)
        platform = self.start("--provider-network=127.0.0.0/8")
        config = {"model_list": [{"model_name": "gpt", "litellm_params": {
                      "model": "openai/theirs", "api_base": plain.url, "api_key": "os.environ/E2E_PROVIDER_KEY",
                      "input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}}],
                  "general_settings": {"master_key": "sk-master"}}
        platform.env["E2E_PROVIDER_KEY"] = "sk-lite"
        written = platform.insula("import", "litellm", "-", "--tenant", "team-a", "--apply", input=json.dumps(config))
        self.assertIn("general_settings.master_key: keys are made by insula key create", written.stderr)
        self.assertEqual(self.wait_for(platform, 200).json(), REPLY)
        self.assertEqual(plain.asked[-1][2]["model"], "theirs")
        self.assertIn("gpt", platform.insula("price", "list").stdout)

    def test_no_provider_leads_into_the_platform(self):
        platform = self.start()
        self.write({"baseURL": self.provider.url})
        eventually(lambda: platform.metric("insula_gateway_provider_lookups_total", outcome="forbidden"),
                   message="a refused address")
        self.assertEqual(self.ask(platform).status, 503)
        self.assertEqual(self.provider.asked, [])


if __name__ == "__main__":
    unittest.main()
