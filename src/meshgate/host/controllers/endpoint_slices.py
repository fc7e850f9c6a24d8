"""EndpointSlices: which pods serve a Service with a selector, at which ports, and whether they are ready.

Kubernetes' rules (`kubernetes:staging/src/k8s.io/endpointslice`): a pod with an address that has not ended is an
endpoint; it is ready if its condition Ready is true and it is not being deleted, or always with
`publishNotReadyAddresses`. A target port by name may be another number in another pod, so there is one slice for each
set of numbers. A Service without a selector has the Endpoints or slices that its user gives it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from meshgate.api import SERVICE_NAME_LABEL
from meshgate.host.controllers.view import (
    Controller,
    Settings,
    View,
    is_going,
    matches,
    owner_reference,
    ref,
    short_hash,
)
from meshgate.store.core import Create, Delete, Modify, Raw, Write, meta

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"

_Ports = tuple[tuple[str, str, int, str], ...]
"""Name, protocol, number, appProtocol."""


class _Serving:
    """Pods that can be endpoints, found by namespace and label."""

    def __init__(self, pods: Iterable[Raw]) -> None:
        self._by_label: defaultdict[tuple[str, str, str], list[Raw]] = defaultdict(list)
        for pod in pods:
            if _address(pod) and _phase(pod) not in ("Succeeded", "Failed"):
                for key, value in (meta(pod).get("labels") or {}).items():
                    self._by_label[meta(pod)["namespace"], key, value].append(pod)

    def selected(self, namespace: str, selector: Mapping[str, str]) -> list[Raw]:
        """Those with all labels of the selector."""
        candidates = [self._by_label.get((namespace, key, value), []) for key, value in selector.items()]
        return [pod for pod in min(candidates, key=len, default=[]) if matches(selector, pod)]


def desired(view: View, _settings: Settings, _now: str) -> Iterable[Write]:
    pods = _Serving(view.list("Pod"))
    existing = existing_slices(view, MANAGER)
    for service in view.list("Service"):
        key = (meta(service)["namespace"], meta(service)["name"])
        yield from slice_writes(_slices(service, pods), existing.pop(key, {}))
    for leftover in existing.values():
        yield from slice_writes((), leftover)


def existing_slices(view: View, manager: str) -> dict[tuple[str, str], dict[str, Raw]]:
    """A controller's slices by namespace and Service, each by its name."""
    existing: defaultdict[tuple[str, str], dict[str, Raw]] = defaultdict(dict)
    for piece in view.list("EndpointSlice"):
        labels = meta(piece).get("labels") or {}
        if labels.get(MANAGED_BY) == manager and not is_going(piece):
            existing[meta(piece)["namespace"], labels.get(SERVICE_NAME_LABEL, "")][meta(piece)["name"]] = piece
    return existing


def slice_writes(wanted: Iterable[Raw], existing: Mapping[str, Raw]) -> Iterator[Write]:
    """What makes a Service's slices those that are wanted."""
    left = dict(existing)
    for piece in wanted:
        old = left.pop(meta(piece)["name"], None)
        if old is None:
            yield Create(raw=piece)
        elif old.get("endpoints") != piece["endpoints"] or old.get("ports") != piece["ports"]:
            yield Modify(ref=ref(old), change=_with_content(piece))
    for old in left.values():
        yield Delete(ref=ref(old), missing_ok=True)


def slice_object(owner: Raw, manager: str, letters: str) -> dict[str, Any]:
    """An empty slice of the Service that the owner is, or is for."""
    name, namespace = meta(owner)["name"], meta(owner)["namespace"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-{letters}",
            "namespace": namespace,
            "labels": {SERVICE_NAME_LABEL: name, MANAGED_BY: manager},
            "ownerReferences": [owner_reference(owner)],
        },
        "addressType": "IPv4",
        "endpoints": [],
        "ports": [],
    }


def _with_content(piece: Raw) -> Any:
    return lambda old: {**old, "endpoints": piece["endpoints"], "ports": piece["ports"]}


def _slices(service: Raw, pods: _Serving) -> list[Raw]:
    spec = service.get("spec") or {}
    if is_going(service) or spec.get("type") == "ExternalName" or not spec.get("selector"):
        return []
    by_ports: defaultdict[_Ports, list[Raw]] = defaultdict(list)
    for pod in pods.selected(meta(service)["namespace"], spec["selector"]):
        by_ports[_ports(spec.get("ports") or (), pod)].append(pod)
    publish_all = bool(spec.get("publishNotReadyAddresses"))
    return [_slice(service, ports, found, publish_all) for ports, found in sorted(by_ports.items())]


def _slice(service: Raw, ports: _Ports, pods: Sequence[Raw], publish_all: bool) -> Raw:
    name, namespace = meta(service)["name"], meta(service)["namespace"]
    endpoints = [_endpoint(pod, name, publish_all) for pod in pods]
    return slice_object(service, MANAGER, short_hash([name, namespace, ports], 5)) | {
        "endpoints": sorted(endpoints, key=lambda endpoint: str(endpoint["addresses"])),
        "ports": [
            {"name": name, "protocol": protocol, "port": number} | ({"appProtocol": app} if app else {})
            for name, protocol, number, app in ports
        ],
    }


def _endpoint(pod: Raw, service: str, publish_all: bool) -> dict[str, Any]:
    terminating = is_going(pod)
    serving = is_ready(pod)
    metadata = meta(pod)
    node = (pod.get("spec") or {}).get("nodeName")
    return {
        "addresses": [_address(pod)],
        "conditions": {
            "ready": publish_all or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        **({"nodeName": node} if node else {}),
        **_hostname(pod, service),
    }


def _hostname(pod: Raw, service: str) -> dict[str, str]:
    """The pod has a name of its own below the Service that its `subdomain` names."""
    spec = pod.get("spec") or {}
    return {"hostname": spec["hostname"]} if spec.get("hostname") and spec.get("subdomain") == service else {}


def _ports(service_ports: Iterable[Mapping[str, Any]], pod: Raw) -> _Ports:
    found = []
    for port in service_ports:
        number = _number(port, pod)
        if number:
            found.append((port.get("name", ""), port.get("protocol", "TCP"), number, port.get("appProtocol", "")))
    return tuple(found)


def _number(port: Mapping[str, Any], pod: Raw) -> int:
    target = port.get("targetPort") or port.get("port", 0)
    if isinstance(target, int):
        return target
    for container in (pod.get("spec") or {}).get("containers") or ():
        for given in container.get("ports") or ():
            if given.get("name") == target and given.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return int(given["containerPort"])
    return 0


def is_ready(pod: Raw) -> bool:
    """The pod's condition Ready is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _address(pod: Raw) -> str:
    return str((pod.get("status") or {}).get("podIP") or "")


def _phase(pod: Raw) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


ENDPOINT_SLICES = Controller(
    name="endpoint slices", reads=frozenset({"Service", "Pod", "EndpointSlice"}), desired=desired
)
