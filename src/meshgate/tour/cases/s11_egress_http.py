"""Scenario 11: plain HTTP through the egress gateway, whose access log tells of it."""

from __future__ import annotations

from meshgate.tour.cases.s10_service_entry import FOLLOW, FOLLOWED
from meshgate.tour.checks import Matches
from meshgate.tour.scenario import Scenario, apply, inside, step

LOG = "meshgate logs -l istio=egressgateway -c istio-proxy -n istio-system | tail"
ADDRESS = r"\d+\.\d+\.\d+\.\d+"
LINE = (
    r'\[\S+\] "GET /politics HTTP/2" 301 - via_upstream - "-" 0 0 \d+ \d+ '
    rf'"{ADDRESS}" "curl/\S+" "[0-9a-f-]{{36}}" "edition\.cnn\.com" "{ADDRESS}:80" '
    rf"outbound\|80\|\|edition\.cnn\.com {ADDRESS}:\d+ {ADDRESS}:8080 {ADDRESS}:\d+ - -"
)
"""Istio's default format; the SNI is `-`, for gateways offer no mTLS unless told so."""

SCENARIO = Scenario(
    number="11",
    title="http by the egress gateway",
    base=("workloads", "09-egress-install"),
    steps=(
        *apply("10-egress-serviceentry", "11-egress-http"),
        inside(FOLLOW, *FOLLOWED, shows="301, then HTTP/2 200"),
        step(LOG, Matches(LINE, 1), shows="one line in the gateway's log, none for https", within_s=15),
    ),
)
