"""Rules of what an HTTP route does: faults, redirects, direct responses, retries, rewrites, CORS.

istio:pkg/config/validation/validation.go, virtualservice.go
"""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.headers import header_name
from meshgate.api.rules.string_matches import regex, regex_match
from meshgate.api.rules.values import duration, number_text, port
from meshgate.api.virtual_service import (
    Abort,
    CorsPolicy,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
)

LEAST_PERCENTAGE: Final = 0.0001
"""Envoy counts in parts per million."""

LARGE_BODY_BYTES: Final = 100 * 1024
LARGEST_BODY_BYTES: Final = 1024 * 1024

_GRPC_STATUSES = """
    OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
    RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS
    UNAUTHENTICATED
"""
_METHODS = "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE"
_RETRY_CONDITIONS = """
    5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream retriable-status-codes
    retriable-headers envoy-ratelimited http3-post-connect-failure cancelled deadline-exceeded internal
    resource-exhausted unavailable
"""
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,9}")
GRPC_STATUSES: Final = frozenset(_GRPC_STATUSES.split())
METHODS: Final = frozenset(_METHODS.split())
RETRY_CONDITIONS: Final = frozenset(_RETRY_CONDITIONS.split())
"""Envoy's conditions of `x-envoy-retry-on` and `x-envoy-retry-grpc-on`."""


def fault(path: str, injection: HTTPFaultInjection) -> Findings:
    """Injected faults."""
    if injection.delay is None and injection.abort is None:
        yield Finding(path, "a fault needs delay or abort")
    if injection.abort:
        yield from _abort(f"{path}.abort", injection.abort)
    if injection.delay:
        delay = injection.delay
        yield from _percentage(f"{path}.delay.percentage", delay.percentage)
        yield from duration(f"{path}.delay.fixedDelay", delay.fixed_delay)
        if delay.exponential_delay is not None:
            yield Finding(f"{path}.delay.exponentialDelay", "Istio does not support it", "use fixedDelay")


def _abort(path: str, abort: Abort) -> Findings:
    yield from _percentage(f"{path}.percentage", abort.percentage)
    if abort.http_status is not None:
        yield from _status(f"{path}.httpStatus", abort.http_status)
    if abort.grpc_status is not None and abort.grpc_status not in GRPC_STATUSES:
        hint = f"statuses: {', '.join(sorted(GRPC_STATUSES))}"
        yield Finding(f"{path}.grpcStatus", f'"{abort.grpc_status}" is no status of gRPC', hint)
    if abort.http2_error is not None:
        yield Finding(f"{path}.http2Error", "Istio does not support it", "use httpStatus or grpcStatus")


def _percentage(path: str, percentage: float | None) -> Findings:
    if percentage and not LEAST_PERCENTAGE <= percentage <= 100:
        yield Finding(path, f"{number_text(percentage)} is no percentage", "percentages are 0, or 0.0001 to 100")


def _status(path: str, status: int) -> Findings:
    """istiod takes 200 to 600, though its text says 599."""
    if not 200 <= status <= 600:
        yield Finding(path, f"{status} is no HTTP status", "statuses are 200 to 599")


def redirect(path: str, action: HTTPRedirect) -> Findings:
    """A redirect."""
    has_port = action.port is not None or action.derive_port is not None
    if not (action.uri or action.authority or action.scheme or has_port or action.prefix_rewrite):
        yield Finding(path, "a redirect needs one of uri, authority, scheme, port")
    if action.scheme and action.scheme not in ("http", "https"):
        yield Finding(f"{path}.scheme", f'"{action.scheme}" is neither "http" nor "https"')
    if action.redirect_code and not 300 <= action.redirect_code <= 399:
        yield Finding(f"{path}.redirectCode", f"{action.redirect_code} is no redirect", "redirects are 300 to 399")
    if action.port:  # 0 is as if it were not given
        yield from port(f"{path}.port", action.port)
    if action.uri and action.prefix_rewrite:
        yield Finding(path, "a redirect cannot have both uri and prefixRewrite", "uri replaces the whole path")


def direct_response(path: str, action: HTTPDirectResponse) -> Findings:
    """An answer of the proxy itself."""
    yield from _status(f"{path}.status", action.status)
    size = len(action.body or b"")
    if size > LARGEST_BODY_BYTES:
        yield Finding(f"{path}.body", f"the body has {size} bytes", "at most 1 MiB: every proxy holds a copy")
    elif size > LARGE_BODY_BYTES:
        yield doubt(f"{path}.body", f"the body has {size} bytes, and every proxy holds a copy")


def retries(path: str, policy: HTTPRetry) -> Findings:
    """Retries."""
    if policy.attempts < 0:
        yield Finding(f"{path}.attempts", "attempts cannot be negative")
    others = (policy.per_try_timeout, policy.retry_on or None, policy.retry_remote_localities)
    if policy.attempts == 0 and any(other is not None for other in others):
        yield Finding(path, "retries are configured, but attempts is 0, which disables them")
    yield from duration(f"{path}.perTryTimeout", policy.per_try_timeout)
    yield from duration(f"{path}.backoff", policy.backoff)
    for condition in policy.retry_on.split(",") if policy.retry_on else ():
        if not _is_retry_condition(condition):
            hint = f"conditions, separated by commas without spaces: {', '.join(sorted(RETRY_CONDITIONS))}, or a status"
            yield Finding(f"{path}.retryOn", f'"{condition}" is no condition', hint)


def _is_retry_condition(text: str) -> bool:
    if text in RETRY_CONDITIONS:
        return True
    return _WHOLE.fullmatch(text) is not None and int(text) in set(HTTPStatus)


def rewrite(path: str, action: HTTPRewrite) -> Findings:
    """A rewrite."""
    pattern = action.uri_regex_rewrite
    if not (action.uri or action.authority or pattern):
        yield Finding(path, "a rewrite needs one of uri, uriRegexRewrite, authority")
    if action.uri and pattern:
        yield Finding(path, "a rewrite cannot have both uri and uriRegexRewrite")
    if pattern is None:
        return
    if not pattern.match or not pattern.rewrite:
        yield Finding(f"{path}.uriRegexRewrite", "both match and rewrite are needed")
    else:
        yield from regex(f"{path}.uriRegexRewrite.match", pattern.match)


def cors(path: str, policy: CorsPolicy) -> Findings:
    """Cross-origin resource sharing."""
    for index, origin in enumerate(policy.allow_origins):
        at = f"{path}.allowOrigins[{index}]"
        if origin is None or not origin.value:
            yield Finding(at, "an origin must not be empty")
        else:
            yield from regex_match(at, origin)
    for index, method in enumerate(policy.allow_methods):
        if method not in METHODS and method != "*":
            hint = f"methods: {', '.join(sorted(METHODS))}"
            yield Finding(f"{path}.allowMethods[{index}]", f'"{method}" is no method of HTTP', hint)
    for key, names in (("allowHeaders", policy.allow_headers), ("exposeHeaders", policy.expose_headers)):
        for index, name in enumerate(names):
            yield from header_name(f"{path}.{key}[{index}]", name)
    yield from duration(f"{path}.maxAge", policy.max_age)
    if policy.max_age is not None and policy.max_age % timedelta(seconds=1):
        yield Finding(f"{path}.maxAge", "maxAge must be a whole number of seconds")
