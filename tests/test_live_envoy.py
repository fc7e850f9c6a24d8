"""The live Envoy of our tests tells what Envoy says: else every test that uses it would pass for nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from meshgate.envoy import emit
from tests.envoy.case import Case, at, static, tcp_to
from tests.envoy.listener_cases import LISTENERS
from tests.live_envoy import LiveEnvoy, running_envoy

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def envoy() -> Iterator[LiveEnvoy]:
    with running_envoy() as running:
        yield running


def test_a_refused_listener_is_an_error_with_envoys_words(envoy: LiveEnvoy) -> None:
    case = LISTENERS["listener-negated-predicate"]
    (listener,) = case.listeners
    twice = replace(listener, filter_chains=listener.filter_chains * 2)
    with pytest.raises(AssertionError, match="has the same matching rules defined"):
        envoy.apply(emit(replace(case, listeners=(twice,))))
    envoy.apply(emit(case))  # and the next one is judged by itself


def test_a_resource_that_envoy_never_asks_for_is_an_error(envoy: LiveEnvoy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.live_envoy.DEADLINE_S", 1.0)
    case = LISTENERS["listener-gateway"]
    with pytest.raises(AssertionError, match=r"never asked for: \['http.8080'\]"):
        envoy.apply(emit(replace(case, listeners=())))


def test_what_is_left_out_is_gone(envoy: LiveEnvoy) -> None:
    envoy.apply(emit(LISTENERS["listener-tcp"]))
    assert "0.0.0.0_31400" in envoy.admin("/listeners")
    envoy.apply(emit(Case(clusters=(static("a"),))))
    assert "0.0.0.0_31400" not in envoy.admin("/listeners")


def test_a_listener_whose_cluster_is_missing_is_taken_as_envoy_does(envoy: LiveEnvoy) -> None:
    listener = LISTENERS["listener-negated-predicate"].listeners[0]
    chain = replace(listener.filter_chains[0], filters=(tcp_to("nowhere"),))
    envoy.apply(emit(Case(listeners=(replace(listener, address=at(9100), filter_chains=(chain,)),))))


def test_a_run_that_is_killed_leaves_no_envoy_behind() -> None:
    code = """if True:
        import signal, tests.live_envoy
        with tests.live_envoy.running_envoy() as envoy:
            print(envoy.pid, envoy.directory, flush=True)
            signal.pause()"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        run.kill()
    shutil.rmtree(directory)
    status = Path(f"/proc/{pid}/status")
    deadline = time.monotonic() + 10
    while status.exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
