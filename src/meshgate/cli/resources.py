"""How objects are named on the command line: kubectl's forms.

pods                 all of a kind          pods,services        of several kinds
pod web-1            by name                pod/web-1 svc/web    by kind and name, mixed
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from meshgate.api import KINDS, Kind
from meshgate.errors import UsageError


@dataclass(frozen=True)
class Named:
    """Objects that a command was given: all of a kind (`name` empty), or one."""

    kind: Kind
    name: str = ""


def kind_words(kind: Kind) -> tuple[str, ...]:
    """All words for a kind, lower case: plural, singular, short names, with and without the group."""
    plain = (kind.plural, kind.singular, kind.kind.lower(), *kind.short_names)
    groups = tuple(f"{word}.{kind.group}" for word in plain) if kind.group else ()
    versions = tuple(f"{kind.plural}.{version}.{kind.group}" for version in kind.versions) if kind.group else ()
    return (*plain, *groups, *versions)


_BY_WORD = {word: kind for kind in reversed(KINDS) for word in kind_words(kind)}


def kind_named(word: str) -> Kind:
    """The kind that a word of the command line means. UsageError with the nearest word otherwise."""
    kind = _BY_WORD.get(word.lower())
    if kind is None:
        near = difflib.get_close_matches(word.lower(), _BY_WORD, 1)
        hint = f"nearest: {near[0]!r}" if near else f"kinds: {', '.join(kind.plural for kind in KINDS)}"
        raise UsageError(f"the server doesn't have a resource type {word!r}", hint=hint)
    return kind


def kinds_named(words: str) -> tuple[Kind, ...]:
    """Kinds of a comma-separated word; `all` is the category of that name."""
    found: list[Kind] = []
    for word in words.split(","):
        if word == "all":
            found += [kind for kind in KINDS if "all" in kind.categories]
        else:
            found.append(kind_named(word))
    return tuple(found)


def parse_named(arguments: Sequence[str]) -> tuple[Named, ...]:
    """`KIND[,KIND]`, `KIND NAME...` or `KIND/NAME...`; UsageError where they are mixed or none is given."""
    if not arguments:
        raise UsageError("no resource is named", hint="for example: meshgate get pods, meshgate get pod/web-1")
    with_slash = ["/" in word for word in arguments]
    if all(with_slash):
        pairs = [word.split("/", 1) for word in arguments]
        return tuple(Named(kind_named(kind), name) for kind, name in pairs)
    if any(with_slash):
        raise UsageError("there is no need to specify a resource type as a separate argument when passing KIND/NAME")
    kinds = kinds_named(arguments[0])
    if len(arguments) == 1:
        return tuple(Named(kind) for kind in kinds)
    if len(kinds) > 1:
        raise UsageError("names go with one kind", hint="meshgate get pods NAME, or meshgate get pods,services")
    return tuple(Named(kinds[0], name) for name in arguments[1:])


def printed_name(kind: Kind, name: str) -> str:
    """As kubectl names an object in its messages: `pod/web-1`, `gateway.networking.istio.io/web`."""
    return f"{kind.singular}.{kind.group}/{name}" if kind.group else f"{kind.singular}/{name}"
