"""The base of everything that users' objects are decoded into: frozen, hashable, compared by value.

Lists are tuples and maps are sorted pairs, so that a value hashes (once: the hash is kept in it) and can be the key
of a memo. Absence follows the protobuf rules of Istio's API: a scalar that is not given has its zero value (`0`, `""`,
`False`), a message or wrapper that is not given is `None`, a list or map that is not given is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NewType, TypeVar

import msgspec

V = TypeVar("V")

Pairs = tuple[tuple[str, V], ...]
"""A map as pairs, sorted by key."""

Labels = tuple[tuple[str, str], ...]
"""Labels, annotations, selectors: pairs sorted by key."""

Percentage = NewType("Percentage", float)
"""0..100. Istio writes it as `{value: 10}`."""

Body = NewType("Body", bytes)
"""The body of a direct response. Istio writes it as `{string: text}` or `{bytes: base64}`."""

RawJson = NewType("RawJson", str)
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
