"""Readers of what has no parts: texts, numbers, booleans, words, durations, bytes.

A reader takes a raw value, appends what is wrong with it to `faults`, and gives the value, or INVALID where there is
none. Istio's kinds follow protobuf's JSON rules as istiod applies them (integers may be texts, words may be their
numbers, durations are Go's); Kubernetes' kinds follow plain JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Final

import msgspec

from meshgate.api import codes, hints
from meshgate.api.duration import is_too_long, parse_duration
from meshgate.api.fault import Fault, described, nearest, wrong_type
from meshgate.api.secret_bytes import SecretBytes
from meshgate.api.value import Bounds

INVALID: Final = object()
"""What a reader gives when there is no value. The default stands in for it, so that the rules can still be checked."""

Reader = Callable[[object, list[Fault]], object]

INT32: Final = Bounds(-(2**31), 2**31 - 1)
INT64: Final = Bounds(-(2**63), 2**63 - 1)
_NO_BASE64: Final = "expected base64, got something else"


def read_text(raw: object, faults: list[Fault]) -> object:
    """A text. Numbers and booleans are not taken for texts: YAML's `1` and `"1"` differ."""
    if type(raw) is str:
        return raw if raw.isascii() or _is_unicode(raw) else _refuse(faults)
    faults.append(wrong_type("a text", raw, hints.for_text(raw)))
    return INVALID


def _is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, which JSON and protobuf could not carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(faults: list[Fault]) -> object:
    faults.append(Fault(codes.WRONG_TYPE, "the text is not Unicode"))
    return INVALID


def read_boolean(raw: object, faults: list[Fault]) -> object:
    """A boolean."""
    if type(raw) is bool:
        return raw
    faults.append(wrong_type("true or false", raw, hints.for_boolean(raw)))
    return INVALID


def integer_reader(bounds: Bounds, *, texts: bool) -> Reader:
    """Reads integers within bounds; `texts`: also written as texts, as protobuf's JSON allows."""

    def read(raw: object, faults: list[Fault]) -> object:
        value = raw
        if texts and type(raw) is str and _INTEGER.fullmatch(raw):
            value = int(raw)
        if type(value) is not int:
            faults.append(wrong_type("a whole number", raw, hints.for_number(raw)))
            return INVALID
        if not bounds.least <= value <= bounds.most:
            faults.append(wrong_type(f"a number of {bounds.least} to {bounds.most}", value))
            return INVALID
        return value

    return read


_INTEGER: Final = re.compile(r"[ \t\r\n]*-?(0|[1-9][0-9]{0,19})[ \t\r\n]*")
_NUMBER: Final = re.compile(r"[ \t\r\n]*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?[ \t\r\n]*|NaN|-?Infinity")
"""As JSON writes numbers; between quotes they may have spaces around them."""


def number_reader(*, texts: bool) -> Reader:
    """Reads numbers with a fraction; `texts`: also written as texts."""

    def read(raw: object, faults: list[Fault]) -> object:
        if type(raw) is float or type(raw) is int:
            return float(raw)
        if texts and type(raw) is str and _NUMBER.fullmatch(raw):
            return float(raw)
        faults.append(wrong_type("a number", raw))
        return INVALID

    return read


def read_duration(raw: object, faults: list[Fault]) -> object:
    """A duration such as `5s`."""
    if type(raw) is not str:
        hint = f'give the unit, as in "{raw}s"' if isinstance(raw, int | float) and not isinstance(raw, bool) else ""
        faults.append(wrong_type("a duration", raw, hint))
        return INVALID
    duration: timedelta | None = parse_duration(raw)
    if duration is None:
        faults.append(_no_duration(raw))
        return INVALID
    return duration


def _no_duration(raw: str) -> Fault:
    if is_too_long(raw):
        return Fault(codes.WRONG_TYPE, f'the duration "{raw}" is too long', "durations are at most 2562047h, 292 years")
    return wrong_type("a duration", raw, "durations look like 5s, 1m30s, 0.5s or 100ms")


def word_reader(words: type[StrEnum], implemented: tuple[str, ...] | None, *, numbers: bool) -> Reader:
    """Reads a word of an enumeration. Those not in `implemented` (None: all are) are refused as not there yet.

    `numbers`: protobuf's number of the word (its place in the enumeration) is taken, too. A number without a word is
    refused by a cluster's schema, but by istiod's webhook only where the enumeration `is_checked`.
    """
    members = {str(member): member for member in words}
    without_word = codes.WRONG_TYPE if getattr(words, "is_checked", False) else codes.SCHEMA
    by_number = tuple(words) if numbers else ()

    def read(raw: object, faults: list[Fault]) -> object:
        member = members.get(raw) if type(raw) is str else None
        if member is None and type(raw) is int and 0 <= raw < len(by_number):
            member = by_number[raw]
        if member is None and numbers and type(raw) is int:
            expected = f"one of {', '.join(members)}"
            faults.append(Fault(without_word, f"expected {expected}, got {described(raw)}"))
            return INVALID
        if member is None:
            hint = nearest(raw, members) if isinstance(raw, str) else ""
            faults.append(wrong_type(f"one of {', '.join(members)}", raw, hint))
            return INVALID
        if implemented is not None and member not in implemented:
            faults.append(Fault(codes.NOT_IMPLEMENTED, f'"{member}" is not implemented yet', _instead(implemented)))
            return INVALID
        return member

    return read


def _instead(words: tuple[str, ...]) -> str:
    return f"implemented: {', '.join(words)}"


def read_bytes(raw: object, faults: list[Fault]) -> object:
    """Bytes of Istio's kinds, written in base64 (standard or URL-safe, line breaks allowed)."""
    if type(raw) is not str:
        faults.append(wrong_type("base64", raw))
        return INVALID
    text = "".join(raw.split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        faults.append(Fault(codes.WRONG_TYPE, _NO_BASE64))
        return INVALID


def read_data(raw: object, faults: list[Fault]) -> object:
    """Bytes of Kubernetes' kinds: base64 of the standard alphabet, padded, in any number of lines.

    What is more than that takes PEM for base64, whose dashes are letters of the other alphabet.
    """
    if type(raw) is not str:
        faults.append(wrong_type("base64", raw))
        return INVALID
    try:
        return base64.b64decode(raw.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        faults.append(Fault(codes.WRONG_TYPE, _NO_BASE64, "texts go into data, without binaryData"))
        return INVALID


def read_secret(raw: object, faults: list[Fault]) -> object:
    """Secret bytes in base64. No fault shows what was given."""
    hidden: list[Fault] = []
    value = read_data(raw, hidden)
    if isinstance(value, bytes):
        return SecretBytes(value)
    faults.append(Fault(codes.WRONG_TYPE, _NO_BASE64, "texts go into stringData"))
    return INVALID


def read_secret_text(raw: object, faults: list[Fault]) -> object:
    """Secret bytes given as text."""
    if type(raw) is str and _is_unicode(raw):
        return SecretBytes(raw.encode())
    faults.append(Fault(codes.WRONG_TYPE, "expected a text, got something else", "write it in quotes"))
    return INVALID


def read_port_or_name(raw: object, faults: list[Fault]) -> object:
    """A port by number or by name (Kubernetes' IntOrString)."""
    if type(raw) is int or type(raw) is str:
        return raw
    faults.append(wrong_type("a port number or a port's name", raw))
    return INVALID


def read_raw(raw: object, faults: list[Fault]) -> object:
    """An object that is kept as canonical JSON text."""
    if not isinstance(raw, dict):
        faults.append(wrong_type("an object", raw))
        return INVALID
    try:
        return canonical_json(raw)
    except UnicodeEncodeError:
        return _refuse(faults)


def canonical_json(raw: object) -> str:
    """JSON with sorted keys and without spaces: equal for equal content."""
    return msgspec.json.encode(raw, order="sorted").decode()


def read_body(raw: object, faults: list[Fault]) -> object:
    """The body of a direct response: `{string: text}` or `{bytes: base64}`; the empty message is an empty body."""
    given = [key for key in ("string", "bytes") if raw.get(key) is not None] if isinstance(raw, dict) else []
    if not isinstance(raw, dict) or len(raw) > len(given):
        expected = 'either {"string": text} or {"bytes": base64}'
        faults.append(Fault(codes.WRONG_TYPE, f"expected {expected}, got {described(raw)}"))
        return INVALID
    if len(given) > 1:
        faults.append(Fault(codes.SCHEMA, "only one of string, bytes can be given"))
    if not given:
        return b""
    key = given[-1]
    before = len(faults)
    value = (read_text if key == "string" else read_bytes)(raw[key], faults)
    for fault in faults[before:]:
        fault.parts.append(key)
    return value.encode() if isinstance(value, str) else value
