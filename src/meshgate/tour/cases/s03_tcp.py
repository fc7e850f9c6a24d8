"""Scenario 3: TCP through the gateway only."""

from __future__ import annotations

from meshgate.tour.checks import Matches, Says, SaysNot
from meshgate.tour.scenario import Gateway, Scenario, apply, inside, outside, step

SAY = "exec 3<>/dev/tcp/{address}/{port}; echo hello >&3; head -n 1 <&3"
INSIDE = "bash -c '{}'"

SCENARIO = Scenario(
    number="3",
    title="TCP through the gateway only",
    base=("gateway-workloads", "workloads"),
    gateway=Gateway("my-gateway-controller", "some-config-namespace"),
    steps=(
        *apply("03-gateway", "03-virtualservice-tcp"),
        outside(
            SAY.format(address="$GW", port=27017), Matches("mongo hello", 1), shows="port 27017 reaches mongo.prod:5555"
        ),
        inside(INSIDE.format(SAY.format(address="mongosvr.prod", port=27017)), Matches("mongosvr hello", 1)),
        inside(
            INSIDE.format(SAY.format(address="mongo.prod", port=5555)),
            Matches("mongo hello", 1),
            shows="inside the rule does not apply",
        ),
        step("meshgate status", Says("problems: none"), SaysNot("error")),
    ),
)
