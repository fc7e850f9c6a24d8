"""Scenario 10: the way out to a host outside, freely and by a list of those that are known."""

from __future__ import annotations

from meshgate.tour.checks import Fails, Matches, Says, SaysNot
from meshgate.tour.policies import allow_any, registry_only
from meshgate.tour.scenario import APPLIED, Scenario, apply, inside, step

FOLLOW = "curl -sSL -o /dev/null -D - http://edition.cnn.com/politics"
STATUS = r"curl -sS -o /dev/null -w '%{http_code}\n' "
FOLLOWED = (Matches(r"HTTP/1\.1 301 Moved Permanently\s*", 1), Matches(r"HTTP/2 200\s*", 1))
REGISTRY_ONLY = registry_only()

SCENARIO = Scenario(
    number="10",
    title="a ServiceEntry for a host outside",
    steps=(
        inside(FOLLOW, *FOLLOWED, shows="unknown hosts are let through (ALLOW_ANY)"),
        *apply("10-egress-serviceentry"),
        inside(FOLLOW, *FOLLOWED, shows="301, then HTTP/2 200"),
        REGISTRY_ONLY,
        APPLIED,
        inside(FOLLOW, *FOLLOWED, shows="so with REGISTRY_ONLY"),
        step("meshgate delete -f 10-egress-serviceentry.yaml"),
        APPLIED,
        inside(f"{STATUS} http://edition.cnn.com/politics", Matches("502", 1)),
        inside(
            f"{STATUS} https://edition.cnn.com/politics", Fails(), SaysNot("HTTP/"), shows="without it 502 and reset"
        ),
        allow_any(),
        APPLIED,
        inside(FOLLOW, *FOLLOWED, Says("x-outside-sni: edition.cnn.com")),
    ),
)
