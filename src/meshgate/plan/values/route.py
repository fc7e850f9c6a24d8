"""Route configurations: virtual hosts by domain, in each the routes in the order in which they are tried."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from meshgate.api import Origin
from meshgate.plan.values.header_operations import HeaderOperations
from meshgate.plan.values.route_action import CorsPlan, DirectResponseAction, FaultPlan, ForwardAction, RedirectAction
from meshgate.plan.values.route_match import RouteMatch

RouteAction = ForwardAction | RedirectAction | DirectResponseAction


class RoutePlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One route: match, what happens, and what is done on the way."""

    match: RouteMatch
    action: RouteAction
    name: str = ""
    headers: HeaderOperations | None = None
    fault: FaultPlan | None = None
    cors: CorsPlan | None = None
    stat_prefix: str = ""
    """Name under which the route's statistics are kept; empty: they are not."""
    operation: str = ""
    """The decorator: name of the operation in traces, `reviews.default.svc.cluster.local:9080/*`."""
    config: str = ""
    """`filter_metadata.istio.config`: the object's path, as Istio writes it."""
    origin: Origin | None = None


class VirtualHostPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Routes for some domains. No domain is in two virtual hosts of a configuration."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[RoutePlan, ...] = ()
    require_tls: Literal["NONE", "EXTERNAL_ONLY", "ALL"] = "NONE"
    include_request_attempt_count: bool = True
    origin: Origin | None = None


class RouteConfigurationPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One route configuration, asked for by name or inside a connection manager."""

    name: str
    virtual_hosts: tuple[VirtualHostPlan, ...]
    validate_clusters: bool = False
    ignore_port_in_host: bool = True
    max_direct_response_body_size_bytes: int | None = 1048576
    origin: Origin | None = None
