#!/usr/bin/env python3
"""What routing by session and by prefix saves: bench/routing.py [--build build/release] [--servers 4]
[--conversations 30] [--turns 6] [--clients 10]

Simulated model servers with caches of prompts, whose first token takes time for what is not cached. Conversations
grow turn by turn, several at a time, with each policy over servers of its own. The last line is JSON: the part of the prompts'
tokens that the servers had, and the mean time of an answer in milliseconds. The bar: at least 1.5 times the part of LeastRequests.
"""
import argparse
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from gateway_suite import processes as p

POLICIES = ("LeastRequests", "Session", "PrefixCache")
WORDS = 300
BAR = 1.5


def start(running, *command, **options):
    process = subprocess.Popen([str(word) for word in command], text=True, **options)
    running.callback(process.wait)
    running.callback(process.terminate)
    return process


def turn(gateway, token, model, number, said):
    connection = http.client.HTTPConnection("127.0.0.1", gateway, timeout=60)
    with contextlib.closing(connection):
        body = {"model": model, "user": f"u{number}", "max_tokens": 8, "messages": [{"role": "user", "content": said}]}
        begin = time.monotonic()
        connection.request("POST", "/routed/v1/chat/completions", json.dumps(body),
                           {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"bench/routing.py: {answer.status} {text!r}")
        usage = json.loads(text)["usage"]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], time.monotonic() - begin


def measure(options, policy):
    build = pathlib.Path(options.build)
    with contextlib.ExitStack() as running:
        directory = running.enter_context(tempfile.TemporaryDirectory(prefix="insula-bench-"))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        servers = []
        for _ in range(options.servers):
            servers.append(p.free_port())
            process = start(running, build / "src/server/insula", "llm-sim", "--host", "127.0.0.1", "--port", servers[-1],
                            "--prefix-cache-blocks", 2048, "--time-to-first-token", "200ms", "--tokens-per-second", 0, **quiet)
            p.wait_for(servers[-1], process)
        port = p.free_port()
        gateway = start(running, build / "bench/gateway_target", directory, port,
                        ",".join(f"127.0.0.1:{server}" for server in servers), stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL)
        token = [gateway.stdout.readline().strip() for _ in range(3)][2]
        p.wait_for(port, gateway)
        said = [f"You are a helpful assistant. {number} " for number in range(options.conversations)]
        results = []
        with concurrent.futures.ThreadPoolExecutor(options.clients) as clients:
            for step in range(options.turns):
                for number in range(options.conversations):
                    said[number] += "".join(f"{number}t{step}w{word} " for word in range(WORDS))
                asked = [clients.submit(turn, port, token, policy, number, text) for number, text in enumerate(said)]
                results += [one.result() for one in asked]
    share = sum(cached for _, cached, _ in results) / sum(prompt for prompt, _, _ in results)
    return round(share, 3), round(statistics.mean(seconds for *_, seconds in results) * 1000, 1)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", default="build/release")
    options.add_argument("--servers", type=int, default=4)
    options.add_argument("--conversations", type=int, default=30)
    options.add_argument("--turns", type=int, default=6)
    options.add_argument("--clients", type=int, default=10)
    options = options.parse_args()
    line = {"bench": "routing"}
    for policy in POLICIES:
        share, milliseconds = measure(options, policy)
        print(f"{policy:15} {share:.1%} of the prompts' tokens cached, {milliseconds} ms a request")
        line[policy] = {"cached": share, "mean_ms": milliseconds}
    line["ratio"] = round(line["PrefixCache"]["cached"] / max(line["LeastRequests"]["cached"], 0.001), 2)
    line["bar"] = BAR
    print(json.dumps(line))


if __name__ == "__main__":
    main()
