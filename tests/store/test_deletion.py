"""Deletion: what goes, what waits, what goes with it."""

from __future__ import annotations

import pytest

from meshgate.api import Ref
from meshgate.store.core import Create, Delete, Modify, Propagation, Raw, Update, meta
from tests.store.objects import NOW, PaperStore, config_map, namespace, owned_by, pod, refusal_of, virtual_service

WEB = Ref("Pod", "default", "web")
CONF = Ref("ConfigMap", "default", "conf")


@pytest.fixture
def store() -> PaperStore:
    return PaperStore()


def without_finalizers(raw: Raw) -> Raw:
    return {**raw, "metadata": {**meta(raw), "finalizers": []}}


def test_what_is_deleted_is_gone(store: PaperStore) -> None:
    store.write(config_map())
    (result,) = store.transact(Delete(ref=CONF))
    assert (result.outcome, meta(result.raw)["name"]) == ("deleted", "conf")
    assert store.names("ConfigMap") == []


def test_what_is_not_there_cannot_be_deleted_unless_that_is_fine(store: PaperStore) -> None:
    assert refusal_of(store, Delete(ref=CONF)).text == 'configmaps "conf" not found'
    (result,) = store.transact(Delete(ref=CONF, missing_ok=True))
    assert result.outcome == "unchanged"


def test_conditions_of_a_deletion(store: PaperStore) -> None:
    made = store.write(config_map())
    assert refusal_of(store, Delete(ref=CONF, uid="other")).reason == "Conflict"
    assert refusal_of(store, Delete(ref=CONF, resource_version="1")).reason == "Conflict"
    store.transact(Delete(ref=CONF, uid=meta(made)["uid"], resource_version=meta(made)["resourceVersion"]))
    assert store.names("ConfigMap") == []


def test_finalizers_hold_an_object_until_they_are_taken_off(store: PaperStore) -> None:
    store.write(virtual_service(finalizers=["a", "b"]))
    ref = Ref("VirtualService", "default", "web")
    store.transact(Delete(ref=ref))
    marked = meta(store.get("VirtualService", "web"))
    assert (marked["deletionTimestamp"], marked["deletionGracePeriodSeconds"], marked["generation"]) == (NOW, 0, 2)
    revision = store.revision
    store.transact(Delete(ref=ref))
    assert store.revision == revision
    store.transact(Update(raw=virtual_service(finalizers=["a"])))
    assert store.names("VirtualService") == ["web"]
    store.transact(Modify(ref=ref, change=without_finalizers))
    assert store.names("VirtualService") == []


def test_a_pod_that_runs_nowhere_goes_at_once(store: PaperStore) -> None:
    store.write(pod())
    store.transact(Delete(ref=WEB))
    assert store.names("Pod") == []


def test_a_pod_that_runs_is_marked_until_its_processes_are_gone(store: PaperStore) -> None:
    store.write(pod(node="here"))
    store.transact(Delete(ref=WEB))
    marked = meta(store.get("Pod", "web"))
    assert (marked["deletionTimestamp"], marked["deletionGracePeriodSeconds"]) == ("2026-01-02T03:04:35Z", 30)
    store.transact(Delete(ref=WEB, grace_s=5))
    assert meta(store.get("Pod", "web"))["deletionGracePeriodSeconds"] == 5
    store.transact(Delete(ref=WEB, grace_s=60))
    assert meta(store.get("Pod", "web"))["deletionGracePeriodSeconds"] == 5
    store.transact(Delete(ref=WEB, grace_s=0))
    assert store.names("Pod") == []


def test_what_is_owned_goes_with_its_last_owner(store: PaperStore) -> None:
    first, second = store.write(config_map("first")), store.write(config_map("second"))
    store.write(config_map("one", ownerReferences=owned_by(first)))
    store.write(config_map("two", ownerReferences=owned_by(first) + owned_by(second)))
    store.write(config_map("grandchild", ownerReferences=owned_by(store.get("ConfigMap", "one"))))
    store.transact(Delete(ref=Ref("ConfigMap", "default", "first")))
    assert store.names("ConfigMap") == ["second", "two"]
    store.transact(Delete(ref=Ref("ConfigMap", "default", "second")))
    assert store.names("ConfigMap") == []


def test_orphans_stay_and_forget_their_owner(store: PaperStore) -> None:
    owner = store.write(config_map("owner"))
    store.write(config_map("child", ownerReferences=owned_by(owner)))
    store.transact(Delete(ref=Ref("ConfigMap", "default", "owner"), propagation="Orphan"))
    assert store.names("ConfigMap") == ["child"]
    assert "ownerReferences" not in meta(store.get("ConfigMap", "child"))


@pytest.mark.parametrize(("propagation", "waits"), [("Foreground", True), ("Background", False)])
def test_an_owner_waits_for_what_it_owns_in_the_foreground(
    store: PaperStore, propagation: Propagation, waits: bool
) -> None:
    owner = store.write(config_map("owner"))
    store.write(pod(node="here", ownerReferences=owned_by(owner)))
    store.transact(Delete(ref=Ref("ConfigMap", "default", "owner"), propagation=propagation))
    assert store.names("ConfigMap") == (["owner"] if waits else [])
    assert "deletionTimestamp" in meta(store.get("Pod", "web"))
    store.transact(Delete(ref=WEB, grace_s=0))
    assert store.names("ConfigMap") == []


def test_a_namespace_goes_with_all_that_is_in_it(store: PaperStore) -> None:
    store.transact(Create(raw=namespace("shop")), Create(raw=virtual_service(namespace="shop")))
    store.write(config_map(namespace="shop"))
    store.write(config_map("stays"))
    store.transact(Delete(ref=Ref("Namespace", "", "shop")))
    assert store.names("Namespace") == ["default"]
    assert store.names("ConfigMap") == ["stays"]
    assert store.names("VirtualService") == []


def test_a_namespace_waits_for_its_pods_and_takes_nothing_new(store: PaperStore) -> None:
    store.write(namespace("shop"))
    store.write(pod(node="here", namespace="shop"))
    store.transact(Delete(ref=Ref("Namespace", "", "shop")))
    assert store.get("Namespace", "shop", "")["status"] == {"phase": "Terminating"}
    fault = refusal_of(store, Create(raw=config_map(namespace="shop")))
    assert fault.text == (
        'configmaps "conf" is forbidden: unable to create new content in namespace shop because it is being terminated'
    )
    store.transact(Delete(ref=Ref("Pod", "shop", "web"), grace_s=0))
    assert store.names("Namespace") == ["default"]


def test_the_default_namespace_stays(store: PaperStore) -> None:
    fault = refusal_of(store, Delete(ref=Ref("Namespace", "", "default")))
    assert fault.text == 'namespaces "default" is forbidden: this namespace may not be deleted'


def test_a_new_object_of_the_same_name_is_another_object(store: PaperStore) -> None:
    old = store.write(config_map())
    store.transact(Delete(ref=CONF), Create(raw=config_map(data={"a": "b"})))
    new = store.get("ConfigMap", "conf")
    assert meta(new)["uid"] != meta(old)["uid"]
    assert int(meta(new)["resourceVersion"]) == int(meta(old)["resourceVersion"]) + 2
