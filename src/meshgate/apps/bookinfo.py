"""A small bookstore in the manner of Istio's bookinfo: a page that asks details and reviews, which ask ratings.

    python3 -m meshgate.apps.bookinfo productpage --port 9080
    python3 -m meshgate.apps.bookinfo details --port 9080 --version v1
    python3 -m meshgate.apps.bookinfo reviews --port 9080 --version v2
    python3 -m meshgate.apps.bookinfo ratings --port 9080 [--database mongodb:27017]

Reviews v1 ask for no ratings, v2 show black stars, v3 red ones. Who has logged in (`POST /login` with `username=`) is
told to all services by the header `end-user`, and trace headers go along. The page waits 3 s for the reviews and asks
twice; its header `x-instance` is the reviews' version. Reviews wait 10 s for ratings. A database is asked over plain
TCP: a line goes there, and the first word of the line that comes back is the number of stars.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import urllib.parse
from collections.abc import Callable

from meshgate.apps.web import Handler, serve

PASSED_ON = ("end-user", "x-request-id", "traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid")
PORT = 9080
PAGE_TIMEOUT_S = 3.0
PAGE_TRIES = 2
RATINGS_TIMEOUT_S = 10.0
COLOURS = {"v2": "black", "v3": "red"}
NO_REVIEWS = "Sorry, product reviews are currently unavailable for this book."
NO_DETAILS = "Sorry, product details are currently unavailable for this book."
NO_RATINGS = "Ratings service is currently unavailable"
Answer = tuple[int, object, str]
"""Status, body, and who says so."""


def ask(service: str, path: str, headers: dict[str, str], timeout_s: float) -> object | None:
    """JSON of a service's answer; None if there is no good one in time."""
    connection = http.client.HTTPConnection(service, PORT, timeout=timeout_s)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def ratings(database: str) -> Callable[[dict[str, str]], Answer]:
    def answer(_headers: dict[str, str]) -> Answer:
        stars = 5
        if database:
            host, _, port = database.rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=RATINGS_TIMEOUT_S) as connection:
                    connection.sendall(b"stars\n")
                    stars = int(connection.makefile().readline().split()[0])
            except (OSError, ValueError, IndexError) as error:
                return 500, {"error": f"could not connect to ratings database: {error}"}, ""
        return 200, {"id": 0, "ratings": {"Reviewer1": stars, "Reviewer2": max(1, stars - 1)}}, ""

    return answer


def reviews(version: str) -> Callable[[dict[str, str]], Answer]:
    def answer(headers: dict[str, str]) -> Answer:
        told: dict[str, object] = {"id": "0", "podname": version, "clustername": "null"}
        each: list[dict[str, object]] = [{"reviewer": "Reviewer1"}, {"reviewer": "Reviewer2"}]
        if version in COLOURS:
            found = ask("ratings", "/ratings/0", headers, RATINGS_TIMEOUT_S)
            stars = found.get("ratings", {}) if isinstance(found, dict) else None
            for one in each:
                name = one["reviewer"]
                one["rating"] = (
                    {"error": NO_RATINGS} if stars is None else {"stars": stars.get(name), "color": COLOURS[version]}
                )
        return 200, {**told, "reviews": each}, version

    return answer


def details(version: str) -> Callable[[dict[str, str]], Answer]:
    return lambda _headers: (200, {"id": 0, "title": "A Comedy of Meshes", "version": version}, version)


def page(headers: dict[str, str]) -> Answer:
    """The page as HTML."""
    told = ask("details", "/details/0", headers, PAGE_TIMEOUT_S)
    about = f"Version of details: {told['version']}" if isinstance(told, dict) else NO_DETAILS
    found = None
    for _ in range(PAGE_TRIES):
        found = found or ask("reviews", "/reviews/0", headers, PAGE_TIMEOUT_S)
    lines = [f"<p>{about}</p>", f"<p>Signed in: {headers.get('end-user', 'nobody')}</p>"]
    if isinstance(found, dict):
        lines += [f"<p>Reviews served by: {found['podname']}</p>", *(_review(each) for each in found["reviews"])]
    else:
        lines.append(f"<p>{NO_REVIEWS}</p>")
    served_by = str(found["podname"]) if isinstance(found, dict) else ""
    return 200, "<title>Simple Bookstore App</title>\n" + "\n".join(lines) + "\n", served_by


def _review(review: dict[str, object]) -> str:
    rating = review.get("rating")
    if not isinstance(rating, dict):
        return f"<blockquote>{review['reviewer']}</blockquote>"
    stars = rating.get("error") or f'<font color="{rating["color"]}">{"*" * int(rating["stars"])}</font>'
    return f"<blockquote>{review['reviewer']} {stars}</blockquote>"


def service(answer: Callable[[dict[str, str]], Answer]) -> type[Handler]:
    """The handler of a service that gives one answer, whatever the path."""

    class Service(Handler):
        def answer(self, body: bytes) -> None:
            path = urllib.parse.urlsplit(self.path).path
            if path == "/health":
                self.reply(200, {"status": "healthy"})
            elif path == "/login":
                (user,) = urllib.parse.parse_qs(body.decode()).get("username", [""])
                self._send_home(f"session={user}; Path=/; HttpOnly")
            elif path == "/logout":
                self._send_home("session=; Path=/; Max-Age=0")
            else:
                status, value, name = answer(self._passed_on())
                self.reply(status, value, (("X-Instance", name),))

        def _send_home(self, cookie: str) -> None:
            self.reply(302, "", (("Location", "/productpage"), ("Set-Cookie", cookie)))

        def _passed_on(self) -> dict[str, str]:
            headers = {name: value for name in PASSED_ON if (value := self.headers.get(name))}
            for part in self.headers.get("Cookie", "").split(";"):
                name, _, user = part.strip().partition("=")
                if name == "session" and user:
                    headers["end-user"] = user
            return headers

    return Service


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", choices=("productpage", "details", "reviews", "ratings"))
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--version", default="v1")
    parser.add_argument("--database", default="", help="HOST:PORT that knows the stars")
    given = parser.parse_args()
    answers = {
        "productpage": page,
        "details": details(given.version),
        "reviews": reviews(given.version),
        "ratings": ratings(given.database),
    }
    serve(given.port, service(answers[given.service]))


if __name__ == "__main__":
    main()
