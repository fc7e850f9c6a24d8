"""Readers made from the types: one walk over a raw value that gives the typed one and all faults.

`reader_of(type, ...)` looks at a type's fields once and gives a closure for it, limited to what the table of
implemented paths allows at its place. Reading itself then only looks names up in dicts and calls closures; nothing is
spent on paths unless there is a fault.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import msgspec

from meshgate.api import codes, hints
from meshgate.api.fault import Fault, locate, nearest, wrong_type
from meshgate.api.implemented import KEYS_NOT_YET, Table
from meshgate.api.known_fields import NOT_YET, WITHOUT_EFFECT
from meshgate.api.numbered_map import numbered_reader
from meshgate.api.old_fields import OLD_FIELDS, OldField
from meshgate.api.problem import Severity
from meshgate.api.scalars import (
    INT32,
    INT64,
    INVALID,
    Reader,
    integer_reader,
    number_reader,
    read_body,
    read_boolean,
    read_bytes,
    read_data,
    read_duration,
    read_port_or_name,
    read_raw,
    read_secret,
    read_text,
    word_reader,
)
from meshgate.api.secret_bytes import SecretBytes
from meshgate.api.string_match import Exact, Prefix, Present, Regex
from meshgate.api.value import BodyMark, Bounds, RawMark, Value, Within


class Place(msgspec.Struct, frozen=True):
    """Where a type is used: its path in the table, and whose rules of JSON apply."""

    path: str
    table: Table
    protobuf: bool
    """Istio's kinds: protobuf's JSON rules. Else Kubernetes'."""
    unknown: Severity = "error"
    """What a field is that the type does not have."""

    def below(self, key: str) -> Place:
        return msgspec.structs.replace(self, path=f"{self.path}.{key}")

    @property
    def limits(self) -> tuple[str, ...] | None:
        """The names that are implemented here; None: all."""
        return self.table.get(self.path)


class Field(msgspec.Struct, frozen=True):
    """How one key of an object is read."""

    name: str
    """The attribute."""
    read: Reader


def reader_of(hint: object, place: Place) -> Reader:
    """The reader of a type, as the annotations of our values write it."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _annotated_reader(hint, place)
    if origin is Union or origin is types.UnionType:
        return _union_reader(hint, place)
    if origin is tuple:
        item = get_args(hint)[0]
        if get_origin(item) is tuple:
            if get_args(item)[0] is int:
                return numbered_reader(reader_of(get_args(item)[1], place))
            not_yet = tuple(name.removeprefix("!") for name in place.limits or () if name.startswith("!"))
            return map_reader(reader_of(get_args(item)[1], place), not_yet)
        return list_reader(reader_of(item, place), _blank_of(item), has_nulls=place.protobuf)
    assert isinstance(hint, type), f"no reader for {hint!r}"
    if issubclass(hint, Value):
        return object_reader(hint, place)
    if issubclass(hint, StrEnum):
        return word_reader(hint, place.limits, numbers=place.protobuf)
    return _leaf_reader(hint, place)


def _blank_of(hint: object) -> object:
    """What stands for an item of a list that cannot be read: the empty value of its type; INVALID: nothing can."""
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if inner is str or inner is int:
        return inner()
    if isinstance(inner, type) and issubclass(inner, Value):
        return INVALID if any(field.required for field in msgspec.structs.fields(inner)) else inner()
    return INVALID


def _leaf_reader(leaf: type, place: Place) -> Reader:
    readers: dict[type, Reader] = {
        str: read_text,
        bool: read_boolean,
        int: integer_reader(INT32 if place.protobuf else INT64, texts=place.protobuf),
        float: number_reader(texts=place.protobuf),
        timedelta: read_duration,
        bytes: read_bytes if place.protobuf else read_data,
        SecretBytes: read_secret,
    }
    return readers[leaf]


def _annotated_reader(hint: object, place: Place) -> Reader:
    inner, *marks = get_args(hint)
    read = reader_of(inner, place)
    for mark in marks:
        match mark:
            case Bounds():
                read = integer_reader(mark, texts=place.protobuf)
            case BodyMark():
                read = read_body
            case RawMark():
                read = read_raw
    for mark in marks:
        if isinstance(mark, Within):
            fields = {mark.key: Field(mark.key, read)}
            read = _within_reader(mark.key, FieldTable(fields, place.unknown))
    return read


def _union_reader(hint: object, place: Place) -> Reader:
    members = [member for member in get_args(hint) if member is not types.NoneType]
    if Exact in members:
        return match_reader(presence=Present in members, unknown=place.unknown)
    if members == [int, str]:
        return read_port_or_name
    assert len(members) == 1, f"no reader for {hint!r}"
    return reader_of(members[0], place)


def list_reader(read_item: Reader, blank: object, *, has_nulls: bool) -> Reader:
    """Reads lists. `blank` stands for an item that cannot be read, so that the places of the others do not shift.

    `has_nulls`: for a text or a number that is null, too, as protobuf's JSON wants it.
    """
    null = blank if has_nulls and isinstance(blank, str | int) else None

    def read(raw: object, faults: list[Fault]) -> object:
        if type(raw) is not list:
            faults.append(wrong_type("a list", raw, hints.for_list(raw)))
            return INVALID
        items: list[object] = []
        for index, raw_item in enumerate(raw):
            before = len(faults)
            if raw_item is None and null is not None:
                faults.append(Fault(codes.SCHEMA, "expected a value, got null"))
                items.append(null)
            else:
                item = read_item(raw_item, faults)
                items.append(blank if item is INVALID else item)
            if len(faults) != before:
                locate(faults, before, index)
        return INVALID if INVALID in items else tuple(items)

    return read


def map_reader(read_item: Reader, not_yet: tuple[str, ...]) -> Reader:
    """Reads maps into sorted pairs. A null value is as if the key were not there. `not_yet`: how refused keys begin."""

    def read(raw: object, faults: list[Fault]) -> object:
        if type(raw) is not dict:
            faults.append(wrong_type("an object", raw, hints.for_map(raw)))
            return INVALID
        pairs = []
        for key, raw_item in raw.items():
            if raw_item is None:
                continue
            before = len(faults)
            item = read_item(raw_item, faults)
            if len(faults) != before:
                locate(faults, before, key)
            if not_yet and key.lower().startswith(not_yet):
                faults.append(_key_not_yet(key))
            if item is not INVALID:
                pairs.append((key, item))
        pairs.sort(key=_key)
        return tuple(pairs)

    return read


def _key_not_yet(key: str) -> Fault:
    why = next((why for known, why in KEYS_NOT_YET.items() if key.lower().startswith(known)), "not implemented yet")
    return Fault(codes.NOT_IMPLEMENTED, why, parts=[key])


def _key(pair: tuple[str, object]) -> str:
    return pair[0]


_MATCHES = {"exact": Exact, "prefix": Prefix, "regex": Regex}


def match_reader(*, presence: bool, unknown: Severity) -> Reader:
    """Reads string matches. `{}` asks for presence where that has a meaning, and nothing elsewhere."""

    def read(raw: object, faults: list[Fault]) -> object:
        if raw is None:
            faults.append(Fault(codes.SCHEMA, "expected an object, got null"))
            raw = {}
        if type(raw) is not dict:
            hint = f'write {{exact: "{raw}"}}, {{prefix: ...}} or {{regex: ...}}' if isinstance(raw, str) else ""
            faults.append(wrong_type("an object with exact, prefix or regex", raw, hint))
            return INVALID
        for key in raw:
            if key not in _MATCHES:
                faults.append(_unknown_field(key, _MATCHES, unknown))
                faults[-1].parts.append(key)
        given = [key for key in _MATCHES if raw.get(key) is not None]
        if len(given) > 1:
            faults.append(Fault(codes.SCHEMA, f"only one of {', '.join(_MATCHES)} can be given"))
        if not given:
            return Present() if presence else None
        key = given[-1]
        before = len(faults)
        text = read_text(raw[key], faults)
        locate(faults, before, key)
        return INVALID if text is INVALID else _MATCHES[key](value=str(text))

    return read


class FieldTable:
    """The keys of an object: how each is read, or why it is not."""

    def __init__(self, fields: Mapping[str, Field], unknown: Severity) -> None:
        self.fields: dict[str, Field] = dict(fields)
        self.unknown: Severity = unknown
        self.old: dict[str, OldField] = {}
        self.not_yet: set[str] = set()
        self.ignored: frozenset[str] = frozenset()

    def refuse(self, key: str, faults: list[Fault]) -> None:
        """Say why a key that is no field of ours cannot be given, if it cannot."""
        if key in self.ignored:
            return
        if key in self.not_yet:
            faults.append(Fault(codes.NOT_IMPLEMENTED, "not implemented yet"))
        else:
            faults.append(_unknown_field(key, self.fields.keys() | self.not_yet, self.unknown))
        faults[-1].parts.append(key)


def _unknown_field(key: str, names: Mapping[str, object] | set[str], severity: Severity) -> Fault:
    known = [name for name in names if "_" not in name or "_" in key]
    hint = nearest(key, known) or hints.listed("the fields here", sorted(known))
    return Fault(codes.UNKNOWN_FIELD, "unknown field", hint, severity)


def _within_reader(key: str, table: FieldTable) -> Reader:
    """Reads a number that stands in a message of its own. The empty message means zero."""
    field = table.fields[key]

    def read(raw: object, faults: list[Fault]) -> object:
        if type(raw) is not dict:
            faults.append(wrong_type(f"an object with {key}", raw, f"write {{{key}: {raw}}}"))
            return INVALID
        for other in raw:
            if other != key:
                table.refuse(other, faults)
        if raw.get(key) is None:
            return field.read(0, faults)
        before = len(faults)
        value = field.read(raw[key], faults)
        locate(faults, before, key)
        return value

    return read


def object_reader(cls: type[Value], place: Place) -> Reader:
    """Reads objects of one type."""
    return object_reader_over(cls, field_table(cls, place))


def object_reader_over(cls: type[Value], table: FieldTable) -> Reader:
    """Reads objects of one type, given the table of its keys."""
    fields, old_fields = table.fields, table.old
    required = {field.name: _stand_in(field) for field in msgspec.structs.fields(cls) if field.required}
    spelling = {field.name: field.encode_name for field in msgspec.structs.fields(cls)}
    one_of: tuple[tuple[str, ...], ...] = getattr(cls, "one_of", ())

    def read(raw: object, faults: list[Fault]) -> object:
        if type(raw) is not dict:
            faults.append(_not_an_object(raw, table, nullable=not required))
            return cls() if raw is None and not required else INVALID
        values: dict[str, object] = {}
        old: list[tuple[OldField, object]] = []
        for key, item in raw.items():
            if item is None:
                continue
            field = fields.get(key)
            before = len(faults)
            if field is not None:
                value = field.read(item, faults)
                is_again = field.name in values
                if is_again:
                    faults.append(Fault(codes.DUPLICATE_KEY, "given twice, in two spellings"))
                if value is not INVALID and not (is_again and key != spelling[field.name]):
                    values[field.name] = value
            elif key in old_fields:
                old.append((old_fields[key], old_fields[key].read(item, faults)))
                if old_fields[key].instead:
                    faults.append(_deprecated(old_fields[key].instead))
            else:
                table.refuse(key, faults)
                continue
            if len(faults) != before:
                locate(faults, before, key)
        for old_field, value in old:
            if value is not INVALID:
                values[old_field.target] = old_field.merge(values.get(old_field.target), value)
        for name, stand_in in required.items():
            if name not in values:
                _miss(raw, spelling[name], faults)
                values[name] = stand_in
        for group in one_of:
            given = [name for name in group if name in values]
            if len(given) > 1:
                words = ", ".join(spelling[name] for name in group)
                faults.append(Fault(codes.SCHEMA, f"only one of {words} can be given"))
            for name in given[:-1]:  # as istiod reads it: the one that the API defines last wins
                del values[name]
        return cls(**values)

    return read


def _not_an_object(raw: object, table: FieldTable, *, nullable: bool) -> Fault:
    if raw is None and nullable:
        return Fault(codes.SCHEMA, "expected an object, got null")
    return wrong_type("an object", raw, hints.for_object(raw, table.fields))


def _deprecated(instead: str) -> Fault:
    return Fault(codes.DOUBTFUL, "deprecated", f"write {instead}", severity="warning")


def _miss(raw: Mapping[str, object], key: str, faults: list[Fault]) -> None:
    if raw.get(key) is None:
        faults.append(Fault(codes.INVALID, "required, but not given", parts=[key]))


def _stand_in(field: msgspec.structs.FieldInfo) -> object:
    """What a required field that is missing has, until the object is refused at the end."""
    return 0 if field.type in (int, int | str) else ""


def field_table(cls: type[Value], place: Place) -> FieldTable:
    """The keys of a type at a place: by their names in JSON, for Istio's kinds by their names in protobuf, too."""
    hints = get_type_hints(cls, include_extras=True)
    limits = place.limits
    table = FieldTable({}, place.unknown)
    table.not_yet = set(NOT_YET.get(cls, ()))
    table.ignored = WITHOUT_EFFECT.get(cls, frozenset())
    for info in msgspec.structs.fields(cls):
        names = {info.encode_name, info.name.rstrip("_")} if place.protobuf else {info.encode_name}
        if limits is not None and info.encode_name not in limits:
            table.not_yet |= names
            continue
        field = Field(info.name, reader_of(hints[info.name], place.below(info.encode_name)))
        table.fields |= dict.fromkeys(names, field)
    attributes = {field.name for field in table.fields.values()}
    for key, old_field in OLD_FIELDS.get(cls, {}).items():
        if old_field.target in attributes:
            table.old[key] = old_field
        else:
            table.not_yet.add(key)
    return table
