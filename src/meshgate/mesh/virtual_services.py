"""VirtualServices, ready for use: names in full, delegates merged in, in Istio's order.

Each rule keeps the object and path that it comes from and the namespace in which its short names are meant: after
delegation these are not those of the VirtualService whose hosts it serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.api import (
    Delegate,
    Destination,
    HTTPRoute,
    Origin,
    Problem,
    Ref,
    Resource,
    TCPRoute,
    TLSRoute,
    VirtualService,
    codes,
)
from meshgate.mesh.delegation import in_full, merge_routes
from meshgate.mesh.facts import Facts
from meshgate.mesh.host import MESH, full_name, gateway_name
from meshgate.mesh.memo import Memo
from meshgate.mesh.nearest import Nearest
from meshgate.mesh.problems import at, missing_reference, warning
from meshgate.mesh.visibility import Export, is_visible, resolve_export


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
    is_tls_route: bool = False
    """Made of a TLSRoute: its TLS rules are for servers that take TLS off, too."""

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    def is_visible_in(self, namespace: str) -> bool:
        return is_visible(self.export, namespace)


def config_order(creation: str, namespace: str, name: str) -> tuple[str, str]:
    """Istio's order of objects: oldest first, then by name and namespace (istio:sortConfigByCreationTime)."""
    return creation, f"{name}.{namespace}"


def bind_virtual_services(
    resources: Sequence[Resource[VirtualService]], facts: Facts, default_export: Export, memo: Memo
) -> tuple[tuple[BoundVirtualService, ...], tuple[Problem, ...]]:
    """All VirtualServices with hosts, in Istio's order. IST0101 where a delegate is missing or not visible, MG0109 and
    MG0110 for what a delegate says in vain."""
    ordered = sorted(resources, key=lambda one: config_order(one.meta.creation, one.meta.namespace, one.meta.name))
    delegates = _Delegates(ordered, facts.config_domain, default_export, memo)
    bound = tuple(
        memo.get(_bind, resource, delegates.http_rules(resource), facts.config_domain, default_export)
        for resource in ordered
        if resource.spec.hosts
    )
    return bound, (*delegates.problems, *delegates.unused())


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
        is_tls_route=resource.meta.annotation("internal.istio.io/parents").startswith("TLSRoute/"),
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


class _Delegates:
    """The VirtualServices that others delegate to."""

    def __init__(
        self, resources: Sequence[Resource[VirtualService]], domain: str, default_export: Export, memo: Memo
    ) -> None:
        self._found = {(one.meta.namespace, one.meta.name): one for one in resources if not one.spec.hosts}
        self._used: set[tuple[str, str]] = set()
        self._domain = domain
        self._default_export = default_export
        self._memo = memo
        self.problems: list[Problem] = []

    def http_rules(self, resource: Resource[VirtualService]) -> tuple[HttpRule, ...]:
        """The rules of a VirtualService, each delegating one replaced by the rules of its delegate."""
        rules: list[HttpRule] = []
        for place, route in enumerate(resource.spec.http):
            origin = resource.origin(f"spec.http[{place}]")
            if route.delegate is None:
                rules.append(HttpRule(route=route, origin=origin, namespace=resource.meta.namespace))
                continue
            delegate = self._delegate_of(route.delegate, at(origin, "delegate"))
            if delegate is not None:
                found, problems = self._memo.get(_delegated, route, origin, delegate, self._domain)
                rules += found
                self.problems += problems
        return tuple(rules)

    def _delegate_of(self, named: Delegate, origin: Origin) -> Resource[VirtualService] | None:
        """The delegate, if it is there and may be seen."""
        namespace = origin.ref.namespace
        key = (named.namespace or namespace, named.name)
        self._used.add(key)
        found = self._found.get(key)
        if found is None:
            names = [name for owner, name in self._found if owner == key[0]]
            text = f'no VirtualService "{key[0]}/{key[1]}" without hosts'
            self.problems.append(missing_reference(origin, text, Nearest(names).hint(key[1])))
        elif not is_visible(resolve_export(found.spec.export_to, key[0], self._default_export), namespace):
            text = f'VirtualService "{key[0]}/{key[1]}" is not exported to namespace "{namespace}"'
            self.problems.append(missing_reference(origin, text, "name the namespace in its exportTo"))
            return None
        return found

    def unused(self) -> Iterator[Problem]:
        """Delegates to which nobody delegates."""
        for key, resource in self._found.items():
            if key not in self._used:
                text = "it has no hosts, and no VirtualService delegates to it"
                yield warning(codes.UNUSED_DELEGATE, resource.origin("spec"), text, "give it hosts, or delegate to it")


def _delegated(
    route: HTTPRoute, origin: Origin, delegate: Resource[VirtualService], domain: str
) -> tuple[tuple[HttpRule, ...], tuple[Problem, ...]]:
    """The delegate's rules under the root's conditions, and a problem for each that is left out."""
    namespace = delegate.meta.namespace
    root = in_full(route, origin.ref.namespace, domain)
    leaves = tuple(in_full(rule, namespace, domain) for rule in delegate.spec.http)
    rules, problems = [], []
    for place, merged in merge_routes(root, leaves):
        own = delegate.origin(f"spec.http[{place}]")
        if merged is not None:
            rules.append(HttpRule(route=merged, origin=own, namespace=namespace))
            continue
        text = f"this rule asks for something outside of the match of {origin}, which delegates to it: it is left out"
        hint = "each match must be narrower than one of the root; expressions on both sides never are"
        problems.append(warning(codes.DELEGATE_OUTSIDE_ROOT, at(own, "match"), text, hint))
    return tuple(rules), tuple(problems)
