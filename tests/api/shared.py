"""Where the recorded verdicts of Istio are, and how they are read. Tests that need them skip where they are missing."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

VALIDATION = Path(__file__).parents[3] / "shared" / "conformance" / "validation"

needs_verdicts = pytest.mark.skipif(not VALIDATION.exists(), reason="the recorded verdicts of Istio are not here")


def verdicts(kind: str) -> list[dict[str, Any]]:
    """The cases of a kind, with their objects or inputs written out."""
    if not VALIDATION.exists():
        return []
    cases = msgspec.json.decode((VALIDATION / "objects" / f"{kind}.json").read_bytes())["cases"]
    return [written_out(case) for case in cases]


def written_out(value: Any) -> Any:
    """Long texts are kept as `{"$repeat": [unit, count, tail?]}`."""
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            unit, count, *tail = value["$repeat"]
            return unit * count + (tail[0] if tail else "")
        return {key: written_out(item) for key, item in value.items()}
    return [written_out(item) for item in value] if isinstance(value, list) else value


@cache
def resource_definitions() -> tuple[dict[str, Any], ...]:
    """Istio's CustomResourceDefinitions."""
    with gzip.open(VALIDATION / "crd" / "crd-all.gen.yaml.gz", "rt") as text:
        return tuple(document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document)
