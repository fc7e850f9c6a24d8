"""One fixed name for each message and enum of the API that meshgate uses: `v3.<name>`.

The name is the last part of the full name, or `fixed=Name` where that would be ambiguous. To use another message, add
its name here (and run `make setup` for mypy's stubs). Nested messages and enums need no line:
`v3.Cluster.EdsClusterConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping

_TABLE: Mapping[str, str] = {
    "google.protobuf": """
        Any BoolValue BytesValue DoubleValue Duration Empty FloatValue Int32Value Int64Value ListValue NullValue
        StringValue Struct Timestamp UInt32Value UInt64Value Value""",
    "google.rpc": "RpcStatus=Status",
    "envoy.service.discovery.v3": """
        DeltaDiscoveryRequest DeltaDiscoveryResponse DiscoveryRequest DiscoveryResponse DiscoveryResource=Resource
        ResourceError ResourceName""",
    "envoy.admin.v3": """
        AdminClusters=Clusters AdminListeners=Listeners BootstrapConfigDump ClusterStatus ClustersConfigDump ConfigDump
        EndpointsConfigDump ListenersConfigDump RoutesConfigDump SecretsConfigDump ServerInfo""",
    "envoy.config.bootstrap.v3": """
        Admin Bootstrap ClusterManager LayeredRuntime ListenerManager MemoryAllocatorManager RuntimeLayer""",
    "envoy.config.core.v3": """
        Address AggregatedConfigSource ApiConfigSource ApiVersion AsyncDataSource BackoffStrategy BindConfig CidrRange
        ConfigSource DataSource DnsResolverOptions EnvoyInternalAddress Extension GrpcProtocolOptions GrpcService
        HeaderMap HeaderValue HeaderValueOption HealthCheck HealthStatus Http1ProtocolOptions Http2ProtocolOptions
        CoreHttpProtocolOptions=HttpProtocolOptions HttpUri JsonFormatOptions KeepaliveSettings KeyValue KeyValuePair
        Locality Metadata Node PathConfigSource Pipe ProxyProtocolConfig ProxyProtocolPassThroughTLVs RequestMethod
        RoutingPriority RuntimeDouble RuntimeFeatureFlag RuntimeFractionalPercent RuntimePercent RuntimeUInt32
        SchemeHeaderTransformation SelfConfigSource SocketAddress SocketOption SubstitutionFormatString TcpKeepalive
        TcpProtocolOptions TrafficDirection TransportSocket TypedExtensionConfig UpstreamHttpProtocolOptions""",
    "envoy.config.accesslog.v3": """
        AccessLog AccessLogFilter AndFilter ComparisonFilter DurationFilter ExtensionFilter HeaderFilter MetadataFilter
        NotHealthCheckFilter OrFilter ResponseFlagFilter RuntimeFilter StatusCodeFilter""",
    "envoy.config.cluster.v3": """
        CircuitBreakers Cluster ClusterFilter=Filter LoadBalancingPolicy OutlierDetection TrackClusterStats
        UpstreamConnectionOptions""",
    "envoy.config.common.matcher.v3": "MatchPredicate",
    "envoy.config.endpoint.v3": "ClusterLoadAssignment Endpoint LbEndpoint LocalityLbEndpoints",
    "envoy.config.listener.v3": """
        AdditionalAddress FilterChain FilterChainMatch Listener ListenerFilter ListenerFilterChainMatchPredicate
        NetworkFilter=Filter""",
    "envoy.config.metrics.v3": "HistogramBucketSettings StatsConfig StatsMatcher TagSpecifier",
    "envoy.config.overload.v3": "OverloadAction OverloadManager ResourceMonitor ThresholdTrigger",
    "envoy.config.route.v3": """
        RouteCorsPolicy=CorsPolicy Decorator DirectResponseAction FilterConfig HeaderMatcher HedgePolicy
        InternalRedirectPolicy NonForwardingAction QueryParameterMatcher RedirectAction RetryPolicy Route RouteAction
        RouteConfiguration RouteMatch Tracing Vhds VirtualHost WeightedCluster""",
    "envoy.type.v3": "DoubleRange FractionalPercent HttpStatus Int32Range Int64Range Percent StatusCode TokenBucket",
    "envoy.type.matcher.v3": """
        DoubleMatcher FilterStateMatcher ListMatcher ListStringMatcher MetadataMatcher HttpRequestHeaderMatchInput
        PathMatcher RegexMatchAndSubstitute RegexMatcher StringMatcher ValueMatcher""",
    "envoy.type.http.v3": "Cookie PathTransformation",
    "envoy.type.metadata.v3": "MetadataKey MetadataKind",
    "envoy.type.tracing.v3": "CustomTag",
    "xds.core.v3": "XdsTypedExtensionConfig=TypedExtensionConfig",
    "xds.type.matcher.v3": """
        IPMatcher Matcher ServerNameMatcher XdsListStringMatcher=ListStringMatcher XdsRegexMatcher=RegexMatcher
        XdsStringMatcher=StringMatcher""",
    "xds.type.v3": "TypedStruct",
    "udpa.type.v1": "UdpaTypedStruct=TypedStruct",
    "envoy.extensions.matching.common_inputs.network.v3": """
        ApplicationProtocolInput DestinationIPInput DestinationPortInput DirectSourceIPInput FilterStateInput
        ServerNameInput SourceIPInput SourcePortInput SourceTypeInput TransportProtocolInput""",
    # access logs
    "envoy.extensions.access_loggers.file.v3": "FileAccessLog",
    "envoy.extensions.access_loggers.grpc.v3": """
        CommonGrpcAccessLogConfig HttpGrpcAccessLogConfig TcpGrpcAccessLogConfig""",
    "envoy.service.accesslog.v3": "StreamAccessLogsMessage",
    "envoy.data.accesslog.v3": "AccessLogCommon HTTPAccessLogEntry TCPAccessLogEntry",
    "envoy.extensions.access_loggers.stream.v3": "StderrAccessLog StdoutAccessLog",
    "envoy.extensions.access_loggers.filters.cel.v3": "CelAccessLogFilter=ExpressionFilter",
    "envoy.extensions.formatter.metadata.v3": "MetadataFormatter=Metadata",
    "envoy.extensions.formatter.req_without_query.v3": "ReqWithoutQuery",
    # listener filters
    "envoy.extensions.filters.listener.http_inspector.v3": "HttpInspector",
    "envoy.extensions.filters.listener.original_dst.v3": "OriginalDst",
    "envoy.extensions.filters.listener.original_src.v3": "OriginalSrc",
    "envoy.extensions.filters.listener.proxy_protocol.v3": "ProxyProtocol",
    "envoy.extensions.filters.listener.set_filter_state.v3": "SetFilterStateListenerFilter=Config",
    "envoy.extensions.filters.listener.tls_inspector.v3": "TlsInspector",
    # network filters
    "envoy.extensions.filters.network.connection_limit.v3": "ConnectionLimit",
    "envoy.extensions.filters.network.direct_response.v3": "DirectResponseNetworkFilter=Config",
    "envoy.extensions.filters.network.http_connection_manager.v3": """
        HttpConnectionManager HttpFilter LocalReplyConfig Rds RequestIDExtension ResponseMapper ScopedRoutes""",
    "envoy.extensions.filters.network.mongo_proxy.v3": "MongoProxy",
    "envoy.extensions.filters.network.rbac.v3": "NetworkRBAC=RBAC",
    "envoy.extensions.filters.network.redis_proxy.v3": "RedisProxy",
    "envoy.extensions.filters.network.set_filter_state.v3": "SetFilterStateNetworkFilter=Config",
    "envoy.extensions.filters.network.sni_cluster.v3": "SniCluster",
    "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3": "SniDynamicForwardProxy=FilterConfig",
    "envoy.extensions.filters.network.tcp_proxy.v3": "TcpProxy",
    # HTTP filters
    "envoy.extensions.filters.common.fault.v3": "FaultDelay FaultRateLimit",
    "envoy.extensions.filters.common.set_filter_state.v3": "FilterStateValue",
    "envoy.extensions.filters.http.buffer.v3": "Buffer",
    "envoy.extensions.filters.http.composite.v3": "Composite ExecuteFilterAction",
    "envoy.extensions.filters.http.cors.v3": "Cors CorsPolicy",
    "envoy.extensions.filters.http.dynamic_forward_proxy.v3": """
        DynamicForwardProxyFilter=FilterConfig DynamicForwardProxyPerRoute=PerRouteConfig""",
    "envoy.extensions.filters.http.ext_authz.v3": "ExtAuthz ExtAuthzPerRoute",
    "envoy.extensions.filters.http.fault.v3": "FaultAbort HTTPFault",
    "envoy.extensions.filters.http.grpc_stats.v3": "GrpcStats=FilterConfig",
    "envoy.extensions.filters.http.grpc_web.v3": "GrpcWeb",
    "envoy.extensions.filters.http.header_mutation.v3": "HeaderMutation HeaderMutationPerRoute",
    "envoy.extensions.filters.http.header_to_metadata.v3": "HeaderToMetadata=Config",
    "envoy.extensions.filters.http.jwt_authn.v3": "JwtAuthentication JwtProvider JwtRequirement",
    "envoy.extensions.filters.http.lua.v3": "Lua LuaPerRoute",
    "envoy.extensions.filters.http.rbac.v3": "RBAC RBACPerRoute",
    "envoy.extensions.filters.http.router.v3": "Router",
    "envoy.extensions.filters.http.set_filter_state.v3": "SetFilterStateHttpFilter=Config",
    "envoy.extensions.filters.http.stateful_session.v3": "StatefulSession StatefulSessionPerRoute",
    "envoy.extensions.http.original_ip_detection.xff.v3": "XffConfig",
    "envoy.extensions.http.stateful_session.cookie.v3": "CookieBasedSessionState",
    "envoy.extensions.http.stateful_session.header.v3": "HeaderBasedSessionState",
    "envoy.extensions.http.header_formatters.preserve_case.v3": "PreserveCaseFormatterConfig",
    "envoy.extensions.path.match.uri_template.v3": "UriTemplateMatchConfig",
    "envoy.extensions.path.rewrite.uri_template.v3": "UriTemplateRewriteConfig",
    "envoy.extensions.request_id.uuid.v3": "UuidRequestIdConfig",
    "envoy.extensions.retry.host.omit_host_metadata.v3": "OmitHostMetadataConfig",
    "envoy.extensions.retry.host.previous_hosts.v3": "PreviousHostsPredicate",
    "envoy.extensions.retry.priority.previous_priorities.v3": "PreviousPrioritiesConfig",
    # clusters
    "envoy.extensions.clusters.common.dns.v3": "DnsLookupFamily",
    "envoy.extensions.clusters.dns.v3": "DnsCluster",
    "envoy.extensions.clusters.dynamic_forward_proxy.v3": "DynamicForwardProxyCluster=ClusterConfig",
    "envoy.extensions.common.dynamic_forward_proxy.v3": "DnsCacheCircuitBreakers DnsCacheConfig",
    "envoy.extensions.load_balancing_policies.cluster_provided.v3": "ClusterProvided",
    "envoy.extensions.load_balancing_policies.least_request.v3": "LeastRequest",
    "envoy.extensions.load_balancing_policies.maglev.v3": "Maglev",
    "envoy.extensions.load_balancing_policies.random.v3": "Random",
    "envoy.extensions.load_balancing_policies.ring_hash.v3": "RingHash",
    "envoy.extensions.load_balancing_policies.round_robin.v3": "RoundRobin",
    "envoy.extensions.load_balancing_policies.wrr_locality.v3": "WrrLocality",
    "envoy.extensions.network.dns_resolver.cares.v3": "CaresDnsResolverConfig",
    "envoy.extensions.upstreams.http.v3": "HttpProtocolOptions",
    "envoy.extensions.upstreams.tcp.v3": "TcpUpstreamProtocolOptions=TcpProtocolOptions",
    # transport sockets
    "envoy.extensions.transport_sockets.internal_upstream.v3": "InternalUpstreamTransport",
    "envoy.extensions.transport_sockets.proxy_protocol.v3": "ProxyProtocolUpstreamTransport",
    "envoy.extensions.transport_sockets.raw_buffer.v3": "RawBuffer",
    "envoy.extensions.transport_sockets.tls.v3": """
        CertificateValidationContext CommonTlsContext DownstreamTlsContext GenericSecret SdsSecretConfig Secret
        SubjectAltNameMatcher TlsCertificate TlsParameters UpstreamTlsContext""",
    # the process itself
    "envoy.extensions.bootstrap.internal_listener.v3": "InternalListener",
    "envoy.extensions.resource_monitors.downstream_connections.v3": "DownstreamConnectionsConfig",
    "envoy.extensions.resource_monitors.fixed_heap.v3": "FixedHeapConfig",
}


def _fixed_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for package, text in _TABLE.items():
        for entry in text.split():
            fixed, _, name = entry.partition("=")
            assert fixed not in names, f"two messages under the name {fixed}"
            names[fixed] = f"{package}.{name or fixed}"
    return names


NAMES: Mapping[str, str] = _fixed_names()
"""Fixed name to full name."""
