"""Messages as bytes, in `Any`, and as JSON: what the callers of `v3` need beside constructors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from meshgate.proto import v3
from meshgate.proto.schema import message_class, pool

if TYPE_CHECKING:
    from envoy_api import Any as AnyMessage

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
M = TypeVar("M", bound=Message)
_PREFIX = "type.googleapis.com/"
_FREE_FORM = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}


def type_url(message: type[Message] | Message) -> str:
    """`type.googleapis.com/envoy...`, as xDS and `Any` name a type."""
    return _PREFIX + message.DESCRIPTOR.full_name


def any_of(message: Message) -> AnyMessage:
    """The message in an `Any`, serialised so that equal messages give equal bytes (maps sorted by key)."""
    return v3.Any(type_url=type_url(message), value=message.SerializeToString(deterministic=True))


def unpack(packed: AnyMessage) -> Message:
    """The message inside an `Any`, whatever its type. `KeyError` if the schema does not know the type."""
    return message_class(packed.type_url.removeprefix(_PREFIX)).FromString(packed.value)


def to_json(message: Message, *, proto_names: bool = True) -> dict[str, Json]:
    """Canonical JSON of a message, nested `Any`s included; names as in Envoy's documentation, or camelCase.

    Fields come in the schema's order, keys of maps sorted. Nothing in it is shared: the caller may change it.
    """
    made = json_format.MessageToDict(message, preserving_proto_field_name=proto_names, descriptor_pool=pool)
    return {name: _field(value, _descriptor(message), name) for name, value in made.items()}


def from_json(value: Mapping[str, object], cls: type[M]) -> M:
    """A message from its JSON (either spelling of names). `json_format.ParseError` says what does not fit."""
    return json_format.ParseDict(dict(value), cls(), descriptor_pool=pool)


def _descriptor(message: type[Message] | Message) -> Descriptor:
    return cast("Descriptor", message.DESCRIPTOR)  # the stubs also know upb's own class of it


def _field(value: Json, owner: Descriptor, name: str) -> Json:
    """A field's value with its maps sorted: json_format leaves them in the order of a hash that differs by run."""
    field = owner.fields_by_name.get(name) or owner.fields_by_camelcase_name.get(name)
    if field is None or field.message_type is None:  # "@type" of an Any, or a scalar
        return value
    if field.message_type.GetOptions().map_entry:
        assert isinstance(value, dict)
        return {key: _field(value[key], field.message_type, "value") for key in sorted(value)}
    if isinstance(value, list) and field.is_repeated:
        return [_message(item, field.message_type) for item in value]
    return _message(value, field.message_type)


def _message(value: Json, kind: Descriptor) -> Json:
    if kind.full_name in _FREE_FORM:
        return _free_form(value)
    if not isinstance(value, dict):  # durations, wrappers and the like are texts and numbers
        return value
    packed = value.get("@type")
    if isinstance(packed, str):
        kind = _descriptor(message_class(packed.rpartition("/")[2]))
    return {name: _field(item, kind, name) for name, item in value.items()}


def _free_form(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _free_form(value[key]) for key in sorted(value)}
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a Struct has only one type of number; 8080.0 is a port
    return [_free_form(item) for item in value] if isinstance(value, list) else value
