"""`envoy.filters.http.fault`: delays and aborts, by what each route says."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.envoy.spelling import duration, fraction, packed
from meshgate.plan.values import AbortFault, FaultFilter, FaultPlan
from meshgate.proto import v3

_NAME = "envoy.filters.http.fault"


def fault_filter(_plan: FaultFilter) -> v3.HTTPFault:
    return v3.HTTPFault()


def fault_policy(fault: FaultPlan | None) -> Iterator[tuple[str, v3.AnyDict]]:
    """The entry of `typed_per_filter_config` for a route, if it has faults."""
    if fault is None:
        return
    spelled: v3.HTTPFaultDict = {}
    if fault.delay is not None:
        spelled["delay"] = {
            "fixed_delay": duration(fault.delay.delay),
            "percentage": fraction(fault.delay.per_million),
        }
    if fault.abort is not None:
        spelled["abort"] = _abort(fault.abort)
    yield _NAME, packed(v3.HTTPFault(**spelled))


def _abort(abort: AbortFault) -> v3.FaultAbortDict:
    if abort.grpc_status is not None:
        return {"grpc_status": abort.grpc_status, "percentage": fraction(abort.per_million)}
    assert abort.http_status is not None
    return {"http_status": abort.http_status, "percentage": fraction(abort.per_million)}
