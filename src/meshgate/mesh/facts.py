"""What the mesh is built from besides objects: settings of the installation and of this run, given by the shells."""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import MeshConfig


class Facts(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Inputs that are no objects. The defaults are those of an installation of Istio."""

    cluster_domain: str = "cluster.local"
    """Domain of Kubernetes Services: `name.namespace.svc.<domain>`."""
    config_domain: str = "cluster.local"
    """Domain of short host names in Istio's objects; empty: `name.namespace`, as Istio's own unit tests have it."""
    cluster_id: str = "Kubernetes"
    mesh: MeshConfig = MeshConfig(access_log_file="/dev/stdout")
    """The mesh configuration, with all overlays applied (`build` does not read the ConfigMap)."""
