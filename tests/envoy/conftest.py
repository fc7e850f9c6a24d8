"""The live Envoy that the tests of this package share: started once, and only if one of them asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshgate.host.envoy_binary import load_schema
from tests.live_envoy import LiveEnvoy, running_envoy


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


@pytest.fixture(scope="session")
def live() -> Iterator[LiveEnvoy]:
    with running_envoy() as envoy:
        yield envoy
