"""Apply: the object says what the file says; what others wrote stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.store.core import LAST_APPLIED, Apply, Modify, Raw, Write, meta, ref_of
from meshgate.store.core.apply import applied, with_last_applied
from meshgate.store.core.apply import given as given_part
from tests.store.objects import KINDS, PaperStore, config_map, service, virtual_service


@pytest.fixture
def store() -> PaperStore:
    return PaperStore()


def apply(store: PaperStore, raw: Raw) -> Raw:
    return store.transact(Apply(raw=raw))[0].raw


def controller(raw: Raw, **spec: Any) -> Write:
    """A controller writes into the spec."""
    return Modify(ref=ref_of(raw, KINDS), change=lambda old: {**old, "spec": {**old["spec"], **spec}})


def test_the_annotation_is_what_kubectl_would_write(store: PaperStore) -> None:
    raw = virtual_service(labels={"b": "1", "a": "2"})
    made = apply(store, {**raw, "status": {"x": 1}, "metadata": {**raw["metadata"], "creationTimestamp": None}})
    assert meta(made)["annotations"][LAST_APPLIED] == (
        '{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"annotations":{},'
        '"labels":{"a":"2","b":"1"},"name":"web","namespace":"default"},"spec":{"hosts":["web"]}}\n'
    )


def test_fields_that_are_given_no_more_disappear(store: PaperStore) -> None:
    apply(store, config_map(data={"a": "1", "b": "2"}, labels={"x": "1", "y": "2"}))
    after = apply(store, config_map(data={"a": "1"}, labels={"y": "2"}))
    assert after["data"] == {"a": "1"}
    assert meta(after)["labels"] == {"y": "2"}


def test_what_others_wrote_stays(store: PaperStore) -> None:
    raw = service(ports=[{"port": 80}])
    apply(store, raw)
    store.transact(controller(raw, clusterIP="10.96.0.7"))
    after = apply(store, service(ports=[{"port": 81}]))
    assert after["spec"]["clusterIP"] == "10.96.0.7"
    assert [port["port"] for port in after["spec"]["ports"]] == [81]


def test_what_others_wrote_stays_when_the_whole_mapping_leaves_the_file(store: PaperStore) -> None:
    raw = config_map(labels={"mine": "1"})
    apply(store, raw)
    store.transact(Modify(ref=ref_of(raw, KINDS), change=lambda old: _labelled(old, theirs="2")))
    after = apply(store, config_map())
    assert meta(after)["labels"] == {"theirs": "2"}


def _labelled(raw: Raw, **labels: str) -> Raw:
    return {**raw, "metadata": {**meta(raw), "labels": {**meta(raw).get("labels", {}), **labels}}}


def test_what_is_given_wins_over_what_others_wrote(store: PaperStore) -> None:
    raw = service(type="ClusterIP")
    apply(store, raw)
    store.transact(controller(raw, type="NodePort"))
    assert apply(store, raw)["spec"]["type"] == "ClusterIP"


def test_an_object_that_was_created_otherwise_is_taken_over(store: PaperStore) -> None:
    store.write(config_map(data={"theirs": "1"}))
    after = apply(store, config_map(data={"mine": "2"}))
    assert after["data"] == {"theirs": "1", "mine": "2"}


def test_null_removes(store: PaperStore) -> None:
    store.write(service(type="NodePort", externalName="x"))
    raw = service()
    raw["spec"] = {"externalName": None, "ports": []}
    assert "externalName" not in apply(store, raw)["spec"]


def test_lists_of_custom_resources_are_replaced(store: PaperStore) -> None:
    raw = virtual_service()
    apply(store, raw)
    store.transact(controller(raw, hosts=["web", "theirs"]))
    assert apply(store, virtual_service(host="new"))["spec"]["hosts"] == ["new"]


@pytest.mark.parametrize(
    ("before", "theirs", "now", "after"),
    [
        ([{"port": 80, "name": "a"}], [{"port": 80, "name": "a", "nodePort": 3}], [{"port": 80, "name": "b"}], "80b3"),
        ([{"port": 80}, {"port": 81}], [{"port": 80}, {"port": 81}], [{"port": 81}], "81"),
        ([{"port": 80}], [{"port": 80}, {"port": 90}], [{"port": 80}], "80,90"),
        ([{"port": 80}], [{"port": 80}], [{"port": 70}, {"port": 80}], "70,80"),
        (
            [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
            [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "nodePort": 5}],
            [{"port": 53, "protocol": "UDP"}],
            "535",
        ),
    ],
    ids=["merged", "removed", "others' item", "added", "tcp and udp"],
)
def test_lists_of_built_in_kinds_merge_by_their_keys(before: Any, theirs: Any, now: Any, after: str) -> None:
    kind = KINDS["Service"]
    live = with_last_applied(service(ports=theirs), given_part(service(ports=before), kind))
    result = applied(live, given_part(service(ports=now), kind), kind)
    shown = [f"{p['port']}{p.get('name', '')}{p.get('nodePort', '')}" for p in result["spec"]["ports"]]
    assert ",".join(shown) == after


def test_containers_merge_deep_inside() -> None:
    def deployment(*containers: Any) -> dict[str, Any]:
        spec = {"template": {"spec": {"containers": list(containers)}}}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}

    kind = KINDS["Deployment"]
    before = deployment({"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]})
    live = deployment(
        {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "tty": True},
        {"name": "injected"},
    )
    now = deployment({"name": "a", "image": "2", "env": [{"name": "Y", "value": "3"}]})
    result = applied(with_last_applied(live, given_part(before, kind)), given_part(now, kind), kind)
    assert result["spec"]["template"]["spec"]["containers"] == [
        {"name": "a", "image": "2", "env": [{"name": "Y", "value": "3"}], "tty": True},
        {"name": "injected"},
    ]


def test_string_data_that_leaves_the_file_leaves_the_secret(store: PaperStore) -> None:
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    apply(store, {**secret, "stringData": {"a": "1", "b": "2"}})
    assert apply(store, {**secret, "stringData": {"a": "1"}})["data"] == {"a": "MQ=="}


@pytest.mark.parametrize("nonsense", ["", "{", "[]", "3"])
def test_an_annotation_that_was_edited_into_nonsense_counts_as_none(store: PaperStore, nonsense: str) -> None:
    store.write(config_map(data={"a": "1"}, annotations={LAST_APPLIED: nonsense}))
    assert apply(store, config_map(data={"b": "2"}))["data"] == {"a": "1", "b": "2"}


JSON = st.recursive(
    st.integers(0, 3) | st.sampled_from(["x", "y"]) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
SPEC = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
KIND = KINDS["VirtualService"]


def custom(spec: Any) -> dict[str, Any]:
    return {**virtual_service(), "spec": spec}


def first_applied(spec: Any) -> Raw:
    part = given_part(custom(spec), KIND)
    return with_last_applied(part, part)


@pytest.mark.slow
@given(SPEC, SPEC)
def test_law_after_apply_the_object_says_what_was_given(before: Any, now: Any) -> None:
    result = applied(first_applied(before), given_part(custom(now), KIND), KIND)
    assert pruned(result["spec"]) == pruned(now)


@pytest.mark.slow
@given(SPEC, SPEC, SPEC)
def test_law_apply_twice_is_apply_once(before: Any, theirs: Any, now: Any) -> None:
    part = given_part(custom(now), KIND)
    live = {**first_applied(before), "spec": {**before, **theirs}}
    once = applied(live, part, KIND)
    assert applied(once, part, KIND) == once


@pytest.mark.slow
@given(SPEC, SPEC, SPEC)
def test_law_fields_of_others_stay(before: Any, now: Any, theirs: Any) -> None:
    live = first_applied(before)
    live = {**live, "spec": {**live["spec"], "theirs": theirs}}
    result = applied(live, given_part(custom(now), KIND), KIND)
    assert result["spec"]["theirs"] == theirs


@pytest.mark.slow
@given(SPEC, SPEC)
def test_law_nothing_that_was_given_is_written_to(before: Any, now: Any) -> None:
    live, part = first_applied(before), given_part(custom(now), KIND)
    copies = msgspec.json.encode([live, part])
    applied(live, part, KIND)
    assert msgspec.json.encode([live, part]) == copies


def pruned(value: Any) -> Any:
    """Without empty mappings: whether one is left behind where its fields were is no matter."""
    if isinstance(value, dict):
        found = {name: pruned(item) for name, item in value.items()}
        return {name: item for name, item in found.items() if item != {}}
    return value
