"""What istioctl reads out of names and metadata: the parts of a cluster's name, the object behind a resource."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct


class ClusterName(NamedTuple):
    """`direction|port|subset|hostname`; any other name is all hostname. Tuples sort as istioctl sorts clusters."""

    hostname: str
    subset: str
    port: int
    direction: str

    @property
    def is_service(self) -> bool:
        return bool(self.direction)


def parse_cluster_name(name: str) -> ClusterName:
    """
    >>> parse_cluster_name("outbound|80|v1|web.shop.svc.cluster.local")
    ClusterName(hostname='web.shop.svc.cluster.local', subset='v1', port=80, direction='outbound')
    >>> parse_cluster_name("xds-grpc").is_service
    False
    """
    parts = name.split("|")
    if len(parts) < 4:
        return ClusterName(name, "", 0, "")
    direction, port, subset, hostname = parts[:4]
    return ClusterName(hostname, subset, int(port) if port.isdecimal() else 0, direction)


class Istio(Struct, frozen=True):
    config: str = ""
    """The API path of the object, see `envoy.metadata`."""


class FilterMetadata(Struct, frozen=True):
    istio: Istio = Istio()


class Metadata(Struct, frozen=True):
    """`core.v3.Metadata`, as far as Istio's tools read it."""

    filter_metadata: FilterMetadata = FilterMetadata()

    @property
    def managed_by(self) -> str:
        """`NAME.NAMESPACE` of the object; empty if none is named.

        >>> path = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web"
        >>> Metadata(FilterMetadata(Istio(config=path))).managed_by
        'web.shop'
        """
        config = self.filter_metadata.istio.config
        parts = config.split("/")
        if not config:
            return ""
        return f"{parts[7]}.{parts[5]}" if len(parts) == 8 and parts[4] == "namespaces" else "<unknown>"
