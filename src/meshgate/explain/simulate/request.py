"""The request as the route table sees it: codec and connection manager have had their say.

The codec must be able to read the bytes; a request needs a host; the path is normalised if the connection manager says
so. A header that comes several times has several values, but Envoy joins those that it knows by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.path import normalised_path
from meshgate.explain.simulate.result import Failure, Stop
from meshgate.proto import v3

_INLINE = """
    accept accept-encoding access-control-request-headers access-control-request-method authorization cache-control
    content-encoding content-type grpc-accept-encoding grpc-timeout if-match if-modified-since if-none-match if-range
    origin pragma referer user-agent via x-client-trace-id x-envoy-attempt-count x-envoy-decorator-operation
    x-envoy-downstream-service-cluster x-envoy-external-address x-envoy-original-path x-forwarded-for x-forwarded-host
    x-forwarded-port x-request-id"""
_JOINED = frozenset(_INLINE.split())
"""Envoy's inline headers: one value each, whatever came, with a comma between. Found by asking Envoy 1.40."""


class Request(Struct, frozen=True, kw_only=True):
    """What routes are matched against."""

    host: str
    path: str
    """Normalised, with the query."""
    scheme: str
    """`:scheme`: of the connection, or of the one before a trusted proxy."""
    forwarded_proto: str
    """`x-forwarded-proto`: the same, but a trusted proxy may write anything."""
    has_client_certificate: bool
    headers: Mapping[str, tuple[str, ...]]
    """By name in lower case, pseudo headers included."""
    random: int

    @property
    def path_only(self) -> str:
        return self.path.partition("?")[0]

    @property
    def is_connect(self) -> bool:
        return self.headers[":method"] == ("CONNECT",)

    @property
    def query(self) -> str:
        return self.path.partition("?")[2]


def read_request(
    hcm: v3.HttpConnectionManager, call: Call, *, encrypted: bool, deviations: Deviations
) -> Request | Stop:
    """The request, or why the codec or the connection manager ends it."""
    if encrypted or call.protocol == "tcp":
        return Stop(Failure.PROTOCOL)
    if deviations.lenient_requests:
        return _request(call, call.path, hcm, call.host)
    if not _is_codec_fit(hcm, call):
        return Stop(Failure.PROTOCOL)
    if not call.host:
        return Stop(Failure.BAD_REQUEST, "the request has no host")
    if not _is_path_readable(call):
        return Stop(Failure.BAD_REQUEST, "the path has characters that must be escaped, or does not begin with a slash")
    path = normalised_path(call.path, hcm)
    return path if isinstance(path, Stop) else _request(call, path, hcm, _stripped_host(hcm, call))


def _is_codec_fit(hcm: v3.HttpConnectionManager, call: Call) -> bool:
    codec = v3.HttpConnectionManager
    if hcm.codec_type == codec.AUTO:
        return True
    return hcm.codec_type == (codec.HTTP2 if call.protocol == "http2" else codec.HTTP1)


def _stripped_host(hcm: v3.HttpConnectionManager, call: Call) -> str:
    host = call.host
    if hcm.strip_trailing_host_dot:
        name, colon, port = host.rpartition(":") if port_start(host) >= 0 else (host, "", "")
        host = name.removesuffix(".") + colon + port
    start = port_start(host)
    if start >= 0 and (hcm.strip_any_host_port or (hcm.strip_matching_host_port and host[start:] == f":{call.port}")):
        return host[:start]
    return host


def port_start(host: str) -> int:
    """Where `:port` begins; -1 if there is none. The colons inside `[::1]` are not one."""
    at = host.rfind(":")
    return at if at > host.rfind("]") else -1


def _is_path_readable(call: Call) -> bool:
    """HTTP/1.1 takes printable ASCII, HTTP/2 all but control characters and spaces."""
    highest = 0x7E if call.protocol == "http" else 0x10FFFF
    is_legal = all(0x20 < ord(letter) <= highest and letter != "\x7f" for letter in call.path)
    return is_legal and (call.path.startswith("/") or call.method == "CONNECT")


def _request(call: Call, path: str, hcm: v3.HttpConnectionManager, host: str) -> Request:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in call.headers:
        key = name.lower()
        headers[key] = (*headers.get(key, ()), value.strip())
    for key in _JOINED & headers.keys():
        headers[key] = (",".join(headers[key]),)
    own = "http" if call.tls == "plaintext" else "https"
    is_trusted = not hcm.use_remote_address.value or hcm.xff_num_trusted_hops > 0
    forwarded_proto = next(iter(headers.get("x-forwarded-proto", ())), own) if is_trusted else own
    scheme = forwarded_proto if forwarded_proto in ("http", "https") else own
    headers |= {":authority": (host,), "host": (host,), ":path": (path,), ":method": (call.method,)}
    headers |= {":scheme": (scheme,), "x-forwarded-proto": (forwarded_proto,)}
    return Request(
        host=host,
        path=path,
        scheme=scheme,
        forwarded_proto=forwarded_proto,
        has_client_certificate=call.tls == "mtls",
        headers=headers,
        random=call.random,
    )
