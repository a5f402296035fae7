"""Who may do what: RBAC, tenant members, impersonation and access reviews, asked by stock kubectl."""

import http.client
import json
import shutil
import ssl
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from platform_under_test import MINORS, Platform, eventually, missing


class Member:
    """Somebody with a certificate of the platform's authority and a kubeconfig of their own."""

    def __init__(self, platform, name, *groups):
        if shutil.which("openssl") is None:
            missing("no openssl")
        self.platform = platform
        self.folder = Path(tempfile.mkdtemp(dir=platform.data_dir))
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={name}"
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", "key.pem", "-out", "request.pem", "-subj", subject)
        self.openssl("x509", "-req", "-in", "request.pem", "-days", "1", "-CAcreateserial", "-out", "cert.pem",
                     "-CA", f"{platform.data_dir}/pki/ca.crt", "-CAkey", f"{platform.data_dir}/pki/ca.key",
                     "-CAserial", "serial")
        self.kubeconfig = self.folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": platform.status["apiServer"],
                                                   "certificate-authority": platform.authority}}],
            "users": [{"name": "u", "user": {"client-certificate": str(self.folder / "cert.pem"),
                                             "client-key": str(self.folder / "key.pem")}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"openssl {words}: {done.stderr}")

    def kubectl(self, *words, **more):
        return self.platform.kubectl("--kubeconfig", str(self.kubeconfig), *words, **more)


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform().start()
        for name in ("team-a", "team-b"):
            cls.platform.insula("tenant", "create", name)
            bound = ("get", "rolebinding", "tenant-members", "-n", name)
            eventually(lambda: cls.platform.kubectl(*bound, check=False).returncode == 0,
                       message=f"members of {name} have their rights")
        cls.member = Member(cls.platform, "ann", "insula:tenant:team-a")

    @classmethod
    def tearDownClass(cls):
        cls.platform.stop()

    def admin(self, *words, **more):
        return self.platform.kubectl(*words, **more)

    def can(self, *words, minor=MINORS[-1]):
        """The answer of kubectl auth can-i."""
        return self.admin("auth", "can-i", *words, minor=minor, check=False).stdout.strip().splitlines()[-1]

    def test_kubectl_auth_answers(self):
        for minor in MINORS:
            with self.subTest(minor=minor):
                self.assertEqual(self.can("*", "*", minor=minor), "yes")
                self.assertEqual(self.can("list", "pods", "-n", "team-a", "--as=nobody", minor=minor), "no")
                self.assertEqual(self.can("get", "/version", "--as=nobody", minor=minor), "yes")
                self.assertEqual(self.can("get", "/metrics", "--as=nobody", minor=minor), "no")
                listed = self.admin("auth", "can-i", "--list", "--as=nobody", "-n", "team-a", minor=minor).stdout
                self.assertIn("selfsubjectaccessreviews.authorization.k8s.io", listed)
                self.assertIn("/openapi/*", listed)
                who = self.admin("auth", "whoami", "-o", "json", "--as=bob", "--as-group=devs", "--as-uid=u-1",
                                 minor=minor).stdout
                self.assertEqual(json.loads(who)["status"]["userInfo"],
                                 {"username": "bob", "uid": "u-1", "groups": ["devs", "system:authenticated"]})

    def test_roles_and_bindings_made_by_kubectl_hold_at_once(self):
        for minor in MINORS:
            with self.subTest(minor=minor):
                role, user = f"reader-{minor}", f"user-{minor}"
                self.admin("create", "role", role, "--verb=get,list", "--resource=pods,deployments/scale", "-n", "team-b",
                           minor=minor)
                self.admin("create", "rolebinding", role, f"--role={role}", f"--user={user}", "-n", "team-b",
                           minor=minor)
                self.assertEqual(self.can("list", "pods", "-n", "team-b", f"--as={user}"), "yes")
                self.assertEqual(self.can("list", "pods", "-n", "team-a", f"--as={user}"), "no")
                self.assertEqual(self.can("get", "deployments", "--subresource=scale", "-n", "team-b",
                                          f"--as={user}"), "yes")
                self.admin("create", "clusterrole", role, "--verb=get", "--resource=nodes", minor=minor)
                self.admin("create", "clusterrolebinding", role, f"--clusterrole={role}",
                           "--serviceaccount=team-b:robot", minor=minor)
                self.assertEqual(self.can("get", "nodes", "--as=system:serviceaccount:team-b:robot"), "yes")
                shown = self.admin("get", "clusterrolebinding", role, "-o", "wide", minor=minor).stdout
                self.assertIn(f"ClusterRole/{role}", shown)
                self.assertIn("team-b/robot", shown)
                self.admin("describe", "rolebinding", role, "-n", "team-b", minor=minor)
                self.admin("delete", "rolebinding", role, "-n", "team-b", minor=minor)
                self.assertEqual(self.can("list", "pods", "-n", "team-b", f"--as={user}"), "no")

    def test_a_member_works_at_home_and_nowhere_else(self):
        kubectl = self.member.kubectl
        kubectl("create", "configmap", "mine", "--from-literal=a=b", "-n", "team-a")
        self.assertIn("mine", kubectl("get", "configmaps", "-n", "team-a").stdout)
        self.assertIn("team-a", kubectl("get", "tenant", "team-a").stdout)
        self.assertIn("team-a", kubectl("get", "namespace", "team-a").stdout)
        refused = kubectl("get", "pods", "-n", "team-b", check=False)
        self.assertIn('Error from server (Forbidden): pods is forbidden: User "ann" cannot list resource "pods" in '
                      'API group "" in the namespace "team-b"', refused.stderr)
        for words in (["get", "pods", "-A"], ["get", "namespaces"], ["get", "tenants"], ["get", "tenant", "team-b"],
                      ["get", "nodes"], ["get", "secrets", "-n", "insula-system"], ["get", "clusterroles"],
                      ["delete", "resourcequota", "tenant-quota", "-n", "team-a"], ["delete", "namespace", "team-a"],
                      ["delete", "networkpolicies", "--all", "-n", "team-a"],
                      ["get", "pods", "-n", "team-a", "--as=root"],
                      ["get", "--raw", "/metrics"]):
            with self.subTest(words=words):
                self.assertIn("(Forbidden)", kubectl(*words, check=False).stderr)

    def test_a_member_shares_its_own_rights_and_no_others(self):
        kubectl = self.member.kubectl
        kubectl("create", "role", "readers", "--verb=get,list", "--resource=pods", "-n", "team-a")
        kubectl("create", "rolebinding", "readers", "--role=readers", "--user=guest", "-n", "team-a")
        self.assertEqual(self.can("list", "pods", "-n", "team-a", "--as=guest"), "yes")
        self.assertEqual(self.can("list", "secrets", "-n", "team-a", "--as=guest"), "no")
        refused = kubectl("create", "role", "more", "--verb=delete", "--resource=resourcequotas", "-n", "team-a",
                          check=False).stderr
        self.assertIn("is attempting to grant RBAC permissions not currently held", refused)
        refused = kubectl("create", "rolebinding", "more", "--clusterrole=cluster-admin", "--user=ann", "-n", "team-a",
                          check=False).stderr
        self.assertIn("is attempting to grant RBAC permissions not currently held", refused)
        # Rights that were thrown away come back.
        kubectl("delete", "rolebinding", "tenant-members", "-n", "team-a")
        eventually(lambda: kubectl("get", "pods", "-n", "team-a", check=False).returncode == 0, 10,
                   message="the member has its rights again")

    def test_the_rights_of_members_go_with_their_tenant(self):
        self.platform.insula("tenant", "create", "team-c")
        reader = ("get", "clusterrole,clusterrolebinding", "insula:tenant:team-c", "-o", "name")
        eventually(lambda: len(self.admin(*reader, check=False).stdout.split()) == 2, message="members see the tenant")
        self.admin("delete", "tenant", "team-c")
        eventually(lambda: not self.admin(*reader, check=False).stdout, message="their rights are gone")

    def test_labelled_roles_are_collected(self):
        self.admin("create", "clusterrolebinding", "viewers", "--clusterrole=view", "--user=viewer")
        self.assertEqual(self.can("list", "pods", "-n", "team-a", "--as=viewer"), "yes")
        self.assertEqual(self.can("list", "secrets", "-n", "team-a", "--as=viewer"), "no")
        self.assertEqual(self.can("get", "tenants", "--as=viewer"), "no")
        self.admin("create", "clusterrole", "tenant-viewer", "--verb=get,list", "--resource=tenants.insula.dev")
        self.admin("label", "clusterrole", "tenant-viewer", "rbac.authorization.k8s.io/aggregate-to-view=true")
        for role in ("view", "edit", "admin"):
            eventually(lambda: "tenants.insula.dev" in self.admin("describe", "clusterrole", role).stdout, 10,
                       message=f"{role} has the rule")
        self.assertEqual(self.can("get", "tenants", "--as=viewer"), "yes")

    def test_strangers_see_the_version_and_are_told_who_they_are(self):
        url = urllib.parse.urlsplit(self.platform.status["apiServer"])
        trust = ssl.create_default_context(cafile=self.platform.authority)

        def get(path, **headers):
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=trust, timeout=30)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            return answer.status, text

        self.assertEqual(get("/version")[0], 200)
        self.assertEqual(get("/readyz")[0], 200)
        status, text = get("/api/v1/namespaces")
        self.assertEqual(status, 403)
        self.assertIn("system:anonymous", text)
        self.assertEqual(get("/api/v1/namespaces", Authorization="Bearer x")[0], 401)
        self.assertEqual(get("/api/v1/namespaces", **{"Impersonate-User": "insula-admin",
                                                      "Impersonate-Group": "system:masters"})[0], 403)

    def test_z_the_defaults_are_put_back_at_the_next_start(self):
        self.admin("delete", "clusterrolebinding", "system:discovery", "system:basic-user")
        self.admin("delete", "clusterrole", "edit")
        asked = ("auth", "can-i", "get", "/apis", "--as=nobody")
        self.assertIn("cannot create resource", self.admin(*asked, check=False).stderr)
        self.platform.wait_restarted("control", self.platform.kill("control"))
        self.assertEqual(self.can("get", "/apis", "--as=nobody"), "yes")
        self.assertIn("deployments.apps", self.admin("describe", "clusterrole", "edit").stdout)


if __name__ == "__main__":
    unittest.main()
