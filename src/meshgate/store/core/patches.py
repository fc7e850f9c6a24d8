"""Patches that replace or add: JSON merge patch (RFC 7386) and JSON patch (RFC 6902). Strategic ones: `strategic`.

All are functions from an object to a new one; nothing given is written to. What cannot be applied is refused as
Kubernetes does: a malformed patch is a BadRequest, one that does not fit the object is 422.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .faults import StatusFault, bad_request
from .raw import Raw

MAX_OPERATIONS = 10_000
"""Of one JSON patch; Kubernetes' limit."""


def merge_patched(value: Any, patch: Any) -> Any:
    """RFC 7386: maps merge, null removes, everything else replaces.

    >>> merge_patched({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": None}})
    {'a': 1, 'b': {'d': 3}}
    """
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), change)
    return result


def json_patched(raw: Raw, operations: Any) -> Raw:
    """RFC 6902. Raises StatusFault."""
    if not isinstance(operations, Sequence) or isinstance(operations, str):
        raise bad_request("a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        raise bad_request(f"the JSON patch has {len(operations)} operations, the limit is {MAX_OPERATIONS}")
    result: Any = raw
    for operation in operations:
        if not isinstance(operation, Mapping):
            raise bad_request("an operation of a JSON patch is a mapping with op and path")
        result = _operated(result, operation)
    if not isinstance(result, Mapping):
        raise _unfit("the JSON patch leaves no object")
    return result


def _operated(document: Any, operation: Mapping[str, Any]) -> Any:
    path = _pointer(operation.get("path"))
    match operation.get("op"):
        case "add":
            return _changed(document, path, _value(operation), insert=True)
        case "replace":
            _at(document, path)
            return _changed(document, path, _value(operation), insert=False)
        case "remove":
            _at(document, path)
            return _removed(document, path)
        case "move":
            source = _pointer(operation.get("from"))
            if path[: len(source)] == source and path != source:
                raise _unfit("a value cannot be moved into itself")
            return _changed(_removed(document, source), path, _at(document, source), insert=True)
        case "copy":
            return _changed(document, path, _at(document, _pointer(operation.get("from"))), insert=True)
        case "test":
            if _at(document, path) != _value(operation):
                raise _unfit(f"testing value {operation['path']} failed")
            return document
        case other:
            raise bad_request(f'unknown operation "{other}": expected add, remove, replace, move, copy or test')


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise bad_request(f"JSON patch operation {operation.get('op')} of {operation.get('path')} has no value")
    return operation["value"]


def _pointer(text: Any) -> tuple[str, ...]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise bad_request(f'JSON pointer "{text}": expected a text that begins with /')
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for depth, part in enumerate(path):
        if isinstance(document, Mapping) and part in document:
            document = document[part]
        elif isinstance(document, list | tuple) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            raise _unfit(f"there is nothing at /{'/'.join(path[: depth + 1])}")
    return document


def _changed(document: Any, path: tuple[str, ...], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(document, Mapping):
        if rest and head not in document:
            raise _unfit(f'there is nothing at "{head}"')
        return {**document, head: _changed(document.get(head), rest, value, insert=insert)}
    if not isinstance(document, list | tuple):
        raise _unfit(f'"{head}" is looked for in a value that is neither a mapping nor a list')
    index = _index(document, head, end=insert and not rest)
    if insert and not rest:
        return [*document[:index], value, *document[index:]]
    return [*document[:index], _changed(document[index], rest, value, insert=insert), *document[index + 1 :]]


def _removed(document: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return None
    head, rest = path[0], path[1:]
    if isinstance(document, Mapping):
        if rest:
            return {**document, head: _removed(document[head], rest)}
        return {name: value for name, value in document.items() if name != head}
    index = _index(document, head, end=False)
    kept = [_removed(document[index], rest)] if rest else []
    return [*document[:index], *kept, *document[index + 1 :]]


def _index(items: Sequence[Any], part: str, *, end: bool) -> int:
    if part == "-" and end:
        return len(items)
    if not part.isdecimal() or int(part) >= len(items) + end:
        raise _unfit(f'the list of {len(items)} items has no place "{part}"')
    return int(part)


def _unfit(text: str) -> StatusFault:
    return StatusFault(text, code=422, reason="Invalid")
