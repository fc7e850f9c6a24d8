"""Where proxies and endpoints are, as labels: subsets and failover priorities may name them like any other label.

(istio:pilot/pkg/serviceregistry/util/label#AugmentLabels)
"""

from __future__ import annotations

from enum import StrEnum

from meshgate.api import Labels

REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
SUBZONE = "topology.istio.io/subzone"
CLUSTER = "topology.istio.io/cluster"
NETWORK = "topology.istio.io/network"
NODE = "kubernetes.io/hostname"

DISTRIBUTION_ANNOTATION = "networking.istio.io/traffic-distribution"


class Distribution(StrEnum):
    """What a service prefers, whatever DestinationRules leave open."""

    ANY = ""
    SAME_ZONE = "PreferSameZone"
    SAME_NODE = "PreferSameNode"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in which an endpoint should equal the client, the most important first."""
        zone = (NETWORK, REGION, ZONE)
        return {Distribution.ANY: (), Distribution.SAME_ZONE: zone, Distribution.SAME_NODE: (*zone, SUBZONE, NODE)}[
            self
        ]


_DISTRIBUTIONS = {
    "preferclose": Distribution.SAME_ZONE,
    "prefersamezone": Distribution.SAME_ZONE,
    "prefersamenode": Distribution.SAME_NODE,
}


def distribution_of(*said: str) -> Distribution:
    """The first that says something: the field of a Service, its annotation, the annotation of its namespace.

    >>> distribution_of("", "preferclose").value, distribution_of("PreferSameNode", "PreferClose").value
    ('PreferSameZone', 'PreferSameNode')
    """
    return next((_DISTRIBUTIONS[one.lower()] for one in said if one.lower() in _DISTRIBUTIONS), Distribution.ANY)


def with_topology(labels: Labels, locality: str, cluster: str, *, network: str = "", node: str = "") -> Labels:
    """The labels of a workload with those of its place (`region/zone/subzone`), sorted.

    >>> with_topology((("app", "web"),), "north", "Kubernetes")[1:]
    (('topology.istio.io/cluster', 'Kubernetes'), ('topology.kubernetes.io/region', 'north'))
    """
    region, zone, subzone = split_locality(locality)
    places = {REGION: region, ZONE: zone, SUBZONE: subzone, CLUSTER: cluster, NETWORK: network, NODE: node}
    return tuple(sorted({**dict(labels), **{key: value for key, value in places.items() if value}}.items()))


def split_locality(locality: str) -> tuple[str, str, str]:
    """Region, zone and subzone; empty where not given."""
    region, zone, subzone = (*locality.split("/", 2), "", "", "")[:3]
    return region, zone, subzone
