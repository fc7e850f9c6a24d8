"""Endpoints: of `/clusters` with what Envoy thinks of them (`istioctl proxy-config endpoint`), and of a dump."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from meshgate.explain.dump.listeners import Address
from meshgate.explain.dump.names import parse_cluster_name
from meshgate.explain.dump.sections import Dump, DumpFault
from meshgate.explain.dump.table import Row, Table
from meshgate.proto import from_json, to_json, v3
from meshgate.proto.messages import Json

COLUMNS = ("Endpoint", "Status", "Outlier Check", "Cluster")
ASSIGNED_COLUMNS = ("Name", "Status", "Locality", "Cluster")
HINT = "it must be what Envoy's admin interface answers to /clusters?format=json"


class _Health(Struct, frozen=True):
    eds_health_status: str = "UNKNOWN"
    failed_outlier_check: bool = False


class Host(Struct, frozen=True):
    """`admin.v3.HostStatus`, as far as it is shown."""

    address: Address = Address()
    health_status: _Health = _Health()

    @property
    def host(self) -> str:
        return self.address.socket_address.address or f"unix://{self.address.pipe.path}"

    @property
    def port(self) -> int:
        return self.address.socket_address.port_value


class _Cluster(Struct, frozen=True):
    name: str = ""
    host_statuses: tuple[Host, ...] = ()


class _Clusters(Struct, frozen=True):
    cluster_statuses: tuple[Raw, ...] = ()


class Hosts:
    """One answer to `/clusters?format=json`. Raises DumpFault where it is none."""

    def __init__(self, text: bytes) -> None:
        try:
            raws = msgspec.json.decode(text, type=_Clusters).cluster_statuses
            self.clusters = tuple((msgspec.json.decode(raw, type=_Cluster), raw) for raw in raws)
        except msgspec.MsgspecError as error:
            raise DumpFault(f"this is no list of clusters: {error}", hint=HINT) from None


class EndpointFilter(Struct, frozen=True, kw_only=True):
    """What is empty selects all; letters' case does not matter."""

    address: str = ""
    port: int = 0
    cluster: str = ""
    status: str = ""

    def admits(self, cluster: str, host: Host) -> bool:
        return (
            self.address.lower() in ("", host.host.lower())
            and self.port in (0, host.port)
            and self.cluster.lower() in ("", cluster.lower())
            and self.status.lower() in ("", host.health_status.eds_health_status.lower())
        )


ALL = EndpointFilter()


def host_table(hosts: Hosts, wanted: EndpointFilter = ALL) -> Table:
    """By address, port and cluster."""
    found = [(cluster.name, host) for cluster, _ in hosts.clusters for host in cluster.host_statuses]
    shown = sorted(
        (
            (host.host, host.port, cluster, host.health_status)
            for cluster, host in found
            if wanted.admits(cluster, host)
        ),
        key=lambda line: line[:3],
    )
    rows = tuple(
        (
            f"{address}:{port}" if port else address,
            health.eds_health_status,
            "FAILED" if health.failed_outlier_check else "OK",
            cluster,
        )
        for address, port, cluster, health in shown
    )
    return Table(columns=COLUMNS, rows=rows)


def host_json(hosts: Hosts, wanted: EndpointFilter = ALL) -> list[Json]:
    """The clusters that have such an endpoint, whole, by name."""
    found = [
        (cluster.name, raw)
        for cluster, raw in hosts.clusters
        if any(wanted.admits(cluster.name, host) for host in cluster.host_statuses)
    ]
    return [
        to_json(from_json(json.loads(bytes(raw)), v3.ClusterStatus), proto_names=False)
        for _, raw in sorted(found, key=lambda pair: pair[0])
    ]


class _Endpoint(Struct, frozen=True):
    address: Address = Address()


class _LbEndpoint(Struct, frozen=True):
    endpoint: _Endpoint = _Endpoint()
    health_status: str = "UNKNOWN"


class _Locality(Struct, frozen=True):
    region: str = ""
    zone: str = ""
    sub_zone: str = ""


class _Localities(Struct, frozen=True):
    locality: _Locality = _Locality()
    lb_endpoints: tuple[_LbEndpoint, ...] = ()


class _LoadAssignment(Struct, frozen=True):
    cluster_name: str = ""
    endpoints: tuple[_Localities, ...] = ()


def load_assignment_table(dump: Dump, wanted: EndpointFilter = ALL) -> Table:
    """Endpoints as they were assigned, with their localities; by cluster, then in the order of the assignment."""
    raws = dump.bodies("EndpointsConfigDump", "dynamic_endpoint_configs", "static_endpoint_configs")
    found = [dump.read(raw, _LoadAssignment) for raw in raws]
    found.sort(key=lambda each: (parse_cluster_name(each.cluster_name), each.cluster_name))
    return Table(columns=ASSIGNED_COLUMNS, rows=tuple(row for each in found for row in _rows(each, wanted)))


def _rows(assignment: _LoadAssignment, wanted: EndpointFilter) -> Iterator[Row]:
    for group in assignment.endpoints:
        where = group.locality
        locality = "/".join(part for part in (where.region, where.zone, where.sub_zone) if part)
        for each in group.lb_endpoints:
            address = each.endpoint.address
            host = Host(address=address, health_status=_Health(eds_health_status=each.health_status))
            if wanted.admits(assignment.cluster_name, host):
                text = f"{host.host}:{host.port}" if host.port else address.pipe.path
                yield f"endpoint/{text}", each.health_status, locality, assignment.cluster_name
