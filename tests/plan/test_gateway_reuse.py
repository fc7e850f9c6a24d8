"""Servers between which a browser's connection may be reused."""

from __future__ import annotations

import pytest

from tests.plan.gateway_objects import gateway, server
from tests.plan.planned import ROUTER, problems

HINT = "let one server have the hosts of both, or give each a certificate that has no host of the other"


def _found(*servers: str) -> list[str]:
    return [line for line in problems("".join(servers), ROUTER) if "IST0138" in line or "MG0112" in line]


def _https(hosts: str, settings: str, *, name: str = "gw", number: int = 443) -> str:
    return gateway(server(number, "HTTPS", hosts, rest=f", tls: {{{settings}}}"), name=name)


SIMPLE = "mode: SIMPLE, credentialName: c"
OTHER = "mode: SIMPLE, credentialName: other"
FILES = "mode: SIMPLE, serverCertificate: /c, privateKey: /k"


@pytest.mark.parametrize("settings", [SIMPLE, FILES])
def test_two_gateways_show_one_certificate(settings: str) -> None:
    assert _found(_https("a.org", settings, name="a"), _https("b.org", settings, name="b")) == [
        "Gateway/default/b spec.servers[0].tls: Gateway/default/a spec.servers[0] shows the same certificate: a client "
        f"that reuses its HTTP/2 connection gets 404 for the hosts here; {HINT} [IST0138]"
    ]


def test_each_is_told_once_of_the_first() -> None:
    three = [_https(f"{name}.org", SIMPLE, name=name) for name in "abc"]
    assert [line.split(" ")[0] for line in _found(*three)] == ["Gateway/default/b", "Gateway/default/c"]


@pytest.mark.parametrize(("first", "second"), [("a.x.org", "'*.x.org'"), ("'*.x.org'", "a.x.org")])
def test_a_host_within_a_wildcard_of_another_server(first: str, second: str) -> None:
    found = _found(_https(first, SIMPLE, name="a"), _https(second, OTHER, name="b"))
    narrow, wide = ("b", "a") if "*" in first else ("a", "b")
    assert found == [
        f'Gateway/default/{narrow} spec.servers[0].hosts: "a.x.org" is within a wildcard of Gateway/default/{wide} '
        "spec.servers[0]: if the certificate there has it too, a client that reuses its HTTP/2 connection gets 404; "
        f"{HINT} [MG0112]"
    ]


def test_one_finding_for_one_danger() -> None:
    assert len(_found(_https("a.x.org", SIMPLE, name="a"), _https("'*.x.org'", SIMPLE, name="b"))) == 1


@pytest.mark.parametrize(
    "other",
    [
        _https("b.org", OTHER, name="b"),
        _https("b.org", SIMPLE, name="b", number=444),
        _https("b.org", "mode: PASSTHROUGH", name="b"),
        _https("a.org, b.org, c.org", OTHER, name="b"),
    ],
)
def test_where_there_is_no_danger(other: str) -> None:
    assert _found(_https("a.org", SIMPLE, name="a"), other) == []


def test_proxies_of_the_mesh_reuse_nothing() -> None:
    both = [_https(f"{name}.org", "mode: ISTIO_MUTUAL", name=name) for name in "ab"]
    assert _found(*both) == []
