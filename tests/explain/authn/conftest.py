"""All tests here speak Envoy's API."""

from __future__ import annotations

import pytest

from meshgate.host.envoy_binary import load_schema


@pytest.fixture(autouse=True, scope="session")
def _schema() -> None:
    load_schema()
