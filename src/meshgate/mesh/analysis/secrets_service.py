"""Why the mesh's provider of secrets can't be asked."""

from __future__ import annotations

from meshgate.api import MeshConfig
from meshgate.mesh.analysis.indexes import ServiceIndex
from meshgate.mesh.secrets_service import secrets_service


def secrets_service_fault(mesh: MeshConfig, services: ServiceIndex) -> str:
    """Empty if there is nothing wrong with it."""
    provider = secrets_service(mesh)
    if provider is None:
        return "the mesh configuration has no provider of secrets (extensionProviders of kind sds)"
    service = services.by_host.get(provider.host)
    named = f'the provider "{provider.provider}"'
    if service is None:
        return f'{named} is at "{provider.host}", which is no service'
    if all(port.number != provider.port for port in service.ports):
        return f'{named} is at "{provider.host}", which has no port {provider.port}'
    return ""
