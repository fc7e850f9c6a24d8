"""What writes do to metadata, and how they are refused: Kubernetes' rules, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import Ref
from meshgate.store.core import Apply, Create, Modify, Positions, SetStatus, Update, Write, meta
from tests.store.objects import NOW, PaperStore, config_map, namespace, pod, refusal_of, service, virtual_service


@pytest.fixture
def store() -> PaperStore:
    return PaperStore()


def changed(raw: Any, **fields: Any) -> dict[str, Any]:
    return {**raw, **fields}


def test_a_new_object_gets_what_is_the_servers_to_give(store: PaperStore) -> None:
    given = virtual_service(uid="mine", resourceVersion="77", generation=9, creationTimestamp="1999-01-01T00:00:00Z")
    made = meta(store.write(changed(given, status={"x": 1})))
    assert made == {
        "name": "web",
        "namespace": "default",
        "uid": made["uid"],
        "resourceVersion": "2",
        "generation": 1,
        "creationTimestamp": NOW,
    }
    assert made["uid"] != "mine"
    assert "status" not in store.get("VirtualService", "web")


def test_all_versions_are_the_same_object(store: PaperStore) -> None:
    first = store.write(virtual_service())
    for version in ("v1beta1", "v1alpha3", "v1"):
        (result,) = store.transact(Apply(raw=changed(virtual_service(), apiVersion=f"networking.istio.io/{version}")))
        assert result.raw["apiVersion"] == "networking.istio.io/v1"
    assert meta(store.get("VirtualService", "web"))["uid"] == meta(first)["uid"]
    assert store.names("VirtualService") == ["web"]


def test_a_generated_name_is_new_each_time(store: PaperStore) -> None:
    raw = pod()
    raw["metadata"] = {"generateName": "web-", "namespace": "default"}
    names = [meta(store.write(raw))["name"] for _ in range(2)]
    assert len(set(names)) == 2
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


def test_without_a_namespace_it_is_in_default(store: PaperStore) -> None:
    raw = config_map()
    del raw["metadata"]["namespace"]
    assert meta(store.write(raw))["namespace"] == "default"


@pytest.mark.parametrize(
    ("change", "generation"),
    [
        ({"spec": {"hosts": ["other"]}}, 2),
        ({"metadata": {"name": "web", "namespace": "default", "labels": {"a": "b"}}}, 1),
        ({"status": {"x": 1}}, 1),
    ],
    ids=["spec", "labels", "status"],
)
def test_the_generation_counts_changes_of_the_spec(store: PaperStore, change: Any, generation: int) -> None:
    store.write(virtual_service())
    (result,) = store.transact(Update(raw=changed(virtual_service(), **change)))
    assert meta(result.raw)["generation"] == generation


@pytest.mark.parametrize("raw", [config_map(), service(), namespace("x")], ids=lambda raw: raw["kind"])
def test_some_kinds_have_no_generation(store: PaperStore, raw: Any) -> None:
    assert "generation" not in meta(store.write(raw))


def test_a_status_is_written_apart_from_everything_else(store: PaperStore) -> None:
    store.write(virtual_service())
    (with_status,) = store.transact(SetStatus(raw=changed(virtual_service(host="ignored"), status={"ready": True})))
    assert with_status.raw["spec"] == {"hosts": ["web"]}
    assert with_status.raw["status"] == {"ready": True}
    (updated,) = store.transact(Update(raw=changed(virtual_service(host="new"), status={"ready": False})))
    assert updated.raw["status"] == {"ready": True}
    assert updated.raw["spec"] == {"hosts": ["new"]}
    (cleared,) = store.transact(SetStatus(raw=virtual_service()))
    assert "status" not in cleared.raw


def test_a_kind_without_status_has_no_status_to_write(store: PaperStore) -> None:
    store.write(config_map())
    assert refusal_of(store, SetStatus(raw=config_map())).code == 404


def test_an_update_keeps_what_is_the_servers(store: PaperStore) -> None:
    before = store.write(virtual_service())
    given = virtual_service(host="x", creationTimestamp="1999-01-01T00:00:00Z", generation=77)
    (result,) = store.transact(Update(raw=given))
    kept = ("uid", "creationTimestamp", "name", "namespace")
    assert {k: meta(result.raw)[k] for k in kept} == {k: meta(before)[k] for k in kept}
    assert int(meta(result.raw)["resourceVersion"]) > int(meta(before)["resourceVersion"])


@pytest.mark.parametrize(
    "write",
    [
        Update(raw=virtual_service()),
        Apply(raw=virtual_service()),
        Modify(ref=Ref("VirtualService", "default", "web"), change=lambda raw: raw),
        SetStatus(raw=virtual_service()),
    ],
    ids=lambda write: type(write).__name__,
)
def test_an_equal_write_changes_nothing(store: PaperStore, write: Write) -> None:
    store.transact(Apply(raw=virtual_service()))
    if isinstance(write, Update):
        write = Update(raw=store.get("VirtualService", "web"))
    before, revision = store.get("VirtualService", "web"), store.revision
    (result,) = store.transact(write)
    assert result.outcome == "unchanged"
    assert store.get("VirtualService", "web") is before
    assert store.revision == revision


def test_there_and_back_in_one_transaction_is_no_change(store: PaperStore) -> None:
    store.write(config_map(data={"a": "1"}))
    revision = store.revision
    store.transact(Update(raw=config_map(data={"a": "2"})), Update(raw=config_map(data={"a": "1"})))
    assert store.revision == revision


def test_a_namespace_carries_its_name_as_a_label(store: PaperStore) -> None:
    made = store.write(namespace("shop"))
    assert meta(made)["labels"] == {"kubernetes.io/metadata.name": "shop"}
    assert made["status"] == {"phase": "Active"}


def test_string_data_of_a_secret_becomes_data(store: PaperStore) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    made = store.write({**secret, "data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new"}})
    assert made["data"] == {"a": "bmV3", "b": "Yg=="}
    assert "stringData" not in made
    assert made["type"] == "Opaque"


NAME_RULE = "a lowercase RFC 1123 subdomain must consist of"


@pytest.mark.parametrize(
    ("write", "code", "text"),
    [
        (Create(raw=virtual_service("there")), 409, 'virtualservices.networking.istio.io "there" already exists'),
        (Update(raw=virtual_service("none")), 404, 'virtualservices.networking.istio.io "none" not found'),
        (Update(raw=pod("none")), 404, 'pods "none" not found'),
        (
            Update(raw=virtual_service("there", resourceVersion="1")),
            409,
            'Operation cannot be fulfilled on virtualservices.networking.istio.io "there": the object has been '
            "modified; please apply your changes to the latest version and try again",
        ),
        (Update(raw=virtual_service("there", uid="x")), 409, "Precondition failed: UID in precondition: x,"),
        (SetStatus(raw=virtual_service("there", resourceVersion="1")), 409, "the object has been modified"),
        (
            Modify(ref=Ref("VirtualService", "default", "there"), change=lambda raw: virtual_service("else")),
            400,
            "the name of the object (else) does not match the name on the URL (there)",
        ),
        (Create(raw=virtual_service("a", namespace="nowhere")), 404, 'namespaces "nowhere" not found'),
        (Create(raw=virtual_service("Upper")), 422, NAME_RULE),
        (Create(raw=virtual_service("a" * 254)), 422, "must be no more than 253 bytes"),
        (Create(raw=service("9web")), 422, "a DNS-1035 label must consist of"),
        (Create(raw=namespace("a.b")), 422, "a lowercase RFC 1123 label must consist of"),
        (Create(raw=virtual_service(labels={"a b": "c"})), 422, "name part must consist of"),
        (Create(raw=virtual_service(labels={"A_b/c": "c"})), 422, "prefix part a lowercase RFC 1123"),
        (Create(raw=virtual_service(labels={"a": "b c"})), 422, "a valid label must be an empty string or consist of"),
        (Create(raw=virtual_service(labels={"a": "b" * 64})), 422, "must be no more than 63 bytes"),
        (Create(raw=virtual_service(annotations={"-": "b"})), 422, 'metadata.annotations: Invalid value: "-"'),
        (Create(raw=virtual_service(labels={"a": 1})), 400, "a mapping from strings to strings is expected"),
        (
            Create(raw={**virtual_service(), "metadata": {"name": 3}}),
            400,
            "metadata.name: a string is expected",
        ),
        (Create(raw=virtual_service(finalizers="x")), 400, "metadata.finalizers: a list of strings is expected"),
        (Create(raw=virtual_service(ownerReferences=[{}])), 400, "each with a uid, is expected"),
        (Create(raw={**virtual_service(), "metadata": None}), 400, "the object has no metadata"),
        (Create(raw=virtual_service("")), 400, "name or generateName is required"),
        (Apply(raw=virtual_service("")), 400, "apply needs a name"),
        (Create(raw={**virtual_service(), "kind": "Servise"}), 404, 'no matches for kind "Servise" in version'),
        (Create(raw={**virtual_service(), "apiVersion": "v1"}), 404, 'no matches for kind "VirtualService" in version'),
    ],
)
def test_refusals(store: PaperStore, write: Write, code: int, text: str) -> None:
    store.write(virtual_service("there"))
    fault = refusal_of(store, write)
    assert text in fault.text
    assert fault.code == code


def test_all_faults_of_a_name_are_told_at_once(store: PaperStore) -> None:
    fault = refusal_of(store, Create(raw=virtual_service("Up", labels={"a": "b c", "!": "x"})))
    assert fault.text.startswith(
        'VirtualService.networking.istio.io "Up" is invalid: [metadata.name: Invalid value: "Up"'
    )
    assert [cause.field for cause in fault.details.causes] == ["metadata.name", "metadata.labels", "metadata.labels"]


def test_a_refusal_tells_which_write_it_was(store: PaperStore) -> None:
    fault = refusal_of(store, Create(raw=config_map("a")), Create(raw=config_map("b")), Create(raw=config_map("a")))
    assert fault.write_index == 2


def test_positions_stay_until_the_object_is_written_from_elsewhere(store: PaperStore) -> None:
    placed = Positions("a.yaml", {"": 1, "spec": 3, "spec.hosts[0]": 5})
    assert placed.at("spec.hosts[0].x") == "a.yaml:5"
    assert placed.at("spec.http") == "a.yaml:3"
    assert placed.at("metadata") == "a.yaml:1"
    assert Positions("a.yaml", {}).at("spec") == "a.yaml"


def test_what_a_controller_fills_in_leaves_the_lines_true_and_what_it_changes_does_not(store: PaperStore) -> None:
    ref, placed = Ref("ConfigMap", "default", "a"), Positions("a.yaml", {"data.a": 3})

    def with_data(**data: str) -> None:
        store.transact(Modify(ref=ref, change=lambda old: {**old, "data": {**old.get("data", {}), **data}}))

    store.transact(Apply(raw={**config_map("a"), "data": {"a": "1"}}, positions=placed))
    with_data(b="2")
    assert store.positions_of(ref) == placed
    with_data(a="2")
    assert store.positions_of(ref) is None
