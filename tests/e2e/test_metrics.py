"""Metrics of every process, and that Debian's prometheus takes our configuration and what we serve."""

import json
import socket
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from platform_under_test import ROOT, Platform, eventually, missing


def prometheus_folder():
    done = subprocess.run([ROOT / "tools/prometheus.sh"], capture_output=True, text=True)
    if done.returncode != 0:
        missing("no prometheus: " + done.stderr.strip())
    return Path(done.stdout.strip())


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform("--simulate-gpus=2").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.key = cls.platform.tenant("seen", "--gpus", "1")
        cls.platform.chat("seen", cls.key)

    def text(self, url):
        if url.startswith(self.platform.status["apiServer"]):
            api = self.platform.api()
            answer = api.request("GET", url.removeprefix(self.platform.status["apiServer"]))
            api.close()
            self.assertEqual(answer.status, 200, answer)
            return answer.body.decode()
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    def metrics_of(self, process):
        for entry in self.platform.read_status()["processes"]:
            if entry["name"] == process:
                return self.text(entry["metrics"])
        raise AssertionError(process)

    def test_every_process_reports_itself(self):
        for process, series in (("control", "apiserver_request_total"), ("node", "DCGM_FI_DEV_GPU_UTIL"),
                                ("gateway", "insula_gateway_requests_total")):
            text = self.metrics_of(process)
            self.assertIn(series, text, process)

    def test_gpu_metrics_name_the_tenant_that_holds_the_gpu(self):
        def labelled():
            lines = [line for line in self.metrics_of("node").splitlines() if line.startswith("DCGM_FI_DEV_GPU_UTIL{")]
            return any('namespace="seen"' in line and 'tenant="seen"' in line and 'pod="' in line for line in lines)
        eventually(labelled, message="GPU series of the tenant")

    def test_promtool_accepts_our_configuration(self):
        done = subprocess.run([prometheus_folder() / "promtool", "check", "config", "--syntax-only",
                               ROOT / "deploy/prometheus.yml"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_our_own_metric_names_pass_promtools_lint(self):
        for process in ("gateway",):
            done = subprocess.run([prometheus_folder() / "promtool", "check", "metrics"], input=self.metrics_of(process),
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_prometheus_scrapes_everything(self):
        with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
            probe.close()
            config = Path(folder, "prometheus.yml")
            done = self.platform.insula("status", "-o", "json")
            status = json.loads(done.stdout)
            gateway = next(p["metrics"] for p in status["processes"] if p["name"] == "gateway")
            text = (ROOT / "deploy/prometheus.yml").read_text()
            text = text.replace("/var/lib/insula", status["dataDir"])
            text = text.replace("127.0.0.1:6443", status["apiServer"].removeprefix("https://"))
            text = text.replace("127.0.0.1:9464", gateway.removeprefix("http://").removesuffix("/metrics"))
            text = text.replace("scrape_interval: 15s", "scrape_interval: 1s").replace("scrape_timeout: 10s", "scrape_timeout: 1s")
            config.write_text(text)
            prometheus = subprocess.Popen(
                [prometheus_folder() / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                def healthy():
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=5) as answer:
                            targets = json.load(answer)["data"]["activeTargets"]
                    except OSError:
                        return False
                    states = {t["labels"]["job"]: (t["health"], t["lastError"]) for t in targets}
                    assert states and all(s[0] == "up" for s in states.values()), states
                    return states
                states = eventually(healthy, 60, 0.2, message="all targets up")
                self.assertEqual(sorted(states), ["insula-control", "insula-gateway", "insula-gpu"])
            finally:
                prometheus.terminate()
                prometheus.wait()


if __name__ == "__main__":
    unittest.main()
