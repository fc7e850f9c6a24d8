"""A small HTTP mirror in the manner of httpbin: tells what reached it.

    python3 -m meshgate.apps.httpbin --port 8000 [--name v1] [--cert FILE --key FILE]

    /status/CODE           that status; /status/CODE/NAME only from instances whose name begins so, 200 from others
    /delay/SECONDS         waits before it answers, 10 at most
    /fails/TIMES/KEY       503 so many times for that key, 200 afterwards
    /headers, all others   method, path, headers, body, name of the instance

Answers are JSON; their header `x-instance` is the name, so that whoever counts answers need not read bodies.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections import Counter

from meshgate.apps.web import Handler, serve

LONGEST_DELAY_S = 10.0


class Failures:
    """How often each key has been asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()

    def ask(self, key: str) -> int:
        with self._lock:
            self._asked[key] += 1
            return self._asked[key]


def mirror(name: str) -> type[Handler]:
    """The handler of an instance called `name`."""
    named = (("X-Instance", name),)
    failures = Failures()

    class Mirror(Handler):
        def answer(self, body: bytes) -> None:
            head, _, rest = self.path.split("?")[0].lstrip("/").partition("/")
            first, _, second = rest.partition("/")
            if head == "status" and first.isdigit() and 200 <= int(first) <= 599:
                self._status(int(first) if name.startswith(second) else 200)
            elif head == "fails" and first.isdigit():
                self._status(503 if failures.ask(second) <= int(first) else 200)
            elif head != "delay" or self._waited(rest):
                self._tell(body, whole=head != "headers")

        def _status(self, status: int) -> None:
            self.reply(status, {"status": status, "name": name}, named)

        def _waited(self, seconds: str) -> bool:
            try:
                threading.Event().wait(max(0.0, min(float(seconds), LONGEST_DELAY_S)))
            except ValueError:
                self.reply(400, {"error": f"no number of seconds: {seconds!r}"})
                return False
            return True

        def _tell(self, body: bytes, *, whole: bool) -> None:
            headers = {key: ",".join(self.headers.get_all(key, ())) for key in self.headers}
            told: dict[str, object] = {"headers": headers, "name": name}
            if whole:
                told |= {"method": self.command, "path": self.path, "body": body.decode(errors="replace")}
            self.reply(200, told, named)

    return Mirror


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default=os.environ.get("HOSTNAME", "httpbin"))
    parser.add_argument("--cert", default="", help="a certificate in PEM: the server speaks TLS")
    parser.add_argument("--key", default="", help="its key")
    given = parser.parse_args()
    serve(given.port, mirror(given.name), given.cert, given.key)


if __name__ == "__main__":
    main()
