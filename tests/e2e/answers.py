"""Requests by the ordinary curl, from outside or inside of a mesh, and what came back.

`Caller` says from where: `outside(address)` is the host, which finds every name at a gateway's address; `inside(mesh,
pod)` is a container of a pod. Both take curl's own arguments, and run many requests by one shell.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.e2e.mesh import Mesh, without_proxies

MAX_TIME_S = "20"
AT_ONCE = "50"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer; status 0, and curl's own words as the body, if there was none."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: str
    seconds: float

    def told(self) -> dict[str, object]:
        """The body of a mirror."""
        value = json.loads(self.body)
        assert isinstance(value, dict), self
        return value

    def mirrored(self, header: str) -> str | None:
        """A request header as the mirror got it."""
        headers = self.told()["headers"]
        assert isinstance(headers, dict)
        return {str(name).lower(): str(value) for name, value in headers.items()}.get(header)

    @property
    def instance(self) -> str:
        """Which mirror answered; empty if none did."""
        return self.headers.get("x-instance", "")


BREAK = "\x1e"
"""Parts curl's output; no answer has it."""

Run = Callable[[str], subprocess.CompletedProcess[str]]
"""Runs a line of shell."""


Request = Sequence[str]
"""A URL and curl's arguments for it."""


@dataclass(frozen=True)
class Caller:
    """Somebody who runs a shell."""

    run: Run
    curl: tuple[str, ...] = ("curl", "-sS")

    def get(self, url: str, *arguments: str) -> Answer:
        """The last answer to one request (or to what its redirects lead to)."""
        return self.get_all((url, *arguments))[0]

    def get_all(self, *requests: Request) -> list[Answer]:
        """Answers to requests that are made one after the other by one shell."""
        each = (
            *self.curl,
            "-i",
            "--max-time",
            MAX_TIME_S,
            "-w",
            f"{BREAK}%{{http_code}} %{{time_total}} %{{errormsg}}{BREAK}",
        )
        done = self.run("; ".join(shlex.join((*each, *arguments, url)) for url, *arguments in requests))
        parts = done.stdout.split(BREAK)[:-1]
        assert len(parts) == 2 * len(requests), done
        return [_answer(text, written) for text, written in zip(parts[::2], parts[1::2], strict=True)]

    def status(self, url: str, *arguments: str) -> int:
        return self.get(url, *arguments).status

    def count(self, number: int, url: str, *arguments: str) -> Counter[tuple[int, str]]:
        """How many answers had which status and came from which mirror, of `number` requests side by side."""
        return Counter((status, instance) for status, instance, _ in self.many(number, url, *arguments))

    def many(self, number: int, url: str, *arguments: str) -> list[tuple[int, str, float]]:
        """Status, mirror and seconds of `number` requests side by side; `?n=` tells them apart."""
        # immediate: else curl waits for the first answer before it sends the others
        parallel = ("-Z", "--parallel-immediate", "--parallel-max", AT_ONCE, "--no-progress-meter")
        written = "%{http_code} %{time_total} %header{x-instance}\n"
        limits = ("-o", "/dev/null", "--max-time", "60")
        numbered = f"{url}{'&' if '?' in url else '?'}n=[1-{number}]"
        done = self.run(shlex.join((*self.curl, *parallel, *limits, "-w", written, *arguments, numbered)))
        lines = [line.split() for line in done.stdout.splitlines()]
        assert len(lines) == number, (len(lines), done.stdout[-500:], done.stderr[-500:])
        return [(int(line[0]), line[2] if len(line) > 2 else "", float(line[1])) for line in lines]


def _answer(text: str, written: str) -> Answer:
    status, seconds, *message = written.split(" ", 2)
    if status == "000":
        return Answer(status=0, headers={}, body=" ".join(message), seconds=float(seconds))
    head, body = _last_answer(text)
    fields = (line.partition(":") for line in head[1:])
    found = {name.lower(): value.strip() for name, _, value in fields}
    return Answer(status=int(status), headers=found, body=body, seconds=float(seconds))


def _last_answer(text: str) -> tuple[list[str], str]:
    """Head lines and body of the last of several answers in curl's output."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    while body.startswith("HTTP/"):  # an interim answer, or one that a redirect came after
        head, _, body = body.partition("\n\n")
    return head.splitlines(), body


def outside(address: str) -> Caller:
    """The host, where every name is found at a gateway's address."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, timeout=120, env=without_proxies(), check=False
        )

    return Caller(run, ("curl", "-sS", "--connect-to", f"::{address}:"))


def inside(mesh: Mesh, pod: str, container: str = "", namespace: str = "default") -> Caller:
    """A container of a pod."""
    chosen = ("-c", container) if container else ()

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return mesh.meshgate("exec", "-n", namespace, pod, *chosen, "--", "sh", "-c", script, check=False)

    return Caller(run)


def share(counted: Counter[tuple[int, str]], instance: str) -> float:
    """Percent of the answers that came from a mirror."""
    return 100 * sum(number for (_, name), number in counted.items() if name == instance) / counted.total()
