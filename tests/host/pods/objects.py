"""Objects for tests of pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from meshgate.api import Pod, decode, of_type
from meshgate.host.pods.objects import PodResource


class FewObjects:
    """A store of what a test gives it, as YAML."""

    def __init__(self, text: str = "") -> None:
        self._found = {
            (raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"]): raw
            for raw in yaml.safe_load_all(text)
            if raw
        }

    def get(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        return self._found.get((kind, namespace, name))


def pod(spec: str, metadata: str = "") -> PodResource:
    """A pod `shop/web` with this spec, as YAML in flow style."""
    text = f"""
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: shop, uid: u-1, {metadata}}}
spec: {spec}
"""
    resource, problems = decode(yaml.safe_load(text))
    assert resource is not None, problems
    return of_type([resource], Pod)[0]
