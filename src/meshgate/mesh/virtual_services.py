"""VirtualServices, ready for use: names in full, delegates merged in, in Istio's order.

Each rule keeps the object and path that it comes from and the namespace in which its short names are meant: after
delegation these are not those of the VirtualService whose hosts it serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.api import Destination, HTTPRoute, Origin, Problem, Ref, Resource, TCPRoute, TLSRoute, VirtualService
from meshgate.mesh.delegation import merge_routes
from meshgate.mesh.facts import Facts
from meshgate.mesh.host import full_name
from meshgate.mesh.memo import Memo
from meshgate.mesh.nearest import Nearest
from meshgate.mesh.problems import missing_reference
from meshgate.mesh.visibility import Export, is_visible, resolve_export

MESH = "mesh"
"""The reserved gateway: all sidecars."""


class HttpRule(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One HTTP rule."""

    route: HTTPRoute
    origin: Origin
    namespace: str


class TcpRule(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One TCP rule."""

    route: TCPRoute
    origin: Origin


class TlsRule(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One TLS rule."""

    route: TLSRoute
    origin: Origin


class BoundVirtualService(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A VirtualService that has hosts of its own."""

    ref: Ref
    creation: str
    hosts: tuple[str, ...]
    """In full and in lower case, as written otherwise."""
    gateways: tuple[str, ...]
    """`namespace/name`, or `mesh`."""
    export: Export
    http: tuple[HttpRule, ...] = ()
    tls: tuple[TlsRule, ...] = ()
    tcp: tuple[TcpRule, ...] = ()
    destinations: tuple[str, ...] = ()
    """In full: the hosts that the rules send to, copies included."""
    semantics: str = ""
    """`internal.istio.io/route-semantics`: `gateway` or `ingress` for what other APIs were turned into."""

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    def is_visible_in(self, namespace: str) -> bool:
        return is_visible(self.export, namespace)


def gateway_name(name: str, namespace: str) -> str:
    """A gateway as a VirtualService names it, in full.

    >>> gateway_name("web", "shop"), gateway_name("./web", "shop"), gateway_name("edge/web", "shop")
    ('shop/web', 'shop/web', 'edge/web')
    >>> gateway_name("mesh", "shop"), gateway_name("web.edge.svc.cluster.local", "shop")
    ('mesh', 'edge/web')
    """
    if name == MESH:
        return name
    if "/" in name:
        owner, rest = name.split("/", 1)
        return f"{namespace if owner == '.' else owner}/{rest}"
    if "." in name:
        # the old form: a full name as that of a Service
        parts = name.split(".")
        return f"{parts[1]}/{parts[0]}"
    return f"{namespace}/{name}"


def config_order(creation: str, namespace: str, name: str) -> tuple[str, str]:
    """Istio's order of objects: oldest first, then by name and namespace (istio:sortConfigByCreationTime)."""
    return creation, f"{name}.{namespace}"


def bind_virtual_services(
    resources: Sequence[Resource[VirtualService]], facts: Facts, default_export: Export, memo: Memo
) -> tuple[tuple[BoundVirtualService, ...], tuple[Problem, ...]]:
    """All VirtualServices with hosts, in Istio's order; IST0101 where a delegate is missing or not visible."""
    ordered = sorted(resources, key=lambda one: config_order(one.meta.creation, one.meta.namespace, one.meta.name))
    delegates = {(one.meta.namespace, one.meta.name): one for one in ordered if not one.spec.hosts}
    problems: list[Problem] = []
    bound = []
    for resource in ordered:
        if resource.spec.hosts:
            rules = _http_rules(resource, delegates, default_export, problems)
            bound.append(memo.get(_bind, resource, rules, facts.config_domain, default_export))
    return tuple(bound), tuple(problems)


def _bind(
    resource: Resource[VirtualService], http: tuple[HttpRule, ...], domain: str, default_export: Export
) -> BoundVirtualService:
    spec, namespace = resource.spec, resource.meta.namespace
    return BoundVirtualService(
        ref=resource.ref,
        creation=resource.meta.creation,
        hosts=tuple(dict.fromkeys(full_name(host, namespace, domain).lower() for host in spec.hosts)),
        gateways=tuple(gateway_name(name, namespace) for name in spec.gateways) or (MESH,),
        export=resolve_export(spec.export_to, namespace, default_export),
        http=http,
        tls=tuple(
            TlsRule(route=rule, origin=resource.origin(f"spec.tls[{place}]")) for place, rule in enumerate(spec.tls)
        ),
        tcp=tuple(
            TcpRule(route=rule, origin=resource.origin(f"spec.tcp[{place}]")) for place, rule in enumerate(spec.tcp)
        ),
        destinations=_destinations(resource, http, domain),
        semantics=resource.meta.annotation("internal.istio.io/route-semantics"),
    )


def _destinations(resource: Resource[VirtualService], http: tuple[HttpRule, ...], domain: str) -> tuple[str, ...]:
    namespace = resource.meta.namespace
    given = [(destination, rule.namespace) for rule in http for destination in http_destinations(rule.route)]
    given += [(one.destination, namespace) for rule in resource.spec.tcp for one in rule.route if one.destination]
    given += [(one.destination, namespace) for rule in resource.spec.tls for one in rule.route if one.destination]
    return tuple(dict.fromkeys(full_name(one.host, owner, domain).lower() for one, owner in given))


def http_destinations(route: HTTPRoute) -> Iterator[Destination]:
    """Where an HTTP rule sends requests and copies of them."""
    yield from (one.destination for one in route.route if one.destination is not None)
    yield from (one.destination for one in route.mirrors if one.destination is not None)
    if route.mirror is not None:
        yield route.mirror


def _http_rules(
    resource: Resource[VirtualService],
    delegates: dict[tuple[str, str], Resource[VirtualService]],
    default_export: Export,
    problems: list[Problem],
) -> tuple[HttpRule, ...]:
    """The rules, each delegating one replaced by the rules of its delegate."""
    rules: list[HttpRule] = []
    namespace = resource.meta.namespace
    for place, route in enumerate(resource.spec.http):
        if route.delegate is None:
            origin = resource.origin(f"spec.http[{place}]")
            rules.append(HttpRule(route=route, origin=origin, namespace=namespace))
            continue
        key = (route.delegate.namespace or namespace, route.delegate.name)
        delegate = delegates.get(key)
        origin = resource.origin(f"spec.http[{place}].delegate")
        if delegate is None:
            names = [name for owner, name in delegates if owner == key[0]]
            text = f'no VirtualService "{key[0]}/{key[1]}" without hosts'
            problems.append(missing_reference(origin, text, Nearest(names).hint(key[1])))
        elif not is_visible(resolve_export(delegate.spec.export_to, key[0], default_export), namespace):
            text = f'VirtualService "{key[0]}/{key[1]}" is not exported to namespace "{namespace}"'
            problems.append(missing_reference(origin, text, "name the namespace in its exportTo"))
        else:
            rules.extend(_delegated(route, delegate))
    return tuple(rules)


def _delegated(root: HTTPRoute, delegate: Resource[VirtualService]) -> list[HttpRule]:
    """The delegate's rules under the root's conditions; those that can never hold are left out."""
    return [
        HttpRule(route=merged, origin=delegate.origin(f"spec.http[{place}]"), namespace=delegate.meta.namespace)
        for place, merged in merge_routes(root, delegate.spec.http)
    ]
