"""Strategies for values of our types, made from the types themselves."""

from __future__ import annotations

import types
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from meshgate.api import SecretBytes
from meshgate.api.value import BodyMark, Bounds, RawMark, Value

Strategy = st.SearchStrategy[Any]

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.integers(-(2**31), 2**31 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DURATIONS = st.integers(-(10**12), 10**12).map(lambda value: timedelta(microseconds=value))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)

_LEAVES: dict[type, Strategy] = {
    str: TEXTS,
    bool: st.booleans(),
    int: NUMBERS,
    float: FLOATS,
    timedelta: DURATIONS,
    bytes: st.binary(max_size=6),
    SecretBytes: st.binary(max_size=6).map(SecretBytes),
}


@cache
def values_of(cls: type[Value]) -> Strategy:
    """Values of a type: any of its fields given or left out, at most one of those that exclude each other."""
    hints = get_type_hints(cls, include_extras=True)
    fields = msgspec.structs.fields(cls)
    required = {field.name: _strategy(hints[field.name]) for field in fields if field.required}
    optional = {field.name: _strategy(hints[field.name]) for field in fields if not field.required}
    groups: tuple[tuple[str, ...], ...] = getattr(cls, "one_of", ())
    made = st.fixed_dictionaries(required, optional=optional).map(lambda given: _without_conflicts(given, groups))
    return made.map(lambda given: cls(**given))


def _without_conflicts(given: dict[str, Any], groups: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    for group in groups:
        set_ones = [name for name in group if given.get(name) is not None]
        for name in set_ones[1:]:
            given.pop(name)
    return given


def _strategy(hint: Any) -> Strategy:
    origin = get_origin(hint)
    if origin is Annotated:
        return _annotated(hint)
    if origin is Union or origin is types.UnionType:
        return st.one_of(*(_strategy(member) for member in get_args(hint)))
    if origin is tuple:
        return _tuple(get_args(hint)[0])
    if hint is types.NoneType:
        return st.none()
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return values_of(hint) if issubclass(hint, Value) else _LEAVES[hint]


def _annotated(hint: Any) -> Strategy:
    inner, *marks = get_args(hint)
    for mark in marks:
        match mark:
            case Bounds(least=least, most=most):
                return st.integers(least, most)
            case BodyMark():
                return st.binary(max_size=6)
            case RawMark():
                return st.dictionaries(TEXTS, JSON, max_size=3).map(_canonical)
    return _strategy(inner)


def _canonical(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _tuple(item: Any) -> Strategy:
    if get_origin(item) is tuple:
        keys = st.integers(0, 2**32 - 1) if get_args(item)[0] is int else TEXTS
        entries = st.dictionaries(keys, _strategy(get_args(item)[1]), max_size=2)
        return entries.map(lambda given: tuple(sorted(given.items(), key=_first)))
    return st.lists(_strategy(item), max_size=2).map(tuple)


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]
