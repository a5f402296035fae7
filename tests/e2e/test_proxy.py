"""HTTP servers in pods, reached through the API: kubectl get --raw, kubectl proxy."""

import json
import re
import subprocess
import unittest
import urllib.request

from platform_under_test import MINORS, Platform, eventually, kubectl_path

IMAGE = "local/python"

# Says what it was asked, and leads on from /page and /moved.
SERVER = """
import http.server, json
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        kind, text = "application/json", json.dumps({"method": self.command, "path": self.path, "body": body,
                                                     "headers": dict(self.headers)})
        if self.path == "/page":
            kind, text = "text/html", '<a href="/next">on</a>'
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "/page")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("", 8080), Echo).serve_forever()
"""


class ProxiedPods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(f"--map-image={IMAGE} = host:/usr/bin/python3").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "echo", "labels": {"app": "echo"}},
             "spec": {"terminationGracePeriodSeconds": 1, "containers": [
                 {"name": "c", "image": IMAGE, "args": ["-c", SERVER],
                  "ports": [{"name": "web", "containerPort": 8080}],
                  "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}}]}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo"},
             "spec": {"selector": {"app": "echo"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}}]}))
        eventually(lambda: cls.raw("services/echo:http/proxy/ready").returncode == 0, message="the Service's endpoint")

    @classmethod
    def raw(cls, path, *flags):
        return cls.platform.kubectl("get", "--raw", f"/api/v1/namespaces/default/{path}", *flags, check=False)

    def test_kubectl_reads_from_pods_and_services(self):
        for path in ("pods/echo/proxy", "pods/echo:8080/proxy", "pods/http:echo:web/proxy", "services/echo:http/proxy",
                     "services/echo:80/proxy"):
            with self.subTest(path):
                done = self.raw(f"{path}/a/b?c=d")
                self.assertEqual(done.returncode, 0, done.stderr)
                seen = json.loads(done.stdout)
                self.assertEqual((seen["method"], seen["path"]), ("GET", "/a/b?c=d"))
                self.assertEqual(seen["headers"]["X-Forwarded-Uri"], f"/api/v1/namespaces/default/{path}/a/b")
                self.assertNotIn("Authorization", seen["headers"])

    def test_what_cannot_be_reached_is_said(self):
        for path, words in (("pods/nobody/proxy/", "NotFound"), ("pods/echo:9/proxy/", "error trying to reach service"),
                            ("pods/echo:none/proxy/", "unknown port"),
                            ("services/echo:other/proxy/", "no endpoints available for service")):
            with self.subTest(path):
                done = self.raw(path)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)

    def test_a_token_opens_its_own_namespace_only_and_does_not_reach_the_pod(self):
        kubectl = self.platform.kubectl
        kubectl("create", "namespace", "elsewhere")
        for namespace in ("default", "elsewhere"):
            kubectl("create", "serviceaccount", "robot", "-n", namespace)
        kubectl("create", "rolebinding", "robot", "--clusterrole=edit", "--serviceaccount=default:robot")
        for namespace, opens in (("default", True), ("elsewhere", False)):
            token = kubectl("create", "token", "robot", "-n", namespace).stdout.strip()
            done = kubectl("--kubeconfig=/dev/null", f"--server={self.platform.status['apiServer']}",
                           f"--certificate-authority={self.platform.authority}", f"--token={token}", "get", "--raw",
                           "/api/v1/namespaces/default/pods/echo/proxy/", check=False)
            self.assertEqual(done.returncode == 0, opens, done.stderr)
            self.assertIn('"method": "GET"' if opens else "Forbidden", done.stdout + done.stderr)
            self.assertNotIn(token, done.stdout)

    def test_kubectl_proxy_serves_pages_of_a_pod(self):
        with subprocess.Popen([kubectl_path(MINORS[-1]), "proxy", "--port=0"], env=self.platform.env, text=True,
                              stdout=subprocess.PIPE) as proxy:
            self.addCleanup(proxy.terminate)
            address = re.search(r"127\.0\.0\.1:\d+", proxy.stdout.readline()).group()
            path = "/api/v1/namespaces/default/services/echo:http/proxy"
            with urllib.request.urlopen(f"http://{address}{path}/moved", timeout=10) as page:
                self.assertEqual(page.url, f"http://{address}{path}/page")
                self.assertEqual(page.read().decode(), f'<a href="{path}/next">on</a>')
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                request = urllib.request.Request(f"http://{address}{path}/x", b"body", method=method)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    seen = json.load(answer)
                self.assertEqual((seen["method"], seen["body"]), (method, "body"))
            proxy.terminate()


if __name__ == "__main__":
    unittest.main()
