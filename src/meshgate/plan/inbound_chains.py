"""`virtualInbound`: where capture sends every incoming connection; chains for each port that the workload serves.

Ports that belong to no service pass through, with the TLS that the workload's policies ask of them. Nobody may call the
listener's own port: that would loop. Which chains a port has is in `inbound_shapes.py`, what TLS they end in
`identity.py`. (istio:pilot/pkg/networking/core/listener_inbound.go)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from meshgate.api import MeshConfig, Origin, Problem, codes
from meshgate.mesh import MtlsMode, Protocol, ServiceTarget, WorkloadMtls, at, warning
from meshgate.plan import names
from meshgate.plan.access_logs import listener_access_logs
from meshgate.plan.gateway_tls import is_passed_through, server_tls
from meshgate.plan.http_managers import inbound_manager
from meshgate.plan.http_routes import NO_TIMEOUT
from meshgate.plan.identity import inbound_tls
from meshgate.plan.inbound_shapes import Shape, inbound_shapes
from meshgate.plan.inspectors import inspectors, inspectors_by_port
from meshgate.plan.retries import inbound_retry_policy
from meshgate.plan.tcp_filters import plain_tcp_proxy, tcp_stack
from meshgate.plan.values import (
    DownstreamTls,
    FilterChainMatch,
    FilterChainPlan,
    ForwardAction,
    ListenerPlan,
    NetworkFilter,
    OriginalDstFilter,
    RouteConfigurationPlan,
    RouteMatch,
    RoutePlan,
    SocketAddress,
    VirtualHostPlan,
    WeightedCluster,
)


class Delivery(Struct, frozen=True, kw_only=True):
    """What the chains of one port are called and where they lead."""

    tcp_name: str
    http_name: str
    cluster: str
    stat_prefix: str
    virtual_host: str
    operation: str
    port: int | None = None
    target: ServiceTarget | None = None

    @property
    def retries(self) -> bool:
        """A gRPC stream that was reset is not sent again."""
        return self.target is None or self.target.port.protocol not in (Protocol.GRPC, Protocol.GRPC_WEB)


def first_of_each_port(targets: Iterable[ServiceTarget]) -> tuple[ServiceTarget, ...]:
    """Of several services behind one port of the workload the first, which is the oldest, decides its protocol."""
    found: dict[int, ServiceTarget] = {}
    for target in targets:
        found.setdefault(target.target, target)
    return tuple(found[port] for port in sorted(found))


def virtual_inbound(
    mesh: MeshConfig, mtls: WorkloadMtls, address: str, targets: tuple[ServiceTarget, ...]
) -> ListenerPlan:
    """The listener. `address` is the wildcard address to listen on."""
    served = first_of_each_port(targets)
    chains = [_black_hole(mesh), *_passthrough_chains(mesh, mtls, {target.target for target in served})]
    for target in served:
        if not is_bound(target):
            chains += _target_chains(mesh, mtls, target)
    return ListenerPlan(
        name=names.VIRTUAL_INBOUND,
        address=SocketAddress(address=address, port=mesh.proxy_inbound_listen_port),
        filter_chains=tuple(chains),
        listener_filters=(OriginalDstFilter(), *inspectors_by_port(chains)),
        direction="INBOUND",
        listener_filters_timeout=mesh.protocol_detection_timeout,
        continue_on_listener_filters_timeout=True,
        max_connections_per_socket_event=1,
        access_logs=listener_access_logs(mesh),
    )


def is_bound(target: ServiceTarget) -> bool:
    """Whether the port has a listener of its own."""
    return target.ingress is not None and target.ingress.is_bound


def bound_listeners(
    mesh: MeshConfig, mtls: WorkloadMtls, targets: tuple[ServiceTarget, ...]
) -> tuple[ListenerPlan, ...]:
    """The listeners of ports that are called at their own addresses (`captureMode: NONE`)."""
    return tuple(_bound_listener(mesh, mtls, target) for target in first_of_each_port(targets) if is_bound(target))


def _bound_listener(mesh: MeshConfig, mtls: WorkloadMtls, target: ServiceTarget) -> ListenerPlan:
    assert target.ingress is not None, "only ingress listeners are bound"
    chains = tuple(_target_chains(mesh, mtls, target))
    return ListenerPlan(
        name=names.listener(target.ingress.bind, target.target),
        address=SocketAddress(address=target.ingress.bind, port=target.target),
        filter_chains=chains,
        listener_filters=inspectors(chains),
        direction="INBOUND",
        listener_filters_timeout=mesh.protocol_detection_timeout,
        continue_on_listener_filters_timeout=True,
        access_logs=listener_access_logs(mesh),
        origin=target.ingress.origin,
    )


def unused_tls(mtls: WorkloadMtls, targets: tuple[ServiceTarget, ...]) -> tuple[Problem, ...]:
    """MG0161: TLS of a Sidecar where the mesh's own is on."""
    found = ((target.ingress, mtls.of(target.target)) for target in targets if target.ingress is not None)
    return tuple(
        warning(
            codes.INGRESS_TLS_UNUSED,
            at(ingress.origin, "tls"),
            f"the port takes the mesh's mutual TLS ({mode.value}), so this TLS is not used",
            "a PeerAuthentication with portLevelMtls DISABLE for the port leaves TLS to the Sidecar",
        )
        for ingress, mode in found
        if ingress.tls is not None and ingress.origin is not None and mode is not MtlsMode.DISABLE
    )


def _target_chains(mesh: MeshConfig, mtls: WorkloadMtls, target: ServiceTarget) -> Iterator[FilterChainPlan]:
    """The chains of a port. The TLS of a Sidecar is for where the mesh's own is off, as in Istio."""
    tls = inbound_tls(mesh, mtls.of(target.target))
    own = target.ingress.tls if target.ingress is not None else None
    if own is None or is_passed_through(own):
        return _chains(mesh, tls.tls, inbound_shapes(tls.mode, target.port.protocol), _to_service(target))
    protocol = Protocol.HTTP if target.port.protocol is Protocol.HTTPS else Protocol.TCP
    if tls.mode is not MtlsMode.DISABLE:
        return _chains(mesh, tls.tls, inbound_shapes(tls.mode, protocol), _to_service(target))
    shape = Shape(http=protocol.is_http, transport="tls", terminates=True)
    return _chains(mesh, server_tls(own, mesh), (shape,), _to_service(target))


def _black_hole(mesh: MeshConfig) -> FilterChainPlan:
    return FilterChainPlan(
        name=names.VIRTUAL_INBOUND_BLACK_HOLE,
        match=FilterChainMatch(destination_port=mesh.proxy_inbound_listen_port),
        filters=(plain_tcp_proxy(mesh, names.BLACK_HOLE, logged=False),),
    )


def _passthrough_chains(mesh: MeshConfig, mtls: WorkloadMtls, served: Collection[int]) -> Iterator[FilterChainPlan]:
    """Of all ports, and of those that have a setting of their own though no service has them."""
    unserved = [(port, mode) for port, mode in mtls.ports if port not in served]
    for port, mode in ((None, mtls.mode), *unserved):
        shapes = inbound_shapes(mode, Protocol.UNSUPPORTED)
        yield from _chains(mesh, inbound_tls(mesh, mode).tls, shapes, _passthrough(port))


def _passthrough(port: int | None = None) -> Delivery:
    return Delivery(
        port=port,
        tcp_name=names.VIRTUAL_INBOUND,
        http_name=names.VIRTUAL_INBOUND_CATCH_ALL_HTTP,
        cluster=names.INBOUND_PASSTHROUGH,
        stat_prefix=f"{names.INBOUND_PASSTHROUGH}{names.END_OF_STAT_NAME}",
        virtual_host=names.inbound_virtual_host(0),
        operation=":0/*",
    )


def _to_service(target: ServiceTarget) -> Delivery:
    bind = target.ingress.bind if target.ingress is not None else ""
    called = target.ingress.called if target.ingress is not None else ""
    name = names.listener(bind or names.WILDCARD, target.target)
    return Delivery(
        tcp_name=name,
        http_name=name,
        cluster=names.inbound_cluster(target.target),
        stat_prefix=names.inbound_stat_prefix(name),
        virtual_host=names.inbound_virtual_host(target.port.number),
        operation=f"{called or target.service.hostname}:{target.port.number}/*",
        port=None if is_bound(target) else target.target,
        target=target,
    )


def _chains(
    mesh: MeshConfig, tls: DownstreamTls | None, shapes: Iterable[Shape], delivery: Delivery
) -> Iterator[FilterChainPlan]:
    for shape in shapes:
        yield FilterChainPlan(
            name=delivery.http_name if shape.http else delivery.tcp_name,
            match=FilterChainMatch(
                destination_port=delivery.port,
                transport_protocol=shape.transport,
                application_protocols=shape.application_protocols,
            ),
            filters=_filters(mesh, delivery, http=shape.http),
            tls=tls if shape.terminates else None,
            origin=_origin(delivery.target) if delivery.target else None,
        )


def _origin(target: ServiceTarget) -> Origin:
    """The object that opens the port."""
    said = target.ingress.origin if target.ingress is not None else None
    return said or target.service.origin


def _filters(mesh: MeshConfig, delivery: Delivery, *, http: bool) -> tuple[NetworkFilter, ...]:
    protocol = delivery.target.port.protocol if delivery.target else Protocol.UNSUPPORTED
    if not http:
        return tcp_stack(protocol, plain_tcp_proxy(mesh, delivery.cluster))
    return (inbound_manager(mesh, delivery.stat_prefix, _routes(mesh, delivery), protocol),)


def _routes(mesh: MeshConfig, delivery: Delivery) -> RouteConfigurationPlan:
    """One route for everything: what comes in has been routed by the client's proxy already."""
    route = RoutePlan(
        name=names.DEFAULT_ROUTE,
        match=RouteMatch(),
        action=ForwardAction(
            clusters=(WeightedCluster(cluster=delivery.cluster, weight=1),),
            max_stream_duration=NO_TIMEOUT,
            retry=inbound_retry_policy(mesh.default_inbound_http_retry_policy) if delivery.retries else None,
        ),
        operation=delivery.operation,
    )
    host = VirtualHostPlan(
        name=delivery.virtual_host, domains=("*",), routes=(route,), include_request_attempt_count=False
    )
    return RouteConfigurationPlan(
        name=delivery.cluster,
        virtual_hosts=(host,),
        ignore_port_in_host=False,
        max_direct_response_body_size_bytes=None,
    )
