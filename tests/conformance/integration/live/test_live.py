"""Istio's integration cases with real Envoys: what clients and servers see is what Istio's tests expect."""

from __future__ import annotations

import pytest

from meshgate.host.envoy_binary import load_schema
from tests.conformance.integration.cases import INTEGRATION, read_suite
from tests.conformance.integration.live.run import run_suite
from tests.conformance.integration.live.sample import sampled

CASES_AT_LEAST = 79

pytestmark = [pytest.mark.e2e, pytest.mark.envoy, pytest.mark.slow]


@pytest.mark.skipif(not INTEGRATION.is_dir(), reason="../shared/conformance is not here")
def test_clients_and_servers_see_what_istio_expects() -> None:
    load_schema()
    suite = read_suite(INTEGRATION)
    outcomes = list(run_suite(suite, sampled(suite.cases)))
    assert [str(one) for one in outcomes if one.status == "failed"] == []
    assert len({one.case for one in outcomes if one.status == "passed"}) >= CASES_AT_LEAST
