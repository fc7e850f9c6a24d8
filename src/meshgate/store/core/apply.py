"""`apply`: make the object say what the file says, and leave alone what others wrote.

Three values decide: what was applied last time (kept in kubectl's own annotation, so that kubectl and meshgate may
take turns), what is given now, and what is there. Fields that were applied and are given no more disappear; fields
that are given win; the rest stays, a clusterIP that a controller chose for example. Lists of built-in kinds merge by
their keys, those of custom resources are replaced (as `kubectl apply` does, which has no schema of them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshgate.api import Kind

from .kinds import has_status
from .merge_keys import MergeList, Path, merge_lists
from .metadata import SERVER_FIELDS, canonical, fold_string_data
from .raw import Raw, meta, without

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_ABSENT: Any = object()


def given(raw: Raw, kind: Kind) -> Raw:
    """The part of a user's object that apply takes: no status and nothing that the server sets."""
    metadata = without(meta(raw), "resourceVersion", "managedFields", *SERVER_FIELDS)
    annotations = without(metadata.get("annotations") or {}, LAST_APPLIED)
    fields = without(raw, "status") if has_status(kind) else raw
    return canonical({**fields, "metadata": {**metadata, "annotations": annotations}}, kind)


def last_applied(raw: Raw) -> Raw:
    """What was applied last; an empty object where nothing was (or the annotation was edited into nonsense)."""
    text = (meta(raw).get("annotations") or {}).get(LAST_APPLIED, "")
    try:
        found = msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def with_last_applied(raw: Raw, given_object: Raw) -> Raw:
    """The object with the annotation that kubectl would write: sorted keys, `annotations` always there, a newline."""
    recorded = {**given_object, "metadata": {"annotations": {}, **meta(given_object)}}
    text = msgspec.json.encode(recorded, order="sorted").decode() + "\n"
    annotations = {**(meta(raw).get("annotations") or {}), LAST_APPLIED: text}
    return {**raw, "metadata": {**meta(raw), "annotations": annotations}}


def applied(live: Raw, given_object: Raw, kind: Kind) -> Raw:
    """The live object after `given_object` (from `given`) is applied to it."""
    before = fold_string_data(last_applied(live), kind)
    now = fold_string_data(given_object, kind)
    result = _merged_maps(before, now, live, (), merge_lists(kind))
    return with_last_applied(result, given_object)


def merged(live: Raw, given_object: Raw, kind: Kind) -> Raw:
    """The live object with all that is given, and nothing taken away."""
    return _merged_maps({}, fold_string_data(given_object, kind), live, (), merge_lists(kind))


def _merged(before: Any, now: Any, live: Any, path: Path, lists: Mapping[Path, MergeList]) -> Any:
    if isinstance(now, Mapping) and isinstance(live, Mapping):
        return _merged_maps(before if isinstance(before, Mapping) else {}, now, live, path, lists)
    if isinstance(now, Sequence) and isinstance(live, Sequence) and path in lists:
        items_before = before if isinstance(before, list | tuple) else ()
        return _merged_lists(items_before, now, live, path, lists)
    return now


def _merged_maps(before: Raw, now: Raw, live: Raw, path: Path, lists: Mapping[Path, MergeList]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in live.items():
        if name not in now:
            rest = _rest(before.get(name, _ABSENT), value, (*path, name), lists)
            result |= {} if rest is _ABSENT else {name: rest}
        elif now[name] is not None:
            result[name] = _merged(before.get(name), now[name], value, (*path, name), lists)
    result |= {name: value for name, value in now.items() if name not in live and value is not None}
    return result


def _rest(before: Any, live: Any, path: Path, lists: Mapping[Path, MergeList]) -> Any:
    """What remains of a live value that is given no more: whatever in it was never applied."""
    if before is _ABSENT:
        return live
    if isinstance(before, Mapping) and isinstance(live, Mapping):
        return _merged_maps(before, {}, live, path, lists) or _ABSENT
    if isinstance(before, list | tuple) and isinstance(live, list | tuple) and path in lists:
        return _merged_lists(before, (), live, path, lists) or _ABSENT
    return _ABSENT


def _merged_lists(
    before: Sequence[Any], now: Sequence[Any], live: Sequence[Any], path: Path, lists: Mapping[Path, MergeList]
) -> list[Any]:
    """The given items in their order, each merged with the live one of its key; then the others' items."""
    identity = lists[path].identity
    live_items = {identity(item): item for item in live}
    before_items = {identity(item): item for item in before}
    now_keys = {identity(item) for item in now}
    result = [
        _merged(before_items.get(identity(item)), item, live_items.get(identity(item)), path, lists) for item in now
    ]
    return result + [item for key, item in live_items.items() if key not in before_items and key not in now_keys]
