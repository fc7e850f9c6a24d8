"""Examples in the docstrings of what has some."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from meshgate.app import report_status, suppression
from meshgate.cli import problems
from meshgate.store.core import metadata


@pytest.mark.parametrize("module", [report_status, suppression, problems, metadata], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    tested = doctest.testmod(module)
    assert tested.attempted
    assert not tested.failed
