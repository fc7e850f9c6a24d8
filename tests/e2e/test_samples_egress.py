"""Outside services over plain HTTP: with and without a ServiceEntry, under both policies, with rules of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.answers import Answer
from tests.e2e.manifests import istio, text_of
from tests.e2e.samples_mesh import SamplesMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "httpbin.org"
"""A host of the lab that answers on port 80."""


@pytest.fixture(scope="module")
def address(samples: SamplesMesh) -> str:
    """Where it is."""
    hosts = json.loads(samples.mesh.meshgate("status", "-o", "json").stdout)["lab"]["hosts"]
    return str(hosts[HOST])


def mesh_config(policy: str) -> str:
    settings = yaml.safe_dump({"accessLogFile": "/dev/stdout", "outboundTrafficPolicy": {"mode": policy}})
    metadata = {"name": "istio", "namespace": "istio-system"}
    return text_of([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mesh": settings}}])


@pytest.fixture
def registry_only(samples: SamplesMesh) -> Iterator[None]:
    samples.mesh.apply(mesh_config("REGISTRY_ONLY"))
    yield
    samples.mesh.meshgate("delete", "-f", "-", stdin=mesh_config("REGISTRY_ONLY"))
    samples.mesh.wait_applied()


@pytest.fixture
def entry(samples: SamplesMesh, address: str) -> Iterator[None]:
    spec = yaml.safe_load(f"""
hosts: [{HOST}]
location: MESH_EXTERNAL
resolution: STATIC
ports: [{{number: 80, name: http, protocol: HTTP}}]
endpoints: [{{address: {address}}}]
""")
    text = text_of([istio("ServiceEntry", "outside", spec)])
    samples.mesh.apply(text)
    yield
    samples.mesh.meshgate("delete", "-f", "-", stdin=text)


def ask_directly(samples: SamplesMesh, address: str) -> Answer:
    """By the address that a name server outside would give."""
    return samples.sleep.get(f"http://{HOST}/headers", "--resolve", f"{HOST}:80:{address}")


def test_what_is_not_known_is_let_through(samples: SamplesMesh, address: str) -> None:
    assert ask_directly(samples, address).instance == "outside"
    line = samples.mesh.access_log("app=sleep", f'"{HOST}"')
    assert " PassthroughCluster " in line


@pytest.mark.usefixtures("registry_only")
def test_or_it_is_refused(samples: SamplesMesh, address: str) -> None:
    assert ask_directly(samples, address).status == 502
    line = samples.mesh.access_log("app=sleep", '" 502 ')
    assert line.endswith(" block_all"), line


@pytest.mark.usefixtures("registry_only", "entry")
def test_a_service_entry_makes_it_known_by_name(samples: SamplesMesh) -> None:
    answer = samples.sleep.get(f"http://{HOST}/by-name")
    assert (answer.status, answer.instance, answer.mirrored("host")) == (200, "outside", HOST)
    assert f" outbound|80||{HOST} " in samples.mesh.access_log("app=sleep", "/by-name")


@pytest.mark.usefixtures("entry")
def test_rules_hold_for_outside_services_too(samples: SamplesMesh) -> None:
    spec = {"hosts": [HOST], "http": [{"timeout": "0.5s", "route": [{"destination": {"host": HOST}}]}]}
    text = text_of([istio("VirtualService", "outside", spec)])
    samples.mesh.apply(text)
    late, prompt = samples.sleep.get_all((f"http://{HOST}/delay/5",), (f"http://{HOST}/delay/0",))
    samples.mesh.meshgate("delete", "-f", "-", stdin=text)
    assert (late.status, prompt.status) == (504, 200)
    assert late.seconds < 4
