"""A configuration dump taken apart: the resources of each section, each as Envoy has spelled it.

Envoy prints proto JSON with the names of its documentation. What the tables need is read from that text by small
structs; for `-o json` a resource goes through its message and comes out in lower camel case, as istioctl prints it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from google.protobuf.json_format import ParseError
from google.protobuf.message import Message
from msgspec import Raw, Struct

from meshgate.errors import MeshgateError
from meshgate.proto import from_json, to_json, unpack, v3
from meshgate.proto.messages import Json

T = TypeVar("T")
PREFIX: Final = "type.googleapis.com/envoy.admin.v3."
HINT: Final = "it must be what Envoy's admin interface answers to /config_dump"


class DumpFault(MeshgateError):
    """This is no dump of an Envoy, or of one with another API."""


class _Typed(Struct, frozen=True):
    type: str = msgspec.field(name="@type")


class _Whole(Struct, frozen=True):
    configs: tuple[Raw, ...] = ()


class _Entry(Struct, frozen=True):
    """One resource, under whichever name its section has for it; sections have one name each."""

    name: str = ""
    version_info: str = ""
    last_updated: datetime | None = None
    cluster: Raw = Raw()
    listener: Raw = Raw()
    route_config: Raw = Raw()
    endpoint_config: Raw = Raw()
    secret: Raw = Raw()
    active_state: _Entry | None = None
    """Of a listener: the one in use."""

    @property
    def body(self) -> Raw:
        """Empty for one that is still to come."""
        if self.active_state is not None:
            return self.active_state.body
        given = (self.cluster, self.listener, self.route_config, self.endpoint_config, self.secret)
        return next((raw for raw in given if bytes(raw)), Raw())


class Dump:
    """One answer to `/config_dump`. Raises DumpFault where it is none."""

    def __init__(self, text: bytes) -> None:
        try:
            whole = msgspec.json.decode(text, type=_Whole)
            typed = [(msgspec.json.decode(raw, type=_Typed).type, raw) for raw in whole.configs]
        except msgspec.MsgspecError as error:
            raise DumpFault(f"this is no configuration dump: {error}", hint=HINT) from None
        self._sections: Mapping[str, Raw] = {name.removeprefix(PREFIX): raw for name, raw in typed}
        self.text = text

    def section(self, name: str) -> Raw:
        """A section such as `ClustersConfigDump`. Raises DumpFault where the dump has none."""
        if name not in self._sections:
            raise DumpFault(f"this configuration dump has no {name}", hint=HINT)
        return self._sections[name]

    def entries(self, section: str, *fields: str) -> Iterator[_Entry]:
        """The entries of some fields of a section, in that order."""
        lists = self.read(self.section(section), dict[str, Raw])
        for field in fields:
            if field in lists:
                yield from self.read(lists[field], tuple[_Entry, ...])

    def bodies(self, section: str, *fields: str) -> Iterator[Raw]:
        """The resources of these entries; one that is still to come has none."""
        for entry in self.entries(section, *fields):
            if bytes(entry.body):
                yield entry.body

    @staticmethod
    def read(raw: Raw, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=shape)
        except msgspec.MsgspecError as error:
            raise DumpFault(f"this configuration dump cannot be read: {error}", hint=HINT) from None


def resource_camel(raw: Raw) -> dict[str, Json]:
    """A resource (an `Any` with its `@type`) in lower camel case, without the type."""
    return to_json(_unpacked(raw), proto_names=False)


def resource_dict(raw: Raw) -> dict[str, Json]:
    """The same with the names of Envoy's documentation, as `envoy.resource_json` gives it."""
    return to_json(_unpacked(raw))


def section_json(dump: Dump, name: str) -> dict[str, Json]:
    """A whole section in lower camel case, without its type."""
    return resource_camel(dump.section(name))


def whole_json(dump: Dump) -> Json:
    """All of it as Envoy has spelled it."""
    value: Json = json.loads(dump.text)
    return value


def _unpacked(raw: Raw) -> Message:
    try:
        return unpack(from_json(json.loads(bytes(raw)), v3.Any))
    except (ParseError, KeyError) as error:
        text = f"this configuration dump has something that the API of this Envoy has not: {error}"
        hint = "look at it with -o short, or with the tools of the Envoy that it comes from"
        raise DumpFault(text, hint=hint) from None
