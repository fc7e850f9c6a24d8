"""Users' certificates on their way to a proxy: what its plan names, from its own namespace, spelled for Envoy.

What is missing, or what Envoy would not take, is left out: a name that nobody publishes is answered at once, so its
listener comes up, its handshakes fail, and its neighbours serve; a proxy that had a good one keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from meshgate.envoy import Resource, certificate_secret, validation_secret
from meshgate.mesh import CredentialObject, CredentialObjects, KeyPair, Memo, credential_of, credential_place

SOURCE = "credentials"
"""What the secrets are called among those of a proxy."""


def credential_secrets(
    memo: Memo, names: Iterable[str], namespace: str, objects: CredentialObjects
) -> Mapping[str, Resource]:
    """The secrets that a proxy of a namespace is given, by name; names that are no credentials are passed over."""
    found: dict[str, Resource] = {}
    for name in sorted(names):
        place = credential_place(name, namespace)
        resource = objects.at(place) if place is not None else None
        if place is not None and resource is not None:
            secret = memo.get(_secret, name, resource, place.wants_roots)
            if secret is not None:
                found[name] = secret
    return MappingProxyType(found)


def _secret(name: str, resource: CredentialObject, wants_roots: bool) -> Resource | None:
    match credential_of(resource, wants_roots).material:
        case None:
            return None
        case KeyPair() as pair:
            return certificate_secret(name, pair.chain, pair.key)
        case roots:
            return validation_secret(name, roots.roots, roots.crl)
