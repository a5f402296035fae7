"""ID tokens of an identity provider at the Kubernetes API, with stock kubectl."""

import json
import tempfile
import time
import unittest
from pathlib import Path

from platform_under_test import Platform, eventually
from test_issuers import Provider


class Oidc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.addClassCleanup(cls.provider.remove)
        cls.key = cls.provider.key("1")
        cls.provider.keys = [cls.key]
        cls.platform = Platform(
            "--runtime=process", f"--oidc-issuer-url={cls.provider.issuer}", "--oidc-client-id=kubernetes",
            "--oidc-username-claim=name", "--oidc-username-prefix=id:", "--oidc-groups-claim=groups",
            "--oidc-groups-prefix=id:", "--oidc-required-claim=realm=x",
            f"--oidc-ca-file={cls.provider.certificate}").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.kubectl("create", "clusterrolebinding", "staff", "--clusterrole=view", "--group=id:staff")
        eventually(lambda: cls.who(cls.token()) == "id:ann", message="the provider's keys")

    @classmethod
    def token(cls, key=None, **claims):
        return (key or cls.key).token({"iss": cls.provider.issuer, "aud": ["kubernetes"], "name": "ann", "realm": "x",
                                       "groups": ["staff"], "exp": int(time.time()) + 600, **claims})

    @classmethod
    def kubectl(cls, token, *words, **more):
        """As somebody who has a token and nothing else."""
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, "kubeconfig")
            config.write_text(json.dumps({
                "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
                "clusters": [{"name": "c", "cluster": {"server": cls.platform.status["apiServer"],
                                                       "certificate-authority": cls.platform.authority}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
            return cls.platform.kubectl("--kubeconfig", str(config), "--token", token, *words, check=False, **more)

    @classmethod
    def who(cls, token):
        done = cls.kubectl(token, "auth", "whoami", "-o", "json")
        return json.loads(done.stdout)["status"]["userInfo"]["username"] if done.returncode == 0 else done.stderr

    def why(self, token):
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        done = self.platform.kubectl("create", "-o", "json", "-f", "-", input=json.dumps(review))
        return json.loads(done.stdout)["status"]

    def test_a_user_has_the_rights_of_its_groups_and_no_others(self):
        self.assertEqual(self.kubectl(self.token(), "get", "pods", "-A").returncode, 0)
        refused = self.kubectl(self.token(groups=[]), "get", "pods", "-A")
        self.assertIn('User "id:ann" cannot list resource "pods"', refused.stderr)
        self.assertIn("cannot create", self.kubectl(self.token(), "create", "namespace", "x").stderr)

    def test_an_issuer_makes_no_administrators(self):
        for group in ("system:masters", "masters"):
            refused = self.kubectl(self.token(groups=[group]), "get", "secrets", "-A")
            self.assertIn("forbidden", refused.stderr)

    def test_what_is_wrong_is_told_to_who_may_ask_and_to_nobody_else(self):
        for claims, reason in (({"aud": ["other"]}, "oidc: verify token: oidc: expected audience"),
                               ({"exp": int(time.time()) - 5}, "oidc: token is expired"),
                               ({"realm": "y"}, "oidc: required claim realm value does not match"),
                               ({"name": None}, 'oidc: parse username claims "name"')):
            token = self.token(**claims)
            self.assertIn("Unauthorized", self.kubectl(token, "get", "pods").stderr)
            self.assertIn(reason, self.why(token)["error"])
        good = self.why(self.token())
        self.assertTrue(good["authenticated"])
        self.assertEqual(good["user"]["username"], "id:ann")

    def test_keys_are_followed_when_they_change(self):
        next_key = self.provider.key("2")
        self.provider.keys = [self.key, next_key]
        # The first token of the new key makes the platform ask, at most every ten seconds.
        eventually(lambda: self.who(self.token(next_key)) == "id:ann", message="the new key")

    def test_an_issuer_that_is_down_hurts_nobody_else_and_is_not_needed_for_a_restart(self):
        self.provider.stop()
        try:
            before = self.platform.kill("control")
            self.platform.wait_restarted("control", before)
            self.platform.kubectl("get", "pods", "-A")
            account = self.platform.kubectl("create", "token", "default").stdout.strip()
            self.assertEqual(self.who(account), "system:serviceaccount:default:default")
            self.assertEqual(self.who(self.token()), "id:ann")
        finally:
            self.provider.start()


class OidcFlags(unittest.TestCase):
    def test_mistakes_are_told_before_anything_starts(self):
        issuer = "--oidc-issuer-url=https://id.example.com"
        for flags, message in (([issuer], "--oidc-client-id: must be given with --oidc-issuer-url"),
                               (["--oidc-client-id=x"], "--oidc-issuer-url: the other flags"),
                               (["--oidc-issuer-url=http://id.example.com", "--oidc-client-id=x"], "--oidc-issuer-url"),
                               ([issuer, "--oidc-client-id=x", "--oidc-required-claim=hd"], "must be KEY=VALUE"),
                               ([issuer, "--oidc-client-id=x", "--oidc-signing-algs=HS256"], "must be one of RS256"),
                               ([issuer, "--oidc-client-id=x", "--oidc-ca-file=/nonexistent"], "--oidc-ca-file")):
            with self.assertRaisesRegex(AssertionError, message):
                Platform(*flags).start()


if __name__ == "__main__":
    unittest.main()
