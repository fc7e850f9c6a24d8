"""Envoy's schema, without which nothing is spelled."""

from __future__ import annotations

import pytest

from meshgate.host.envoy_binary import load_schema


@pytest.fixture(autouse=True, scope="package")
def _schema() -> None:
    load_schema()
