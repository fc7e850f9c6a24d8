"""The clusters of a dump: `istioctl proxy-config cluster`."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw, Struct

from meshgate.explain.dump.names import ClusterName, Metadata, parse_cluster_name
from meshgate.explain.dump.sections import Dump, resource_camel
from meshgate.explain.dump.table import Row, Table
from meshgate.proto.messages import Json

COLUMNS = ("Service FQDN", "Port", "Subset", "Direction", "Type", "Destination Rule")
NONE = "-"


class _Extension(Struct, frozen=True):
    name: str = ""


class Cluster(Struct, frozen=True):
    """`cluster.v3.Cluster`, as far as it is shown."""

    name: str
    type: str = "STATIC"
    """Proto JSON leaves out the first value of an enum."""
    cluster_type: _Extension = _Extension()
    metadata: Metadata = Metadata()

    @property
    def parts(self) -> ClusterName:
        return parse_cluster_name(self.name)


class ClusterFilter(Struct, frozen=True, kw_only=True):
    """As istioctl filters: by parts of the name; what is empty selects all."""

    fqdn: str = ""
    direction: str = ""
    subset: str = ""
    port: int = 0

    def admits(self, name: str) -> bool:
        has_parts = all(part in name for part in (self.fqdn, self.direction, self.subset))
        return has_parts and (not self.port or f"|{self.port}|" in name)


ALL = ClusterFilter()


def cluster_table(dump: Dump, wanted: ClusterFilter = ALL, *, kinds: bool = False) -> Table:
    """Sorted by host, subset, port and direction. `kinds`: the whole name before it, as where all is shown."""
    found = [cluster for cluster, _ in _clusters(dump, wanted)]
    columns = ("Name", *COLUMNS) if kinds else COLUMNS
    return Table(columns=columns, rows=tuple(_row(cluster, kinds=kinds) for cluster in found))


def cluster_json(dump: Dump, wanted: ClusterFilter = ALL) -> list[Json]:
    return [resource_camel(raw) for _, raw in _clusters(dump, wanted)]


def _clusters(dump: Dump, wanted: ClusterFilter) -> Iterator[tuple[Cluster, Raw]]:
    raws = dump.bodies("ClustersConfigDump", "dynamic_active_clusters", "static_clusters")
    read = ((dump.read(raw, Cluster), raw) for raw in raws)
    found = [(cluster, raw) for cluster, raw in read if wanted.admits(cluster.name)]
    yield from sorted(found, key=lambda pair: (pair[0].parts, pair[0].name))


def _row(cluster: Cluster, *, kinds: bool) -> Row:
    parts = cluster.parts
    kind = cluster.cluster_type.name or cluster.type
    head = (f"cluster/{cluster.name}",) if kinds else ()
    if not parts.is_service:
        return (*head, cluster.name, NONE, NONE, NONE, kind, cluster.metadata.managed_by)
    shown = (parts.hostname, str(parts.port), parts.subset or NONE, parts.direction)
    return (*head, *shown, kind, cluster.metadata.managed_by)
