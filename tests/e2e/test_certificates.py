"""CertificateSigningRequests: asked for, approved and denied by stock kubectl, and `insula tenant kubeconfig`."""

import base64
import hashlib
import json
import shutil
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from platform_under_test import MINORS, Platform, eventually, missing


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("openssl") is None:
            missing("no openssl")
        cls.platform = Platform("--runtime=process").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.insula("tenant", "create", "team")
        cls.folder = Path(tempfile.mkdtemp(dir=cls.platform.data_dir))

    def openssl(self, *words):
        return subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, timeout=60, check=True)

    def ask(self, name, **spec):
        self.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                     "-subj", f"/O=devs/CN={name}")
        request = base64.b64encode((self.folder / f"{name}.csr").read_bytes()).decode()
        self.platform.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"request": request, "signerName": "kubernetes.io/kube-apiserver-client",
                     "usages": ["client auth"], **spec}}))

    def certificate(self, name):
        return self.platform.get("csr", name)["status"].get("certificate")

    def test_an_approved_request_becomes_a_user(self):
        for minor in MINORS:
            with self.subTest(minor):
                name = f"carol-{minor}"
                self.ask(name, expirationSeconds=3600)
                self.platform.kubectl("certificate", "approve", name, minor=minor)
                signed = eventually(lambda: self.certificate(name), message="signed")
                (self.folder / f"{name}.crt").write_bytes(base64.b64decode(signed))
                self.openssl("verify", "-CAfile", f"{self.platform.data_dir}/pki/client-ca.crt", f"{name}.crt")
                who = self.platform.kubectl(
                    "--kubeconfig=/dev/null", f"--server={self.platform.status['apiServer']}",
                    f"--certificate-authority={self.platform.authority}",
                    f"--client-certificate={self.folder}/{name}.crt", f"--client-key={self.folder}/{name}.key",
                    "auth", "whoami", "-o", "json").stdout
                user = json.loads(who)["status"]["userInfo"]
                self.assertEqual(user["username"], name)
                self.assertEqual(user["groups"], ["devs", "system:authenticated"])
                der = ssl.PEM_cert_to_DER_cert(Path(self.folder, f"{name}.crt").read_text())
                self.assertEqual(user["extra"], {"authentication.kubernetes.io/credential-id":
                                                 ["X509SHA256=" + hashlib.sha256(der).hexdigest()]})
                listed = self.platform.kubectl("get", "csr", name, minor=minor).stdout
                self.assertIn("Approved,Issued", listed)

    def test_a_denied_request_is_not_signed(self):
        self.ask("dave")
        self.platform.kubectl("certificate", "deny", "dave")
        self.assertIn("Denied", self.platform.kubectl("get", "csr", "dave").stdout)
        self.platform.kubectl("certificate", "approve", "dave", check=False)
        self.assertIsNone(self.certificate("dave"))

    def test_usages_that_no_client_has_are_not_signed(self):
        self.ask("erin", usages=["client auth", "server auth"])
        self.platform.kubectl("certificate", "approve", "erin")
        eventually(lambda: "Failed" in self.platform.kubectl("get", "csr", "erin").stdout, message="marked as failed")
        self.assertIsNone(self.certificate("erin"))

    def test_a_member_gets_a_kubeconfig(self):
        made = self.platform.insula("tenant", "kubeconfig", "team", "--user", "ann", "--days", "1").stdout
        path = self.folder / "ann.kubeconfig"
        path.write_text(made)

        def ann(*words, **more):
            return self.platform.kubectl("--kubeconfig", str(path), *words, **more)

        who = json.loads(ann("auth", "whoami", "-o", "json").stdout)["status"]["userInfo"]
        self.assertEqual(who["username"], "ann")
        self.assertIn("insula:tenant:team", who["groups"])
        eventually(lambda: ann("get", "pods", check=False).returncode == 0, message="its tenant's namespace is open")
        self.assertIn("Forbidden", ann("get", "pods", "-n", "default", check=False).stderr)
        refused = self.platform.insula("tenant", "kubeconfig", "nobody", "--user", "ann", check=False)
        self.assertIn("not found", refused.stderr)


if __name__ == "__main__":
    unittest.main()
