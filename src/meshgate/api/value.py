"""The base of everything that users' objects are decoded into: frozen, hashable, compared by value.

Lists are tuples and maps are sorted pairs, so that a value hashes (once: the hash is kept in it) and can be the key
of a memo. Absence follows the protobuf rules of Istio's API: a scalar that is not given has its zero value (`0`, `""`,
`False`), a message or wrapper that is not given is `None`, a list or map that is not given is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeVar

import msgspec

V = TypeVar("V")

Pairs = tuple[tuple[str, V], ...]
"""A map as pairs, sorted by key."""

NumberedPairs = tuple[tuple[int, V], ...]
"""A map whose keys are numbers (uint32, written as texts) as pairs, sorted by key."""

Labels = tuple[tuple[str, str], ...]
"""Labels, annotations, selectors: pairs sorted by key."""


class Within(msgspec.Struct, frozen=True):
    """Marks a number that is written inside a message of its own, under this key."""

    key: str


class Bounds(msgspec.Struct, frozen=True):
    """Marks the range of an integer, both ends included. Integers without it are int32 in Istio's kinds."""

    least: int
    most: int


class BodyMark(msgspec.Struct, frozen=True):
    """Marks bytes that are written as `{string: text}` or `{bytes: base64}`."""


class RawMark(msgspec.Struct, frozen=True):
    """Marks a part that is kept as JSON text."""


UInt32 = Annotated[int, Bounds(0, 2**32 - 1)]
UInt64 = Annotated[int, Bounds(0, 2**64 - 1)]

Percentage = Annotated[float, Within("value")]
"""0..100. Istio writes it as `{value: 10}`."""

PortSelector = Annotated[int, Within("number"), Bounds(0, 2**32 - 1)]
"""A port number. Istio writes it as `{number: 80}`."""

DestinationPort = Annotated[int, Within("number"), Bounds(1, 65535)]
"""A port number that must be one. Istio writes it as `{number: 80}`."""

Body = Annotated[bytes, BodyMark()]
"""The body of a direct response. Istio writes it as `{string: text}` or `{bytes: base64}`."""

RawJson = Annotated[str, RawMark()]
"""A part of an object that is kept as it is: canonical JSON text (sorted keys, no spaces). `""` where there is none."""


class Value(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True, omit_defaults=True, rename="camel", gc=False):
    """Base of all decoded values. A subclass repeats `frozen=True, kw_only=True`."""


def pairs_of(mapping: Mapping[str, V]) -> Pairs[V]:
    """The mapping as sorted pairs."""
    return tuple(sorted(mapping.items(), key=lambda item: item[0]))


def find(pairs: Iterable[tuple[str, V]], key: str) -> V | None:
    """The value of `key`, or None."""
    return next((value for name, value in pairs if name == key), None)


def is_subset(selector: Labels, labels: Labels) -> bool:
    """Whether `labels` has every pair of `selector`. An empty selector selects everything."""
    return set(selector) <= set(labels)
