"""GET pods/NAME/exec: a command in a container, over a WebSocket.

Kubernetes' `v5.channel.k8s.io` (and v4, which can't close stdin alone): each binary message begins with the number of
its channel. The last message, on the error channel, is a Status that holds the exit code.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import WSMsgType, web

from meshgate.store.core import bad_request

from .call import Call
from .logs import container_of
from .reading import found
from .streams import ExecProcess

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
MAX_MESSAGE_BYTES = 4 << 20
CLOSE_DEADLINE_S = 5.0


class _Size(msgspec.Struct):
    Width: int = 0
    Height: int = 0


async def exec_in_container(call: Call) -> web.StreamResponse:
    query, target = call.query, call.target
    argv = query.texts("command")
    if not argv:
        raise bad_request("you must specify at least one command for the container")
    if query.flag("tty") and query.flag("stderr"):
        raise bad_request("tty and stderr cannot both be true")
    container = container_of(found(call), query.text("container"))
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MAX_MESSAGE_BYTES, timeout=CLOSE_DEADLINE_S)
    negotiated = socket.can_prepare(call.request)
    if not negotiated or negotiated.protocol is None:
        raise bad_request(f"exec needs a WebSocket with one of the protocols {', '.join(PROTOCOLS)}")
    process = await call.deps.streams.exec(
        target.namespace, target.name, container, argv, query.flag("tty"), query.flag("stdin")
    )
    try:
        await socket.prepare(call.request)
        await _converse(socket, process)
    finally:
        await process.kill()  # also when the client has gone, and nothing if it has ended
    return socket


async def _converse(socket: web.WebSocketResponse, process: ExecProcess) -> None:
    async with asyncio.TaskGroup() as group:  # no deadline: a command lasts as long as it lasts
        feeding = group.create_task(_feed(socket, process))
        try:
            async for channel, data in process.output():
                await socket.send_bytes(bytes([STDOUT if channel == "stdout" else STDERR]) + data)
            await socket.send_bytes(bytes([ERROR]) + _exit_status(await process.wait()))
            await socket.close()
        except ConnectionError:
            pass  # the client has gone: `_feed` sees it too, and ends the process
        feeding.cancel()


async def _feed(socket: web.WebSocketResponse, process: ExecProcess) -> None:
    """Hand on what the client sends; when the client goes, the process goes."""
    async for message in socket:
        if message.type is WSMsgType.BINARY and message.data:
            await _handle(message.data[0], message.data[1:], process)
    await process.kill()


async def _handle(channel: int, data: bytes, process: ExecProcess) -> None:
    if channel == STDIN and data:
        await process.write_stdin(data)
    elif channel == CLOSE and data == bytes([STDIN]):
        await process.close_stdin()
    elif channel == RESIZE:
        try:
            size = msgspec.json.decode(data, type=_Size)
        except msgspec.DecodeError:
            return  # a size that can't be read changes nothing
        await process.resize(size.Width, size.Height)


def _exit_status(code: int) -> bytes:
    if code == 0:
        return msgspec.json.encode({"metadata": {}, "status": "Success"})
    return msgspec.json.encode(
        {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: exit status {code}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    )
