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
from meshgate.mesh.credentials import CONFIG_MAP_SCHEME, ROOTS_SUFFIX, SECRET_SCHEME
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.problems import at

_ASKING_CLIENTS = frozenset({ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL})
_BUILT_IN = "builtin://"
"""The workload's own identity."""
_WITH_OWN_CERTIFICATE = _ASKING_CLIENTS | {ServerTLSMode.SIMPLE}


class CredentialUse(Struct, frozen=True, kw_only=True, gc=False):
    """A field, and the name of SDS that it asks for."""

    path: str
    """Below the TLS settings."""
    name: str


def secret_name(credential: str) -> str:
    """A credential's name as proxies ask for it; one that has a scheme already keeps it.

    >>> secret_name("web"), secret_name("configmap://shop/roots")
    ('kubernetes://web', 'configmap://shop/roots')
    """
    has_scheme = credential.startswith((SECRET_SCHEME, CONFIG_MAP_SCHEME))
    return credential if has_scheme else SECRET_SCHEME + credential


def roots_name(credential: str) -> str:
    """The same for the roots that a credential holds.

    >>> roots_name("web"), roots_name("web-cacert"), roots_name("configmap://shop/roots")
    ('kubernetes://web-cacert', 'kubernetes://web-cacert', 'configmap://shop/roots')
    """
    name = secret_name(credential)
    return name if name.startswith(CONFIG_MAP_SCHEME) or name.endswith(ROOTS_SUFFIX) else name + ROOTS_SUFFIX


def server_uses(tls: ServerTLSSettings) -> Iterator[CredentialUse]:
    """What a gateway's server asks for."""
    if tls.mode not in _WITH_OWN_CERTIFICATE:
        return
    credentials = [("credentialName", tls.credential_name)] if tls.credential_name else []
    credentials += [(f"credentialNames[{place}]", name) for place, name in enumerate(tls.credential_names)]
    credentials = [(path, name) for path, name in credentials if not name.startswith(_BUILT_IN)]
    for path, credential in credentials:
        yield CredentialUse(path=path, name=secret_name(credential))
    if tls.mode in _ASKING_CLIENTS:
        if tls.ca_cert_credential_name:
            yield CredentialUse(path="caCertCredentialName", name=roots_name(tls.ca_cert_credential_name))
        elif credentials:
            path, credential = credentials[0]
            yield CredentialUse(path=path, name=roots_name(credential))


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
