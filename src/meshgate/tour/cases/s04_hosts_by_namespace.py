"""Scenario 4: a gateway's hosts limited by namespace; who is left out is told why."""

from __future__ import annotations

from meshgate.tour.checks import Matches, Says
from meshgate.tour.scenario import Gateway, Scenario, apply, outside, step

STATUS = r"curl -sS -o /dev/null -w '%{http_code}\n' "

SCENARIO = Scenario(
    number="4",
    title="hosts limited by namespace",
    base=("gateway-workloads", "workloads"),
    gateway=Gateway("my-gateway-controller", "some-config-namespace"),
    hosts=("anything.example.com", "foo.bar.com", "other.bar.com", "third.example.com"),
    steps=(
        *apply("04-gateway-hosts-by-namespace", "04-routes"),
        outside(f"{STATUS} http://anything.example.com/api/v1/testA/", Matches("200", 1)),
        outside(f"{STATUS} http://foo.bar.com/api/v1/testA/", Matches("200", 1), shows="200 for two hosts"),
        outside(f"{STATUS} http://other.bar.com/api/v1/testA/", Matches("404", 1)),
        outside(f"{STATUS} http://third.example.com/api/v1/testA/", Matches("404", 1), shows="404 for two"),
        step("meshgate get vs refused-host -n ns2 -o yaml", Says('does not take host "other.bar.com"')),
        step(
            "meshgate get vs refused-namespace -n ns3 -o yaml",
            Says('does not take host "third.example.com"'),
            shows="their VirtualServices say why",
        ),
    ),
)
