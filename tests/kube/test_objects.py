"""Objects over the API: create, read, list, update, patch, delete, as Kubernetes does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.store.core import Create, Modify, meta
from tests.kube.running_api import RunningApi, pod, run, running_api, virtual_service

VS = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
VS_BETA = "/apis/networking.istio.io/v1beta1/namespaces/default/virtualservices"
PODS = "/api/v1/namespaces/default/pods"
MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


def test_an_object_from_its_creation_to_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            code, made = await api.call("POST", VS, virtual_service())
            assert (code, made["metadata"]["generation"]) == (201, 1)
            assert await api.call("GET", f"{VS}/web") == (200, made)
            made["spec"]["hosts"] = ["new"]
            code, updated = await api.call("PUT", f"{VS}/web", made)
            assert (code, updated["metadata"]["generation"]) == (200, 2)
            code, status = await api.call("PUT", f"{VS}/web", made)
            assert (code, status["reason"]) == (409, "Conflict")
            code, patched = await api.call("PATCH", f"{VS}/web", {"metadata": {"labels": {"a": "b"}}}, headers=MERGE)
            assert (code, patched["metadata"]["labels"]) == (200, {"a": "b"})
            code, gone = await api.call("DELETE", f"{VS}/web")
            assert (code, gone["status"]) == (200, "Success")
            assert gone["details"] == {
                "name": "web",
                "group": "networking.istio.io",
                "kind": "virtualservices",
                "uid": made["metadata"]["uid"],
            }

    run(scenario)


def test_an_object_is_answered_in_the_version_that_is_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            raw = {**virtual_service(), "apiVersion": "networking.istio.io/v1beta1"}
            _, made = await api.call("POST", VS_BETA, raw)
            _, new = await api.call("GET", f"{VS}/web")
            _, listed = await api.call("GET", VS_BETA)
            versions = [made["apiVersion"], new["apiVersion"], listed["items"][0]["apiVersion"], listed["apiVersion"]]
            beta = "networking.istio.io/v1beta1"
            assert versions == [beta, "networking.istio.io/v1", beta, beta]
            assert made["metadata"]["uid"] == new["metadata"]["uid"]

    run(scenario)


def test_the_status_is_a_subresource(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await api.call("POST", VS, virtual_service())
            _, after = await api.call("PUT", f"{VS}/web/status", {**virtual_service(host="x"), "status": {"a": 1}})
            assert (after["spec"]["hosts"], after["status"]) == (["web"], {"a": 1})
            _, after = await api.call("PATCH", f"{VS}/web/status", {"status": {"b": 2}}, headers=MERGE)
            assert after["status"] == {"a": 1, "b": 2}
            _, after = await api.call("PATCH", f"{VS}/web", {"status": {"c": 3}}, headers=MERGE)
            assert after["status"] == {"a": 1, "b": 2}

    run(scenario)


@pytest.mark.parametrize(
    ("path", "raw", "code", "text"),
    [
        (VS, {**virtual_service(), "kind": "Gateway"}, 400, "Kind=Gateway) does not match the expected API version"),
        (VS, virtual_service(namespace="other"), 400, "the namespace of the provided object does not match"),
        (VS, [], 400, "the body of the request is no object"),
        (VS, {"spec": {}}, 400, "the object has no metadata"),
        (VS, b"{", 400, "the body of the request could not be read"),
        ("/api/v1/namespaces/no/pods", {**pod(), "metadata": {"name": "a"}}, 404, 'namespaces "no" not found'),
    ],
)
def test_creations_that_are_refused(tmp_path: Path, path: str, raw: Any, code: int, text: str) -> None:
    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            return await api.call("POST", path, raw)

    status_code, status = run(scenario)
    assert (status_code, text in status["message"]) == (code, True), status["message"]


def test_a_name_in_the_body_must_be_the_one_in_the_path(tmp_path: Path) -> None:
    async def scenario() -> Any:
        async with running_api(tmp_path) as api:
            await api.call("POST", VS, virtual_service())
            return await api.call("PUT", f"{VS}/web", virtual_service("other"))

    code, status = run(scenario)
    assert code == 400
    assert status["message"] == "the name of the object (other) does not match the name on the URL (web)"


async def many(api: RunningApi) -> None:
    for index, tier in enumerate(["front", "front", "back"]):
        api.store.transact([Create(raw=pod(f"p{index}", labels={"tier": tier}))])


def phase(name: str) -> Any:
    return Modify(ref=_ref(name), change=lambda raw: {**raw, "status": {"phase": "Running"}}, status=True)


def _ref(name: str) -> Any:
    from meshgate.api import Ref

    return Ref("Pod", "default", name)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["p0", "p1", "p2"]),
        ("labelSelector=tier%3Dfront", ["p0", "p1"]),
        ("labelSelector=tier+in+(back)", ["p2"]),
        ("fieldSelector=metadata.name%3Dp1", ["p1"]),
        ("fieldSelector=status.phase%3DRunning", ["p2"]),
        ("fieldSelector=status.phase!%3DRunning&labelSelector=tier", ["p0", "p1"]),
        ("labelSelector=none", []),
    ],
)
def test_lists_are_selected(tmp_path: Path, query: str, names: list[str]) -> None:
    async def scenario() -> list[str]:
        async with running_api(tmp_path) as api:
            await many(api)
            api.store.transact([phase("p2")])
            _, listed = await api.call("GET", f"{PODS}?{query}")
            assert listed["metadata"]["resourceVersion"] == str(api.store.revision.value)
            return [item["metadata"]["name"] for item in listed["items"]]

    assert run(scenario) == names


def test_a_list_comes_in_pages(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await many(api)
            _, first = await api.call("GET", "/api/v1/pods?limit=2")
            assert [item["metadata"]["name"] for item in first["items"]] == ["p0", "p1"]
            assert first["metadata"]["remainingItemCount"] == 1
            _, rest = await api.call("GET", f"/api/v1/pods?limit=2&continue={first['metadata']['continue']}")
            assert [item["metadata"]["name"] for item in rest["items"]] == ["p2"]
            assert "continue" not in rest["metadata"]

    run(scenario)


def test_a_collection_is_deleted_by_selector(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with running_api(tmp_path) as api:
            await many(api)
            code, deleted = await api.call("DELETE", f"{PODS}?labelSelector=tier%3Dfront")
            assert (code, len(deleted["items"])) == (200, 2)
            return [meta(raw)["name"] for raw in api.store.list("Pod")]

    assert run(scenario) == ["p2"]


def test_a_pod_that_runs_is_answered_as_it_goes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            raw = pod()
            api.store.transact([Create(raw={**raw, "spec": {**raw["spec"], "nodeName": "here"}})])
            _, marked = await api.call("DELETE", f"{PODS}/web", {"gracePeriodSeconds": 5})
            assert (marked["kind"], marked["metadata"]["deletionGracePeriodSeconds"]) == ("Pod", 5)
            _, gone = await api.call("DELETE", f"{PODS}/web?gracePeriodSeconds=0")
            assert gone["status"] == "Success"

    run(scenario)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"propagationPolicy": "Sideways"}, 'invalid propagationPolicy "Sideways"'),
        ({"gracePeriodSeconds": -1}, 'invalid gracePeriodSeconds "-1"'),
        ({"gracePeriodSeconds": "soon"}, 'invalid gracePeriodSeconds "soon"'),
        ({"preconditions": {"uid": "x"}}, "Precondition failed: UID in precondition: x"),
    ],
)
def test_deletions_that_are_refused(tmp_path: Path, options: Any, text: str) -> None:
    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            await many(api)
            return await api.call("DELETE", f"{PODS}/p0", options)

    code, status = run(scenario)
    assert text in status["message"]
    assert code in (400, 409)


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            revision = api.store.revision.value
            code, made = await api.call("POST", f"{VS}?dryRun=All", virtual_service())
            assert (code, "resourceVersion" in made["metadata"]) == (201, False)
            assert api.store.revision.value == revision
            code, status = await api.call("POST", f"{VS}?dryRun=Some", virtual_service())
            assert (code, status["message"]) == (400, 'invalid dryRun "Some": expected All')

    run(scenario)


def test_patches_by_their_media_types(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await many(api)
            patch = {"spec": {"containers": [{"name": "app", "image": "x"}]}}
            _, after = await api.call("PATCH", f"{PODS}/p0", patch, headers=STRATEGIC)
            assert [c["name"] for c in after["spec"]["containers"]] == ["app", "istio-proxy"]
            operations = [{"op": "replace", "path": "/metadata/labels/tier", "value": "x"}]
            json_patch = {"Content-Type": "application/json-patch+json"}
            _, after = await api.call("PATCH", f"{PODS}/p0", operations, headers=json_patch)
            assert after["metadata"]["labels"] == {"tier": "x"}
            conflict = {"metadata": {"resourceVersion": "1", "labels": {"tier": "y"}}}
            code, _ = await api.call("PATCH", f"{PODS}/p0", conflict, headers=MERGE)
            assert code == 409
            code, _ = await api.call("PATCH", f"{PODS}/p0", [], headers=MERGE)
            assert code == 400
            await api.call("POST", VS, virtual_service())
            code, status = await api.call("PATCH", f"{VS}/web", {}, headers=STRATEGIC)
            assert (code, status["reason"]) == (415, "UnsupportedMediaType")
            code, status = await api.call("PATCH", f"{VS}/none", {}, headers=MERGE)
            assert code == 404

    run(scenario)


def test_server_side_apply(tmp_path: Path) -> None:
    yaml = b"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\nspec: {hosts: [a]}\n"
    apply = {"Content-Type": "application/apply-patch+yaml"}

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            code, made = await api.call("PATCH", f"{VS}/web?fieldManager=me", yaml, headers=apply)
            assert (code, made["spec"]) == (201, {"hosts": ["a"]})
            code, _ = await api.call("PATCH", f"{VS}/web?fieldManager=me", yaml, headers=apply)
            assert code == 200
            other = yaml.replace(b"[a]", b"[b]")
            code, status = await api.call("PATCH", f"{VS}/web?fieldManager=you", other, headers=apply)
            assert (code, status["reason"]) == (409, "Conflict")
            code, _ = await api.call("PATCH", f"{VS}/web?fieldManager=you&force=true", other, headers=apply)
            assert code == 200
            code, status = await api.call("PATCH", f"{VS}/web", yaml, headers=apply)
            assert (code, "is required for apply patch" in status["message"]) == (422, True)
            code, status = await api.call("PATCH", f"{VS}/web?fieldManager=me", b"a: [", headers=apply)
            assert (code, "body:" in status["message"]) == (400, True)

    run(scenario)


def test_the_scale_of_a_deployment(tmp_path: Path) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "command": ["x"]}]}}
    raw = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await api.call("POST", path, raw)
            _, scale = await api.call("GET", f"{path}/d/scale")
            assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 1}, "a=b")
            scale["spec"]["replicas"] = 3
            _, scale = await api.call("PUT", f"{path}/d/scale", scale)
            assert scale["spec"] == {"replicas": 3}
            _, scale = await api.call("PATCH", f"{path}/d/scale", {"spec": {"replicas": 0}}, headers=MERGE)
            assert scale["spec"] == {"replicas": 0}
            code, _ = await api.call("PATCH", f"{path}/d/scale", {"spec": {"replicas": -1}}, headers=MERGE)
            assert code == 400

    run(scenario)


def test_only_the_metadata_of_objects(tmp_path: Path) -> None:
    async def scenario() -> None:
        accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"}
        async with running_api(tmp_path) as api:
            await many(api)
            _, listed = await api.call("GET", PODS, headers=accept)
            assert listed["kind"] == "PartialObjectMetadataList"
            assert {*listed["items"][0]} == {"kind", "apiVersion", "metadata"}

    run(scenario)
