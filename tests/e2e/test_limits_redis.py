"""Limits that two platforms share through Redis, with a password and TLS."""

import json
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from platform_under_test import Platform, eventually, missing

LIMIT = 40


class Redis:
    """Debian's redis-server with a certificate of its own; its data survives nothing.

    It is one program with redis-check-rdb, which comes without a daemon, and goes by the name that it is called by.
    """

    PROGRAM = "redis-check-rdb"

    def __init__(self):
        for program in (self.PROGRAM, "openssl"):
            if shutil.which(program) is None:
                missing(f"no {program}")
        self.folder = Path(tempfile.mkdtemp(prefix="insula-redis-"))
        self.folder.chmod(0o755)
        self.certificate = self.folder / "redis.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=redis",
                        "-keyout", self.folder / "redis.key", "-out", self.certificate, "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60)
        self.password = self.folder / "password"
        self.password.write_text("open-sesame\n")
        self.password.chmod(0o644)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--tls-port", str(self.port), "--bind", "127.0.0.1",
             "--tls-cert-file", self.certificate, "--tls-key-file", self.folder / "redis.key",
             "--tls-auth-clients", "no", "--tls-ca-cert-file", self.certificate,
             "--user", "limits", "on", ">open-sesame", "~insula:limits", "+evalsha", "+eval", "+info", "+hget", "+hset",
             "+hdel", "+auth",
             "--requirepass", "for-people", "--save", "", "--appendonly", "no", "--dir", self.folder],
            executable=shutil.which(self.PROGRAM), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: self.cli("PING") == "PONG", message="redis-server answers")

    def cli(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "--tls", "--cacert", self.certificate, "-a",
                               "for-people", "--no-auth-warning", *words], capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def flags(self):
        return [f"--limits-redis=rediss://limits@127.0.0.1:{self.port}",
                f"--limits-redis-password-file={self.password}", f"--limits-redis-ca={self.certificate}"]


class LimitsRedis(unittest.TestCase):
    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.remove)

    def start(self, network):
        platform = Platform("--runtime=process", *self.redis.flags())
        platform.pod_cidr = network
        self.addCleanup(platform.stop)
        platform.start()
        key = platform.tenant("team-a", f"--requests-per-hour={LIMIT}")
        return platform, key

    def test_two_gateways_serve_one_limit_over_a_server_that_dies(self):
        self.redis.start()
        self.redis.cli("HSET", "insula:limits", "fresh", "1")
        gateways = [self.start("10.94.0.0/24"), self.start("10.95.0.0/24")]
        for platform, _ in gateways:
            eventually(lambda: platform.metric("insula_gateway_limit_store_replicas") == 2, message="two replicas")
            self.assertEqual(platform.metric("insula_gateway_limit_store_away"), 0)
        # tenant() has asked each of them for its models.
        served = len(gateways)
        for _ in range(LIMIT // 4):
            for platform, key in gateways:
                served += eventually(lambda: (answer := platform.chat("team-a", key)).status == 200 and answer,
                                     message="an answer").status == 200

        self.redis.kill()
        def status(of):
            platform, key = gateways[of]
            return platform.chat("team-a", key)
        for of in (0, 1):
            # What it holds is served, and then the reason is said.
            for _ in range(LIMIT):
                answer = status(of)
                if answer.status != 200:
                    break
                served += 1
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (503, "limits_unavailable"), answer)
        self.assertLessEqual(served, LIMIT)

        # Nothing of its data is left: both gateways say what they hold, and the rest is lent again.
        self.redis.start()
        def used_up():
            nonlocal served
            answers = [status(0), status(1)]
            served += sum(answer.status == 200 for answer in answers)
            return all(answer.status == 429 for answer in answers)
        eventually(used_up, message="all of the limit is used")
        self.assertLessEqual(served, LIMIT)
        self.assertGreaterEqual(served, LIMIT - 4)

    def test_a_members_limit_holds_over_both_gateways_and_their_kills(self):
        self.redis.start()
        self.redis.cli("HSET", "insula:limits", "fresh", "1")
        platforms = [self.start(network)[0] for network in ("10.94.0.0/24", "10.95.0.0/24")]
        most = json.dumps({"spec": {"gateway": {"memberRateLimit": {"requestsPerHour": 10}}}})
        tokens = {}
        for platform in platforms:
            platform.kubectl("patch", "tenant", "team-a", "--type", "merge", "-p", most)
            tokens[platform] = {name: platform.insula("token", "create", "team-a", "--subject", name).stdout.strip()
                                for name in ("ann", "bob")}
            eventually(lambda: platform.metric("insula_gateway_limit_store_replicas") == 2, message="two replicas")
            # Not before the gateway holds members to their limit.
            eventually(lambda: '"member"' in platform.chat("team-a", tokens[platform]["bob"]).headers.get("ratelimit", ""),
                       message="members have limits")

        served = 0
        def use(platform, name="ann"):
            nonlocal served
            answer = eventually(lambda: (got := platform.chat("team-a", tokens[platform][name])).status != 503 and got, message="an answer")
            served += answer.status == 200
            return answer
        for _ in range(3):
            for platform in platforms:
                self.assertEqual(use(platform).status, 200)
        for platform in platforms:
            platform.wait_restarted("gateway", platform.kill("gateway"))
        for _ in range(10):
            for platform in platforms:
                answer = use(platform)
        self.assertEqual((answer.status, served), (429, 10), answer)
        self.assertIn("this member's rate limit of 10 requests per hour", answer.json()["error"]["message"])
        self.assertEqual(use(platforms[0], "bob").status, 200)
        # Whoever reads the store sees no name.
        fields = self.redis.cli("HKEYS", "insula:limits")
        self.assertIn("o:requests/member.team-a.", fields)
        self.assertNotIn("ann", fields)

    def test_says_what_is_wrong(self):
        for flags, words in (
                (["--limits-redis=127.0.0.1:6379"], "--limits-redis: there is no such scheme"),
                (["--limits-redis=redis://:secret@127.0.0.1"], "read from a file"),
                (["--limits-redis=redis://127.0.0.1", "--limits-redis-password-file=/nowhere"],
                 "--limits-redis-password-file: read /nowhere"),
                (["--limits-redis-ca=/nowhere"], "are for --limits-redis only")):
            platform = Platform(*flags)
            self.addCleanup(shutil.rmtree, platform.data_dir, ignore_errors=True)
            done = platform.insula("up", "--detach", *flags, check=False)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
