"""What people type: stock kubectl of every minor, one command after the other, as on a cluster."""

import re
import tempfile
import unittest
from pathlib import Path

from platform_under_test import MINORS_ALL, Platform

MANIFESTS = (Path(__file__).parent / "manifests" / "kubectl.yaml").read_text().split("\n---\n")
CONFIG_MAP, POD, DEPLOYMENT = MANIFESTS
CHANGED = DEPLOYMENT.replace("replicas: 1", "replicas: 2")


class Row:
    """One command and what it gives: a pattern that its output has somewhere, and its exit status.
    `since` and `until` are the first and last minors that know the command so; `{node}` is the node's
    name, `{file}` a file with `manifest`."""

    def __init__(self, command, pattern="", code=0, manifest="", since=0, until=99, env=None):
        self.command = command
        self.pattern = pattern
        self.code = code
        self.manifest = manifest
        self.since = since
        self.until = until
        self.env = env or {}


PATCH = """-p {"metadata":{"labels":{"z":"1"}}}"""
ROWS = (
    Row("version", r"Server Version.*v1\.36"),
    Row("get ns", r"default +Active"),
    Row("create namespace {ns}-made", r"namespace/{ns}-made created"),
    Row("delete namespace {ns}-made", r'namespace "{ns}-made" deleted'),
    Row("apply -f {file}", r"pod/web-0 created", manifest=POD),
    Row("wait --for=condition=Ready pod/web-0 --timeout=60s", r"pod/web-0 condition met"),
    Row("get pods", r"web-0 +1/1 +Running +0"),
    Row("get pods -A -o wide", r"{ns} +web-0 +1/1 +Running +0 +\S+ +[0-9.]+ +{node}"),
    Row("get pods -o yaml", r"phase: Running"),
    Row("get pods -l app=web --field-selector=status.phase=Running", r"web-0"),
    Row("get pods -l app=other", r"No resources found in {ns} namespace"),
    Row("get pods --sort-by=.metadata.name", r"web-0 +1/1"),
    Row("get pod web-0 -w --request-timeout=1s", r"web-0 +1/1"),
    Row("get pods -w --output-watch-events --request-timeout=1s", r"ADDED +web-0 +1/1"),
    Row("apply -f {file}", r"configmap/cm created", manifest=CONFIG_MAP),
    Row("apply -f {file}", r"configmap/cm unchanged", manifest=CONFIG_MAP),
    Row("apply -f {file}", r"deployment.apps/web created", manifest=DEPLOYMENT),
    Row("apply --server-side -f {file}", r"configmap/cm serverside-applied", manifest=CONFIG_MAP),
    Row("apply --server-side --dry-run=server -f {file}", r"configmap/cm serverside-applied \(server dry run\)",
        manifest=CONFIG_MAP),
    Row("apply --server-side --field-manager=other -f {file}", r"conflicts? with .*\s.*\.data\.a", 1,
        manifest=CONFIG_MAP.replace("a: b", "a: c")),
    Row("apply --server-side --field-manager=other --force-conflicts -f {file}", r"configmap/cm serverside-applied",
        manifest=CONFIG_MAP.replace("a: b", "a: c")),
    Row("get cm cm -o jsonpath={{.data.a}}", r"^c$"),
    Row("get cm cm -o yaml --show-managed-fields", r"manager: other", since=21),
    Row("apply --server-side --force-conflicts -f {file}", r"configmap/cm serverside-applied", manifest=CONFIG_MAP),
    Row("diff -f {file}", r"^$", manifest=DEPLOYMENT),
    Row("diff -f {file}", r"\n\+ *replicas: 2", 1, manifest=CHANGED),
    Row("diff --server-side -f {file}", r"^$", manifest=CONFIG_MAP),
    Row("create -f {file}", r'configmaps "cm" already exists', 1, manifest=CONFIG_MAP),
    Row("replace -f {file}", r"configmap/cm replaced", manifest=CONFIG_MAP),
    Row("apply --prune -l set=one -f {file}", r"configmap/cm configured|configmap/cm unchanged",
        manifest=CONFIG_MAP + "\n---\n" + DEPLOYMENT, since=30),
    Row("apply --prune -l set=one -f {file}", r"configmap/cm pruned", manifest=DEPLOYMENT, since=30),
    Row("delete configmap cm", r"deleted", until=20),
    Row("delete configmap cm --timeout=3s", r'configmaps "cm" not found', 1),
    Row("delete pod nosuch --ignore-not-found", r"^$"),
    Row("rollout status deploy/web --timeout=60s", r'deployment "web" successfully rolled out'),
    Row("get deploy,rs", r"deployment.apps/web +1/1 +1 +1 .*(\n.*)*replicaset.apps/web-\w+ +1 +1 +1"),
    Row("create quota q --hard=pods=50", r"resourcequota/q created"),
    Row("describe pod web-0", r"Image: +insula/llm-sim(.*\n)*.*Events:(.*\n)*.*Scheduled"),
    Row("describe quota q", r"pods +\d+ +50"),
    Row("describe deployment web", r"NewReplicaSet: +web-\w+ \(1/1 replicas created\)"),
    Row("describe node {node}", r"Non-terminated Pods:(.*\n)*.*web-0"),
    Row("describe ns {ns}", r"pods +\d+ +50"),
    Row("scale deploy web --replicas=3", r"deployment.apps/web scaled"),
    Row("rollout status deploy/web --timeout=60s", r"successfully rolled out"),
    Row("set env deploy/web MODE=second", r"deployment.apps/web env updated"),
    Row("rollout history deploy/web", r"1 +<none>\n2 +<none>"),
    Row("rollout undo deploy/web", r"deployment.apps/web rolled back"),
    Row("get deploy web -o yaml", r"kind: Deployment\n(?!(.*\n)*.*value: second)"),
    Row("rollout restart deploy/web", r"deployment.apps/web restarted"),
    Row("rollout status deploy/web --timeout=60s", r"successfully rolled out"),
    Row("set image deploy/web c=nginx:9", r"deployment.apps/web image updated"),
    Row("rollout undo deploy/web", r"deployment.apps/web rolled back"),
    Row("logs web-0"),
    Row("logs deploy/web"),
    # Follows until the client gives up.
    Row("logs -f deploy/web --request-timeout=1s", r"Client.Timeout|deadline exceeded", 1),
    Row("top pods", r"Metrics API not available", 1),
    Row("top nodes", r"Metrics API not available", 1),
    Row("label pod web-0 x=y", r"pod/web-0 labeled"),
    Row("annotate pod web-0 x=y", r"pod/web-0 annotated"),
    Row("patch pod web-0 " + PATCH, r"pod/web-0 patched"),
    Row("patch pod web-0 --type=merge " + PATCH, r"pod/web-0 patched \(no change\)"),
    Row("""patch pod web-0 --type=json -p [{"op":"add","path":"/metadata/labels/z","value":"1"}]""", r"pod/web-0 patched \(no change\)"),
    Row("""patch deploy web --subresource=scale --type=merge -p {"spec":{"replicas":2}}""", r"scale.autoscaling/web patched|deployment.apps/web patched", since=24),
    Row("scale deploy web --replicas=1", r"deployment.apps/web scaled"),
    Row("get deploy web --subresource=status -o yaml", r"kind: Deployment", since=24),
    Row("wait --for=jsonpath={{.status.phase}}=Running pod/web-0 --timeout=3s", r"pod/web-0 condition met", since=23),
    Row("wait --for=delete pod/nosuch --timeout=2s", since=21),
    Row("auth can-i create pods", r"^yes"),
    Row("auth can-i create pods --as=nobody", r"^no", 1),
    Row("auth can-i --list", r"\*\.\* +\[\] +\[\] +\[\*\]"),
    Row("auth whoami", r"Username +insula-admin", since=28),
    Row("api-resources", r"deployments +deploy +apps/v1 +true +Deployment"),
    Row("api-versions", r"(?m)^apps/v1$"),
    Row("explain pod.spec.containers", r"(?m)^ +image\s+<string>"),
    Row("explain deploy --api-version=apps/v1", r"(?m)^VERSION: +(apps/)?v1$"),
    Row("explain deploy.spec.nosuch", r'field "nosuch" does not exist', 1),
    Row("events", r"Pod/web-0", since=23),
    Row("events --for=pod/web-0", r"Scheduled", since=23),
    Row("get events", r"pod/web-0"),
    Row("cluster-info", r"control plane.* is running at"),
    Row("create secret generic s1 --from-literal=a=b", r"secret/s1 created"),
    Row("create configmap c1 --from-literal=a=b", r"configmap/c1 created"),
    Row("create quota q1 --hard=pods=2", r"resourcequota/q1 created"),
    Row("delete quota q1", r'resourcequota "q1" deleted'),
    Row("create role r1 --verb=get --resource=pods", r"role.rbac.authorization.k8s.io/r1 created"),
    Row("create rolebinding rb1 --role=r1 --user=bob", r"rolebinding.rbac.authorization.k8s.io/rb1 created"),
    Row("auth can-i get pods --as=bob", r"^yes"),
    Row("create serviceaccount sa1", r"serviceaccount/sa1 created"),
    Row("create token default", r"^ey[\w-]+\.[\w-]+\.[\w-]+$", since=24),
    Row("create deployment d1 --image=nginx", r"deployment.apps/d1 created"),
    Row("create job j1 --image=nginx", r"job.batch/j1 created"),
    Row("run p1 --image=nginx", r"pod/p1 created"),
    Row("expose deploy web --port=80 --name=web2", r"service/web2 exposed"),
    Row("autoscale deploy web --min=1 --max=3", r"horizontalpodautoscaler.autoscaling/web autoscaled"),
    Row("edit deploy web", r"deployment.apps/web edited", env={"EDITOR": "sed -i -e s/replicas:.1/replicas:\\ 2/"}),
    Row("get deploy web -o jsonpath={{.spec.replicas}}", r"^2$"),
    Row("cordon {node}", r"node/{node} cordoned"),
    Row("get nodes", r"{node} +Ready,SchedulingDisabled"),
    Row("uncordon {node}", r"node/{node} uncordoned"),
    Row("drain {node} --force --ignore-daemonsets --delete-emptydir-data --timeout=60s", r"pod/web-0 evicted"),
    Row("uncordon {node}", r"node/{node} uncordoned"),
    Row("taint node {node} a=b:NoSchedule", r"node/{node} tainted"),
    Row("taint node {node} a-", r"node/{node} untainted"),
    Row("get --raw /healthz", r"^ok"),
    Row("get crd", r"^(No resources found|NAME +CREATED AT)"),
    Row("delete deploy,job,svc,hpa,quota --all", r'deployment.apps "web" deleted'),
)


# The commands whose requests were recorded against a cluster, one a line: each is a row.
RECORDED = (Path(__file__).parent / "kubectl_commands.txt").read_text().splitlines()
# Those that need a container with a program in it: test_pods has what works of them.
OF_CONTAINERS = {"exec web-0 -- ls", "attach web-0", "port-forward pod/web-0 18080:80 --address=127.0.0.1", "cp web-0:/etc/hosts hosts"}


def shape(command):
    """A command without what differs from one run to the next."""
    for pattern, word in ((r"\S+\.yaml", "{file}"), (r"\bn1\b", "{node}"), (r"namespace t1\b", "namespace {ns}-made"),
                          (r"\bns default\b", "ns {ns}"), (r" --(request-)?timeout=\d+s", "")):
        command = re.sub(pattern, word, command)
    return command


class Table(unittest.TestCase):
    def test_every_recorded_command_has_its_row(self):
        self.assertEqual(len(RECORDED), 78)
        rows = {shape(Kubectl.filled(row.command, {})) for row in ROWS}
        self.assertEqual([one for one in RECORDED if shape(one) not in rows and one not in OF_CONTAINERS], [])


class Kubectl(unittest.TestCase):
    """Each minor goes through the same rows in a namespace of its own."""

    @classmethod
    def setUpClass(cls):
        cls.platform = Platform().start()
        cls.addClassCleanup(cls.platform.stop)
        cls.node = cls.platform.kubectl("get", "nodes", "-o", "name").stdout.strip().removeprefix("node/")

    def walk(self, minor):
        name_space = f"k{minor}"
        self.platform.kubectl("create", "namespace", name_space)
        facts = {"ns": name_space, "node": self.node}
        for row in ROWS:
            if row.since <= int(minor) <= row.until:
                with self.subTest(row.command):
                    self.one(minor, row, facts)
        self.platform.kubectl("delete", "namespace", name_space)

    def one(self, minor, row, facts):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(row.manifest)
            file.flush()
            words = [self.filled(word, {**facts, "file": file.name}) for word in row.command.split(" ")]
            done = self.platform.kubectl("-n", facts["ns"], *words, minor=minor, check=False, env=row.env)
        output = done.stdout + done.stderr
        self.assertEqual(done.returncode, row.code, output)
        pattern = row.pattern
        for name, value in facts.items():
            pattern = pattern.replace("{" + name + "}", re.escape(value))
        if pattern:
            self.assertRegex(output, pattern)

    @staticmethod
    def filled(word, facts):
        for name, value in facts.items():
            word = word.replace("{" + name + "}", value)
        return word.replace("{{", "{").replace("}}", "}") if "jsonpath" in word else word


for _minor in MINORS_ALL:
    setattr(Kubectl, f"test_with_kubectl_1_{_minor}", lambda self, minor=_minor: self.walk(minor))


if __name__ == "__main__":
    unittest.main()
