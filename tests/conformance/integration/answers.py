"""What a client would see, as far as the walk through one proxy tells: statuses, redirects, rewrites, headers, shares.

Here the whole request counts (method, headers, query) and Envoy's own rules hold, not those of Istio's simulator. What
hangs on the other side, or on time, only a running mesh shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from meshgate.explain import Configuration, DirectResponse, Failure, Redirect, Result, ToWeighted, simulate
from tests.conformance.cases import Raw
from tests.conformance.integration.cases import SETTINGS, UNIQUE, Environment, LiveCall

SHOWN_BY_MESH = "only a running mesh shows it"
_GRPC_CODES = {"ok": 0, "unavailable": 14, "unimplemented": 12, "permissiondenied": 7, "unauthenticated": 16}
_ERROR_STATUS = {
    Failure.BAD_REQUEST: 400,
    Failure.NO_ROUTE_CONFIGURATION: 404,
    Failure.NO_VIRTUAL_HOST: 404,
    Failure.NO_ROUTE: 404,
    Failure.TLS_REQUIRED: 301,
    Failure.NO_CLUSTER: 503,
}


def walked(environment: Environment, call: LiveCall, made: Configuration) -> Result:
    """The walk of the call as the client makes it, through the first proxy on its way."""
    first = call.simulated[0].fields.as_call()
    is_gateway = call.simulated[0].proxy.startswith("router ")
    is_grpc = call.scheme == "grpc"
    asked = msgspec.structs.replace(
        first,
        arrival="gateway" if is_gateway else first.arrival,
        address=environment.gateway["ip"] if is_gateway else first.address,
        host=call.host or call.address,
        path=call.path.replace(UNIQUE, "unique"),
        method="POST" if is_grpc else call.method,
        headers=(*call.header_lines, *([("content-type", "application/grpc")] if is_grpc else [])),
    )
    return simulate(made, asked)


def checked(call: LiveCall, result: Result) -> Iterator[tuple[str, str | None]]:
    """Each expectation with what is wrong: empty if nothing is, None where the walk can't tell."""
    for key, expected in call.expect.items():
        if key in _CHECKS:
            yield key, _CHECKS[key](expected, result, call.expect)
        elif key not in SETTINGS:
            yield key, None


def _status(expected: int, result: Result, whole: Raw) -> str | None:
    if result.error is not None:
        return _said(expected, _ERROR_STATUS.get(result.error, result.error.value))
    match result.action:
        case Redirect(status=status) | DirectResponse(status=status):
            return _said(expected, status)
    return _said(expected, 200) if result.forwarded is not None else None


def _grpc_status(expected: str, result: Result, _: Raw) -> str | None:
    code = result.action.grpc_status if isinstance(result.action, DirectResponse) else 0
    return _said(_GRPC_CODES.get(expected.lower()), code)


def _location(expected: str, result: Result, _: Raw) -> str | None:
    return _said(expected, result.action.location if isinstance(result.action, Redirect) else None)


def _host(expected: str, result: Result, _: Raw) -> str | None:
    return _said(expected, result.forwarded.host if result.forwarded else None)


def _url(expected: str, result: Result, _: Raw) -> str | None:
    return _said(expected, result.forwarded.path if result.forwarded else None)


def _request_headers(expected: Mapping[str, str | None], result: Result, _: Raw) -> str | None:
    return _headers(expected, dict(result.forwarded.headers) if result.forwarded else {})


def _response_headers(expected: Mapping[str, str | None], result: Result, _: Raw) -> str | None:
    return _headers(expected, dict(result.response))


def _headers(expected: Mapping[str, str | None], touched: Mapping[str, tuple[str, ...]]) -> str | None:
    """Only those that routes touch: others are the client's, or a proxy's own."""
    known = {name: value for name, value in expected.items() if name.lower() in touched}
    got = {name: ",".join(touched[name.lower()]) or None for name in known}
    return _said(known, got) if known else None


def _shares(expected: Mapping[str, int], result: Result, whole: Raw) -> str | None:
    shares = result.action.shares if isinstance(result.action, ToWeighted) else ()
    total = sum(one.weight for one in shares)
    got = {one.cluster.split("|")[3].partition(".")[0]: 100 * one.weight / total for one in shares if one.weight}
    return _said({name: float(value) for name, value in expected.items()}, got)


def _mirrored(expected: str, result: Result, whole: Raw) -> str | None:
    mirrors = result.forwarded.mirrors if result.forwarded else ()
    got = {one.cluster.split("|")[3].partition(".")[0]: one.per_million / 10_000 for one in mirrors}
    return _said({expected: float(whole.get("mirrored_percent", 100))}, got)


def _said(expected: object, got: object) -> str:
    return "" if expected == got else f"expected {expected!r}, got {got!r}"


_CHECKS: Mapping[str, Callable[[Any, Result, Raw], str | None]] = {
    "status": _status,
    "grpc_status": _grpc_status,
    "location": _location,
    "host_seen": _host,
    "url_seen": _url,
    "request_headers_seen": _request_headers,
    "response_headers": _response_headers,
    "share_of_responses": _shares,
    "mirrored_to": _mirrored,
}
