"""Pod Security, admission policies and webhooks, as stock kubectl meets them."""

import base64
import http.server
import json
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from platform_under_test import MINORS, ROOT, Platform, eventually, missing

POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-replicas}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
    - expression: object.spec.replicas <= 3
      messageExpression: "'at most three replicas, not ' + string(object.spec.replicas)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: few-replicas}
spec:
  policyName: few-replicas
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {policy: few}}
"""

# Changes of Deployments by fields, of ConfigMaps by a parameter and a JSON patch, of a custom kind by its schema.
MUTATIONS = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: deployments}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  reinvocationPolicy: Never
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: >-
          Object{
            metadata: Object.metadata{annotations: {"changed-by": "a policy"}},
            spec: Object.spec{replicas: 2, template: Object.spec.template{spec: Object.spec.template.spec{
              containers: [Object.spec.template.spec.containers{name: "mesh", image: "example.com/mesh:1"}]
            }}}
          }
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: deployments}
spec:
  policyName: deployments
  matchResources: {namespaceSelector: {matchLabels: {policy: changing}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: configmaps}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
  matchConditions:
    - {name: wanted, expression: "has(object.data) && 'size' in object.data"}
  variables:
    - {name: size, expression: int(object.data.size)}
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  mutations:
    - patchType: JSONPatch
      jsonPatch:
        expression: >-
          variables.size <= int(params.data.max) ? [] : [
            JSONPatch{op: "test", path: "/data/size", value: object.data.size},
            JSONPatch{op: "replace", path: "/data/size", value: params.data.max},
            JSONPatch{op: "add", path: "/metadata/labels", value: {}},
            JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/was"), value: object.data.size}
          ]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: configmaps}
spec:
  policyName: configmaps
  paramRef: {name: limits, parameterNotFoundAction: Allow}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: caps}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [example.com], apiVersions: [v1], operations: [CREATE], resources: [caps]}
  reinvocationPolicy: Never
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: "Object{spec: Object.spec{hosts: [Object.spec.hosts{name: 'a', port: 80}]}}"
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: caps}
spec: {policyName: caps}
"""
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: caps.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: caps, singular: cap, kind: Cap}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                hosts:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items:
                    type: object
                    required: [name]
                    properties: {name: {type: string}, port: {type: integer}, path: {type: string, default: /}}
"""
CAP = """
apiVersion: example.com/v1
kind: Cap
metadata: {name: c}
spec: {hosts: [{name: b, port: 1}, {name: a, port: 2, path: /x}]}
"""


class Hook(http.server.ThreadingHTTPServer):
    """A webhook: `answer` makes the response of a request."""

    daemon_threads = True

    def __init__(self, certificate, key):
        super().__init__(("127.0.0.1", 0), self.Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answer = lambda request: {"allowed": True}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = review["request"]
            body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                               "response": {"uid": request["uid"], **self.server.answer(request)}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


class Admission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("openssl") is None:
            missing("no openssl")
        cls.platform = Platform("--runtime=process").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.folder = Path(tempfile.mkdtemp(dir=cls.platform.data_dir))

    def kubectl(self, *words, **more):
        return self.platform.kubectl(*words, **more)

    def test_pod_security(self):
        kubectl = self.kubectl
        kubectl("create", "namespace", "secure")
        kubectl("run", "before", "--image=example.com/a:1", "-n", "secure")
        for minor in MINORS:
            with self.subTest(minor):
                raised = kubectl("label", "--overwrite", "namespace", "secure", "pod-security.kubernetes.io/enforce=restricted", minor=minor)
                self.assertIn('existing pods in namespace "secure" violate the new PodSecurity enforce level "restricted:latest"',
                              raised.stderr)
                self.assertIn("before: allowPrivilegeEscalation != false, unrestricted capabilities", raised.stderr)
                refused = kubectl("run", "after", "--image=example.com/a:1", "-n", "secure", minor=minor, check=False)
                self.assertIn('violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "after" must set '
                              'securityContext.allowPrivilegeEscalation=false)', refused.stderr)
                warned = kubectl("create", "deployment", f"d{minor}", "--image=example.com/a:1", "-n", "secure", minor=minor)
                self.assertIn('Warning: would violate PodSecurity "restricted:latest"', warned.stderr)
                # Its pods would come once the label is gone.
                kubectl("delete", "deployment", f"d{minor}", "-n", "secure", minor=minor)
                kubectl("label", "namespace", "secure", "pod-security.kubernetes.io/enforce-", minor=minor)

    def test_a_policy(self):
        kubectl = self.kubectl
        kubectl("create", "namespace", "few")
        kubectl("create", "namespace", "many")
        kubectl("label", "namespace", "few", "policy=few")
        for minor in MINORS:
            with self.subTest(minor):
                kubectl("apply", "-f", "-", input=POLICY, minor=minor)
                shown = kubectl("get", "validatingadmissionpolicies,validatingadmissionpolicybindings", minor=minor).stdout
                self.assertIn("few-replicas", shown)
                self.assertIn("few-replicas", kubectl("describe", "validatingadmissionpolicy", "few-replicas", minor=minor).stdout)
                refused = kubectl("create", "deployment", "d", "--image=example.com/a:1", "--replicas=4", "-n", "few", minor=minor,
                                  check=False)
                self.assertIn("ValidatingAdmissionPolicy 'few-replicas' with binding 'few-replicas' denied request: at most three "
                              "replicas, not 4", refused.stderr)
                for name in ("few", "many"):
                    replicas = "3" if name == "few" else "4"
                    kubectl("create", "deployment", "d", "--image=example.com/a:1", f"--replicas={replicas}", "-n", name, minor=minor)
                    kubectl("delete", "deployment", "d", "-n", name, minor=minor)
                kubectl("delete", "-f", "-", input=POLICY, minor=minor)

    def test_a_policy_that_changes(self):
        kubectl, get = self.kubectl, self.platform.get
        kubectl("create", "namespace", "changing")
        kubectl("create", "namespace", "unchanged")
        kubectl("label", "namespace", "changing", "policy=changing")
        kubectl("create", "configmap", "limits", "--from-literal=max=5", "-n", "changing")
        kubectl("apply", "-f", "-", input=DEFINITION)
        kubectl("wait", "--for=condition=Established", "crd/caps.example.com", "--timeout=20s")
        for minor in MINORS:
            with self.subTest(minor):
                kubectl("apply", "-f", "-", input=MUTATIONS, minor=minor)
                shown = kubectl("get", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", minor=minor).stdout
                self.assertRegex(shown, r"mutatingadmissionpolicy.admissionregistration.k8s.io/configmaps +1 +v1/ConfigMap")
                self.assertRegex(shown, r"mutatingadmissionpolicybinding.admissionregistration.k8s.io/configmaps +configmaps +\*/limits")
                self.assertIn("JSONPatch", kubectl("describe", "mutatingadmissionpolicy", "configmaps", minor=minor).stdout)
                for name in ("changing", "unchanged"):
                    kubectl("create", "deployment", "d", "--image=example.com/a:1", "--replicas=1", "-n", name, minor=minor)
                changed, unchanged = get("deployment", "d", "-n", "changing"), get("deployment", "d", "-n", "unchanged")
                self.assertEqual(changed["spec"]["replicas"], 2)
                self.assertEqual(changed["metadata"]["annotations"]["changed-by"], "a policy")
                self.assertEqual([c["image"] for c in changed["spec"]["template"]["spec"]["containers"]],
                                 ["example.com/a:1", "example.com/mesh:1"])
                self.assertEqual(unchanged["spec"]["replicas"], 1)
                for name in ("changing", "unchanged"):
                    kubectl("delete", "deployment", "d", "-n", name, minor=minor)

                for size, kept in (("3", "3"), ("7", "5")):
                    kubectl("create", "configmap", f"size-{size}", f"--from-literal=size={size}", "-n", "changing", minor=minor)
                    self.assertEqual(get("configmap", f"size-{size}", "-n", "changing")["data"]["size"], kept)
                self.assertEqual(get("configmap", "size-7", "-n", "changing")["metadata"]["labels"], {"example.com/was": "7"})
                kubectl("delete", "configmap", "size-3", "size-7", "-n", "changing", minor=minor)
                refused = kubectl("create", "configmap", "size-x", "--from-literal=size=x", "-n", "changing", minor=minor, check=False)
                self.assertIn("policy 'configmaps' with binding 'configmaps' denied request: expression '", refused.stderr)

                kubectl("apply", "-f", "-", "-n", "changing", input=CAP, minor=minor)
                self.assertEqual(get("cap", "c", "-n", "changing")["spec"]["hosts"],
                                 [{"name": "b", "port": 1, "path": "/"}, {"name": "a", "port": 80, "path": "/x"}])
                kubectl("delete", "cap", "c", "-n", "changing", minor=minor)

                wrong = MUTATIONS.replace('max) ? []', 'max) ? 1')
                refused = kubectl("apply", "-f", "-", input=wrong, minor=minor, check=False)
                self.assertIn("spec.mutations[0].jsonPatch.expression: Invalid value", refused.stderr)
                kubectl("delete", "-f", "-", input=MUTATIONS, minor=minor)

    def test_the_examples_of_the_documents(self):
        for page in ("admission.md", "admission.zh-TW.md"):
            with self.subTest(page):
                examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)
                self.assertEqual(len(examples), 2)
                for example in examples:
                    self.kubectl("apply", "--dry-run=server", "-f", "-", input=example)

    def hook(self):
        certificate, key = self.folder / "hook.crt", self.folder / "hook.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=hook", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], capture_output=True, timeout=60, check=True)
        hook = Hook(certificate, key)
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        self.authority = base64.b64encode(certificate.read_bytes()).decode()
        return hook

    def install(self, kind, url, **more):
        self.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration", "metadata": {"name": "hook"},
            "webhooks": [{
                "name": "hook.example.com", "clientConfig": {"url": url, "caBundle": self.authority}, "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "hooked"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}],
                **more}]}))

    def test_webhooks(self):
        kubectl = self.kubectl
        kubectl("create", "namespace", "hooked")
        # The platform itself puts a ConfigMap there; it must not meet the webhook half way.
        eventually(lambda: kubectl("get", "configmap", "kube-root-ca.crt", "-n", "hooked", check=False).returncode == 0,
                   message="the namespace is complete")
        hook = self.hook()
        url = f"https://127.0.0.1:{hook.server_port}/review"
        patch = base64.b64encode(b'[{"op":"add","path":"/metadata/labels","value":{"hooked":"yes"}}]').decode()
        hook.answer = lambda request: {"allowed": True, "patchType": "JSONPatch", "patch": patch, "warnings": ["labelled"]}
        self.install("Mutating", url)
        for minor in MINORS:
            with self.subTest(minor):
                made = kubectl("create", "configmap", f"c{minor}", "--from-literal=a=b", "-n", "hooked", minor=minor)
                self.assertIn("Warning: labelled", made.stderr)
                self.assertEqual(self.platform.get("configmap", f"c{minor}", "-n", "hooked")["metadata"]["labels"], {"hooked": "yes"})
        kubectl("delete", "mutatingwebhookconfiguration", "hook")
        hook.answer = lambda request: {"allowed": False, "status": {"code": 403, "message": f"{request['name']} is not wanted"}}
        self.install("Validating", url)
        for minor in MINORS:
            with self.subTest(minor):
                refused = kubectl("create", "configmap", "d", "-n", "hooked", minor=minor, check=False)
                self.assertIn('admission webhook "hook.example.com" denied the request: d is not wanted', refused.stderr)
                self.assertIn("hook", kubectl("get", "validatingwebhookconfigurations", minor=minor).stdout)
                kubectl("create", "configmap", f"d{minor}", "-n", "default", minor=minor)
        with self.subTest("one that is away"):
            self.install("Validating", "https://127.0.0.1:1/")
            refused = kubectl("create", "configmap", "e", "-n", "hooked", check=False)
            self.assertIn('failed calling webhook "hook.example.com": failed to call webhook: Post "https://127.0.0.1:1/?timeout=10s"',
                          refused.stderr)
            self.install("Validating", "https://127.0.0.1:1/", failurePolicy="Ignore")
            kubectl("create", "configmap", "e", "-n", "hooked")
        kubectl("delete", "validatingwebhookconfiguration", "hook")


if __name__ == "__main__":
    unittest.main()
