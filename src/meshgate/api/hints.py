"""What to do about a value of the wrong type: as far as can be guessed, what to write instead. Empty if nothing can."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MOST_NAMES: Final = 8
"""So many names fit into a hint."""

_NUMBER_FIRST: Final = re.compile(r"\s*(-?\d+)(?:\.0+)?\s*\D*", re.ASCII)
_PAIR: Final = re.compile(r"([^=:\s]+)\s*[=:]\s*(\S+)")
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


def for_list(raw: object) -> str:
    """A list was wanted.

    >>> for_list("reviews"), for_list({"port": 80})
    ('write it as a list: ["reviews"]', 'put a dash in front: it is one item of a list')
    """
    match raw:
        case str() | int() | float():
            return f"write it as a list: [{quoted(raw)}]"
        case dict():
            return "put a dash in front: it is one item of a list"
        case _:
            return ""


def for_object(raw: object, names: Iterable[str]) -> str:
    """An object with these fields was wanted.

    >>> for_object("reviews", ["host", "subset"]), for_object([{}], ["host"])
    ('its fields: host, subset', 'leave out the dash: it is no list')
    """
    if isinstance(raw, list) and len(raw) == 1:
        return "leave out the dash: it is no list"
    return listed("its fields", names)


def for_map(raw: object) -> str:
    """A map was wanted.

    >>> for_map("istio=ingressgateway"), for_map(["http"])
    ('write {istio: "ingressgateway"}', 'write {key: value}')
    """
    pair = _PAIR.fullmatch(raw) if isinstance(raw, str) else None
    return f'write {{{pair[1]}: "{pair[2]}"}}' if pair else "write {key: value}"


def for_text(raw: object) -> str:
    """A text was wanted.

    >>> for_text(5), for_text(True), for_text(["web"])
    ('write it in quotes: "5"', 'write it in quotes: "true"', 'it is one text, no list: "web"')
    """
    match raw:
        case bool() | int() | float():
            return f'write it in quotes: "{str(raw).lower() if isinstance(raw, bool) else raw}"'
        case [str() as only]:
            return f'it is one text, no list: "{only}"'
        case _:
            return ""


def for_number(raw: object) -> str:
    """A whole number was wanted.

    >>> for_number("50%"), for_number("many")
    ('write the number alone: 50', '')
    """
    match = _NUMBER_FIRST.fullmatch(raw) if isinstance(raw, str) else None
    return f"write the number alone: {match[1]}" if match else ""


def for_boolean(raw: object) -> str:
    """True or false was wanted.

    >>> for_boolean("yes"), for_boolean(0)
    ('write true', 'write false')
    """
    word = str(raw).lower()
    return "write true" if word in _YES else "write false" if word in _NO else ""


def listed(what: str, names: Iterable[str]) -> str:
    """The names, if they are few."""
    known = [name for name in dict.fromkeys(names) if "_" not in name]
    return f"{what}: {', '.join(known)}" if 0 < len(known) <= MOST_NAMES else ""


def quoted(raw: object) -> str:
    """A scalar as YAML would write it in a flow."""
    return f'"{raw}"' if isinstance(raw, str) else str(raw).lower()
