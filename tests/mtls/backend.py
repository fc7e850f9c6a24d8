"""A workload that takes HTTP/1.1 and lines of text on one port, and says what reached it."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline().decode():
            if " HTTP/1." in line:
                self._answer(dict(self._headers()))
            else:
                self.wfile.write(f"bytes {line}".encode())

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            yield name.lower(), value

    def _answer(self, headers: dict[str, str]) -> None:
        body = json.dumps(headers).encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextlib.contextmanager
def running_backend() -> Iterator[int]:
    """Its port on 127.0.0.1."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
