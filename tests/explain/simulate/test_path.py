"""Path normalisation before routing."""

from __future__ import annotations

import pytest

from meshgate.explain import Failure, simulate
from meshgate.explain.simulate.path import canonical_path
from tests.explain.simulate.made import Fields, call, chain, configuration, http, listener, to
from tests.explain.simulate.path_tables import CANONICAL, MANAGED


@pytest.mark.parametrize(("path", "expected"), CANONICAL)
def test_canonical_path(path: str, expected: str) -> None:
    assert canonical_path(path) == expected
    assert canonical_path(expected) == expected


@pytest.mark.parametrize(("fields", "path", "expected"), MANAGED)
def test_connection_managers_rules(fields: Fields, path: str, expected: str | None) -> None:
    routes = [to("yes", {"path": (expected or "/").partition("?")[0]})]
    made = configuration(listener(chain("c", http({"routes": routes}, fields=fields))), clusters=["yes"])
    result = simulate(made, call({"path": path}))
    assert (result.cluster == "yes") is (expected is not None)
    assert result.error in ((None,) if expected else (Failure.BAD_REQUEST, Failure.NOT_SIMULATED))
