"""A client that sends a steady number of requests and tells what failed: over kept and over new connections, half each.

    python3 -m meshgate.apps.load --url http://service-b:9000/ --rate 500 --seconds 20 --resolve service-b --lookups 50

Ends by itself, or at TERM; prints one JSON object: requests, lookups, failures (the first hundred reasons), failed
(their number), slowest_ms. An answer other than 200 is a failure. Lookups go by the machine's ordinary resolver.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import signal
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable

THREADS = 8
REASONS_KEPT = 100
TIMEOUT_S = 30


class Tally:
    """What happened, counted by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.lookups = 0
        self.failed = 0
        self.reasons: list[str] = []
        self.slowest_ms = 0.0

    def request(self, took_ms: float) -> None:
        with self._lock:
            self.requests += 1
            self.slowest_ms = max(self.slowest_ms, took_ms)

    def lookup(self) -> None:
        with self._lock:
            self.lookups += 1

    def failure(self, reason: str) -> None:
        with self._lock:
            self.failed += 1
            if len(self.reasons) < REASONS_KEPT:
                self.reasons.append(reason)


class Requests:
    """One thread's requests to one URL, over one connection or over a new one each."""

    def __init__(self, url: str, host: str | None, keep: bool) -> None:
        parts = urllib.parse.urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._path = parts.path or "/"
        self._headers = {"Host": host} if host else {}
        self._keep = keep
        self._connection: http.client.HTTPConnection | None = None

    def __call__(self) -> None:
        """Send one; raises OSError or HTTPException where no answer comes, ValueError where it is no 200."""
        connection = self._connection or http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        self._connection = None
        try:
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            answer.read()
        except BaseException:
            connection.close()
            raise
        if self._keep and not answer.will_close:
            self._connection = connection
        else:
            connection.close()
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")


STOP = threading.Event()
"""Set by TERM."""


def steadily(act: Callable[[], None], per_second: float, end: float, failed: Callable[[str], None]) -> None:
    """Call `act` at a steady pace until `end` (monotonic seconds); a late call is not made up for by a burst."""
    due = time.monotonic()
    while due < end:
        if STOP.wait(max(0.0, due - time.monotonic())):
            return
        try:
            act()
        except (OSError, http.client.HTTPException, ValueError) as error:
            failed(f"{time.strftime('%H:%M:%S')} {type(error).__name__}: {error}")
        due = max(due + 1 / per_second, time.monotonic() - 1 / per_second)


def run(url: str, host: str | None, rate: float, names: list[str], lookups: float, seconds: float) -> Tally:
    tally = Tally()
    end = time.monotonic() + seconds

    def request_once(requests: Requests) -> None:
        start = time.monotonic()
        requests()
        tally.request(1e3 * (time.monotonic() - start))

    def look_up(name: str) -> None:
        socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
        tally.lookup()

    threads = []
    for number in range(THREADS):
        requests = Requests(url, host, keep=number % 2 == 0)
        act = lambda r=requests: request_once(r)  # noqa: E731 (binds this thread's own)
        threads.append(threading.Thread(target=steadily, args=(act, rate / THREADS, end, tally.failure)))
    for name in names:
        act = lambda n=name: look_up(n)  # noqa: E731
        threads.append(threading.Thread(target=steadily, args=(act, lookups / len(names), end, tally.failure)))
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)  # in between, the handler of TERM has its turn
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--host", help="the Host header, where it is not the URL's")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--resolve", action="append", default=[], metavar="NAME", help="look this name up as well")
    parser.add_argument("--lookups", type=float, default=50, help="lookups a second")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: STOP.set())
    with contextlib.suppress(KeyboardInterrupt):
        tally = run(given.url, given.host, given.rate, given.resolve, given.lookups, given.seconds)
        told = {
            "requests": tally.requests,
            "lookups": tally.lookups,
            "failed": tally.failed,
            "failures": tally.reasons,
            "slowest_ms": round(tally.slowest_ms, 1),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
