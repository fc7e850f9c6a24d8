"""Where proxies elsewhere join: TLS ends at the edge Envoy, and a gRPC server of ours is behind it on a Unix socket.

Clients are asked for a certificate and may do without. What a verified one says goes on in
`x-forwarded-client-cert`, which is written anew: no client can say it by itself. Calls are for Istio's certificate
service and for ADS; everything else is not found. Streams last for days, so no time limits them.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from meshgate.plan.values import (
    ClientCertificateDetails,
    ClusterPlan,
    DownstreamTls,
    EndpointPlan,
    FilterChainPlan,
    ForwardAction,
    HttpConnectionManagerPlan,
    HttpProtocolOptions,
    ListenerPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PathPrefix,
    PeerValidation,
    PipeAddress,
    RouteConfigurationPlan,
    RouteMatch,
    RoutePlan,
    RouterFilter,
    SecretReference,
    SocketAddress,
    TlsParameters,
    VirtualHostPlan,
    WeightedCluster,
)
from meshgate.proto.certificates import SERVICE

CLUSTER = "joining"
CERTIFICATE = SecretReference(name="default")
"""The edge's own: not a workload's, but one for the names by which the control plane is called."""
ROOTS = SecretReference(name="ROOTCA")
_SERVICES = (SERVICE, "envoy.service.discovery.v3.AggregatedDiscoveryService")
_NO_LIMIT = timedelta(0)


class JoiningPort(Struct, frozen=True, kw_only=True, order=True):
    """A port of the host, and the socket of the server behind it as the edge sees it."""

    address: str
    port: int
    socket: str


def joining_listener(port: JoiningPort) -> ListenerPlan:
    """The listener."""
    tls = DownstreamTls(
        certificates=(CERTIFICATE,),
        validation=PeerValidation(roots=ROOTS),
        require_client_certificate=False,
        alpn=("h2",),
        parameters=TlsParameters(minimum_version="TLSv1_2"),
    )
    manager = HttpConnectionManagerPlan(
        stat_prefix=CLUSTER,
        routes=_routes(),
        http_filters=(RouterFilter(),),
        codec="HTTP2",
        use_remote_address=True,
        forward_client_certificate="SANITIZE_SET",
        client_certificate_details=ClientCertificateDetails(uri=True),
        upgrades=(),
    )
    return ListenerPlan(
        name=f"{port.address}_{port.port}",
        address=SocketAddress(address=port.address, port=port.port),
        filter_chains=(FilterChainPlan(filters=(manager,), tls=tls),),
    )


def _routes() -> RouteConfigurationPlan:
    routes = tuple(
        RoutePlan(
            name=service,
            match=RouteMatch(path=PathPrefix(value=f"/{service}/")),
            action=ForwardAction(clusters=(WeightedCluster(cluster=CLUSTER, weight=1),), max_stream_duration=_NO_LIMIT),
        )
        for service in _SERVICES
    )
    host = VirtualHostPlan(name=CLUSTER, domains=("*",), routes=routes, include_request_attempt_count=False)
    return RouteConfigurationPlan(name=CLUSTER, virtual_hosts=(host,))


def joining_cluster(port: JoiningPort) -> ClusterPlan:
    """The server behind it."""
    endpoint = EndpointPlan(address=PipeAddress(path=port.socket))
    return ClusterPlan(
        name=CLUSTER,
        type="STATIC",
        http=HttpProtocolOptions(protocol="explicit_http2"),
        load_assignment=LoadAssignmentPlan(cluster=CLUSTER, localities=(LocalityEndpoints(endpoints=(endpoint,)),)),
    )
