"""The chains of a port: which bytes each one takes, whether it ends their TLS, and whether it reads them as HTTP.

Clients of the mesh offer Istio's names by ALPN; so their TLS is told from TLS that is the workload's own business. The
names also say what is inside, so that a port of unknown protocol knows HTTP without looking into it.
(istio:pilot/pkg/networking/core/listener_inbound.go#getFilterChainMatchOptions)
"""

from __future__ import annotations

from typing import Literal, assert_never

from msgspec import Struct

from meshgate.mesh import MtlsMode, Protocol
from meshgate.plan import names


class Shape(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One chain of a port."""

    http: bool
    transport: Literal["raw_buffer", "tls"] = "raw_buffer"
    application_protocols: tuple[str, ...] = ()
    terminates: bool = False
    """Whether the chain ends the client's TLS; else TLS goes on to the workload."""


def _mtls(*application_protocols: str, http: bool) -> Shape:
    return Shape(http=http, transport="tls", application_protocols=application_protocols, terminates=True)


_PLAIN_HTTP = Shape(http=True)
_PLAIN_TCP = Shape(http=False)
_FOUND_HTTP = Shape(http=True, application_protocols=names.PLAINTEXT_HTTP_ALPN)
_OWN_TLS = Shape(http=False, transport="tls")
_MESH_HTTP = _mtls(*names.MESH_HTTP_ALPN, http=True)

Shapes = tuple[Shape, ...]

_PERMISSIVE_HTTP: Shapes = (_mtls(*names.MESH_ALPN, http=True), _PLAIN_HTTP)
_PERMISSIVE_TCP: Shapes = (_mtls(*names.MESH_ALPN, http=False), _OWN_TLS, _PLAIN_TCP)
_PERMISSIVE_UNKNOWN: Shapes = (
    _MESH_HTTP,
    _FOUND_HTTP,
    _mtls(*names.MESH_TCP_ALPN, http=False),
    _PLAIN_TCP,
    _OWN_TLS,
)


def inbound_shapes(mode: MtlsMode, protocol: Protocol) -> Shapes:
    """The chains, in Istio's order."""
    match mode:
        case MtlsMode.DISABLE:
            return _of(protocol, http=(_PLAIN_HTTP,), tcp=(_PLAIN_TCP,), unknown=(_FOUND_HTTP, _PLAIN_TCP))
        case MtlsMode.PERMISSIVE:
            return _of(protocol, http=_PERMISSIVE_HTTP, tcp=_PERMISSIVE_TCP, unknown=_PERMISSIVE_UNKNOWN)
        case MtlsMode.STRICT:
            http, tcp = (_mtls(http=True),), (_mtls(http=False),)
            return _of(protocol, http=http, tcp=tcp, unknown=(_MESH_HTTP, *tcp))
        case _:
            assert_never(mode)


def _of(protocol: Protocol, *, http: Shapes, tcp: Shapes, unknown: Shapes) -> Shapes:
    if protocol.is_sniffed:
        return unknown
    return http if protocol.is_http else tcp
