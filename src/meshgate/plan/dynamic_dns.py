"""Wildcard hosts whose every name is looked up when it is called (`resolution: DYNAMIC_DNS`).

HTTP is looked up by the request's host, TLS by its SNI: a filter asks a DNS cache before the connection is made, and a
cluster takes the address from the cache of the same name. A client can put any name below the wildcard there, but none
outside of it: routes and filter chains match first. As in Istio this is for sidecars; a gateway's cluster is there, but
no filter looks anything up for it. (istio:pilot/pkg/networking/core/networkfilter.go#buildSNIDFPFilter)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshgate.mesh import MeshService, Port, Protocol, Resolving
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.dns import resolver
from meshgate.plan.values import ClusterPlan, DynamicForwardProxySettings, SniLookup, TcpProxyPlan


def is_looked_up(service: MeshService, port: Port) -> bool:
    """Whether names of the service are looked up when they are called. What says no name on the wire can't be."""
    if service.resolving is not Resolving.DYNAMIC_DNS:
        return False
    return port.protocol.is_http or port.protocol is Protocol.TLS


def dynamic_cluster(base: ClusterPlan, service: MeshService, client: Client) -> ClusterPlan:
    """The cluster of a port that is looked up."""
    cache = names.dns_cache(service.hostname)
    return msgspec.structs.replace(
        base,
        type="DYNAMIC_FORWARD_PROXY",
        lb_policy="CLUSTER_PROVIDED",
        dynamic_forward_proxy=DynamicForwardProxySettings(dns_cache=cache, resolver=resolver(client)),
    )


def http_caches(services: Iterable[MeshService], number: int) -> tuple[str, ...]:
    """The caches that HTTP on a port needs, sorted; 0 stands for all ports."""
    return tuple(
        sorted(
            names.dns_cache(service.hostname)
            for service in services
            if any(
                is_looked_up(service, port) and port.protocol.is_http and number in (0, port.number)
                for port in service.ports
            )
        )
    )


def with_sni_lookup(proxy: TcpProxyPlan, service: MeshService | None, number: int) -> TcpProxyPlan:
    """The proxy of connections to a port of a service, which may have to be looked up first."""
    port = service.port_numbered(number) if service is not None else None
    if service is None or port is None or port.protocol is not Protocol.TLS or not is_looked_up(service, port):
        return proxy
    return msgspec.structs.replace(
        proxy, sni_lookup=SniLookup(dns_cache=names.dns_cache(service.hostname), port=number)
    )
