"""The scenarios in the package are those of the tour, to the letter."""

from __future__ import annotations

import pytest

from meshgate.tour import scenario_names, scenario_text
from tests.machine import SHARED

OURS = {"workloads", "gateway-workloads", "ingress-gateway", "my-nginx"}
"""What the package adds to the tour's own files."""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the tour's own files are not beside the project")
@pytest.mark.parametrize("name", sorted(set(scenario_names()) - OURS))
def test_the_package_has_the_scenario_to_the_letter(name: str) -> None:
    assert scenario_text(name) == (SHARED / "scenarios" / f"{name}.yaml").read_text()
