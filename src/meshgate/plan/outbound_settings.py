"""Settings of the mesh on which outbound plans depend."""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import MeshConfig
from meshgate.mesh import World


class OutboundSettings(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The mesh configuration and the domains of short names."""

    mesh: MeshConfig
    config_domain: str
    cluster_domain: str


def outbound_settings(world: World) -> OutboundSettings:
    """The settings of a world."""
    return OutboundSettings(
        mesh=world.mesh, config_domain=world.facts.config_domain, cluster_domain=world.facts.cluster_domain
    )
