"""What a rule does besides sending a request on: headers, faults, cross-origin answers, mirrors, rewrites."""

from __future__ import annotations

from datetime import timedelta

from meshgate.api import (
    Abort,
    CorsPolicy,
    Delay,
    Headers,
    HTTPFaultInjection,
    HTTPRewrite,
    Labels,
    Percentage,
    UnmatchedPreflights,
)
from meshgate.api import HeaderOperations as GivenOperations
from meshgate.plan.text_matches import text_match
from meshgate.plan.values import (
    AbortFault,
    CorsPlan,
    DelayFault,
    FaultPlan,
    HeaderOperations,
    PrefixRewrite,
    RegexRewrite,
)

GRPC_STATUSES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


def per_million(percentage: Percentage | None) -> int:
    """A percentage in Envoy's finest unit, what is finer cut off as Istio does; none at all is 0."""
    return int((percentage or 0.0) * 10_000)


def header_operations(headers: Headers | None) -> HeaderOperations | None:
    """Operations on headers, without those on the authority, which is rewritten instead; None where none is left."""
    if headers is None:
        return None
    request, response = headers.request or GivenOperations(), headers.response or GivenOperations()
    operations = HeaderOperations(
        request_set=_plain(request.set),
        request_add=_plain(request.add),
        request_remove=tuple(name for name in request.remove if not _is_internal(name)),
        response_set=_plain(response.set),
        response_add=_plain(response.add),
        response_remove=tuple(name for name in response.remove if not _is_internal(name)),
    )
    return None if operations == HeaderOperations() else operations


def _plain(pairs: Labels) -> Labels:
    return tuple(pair for pair in pairs if not _is_internal(pair[0]))


def _is_internal(name: str) -> bool:
    """Envoy refuses to touch these."""
    return name.startswith(":") or name.lower() == "host"


def header_authority(headers: Headers | None) -> str:
    """The authority that operations on `Host` or `:authority` ask for; setting goes before adding."""
    request = headers.request if headers else None
    if request is None:
        return ""
    return next((value for name, value in (*request.set, *request.add) if name.lower() in ("host", ":authority")), "")


def joined_operations(first: HeaderOperations | None, second: HeaderOperations | None) -> HeaderOperations | None:
    """Those of the rule, then those of its only destination."""
    if first is None or second is None:
        return first or second
    return HeaderOperations(
        request_set=first.request_set + second.request_set,
        request_add=first.request_add + second.request_add,
        request_remove=first.request_remove + second.request_remove,
        response_set=first.response_set + second.response_set,
        response_add=first.response_add + second.response_add,
        response_remove=first.response_remove + second.response_remove,
    )


def fault(given: HTTPFaultInjection | None) -> FaultPlan | None:
    """Faults of a rule; None where none is left."""
    if given is None:
        return None
    delay = _delay(given.delay) if given.delay else None
    abort = _abort(given.abort) if given.abort else None
    return FaultPlan(delay=delay, abort=abort) if delay or abort else None


def _delay(given: Delay) -> DelayFault | None:
    """Istio ignores exponential delays, which Envoy does not have."""
    if given.fixed_delay is None:
        return None
    return DelayFault(delay=given.fixed_delay, per_million=per_million(given.percentage))


def _abort(given: Abort) -> AbortFault | None:
    share = per_million(given.percentage)
    if given.http_status is not None:
        return AbortFault(per_million=share, http_status=given.http_status)
    if given.grpc_status is not None:
        return AbortFault(per_million=share, grpc_status=grpc_status(given.grpc_status))
    return None


def grpc_status(text: str) -> int:
    """The number of a gRPC status; UNKNOWN for what is none (decode has said so).

    >>> grpc_status("UNAVAILABLE"), grpc_status("14"), grpc_status("nonsense")
    (14, 14, 2)
    """
    if text.isdigit():
        return int(text)
    return GRPC_STATUSES.index(text.upper()) if text.upper() in GRPC_STATUSES else 2


def cors(given: CorsPolicy | None) -> CorsPlan | None:
    """Cross-origin rules."""
    if given is None:
        return None
    return CorsPlan(
        allow_origins=tuple(text_match(origin) for origin in given.allow_origins),
        allow_methods=",".join(given.allow_methods),
        allow_headers=",".join(given.allow_headers),
        expose_headers=",".join(given.expose_headers),
        max_age="" if given.max_age is None else str(given.max_age // timedelta(seconds=1)),
        allow_credentials=given.allow_credentials,
        forward_not_matching_preflights=given.unmatched_preflights is not UnmatchedPreflights.IGNORE,
    )


def rewrite(given: HTTPRewrite | None) -> PrefixRewrite | RegexRewrite | None:
    """What becomes of the path."""
    if given is None:
        return None
    if given.uri_regex_rewrite is not None:
        return RegexRewrite(pattern=given.uri_regex_rewrite.match, substitution=given.uri_regex_rewrite.rewrite)
    return PrefixRewrite(value=given.uri) if given.uri else None
