"""What is translated offline is what the proxies of a running mesh are told, but for addresses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from meshgate.api import Document, documents
from meshgate.app.translate import KEYS, translate
from meshgate.envoy import ENDPOINTS, ROUTES, Resource, resource_json
from meshgate.tour import scenario_text
from tests.e2e.mesh import Mesh, free_port, running_mesh
from tests.xds.ads_client import AdsClient, ads_client

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
FIXED = ("0.0.0.0", "127.0.0.1", "127.0.0.6")
TEXTS = {"workloads": scenario_text("workloads"), "05-mesh-gateway": scenario_text("05-mesh-gateway")}
SELECTORS = {
    "istio-ingressgateway.istio-system": ("istio=ingressgateway", "istio-system"),
    "service-a.default": ("app=service-a", "default"),
    "sleep.default": ("app=sleep", "default"),
}


@pytest.fixture(scope="module")
def mesh_and_port() -> Iterator[tuple[Mesh, int]]:
    port = free_port()
    with running_mesh("--xds-port", str(port)) as mesh:
        mesh.meshgate("apply", "-f", "-", stdin="\n---\n".join(TEXTS.values()))
        mesh.wait_ready("app=service-a", "app=service-b", "app=service-c", "app=sleep", "app=reviews")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        mesh.wait_applied()
        yield mesh, port


def offline() -> tuple[Document, ...]:
    found: list[Document] = []
    for name, text in TEXTS.items():
        read, problems = documents(text, name)
        assert problems == ()
        found += read
    return tuple(found)


def comparable(value: Any) -> Any:
    """Without addresses; lists whose order follows addresses are sorted."""
    match value:
        case str():
            return ADDRESS.sub(lambda found: found[0] if found[0] in FIXED else "ADDRESS", value)
        case dict():
            return {key: comparable(item) for key, item in value.items()}
        case list():
            items = [comparable(item) for item in value]
            return sorted(items, key=repr) if items != value else items
        case _:
            return value


async def told(port: int, node: str) -> Mapping[str, Any]:
    """What the control plane tells this proxy, as a reader of the loopback port sees it."""

    async def ask(client: AdsClient, type_url: str, *names: str) -> list[Any]:
        await client.ask(type_url, *names, node=node)
        response = await client.hear()
        await client.acknowledge(response)
        return [
            resource_json(Resource(name=each.name, version=each.version, type_url=type_url, body=each.resource.value))
            for each in sorted(response.resources, key=lambda each: each.name)
        ]

    async with ads_client(f"127.0.0.1:{port}") as client:
        found = {}
        for key, type_url in KEYS.items():
            found[key] = await ask(client, type_url, *(["*"] if type_url in (ENDPOINTS, ROUTES) else []))
        return found


@pytest.mark.parametrize("target", SELECTORS)
def test_offline_and_live_are_equal_but_for_addresses(mesh_and_port: tuple[Mesh, int], target: str) -> None:
    mesh, port = mesh_and_port
    selector, namespace = SELECTORS[target]
    [pod] = mesh.pods(selector, namespace)
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    node = f"sidecar~10.0.0.1~{metadata['name']}.{namespace}~{namespace}.svc.cluster.local"
    live = asyncio.run(told(port, node))
    translated = translate(offline(), target).as_json()
    for key in KEYS:
        assert comparable(live[key]) == comparable(translated[key]), key
