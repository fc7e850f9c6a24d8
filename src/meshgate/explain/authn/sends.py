"""What a proxy sends to each destination: read from its clusters, and from what their endpoints say of themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from meshgate.envoy.upstream import HTTP_OPTIONS
from meshgate.explain.authn.transports import Transport, client_transport
from meshgate.explain.dump.names import ClusterName, parse_cluster_name
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.proto import v3

OUTBOUND = "outbound"
MATCH = "envoy.transport_socket_match"
Address = tuple[str, int]


class Sent(Struct, frozen=True, kw_only=True):
    """What some endpoints of a cluster are sent."""

    cluster: str
    transport: Transport
    endpoints: tuple[Address, ...] = ()
    """Sorted; none: there is none now, or they are wherever the client was going (`is_anywhere`)."""
    is_anywhere: bool = False
    is_chosen: bool = False
    """By what each endpoint says of itself; else the cluster sends this to all."""
    sni_of_request: bool = False
    """The server's name is that of the request."""

    @property
    def destination(self) -> ClusterName:
        return parse_cluster_name(self.cluster)


def sent(clusters: Iterable[bytes], assignments: Mapping[str, bytes]) -> tuple[Sent, ...]:
    """Of the clusters for services, sorted by host, subset and port. `assignments`: endpoints by cluster."""
    read = map(v3.Cluster.FromString, clusters)
    found = [cluster for cluster in read if parse_cluster_name(cluster.name).direction == OUTBOUND]
    found.sort(key=lambda cluster: parse_cluster_name(cluster.name))
    return tuple(each for cluster in found for each in _of_cluster(cluster, assignments.get(cluster.name)))


def _of_cluster(cluster: v3.Cluster, assigned: bytes | None) -> Iterator[Sent]:
    assignment = cluster.load_assignment if assigned is None else v3.ClusterLoadAssignment.FromString(assigned)
    by_name: dict[str, list[Address]] = defaultdict(list)
    for group in assignment.endpoints:
        for each in group.lb_endpoints:
            by_name[_choice(cluster, each)].append(_address(each))
    choices = {each.name: client_transport(each.transport_socket) for each in cluster.transport_socket_matches}
    if not by_name:  # nobody is there: what the first choice would be is what would be sent at best
        by_name[next(iter(choices), "")] = []
    for name in sorted(by_name, key=[*choices, ""].index):
        yield Sent(
            cluster=cluster.name,
            transport=choices[name] if name else client_transport(cluster.transport_socket),
            endpoints=tuple(sorted(by_name[name])),
            is_anywhere=cluster.type == v3.Cluster.ORIGINAL_DST,
            is_chosen=bool(choices),
            sni_of_request=_has_auto_sni(cluster),
        )


def _choice(cluster: v3.Cluster, endpoint: v3.LbEndpoint) -> str:
    """The first match whose every label the endpoint has; empty: the cluster's own transport."""
    said = endpoint.metadata.filter_metadata[MATCH].fields if MATCH in endpoint.metadata.filter_metadata else {}
    for choice in cluster.transport_socket_matches:
        wanted = choice.match.fields
        if all(key in said and said[key].string_value == value.string_value for key, value in wanted.items()):
            return choice.name
    return ""


def _address(endpoint: v3.LbEndpoint) -> Address:
    address = endpoint.endpoint.address
    if address.HasField("pipe"):
        return address.pipe.path, 0
    return address.socket_address.address, address.socket_address.port_value


def _has_auto_sni(cluster: v3.Cluster) -> bool:
    packed = cluster.typed_extension_protocol_options.get(HTTP_OPTIONS)
    options = unpack_as(packed, v3.HttpProtocolOptions) if packed is not None else None
    return options is not None and options.upstream_http_protocol_options.auto_sni
