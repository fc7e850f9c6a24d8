"""A TCP server that sends every line back behind a word of its own (as tcp-echo of Istio's samples).

    python3 -m meshgate.apps.tcp_echo --port 9000 --prefix one

A word is sent first where --greet is given, as protocols do in which the server speaks first.
"""

from __future__ import annotations

import argparse
import signal
import socketserver
import sys
from types import FrameType
from typing import cast


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("Server", self.server)
        if server.greeting:
            self.wfile.write(server.greeting + b"\n")
        for line in self.rfile:
            self.wfile.write(server.prefix + b" " + line if server.prefix else line)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, port: int, prefix: str, greeting: str) -> None:
        super().__init__(("0.0.0.0", port), Echo)
        self.prefix = prefix.encode()
        self.greeting = greeting.encode()


def main() -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--greet", default="")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Server(given.port, given.prefix, given.greet) as server:
        print(f"listening on {given.port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
