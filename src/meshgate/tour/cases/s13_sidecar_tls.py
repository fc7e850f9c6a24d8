"""Scenario 13: TLS begins at the sidecar, without an egress gateway."""

from __future__ import annotations

from meshgate.tour.cases.s12_egress_tls import ANSWERED, ASK
from meshgate.tour.scenario import Scenario, apply, inside

SCENARIO = Scenario(
    number="13",
    title="TLS begins at the sidecar",
    steps=(
        *apply("13-sidecar-tls-origination"),
        inside(ASK, *ANSWERED, shows="200 without a redirect and without an egress gateway"),
    ),
)
