"""Endpoints objects that users give to Services without a selector become EndpointSlices.

Kubernetes' rules (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#endpointslice-mirroring):
not where the Service is missing or has a selector, not with the label `endpointslice.kubernetes.io/skip-mirror`, not
for objects that hold a leader's election. So everything else of the mesh has to read nothing but slices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from meshgate.api import SERVICE_NAME_LABEL
from meshgate.host.controllers.endpoint_slices import existing_slices, slice_object, slice_writes
from meshgate.host.controllers.view import Controller, Settings, View, is_going, short_hash
from meshgate.store.core import Raw, Write, meta

MIRROR = "endpointslicemirroring-controller.k8s.io"
SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"


def desired(view: View, _settings: Settings, _now: str) -> Iterable[Write]:
    existing = existing_slices(view, MIRROR)
    for endpoints in view.list("Endpoints"):
        metadata = meta(endpoints)
        service = view.get("Service", metadata["namespace"], metadata["name"])
        mirrored = _slices(endpoints) if service is not None and _is_mirrored(endpoints, service) else ()
        yield from slice_writes(mirrored, existing.pop((metadata["namespace"], metadata["name"]), {}))
    for leftover in existing.values():
        yield from slice_writes((), leftover)


def _is_mirrored(endpoints: Raw, service: Raw) -> bool:
    labels, annotations = meta(endpoints).get("labels") or {}, meta(endpoints).get("annotations") or {}
    if is_going(endpoints) or is_going(service) or (service.get("spec") or {}).get("selector"):
        return False
    return labels.get(SKIP_LABEL) != "true" and LEADER not in annotations


def _slices(endpoints: Raw) -> Iterator[Raw]:
    """One for each subset and family of addresses: all endpoints of a slice have the same ports."""
    metadata = meta(endpoints)
    for number, subset in enumerate(endpoints.get("subsets") or ()):
        families: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for key, is_ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in subset.get(key) or ():
                families[_family(address["ip"])].append(_endpoint(address, is_ready=is_ready))
        for family, found in sorted(families.items()):
            made = slice_object(endpoints, MIRROR, short_hash([metadata["name"], number, family], 5))
            made["metadata"]["labels"] |= {
                key: value for key, value in (metadata.get("labels") or {}).items() if key != SERVICE_NAME_LABEL
            }
            made |= {"addressType": family, "endpoints": found, "ports": [_port(each) for each in _ports(subset)]}
            yield made


def _ports(subset: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return subset.get("ports") or ()


def _endpoint(address: Mapping[str, Any], *, is_ready: bool) -> dict[str, Any]:
    kept = {key: address[key] for key in ("hostname", "nodeName", "targetRef") if address.get(key)}
    return {"addresses": [address["ip"]], "conditions": {"ready": is_ready}, **kept}


def _port(port: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": port["port"]} | (
        {"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}
    )


def _family(address: str) -> str:
    return f"IPv{ip_address(address).version}"


ENDPOINT_MIRRORS = Controller(
    name="endpoint mirrors", reads=frozenset({"Service", "Endpoints", "EndpointSlice"}), desired=desired
)
