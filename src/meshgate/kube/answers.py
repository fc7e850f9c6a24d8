"""How answers look: objects in the asked version, lists, and `Status` for what failed or is gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from meshgate.api import Kind, Problem
from meshgate.client import STATUS_HEADER
from meshgate.store.core import Inadmissible, Raw, StatusFault, meta

from .targets import Target

JSON = "application/json"
MAX_STATUS_HEADER = 4000
"""Characters; a Status with more does without the header."""
MAX_WARNING = 1000
"""Bytes of one Warning header, so that headers stay below what clients accept."""


def in_version(raw: Raw, target: Target) -> Raw:
    """The object as a client of this version sees it: all versions are the same object."""
    return raw if raw.get("apiVersion") == target.api_version else {**raw, "apiVersion": target.api_version}


def status_of(fault: StatusFault) -> dict[str, Any]:
    """The `Status` document of a failure."""
    details = msgspec.to_builtins(fault.details)
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": fault.text,
        "reason": fault.reason,
        "details": {name: value for name, value in details.items() if value},
        "code": fault.code,
    }
    if fault.hint:
        status["hint"] = fault.hint
    if isinstance(fault, Inadmissible):
        status["problems"] = msgspec.to_builtins(fault.problems)
    return status


def success_of(kind: Kind, raw: Raw) -> dict[str, Any]:
    """The `Status` document of an object that is gone now."""
    details = {"name": meta(raw).get("name", ""), "kind": kind.plural, "uid": meta(raw).get("uid", "")}
    details |= {"group": kind.group} if kind.group else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def respond(document: Any, *, code: int = 200, problems: Iterable[Problem] = ()) -> web.Response:
    """The document as JSON; problems become Warning headers, which kubectl prints; remarks are for the status alone."""
    response = web.Response(body=msgspec.json.encode(document), status=code, content_type=JSON)
    for problem in (each for each in problems if each.level != "info"):
        response.headers.add("Warning", f'299 - "{_header_text(str(problem))}"')
    return response


def refuse(fault: StatusFault, *, upgrade: bool = False) -> web.Response:
    """The `Status` of a failure; for a refused upgrade in a header too, for WebSocket clients can't see the body."""
    status = status_of(fault)
    response = respond(status, code=fault.code)
    if upgrade:
        text = quote(msgspec.json.encode(status))
        response.headers[STATUS_HEADER] = text if len(text) <= MAX_STATUS_HEADER else ""
    return response


def openapi_v2() -> web.Response:
    """An OpenAPI v2 document that describes nothing (in protobuf: nothing at all).

    kubectl falls back to it for kinds that v3 does not have, and goes on to say that there is no such kind.
    """
    return web.Response(body=b"", content_type="application/com.github.proto-openapi.spec.v2.v1.0+protobuf")


def page_not_found() -> web.Response:
    """What Kubernetes says of paths that mean nothing."""
    return web.Response(text="404 page not found\n", status=404)


def _header_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in escaped)
    return plain[:MAX_WARNING]
