"""Ingresses: hosts and paths that the gateway routes to Services, whose hosts they are, certificates by name."""

import base64
import http.client
import json
import socket
import ssl
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from platform_under_test import Platform, eventually

AUTHENTICATED = {"insula.dev/auth": "tenant"}


def ingress(name_space, name, host, tls=None, service="llm-service", annotations=None, path="/"):
    rule = {"http": {"paths": [{"path": path, "pathType": "Prefix",
                                "backend": {"service": {"name": service, "port": {"number": 8000}}}}]}}
    if host:
        rule["host"] = host
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": name_space, "annotations": annotations or {}},
            "spec": {"rules": [rule]}}
    if tls:
        made["spec"]["tls"] = [{"hosts": [host], "secretName": tls}]
    return made


class Routes(unittest.TestCase):
    def start(self, *flags):
        platform = Platform(*flags).start()
        self.addCleanup(platform.stop)
        self.platform = platform
        self.key = platform.tenant("team-a")
        return platform

    def apply(self, made):
        self.platform.kubectl("apply", "-f", "-", input=json.dumps(made))

    def models(self, host, path="/v1/models", key=None):
        """The status of a model server's list of models, asked for at this host without the gateway's API."""
        return self.platform.request(path, key, headers={"Host": host}).status

    def reasons(self, name_space):
        items = self.platform.get("events", "-n", name_space)["items"]
        return {item["reason"] for item in items if item["involvedObject"]["kind"] == "Ingress"}

    def test_an_ingress_leads_to_its_service_and_says_where_it_is_reached(self):
        platform = self.start()
        self.assertEqual(platform.get("ingressclass", "insula")["spec"]["controller"], "insula.dev/gateway")
        self.apply(ingress("team-a", "web", "www.example.com"))
        eventually(lambda: self.models("www.example.com") == 200, message="the host leads to the Service")
        self.assertEqual(self.models("www.example.org"), 401)
        address = eventually(lambda: platform.get("ingress", "web", "-n", "team-a")["status"]["loadBalancer"].get("ingress"))
        url = urllib.parse.urlsplit(platform.status["gateway"])
        self.assertEqual((address[0]["ip"], address[0]["ports"][0]["port"]), (url.hostname, url.port))
        shown = platform.kubectl("get", "ingress", "web", "-n", "team-a", "--no-headers").stdout.split()
        self.assertEqual(shown[:4], ["web", "insula", "www.example.com", url.hostname])

        with self.subTest("the annotation asks for a credential"):
            self.apply(ingress("team-a", "web", "www.example.com", annotations=AUTHENTICATED))
            eventually(lambda: self.models("www.example.com") == 401, message="a credential is asked for")
            self.assertEqual(self.models("www.example.com", key=self.key), 200)

        with self.subTest("what is missing is told"):
            self.apply(ingress("team-a", "lost", "lost.example.com", service="gone"))
            eventually(lambda: "ServiceNotFound" in self.reasons("team-a"), message="an event")
            eventually(lambda: self.models("lost.example.com") == 503, message="503 without endpoints")

        with self.subTest("it outlives a killed gateway and goes with its object"):
            before = platform.kill("gateway")
            platform.wait_restarted("gateway", before)
            self.assertEqual(self.models("lost.example.com"), 503)
            platform.kubectl("delete", "ingress", "lost", "-n", "team-a")
            eventually(lambda: self.models("lost.example.com") == 401, message="the host is nobody's again")

    def test_a_tenant_takes_no_host_of_another_nor_the_platforms_paths(self):
        platform = self.start()
        platform.tenant("team-b")
        self.apply(ingress("team-b", "early", "early.example.com"))
        self.apply(ingress("team-a", "mine", "www.example.com", path="/a"))
        eventually(lambda: self.models("www.example.com", "/a/x") == 404, message="a's server answers")

        with self.subTest("a younger Ingress, and an older one that is changed"):
            self.apply(ingress("team-b", "theft", "www.example.com", path="/b"))
            self.apply(ingress("team-b", "early", "www.example.com", path="/v1"))
            eventually(lambda: "HostTaken" in self.reasons("team-b"), message="an event")
            self.assertIn("no_route", platform.request("/b/x", headers={"Host": "www.example.com"}).body.decode())
            self.assertIn("no_route", platform.request("/v1/models", headers={"Host": "www.example.com"}).body.decode())
            held = platform.get("configmap", "ingress-hosts", "-n", "insula-system")["data"]
            self.assertEqual(held["www.example.com"], "team-a")

        with self.subTest("all hosts"):
            self.apply(ingress("team-b", "all", ""))
            eventually(lambda: "HostRequired" in self.reasons("team-b"), message="an event")
            self.assertEqual(self.models("nobody.example.com"), 401)

        with self.subTest("a label says nothing"):
            platform.kubectl("create", "namespace", "free")
            platform.kubectl("label", "namespace", "free", "insula.dev/tenant=team-a")
            self.apply(ingress("free", "web", "www.example.com", path="/free"))
            eventually(lambda: "HostTaken" in self.reasons("free"), message="an event")

        with self.subTest("the platform's paths on a host of a tenant"):
            self.apply(ingress("team-b", "llm", "llm.example.com"))
            eventually(lambda: self.models("llm.example.com") == 200, message="b's server answers")
            answer = platform.request("/team-a/v1/models", headers={"Host": "llm.example.com"})
            self.assertEqual(answer.status, 401)
            usage = platform.request("/v1/chat/completions", self.key, headers={"Host": "llm.example.com"},
                                     body={"model": "llm-sim", "messages": [{"role": "user", "content": "x"}]})
            self.assertEqual(usage.status, 200)
            self.assertIn("ratelimit", usage.headers, "the gateway answered for team-a, not b's server")


class Certificates(unittest.TestCase):
    def certificate(self, host):
        """A certificate that signed itself, and its key; both PEM."""
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder, name)) for name in ("crt", "key")]
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "1", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
                            "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
            return [Path(file).read_text() for file in files]

    def secret(self, certificate, key):
        encoded = {name: base64.b64encode(text.encode()).decode()
                   for name, text in (("tls.crt", certificate), ("tls.key", key))}
        self.platform.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "www", "namespace": "team-a"}, "data": encoded}))

    def connect(self, name, version=None):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version:
            context.maximum_version = version
        url = urllib.parse.urlsplit(self.platform.status["gateway"])
        raw = socket.create_connection((url.hostname, url.port), timeout=10)
        return context.wrap_socket(raw, server_hostname=name)

    def shown(self, name):
        with self.connect(name) as connection:
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(True)).strip()

    def status(self, connection, host, path="/"):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        answer.read()
        return answer.status

    def test_each_host_has_its_certificate_and_reloads_cut_nobody_off(self):
        platform = Platform("--gateway-tls").start()
        self.addCleanup(platform.stop)
        self.platform = platform
        platform.tenant("team-a")
        own = self.shown("other.example.com")
        first = self.certificate("www.example.com")
        self.secret(*first)
        platform.kubectl("apply", "-f", "-", input=json.dumps(ingress("team-a", "web", "www.example.com", tls="www")))
        eventually(lambda: self.shown("www.example.com") == first[0].strip(), message="the Secret's certificate")
        self.assertEqual(self.shown("other.example.com"), own)
        # The gateway's choice: the client's would be 256 bits.
        for version, cipher in ((ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
                                (ssl.TLSVersion.TLSv1_3, "TLS_AES_128_GCM_SHA256")):
            with self.connect("www.example.com", version) as connection:
                self.assertEqual(connection.cipher()[0], cipher)
                self.assertEqual(self.status(connection, "www.example.com", "/v1/models"), 200)

        kept = self.connect("www.example.com")
        self.addCleanup(kept.close)
        with self.subTest("a connection is for the hosts of its certificate"):
            self.assertEqual(self.status(kept, "www.example.com", "/v1/models"), 200)
            self.assertEqual(self.status(kept, "other.example.com"), 421)
        with self.subTest("another certificate"):
            second = self.certificate("www.example.com")
            self.secret(*second)
            eventually(lambda: self.shown("www.example.com") == second[0].strip(), message="the new certificate")
        with self.subTest("one that cannot be used"):
            self.secret(second[0], first[1])
            eventually(lambda: platform.metric("insula_gateway_certificates_refused") == 1, message="a metric")
            self.assertEqual(self.shown("www.example.com"), second[0].strip())
            eventually(lambda: any(item["reason"] == "CertificateRefused"
                                   for item in platform.get("events", "-n", "team-a")["items"]), message="an event")
        with self.subTest("the gateway's own file"):
            renewed = self.certificate("gateway")
            for name, text in zip(("crt", "key"), renewed):
                file = Path(platform.data_dir, "pki", f"gateway.{name}")
                file.write_text(text)
            eventually(lambda: self.shown("other.example.com") == renewed[0].strip(), message="the file's certificate")
        self.assertEqual(self.status(kept, "www.example.com", "/v1/models"), 200)


if __name__ == "__main__":
    unittest.main()
