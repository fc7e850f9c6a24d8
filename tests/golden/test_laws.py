"""What holds for every case: the order of objects says nothing, and what one resource names, another one is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.app.compiler import Compiler
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource, resource_json
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import Facts
from meshgate.proto.messages import Json
from tests.golden.made import CASES, objects_of, resources_of

every_case = pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])

DANGLING = {
    # a route to a host that is not there stays, as in Istio, and answers 503 (problem IST0101)
    "gateway-actions": {f"outbound|80|{subset}|web.shop.svc.cluster.local" for subset in ("copy", "v1", "v2")},
    "gateway-delegates": {"outbound|8080||own.team.svc.cluster.local"},
    "gateway-http": {"outbound|8080||nowhere.shop.svc.cluster.local"},
}


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


@every_case
def test_equal_objects_give_equal_bytes_in_any_order_and_with_any_past(file: Path) -> None:
    objects = objects_of(file)
    expected = resources_of(objects)[1]
    compiler = Compiler(Facts())
    shuffler = random.Random(file.stem)
    for _ in range(5):
        assert resources_of(shuffler.sample(objects, len(objects)), compiler=compiler)[1] == expected
    for left_out in (item for item in objects if item.kind != "Pod"):
        resources_of([item for item in objects if item is not left_out], compiler=compiler)
        assert resources_of(objects, compiler=compiler)[1] == expected


@every_case
def test_every_reference_leads_somewhere(file: Path) -> None:
    resources = resources_of(objects_of(file))[1]
    clusters = _named(resources, CLUSTER)
    used = {
        name for item in resources if item.type_url in (LISTENER, ROUTES) for name in _clusters(resource_json(item))
    }
    assert used - clusters == DANGLING.get(file.stem, set())
    assert {name for item in resources for name in _values(resource_json(item), "route_config_name")} == _named(
        resources, ROUTES
    )
    eds = {item.name for item in resources if item.type_url == CLUSTER and resource_json(item).get("type") == "EDS"}
    assert eds == _named(resources, ENDPOINTS)


def _named(resources: list[Resource], kind: str) -> set[str]:
    return {item.name for item in resources if item.type_url == kind}


def _clusters(value: Json) -> Iterator[str]:
    """Names of clusters in routes and TCP proxies: `cluster`, and `name` of what is weighted."""
    yield from _values(value, "cluster")
    for weighted in _found(value, "weighted_clusters"):
        yield from _values(weighted, "name")


def _values(value: Json, key: str) -> Iterator[str]:
    return (found for found in _found(value, key) if isinstance(found, str))


def _found(value: Json, key: str) -> Iterator[Json]:
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for item in value.values():
            yield from _found(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _found(item, key)
