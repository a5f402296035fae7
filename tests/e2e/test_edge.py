"""The edge of a tenant's path, as kubectl writes it: bounds, web pages, filters, and what the gateway says of its API."""

import concurrent.futures
import json
import random
import unittest

from platform_under_test import Platform, eventually

PAGE = "https://app.example.com"


class Edge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform().start()
        cls.addClassCleanup(cls.platform.stop)
        cls.key = cls.platform.tenant("team-a")

    def patch(self, gateway, check=True):
        return self.platform.kubectl("patch", "tenant", "team-a", "--type=merge", "-p",
                                     json.dumps({"spec": {"gateway": gateway}}), check=check)

    def tearDown(self):
        self.patch({"bounds": None, "cors": None, "filters": None})

    def chat(self, content="hello", headers=None, key=None):
        body = {"model": "llm-sim", "messages": [{"role": "user", "content": content}]}
        return self.platform.request("/team-a/v1/chat/completions", key or self.key, body, headers=headers)

    def code(self, answer):
        return answer.json()["error"]["code"]

    def test_bounds_hold_and_bad_ones_are_refused(self):
        self.patch({"bounds": {"bodyBytes": 1000, "headerBytes": 2048}})
        eventually(lambda: self.chat("x" * 1000).status == 413, message="the bound of bodies")
        self.assertEqual(self.code(self.chat("x" * 1000)), "request_too_large")
        refused = self.chat(headers={"X-Padding": "p" * 2048})
        self.assertEqual((refused.status, self.code(refused)), (431, "headers_too_large"))
        self.assertEqual(self.chat().status, 200)
        bad = self.patch({"bounds": {"bodyBytes": 0}, "cors": {"allowOrigins": ["https://a/"]}}, check=False)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("spec.gateway.bounds.bodyBytes: Invalid value: 0: must be between 1 and 33554432", bad.stderr)
        self.assertIn("spec.gateway.cors.allowOrigins[0]: Invalid value", bad.stderr)

    def test_pages_may_use_the_path(self):
        platform = self.platform
        asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type"}

        def preflight(path="/team-a/v1/chat/completions", **more):
            return platform.request(path, method="OPTIONS", headers={**asks, **more})

        # What the test before allowed may go on for a moment.
        eventually(lambda: preflight().status == 401, message="pages are not known")
        self.patch({"cors": {"allowOrigins": [PAGE]}})
        allowed = eventually(lambda: (answer := preflight()).status == 204 and answer, message="a preflight is answered")
        self.assertEqual(allowed.headers["access-control-allow-origin"], PAGE)
        self.assertEqual(allowed.headers["access-control-allow-headers"], "authorization,content-type")
        self.assertEqual(allowed.headers["access-control-max-age"], "600")
        self.assertEqual(preflight("/v1/chat/completions").status, 204)
        refused = preflight(Origin="https://evil.example.com")
        self.assertEqual((refused.status, self.code(refused)), (403, "origin_not_allowed"))
        for key in (self.key, "ins_wrong"):
            answer = self.chat(headers={"Origin": PAGE}, key=key)
            self.assertEqual(answer.headers["access-control-allow-origin"], PAGE, answer.status)
            self.assertIn("Origin", answer.headers["vary"])
        self.assertGreaterEqual(platform.metric("insula_gateway_preflights_total", tenant="team-a", result="allowed"), 1)

    def test_filters_change_and_refuse(self):
        platform = self.platform
        self.patch({"filters": [
            {"responseHeaderModifier": {"set": [{"name": "Cache-Control", "value": "no-store"}]}},
            {"promptDenyList": {"phrases": ["project condor"], "patterns": [r"\b\d{3}-\d{2}-\d{4}\b"],
                                "message": "see the policy"}}]})
        eventually(lambda: self.chat("of Project  CONDOR").status == 400, message="a prompt is refused")
        for content in ("my number is 123-45-6789", [{"type": "text", "text": "project\ncondor"}]):
            refused = self.chat(content)
            self.assertEqual((refused.status, self.code(refused)), (400, "prompt_denied"))
            self.assertEqual(refused.json()["error"]["message"], "see the policy")
        answer = self.chat("of eagles")
        self.assertEqual((answer.status, answer.headers["cache-control"]), (200, "no-store"))
        self.assertGreaterEqual(platform.metric("insula_gateway_filter_refused_total", tenant="team-a"), 3)
        self.assertNotIn("condor", platform.logs().lower())
        bad = self.patch({"filters": [{"requestHeaderModifier": {"remove": ["Authorization"]}}]}, check=False)
        self.assertIn("spec.gateway.filters[0].requestHeaderModifier.remove[0]: Forbidden", bad.stderr)

        for pattern, why in (("a.*b", "has *, + or {n,}"), ("[^x]{400}", "instructions, and may have 512")):
            bad = self.patch({"filters": [{"promptDenyList": {"patterns": [pattern]}}]}, check=False)
            self.assertIn(f'spec.gateway.filters[0].promptDenyList.patterns[0]: Invalid value: "{pattern}"', bad.stderr)
            self.assertIn(why, bad.stderr)

        with self.subTest("a gateway that starts anew goes on with them"):
            before = platform.kill("gateway")
            platform.wait_restarted("gateway", before)
            self.assertEqual(self.chat("project condor").status, 400)

    def test_a_prompt_that_is_made_to_be_slow_holds_up_nobody(self):
        self.patch({"filters": [{"promptDenyList": {"phrases": ["condor"],
                                                    "patterns": ["a[ab]{400}c", "b[ab]{350}d"]}}]})
        eventually(lambda: self.chat("condor").status == 400, message="the list is there")
        letters = random.Random(1)
        slow = "".join(letters.choice("ab") for _ in range(4_000_000))
        ended = []
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            search = beside.submit(self.chat, slow)
            search.add_done_callback(ended.append)
            self.assertEqual(self.chat().status, 200)
            self.assertEqual(self.platform.request("/openapi.json").status, 200)
            meanwhile = not ended
            answer = search.result()
        self.assertEqual((answer.status, self.code(answer)), (413, "prompt_too_large"))
        self.assertTrue(meanwhile, "others were answered before the search was over")
        # Long ones that are not slow are searched to their end.
        self.assertEqual(self.chat("eagle " * 100_000).status, 200)
        self.assertEqual(self.chat("eagle " * 100_000 + "condor").status, 400)

    def test_hosts_of_ingresses_may_have_the_same_bounds_and_pages(self):
        platform = self.platform
        self.patch({"bounds": {"bodyBytes": 1000}, "cors": {"allowOrigins": [PAGE]}})
        made = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                "metadata": {"name": "web", "namespace": "team-a"},
                "spec": {"rules": [{"host": "www.example.com", "http": {"paths": [
                    {"path": "/", "pathType": "Prefix",
                     "backend": {"service": {"name": "llm-service", "port": {"number": 8000}}}}]}}]}}
        platform.kubectl("apply", "-f", "-", input=json.dumps(made))
        self.addCleanup(platform.kubectl, "delete", "ingress", "web", "-n", "team-a")

        def ask(method="GET", body=None, **headers):
            return platform.request("/v1/completions" if body else "/v1/models", None, body, method=method,
                                    headers={"Host": "www.example.com", **headers})

        eventually(lambda: ask().status == 200, message="the host leads to the Service")
        large = {"model": "llm-sim", "prompt": "x" * 1000}
        self.assertEqual(ask("POST", large).status, 200)
        platform.kubectl("annotate", "ingress", "web", "-n", "team-a", "insula.dev/edge=bounds, cors")
        eventually(lambda: ask("POST", large).status == 413, message="the bound of bodies")
        preflight = ask("OPTIONS", Origin=PAGE, **{"Access-Control-Request-Method": "GET"})
        self.assertEqual((preflight.status, preflight.headers["access-control-allow-origin"]), (204, PAGE))
        self.assertEqual(ask(Origin=PAGE).headers["access-control-allow-origin"], PAGE)
        platform.kubectl("annotate", "ingress", "web", "-n", "team-a", "--overwrite", "insula.dev/edge=pages")
        eventually(lambda: "EdgeNotUnderstood" in platform.kubectl("get", "events", "-n", "team-a").stdout,
                   message="an event says so")

    def test_the_api_is_described(self):
        answer = self.platform.request("/openapi.json")
        self.assertEqual((answer.status, answer.json()["openapi"]), (200, "3.1.0"))
        self.assertIn("/{tenant}/v1/chat/completions", answer.json()["paths"])
        explained = self.platform.kubectl("explain", "tenant.spec.gateway.cors.allowOrigins").stdout
        self.assertIn("https://*.example.com", explained)


if __name__ == "__main__":
    unittest.main()
