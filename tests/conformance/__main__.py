"""`python -m tests.conformance simulation [PATH...]`: run Istio's cases, say what failed, what was skipped, why.

Ends with `N passed, N failed, N skipped`; exit code 1 if anything failed, 64 if called wrongly.
"""

from __future__ import annotations

import sys
from pathlib import Path

from meshgate.host.envoy_binary import load_schema
from tests.conformance.cases import SIMULATION
from tests.conformance.outcome import summary
from tests.conformance.simulation import run


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments[:1] != ["simulation"]:
        print("usage: python -m tests.conformance simulation [PATH...]", file=sys.stderr)
        return 64
    paths = [Path(argument) for argument in arguments[1:]] or [SIMULATION / "cases"]
    missing = [path for path in paths if not path.exists()]
    if missing:
        print(f"no such file or folder: {missing[0]}", file=sys.stderr)
        return 64
    load_schema()
    outcomes = []
    for outcome in run(paths):
        outcomes.append(outcome)
        if outcome.status != "passed":
            print(outcome)
    print(summary(outcomes))
    return 1 if any(outcome.status == "failed" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
