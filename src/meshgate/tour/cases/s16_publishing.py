"""Scenarios 16 to 18: an https service, an http service as https, and as mutual https, with files of the gateway."""

from __future__ import annotations

from meshgate.tour.cases.publishing import CURL, GATEWAY, HOST, prepared
from meshgate.tour.checks import Fails, Matches, Says, SaysNot
from meshgate.tour.scenario import Scenario, Step, apply, outside, step

ANSWERED = Matches(r"< HTTP/[12.]+ 200.*", 1)
REFUSED = (Fails(), SaysNot("< HTTP/"))
REWRITE = "cat second.crt > server.pem; cat second.key > privatekey.pem"


def scenario(number: str, title: str, *steps: Step) -> Scenario:
    return Scenario(
        number=number,
        title=title,
        base=(),
        gateway=GATEWAY,
        hosts=(HOST, "other.com"),
        steps=(*prepared(), *steps),
    )


PASSTHROUGH = scenario(
    "16",
    "an https service published as it is",
    *apply("16-publish-https-passthrough", "16-route"),
    outside(
        f"{CURL} https://{HOST}/",
        Says(f"CN={HOST}; O=frontend"),
        ANSWERED,
        Says('"name": "frontend-https"'),
        shows="200 with the service's own certificate",
    ),
    outside(f"{CURL} https://other.com/", *REFUSED, shows="another SNI is refused"),
)
SIMPLE = scenario(
    "17",
    "an http service published as https",
    *apply("17-publish-https-simple", "17-route"),
    outside(
        f"{CURL} https://{HOST}/",
        Says(f"CN={HOST}; O=first"),
        ANSWERED,
        Says('"name": "frontend"'),
        shows="200 with the gateway's files",
        within_s=10,
    ),
    step(REWRITE),
    outside(
        f"{CURL} https://{HOST}/",
        Says(f"CN={HOST}; O=second"),
        ANSWERED,
        shows="files rewritten in place are picked up",
        within_s=5,
    ),
)
MUTUAL = scenario(
    "18",
    "an http service published as mutual https",
    *apply("18-publish-https-mutual", "17-route"),
    outside(
        f"{CURL} --cert client.crt --key client.key https://{HOST}/",
        ANSWERED,
        shows="200 with the client's certificate",
        within_s=10,
    ),
    outside(f"{CURL} https://{HOST}/", *REFUSED, shows="without one the handshake fails"),
)
