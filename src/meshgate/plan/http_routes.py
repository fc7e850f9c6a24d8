"""The HTTP rules of a VirtualService as routes, for one kind of proxy and one port.

Rules that are not for this proxy or port are left out, and so is all that stands behind one that takes everything.
(istio:pilot/pkg/networking/core/route/route.go#BuildHTTPRoutesForVirtualService)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal, cast

from msgspec import Struct

from meshgate.api import (
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRetry,
    HTTPRoute,
    HTTPRouteDestination,
    Labels,
    Origin,
    RedirectPort,
)
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
    appends_forwarded_host: bool = False


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
            stat_prefix=match.stat_prefix if match else "",
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
        return self._forward(rule, clusters), joined_operations(headers, own_headers)

    def _clusters(self, rule: HttpRule) -> tuple[tuple[WeightedCluster, ...], HeaderOperations | None]:
        """The destinations that get anything; with a single one its header operations are the route's."""
        if len(rule.route.route) == 1:
            return self._single_cluster(rule, rule.route.route[0])
        clusters = tuple(
            WeightedCluster(
                cluster=self._cluster(rule, one),
                weight=one.weight,
                headers=header_operations(one.headers),
                host_rewrite=header_authority(one.headers),
            )
            for one in _taken(rule.route)
        )
        return clusters or (WeightedCluster(cluster=names.BLACK_HOLE, weight=1),), None

    def _single_cluster(
        self, rule: HttpRule, only: HTTPRouteDestination
    ) -> tuple[tuple[WeightedCluster, ...], HeaderOperations | None]:
        """The only destination, whatever its weight. What the rule as a whole says of the authority goes first; one
        of several destinations goes before the rule, because Envoy takes a weighted cluster's own rewrite first."""
        rewrite = "" if _rule_authority(rule.route) else header_authority(only.headers)
        cluster = WeightedCluster(cluster=self._cluster(rule, only), weight=1, host_rewrite=rewrite)
        return (cluster,), header_operations(only.headers)

    def _cluster(self, rule: HttpRule, one: HTTPRouteDestination) -> str:
        if one.destination is None:
            return names.BLACK_HOLE
        context = self._context
        return self._destinations.cluster(one.destination, rule.namespace, context.domain, context.port)

    def _forward(self, rule: HttpRule, clusters: tuple[WeightedCluster, ...]) -> ForwardAction:
        given = rule.route
        timeout = given.timeout or NO_TIMEOUT
        hashes = self._hashes(rule)
        authority = _rule_authority(given)
        single = clusters[0] if len(given.route) == 1 else None
        return ForwardAction(
            clusters=(WeightedCluster(cluster=single.cluster, weight=1),) if single else clusters,
            is_weighted=single is None and clusters[0].cluster != names.BLACK_HOLE,
            timeout=timeout,
            max_grpc_timeout=timeout,
            # as in Istio, a retry among weighted destinations may go to another host even if requests are hashed
            retry=retry_policy(given.retries, self._context.default_retry, hashed=single is not None and bool(hashes)),
            rewrite=rewrite(given.rewrite),
            host_rewrite=authority or (single.host_rewrite if single else ""),
            append_x_forwarded_host=self._context.appends_forwarded_host,
            mirrors=tuple(self._mirrors(rule)),
            hash_policies=hashes,
        )

    def _hashes(self, rule: HttpRule) -> tuple[HashPolicy, ...]:
        domain = self._context.domain
        found = (
            self._destinations.hash_of(one.destination, rule.namespace, domain)
            for one in _taken(rule.route)
            if one.destination is not None
        )
        return tuple(dict.fromkeys(policy for settings in found for policy in hash_policies(settings)))

    def _mirrors(self, rule: HttpRule) -> Iterator[MirrorPlan]:
        """`mirror`, then `mirrors`; a share of 0 is none."""
        given, context = rule.route, self._context
        pairs = [(given.mirror, given.mirror_percentage), *((one.destination, one.percentage) for one in given.mirrors)]
        for destination, percentage in pairs:
            share = None if percentage is None else per_million(percentage)
            if destination is not None and share != 0:
                cluster = self._destinations.cluster(destination, rule.namespace, context.domain, context.port)
                yield MirrorPlan(cluster=cluster, per_million=share)

    def _operation(self, match: RouteMatch, action: RouteAction) -> str:
        """The name of the operation in traces: host and port of the only destination, else the VirtualService."""
        path = operation_path(match)
        if isinstance(action, ForwardAction) and not action.is_weighted:
            parsed = names.parse_cluster(action.clusters[0].cluster)
            if parsed is not None:
                return f"{parsed[3]}:{parsed[1]}{path}"
        return f"{self._virtual_service.ref.name}:{self._context.port}{path}"


def _taken(given: HTTPRoute) -> tuple[HTTPRouteDestination, ...]:
    """The destinations that get anything: of several those with a weight."""
    return given.route if len(given.route) == 1 else tuple(one for one in given.route if one.weight > 0)


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
