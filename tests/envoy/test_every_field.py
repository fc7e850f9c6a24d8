"""No field of a plan is forgotten: each has a case in which it says something, and then it changes the bytes.

A field that is added to `plan.values` fails here until it is spelled and has a case.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, replace

from meshgate.api import Origin
from meshgate.envoy import emit, emit_load_assignment
from meshgate.plan import values
from meshgate.plan.values import ClusterPlan, DynamicForwardProxySettings, EndpointSelector, Spread
from tests.envoy.case import Case
from tests.envoy.test_golden import CASES

NOT_SPELLED = {
    (ClusterPlan, "endpoints"),  # which endpoints are its own, for `load_assignments`
    (DynamicForwardProxySettings, "resolver"),  # in the bootstrap
}
"""Fields that are for others than Envoy; `origin` is another, told to the user with the resource."""

Path = tuple[str | int, ...]


def _types() -> Iterator[type[Struct]]:
    for name in values.__all__:
        value = getattr(values, name)
        if isinstance(value, type) and issubclass(value, Struct) and value not in (EndpointSelector, Spread):
            yield value


def _fields(of: type[Struct]) -> list[FieldInfo]:
    return [
        field
        for field in msgspec.structs.fields(of)
        if field.name != "origin" and of is not Origin and (of, field.name) not in NOT_SPELLED
    ]


def _structs(value: object, path: Path = ()) -> Iterator[tuple[Path, Struct]]:
    """All structs inside a case, with the way to them."""
    if isinstance(value, Struct):
        yield path, value
        for field in msgspec.structs.fields(value):
            yield from _structs(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _structs(item, (*path, index))


def _with(value: object, path: Path, name: str, new: object) -> object:
    """A copy in which the field `name` of the struct at `path` is `new`."""
    if not path:
        assert isinstance(value, Struct)
        return replace(value, **{name: new})
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        assert isinstance(value, tuple)
        return (*value[:step], _with(value[step], rest, name, new), *value[step + 1 :])
    assert isinstance(value, Struct)
    return replace(value, **{step: _with(getattr(value, step), rest, name, new)})


def _bytes(case: Case) -> list[bytes]:
    resources = emit(case)
    endpoints = [emit_load_assignment(plan) for plan in case.load_assignments]
    everything = (*resources.clusters, *resources.listeners, *resources.route_configurations, *endpoints)
    return [item.body for item in everything]


def _default(field: FieldInfo) -> object:
    if field.default is not NODEFAULT:
        return field.default
    return field.default_factory() if field.default_factory is not NODEFAULT else NODEFAULT


def test_every_field_says_something_in_some_case() -> None:
    said = {
        (type(struct), field.name)
        for case in CASES.values()
        for _, struct in _structs(case)
        for field in _fields(type(struct))
        if getattr(struct, field.name) != _default(field)
    }
    silent = [f"{of.__name__}.{field.name}" for of in _types() for field in _fields(of) if (of, field.name) not in said]
    assert not silent, "\n".join(silent)


def test_every_type_has_a_case() -> None:
    used = {type(struct) for case in CASES.values() for _, struct in _structs(case)}
    assert set(_types()) <= used


def test_every_field_that_says_something_is_in_the_bytes() -> None:
    lost = []
    for name, case in CASES.items():
        spelled = _bytes(case)
        for path, struct in _structs(case):
            for field in _fields(type(struct)):
                default = _default(field)
                if default is NODEFAULT or getattr(struct, field.name) == default or isinstance(struct, Case):
                    continue
                if not _refused_or_differs(case, path, field.name, default, spelled):
                    lost.append(f"{name}: {type(struct).__name__}.{field.name}")
    assert lost == []


def _refused_or_differs(case: Case, path: Path, name: str, new: object, spelled: list[bytes]) -> bool:
    changed = _with(case, path, name, new)
    assert isinstance(changed, Case)
    try:
        return _bytes(changed) != spelled
    except AssertionError:  # a plan that can't be, such as a dynamic forward proxy without its settings
        return True
