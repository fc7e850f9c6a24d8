"""Istio's integration cases on meshgate's own resources: what is implemented must pass, and the number only grows."""

from __future__ import annotations

import pytest

from meshgate.host.envoy_binary import load_schema
from tests.conformance.integration.cases import INTEGRATION
from tests.conformance.integration.simulation import run

PASSED_AT_LEAST = 653
"""Of the cases that lie in ../shared; raised whenever the table of what is implemented grows."""


@pytest.mark.slow
@pytest.mark.skipif(not INTEGRATION.is_dir(), reason="../shared/conformance is not here")
def test_calls_answers_and_resources_are_istios() -> None:
    load_schema()
    outcomes = list(run([INTEGRATION]))
    assert [str(one) for one in outcomes if one.status == "failed"] == []
    assert sum(one.status == "passed" for one in outcomes) >= PASSED_AT_LEAST
    assert all(one.text for one in outcomes if one.status == "skipped")
