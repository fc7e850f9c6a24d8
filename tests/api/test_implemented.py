"""The tables of what is implemented and of what is known: they speak of fields and kinds that exist."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from meshgate.api import IMPLEMENTED, KINDS, KINDS_NOT_YET, MeshConfig, decode
from meshgate.api.implemented import KEYS_NOT_YET
from meshgate.api.known_fields import NOT_YET, WITHOUT_EFFECT
from meshgate.api.value import Value
from tests.api import objects

ROOTS: dict[str, type[Value]] = {
    **{f"{kind.kind}.spec" if kind.has_spec else kind.kind: kind.spec_type for kind in KINDS},
    "MeshConfig": MeshConfig,
}


def _type_at(path: str) -> Any:
    """The type at a path of the table."""
    root = max((root for root in ROOTS if path == root or path.startswith(f"{root}.")), key=len)
    found: Any = ROOTS[root]
    for name in filter(None, path.removeprefix(root).split(".")):
        hints = get_type_hints(found, include_extras=True)
        found = _inner({field.encode_name: hints[field.name] for field in msgspec.structs.fields(found)}[name])
    return found


def _inner(hint: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType, Annotated, tuple):
        return _inner(next(member for member in get_args(hint) if member is not types.NoneType))
    return hint


@pytest.mark.parametrize("path", IMPLEMENTED)
def test_names_in_the_table_exist(path: str) -> None:
    if any(name.startswith("!") for name in IMPLEMENTED[path]):
        assert {name.removeprefix("!") for name in IMPLEMENTED[path]} <= set(KEYS_NOT_YET)
        return
    found = _type_at(path)
    names = {field.encode_name for field in msgspec.structs.fields(found)} if issubclass(found, Value) else set(found)
    assert set(IMPLEMENTED[path]) <= names


def test_places_in_the_table_are_reached() -> None:
    """An entry below a name that its parent does not list would say nothing."""
    for path in IMPLEMENTED:
        parent, _, name = path.rpartition(".")
        if parent in IMPLEMENTED:
            assert name in IMPLEMENTED[parent]


def test_no_kind_is_both_there_and_not_there() -> None:
    there = {(kind.group, kind.kind) for kind in KINDS}
    assert not there & {(group, kind) for group, kinds in KINDS_NOT_YET.items() for kind in kinds}


def test_kinds_can_be_told_apart() -> None:
    for names in ("plural", "singular", "short_names"):
        found = [getattr(kind, names) for kind in KINDS]
        flat = [name for names in found for name in (names if isinstance(names, tuple) else (names,))]
        assert len(flat) == len(set(flat))


@pytest.mark.parametrize("table", [WITHOUT_EFFECT, NOT_YET], ids=["without effect", "not yet"])
def test_known_fields_are_no_fields_of_ours(table: dict[type[Value], frozenset[str]]) -> None:
    for cls, names in table.items():
        assert not names & {field.encode_name for field in msgspec.structs.fields(cls)}, cls


def test_no_known_field_is_both_idle_and_missing() -> None:
    for cls in set(WITHOUT_EFFECT) & set(NOT_YET):
        assert not WITHOUT_EFFECT[cls] & NOT_YET[cls], cls


def test_there_is_an_example_of_each_kind() -> None:
    assert {raw["kind"] for raw in objects.ALL} == {kind.kind for kind in KINDS}
    assert all(decode(raw)[0] is not None for raw in objects.ALL)
