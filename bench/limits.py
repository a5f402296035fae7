#!/usr/bin/env python3
"""Limits over three gateways under load, with Redis killed in the middle: bench/limits.py [--clients 1000] [--limit 12000] [--seconds 300]

Three gateways share one redis-server; clients ask all of them, as members, by a key and for two models, each with a limit of its own beside
the tenant's. When a third of that is used the server is killed and comes back empty, at half of it one gateway is killed and started again,
at three quarters the server is restarted once more. When 99 % are used clients go on for five seconds; that must come within --seconds. At the
end nothing may be over any limit, as the clients counted, the model server and the gateways' own ledgers. The last line is
JSON; the exit code is 1 when that does not hold.
"""
import argparse
import asyncio
import base64
import collections
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from gateway_suite import processes as p

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("INSULA_BIN", ROOT / "insula")).resolve()
GATEWAYS, MEMBERS, MODELS = 3, 40, ("large", "small")
AT_ONCE = 200
ISSUER, SECRET, API_KEY = "https://bench.example", b"a secret of the bench, 32 bytes..", "0123456789abcdefghijABCDEFGHIJKL"
REPLY = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}).encode()
REPLY_DELAY_S = 0.02
PAUSE_S = 0.2  # after a refusal
AFTER_S = 5


def limits_of(tenant):
    """Of requests an hour; what members and the key may together is more than the tenant may."""
    return {"tenant": tenant, "member": tenant // 40, "key": tenant // 3, "large": tenant * 7 // 12}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(member):
    head = base64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    now = int(time.time())
    body = base64url(json.dumps({"iss": ISSUER, "aud": "bench", "sub": member, "iat": now, "exp": now + 3600}).encode())
    return f"{head}.{body}.{base64url(hmac.digest(SECRET, f'{head}.{body}'.encode(), hashlib.sha256))}"


def snapshot(model_port, limits):
    """What a gateway knows at its start."""
    service = {"serviceHost": "llm-service.bench.svc:8000", "endpoints": [f"127.0.0.1:{model_port}"]}
    return {"format": 2, "apiKeys": [{"id": "benchbench", "tenant": "bench", "hash": hashlib.sha256(API_KEY.encode()).hexdigest(),
                                      "models": [], "requestsPerHour": limits["key"]}],
            "tenants": [service | {
                "name": "bench", "uid": "bench", "requestsPerHour": limits["tenant"], "concurrentRequests": AT_ONCE,
                "eachMember": {"requestsPerHour": limits["member"]},
                "issuers": [{"issuer": ISSUER, "audiences": ["bench"], "secrets": [base64url(SECRET)]}],
                "models": [{"name": MODELS[0], "backends": [service], "requestsPerHour": limits["large"]},
                           {"name": MODELS[1], "backends": [service]}]}]}


class Model:
    """A model server that counts what reaches it."""

    def __init__(self):
        self.served, self.running, self.most_at_once = 0, 0, 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=4096)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(size)
                self.served += 1
                self.running += 1
                self.most_at_once = max(self.most_at_once, self.running)
                await asyncio.sleep(REPLY_DELAY_S)
                self.running -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(REPLY) + REPLY)
                await writer.drain()
        writer.close()


class Redis:
    """Debian's redis-server is one program with redis-check-rdb, which comes without a daemon, and goes by the name it is called by."""

    PROGRAM = "redis-check-rdb"

    def __init__(self, running, folder):
        self.folder, self.port, self.process = folder, p.free_port(), None
        running.callback(self.kill)

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--appendonly", "no", "--dir", self.folder],
                                        executable=shutil.which(self.PROGRAM), stdout=subprocess.DEVNULL)
        p.wait_for(self.port, self.process)

    def say_fresh(self):
        subprocess.run(["redis-cli", "-p", str(self.port), "HSET", "insula:limits", "fresh", "1"], check=True, capture_output=True)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Gateway:
    def __init__(self, running, folder, config, redis):
        self.folder, self.redis, self.process = folder, redis, None
        (folder / "gateway").mkdir(parents=True)
        (folder / "gateway/snapshot.json").write_text(json.dumps(config))
        # It serves what it knew when it ended; there is no API server to tell it more.
        (folder / "pki").mkdir()
        (folder / "pki/gateway.kubeconfig").write_text(json.dumps({
            "current-context": "bench", "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "clusters": [{"name": "bench", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "bench", "user": {"token": "none"}}]}))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        running.callback(self.end)

    def start(self):
        fd = self.listener.fileno()
        self.process = subprocess.Popen(
            [BINARY, "gateway", "--data-dir", self.folder, f"--listen-fd={fd}", f"--metrics-address=127.0.0.1:{p.free_port()}",
             f"--limits-redis=redis://127.0.0.1:{self.redis.port}", "--log-level=error"], pass_fds=[fd], stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def billed(self, by):
        """What its ledger says that was served, by model, key or member."""
        done = subprocess.run([BINARY, "usage", "bench", "--by", by, "-o", "json"], capture_output=True, text=True,
                              env=os.environ | {"INSULA_DATA_DIR": str(self.folder)})
        if done.returncode != 0:
            sys.exit(f"bench/limits.py: {done.stderr.strip()}")
        return {row[by]: row["requests"] - row["failedRequests"] for row in json.loads(done.stdout)["rows"]}


class Load:
    """Clients that ask one gateway after the other, and count what was served to whom."""

    def __init__(self, ports):
        self.ports, self.stopped = ports, False
        self.served, self.statuses = collections.Counter(), collections.Counter()
        self.credentials = {"key": f"ins_benchbench_{API_KEY}"} | {f"member-{i}": token(f"member-{i}") for i in range(MEMBERS)}

    async def client(self, number):
        who = "key" if number % 4 == 0 else f"member-{number % MEMBERS}"
        at, connection = number, None
        while not self.stopped:
            at += 1
            model = MODELS[at % 3 == 0]
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.ports[at % len(self.ports)])
                status = await asyncio.wait_for(self.ask(*connection, model, self.credentials[who]), 20)
            except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                status = 0
            self.statuses[status] += 1
            if status == 200:
                self.served.update((who, model, "tenant"))
            # A connection is for some requests of one gateway.
            if connection and (status != 200 or at % 5 == 0):
                connection[1].close()
                connection = None
            if status != 200:
                await asyncio.sleep(PAUSE_S)

    async def ask(self, reader, writer, model, credential):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]}).encode()
        writer.write(b"POST /bench/v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\n"
                     b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (credential.encode(), len(body)) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(size)
        return int(head.split(b" ", 2)[1])


def overshoot(counts, limits):
    """By how much the worst of each kind of limit was passed; what `counts` says of members, the key, models and the tenant."""
    members = max(counts[f"member-{i}"] for i in range(MEMBERS))
    return {"tenant": max(0, counts["tenant"] - limits["tenant"]), "member": max(0, members - limits["member"]),
            "key": max(0, counts["key"] - limits["key"]), "model": max(0, counts["large"] - limits["large"])}


def ledgers(gateways):
    counts = collections.Counter()
    for gateway in gateways:
        for by in ("model", "key", "member"):
            for name, requests in gateway.billed(by).items():
                counts["key" if name == "benchbench" else name] += requests
                counts["tenant"] += requests if by == "model" else 0
    return counts


async def measure(options, limits, running, folder):
    model = Model()
    port = await model.start()
    redis = Redis(running, folder)
    redis.start()
    redis.say_fresh()
    gateways = [Gateway(running, folder / f"gateway-{i}", snapshot(port, limits), redis) for i in range(GATEWAYS)]
    for gateway in gateways:
        gateway.start()
    load = Load([gateway.port for gateway in gateways])
    clients = [asyncio.create_task(load.client(number)) for number in range(options.clients)]
    deadline = time.monotonic() + options.seconds

    async def until_used(part):
        while load.served["tenant"] < limits["tenant"] * part and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def restart_redis():
        redis.kill()
        await asyncio.sleep(2)
        redis.start()
    await until_used(1 / 3)
    await restart_redis()
    await until_used(1 / 2)
    gateways[0].kill()
    gateways[0].start()
    await until_used(3 / 4)
    await restart_redis()
    await until_used(0.99)
    took = options.seconds - (deadline - time.monotonic())
    await asyncio.sleep(AFTER_S)
    load.stopped = True
    await asyncio.gather(*clients)
    # What clients of the killed gateway did not hear of, the ledgers know.
    return load, model, took, await asyncio.to_thread(ledgers, gateways)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=12000)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    if shutil.which(Redis.PROGRAM) is None:
        sys.exit(f"bench/limits.py: no {Redis.PROGRAM} (tools/deps.sh test)")
    limits = limits_of(options.limit)
    with contextlib.ExitStack() as running:
        folder = pathlib.Path(running.enter_context(tempfile.TemporaryDirectory(prefix="insula-bench-")))
        load, model, took, billed = asyncio.run(measure(options, limits, running, folder))
    seen, in_ledgers = overshoot(load.served, limits), overshoot(billed, limits)
    used = load.served["tenant"] / limits["tenant"]
    print(f"{options.clients} clients, {GATEWAYS} gateways; {used:.2%} used after {took:.0f} s with Redis killed twice and a gateway once; "
          f"answers by status {dict(sorted(load.statuses.items()))}")
    good = not any(seen.values()) and not any(in_ledgers.values()) and used >= 0.99 and \
        model.served <= limits["tenant"] and model.most_at_once <= AT_ONCE
    print(json.dumps({"clients": options.clients, "gateways": GATEWAYS, "limits": limits, "served": load.served["tenant"],
                      "billed": billed["tenant"], "reached_model": model.served, "used": round(used, 4), "seconds": round(took, 1),
                      "overshoot": seen, "overshoot_in_ledgers": in_ledgers, "most_at_once": model.most_at_once,
                      "at_once_limit": AT_ONCE, "ok": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
