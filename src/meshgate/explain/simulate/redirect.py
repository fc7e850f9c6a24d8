"""The `location` of a redirect, from the route's rules and the request's own scheme, host and path.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-redirectaction
"""

from __future__ import annotations

import re2

from meshgate.explain.simulate.request import Request, port_start
from meshgate.explain.simulate.result import Failure, Redirect, Stop
from meshgate.proto import v3

_STATUS = (301, 302, 303, 307, 308)
"""By the number of the enum `RedirectResponseCode`."""
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


def redirect(route: v3.Route, request: Request) -> Redirect | Stop:
    """Status and location."""
    action = route.redirect
    path = _path(route, request)
    if path is None:
        return Stop(Failure.NOT_SIMULATED, "redirect with 'path_rewrite'")
    if action.strip_query and "?" not in action.path_redirect:
        path = path.partition("?")[0]
    scheme = _scheme(action, request)
    port = f":{action.port_redirect}" if action.port_redirect else ""
    host = action.host_redirect or _host(request, scheme, port)
    return Redirect(_STATUS[action.response_code], f"{scheme}://{host}{port}{path}")


def _scheme(action: v3.RedirectAction, request: Request) -> str:
    if action.https_redirect:
        return "https"
    return action.scheme_redirect or request.scheme


def _host(request: Request, scheme: str, port: str) -> str:
    """The request's host; its port goes if another is given, or if it is the default one of a scheme that changes."""
    start = port_start(request.host)
    if start < 0:
        return request.host
    own = request.forwarded_proto
    is_default = own != scheme and request.host[start:] == _DEFAULT_PORT.get(own)
    return request.host[:start] if port or is_default else request.host


def _path(route: v3.Route, request: Request) -> str | None:
    action, query = route.redirect, request.path[len(request.path_only) :]
    match action.WhichOneof("path_rewrite_specifier"):
        case "path_redirect":
            new = action.path_redirect or request.path
            return new if "?" in new else new + query
        case "prefix_rewrite":
            return action.prefix_rewrite + request.path_only[len(_matched(route.match, request)) :] + query
        case "regex_rewrite":
            rewrite = action.regex_rewrite
            path: str = re2.sub(rewrite.pattern.regex, rewrite.substitution, request.path_only)
            return path + query
        case None:
            return request.path
    return None


def _matched(match: v3.RouteMatch, request: Request) -> str:
    """The part of the path that a prefix rewrite replaces: with a regular expression all of it."""
    return match.prefix or match.path or match.path_separated_prefix or request.path_only
