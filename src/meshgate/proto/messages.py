"""Messages as bytes, in `Any`, and as JSON: what the callers of `v3` need beside constructors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from meshgate.proto import v3
from meshgate.proto.schema import message_class, pool

if TYPE_CHECKING:
    from envoy_api import Any as AnyMessage

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
M = TypeVar("M", bound=Message)
_PREFIX = "type.googleapis.com/"


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

    Keys come in the schema's order. Nothing in it is shared: the caller may change it.
    """
    made = json_format.MessageToDict(message, preserving_proto_field_name=proto_names, descriptor_pool=pool)
    return {name: _plain(value) for name, value in made.items()}


def from_json(value: Mapping[str, object], cls: type[M]) -> M:
    """A message from its JSON (either spelling of names). `json_format.ParseError` says what does not fit."""
    return json_format.ParseDict(dict(value), cls(), descriptor_pool=pool)


def _plain(value: Json) -> Json:
    """Without the OrderedDict that json_format makes of an `Any`: YAML's safe dumper refuses subclasses of dict."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
