"""Outlier detection. Envoy says "off" by an enforcing share of 0, so each count that is given brings its share.

Detection by success rate is off, as in Istio
(istio:pilot/pkg/networking/core/cluster_traffic_policy.go#applyOutlierDetection); in Envoy it would be on.
"""

from __future__ import annotations

from meshgate.envoy.spelling import duration
from meshgate.plan.values import OutlierDetectionPlan
from meshgate.proto import v3


def outlier_detection(plan: OutlierDetectionPlan) -> v3.OutlierDetectionDict:
    spelled: v3.OutlierDetectionDict = {
        "enforcing_success_rate": {"value": 0},
        "split_external_local_origin_errors": plan.split_external_local_origin_errors,
    }
    if plan.consecutive_5xx is not None:
        spelled["consecutive_5xx"] = {"value": plan.consecutive_5xx}
        spelled["enforcing_consecutive_5xx"] = {"value": _share(plan.consecutive_5xx)}
    if plan.consecutive_gateway_failure is not None:
        spelled["consecutive_gateway_failure"] = {"value": plan.consecutive_gateway_failure}
        spelled["enforcing_consecutive_gateway_failure"] = {"value": _share(plan.consecutive_gateway_failure)}
    if plan.consecutive_local_origin_failure is not None:
        spelled["consecutive_local_origin_failure"] = {"value": plan.consecutive_local_origin_failure}
        spelled["enforcing_consecutive_local_origin_failure"] = {"value": _share(plan.consecutive_local_origin_failure)}
    if plan.split_external_local_origin_errors:
        spelled["enforcing_local_origin_success_rate"] = {"value": 0}
    if plan.interval is not None:
        spelled["interval"] = duration(plan.interval)
    if plan.base_ejection_time is not None:
        spelled["base_ejection_time"] = duration(plan.base_ejection_time)
    if plan.max_ejection_percent is not None:
        spelled["max_ejection_percent"] = {"value": plan.max_ejection_percent}
    return spelled


def _share(count: int) -> int:
    return 100 if count else 0
