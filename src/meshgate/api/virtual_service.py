"""VirtualService: where requests and connections to a host go.

https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from meshgate.api.string_match import StringMatch, ValueMatch
from meshgate.api.value import Body, DestinationPort, Labels, Pairs, Percentage, UInt32, Value


class Destination(Value, frozen=True, kw_only=True):
    """A service, perhaps a subset of it, perhaps one port of it."""

    host: str = ""
    """As written: a short name is still relative to the namespace of the object."""
    subset: str = ""
    port: DestinationPort = 0
    """Written as `port: {number: 80}`. 0: the only port of the service, or the port that was called."""


class HeaderOperations(Value, frozen=True, kw_only=True):
    """Changes of headers, in the order set, add, remove."""

    set: Labels = ()
    add: Labels = ()
    remove: tuple[str, ...] = ()


class Headers(Value, frozen=True, kw_only=True):
    """Changes of a request's and its response's headers."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPMatchRequest(Value, frozen=True, kw_only=True):
    """Conditions that must all hold."""

    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: Pairs[ValueMatch] = ()
    """By header name, as written."""
    without_headers: Pairs[ValueMatch] = ()
    query_params: Pairs[ValueMatch] = ()
    ignore_uri_case: bool = False
    port: UInt32 = 0
    """The port that was called; 0: any."""
    source_labels: Labels = ()
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()
    """Overrides the VirtualService's own; empty: those."""
    stat_prefix: str = ""


class HTTPRouteDestination(Value, frozen=True, kw_only=True):
    """One of the destinations of a route."""

    destination: Destination | None = None
    weight: int = 0
    """Relative to the sum of all weights of the route; a single destination takes all, whatever its weight."""
    headers: Headers | None = None


class RedirectPort(StrEnum):
    """Where the port of a redirect comes from."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


class HTTPRedirect(Value, frozen=True, kw_only=True):
    """Answer with a redirect."""

    one_of: ClassVar = (("port", "derive_port"),)

    uri: str = ""
    authority: str = ""
    port: UInt32 | None = None
    derive_port: RedirectPort | None = None
    scheme: str = ""
    redirect_code: UInt32 = 0
    """0: 301."""
    prefix_rewrite: str = ""


class HTTPDirectResponse(Value, frozen=True, kw_only=True):
    """Answer at once."""

    status: UInt32 = 0
    body: Body | None = None


class Delegate(Value, frozen=True, kw_only=True):
    """The VirtualService (one without hosts) that has the routes."""

    name: str = ""
    namespace: str = ""


class RegexRewrite(Value, frozen=True, kw_only=True):
    """Replace what a regular expression matches in the path."""

    match: str = ""
    rewrite: str = ""


class HTTPRewrite(Value, frozen=True, kw_only=True):
    """Change path and authority before the request is forwarded."""

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


class HTTPRetry(Value, frozen=True, kw_only=True):
    """Retries of a failed request."""

    attempts: int = 0
    per_try_timeout: timedelta | None = None
    retry_on: str = ""
    """Envoy's conditions and HTTP status codes, separated by commas; empty: Istio's default."""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: timedelta | None = None


class Delay(Value, frozen=True, kw_only=True):
    """Hold requests back. Without a percentage none is."""

    one_of: ClassVar = (("fixed_delay", "exponential_delay"),)

    fixed_delay: timedelta | None = None
    exponential_delay: timedelta | None = None
    percentage: Percentage | None = None
    """The old `percent: 10` reads as `percentage: {value: 10}`, which wins where both are given."""


class Abort(Value, frozen=True, kw_only=True):
    """Answer requests with an error. Without a percentage none is."""

    one_of: ClassVar = (("http_status", "grpc_status", "http2_error"),)

    http_status: int | None = None
    grpc_status: str | None = None
    """A name such as `UNAVAILABLE`, or a number."""
    http2_error: str | None = None
    percentage: Percentage | None = None


class HTTPFaultInjection(Value, frozen=True, kw_only=True):
    """Faults that are injected before the request is forwarded."""

    delay: Delay | None = None
    abort: Abort | None = None


class UnmatchedPreflights(StrEnum):
    """What becomes of preflight requests whose origin is not allowed."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


class CorsPolicy(Value, frozen=True, kw_only=True):
    """Cross-origin resource sharing."""

    allow_origins: tuple[StringMatch, ...] = ()
    """The old `allowOrigin: [text]` reads as exact matches; `allowOrigins` wins where both are given."""
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: timedelta | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED


class HTTPMirrorPolicy(Value, frozen=True, kw_only=True):
    """Send a copy of requests somewhere else, too."""

    destination: Destination | None = None
    percentage: Percentage | None = None
    """None: all."""


class HTTPRoute(Value, frozen=True, kw_only=True):
    """A rule: when it matches, exactly one of route, redirect, direct response and delegate decides."""

    name: str = ""
    match: tuple[HTTPMatchRequest, ...] = ()
    """One of them must hold; none: everything matches."""
    route: tuple[HTTPRouteDestination, ...] = ()
    redirect: HTTPRedirect | None = None
    direct_response: HTTPDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HTTPRewrite | None = None
    timeout: timedelta | None = None
    """None: no timeout."""
    retries: HTTPRetry | None = None
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    mirror_percentage: Percentage | None = None
    """The old `mirrorPercent: 10` reads as `mirrorPercentage: {value: 10}`. None: all."""
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None


class RouteDestination(Value, frozen=True, kw_only=True):
    """One of the destinations of a TCP or TLS route."""

    destination: Destination | None = None
    weight: int = 0


class L4MatchAttributes(Value, frozen=True, kw_only=True):
    """Conditions on a connection that must all hold."""

    destination_subnets: tuple[str, ...] = ()
    port: UInt32 = 0
    source_subnet: str = ""
    source_labels: Labels = ()
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TCPRoute(Value, frozen=True, kw_only=True):
    """A rule for connections."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class TLSMatchAttributes(Value, frozen=True, kw_only=True):
    """Conditions on a TLS connection that must all hold."""

    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: UInt32 = 0
    source_labels: Labels = ()
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TLSRoute(Value, frozen=True, kw_only=True):
    """A rule for TLS connections that are passed through."""

    match: tuple[TLSMatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualService(Value, frozen=True, kw_only=True):
    """Spec of a VirtualService."""

    hosts: tuple[str, ...] = ()
    """As written. None: the object is only a delegate of others."""
    gateways: tuple[str, ...] = ()
    """As written (`name`, `namespace/name`, `mesh`). None: `mesh`."""
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    export_to: tuple[str, ...] = ()
    """Namespaces, `.` (its own) or `*`. None: the mesh's default."""
