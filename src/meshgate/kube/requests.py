"""What a request asks for besides its path: options, selectors, a body. Faults are worded as Kubernetes words them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from meshgate.api import Kind, documents
from meshgate.store.core import Raw, Selector, StatusFault, bad_request, field_terms, label_terms, meta

from .protobuf_bodies import MEDIA_TYPE, object_of_protobuf
from .targets import Target

MAX_BODY_BYTES = 16 << 20
BODY_DEADLINE_S = 60.0
JSON_TYPES = frozenset({"application/json", ""})
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "application/apply-patch+yaml"})

SELECTABLE_FIELDS: Mapping[str, frozenset[str]] = {
    "Event": frozenset(
        {f"involvedObject.{field}" for field in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")}
        | {"involvedObject.resourceVersion", "reason", "reportingComponent", "source", "type"}
    ),
    "Namespace": frozenset({"status.phase"}),
    "Pod": frozenset(
        {"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"}
    ),
    "Secret": frozenset({"type"}),
    "Service": frozenset({"spec.clusterIP", "spec.type"}),
}
"""Besides name and namespace; the same as Kubernetes'."""


class Query:
    """The query string, read by type."""

    def __init__(self, request: web.Request) -> None:
        self._values = request.query

    def text(self, name: str) -> str:
        return self._values.get(name, "")

    def texts(self, name: str) -> list[str]:
        return self._values.getall(name, [])

    def flag(self, name: str) -> bool:
        """Go's reading of a boolean; anything else counts as set, as in Kubernetes."""
        return self._values.get(name, "false") not in ("false", "0", "f", "F", "False", "FALSE")

    def number(self, name: str) -> int | None:
        text = self._values.get(name, "")
        if not text:
            return None
        if not text.isdecimal():
            raise bad_request(f'query parameter {name}: expected a number, got "{text}"')
        return int(text)

    def dry_run(self) -> bool:
        values = self.texts("dryRun")
        if any(value != "All" for value in values):
            raise bad_request(f'invalid dryRun "{values[0]}": expected All')
        return bool(values)

    def revision(self) -> int | None:
        """`resourceVersion`; None where it is missing or 0, which both mean: whatever is there now."""
        text = self.text("resourceVersion")
        if text and not text.isdecimal():
            raise bad_request(f'Invalid value: "{text}": a resource version is a number')
        return int(text or "0") or None

    def selector(self, kind: Kind) -> Selector:
        fields = {"metadata.name", "metadata.namespace"} | SELECTABLE_FIELDS.get(kind.kind, frozenset())
        return Selector(label_terms(self.text("labelSelector")), field_terms(self.text("fieldSelector"), fields))


async def body_of(request: web.Request) -> Any:
    """The decoded body, None if it is empty. Raises StatusFault for what is neither JSON nor YAML."""
    async with asyncio.timeout(BODY_DEADLINE_S):
        content = await request.read()
    if not content:
        return None
    media_type = request.content_type if "Content-Type" in request.headers else ""
    try:
        if media_type in YAML_TYPES:
            return _yaml(content.decode())
        if media_type == MEDIA_TYPE:
            return object_of_protobuf(content)
        if media_type in JSON_TYPES or media_type.endswith("+json"):
            return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"the body of the request could not be read: {error}") from None
    raise unsupported_media_type("application/json, application/yaml")


def _yaml(text: str) -> Raw:
    found, problems = documents(text, "body")
    if problems or len(found) != 1:
        # Not the problems' texts: they quote what was written, which may be a Secret.
        places = ", ".join(problem.position for problem in problems) or "it holds not one object"
        raise bad_request(f"the body of the request is not one object in YAML: {places}")
    return found[0].raw


async def object_of(request: web.Request, target: Target) -> Raw:
    """The object in the body, with the kind and namespace that the path says."""
    raw = await body_of(request)
    if not isinstance(raw, Mapping):
        raise bad_request("the body of the request is no object")
    kind, api_version = raw.get("kind", target.kind.kind), raw.get("apiVersion", target.api_version)
    if kind != target.kind.kind or api_version != target.api_version:
        raise bad_request(
            f"the API version in the data ({api_version}, Kind={kind}) does not match the expected API version "
            f"({target.api_version}, Kind={target.kind.kind})"
        )
    metadata = raw.get("metadata")
    if not isinstance(metadata, Mapping):
        raise bad_request("the object has no metadata: a mapping with a name is expected")
    if target.kind.namespaced and metadata.get("namespace", target.namespace) != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    name = metadata.get("name")
    if target.name and name is not None and name != target.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({target.name})")
    placed = {**metadata, "namespace": target.namespace} if target.kind.namespaced else metadata
    named = {**placed, "name": target.name} if target.name else placed
    return {**raw, "apiVersion": api_version, "kind": kind, "metadata": named}


def unsupported_media_type(accepted: str) -> StatusFault:
    text = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return StatusFault(text, code=415, reason="UnsupportedMediaType")


def name_of(raw: Raw) -> str:
    return str(meta(raw).get("name", ""))
