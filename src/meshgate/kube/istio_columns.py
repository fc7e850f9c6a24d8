"""The printer columns of Istio's custom resource definitions (`istio:manifests/charts/base/files/crd-all.gen.yaml`).

A list in a cell is printed as JSON, as the API server prints what a JSON path of a printer column finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from meshgate.store.core import Raw

from .cells import Column, field


def at(path: str) -> Any:
    def cell(raw: Raw, now: datetime) -> str:
        found = field(raw, path)
        if found is None:
            return ""
        return found if isinstance(found, str) else msgspec.json.encode(found).decode()

    return cell


ISTIO: Mapping[str, Sequence[Column]] = {
    "VirtualService": (Column("Gateways", at("spec.gateways")), Column("Hosts", at("spec.hosts"))),
    "DestinationRule": (Column("Host", at("spec.host")),),
    "ServiceEntry": (
        Column("Hosts", at("spec.hosts")),
        Column("Location", at("spec.location")),
        Column("Resolution", at("spec.resolution")),
    ),
    "WorkloadEntry": (Column("Address", at("spec.address")),),
    "PeerAuthentication": (Column("Mode", at("spec.mtls.mode")),),
    "IstioOperator": (Column("Revision", at("spec.revision")), Column("Status", at("status.status"))),
}
