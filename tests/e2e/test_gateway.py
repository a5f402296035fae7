"""The gateway as its clients see it: who may call, how often, and what a killed process changes."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import subprocess
import time
import unittest
from pathlib import Path

from platform_under_test import ROOT, Platform, eventually


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header, claims):
    return b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform("--simulate-gpus=2").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.key_a = cls.platform.tenant("team-a")
        cls.key_b = cls.platform.tenant("team-b")

    def token(self, tenant, *flags):
        return self.platform.insula("token", "create", tenant, *flags).stdout.strip()

    def status(self, tenant, credential):
        answer = self.platform.chat(tenant, credential)
        if answer.status != 200:
            self.assertIn("error", answer.json(), answer)
        return answer.status

    def test_keys_and_tokens_open_their_own_tenant(self):
        for credential in (self.key_a, self.token("team-a")):
            answer = self.platform.chat("team-a", credential)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json()["object"], "chat.completion")
            self.assertGreater(answer.json()["usage"]["total_tokens"], 0)

    def test_nothing_opens_another_tenants_path(self):
        for credential in (self.key_a, self.token("team-a")):
            self.assertIn(self.status("team-b", credential), (401, 403))

    def test_a_path_of_nobody_is_not_found_or_refused(self):
        self.assertIn(self.status("nobody", self.key_a), (401, 403, 404))

    def test_bad_credentials_are_401(self):
        good = self.token("team-a")
        header, claims, signature = good.split(".")
        decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
        now = int(time.time())
        public = self.platform.get("secret", "token-issuer-public", "-n", "insula-system")["data"]
        pem = base64.b64decode(next(iter(public.values())))
        confused = unsigned({"alg": "HS256", "typ": "JWT"}, decoded)
        forged = confused + "." + b64(hmac.new(pem, confused.encode(), hashlib.sha256).digest())
        wrong = {
            "missing": None,
            "unknown key": "ins_0123456789_" + "A" * 32,
            "changed key": self.key_a[:-1] + ("A" if self.key_a[-1] != "A" else "B"),
            "alg none": unsigned({"alg": "none", "typ": "JWT"}, decoded) + ".",
            "alg none with signature": unsigned({"alg": "none"}, decoded) + "." + signature,
            "key confusion": forged,
            "changed claims": header + "." + b64(json.dumps(dict(decoded, exp=now + 99999)).encode()) + "." + signature,
            "not a token": "nonsense",
        }
        for name, credential in wrong.items():
            with self.subTest(name):
                answer = self.platform.chat("team-a", credential)
                self.assertEqual(answer.status, 401, answer)
                self.assertIn("error", answer.json())

    def test_tokens_of_a_tenants_own_issuer_are_held_to_their_claims(self):
        secret = b"an HS256 secret of at least 32 bytes"
        self.platform.kubectl("create", "secret", "generic", "issuer", "-n", "team-a",
                              f"--from-literal=key={secret.decode()}")
        issuer = {"issuer": "https://id.example", "audiences": ["llm"], "algorithms": ["HS256"],
                  "secretRef": {"name": "issuer", "key": "key"}}
        self.platform.kubectl("patch", "tenant", "team-a", "--type=merge", "-p",
                              json.dumps({"spec": {"gateway": {"jwt": [issuer]}}}))
        now = int(time.time())
        good = {"iss": "https://id.example", "aud": "llm", "exp": now + 600, "sub": "alice"}

        def signed(claims, key=secret):
            text = unsigned({"alg": "HS256", "typ": "JWT"}, claims)
            return text + "." + b64(hmac.new(key, text.encode(), hashlib.sha256).digest())

        eventually(lambda: self.status("team-a", signed(good)) == 200, 2, message="the issuer is known")
        without = {name: {k: v for k, v in good.items() if k != name} for name in ("iss", "aud", "exp")}
        for name, token in {
            "expired": signed(dict(good, exp=now - 3600)),
            "not yet valid": signed(dict(good, nbf=now + 3600)),
            "wrong audience": signed(dict(good, aud="somebody else")),
            "wrong issuer": signed(dict(good, iss="https://other.example")),
            "wrong key": signed(good, b"another secret of at least 32 bytes."),
            "no issuer": signed(without["iss"]),
            "no audience": signed(without["aud"]),
            "no expiry": signed(without["exp"]),
        }.items():
            with self.subTest(name):
                self.assertEqual(self.status("team-a", token), 401)
        self.assertIn(self.status("team-b", signed(good)), (401, 403), "another tenant's issuer")

    def test_a_built_in_token_says_for_whom_and_how_long(self):
        claims = json.loads(base64.urlsafe_b64decode(self.token("team-a", "--ttl", "90s").split(".")[1] + "=="))
        self.assertEqual(claims["exp"] - claims["iat"], 90)
        self.assertEqual((claims["iss"], claims["aud"], claims["tenant"]), ("insula", "insula-gateway", "team-a"))

    def test_what_opened_a_deleted_tenant_does_not_open_the_next_of_that_name(self):
        key = self.platform.tenant("again")
        token = self.token("again")
        self.assertEqual(self.status("again", token), 200)
        self.platform.insula("tenant", "delete", "again")
        self.platform.tenant("again")
        eventually(lambda: self.status("again", self.token("again")) == 200, 10)
        for credential in (key, token):
            self.assertEqual(self.status("again", credential), 401)

    def test_the_gateway_knows_of_a_key_when_the_command_returns(self):
        for _ in range(3):
            created = json.loads(self.platform.insula("key", "create", "team-a", "-o", "json").stdout)
            self.assertEqual(sorted(created), ["key", "tenant", "url"])
            self.assertEqual(self.status("team-a", created["key"]), 200)
            fresh = self.platform.insula("key", "rotate", created["key"].split("_")[1], "--overlap", "1h").stdout.strip()
            self.assertEqual([self.status("team-a", key) for key in (created["key"], fresh)], [200, 200])
            self.platform.insula("key", "revoke", fresh.split("_")[1])
            self.assertEqual(self.status("team-a", fresh), 401)

    def test_a_key_for_some_models_opens_no_other_and_can_be_rotated(self):
        def create(*flags):
            return self.platform.insula("key", *flags).stdout.strip()
        old = create("create", "team-a", "--models", "llm-sim,other", "--ttl", "1h")
        answer = self.platform.chat("team-a", old, model="third")
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (403, "model_not_allowed"), answer)
        fresh = create("rotate", old.split("_")[1], "--overlap", "1s")
        self.assertEqual(self.status("team-a", fresh), 200)
        eventually(lambda: self.status("team-a", old) == 401, 4)
        self.assertIn("expired", self.platform.chat("team-a", old).json()["error"]["message"])
        self.assertEqual(self.platform.chat("team-a", fresh, model="third").status, 403)
        for flags in (("create", "team-a", "--ttl", "soon"), ("create", "team-a", "--models", "a,,b"),
                      ("create", "team-a", "--models", ""), ("create", "team-a", "--ttl", ""),
                      ("rotate", old.split("_")[1], "--overlap", "99999d"), ("rotate", "../x"),
                      ("create", "team-a", "--ttl", "99999d"), ("rotate", "nothing"),
                      ("rotate", old.split("_")[1], "--overlap", "0s")):
            with self.subTest(flags):
                refused = self.platform.insula("key", *flags, check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertEqual(len(refused.stderr.strip().splitlines()), 1, refused.stderr)

    def test_a_key_is_held_to_its_own_limit_though_the_gateway_is_killed(self):
        key = self.platform.insula("key", "create", "team-a", "--requests-per-hour", "3").stdout.strip()
        key_id = key.split("_")[1]
        eventually(lambda: self.status("team-a", key) == 200, 1)
        listed = json.loads(self.platform.insula("key", "list", "team-a", "-o", "json").stdout)
        self.assertEqual([row["requestsPerHour"] for row in listed if row["id"] == key_id], [3])
        self.platform.kill("gateway")
        self.assertEqual([self.status("team-a", key) for _ in range(3)], [200, 200, 429])
        refused = self.platform.chat("team-a", key)
        self.assertIn("this API key's rate limit of 3 requests per hour", refused.json()["error"]["message"])
        self.assertIn('"key";q=3;w=3600', refused.headers["ratelimit-policy"])
        self.assertEqual(refused.headers["x-ratelimit-remaining-requests"], "0")
        self.assertEqual(self.status("team-a", self.key_a), 200)
        for flag in ("--requests-per-hour", "--tokens-per-minute", "--concurrent-requests"):
            for value in ("-1", "", "many", "99999999999"):
                with self.subTest(f"{flag} {value}"):
                    wrong = self.platform.insula("key", "create", "team-a", flag, value, check=False)
                    self.assertEqual(wrong.returncode, 2, wrong.stderr)
                    self.assertIn(flag, wrong.stderr)

    def test_streams_arrive_event_by_event(self):
        answer = self.platform.chat("team-a", self.key_a, stream=True)
        self.assertEqual(answer.headers["content-type"].split(";")[0], "text/event-stream")
        events = [line for line in answer.body.decode().splitlines() if line.startswith("data: ")]
        self.assertEqual(events[-1], "data: [DONE]")
        self.assertGreater(len(events), 2)

    def test_usage_counts_what_was_answered(self):
        before = json.loads(self.platform.insula("usage", "team-b", "-o", "json").stdout)
        answer = self.platform.chat("team-b", self.key_b).json()
        def counted():
            after = json.loads(self.platform.insula("usage", "team-b", "-o", "json").stdout)
            return (after["requests"] == before["requests"] + 1 and
                    after["totalTokens"] == before["totalTokens"] + answer["usage"]["total_tokens"])
        eventually(counted, 5, message="usage")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_usage_is_not_shown_to_other_users(self):
        refused = self.platform.insula("usage", check=False, user="nobody")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("only root and the user that the platform runs as may ask the gateway", refused.stderr)


class Protocols(unittest.TestCase):
    """What curl, a client that is not ours, makes of the gateway."""

    BODY = json.dumps({"model": "llm-sim", "max_tokens": 3, "messages": [{"role": "user", "content": "hello"}]})

    def curl(self, platform, key, *flags):
        done = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", "--max-time", "20", *flags,
             f"{platform.status['gateway']}/team/v1/chat/completions", "-H", f"Authorization: Bearer {key}", "-d", self.BODY],
            capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else done.stderr

    def test_http2_without_tls_is_spoken_to_those_who_begin_with_it(self):
        platform = Platform().start()
        self.addCleanup(platform.stop)
        key = platform.tenant("team")
        self.assertEqual(self.curl(platform, key, "--http2-prior-knowledge"), "2 200")
        self.assertEqual(self.curl(platform, key, "--http1.1"), "1.1 200")
        self.assertEqual(self.curl(platform, "nonsense", "--http2-prior-knowledge"), "2 401")

    def test_tls_clients_choose_their_protocol(self):
        platform = Platform("--gateway-tls").start()
        self.addCleanup(platform.stop)
        key = platform.tenant("team")
        trust = ["--cacert", platform.authority]
        self.assertEqual(self.curl(platform, key, *trust, "--http2"), "2 200")
        self.assertEqual(self.curl(platform, key, *trust, "--http2", "--tls-max", "1.2"), "2 200")
        self.assertEqual(self.curl(platform, key, *trust, "--http1.1"), "1.1 200")
        self.assertEqual(self.curl(platform, key, *trust, "--no-alpn"), "1.1 200")
        only = [*trust, "--tls-max", "1.2", "--ciphers"]
        self.assertEqual(self.curl(platform, key, *only, "ECDHE+AESGCM"), "2 200")
        self.assertIn("alert handshake failure", self.curl(platform, key, *only, "AES128-SHA:AES128-GCM-SHA256"))


class Engines(unittest.TestCase):
    def said(self, platform):
        """What the gateway's log says of the engine that it has."""
        log = Path(platform.data_dir, "logs/gateway/gateway.log").read_text()
        return next(line for line in log.splitlines() if "gateway ready" in line)

    def test_epoll_does_the_same_where_it_is_asked_for(self):
        platform = Platform("--gateway-io-engine=epoll").start()
        self.addCleanup(platform.stop)
        self.assertIn("io=epoll", self.said(platform))
        key = platform.tenant("team")
        self.assertEqual(platform.chat("team", key).status, 200)
        events = platform.chat("team", key, stream=True).body
        self.assertTrue(events.rstrip().endswith(b"data: [DONE]"), events)

    def test_what_is_no_engine_is_refused(self):
        platform = Platform("--gateway-io-engine=select")
        self.addCleanup(platform.stop)
        with self.assertRaises(AssertionError) as refused:
            platform.start()
        self.assertIn('--gateway-io-engine: there is no I/O engine "select"; use auto, epoll or io_uring',
                      str(refused.exception))


class Models(unittest.TestCase):
    """The examples of docs/models.md."""

    def test_a_tenant_with_two_model_servers(self):
        platform = Platform().start()
        self.addCleanup(platform.stop)
        platform.kubectl("apply", "-f", str(ROOT / "examples/models/tenant.yaml"))
        platform.kubectl("wait", "tenant/team-a", "--for=condition=Ready", "--timeout=30s")
        platform.kubectl("apply", "-f", str(ROOT / "examples/models/small.yaml"))
        key = platform.insula("key", "create", "team-a").stdout.strip()

        def ask(model):
            answer = platform.chat("team-a", key, model=model)
            return answer.json()["model"] if answer.status == 200 else answer.status

        eventually(lambda: ask("chat-small") == "llm-sim-small", 30, message="the second server answers")
        self.assertEqual(ask("chat"), "chat")
        listed = platform.request("/team-a/v1/models", key).json()["data"]
        self.assertEqual([model["id"] for model in listed], ["chat", "chat-small", "chat-canary"])
        self.assertEqual(platform.request("/team-a/v1/models/none", key).status, 404)
        canary = [ask("chat-canary") for _ in range(50)]
        self.assertIn(canary.count("llm-sim-small"), range(3, 8), canary)

        platform.kubectl("scale", "deployment/llm-service", "-n", "team-a", "--replicas=0")
        eventually(lambda: ask("chat") == "llm-sim-small", 30, message="the fallback answers")
        self.assertEqual(ask("unlisted"), 404)
        usage = json.loads(platform.insula("usage", "team-a", "-o", "json").stdout)
        self.assertIn("chat", json.dumps(usage))


class Usage(unittest.TestCase):
    def usage(self, platform, *words):
        return json.loads(platform.insula("usage", *words, "-o", "json").stdout)

    def test_what_a_killed_gateway_cut_off_is_billed_once(self):
        with Platform() as platform:
            key = platform.tenant("busy", "--requests-per-hour", "10000")
            platform.insula("price", "set", "*", "--prompt", "2", "--completion", "4", "--currency", "TWD")
            eventually(lambda: platform.chat("busy", key) and self.usage(platform, "busy")["costs"], 10)
            done = self.usage(platform, "busy")
            before = platform.pid("gateway")
            with concurrent.futures.ThreadPoolExecutor(9) as pool:
                def hang(_):
                    try:
                        return platform.request("/busy/v1/chat/completions", key, headers={"X-Sim-Error": "hang"},
                                                body={"model": "llm-sim", "messages": [{"content": "x" * 400}]}).status
                    except OSError:
                        return "lost"
                hanging = [pool.submit(hang, n) for n in range(9)]
                eventually(lambda: platform.metric("insula_gateway_requests_in_flight", tenant="busy") == 9, 10)
                answered = [platform.chat("busy", key).json()["usage"]["total_tokens"] for _ in range(20)]
                platform.kill("gateway")
                self.assertEqual([lost.result() for lost in hanging], ["lost"] * 9)
            platform.wait_restarted("gateway", before)
            for _ in range(2):
                after = self.usage(platform, "busy")
                self.assertEqual(after["requests"], done["requests"] + 20 + 9)
                self.assertGreater(after["totalTokens"], done["totalTokens"] + sum(answered) + 9 * 100)
                records = json.loads(platform.insula("usage", "records", "busy", "-o", "json").stdout)
                self.assertEqual(len(records), after["requests"])
                self.assertEqual(sum(r["promptTokens"] + r["completionTokens"] for r in records), after["totalTokens"])
                crashed = [r for r in records if r["outcome"] == "gateway_crashed"]
                self.assertEqual(len(crashed), 9)
                for record in crashed:
                    self.assertTrue(record["estimated"])
                    self.assertEqual(record["completionTokens"], 0)
                    self.assertAlmostEqual(float(record["cost"]), record["promptTokens"] * 2e-6, places=9)
                platform.wait_restarted("gateway", platform.kill("gateway"))

    def test_usage_is_shown_by_period_and_kept_for_former_tenants(self):
        with Platform() as platform:
            key = platform.tenant("again")
            platform.chat("again", key)
            platform.insula("tenant", "delete", "again")
            gone = eventually(lambda: (lambda done: done.returncode == 1 and done)(
                platform.insula("usage", "again", check=False)), 5)
            self.assertIn("usage of 1 former tenant of this name is shown with --all", gone.stderr)
            key = platform.tenant("again")
            first = self.usage(platform, "again")["requests"]
            self.assertLess(first, self.usage(platform, "again", "--all")["total"]["requests"])
            platform.chat("again", key, stream=True)
            rows = self.usage(platform, "again", "--by", "hour", "--since", "2h")["rows"]
            self.assertEqual(sum(row["requests"] for row in rows), first + 1)
            csv = platform.insula("usage", "records", "again", "--since", "1h", "-o", "csv").stdout
            self.assertEqual(len(csv.splitlines()), first + 2)
            table = platform.insula("usage", "records", "again", "--limit", "1").stdout.splitlines()
            self.assertEqual(len(table), 2)
            self.assertIn("llm-sim", table[1])
            self.assertIn("total", platform.insula("usage").stdout)
            self.assertIn("again", platform.insula("usage", "-o", "csv").stdout)

    def test_prices_that_cannot_be_understood_leave_the_last_good_ones(self):
        with Platform() as platform:
            key = platform.tenant("busy")
            platform.insula("price", "set", "llm-sim", "--prompt", "1", "--cached", "0.5", "--completion", "1")
            eventually(lambda: platform.chat("busy", key) and self.usage(platform, "busy")["costs"], 10)
            platform.kubectl("patch", "configmap", "model-prices", "-n", "insula-system", "--type=merge", "-p",
                             json.dumps({"data": {"prices.yaml": "models: {llm-sim: {prompt: free}}"}}))
            eventually(lambda: platform.metric("insula_gateway_prices_refused") == 1, 5)
            refused = platform.insula("price", "list", check=False)
            self.assertEqual(refused.returncode, 2)
            self.assertIn('models["llm-sim"].prompt: must be a number', refused.stderr)
            before = platform.kill("gateway")
            platform.wait_restarted("gateway", before)
            platform.chat("busy", key)
            latest = json.loads(platform.insula("usage", "records", "busy", "--limit", "1", "-o", "json").stdout)[0]
            self.assertAlmostEqual(float(latest["cost"]), (latest["promptTokens"] + latest["completionTokens"]) * 1e-6,
                                   places=9)


class RateLimit(unittest.TestCase):
    def test_exactly_the_limit_is_admitted_though_the_gateway_is_killed(self):
        limit = 1000
        with Platform() as platform:
            platform.insula("tenant", "create", "busy", "--serve", "insula/llm-sim", "--requests-per-hour", str(limit))
            key = platform.insula("key", "create", "busy").stdout.strip()
            eventually(lambda: platform.chat("nobody", key).status in (401, 403, 404))
            asked = 1300
            clients = 100
            counts = {}
            before = platform.pid("gateway")

            def ask(_):
                # A request that a killed gateway did not answer may have been admitted: it is counted apart.
                try:
                    answer = platform.chat("busy", key)
                    if answer.status == 429:
                        assert int(answer.headers["retry-after"]) > 0, answer.headers
                        assert answer.headers["x-ratelimit-limit-requests"] == str(limit), answer.headers
                        assert answer.headers["x-ratelimit-remaining-requests"] == "0", answer.headers
                    return answer.status
                except OSError:
                    return "lost"

            with concurrent.futures.ThreadPoolExecutor(clients) as pool:
                first = [pool.submit(ask, n) for n in range(asked // 2)]
                concurrent.futures.wait(first[:200], timeout=60)
                platform.kill("gateway")
                rest = [pool.submit(ask, n) for n in range(asked // 2)]
                for done in first + rest:
                    counts[done.result()] = counts.get(done.result(), 0) + 1
            platform.wait_restarted("gateway", before)
            for _ in range(50):
                status = ask(0)
                counts[status] = counts.get(status, 0) + 1
            lost = counts.get("lost", 0)
            print(f"  answers: {counts}", flush=True)
            self.assertLessEqual(counts[200], limit, counts)
            self.assertGreaterEqual(counts[200] + lost, limit, counts)
            self.assertEqual(set(counts) - {200, 429, "lost"}, set(), counts)
            self.assertEqual(ask(0), 429)


class TokenLimit(unittest.TestCase):
    def test_tokens_never_exceed_the_limit_though_the_gateway_is_killed(self):
        limit = 2000
        started = time.monotonic()
        with Platform() as platform:
            platform.insula("tenant", "create", "busy", "--serve", "insula/llm-sim", "--tokens-per-minute", str(limit))
            key = platform.insula("key", "create", "busy").stdout.strip()
            before = platform.pid("gateway")

            def ask(_):
                try:
                    answer = platform.chat("busy", key, max_tokens=20)
                    if answer.status == 429:
                        assert answer.json()["error"]["type"] == "tokens", answer
                        assert 0 < int(answer.headers["retry-after"]) <= 61, answer.headers
                        assert answer.headers["x-ratelimit-limit-tokens"] == str(limit), answer.headers
                    return answer.status, answer.json().get("usage", {}).get("total_tokens", 0)
                except OSError:
                    return "lost", 0

            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                answers = [pool.submit(ask, n) for n in range(100)]
                concurrent.futures.wait(answers[:30], timeout=60)
                platform.kill("gateway")
                answers += [pool.submit(ask, n) for n in range(100)]
                platform.wait_restarted("gateway", before)
                answers += [pool.submit(ask, n) for n in range(100)]
                answers = [answer.result() for answer in answers]
            self.assertLess(time.monotonic() - started, 60, "all of it must be within one window")
            tokens = sum(used for _, used in answers)
            statuses = {status for status, _ in answers}
            print(f"  {tokens} tokens of {limit}; answers: {sorted(map(str, statuses))}", flush=True)
            self.assertLessEqual(tokens, limit)
            self.assertIn(429, statuses)
            self.assertEqual(statuses - {200, 429, "lost"}, set())

    def test_a_stream_beyond_the_limit_ends_with_an_error_and_is_counted(self):
        with Platform() as platform:
            key = platform.tenant("chatty", "--tokens-per-minute", "32")
            answer = platform.chat("chatty", key, stream=True, max_tokens=4)
            self.assertTrue(answer.body.endswith(b"data: [DONE]\n\n"), answer)
            self.assertNotIn(b"error", answer.body)
            # The prompt alone counts as half of it, and the simulator has more than a few words to say.
            answer = platform.chat("chatty", key, stream=True)
            self.assertEqual(answer.status, 200)
            events = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
            self.assertEqual(events[-1], "[DONE]")
            self.assertEqual(json.loads(events[-2])["error"]["code"], "rate_limit_exceeded")
            usage = json.loads(platform.insula("usage", "chatty", "-o", "json").stdout)
            self.assertLess(usage["totalTokens"], 32 + 8)
            self.assertEqual(platform.chat("chatty", key).status, 429)


class Budget(unittest.TestCase):
    def test_a_budget_is_never_exceeded_though_the_gateway_is_killed(self):
        budget = 3000
        with Platform() as platform:
            key = platform.tenant("thrifty", "--requests-per-hour", "10000", "--budget-tokens-per-day", str(budget))
            before = platform.pid("gateway")

            def ask(_):
                try:
                    answer = platform.chat("thrifty", key, max_tokens=20)
                    if answer.status == 429:
                        assert answer.json()["error"]["code"] == "insufficient_quota", answer
                        assert "tokens per day" in answer.json()["error"]["message"], answer
                        assert 0 < int(answer.headers["retry-after"]) <= 86400, answer.headers
                    return answer.status
                except OSError:
                    return "lost"

            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                answers = [pool.submit(ask, n) for n in range(100)]
                concurrent.futures.wait(answers[:30], timeout=60)
                platform.kill("gateway")
                answers += [pool.submit(ask, n) for n in range(100)]
                platform.wait_restarted("gateway", before)
                answers += [pool.submit(ask, n) for n in range(200)]
                statuses = {answer.result() for answer in answers}
            self.assertEqual(statuses - {200, 429, "lost"}, set())
            self.assertIn(429, statuses)
            while ask(0) == 200:
                pass
            usage = json.loads(platform.insula("usage", "thrifty", "-o", "json").stdout)
            print(f"  {usage['totalTokens']} tokens of {budget}", flush=True)
            self.assertLessEqual(usage["totalTokens"], budget)
            self.assertGreater(usage["totalTokens"], budget * 98 // 100)
            self.assertEqual([(b["budget"], b["used"], b["limit"]) for b in usage["budgets"]],
                             [("tokensPerDay", usage["totalTokens"], budget)])
            self.assertIn("tokensPerDay", platform.insula("usage", "thrifty").stdout)
            self.assertIn("say what to change", platform.insula("tenant", "set", "thrifty", check=False).stderr)
            platform.insula("tenant", "set", "thrifty", "--budget-tokens-per-day", str(2 * budget))
            eventually(lambda: platform.chat("thrifty", key, max_tokens=20).status == 200, 10)

    def test_a_budget_of_money_needs_a_price_and_is_kept_for_each_key(self):
        with Platform() as platform:
            platform.tenant("paying")
            order = ["key", "create", "paying", "--budget-spend-per-month", "0.001"]
            key = platform.insula(*order).stdout.strip()
            eventually(lambda: platform.chat("paying", key, max_tokens=5).status != 401, 10)
            refused = platform.chat("paying", key, max_tokens=5)
            self.assertEqual((refused.status, refused.json()["error"]["code"]), (403, "model_not_priced"))
            platform.insula("price", "set", "*", "--prompt", "1", "--completion", "10", "--currency", "EUR")
            eventually(lambda: platform.chat("paying", key, max_tokens=5).status == 200, 10)
            answers = [platform.chat("paying", key, max_tokens=20) for _ in range(20)]
            self.assertEqual({answer.status for answer in answers}, {200, 429})
            self.assertIn("budget of 0.001 EUR per month", answers[-1].json()["error"]["message"])
            other = platform.insula(*order).stdout.strip()
            eventually(lambda: platform.chat("paying", other, max_tokens=5).status == 200, 10)


if __name__ == "__main__":
    unittest.main()
