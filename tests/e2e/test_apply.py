"""Server-side apply with stock kubectl: who owns which fields of an object, and what becomes of it."""

import json
import tempfile
import unittest
from pathlib import Path

from platform_under_test import MINORS, Platform

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def config_map(data, labels=None):
    metadata = {"name": "settings", **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(containers, replicas=None):
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def managers(thing):
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in thing["metadata"].get("managedFields", [])}


class Apply(unittest.TestCase):
    def walk(self, minor):
        with Platform() as platform, tempfile.TemporaryDirectory() as folder:
            self.platform, self.minor, self.folder = platform, minor, Path(folder)
            self.owners()
            self.conflicts()
            self.lists()
            self.from_client_side()
            self.diff()
            self.prune()

    def kubectl(self, *words, **more):
        return self.platform.kubectl(*words, minor=self.minor, **more)

    def apply(self, thing, *flags, **more):
        path = self.folder / "object.json"
        path.write_text(json.dumps(thing))
        return self.kubectl("apply", "--server-side", "-f", str(path), *flags, **more)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json", "--show-managed-fields").stdout)

    def owners(self):
        with self.subTest("what is applied is owned"):
            self.assertIn("serverside-applied", self.apply(config_map({"a": "1", "b": "1"})).stdout)
            self.assertEqual(managers(self.get("configmap", "settings")),
                             {("kubectl", "Apply"): {"f:data": {"f:a": {}, "f:b": {}}}})
            hidden = json.loads(self.kubectl("get", "configmap", "settings", "-o", "json").stdout)
            self.assertNotIn("managedFields", hidden["metadata"])
            self.assertIn("f:data", self.kubectl("get", "configmap", "settings", "-o", "yaml", "--show-managed-fields").stdout)
        with self.subTest("a second time nothing changes"):
            before = self.get("configmap", "settings")
            self.apply(config_map({"a": "1", "b": "1"}))
            self.assertEqual(self.get("configmap", "settings"), before)
        with self.subTest("what is no longer applied goes, what another adds stays"):
            self.apply(config_map({"c": "1"}), "--field-manager=other")
            self.apply(config_map({"a": "1"}))
            self.assertEqual(self.get("configmap", "settings")["data"], {"a": "1", "c": "1"})

    def conflicts(self):
        with self.subTest("a field of another is not taken"):
            refused = self.apply(config_map({"a": "2"}), "--field-manager=other", check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn('Apply failed with 1 conflict: conflict with "kubectl": .data.a', refused.stderr)
            self.assertEqual(self.get("configmap", "settings")["data"]["a"], "1")
        with self.subTest("but by force"):
            self.apply(config_map({"a": "2"}), "--field-manager=other", "--force-conflicts")
            thing = self.get("configmap", "settings")
            self.assertEqual(thing["data"]["a"], "2")
            self.assertNotIn(("kubectl", "Apply"), managers(thing))
        with self.subTest("an edit makes its fields its own"):
            self.platform.env["KUBE_EDITOR"] = "sed -i 's/a: \"2\"/a: \"3\"/'"
            self.kubectl("edit", "configmap", "settings")
            self.assertEqual(managers(self.get("configmap", "settings"))[("kubectl-edit", "Update")], {"f:data": {"f:a": {}}})
            refused = self.apply(config_map({"a": "4"}), "--field-manager=other", check=False)
            self.assertIn('conflict with "kubectl-edit" using v1: .data.a', refused.stderr)

    def lists(self):
        with self.subTest("containers are told by their names"):
            self.apply(deployment([{"name": "web", "image": "example.com/web:1"}], replicas=0))
            self.apply(deployment([{"name": "sidecar", "image": "example.com/side:1"}]), "--field-manager=mesh")
            names = [c["name"] for c in self.get("deployment", "web")["spec"]["template"]["spec"]["containers"]]
            self.assertEqual(sorted(names), ["sidecar", "web"])
            self.apply(deployment([{"name": "web", "image": "example.com/web:2"}], replicas=0))
            images = [c["image"] for c in self.get("deployment", "web")["spec"]["template"]["spec"]["containers"]]
            self.assertEqual(sorted(images), ["example.com/side:1", "example.com/web:2"])
        with self.subTest("who scales owns the replicas"):
            self.kubectl("scale", "deployment", "web", "--replicas=0", "--current-replicas=0")
            refused = self.apply(deployment([{"name": "web", "image": "example.com/web:2"}], replicas=1),
                                 "--field-manager=other", check=False)
            self.assertIn(".spec.replicas", refused.stderr)
        with self.subTest("a field that is not there is told"):
            wrong = deployment([{"name": "web", "image": "example.com/web:2", "imagee": "x"}], replicas=0)
            refused = self.apply(wrong, check=False)
            self.assertIn("field not declared in schema", refused.stderr)

    def from_client_side(self):
        with self.subTest("an object of client-side apply becomes one of the server's"):
            path = self.folder / "client.json"
            thing = config_map({"a": "1", "b": "1"})
            thing["metadata"]["name"] = "moved"
            path.write_text(json.dumps(thing))
            self.kubectl("apply", "-f", str(path))
            self.assertIn(("kubectl-client-side-apply", "Update"), managers(self.get("configmap", "moved")))
            thing["data"] = {"a": "2"}
            self.apply(thing)
            moved = self.get("configmap", "moved")
            self.assertEqual(moved["data"], {"a": "2"})
            self.assertEqual(json.loads(moved["metadata"]["annotations"][LAST_APPLIED])["data"], {"a": "2"})

    def diff(self):
        with self.subTest("diff shows what apply would do, and does not"):
            path = self.folder / "object.json"
            path.write_text(json.dumps(config_map({"c": "2"})))
            shown = self.kubectl("diff", "--server-side", "--field-manager=other", "--force-conflicts", "-f", str(path), check=False)
            self.assertEqual(shown.returncode, 1, shown.stderr)
            self.assertIn("+  c: \"2\"", shown.stdout)
            self.assertEqual(self.get("configmap", "settings")["data"], {"a": "3"})

    def prune(self):
        # kubectl prunes what it applied itself only.
        with self.subTest("prune removes what is no longer in the files"):
            path = self.folder / "set.json"
            items = []
            for name in ("one", "two"):
                thing = config_map({"k": "v"}, {"set": "x"})
                thing["metadata"]["name"] = name
                items.append(thing)
            flags = ("--prune", "-l", "set=x", "--prune-allowlist=core/v1/ConfigMap", "-f", str(path))
            path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
            self.kubectl("apply", *flags)
            path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items[:1]}))
            self.assertIn("configmap/two pruned", self.kubectl("apply", *flags).stdout)
            left = self.kubectl("get", "configmaps", "-l", "set=x", "-o", "name").stdout.split()
            self.assertEqual(left, ["configmap/one"])


for _minor in MINORS:
    setattr(Apply, f"test_with_kubectl_1_{_minor}", lambda self, minor=_minor: self.walk(minor))


if __name__ == "__main__":
    unittest.main()
