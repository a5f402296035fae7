"""The audit log: what stock kubectl did, by the policy of the operator."""

import json
import os
import re
import tempfile
import unittest
from pathlib import Path

from platform_under_test import Platform, eventually

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: ["system:nodes", "insula:gateway"]}
- {level: None, nonResourceURLs: ["/readyz*", "/metrics"]}
- {level: Metadata, resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse, namespaces: [audited], omitManagedFields: true}
- {level: Metadata}
"""


def events(path):
    """Of the log and the full ones beside it; the last line may be half written."""
    out = []
    for file in sorted(Path(path).parent.glob(Path(path).name + "*"), reverse=True):
        for line in file.read_text().split("\n")[:-1]:
            out.append(json.loads(line))
    return out


class Audit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = Path(tempfile.mkdtemp(prefix="insula-audit-"))
        policy = folder / "policy.yaml"
        policy.write_text(POLICY)
        os.chmod(policy, 0o600)
        cls.platform = Platform("--runtime=process", f"--audit-policy={policy}").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.log = Path(cls.platform.data_dir) / "audit/audit.log"
        cls.platform.kubectl("create", "namespace", "audited")
        eventually(lambda: cls.platform.kubectl("get", "serviceaccount", "default", "-n", "audited",
                                                check=False).returncode == 0, message="an account for pods")

    def find(self, verb, resource, name, stage="ResponseComplete", log=None):
        """The newest event of that kind, once it is there."""
        def newest():
            found = [e for e in events(log or self.log)
                     if e["stage"] == stage and e["verb"] == verb and e.get("objectRef", {}).get("resource") == resource
                     and e["objectRef"].get("name") == name]
            return found[-1] if found else None
        return eventually(newest, message=f"an event of {verb} {resource} {name}")

    def test_says_what_kubectl_did(self):
        self.platform.kubectl("create", "configmap", "c", "--from-literal=k=v", "-n", "audited")
        event = self.find("create", "configmaps", "c")
        self.assertEqual(event["level"], "RequestResponse")
        self.assertIn("kubectl", event["userAgent"])
        self.assertIn("system:masters", event["user"]["groups"])
        self.assertEqual(event["sourceIPs"], ["127.0.0.1"])
        self.assertEqual(event["requestObject"]["data"], {"k": "v"})
        self.assertTrue(event["responseObject"]["metadata"]["uid"])
        self.assertNotIn("managedFields", event["responseObject"]["metadata"])
        self.assertEqual(event["responseStatus"]["code"], 201)
        self.assertEqual(event["annotations"]["authorization.k8s.io/decision"], "allow")

    def test_a_secret_leaves_no_content(self):
        self.platform.kubectl("create", "secret", "generic", "s", "--from-literal=k=topsecretvalue", "-n", "audited")
        self.platform.kubectl("get", "secret", "s", "-n", "audited", "-o", "yaml")
        self.find("get", "secrets", "s")
        text = self.log.read_text()
        self.assertNotIn("topsecretvalue", text)
        self.assertNotIn("dG9wc2VjcmV0dmFsdWU", text)

    def test_says_who_was_refused(self):
        done = self.platform.kubectl("--as", "eve", "get", "pods", "-n", "audited", "p", check=False)
        self.assertNotEqual(done.returncode, 0)
        event = self.find("get", "pods", "p")
        self.assertEqual(event["impersonatedUser"]["username"], "eve")
        self.assertEqual(event["annotations"]["authorization.k8s.io/decision"], "forbid")
        self.assertEqual(event["responseStatus"]["reason"], "Forbidden")

    def test_pod_security_and_policies_that_only_audit(self):
        self.platform.kubectl("label", "namespace", "audited", "pod-security.kubernetes.io/audit=restricted")
        self.platform.kubectl("run", "root", "--image=insula/llm-sim", "-n", "audited")
        event = self.find("create", "pods", "root")
        self.assertIn('would violate PodSecurity "restricted:latest"',
                      event["annotations"]["pod-security.kubernetes.io/audit-violations"])
        self.platform.kubectl("apply", "-f", "-", input="""
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: named-well}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  validations: [{expression: "object.metadata.name.startsWith('good-')", message: "not a good name"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: named-well}
spec: {policyName: named-well, validationActions: [Audit]}
""")
        self.platform.kubectl("create", "configmap", "odd", "-n", "audited")
        event = self.find("create", "configmaps", "odd")
        failures = json.loads(event["annotations"]["validation.policy.admission.k8s.io/validation_failure"])
        self.assertEqual(failures[0]["message"], "not a good name")
        self.assertEqual(failures[0]["policy"], "named-well")

    def test_the_order_is_that_of_the_requests_and_an_answer_names_its_event(self):
        for i in range(20):
            self.platform.kubectl("annotate", "namespace", "audited", f"n={i}", "--overwrite")
        patches = [e for e in events(self.log) if e["verb"] == "patch" and e["objectRef"]["resource"] == "namespaces"]
        times = [e["stageTimestamp"] for e in patches]
        self.assertEqual(times, sorted(times))
        traced = self.platform.kubectl("get", "namespace", "audited", "-v=8").stderr
        ident = re.search(r"audit-id: ([0-9a-f-]{36})", traced, re.IGNORECASE)
        self.assertTrue(ident, traced)
        eventually(lambda: any(e["auditID"] == ident[1] for e in events(self.log)), message="the event of the answer")

    def test_goes_on_after_control_was_killed(self):
        before = self.platform.kill("control")
        self.platform.wait_restarted("control", before)
        self.platform.kubectl("create", "configmap", "after", "-n", "audited")
        self.find("create", "configmaps", "after")


class AuditFlags(unittest.TestCase):
    def test_a_log_is_rotated_and_a_full_disk_stops_nobody(self):
        folder = Path(tempfile.mkdtemp(prefix="insula-audit-"))
        os.chmod(folder, 0o777)
        log = folder / "kube.log"
        platform = Platform("--runtime=process", f"--audit-log={log}", "--audit-log-maxsize=1",
                            "--audit-log-maxbackup=1")
        with platform:
            api = platform.api()
            # Long URLs fill a megabyte soon.
            long = "/api/v1/namespaces/default/pods?limit=1&x=" + "y" * 15_000

            def rotated():
                api.request("GET", long)
                return Path(f"{log}.1").exists()
            eventually(rotated, message="a second file")
            self.assertLessEqual(Path(f"{log}.1").stat().st_size, 1 << 20)
            # Nothing can be moved there now, and so nothing more be written once the file is full.
            Path(f"{log}.1").unlink()
            Path(f"{log}.1").mkdir()
            (Path(f"{log}.1") / "x").touch()

            def lost():
                self.assertEqual(api.request("GET", long).status, 200)
                metrics = api.request("GET", "/metrics").body.decode()
                return int(re.search(r'apiserver_audit_error_total\{plugin="log"\} (\d+)', metrics)[1]) > 0
            eventually(lost, message="events that could not be written")
            self.assertLessEqual(log.stat().st_size, 1 << 20)
            api.close()
            platform.kubectl("create", "namespace", "still-works")

    def test_mistakes_are_told_before_anything_starts(self):
        policy = Path(tempfile.mkdtemp(prefix="insula-audit-")) / "policy.yaml"
        policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Everything}]\n")
        with self.assertRaisesRegex(AssertionError, r'rules\[0\].level: "Everything" must be one of None, Metadata'):
            Platform(f"--audit-policy={policy}").start()
        with self.assertRaisesRegex(AssertionError, "--audit-log-maxsize 0: not between 1 and"):
            Platform("--audit-log=/tmp/audit.log", "--audit-log-maxsize=0").start()
        with self.assertRaisesRegex(AssertionError, "say --audit-log or --audit-policy, too"):
            Platform("--audit-log-maxbackup=3").start()


if __name__ == "__main__":
    unittest.main()
