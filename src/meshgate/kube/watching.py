"""GET with `watch`: a stream of JSON lines, one for each change.

A watcher that reads too slowly, or asks for what is long gone, gets an ERROR event with code 410 and lists again, as
every Kubernetes client does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from meshgate.store.core import Raw, StatusFault
from meshgate.store.sqlite import Event

from .answers import in_version, status_of
from .call import Call
from .representation import form, represented

BOOKMARK_EVERY_S = 60.0
SHORTEST_S = 1800.0
"""How long a watch lasts that does not say; up to twice as long, so that not all clients come back at once."""


async def watch(call: Call) -> web.StreamResponse:
    events = _events(call)
    response = web.StreamResponse(headers={"Content-Type": _content_type(call), "Cache-Control": "no-cache, private"})
    await response.prepare(call.request)
    timeout_s = call.query.number("timeoutSeconds") or SHORTEST_S * random.uniform(1, 2)
    try:
        async with asyncio.timeout(timeout_s), aclosing(_lines(events, call)) as lines:
            async for line in lines:
                await response.write(line)
    except TimeoutError:
        pass  # the watch has lasted as long as was asked for: its end is ordinary
    except ConnectionError:
        return response  # nobody reads any more
    await response.write_eof()
    return response


def _content_type(call: Call) -> str:
    return "application/json;stream=watch" if form(call) else "application/json"


def _events(call: Call) -> AsyncGenerator[Event, None]:
    """The store's events from where the client is. Raises StatusFault at once for bad selectors."""
    target, query = call.target, call.query
    since = query.revision()
    if query.flag("sendInitialEvents"):
        since = None
    return call.store.watch(
        {target.kind.kind},
        since,
        namespace=target.namespace or None,
        selector=query.selector(target.kind),
        bookmark_every_s=BOOKMARK_EVERY_S if query.flag("allowWatchBookmarks") else None,
    )


async def _lines(events: AsyncGenerator[Event, None], call: Call) -> AsyncGenerator[bytes, None]:
    told = _Told(initial_end=not call.query.flag("sendInitialEvents"))
    bookmarks = call.query.flag("allowWatchBookmarks")
    try:
        async for event in events:
            if event.type != "BOOKMARK" or bookmarks:
                yield _line(event.type, _shown(event, call, told))
    except StatusFault as fault:
        yield _line("ERROR", status_of(fault))
    finally:
        await events.aclose()


class _Told:
    """What a watcher has been told once and is not told again."""

    def __init__(self, *, initial_end: bool) -> None:
        self.columns = False
        self.initial_end = initial_end


def _shown(event: Event, call: Call, told: _Told) -> Raw:
    if event.type == "BOOKMARK":
        bookmark = _bookmark(event, call, initial_end=not told.initial_end)
        told.initial_end = True
        return bookmark
    shown = represented([in_version(event.raw, call.target)], call, heads=not told.columns)
    told.columns = True
    return shown


def _line(event_type: str, shown: Raw) -> bytes:
    return msgspec.json.encode({"type": event_type, "object": shown}) + b"\n"


def _bookmark(event: Event, call: Call, *, initial_end: bool) -> Raw:
    metadata: dict[str, object] = {"resourceVersion": str(event.revision), "creationTimestamp": None}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    if form(call) == "Table":
        return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "rows": []}
    return {"kind": call.target.kind.kind, "apiVersion": call.target.api_version, "metadata": metadata}
