"""A Pod's status from what its containers do: pure, in Kubernetes' words.

The sidecar counts for readiness (as `istio-proxy` does on a cluster) but not for the phase: a job is done when its own
containers are. `lastTransitionTime` of a condition moves only when the condition changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, structs

from meshgate.api import Pod
from meshgate.host.pods.injection import PROXY

Json = dict[str, object]


class Waiting(Struct, frozen=True, kw_only=True):
    reason: str = "ContainerCreating"
    message: str = ""


class Running(Struct, frozen=True, kw_only=True):
    started: datetime


class Terminated(Struct, frozen=True, kw_only=True):
    exit_code: int
    started: datetime
    ended: datetime
    reason: str = ""
    """Empty: Completed or Error, by the exit code."""
    message: str = ""


State = Waiting | Running | Terminated


class ContainerState(Struct, frozen=True, kw_only=True):
    """What one container does."""

    name: str
    state: State = Waiting()
    last: Terminated | None = None
    """The run before the present one."""
    restarts: int = 0
    is_ready: bool = False
    is_started: bool = False
    """The startup probe has succeeded, or there is none and it runs."""
    why_not: str = ""
    """Why it runs and is not ready, once that is known."""
    id: str = ""
    """Of the present or last run, in the runtime."""

    def replace(self, **changes: object) -> ContainerState:
        return structs.replace(self, **changes)


class PodState(Struct, frozen=True, kw_only=True):
    """All that the status is made from."""

    spec: Pod
    containers: Sequence[ContainerState]
    init_containers: Sequence[ContainerState] = ()
    address: str = ""
    host_address: str = ""
    started: datetime | None = None
    is_initialized: bool = False
    message: str = ""
    """What keeps the whole pod from running."""
    reason: str = ""
    is_terminating: bool = False


def pod_status(pod: PodState, before: Mapping[str, object], now: datetime) -> Json:
    """The new status; `before` is the present one, whose transition times stay where nothing changes."""
    phase = pod_phase(pod)
    status: Json = {"phase": phase, "conditions": _conditions(pod, phase, before, now), "qosClass": "BestEffort"}
    if pod.started is not None:
        status["startTime"] = rfc3339(pod.started)
    if pod.address:
        status |= {"podIP": pod.address, "podIPs": [{"ip": pod.address}]}
    if pod.host_address:
        status |= {"hostIP": pod.host_address, "hostIPs": [{"ip": pod.host_address}]}
    for name, text in (("reason", pod.reason), ("message", pod.message)):
        if text:
            status[name] = text
    if pod.init_containers:
        status["initContainerStatuses"] = _container_statuses(pod.spec.init_containers, pod.init_containers)
    status["containerStatuses"] = _container_statuses(pod.spec.containers, pod.containers)
    return status


def pod_phase(pod: PodState) -> str:
    """Pending, Running, Succeeded or Failed, as a kubelet counts (`getPhase`)."""
    own = [container for container in pod.containers if container.name != PROXY] or list(pod.containers)
    policy = pod.spec.restart_policy
    if not pod.is_initialized:
        failed = any(_has_failed(container) for container in pod.init_containers)
        return "Failed" if failed and policy == "Never" else "Pending"
    states = [container.state for container in own]
    if all(isinstance(state, Terminated) for state in states) and policy != "Always":
        codes = [state.exit_code for state in states if isinstance(state, Terminated)]
        if all(code == 0 for code in codes):
            return "Succeeded"
        if policy == "Never":
            return "Failed"
    is_new = any(isinstance(container.state, Waiting) and container.last is None for container in own)
    return "Pending" if is_new else "Running"


def is_done(phase: str) -> bool:
    return phase in ("Succeeded", "Failed")


def _has_failed(container: ContainerState) -> bool:
    return isinstance(container.state, Terminated) and container.state.exit_code != 0


def _conditions(pod: PodState, phase: str, before: Mapping[str, object], now: datetime) -> list[Json]:
    unready = [container.name for container in pod.containers if not container.is_ready]
    why: tuple[str, str] = ("", "")
    if is_done(phase):
        why = ("PodCompleted" if phase == "Succeeded" else "PodFailed", "")
    elif unready:
        why = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    is_ready = not unready and not is_done(phase)
    uninitialized = [container.name for container in pod.init_containers if not _is_complete(container)]
    not_initialized = ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(uninitialized)}]")
    ready_why = ("PodTerminating", "") if is_ready and pod.is_terminating else why
    wanted = [
        ("PodScheduled", True, ("", "")),
        ("Initialized", pod.is_initialized, ("", "") if pod.is_initialized else not_initialized),
        ("ContainersReady", is_ready, why),
        ("Ready", is_ready and not pod.is_terminating, ready_why),
    ]
    return [_condition(kind, holds, why, before, now) for kind, holds, why in wanted]


def _is_complete(container: ContainerState) -> bool:
    return isinstance(container.state, Terminated) and container.state.exit_code == 0


def _condition(kind: str, holds: bool, why: tuple[str, str], before: Mapping[str, object], now: datetime) -> Json:
    status = "True" if holds else "False"
    known = before.get("conditions")
    old: Json = next((each for each in known if each.get("type") == kind), {}) if isinstance(known, list) else {}
    since = old.get("lastTransitionTime") if old.get("status") == status else None
    condition: Json = {"type": kind, "status": status, "lastTransitionTime": since or rfc3339(now)}
    for name, text in zip(("reason", "message"), why, strict=True):
        if text:
            condition[name] = text
    return condition


def _container_statuses(specs: Sequence[object], states: Sequence[ContainerState]) -> list[Json]:
    images = {getattr(spec, "name", ""): getattr(spec, "image", "") for spec in specs}
    return [_container_status(state, images.get(state.name, "")) for state in states]


def _container_status(container: ContainerState, image: str) -> Json:
    status: Json = {
        "name": container.name,
        "ready": container.is_ready,
        "started": container.is_started,
        "restartCount": container.restarts,
        "image": image,
        "imageID": "",
        "state": _state(container.state),
        "lastState": _state(container.last) if container.last is not None else {},
    }
    if container.id:
        status["containerID"] = f"meshgate://{container.id}"
    return status


def _state(state: State) -> Json:
    match state:
        case Waiting():
            waiting: Json = {"reason": state.reason}
            return {"waiting": {**waiting, "message": state.message} if state.message else waiting}
        case Running():
            return {"running": {"startedAt": rfc3339(state.started)}}
        case Terminated():
            terminated: Json = {
                "exitCode": state.exit_code,
                "reason": state.reason or ("Completed" if state.exit_code == 0 else "Error"),
                "startedAt": rfc3339(state.started),
                "finishedAt": rfc3339(state.ended),
            }
            return {"terminated": {**terminated, "message": state.message} if state.message else terminated}


def rfc3339(moment: datetime) -> str:
    """As Kubernetes writes times: UTC, whole seconds.

    >>> rfc3339(datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
