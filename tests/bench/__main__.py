"""`python -m tests.bench [NAME...] [--rounds N]`: measure here and now, and print the table of docs/performance.md.

A missed target is told, not failed: what a figure is depends on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

from tests.bench import (
    certificates,
    change_to_effect,
    compile_time,
    control_plane_memory,
    first_request,
    further_pod,
    request_rate,
    secure_rate,
    version_command,
    xds_load,
)
from tests.bench.figure import Figure, NotMeasured, table

Measure = Callable[[int], tuple[Figure, ...]]
MEASUREMENTS: dict[str, Measure] = {
    "up": first_request.measure,
    "pod": further_pod.measure,
    "apply": change_to_effect.measure,
    "memory": control_plane_memory.measure,
    "version": version_command.measure,
    "rate": request_rate.measure,
    "tls": secure_rate.measure,
    "compile": compile_time.measure,
    "certificates": certificates.measure,
    "xds": xds_load.measure,
}


def rows(name: str, rounds: int) -> list[tuple[str, ...]]:
    """One measurement's rows; a reason in place of figures where it can't be made."""
    began = time.monotonic()
    try:
        measured = [figure.cells() for figure in MEASUREMENTS[name](rounds)]
    except NotMeasured as reason:
        measured = [(name, "-", f"not measured: {reason}", "-", "-", "-")]
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    given = parser.parse_args()
    unknown = set(given.names) - MEASUREMENTS.keys()
    if unknown:
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # bytecode is kept, as after an installation
    print(table([row for name in given.names or MEASUREMENTS for row in rows(name, given.rounds)]))


if __name__ == "__main__":
    main()
