"""Strategic merge patch: what `kubectl apply`, `patch`, `label` and friends send for built-in kinds.

Like a JSON merge patch, but lists with a merge key merge by it, and directives say what a merge can't:
`$patch: replace|delete|merge`, `$retainKeys`, `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`.
Rules: https://github.com/kubernetes/community (contributors/devel/sig-api-machinery/strategic-merge-patch.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshgate.api import Kind

from .faults import bad_request
from .merge_keys import MergeList, Path, merge_lists
from .raw import Raw, without

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList/"
ELEMENT_ORDER = "$setElementOrder/"


def strategic_patched(raw: Raw, patch: Any, kind: Kind) -> Raw:
    """The object after the patch. Raises StatusFault (BadRequest) for a patch that is malformed."""
    if not isinstance(patch, Mapping):
        raise bad_request("a strategic merge patch is a mapping")
    return _patched(raw, patch, (), merge_lists(kind))


def _patched(live: Raw, patch: Raw, path: Path, lists: Mapping[Path, MergeList]) -> dict[str, Any]:
    directive = patch.get(PATCH, "merge")
    if directive not in ("merge", "replace", "delete"):
        raise bad_request(f'unknown directive $patch: "{directive}": expected merge, replace or delete')
    if directive == "replace":
        return without(patch, PATCH)
    if directive == "delete":
        return {}
    kept = patch.get(RETAIN_KEYS)
    result = dict(live) if kept is None else {name: value for name, value in live.items() if name in kept}
    for name, change in patch.items():
        if name.startswith(DELETE_FROM):
            field = name.removeprefix(DELETE_FROM)
            result[field] = [item for item in result.get(field, ()) if item not in change]
        elif not name.startswith("$"):
            _change(result, name, change, (*path, name), lists)
    for name, order in patch.items():
        field = name.removeprefix(ELEMENT_ORDER)
        if name.startswith(ELEMENT_ORDER) and field in result and (*path, field) in lists:
            merge_list = lists[(*path, field)]
            result[field] = _ordered(result[field], order, live.get(field) or (), merge_list)
    return result


def _change(result: dict[str, Any], name: str, change: Any, path: Path, lists: Mapping[Path, MergeList]) -> None:
    live = result.get(name)
    if change is None or (isinstance(change, Mapping) and change.get(PATCH) == "delete"):
        result.pop(name, None)
    elif isinstance(change, Mapping):
        result[name] = _patched(live if isinstance(live, Mapping) else {}, change, path, lists)
    elif isinstance(change, Sequence) and not isinstance(change, str) and path in lists:
        result[name] = _patched_list(live or (), change, path, lists)
    else:
        result[name] = change


def _patched_list(live: Sequence[Any], patch: Sequence[Any], path: Path, lists: Mapping[Path, MergeList]) -> list[Any]:
    merge_list = lists[path]
    if not merge_list.key:
        return [*live, *(item for item in patch if item not in live)]
    if any(_directive(item) == "replace" for item in patch):
        return [without(item, PATCH) for item in patch if set(item) != {PATCH}]
    result = list(live)
    for item in patch:
        if not isinstance(item, Mapping) or merge_list.key not in item:
            raise bad_request(f'{".".join(path)}: an item of the patch has no "{merge_list.key}" to merge by')
        places = _places(result, item, merge_list)
        if _directive(item) == "delete":
            result = [old for n, old in enumerate(result) if n not in places]
        elif places:
            result[places[0]] = _patched(result[places[0]], item, path, lists)
        else:
            result.append(_patched({}, item, path, lists))
    return result


def _directive(item: Any) -> str:
    return str(item.get(PATCH, "")) if isinstance(item, Mapping) else ""


def _places(items: Sequence[Any], item: Raw, merge_list: MergeList) -> list[int]:
    """Where the item is: by its whole identity if one is that (53/UDP beside 53/TCP), else by the merge key alone."""
    exact = [n for n, old in enumerate(items) if merge_list.identity(old) == merge_list.identity(item)]
    key = merge_list.key
    return exact or [n for n, old in enumerate(items) if isinstance(old, Mapping) and old.get(key) == item[key]]


def _ordered(items: Sequence[Any], order: Sequence[Any], live: Sequence[Any], merge_list: MergeList) -> list[Any]:
    """Items that the order names, in that order; the others keep their places relative to them."""
    wanted = [_order_key(item, merge_list) for item in order]
    was = [_order_key(item, merge_list) for item in live]
    named = sorted(
        (item for item in items if _order_key(item, merge_list) in wanted),
        key=lambda item: wanted.index(_order_key(item, merge_list)),
    )
    others = [item for item in items if _order_key(item, merge_list) not in wanted]
    result: list[Any] = []
    for item in named:
        place = _index(was, _order_key(item, merge_list))
        while others and _index(was, _order_key(others[0], merge_list)) < place:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _index(keys: Sequence[object], key: object) -> int:
    """Where the key is in the live list; new ones come before all that follows."""
    return keys.index(key) if key in keys else -1


def _order_key(item: Any, merge_list: MergeList) -> object:
    return item.get(merge_list.key) if merge_list.key and isinstance(item, Mapping) else item
