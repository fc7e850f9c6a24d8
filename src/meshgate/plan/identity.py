"""Which TLS the mesh itself takes: the one place that decides it. What it opens is in `upstream_tls.py`.

What a workload's port takes is in its policies (`mesh.workload_mtls`); here is the TLS that ends there. Who calls must
show a certificate of one of the mesh's trust domains.
(istio:pilot/pkg/security/authn/utils/utils.go#BuildInboundTLS)
"""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import MeshConfig, TLSProtocol
from meshgate.mesh import MtlsMode
from meshgate.plan import names
from meshgate.plan.values import DownstreamTls, PeerValidation, SecretReference, TextPrefix, TlsParameters

SERVER_ALPN = ("h2", "http/1.1")
"""What is agreed on with a client that offers Istio's names beside these. Never one of those: a client with whom
`istio-peer-exchange` is agreed begins with bytes that only Istio's own Envoy takes out again."""

SERVER_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
"""Of TLS 1.2; those of 1.3 are not chosen."""


class InboundTls(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a port takes, and the TLS that its chains end."""

    mode: MtlsMode
    tls: DownstreamTls | None = None


def inbound_tls(mesh: MeshConfig, mode: MtlsMode) -> InboundTls:
    """The TLS of a port with this mode."""
    return InboundTls(mode=mode, tls=None if mode is MtlsMode.DISABLE else mutual_tls(mesh))


def mutual_tls(mesh: MeshConfig) -> DownstreamTls:
    """TLS with the workload's own certificate that asks for one of the mesh."""
    given = mesh.mesh_mtls
    newest_only = given is not None and given.min_protocol_version is TLSProtocol.TLSV1_3
    return DownstreamTls(
        certificates=(SecretReference(name=names.WORKLOAD_CERTIFICATE),),
        validation=PeerValidation(
            roots=SecretReference(name=names.WORKLOAD_ROOTS),
            subject_alt_names=tuple(TextPrefix(value=f"spiffe://{domain}/") for domain in trust_domains(mesh)),
        ),
        require_client_certificate=True,
        alpn=SERVER_ALPN,
        parameters=TlsParameters(
            minimum_version="TLSv1_3" if newest_only else "TLSv1_2",
            maximum_version="TLSv1_3",
            cipher_suites=(given.cipher_suites if given else ()) or SERVER_CIPHERS,
        ),
    )


def trust_domains(mesh: MeshConfig) -> tuple[str, ...]:
    """The domains whose identities are the mesh's: its own, and its aliases."""
    return tuple(dict.fromkeys(domain for domain in (mesh.trust_domain, *mesh.trust_domain_aliases) if domain))
