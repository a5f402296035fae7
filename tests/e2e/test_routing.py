"""Conversations whose turns go to the pod that has their beginning in its cache."""

import concurrent.futures
import unittest

from platform_under_test import Platform, eventually

REPLICAS = 6
CONVERSATIONS = 12
TURNS = 6


def server(name, namespace):
    """A Deployment of simulated model servers with caches of prompts, and their Service."""
    labels = {"app": name}
    container = {"name": "model", "image": "insula/llm-sim",
                 "args": ["--host", "$(POD_IP)", "--port", "8000", "--prefix-cache-blocks", "4096",
                          "--time-to-first-token", "50ms", "--tokens-per-second", "0"],
                 "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                 "ports": [{"containerPort": 8000}],
                 "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1},
                 "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
                  "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels},
                           "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
               "spec": {"selector": labels, "ports": [{"port": 8000, "targetPort": 8000}]}}
    return deployment, service


class Routing(unittest.TestCase):
    def cached_share(self, platform, key, model):
        """The part of the prompts' tokens that the servers had already. Each turn of all conversations is asked at
        once, so that those with the fewest requests are others each time."""
        said = [""] * CONVERSATIONS
        usages = []

        def ask(text):
            answer = platform.chat("team-a", key, model=model, messages=[{"role": "user", "content": text}])
            self.assertEqual(answer.status, 200, answer)
            return answer.json()["usage"]

        with concurrent.futures.ThreadPoolExecutor(CONVERSATIONS) as clients:
            for turn in range(TURNS):
                for number in range(CONVERSATIONS):
                    said[number] += "".join(f"{model}{number}t{turn}w{word} " for word in range(150))
                usages += clients.map(ask, said)
        cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)
        return cached / sum(usage["prompt_tokens"] for usage in usages)

    def test_prompts_find_their_beginning_and_the_fewest_requests_do_not(self):
        platform = Platform("--runtime=process")
        self.addCleanup(platform.stop)
        platform.start()
        platform.insula("tenant", "create", "team-a", "--requests-per-hour", "100000")
        key = platform.insula("key", "create", "team-a").stdout.strip()
        api = platform.api()
        self.addCleanup(api.close)
        deployment, service = server("sim", "team-a")
        self.assertEqual(api.request("POST", "/apis/apps/v1/namespaces/team-a/deployments", deployment).status, 201)
        self.assertEqual(api.request("POST", "/api/v1/namespaces/team-a/services", service).status, 201)
        backends = [{"service": {"name": "sim"}, "model": "llm-sim"}]
        models = [{"name": name, "backends": backends, "routing": {"policy": policy}, "healthCheck": {
                   "path": "/health", "periodSeconds": 1}}
                  for name, policy in (("cached", "PrefixCache"), ("plain", "LeastRequests"))]
        answer = api.request("PATCH", "/apis/insula.dev/v1alpha1/tenants/team-a", {"spec": {"gateway": {"models": models}}},
                             "application/merge-patch+json")
        self.assertEqual(answer.status, 200, answer)

        def ready():
            status = api.request("GET", "/apis/apps/v1/namespaces/team-a/deployments/sim").json().get("status", {})
            return status.get("readyReplicas") == REPLICAS
        eventually(ready, message="all servers")
        eventually(lambda: (platform.metric("insula_gateway_health_checks_total", result="passed") or 0) >= 2 * REPLICAS,
                   message="health checks")
        by_prefix = self.cached_share(platform, key, "cached")
        by_load = self.cached_share(platform, key, "plain")
        self.assertGreater(by_prefix, 0.45)
        self.assertLess(by_load, by_prefix - 0.05)
        self.assertEqual(platform.metric("insula_gateway_health_checks_total", result="failed"), 0)


if __name__ == "__main__":
    unittest.main()
