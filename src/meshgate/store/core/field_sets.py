"""Which fields an applier has set: the sets that server-side apply remembers, in Kubernetes' `FieldsV1` form.

A path is a chain of `f:NAME` (a field), `k:{"name":"a"}` (an item of a list with keys) and `v:"a"` (a value of a set),
as in https://kubernetes.io/docs/reference/using-api/server-side-apply. A set holds the paths of values, not those of
the mappings around them; an item of a list with keys is in the set itself, besides its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from .merge_keys import MergeList
from .merge_keys import Path as SchemaPath
from .raw import Raw

FieldPath = tuple[str, ...]
Lists = Mapping[SchemaPath, MergeList]

NOT_OWNED: frozenset[FieldPath] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace")}
)
ABSENT: Any = object()


def fields_of(raw: Raw, lists: Lists) -> frozenset[FieldPath]:
    """All fields that an applied object sets."""
    return frozenset(_leaves(raw, (), (), lists)) - NOT_OWNED


def fields_v1(fields: Iterable[FieldPath]) -> dict[str, Any]:
    """The set as `FieldsV1`."""
    root: dict[str, Any] = {}
    listed = sorted(fields)
    for path in listed:
        node = root
        for element in path:
            node = node.setdefault(element, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return root


def from_fields_v1(tree: Mapping[str, Any], path: FieldPath = ()) -> Iterator[FieldPath]:
    """The paths in a `FieldsV1`."""
    for element, below in tree.items():
        if element == ".":
            yield path
        elif below:
            yield from from_fields_v1(below, (*path, element))
        else:
            yield (*path, element)


def value_at(value: Any, path: FieldPath, lists: Lists) -> Any:
    """The value at the path, ABSENT where there is none."""
    schema: SchemaPath = ()
    for element in path:
        if element.startswith("f:"):
            schema = (*schema, element[2:])
            value = value.get(element[2:], ABSENT) if isinstance(value, Mapping) else ABSENT
        else:
            items = value if isinstance(value, list | tuple) else ()
            value = next((item for item in items if _element(item, lists[schema]) == element), ABSENT)
    return value


def without_field(value: Any, path: FieldPath, lists: Lists, schema: SchemaPath = ()) -> Any:
    """The value without what is at the path; a mapping or list that becomes empty by that goes too (ABSENT)."""
    element, rest = path[0], path[1:]
    if element.startswith("f:"):
        name = element[2:]
        if not isinstance(value, Mapping) or name not in value:
            return value
        below = without_field(value[name], rest, lists, (*schema, name)) if rest else ABSENT
        result = {key: item for key, item in value.items() if key != name or below is not ABSENT}
        return ({**result, name: below} if below is not ABSENT else result) or ABSENT
    kept = []
    for item in value if isinstance(value, list | tuple) else ():
        below = item
        if _element(item, lists[schema]) == element:
            below = without_field(item, rest, lists, schema) if rest else ABSENT
        kept += [] if below is ABSENT else [below]
    return kept or ABSENT


def is_key_of_item(path: FieldPath) -> bool:
    """Whether the field is one by which the item of a list around it is known: it goes only with the item."""
    if len(path) < 2 or not path[-2].startswith("k:"):
        return False
    return path[-1].removeprefix("f:") in msgspec.json.decode(path[-2][2:])


def shown(path: FieldPath) -> str:
    """As conflicts name it: `.spec.ports[containerPort=80,protocol="TCP"].name`."""
    text = ""
    for element in path:
        if element.startswith("f:"):
            text += f".{element[2:]}"
        elif element.startswith("k:"):
            keys = msgspec.json.decode(element[2:])
            text += f"[{','.join(f'{k}={msgspec.json.encode(v).decode()}' for k, v in sorted(keys.items()))}]"
        else:
            text += f"[={element[2:]}]"
    return text


def _leaves(value: Any, path: FieldPath, schema: SchemaPath, lists: Lists) -> Iterator[FieldPath]:
    if isinstance(value, Mapping) and (value or not path):
        for name, item in value.items():
            if item is not None:
                yield from _leaves(item, (*path, f"f:{name}"), (*schema, name), lists)
    elif isinstance(value, list | tuple) and schema in lists:
        for item in value:
            item_path = (*path, _element(item, lists[schema]))
            yield item_path
            if isinstance(item, Mapping):
                yield from _leaves(item, item_path, schema, lists)
    else:
        yield path


def _element(item: Any, merge_list: MergeList) -> str:
    if not merge_list.key or not isinstance(item, Mapping):
        return f"v:{msgspec.json.encode(item, order='sorted').decode()}"
    keys = {merge_list.key: item.get(merge_list.key)}
    if merge_list.also is not None:
        keys[merge_list.also[0]] = item.get(*merge_list.also)
    return f"k:{msgspec.json.encode(keys, order='sorted').decode()}"
