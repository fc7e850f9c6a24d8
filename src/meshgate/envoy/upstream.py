"""How a cluster's endpoints are spoken to: names, source address, HTTP version, TLS, PROXY header."""

from __future__ import annotations

from meshgate.envoy.headers import preserved_case
from meshgate.envoy.memo import Memo
from meshgate.envoy.spelling import address, duration, packed
from meshgate.envoy.tls import raw_buffer, upstream_tls, with_proxy_header
from meshgate.plan.values import (
    ClusterPlan,
    DynamicForwardProxySettings,
    Http2Keepalive,
    HttpProtocolOptions,
    SocketAddress,
    TcpKeepalive,
    TlsChoice,
    UpstreamTls,
)
from meshgate.proto import v3

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def dns_resolver(server: SocketAddress | None, *, udp_max_queries: int = 0) -> v3.TypedExtensionConfigDict:
    """The c-ares resolver, asking this server (None: those of /etc/resolv.conf).

    `udp_max_queries` makes c-ares use a new source port after so many queries: load balancers and NAT stick to ports.
    """
    config = v3.CaresDnsResolverConfig(
        resolvers=[address(server)] if server is not None else [],
        udp_max_queries={"value": udp_max_queries} if udp_max_queries else None,
    )
    return {"name": "envoy.network.dns_resolver.cares", "typed_config": packed(config)}


def dns_cache(settings: DynamicForwardProxySettings) -> v3.DnsCacheConfigDict:
    """The cache that an HTTP filter and a cluster share: Envoy demands equal settings under one name.

    The resolver is not written: it is the proxy's own, which the bootstrap names as the default, and the filter's plan
    does not have it.
    """
    return {
        "name": settings.dns_cache,
        "dns_lookup_family": "V4_ONLY",
        "max_hosts": {"value": settings.max_hosts},
    }


def fill_connection(spelled: v3.ClusterDict, plan: ClusterPlan, memo: Memo) -> None:
    if plan.bind_address:
        spelled["upstream_bind_config"] = {
            "source_address": {"address": plan.bind_address, "port_value": 0},
            "extra_source_addresses": [
                {"address": {"address": more, "port_value": 0}} for more in plan.extra_bind_addresses
            ],
        }
    if plan.tcp_keepalive is not None:
        spelled["upstream_connection_options"] = {"tcp_keepalive": _keepalive(plan.tcp_keepalive)}
    if plan.http is not None:
        spelled["typed_extension_protocol_options"] = {HTTP_OPTIONS: memo.of(_http_options, plan.http)}
    if plan.tls_choices:
        assert plan.tls is None, plan.name
        spelled["transport_socket_matches"] = [
            memo.of(_choice, (choice, plan.proxy_protocol)) for choice in plan.tls_choices
        ]
    elif plan.tls is not None or plan.proxy_protocol:
        spelled["transport_socket"] = _transport(plan.tls, plan.proxy_protocol)


def _choice(given: tuple[TlsChoice, str], _memo: Memo) -> v3.Cluster_TransportSocketMatchDict:
    choice, proxy_protocol = given
    return {
        "name": choice.name,
        "match": {"tlsMode": choice.tls_mode} if choice.tls_mode else {},
        "transport_socket": _transport(choice.tls, proxy_protocol),
    }


def _transport(tls: UpstreamTls | None, proxy_protocol: str) -> v3.TransportSocketDict:
    transport = upstream_tls(tls) if tls is not None else raw_buffer()
    if not proxy_protocol:
        return transport
    if tls is None:
        transport["name"] = "raw_buffer"  # as Istio names it in there; only the type counts
    return with_proxy_header(proxy_protocol, transport)


def _keepalive(keepalive: TcpKeepalive) -> v3.TcpKeepaliveDict:
    spelled: v3.TcpKeepaliveDict = {}
    if keepalive.probes is not None:
        spelled["keepalive_probes"] = {"value": keepalive.probes}
    if keepalive.time_s is not None:
        spelled["keepalive_time"] = {"value": keepalive.time_s}
    if keepalive.interval_s is not None:
        spelled["keepalive_interval"] = {"value": keepalive.interval_s}
    return spelled


def _http_options(http: HttpProtocolOptions, _memo: Memo) -> v3.AnyDict:
    options: v3.HttpProtocolOptionsDict = {}
    common = _common_http(http)
    if common:
        options["common_http_protocol_options"] = common
    if http.error_codes:
        options["outlier_detection"] = {"error_matcher": _any_status(http.error_codes)}
    if http.auto_sni or http.auto_san_validation:
        options["upstream_http_protocol_options"] = {
            "auto_sni": http.auto_sni,
            "auto_san_validation": http.auto_san_validation,
        }
    http2 = _http2(http)
    http1: v3.Http1ProtocolOptionsDict = {}
    if http.preserve_header_case:
        http1["header_key_format"] = preserved_case()
    match http.protocol:
        case "explicit_http1":
            options["explicit_http_config"] = {"http_protocol_options": http1}
        case "explicit_http2":
            options["explicit_http_config"] = {"http2_protocol_options": http2}
        case "use_downstream":
            options["use_downstream_protocol_config"] = {
                "http_protocol_options": http1,
                "http2_protocol_options": http2,
            }
        case "auto":
            options["auto_config"] = {"http_protocol_options": http1, "http2_protocol_options": http2}
    return packed(v3.HttpProtocolOptions(**options))


def _http2(http: HttpProtocolOptions) -> v3.Http2ProtocolOptionsDict:
    spelled: v3.Http2ProtocolOptionsDict = {}
    if http.max_concurrent_streams is not None:
        spelled["max_concurrent_streams"] = {"value": http.max_concurrent_streams}
    if http.keepalive is not None:
        spelled["connection_keepalive"] = _http2_keepalive(http.keepalive)
    return spelled


def _http2_keepalive(keepalive: Http2Keepalive) -> v3.KeepaliveSettingsDict:
    spelled: v3.KeepaliveSettingsDict = {}
    if keepalive.interval is not None:
        spelled["interval"] = duration(keepalive.interval)
    if keepalive.timeout is not None:
        spelled["timeout"] = duration(keepalive.timeout)
    return spelled


def _any_status(codes: tuple[int, ...]) -> v3.MatchPredicateDict:
    """A response with one of the statuses."""
    rules: list[v3.MatchPredicateDict] = [
        {"http_response_headers_match": {"headers": [{"name": ":status", "string_match": {"exact": str(code)}}]}}
        for code in codes
    ]
    return rules[0] if len(rules) == 1 else {"or_match": {"rules": rules}}


def _common_http(http: HttpProtocolOptions) -> v3.CoreHttpProtocolOptionsDict:
    common: v3.CoreHttpProtocolOptionsDict = {}
    if http.idle_timeout is not None:
        common["idle_timeout"] = duration(http.idle_timeout)
    if http.max_connection_duration is not None:
        common["max_connection_duration"] = duration(http.max_connection_duration)
    if http.max_requests_per_connection is not None:
        common["max_requests_per_connection"] = {"value": http.max_requests_per_connection}
    return common
