"""Laws of what streams have in common: layers, changes, and what a stream holds are as if nothing were shared."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from meshgate.envoy import Resource
from meshgate.xds.session import Changes, Layers
from meshgate.xds.session.shared import MOST, Held, SharedSets, is_all
from meshgate.xds.session.values import KEPT_CHANGES
from tests.xds.playbook import c

NAMES = tuple("abcdef")
Versions = dict[str, str]
versions = st.dictionaries(st.sampled_from(NAMES), st.sampled_from("123"))


@st.composite
def mappings(draw: st.DrawFn) -> Mapping[str, Resource]:
    """A mapping as it is, or in layers; parts that are equal are one object, as tables have them."""
    found = {name: c(name, version) for name, version in draw(versions).items()}
    own = draw(st.sets(st.sampled_from(NAMES)))
    parts = [part for part in _split(found, own) if part]
    return Layers(tuple(known.setdefault(str(part), part) for part in parts)) if len(parts) > 1 else found


known: dict[str, Mapping[str, Resource]] = {}


def _split(found: Mapping[str, Resource], own: set[str]) -> tuple[dict[str, Resource], dict[str, Resource]]:
    shared = {name: each for name, each in found.items() if name not in own}
    return shared, {name: each for name, each in found.items() if name in own}


@given(mappings())
def test_layers_are_one_mapping(found: Mapping[str, Resource]) -> None:
    assert dict(found) == {name: found[name] for name in found}
    assert len(found) == len(list(found))
    assert all(name in found for name in found)
    assert "zz" not in found
    assert found.get("zz") is None


@given(st.lists(mappings(), min_size=2, max_size=5))
def test_changes_are_all_names_that_differ(found: list[Mapping[str, Resource]]) -> None:
    changes = Changes()
    for before in found:
        for after in found:
            told = {name: (before.get(name), after.get(name)) for name in (*before, *after)}
            expected = {name for name, (one, other) in told.items() if one != other}
            assert changes.between(before, after) == expected


def test_few_answers_are_kept() -> None:
    changes = Changes()
    one = {"a": c("a")}
    for number in range(2 * KEPT_CHANGES):
        assert changes.between(one, {"a": c("a", number + 2)}) == {"a"}
    assert len(changes._known) <= KEPT_CHANGES


@given(versions, st.lists(st.one_of(versions, st.sampled_from(NAMES)), max_size=12))
def test_held_is_a_dictionary(first: Versions, steps: list[Versions | str]) -> None:
    held, model = Held(dict(first)), dict(first)
    for step in steps:
        if isinstance(step, str):
            held.drop(step)
            model.pop(step, None)
        else:
            held.take(dict(step))
            model |= step
        assert dict(held.items()) == model
        assert (len(held), bool(held), sorted(held)) == (len(model), bool(model), sorted(model))
        assert all(held.get(name) == model.get(name) and (name in held) == (name in model) for name in NAMES)


def test_what_all_accepted_is_held_once() -> None:
    versions = {"a": "1", "b": "2"}
    one, other = Held({}), Held({})
    one.take(versions)
    other.take(versions)
    assert one._shared is other._shared is versions


def test_equal_sets_are_one_and_few_are_kept() -> None:
    sets = SharedSets()
    assert sets.same(frozenset("ab")) is sets.same(frozenset("ba"))
    for number in range(2 * MOST):
        sets.same(frozenset([str(number)]))
    assert len(sets._sets._known) <= MOST


@given(mappings())
def test_all_on_offer_in_order(found: Mapping[str, Resource]) -> None:
    sets = SharedSets()
    assert [each.name for each in sets.in_order(found)] == sorted(found)
    assert sets.in_order(found) is sets.in_order(found)
    assert is_all(set(found), found)
    assert not is_all({*found, "zz"}, found)
    assert not is_all(set(found) - {next(iter(found), "")}, found) or not found
