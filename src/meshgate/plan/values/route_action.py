"""What a route does with a request: forward, redirect, answer; and what may go wrong on purpose."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

from meshgate.plan.values.header_operations import HeaderOperations
from meshgate.plan.values.text_match import TextMatch


class WeightedCluster(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One destination and its share of the sum of all weights."""

    cluster: str
    weight: int
    headers: HeaderOperations | None = None
    host_rewrite: str = ""
    """Set the authority to this when this destination is taken."""


class RetryPolicyPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """When and how often a failed request is tried again."""

    retry_on: str
    attempts: int
    """Retries after the first try."""
    per_try_timeout: timedelta | None = None
    retriable_status_codes: tuple[int, ...] = ()
    previous_hosts: bool = False
    """Avoid hosts that were tried already."""
    host_selection_attempts: int | None = None
    previous_priorities: bool = False
    """Go to other priorities (`retryRemoteLocalities`)."""
    back_off_base: timedelta | None = None
    """None is Envoy's 25 ms; Envoy waits at most ten times this."""


class PrefixRewrite(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Replace what the route's prefix (or exact path) matched."""

    value: str


class RegexRewrite(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Replace every match of an RE2 expression in the path; `\\1` names a group."""

    pattern: str
    substitution: str


class MirrorPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A copy of some requests goes to another cluster; its response is dropped."""

    cluster: str
    per_million: int | None = None
    """None: of all requests."""


class HashHeader(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Hash on a header."""

    name: str


class HashCookie(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Hash on a cookie, made where it is missing if `ttl` is given (0: for the session)."""

    name: str
    ttl: timedelta | None = None
    path: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class HashSourceIp(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Hash on the client's address."""


class HashQuery(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Hash on a query parameter."""

    name: str


HashPolicy = HashHeader | HashCookie | HashSourceIp | HashQuery


class ForwardAction(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Forward to one of the clusters. `clusters` is never empty."""

    clusters: tuple[WeightedCluster, ...]
    is_weighted: bool = False
    """Weights are written even if there is only one cluster."""
    timeout: timedelta = timedelta(0)
    """0 is none, as Istio has it."""
    max_grpc_timeout: timedelta | None = None
    """`max_grpc_timeout`; None is not written."""
    max_stream_duration: timedelta | None = None
    """With `grpc_timeout_header_max` 0 (inbound routes: 0 and 0); None is not written."""
    retry: RetryPolicyPlan | None = None
    rewrite: PrefixRewrite | RegexRewrite | None = None
    host_rewrite: str = ""
    auto_host_rewrite: bool = False
    """Set the authority to the name of the (DNS) endpoint."""
    append_x_forwarded_host: bool = False
    mirrors: tuple[MirrorPlan, ...] = ()
    hash_policies: tuple[HashPolicy, ...] = ()
    cluster_missing_status: Literal[0, 404, 500, 503] = 0
    """Answer where the cluster does not exist; 0 is Envoy's 503."""


class RedirectAction(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Answer with a redirect; empty parts stay as they were."""

    host: str = ""
    path: str = ""
    """The whole new path; empty without a `prefix` keeps the path."""
    prefix: str = ""
    """Replaces the matched prefix; not with `path`."""
    scheme: str = ""
    port: int = 0
    """0: not written."""
    code: Literal[301, 302, 303, 307, 308] = 301


class DirectResponseAction(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Answer at once."""

    status: int
    body: bytes | None = None


class DelayFault(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Wait before the request is forwarded."""

    delay: timedelta
    per_million: int


class AbortFault(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Answer instead of forwarding: exactly one of the two statuses is given."""

    per_million: int
    http_status: int | None = None
    grpc_status: int | None = None


class FaultPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Faults of one route; at least one is given."""

    delay: DelayFault | None = None
    abort: AbortFault | None = None


class CorsPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Cross-origin rules of one route. Empty texts are not written."""

    allow_origins: tuple[TextMatch, ...] = ()
    allow_methods: str = ""
    allow_headers: str = ""
    expose_headers: str = ""
    max_age: str = ""
    """Seconds, as text."""
    allow_credentials: bool | None = None
    forward_not_matching_preflights: bool | None = None
