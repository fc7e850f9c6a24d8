"""Istio's own data that tests compare with. Tests that need it skip where it is missing."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any

import pytest
import yaml

from tests.conformance.validation_cases import VALIDATION

needs_verdicts = pytest.mark.skipif(not VALIDATION.exists(), reason="the recorded verdicts of Istio are not here")


@cache
def resource_definitions() -> tuple[dict[str, Any], ...]:
    """Istio's CustomResourceDefinitions."""
    with gzip.open(VALIDATION / "crd" / "crd-all.gen.yaml.gz", "rt") as text:
        return tuple(document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document)
