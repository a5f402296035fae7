"""Kinds of one's own with stock kubectl: a definition and its objects in one file, columns, explain, watch, scale, status, a restart
and the end of all of it."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from platform_under_test import Platform, eventually, kubectl_path

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "crontabs.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"], "categories": ["all"]},
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {
                "type": "object",
                "description": "A job at certain times.",
                "properties": {
                    "spec": {
                        "type": "object",
                        "description": "What to do and when.",
                        "required": ["cronSpec"],
                        "x-kubernetes-validations": [{"rule": "self.replicas <= self.most", "message": "too many replicas"}],
                        "properties": {
                            "cronSpec": {"type": "string", "description": "When, as cron writes it.",
                                         "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
                            "image": {"type": "string"},
                            "replicas": {"type": "integer", "minimum": 0, "default": 1},
                            "most": {"type": "integer", "default": 10},
                        },
                    },
                    "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
                },
            }},
            "subresources": {
                "status": {},
                "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                          "labelSelectorPath": ".status.selector"},
            },
            "selectableFields": [{"jsonPath": ".spec.image"}],
            "additionalPrinterColumns": [
                {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec"},
                {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
                {"name": "Ready", "type": "integer", "jsonPath": ".status.replicas", "priority": 1},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            ],
        }],
    },
}


def crontab(name, **spec):
    return {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": name},
            "spec": {"cronSpec": "* * * * */5", **spec}}


class CustomResources(unittest.TestCase):
    def walk(self, minor):
        with Platform() as platform, tempfile.TemporaryDirectory() as folder:
            self.platform, self.minor, self.folder = platform, minor, Path(folder)
            self.first_file()
            self.columns()
            self.explain()
            self.refusals()
            self.subresources()
            self.watch()
            self.restart()
            self.end()

    def kubectl(self, *words, **more):
        return self.platform.kubectl(*words, minor=self.minor, **more)

    def apply(self, *things, flags=(), **more):
        path = self.folder / "things.yaml"
        path.write_text("\n---\n".join(json.dumps(thing) for thing in things))
        return self.kubectl("apply", "-f", str(path), *flags, **more)

    def first_file(self):
        with self.subTest("a definition, then an object of it"):
            self.assertIn("created", self.apply(DEFINITION).stdout)
            self.kubectl("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=10s")
            self.assertIn("crontab.stable.example.com/my created", self.apply(crontab("my", image="a")).stdout)
            self.assertIn("unchanged", self.apply(crontab("my", image="a")).stdout)
            self.assertIn("serverside-applied", self.apply(crontab("other", image="b"), flags=["--server-side"]).stdout)

    def columns(self):
        with self.subTest("columns, short names, categories, selectors"):
            lines = self.kubectl("get", "ct").stdout.splitlines()
            self.assertEqual(lines[0].split(), ["NAME", "SPEC", "REPLICAS", "AGE"])
            self.assertEqual(lines[1].split()[:7], ["my", "*", "*", "*", "*", "*/5", "1"])
            self.assertIn("READY", self.kubectl("get", "crontabs", "-o", "wide").stdout)
            self.assertIn("crontab.stable.example.com/my", self.kubectl("get", "all", "-o", "name").stdout)
            names = self.kubectl("get", "ct", "--field-selector", "spec.image=b", "-o", "name").stdout.split()
            self.assertEqual(names, ["crontab.stable.example.com/other"])
            self.assertIn("crontabs.stable.example.com", self.kubectl("get", "crd").stdout)
            self.assertIn("CronTab", self.kubectl("api-resources", "--api-group=stable.example.com").stdout)
            self.assertIn("Cron Spec:  * * * * */5", self.kubectl("describe", "ct", "my").stdout)

    def explain(self):
        with self.subTest("explain"):
            text = self.kubectl("explain", "crontab.spec").stdout
            self.assertIn("What to do and when.", text)
            self.assertIn("cronSpec", text)
            self.assertIn("A job at certain times.", self.kubectl("explain", "crontabs").stdout)

    def refusals(self):
        for spec, words in ({"cronSpec": "soon"}, "should match"), ({"replicas": -1}, "greater than or equal to 0"), \
                           ({"replicas": 11}, "too many replicas"), ({"nothing": 1}, 'unknown field "spec.nothing"'):
            with self.subTest(words):
                refused = self.apply(crontab("bad", **spec), check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(words, refused.stderr)
        with self.subTest("a definition that cannot be"):
            bad = json.loads(json.dumps(DEFINITION))
            bad["metadata"]["name"] = "others.stable.example.com"
            self.assertIn('must be spec.names.plural+"."+spec.group', self.apply(bad, check=False).stderr)

    def subresources(self):
        with self.subTest("status and scale"):
            self.kubectl("patch", "ct", "my", "--subresource=status", "--type=merge",
                         "-p", '{"status":{"replicas":1,"selector":"a=b"},"spec":{"image":"z"}}')
            thing = self.get("my")
            self.assertEqual(thing["status"], {"replicas": 1, "selector": "a=b"})
            self.assertEqual(thing["spec"]["image"], "a")
            self.assertEqual(thing["metadata"]["generation"], 1)
            self.assertIn("scaled", self.kubectl("scale", "ct/my", "--replicas=3", "--current-replicas=1").stdout)
            self.assertEqual(self.get("my")["spec"]["replicas"], 3)
            self.assertEqual(self.get("my")["metadata"]["generation"], 2)

    def get(self, name):
        return json.loads(self.kubectl("get", "ct", name, "-o", "json").stdout)

    def watch(self):
        with self.subTest("watch"):
            out = open(self.folder / "watch", "w+")
            env = {**self.platform.env}
            process = subprocess.Popen([kubectl_path(self.minor), "get", "ct", "my", "--watch", "-o",
                                        "jsonpath={.spec.image}{'\\n'}"], stdout=out, env=env)
            try:
                eventually(lambda: (self.folder / "watch").read_text().startswith("a\n"))
                self.kubectl("patch", "ct", "my", "--type=merge", "-p", '{"spec":{"image":"c"}}')
                eventually(lambda: "c\n" in (self.folder / "watch").read_text())
            finally:
                process.kill()
                process.wait()
                out.close()

    def restart(self):
        with self.subTest("a restart keeps all"):
            before = self.get("my")
            pid = self.platform.kill("control")
            self.platform.wait_restarted("control", pid)
            self.assertEqual(eventually(lambda: self.get("my")), before)
            self.assertIn("unchanged", self.apply(DEFINITION).stdout)

    def end(self):
        with self.subTest("a namespace takes its objects along"):
            self.kubectl("create", "namespace", "gone")
            self.apply({**crontab("in"), "metadata": {"name": "in", "namespace": "gone"}})
            self.kubectl("delete", "namespace", "gone", "--timeout=30s")
            self.assertNotIn("in", self.kubectl("get", "ct", "-A", "-o", "jsonpath={.items[*].metadata.name}").stdout.split())
        with self.subTest("a definition takes its objects along"):
            self.kubectl("delete", "crd", "crontabs.stable.example.com", "--timeout=30s")
            gone = self.kubectl("get", "crontabs", check=False)
            self.assertIn("server could not find the requested resource", gone.stderr)
            self.apply(DEFINITION)
            self.assertEqual(self.kubectl("get", "ct", "-A", "-o", "name").stdout, "")


for _minor in ("30", "36"):
    setattr(CustomResources, f"test_with_kubectl_1_{_minor}", lambda self, minor=_minor: self.walk(minor))


if __name__ == "__main__":
    unittest.main()
