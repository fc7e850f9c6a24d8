"""Which rules apply to which kind."""

from __future__ import annotations

from meshgate.api.destination_rule import DestinationRule
from meshgate.api.gateway import Gateway
from meshgate.api.meta import Meta
from meshgate.api.resource import Spec
from meshgate.api.rules.annotations import annotation_findings
from meshgate.api.rules.destination_rule import destination_rule_findings
from meshgate.api.rules.finding import Findings
from meshgate.api.rules.gateway import gateway_findings
from meshgate.api.rules.service_entry import service_entry_findings
from meshgate.api.rules.virtual_service import virtual_service_findings
from meshgate.api.service_entry import ServiceEntry
from meshgate.api.virtual_service import VirtualService


def findings_of(meta: Meta, spec: Spec) -> Findings:
    """What is wrong or doubtful about an object that could be read."""
    match spec:
        case Gateway():
            yield from annotation_findings(meta)
            yield from gateway_findings(meta, spec)
        case VirtualService():
            yield from annotation_findings(meta)
            yield from virtual_service_findings(meta, spec)
        case DestinationRule():
            yield from annotation_findings(meta)
            yield from destination_rule_findings(meta, spec)
        case ServiceEntry():
            yield from annotation_findings(meta)
            yield from service_entry_findings(meta, spec)
        case _:
            return
