"""Charts by stock helm, 3 and 4: what it stores, waits for, merges and undoes."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from platform_under_test import ROOT, Platform, missing

CHARTS = Path(__file__).parent / "charts"


def helm_path(major):
    """The stock helm of this major version, from the cache or the npm registry."""
    done = subprocess.run([ROOT / "tools/helm.sh", major], capture_output=True, text=True)
    if done.returncode != 0:
        missing(f"no helm {major}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()


class Helm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform("--map-image=local/sh = host:/bin/sh").start()
        cls.addClassCleanup(cls.platform.stop)
        home = tempfile.TemporaryDirectory()
        cls.addClassCleanup(home.cleanup)
        cls.env = {**cls.platform.env, "HELM_CACHE_HOME": home.name, "HELM_CONFIG_HOME": home.name, "HELM_DATA_HOME": home.name}

    def helm(self, *words, check=True):
        done = subprocess.run([helm_path(self.major), *words, "--namespace", self.space], env=self.env, text=True,
                              capture_output=True, timeout=180)
        if check and done.returncode != 0:
            raise AssertionError(f"helm {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.platform.logs()}")
        return done

    def waited(self, verb, *words, **more):
        chart = [] if verb == "rollback" else [str(CHARTS / "web")]
        return self.helm(verb, "web", *chart, *words, "--wait", "--timeout=60s", **more)

    def history(self):
        return [(e["revision"], e["status"]) for e in json.loads(self.helm("history", "web", "-o", "json").stdout)]

    def kubectl(self, *words, **more):
        return self.platform.kubectl(*words, "--namespace", self.space, **more)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def names(self, kinds):
        return sorted(i["metadata"]["name"] for i in self.get(kinds)["items"] if i["metadata"]["name"] != "kube-root-ca.crt")

    def walk(self, major):
        self.major, self.space = major, f"helm-{major}"
        self.install()
        self.upgrade()
        self.by_hand()
        self.rollback()
        self.failures()
        self.chart_tests()
        self.uninstall()

    def test_helm_3(self):
        self.walk("3")

    def test_helm_4(self):
        self.walk("4")

    def install(self):
        with self.subTest("a dry run of the server looks things up and stores nothing"):
            self.platform.kubectl("create", "namespace", self.space)
            dry = self.helm("install", "web", str(CHARTS / "web"), "--dry-run=server").stdout
            uid = self.platform.get("namespace", "kube-system")["metadata"]["uid"]
            self.assertIn(f'system: "{uid}"', dry)
            self.assertEqual(self.names("configmaps,deployments,services,secrets"), [])
            self.platform.kubectl("delete", "namespace", self.space)
        with self.subTest("install makes the namespace and waits until the pods are ready"):
            self.waited("install", "--create-namespace")
            self.assertEqual(self.get("deployment", "web")["status"]["readyReplicas"], 1)
            self.assertEqual(self.get("configmap", "web-installing")["data"], {"revision": "1"})
            self.assertEqual(self.names("configmaps"), ["web-installing", "web-settings"])
        with self.subTest("the release is a Secret of its type"):
            stored = self.get("secret", "sh.helm.release.v1.web.v1")
            self.assertEqual((stored["type"], stored["metadata"]["labels"]["owner"]), ("helm.sh/release.v1", "helm"))
        with self.subTest("list and status"):
            listed = json.loads(self.helm("list", "-o", "json").stdout)
            self.assertEqual([(r["name"], r["status"], r["chart"]) for r in listed], [("web", "deployed", "web-0.1.0")])
            self.assertEqual(json.loads(self.helm("status", "web", "-o", "json").stdout)["info"]["status"], "deployed")

    def upgrade(self):
        with self.subTest("hooks run before and after an upgrade"):
            self.waited("upgrade", "--set=greeting=again")
            self.assertEqual(self.get("configmap", "web-settings")["data"]["greeting"], "again")
            self.assertEqual(self.get("configmap", "web-upgraded")["data"], {"revision": "2"})
            self.assertEqual(self.get("job", "web-migrate")["status"]["succeeded"], 1)
            self.assertEqual(self.history(), [(1, "superseded"), (2, "deployed")])
        with self.subTest("get gives back what was rendered"):
            self.assertIn("greeting: again", self.helm("get", "values", "web").stdout)
            self.assertIn("kind: Deployment", self.helm("get", "manifest", "web").stdout)
            self.assertIn("helm.sh/hook: post-upgrade", self.helm("get", "hooks", "web").stdout)

    def by_hand(self):
        with self.subTest("what somebody else added stays"):
            self.kubectl("annotate", "configmap", "web-settings", "by=hand")
            self.kubectl("patch", "configmap", "web-settings", "--type=merge", "-p", '{"data":{"own":"kept"}}')
            self.waited("upgrade", "--set=greeting=third")
            settings = self.get("configmap", "web-settings")
            self.assertEqual((settings["data"]["greeting"], settings["data"]["own"]), ("third", "kept"))
            self.assertEqual(settings["metadata"]["annotations"]["by"], "hand")
        with self.subTest("what somebody else changed is set right, by helm 4 only when told to"):
            self.kubectl("scale", "deployment", "web", "--replicas=2")
            if self.major == "4":
                refused = self.waited("upgrade", check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn('conflict with "kubectl" with subresource "scale"', refused.stderr)
                self.waited("upgrade", "--force-conflicts")
                owners = self.get("deployment", "web", "--show-managed-fields")["metadata"]["managedFields"]
                self.assertIn(("helm", "Apply"), [(o["manager"], o["operation"]) for o in owners])
            else:
                self.waited("upgrade")
            self.assertEqual(self.get("deployment", "web")["spec"]["replicas"], 1)
            self.assertEqual(self.get("deployment", "web")["status"]["readyReplicas"], 1)

    def rollback(self):
        with self.subTest("rollback brings the earlier state and keeps the history"):
            before = self.history()[-1][0]
            self.helm("rollback", "web", "1", "--wait", "--timeout=60s")
            self.assertEqual(self.get("configmap", "web-settings")["data"]["greeting"], "hello")
            self.assertEqual(self.history()[-1], (before + 1, "deployed"))

    def failures(self):
        undo = "--rollback-on-failure" if self.major == "4" else "--atomic"
        image = self.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"]
        with self.subTest("an upgrade that does not become ready is undone"):
            before = self.history()[-1][0]
            done = self.helm("upgrade", "web", str(CHARTS / "web"), "--set=image=example.org/not/here", undo, "--timeout=3s",
                             check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(self.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"], image)
            self.assertEqual(self.history()[-1], (before + 2, "deployed"))
        with self.subTest("a hook that fails stops the upgrade before anything is changed"):
            before = self.get("deployment", "web")["metadata"]["generation"]
            done = self.waited("upgrade", "--set=refuse=true,replicas=2", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("pre-upgrade hooks failed", done.stderr)
            self.assertEqual(self.get("deployment", "web")["metadata"]["generation"], before)
            self.assertEqual(self.history()[-1][1], "failed")
            self.waited("upgrade")

    def chart_tests(self):
        with self.subTest("helm test runs the chart's test and shows what it printed"):
            self.assertIn("hello said the chart", self.helm("test", "web", "--logs").stdout)

    def uninstall(self):
        with self.subTest("uninstall leaves the hooks alone"):
            self.helm("uninstall", "web", "--wait", "--timeout=60s")
            self.assertEqual(self.names("deployments,services,replicasets,secrets"), [])
            self.assertEqual(self.names("configmaps"), ["web-installing", "web-upgraded"])
            self.assertEqual(json.loads(self.helm("list", "-o", "json").stdout), [])

    def test_a_chart_brings_its_own_kinds(self):
        if "apiextensions.k8s.io" not in self.platform.kubectl("get", "--raw", "/apis").stdout:
            self.skipTest("the server has no apiextensions.k8s.io")
        for self.major in ("3", "4"):
            with self.subTest(f"helm {self.major}"):
                self.space = f"custom-{self.major}"
                self.helm("install", "lamp", str(CHARTS / "custom"), "--create-namespace", "--wait", "--timeout=60s")
                self.assertEqual(self.get("lamp", "lamp")["spec"], {"colour": "red"})
                self.helm("uninstall", "lamp", "--wait", "--timeout=60s")
                self.assertEqual(self.get("lamps")["items"], [])
                self.assertIn("lamps.helm.example.org", self.platform.kubectl("get", "crd", "-o", "name").stdout)


if __name__ == "__main__":
    unittest.main()
