"""Server-side apply: each applier owns what it sets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import Ref
from meshgate.store.core import Modify, Raw, ServerApply, meta
from meshgate.store.core.field_sets import fields_of, fields_v1, from_fields_v1
from meshgate.store.core.merge_keys import merge_lists
from tests.store.objects import KINDS, PaperStore, config_map, pod, refusal_of, service


@pytest.fixture
def store() -> PaperStore:
    return PaperStore()


def apply(store: PaperStore, raw: Raw, manager: str = "me", *, force: bool = False) -> Raw:
    return store.transact(ServerApply(raw=raw, manager=manager, force=force))[0].raw


def managers(raw: Raw) -> list[str]:
    return [entry["manager"] for entry in meta(raw).get("managedFields", ())]


def test_it_creates_and_remembers_who_set_what(store: PaperStore) -> None:
    made = apply(store, config_map(data={"a": "1"}, labels={"x": "y"}))
    (entry,) = meta(made)["managedFields"]
    assert entry["fieldsV1"] == {"f:metadata": {"f:labels": {"f:x": {}}}, "f:data": {"f:a": {}}}
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("me", "Apply", "v1")


def test_what_it_sets_no_more_disappears(store: PaperStore) -> None:
    apply(store, config_map(data={"a": "1", "b": "2"}, labels={"x": "y"}))
    after = apply(store, config_map(data={"a": "1"}))
    assert after["data"] == {"a": "1"}
    assert "labels" not in meta(after)


def test_what_another_set_too_stays(store: PaperStore) -> None:
    apply(store, config_map(data={"a": "1", "b": "2"}))
    apply(store, config_map(data={"b": "2", "c": "3"}), "other")
    after = apply(store, config_map(data={"a": "1"}))
    assert after["data"] == {"a": "1", "b": "2", "c": "3"}
    assert managers(after) == ["me", "other"]


def test_to_change_what_another_set_is_a_conflict_unless_forced(store: PaperStore) -> None:
    apply(store, config_map(data={"a": "1"}))
    fault = refusal_of(store, ServerApply(raw=config_map(data={"a": "2"}), manager="other"))
    assert fault.text == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert (fault.code, fault.details.causes[0].reason) == (409, "FieldManagerConflict")
    after = apply(store, config_map(data={"a": "2"}), "other", force=True)
    assert after["data"] == {"a": "2"}
    assert managers(after) == ["other"]


def test_items_of_keyed_lists_have_owners(store: PaperStore) -> None:
    apply(store, service(ports=[{"port": 80, "name": "http"}]))
    after = apply(store, service(ports=[{"port": 90, "name": "other"}]), "other")
    assert [port["name"] for port in after["spec"]["ports"]] == ["other", "http"]
    after = apply(store, service(), "other")
    assert [port["name"] for port in after["spec"]["ports"]] == ["http"]


def test_the_same_again_changes_nothing(store: PaperStore) -> None:
    apply(store, pod(labels={"a": "b"}))
    revision = store.revision
    store.now = "2027-01-01T00:00:00Z"
    (result,) = store.transact(ServerApply(raw=pod(labels={"a": "b"}), manager="me"))
    assert (result.outcome, store.revision) == ("unchanged", revision)


def test_other_writers_keep_the_memory_and_their_fields(store: PaperStore) -> None:
    apply(store, config_map(data={"a": "1"}))
    ref = Ref("ConfigMap", "default", "conf")
    store.transact(Modify(ref=ref, change=lambda raw: {**raw, "data": {**raw["data"], "theirs": "2"}}))
    after = apply(store, config_map(data={"b": "3"}))
    assert after["data"] == {"b": "3", "theirs": "2"}


def test_an_empty_apply_leaves_no_memory(store: PaperStore) -> None:
    apply(store, config_map(data={"a": "1"}))
    raw = config_map()
    del raw["data"]
    assert managers(apply(store, raw)) == []


JSON = st.recursive(
    st.integers(0, 3) | st.sampled_from("xy"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
CONTAINERS = st.dictionaries(
    st.sampled_from("abc"), st.dictionaries(st.sampled_from(["image", "x"]), JSON, max_size=2), max_size=3
)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    containers = [{"name": name, **fields} for name, fields in draw(CONTAINERS).items()]
    more = draw(st.dictionaries(st.sampled_from("ab"), JSON, max_size=2))
    return {"containers": containers, **more}


SPECS = specs()


@pytest.mark.slow
@given(SPECS)
def test_law_a_set_survives_its_form(spec: Any) -> None:
    fields = fields_of({"kind": "Pod", "spec": spec}, merge_lists(KINDS["Pod"]))
    assert frozenset(from_fields_v1(fields_v1(fields))) == fields


@pytest.mark.slow
@given(SPECS, SPECS)
def test_law_after_apply_the_object_says_what_was_given(before: Any, now: Any) -> None:
    store = PaperStore()
    apply(store, {**pod(), "spec": before})
    after = apply(store, {**pod(), "spec": now})
    lists = merge_lists(KINDS["Pod"])
    spec = {name: value for name, value in after["spec"].items() if name in {*before, *now}}
    defaulted = {("f:spec", f"f:{name}") for name in ("restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy")}
    wanted = fields_of({"spec": now}, lists)
    assert {path for path in fields_of({"spec": spec}, lists) - defaulted if path != ("f:spec",)} == {
        path for path in wanted if path != ("f:spec",)
    }
