#!/usr/bin/env python3
"""Holds idle streams open: `idle_streams.py UPSTREAM_PORT PROXY_PORT STREAMS PATH [TOKEN]`.

Model server and clients in one process. Every stream gets one event and then nothing. Prints `ready N` when
N have got theirs, and ends when its standard input does.
"""
import asyncio
import sys

BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n'


async def serve_one(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
    await reader.read()
    writer.close()


async def hold_one(port, request, gate):
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await reader.readuntil(EVENT)
    return reader, writer


async def main():
    upstream, port, streams, path = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    token = f"Authorization: Bearer {sys.argv[5]}\r\n" if len(sys.argv) > 5 else ""
    request = (f"POST {path} HTTP/1.1\r\nHost: x\r\n{token}Content-Type: application/json\r\n"
               f"Content-Length: {len(BODY)}\r\n\r\n").encode() + BODY
    await asyncio.start_server(serve_one, "127.0.0.1", upstream, backlog=4096)
    gate = asyncio.Semaphore(200)
    held = await asyncio.gather(*(hold_one(port, request, gate) for _ in range(streams)))
    print(f"ready {len(held)}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
