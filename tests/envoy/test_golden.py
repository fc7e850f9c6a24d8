"""Each case is spelled as its golden file says, and a live Envoy takes it: no wrong golden can be blessed.

`pytest --update-golden` rewrites the files.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meshgate.envoy import Resource, emit, emit_load_assignment, resource_json
from tests.envoy.case import Case
from tests.envoy.cluster_cases import CLUSTERS
from tests.envoy.listener_cases import LISTENERS
from tests.envoy.route_cases import ROUTES
from tests.live_envoy import LiveEnvoy

GOLDEN = Path(__file__).parent / "golden"
CASES = {**CLUSTERS, **LISTENERS, **ROUTES}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def _resources(case: Case) -> list[Resource]:
    resources = emit(case)
    endpoints = [emit_load_assignment(plan) for plan in case.load_assignments]
    return [*resources.clusters, *endpoints, *resources.listeners, *resources.route_configurations]


@pytest.mark.parametrize("name", CASES)
def test_spelling(name: str, request: pytest.FixtureRequest) -> None:
    spelled = [resource_json(resource) for resource in _resources(CASES[name])]
    file = GOLDEN / f"{name}.yaml"
    if request.config.getoption("--update-golden"):
        file.write_text(yaml.safe_dump(spelled, sort_keys=False, width=120))
    assert spelled == yaml.safe_load(file.read_text())
    assert "string_value" not in file.read_text(), "a message's fields where its content belongs"


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.envoy
@every_case
def test_envoy_takes_it(case: Case, live: LiveEnvoy) -> None:
    before = len(live.log)
    live.apply(_resources(case))
    assert live.log[before:] == "", "Envoy has something to say about it"
