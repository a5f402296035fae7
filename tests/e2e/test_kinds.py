"""Kinds that are kept and shown while no controller acts on them, with stock kubectl."""

import unittest
from pathlib import Path

from platform_under_test import MINORS, Platform, eventually

MANIFEST = str(Path(__file__).parent / "manifests" / "kinds.yaml")
NAMESPACE = ("-n", "kinds")

# Resource, name, and what `kubectl get -o wide` shows of it, its age left out.
ROWS = (
    ("jobs", "kept", ["Running", "0/1", "c", "example.com/c:1"]),
    ("cronjobs", "kept", ["*/5 * * * *", "Europe/Berlin", "False", "0", "<none>", "c", "example.com/c:1", "<none>"]),
    ("statefulsets", "kept", ["0/1", "c", "example.com/c:1"]),
    ("daemonsets", "kept", ["0", "<none>", "c", "example.com/c:1", "app=kept"]),
    ("controllerrevisions", "kept", ["<none>", "1"]),
    ("replicationcontrollers", "kept", ["2", "c", "example.com/c:1", "app=kept"]),
    ("podtemplates", "kept", ["c", "example.com/c:1", "app=kept"]),
    ("poddisruptionbudgets", "kept", ["50%", "N/A", "0"]),
    ("ingresses", "kept", ["kept", "kept.example.com", "80, 443"]),
    ("ingressclasses", "kept", ["example.com/controller", "<none>"]),
    ("persistentvolumes", "kept", ["1Gi", "RWO", "Retain", "Pending", "kept", "<unset>", "Filesystem"]),
    ("persistentvolumeclaims", "kept", ["Pending", "kept", "<unset>", "Filesystem"]),
    ("storageclasses", "kept", ["example.com/provisioner", "Delete", "Immediate", "true"]),
    ("csidrivers", "kept.example.com", ["true", "false", "<unset>", "Persistent"]),
    ("csinodes", "kept", ["1"]),
    ("csistoragecapacities", "kept", ["kept", "10Gi"]),
    ("volumeattributesclasses", "kept", ["kept.example.com"]),
    ("ipaddresses", "192.0.2.1", ["services/kinds/kept"]),
    ("servicecidrs", "kept", ["192.0.2.0/24"]),
    ("volumeattachments", "kept", ["kept.example.com", "kept", "false"]),
    ("horizontalpodautoscalers", "kept", ["StatefulSet/kept", "<unknown>/80%", "1", "5", "0"]),
    ("priorityclasses", "kept", ["100", "false", "PreemptLowerPriority"]),
    ("runtimeclasses", "kept", ["kept"]),
)
SILENT = ("jobs", "cronjobs", "replicationcontrollers", "poddisruptionbudgets", "controllerrevisions", "podtemplates", "ingresses", "ingressclasses")
# Kinds whose v1 kubectl describes from this minor on; earlier ones ask for versions that 1.36 does not serve either.
DESCRIBED_SINCE = {"ipaddresses": 33, "servicecidrs": 33, "volumeattributesclasses": 34}


class Kinds(unittest.TestCase):
    def walk(self, minor):
        with Platform() as platform:
            def kubectl(*words, **more):
                return platform.kubectl(*words, minor=minor, **more)

            applied = kubectl("apply", "-f", MANIFEST)
            self.assertEqual(applied.stderr.count("is stored but not acted on by this server yet"), len(ROWS) - len(SILENT),
                             applied.stderr)
            with self.subTest("a second time nothing changes"):
                # Two fields kubectl always sends: an atomic list that has got defaults, and one that is to be replaced.
                again = kubectl("apply", "-f", MANIFEST).stdout.splitlines()
                self.assertEqual([line for line in again if not line.endswith("unchanged")],
                                 ["statefulset.apps/kept configured", "poddisruptionbudget.policy/kept configured"])
                for resource in ("statefulset", "poddisruptionbudget"):
                    self.assertEqual(platform.get(resource, "kept", *NAMESPACE, minor=minor)["metadata"]["generation"], 1)
            self.rows(kubectl, minor)
            self.edits(kubectl, platform, minor)
            with self.subTest("all goes with one command"):
                # With the namespace goes what is in it, perhaps before kubectl comes to it.
                kubectl("delete", "--ignore-not-found", "-f", MANIFEST)
                for resource, _, _ in ROWS:
                    self.assertNotIn("kept", kubectl("get", resource, "-A").stdout, resource)

    def rows(self, kubectl, minor):
        for resource, name, cells in ROWS:
            with self.subTest(resource):
                lines = kubectl("get", resource, *NAMESPACE, "-o", "wide").stdout.splitlines()
                lines = [line for line in lines if not line.startswith(("insula ", "kubernetes ", "system-"))]  # the platform's own
                self.assertEqual(len(lines), 2, lines)
                self.assertTrue(lines[1].startswith(name), lines)
                for cell in cells:
                    self.assertIn(cell, lines[1])
                if int(minor) >= DESCRIBED_SINCE.get(resource, 0):
                    self.assertIn(name, kubectl("describe", resource, name, *NAMESPACE).stdout)
                self.assertIn(name, kubectl("get", resource, name, *NAMESPACE, "-o", "yaml").stdout)
                self.assertIn("KIND:", kubectl("explain", resource).stdout)

    def edits(self, kubectl, platform, minor):
        for resource, name, _ in ROWS:
            with self.subTest(f"{resource} can be labelled"):
                kubectl("label", resource, name, "edited=yes", *NAMESPACE)
                self.assertEqual(platform.get(resource, name, *NAMESPACE, minor=minor)["metadata"]["labels"]["edited"], "yes")
        with self.subTest("scale"):
            for resource in ("statefulset", "replicationcontroller"):
                kubectl("scale", resource, "kept", "--replicas=3", *NAMESPACE)
                self.assertEqual(platform.get(resource, "kept", *NAMESPACE, minor=minor)["spec"]["replicas"], 3)
        with self.subTest("a template is patched by the names of its containers"):
            kubectl("set", "image", "statefulset/kept", "c=example.com/c:2", *NAMESPACE)
            changed = platform.get("statefulset", "kept", *NAMESPACE, minor=minor)
            self.assertEqual(changed["spec"]["template"]["spec"]["containers"][0]["image"], "example.com/c:2")
            self.assertEqual(changed["metadata"]["generation"], 3)
        with self.subTest("a Job's template stays as it is"):
            refused = kubectl("set", "image", "job/kept", "c=example.com/c:2", *NAMESPACE, check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("field is immutable", refused.stderr)
        with self.subTest("what kubectl makes itself"):
            kubectl("create", "job", "made", "--image=example.com/c:1", *NAMESPACE)
            kubectl("create", "job", "again", "--from=cronjob/kept", *NAMESPACE)
            kubectl("create", "cronjob", "made", "--image=example.com/c:1", "--schedule=@daily", *NAMESPACE)
            kubectl("create", "ingress", "made", "--rule=a.example.com/*=web:80", *NAMESPACE)
            kubectl("create", "poddisruptionbudget", "made", "--selector=app=x", "--min-available=1", *NAMESPACE)
            kubectl("create", "priorityclass", "made", "--value=5")
            kubectl("autoscale", "statefulset", "kept", "--name=made", "--max=4", *NAMESPACE)
            both = kubectl("get", "horizontalpodautoscalers.v1.autoscaling", "made", *NAMESPACE, "-o", "yaml").stdout
            self.assertIn("apiVersion: autoscaling/v1", both)
            kubectl("delete", "job,cronjob,ingress,pdb,hpa", "made", *NAMESPACE)
            kubectl("delete", "job", "again", *NAMESPACE)
            kubectl("delete", "priorityclass", "made")
        with self.subTest("events of both groups are the same"):
            # The Deployment's image is nowhere, so its pods are told of.
            kubectl("create", "deployment", "told", "--image=example.com/none:1", *NAMESPACE)
            eventually(lambda: kubectl("get", "events.events.k8s.io", *NAMESPACE).stdout.count("deployment/told"),
                       message="an event of the Deployment")
            kubectl("delete", "deployment", "told", *NAMESPACE)


for _minor in (MINORS[0], MINORS[-1]):
    setattr(Kinds, f"test_with_kubectl_1_{_minor}", lambda self, minor=_minor: self.walk(minor))


if __name__ == "__main__":
    unittest.main()
