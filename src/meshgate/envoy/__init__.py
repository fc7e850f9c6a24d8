"""A plan's spelling in Envoy's API, as bytes; and the files Envoy processes start from.

Reads `plan` values; gives `Resource`s and bootstrap JSON; may import plan, api and proto. Pure, and decides nothing.
"""

from meshgate.envoy.bootstrap import BootstrapInput, bootstrap, envoy_arguments
from meshgate.envoy.edge import EDGE_NODE, EdgeInput, EdgePort, edge_bootstrap, edge_resources
from meshgate.envoy.emit import emit, emit_load_assignment
from meshgate.envoy.joining import JoiningPort
from meshgate.envoy.memo import Memo
from meshgate.envoy.node import ISTIO_VERSION, node_id
from meshgate.envoy.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource, Resources, resource_json
from meshgate.envoy.secret import certificate_secret, validation_secret
from meshgate.envoy.static_listeners import ProxyPorts

__all__ = [
    "CLUSTER",
    "EDGE_NODE",
    "ENDPOINTS",
    "ISTIO_VERSION",
    "LISTENER",
    "ROUTES",
    "SECRET",
    "BootstrapInput",
    "EdgeInput",
    "EdgePort",
    "JoiningPort",
    "Memo",
    "ProxyPorts",
    "Resource",
    "Resources",
    "bootstrap",
    "certificate_secret",
    "edge_bootstrap",
    "edge_resources",
    "emit",
    "emit_load_assignment",
    "envoy_arguments",
    "node_id",
    "resource_json",
    "validation_secret",
]
