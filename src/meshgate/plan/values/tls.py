"""TLS on either side of a proxy, by names of secrets only: no key ever is in a plan."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from meshgate.plan.values.text_match import TextMatch

TlsVersion = Literal["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]


class SecretReference(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A secret that the proxy asks for by SDS: `default`, `ROOTCA`, `kubernetes://name`, `file-cert:...`."""

    name: str
    provider: str = ""
    """The cluster that is asked for it; empty: the control plane."""


class TlsParameters(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Protocol versions, ciphers and curves; empty means Envoy's own."""

    minimum_version: TlsVersion = "TLS_AUTO"
    maximum_version: TlsVersion = "TLS_AUTO"
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()


class PeerValidation(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Who the peer must prove to be: the trusted roots, and names of which its certificate must have one."""

    roots: SecretReference
    subject_alt_names: tuple[TextMatch, ...] = ()
    certificate_spki: tuple[str, ...] = ()
    """Base64 of SHA-256 of public keys: with `certificate_hashes`, the certificate must be one of these."""
    certificate_hashes: tuple[str, ...] = ()
    """Hex of SHA-256 of certificates."""
    accepts_untrusted: bool = False
    """A certificate that proves nothing is let through, too."""


class DownstreamTls(Struct, frozen=True, kw_only=True, cache_hash=True):
    """TLS that a filter chain terminates."""

    certificates: tuple[SecretReference, ...]
    validation: PeerValidation | None = None
    require_client_certificate: bool = False
    alpn: tuple[str, ...] = ()
    parameters: TlsParameters = TlsParameters()


class UpstreamTls(Struct, frozen=True, kw_only=True, cache_hash=True):
    """TLS that a cluster opens to its endpoints."""

    certificates: tuple[SecretReference, ...] = ()
    validation: PeerValidation | None = None
    """None: whoever answers is believed."""
    sni: str = ""
    """Empty: none, but where HTTP says it by itself (`HttpProtocolOptions.auto_sni`)."""
    alpn: tuple[str, ...] = ()
    parameters: TlsParameters = TlsParameters()


class TlsChoice(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One of several transports of a cluster, chosen by an endpoint's `tlsMode` (`transport_socket_matches`)."""

    name: str
    tls_mode: str
    """The endpoint's mode that chooses this one; empty takes any endpoint."""
    tls: UpstreamTls | None
    """None is plaintext."""
