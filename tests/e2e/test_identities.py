"""Identities in a live mesh: no private key is ever seen."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET
from meshgate.host.envoy_binary import load_schema
from tests.bench.workloads import HOST, WEB, Object, as_yaml, deployment, gateway, service, virtual_service
from tests.e2e.key_search import KeySearch
from tests.e2e.mesh import Mesh, free_port, running_mesh, status_of, wait_until
from tests.machine import processes_of
from tests.xds.ads_client import ads_client

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

INGRESS = ("deploy/istio-ingressgateway", "istio-system")
XDS_PORT = free_port()


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    """Certificates live for two seconds, on every hop inside."""
    load_schema()
    lifetime = "meshConfig.defaultConfig.proxyMetadata.SECRET_TTL=2s"
    with running_mesh("--set", lifetime, "--xds-port", str(XDS_PORT)) as mesh:
        objects = (deployment("web", WEB), service("web"), gateway(HOST), virtual_service("web"))
        mesh.apply(as_yaml(objects))
        mesh.wait_ready("app=web")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        wait_until(lambda: status_of(mesh, HOST, "/status/200") == 200, "the way in is there")
        yield mesh


def admin(mesh: Mesh, pod: str, path: str, namespace: str = "default") -> str:
    """An answer of a proxy's admin interface."""
    done = mesh.exec(pod, "curl", "-sS", f"http://127.0.0.1:15000{path}", namespace=namespace)
    assert done.returncode == 0, done.stderr
    return done.stdout


def secret_data(mesh: Mesh, name: str) -> dict[str, str]:
    data = mesh.get("secret", name, "-n", "istio-system")["data"]
    assert isinstance(data, dict)
    return data


def test_no_private_key_is_seen_anywhere(mesh: Mesh) -> None:
    own = {key: b64decode(value) for key, value in secret_data(mesh, "istio-ca-secret").items()}
    assert b"PRIVATE KEY" in own["ca-key.pem"], "what is looked for can be found"
    search = KeySearch([own["ca-key.pem"]])
    assert search.finds(mesh.meshgate("get", "secret", "istio-ca-secret", "-n", "istio-system", "-o", "yaml").stdout)
    broken = {"ca-cert.pem": own["ca-cert.pem"][::-1], "ca-key.pem": own["ca-key.pem"]}
    mesh.meshgate("apply", "-f", "-", stdin=json.dumps(_secret("cacerts", broken)))
    wait_until(lambda: any("cacerts" in problem for problem in mesh.problems()), "the broken authority is told of")
    found = sorted(where for where, text in everything(mesh) if search.finds(text))
    mesh.meshgate("delete", "secret", "cacerts", "-n", "istio-system")
    assert not found, f"a private key is in: {', '.join(found)}"


def _secret(name: str, data: dict[str, bytes]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "istio-system"},
        "data": {key: b64encode(value).decode() for key, value in data.items()},
    }


def everything(mesh: Mesh) -> Iterator[tuple[str, str | bytes]]:
    """All that the mesh says and writes, but for its store and the Secrets that a user asks for by `-o yaml`."""
    pods = [("deploy/web", "default"), INGRESS]
    commands: list[tuple[str, ...]] = [("status",), ("status", "-o", "json"), ("proxy-status",)]
    commands += [("get", "secrets", "-A"), ("get", "secrets", "-A", "-o", "wide"), ("get", "configmaps", "-A")]
    commands += [
        ("get", kind, "-A", "-o", "yaml")
        for kind in (
            "configmaps",
            "events",
            "pods",
            "deployments",
            "serviceaccounts",
            "services",
            "peerauthentications",
        )
    ]
    for pod, namespace in pods:
        commands += [("logs", "-n", namespace, pod, "-c", "istio-proxy", "--tail", "100000")]
        commands += [
            ("proxy-config", what, f"{pod}.{namespace}", "-o", "json") for what in ("secret", "bootstrap", "all")
        ]
    for command in commands:
        done = mesh.meshgate(*command)
        yield f"meshgate {' '.join(command)}", done.stdout + done.stderr
    for pod, namespace in pods:
        for path in ("/config_dump?include_eds", "/certs", "/clusters", "/server_info", "/stats", "/init_dump"):
            yield f"{pod} {path}", admin(mesh, pod, path, namespace)
    for url in (CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET):
        yield f"plaintext port: {url}", asyncio.run(_asked(mesh, url))
    for pid in processes_of(str(mesh.data_dir)):
        for name in ("cmdline", "environ"):
            yield f"process {pid} {name}", Path(f"/proc/{pid}/{name}").read_bytes()
    for file in mesh.data_dir.rglob("*"):
        if file.is_file() and not file.name.startswith("store.db"):
            yield f"file {file.relative_to(mesh.data_dir)}", file.read_bytes()


async def _asked(mesh: Mesh, type_url: str) -> bytes:
    """What the plaintext port gives of a type to whoever calls himself the workload's proxy."""
    [pod] = mesh.pods("app=web")
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    node = f"sidecar~10.0.0.1~{metadata['name']}.default~default.svc.cluster.local"
    async with ads_client(f"127.0.0.1:{XDS_PORT}") as client:
        await client.ask(type_url, "*", "default", "ROOTCA", node=node)
        return (await client.hear()).SerializeToString()
