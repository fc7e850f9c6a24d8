"""Field paths such as `spec.http[2].match[0].headers[x-user].exact`, made and taken apart.

A key that is not a plain word stands in brackets, as Kubernetes writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Part = str | int

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PART = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


def path_of(parts: Iterable[Part]) -> str:
    """The parts as a path.

    >>> path_of(["spec", "http", 2, "headers", "x-user"])
    'spec.http[2].headers[x-user]'
    """
    path = ""
    for part in parts:
        path = path_below(path, part)
    return path


def path_below(path: str, part: Part) -> str:
    """The path of a part of what is at `path`."""
    if isinstance(part, str) and _PLAIN.fullmatch(part):
        return f"{path}.{part}" if path else part
    return f"{path}[{part}]"


def parts_of(path: str) -> Iterator[Part]:
    """The parts of a path. A number in brackets may be an index or a key: whoever follows it sees which.

    >>> list(parts_of("spec.http[2].headers[x-user]"))
    ['spec', 'http', 2, 'headers', 'x-user']
    """
    for bracketed, plain in _PART.findall(path):
        yield plain or (int(bracketed) if bracketed.isdecimal() else bracketed)


def without_indices(path: str) -> str:
    """The path with the positions in lists left out.

    >>> without_indices("spec.http[2].timeout")
    'spec.http.timeout'
    """
    return re.sub(r"\[\d+\]", "", path)


def is_within(path: str, other: str) -> bool:
    """Whether `path` is `other` or a part of it. Everything is within the empty path."""
    if not other or path == other:
        return True
    return path.startswith(other) and path[len(other)] in ".["
