"""Rules of TLS towards endpoints. istio:pkg/config/validation/validation.go#validateTLS"""

from __future__ import annotations

from typing import Final

from meshgate.api.destination_rule import ClientTLSMode, ClientTLSSettings
from meshgate.api.rules.finding import Finding, Findings

CONFIG_MAP: Final = "configmap://"
"""In front of a credential's name: CA certificates of a ConfigMap, as `configmap://namespace/name`."""


def client_tls(path: str, tls: ClientTLSSettings, own_namespace: str) -> Findings:
    """Which certificates go together, and with which mode."""
    yield from _unverified(path, tls)
    files = (tls.client_certificate, tls.private_key, tls.ca_certificates, tls.ca_crl)
    uses_files = tls.mode in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL)
    if uses_files and tls.credential_name and any(files):
        text = "certificates of files and of credentialName exclude each other"
        yield Finding(f"{path}.credentialName", text)
    elif tls.mode is ClientTLSMode.MUTUAL and not tls.credential_name:
        yield from _pair(path, tls)
    if tls.credential_name.startswith(CONFIG_MAP):
        yield from _config_map(f"{path}.credentialName", tls.credential_name, own_namespace)


def _unverified(path: str, tls: ClientTLSSettings) -> Findings:
    """What is not verified needs nothing to be verified with."""
    if not tls.insecure_skip_verify or tls.mode not in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL):
        return
    given = {"caCertificates": tls.ca_certificates, "subjectAltNames": tls.subject_alt_names}
    if tls.mode is ClientTLSMode.SIMPLE:
        given["credentialName"] = tls.credential_name
    for key, value in given.items():
        if value:
            yield Finding(f"{path}.{key}", f"{key} has no use where insecureSkipVerify is true")


def _pair(path: str, tls: ClientTLSSettings) -> Findings:
    if not tls.client_certificate:
        yield Finding(f"{path}.clientCertificate", "mode MUTUAL needs a client certificate")
    if not tls.private_key:
        yield Finding(f"{path}.privateKey", "mode MUTUAL needs a private key")


def _config_map(path: str, name: str, own_namespace: str) -> Findings:
    namespace, slash, rest = name.removeprefix(CONFIG_MAP).partition("/")
    if not slash or not namespace or not rest or "/" in rest:
        yield Finding(path, f'"{name}" is not of the form {CONFIG_MAP}namespace/name')
    elif namespace != own_namespace:
        yield Finding(path, f'the ConfigMap must be in the namespace of the rule, "{own_namespace}"')
