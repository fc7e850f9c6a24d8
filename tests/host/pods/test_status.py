"""A pod's status in Kubernetes' words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshgate.api import RestartPolicy
from meshgate.host.pods.status import (
    ContainerState,
    PodState,
    Running,
    State,
    Terminated,
    Waiting,
    pod_phase,
    pod_status,
)
from meshgate.host.pods.stored_status import stored_address, stored_containers, stored_phase, stored_start
from tests.host.pods.objects import pod

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = START + timedelta(minutes=1)
RUNS = Running(started=START)
DONE = Terminated(exit_code=0, started=START, ended=LATER)
FAILED = Terminated(exit_code=3, started=START, ended=LATER, message="no such file")
ALWAYS, ON_FAILURE, NEVER = RestartPolicy.ALWAYS, RestartPolicy.ON_FAILURE, RestartPolicy.NEVER


def _state(policy: RestartPolicy, *states: State, proxy: State | None = None, initialized: bool = True) -> PodState:
    names = [*(f"app-{number}" for number in range(len(states))), *(["istio-proxy"] if proxy else [])]
    containers = ", ".join(f"{{name: {name}, command: [x], image: i}}" for name in names)
    spec = pod(f"{{restartPolicy: {policy.value}, containers: [{containers}]}}").spec
    of = zip(names, [*states, *([proxy] if proxy else [])], strict=True)
    found = [ContainerState(name=name, state=state, is_ready=isinstance(state, Running)) for name, state in of]
    return PodState(spec=spec, containers=found, is_initialized=initialized, address="10.1.2.3", started=START)


def _conditions(status: dict[str, object]) -> dict[str, Any]:
    conditions = status["conditions"]
    assert isinstance(conditions, list)
    return {each["type"]: each for each in conditions}


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (_state(ALWAYS, RUNS), "Running"),
        (_state(ALWAYS, Waiting()), "Pending"),
        (_state(ALWAYS, RUNS, Waiting()), "Pending"),
        (_state(ALWAYS, RUNS, initialized=False), "Pending"),
        (_state(ALWAYS, FAILED), "Running"),
        (_state(NEVER, DONE, DONE), "Succeeded"),
        (_state(NEVER, DONE, FAILED), "Failed"),
        (_state(NEVER, DONE, RUNS), "Running"),
        (_state(ON_FAILURE, DONE), "Succeeded"),
        (_state(ON_FAILURE, FAILED), "Running"),
        (_state(NEVER, DONE, proxy=RUNS), "Succeeded"),
        (_state(ALWAYS, RUNS, proxy=Waiting()), "Running"),
        (_state(ALWAYS, proxy=RUNS), "Running"),
    ],
)
def test_phase_counts_applications(state: PodState, phase: str) -> None:
    assert pod_phase(state) == phase


def test_container_that_waits_after_a_run_does_not_make_a_pod_pending() -> None:
    state = _state(ALWAYS, RUNS)
    waiting = state.containers[0].replace(state=Waiting(reason="CrashLoopBackOff"), last=FAILED)
    again = PodState(spec=state.spec, containers=[waiting], is_initialized=True)
    assert pod_phase(again) == "Running"


def test_status_of_a_running_pod_is_whole() -> None:
    status = pod_status(_state(ALWAYS, RUNS), {}, LATER)
    assert {name: each["status"] for name, each in _conditions(status).items()} == {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }
    assert status["podIP"] == "10.1.2.3"
    assert status["startTime"] == "2026-01-02T03:04:05Z"
    assert status["containerStatuses"] == [
        {
            "name": "app-0",
            "ready": True,
            "started": False,
            "restartCount": 0,
            "image": "i",
            "imageID": "",
            "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
            "lastState": {},
        }
    ]


def test_pod_is_ready_when_all_of_it_is_and_says_what_is_not() -> None:
    conditions = _conditions(pod_status(_state(ALWAYS, RUNS, proxy=Waiting()), {}, LATER))
    assert conditions["Ready"]["status"] == "False"
    assert conditions["Ready"]["message"] == "containers with unready status: [istio-proxy]"


def test_terminating_pod_is_not_ready_though_its_containers_are() -> None:
    state = _state(ALWAYS, RUNS)
    ending = PodState(spec=state.spec, containers=state.containers, is_initialized=True, is_terminating=True)
    conditions = _conditions(pod_status(ending, {}, LATER))
    assert (conditions["ContainersReady"]["status"], conditions["Ready"]["status"]) == ("True", "False")


def test_transition_time_moves_only_with_its_condition() -> None:
    before = pod_status(_state(ALWAYS, Waiting()), {}, START)
    after = _conditions(pod_status(_state(ALWAYS, RUNS), before, LATER))
    assert after["PodScheduled"]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert after["Ready"]["lastTransitionTime"] == "2026-01-02T03:05:05Z"


def test_what_was_written_is_read_back() -> None:
    state = _state(ALWAYS, FAILED)
    crashed = state.containers[0].replace(
        state=Waiting(reason="CrashLoopBackOff"), last=FAILED, restarts=2, id="pod/u/app-0/2"
    )
    raw = {
        "status": pod_status(
            PodState(spec=state.spec, containers=[crashed], started=START, address="10.1.2.3"), {}, LATER
        )
    }
    back = stored_containers(raw, LATER)["app-0"]
    assert back == crashed.replace(state=Waiting(reason="ContainerCreating"), last=FAILED.__replace__(reason="Error"))
    assert stored_start(raw) == START
    assert stored_address(raw) == "10.1.2.3"
    assert stored_phase(raw) == "Pending"


def test_container_that_ran_is_taken_for_lost_until_it_is_found() -> None:
    raw = {"status": pod_status(_state(ALWAYS, RUNS), {}, LATER)}
    back = stored_containers(raw, LATER)["app-0"].state
    assert isinstance(back, Terminated)
    assert (back.exit_code, back.reason) == (137, "ContainerStatusUnknown")
    assert (back.started, back.ended) == (START, LATER)


@pytest.mark.parametrize("raw", [{}, {"status": {}}, {"status": {"containerStatuses": [{}], "startTime": "nonsense"}}])
def test_status_of_strangers_is_survived(raw: dict[str, object]) -> None:
    stored_containers(raw, LATER)
    stored_start(raw)
    assert stored_phase(raw) == stored_address(raw) == ""
