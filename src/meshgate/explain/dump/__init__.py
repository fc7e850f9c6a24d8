"""What a running Envoy says that it holds, as istioctl's tables show it.

Reads the texts of Envoy's admin interface (`/config_dump`, `/clusters`), gives tables of text and JSON values. Pure:
the time is an argument. May import envoy, api, proto, errors.
"""

from meshgate.explain.dump.certificates import certificates_of
from meshgate.explain.dump.clusters import ClusterFilter, cluster_json, cluster_table
from meshgate.explain.dump.differences import Difference, differences
from meshgate.explain.dump.endpoints import EndpointFilter, Hosts, host_json, host_table, load_assignment_table
from meshgate.explain.dump.listeners import ListenerFilter, listener_json, listener_table
from meshgate.explain.dump.routes import RouteFilter, route_json, route_table
from meshgate.explain.dump.secrets import secret_table
from meshgate.explain.dump.sections import Dump, section_json, whole_json
from meshgate.explain.dump.table import Table
from meshgate.explain.dump.versions import version_lines

__all__ = [
    "ClusterFilter",
    "Difference",
    "Dump",
    "EndpointFilter",
    "Hosts",
    "ListenerFilter",
    "RouteFilter",
    "Table",
    "certificates_of",
    "cluster_json",
    "cluster_table",
    "differences",
    "host_json",
    "host_table",
    "listener_json",
    "listener_table",
    "load_assignment_table",
    "route_json",
    "route_table",
    "secret_table",
    "section_json",
    "version_lines",
    "whole_json",
]
