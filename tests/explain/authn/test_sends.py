"""What endpoints are sent, read from clusters and assignments as they are emitted."""

from __future__ import annotations

from meshgate.envoy import emit, emit_load_assignment
from meshgate.explain.authn import Kind, Sent, sent
from meshgate.plan import Part
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    HttpProtocolOptions,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PeerValidation,
    PipeAddress,
    SecretReference,
    SocketAddress,
    TextExact,
    TlsChoice,
    UpstreamTls,
)
from meshgate.proto import any_of, v3

WEB = "outbound|80||web.shop.svc.cluster.local"
MESH = UpstreamTls(
    certificates=(SecretReference(name="default"),),
    validation=PeerValidation(roots=SecretReference(name="ROOTCA"), subject_alt_names=(TextExact(value="spiffe://x"),)),
    sni="outbound_.80_._.web.shop.svc.cluster.local",
    alpn=("istio",),
)
SYSTEM = PeerValidation(roots=SecretReference(name="file-root:system"))
CHOICES = (
    TlsChoice(name="tlsMode-istio", tls_mode="istio", tls=MESH),
    TlsChoice(name="tlsMode-disabled", tls_mode="", tls=None),
)


def endpoint(address: str, mode: str = "") -> EndpointPlan:
    return EndpointPlan(address=SocketAddress(address=address, port=80), tls_mode=mode)


def assignment(*endpoints: EndpointPlan, cluster: str = WEB) -> LoadAssignmentPlan:
    return LoadAssignmentPlan(cluster=cluster, localities=(LocalityEndpoints(endpoints=endpoints),))


def found(*clusters: ClusterPlan, assigned: LoadAssignmentPlan | None = None) -> tuple[Sent, ...]:
    bodies = [resource.body for resource in emit(Part(clusters=clusters)).clusters]
    assignments = {assigned.cluster: emit_load_assignment(assigned).body} if assigned else {}
    return sent(bodies, assignments)


def summary(each: Sent) -> tuple[str, list[str], bool]:
    return str(each.transport.kind), [address for address, _ in each.endpoints], each.is_chosen


def test_each_endpoint_is_sent_what_it_says() -> None:
    cluster = ClusterPlan(name=WEB, type="EDS", tls_choices=CHOICES)
    mixed = assignment(endpoint("10.0.0.3", "istio"), endpoint("10.0.0.2"), endpoint("10.0.0.1", "istio"))
    both = found(cluster, assigned=mixed)
    assert [summary(each) for each in both] == [
        ("mTLS", ["10.0.0.1", "10.0.0.3"], True),
        ("plaintext", ["10.0.0.2"], True),
    ]
    transport = both[0].transport
    assert transport.sni == "outbound_.80_._.web.shop.svc.cluster.local"
    assert (transport.peer_names, transport.roots, transport.alpn) == (("spiffe://x",), "ROOTCA", ("istio",))
    assert both[0].destination.hostname == "web.shop.svc.cluster.local"


def test_nobody_is_there() -> None:
    cluster = ClusterPlan(name=WEB, type="EDS", tls_choices=CHOICES)
    for assigned in (None, assignment()):
        assert [summary(each) for each in found(cluster, assigned=assigned)] == [("mTLS", [], True)]


def test_one_transport_for_all() -> None:
    simple = ClusterPlan(
        name="outbound|443||a.com",
        type="STRICT_DNS",
        tls=UpstreamTls(validation=SYSTEM),
        http=HttpProtocolOptions(auto_sni=True),
        load_assignment=assignment(endpoint("a.com"), cluster="outbound|443||a.com"),
    )
    mutual = ClusterPlan(
        name="outbound|443|v1|b.com",
        type="EDS",
        tls=UpstreamTls(certificates=(SecretReference(name="kubernetes://b"),), sni="b.com"),
        proxy_protocol="V2",
    )
    plain = ClusterPlan(name="outbound|80||c.com", type="EDS")
    anywhere = ClusterPlan(name="outbound|80||d.com", type="ORIGINAL_DST", lb_policy="CLUSTER_PROVIDED", tls=MESH)
    a, b, c, d = found(plain, mutual, anywhere, simple)
    assert (summary(a), a.sni_of_request, a.transport.roots) == (("SIMPLE", ["a.com"], False), True, "file-root:system")
    assert (summary(b), b.transport.sni, b.transport.certificates) == (
        ("MUTUAL", [], False),
        "b.com",
        ("kubernetes://b",),
    )
    assert (b.transport.roots, b.destination.subset, b.sni_of_request) == ("", "v1", False)
    assert (summary(c), c.is_anywhere) == (("plaintext", [], False), False)
    assert (summary(d), d.is_anywhere, d.transport.kind) == (("mTLS", [], False), True, Kind.MTLS)


def test_only_destinations() -> None:
    names = ("inbound|80||", "BlackHoleCluster", "xds-grpc")
    assert found(*(ClusterPlan(name=name, type="STATIC") for name in names)) == ()


def test_sockets_of_a_file_system() -> None:
    pipe = EndpointPlan(address=PipeAddress(path="/run/x"))
    [each] = found(ClusterPlan(name=WEB, type="EDS"), assigned=assignment(pipe))
    assert each.endpoints == (("/run/x", 0),)


def test_names_by_a_regular_expression_or_an_end() -> None:
    tls = v3.UpstreamTlsContext(
        common_tls_context={
            "combined_validation_context": {
                "default_validation_context": {
                    "match_subject_alt_names": [{"suffix": ".x"}, {"safe_regex": {"regex": "a+"}}]
                }
            }
        }
    )
    cluster = v3.Cluster(name=WEB, transport_socket={"name": "tls", "typed_config": any_of(tls)})
    [each] = sent([cluster.SerializeToString()], {})
    assert each.transport.peer_names == ("*.x", "regex a+")
