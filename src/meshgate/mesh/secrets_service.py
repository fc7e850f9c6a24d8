"""The service that gives the secrets `sds://NAME`: the first extension provider of the mesh that is for secrets."""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import MeshConfig


class SecretsService(Struct, frozen=True, kw_only=True, gc=False):
    """A provider of secrets."""

    provider: str
    """Its name among the extension providers."""
    host: str
    """As in Istio, a host in full: a short name is none of a service."""
    port: int


def secrets_service(mesh: MeshConfig) -> SecretsService | None:
    """The provider of secrets, if the mesh has one."""
    for one in mesh.extension_providers:
        if one.sds is not None:
            host = one.sds.service.rpartition("/")[2]
            return SecretsService(provider=one.name, host=host, port=one.sds.port)
    return None
