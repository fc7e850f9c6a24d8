"""Which rules apply to which kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from meshgate.api.config import ConfigMap, Event, Namespace, Secret, ServiceAccount
from meshgate.api.destination_rule import DestinationRule
from meshgate.api.gateway import Gateway
from meshgate.api.istio_operator import IstioOperator
from meshgate.api.mesh_layers import mesh_text_findings, operator_findings
from meshgate.api.meta import Meta
from meshgate.api.peer_authentication import PeerAuthentication
from meshgate.api.resource import Spec
from meshgate.api.rules.annotations import annotation_findings
from meshgate.api.rules.data import config_map_findings, secret_findings
from meshgate.api.rules.destination_rule import destination_rule_findings
from meshgate.api.rules.envoy_limits import endpoint_limits, policy_limits, route_limits
from meshgate.api.rules.finding import Finding
from meshgate.api.rules.gateway import gateway_findings
from meshgate.api.rules.known_annotations import known_annotation_findings
from meshgate.api.rules.kubernetes_service import endpoint_slice_findings, endpoints_findings, service_findings
from meshgate.api.rules.peer_authentication import peer_authentication_findings
from meshgate.api.rules.pod import deployment_findings, pod_findings
from meshgate.api.rules.service_entry import service_entry_findings
from meshgate.api.rules.sidecar import sidecar_findings
from meshgate.api.rules.virtual_service import virtual_service_findings
from meshgate.api.rules.workload_entry import workload_entry_findings
from meshgate.api.service import Endpoints, EndpointSlice, Service
from meshgate.api.service_entry import ServiceEntry, WorkloadEntry
from meshgate.api.sidecar import Sidecar
from meshgate.api.virtual_service import VirtualService
from meshgate.api.workload import Deployment, Pod


def findings_of(meta: Meta, spec: Spec, *, is_limited: bool = True) -> Iterator[Finding]:
    """What is wrong or doubtful about an object that could be read; `is_limited`: to what is implemented."""
    if not meta.owners:  # what another object made says what that one says
        yield from known_annotation_findings(type(spec).__name__, meta.annotations)
    match spec:
        case Gateway() | VirtualService() | DestinationRule() | ServiceEntry() | WorkloadEntry() | Sidecar():
            yield from annotation_findings(meta)
            yield from _networking(meta, spec)
        case PeerAuthentication():
            yield from annotation_findings(meta)
            yield from peer_authentication_findings(spec)
        case IstioOperator():
            yield from operator_findings("spec.", spec, is_limited=is_limited)
        case Service():
            yield from service_findings(spec)
        case Endpoints():
            yield from endpoints_findings(spec)
        case EndpointSlice():
            yield from endpoint_slice_findings(spec)
        case Pod():
            yield from pod_findings("spec", spec)
        case Deployment():
            yield from deployment_findings(spec)
            template = spec.template.metadata.annotations
            yield from known_annotation_findings("Pod", template, "spec.template.metadata.annotations")
        case Secret():
            yield from secret_findings(spec)
        case ConfigMap():
            yield from config_map_findings(spec)
            yield from mesh_text_findings(meta, spec, is_limited=is_limited)
        case Namespace() | ServiceAccount() | Event():
            return
        case _:
            assert_never(spec)


def _networking(
    meta: Meta, spec: Gateway | VirtualService | DestinationRule | ServiceEntry | WorkloadEntry | Sidecar
) -> Iterator[Finding]:
    match spec:
        case Gateway():
            yield from gateway_findings(meta, spec)
        case VirtualService():
            yield from virtual_service_findings(meta, spec)
            yield from route_limits(spec)
        case DestinationRule():
            yield from destination_rule_findings(meta, spec)
            yield from policy_limits(spec)
        case ServiceEntry():
            yield from service_entry_findings(meta, spec)
            yield from endpoint_limits(spec)
        case WorkloadEntry():
            yield from workload_entry_findings(spec)
        case Sidecar():
            yield from sidecar_findings(meta, spec)
        case _:
            assert_never(spec)
