"""The HTTP rules of a VirtualService as routes, for one kind of proxy and one port.

Rules that are not for this proxy or port are left out, and so is all that stands behind one that takes everything.
(istio:pilot/pkg/networking/core/route/route.go#BuildHTTPRoutesForVirtualService)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal, cast

from msgspec import Struct

from meshgate.api import HTTPMatchRequest, HTTPRedirect, HTTPRetry, HTTPRoute, Labels, Origin, RedirectPort
from meshgate.mesh import BoundVirtualService, HttpRule, at
from meshgate.plan import names
from meshgate.plan.destinations import Destinations
from meshgate.plan.hashing import hash_policies
from meshgate.plan.retries import retry_policy
from meshgate.plan.route_extras import (
    cors,
    fault,
    header_authority,
    header_operations,
    joined_operations,
    per_million,
    rewrite,
)
from meshgate.plan.route_matches import is_catch_all, is_for_source, route_match
from meshgate.plan.values import (
    DirectResponseAction,
    ForwardAction,
    HashPolicy,
    HeaderOperations,
    MirrorPlan,
    PathExact,
    PathPrefix,
    PathRegex,
    RedirectAction,
    RouteAction,
    RouteMatch,
    RoutePlan,
    WeightedCluster,
)

NO_TIMEOUT = timedelta(0)


class RouteContext(Struct, frozen=True, kw_only=True, cache_hash=True):
    """For whom and for which port rules are translated."""

    namespace: str
    """Of the proxy."""
    labels: Labels
    gateways: frozenset[str]
    """The gateways that the proxy stands for here; `mesh` for sidecars."""
    port: int
    """The port that is called: a gateway server's own number, not the one that is listened on."""
    is_tls: bool = False
    domain: str = ""
    """Of short host names."""
    default_retry: HTTPRetry | None = None


def routes_of(
    virtual_service: BoundVirtualService, context: RouteContext, destinations: Destinations
) -> tuple[RoutePlan, ...]:
    """The routes, in the order in which they are tried."""
    translation = _Translation(virtual_service, context, destinations)
    routes: list[RoutePlan] = []
    for route in translation.routes():
        routes.append(route)
        if is_catch_all(route):
            break
    return tuple(routes)


class _Translation:
    """One VirtualService for one context."""

    def __init__(self, virtual_service: BoundVirtualService, context: RouteContext, destinations: Destinations) -> None:
        self._virtual_service = virtual_service
        self._context = context
        self._destinations = destinations
        self._separated = virtual_service.semantics in ("gateway", "ingress")

    def routes(self) -> Iterator[RoutePlan]:
        for rule in self._virtual_service.http:
            if not rule.route.match:
                yield self._route(rule, None, rule.origin)
            for place, match in enumerate(rule.route.match):
                if self._applies(match, rule):
                    yield self._route(rule, match, at(rule.origin, f"match[{place}]"))

    def _applies(self, match: HTTPMatchRequest, rule: HttpRule) -> bool:
        context = self._context
        return match.port in (0, context.port) and is_for_source(
            match.gateways,
            match.source_labels,
            match.source_namespace,
            namespace=rule.namespace,
            own_gateways=context.gateways,
            client=(context.namespace, context.labels),
        )

    def _route(self, rule: HttpRule, match: HTTPMatchRequest | None, origin: Origin) -> RoutePlan:
        given = rule.route
        headers = header_operations(given.headers)
        action, headers = self._action(rule, headers)
        matched = route_match(match, separated_prefixes=self._separated)
        return RoutePlan(
            name=f"{given.name}.{match.name}" if match and match.name else given.name,
            match=matched,
            action=action,
            headers=headers,
            fault=fault(given.fault),
            cors=cors(given.cors_policy),
            operation=self._operation(matched, action),
            config=names.config_path(self._virtual_service.ref),
            origin=origin,
        )

    def _action(self, rule: HttpRule, headers: HeaderOperations | None) -> tuple[RouteAction, HeaderOperations | None]:
        given = rule.route
        if given.redirect is not None:
            return redirect(given.redirect, self._context), headers
        if given.direct_response is not None:
            response = given.direct_response
            return DirectResponseAction(status=response.status, body=response.body), headers
        clusters, own_headers = self._clusters(rule)
        if len(clusters) == 1:
            headers = joined_operations(headers, own_headers)
        return self._forward(rule, clusters), headers

    def _clusters(self, rule: HttpRule) -> tuple[tuple[WeightedCluster, ...], HeaderOperations | None]:
        """The destinations that get anything; with a single one its header operations are the route's."""
        context = self._context
        given = [(one, one.destination) for one in rule.route.route if one.destination is not None]
        if len(given) > 1:
            given = [(one, destination) for one, destination in given if one.weight > 0]
        single = len(given) == 1
        # a rewrite of the rule goes before what a destination sets; header operations of the rule do so only where the
        # route has one destination: Envoy takes a weighted cluster's own rewrite first
        hides = bool(_rule_authority(rule.route) if single else rule.route.rewrite and rule.route.rewrite.authority)
        clusters = tuple(
            WeightedCluster(
                cluster=self._destinations.cluster(destination, rule.namespace, context.domain, context.port),
                weight=1 if single else one.weight,
                headers=None if single else header_operations(one.headers),
                host_rewrite="" if hides else header_authority(one.headers),
            )
            for one, destination in given
        )
        if not clusters:
            return (WeightedCluster(cluster=names.BLACK_HOLE, weight=1),), None
        return clusters, header_operations(given[0][0].headers) if single else None

    def _forward(self, rule: HttpRule, clusters: tuple[WeightedCluster, ...]) -> ForwardAction:
        given = rule.route
        timeout = given.timeout or NO_TIMEOUT
        hashes = self._hashes(rule)
        authority = _rule_authority(given)
        single = clusters[0] if len(clusters) == 1 else None
        return ForwardAction(
            clusters=(WeightedCluster(cluster=single.cluster, weight=1),) if single else clusters,
            timeout=timeout,
            max_grpc_timeout=timeout,
            retry=retry_policy(given.retries, self._context.default_retry, hashed=bool(hashes)),
            rewrite=rewrite(given.rewrite),
            host_rewrite=authority or (single.host_rewrite if single else ""),
            mirrors=tuple(self._mirrors(rule)),
            hash_policies=hashes,
        )

    def _hashes(self, rule: HttpRule) -> tuple[HashPolicy, ...]:
        domain = self._context.domain
        found = (
            self._destinations.hash_of(one.destination, rule.namespace, domain)
            for one in rule.route.route
            if one.destination is not None
        )
        return tuple(dict.fromkeys(policy for settings in found for policy in hash_policies(settings)))

    def _mirrors(self, rule: HttpRule) -> Iterator[MirrorPlan]:
        """`mirror`, then `mirrors`; a share of 0 is none."""
        given, context = rule.route, self._context
        pairs = [(given.mirror, given.mirror_percentage), *((one.destination, one.percentage) for one in given.mirrors)]
        for destination, percentage in pairs:
            share = 1_000_000 if percentage is None else per_million(percentage)
            if destination is not None and share:
                cluster = self._destinations.cluster(destination, rule.namespace, context.domain, context.port)
                yield MirrorPlan(cluster=cluster, per_million=share)

    def _operation(self, match: RouteMatch, action: RouteAction) -> str:
        """The name of the operation in traces: host and port of the only destination, else the VirtualService."""
        path = operation_path(match)
        if isinstance(action, ForwardAction) and len(action.clusters) == 1:
            parsed = names.parse_cluster(action.clusters[0].cluster)
            if parsed is not None:
                return f"{parsed[3]}:{parsed[1]}{path}"
        return f"{self._virtual_service.ref.name}:{self._context.port}{path}"


def _rule_authority(given: HTTPRoute) -> str:
    """The authority that the rule as a whole sets."""
    return (given.rewrite.authority if given.rewrite else "") or header_authority(given.headers)


def operation_path(match: RouteMatch) -> str:
    """The path in an operation's name."""
    match match.path:
        case PathPrefix(value=value):
            return f"{value}*"
        case PathExact(value=value) | PathRegex(value=value):
            return value
    return "/*"


def redirect(given: HTTPRedirect, context: RouteContext) -> RedirectAction:
    """A redirect. The port is left out where it is the scheme's own."""
    port = given.port or 0
    if given.derive_port is RedirectPort.FROM_REQUEST_PORT:
        port = context.port
    scheme = given.scheme or ("https" if context.is_tls else "http")
    if (port, scheme) in ((80, "http"), (443, "https")):
        port = 0
    return RedirectAction(
        host=given.authority,
        path=given.uri,
        prefix=given.prefix_rewrite,
        scheme=given.scheme,
        port=port,
        code=cast("Literal[301, 302, 303, 307, 308]", given.redirect_code or 301),
    )
