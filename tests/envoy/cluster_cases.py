"""Clusters and endpoints, one thing a case."""

from __future__ import annotations

from datetime import timedelta

from meshgate.plan.values import (
    CircuitBreakers,
    ClusterPlan,
    DnsSettings,
    DynamicForwardProxySettings,
    EndpointPlan,
    Http2Keepalive,
    HttpProtocolOptions,
    LoadAssignmentPlan,
    LocalityEndpoints,
    Maglev,
    OriginalDstSettings,
    OutlierDetectionPlan,
    PeerValidation,
    PipeAddress,
    RetryBudget,
    RingHash,
    SecretReference,
    ServiceMetadata,
    SlowStart,
    TcpKeepalive,
    TextExact,
    TlsChoice,
    TlsParameters,
    UpstreamTls,
)
from tests.envoy.case import WEB, Case, at

MUTUAL = UpstreamTls(
    certificates=(SecretReference(name="default"),),
    validation=PeerValidation(
        roots=SecretReference(name="ROOTCA"),
        subject_alt_names=(TextExact(value="spiffe://cluster.local/ns/shop/sa/web"),),
    ),
    sni="outbound_.80_._.web.shop.svc.cluster.local",
    alpn=("istio-peer-exchange", "istio"),
    parameters=TlsParameters(minimum_version="TLSv1_2", maximum_version="TLSv1_3"),
)

CLUSTERS = {
    "cluster-eds": Case(
        clusters=(
            ClusterPlan(
                name=WEB,
                type="EDS",
                alt_stat_name=f"{WEB};",
                lb_policy="LEAST_REQUEST",
                healthy_panic_threshold=0,
                circuit_breakers=CircuitBreakers(
                    max_connections=100,
                    max_pending_requests=0,
                    max_requests=1000,
                    max_retries=3,
                    retry_budget=RetryBudget(percent=12.5, min_concurrency=4),
                    track_remaining=True,
                ),
                services=(ServiceMetadata(host="web.shop.svc.cluster.local", name="web", namespace="shop"),),
                subset="v1",
                config="/apis/networking.istio.io/v1/namespaces/shop/destination-rule/web",
            ),
        ),
        load_assignments=(
            LoadAssignmentPlan(
                cluster=WEB,
                localities=(
                    LocalityEndpoints(
                        endpoints=(
                            EndpointPlan(
                                address=at(8080, "10.244.0.7"),
                                tls_mode="istio",
                                workload="web;shop;web;v1;Kubernetes",
                            ),
                            EndpointPlan(address=at(8080, "10.244.0.8"), weight=3, health="DRAINING"),
                        ),
                        region="north",
                        zone="a",
                        subzone="1",
                        weight=4,
                    ),
                    LocalityEndpoints(endpoints=(EndpointPlan(address=at(8080, "10.244.0.9")),), priority=1),
                ),
            ),
        ),
    ),
    "cluster-captured": Case(
        clusters=(
            ClusterPlan(
                name="PassthroughCluster",
                type="ORIGINAL_DST",
                lb_policy="CLUSTER_PROVIDED",
                circuit_breakers=CircuitBreakers(),
                http=HttpProtocolOptions(protocol="use_downstream", idle_timeout=timedelta(minutes=5)),
            ),
            ClusterPlan(
                name="inbound|8080||",
                type="ORIGINAL_DST",
                lb_policy="CLUSTER_PROVIDED",
                bind_address="127.0.0.6",
                extra_bind_addresses=("::6",),
                cleanup_interval=timedelta(seconds=9223372035),
                original_dst=OriginalDstSettings(use_http_header=True, upstream_port_override=18080),
                default_original_port=8080,
            ),
            ClusterPlan(name="BlackHoleCluster", type="STATIC"),
        ),
    ),
    "cluster-dns": Case(
        clusters=(
            ClusterPlan(
                name="outbound|443||example.com",
                type="STRICT_DNS",
                external=True,
                dns=DnsSettings(resolver=at(15053, "127.0.0.1")),
                load_assignment=LoadAssignmentPlan(
                    cluster="outbound|443||example.com",
                    localities=(LocalityEndpoints(endpoints=(EndpointPlan(address=at(443, "example.com")),)),),
                ),
            ),
            ClusterPlan(
                name="outbound|80||example.org",
                type="LOGICAL_DNS",
                dns=DnsSettings(
                    refresh_rate=timedelta(seconds=5),
                    jitter=timedelta(0),
                    respect_ttl=False,
                    lookup_family="ALL",
                    udp_max_queries=0,
                ),
                load_assignment=LoadAssignmentPlan(
                    cluster="outbound|80||example.org",
                    localities=(
                        LocalityEndpoints(
                            endpoints=(EndpointPlan(address=at(80, "example.org"), hostname="www.example.org"),),
                            weight=0,
                        ),
                    ),
                ),
            ),
        ),
    ),
    "cluster-dynamic-forward-proxy": Case(
        clusters=(
            ClusterPlan(
                name="outbound|443||*.example.com",
                type="DYNAMIC_FORWARD_PROXY",
                lb_policy="CLUSTER_PROVIDED",
                dynamic_forward_proxy=DynamicForwardProxySettings(
                    dns_cache="outbound|443||*.example.com", max_hosts=10, resolver=at(15053, "127.0.0.1")
                ),
            ),
        ),
    ),
    "cluster-balancing": Case(
        clusters=(
            ClusterPlan(
                name="a-ring", type="EDS", lb_policy="RING_HASH", hash_settings=RingHash(minimum_ring_size=512)
            ),
            ClusterPlan(name="b-maglev", type="EDS", lb_policy="MAGLEV", hash_settings=Maglev(table_size=65537)),
            ClusterPlan(
                name="c-warm-up",
                type="EDS",
                lb_policy="LEAST_REQUEST",
                slow_start=SlowStart(window=timedelta(seconds=30), aggression=1.5, min_weight_percent=20),
            ),
            ClusterPlan(name="d-warm-up", type="EDS", slow_start=SlowStart(window=timedelta(seconds=30))),
            ClusterPlan(name="e-locality", type="EDS", lb_policy="RANDOM", locality_weighted=True),
        ),
    ),
    "cluster-outliers": Case(
        clusters=(
            ClusterPlan(
                name="outliers",
                type="EDS",
                outlier_detection=OutlierDetectionPlan(
                    consecutive_5xx=7,
                    consecutive_gateway_failure=0,
                    split_external_local_origin_errors=True,
                    consecutive_local_origin_failure=3,
                    interval=timedelta(minutes=5),
                    base_ejection_time=timedelta(seconds=90.5),
                    max_ejection_percent=100,
                ),
            ),
        ),
    ),
    "cluster-protocols": Case(
        clusters=(
            ClusterPlan(
                name="auto",
                type="EDS",
                tls=UpstreamTls(sni="web.example.com", alpn=("h2", "http/1.1")),
                http=HttpProtocolOptions(protocol="auto", max_concurrent_streams=10),
            ),
            ClusterPlan(
                name="http1",
                type="EDS",
                http=HttpProtocolOptions(
                    max_requests_per_connection=1,
                    max_connection_duration=timedelta(hours=1),
                    preserve_header_case=True,
                    error_codes=(429, 503),
                ),
            ),
            ClusterPlan(
                name="http2",
                type="EDS",
                connect_timeout=timedelta(milliseconds=30),
                http=HttpProtocolOptions(
                    protocol="explicit_http2",
                    max_concurrent_streams=1000,
                    keepalive=Http2Keepalive(interval=timedelta(seconds=15), timeout=timedelta(seconds=5)),
                    error_codes=(503,),
                ),
                tcp_keepalive=TcpKeepalive(probes=3, time_s=7200, interval_s=75),
            ),
        ),
    ),
    "cluster-tls": Case(
        clusters=(
            ClusterPlan(
                name="auto-mtls",
                type="EDS",
                tls_choices=(
                    TlsChoice(name="tlsMode-istio", tls_mode="istio", tls=MUTUAL),
                    TlsChoice(name="tlsMode-disabled", tls_mode="", tls=None),
                ),
            ),
            ClusterPlan(name="originated", type="EDS", tls=MUTUAL, proxy_protocol="V2"),
            ClusterPlan(
                name="outside",
                type="EDS",
                http=HttpProtocolOptions(auto_sni=True, auto_san_validation=True),
                tls=UpstreamTls(
                    certificates=(SecretReference(name="file-cert:/etc/certs/client.pem~/etc/certs/key.pem"),),
                    validation=PeerValidation(roots=SecretReference(name="file-root:system")),
                ),
                has_own_alpn=True,
            ),
            ClusterPlan(name="trusting", type="EDS", tls=UpstreamTls(sni="example.com"), has_own_alpn=True),
            ClusterPlan(
                name="to-a-socket",
                type="STATIC",
                proxy_protocol="V1",
                load_assignment=LoadAssignmentPlan(
                    cluster="to-a-socket",
                    localities=(
                        LocalityEndpoints(endpoints=(EndpointPlan(address=PipeAddress(path="/run/gateway.8080")),)),
                    ),
                ),
            ),
        ),
    ),
}
