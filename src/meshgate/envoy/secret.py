"""Secrets as Envoy asks for them by name (SDS): a certificate with its key, or roots to check certificates by.

Bodies are serialised deterministically, so an equal secret has an equal version and is not sent again. The resource's
`repr` shows nothing of the body, and its version is a hash that no key can be found from.
"""

from __future__ import annotations

from meshgate.api import SecretBytes
from meshgate.envoy.resource import SECRET, Resource, resource_of
from meshgate.proto import v3


def certificate_secret(name: str, chain_pem: bytes, key_pem: SecretBytes) -> Resource:
    """A certificate, followed by those that lead to its root, and its key."""
    return _secret(
        v3.Secret(
            name=name,
            tls_certificate={
                "certificate_chain": {"inline_bytes": chain_pem},
                "private_key": {"inline_bytes": key_pem.reveal()},
            },
        )
    )


def validation_secret(name: str, roots_pem: bytes, crl_pem: bytes = b"") -> Resource:
    """Roots that a peer's certificate must lead to, and certificates that were revoked."""
    context: v3.CertificateValidationContextDict = {"trusted_ca": {"inline_bytes": roots_pem}}
    if crl_pem:
        context["crl"] = {"inline_bytes": crl_pem}
    return _secret(v3.Secret(name=name, validation_context=context))


def _secret(message: v3.Secret) -> Resource:
    return resource_of(message.name, SECRET, message.SerializeToString(deterministic=True))
