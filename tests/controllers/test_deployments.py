"""Pods of Deployments."""

from __future__ import annotations

import re

from meshgate.api import Ref
from meshgate.store.core import Modify, Raw, meta
from tests.controllers.world import World, spec, status


def deployment(replicas: int = 1, command: str = "a", more: str = "", annotations: str = "{}") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  {more}
  template:
    metadata: {{labels: {{app: web}}, annotations: {annotations}}}
    spec:
      containers: [{{name: c, command: [{command}]}}]
"""


def conditions(world: World) -> dict[str, tuple[str, str]]:
    found = status(world.get("Deployment", "web"))["conditions"]
    return {each["type"]: (each["status"], each["reason"]) for each in found}


def command(pod: Raw) -> str:
    return str(spec(pod)["containers"][0]["command"][0])


def test_pods_are_named_labelled_and_owned_as_users_expect() -> None:
    world = World(deployment(2))
    pods = world.pods()
    assert len(pods) == 2
    for pod in pods:
        assert re.fullmatch(r"web-[a-z0-9]{10}-[a-z0-9]{5}", meta(pod)["name"])
        assert meta(pod)["labels"]["app"] == "web"
        assert meta(pod)["name"].split("-")[1] == meta(pod)["labels"]["pod-template-hash"]
        [owner] = meta(pod)["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("Deployment", "web", True)
        assert spec(pod)["serviceAccountName"] == "default"
    world.check_decodable()


def test_pods_get_a_sidecar_unless_told_not_to() -> None:
    world = World(deployment())
    assert [each["name"] for each in spec(world.pods()[0])["containers"]] == ["c", "istio-proxy"]
    world = World(deployment(annotations='{sidecar.istio.io/inject: "false"}'))
    assert [each["name"] for each in spec(world.pods()[0])["containers"]] == ["c"]
    world = World("{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {istio-injection: disabled}}}")
    world.apply(deployment())
    assert [each["name"] for each in spec(world.pods()[0])["containers"]] == ["c"]


def test_the_status_counts_and_tells() -> None:
    world = World(deployment(2))
    told = status(world.get("Deployment", "web"))
    assert (told["replicas"], told["updatedReplicas"], told["unavailableReplicas"]) == (2, 2, 2)
    assert "readyReplicas" not in told
    assert conditions(world)["Available"] == ("False", "MinimumReplicasUnavailable")
    world.start_all()
    told = status(world.get("Deployment", "web"))
    assert (told["readyReplicas"], told["availableReplicas"], told["observedGeneration"]) == (2, 2, 1)
    assert conditions(world) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert world.reconcile() == frozenset()


def test_time_alone_writes_nothing() -> None:
    world = World(deployment())
    world.start_all()
    world.now = "2027-01-01T00:00:00Z"
    assert world.reconcile() == frozenset()


def test_scaling_keeps_what_runs() -> None:
    world = World(deployment(1))
    world.start_all()
    [kept] = [meta(pod)["name"] for pod in world.pods()]
    world.apply(deployment(3))
    assert len(world.pods()) == 3
    world.apply(deployment(1))
    assert [meta(pod)["name"] for pod in world.pods()] == [kept], "those that are not ready go first"
    assert status(world.get("Deployment", "web"))["observedGeneration"] == 3


def test_a_new_template_replaces_pods_when_the_new_ones_are_ready() -> None:
    world = World(deployment(1, "old"))
    world.start_all()
    world.apply(deployment(1, "new"))
    assert sorted(map(command, world.pods())) == ["new", "old"]
    assert status(world.get("Deployment", "web"))["updatedReplicas"] == 1
    assert conditions(world)["Progressing"] == ("True", "ReplicaSetUpdated")
    world.start_all()
    assert [command(pod) for pod in world.pods()] == ["new"]
    assert conditions(world)["Progressing"] == ("True", "NewReplicaSetAvailable")


def test_a_template_that_never_gets_ready_takes_nothing_away() -> None:
    world = World(deployment(4, "old"))
    world.start_all()
    world.apply(deployment(4, "broken"))
    world.reconcile()
    assert sorted(map(command, world.pods())) == ["broken", "broken", "old", "old", "old"]


def test_recreate_ends_all_old_pods_first() -> None:
    world = World(deployment(1, "old", "strategy: {type: Recreate}"))
    world.start_all()
    [old] = world.pods()
    world.apply(deployment(1, "new", "strategy: {type: Recreate}"))
    assert world.pods() == []
    world.end(old)
    assert [command(pod) for pod in world.pods()] == ["new"]


def test_a_paused_deployment_scales_and_does_not_roll() -> None:
    world = World(deployment(1, "old"))
    world.start_all()
    world.apply(deployment(2, "new", "paused: true"))
    assert [command(pod) for pod in world.pods()] == ["old"]
    world.apply(deployment(2, "new"))
    assert "new" in map(command, world.pods())


def test_a_pod_that_was_deleted_or_has_ended_is_replaced() -> None:
    world = World(deployment(1))
    world.start_all()
    [first] = world.pods()
    world.delete("Pod", "default", meta(first)["name"])
    [second] = world.pods()
    assert meta(second)["name"] != meta(first)["name"]
    world.start(second)
    failed = {**status(world.pods()[0]), "phase": "Failed"}
    where = Ref("Pod", "default", meta(second)["name"])
    world.store.transact([Modify(ref=where, change=lambda old: {**old, "status": failed}, status=True)])
    world.reconcile()
    [third] = world.pods()
    assert meta(third)["name"] != meta(second)["name"]


def test_a_deployment_takes_its_pods_along() -> None:
    world = World(deployment(2))
    world.delete("Deployment", "default", "web")
    assert world.pods() == []
    assert world.refused == []
