"""Where a proxy gets the secrets that users name: from us, or from the service that the mesh has for them.

`credentialName: sds://NAME` means the secret NAME at the first of `extensionProviders` that is one for secrets. Without
one it is asked for here, where nobody gives it: handshakes fail, and the neighbours serve.
(istio:pilot/pkg/security/model/authentication.go#ConstructSdsSecretConfigForCredential)
"""

from __future__ import annotations

from meshgate.api import MeshConfig
from meshgate.mesh import SDS_SCHEME, secrets_service
from meshgate.plan import names
from meshgate.plan.values import SecretReference


def secret_reference(name: str, mesh: MeshConfig) -> SecretReference:
    """The secret that a name of SDS means."""
    service = secrets_service(mesh) if name.startswith(SDS_SCHEME) else None
    if service is None:
        return SecretReference(name=name)
    cluster = names.outbound_cluster(service.port, "", service.host)
    return SecretReference(name=name.removeprefix(SDS_SCHEME), provider=cluster)
