"""`meshgate version`: what every command pays before it does anything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from tests.bench.figure import Figure, Target
from tests.e2e.mesh import MESHGATE

TARGET = Target(limit=150)
TIMES = 4
"""It is quick: so many in each round."""


def measure(rounds: int) -> tuple[Figure, ...]:
    measured, baseline = [], []
    for _ in range(rounds * TIMES):
        baseline.append(milliseconds([sys.executable, "-c", "pass"]))
        measured.append(milliseconds([*MESHGATE, "version"]))
    return (
        Figure(
            name="`meshgate version`",
            unit="ms",
            target=TARGET,
            measured=tuple(measured),
            baseline=tuple(baseline),
            baseline_name="`python -c pass`",
        ),
    )


def milliseconds(command: Sequence[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=30)
    return (time.monotonic() - began) * 1000
