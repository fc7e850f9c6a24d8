"""Users' certificates: which object a name of SDS means for a proxy, and what of it can be used.

Names are Istio's. `kubernetes://NAME` is the Secret of that name in the proxy's own namespace; `kubernetes://NAME-cacert`
the roots in the Secret `NAME-cacert`, else in `NAME`; `configmap://NAMESPACE/NAME` (with `-cacert` or without) roots in
a ConfigMap. A Secret of another namespace is never used. (istio:pilot/pkg/model/credentials/resource.go,
pilot/pkg/credentials/kube/secrets.go; the keys of their data are in Istio's task "Secure Gateways", "Key formats")

Keys are `SecretBytes` all the way; texts name objects and the keys of their data, never content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from meshgate.api import AnyResource, ConfigMap, Ref, Resource, Secret, SecretBytes, of_type
from meshgate.mesh.certificates import CertificateFacts, CertificateFault, Checked, Part, check_pair, check_roots

SECRET_SCHEME: Final = "kubernetes://"
CONFIG_MAP_SCHEME: Final = "configmap://"
SDS_SCHEME: Final = "sds://"
"""Given by the mesh's provider of secrets, never by us."""
ROOTS_SUFFIX: Final = "-cacert"
"""What the name of a Secret or a secret of SDS with roots ends with."""

CredentialObject = Resource[Secret] | Resource[ConfigMap]


class KeyPair(Struct, frozen=True, kw_only=True):
    """A certificate, those that lead to its root, and its key: PEM."""

    chain: bytes
    key: SecretBytes


class Roots(Struct, frozen=True, kw_only=True):
    """Roots for checking a peer, and lists of what they have revoked: PEM."""

    roots: bytes
    crl: bytes = b""


class Place(Struct, frozen=True, kw_only=True):
    """Where a name of SDS leads to."""

    kind: str
    namespace: str
    names: tuple[str, ...]
    """The first one that is there counts."""
    wants_roots: bool = False


class ContentFault(Struct, frozen=True, kw_only=True, gc=False):
    """What is wrong with an object's content: a field of it, and words."""

    path: str
    text: str
    hint: str = ""


class Credential(Struct, frozen=True, kw_only=True):
    """What an object gives."""

    ref: Ref
    material: KeyPair | Roots | None = None
    """None: nothing that Envoy would take."""
    faults: tuple[ContentFault, ...] = ()
    """Why there is no material; at least one then."""
    doubts: tuple[ContentFault, ...] = ()
    certificates: tuple[CertificateFacts, ...] = ()
    certificate_path: str = ""
    """The field with the certificates."""


class CredentialObjects:
    """Secrets and ConfigMaps, by kind, namespace and name."""

    def __init__(self, resources: Iterable[AnyResource] = ()) -> None:
        given = tuple(resources)
        found: tuple[CredentialObject, ...] = (*of_type(given, Secret), *of_type(given, ConfigMap))
        self._by_ref: Mapping[Ref, CredentialObject] = {one.ref: one for one in found}

    def at(self, place: Place) -> CredentialObject | None:
        """The object that counts for a place."""
        refs = (Ref(place.kind, place.namespace, name) for name in place.names)
        return next((self._by_ref[ref] for ref in refs if ref in self._by_ref), None)

    def elsewhere(self, place: Place) -> tuple[str, ...]:
        """Other namespaces in which there is one of that name."""
        return tuple(
            sorted({ref.namespace for ref in self._by_ref if ref.kind == place.kind and ref.name in place.names})
        )

    def secrets(self) -> tuple[Resource[Secret], ...]:
        """All Secrets, in the order of their names."""
        found = (one for one in self._by_ref.values() if isinstance(one.spec, Secret))
        return tuple(sorted(found, key=lambda one: one.ref))


def credential_place(name: str, namespace: str) -> Place | None:
    """Where a proxy of a namespace looks for a name of SDS; None for one that is no object's, or another namespace's.

    >>> credential_place("kubernetes://web", "shop")
    Place(kind='Secret', namespace='shop', names=('web',), wants_roots=False)
    >>> credential_place("kubernetes://web-cacert", "shop").names
    ('web-cacert', 'web')
    >>> credential_place("kubernetes://other/web", "shop")
    """
    scheme = next((one for one in (SECRET_SCHEME, CONFIG_MAP_SCHEME) if name.startswith(one)), "")
    first, slash, rest = name.removeprefix(scheme).partition("/")
    if scheme == CONFIG_MAP_SCHEME:
        named = rest.partition("/")[0].removesuffix(ROOTS_SUFFIX)
        return Place(kind="ConfigMap", namespace=first, names=(named,), wants_roots=True) if first and named else None
    if not scheme or (slash and first != namespace):
        return None
    named = rest.partition("/")[0] if slash else first
    if not named.endswith(ROOTS_SUFFIX):
        return Place(kind="Secret", namespace=namespace, names=(named,))
    names = (named, named.removesuffix(ROOTS_SUFFIX))
    return Place(kind="Secret", namespace=namespace, names=names, wants_roots=True)


def credential_of(resource: CredentialObject, wants_roots: bool) -> Credential:
    """What an object gives: a certificate with its key, or roots."""
    data = _data_of(resource)
    return _roots_of(resource.ref, data) if wants_roots else _pair_of(resource.ref, data)


def _data_of(resource: CredentialObject) -> Mapping[str, SecretBytes]:
    spec = resource.spec
    if isinstance(spec, Secret):
        return dict(spec.data)
    return {key: SecretBytes(value.encode()) for key, value in spec.data}


_PAIRS: Final = (("cert", "key"), ("tls.crt", "tls.key"))
_ROOTS: Final = (("cacert", "crl"), ("ca.crt", "ca.crl"))


def _pair_of(ref: Ref, data: Mapping[str, SecretBytes]) -> Credential:
    for certificate, key in _PAIRS:
        chain, private = data.get(certificate), data.get(key)
        if chain and private and chain.reveal() and private.reveal():
            checked = check_pair(chain.reveal(), private)
            paths: Mapping[Part, str] = {"certificate": _path(certificate), "key": _path(key)}
            return _checked(ref, checked, paths, KeyPair(chain=chain.reveal(), key=private))
    present = next((pair for pair in _PAIRS if data.keys() >= set(pair)), None)
    if present is not None:
        return _without(ref, f'its keys "{present[0]}" and "{present[1]}" are there, and one of them is empty')
    expected = 'keys "tls.crt" and "tls.key" with PEM text are expected'
    return _without(ref, f"it has no certificate with a key; {_keys_of(data)}", expected)


def _roots_of(ref: Ref, data: Mapping[str, SecretBytes]) -> Credential:
    for name, list_name in _ROOTS:
        roots, crl = data.get(name), data.get(list_name)
        if roots and roots.reveal():
            revoked = crl.reveal() if crl else b""
            checked = check_roots(roots.reveal(), revoked)
            paths: Mapping[Part, str] = {"roots": _path(name), "crl": _path(list_name)}
            return _checked(ref, checked, paths, Roots(roots=roots.reveal(), crl=revoked))
    present = next((name for name, _ in _ROOTS if name in data), None)
    if present is not None:
        return _without(ref, f'its key "{present}" is there, and empty')
    expected = 'a key "ca.crt" with PEM text is expected'
    return _without(ref, f"it has no certificates of an authority; {_keys_of(data)}", expected)


def _checked(ref: Ref, checked: Checked, paths: Mapping[Part, str], material: KeyPair | Roots) -> Credential:
    """What was found, at its paths, that of the certificates first; without the material if it cannot be used."""
    return Credential(
        ref=ref,
        material=None if checked.faults else material,
        faults=_at(paths, checked.faults),
        doubts=_at(paths, checked.doubts),
        certificates=checked.certificates,
        certificate_path=next(iter(paths.values())),
    )


def _without(ref: Ref, text: str, hint: str = "") -> Credential:
    return Credential(ref=ref, faults=(ContentFault(path="data", text=text, hint=hint),))


def _keys_of(data: Mapping[str, SecretBytes]) -> str:
    return f"its keys: {', '.join(sorted(data))}" if data else "it has no keys at all"


def _path(key: str) -> str:
    return f"data[{key}]" if "." in key else f"data.{key}"


def _at(paths: Mapping[Part, str], faults: Iterable[CertificateFault]) -> tuple[ContentFault, ...]:
    return tuple(ContentFault(path=paths[fault.part], text=fault.text, hint=fault.hint) for fault in faults)
