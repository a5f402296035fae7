"""Jobs with stock kubectl: runs to completion, failures, indexes, suspension, time to live, and counts over a crash."""

import json
import unittest

from platform_under_test import MINORS, Platform, eventually

SHELL = "local/sh"


def job(name, script, restart="Never", **spec):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {**spec, "template": {"spec": {
        "restartPolicy": restart, "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": SHELL, "args": ["-c", script]}]}}}}


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(f"--map-image={SHELL} = host:/bin/sh").start()
        cls.addClassCleanup(cls.platform.stop)

    def create(self, body):
        created = self.platform.kubectl("create", "-f", "-", input=json.dumps(body))
        self.assertEqual(created.stderr, "")
        self.addCleanup(self.platform.kubectl, "delete", "job", body["metadata"]["name"], "--ignore-not-found", "--wait=false")
        return body["metadata"]["name"]

    def wait(self, name, condition):
        self.platform.kubectl("wait", f"job/{name}", f"--for=condition={condition}", "--timeout=60s")
        return self.platform.get("job", name)["status"]

    def pods(self, name):
        return self.platform.get("pods", "-l", f"job-name={name}")["items"]

    def test_it_completes_and_its_pods_stay_with_their_logs(self):
        name = self.create(job("count", "echo done", completions=3, parallelism=2))
        status = self.wait(name, "Complete")
        self.assertEqual((status["succeeded"], status.get("failed", 0), status.get("active", 0)), (3, 0, 0))
        self.assertEqual([(c["type"], c["reason"]) for c in status["conditions"]],
                         [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")])
        self.assertEqual(len(self.pods(name)), 3)
        self.assertEqual([p["metadata"].get("finalizers", []) for p in self.pods(name)], [[], [], []])
        for minor in MINORS:
            with self.subTest(minor):
                self.assertIn("3/3", self.platform.kubectl("get", "job", name, minor=minor).stdout)
                self.assertIn("3 Succeeded", self.platform.kubectl("describe", "job", name, minor=minor).stdout)
                self.assertEqual(self.platform.kubectl("logs", f"job/{name}", minor=minor).stdout, "done\n")

    def test_it_fails_beyond_its_backoff_limit(self):
        status = self.wait(self.create(job("fails", "exit 3", backoffLimit=0)), "Failed")
        self.assertEqual((status["failed"], status.get("succeeded", 0)), (1, 0))
        self.assertEqual([(c["type"], c["reason"]) for c in status["conditions"]],
                         [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")])

    def test_its_time_runs_out(self):
        name = self.create(job("slow", "sleep 1000", activeDeadlineSeconds=1))
        status = self.wait(name, "Failed")
        self.assertEqual(status["conditions"][-1]["reason"], "DeadlineExceeded")
        eventually(lambda: not self.pods(name), message="its pod gone")

    def test_indexed_every_pod_knows_its_index(self):
        name = self.create(job("indexed", "echo $JOB_COMPLETION_INDEX", completions=3, parallelism=3, completionMode="Indexed"))
        status = self.wait(name, "Complete")
        self.assertEqual((status["completedIndexes"], status["succeeded"]), ("0-2", 3))
        printed = sorted(self.platform.kubectl("logs", p["metadata"]["name"]).stdout for p in self.pods(name))
        self.assertEqual(printed, ["0\n", "1\n", "2\n"])
        self.assertTrue(all(p["metadata"]["name"].startswith(f"indexed-{p['metadata']['annotations']['batch.kubernetes.io/job-completion-index']}-")
                            for p in self.pods(name)))

    def test_an_exit_code_fails_it_at_once(self):
        rules = [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]
        name = self.create(job("policy", "test $JOB_COMPLETION_INDEX = 1 && exit 42; sleep 1000", completions=2, parallelism=2,
                               completionMode="Indexed", podFailurePolicy={"rules": rules}))
        status = self.wait(name, "Failed")
        self.assertEqual([(c["type"], c["reason"]) for c in status["conditions"]],
                         [("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy")])
        self.assertRegex(status["conditions"][0]["message"], "Container main for pod .*failed with exit code 42 matching FailJob rule at index 0")

    def test_an_eviction_does_not_count_when_it_is_ignored(self):
        rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
        name = self.create(job("evicted", "sleep 1000", backoffLimit=0, podFailurePolicy={"rules": rules}))
        first = eventually(lambda: [p["metadata"]["name"] for p in self.pods(name) if p["status"]["phase"] == "Running"], message="running")[0]
        self.platform.kubectl("create", "--raw", f"/api/v1/namespaces/default/pods/{first}/eviction", "-f", "-", input=json.dumps(
            {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": first}}))
        eventually(lambda: [p for p in self.pods(name) if p["metadata"]["name"] != first], 60, message="another pod")
        status = self.platform.get("job", name)["status"]
        self.assertEqual((status.get("failed", 0), status.get("conditions")), (0, None))

    def test_indexes_fail_by_themselves(self):
        name = self.create(job("lost", "test $JOB_COMPLETION_INDEX = 0", completions=3, parallelism=3, completionMode="Indexed",
                               backoffLimitPerIndex=0))
        status = self.wait(name, "Failed")
        self.assertEqual((status["conditions"][-1]["reason"], status["failedIndexes"], status["completedIndexes"], status["failed"]),
                         ("FailedIndexes", "1,2", "0", 2))

    def test_an_index_is_tried_again_and_told_how_often(self):
        name = self.create(job("again", "test $JOB_COMPLETION_INDEX = 0 || exit 1", completions=2, parallelism=2, completionMode="Indexed",
                               backoffLimitPerIndex=1))
        status = self.wait(name, "Failed")
        self.assertEqual((status["failedIndexes"], status["failed"]), ("1", 2))
        counts = [p["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] for p in self.pods(name)]
        self.assertEqual(sorted(counts), ["0", "0", "1"])

    def test_it_succeeds_with_the_indexes_that_it_needs(self):
        name = self.create(job("enough", "test $JOB_COMPLETION_INDEX = 0 || sleep 1000", completions=3, parallelism=3, completionMode="Indexed",
                               successPolicy={"rules": [{"succeededIndexes": "0"}]}))
        status = self.wait(name, "Complete")
        self.assertEqual([(c["type"], c["reason"]) for c in status["conditions"]],
                         [("SuccessCriteriaMet", "SuccessPolicy"), ("Complete", "SuccessPolicy")])
        self.assertEqual((status["completedIndexes"], status["succeeded"], status.get("failed", 0)), ("0", 1, 0))

    def test_suspended_it_waits(self):
        name = self.create(job("held", "sleep 1000", suspend=True))
        eventually(lambda: self.platform.get("job", name)["status"].get("conditions"), message="said to be suspended")
        self.assertEqual(self.pods(name), [])
        self.platform.kubectl("patch", "job", name, "--type=merge", "-p", '{"spec":{"suspend":false}}')
        eventually(lambda: self.pods(name), message="running")
        self.platform.kubectl("patch", "job", name, "--type=merge", "-p", '{"spec":{"suspend":true}}')
        eventually(lambda: not self.pods(name), message="stopped")
        self.assertEqual(self.platform.get("job", name)["status"].get("failed", 0), 0)

    def test_deleting_it_takes_its_pods_along(self):
        name = self.create(job("deleted", "sleep 1000"))
        eventually(lambda: self.pods(name), message="a pod")
        self.platform.kubectl("delete", "job", name)
        eventually(lambda: not self.pods(name), message="its pod gone")

    def test_after_its_time_to_live_it_is_gone(self):
        name = self.create(job("brief", "exit 0", ttlSecondsAfterFinished=0))
        eventually(lambda: self.platform.kubectl("get", "job", name, check=False).returncode != 0 and not self.pods(name), 60,
                   message="gone with its pod")

    def test_a_controller_that_is_killed_counts_nothing_twice(self):
        name = self.create(job("killed", "exit 0", completions=24, parallelism=4))
        for done in (4, 12):
            eventually(lambda: self.platform.get("job", name)["status"].get("succeeded", 0) >= done, 60, message=f"{done} done")
            self.platform.wait_restarted("control", self.platform.kill("control"))
        status = self.wait(name, "Complete")
        self.assertEqual((status["succeeded"], status.get("failed", 0)), (24, 0))
        self.assertEqual(len(self.pods(name)), 24)


if __name__ == "__main__":
    unittest.main()
