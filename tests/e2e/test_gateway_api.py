"""The Gateway API: GatewayClass, Gateway, HTTPRoute and ReferenceGrant with kubectl, served by the gateway."""

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

GROUP = "gateway.networking.k8s.io"


def gateway(name_space, port, listeners=None, name="gw"):
    """A Gateway with one listener for plain HTTP that takes routes of all namespaces, unless others are given."""
    listeners = listeners or [{"name": "http", "port": port, "protocol": "HTTP",
                               "allowedRoutes": {"namespaces": {"from": "All"}}}]
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gateway", "metadata": {"name": name, "namespace": name_space},
            "spec": {"gatewayClassName": "insula", "listeners": listeners}}


def route(name_space, name, hosts, rules, parent=None):
    return {"apiVersion": f"{GROUP}/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": name_space},
            "spec": {"parentRefs": [parent or {"name": "gw", "namespace": "default"}], "hostnames": hosts,
                     "rules": rules}}


def service(name="llm-service", **more):
    return {"name": name, "port": 8000, **more}


def prefix(path):
    return {"path": {"type": "PathPrefix", "value": path}}


def grant(name_space, kind, of, to):
    return {"apiVersion": f"{GROUP}/v1beta1", "kind": "ReferenceGrant",
            "metadata": {"name": "allow", "namespace": name_space},
            "spec": {"from": [{"group": GROUP, "kind": kind, "namespace": of}], "to": [{"group": "", "kind": to}]}}


UNSUPPORTED = {"type": "ExtensionRef", "extensionRef": {"group": "example.com", "kind": "X", "name": "x"}}


class GatewayApi(unittest.TestCase):
    def start(self, *flags):
        platform = Platform(*flags).start()
        self.addCleanup(platform.stop)
        self.platform = platform
        self.port = urllib.parse.urlsplit(platform.status["gateway"]).port
        self.key = platform.tenant("team-a")
        return platform

    def apply(self, *made):
        return self.platform.kubectl("apply", "-f", "-", input="\n---\n".join(json.dumps(one) for one in made))

    def ask(self, host, path="/v1/models", headers=None, **more):
        return self.platform.request(path, headers={"Host": host, **(headers or {})}, **more)

    def status_of(self, host, path="/v1/models", **more):
        return self.ask(host, path, **more).status

    def conditions(self, kind, name, name_space="team-a"):
        """Reasons by type, of a route at its first parent."""
        status = self.platform.get(kind, name, "-n", name_space).get("status", {})
        if kind == "httproute":
            parents = status.get("parents") or [{"conditions": []}]
            status = parents[0]
        return {one["type"]: one["reason"] for one in status.get("conditions", [])}

    def wait_for(self, kind, name, wanted, name_space="team-a"):
        def fits():
            now = self.conditions(kind, name, name_space)
            self.assertEqual({key: now.get(key) for key in wanted}, wanted)
            return True
        eventually(fits, message=f"{kind} {name}: {wanted}")


class Routes(GatewayApi):
    def test_a_route_leads_to_its_service_and_says_so(self):
        platform = self.start()
        columns = platform.kubectl("get", "gc", "--no-headers").stdout.split()
        self.assertEqual(columns[:3], ["insula", "insula.dev/gateway", "True"])
        self.apply(gateway("default", self.port))
        self.apply(route("team-a", "web", ["www.example.com"], [{"backendRefs": [service()]}]))
        eventually(lambda: self.status_of("www.example.com") == 200, message="the host leads to the Service")
        self.wait_for("httproute", "web", {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"})
        platform.kubectl("wait", "gateway/gw", "--for=condition=Programmed", "--timeout=30s")
        shown = platform.kubectl("get", "gtw", "--no-headers").stdout.split()
        self.assertEqual(shown[:4], ["gw", "insula", "127.0.0.1", "True"])
        listener = eventually(lambda: [one for one in platform.get("gateway", "gw")["status"]["listeners"]
                                       if one["attachedRoutes"] == 1], message="a route is attached")[0]
        self.assertEqual(listener["supportedKinds"], [{"group": GROUP, "kind": "HTTPRoute"}])
        shown = platform.kubectl("get", "httproutes.v1beta1.gateway.networking.k8s.io", "-n", "team-a",
                                 "--no-headers").stdout.split()
        self.assertEqual(shown[:2], ["web", '["www.example.com"]'])
        self.assertIn("gateway-api", platform.kubectl("api-resources", "--categories=gateway-api", "-o", "wide").stdout)
        self.assertIn("Gateways, hosts and rules.", platform.kubectl("explain", "httproute").stdout)

        with self.subTest("filters"):
            self.apply(route("team-a", "web", ["www.example.com"], [
                {"matches": [prefix("/shop")], "backendRefs": [service()],
                 "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {
                     "type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1"}}},
                     {"type": "ResponseHeaderModifier", "responseHeaderModifier": {
                         "set": [{"name": "X-Shop", "value": "open"}]}}]},
                {"matches": [prefix("/old")], "filters": [{"type": "RequestRedirect", "requestRedirect": {
                    "path": {"type": "ReplaceFullPath", "replaceFullPath": "/shop/models"}, "statusCode": 301}}]},
                {"matches": [{"headers": [{"name": "X-Canary", "value": "y.*", "type": "RegularExpression"}]}],
                 "backendRefs": [service("gone")]},
                {"matches": [{"method": "DELETE"}], "backendRefs": [service(weight=0)]}]))
            eventually(lambda: self.ask("www.example.com", "/shop/models").headers.get("x-shop") == "open",
                       message="the reply's header is set")
            self.assertEqual(self.status_of("www.example.com", "/shop/models"), 200)
            self.assertEqual(self.status_of("www.example.com", "/shop/v1/models"), 404)
            moved = self.ask("www.example.com", "/old")
            self.assertEqual(moved.status, 301)
            self.assertEqual(moved.headers["location"], f"http://www.example.com:{self.port}/shop/models")
            self.assertEqual(self.status_of("www.example.com", "/x", headers={"X-Canary": "yes"}), 500)
            self.assertEqual(self.status_of("www.example.com", "/x", method="DELETE"), 500)
            self.assertEqual(self.status_of("www.example.com", "/x"), 404)
            self.wait_for("httproute", "web", {"Accepted": "Accepted", "ResolvedRefs": "BackendNotFound"})

        with self.subTest("what cannot be is refused where it is wrong"):
            wrong = route("team-a", "wrong", ["www.example.com"], [
                {"matches": [{"path": {"type": "RegularExpression", "value": "/a("}}]}])
            refused = platform.kubectl("apply", "-f", "-", input=json.dumps(wrong), check=False)
            self.assertIn("spec.rules[0].matches[0].path.value: Invalid value: \"/a(\": is no regular expression",
                          refused.stderr)

        with self.subTest("what the gateway cannot do is named in status and metrics"):
            self.apply(route("team-a", "other", ["other.example.com"],
                             [{"filters": [UNSUPPORTED], "backendRefs": [service()]}]))
            self.wait_for("httproute", "other", {"Accepted": "UnsupportedValue"})
            eventually(lambda: platform.metric("insula_gateway_http_routes_refused") == 1, message="a metric")
            self.assertEqual(self.status_of("other.example.com"), 401)

        with self.subTest("copies of requests"):
            mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": service()}}
            self.apply(route("team-a", "other", ["other.example.com"],
                             [{"filters": [mirror], "backendRefs": [service()]}]))
            eventually(lambda: self.status_of("other.example.com") == 200, message="the host leads to the Service")
            self.wait_for("httproute", "other", {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"})
            eventually(lambda: platform.metric("insula_gateway_mirrored_requests_total", tenant="team-a",
                                               result="answered") >= 1, message="a copy is answered")
            mirror["requestMirror"]["backendRef"] = service("gone")
            self.apply(route("team-a", "other", ["other.example.com"],
                             [{"filters": [mirror], "backendRefs": [service()]}]))
            self.wait_for("httproute", "other", {"Accepted": "Accepted", "ResolvedRefs": "BackendNotFound"})
            self.assertEqual(self.status_of("other.example.com"), 200)

        with self.subTest("it outlives a killed gateway and goes with its object"):
            before = platform.kill("gateway")
            platform.wait_restarted("gateway", before)
            self.assertEqual(self.status_of("www.example.com", "/shop/models"), 200)
            platform.kubectl("delete", "httproute", "web", "-n", "team-a")
            eventually(lambda: self.status_of("www.example.com") == 401, message="nobody's host again")

    def test_what_was_accepted_last_stays_in_service(self):
        platform = self.start()
        platform.tenant("team-b")
        stale = {"kind": "HTTPRoute", "namespace": "team-a", "name": "web"}
        good = [{"backendRefs": [service(namespace="team-b")]}]
        bad = [{"filters": [UNSUPPORTED], "backendRefs": [service()]}]
        allowed = grant("team-b", "HTTPRoute", "team-a", "Service")
        self.apply(gateway("default", self.port), allowed, route("team-a", "web", ["www.example.com"], good))
        eventually(lambda: self.status_of("www.example.com") == 200, message="the host leads to the Service")
        self.wait_for("httproute", "web", {"Accepted": "Accepted"})
        eventually(lambda: platform.kubectl("get", "controllerrevisions", "-n", "insula-system", "-l",
                                            "insula.dev/accepted=HTTPRoute", "-o", "name").stdout.split(),
                   message="what was accepted is remembered")
        self.apply(route("team-a", "web", ["new.example.com"], bad))
        self.wait_for("httproute", "web", {"Accepted": "UnsupportedValue", "insula.dev/Stale": "LastAcceptedServed"})
        eventually(lambda: platform.metric("insula_gateway_route_stale", **stale) == 1, message="a metric names it")
        self.assertEqual(self.status_of("www.example.com"), 200)
        self.assertEqual(self.status_of("new.example.com"), 401)

        with self.subTest("over restarts of both sides"):
            for process in ("gateway", "control"):
                before = platform.kill(process)
                platform.wait_restarted(process, before)
            eventually(lambda: platform.metric("insula_gateway_route_stale", **stale) == 1, message="still named")
            self.assertEqual(self.status_of("www.example.com"), 200)
            self.wait_for("httproute", "web", {"insula.dev/Stale": "LastAcceptedServed"})

        with self.subTest("what is said of access counts at once"):
            annotate = ("annotate", "httproute", "web", "-n", "team-a", "--overwrite")
            platform.kubectl(*annotate, "insula.dev/auth=members")
            eventually(lambda: self.status_of("www.example.com") == 403, message="nobody is let in")
            platform.kubectl(*annotate, "insula.dev/auth=none")
            eventually(lambda: self.status_of("www.example.com") == 200, message="everybody is let in")

        with self.subTest("a revoked grant ends it"):
            platform.kubectl("delete", "referencegrant", "allow", "-n", "team-b")
            eventually(lambda: self.status_of("www.example.com") == 500, message="the backend may not be asked")
            self.apply(allowed)
            eventually(lambda: self.status_of("www.example.com") == 200, message="it may again")

        with self.subTest("a Gateway, too"):
            self.apply(gateway("default", self.port + 1))
            self.wait_for("gateway", "gw", {"Accepted": "ListenersNotValid",
                                            "insula.dev/Stale": "LastAcceptedServed"}, "default")
            self.assertEqual(self.status_of("www.example.com"), 200)
            self.apply(gateway("default", self.port))
            self.wait_for("gateway", "gw", {"Accepted": "Accepted", "insula.dev/Stale": None}, "default")

        with self.subTest("until it is good again"):
            self.apply(route("team-a", "web", ["new.example.com"], good))
            eventually(lambda: self.status_of("new.example.com") == 200, message="the new host")
            self.wait_for("httproute", "web", {"Accepted": "Accepted", "insula.dev/Stale": None})
            self.assertEqual(self.status_of("www.example.com"), 401)

        with self.subTest("or deleted"):
            self.apply(route("team-a", "web", ["new.example.com"], bad))
            self.wait_for("httproute", "web", {"insula.dev/Stale": "LastAcceptedServed"})
            platform.kubectl("delete", "httproute", "web", "-n", "team-a")
            eventually(lambda: self.status_of("new.example.com") == 401, message="nobody's host again")
            eventually(lambda: not platform.kubectl("get", "controllerrevisions", "-n", "insula-system", "-l",
                                                    "insula.dev/accepted=HTTPRoute", "-o", "name").stdout.split(),
                       message="and forgotten")

    def test_listeners_say_what_they_serve(self):
        platform = self.start()
        self.apply(gateway("team-a", self.port, [
            {"name": "web", "port": self.port, "protocol": "HTTP", "hostname": "*.example.com"},
            {"name": "port", "port": 81, "protocol": "HTTP"},
            {"name": "tcp", "port": 82, "protocol": "TCP"}]))
        self.wait_for("gateway", "gw", {"Accepted": "ListenersNotValid", "Programmed": "Programmed"})
        listeners = {one["name"]: {each["type"]: each["reason"] for each in one["conditions"]}
                     for one in platform.get("gateway", "gw", "-n", "team-a")["status"]["listeners"]}
        self.assertEqual(listeners["web"]["Programmed"], "Programmed")
        self.assertEqual(listeners["port"]["Accepted"], "PortUnavailable")
        self.assertEqual(listeners["tcp"]["Accepted"], "UnsupportedProtocol")
        parent = {"name": "gw", "namespace": "team-a"}
        self.apply(route("team-a", "wild", ["*.a.example.com"], [{"backendRefs": [service()]}], parent),
                   route("team-a", "other", ["www.example.org"], [{"backendRefs": [service()]}],
                         {**parent, "sectionName": "web"}),
                   route("default", "foreign", ["www.example.com"], [{"backendRefs": [service()]}], parent),
                   route("team-a", "lost", ["www.example.com"], [{}], {**parent, "sectionName": "none"}))
        eventually(lambda: self.status_of("x.y.a.example.com") == 200, message="a wildcard is for several labels")
        self.assertEqual(self.status_of("a.example.com"), 401)
        self.wait_for("httproute", "other", {"Accepted": "NoMatchingListenerHostname"})
        self.wait_for("httproute", "foreign", {"Accepted": "NotAllowedByListeners"}, "default")
        self.wait_for("httproute", "lost", {"Accepted": "NoMatchingParent"})

    def test_a_tenant_takes_no_host_and_no_service_of_another(self):
        platform = self.start()
        platform.tenant("team-b")
        self.apply(gateway("default", self.port),
                   route("team-a", "mine", ["www.example.com"], [{"matches": [prefix("/v1")],
                                                                  "backendRefs": [service()]}]))
        eventually(lambda: self.status_of("www.example.com") == 200, message="a's server answers")
        self.apply(route("team-b", "theft", ["www.example.com"], [{"backendRefs": [service()]}]),
                   route("team-b", "all", [], [{"backendRefs": [service()]}]),
                   route("team-b", "reach", ["b.example.com"], [{"backendRefs": [service(namespace="team-a")]}]))
        self.wait_for("httproute", "theft", {"Accepted": "HostTaken"}, "team-b")
        self.wait_for("httproute", "all", {"Accepted": "HostRequired"}, "team-b")
        self.assertIn("no_route", self.ask("www.example.com", "/b").body.decode())
        held = platform.get("configmap", "ingress-hosts", "-n", "insula-system")["data"]
        self.assertEqual(held["www.example.com"], "team-a")
        self.assertEqual(self.platform.request("/team-a/v1/models", headers={"Host": "b.example.com"}).status, 401)

        with self.subTest("a Service needs a grant"):
            self.wait_for("httproute", "reach", {"Accepted": "Accepted", "ResolvedRefs": "RefNotPermitted"}, "team-b")
            eventually(lambda: self.status_of("b.example.com") == 500, message="no server is asked")
            self.apply(grant("team-a", "HTTPRoute", "team-b", "Service"))
            eventually(lambda: self.status_of("b.example.com") == 200, message="a's server answers b's route")
            self.wait_for("httproute", "reach", {"ResolvedRefs": "ResolvedRefs"}, "team-b")
            platform.kubectl("delete", "referencegrant", "allow", "-n", "team-a")
            eventually(lambda: self.status_of("b.example.com") == 500, message="no server is asked any more")

        with self.subTest("members write routes, and no classes"):
            member = ("--as=bo", "--as-group=insula:tenant:team-b", "--as-group=system:authenticated")
            for words, allowed in ((("create", "httproutes", "-n", "team-b"), "yes"),
                                   (("update", "gateways", "-n", "team-b"), "yes"),
                                   (("create", "httproutes", "-n", "team-a"), "no"),
                                   (("update", "httproutes", "--subresource=status", "-n", "team-b"), "no"),
                                   (("create", "gatewayclasses"), "no")):
                answer = platform.kubectl("auth", "can-i", *words, *member, check=False).stdout.split()[-1]
                self.assertEqual(answer, allowed, words)


class Certificates(GatewayApi):
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
        self.apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                    "metadata": {"name": "www", "namespace": "team-a"}, "data": encoded})

    def connect(self, name):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        url = urllib.parse.urlsplit(self.platform.status["gateway"])
        raw = socket.create_connection((url.hostname, url.port), timeout=10)
        return context.wrap_socket(raw, server_hostname=name)

    def shown(self, name):
        with self.connect(name) as connection:
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(True)).strip()

    def test_a_listener_shows_its_certificate_where_it_may_have_it(self):
        platform = self.start("--gateway-tls")
        own = self.shown("www.example.com")
        certificate = self.certificate("www.example.com")
        self.secret(*certificate)
        self.apply(gateway("default", self.port, [
            {"name": "https", "port": self.port, "protocol": "HTTPS", "hostname": "*.example.com",
             "tls": {"certificateRefs": [{"name": "www", "namespace": "team-a"}]},
             "allowedRoutes": {"namespaces": {"from": "All"}}}]),
            route("team-a", "web", ["www.example.com"], [{"backendRefs": [service()]}]))

        def resolved():
            listeners = platform.get("gateway", "gw")["status"].get("listeners", [{"conditions": []}])
            return [one["reason"] for one in listeners[0]["conditions"] if one["type"] == "ResolvedRefs"]
        eventually(lambda: resolved() == ["RefNotPermitted"], message="the Secret may not be referred to")
        self.wait_for("gateway", "gw", {"Programmed": "Invalid"}, "default")
        self.assertEqual(self.shown("www.example.com"), own)
        self.apply(grant("team-a", "Gateway", "default", "Secret"))
        eventually(lambda: self.shown("www.example.com") == certificate[0].strip(), message="the Secret's certificate")
        eventually(lambda: resolved() == ["ResolvedRefs"], message="the status")
        self.wait_for("gateway", "gw", {"Programmed": "Programmed"}, "default")
        self.assertEqual(self.shown("other.example.com"), own)
        with self.connect("www.example.com") as connection:
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            self.assertEqual(answer.status, 200)

        with self.subTest("one that cannot be used leaves the last good one"):
            self.secret(certificate[0], self.certificate("www.example.com")[1])
            eventually(lambda: resolved() == ["InvalidCertificateRef"], message="the status")
            eventually(lambda: platform.metric("insula_gateway_certificates_refused") == 1, message="a metric")
            self.assertEqual(self.shown("www.example.com"), certificate[0].strip())


if __name__ == "__main__":
    unittest.main()
