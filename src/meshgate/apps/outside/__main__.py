"""The outside world of a laboratory, in the network namespace in which it is started.

    python3 -m meshgate.apps.outside --directory DIR --envoy FILE [--network 203.0.113.0/24] [--names UDP,TCP]

All of the network's addresses must be this namespace's own. Serves http on port 80 and https on port 443 of all of
them, and names on port 53 of one; with `--names`, on two sockets more that it inherits by number.

DIR holds certificates (`ca.crt` is the authority that signed them), and what others should know: `offers.json`,
written when everything answers. `demands.json` there, read at the start and at each HUP, says which hosts demand
certificates of their clients, and of which authorities: `{"hosts": ["edition.cnn.com"], "authorities": "PEM"}`. What
of it cannot be done is told in the offers, which say which demands they follow (`turn` of both files).
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from ipaddress import IPv4Network
from pathlib import Path

from meshgate.apps.httpbin import mirror
from meshgate.apps.outside.certificates import make_certificates
from meshgate.apps.outside.envoy import MIRROR_PORT
from meshgate.apps.outside.front import Front
from meshgate.apps.outside.hosts import HOSTS, NAME_SERVER
from meshgate.apps.outside.names import open_sockets, serve_names

NETWORK = "203.0.113.0/24"
"""Of the addresses that are for documentation (RFC 5737): nobody on the internet has them."""


class Quiet(mirror("outside")):  # type: ignore[misc]  # a class that a function makes
    """Envoy's access log has the line already."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def start_mirror() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", MIRROR_PORT), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def watched(process: subprocess.Popen[bytes]) -> queue.SimpleQueue[str]:
    """What happens, as it happens: `end` or `changed` by signals, `ended` when the process has."""
    happened: queue.SimpleQueue[str] = queue.SimpleQueue()
    words = {signal.SIGTERM: "end", signal.SIGINT: "end", signal.SIGHUP: "changed"}
    for number in words:
        signal.signal(number, lambda number, _frame: happened.put(words[signal.Signals(number)]))

    def wait() -> None:
        process.wait()  # no deadline: it lives as long as we do
        happened.put("ended")

    threading.Thread(target=wait, daemon=True).start()
    return happened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--envoy", required=True)
    parser.add_argument("--network", type=IPv4Network, default=IPv4Network(NETWORK))
    parser.add_argument("--names", help="two inherited sockets by number: UDP,TCP")
    given = parser.parse_args()

    make_certificates(given.directory, HOSTS)
    serve_names(given.network, *open_sockets(str(given.network[NAME_SERVER]), 53))
    if given.names:
        serve_names(given.network, *(socket.socket(fileno=int(number)) for number in given.names.split(",")))
    start_mirror()
    front = Front(given.directory, given.network)
    process = front.start(given.envoy)
    happened = watched(process)
    front.offer()
    print(f"the outside world is at {given.network}", flush=True)
    while (word := happened.get()) == "changed":  # no deadline: it serves until it is told to end
        front.follow()
    process.kill()
    sys.exit(0 if word == "end" else f"Envoy has ended: {process.returncode}")


if __name__ == "__main__":
    os.umask(0o022)
    main()
