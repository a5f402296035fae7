"""A WebSocket from a client through the gateway to a server in a pod, and what ends it."""

import base64
import hashlib
import json
import os
import socket
import struct
import unittest
import urllib.parse

from platform_under_test import Platform, eventually

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HOST = "chat.example.com"
IMAGE = "local/python"

# Answers each message with itself, and the text "close" by closing.
SERVER = r'''
import base64, hashlib, socketserver, struct

class Echo(socketserver.StreamRequestHandler):
    def frame(self):
        first, second = self.rfile.read(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", self.rfile.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.rfile.read(8))[0]
        mask = self.rfile.read(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))
        return first & 15, data

    def send(self, opcode, data):
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        self.wfile.write(bytes([128 | opcode]) + size + data)

    def handle(self):
        line = self.rfile.readline().decode()
        fields = {}
        while True:
            text = self.rfile.readline().decode().strip()
            if not text:
                break
            name, _, value = text.partition(": ")
            fields[name.lower()] = value
        if fields.get("upgrade", "").lower() != "websocket":
            self.wfile.write(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        made = hashlib.sha1((fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Accept: " + base64.b64encode(made) + b"\r\n\r\n")
        self.send(1, (line.split()[1] + " " + fields["host"]).encode())
        while True:
            opcode, data = self.frame()
            if opcode == 8 or data == b"close":
                self.send(8, struct.pack(">H", 1000))
                return
            self.send(opcode, data)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

Server(("", 8765), Echo).serve_forever()
'''

OBJECTS = [
    {"apiVersion": "v1", "kind": "Pod",
     "metadata": {"name": "echo", "namespace": "team-a", "labels": {"app": "echo"}},
     "spec": {"terminationGracePeriodSeconds": 1, "containers": [
         {"name": "echo", "image": IMAGE, "args": ["-u", "-c", SERVER],
          "ports": [{"containerPort": 8765}],
          "readinessProbe": {"tcpSocket": {"port": 8765}, "periodSeconds": 1}}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo", "namespace": "team-a"},
     "spec": {"selector": {"app": "echo"}, "ports": [{"port": 80, "targetPort": 8765}]}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "echo", "namespace": "team-a"},
     "spec": {"rules": [{"host": HOST, "http": {"paths": [
         {"path": "/", "pathType": "Prefix",
          "backend": {"service": {"name": "echo", "port": {"number": 80}}}}]}}]}},
]


class Socket:
    """A client's side of a WebSocket. Spec: RFC 6455."""

    def __init__(self, gateway, path, **headers):
        url = urllib.parse.urlsplit(gateway)
        self.connection = socket.create_connection((url.hostname, url.port), timeout=30)
        self.file = self.connection.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {"Host": HOST, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
                  "Sec-WebSocket-Version": "13", **headers}
        head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        self.connection.sendall(head.encode())
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().decode().strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.accepted = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()

    def send(self, data, opcode=1):
        mask = os.urandom(4)
        size = bytes([128 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.connection.sendall(bytes([128 | opcode]) + size + mask + masked)

    def receive(self):
        """An opcode and its data; nothing when the other side has closed."""
        start = self.file.read(2)
        if len(start) < 2:
            return None
        size = start[1]
        if size == 126:
            size = struct.unpack(">H", self.file.read(2))[0]
        return start[0] & 15, self.file.read(size)

    def close(self):
        self.file.close()
        self.connection.close()


class WebSockets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(f"--map-image={IMAGE} = host:/usr/bin/python3").start()
        cls.addClassCleanup(cls.platform.stop)
        cls.platform.tenant("team-a")
        for made in OBJECTS:
            cls.platform.kubectl("apply", "-f", "-", input=json.dumps(made))
        eventually(lambda: cls.platform.request("/", headers={"Host": HOST}).status == 426, within=60,
                   message=lambda: "the server answers\n" + cls.platform.logs())

    def open(self, path="/room?name=a", **headers):
        made = Socket(self.platform.status["gateway"], path, **headers)
        self.addCleanup(made.close)
        return made

    def test_messages_pass_both_ways_until_the_server_closes(self):
        made = self.open()
        self.assertEqual(made.status, 101)
        self.assertEqual(made.headers["sec-websocket-accept"], made.accepted)
        self.assertEqual(made.receive(), (1, f"/room?name=a {HOST}".encode()))
        for size in (1, 125, 126, 60000):
            made.send(b"m" * size, opcode=2)
            self.assertEqual(made.receive(), (2, b"m" * size))
        self.assertEqual(self.platform.metric("insula_gateway_tunnels", tenant="team-a"), 1)
        made.send(b"close")
        self.assertEqual(made.receive()[0], 8)
        self.assertIsNone(made.receive())
        eventually(lambda: self.platform.metric("insula_gateway_tunnels", tenant="team-a") == 0,
                   message="the tunnel is counted no more")
        passed = self.platform.metric("insula_gateway_tunnel_bytes_total", tenant="team-a", direction="up")
        self.assertGreater(passed, 60000)

    def test_other_protocols_and_other_servers_are_not_switched_to(self):
        self.assertEqual(self.open(Upgrade="h2c").status, 426)
        refused = Socket(self.platform.status["gateway"], "/team-a/v1/models")
        self.addCleanup(refused.close)
        self.assertEqual(refused.status, 401)

    def test_a_deleted_server_ends_its_connections(self):
        made = self.open()
        self.assertEqual(made.status, 101)
        made.receive()
        self.platform.kubectl("delete", "pod", "echo", "-n", "team-a", "--wait=false")
        self.assertIsNone(made.receive())
        eventually(lambda: self.platform.kubectl("get", "pod", "echo", "-n", "team-a", check=False).returncode != 0,
                   message="the pod is gone")
        self.platform.kubectl("apply", "-f", "-", input=json.dumps(OBJECTS[0]))
        eventually(lambda: self.platform.request("/", headers={"Host": HOST}).status == 426, within=60,
                   message="the server is there again")


if __name__ == "__main__":
    unittest.main()
