"""A small HTTP mirror in the manner of httpbin: tells what reached it.

    python3 -m meshgate.apps.httpbin --port 8000 [--name v1]

Paths: /status/CODE, /delay/SECONDS (10 at most), /headers, /anything and everything else (method, path, headers, body,
name of the instance). Answers are JSON; their header `x-instance` is the name, so that whoever counts answers need not
read bodies.
"""

from __future__ import annotations

import argparse
import os
import threading

from meshgate.apps.web import Handler, serve

LONGEST_DELAY_S = 10.0


def mirror(name: str) -> type[Handler]:
    """The handler of an instance called `name`."""

    named = (("X-Instance", name),)

    class Mirror(Handler):
        def answer(self, body: bytes) -> None:
            head, _, rest = self.path.split("?")[0].lstrip("/").partition("/")
            if head == "status" and rest.isdigit() and 200 <= int(rest) <= 599:
                self.reply(int(rest), {"status": int(rest), "name": name}, named)
                return
            if head == "delay":
                try:
                    threading.Event().wait(max(0.0, min(float(rest), LONGEST_DELAY_S)))
                except ValueError:
                    self.reply(400, {"error": f"no number of seconds: {rest!r}"})
                    return
            told = {"headers": dict(self.headers.items()), "name": name}
            if head != "headers":
                told |= {"method": self.command, "path": self.path, "body": body.decode(errors="replace")}
            self.reply(200, told, named)

    return Mirror


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default=os.environ.get("HOSTNAME", "httpbin"))
    given = parser.parse_args()
    serve(given.port, mirror(given.name))


if __name__ == "__main__":
    main()
