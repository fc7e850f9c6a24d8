"""`python -m tests.conformance simulation|integration [PATH...]`: run Istio's cases, say what failed or was skipped.

    simulation [PATH...]                      files or folders of cases of Istio's unit tests
    integration [PATH|FILTER...]              folders of integration cases; a filter is an area or a part of an id

Ends with `N passed, N failed, N skipped`; exit code 1 if anything failed, 64 if called wrongly.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from meshgate.host.envoy_binary import load_schema
from tests.conformance import simulation
from tests.conformance.cases import SIMULATION
from tests.conformance.integration import simulation as integration
from tests.conformance.integration.cases import INTEGRATION
from tests.conformance.outcome import Outcome, summary

_WRONG_USE = 64


def main(arguments: list[str]) -> int:
    """The exit code."""
    match arguments:
        case ["simulation", *rest]:
            paths = [Path(argument) for argument in rest] or [SIMULATION / "cases"]
            missing = [path for path in paths if not path.exists()]
            if missing:
                print(f"no such file or folder: {missing[0]}", file=sys.stderr)
                return _WRONG_USE
            return _told(simulation.run(paths))
        case ["integration", *rest]:
            paths = [Path(argument) for argument in rest if Path(argument).exists()] or [INTEGRATION]
            filters = [argument for argument in rest if not Path(argument).exists()]
            return _told(integration.run(paths, filters))
    print(__doc__, file=sys.stderr)
    return _WRONG_USE


def _told(outcomes: Iterable[Outcome]) -> int:
    """Print what did not pass and the counts."""
    load_schema()
    counted = []
    for outcome in outcomes:
        counted.append(outcome)
        if outcome.status != "passed":
            print(outcome)
    print(summary(counted))
    return 1 if any(outcome.status == "failed" for outcome in counted) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
