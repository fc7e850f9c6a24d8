"""What a write does to an object's metadata, as a Kubernetes API server does it.

Content comes from the writer; uid, creation time, generation and deletion belong to the server. The generation counts
changes of what the user wants: a status, a label or an annotation is none. The resourceVersion is given at the end of
the transaction, so objects here still carry the old one.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from meshgate.api import Kind

from .defaults import with_allocated, with_defaults
from .kinds import has_generation, has_status
from .raw import Raw, meta, without

FIELD_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
SERVER_FIELDS = (
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
)
FIRST_STATUS: Mapping[str, Raw] = {"Namespace": {"phase": "Active"}, "Pod": {"phase": "Pending"}}
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Clock and chance, for the core has neither."""

    now: str
    """RFC 3339, whole seconds, `Z`."""
    new_uid: Callable[[], str]
    new_suffix: Callable[[], str]
    """Five characters for generateName."""


def canonical(raw: Raw, kind: Kind) -> dict[str, Any]:
    """The object in the stored version, with metadata in one order and without empty or null metadata fields."""
    metadata = meta(raw)
    known = {field: metadata[field] for field in FIELD_ORDER if metadata.get(field) not in (None, "", {}, [])}
    unknown = {k: v for k, v in metadata.items() if k not in FIELD_ORDER and k != "selfLink" and v is not None}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": known | unknown,
        **without(raw, "apiVersion", "kind", "metadata"),
    }


def created(raw: Raw, kind: Kind, sources: Sources) -> Raw:
    """The first version of an object."""
    metadata = without(meta(raw), "resourceVersion", *SERVER_FIELDS)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName'][:58]}{sources.new_suffix()}"
    if not kind.namespaced:
        metadata.pop("namespace", None)
    metadata |= {"uid": sources.new_uid(), "creationTimestamp": sources.now}
    if has_generation(kind):
        metadata["generation"] = 1
    result = {**raw, "metadata": metadata}
    if has_status(kind):
        result.pop("status", None)
        if kind.kind in FIRST_STATUS:
            result["status"] = FIRST_STATUS[kind.kind]
    return canonical(_kind_defaults(result, kind), kind)


def updated(old: Raw, new: Raw, kind: Kind) -> Raw:
    """The object after a write of everything but its status."""
    metadata = without(meta(new), "resourceVersion", *SERVER_FIELDS)
    metadata |= {name: value for name, value in meta(old).items() if name in (*SERVER_FIELDS, "resourceVersion")}
    metadata |= {name: meta(old)[name] for name in ("name", "namespace") if name in meta(old)}
    result: dict[str, Any] = {**with_allocated(old, new, kind.kind), "metadata": metadata}
    if has_status(kind):
        result.pop("status", None)
        result |= {"status": old["status"]} if "status" in old else {}
    result = canonical(_kind_defaults(result, kind), kind)
    if has_generation(kind) and desired(result) != desired(old):
        result["metadata"]["generation"] = meta(old).get("generation", 1) + 1
    return result


def with_status(old: Raw, new: Raw) -> Raw:
    """The object with the other's status and nothing else of it."""
    result = without(old, "status")
    return result | {"status": new["status"]} if new.get("status") else result


def marked_for_deletion(old: Raw, now: str, grace_s: int, finalizers: tuple[str, ...]) -> Raw:
    """The object on its way out: its finalizers, or its pod's processes, have to end first."""
    metadata = {**meta(old), "deletionTimestamp": now, "deletionGracePeriodSeconds": grace_s}
    metadata["finalizers"] = list(finalizers)
    if "generation" in metadata:
        metadata["generation"] += 1
    return {**old, "metadata": {f: metadata[f] for f in FIELD_ORDER if metadata.get(f) not in (None, [])}}


def with_managed_fields(raw: Raw, entries: Sequence[Raw]) -> Raw:
    metadata = without(meta(raw), "managedFields")
    return {**raw, "metadata": {**metadata, "managedFields": list(entries)} if entries else metadata}


def with_revision(raw: Raw, revision: int) -> Raw:
    metadata = {**meta(raw), "resourceVersion": str(revision)}
    return {**raw, "metadata": {field: metadata[field] for field in FIELD_ORDER if field in metadata} | metadata}


def desired(raw: Raw) -> Raw:
    """The part of an object that its generation counts."""
    return without(raw, "apiVersion", "kind", "metadata", "status")


def only_adds(old: Any, new: Any) -> bool:
    """Whether all that was given is still there, where it was: what a controller fills in leaves each line true.

    >>> only_adds({"ports": [{"port": 80}]}, {"ports": [{"port": 80, "nodePort": 3}], "clusterIP": "10.0.0.1"})
    True
    >>> only_adds({"ports": [1, 2]}, {"ports": [1]}), only_adds({"a": 1}, {"a": 2}), only_adds({"a": 1}, {})
    (False, False, False)
    """
    if isinstance(old, Mapping):
        return isinstance(new, Mapping) and all(key in new and only_adds(each, new[key]) for key, each in old.items())
    if isinstance(old, list | tuple):
        is_as_long = isinstance(new, list | tuple) and len(new) == len(old)
        return is_as_long and all(only_adds(one, other) for one, other in zip(old, new, strict=True))
    return bool(old == new)


def _kind_defaults(raw: dict[str, Any], kind: Kind) -> dict[str, Any]:
    if kind.kind == "Namespace":
        labels = {**(meta(raw).get("labels") or {}), NAMESPACE_LABEL: meta(raw).get("name", "")}
        return {**raw, "metadata": {**meta(raw), "labels": labels}, "spec": {"finalizers": ["kubernetes"]}}
    return with_defaults(fold_string_data(raw, kind), kind.kind)


def fold_string_data(raw: Raw, kind: Kind) -> dict[str, Any]:
    """`stringData` of a Secret is write-only: its values end up in `data`, in base64, and win there."""
    if kind.kind != "Secret" or "stringData" not in raw:
        return dict(raw)
    given = raw.get("stringData") or {}
    encoded = {name: b2a_base64(str(value).encode(), newline=False).decode() for name, value in given.items()}
    return without(raw, "stringData", "data") | {"data": {**(raw.get("data") or {}), **encoded}}
