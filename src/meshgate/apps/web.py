"""What the stand-ins' HTTP servers share: threads, HTTP/1.1 with keep-alive, an answer written in one piece.

One piece, because header and body apart meet Nagle's algorithm and the delayed acknowledgement behind a proxy: 40 ms a
request. The server ends on TERM at once, as PID 1 of its container too.
"""

from __future__ import annotations

import json
import signal
import socket
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType


class Server(ThreadingHTTPServer):
    """Listens on every address of the pod; a burst of connections waits in the kernel."""

    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        super().server_bind()


class Handler(BaseHTTPRequestHandler):
    """Reads a request's body and answers in one write; subclasses implement `answer`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: the whole answer leaves at flush

    def answer(self, body: bytes) -> None:
        """Answer the request at hand (`self.command`, `self.path`, `self.headers`)."""
        raise NotImplementedError

    def _serve(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve

    def reply(self, status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send JSON (or text, if `value` is a string)."""
        text = value if isinstance(value, str) else json.dumps(value)
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(value, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, content in headers:
            self.send_header(name, content)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        sys.stdout.write(f"{self.address_string()} {format % args}\n")
        sys.stdout.flush()


def _secured(listening: socket.socket, certificate: str, key: str) -> ssl.SSLSocket:
    """A handshake waits for its client in the thread that serves it, not where connections are taken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key or None)
    return context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)


def serve(port: int, handler: type[Handler], certificate: str = "", key: str = "") -> None:
    """Serve until TERM or INT; by TLS where files with a certificate and its key are given."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Server(("0.0.0.0", port), handler) as server:
        if certificate:
            server.socket = _secured(server.socket, certificate, key)
        print(f"listening on {port}", flush=True)
        server.serve_forever()
