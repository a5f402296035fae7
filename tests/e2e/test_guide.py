"""The user's guide: their manifests and commands, with stock kubectl of four minors."""

import os
import unittest
from pathlib import Path

from platform_under_test import MINORS, ROOT, Platform, eventually

GUIDE = next((folder for folder in (Path(os.environ.get("INSULA_SHARED", ROOT.parent / "shared")) / "guide",
                                    ROOT / "examples/guide") if folder.is_dir()), None)
IMAGE = "ghcr.io/berriai/litellm:main-latest"


class Guide(unittest.TestCase):
    """Every step on a platform without --demo, once for each kubectl."""

    def walk(self, minor):
        with Platform("--node-cpu=16", "--node-memory=64Gi", "--simulate-gpus=4",
                      f"--map-image={IMAGE} = builtin:llm-sim") as platform:
            def kubectl(*words, **more):
                return platform.kubectl(*words, minor=minor, **more)

            self.assertIn("namespace/tenant-a created", kubectl("create", "namespace", "tenant-a").stdout)
            self.assertIn("tenant-a", kubectl("get", "namespaces").stdout)
            kubectl("apply", "-f", GUIDE / "quota.yaml")
            kubectl("apply", "-f", GUIDE / "config.yaml")

            with self.subTest("a pod without a memory limit is refused in Kubernetes' words"):
                refused = kubectl("apply", "-f", GUIDE / "pod.yaml", check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn('pods "litellm-proxy" is forbidden: failed quota: tenant-a-quota: '
                              "must specify limits.memory for: litellm", refused.stderr)

            with self.subTest("the Deployment's pods are refused, and an event says so"):
                kubectl("apply", "-f", GUIDE / "deployment.yaml")
                eventually(lambda: "failed quota: tenant-a-quota: must specify limits.memory for: litellm; "
                                   "requests.cpu for: litellm; requests.memory for: litellm"
                           in kubectl("get", "events", "-n", "tenant-a").stdout, message="event of the refusal")
                self.assertIn("No resources found", kubectl("get", "pods", "-n", "tenant-a").stderr)

            with self.subTest("after a LimitRange with defaults they are admitted and run"):
                kubectl("apply", "-n", "tenant-a", "-f", ROOT / "examples/limit-range.yaml")
                self.assertIn("pod/litellm-proxy created", kubectl("apply", "-f", GUIDE / "pod.yaml").stdout)
                kubectl("rollout", "status", "deployment/litellm-deployment", "-n", "tenant-a", "--timeout=60s")
                pods = platform.get("pods", "-n", "tenant-a", minor=minor)["items"]
                self.assertEqual(len(pods), 3)
                eventually(lambda: all(p["status"]["phase"] == "Running"
                                       for p in platform.get("pods", "-n", "tenant-a", minor=minor)["items"]),
                           message="pods Running")
                shown = kubectl("get", "pods", "-n", "tenant-a").stdout
                self.assertIn("litellm-proxy", shown)
                image = platform.get("pod", "litellm-proxy", "-n", "tenant-a", minor=minor)
                self.assertIn("llm-sim", image["status"]["containerStatuses"][0]["imageID"])

            with self.subTest("describe quota shows used against hard"):
                shown = kubectl("describe", "quota", "-n", "tenant-a").stdout
                rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if len(line.split()) == 3}
                self.assertEqual(rows["requests.nvidia.com/gpu"], ["1", "2"])
                self.assertEqual(rows["pods"], ["3", "10"])
                self.assertEqual(rows["limits.memory"][1], "32Gi")

    def run_minor(self, minor):
        if GUIDE is None:
            self.skipTest("no guide manifests")
        self.walk(minor)


for _minor in MINORS:
    setattr(Guide, f"test_with_kubectl_1_{_minor}", lambda self, minor=_minor: self.run_minor(minor))


class Scaling(unittest.TestCase):
    def test_scaling_past_the_quota_stops_there_and_says_so(self):
        with Platform("--demo") as platform:
            platform.kubectl("scale", "deployment", "llm-service", "--replicas=5", "-n", "demo-a")
            eventually(lambda: "exceeded quota" in platform.kubectl("get", "events", "-n", "demo-a").stdout,
                       message="event of the refusal")
            eventually(lambda: platform.get("deployment", "llm-service", "-n", "demo-a")["status"].get("readyReplicas") == 2)
            pods = platform.get("pods", "-n", "demo-a")["items"]
            self.assertEqual(len(pods), 2, "two GPUs, one each")


if __name__ == "__main__":
    unittest.main()
