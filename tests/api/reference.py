"""The reference pages that are made from tables: codes of Problems, kinds and fields."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from meshgate.api import CODES, IMPLEMENTED, KINDS, KINDS_NOT_YET, Code, Kind, MeshConfig
from meshgate.api.known_fields import NOT_YET, WITHOUT_EFFECT
from meshgate.api.mesh_fields import MESH, REFUSED
from meshgate.api.mesh_fields import WITHOUT_EFFECT as WITHOUT_EFFECT_IN_MESH
from meshgate.api.old_fields import OLD_FIELDS
from meshgate.api.string_match import Exact
from meshgate.api.value import Value, Within

MADE = "<!-- made from the tables in meshgate/api: pytest tests/api --update-golden -->"


def problems_page() -> str:
    """docs/reference/problems.md."""
    entries = sorted(CODES.items(), key=_ours_first)
    return "\n".join(
        [
            "# Problems",
            "",
            MADE,
            "",
            "What meshgate finds in what you write has a code that never changes its meaning. Findings that Istio's",
            "analyzers know too have [Istio's number, name and",
            "level](https://istio.io/latest/docs/reference/config/analysis/), ours begin with `MG`.",
            "",
            "The level says how bad a finding is for those who send requests: `error`, `warning` or `info`. It does",
            "not say whether an object is refused. What is wrong with an object by itself is refused when it is",
            "applied, with everything that was applied with it. What is wrong between objects (a name that leads",
            "nowhere, a host that two have) is accepted as Istio accepts it, and goes away when its cause does.",
            "",
            "`meshgate status` shows all problems, `meshgate get -o wide` those of the objects that it shows, and",
            "`meshgate apply` warns of those that come with what is applied. Objects of Istio's kinds have them in",
            "`status.validationMessages`; when a problem begins, it is an event on its object, too.",
            "",
            "| code | level | what it says |",
            "|---|---|---|",
            *(f"| [`{code}`](#{code.lower()}) | {entry.level} | {entry.what} |" for code, entry in entries),
            "",
            *(line for code, entry in entries for line in _problem_section(code, entry)),
        ]
    )


def _problem_section(code: str, entry: Code) -> Iterator[str]:
    yield from (f"## {code}", "", f"**{entry.name}** ({entry.level}): {entry.what}.", "")
    yield from (entry.why, "", f"*What to do:* {entry.instead}", "")


def kinds_page() -> str:
    """docs/reference/kinds.md."""
    sections = [line for kind in KINDS for line in _kind_section(kind)]
    not_yet = [f"- `{group or 'v1'}`: {', '.join(kinds)}" for group, kinds in KINDS_NOT_YET.items()]
    return "\n".join(
        [
            "# Kinds and fields",
            "",
            MADE,
            "",
            "What this version takes. A field that is known but not here is refused as not implemented yet, an unknown",
            "one with the nearest name. `[]` is a list, `{}` a map. Fields *without effect* are accepted, and nothing",
            "follows from them: they speak of what one machine does not have.",
            "",
            *sections,
            "## MeshConfig",
            "",
            "The text at the key `mesh` of the ConfigMap `istio` in `istio-system`, `spec.meshConfig` of an",
            "IstioOperator, and `--set meshConfig.…`.",
            "",
            *_fields_section(MeshConfig, MESH),
            "### Keys without effect",
            "",
            "These are accepted, and a remark says so, because:",
            "",
            *_reasons(WITHOUT_EFFECT_IN_MESH),
            "",
            "### Keys that are refused",
            "",
            "These are not implemented yet. They are refused even where Istio would only log them, since passing over",
            "them would be worse:",
            "",
            *_reasons(REFUSED),
            "",
            "## Kinds that are not implemented yet",
            "",
            *not_yet,
            "",
        ]
    )


def _reasons(table: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for place, reasons in table.items():
        prefix = place.removeprefix(MESH).lstrip(".")
        yield from (f"- `{_joined(prefix, key)}`: {why}" for key, why in sorted(reasons.items()))


def _ours_first(item: tuple[str, Code]) -> tuple[bool, str]:
    return item[0].startswith("IST"), item[0]


def _kind_section(kind: Kind) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in dict.fromkeys((kind.plural, kind.singular, *kind.short_names)))
    versions = ", ".join(f"`{version}`" for version in kind.api_versions)
    yield from (f"## {kind.kind}", "", f"{versions}; named {names}.", "")
    yield from _fields_section(kind.spec_type, f"{kind.kind}.spec" if kind.has_spec else kind.kind)


def _fields_section(cls: type[Value], root: str) -> Iterator[str]:
    idle: list[str] = []
    paths = list(_paths(cls, root, "spec" if root.endswith(".spec") else "", idle))
    if paths:
        yield from ("```text", *paths, "```", "")
    if idle:
        yield from ("Without effect: " + ", ".join(f"`{path}`" for path in sorted(idle)) + ".", "")


def _paths(cls: type[Value], place: str, path: str, idle: list[str]) -> Iterator[str]:
    """The paths of all fields that are accepted, each leaf on a line."""
    hints = get_type_hints(cls, include_extras=True)
    limits = IMPLEMENTED.get(place)
    idle += [_joined(path, name) for name in WITHOUT_EFFECT.get(cls, ())]
    assert not NOT_YET.get(cls, frozenset()) & {field.encode_name for field in msgspec.structs.fields(cls)}
    for field in msgspec.structs.fields(cls):
        key = field.encode_name
        if (limits is not None and key not in limits) or key in WITHOUT_EFFECT_IN_MESH.get(place, {}):
            continue
        yield from _below(hints[field.name], f"{place}.{key}", _joined(path, key), idle)
        yield from (
            f"{_joined(path, name)}  (old spelling of {key})"
            for name, old in OLD_FIELDS.get(cls, {}).items()
            if old.target == field.name and "_" not in name
        )


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _below(hint: Any, place: str, path: str, idle: list[str]) -> Iterator[str]:
    origin = get_origin(hint)
    if origin is Union or origin is types.UnionType:
        members = [member for member in get_args(hint) if member is not types.NoneType]
        if Exact in members:
            yield f"{path}.(exact|prefix|regex)"
            return
        hint, origin = members[0], get_origin(members[0])
    if origin is tuple:
        item = get_args(hint)[0]
        is_map = get_origin(item) is tuple
        inner = get_args(item)[1] if is_map else item
        yield from _below(inner, place, path + ("{}" if is_map else "[]"), idle)
    elif origin is None and issubclass(hint, Value):
        yield from list(_paths(hint, place, path, idle)) or [path]
    elif origin is Annotated:
        yield path + "".join(f".{mark.key}" for mark in get_args(hint) if isinstance(mark, Within))
    elif place in IMPLEMENTED:
        yield f"{path}: {' | '.join(IMPLEMENTED[place])}"
    else:
        yield path
