"""Short spellings for session tests: `c("a", 1)` is cluster a in version 1, and so on."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from meshgate.xds.session import DeltaSession, Request, Response

SHORT = {"cds": CLUSTER, "eds": ENDPOINTS, "lds": LISTENER, "rds": ROUTES}
LONG = {url: short for short, url in SHORT.items()}


def resource(short: str, name: str, version: int | str = 1) -> Resource:
    body = f"{short} {name} {version}".encode()
    return Resource(name=name, version=str(version), type_url=SHORT[short], body=body, origin=None)


def c(name: str, version: int | str = 1) -> Resource:
    return resource("cds", name, version)


def e(name: str, version: int | str = 1) -> Resource:
    return resource("eds", name, version)


def ln(name: str, version: int | str = 1) -> Resource:
    return resource("lds", name, version)


def r(name: str, version: int | str = 1) -> Resource:
    return resource("rds", name, version)


def shown(responses: Sequence[Response]) -> list[str]:
    """`cds a=1 b=2 -gone`, one line for each response, in order."""
    lines = []
    for response in responses:
        words = [f"{each.name}={each.version}" for each in response.resources] + [
            f"-{name}" for name in response.removed
        ]
        lines.append(" ".join([LONG.get(response.type_url, response.type_url), *words]))
    return lines


class Playbook:
    """A client's side of one stream: what it says goes in, what it is sent comes out as lines; it answers on demand."""

    def __init__(self, session: DeltaSession) -> None:
        self.session = session
        self.unanswered: dict[str, Response] = {}

    def say(
        self,
        short: str,
        *names: str,
        drop: Sequence[str] = (),
        kept: dict[str, str] | None = None,
        nonce: str = "",
        error: str | None = None,
    ) -> list[str]:
        request = Request(
            type_url=SHORT[short],
            subscribe=names,
            unsubscribe=tuple(drop),
            held=kept or {},
            nonce=nonce,
            error=error,
        )
        return self.sent(self.session.receive(request))

    def ack(self, short: str, *names: str, drop: Sequence[str] = ()) -> list[str]:
        return self.say(short, *names, drop=drop, nonce=self.unanswered.pop(short).nonce)

    def nack(self, short: str, text: str = "bad") -> list[str]:
        return self.say(short, nonce=self.unanswered.pop(short).nonce, error=text)

    def sent(self, responses: Sequence[Response]) -> list[str]:
        for response in responses:
            short = LONG[response.type_url]
            assert short not in self.unanswered, f"two {short} responses under way"
            self.unanswered[short] = response
        return shown(responses)
