"""Patches: JSON merge patch, JSON patch, strategic merge patch."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.store.core import StatusFault
from meshgate.store.core.patches import json_patched, merge_patched
from meshgate.store.core.strategic import strategic_patched
from tests.store.objects import KINDS


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_by_the_examples_of_its_rfc(value: Any, patch: Any, result: Any) -> None:
    assert merge_patched(value, patch) == result


DOCUMENT = {"spec": {"hosts": ["a", "b"], "x/y": 1, "m~n": 2}, "n": None}


@pytest.mark.parametrize(
    ("operation", "path", "value"),
    [
        ({"op": "add", "path": "/spec/new", "value": 1}, ("spec", "new"), 1),
        ({"op": "add", "path": "/spec/hosts/1", "value": "c"}, ("spec", "hosts"), ["a", "c", "b"]),
        ({"op": "add", "path": "/spec/hosts/-", "value": "c"}, ("spec", "hosts"), ["a", "b", "c"]),
        ({"op": "add", "path": "/spec/hosts/2", "value": "c"}, ("spec", "hosts"), ["a", "b", "c"]),
        ({"op": "replace", "path": "/spec/hosts/0", "value": "c"}, ("spec", "hosts"), ["c", "b"]),
        ({"op": "replace", "path": "/spec/x~1y", "value": 3}, ("spec", "x/y"), 3),
        ({"op": "replace", "path": "/spec/m~0n", "value": 3}, ("spec", "m~n"), 3),
        ({"op": "replace", "path": "/n", "value": 3}, ("n",), 3),
        ({"op": "remove", "path": "/spec/hosts/0"}, ("spec", "hosts"), ["b"]),
        ({"op": "move", "from": "/spec/hosts/0", "path": "/spec/hosts/1"}, ("spec", "hosts"), ["b", "a"]),
        ({"op": "copy", "from": "/spec/hosts", "path": "/spec/more"}, ("spec", "more"), ["a", "b"]),
        ({"op": "test", "path": "/spec/hosts", "value": ["a", "b"]}, ("spec", "hosts"), ["a", "b"]),
    ],
    ids=lambda value: value["op"] if isinstance(value, dict) else "",
)
def test_json_patch(operation: Any, path: tuple[str, ...], value: Any) -> None:
    before = msgspec.json.encode(DOCUMENT)
    found: Any = json_patched(DOCUMENT, [operation])
    for part in path:
        found = found[part]
    assert found == value
    assert msgspec.json.encode(DOCUMENT) == before


@pytest.mark.parametrize(
    ("patch", "code", "text"),
    [
        ({}, 400, "a JSON patch is a list of operations"),
        (["x"], 400, "a mapping with op and path"),
        ([{"op": "grow", "path": "/a"}], 400, 'unknown operation "grow"'),
        ([{"op": "add", "path": "spec"}], 400, "begins with /"),
        ([{"op": "add", "path": "/spec/x"}], 400, "has no value"),
        ([{"op": "add", "path": "/none/x", "value": 1}], 422, 'there is nothing at "none"'),
        ([{"op": "remove", "path": "/none"}], 422, "there is nothing at /none"),
        ([{"op": "remove", "path": "/spec/hosts/7"}], 422, "there is nothing at /spec/hosts/7"),
        ([{"op": "replace", "path": "/spec/none", "value": 1}], 422, "there is nothing at /spec/none"),
        ([{"op": "add", "path": "/spec/hosts/9", "value": 1}], 422, 'has no place "9"'),
        ([{"op": "add", "path": "/spec/hosts/x", "value": 1}], 422, 'has no place "x"'),
        ([{"op": "add", "path": "/n/x", "value": 1}], 422, "neither a mapping nor a list"),
        ([{"op": "test", "path": "/spec/hosts", "value": []}], 422, "testing value /spec/hosts failed"),
        ([{"op": "move", "from": "/spec", "path": "/spec/hosts/0"}], 422, "into itself"),
        ([{"op": "remove", "path": ""}], 422, "leaves no object"),
        ([{}] * 10_001, 400, "the limit is 10000"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_json_patches_that_cannot_be_applied(patch: Any, code: int, text: str) -> None:
    with pytest.raises(StatusFault) as refused:
        json_patched(DOCUMENT, patch)
    assert (refused.value.code, text in refused.value.text) == (code, True)


POD = {
    "metadata": {"labels": {"a": "1"}, "finalizers": ["f", "g"]},
    "spec": {
        "containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "k"}],
    },
}


@pytest.mark.parametrize(
    ("patch", "path", "value"),
    [
        ({"metadata": {"labels": {"b": "2"}}}, "metadata.labels", {"a": "1", "b": "2"}),
        ({"metadata": {"labels": {"a": None}}}, "metadata.labels", {}),
        ({"metadata": {"labels": {"$patch": "replace", "b": "2"}}}, "metadata.labels", {"b": "2"}),
        ({"metadata": {"labels": {"$patch": "delete"}}}, "metadata", {"finalizers": ["f", "g"]}),
        ({"metadata": {"finalizers": ["g", "h"]}}, "metadata.finalizers", ["f", "g", "h"]),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": ["f"]}}, "metadata.finalizers", ["g"]),
        ({"spec": {"tolerations": [{"key": "l"}]}}, "spec.tolerations", [{"key": "l"}]),
        (
            {"spec": {"containers": [{"name": "a", "image": "2"}]}},
            "spec.containers",
            [{"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}],
        ),
        (
            {"spec": {"containers": [{"name": "a", "env": [{"name": "X", "$patch": "delete"}]}]}},
            "spec.containers",
            [{"name": "a", "image": "1", "env": []}, {"name": "b"}],
        ),
        ({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}, "spec.containers", [{"name": "b"}]),
        ({"spec": {"containers": [{"$patch": "replace"}, {"name": "z"}]}}, "spec.containers", [{"name": "z"}]),
        (
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
                    "containers": [{"name": "c", "$retainKeys": ["name"]}],
                }
            },
            "spec.containers",
            [{"name": "c"}, {"name": "b"}, {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}],
        ),
        (
            {"spec": {"$retainKeys": ["nodeSelector"], "nodeSelector": {"x": "y"}}},
            "spec",
            {"nodeSelector": {"disk": "ssd", "x": "y"}},
        ),
        ({"spec": {"new": {"a": None, "b": 1}}}, "spec.new", {"b": 1}),
    ],
)
def test_strategic_merge_patch(patch: Any, path: str, value: Any) -> None:
    before = msgspec.json.encode(POD)
    found: Any = strategic_patched(POD, patch, KINDS["Pod"])
    for part in path.split("."):
        found = found[part]
    assert found == value
    assert msgspec.json.encode(POD) == before


def test_items_that_a_patch_does_not_order_keep_their_places() -> None:
    live = {"spec": {"containers": [{"name": name} for name in ("x", "a", "y", "b", "z")]}}
    order = [{"name": "b"}, {"name": "n"}, {"name": "a"}]
    patch = {"spec": {"$setElementOrder/containers": order, "containers": [{"name": "n"}]}}
    found = strategic_patched(live, patch, KINDS["Pod"])["spec"]["containers"]
    assert [item["name"] for item in found] == ["x", "y", "b", "n", "a", "z"]


@pytest.mark.parametrize(
    ("patch", "protocols"),
    [
        ([{"port": 53, "protocol": "UDP", "name": "n"}], ["TCP", "UDP n"]),
        ([{"port": 53, "name": "n"}], ["TCP n", "UDP"]),
        ([{"port": 53, "protocol": "SCTP"}], ["SCTP", "UDP"]),
    ],
    ids=["whole identity", "default protocol", "changed protocol"],
)
def test_ports_are_found_by_their_identity_first(patch: Any, protocols: list[str]) -> None:
    live = {"spec": {"ports": [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}
    ports = strategic_patched(live, {"spec": {"ports": patch}}, KINDS["Service"])["spec"]["ports"]
    assert [f"{port['protocol']} {port.get('name', '')}".strip() for port in ports] == protocols


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ([], "a strategic merge patch is a mapping"),
        ({"spec": {"$patch": "grow"}}, 'unknown directive $patch: "grow"'),
        ({"spec": {"containers": [{"image": "x"}]}}, 'spec.containers: an item of the patch has no "name"'),
    ],
)
def test_strategic_patches_that_are_malformed(patch: Any, text: str) -> None:
    with pytest.raises(StatusFault) as refused:
        strategic_patched(POD, patch, KINDS["Pod"])
    assert (refused.value.code, text in refused.value.text) == (400, True)


JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from("xy"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(JSON, JSON)
def test_law_a_merge_patch_twice_is_once(value: Any, patch: Any) -> None:
    once = merge_patched(value, patch)
    assert merge_patched(once, patch) == once


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from("abc"), JSON), st.dictionaries(st.sampled_from("abc"), JSON))
def test_law_without_lists_to_merge_strategic_is_merge(value: Any, patch: Any) -> None:
    assert strategic_patched(value, patch, KINDS["ConfigMap"]) == merge_patched(value, patch)
