"""Istio's cases on meshgate's own resources: what is implemented must pass, and the number only grows."""

from __future__ import annotations

import pytest

from meshgate.host.envoy_binary import load_schema
from tests.conformance.cases import SIMULATION
from tests.conformance.simulation import run

PASSED_AT_LEAST = 319
"""Of the cases that lie in ../shared; raised whenever the table of what is implemented grows."""


@pytest.mark.slow
@pytest.mark.skipif(not SIMULATION.is_dir(), reason="../shared/conformance is not here")
def test_all_that_is_implemented_does_what_istio_expects() -> None:
    load_schema()
    outcomes = list(run([SIMULATION / "cases"]))
    assert [str(one) for one in outcomes if one.status == "failed"] == []
    assert sum(one.status == "passed" for one in outcomes) >= PASSED_AT_LEAST
    assert all(one.text for one in outcomes if one.status == "skipped")
