"""Envoy's schema, for the tests that spell messages."""

from __future__ import annotations

import pytest

from meshgate.host.envoy_binary import load_schema


@pytest.fixture(autouse=True, scope="package")
def _schema() -> None:
    load_schema()
