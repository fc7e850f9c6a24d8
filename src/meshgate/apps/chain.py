"""A link in a chain of services: answers by itself, or asks the next one and passes its answer back.

    python3 -m meshgate.apps.chain --port 8000 --next http://service-b:9000/api/v1/testB/
    python3 -m meshgate.apps.chain --port 9000 --message 'i am service c, come from service b or a.'

Trace headers (x-request-id, traceparent, b3) go along, as every application behind a mesh should pass them on.
A failure of the next service is told as a 502 with the reason.
"""

from __future__ import annotations

import argparse
import http.client
import json
import urllib.parse

from meshgate.apps.web import Handler, serve

PASSED_ON = ("x-request-id", "traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled")
NEXT_TIMEOUT_S = 30


def ask(url: str, headers: dict[str, str]) -> tuple[int, str]:
    """GET `url`; status and text of the answer. Raises OSError or HTTPException."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=NEXT_TIMEOUT_S)
    try:
        connection.request("GET", parts.path or "/", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def link(next_url: str | None, message: str) -> type[Handler]:
    """The handler of one link."""

    class Link(Handler):
        def answer(self, body: bytes) -> None:
            if next_url is None:
                self.reply(200, {"message": message})
                return
            headers = {name: value for name in PASSED_ON if (value := self.headers.get(name)) is not None}
            try:
                status, text = ask(next_url, headers)
            except (OSError, http.client.HTTPException) as error:
                self.reply(502, {"error": f"no answer from {next_url}: {error}"})
                return
            try:
                self.reply(status, json.loads(text))
            except ValueError:
                self.reply(status, text)

    return Link


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--next", dest="next_url", help="the URL that is asked for each request")
    parser.add_argument("--message", default="hello", help="the message of the last link")
    given = parser.parse_args()
    serve(given.port, link(given.next_url, given.message))


if __name__ == "__main__":
    main()
