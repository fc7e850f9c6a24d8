"""A writer that is killed in the middle leaves whole transactions behind, and all that it was told are done."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshgate.store.core import meta
from meshgate.store.sqlite import Store

TRANSACTIONS_BEFORE_THE_KILL = 20


@pytest.mark.slow
@pytest.mark.parametrize("pause_us", [0, 70, 310, 770])
def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path, pause_us: int) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.store.kill_writer", str(tmp_path)]
    told = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            told = int(line)
            if told == TRANSACTIONS_BEFORE_THE_KILL:
                spin(pause_us)
                writer.send_signal(signal.SIGKILL)
    store = Store(tmp_path)
    try:
        numbers = {raw["data"]["n"] for raw in store.list("ConfigMap")}
        assert len(store.list("ConfigMap")) == 10
        (number,) = numbers
        assert int(number) in (told, told + 1)
        newest = max(int(meta(raw)["resourceVersion"]) for raw in store.list("ConfigMap"))
        assert newest == store.revision.value
    finally:
        store.close()


def spin(pause_us: int) -> None:
    """A pause much shorter than a sleep can be, so that the kill falls at another place of the writer's work."""
    end = time.perf_counter_ns() + pause_us * 1000
    while time.perf_counter_ns() < end:
        pass
