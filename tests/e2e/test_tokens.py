"""ServiceAccount tokens: made by stock kubectl, and mounted into a pod that asks the API with its own."""

import base64
import json
import unittest

from platform_under_test import MINORS, Platform, eventually

SHELL = "local/sh"
SECRETS = "$INSULA_MOUNTS/var/run/secrets/kubernetes.io/serviceaccount"
LIST_PODS = f"""
dir={SECRETS}
echo "namespace $(cat $dir/namespace)"
curl -s --cacert $dir/ca.crt -H "Authorization: Bearer $(cat $dir/token)" \
  https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/$(cat $dir/namespace)/pods
"""


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform("--runtime=process", f"--map-image={SHELL} = host:/bin/sh").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.kubectl("create", "serviceaccount", "bot")
        cls.platform.kubectl("create", "rolebinding", "bot", "--clusterrole=view", "--serviceaccount=default:bot")
        cls.platform.kubectl("create", "rolebinding", "own", "--clusterrole=view", "--serviceaccount=default:default")

    def create_token(self, *words, minor=MINORS[-1], **more):
        return self.platform.kubectl("create", "token", "bot", *words, minor=minor, **more).stdout.strip()

    def with_token(self, token, *words, minor=MINORS[-1]):
        return self.platform.kubectl("--kubeconfig=/dev/null", f"--server={self.platform.status['apiServer']}",
                                     f"--certificate-authority={self.platform.authority}", f"--token={token}", *words,
                                     minor=minor, check=False)

    def test_kubectl_makes_and_uses_them(self):
        for minor in MINORS:
            with self.subTest(minor):
                token = self.create_token("--duration=10m", minor=minor)
                said = claims(token)
                self.assertEqual(said["exp"] - said["iat"], 600)
                self.assertEqual(said["sub"], "system:serviceaccount:default:bot")
                seen = self.with_token(token, "get", "pods", minor=minor)
                self.assertEqual(seen.returncode, 0, seen.stderr)
                refused = self.with_token(token, "get", "nodes", minor=minor)
                self.assertIn('User "system:serviceaccount:default:bot" cannot list resource "nodes"', refused.stderr)

    def test_a_token_for_somebody_else_is_refused(self):
        token = self.create_token("--audience=vault")
        self.assertEqual(claims(token)["aud"], ["vault"])
        self.assertIn("Unauthorized", self.with_token(token, "get", "pods").stderr)
        self.assertIn("10 minutes", self.create_token("--duration=9m", check=False) or
                      self.platform.kubectl("create", "token", "bot", "--duration=9m", check=False).stderr)

    def test_a_token_ends_with_the_secret_it_is_bound_to(self):
        self.platform.kubectl("create", "secret", "generic", "bound")
        uid = self.platform.get("secret", "bound")["metadata"]["uid"]
        token = self.create_token("--bound-object-kind=Secret", "--bound-object-name=bound", f"--bound-object-uid={uid}")
        self.assertEqual(self.with_token(token, "get", "pods").returncode, 0)
        self.platform.kubectl("delete", "secret", "bound")
        self.assertIn("Unauthorized", self.with_token(token, "get", "pods").stderr)

    def test_a_secret_is_filled_in(self):
        self.platform.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": "kept", "annotations": {"kubernetes.io/service-account.name": "bot"}}}))
        data = eventually(lambda: self.platform.get("secret", "kept").get("data"), message="filled in")
        self.assertEqual(base64.b64decode(data["namespace"]), b"default")
        self.assertIn(b"CERTIFICATE", base64.b64decode(data["ca.crt"]))
        token = base64.b64decode(data["token"]).decode()
        self.assertEqual(self.with_token(token, "get", "pods").returncode, 0)
        # The key outlives the process that signs with it.
        before = self.platform.kill("control")
        self.platform.wait_restarted("control", before)
        self.assertEqual(self.with_token(token, "get", "pods").returncode, 0)

    def test_a_pod_lists_pods_with_the_token_it_mounted(self):
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asker"},
                "spec": {"restartPolicy": "Never", "containers": [
                    {"name": "main", "image": SHELL, "args": ["-c", LIST_PODS]}]}}
        self.platform.kubectl("apply", "-f", "-", input=json.dumps(body))
        eventually(lambda: self.platform.get("pod", "asker")["status"]["phase"] == "Succeeded",
                   message=lambda: self.platform.kubectl("describe", "pod", "asker").stdout)
        first, answer = self.platform.kubectl("logs", "asker").stdout.split("\n", 1)
        self.assertEqual(first, "namespace default")
        found = json.loads(answer)
        self.assertEqual(found["kind"], "PodList", answer)
        self.assertIn("asker", [pod["metadata"]["name"] for pod in found["items"]])
        # What admission added is no difference to what was applied.
        self.assertEqual(self.platform.kubectl("diff", "-f", "-", input=json.dumps(body)).stdout, "")
        self.assertIn("unchanged", self.platform.kubectl("apply", "-f", "-", input=json.dumps(body)).stdout)

    def test_the_gateway_takes_those_of_a_tenants_accounts(self):
        self.platform.tenant("team")
        self.platform.tenant("rivals")
        self.platform.kubectl("create", "serviceaccount", "app", "-n", "team")

        def made(*words):
            return self.platform.kubectl("create", "token", "app", "-n", "team", *words).stdout.strip()

        def status(tenant, token):
            return self.platform.request(f"/{tenant}/v1/models", token).status

        token = made("--audience=insula-gateway")
        eventually(lambda: status("team", token) == 200, message="the gateway knows the account and the key")
        self.assertEqual(status("rivals", token), 401)
        self.assertEqual(status("team", made()), 401)
        self.assertEqual(status("team", self.create_token("--audience=insula-gateway")), 401)
        # And the other way round: the API server is another audience.
        self.assertIn("Unauthorized", self.with_token(token, "get", "pods", "-n", "team").stderr)
        self.platform.kubectl("delete", "serviceaccount", "app", "-n", "team")
        eventually(lambda: status("team", token) == 401, message="the token ended with its account")

    def test_a_pod_may_do_without(self):
        self.platform.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"},
            "spec": {"automountServiceAccountToken": False, "restartPolicy": "Never",
                     "containers": [{"name": "main", "image": SHELL, "args": ["-c", "true"]}]}}))
        self.assertNotIn("volumes", self.platform.get("pod", "alone")["spec"])


if __name__ == "__main__":
    unittest.main()
