"""Retries: Istio's default, and what a rule says instead (istio:pilot/pkg/networking/core/route/retry/retry.go)."""

from __future__ import annotations

import msgspec

from meshgate.api import HTTPRetry
from meshgate.plan.values import RetryPolicyPlan

DEFAULT_CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
STATUS_CODES = "retriable-status-codes"
DEFAULT_POLICY = RetryPolicyPlan(
    retry_on=DEFAULT_CONDITIONS, attempts=2, previous_hosts=True, host_selection_attempts=5
)
INBOUND_POLICY = RetryPolicyPlan(retry_on="reset-before-request", attempts=2)
"""What a sidecar does for its own workload: the connection may just have been closed."""


def retry_policy(given: HTTPRetry | None, mesh_default: HTTPRetry | None, *, hashed: bool) -> RetryPolicyPlan | None:
    """The policy of a route; None is no retries. Where requests are hashed to a host, other hosts are no choice, unless
    the rule asks for them."""
    policy = given if given is not None else mesh_default
    if policy is None:
        return msgspec.structs.replace(DEFAULT_POLICY, previous_hosts=not hashed)
    if policy.attempts <= 0:
        return None
    conditions, codes = split_conditions(policy.retry_on) if policy.retry_on else (DEFAULT_CONDITIONS, ())
    avoid = policy.retry_ignore_previous_hosts
    return RetryPolicyPlan(
        retry_on=conditions,
        attempts=policy.attempts,
        per_try_timeout=policy.per_try_timeout,
        retriable_status_codes=codes,
        previous_hosts=not hashed if avoid is None else avoid,
        host_selection_attempts=DEFAULT_POLICY.host_selection_attempts,
        previous_priorities=bool(policy.retry_remote_localities),
        back_off_base=policy.backoff,
    )


def inbound_retry_policy(mesh_default: HTTPRetry | None) -> RetryPolicyPlan | None:
    """The policy of a sidecar towards its own workload."""
    if mesh_default is None:
        return INBOUND_POLICY
    return retry_policy(mesh_default, None, hashed=True)


def split_conditions(text: str) -> tuple[str, tuple[int, ...]]:
    """Conditions and status codes of `retryOn`. Codes count only with the condition that says so, so it is added.

    >>> split_conditions("5xx, 409,reset")
    ('5xx,reset,retriable-status-codes', (409,))
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    codes = tuple(int(part) for part in parts if part.isdigit())
    conditions = [part for part in parts if not part.isdigit()]
    if codes and STATUS_CODES not in conditions:
        conditions.append(STATUS_CODES)
    return ",".join(conditions), codes
