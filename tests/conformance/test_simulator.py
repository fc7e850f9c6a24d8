"""The simulation itself, before anything of meshgate's compiler: Istio's resources must give Istio's observations."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import asdict

from meshgate.explain import Deviations, Result, simulate
from meshgate.explain.simulate.deviations import ISTIO_ERRORS
from meshgate.host.envoy_binary import load_schema
from tests.conformance.cases import SIMULATION, Expect, case_files, read_cases
from tests.conformance.istio_xds import read_istio_xds

FILES = list(case_files([SIMULATION / "cases"])) if SIMULATION.is_dir() else []

pytestmark = pytest.mark.skipif(not FILES, reason="../shared/conformance is not here")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_istios_resources_give_istios_observations(path: Path) -> None:
    load_schema()
    xds = read_istio_xds(SIMULATION / "xds" / f"{path.stem}.json.gz")
    for case in read_cases(path):
        for call in case.calls:
            fields = call.fields
            deviations = Deviations.istio_harness(fields.mtls_secret_config_name)
            result = simulate(xds[case.id], fields.as_call(), deviations)
            assert seen(result) == asdict(call.observed), (case.id, call.name, result)


def seen(result: Result) -> dict[str, object]:
    """The result in the data's words."""
    return asdict(
        Expect(
            error=ISTIO_ERRORS[result.error] if result.error else None,
            listener=result.listener,
            filter_chain=result.filter_chain,
            route_config=result.route_config,
            virtual_host=result.virtual_host,
            route=result.route,
            cluster=result.cluster,
        )
    )
