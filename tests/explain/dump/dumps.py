"""Dumps written by hand, for what no healthy proxy says."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshgate.explain.dump import Dump, Hosts

NOW = datetime(2026, 12, 1, tzinfo=UTC)
TYPES = "type.googleapis.com/envoy."
SECTIONS = {
    "clusters": ("admin.v3.ClustersConfigDump", "dynamic_active_clusters", "cluster", "config.cluster.v3.Cluster"),
    "routes": (
        "admin.v3.RoutesConfigDump",
        "dynamic_route_configs",
        "route_config",
        "config.route.v3.RouteConfiguration",
    ),
    "listeners": ("admin.v3.ListenersConfigDump", "dynamic_listeners", "listener", "config.listener.v3.Listener"),
}
FILTERS = f"{TYPES}extensions.filters.network."


def dump(**resources: Sequence[Mapping[str, object]]) -> Dump:
    """A dump with these `clusters`, `routes`, `listeners`."""
    configs = []
    for kind, given in resources.items():
        section, field, key, message = SECTIONS[kind]
        entries: list[object] = [{key: {"@type": TYPES + message, **each}} for each in given]
        if kind == "listeners":
            entries = [{"active_state": entry} for entry in entries]
        configs.append({"@type": TYPES + section, field: entries})
    return Dump(json.dumps({"configs": configs}).encode())


def secrets(**lists: Sequence[Mapping[str, object]]) -> Dump:
    """A dump with these entries of the section of secrets, by field."""
    return Dump(json.dumps({"configs": [{"@type": f"{TYPES}admin.v3.SecretsConfigDump", **lists}]}).encode())


def secret(name: str, *, chain: bytes = b"", roots: bytes = b"", version: str = "1") -> Mapping[str, object]:
    """An entry; without content it has been asked for only."""
    body: dict[str, object] = {"@type": f"{TYPES}extensions.transport_sockets.tls.v3.Secret", "name": name}
    if chain:
        key = base64.b64encode(b"[redacted]").decode()
        body["tls_certificate"] = {"certificate_chain": inline(chain), "private_key": {"inline_bytes": key}}
    if roots:
        body["validation_context"] = {"trusted_ca": inline(roots)}
    return {"name": name, "version_info": version, "secret": body}


def inline(content: bytes) -> Mapping[str, str]:
    return {"inline_bytes": base64.b64encode(content).decode()}


def hosts(clusters: Mapping[str, Sequence[Mapping[str, object]]]) -> Hosts:
    told = [{"name": name, "host_statuses": list(given)} for name, given in clusters.items()]
    return Hosts(json.dumps({"cluster_statuses": told}).encode())


def host(address: str, port: int, status: str = "HEALTHY", *, failed: bool = False) -> Mapping[str, object]:
    health: dict[str, object] = {"eds_health_status": status}
    return {
        "address": {"socket_address": {"address": address, "port_value": port}},
        "health_status": {**health, **({"failed_outlier_check": True} if failed else {})},
    }


def tcp(**config: object) -> Mapping[str, object]:
    """A filter chain that ends in a TCP proxy."""
    return {"filters": [{"name": "tcp", "typed_config": {"@type": f"{FILTERS}tcp_proxy.v3.TcpProxy", **config}}]}


def http(**config: object) -> Mapping[str, object]:
    """A filter chain that ends in an HTTP connection manager."""
    kind = f"{FILTERS}http_connection_manager.v3.HttpConnectionManager"
    return {"filters": [{"name": "http", "typed_config": {"@type": kind, **config}}]}


@cache
def certificate(serial: int, *names: str, days: int = 1, issuer: str = "issuer", ca: bool = False) -> bytes:
    """A certificate with these names (`URI:`, `DNS:`, `IP:`), valid from nine days before NOW to `days` after it."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"number {serial}")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)]))
        .public_key(_key().public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=True)
    return builder.sign(_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    match kind:
        case "URI":
            return x509.UniformResourceIdentifier(value)
        case "DNS":
            return x509.DNSName(value)
        case "IP":
            return x509.IPAddress(ip_address(value))
        case _:
            return x509.RFC822Name(value)
