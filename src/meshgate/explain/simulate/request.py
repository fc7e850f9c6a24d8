"""The request as the route table sees it: codec and connection manager have had their say.

The codec must be able to read the bytes; a request needs a host; the path is normalised if the connection manager says
so. Headers are joined per name, as all of Envoy's matchers read them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.path import normalised_path
from meshgate.explain.simulate.result import Failure, Stop
from meshgate.proto import v3


class Request(Struct, frozen=True, kw_only=True):
    """What routes are matched against."""

    host: str
    path: str
    """Normalised, with the query."""
    is_tls: bool
    """The downstream connection is TLS, terminated here."""
    has_client_certificate: bool
    headers: Mapping[str, str]
    """By name in lower case, pseudo headers included; several values of one name joined by a comma."""
    random: int

    @property
    def path_only(self) -> str:
        return self.path.partition("?")[0]

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
        return _request(call, call.path)
    if not _is_codec_fit(hcm, call):
        return Stop(Failure.PROTOCOL)
    if not call.host:
        return Stop(Failure.BAD_REQUEST, "the request has no host")
    path = normalised_path(call.path, hcm)
    return path if isinstance(path, Stop) else _request(call, path, host=_stripped_host(hcm, call))


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


def _request(call: Call, path: str, host: str | None = None) -> Request:
    is_tls = call.tls != "plaintext"
    host = call.host if host is None else host
    headers = {":authority": host, "host": host, ":path": path, ":method": call.method}
    headers[":scheme"] = "https" if is_tls else "http"
    for name, value in call.headers:
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    headers["x-forwarded-proto"] = headers[":scheme"]
    return Request(
        host=host,
        path=path,
        is_tls=is_tls,
        has_client_certificate=call.tls == "mtls",
        headers=headers,
        random=call.random,
    )
