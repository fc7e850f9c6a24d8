"""What a port takes, read from filter chains as they are emitted."""

from __future__ import annotations

from typing import Literal

import pytest

from meshgate.envoy import emit
from meshgate.explain.authn import Accepted, Kind, accepted
from meshgate.plan import Part
from meshgate.plan.values import (
    DownstreamTls,
    FilterChainMatch,
    FilterChainPlan,
    ListenerPlan,
    PeerValidation,
    PipeAddress,
    SecretReference,
    SocketAddress,
    TextExact,
    TextPrefix,
)
from tests.envoy.case import tcp_to

Transport = Literal["", "raw_buffer", "tls"]
ROOTS = PeerValidation(roots=SecretReference(name="ROOTCA"), subject_alt_names=(TextPrefix(value="spiffe://td/"),))
MESH = DownstreamTls(
    certificates=(SecretReference(name="default"),), validation=ROOTS, require_client_certificate=True, alpn=("h2",)
)
SHOP = SecretReference(name="kubernetes://shop")
CLIENTS = PeerValidation(roots=SecretReference(name="kubernetes://shop-cacert"), subject_alt_names=())
SIMPLE = DownstreamTls(certificates=(SHOP,))
OPTIONAL = DownstreamTls(certificates=(SHOP,), validation=CLIENTS)
MUTUAL = DownstreamTls(certificates=(SHOP,), validation=CLIENTS, require_client_certificate=True)


def chain(
    tls: DownstreamTls | None = None,
    *,
    port: int | None = None,
    transport: Transport = "",
    names: tuple[str, ...] = (),
    alpn: tuple[str, ...] = (),
    to: str = "inbound|1||",
) -> FilterChainPlan:
    match = FilterChainMatch(
        destination_port=port, transport_protocol=transport, server_names=names, application_protocols=alpn
    )
    return FilterChainPlan(filters=(tcp_to(to),), match=match, tls=tls)


def listener(name: str, *chains: FilterChainPlan, port: int = 8080, direction: str = "OUTBOUND") -> ListenerPlan:
    inbound = direction == "INBOUND"
    return ListenerPlan(
        name=name,
        address=SocketAddress(address="0.0.0.0", port=port),
        filter_chains=chains,
        direction="INBOUND" if inbound else "OUTBOUND",
    )


def bodies(*plans: ListenerPlan) -> list[bytes]:
    return [resource.body for resource in emit(Part(listeners=plans)).listeners]


def inbound(*chains: FilterChainPlan) -> tuple[Accepted, ...]:
    """Of a sidecar."""
    others = listener("0.0.0.0_80", chain(MUTUAL, transport="tls"), port=80)
    return accepted(bodies(listener("virtualInbound", *chains, port=15006, direction="INBOUND"), others), "sidecar")


@pytest.mark.parametrize(
    ("chains", "mode", "takes"),
    [
        pytest.param([chain(MESH, transport="tls")], "STRICT", ("mTLS",), id="strict"),
        pytest.param(
            [chain(MESH, transport="tls", alpn=("istio",)), chain(transport="tls"), chain(transport="raw_buffer")],
            "PERMISSIVE",
            ("plaintext", "mTLS", "TLS of its own"),
            id="permissive",
        ),
        pytest.param([chain(MESH, transport="tls"), chain()], "PERMISSIVE", ("plaintext", "mTLS"), id="of HTTP"),
        pytest.param([chain(transport="raw_buffer")], "DISABLE", ("plaintext",), id="disable"),
        pytest.param([chain(SIMPLE, transport="tls")], "SIMPLE", ("SIMPLE",), id="a Sidecar's own"),
    ],
)
def test_a_port_of_a_sidecar(chains: list[FilterChainPlan], mode: str, takes: tuple[str, ...]) -> None:
    [found] = inbound(*chains)
    assert (found.port, found.mode("sidecar"), set(found.takes)) == (0, mode, set(takes))


def test_ports_apart_and_never_the_listeners_own() -> None:
    found = inbound(
        chain(port=15006, to="BlackHoleCluster"),
        chain(MESH, transport="tls"),
        chain(MESH, port=8080, transport="tls"),
        chain(port=8080, transport="raw_buffer"),
        chain(port=9000),
    )
    assert [(each.port, each.mode("sidecar")) for each in found] == [
        (0, "STRICT"),
        (8080, "PERMISSIVE"),
        (9000, "DISABLE"),
    ]


def test_what_is_shown_and_asked_for() -> None:
    [found] = inbound(chain(MESH, transport="tls"))
    [transport] = found.transports
    assert transport.kind is Kind.MTLS
    assert (transport.certificates, transport.roots) == (("default",), "ROOTCA")
    assert (transport.peer_names, transport.alpn) == (("spiffe://td/*",), ("h2",))


def test_servers_of_a_gateway_by_their_names() -> None:
    double = ListenerPlan(name="edge_8443", address=PipeAddress(path="/run/x"), filter_chains=(chain(SIMPLE),))
    https = listener(
        "0.0.0.0_8443",
        chain(SIMPLE, names=("a.com",)),
        chain(OPTIONAL, names=("b.com",)),
        chain(MUTUAL, names=("c.com",)),
        chain(MESH, names=("d.com",)),
        chain(transport="tls", names=("*.e.com",)),
        port=8443,
    )
    found = accepted(bodies(listener("0.0.0.0_8080", chain()), https, double), "router")
    assert [(each.port, each.server_names, each.mode("router")) for each in found] == [
        (8080, (), "plaintext"),
        (8443, ("*.e.com",), "PASSTHROUGH"),
        (8443, ("a.com",), "SIMPLE"),
        (8443, ("b.com",), "OPTIONAL_MUTUAL"),
        (8443, ("c.com",), "MUTUAL"),
        (8443, ("d.com",), "ISTIO_MUTUAL"),
    ]
    assert found[4].transports[0].roots == "kubernetes://shop-cacert"


def test_names_of_peers_in_every_form() -> None:
    validation = PeerValidation(roots=SHOP, subject_alt_names=(TextExact(value="x"), TextPrefix(value="y")))
    tls = DownstreamTls(certificates=(SHOP,), validation=validation, require_client_certificate=True)
    [found] = inbound(chain(tls, transport="tls"))
    assert found.transports[0].peer_names == ("x", "y*")
