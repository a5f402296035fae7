"""Everything can be killed at any moment; load goes on."""

import http.client
import os
import signal
import threading
import time
import unittest

from platform_under_test import Platform, eventually
from writer import Writer

KILLS = int(os.environ.get("INSULA_KILLS", "10"))


class Load:
    """Clients that call a tenant's model one request after another until stop()."""

    def __init__(self, platform, tenant, key, clients=4):
        self.platform, self.tenant, self.key = platform, tenant, key
        self.answered = 0
        self.failures = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        while not self.over.is_set():
            began = time.time()
            try:
                answer = self.platform.chat(self.tenant, self.key)
                failure = None if answer.status == 200 else repr(answer)
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self.lock:
                if failure:
                    self.failures.append((began, failure))
                else:
                    self.answered += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        eventually(lambda: self.answered > 10, message="load under way")
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def more(self, count=50):
        """Returns when `count` further requests were answered."""
        goal = self.answered + count
        eventually(lambda: self.answered >= goal, 60, message="further answers")


class Resilience(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform("--node-cpu=32", "--node-memory=64Gi").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.key = cls.platform.tenant("load", "--replicas", "2", "--requests-per-hour", "10000000")

    def pods(self):
        return [p for p in self.platform.get("pods", "-n", "load")["items"]
                if "deletionTimestamp" not in p["metadata"]]

    def ready_pods(self):
        def is_ready(pod):
            return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        return [p for p in self.pods() if is_ready(p)]

    def wait_for_ready(self, replicas):
        def described():
            waiting = [p for p in self.platform.get("pods", "-n", "load")["items"] if p not in self.ready_pods()]
            return "\n".join([f"{replicas} ready pods", *(f"{p['metadata']['name']}: {p['status']}" for p in waiting),
                              self.platform.kubectl("get", "events", "-n", "load").stdout, self.platform.logs()])
        eventually(lambda: len(self.ready_pods()) == replicas and len(self.pods()) == replicas, 60, message=described)
        return self.ready_pods()

    def settled(self):
        return self.wait_for_ready(2)

    def test_deleting_a_pod_fails_no_request_while_another_is_ready(self):
        with Load(self.platform, "load", self.key) as load:
            for _ in range(3):
                victim = self.settled()[0]["metadata"]["name"]
                self.platform.kubectl("delete", "pod", victim, "-n", "load")
                load.more()
            self.settled()
        self.assertEqual(load.failures, [])

    def test_a_rolling_update_fails_no_request(self):
        with Load(self.platform, "load", self.key) as load:
            self.settled()
            self.platform.kubectl("rollout", "restart", "deployment/llm-service", "-n", "load")
            self.platform.kubectl("rollout", "status", "deployment/llm-service", "-n", "load", "--timeout=90s")
            load.more()
        self.assertEqual(load.failures, [])

    def test_a_killed_container_costs_only_what_it_was_answering(self):
        clients = 4
        with Load(self.platform, "load", self.key, clients) as load:
            pod = self.settled()[0]
            before = pod["status"]["containerStatuses"][0]["restartCount"]
            os.kill(self.container_pid(pod), signal.SIGKILL)

            def replaced():
                for now in self.pods():
                    if now["metadata"]["uid"] == pod["metadata"]["uid"]:
                        return now["status"]["containerStatuses"][0]["restartCount"] > before
                return True
            eventually(replaced, 60, message="container started again")
            load.more()
        self.assertLessEqual(len(load.failures), clients, load.failures)

    def container_pid(self, pod):
        if os.geteuid() != 0 and os.environ.get("INSULA_RUNTIME") != "process":
            self.skipTest("cannot see the container's process")
        from pathlib import Path
        uid = pod["metadata"]["uid"]
        # The shim's record: identity of the shim, then of the container.
        for record in Path(self.platform.data_dir, "node").glob(f"**/{uid}/**/shim"):
            words = record.read_text().split()
            return int(words[2])
        self.fail(f"no shim record of {uid}")

    def kill_under_load(self, process):
        """Kills it KILLS times while clients call and a writer writes."""
        with Load(self.platform, "load", self.key) as load, Writer(self.platform, process) as writer:
            for _ in range(KILLS):
                writer.more()
                before = self.platform.kill(process)
                self.platform.wait_restarted(process, before)
            writer.more()
            load.more()
        writer.check(self, self.platform.get("configmaps")["items"])
        print(f"  {KILLS} kills of {process}: {load.answered} requests answered, {len(load.failures)} failed, "
              f"{len(writer.written)} writes acknowledged", flush=True)
        return load

    def running_containers(self):
        return sorted((p["metadata"]["uid"], p["status"]["containerStatuses"][0]["restartCount"])
                      for p in self.settled())

    def test_control_killed_ten_times_loses_no_write_and_the_gateway_serves_on(self):
        load = self.kill_under_load("control")
        self.assertEqual(load.failures, [])

    def test_the_node_agent_killed_ten_times_finds_its_pods_again(self):
        before = self.running_containers()
        load = self.kill_under_load("node")
        self.assertEqual(load.failures, [])
        self.assertEqual(self.running_containers(), before)

    def test_the_node_agent_killed_while_it_creates_pods_creates_them_all(self):
        def scale(replicas):
            self.platform.kubectl("scale", "deployment/llm-service", "-n", "load", f"--replicas={replicas}")
        replicas = 12
        self.settled()
        self.addCleanup(scale, 2)
        for turn in range(3):
            scale(replicas)
            # At various points of the work: networks, root file systems, starts.
            eventually(lambda: len(self.pods()) > 4, message="pods being created")
            time.sleep(0.05 * turn)
            before = self.platform.kill("node")
            self.platform.wait_restarted("node", before)
            self.wait_for_ready(replicas)
            scale(2)
            self.settled()

    def test_the_gateway_killed_ten_times_comes_back(self):
        clients = 4
        load = self.kill_under_load("gateway")
        self.assertLessEqual(len(load.failures), KILLS * clients, load.failures)

    def test_the_supervisor_killed_takes_its_processes_and_not_the_pods(self):
        before = self.running_containers()
        pids = {p["name"]: p["pid"] for p in self.platform.read_status()["processes"]}
        os.kill(pids["supervisor"], signal.SIGKILL)
        for name in ("control", "node", "gateway"):
            def gone(pid=pids[name]):
                try:
                    os.kill(pid, 0)
                    return False
                except ProcessLookupError:
                    return True
            eventually(gone, 40, message=f"{name} gone")
        self.platform.start()
        self.assertEqual(self.running_containers(), before)
        eventually(lambda: self.platform.chat("load", self.key).status == 200, message="served again")


if __name__ == "__main__":
    unittest.main()
