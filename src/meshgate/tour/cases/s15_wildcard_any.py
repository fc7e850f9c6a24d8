"""Scenario 15: all hosts below a wildcard, each at its own address."""

from __future__ import annotations

from meshgate.tour.checks import Fails, Matches
from meshgate.tour.policies import registry_only
from meshgate.tour.scenario import Scenario, apply, inside

STATUS = r"curl -sS -o /dev/null -w '%{http_code} %header{x-outside-address}\n' "

SCENARIO = Scenario(
    number="15",
    title="any host below a wildcard",
    steps=(
        registry_only(),
        *apply("15-egress-wildcard-any"),
        *(
            inside(f"{STATUS} {scheme}://{name}.wikipedia.org/", Matches(rf"200 203\.0\.113\.{place}", 1))
            for scheme in ("http", "https")
            for name, place in (("en", 81), ("de", 82))
        ),
        inside(f"{STATUS} https://anything.wikipedia.org/", Matches(r"200 203\.0\.113\.\d+", 1)),
        inside(
            f"{STATUS} http://anything.wikipedia.org/",
            Matches(r"200 203\.0\.113\.\d+", 1),
            shows="200 over http and https, each at its own address",
        ),
        inside(f"{STATUS} https://www.google.com/", Fails()),
        inside(f"{STATUS} http://www.google.com/", Matches("502 ", 1), shows="others are not reached"),
    ),
)
