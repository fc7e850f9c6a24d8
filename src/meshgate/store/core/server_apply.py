"""Server-side apply: several appliers, each owning the fields that it sets.

What an applier set before and sets no more disappears, unless another applier set it too; to change what another one
set is a conflict, unless forced. Owners are remembered in `metadata.managedFields`, as Kubernetes does, but for
appliers only: writers of other kinds (controllers, `kubectl edit`) own nothing here, and their values give way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgate.api import Kind

from .apply import merged
from .faults import Cause, Details, StatusFault
from .field_sets import (
    ABSENT,
    FieldPath,
    Lists,
    fields_of,
    fields_v1,
    from_fields_v1,
    is_key_of_item,
    shown,
    value_at,
    without_field,
)
from .merge_keys import merge_lists
from .raw import Raw, meta

Owned = Mapping[str, frozenset[FieldPath]]


def owned_fields(raw: Raw) -> Owned:
    """The fields of each applier of the object."""
    return {
        entry.get("manager", ""): frozenset(from_fields_v1(entry.get("fieldsV1") or {}))
        for entry in meta(raw).get("managedFields") or ()
        if entry.get("operation") == "Apply"
    }


def server_applied(live: Raw, wanted: Raw, manager: str, kind: Kind, *, force: bool) -> tuple[Raw, Owned]:
    """The object after the apply, and who owns what then. Raises StatusFault 409 for conflicts."""
    lists = merge_lists(kind)
    fields = fields_of(wanted, lists)
    owned = owned_fields(live)
    others = {name: owned[name] for name in owned if name != manager}
    contested = _contested(live, wanted, fields, others, lists)
    if contested and not force:
        raise _conflict(contested)
    others = {name: held - contested.get(name, frozenset()) for name, held in others.items()}
    result: Any = merged(live, wanted, kind)
    kept = [path for held in (fields, *others.values()) for path in held]
    for path in sorted(owned.get(manager, frozenset()) - fields, key=len):  # items of lists before their fields
        if not is_key_of_item(path) and not any(other[: len(path)] == path for other in kept):
            shrunk = without_field(result, path, lists)
            result = {} if shrunk is ABSENT else shrunk
    result = merged(result, wanted, kind)  # an empty mapping that is wanted may have gone with what was in it
    return result, {**others, manager: fields}


def managed_fields(owned: Owned, old: Raw | None, api_version: str, now: str) -> list[Raw]:
    """The `metadata.managedFields` of an object; entries that are as they were keep their time."""
    before = {entry.get("manager"): entry for entry in meta(old or {}).get("managedFields") or ()}
    entries = []
    for name, fields in sorted(owned.items()):
        tree = fields_v1(fields)
        entry = before.get(name)
        if entry is None or entry.get("fieldsV1") != tree:
            entry = {
                "manager": name,
                "operation": "Apply",
                "apiVersion": api_version,
                "time": now,
                "fieldsType": "FieldsV1",
                "fieldsV1": tree,
            }
        entries += [entry] if tree else []
    return entries


def _contested(
    live: Raw, wanted: Raw, fields: frozenset[FieldPath], others: Owned, lists: Lists
) -> Mapping[str, frozenset[FieldPath]]:
    """What other appliers have set and this one wants otherwise."""
    found = {
        name: frozenset(
            path
            for path in held & fields
            if not path[-1].startswith("k:") and value_at(live, path, lists) != value_at(wanted, path, lists)
        )
        for name, held in others.items()
    }
    return {name: paths for name, paths in found.items() if paths}


def _conflict(contested: Mapping[str, frozenset[FieldPath]]) -> StatusFault:
    causes = tuple(
        Cause(reason="FieldManagerConflict", message=f'conflict with "{name}"', field=shown(path))
        for name, paths in sorted(contested.items())
        for path in sorted(paths)
    )
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    listed = ", ".join(f"{cause.message}: {cause.field}" for cause in causes)
    text = f"Apply failed with {count}: {listed}"
    return StatusFault(text, code=409, reason="Conflict", details=Details(causes=causes))
