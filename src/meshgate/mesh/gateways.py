"""Gateways in Istio's order, with host names that say their namespace in full."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshgate.api import Gateway, Labels, Origin, Ref, Resource, Server
from meshgate.mesh.host import intersection
from meshgate.mesh.memo import Memo
from meshgate.mesh.virtual_services import config_order

GATEWAY_SERVICE_ANNOTATION = "internal.istio.io/gateway-service"


class BoundServer(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A server of a Gateway."""

    server: Server
    gateway: str
    """`namespace/name`."""
    hosts: tuple[tuple[str, str], ...]
    """Pairs of the namespace whose VirtualServices are taken (empty: any) and the host."""
    origin: Origin

    def hosts_for(self, namespace: str) -> tuple[str, ...]:
        """The hosts for which VirtualServices of a namespace count."""
        return tuple(dict.fromkeys(host for owner, host in self.hosts if owner in ("", namespace)))

    def common_hosts(self, namespace: str, hosts: Iterable[str]) -> tuple[str, ...]:
        """The hosts that this server and a VirtualService of a namespace have in common, the narrower name of each."""
        return intersection(self.hosts_for(namespace), hosts)


class BoundGateway(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A Gateway."""

    ref: Ref
    creation: str
    servers: tuple[BoundServer, ...]
    selector: Labels = ()
    """Empty: all gateway proxies."""
    services: tuple[str, ...] | None = None
    """Host names of the Services it is bound to by annotation, in its namespace; None: bound by selector."""

    @property
    def name(self) -> str:
        return f"{self.ref.namespace}/{self.ref.name}"


def split_host(host: str, namespace: str) -> tuple[str, str]:
    """Namespace and host of a server's host.

    >>> split_host("./a.com", "shop"), split_host("*/a.com", "shop"), split_host("a.com", "shop")
    (('shop', 'a.com'), ('', 'a.com'), ('', 'a.com'))
    """
    owner, slash, rest = host.rpartition("/")
    if not slash or owner == "*":
        return "", rest.lower()
    return (namespace if owner == "." else owner), rest.lower()


def bind_gateways(resources: Iterable[Resource[Gateway]], memo: Memo) -> tuple[BoundGateway, ...]:
    """All Gateways in Istio's order."""
    ordered = sorted(resources, key=lambda one: config_order(one.meta.creation, one.meta.namespace, one.meta.name))
    return tuple(memo.get(_bind, resource) for resource in ordered)


def _bind(resource: Resource[Gateway]) -> BoundGateway:
    name = f"{resource.meta.namespace}/{resource.meta.name}"
    services = resource.meta.annotation(GATEWAY_SERVICE_ANNOTATION)
    return BoundGateway(
        ref=resource.ref,
        creation=resource.meta.creation,
        selector=resource.spec.selector,
        services=tuple(part.strip() for part in services.split(",")) if services else None,
        servers=tuple(
            BoundServer(
                server=server,
                gateway=name,
                hosts=tuple(split_host(host, resource.meta.namespace) for host in server.hosts),
                origin=resource.origin(f"spec.servers[{place}]"),
            )
            for place, server in enumerate(resource.spec.servers)
        ),
    )
