"""The examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import meshgate.api

MODULES = [
    importlib.import_module(found.name) for found in pkgutil.walk_packages(meshgate.api.__path__, "meshgate.api.")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
