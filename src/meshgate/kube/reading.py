"""GET: one object, a list of them, as objects or as the table that kubectl prints."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from meshgate.store.core import Raw, bad_request, meta, not_found

from .answers import in_version, respond
from .call import Call
from .representation import represented, represented_list
from .watching import watch

Place = tuple[str, str]
"""Namespace and name: the order of lists."""


async def get_object(call: Call) -> web.StreamResponse:
    return respond(represented([found(call)], call))


def found(call: Call) -> Raw:
    """The object that the path names. Raises StatusFault (NotFound)."""
    target = call.target
    raw = call.store.get(target.kind.kind, target.namespace, target.name)
    if raw is None:
        raise not_found(target.kind, target.name)
    return in_version(raw, target)


async def list_or_watch(call: Call) -> web.StreamResponse:
    if call.query.flag("watch"):
        return await watch(call)
    target, query = call.target, call.query
    selector = query.selector(target.kind)
    listed = call.store.list(target.kind.kind, target.namespace or None, selector)
    page, metadata = _page(listed, query.number("limit") or 0, query.text("continue"))
    metadata |= {"resourceVersion": str(call.store.revision.value)}
    return respond(represented_list([in_version(raw, target) for raw in page], metadata, call))


def _page(listed: Sequence[Raw], limit: int, token: str) -> tuple[Sequence[Raw], dict[str, Any]]:
    """One page, and what the list's metadata says of the rest.

    A later page shows what is there when it is asked for, as Kubernetes does when a list's moment is too long ago.
    """
    start = _place_of(token) if token else ("", "")
    rest = [raw for raw in listed if _place(raw) > start]
    if not limit or len(rest) <= limit:
        return rest, {}
    page = rest[:limit]
    following = base64.urlsafe_b64encode(msgspec.json.encode(_place(page[-1]))).decode()
    return page, {"continue": following, "remainingItemCount": len(rest) - limit}


def _place(raw: Raw) -> Place:
    return meta(raw).get("namespace", ""), meta(raw)["name"]


def _place_of(token: str) -> Place:
    try:
        namespace, name = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise bad_request("continue key is not valid: take it from the list before, as it is") from None
    return namespace, name
