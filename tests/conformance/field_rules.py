"""The rules that Envoy's schema carries for each field (protoc-gen-validate), checked on a message.

Envoy refuses a resource that breaks one. The rules are options of the descriptors: lengths, ranges, patterns, required
fields. `Any`s are opened where the schema knows what is inside. Reflection all through: hence Python's `Any`, too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import re2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from meshgate.proto import unpack, v3
from meshgate.proto.schema import message_class


def broken_rules(message: Message, path: str = "") -> Iterator[str]:
    """`path: rule` of each rule that does not hold, of this message and all in it."""
    for oneof in message.DESCRIPTOR.oneofs:
        if _option(oneof, "Oneof", "required") and message.WhichOneof(oneof.name) is None:
            yield f"{path}: one of {oneof.name} is required"
    for field in message.DESCRIPTOR.fields:
        yield from _broken_field(message, field, f"{path}.{field.name}" if path else field.name)
    if isinstance(message, v3.Any):
        yield from _broken_any(message, path)


def _broken_any(packed: v3.Any, path: str) -> Iterator[str]:
    try:
        inside = unpack(packed)
    except KeyError:
        return  # an extension of another build of Envoy
    yield from broken_rules(inside, path)


def _broken_field(message: Message, field: Any, path: str) -> Iterator[str]:
    rules = _option(field, "Field", "rules")
    value = getattr(message, field.name)
    if field.is_repeated:
        yield from _broken_items(value, field, rules, path)
        return
    is_message = field.type == FieldDescriptor.TYPE_MESSAGE
    is_set = message.HasField(field.name) if field.has_presence else True
    is_choice = field.containing_oneof is not None  # required where it is the one that is chosen
    if is_message and rules is not None and _is_required(rules) and not is_set and not is_choice:
        yield f"{path}: is required"
    if is_set and (not is_message or message.HasField(field.name)):
        yield from _broken_value(value, field, rules, path)


def _broken_items(values: Any, field: Any, rules: Any, path: str) -> Iterator[str]:
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    if is_map:
        values = list(values.values()) if field.message_type.fields_by_name["value"].message_type else []
    limits = rules.repeated if rules is not None and rules.WhichOneof("type") == "repeated" else None
    if limits is not None and limits.HasField("min_items") and len(values) < limits.min_items:
        yield f"{path}: fewer than {limits.min_items}"
    if limits is not None and limits.HasField("max_items") and len(values) > limits.max_items:
        yield f"{path}: more than {limits.max_items}"
    items = limits.items if limits is not None and limits.HasField("items") else None
    for number, value in enumerate(values):
        yield from _broken_value(value, field, items, f"{path}[{number}]")


def _broken_value(value: Any, field: Any, rules: Any, path: str) -> Iterator[str]:
    kind = rules.WhichOneof("type") if rules is not None else None
    if kind in _SCALAR and not isinstance(value, Message):
        yield from _broken_scalar(value, getattr(rules, kind), path)
    elif kind in _SCALAR and hasattr(value, "value"):
        yield from _broken_scalar(value.value, getattr(rules, kind), path)
    elif kind == "enum" and rules.enum.defined_only and value not in field.enum_type.values_by_number:
        yield f"{path}: {value} is not a defined value"
    elif kind == "duration":
        yield from _broken_scalar(value.ToTimedelta(), rules.duration, path, lambda limit: limit.ToTimedelta())
    if isinstance(value, Message):
        yield from broken_rules(value, path)


_SCALAR = frozenset({"string", "bytes", "bool", "float", "double", "int32", "int64", "uint32", "uint64"})


def _same(limit: Any) -> Any:
    return limit


def _broken_scalar(value: Any, limits: Any, path: str, read: Callable[[Any], Any] = _same) -> Iterator[str]:
    if not value and getattr(limits, "ignore_empty", False):
        return
    for field, limit in limits.ListFields():
        rule = _RULES.get(field.name)
        if rule is not None and not rule(value, [read(one) for one in limit] if field.is_repeated else read(limit)):
            yield f"{path}: {value!r} breaks {field.name} {limit!r}"


_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "const": lambda value, limit: value == limit,
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
    "in": lambda value, limit: value in limit,
    "not_in": lambda value, limit: value not in limit,
    "len": lambda value, limit: len(value) == limit,
    "min_len": lambda value, limit: len(value) >= limit,
    "max_len": lambda value, limit: len(value) <= limit,
    "min_bytes": lambda value, limit: len(_bytes(value)) >= limit,
    "max_bytes": lambda value, limit: len(_bytes(value)) <= limit,
    "prefix": lambda value, limit: value.startswith(limit),
    "suffix": lambda value, limit: value.endswith(limit),
    "contains": lambda value, limit: limit in value,
    "pattern": lambda value, limit: re2.search(limit, value) is not None,
    "well_known_regex": lambda value, limit: not re.search(r"[\x00\r\n]", value),
}


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _is_required(rules: Any) -> bool:
    kind = rules.WhichOneof("type")
    return bool(rules.message.required or (kind in ("any", "duration", "timestamp") and getattr(rules, kind).required))


@functools.cache
def _option(descriptor: Any, kind: str, name: str) -> Any:
    """The extension `validate.<name>` of a descriptor's options, None if unset; read with the schema's own classes."""
    raw = descriptor.GetOptions().SerializeToString()
    if not raw:
        return None
    options = message_class(f"google.protobuf.{kind}Options").FromString(raw)
    extension: Any = v3.pool.FindExtensionByName(f"validate.{name}")
    return options.Extensions[extension] if options.HasExtension(extension) else None
