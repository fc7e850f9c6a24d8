"""The tour as a user runs it: every scenario is seen, and nothing is left of it; and again."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from meshgate.host.network.host_survey import host_link, mesh_id_of
from meshgate.tour.cases import SCENARIOS
from tests import machine
from tests.e2e.mesh import MESHGATE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LONGEST_S = 600


def run_tour(*arguments: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A tour that ends by itself; and where its mesh lived."""
    done = subprocess.run([*MESHGATE, "tour", *arguments], capture_output=True, text=True, timeout=LONGEST_S)
    found = re.search(r"a mesh of its own in (\S+)", done.stdout)
    assert found, done
    return done, Path(found[1])


def assert_clean(data_dir: Path) -> None:
    """No process, link, mount or file is left."""
    link = host_link(mesh_id_of(data_dir))
    wait_until(lambda: not machine.processes_of(str(data_dir.parent)), "all processes have ended")
    wait_until(lambda: link not in machine.links(), "the link is gone")
    assert machine.mounts_of(str(data_dir.parent)) == ()
    assert not data_dir.parent.exists()


def test_all_is_seen_and_nothing_is_left() -> None:
    began = time.monotonic()
    done, data_dir = run_tour()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = re.findall(r"^ *(\w+)  ok +([\d.]+) s  (.*)$", done.stdout, re.MULTILINE)
    assert [number for number, _, _ in lines] == [scenario.number for scenario in SCENARIOS]
    assert sum(float(seconds) for _, seconds, _ in lines) < time.monotonic() - began
    assert f"all was seen: {len(SCENARIOS)} scenarios" in done.stdout
    assert_clean(data_dir)


def test_a_second_tour_in_a_row_ends_clean_too() -> None:
    done, data_dir = run_tour("9", "3", "--verbose")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert [line.split()[0] for line in done.stdout.splitlines() if "  ok  " in line] == ["3", "9"]
    assert "$ meshgate apply -f 03-gateway.yaml -f 03-virtualservice-tcp.yaml" in done.stdout
    assert_clean(data_dir)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_tour_that_is_told_to_end_takes_its_mesh_along(number: signal.Signals) -> None:
    words = [*MESHGATE, "tour", "9", *(["--keep"] if number == signal.SIGINT else [])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as tour:
        assert tour.stdout is not None
        found = re.search(r"a mesh of its own in (\S+)", tour.stdout.readline())
        assert found
        if number == signal.SIGINT:
            assert any("stays up until Ctrl-C" in line for line in tour.stdout)
        tour.send_signal(number)
        tour.stdout.read()
        assert tour.wait(timeout=60) == (0 if number == signal.SIGINT else 1)
    assert_clean(Path(found[1]))


def test_a_scenario_that_does_not_exist_is_said() -> None:
    done = subprocess.run([*MESHGATE, "tour", "99"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "no scenario '99'" in done.stderr


def test_commands_are_printed_and_nothing_is_run() -> None:
    done = subprocess.run([*MESHGATE, "tour", "5a", "--commands"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "--resolve myservice-a.com:80:$GW" in done.stdout
