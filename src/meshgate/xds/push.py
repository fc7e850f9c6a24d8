"""Envoy's spelling of requests and responses, and responses' bytes built once for all streams that send them."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from meshgate.proto import to_json, v3
from meshgate.xds.guests import Node
from meshgate.xds.session import Request, Response, WorldRequest


def parse_delta(raw: bytes) -> Request:
    """A `DeltaDiscoveryRequest`."""
    message = v3.DeltaDiscoveryRequest.FromString(raw)
    return Request(
        type_url=message.type_url,
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        held=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error=_error(message),
    )


def parse_world(raw: bytes) -> WorldRequest:
    """A `DiscoveryRequest`."""
    message = v3.DiscoveryRequest.FromString(raw)
    return WorldRequest(
        type_url=message.type_url,
        names=tuple(message.resource_names),
        nonce=message.response_nonce,
        error=_error(message),
    )


def _error(message: v3.DeltaDiscoveryRequest | v3.DiscoveryRequest) -> str | None:
    """Envoy's text on one line, as it goes into lists of problems; None where the response was accepted."""
    return " ".join(message.error_detail.message.split()) if message.HasField("error_detail") else None


def delta_node(raw: bytes) -> Node:
    """The node that a `DeltaDiscoveryRequest` comes from."""
    return _node(v3.DeltaDiscoveryRequest.FromString(raw).node)


def world_node(raw: bytes) -> Node:
    """The node that a `DiscoveryRequest` comes from."""
    return _node(v3.DiscoveryRequest.FromString(raw).node)


def _node(node: v3.Node) -> Node:
    metadata = to_json(v3.Node(metadata=node.metadata)).get("metadata")
    return Node(id=node.id, metadata=metadata if isinstance(metadata, dict) else {})


def delta_bytes(response: Response) -> bytes:
    """A `DeltaDiscoveryResponse`."""
    type_url = response.type_url
    return v3.DeltaDiscoveryResponse(
        type_url=type_url,
        nonce=response.nonce,
        system_version_info=response.nonce,
        resources=[
            {"name": each.name, "version": each.version, "resource": {"type_url": type_url, "value": each.body}}
            for each in response.resources
        ],
        removed_resources=response.removed,
    ).SerializeToString()


def world_bytes(response: Response) -> bytes:
    """A `DiscoveryResponse`; its version is the digest of its content."""
    type_url = response.type_url
    return v3.DiscoveryResponse(
        type_url=type_url,
        nonce=response.nonce,
        version_info=response.nonce,
        resources=[{"type_url": type_url, "value": each.body} for each in response.resources],
    ).SerializeToString()


class SharedBytes:
    """Bytes of delta responses, kept as long as some stream awaits the verdict."""

    def __init__(self) -> None:
        self._built: WeakKeyDictionary[Response, bytes] = WeakKeyDictionary()

    def of(self, response: Response) -> bytes:
        built = self._built.get(response)
        if built is None:
            built = self._built[response] = delta_bytes(response)
        return built
