"""The resources of one proxy, decoded once for many calls.

Comes in as the bytes that Envoy would get, by type. Extensions that stock Envoy does not know (Istio's own filters)
stay packed: only what decides where a call goes is unpacked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from google.protobuf.message import Message
from msgspec import Struct

from meshgate.envoy import Resources
from meshgate.proto import v3

M = TypeVar("M", bound=Message)


class Configuration(Struct, frozen=True, kw_only=True, eq=False):
    """Decoded resources. Read them, never change them."""

    listeners: tuple[v3.Listener, ...]
    """In the order given: where several could take a call, the first does."""
    route_configurations: Mapping[str, v3.RouteConfiguration]
    clusters: Mapping[str, v3.Cluster]

    @classmethod
    def of(cls, resources: Resources) -> Configuration:
        """From what one proxy is sent."""
        return cls.decode(
            listeners=(one.body for one in resources.listeners),
            route_configurations=(one.body for one in resources.route_configurations),
            clusters=(one.body for one in resources.clusters),
        )

    @classmethod
    def decode(
        cls, *, listeners: Iterable[bytes], route_configurations: Iterable[bytes], clusters: Iterable[bytes] = ()
    ) -> Configuration:
        """From serialized resources. `DecodeError` if bytes are not of the type."""
        routes = (v3.RouteConfiguration.FromString(body) for body in route_configurations)
        named = (v3.Cluster.FromString(body) for body in clusters)
        return cls(
            listeners=tuple(v3.Listener.FromString(body) for body in listeners),
            route_configurations={route.name: route for route in routes},
            clusters={cluster.name: cluster for cluster in named},
        )


def unpack_as(packed: v3.Any, cls: type[M]) -> M | None:
    """The message in the `Any` if it is of this type, else None."""
    if packed.type_url.rpartition("/")[2] != cls.DESCRIPTOR.full_name:
        return None
    return cls.FromString(packed.value)


def origin_of(metadata: v3.Metadata) -> str:
    """The object's path as Istio writes it, `/apis/networking.istio.io/v1/namespaces/NS/virtual-service/NAME`."""
    istio = metadata.filter_metadata.get("istio")
    return istio.fields["config"].string_value if istio is not None and "config" in istio.fields else ""
