"""Our types have the fields and words of Istio's schema, no more and no less."""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from meshgate.api import KINDS, Kind
from meshgate.api.old_fields import OLD_FIELDS
from meshgate.api.string_match import Exact
from meshgate.api.value import Value, Within
from tests.api.shared import needs_verdicts, resource_definitions

NETWORKING = [kind for kind in KINDS if kind.group == "networking.istio.io"]


@needs_verdicts
@pytest.mark.parametrize("kind", NETWORKING, ids=lambda kind: kind.kind)
def test_fields_are_those_of_the_schema(kind: Kind) -> None:
    assert list(_differences(kind.spec_type, _schema(kind.kind), kind.kind)) == []


@needs_verdicts
@pytest.mark.parametrize("kind", NETWORKING, ids=lambda kind: kind.kind)
def test_names_are_those_of_the_definition(kind: Kind) -> None:
    spec = next(item["spec"] for item in resource_definitions() if item["spec"]["names"]["kind"] == kind.kind)
    names = spec["names"]
    assert (kind.plural, kind.singular) == (names["plural"], names["singular"])
    assert (list(kind.short_names), list(kind.categories)) == (names.get("shortNames", []), names["categories"])
    assert set(kind.versions) == {version["name"] for version in spec["versions"]}


def _schema(kind: str) -> dict[str, Any]:
    found = next(item for item in resource_definitions() if item["spec"]["names"]["kind"] == kind)
    properties: dict[str, Any] = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    spec: dict[str, Any] = properties["spec"]
    return spec


def _differences(hint: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """Where a type and the schema of its place differ."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *marks = get_args(hint)
        keys = [mark.key for mark in marks if isinstance(mark, Within)]
        yield from _differences(inner, schema["properties"][keys[0]] if keys else schema, path)
    elif origin is Union or origin is types.UnionType:
        members = [member for member in get_args(hint) if member is not types.NoneType]
        if Exact in members:
            if set(schema["properties"]) != {"exact", "prefix", "regex"}:
                yield path
        else:
            yield from _differences(members[0], schema, path)
    elif origin is tuple:
        item = get_args(hint)[0]
        if get_origin(item) is tuple:
            yield from _differences(get_args(item)[1], schema["additionalProperties"], f"{path}{{}}")
        else:
            yield from _differences(item, schema["items"], f"{path}[]")
    elif issubclass(hint, Value):
        yield from _object_differences(hint, schema, path)
    elif issubclass(hint, StrEnum) and [str(word) for word in hint] != schema["enum"]:
        yield path


def _object_differences(cls: type[Value], schema: dict[str, Any], path: str) -> Iterator[str]:
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(cls)}
    old = set(OLD_FIELDS.get(cls, {}))
    known = set(schema["properties"])
    yield from (f"{path}.{name}" for name in known ^ set(fields) if name not in old)
    for name in known & set(fields):
        yield from _differences(fields[name], schema["properties"][name], f"{path}.{name}")
