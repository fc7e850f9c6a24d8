"""Reads maps whose keys are numbers. JSON writes such a key as a text, and protobuf takes it as JSON writes numbers."""

from __future__ import annotations

from typing import Final

from meshgate.api import hints
from meshgate.api.fault import Fault, locate, wrong_type
from meshgate.api.scalars import INVALID, Reader, integer_reader
from meshgate.api.value import Bounds

_read_key: Final = integer_reader(Bounds(0, 2**32 - 1), texts=True)


def numbered_reader(read_item: Reader) -> Reader:
    """Reads maps into pairs, sorted by number. A null value is an empty message, as istiod reads it."""

    def read(raw: object, faults: list[Fault]) -> object:
        if type(raw) is not dict:
            faults.append(wrong_type("an object", raw, hints.for_map(raw)))
            return INVALID
        found: dict[int, object] = {}
        for key, raw_item in raw.items():
            before = len(faults)
            number = _read_key(key, faults)
            item = read_item(raw_item, faults)
            if len(faults) != before:
                locate(faults, before, key)
            if isinstance(number, int) and item is not INVALID:
                found[number] = item
        return tuple(sorted(found.items(), key=lambda pair: pair[0]))

    return read
