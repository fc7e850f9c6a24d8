"""What Envoys tell of calls that they refused, over the socket by which they are led: Envoy's access log service.

Only blocked calls are told (`plan.values.BlockedLog`), in batches. What is in them comes from whoever called: texts are
cut short here, and nothing is believed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import grpc.aio
from msgspec import Struct

from meshgate.proto import v3
from meshgate.xds.stream import Context, read

SERVICE = "envoy.service.accesslog.v3.AccessLogService"
BLOCKED_ROUTE = "block_all"
"""`plan.names.BLOCK_ALL`: a 502 of any other route is the answer of a server."""
LONGEST_HOST = 253
"""Characters of a host name; a Host header may be longer."""


class BlockedCall(Struct, frozen=True, kw_only=True):
    """A call that was refused because nobody knows its host."""

    host: str = ""
    """The request's host, or the SNI; empty where the bytes do not say it."""
    address: str = ""
    port: int = 0
    is_http: bool = False


Told = Callable[[str, BlockedCall], None]
"""Takes the proxy's id and the call."""


def handlers(proxy_id: str, told: Told) -> grpc.GenericRpcHandler[object, object]:
    """The service, for one proxy."""

    async def stream(_requests: object, context: Context) -> bytes:
        while (raw := await read(context)) is not None:
            for call in blocked_calls(raw):
                told(proxy_id, call)
        return b""

    methods = {"StreamAccessLogs": grpc.stream_unary_rpc_method_handler(stream)}
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def blocked_calls(raw: bytes) -> Iterator[BlockedCall]:
    """The calls in a `StreamAccessLogsMessage`."""
    message = v3.StreamAccessLogsMessage.FromString(raw)
    for http in message.http_logs.log_entry:
        if http.common_properties.route_name == BLOCKED_ROUTE:
            yield _call(http.common_properties, http.request.authority, is_http=True)
    for tcp in message.tcp_logs.log_entry:
        yield _call(tcp.common_properties, tcp.common_properties.custom_tags.get("sni", ""), is_http=False)


def _call(common: v3.AccessLogCommon, host: str, *, is_http: bool) -> BlockedCall:
    socket = common.downstream_local_address.socket_address
    return BlockedCall(host=_readable(host), address=socket.address, port=socket.port_value, is_http=is_http)


def _readable(host: str) -> str:
    """
    >>> _readable("Web.org:80"), _readable("-"), _readable("a b")
    ('web.org', '', 'a?b')
    """
    name, colon, port = host.partition(":")
    kept = name if colon and port.isdecimal() else host
    cleaned = "".join(letter if letter.isalnum() or letter in ".-_:[]" else "?" for letter in kept[:LONGEST_HOST])
    return "" if cleaned == "-" else cleaned.lower()
