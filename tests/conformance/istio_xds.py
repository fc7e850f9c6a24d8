"""The resources that Istio made for a case, as a `Configuration`.

They are JSON with Envoy's own names. Filters of Istio's own Envoy build (`istio.alpn`, `istio.stats`, ...) are unknown
to stock Envoy's schema, and none of them decides where a call goes: they are left out.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from meshgate.explain import Configuration
from meshgate.proto import from_json, v3


def read_istio_xds(path: Path) -> dict[str, Configuration]:
    """Case id to resources, for one file of `xds/`."""
    with gzip.open(path) as file:
        return {case: _configuration(resources) for case, resources in json.load(file).items()}


def _configuration(resources: dict[str, list[dict[str, Any]]]) -> Configuration:
    return Configuration.decode(
        listeners=_bodies(resources["listeners"], v3.Listener),
        route_configurations=_bodies(resources["routes"], v3.RouteConfiguration),
        clusters=_bodies(resources["clusters"], v3.Cluster),
    )


def _bodies(values: list[dict[str, Any]], cls: type[Message]) -> list[bytes]:
    return [from_json(without_unknown(value), cls).SerializeToString() for value in values]


def without_unknown(value: Any) -> Any:
    """The same value without list items (filters, log formatters) whose extension the schema lacks."""
    if isinstance(value, dict):
        return {key: without_unknown(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_unknown(part) for part in value if not _is_unknown_extension(part)]
    return value


def _is_unknown_extension(value: Any) -> bool:
    config = value.get("typed_config") if isinstance(value, dict) else None
    if not isinstance(config, dict):
        return False
    try:
        v3.pool.FindMessageTypeByName(config["@type"].rpartition("/")[2])
    except KeyError:
        return True
    return False
