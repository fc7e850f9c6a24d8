"""Scenario 14: all hosts below a wildcard by the egress gateway to one server."""

from __future__ import annotations

from meshgate.tour.checks import Matches
from meshgate.tour.scenario import Scenario, apply, inside, step

STATUS = r"curl -sS -o /dev/null -w '%{http_code} %header{x-outside-address} %header{x-outside-sni}\n' "
LOG = "meshgate logs -l istio=egressgateway -c istio-proxy -n istio-system | tail"

SCENARIO = Scenario(
    number="14",
    title="a wildcard by the egress gateway, one server",
    base=("workloads", "09-egress-install"),
    steps=(
        *apply("14-egress-wildcard-one-server"),
        inside(f"{STATUS} https://en.wikipedia.org/", Matches(r"200 203\.0\.113\.80 en\.wikipedia\.org", 1)),
        inside(
            f"{STATUS} https://de.wikipedia.org/",
            Matches(r"200 203\.0\.113\.80 de\.wikipedia\.org", 1),
            shows="200 for en and de, from the server of www.wikipedia.org",
        ),
        step(
            LOG,
            Matches(r".* outbound\|443\|\|www\.wikipedia\.org .* en\.wikipedia\.org -", 1),
            shows="by the egress gateway",
            within_s=15,
        ),
    ),
)
