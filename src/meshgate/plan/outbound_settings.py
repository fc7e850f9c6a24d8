"""Settings on which outbound plans depend: those of the mesh, and what a Sidecar says of what nobody knows."""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import MeshConfig, OutboundMode
from meshgate.mesh import BoundSidecar, World
from meshgate.plan import names


class OutboundSettings(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The mesh configuration, the domains of short names, and where unknown traffic goes."""

    mesh: MeshConfig
    config_domain: str
    cluster_domain: str
    mode: OutboundMode
    """What becomes of traffic to hosts that the proxy does not know."""
    egress_cluster: str = ""
    """Where it is sent, if it is let out, instead of to where it was going."""

    @property
    def catch_all_cluster(self) -> str:
        """Where connections go that the proxy does not know."""
        if self.mode is OutboundMode.REGISTRY_ONLY:
            return names.BLACK_HOLE
        return self.egress_cluster or names.PASSTHROUGH


def outbound_settings(world: World, sidecar: BoundSidecar | None = None) -> OutboundSettings:
    """The settings of a world, for proxies that have this Sidecar."""
    mode = sidecar.mode if sidecar is not None else None
    proxy = sidecar.egress_proxy if sidecar is not None else None
    return OutboundSettings(
        mesh=world.mesh,
        config_domain=world.facts.config_domain,
        cluster_domain=world.facts.cluster_domain,
        mode=mode or world.mesh.outbound_traffic_policy.mode,
        # as in Istio, the host is taken as it is written: a short name is none of a service
        egress_cluster=names.outbound_cluster(proxy.port, proxy.subset, proxy.host) if proxy is not None else "",
    )
