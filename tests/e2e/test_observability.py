"""What the gateway tells of requests: its access log over a rotation, and spans that reach a collector."""

import http.server
import json
import os
import signal
import threading
import unittest
from pathlib import Path

from platform_under_test import Platform, eventually


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans by OTLP over HTTP in JSON."""

    spans = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in body["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                Collector.spans += scope["spans"]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Observability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        threading.Thread(target=cls.collector.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.collector.shutdown)
        cls.platform = Platform()
        # A folder that the gateway's own user may write to.
        cls.log = Path(cls.platform.data_dir, "logs/gateway/access.log")
        cls.platform.flags += [f"--gateway-access-log={cls.log}",
                               f"--gateway-otlp-endpoint=http://127.0.0.1:{cls.collector.server_port}"]
        cls.platform.start()
        cls.addClassCleanup(cls.platform.stop)
        cls.key = cls.platform.tenant("seen")

    def lines(self, path=None):
        path = path or self.log
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def chats(self, path=None):
        return [line for line in self.lines(path) if line.get("operation") == "chat.completions" and line["status"] == 200]

    def test_a_request_is_in_the_log_and_at_the_collector(self):
        self.platform.chat("seen", self.key)
        line = eventually(lambda: (self.chats() or [None])[-1], message="a line of the log")
        self.assertEqual(line["tenant"], "seen")
        self.assertGreater(line["prompt_tokens"], 0)
        self.assertNotIn(self.key, self.log.read_text())
        span = eventually(lambda: next((s for s in Collector.spans if s["traceId"] == line["trace_id"]), None),
                          message="the span of the request")
        attributes = {a["key"]: a["value"] for a in span["attributes"]}
        self.assertEqual(attributes["gen_ai.operation.name"], {"stringValue": "chat"})
        self.assertEqual(attributes["insula.request_id"], {"stringValue": line["request_id"]})

    def test_the_log_goes_on_in_a_new_file_at_sighup(self):
        self.platform.chat("seen", self.key)
        eventually(self.chats, message="a line of the log")
        moved = self.log.with_suffix(".moved")
        self.log.rename(moved)
        os.kill(self.platform.pid("gateway"), signal.SIGHUP)
        eventually(self.log.exists, message="a new file")
        before = len(self.chats(moved))
        self.platform.chat("seen", self.key)
        eventually(self.chats, message="a line of the new file")
        self.assertEqual(len(self.chats(moved)), before)


if __name__ == "__main__":
    unittest.main()
