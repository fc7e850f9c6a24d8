"""`virtualOutbound`: where capture sends every outgoing connection, to be handed on by its original destination.

Its own chains take what no other listener takes. Nobody may call the port itself: that would loop.
(istio:pilot/pkg/networking/core/listener_builder.go#buildVirtualOutboundListener)
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import OutboundMode
from meshgate.mesh import Protocol
from meshgate.plan import names
from meshgate.plan.access_logs import listener_access_logs
from meshgate.plan.client import Client
from meshgate.plan.http_managers import outbound_manager
from meshgate.plan.inspectors import inspectors
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.proxy_headers import with_attempt_counts
from meshgate.plan.sidecar_routes import catch_all
from meshgate.plan.tcp_filters import catch_all_proxy, plain_tcp_proxy
from meshgate.plan.values import (
    FilterChainMatch,
    FilterChainPlan,
    ListenerPlan,
    RouteConfigurationPlan,
    SocketAddress,
)


def virtual_outbound(client: Client, settings: OutboundSettings) -> ListenerPlan:
    """The listener."""
    mesh = settings.mesh
    chains = tuple(_chains(settings))
    address = names.WILDCARD if client.has_ipv4 else names.WILDCARD_V6
    return ListenerPlan(
        name=names.VIRTUAL_OUTBOUND,
        address=SocketAddress(address=address, port=mesh.proxy_listen_port),
        filter_chains=chains,
        listener_filters=inspectors(chains),
        direction="OUTBOUND",
        use_original_dst=True,
        max_connections_per_socket_event=1,
        access_logs=listener_access_logs(mesh),
    )


def _chains(settings: OutboundSettings) -> Iterator[FilterChainPlan]:
    mesh = settings.mesh
    yield FilterChainPlan(
        name=names.VIRTUAL_OUTBOUND_BLACK_HOLE,
        match=FilterChainMatch(destination_port=mesh.proxy_listen_port),
        filters=(plain_tcp_proxy(mesh, names.BLACK_HOLE, logged=False),),
    )
    if settings.mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS:
        stat_prefix = names.outbound_stat_prefix(f"{names.VIRTUAL_OUTBOUND}_{names.ALLOW_ANY_DYNAMIC_DNS}")
        routes = RouteConfigurationPlan(
            name=names.ALLOW_ANY_DYNAMIC_DNS, virtual_hosts=with_attempt_counts((catch_all(settings),), mesh)
        )
        yield FilterChainPlan(
            name=names.VIRTUAL_OUTBOUND_CATCH_ALL_HTTP,
            match=FilterChainMatch(application_protocols=names.PLAINTEXT_HTTP_ALPN),
            filters=(outbound_manager(settings, stat_prefix, routes, Protocol.UNSUPPORTED),),
        )
    yield FilterChainPlan(
        name=names.VIRTUAL_OUTBOUND_CATCH_ALL,
        filters=(catch_all_proxy(settings),),
    )
