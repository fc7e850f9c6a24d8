"""A plan says which secrets its proxy will ask for, wherever they are named."""

from __future__ import annotations

from meshgate.plan import Part, Plan, part_secret_names, secret_names
from meshgate.plan.values import (
    ClusterPlan,
    DownstreamTls,
    FilterChainPlan,
    ListenerPlan,
    PeerValidation,
    SecretReference,
    SocketAddress,
    TcpProxyPlan,
    TlsChoice,
    UpstreamTls,
    WeightedTcpCluster,
)


def reference(name: str) -> SecretReference:
    return SecretReference(name=name)


def chain(*names: str, roots: str = "") -> FilterChainPlan:
    validation = PeerValidation(roots=reference(roots)) if roots else None
    tls = DownstreamTls(certificates=tuple(map(reference, names)), validation=validation)
    tcp = TcpProxyPlan(stat_prefix="a", clusters=(WeightedTcpCluster(cluster="a", weight=1),))
    return FilterChainPlan(filters=(tcp,), tls=tls)


def test_names() -> None:
    listener = ListenerPlan(
        name="l",
        address=SocketAddress(address="0.0.0.0", port=443),
        filter_chains=(chain("a", "b", roots="c"),),
        default_filter_chain=chain("d"),
    )
    upstream = UpstreamTls(certificates=(reference("e"),), validation=PeerValidation(roots=reference("f")))
    choices = (
        TlsChoice(name="m", tls_mode="istio", tls=UpstreamTls(certificates=(reference("g"),))),
        TlsChoice(name="p", tls_mode="", tls=None),
    )
    clusters = (
        ClusterPlan(name="one", type="STATIC", tls=upstream),
        ClusterPlan(name="two", type="STATIC", tls_choices=choices),
        ClusterPlan(name="three", type="STATIC"),
    )
    assert part_secret_names(Part(clusters=clusters)) == {"e", "f", "g"}
    assert secret_names(Plan(parts=(Part(listeners=(listener,)), Part(clusters=clusters)))) == set("abcdefg")
    assert secret_names(Plan()) == frozenset()
