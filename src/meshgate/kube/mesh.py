"""GET /apis/meshgate.io/v1/status and /wait: how far the mesh has followed the store."""

from __future__ import annotations

import asyncio

from aiohttp import web

from meshgate.store.core import StatusFault, bad_request

from .answers import respond
from .deps import KubeDeps
from .requests import Query

DEFAULT_TIMEOUT_S = 30


async def mesh_status(request: web.Request, deps: KubeDeps) -> web.Response:
    return respond({"kind": "MeshStatus", "apiVersion": "meshgate.io/v1", **deps.mesh.status()})


async def wait(request: web.Request, deps: KubeDeps) -> web.Response:
    """`?for=applied&timeoutSeconds=30&resourceVersion=N`: answers when every proxy has it; 504 when time is over."""
    query = Query(request)
    if query.text("for") not in ("", "applied"):
        raise bad_request(f'cannot wait for "{query.text("for")}": expected "applied"')
    timeout_s = query.number("timeoutSeconds")
    revision = query.revision() or deps.store.revision.value
    try:
        async with asyncio.timeout(DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s):
            await deps.mesh.wait_applied(revision)
    except TimeoutError:
        text = f"timed out: not every proxy has acknowledged the configuration of resource version {revision}"
        raise StatusFault(text, code=504, reason="Timeout") from None
    return await mesh_status(request, deps)
