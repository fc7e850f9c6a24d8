"""A container's life on a clock that jumps, with a runtime that only pretends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from meshgate.api import Container, RestartPolicy
from meshgate.host.holder.requests import ChildState
from meshgate.host.pods.container_life import ContainerLife, Kit
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.status import ContainerState, Running, Waiting
from meshgate.host.probes import Verdict
from meshgate.host.runtime import ContainerSpec, Runtime
from meshgate.host.spawn import SpawnFault
from meshgate.host.views import User
from tests.host.quick_loop import run_quickly

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def _now() -> float:
    return EPOCH.timestamp() + asyncio.get_running_loop().time()


class Pretended:
    """A runtime in which every run takes some seconds and ends with a code."""

    def __init__(self, *runs: tuple[float, int] | SpawnFault) -> None:
        self._runs = list(runs)
        self.started: list[tuple[float, str]] = []
        self.forgotten: list[str] = []
        self._ending: dict[str, tuple[float, ChildState]] = {}

    async def start(self, spec: ContainerSpec) -> ChildState:
        self.started.append((round(asyncio.get_running_loop().time(), 1), spec.id))
        run = self._runs.pop(0) if self._runs else (1e9, 0)
        if isinstance(run, SpawnFault):
            raise run
        child = ChildState(spec.id, 7, _now(), "")
        seconds, code = run
        self._ending[spec.id] = (seconds, child._replace(exit_code=code, ended=_now() + seconds))
        return child

    async def wait_exit(self, child_id: str) -> ChildState:
        seconds, ended = self._ending[child_id]
        await asyncio.sleep(seconds)
        return ended

    def state(self, child_id: str) -> ChildState | None:
        return self._ending[child_id][1] if child_id in self._ending else None

    async def forget(self, child_id: str) -> None:
        self.forgotten.append(child_id)


class Life:
    """A container's life and what was seen of it."""

    def __init__(self, runtime: Pretended, policy: RestartPolicy = RestartPolicy.ALWAYS, **kit: Any) -> None:
        self.states: list[ContainerState] = []
        self.warned: list[str] = []
        self.runtime = runtime
        self._kit = Kit(
            runtime=cast(Runtime, runtime),
            build=kit.get("build", self._build),
            watch=kit.get("watch", self._watch),
            last_words=lambda _, run: f"last words of {run}",
            policy=policy,
            grace_s=3,
            warn=lambda reason, message: self.warned.append(f"{reason}: {message}"),
            changed=self._changed,
            now=lambda: datetime.fromtimestamp(_now(), UTC),
        )
        self.life: ContainerLife | None = None

    def run(self, seconds: float, state: ContainerState | None = None, adopted: ChildState | None = None) -> None:
        async def body() -> None:
            self.life = ContainerLife(Container(name="app"), self._kit, state)
            try:
                async with asyncio.timeout(seconds):
                    await self.life.run(adopted)
            except TimeoutError:
                pass

        run_quickly(body())

    @property
    def last(self) -> ContainerState:
        assert self.life is not None
        return self.life.state

    async def _build(self, container: Container, run: int) -> ContainerSpec:
        return ContainerSpec(id=f"pod/u/{container.name}/{run}", argv=("x",), env={}, user=User(uid=1, gid=1))

    async def _watch(self, _container: Container, _id: str, verdict: Verdict) -> None:
        verdict.set_ready(True, "")
        await asyncio.sleep(1e9)

    def _changed(self) -> None:
        assert self.life is not None
        self.states.append(self.life.state)


def test_restarts_come_at_once_then_after_growing_pauses() -> None:
    life = Life(Pretended(*[(1.0, 1)] * 4))
    life.run(100)
    # each run takes 1 s, and 0.05 s for its last words; the pause counts from the end of the run
    assert [round(at) for at, _ in life.runtime.started] == [0, 1, 12, 33, 74]
    assert [name for _, name in life.runtime.started] == [f"pod/u/app/{run}" for run in range(5)]
    assert life.runtime.forgotten == [f"pod/u/app/{run}" for run in range(4)]
    waits = [state.state.message for state in life.states if isinstance(state.state, Waiting) and state.state.message]
    assert list(dict.fromkeys(waits)) == [
        f"back-off {seconds}s restarting failed container app" for seconds in (10, 20, 40)
    ]
    assert life.last.restarts == 4
    assert isinstance(life.last.state, Running)
    assert life.last.is_ready
    assert life.last.last is not None
    assert (life.last.last.exit_code, life.last.last.message) == (1, "last words of 3")


@pytest.mark.parametrize(
    ("policy", "codes", "runs"),
    [
        (RestartPolicy.NEVER, (1,), 1),
        (RestartPolicy.NEVER, (0,), 1),
        (RestartPolicy.ON_FAILURE, (1, 0), 2),
        (RestartPolicy.ALWAYS, (0, 0), 3),
    ],
)
def test_policy_decides_who_is_started_again(policy: RestartPolicy, codes: tuple[int, ...], runs: int) -> None:
    life = Life(Pretended(*[(1.0, code) for code in codes]), policy)
    life.run(60)
    assert len(life.runtime.started) == runs
    assert life.life is not None
    assert life.life.is_over == (policy != RestartPolicy.ALWAYS)


def test_what_is_missing_is_waited_for() -> None:
    tries = 0

    async def build(container: Container, run: int) -> ContainerSpec:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise CannotStart('secret "key" not found')
        return ContainerSpec(id=f"pod/u/{container.name}/{run}", argv=("x",), env={}, user=User(uid=1, gid=1))

    life = Life(Pretended(), build=build)
    life.run(60)
    assert life.states[0].state == Waiting(reason="CreateContainerConfigError", message='secret "key" not found')
    assert life.runtime.started == [(3.5, "pod/u/app/0")]
    assert life.last.restarts == 0


def test_command_that_does_not_run_counts_as_a_run() -> None:
    life = Life(Pretended(SpawnFault('running "x": not found', 2), SpawnFault('running "x": not found', 2)))
    life.run(5)
    assert life.last.state == Waiting(reason="CrashLoopBackOff", message="back-off 10s restarting failed container app")
    assert life.last.last is not None
    assert (life.last.last.exit_code, life.last.last.reason) == (128, "StartError")
    assert life.last.last.message == 'running "x": not found'
    assert life.warned[0] == 'Failed: running "x": not found'


def test_adopted_container_is_watched_where_it_stands() -> None:
    async def wait_exit(_: str) -> ChildState:
        await asyncio.sleep(1e9)
        raise AssertionError

    runtime = Pretended()
    runtime.wait_exit = wait_exit  # type: ignore[method-assign, assignment] # one that never ends
    life = Life(runtime)
    state = ContainerState(name="app", id="pod/u/app/2", restarts=2, is_ready=True, is_started=True)
    life.run(10, state, ChildState("pod/u/app/2", 9, EPOCH.timestamp() - 5, ""))
    assert runtime.started == []
    assert all(each.is_ready for each in life.states)  # it never was anything else
    assert life.last.restarts == 2


def test_container_that_died_meanwhile_is_started_again_with_its_pause() -> None:
    life = Life(Pretended())
    ended = ChildState("pod/u/app/2", 9, EPOCH.timestamp() - 60, "", 137, EPOCH.timestamp() - 5)
    state = ContainerState(name="app", id="pod/u/app/2", restarts=2)
    life.run(60, state, ended)
    assert life.runtime.started == [(15.0, "pod/u/app/3")]  # 20 s after its end
    assert life.last.last is not None
    assert life.last.last.exit_code == 137


def test_fault_in_a_probe_does_not_end_the_container() -> None:
    async def watch(*_: object) -> None:
        raise ValueError("a bug")

    life = Life(Pretended(), watch=watch)
    life.run(10)
    assert isinstance(life.last.state, Running)


def test_unhealthy_container_is_stopped_with_its_grace() -> None:
    stopped: list[tuple[str, float]] = []
    runtime = Pretended((5.0, 143), (1e9, 0))

    async def stop(child_id: str, grace_s: float) -> ChildState:
        stopped.append((child_id, grace_s))
        return await runtime.wait_exit(child_id)

    runtime.stop = stop  # type: ignore[attr-defined] # as the real one has it

    async def watch(_container: Container, child_id: str, verdict: Verdict) -> None:
        if child_id.endswith("/0"):
            await verdict.restart("Liveness probe failed: ill")
        await asyncio.sleep(1e9)

    life = Life(runtime, watch=watch)
    life.run(30)
    assert stopped == [("pod/u/app/0", 3)]
    assert life.warned == ["Unhealthy: Liveness probe failed: ill"]
    assert life.last.restarts == 1
