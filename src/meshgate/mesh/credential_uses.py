"""Which credentials an object asks for: fields of Gateways and DestinationRules that name a Secret or a ConfigMap.

The names are those of SDS, so that what is looked for is what the proxies will ask for.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.api import (
    ClientTLSMode,
    ClientTLSSettings,
    Origin,
    PortTrafficPolicy,
    ServerTLSMode,
    ServerTLSSettings,
    TrafficPolicy,
)
from meshgate.mesh.credentials import CONFIG_MAP_SCHEME, ROOTS_SUFFIX, SDS_SCHEME, SECRET_SCHEME
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.problems import at

_ASKING_CLIENTS = frozenset({ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL})
_BUILT_IN = "builtin://"
"""The workload's own identity."""
_OWN_CERTIFICATE, _OWN_ROOTS = "default", "ROOTCA"
_SCHEMES = (SECRET_SCHEME, CONFIG_MAP_SCHEME, SDS_SCHEME)
_WITH_OWN_CERTIFICATE = _ASKING_CLIENTS | {ServerTLSMode.SIMPLE}


class CredentialUse(Struct, frozen=True, kw_only=True, gc=False):
    """A field, and the name of SDS that it asks for."""

    path: str
    """Below the TLS settings."""
    name: str


def secret_name(credential: str) -> str:
    """A credential's name as proxies ask for it; one that has a scheme already keeps it.

    >>> secret_name("web"), secret_name("configmap://shop/roots"), secret_name("builtin://")
    ('kubernetes://web', 'configmap://shop/roots', 'default')
    """
    if credential == _BUILT_IN:
        return _OWN_CERTIFICATE
    return credential if credential.startswith(_SCHEMES) else SECRET_SCHEME + credential


def roots_name(credential: str) -> str:
    """The same for the roots that a credential holds.

    >>> roots_name("web"), roots_name("web-cacert"), roots_name("configmap://shop/roots")
    ('kubernetes://web-cacert', 'kubernetes://web-cacert', 'configmap://shop/roots')
    """
    if credential == _BUILT_IN:
        return _OWN_ROOTS
    name = secret_name(credential)
    return name if name.startswith(CONFIG_MAP_SCHEME) or name.endswith(ROOTS_SUFFIX) else name + ROOTS_SUFFIX


def server_uses(tls: ServerTLSSettings) -> Iterator[CredentialUse]:
    """What a gateway's server asks for, beside the workload's own identity."""
    roots = server_roots(tls)
    uses = (*server_certificates(tls), *((roots,) if roots is not None else ()))
    yield from (use for use in uses if use.name not in (_OWN_CERTIFICATE, _OWN_ROOTS))


def server_certificates(tls: ServerTLSSettings) -> tuple[CredentialUse, ...]:
    """What a server shows its clients; none if it is files, or mode ISTIO_MUTUAL."""
    return tuple(CredentialUse(path=path, name=secret_name(name)) for path, name in _credentials(tls))


def server_roots(tls: ServerTLSSettings) -> CredentialUse | None:
    """What clients are checked by; None if it is a file, the mesh's roots, or if they are not asked.

    As in Istio, `caCertificates` beside a credential is not read: the first credential's Secret has the roots, too.
    """
    if tls.mode not in _ASKING_CLIENTS:
        return None
    if tls.ca_cert_credential_name:
        return CredentialUse(path="caCertCredentialName", name=roots_name(tls.ca_cert_credential_name))
    first = next(iter(_credentials(tls)), None)
    return CredentialUse(path=first[0], name=roots_name(first[1])) if first is not None else None


def _credentials(tls: ServerTLSSettings) -> list[tuple[str, str]]:
    """Fields and their words."""
    if tls.mode not in _WITH_OWN_CERTIFICATE:
        return []
    given = [(f"credentialNames[{place}]", name) for place, name in enumerate(tls.credential_names)]
    return given or ([("credentialName", tls.credential_name)] if tls.credential_name else [])


def client_uses(tls: ClientTLSSettings) -> Iterator[CredentialUse]:
    """What a DestinationRule asks for."""
    if not tls.credential_name or tls.mode not in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL):
        return
    if tls.mode is ClientTLSMode.MUTUAL:
        yield CredentialUse(path="credentialName", name=secret_name(tls.credential_name))
    if not tls.insecure_skip_verify:
        yield CredentialUse(path="credentialName", name=roots_name(tls.credential_name))


def client_tls(rule: BoundDestinationRule) -> Iterator[tuple[Origin, ClientTLSSettings]]:
    """Every TLS setting of a rule, and where it is written."""
    yield from _policy_tls(rule.policy_origin, rule.policy)
    for bound in rule.subsets:
        yield from _policy_tls(at(bound.origin, "trafficPolicy"), bound.subset.traffic_policy)


def _policy_tls(
    origin: Origin, policy: TrafficPolicy | PortTrafficPolicy | None
) -> Iterator[tuple[Origin, ClientTLSSettings]]:
    if policy is not None and policy.tls is not None:
        yield at(origin, "tls"), policy.tls
    if isinstance(policy, TrafficPolicy):
        for place, settings in enumerate(policy.port_level_settings):
            yield from _policy_tls(at(origin, f"portLevelSettings[{place}]"), settings)
