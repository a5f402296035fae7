"""ServiceAccount tokens: made by stock kubectl."""

import base64
import json
import unittest

from platform_under_test import MINORS, Platform, eventually


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform("--runtime=process").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.kubectl("create", "serviceaccount", "bot")
        cls.platform.kubectl("create", "rolebinding", "bot", "--clusterrole=view", "--serviceaccount=default:bot")

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


if __name__ == "__main__":
    unittest.main()
