"""Proxies that are none of our pods, as values: what their nodes say of them, in Istio's metadata.

(istio:pilot/pkg/model/context.go, `NodeMetadata`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from meshgate.app.pipeline import Pipeline
from meshgate.plan import Proxy
from meshgate.xds.guests import Node

ROLES: Mapping[str, Literal["sidecar", "router"]] = {"sidecar": "sidecar", "router": "router"}


class PlannedGuests:
    """Has the pipeline plan for guests while they are connected."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def welcome(self, node: Node) -> bool:
        proxy = proxy_of_node(node)
        if proxy is not None:
            self._pipeline.invite(node.proxy_id, proxy)
        return proxy is not None

    def farewell(self, proxy_id: str) -> None:
        self._pipeline.dismiss(proxy_id)


def proxy_of_node(node: Node) -> Proxy | None:
    """The proxy that a node says it is; None where the id is not Istio's (`ROLE~ADDRESS~NAME.NS~DOMAIN`)."""
    parts = node.id.split("~")
    if len(parts) != 4 or parts[0] not in ROLES:
        return None
    role, address, full_name, _ = parts
    name, _, namespace = full_name.rpartition(".")
    said = node.metadata
    addresses = [each for each in _text(said, "INSTANCE_IPS").split(",") if each] or [address]
    labels = said.get("LABELS")
    return Proxy(
        role=ROLES[role],
        name=_text(said, "NAME") or name,
        namespace=_text(said, "NAMESPACE") or namespace,
        labels=tuple(sorted((key, str(value)) for key, value in labels.items())) if isinstance(labels, dict) else (),
        addresses=tuple(addresses),
        service_account=_text(said, "SERVICE_ACCOUNT") or "default",
        workload=_text(said, "WORKLOAD_NAME"),
        node=_text(said, "NODE_NAME"),
    )


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key, "")
    return value if isinstance(value, str) else ""
