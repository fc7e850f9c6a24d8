"""Endpoints of a cluster (EDS), and the same inside a cluster of type STATIC or DNS."""

from __future__ import annotations

from meshgate.envoy.metadata import endpoint_metadata
from meshgate.envoy.spelling import address
from meshgate.plan.values import EndpointPlan, LoadAssignmentPlan, LocalityEndpoints
from meshgate.proto import v3


def load_assignment(plan: LoadAssignmentPlan) -> v3.ClusterLoadAssignmentDict:
    return {"cluster_name": plan.cluster, "endpoints": [_locality(locality) for locality in plan.localities]}


def load_assignment_body(plan: LoadAssignmentPlan) -> bytes:
    return v3.ClusterLoadAssignment(**load_assignment(plan)).SerializeToString(deterministic=True)


def _locality(plan: LocalityEndpoints) -> v3.LocalityLbEndpointsDict:
    spelled: v3.LocalityLbEndpointsDict = {
        "locality": {"region": plan.region, "zone": plan.zone, "sub_zone": plan.subzone},
        "lb_endpoints": [_endpoint(endpoint) for endpoint in plan.endpoints],
        "priority": plan.priority,
    }
    if plan.weight:
        spelled["load_balancing_weight"] = {"value": plan.weight}
    return spelled


def _endpoint(plan: EndpointPlan) -> v3.LbEndpointDict:
    spelled: v3.LbEndpointDict = {
        "endpoint": {"address": address(plan.address), "hostname": plan.hostname},
        "load_balancing_weight": {"value": plan.weight},
    }
    if plan.health != "UNKNOWN":
        spelled["health_status"] = plan.health
    metadata = endpoint_metadata(plan)
    if metadata is not None:
        spelled["metadata"] = metadata
    return spelled
