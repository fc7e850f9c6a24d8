"""Which route of a virtual host takes the request: the first whose whole match holds.

A match is a path condition and any number of conditions on headers (`:method`, `:authority` and the like included),
query parameters, a fraction of the requests, gRPC, the client certificate.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-routematch
"""

from __future__ import annotations

from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.fractions import is_hit
from meshgate.explain.simulate.header_match import is_header_match, is_query_match
from meshgate.explain.simulate.request import Request
from meshgate.explain.simulate.text_match import NotSimulated, is_found, is_full_match
from meshgate.proto import v3

_UNKNOWN = ("cookies", "dynamic_metadata", "filter_state")


def choose_route(virtual_host: v3.VirtualHost, request: Request, deviations: Deviations) -> v3.Route | None:
    """The first route that matches. `NotSimulated` if that hangs on a condition that is not known here."""
    for route in virtual_host.routes:
        if not _is_path_match(route.match, request, deviations):
            continue
        if deviations.path_only_routes or _is_rest_match(route.match, request):
            return route
    return None


def _is_path_match(match: v3.RouteMatch, request: Request, deviations: Deviations) -> bool:
    kind = match.WhichOneof("path_specifier")
    if kind == "connect_matcher" or request.is_connect:
        return kind == "connect_matcher" and request.is_connect
    if kind == "safe_regex":
        return (is_found if deviations.loose_paths else is_full_match)(match.safe_regex, request.path_only)
    fold = str.lower if match.HasField("case_sensitive") and not match.case_sensitive.value else str
    path = fold(request.path_only)
    match kind:
        case "prefix":
            return path.startswith(fold(match.prefix))
        case "path":
            return path == fold(match.path)
        case "path_separated_prefix":
            prefix = fold(match.path_separated_prefix)
            return path == prefix or path.startswith(prefix if deviations.loose_paths else prefix + "/")
    raise NotSimulated(f"path matcher {kind!r}")


def _is_rest_match(match: v3.RouteMatch, request: Request) -> bool:
    return (
        (not match.HasField("runtime_fraction") or is_hit(match.runtime_fraction.default_value, request.random))
        and (not match.HasField("grpc") or _is_grpc(request))
        and all(is_header_match(one, request.headers) for one in match.headers)
        and all(is_query_match(one, request.query) for one in match.query_parameters)
        and (not match.HasField("tls_context") or _is_certificate_match(match.tls_context, request))
        and not _has_unknown(match)
    )


def _has_unknown(match: v3.RouteMatch) -> bool:
    for name in _UNKNOWN:
        if getattr(match, name):
            raise NotSimulated(f"route condition {name!r}")
    return False


def _is_grpc(request: Request) -> bool:
    kind = "".join(request.headers.get("content-type", ()))
    return kind == "application/grpc" or kind.startswith("application/grpc+")


def _is_certificate_match(wanted: v3.RouteMatch.TlsContextMatchOptions, request: Request) -> bool:
    """A shown certificate is taken as valid, see `Call.tls`."""
    shown = request.has_client_certificate
    return (not wanted.HasField("presented") or wanted.presented.value == shown) and (
        not wanted.HasField("validated") or wanted.validated.value == shown
    )
