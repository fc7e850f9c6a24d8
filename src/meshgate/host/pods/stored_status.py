"""Reads back what an earlier control plane wrote into a Pod's status: where its containers stood. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from meshgate.host.pods.status import ContainerState, Running, Terminated, Waiting


def _lost(started: datetime, now: datetime) -> Terminated:
    return Terminated(
        exit_code=137,
        started=started,
        ended=now,
        reason="ContainerStatusUnknown",
        message="the mesh was down: what became of the container is not known",
    )


def stored_containers(raw: Mapping[str, object], now: datetime) -> dict[str, ContainerState]:
    """The states by container name, init containers too; what ran is taken for lost (adoption knows better)."""
    status = raw.get("status")
    if not isinstance(status, Mapping):
        return {}
    found = {}
    for field in ("initContainerStatuses", "containerStatuses"):
        listed = status.get(field)
        for entry in listed if isinstance(listed, list) else ():
            state = _container(entry, now)
            found[state.name] = state
    return found


def stored_start(raw: Mapping[str, object]) -> datetime | None:
    """When the pod was first started."""
    status = raw.get("status")
    text = status.get("startTime") if isinstance(status, Mapping) else None
    return _moment(text) if isinstance(text, str) else None


def stored_address(raw: Mapping[str, object]) -> str:
    status = raw.get("status")
    address = status.get("podIP", "") if isinstance(status, Mapping) else ""
    return str(address)


def stored_phase(raw: Mapping[str, object]) -> str:
    status = raw.get("status")
    return str(status.get("phase", "")) if isinstance(status, Mapping) else ""


def _container(entry: Mapping[str, object], at: datetime) -> ContainerState:
    now, before = entry.get("state"), entry.get("lastState")
    state = _state(now) if isinstance(now, Mapping) else Waiting()
    last = _state(before) if isinstance(before, Mapping) else None
    restarts = entry.get("restartCount")
    return ContainerState(
        name=str(entry.get("name", "")),
        state=_lost(state.started, at) if isinstance(state, Running) else state,
        last=last if isinstance(last, Terminated) else None,
        restarts=restarts if isinstance(restarts, int) else 0,
        is_ready=bool(entry.get("ready")),
        is_started=bool(entry.get("started")),
        id=str(entry.get("containerID", "")).removeprefix("meshgate://"),
    )


def _state(state: Mapping[str, object]) -> Waiting | Running | Terminated:
    running, terminated = state.get("running"), state.get("terminated")
    if isinstance(running, Mapping):
        return Running(started=_moment(str(running.get("startedAt"))))
    if isinstance(terminated, Mapping):
        code = terminated.get("exitCode")
        return Terminated(
            exit_code=code if isinstance(code, int) else 137,
            started=_moment(str(terminated.get("startedAt"))),
            ended=_moment(str(terminated.get("finishedAt"))),
            reason=str(terminated.get("reason", "")),
            message=str(terminated.get("message", "")),
        )
    return Waiting()


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
