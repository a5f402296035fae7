#!/usr/bin/env python3
"""Handshakes of TLS 1.3, one after the other: `tls_clients.py PORT SECONDS new|resumed`; prints how many."""
import socket
import ssl
import sys
import time

port, seconds, resumed = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "resumed"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = ssl.TLSVersion.TLSv1_3


def connect(session=None):
    raw = socket.create_connection(("127.0.0.1", port))
    return context.wrap_socket(raw, session=session)


def ticket():
    """The server sends it after the handshake; reading takes it in, and then waits in vain."""
    with connect() as secure:
        secure.settimeout(0.2)
        try:
            secure.read(1)
        except TimeoutError:
            pass
        return secure.session


session = ticket() if resumed else None
count, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    with connect(session) as client:
        if client.session_reused != resumed:
            sys.exit("the server did not resume the session" if resumed else "the server resumed a session")
    count += 1
print(count)
