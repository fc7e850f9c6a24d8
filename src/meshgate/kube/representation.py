"""In which form objects are answered: as they are, as a Table, or their metadata alone. The Accept header asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from meshgate.api import Problem, Ref
from meshgate.store.core import Raw, meta

from .call import Call
from .tables import table

META_VERSION = "meta.k8s.io/v1"


def form(call: Call) -> str:
    """`Table`, `PartialObjectMetadata`, or "" for the objects themselves: the first form asked for that we know."""
    for choice in call.request.headers.get("Accept", "").split(","):
        media_type, *parameters = [part.strip() for part in choice.split(";")]
        if media_type not in ("application/json", "*/*", "application/*"):
            continue
        wanted = dict(part.split("=", 1) for part in parameters if "=" in part)
        if wanted.get("g", "meta.k8s.io") == "meta.k8s.io" and wanted.get("v", "v1") == "v1":
            return wanted.get("as", "").removesuffix("List")
    return ""


def represented(objects: Sequence[Raw], call: Call, *, heads: bool = True) -> Raw:
    """One object in the form asked for. `heads`: a Table names its columns (a watch does so only once)."""
    match form(call):
        case "Table":
            return table_of(objects, call, heads=heads)
        case "PartialObjectMetadata":
            return partial(objects[0])
        case _:
            return objects[0]


def represented_list(objects: Sequence[Raw], metadata: Mapping[str, Any], call: Call) -> Raw:
    kind, api_version = f"{call.target.kind.kind}List", call.target.api_version
    match form(call):
        case "Table":
            return {**table_of(objects, call), "metadata": metadata}
        case "PartialObjectMetadata":
            kind, api_version = "PartialObjectMetadataList", META_VERSION
            objects = [partial(raw) for raw in objects]
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": objects}


def table_of(objects: Sequence[Raw], call: Call, *, heads: bool = True) -> Raw:
    include = call.query.text("includeObject") or "Metadata"
    shown = {"None": lambda raw: None, "Object": lambda raw: raw}.get(include, partial)
    kind = call.target.kind.kind

    def problems(raw: Raw) -> Sequence[Problem]:
        return call.deps.mesh.problems(Ref(kind, meta(raw).get("namespace", ""), meta(raw)["name"]))

    return table(kind, objects, datetime.now(UTC), shown=shown, problems=problems, heads=heads)


def partial(raw: Raw) -> Raw:
    return {"kind": "PartialObjectMetadata", "apiVersion": META_VERSION, "metadata": raw["metadata"]}
