"""Listeners, one thing a case: the chains are laid as Istio lays them."""

from __future__ import annotations

from datetime import timedelta

from meshgate.api import Origin, Ref
from meshgate.envoy.spelling import XDS_CLUSTER
from meshgate.plan.values import (
    BlockedLog,
    CidrRange,
    ClientCertificateDetails,
    ClusterPlan,
    DownstreamTls,
    DynamicForwardProxyFilter,
    DynamicForwardProxySettings,
    FileAccessLog,
    FilterChainMatch,
    FilterChainPlan,
    ForwardAction,
    GrpcWebFilter,
    HttpConnectionManagerPlan,
    HttpInspectorFilter,
    JsonFormat,
    ListenerPlan,
    MongoProxyPlan,
    OriginalDstFilter,
    PathNormalization,
    PathPrefix,
    PeerValidation,
    PipeAddress,
    PortPredicate,
    ProxyProtocolFilter,
    RdsReference,
    ResponseFlagFilter,
    RouteConfigurationPlan,
    RouteMatch,
    RoutePlan,
    RouterFilter,
    SecretReference,
    SniLookup,
    TcpProxyPlan,
    TextPrefix,
    TlsInspectorFilter,
    TlsParameters,
    VirtualHostPlan,
    WeightedCluster,
    WeightedTcpCluster,
)
from tests.envoy.case import ISTIO_FILTERS, TEXT_LOG, WEB, Case, at, static, tcp_to

PASSTHROUGH = FilterChainPlan(
    name="PassthroughFilterChain", match=FilterChainMatch(), filters=(tcp_to("PassthroughCluster"),)
)
HTTP_IN = FilterChainMatch(transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
SERVER_FIRST = PortPredicate(ports=(3306, 15006))


def _routes(name: str, cluster: str) -> RouteConfigurationPlan:
    route = RoutePlan(
        name="default",
        match=RouteMatch(path=PathPrefix(value="/")),
        action=ForwardAction(clusters=(WeightedCluster(cluster=cluster, weight=1),), max_stream_duration=timedelta(0)),
        operation="web.shop.svc.cluster.local:8080/*",
    )
    host = VirtualHostPlan(name="inbound|http|80", domains=("*",), routes=(route,), include_request_attempt_count=False)
    return RouteConfigurationPlan(name=name, virtual_hosts=(host,), max_direct_response_body_size_bytes=None)


def _http_in(cluster: str) -> HttpConnectionManagerPlan:
    return HttpConnectionManagerPlan(
        stat_prefix="inbound_0.0.0.0_8080;",
        routes=_routes(cluster, cluster),
        http_filters=ISTIO_FILTERS,
        server_name="istio-envoy",
        forward_client_certificate="APPEND_FORWARD",
        client_certificate_details=ClientCertificateDetails(subject=True, dns=True, uri=True),
        access_logs=(TEXT_LOG,),
    )


MUTUAL = DownstreamTls(
    certificates=(SecretReference(name="default"),),
    validation=PeerValidation(
        roots=SecretReference(name="ROOTCA"), subject_alt_names=(TextPrefix(value="spiffe://cluster.local/"),)
    ),
    require_client_certificate=True,
    alpn=("h2", "http/1.1"),
    parameters=TlsParameters(
        minimum_version="TLSv1_2",
        maximum_version="TLSv1_3",
        cipher_suites=("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ),
)

PINNED = PeerValidation(
    roots=SecretReference(name="kubernetes://rsa-cacert"),
    certificate_spki=("NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=",),
    certificate_hashes=("ab" * 32,),
    accepts_untrusted=True,
)

LISTENERS = {
    "listener-virtual-outbound": Case(
        clusters=(static("BlackHoleCluster"), static("PassthroughCluster")),
        listeners=(
            ListenerPlan(
                name="virtualOutbound",
                address=at(15001),
                direction="OUTBOUND",
                use_original_dst=True,
                max_connections_per_socket_event=1,
                filter_chains=(
                    FilterChainPlan(
                        name="virtualOutbound-blackhole",
                        match=FilterChainMatch(destination_port=15001),
                        filters=(tcp_to("BlackHoleCluster"),),
                    ),
                    FilterChainPlan(name="virtualOutbound-catchall-tcp", filters=(tcp_to("PassthroughCluster"),)),
                ),
                access_logs=(
                    FileAccessLog(path="/dev/stdout", format=TEXT_LOG.format, filter=ResponseFlagFilter(flags=("NR",))),
                ),
            ),
        ),
    ),
    "listener-outbound-sniffing": Case(
        clusters=(static(WEB), static("PassthroughCluster")),
        route_configurations=(_routes("80", WEB),),
        listeners=(
            ListenerPlan(
                name="0.0.0.0_80",
                address=at(80),
                direction="OUTBOUND",
                bind_to_port=False,
                listener_filters=(TlsInspectorFilter(), HttpInspectorFilter()),
                listener_filters_timeout=timedelta(0),
                continue_on_listener_filters_timeout=True,
                filter_chains=(
                    FilterChainPlan(
                        match=HTTP_IN,
                        transport_connect_timeout=timedelta(seconds=15),
                        filters=(
                            HttpConnectionManagerPlan(
                                stat_prefix="outbound_0.0.0.0_80;",
                                routes=RdsReference(name="80"),
                                http_filters=ISTIO_FILTERS,
                                access_logs=(TEXT_LOG,),
                            ),
                        ),
                    ),
                ),
                default_filter_chain=PASSTHROUGH,
            ),
        ),
    ),
    "listener-virtual-inbound": Case(
        clusters=(static("BlackHoleCluster"), static("InboundPassthroughCluster"), static("inbound|8080||")),
        listeners=(
            ListenerPlan(
                name="virtualInbound",
                address=at(15006),
                direction="INBOUND",
                listener_filters=(
                    OriginalDstFilter(),
                    TlsInspectorFilter(disabled=PortPredicate(ports=(15006,)), initial_read_buffer_size=512),
                    HttpInspectorFilter(disabled=SERVER_FIRST),
                ),
                listener_filters_timeout=timedelta(0),
                continue_on_listener_filters_timeout=True,
                filter_chains=(
                    FilterChainPlan(
                        name="virtualInbound-blackhole",
                        match=FilterChainMatch(destination_port=15006),
                        filters=(tcp_to("BlackHoleCluster"),),
                    ),
                    FilterChainPlan(
                        name="0.0.0.0_8080",
                        match=FilterChainMatch(
                            destination_port=8080,
                            transport_protocol="raw_buffer",
                            application_protocols=("http/1.1", "h2c"),
                        ),
                        filters=(_http_in("inbound|8080||"),),
                    ),
                    FilterChainPlan(
                        name="0.0.0.0_8080",
                        match=FilterChainMatch(destination_port=8080, transport_protocol="tls"),
                        filters=(tcp_to("inbound|8080||"),),
                    ),
                    FilterChainPlan(
                        name="virtualInbound-catchall-http",
                        match=HTTP_IN,
                        filters=(_http_in("InboundPassthroughCluster"),),
                    ),
                    FilterChainPlan(
                        name="virtualInbound", match=FilterChainMatch(), filters=(tcp_to("InboundPassthroughCluster"),)
                    ),
                ),
            ),
        ),
    ),
    "listener-gateway-tls": Case(
        clusters=(static("web"),),
        listeners=(
            ListenerPlan(
                name="0.0.0.0_8443",
                address=at(8443),
                direction="OUTBOUND",
                listener_filters=(ProxyProtocolFilter(), TlsInspectorFilter(initial_read_buffer_size=512)),
                filter_chains=(
                    FilterChainPlan(
                        match=FilterChainMatch(server_names=("a.org", "*.b.org")),
                        filters=(tcp_to("web"),),
                        tls=DownstreamTls(
                            certificates=(
                                SecretReference(name="kubernetes://rsa"),
                                SecretReference(name="of-a-service", provider=XDS_CLUSTER),
                            ),
                            validation=PINNED,
                            parameters=TlsParameters(
                                cipher_suites=("ALL", "!AES128-SHA"), ecdh_curves=("X25519MLKEM768", "P-256")
                            ),
                            alpn=("h2", "http/1.1"),
                        ),
                    ),
                    FilterChainPlan(match=FilterChainMatch(server_names=("through.org",)), filters=(tcp_to("web"),)),
                ),
            ),
        ),
    ),
    "listener-virtual-inbound-mutual-tls": Case(
        clusters=(static("inbound|8080||"),),
        listeners=(
            ListenerPlan(
                name="virtualInbound",
                address=at(15006),
                direction="INBOUND",
                listener_filters=(OriginalDstFilter(), TlsInspectorFilter()),
                filter_chains=(
                    FilterChainPlan(
                        name="0.0.0.0_8080",
                        match=FilterChainMatch(
                            destination_port=8080,
                            transport_protocol="tls",
                            application_protocols=("istio-http/1.0", "istio-http/1.1", "istio-h2"),
                        ),
                        tls=MUTUAL,
                        filters=(_http_in("inbound|8080||"),),
                    ),
                ),
            ),
        ),
    ),
    "listener-gateway": Case(
        clusters=(static(WEB),),
        route_configurations=(_routes("http.8080", WEB),),
        listeners=tuple(
            ListenerPlan(
                name=name,
                address=address,
                direction="OUTBOUND",
                listener_filters=filters,
                filter_chains=(
                    FilterChainPlan(
                        filters=(
                            HttpConnectionManagerPlan(
                                stat_prefix="outbound_0.0.0.0_8080;",
                                routes=RdsReference(name="http.8080"),
                                http_filters=ISTIO_FILTERS,
                                server_name="istio-envoy",
                                use_remote_address=True,
                                xff_trusted_hops=1,
                                forward_client_certificate="SANITIZE_SET",
                                client_certificate_details=ClientCertificateDetails(
                                    subject=True, cert=True, chain=True, dns=True, uri=True
                                ),
                                normalization=PathNormalization(
                                    merge_slashes=True, escaped_slashes="UNESCAPE_AND_FORWARD"
                                ),
                                idle_timeout=timedelta(minutes=1),
                                accept_http_10=True,
                                preserve_header_case=True,
                                request_id_for_trace_sampling=False,
                            ),
                        ),
                    ),
                ),
            )
            for name, address, filters in (
                ("0.0.0.0_8080", at(8080), ()),
                ("edge_8080", PipeAddress(path="/tmp/mg-test-edge.8080", mode=0o666), (ProxyProtocolFilter(),)),
            )
        ),
    ),
    "listener-tcp": Case(
        clusters=(static("a"), static("b")),
        listeners=(
            ListenerPlan(
                name="0.0.0.0_31400",
                address=at(31400),
                additional_addresses=(at(31400, "::1"),),
                direction="OUTBOUND",
                transparent=True,
                listener_filters=(ProxyProtocolFilter(allow_without=True),),
                filter_chains=(
                    FilterChainPlan(
                        match=FilterChainMatch(
                            prefix_ranges=(CidrRange(address="10.96.0.9", prefix_length=32),),
                            direct_source_prefix_ranges=(CidrRange(address="10.244.1.0", prefix_length=24),),
                            source_prefix_ranges=(CidrRange(address="10.244.0.0", prefix_length=16),),
                            source_ports=(1024, 1025),
                        ),
                        filters=(
                            MongoProxyPlan(stat_prefix="weighted"),
                            TcpProxyPlan(
                                stat_prefix="weighted",
                                clusters=(
                                    WeightedTcpCluster(cluster="a", weight=80),
                                    WeightedTcpCluster(cluster="b", weight=20),
                                ),
                                idle_timeout=timedelta(hours=2),
                                max_connection_duration=timedelta(hours=9),
                                max_connect_attempts=3,
                                hash_source_ip=True,
                                alpn=("istio", "h2"),
                                sni_lookup=SniLookup(dns_cache="cache", port=443),
                                access_logs=(TEXT_LOG, BlockedLog(is_http=False), BlockedLog(is_http=True)),
                            ),
                        ),
                        origin=Origin(Ref("VirtualService", "shop", "tcp"), "spec.tcp[0]"),
                    ),
                    FilterChainPlan(
                        match=FilterChainMatch(source_type="EXTERNAL"),
                        filters=(
                            TcpProxyPlan(
                                stat_prefix="one of several",
                                clusters=(WeightedTcpCluster(cluster="a", weight=3),),
                                is_weighted=True,
                            ),
                        ),
                    ),
                    FilterChainPlan(match=FilterChainMatch(server_names=("a.example.com",)), filters=(tcp_to("a"),)),
                ),
            ),
        ),
    ),
    "listener-json-access-log": Case(
        clusters=(static("a"),),
        listeners=(
            ListenerPlan(
                name="json",
                address=at(9000),
                filter_chains=(
                    FilterChainPlan(
                        filters=(
                            TcpProxyPlan(
                                stat_prefix="a",
                                clusters=(WeightedTcpCluster(cluster="a", weight=1),),
                                access_logs=(
                                    FileAccessLog(
                                        path="/dev/stdout",
                                        format=JsonFormat(
                                            text='{"path": "%REQ_WITHOUT_QUERY(:PATH)%", "peer": '
                                            '{"at": "%METADATA(CLUSTER:istio:services)%", "list": [1, true]}}'
                                        ),
                                    ),
                                ),
                            ),
                        )
                    ),
                ),
            ),
        ),
    ),
    "listener-http2-only": Case(
        clusters=(static("a"),),
        listeners=(
            ListenerPlan(
                name="grpc",
                address=at(9002),
                filter_chains=(
                    FilterChainPlan(
                        filters=(
                            HttpConnectionManagerPlan(
                                stat_prefix="grpc;",
                                routes=_routes("grpc", "a"),
                                server_header="PASS_THROUGH",
                                generates_request_id=False,
                                append_x_forwarded_port=True,
                                http_filters=(GrpcWebFilter(), *ISTIO_FILTERS),
                                codec="HTTP2",
                                upgrades=(),
                                stream_idle_timeout=timedelta(minutes=5),
                                proxy_100_continue=False,
                                normalization=PathNormalization(normalize_path=False),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    "listener-dynamic-forward-proxy": Case(
        clusters=(
            ClusterPlan(
                name="anywhere",
                type="DYNAMIC_FORWARD_PROXY",
                lb_policy="CLUSTER_PROVIDED",
                # the filter does not know the resolver; Envoy would refuse two caches of one name that differ
                dynamic_forward_proxy=DynamicForwardProxySettings(dns_cache="anywhere", resolver=at(53, "127.0.0.1")),
            ),
        ),
        listeners=(
            ListenerPlan(
                name="forward",
                address=at(3128),
                filter_chains=(
                    FilterChainPlan(
                        filters=(
                            HttpConnectionManagerPlan(
                                stat_prefix="forward;",
                                routes=_routes("forward", "anywhere"),
                                http_filters=(
                                    DynamicForwardProxyFilter(dns_cache="anywhere"),
                                    RouterFilter(suppress_envoy_headers=True),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    "listener-negated-predicate": Case(
        clusters=(static("a"),),
        listeners=(
            ListenerPlan(
                name="negated",
                address=at(9001),
                listener_filters=(
                    TlsInspectorFilter(disabled=PortPredicate(ports=(443,), negated=True)),
                    HttpInspectorFilter(disabled=PortPredicate(ports=(80, 8080), negated=True)),
                ),
                filter_chains=(FilterChainPlan(filters=(tcp_to("a"),)),),
            ),
        ),
    ),
}
