"""What a transport socket is, in Istio's words for TLS."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from meshgate.explain.simulate.configuration import unpack_as
from meshgate.plan import names
from meshgate.proto import v3


class Kind(StrEnum):
    """What is spoken."""

    PLAINTEXT = "plaintext"
    MTLS = "mTLS"
    """With identities of the mesh on both sides."""
    SIMPLE = "SIMPLE"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"
    MUTUAL = "MUTUAL"
    """With other certificates than the mesh's."""


class Transport(Struct, frozen=True, kw_only=True, order=True):
    """One end of a connection."""

    kind: Kind
    certificates: tuple[str, ...] = ()
    """Names of the secrets with what this end shows."""
    roots: str = ""
    """Name of the secret by which the other end is checked; empty: whoever it is is believed."""
    peer_names: tuple[str, ...] = ()
    """Names of which the other end's certificate must have one, a prefix with a star behind it; none: any."""
    sni: str = ""
    alpn: tuple[str, ...] = ()


PLAINTEXT: Final = Transport(kind=Kind.PLAINTEXT)


def server_transport(chain: v3.FilterChain) -> Transport:
    """What a filter chain speaks."""
    tls = unpack_as(chain.transport_socket.typed_config, v3.DownstreamTlsContext)
    if tls is None:
        return PLAINTEXT
    common = tls.common_tls_context
    is_checked = common.WhichOneof("validation_context_type") is not None
    if tls.require_client_certificate.value:
        kind = Kind.MTLS if _is_mesh(common) else Kind.MUTUAL
    else:
        kind = Kind.OPTIONAL_MUTUAL if is_checked else Kind.SIMPLE
    return _transport(kind, common, "")


def client_transport(socket: v3.TransportSocket) -> Transport:
    """What a cluster speaks by this socket."""
    wrapper = unpack_as(socket.typed_config, v3.ProxyProtocolUpstreamTransport)
    if wrapper is not None:
        return client_transport(wrapper.transport_socket)
    tls = unpack_as(socket.typed_config, v3.UpstreamTlsContext)
    if tls is None:
        return PLAINTEXT
    common = tls.common_tls_context
    if not common.tls_certificate_sds_secret_configs:
        kind = Kind.SIMPLE
    else:
        kind = Kind.MTLS if _is_mesh(common) else Kind.MUTUAL
    return _transport(kind, common, tls.sni)


def _is_mesh(common: v3.CommonTlsContext) -> bool:
    return [each.name for each in common.tls_certificate_sds_secret_configs] == [names.WORKLOAD_CERTIFICATE]


def _transport(kind: Kind, common: v3.CommonTlsContext, sni: str) -> Transport:
    combined = common.combined_validation_context
    matchers = combined.default_validation_context.match_subject_alt_names
    return Transport(
        kind=kind,
        certificates=tuple(each.name for each in common.tls_certificate_sds_secret_configs),
        roots=combined.validation_context_sds_secret_config.name or common.validation_context_sds_secret_config.name,
        peer_names=tuple(_matcher_texts(matchers)),
        sni=sni,
        alpn=tuple(common.alpn_protocols),
    )


def _matcher_texts(matchers: Iterable[v3.StringMatcher]) -> Iterable[str]:
    for matcher in matchers:
        match matcher.WhichOneof("match_pattern"):
            case "exact":
                yield matcher.exact
            case "prefix":
                yield f"{matcher.prefix}*"
            case "suffix":
                yield f"*{matcher.suffix}"
            case _:
                yield f"regex {matcher.safe_regex.regex}"
