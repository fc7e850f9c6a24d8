"""encode: a typed value back to the raw object that decodes to it. Defaults are left out.

For controllers that make objects, and for the law that decoding what was encoded changes nothing. Users' own objects
are kept raw in the store and never made from values.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Annotated, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from meshgate.api.duration import duration_text
from meshgate.api.kinds import kind_of
from meshgate.api.meta import Meta
from meshgate.api.resource import AnyResource
from meshgate.api.secret_bytes import SecretBytes
from meshgate.api.string_match import Exact, Prefix, Present, Regex
from meshgate.api.value import BodyMark, Pairs, RawMark, Value, Within

Writer = Callable[[object], object]

_META_NAMES = {"creation": "creationTimestamp", "deletion": "deletionTimestamp", "owners": "ownerReferences"}


def encode(resource: AnyResource) -> dict[str, object]:
    """The raw object, without status. Secrets are written in clear: whoever calls this decides who sees it."""
    kind = kind_of(resource.api_version, resource.kind)
    assert kind is not None, f"{resource.kind} of {resource.api_version} was not made by decode"
    content = encode_value(resource.spec)
    head: dict[str, object] = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": _metadata(resource.meta),
    }
    return head | ({"spec": content} if kind.has_spec else content)


def encode_value(value: Value) -> dict[str, object]:
    """The raw object of one value, such as a spec."""
    written: dict[str, object] = {}
    for name, key, default, write in _writers(type(value)):
        item = getattr(value, name)
        if item != default:
            written[key] = write(item)
    return written


def _metadata(meta: Meta) -> dict[str, object]:
    return {_META_NAMES.get(key, key): item for key, item in encode_value(meta).items()}


@cache
def _writers(cls: type[Value]) -> tuple[tuple[str, str, object, Writer], ...]:
    """Attribute, name in JSON, default and writer of each field. A type's fields never change, so they are kept."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        (field.name, field.encode_name, field.default, _writer(hints[field.name]))
        for field in msgspec.structs.fields(cls)
    )


def _writer(hint: object) -> Writer:
    origin = get_origin(hint)
    if origin is Annotated:
        return _annotated_writer(hint)
    members = [member for member in get_args(hint) if member is not types.NoneType]
    if origin is Union or origin is types.UnionType:
        return _plain if Exact in members or len(members) > 1 else _writer(members[0])
    if origin is tuple:
        return _tuple_writer(get_args(hint)[0])
    return _plain


def _annotated_writer(hint: object) -> Writer:
    inner, *marks = get_args(hint)
    write = _writer(inner)
    for mark in marks:
        match mark:
            case Within(key=key):
                return lambda value: {key: write(value)}
            case BodyMark():
                return _body
            case RawMark():
                return _raw
    return write


def _tuple_writer(item: object) -> Writer:
    if get_origin(item) is tuple:
        write = _writer(get_args(item)[1])
        return lambda value: {str(key): write(entry) for key, entry in cast("Pairs[object]", value)}
    write = _writer(item)
    return lambda value: [write(entry) for entry in cast("tuple[object, ...]", value)]


def _plain(value: object) -> object:
    match value:
        case Exact(value=text):
            return {"exact": text}
        case Prefix(value=text):
            return {"prefix": text}
        case Regex(value=text):
            return {"regex": text}
        case Present():
            return {}
        case Value():
            return encode_value(value)
        case timedelta():
            return duration_text(value)
        case SecretBytes():
            return base64.b64encode(value.reveal()).decode()
        case bytes():
            return base64.b64encode(value).decode()
        case str():
            return str(value)
        case _:
            return value


def _body(value: object) -> object:
    assert isinstance(value, bytes)
    try:
        return {"string": value.decode()}
    except UnicodeDecodeError:
        return {"bytes": base64.b64encode(value).decode()}


def _raw(value: object) -> object:
    assert isinstance(value, str)
    return msgspec.json.decode(value)
