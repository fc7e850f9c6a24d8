"""What a command starts with, besides its namespaces: limits, signals, groups, terminals."""

from __future__ import annotations

import asyncio
import resource
import signal
from pathlib import Path

import pytest

from meshgate.host.holder.child import exit_code_of
from meshgate.host.holder.requests import Limit
from tests.host.capsules import CapsuleUnderTest, capsule_under_test, output_of, shell


def _lines(directory: Path, script: str, *limits: Limit) -> list[str]:
    async def run(capsule: CapsuleUnderTest) -> str:
        client = capsule.connect()
        text = await output_of(client, shell("pod/app", script)._replace(limits=limits))
        client.close()
        return text

    with capsule_under_test(directory) as capsule:
        return asyncio.run(run(capsule)).splitlines()


@pytest.mark.e2e
def test_limits_are_set_as_far_as_the_holder_may(tmp_path: Path) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = (Limit(resource.RLIMIT_NOFILE, 1 << 40, 1 << 40), Limit(resource.RLIMIT_CORE, 0, 0))
    assert _lines(tmp_path, "ulimit -Sn; ulimit -Hn; ulimit -Hc", *limits) == [str(most), str(most), "0"]


@pytest.mark.e2e
def test_soft_limit_is_never_above_the_hard_one(tmp_path: Path) -> None:
    limit = Limit(resource.RLIMIT_NOFILE, 500, 100)
    assert _lines(tmp_path, "ulimit -Sn; ulimit -Hn", limit) == ["100", "100"]


@pytest.mark.e2e
def test_signals_are_neither_ignored_nor_blocked(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does to whoever starts the mesh
    try:
        lines = _lines(tmp_path, "grep -E '^Sig(Blk|Ign)' /proc/self/status")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert [line.split()[1] for line in lines] == ["0000000000000000"] * 2


@pytest.mark.e2e
def test_command_leads_a_session_of_its_own(tmp_path: Path) -> None:
    assert _lines(tmp_path, "ps -o pid=,pgid=,sid= -p $$ | tr -s ' '")[0].split() == ["2", "2", "2"]


def test_exit_codes_are_those_of_container_runtimes() -> None:
    assert exit_code_of(3 << 8) == 3
    assert exit_code_of(signal.SIGKILL) == 137
