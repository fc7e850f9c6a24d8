"""The examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import meshgate.explain.dump

MODULES = [found.name for found in pkgutil.walk_packages(meshgate.explain.dump.__path__, "meshgate.explain.dump.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
