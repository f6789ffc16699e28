#!/usr/bin/python3
"""fake_connect.py PORT LOG: Kafka Connect's answers, for whoever calls it.

There is a connector already: POST /connectors is refused with 409, PUT of its
configuration gives 200, DELETE 204.  LOG gets a line for each request, method
and path and body.  Says "ready" when it listens; ends with its standard input.
"""
import http.server
import sys
import threading

ANSWERS = {
    "POST": (409, b'{"error_code":409,"message":"Connector exists"}'),
    "PUT": (200, b'{"name":"x","config":{},"tasks":[],"type":"source"}'),
    "DELETE": (204, b""),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            sys.exit("a body without a length")
        log.write(f"{self.command} {self.path} {body.decode()!r}\n")
        log.flush()
        code, content = ANSWERS[self.command]
        self.send_response(code)
        if content:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args):
        pass


log = open(sys.argv[2], "w", encoding="utf-8")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
