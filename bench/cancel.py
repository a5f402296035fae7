#!/usr/bin/env python3
"""How soon a model server sees that the client has left: bench/cancel.py [--build build/release] [--times 200]

Clients leave over HTTP/1.1 (closing), and over HTTP/2 (RST_STREAM, or closing), in clear text and over TLS; before the first
byte of the reply, after it, and while a stream is sent that they do not read. The time is taken from the client's
last act to the end of the model server's connection. The last line is JSON, in milliseconds. The bar is 50 ms.
"""
import argparse
import json
import os
import pathlib
import queue
import socket
import ssl
import statistics
import struct
import sys
import tempfile
import threading
import time

from gateway_suite import peers
from gateway_suite import processes as p

BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"' + b"x" * 900 + b'"}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
BAR_MS = 50


class Upstream:
    """Answers as it is told; notes when requests come and when their connections end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.behaviour = "silent"
        self.came, self.ended = queue.Queue(), queue.Queue()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            self.came.put(True)
            try:
                if self.behaviour != "silent":
                    connection.sendall(HEAD + CHUNK)
                while self.behaviour == "flood":
                    connection.sendall(CHUNK * 20)
                while connection.recv(65536):
                    pass
            except OSError:
                pass
            self.ended.put(time.monotonic())


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A field that is not indexed (RFC 7541, 6.2.2)."""
    def text(words):
        size = len(words)
        if size < 127:
            return bytes([size]) + words
        rest, out = size - 127, b"\x7f"
        while rest >= 128:
            out += bytes([rest & 127 | 128])
            rest >>= 7
        return out + bytes([rest]) + words
    return b"\0" + text(name) + text(value)


def http1_request(path, token):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n").encode() + BODY


def http2_request(path, token):
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "authorization": token,
              "content-type": "application/json"}
    block = b"".join(literal(name.encode(), value.encode()) for name, value in fields.items())
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, block) + frame(0, 1, 1, BODY))


def connect(port, protocol, tls):
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return client
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2" if protocol == "http2" else "http/1.1"])
    return context.wrap_socket(client)


def leave(client, act):
    """The client's last act; returns when it was."""
    now = time.monotonic()
    if act == "reset":
        client.sendall(frame(3, 0, 1, struct.pack(">I", 8)))
    else:
        client.close()
    return now


def one(upstream, port, gateway, protocol, act, tls, moment):
    upstream.behaviour = {"before": "silent", "after": "one", "unread": "flood"}[moment]
    client = connect(port, protocol, tls)
    token = gateway.headers["Authorization"]
    client.sendall((http2_request if protocol == "http2" else http1_request)(gateway.path, token))
    upstream.came.get(timeout=10)
    if moment == "after":
        received = b""
        while b"xxx" not in received:
            received += client.recv(65536)
    if moment == "unread":
        time.sleep(0.02)  # Until every buffer on the way is full.
    left = leave(client, act)
    ended = upstream.ended.get(timeout=10)
    if act == "reset":
        client.close()
    return (ended - left) * 1e3


def measure(build, directory, times):
    results = {}
    upstream = Upstream()
    with p.Processes() as running:
        place = peers.Place(build, directory, running, upstream.port)
        peers.make_certificate(place)
        for tls in (False, True):
            gateway = peers.start_gateway(place, tls=tls)
            port = gateway.tls if tls else gateway.h1
            for protocol, act in (("http1", "close"), ("http2", "reset"), ("http2", "close")):
                for moment in ("before", "after", "unread"):
                    name = f"{protocol}-{act}{'-tls' if tls else ''}-{moment}"
                    taken = sorted(one(upstream, port, gateway, protocol, act, tls, moment) for _ in range(times))
                    results[name] = {"p50": round(statistics.median(taken), 3), "p99": round(taken[len(taken) * 99 // 100], 3),
                                     "max": round(taken[-1], 3)}
                    print(f"{name:26} {results[name]}", flush=True)
    return results


def main():
    binary = os.environ.get("INSULA_BIN")
    default = pathlib.Path(binary).resolve().parents[2] if binary else pathlib.Path("build/release")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=default)
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        results = measure(options.build.resolve(), pathlib.Path(directory), options.times)
    worst = max(row["p99"] for row in results.values())
    print(json.dumps({"bench": "cancel", "barMillis": BAR_MS, "worstP99Millis": worst, **results}))
    if worst > BAR_MS:
        sys.exit(f"bench/cancel.py: {worst} ms is more than {BAR_MS} ms")


if __name__ == "__main__":
    main()
