"""What is wrong is said with object, field, place and a hint, and nothing is half done."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.mesh import MESHGATE, Mesh, running_mesh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: good-{number}}}\ndata: {{a: b}}\n"
BAD = {
    "unknown-kind": ("apiVersion: v1\nkind: ConfigMapp\nmetadata: {name: x}\n", 'nearest: "ConfigMap"'),
    "unknown-field": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatta: {}\n", 'nearest: "data"'),
    "wrong-type": (
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: x}\nspec:\n"
        "  servers:\n  - port: {number: eighty, name: http, protocol: HTTP}\n    hosts: ['*']\n",
        'expected a whole number, got "eighty"',
    ),
    "same-object-twice": (GOOD.format(number=3), "ConfigMap/default/good-3"),
    "no-such-namespace": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}\n",
        'namespaces "nowhere" not found',
    ),
    "no-command": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x}]}\n",
        "spec.containers[0]",
    ),
}

UNMAPPED = """
apiVersion: v1
kind: Pod
metadata: {name: unmapped}
spec: {containers: [{name: x, image: "example/x:1"}]}
"""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with running_mesh() as mesh:
        yield mesh


def resource_version(mesh: Mesh) -> str:
    told = json.loads(mesh.meshgate("status", "-o", "json").stdout)
    return str(told["resourceVersion"])


@pytest.mark.parametrize("name", sorted(BAD))
def test_object_nine_of_ten_is_bad_and_nothing_has_changed(mesh: Mesh, tmp_path: Path, name: str) -> None:
    bad, said = BAD[name]
    documents = [GOOD.format(number=number) for number in range(10)]
    documents[8] = bad
    file = tmp_path / "objects.yaml"
    file.write_text("---\n".join(documents))
    before = resource_version(mesh)
    done = mesh.meshgate("apply", "-f", file, check=False)
    assert done.returncode in (1, 65), done
    assert said in done.stderr
    assert resource_version(mesh) == before
    assert mesh.get("configmaps", "-l", "none=such")["items"] == []
    assert "good-" not in mesh.meshgate("get", "configmaps").stdout


def test_a_faulty_field_is_named_with_file_and_line(mesh: Mesh, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(BAD["wrong-type"][0])
    done = mesh.meshgate("apply", "-f", file, check=False)
    assert done.returncode == 65
    assert f"{file}:6: Gateway/default/x spec.servers[0].port.number:" in done.stderr


def test_broken_yaml_is_told_without_a_mesh(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("a: [b\nc: d\n")
    done = subprocess.run(
        [*MESHGATE, "apply", "-f", str(file), "--data-dir", str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 65
    assert f"{file}:2: not YAML" in done.stderr


def test_without_a_mesh_the_way_to_one_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [*MESHGATE, "get", "pods", "--data-dir", str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "no mesh is running" in done.stderr
    assert "meshgate up" in done.stderr


def test_an_image_that_nobody_mapped_waits_and_says_what_to_do(mesh: Mesh) -> None:
    mesh.meshgate("apply", "-f", "-", stdin=UNMAPPED)

    def message() -> str:
        pod = mesh.get("pod", "unmapped")
        status = pod.get("status")
        assert isinstance(status, dict)
        states = [each.get("state", {}) for each in status.get("containerStatuses", []) if each["name"] == "x"]
        waiting = [state["waiting"] for state in states if "waiting" in state]
        return waiting[0].get("message", "") if waiting and waiting[0]["reason"] == "ErrImageUnmapped" else ""

    assert "meshgate-images" in wait_until(message, "the pod waits with the reason ErrImageUnmapped")
    mesh.meshgate("delete", "pod", "unmapped")


def test_a_taken_port_is_named_with_who_has_it() -> None:
    with running_mesh(start=False) as mesh, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        mesh.http_port = taken.getsockname()[1]
        done = mesh.meshgate("up", "--detach", *mesh.up_arguments(), check=False)
    assert done.returncode == 1
    assert f"port {mesh.http_port} on 127.0.0.1 is taken" in done.stderr
    assert "--http-port" in done.stderr


def test_ranges_of_another_mesh_are_refused_and_free_ones_proposed(mesh: Mesh) -> None:
    with running_mesh(start=False) as second:
        second.pod_cidr = mesh.pod_cidr
        done = second.meshgate("up", "--detach", *second.up_arguments(), check=False)
    assert done.returncode == 1
    assert f"--pod-cidr {mesh.pod_cidr} overlaps" in done.stderr
    assert "try --pod-cidr" in done.stderr


def test_two_meshes_run_side_by_side(mesh: Mesh) -> None:
    with running_mesh() as second:
        for each in (mesh, second):
            each.wait_ready("istio=ingressgateway", namespace="istio-system")


def test_a_second_mesh_on_the_same_data_directory_is_refused(mesh: Mesh) -> None:
    done = mesh.meshgate("up", "--detach", *mesh.up_arguments(), check=False)
    assert done.returncode == 1
    assert "a mesh runs already" in done.stderr


def test_without_namespaces_it_says_why_and_what_still_works() -> None:
    with running_mesh(start=False) as mesh:
        done = subprocess.run(
            ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", *MESHGATE, "up", "-d", *mesh.up_arguments()],
            capture_output=True,
            text=True,
            env={**os.environ, **mesh.environment},
            timeout=60,
        )
    assert done.returncode == 1
    assert "namespaces" in done.stderr
    assert "still work" in done.stderr


def test_a_wrong_setting_is_refused_with_the_nearest_path() -> None:
    with running_mesh(start=False) as mesh:
        done = mesh.meshgate(
            "up", "-d", *mesh.up_arguments(), "--set", "meshConfig.accessLogFil=/dev/null", check=False
        )
    assert done.returncode != 0
    assert "accessLogFile" in done.stderr
