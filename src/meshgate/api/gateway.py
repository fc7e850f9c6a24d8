"""Gateway: the ports that a gateway's proxies open, for which hosts, with which TLS.

https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from __future__ import annotations

from enum import StrEnum

from meshgate.api.value import Labels, UInt32, Value


class ServerTLSMode(StrEnum):
    """How a server treats TLS."""

    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"


class TLSProtocol(StrEnum):
    """A version of TLS; TLS_AUTO leaves it to Envoy's default."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class TLSCertificate(Value, frozen=True, kw_only=True):
    """Paths of one certificate's files in the gateway's view."""

    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""


class ServerTLSSettings(Value, frozen=True, kw_only=True):
    """TLS of a server."""

    https_redirect: bool = False
    """Answer plaintext requests with 301 to https."""
    mode: ServerTLSMode = ServerTLSMode.PASSTHROUGH
    server_certificate: str = ""
    """Path of a file in the gateway's view."""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = ""
    """Name of a Secret in the gateway's namespace."""
    credential_names: tuple[str, ...] = ()
    tls_certificates: tuple[TLSCertificate, ...] = ()
    ca_cert_credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    max_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()
    insecure_skip_verify: bool | None = None


class ServerPort(Value, frozen=True, kw_only=True):
    """The port of a server: the number of the gateway's Service port, not its target port."""

    number: UInt32 = 0
    protocol: str = ""
    """HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP, TLS, ...; as written, compared without regard to case."""
    name: str = ""
    target_port: UInt32 = 0


class Server(Value, frozen=True, kw_only=True):
    """One port of a gateway, for some hosts."""

    port: ServerPort | None = None
    hosts: tuple[str, ...] = ()
    """`host`, `namespace/host`, `./host` or `*/host`; the host may begin with `*`."""
    tls: ServerTLSSettings | None = None
    bind: str = ""
    """Address or Unix socket to listen on; empty: all addresses."""
    name: str = ""
    default_endpoint: str = ""


class Gateway(Value, frozen=True, kw_only=True):
    """Spec of a Gateway."""

    servers: tuple[Server, ...] = ()
    selector: Labels = ()
    """Labels of the proxies that it applies to; none: all gateway proxies."""
