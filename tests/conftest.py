"""What all tests share: switches, and where a kind of test cannot run, a reason instead of a failure.

`MESHGATE_REQUIRE_E2E=1` (set by .ci/run) turns a skipped end-to-end test into a failure, so that a machine on which
nothing was tried cannot look green; so does a missing tool (`machine.has_tool`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import hypothesis
import pytest

from tests.machine import why_no_namespaces

hypothesis.settings.register_profile(
    "meshgate", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("meshgate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden cases anew instead of comparing")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden writes what is expected: not in CI")


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    end_to_end = [item for item in items if item.get_closest_marker("e2e")]
    if not end_to_end:
        return
    reason = why_no_namespaces()
    if reason is None:
        return
    if os.environ.get("MESHGATE_REQUIRE_E2E"):
        raise pytest.UsageError(f"{len(end_to_end)} end-to-end tests are required here and can't run: {reason}")
    for item in end_to_end:
        item.add_marker(pytest.mark.skip(reason=f"no end-to-end tests: {reason}"))


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """True where golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))
