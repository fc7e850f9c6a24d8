"""Deployments: pods from a template, as many as wanted, replaced one by one when the template changes.

There are no ReplicaSets: the pods belong to the Deployment itself and carry the hash of the template they were made
from (`pod-template-hash`), which tells old ones from new ones. They go with their owner, as everything does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from meshgate.host.controllers.endpoint_slices import is_ready
from meshgate.host.controllers.pod_template import HASH_LABEL, pod_of, template_hash
from meshgate.host.controllers.rollout import Counts, Strategy, next_step, strategy_of
from meshgate.host.controllers.view import Controller, Settings, View, is_going, ref, set_status, short_hash
from meshgate.store.core import Create, Delete, Raw, Write, meta


def desired(view: View, _settings: Settings, now: str) -> Iterable[Write]:
    pods: defaultdict[str, list[Raw]] = defaultdict(list)
    for pod in view.list("Pod"):
        for owner in meta(pod).get("ownerReferences") or ():
            if owner.get("kind") == "Deployment" and owner.get("controller"):
                pods[owner["uid"]].append(pod)
    for deployment in view.list("Deployment"):
        if not is_going(deployment):
            yield from _deployment(view, deployment, pods[meta(deployment)["uid"]], now)


def _deployment(view: View, deployment: Raw, pods: Sequence[Raw], now: str) -> Iterator[Write]:
    spec = deployment["spec"]
    running = [pod for pod in pods if not is_going(pod) and not _has_ended(pod)]
    current = _current_hash(spec, running)
    new = [pod for pod in running if _hash(pod) == current]
    old = [pod for pod in running if _hash(pod) != current]
    replicas = spec.get("replicas", 1)
    strategy = strategy_of(1 if replicas is None else int(replicas), spec.get("strategy"))
    counts = Counts(
        new=len(new),
        new_available=sum(map(is_ready, new)),
        old=len(old),
        old_available=sum(map(is_ready, old)),
        ending=sum(1 for pod in pods if is_going(pod) and _hash(pod) != current),
    )
    step = next_step(strategy, counts)
    if current == template_hash(spec["template"]):
        namespace = view.get("Namespace", "", meta(deployment)["namespace"]) or {}
        labels = meta(namespace).get("labels") or {}
        for number in range(step.create):
            letters = short_hash([meta(deployment)["uid"], current, now, len(pods) + number], 5)
            yield Create(raw=pod_of(deployment, current, letters, labels))
    for pod in (
        *_first_to_go(old, step.end_old),
        *_first_to_go(new, step.end_new),
        *(pod for pod in pods if _has_ended(pod) and not is_going(pod)),
    ):
        yield Delete(ref=ref(pod), uid=meta(pod)["uid"], missing_ok=True)
    yield from set_status(deployment, _status(deployment, strategy, counts, now))


def _current_hash(spec: Mapping[str, Any], running: Sequence[Raw]) -> str:
    """Of the template; of the newest pods while the Deployment is paused."""
    if spec.get("paused") and running:
        return _hash(max(running, key=lambda pod: meta(pod).get("creationTimestamp", "")))
    return template_hash(spec["template"])


def _first_to_go(pods: Sequence[Raw], count: int) -> Sequence[Raw]:
    """Those that are not ready, then the newest."""
    ordered = sorted(pods, key=lambda pod: meta(pod).get("creationTimestamp", ""), reverse=True)
    return sorted(ordered, key=is_ready)[:count]


def _status(deployment: Raw, strategy: Strategy, counts: Counts, now: str) -> dict[str, Any]:
    total = counts.new + counts.old
    available = counts.new_available + counts.old_available
    numbers = {
        "replicas": total,
        "updatedReplicas": counts.new,
        "readyReplicas": available,
        "availableReplicas": available,
        "unavailableReplicas": max(strategy.replicas - available, 0),
    }
    is_available = available >= strategy.min_available
    is_done = counts.new_available >= strategy.replicas and not counts.old
    return {
        "observedGeneration": meta(deployment).get("generation", 1),
        **{key: value for key, value in numbers.items() if value},
        "conditions": [
            _condition(
                deployment,
                now,
                "Available",
                is_available,
                "MinimumReplicasAvailable" if is_available else "MinimumReplicasUnavailable",
                f"Deployment {'has' if is_available else 'does not have'} minimum availability.",
            ),
            _condition(
                deployment,
                now,
                "Progressing",
                True,
                "NewReplicaSetAvailable" if is_done else "ReplicaSetUpdated",
                "the new pods are available" if is_done else "pods are being replaced",
            ),
        ],
    }


def _condition(  # size: the six fields of a condition
    deployment: Raw, now: str, name: str, is_true: bool, reason: str, message: str
) -> dict[str, str]:
    status = "True" if is_true else "False"
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    before: Raw = next((each for each in conditions if each["type"] == name), {})
    is_same = before.get("status") == status and before.get("reason") == reason
    return {
        "type": name,
        "status": status,
        "lastUpdateTime": before["lastUpdateTime"] if is_same else now,
        "lastTransitionTime": before["lastTransitionTime"] if before.get("status") == status else now,
        "reason": reason,
        "message": message,
    }


def _hash(pod: Raw) -> str:
    return str((meta(pod).get("labels") or {}).get(HASH_LABEL, ""))


def _has_ended(pod: Raw) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


DEPLOYMENTS = Controller(name="deployments", reads=frozenset({"Deployment", "Pod", "Namespace"}), desired=desired)
