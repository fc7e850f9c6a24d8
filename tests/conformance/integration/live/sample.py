"""The cases that every full test run makes for real: what simulation can't show first, and one of each kind."""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.integration.cases import IntegrationCase

AREAS = frozenset(
    {
        "virtualservice",
        "gateway",
        "destinationrule",
        "consistent-hash",
        "use-client-protocol",
        "upstreamproxy",
        "mirror",
        "locality",
        "services",
        "externalname",
        "selfcall",
        "sniffing",
        "loop",
        "reachability",
        "serverfirst",
        "tls-origination",
        "egress-tls-origination",
        "passthrough-filter-chain",
        "autopassthrough",
        "externalservice",
    }
)
"""Whole."""
CASES = frozenset(
    {
        "host/headless:18081/auto-http",
        "host/some-instances.headless.echo.svc.cluster.local:12345/auto-http",
        "host/ip:18081/auto-http",
        "host/headless.echo.svc:12345/http",
        "host/some-instances.headless/http",
        "host/ip:18080/http",
        "dns/a/udp ipv4",
        "dns/a/tcp ipv6",
        "dns/svc/a/primary/udp",
    }
)


def sampled(cases: Iterable[IntegrationCase]) -> list[IntegrationCase]:
    return [case for case in cases if case.area in AREAS or case.id in CASES]
