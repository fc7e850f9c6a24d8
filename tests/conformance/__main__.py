"""`python -m tests.conformance simulation|integration|validation [PATH...]`: run Istio's cases.

    simulation [PATH...]                      files or folders of cases of Istio's unit tests
    integration [--live] [PATH|FILTER...]     folders of integration cases; a filter is an area or a part of an id;
                                              --live: make the calls in a running mesh, with real Envoys
    validation [PATH...]                      files or folders of objects with the verdict of istiod's webhook

Ends with `N passed, N failed, N skipped`; exit code 1 if anything failed, 64 if called wrongly.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from meshgate.host.envoy_binary import load_schema
from tests.conformance import simulation, validation
from tests.conformance.cases import SIMULATION
from tests.conformance.integration import simulation as integration
from tests.conformance.integration.cases import INTEGRATION
from tests.conformance.integration.live import run as integration_live
from tests.conformance.outcome import Outcome, summary
from tests.conformance.validation_cases import VALIDATION

_WRONG_USE = 64


def main(arguments: list[str]) -> int:
    """The exit code."""
    match arguments:
        case ["simulation", *rest]:
            paths = [Path(argument) for argument in rest] or [SIMULATION / "cases"]
            return _told(paths, simulation.run(paths))
        case ["integration", *rest]:
            live, words = "--live" in rest, [argument for argument in rest if argument != "--live"]
            paths = [Path(argument) for argument in words if _is_path(argument)] or [INTEGRATION]
            filters = [argument for argument in words if not _is_path(argument)]
            return _told(paths, (integration_live.run if live else integration.run)(paths, filters))
        case ["validation", *rest]:
            paths = [Path(argument) for argument in rest] or [VALIDATION / "objects"]
            return _are_missing(paths) or _told_by_kind(validation.run(paths))
    print(__doc__, file=sys.stderr)
    return _WRONG_USE


def _told_by_kind(outcomes: Iterable[Outcome]) -> int:
    """Print what failed, and the counts of each kind with what it lacks."""
    counted = list(outcomes)
    failed = [outcome for outcome in counted if outcome.status == "failed"]
    for line in (*failed, *validation.counts(counted), summary(counted)):
        print(line)
    return 1 if failed else 0


def _are_missing(paths: Iterable[Path]) -> int:
    """The exit code if one of the paths is not there, else 0."""
    missing = [path for path in paths if not path.exists()]
    if missing:
        print(f"no such file or folder: {missing[0]}", file=sys.stderr)
    return _WRONG_USE if missing else 0


def _is_path(argument: str) -> bool:
    """Ids of cases have slashes, too."""
    return argument.startswith((".", "/")) or argument.endswith(".json") or Path(argument).exists()


def _told(paths: Iterable[Path], outcomes: Iterable[Outcome]) -> int:
    """Print what did not pass and the counts."""
    if _are_missing(paths):
        return _WRONG_USE
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
