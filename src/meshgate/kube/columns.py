"""The columns of Kubernetes' own kinds, besides name and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from meshgate.store.core import Raw, meta

from .cells import NONE, UNKNOWN, Column, age, field, items, joined, labels
from .pod_columns import POD

MAX_ENDPOINTS = 3
"""More are counted, not shown."""


def service_type(raw: Raw, now: datetime) -> str:
    return str(field(raw, "spec.type") or "ClusterIP")


def service_address(raw: Raw, now: datetime) -> str:
    if service_type(raw, now) == "ExternalName":
        return NONE
    return str(field(raw, "spec.clusterIP") or NONE)


def external_address(raw: Raw, now: datetime) -> str:
    given = items(raw, "spec.externalIPs")
    match service_type(raw, now):
        case "ExternalName":
            return str(field(raw, "spec.externalName") or NONE)
        case "LoadBalancer":
            ingress = items(raw, "status.loadBalancer.ingress")
            found = [entry.get("ip") or entry.get("hostname") for entry in ingress] + given
            return ",".join(found) or "<pending>"
        case _:
            return joined(given)


def service_ports(raw: Raw, now: datetime) -> str:
    def port(entry: Raw) -> str:
        node_port = f":{entry['nodePort']}" if entry.get("nodePort") else ""
        return f"{entry.get('port')}{node_port}/{entry.get('protocol', 'TCP')}"

    return joined(port(entry) for entry in items(raw, "spec.ports"))


def endpoint_addresses(raw: Raw, now: datetime) -> str:
    found: list[str] = []
    for subset in items(raw, "subsets"):
        addresses = [address.get("ip", "") for address in subset.get("addresses") or ()]
        ports = [entry.get("port") for entry in subset.get("ports") or ()]
        found += [f"{ip}:{port}" for port in ports for ip in addresses] if ports else addresses
    return _shortened(found, " + ")


def slice_ports(raw: Raw, now: datetime) -> str:
    entries = field(raw, "ports")
    if not entries:
        return "<unset>"
    return _shortened([str(entry.get("port") or "*") for entry in entries], " + ")


def slice_addresses(raw: Raw, now: datetime) -> str:
    endpoints = items(raw, "endpoints")
    if not endpoints:
        return "<unset>"
    return _shortened([address for endpoint in endpoints for address in endpoint.get("addresses", ())], " + ")


def _shortened(found: Sequence[str], more: str) -> str:
    if not found:
        return NONE
    rest = len(found) - MAX_ENDPOINTS
    return ",".join(found[:MAX_ENDPOINTS]) + (f"{more}{rest} more..." if rest > 0 else "")


def deployment_ready(raw: Raw, now: datetime) -> str:
    replicas = field(raw, "spec.replicas")
    return f"{field(raw, 'status.readyReplicas') or 0}/{1 if replicas is None else replicas}"


def template_containers(what: str) -> Any:
    return lambda raw, now: joined(c.get(what, "") for c in items(raw, "spec.template.spec.containers"))


def deployment_selector(raw: Raw, now: datetime) -> str:
    return labels(field(raw, "spec.selector.matchLabels"))


def event_object(raw: Raw, now: datetime) -> str:
    about = field(raw, "involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def event_source(raw: Raw, now: datetime) -> str:
    source = field(raw, "source") or {}
    return ", ".join(filter(None, (source.get("component") or raw.get("reportingComponent"), source.get("host"))))


def event_time(name: str) -> Any:
    return lambda raw, now: age(raw.get(name) or raw.get("eventTime") or meta(raw).get("creationTimestamp"), now)


def size_of(name: str, *more: str) -> Any:
    return lambda raw, now: sum(len(raw.get(part) or ()) for part in (name, *more))


def at(path: str, absent: str = "") -> Any:
    return lambda raw, now: str(field(raw, path) or absent)


BUILT_IN: Mapping[str, Sequence[Column]] = {
    "Pod": POD,
    "Service": (
        Column("Type", service_type),
        Column("Cluster-IP", service_address),
        Column("External-IP", external_address),
        Column("Port(s)", service_ports),
        Column("Selector", lambda raw, now: labels(field(raw, "spec.selector")), wide=True),
    ),
    "Deployment": (
        Column("Ready", deployment_ready),
        Column("Up-to-date", lambda raw, now: field(raw, "status.updatedReplicas") or 0, type="integer"),
        Column("Available", lambda raw, now: field(raw, "status.availableReplicas") or 0, type="integer"),
        Column("Containers", template_containers("name"), wide=True),
        Column("Images", template_containers("image"), wide=True),
        Column("Selector", deployment_selector, wide=True),
    ),
    "Namespace": (Column("Status", at("status.phase", UNKNOWN)),),
    "Secret": (Column("Type", at("type", "Opaque")), Column("Data", size_of("data"), type="integer")),
    "ConfigMap": (Column("Data", size_of("data", "binaryData"), type="integer"),),
    "ServiceAccount": (Column("Secrets", size_of("secrets"), type="integer"),),
    "Endpoints": (Column("Endpoints", endpoint_addresses),),
    "EndpointSlice": (
        Column("AddressType", at("addressType")),
        Column("Ports", slice_ports),
        Column("Endpoints", slice_addresses),
    ),
    "Event": (
        Column("Last Seen", event_time("lastTimestamp")),
        Column("Type", at("type")),
        Column("Reason", at("reason")),
        Column("Object", event_object),
        Column("Subobject", at("involvedObject.fieldPath"), wide=True),
        Column("Source", event_source, wide=True),
        Column("Message", lambda raw, now: str(raw.get("message") or "").strip()),
        Column("First Seen", event_time("firstTimestamp"), wide=True),
        Column("Count", lambda raw, now: raw.get("count") or 1, type="integer", wide=True),
        Column("Name", lambda raw, now: meta(raw).get("name", ""), format="name", wide=True),
    ),
}
