"""The simulation and the checks themselves, before anything of meshgate's compiler: on the resources that Istio made.

They must give all that Istio observed, every expectation must hold, and they must be found valid (but for the cases of
which Istio says that they are not).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import asdict

from meshgate.explain import Deviations, simulate
from meshgate.host.envoy_binary import load_schema
from tests.conformance.cases import SIMULATION, case_files, read_cases
from tests.conformance.checks import check_call, check_case, seen, virtual_host_clusters
from tests.conformance.istio_xds import read_istio_xds
from tests.conformance.validity import faults_of

FILES = list(case_files([SIMULATION / "cases"])) if SIMULATION.is_dir() else []

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FILES, reason="../shared/conformance is not here")]


@pytest.fixture(autouse=True, scope="module")
def _schema() -> None:
    load_schema()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_istios_resources_give_istios_observations(path: Path) -> None:
    xds = read_istio_xds(SIMULATION / "xds" / f"{path.stem}.json.gz")
    for case in read_cases(path):
        for call in case.calls:
            deviations = Deviations.istio_harness(call.fields.mtls_secret_config_name)
            result = simulate(xds[case.id], call.fields.as_call(), deviations)
            observed = {key: value for key, value in asdict(call.observed).items() if key in seen(result)}
            assert seen(result) == observed, (case.id, call.name, result)
        if case.expect_route_config in (known := xds[case.id].route_configurations if not case.skip else {}):
            found = virtual_host_clusters(known[case.expect_route_config])
            assert found == {domain: clusters or [] for domain, clusters in case.observed_virtual_hosts.items()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_istios_resources_pass_all_checks(path: Path) -> None:
    xds = read_istio_xds(SIMULATION / "xds" / f"{path.stem}.json.gz")
    for case in read_cases(path):
        if case.skip:
            continue
        calls = [check_call(case, call, xds[case.id]) for call in case.calls]
        assert [str(one) for one in (*calls, *check_case(case, xds[case.id])) if one.status != "passed"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_resources_that_istio_knows_as_invalid_are_found_so(path: Path) -> None:
    invalid = [case.id for case in read_cases(path) if case.skip_xds_validation]
    xds = read_istio_xds(SIMULATION / "xds" / f"{path.stem}.json.gz") if invalid else {}
    assert [case for case in invalid if not faults_of(xds[case])] == []
