"""A model server that speaks Anthropic's messages and says what it was sent: `anthropic_server.py ADDRESS PORT`."""
import http.server
import json
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, content_type, body, status=200):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send("application/json", b"{}")

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/v1/messages/count_tokens"):
            return self.send("application/json", b'{"input_tokens": 7}')
        words = ["you", " said", " so"]
        content = [{"type": "text", "text": "".join(words)}]
        if request.get("tools"):
            content.append({"type": "tool_use", "id": "toolu_1", "name": request["tools"][0]["name"], "input": {"city": "Taipei"}})
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "content": content,
                   "stop_reason": "tool_use" if request.get("tools") else "end_turn", "stop_sequence": None,
                   "usage": {"input_tokens": 7, "output_tokens": 3}}
        if not request.get("stream"):
            return self.send("application/json", json.dumps(message).encode())
        events = [("message_start", {"message": message | {"content": [], "stop_reason": None,
                                                           "usage": {"input_tokens": 7, "output_tokens": 1}}}),
                  ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})]
        events += [("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}}) for word in words]
        events += [("content_block_stop", {"index": 0}),
                   ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None},
                                      "usage": {"output_tokens": 3}}),
                   ("message_stop", {})]
        text = "".join(f"event: {name}\ndata: {json.dumps({'type': name} | data)}\n\n" for name, data in events)
        self.send("text/event-stream", text.encode())


http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
