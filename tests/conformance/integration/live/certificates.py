"""Certificates for the environment, for which the data has words only: one authority, and one that nobody believes.

The Secrets are those that Istio's tests make beside the egress gateway, by what `credentialName` says of them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.certificates import certificate, revocation_list
from tests.conformance.cases import Raw

_CA = certificate("authority of the environment", is_ca=True)
_OTHER = certificate("another authority of the environment", is_ca=True)
_SERVER = certificate("external", issuer=_CA)
_CLIENT = certificate("server.default.svc.cluster.local", issuer=_CA)
_STRANGER = certificate("stranger", issuer=_OTHER)

SERVER_PEM = (_SERVER.pem + _SERVER.key).decode()
"""What servers show."""
CLIENT_ROOTS_PEM = _CA.pem.decode()
"""Whom servers believe that ask for clients."""


def secrets() -> Iterator[Raw]:
    """Credentials of the egress gateway."""
    client, roots = {"cert": _CLIENT.pem, "key": _CLIENT.key}, {"cacert": _CA.pem}
    revoked = revocation_list(_CA, _SERVER)
    yield _secret("tls-credential", roots)
    yield _secret("fake-tls-credential", {"cacert": _OTHER.pem})
    yield _secret("mtls-credential-generic", {**client, **roots})
    yield _secret("mtls-credential-not-generic", {"tls.crt": _CLIENT.pem, "tls.key": _CLIENT.key}, "kubernetes.io/tls")
    yield _secret("mtls-credential-not-generic-cacert", roots)
    yield _secret("fake-mtls-credential-a", {"cert": _STRANGER.pem, "key": _STRANGER.key, **roots})
    yield _secret("mtls-credential-crl", {**client, **roots, "crl": revoked})


def _secret(name: str, data: dict[str, bytes], kind: str = "Opaque") -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "istio-system"},
        "type": kind,
        "data": {key: base64.b64encode(content).decode() for key, content in data.items()},
    }
