"""What a pod may expect of the node, seen through stock kubectl."""

import json
import subprocess
import unittest

from platform_under_test import MINORS, Platform, eventually, kubectl_path

SHELL = "local/sh"


def pod(name, script, **spec):
    container = {"name": "main", "image": SHELL, "args": ["-c", script], **spec.pop("container", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 2, **spec}}


class Pods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(f"--map-image={SHELL} = host:/bin/sh").start()
        cls.addClassCleanup(cls.platform.stop)

    def create(self, body):
        self.platform.kubectl("create", "-f", "-", input=json.dumps(body))
        self.addCleanup(self.platform.kubectl, "delete", body["kind"].lower(), body["metadata"]["name"],
                        "--wait=false", check=False)
        return body["metadata"]["name"]

    def container(self, name):
        statuses = self.platform.get("pod", name)["status"].get("containerStatuses", [])
        return statuses[0] if statuses else {}

    def running(self, name):
        eventually(lambda: self.container(name).get("state", {}).get("running"), message=f"{name} running")

    def finished(self, name):
        return eventually(lambda: self.container(name).get("state", {}).get("terminated"), message=f"{name} finished")

    def output(self, body):
        """What a pod printed that runs to its end."""
        body["spec"]["restartPolicy"] = "Never"
        name = self.create(body)
        self.finished(name)
        return self.platform.kubectl("logs", name).stdout

    def test_logs_are_followed_to_their_end(self):
        name = self.create(pod("talker", "for i in 1 2 3; do echo line $i; sleep 0.3; done", restartPolicy="Never"))
        eventually(lambda: self.container(name).get("containerID"), message="started")
        follower = subprocess.run([kubectl_path(MINORS[-1]), "logs", "-f", name], env=self.platform.env,
                                  capture_output=True, text=True, timeout=30)
        self.assertEqual((follower.stdout, follower.stderr), ("line 1\nline 2\nline 3\n", ""))

    def test_exec_runs_a_command_and_gives_its_exit_code(self):
        name = self.create(pod("shell", "sleep 1000"))
        self.running(name)
        for minor in MINORS:
            with self.subTest(minor):
                # 1.30 speaks WebSocket when told to; later ones do by themselves.
                self.platform.env["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = "true"
                done = self.platform.kubectl("exec", name, "--", "/bin/sh", "-c", "echo $((6*7)); exit 3",
                                             minor=minor, check=False)
                self.assertEqual((done.stdout, done.returncode), ("42\n", 3), done.stderr)
                piped = self.platform.kubectl("exec", "-i", name, "--", "/bin/cat", minor=minor, input="through\n")
                self.assertEqual(piped.stdout, "through\n")

    def test_debug_adds_a_container_to_a_running_pod(self):
        name = self.create(pod("debugged", "exec sleep 1000"))
        self.running(name)
        self.platform.kubectl("debug", name, f"--image={SHELL}", "--container=debugger", "--target=main", "--",
                              "/bin/sh", "-c", "cat /proc/*/cmdline | tr '\\0' ' '; echo; hostname; sleep 1000")

        def debugger():
            statuses = self.platform.get("pod", name)["status"].get("ephemeralContainerStatuses", [])
            return statuses and statuses[0]["state"].get("running")
        eventually(debugger, message="debugger running")
        seen = eventually(lambda: self.platform.kubectl("logs", name, "-c", "debugger").stdout, message="its log")
        self.assertIn("sleep 1000", seen)
        done = self.platform.kubectl("exec", name, "-c", "debugger", "--", "/bin/sh", "-c", "echo inside")
        self.assertEqual(done.stdout, "inside\n")
        self.assertEqual(self.container(name)["restartCount"], 0)
        gone = json.dumps([{"op": "remove", "path": "/spec/ephemeralContainers"}])
        refused = self.platform.kubectl("patch", "pod", name, "--subresource=ephemeralcontainers", "--type=json",
                                        "--patch", gone, check=False)
        self.assertIn('existing ephemeral containers "debugger" may not be removed', refused.stderr)

    def test_a_resize_reaches_the_running_container(self):
        if self.runtime() == "process":
            self.skipTest("the process runtime has no limits")
        limits = {"cpu": "100m", "memory": "64Mi"}
        name = self.create(pod(
            "resized", "while :; do cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || "
                       "cat /sys/fs/cgroup/memory.max; sleep 0.1; done",
            container={"resources": {"limits": limits, "requests": limits}}))
        self.running(name)
        self.assertEqual(self.container(name)["allocatedResources"], limits)
        wanted = {"cpu": "200m", "memory": "128Mi"}
        change = {"spec": {"containers": [{"name": "main", "resources": {"limits": wanted, "requests": wanted}}]}}
        self.platform.kubectl("patch", "pod", name, "--subresource=resize", "--patch", json.dumps(change))
        eventually(lambda: self.container(name).get("resources") == {"limits": wanted, "requests": wanted},
                   message="resized")
        eventually(lambda: str(128 << 20) in self.platform.kubectl("logs", "--tail=1", name).stdout, message="limit")
        self.assertEqual(self.container(name)["restartCount"], 0)
        worse = {"spec": {"containers": [{"name": "main", "resources": {"limits": {"memory": "256Mi"}}}]}}
        refused = self.platform.kubectl("patch", "pod", name, "--subresource=resize", "--patch", json.dumps(worse),
                                        check=False)
        self.assertIn("Pod QOS Class may not change as a result of resizing", refused.stderr)

    def test_settings_come_from_config_maps_secrets_and_the_pod_itself(self):
        self.platform.kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
        self.platform.kubectl("create", "secret", "generic", "hidden", "--from-literal=password=open sesame")
        body = pod("settings", 'echo "$COLOUR $PASSWORD $NAME"; cat /etc/settings/colour; echo; '
                               "cat /etc/hidden/password; echo; cat /etc/about/labels; echo; echo x > /scratch/x && cat /scratch/x")
        container = body["spec"]["containers"][0]
        container["env"] = [
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "password"}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
        container["volumeMounts"] = [{"name": "settings", "mountPath": "/etc/settings"},
                                     {"name": "hidden", "mountPath": "/etc/hidden"},
                                     {"name": "about", "mountPath": "/etc/about"},
                                     {"name": "scratch", "mountPath": "/scratch"}]
        body["spec"]["volumes"] = [
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "hidden", "secret": {"secretName": "hidden"}},
            {"name": "about", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"name": "scratch", "emptyDir": {}}]
        if self.runtime() == "process":
            self.skipTest("the process runtime has no mounts")
        self.assertEqual(self.output(body), 'blue open sesame settings\nblue\nopen sesame\napp="settings"\nx\n')

    def runtime(self):
        node = self.platform.get("nodes")["items"][0]
        return node["status"]["nodeInfo"]["containerRuntimeVersion"].split(":")[0]

    def test_an_image_that_is_nowhere_says_what_to_do(self):
        name = self.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "nowhere"},
                            "spec": {"containers": [{"name": "main", "image": "example.org/not/here:1"}]}})
        waiting = eventually(lambda: self.container(name).get("state", {}).get("waiting"), message="waiting")
        self.assertIn(waiting["reason"], ("ErrImagePull", "ImagePullBackOff"))
        self.assertIn("insula image import", waiting["message"])

    def test_a_mapped_image_says_what_really_runs(self):
        name = self.create(pod("mapped", "sleep 1000"))
        self.running(name)
        self.assertIn("/bin/sh", self.container(name)["imageID"])
        self.assertIn("/bin/sh", self.platform.kubectl("get", "events", "--field-selector",
                                                       f"involvedObject.name={name},reason=Pulled").stdout)

    def test_a_container_that_keeps_failing_backs_off(self):
        name = self.create(pod("failing", "exit 7"))
        eventually(lambda: self.container(name).get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff",
                   message="CrashLoopBackOff")
        self.assertEqual(self.container(name)["lastState"]["terminated"]["exitCode"], 7)

    def test_readiness_and_liveness_are_probed(self):
        body = pod("probed", "touch /tmp/alive; trap 'exit 0' TERM; while :; do sleep 0.1; done")
        body["spec"]["containers"][0]["livenessProbe"] = {
            "exec": {"command": ["/bin/sh", "-c", "test -e /tmp/alive"]}, "periodSeconds": 1, "failureThreshold": 1}
        body["spec"]["containers"][0]["readinessProbe"] = {
            "exec": {"command": ["/bin/sh", "-c", "test -e /tmp/ready"]}, "periodSeconds": 1}
        name = self.create(body)
        self.running(name)
        self.assertFalse(self.container(name)["ready"])
        self.platform.kubectl("exec", name, "--", "/bin/sh", "-c", "touch /tmp/ready")
        eventually(lambda: self.container(name)["ready"], message="ready")
        self.platform.kubectl("exec", name, "--", "/bin/sh", "-c", "rm /tmp/alive /tmp/ready")
        eventually(lambda: self.container(name)["restartCount"] == 1, message="restarted by its liveness probe")

    def test_deletion_gives_a_pod_time_to_end(self):
        body = pod("graceful", "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done")
        body["spec"]["terminationGracePeriodSeconds"] = 20
        name = self.create(body)
        self.running(name)
        follower = subprocess.Popen([kubectl_path(MINORS[-1]), "logs", "-f", name], env=self.platform.env,
                                    stdout=subprocess.PIPE, text=True)
        self.platform.kubectl("delete", "pod", name, "--timeout=15s")
        self.assertEqual(follower.communicate(timeout=15)[0], "bye\n")


if __name__ == "__main__":
    unittest.main()
