"""Token issuers that publish their keys: an identity provider over HTTPS with an authority of its own."""

import base64
import http.server
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from platform_under_test import Platform, eventually, missing


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """An RSA key of the provider; openssl signs with it."""

    def __init__(self, folder, kid):
        self.kid = kid
        handle, self.file = tempfile.mkstemp(suffix=".pem", dir=folder)
        os.close(handle)
        openssl("genrsa", "-out", self.file, "2048")
        modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().split("=")[1]
        self.jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, claims, kid=None):
        header = {"alg": "RS256", "typ": "JWT", "kid": kid or self.kid}
        text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        return text + "." + b64(openssl("dgst", "-sha256", "-sign", self.file, given=text.encode()))


def openssl(*words, given=None):
    if shutil.which("openssl") is None:
        missing("no openssl")
    done = subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {words}: {done.stderr.decode()}")
    return done.stdout


class Provider:
    """Discovery document and key set below /realms/x, on a port that stays the same."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="insula-idp-")
        self.certificate, key = Path(self.folder, "ca.crt"), Path(self.folder, "ca.key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=idp", "-keyout", key,
                "-out", self.certificate, "-addext", "subjectAltName=IP:127.0.0.1")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.keys = []
        self.asked_for = []
        self.port = 0
        self.server = None
        self.start()

    @property
    def issuer(self):
        return f"https://127.0.0.1:{self.port}/realms/x"

    def key(self, kid):
        return SigningKey(self.folder, kid)

    def answer(self, path):
        self.asked_for.append(path)
        if path == "/realms/x/.well-known/openid-configuration":
            return {"issuer": self.issuer, "jwks_uri": self.issuer + "/certs"}
        if path == "/realms/x/certs":
            return {"keys": [key.jwk for key in self.keys]}
        return None

    def start(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = provider.answer(self.path)
                text = json.dumps(body).encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Cache-Control", "max-age=60")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        # On the connection's own thread, so that a client without a handshake holds nobody up.
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Load:
    """One client that calls with whatever token() gives, until stop(); keeps every status."""

    def __init__(self, call, token):
        self.call, self.token = call, token
        self.statuses = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.statuses.append(self.call(self.token()))
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Issuers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.addClassCleanup(cls.provider.remove)
        cls.addClassCleanup(cls.provider.stop)
        cls.platform = Platform("--simulate-gpus=1").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.tenant("team", "--requests-per-hour", "1000000")
        cls.platform.kubectl("create", "secret", "generic", "idp-ca", "-n", "team",
                             f"--from-file=ca.crt={cls.provider.certificate}")
        cls.first = cls.provider.key("first")
        cls.provider.keys = [cls.first]
        cls.trust({"issuer": cls.provider.issuer, "audiences": ["llm"], "caRef": {"name": "idp-ca", "key": "ca.crt"}})

    @classmethod
    def trust(cls, *issuers):
        cls.platform.kubectl("patch", "tenant", "team", "--type=merge", "-p",
                             json.dumps({"spec": {"gateway": {"jwt": list(issuers)}}}))

    def claims(self, **more):
        return {"iss": self.provider.issuer, "aud": "llm", "sub": "ann", "exp": int(time.time()) + 3600, **more}

    def status(self, token):
        return self.platform.request("/team/v1/models", token).status

    def metrics(self):
        entry = next(p for p in self.platform.read_status()["processes"] if p["name"] == "gateway")
        with urllib.request.urlopen(entry["metrics"], timeout=10) as answer:
            return answer.read().decode()

    def test_1_a_token_opens_its_tenant_once_the_keys_are_discovered(self):
        token = self.first.token(self.claims())
        eventually(lambda: self.status(token) == 200, 10)
        self.assertEqual(self.status(self.first.token(self.claims(aud="somebody else"))), 401)
        self.assertEqual(self.status(self.provider.key("first").token(self.claims())), 401, "another key of that kid")
        labels = f'{{issuer="{self.provider.issuer}"}}'
        self.assertIn(f"insula_gateway_issuer_keys{labels} 1\n", self.metrics())
        self.assertIn(f"insula_gateway_issuer_keys_age_seconds{labels} ", self.metrics())

    def test_2_keys_are_rotated_while_requests_run(self):
        eventually(lambda: self.status(self.first.token(self.claims())) == 200, 10)
        second = self.provider.key("second")
        old, new = self.first.token(self.claims()), second.token(self.claims())
        with Load(self.status, lambda: old) as load:
            self.provider.keys = [self.first, second]
            # A token with the new key is what makes the gateway look, at most ten seconds after it last did.
            eventually(lambda: self.status(new) == 200, 15, 0.2)
        self.assertGreater(len(load.statuses), 3)
        self.assertEqual(set(load.statuses), {200}, "the old key was there all the time")
        with Load(self.status, lambda: new) as load:
            self.provider.keys = [second]
            unknown = second.token(self.claims(), kid="third")
            # The old token was accepted a moment ago and is cached: it must not outlive its key.
            eventually(lambda: self.status(unknown) == 401 and self.status(old) == 401, 15, 0.2)
        self.assertEqual(set(load.statuses), {200})
        self.provider.keys = [self.first, second]
        eventually(lambda: self.status(old) == 200, 15, 0.2)

    def test_3_made_up_key_ids_are_no_flood_at_the_provider(self):
        eventually(lambda: self.status(self.first.token(self.claims())) == 200, 15, 0.2)
        stranger = self.provider.key("stranger")
        claims = self.claims()
        tokens = [stranger.token(claims, kid=f"made-up-{i}") for i in range(100)]
        before = len(self.provider.asked_for)
        began = time.monotonic()
        for token in tokens:
            self.assertEqual(self.status(token), 401)
        # Two documents a fetch, and a fetch every ten seconds.
        fetches = 1 + int((time.monotonic() - began) / 10)
        self.assertLessEqual(len(self.provider.asked_for) - before, 2 * (fetches + 1))

    def test_4_a_gateway_that_starts_while_the_provider_is_down_serves_on(self):
        token = self.first.token(self.claims())
        eventually(lambda: self.status(token) == 200, 15, 0.2)
        self.provider.stop()
        try:
            self.platform.wait_restarted("gateway", self.platform.kill("gateway"))
            eventually(lambda: self.status(token) == 200, 5)
            for _ in range(20):
                self.assertEqual(self.status(token), 200)
            unknown = self.first.token(self.claims(), kid="unknown")
            def told():
                answer = self.platform.request("/team/v1/models", unknown)
                self.assertEqual(answer.status, 401)
                return "could not be fetched again" in answer.json()["error"]["message"]
            # The first one asks; a refusal is remembered for ten seconds.
            eventually(told, 30, 0.5)
        finally:
            self.provider.start()

    def test_5_keys_that_were_never_fetched_are_the_gateways_fault_and_not_the_tokens(self):
        token = self.first.token(self.claims())
        good = {"issuer": self.provider.issuer, "audiences": ["llm"], "caRef": {"name": "idp-ca", "key": "ca.crt"}}
        try:
            # Without the authority nobody is trusted, and with another Secret nobody is either.
            for changed in ({"caRef": None}, {"caRef": {"name": "idp-ca", "key": "none"}}):
                self.trust({**good, **changed})
                eventually(lambda: self.status(token) == 503, 5)
                answer = self.platform.request("/team/v1/models", token)
                self.assertEqual(answer.headers.get("retry-after"), "1")
                self.assertIn("could not be fetched", answer.json()["error"]["message"])
        finally:
            self.trust(good)
        eventually(lambda: self.status(token) == 200, 15, 0.2)

    def test_6_a_tenant_that_names_its_keys_badly_is_refused(self):
        for jwt in ({"issuer": "idp", "audiences": ["a"]},
                    {"issuer": "i", "audiences": ["a"], "jwksURI": "http://idp.example/keys"},
                    {"issuer": "i", "audiences": ["a"], "jwksURI": "https://idp.example/keys", "publicKeys": ["x"]}):
            with self.subTest(jwt):
                refused = self.platform.kubectl("patch", "tenant", "team", "--type=merge", "-p",
                                                json.dumps({"spec": {"gateway": {"jwt": [jwt]}}}), check=False)
                self.assertNotEqual(refused.returncode, 0)


if __name__ == "__main__":
    unittest.main()
