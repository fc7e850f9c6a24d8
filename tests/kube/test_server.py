"""The API over its socket: who may talk, what paths mean, how refusals look."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from meshgate.api import Problem, Ref
from meshgate.errors import EnvironmentFault
from meshgate.kube.server import _listening
from meshgate.store.core import Change
from tests.kube.running_api import RunningApi, run, running_api, virtual_service

VS = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"


def test_the_socket_is_the_owners_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            assert os.stat(api.socket_path).st_mode & 0o777 == 0o600

    run(scenario)


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        for _ in range(2):
            async with running_api(tmp_path) as api:
                assert (await api.call("GET", "/healthz")) == (200, "ok")

    run(scenario)


def test_a_path_that_no_socket_can_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="too long") as refused:
        _listening(tmp_path / ("x" * 120))
    assert "--data-dir" in refused.value.hint


def test_the_discovery_documents_lead_to_every_kind(tmp_path: Path) -> None:
    async def scenario() -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        async with running_api(tmp_path) as api:
            assert (await api.call("GET", "/version"))[1]["major"] == "1"
            assert (await api.call("GET", "/api"))[1]["versions"] == ["v1"]
            _, groups = await api.call("GET", "/apis")
            roots = [f"/apis/{v['groupVersion']}" for group in groups["groups"] for v in group["versions"]]
            for root in ["/api/v1", *roots]:
                code, listing = await api.call("GET", root)
                assert code == 200
                found |= {(listing["groupVersion"], entry["name"]) for entry in listing["resources"]}
        return found

    found = run(scenario)
    assert {("v1", "pods"), ("v1", "pods/exec"), ("apps/v1", "deployments")} <= found
    assert {(f"networking.istio.io/{v}", "virtualservices") for v in ("v1", "v1beta1", "v1alpha3")} <= found


@pytest.mark.parametrize(
    ("method", "path", "code", "message"),
    [
        ("GET", "/api/v1/namespaces/default/pods/x", 404, 'pods "x" not found'),
        ("GET", f"{VS}/x", 404, 'virtualservices.networking.istio.io "x" not found'),
        ("DELETE", f"{VS}/x", 404, 'virtualservices.networking.istio.io "x" not found'),
        ("GET", "/api/v1/pods?fieldSelector=spec.color=red", 400, "field label not supported: spec.color"),
        ("PATCH", "/api/v1/pods", 405, "the server does not allow this method on the requested resource"),
        ("GET", "/api/v1/pods?limit=many", 400, 'query parameter limit: expected a number, got "many"'),
        (
            "GET",
            "/api/v1/pods?continue=nonsense",
            400,
            "continue key is not valid: take it from the list before, as it is",
        ),
    ],
)
def test_refusals_are_worded_as_kubernetes_words_them(
    tmp_path: Path, method: str, path: str, code: int, message: str
) -> None:
    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            return await api.call(method, path)

    status_code, status = run(scenario)
    assert (status_code, status["code"], status["message"]) == (code, code, message)
    assert (status["kind"], status["status"]) == ("Status", "Failure")


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/colours", "/apis/x/v1/pods", "/api/v1/namespaces/a/pods/b/c/d"])
def test_paths_that_mean_nothing_are_not_found(tmp_path: Path, path: str) -> None:
    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            return await api.call("GET", path)

    assert run(scenario) == (404, "404 page not found\n")


def test_a_body_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> tuple[int, Any]:
        monkeypatch.setattr("meshgate.kube.server.MAX_BODY_BYTES", 1000)
        async with running_api(tmp_path) as api:
            return await api.call("POST", VS, b'"' + b"x" * 2000 + b'"')

    code, status = run(scenario)
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")


def test_secrets_never_reach_an_error_or_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def admit(changes: Sequence[Change]) -> tuple[Problem, ...]:
        raise ValueError(str(changes))

    async def scenario() -> list[Any]:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "hush-hush"}}
        path = "/api/v1/namespaces/default/secrets"
        async with running_api(tmp_path, admit) as api:
            yaml = b"stringData: {k: hush-hush\n"
            return [
                await api.call("POST", path, secret),
                await api.call("POST", path, yaml, headers={"Content-Type": "application/yaml"}),
                await api.call("POST", path, b'{"stringData": {"k": "hush-hush}'),
            ]

    answers = run(scenario)
    assert [code for code, _ in answers] == [500, 400, 400]
    assert "hush" not in str(answers) + caplog.text
    assert "ValueError" in str(answers[0])


def error_on_web(changes: Sequence[Change]) -> tuple[Problem, ...]:
    ref = Ref("VirtualService", "default", "web")
    touched = [change.ref for change in changes]
    severity: Any = "error" if ref in touched else "warning"
    return (Problem("MG9999", severity, ref, "spec.hosts[0]", "no such host", 'nearest: "wob"', "a.yaml:7"),)


async def grumpy(changes: Sequence[Change]) -> tuple[Problem, ...]:
    return error_on_web(changes)


def test_what_admission_refuses_is_invalid_and_not_stored(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, Any, int, int]:
        async with running_api(tmp_path, grumpy) as api:
            before = api.store.revision.value
            code, status = await api.call("POST", VS, virtual_service())
            return code, status, before, api.store.revision.value

    code, status, before, after = run(scenario)
    assert (code, status["reason"], before) == (422, "Invalid", after)
    assert status["message"] == (
        'VirtualService.networking.istio.io "web" is invalid: spec.hosts[0]: no such host; nearest: "wob" (a.yaml:7)'
    )
    assert status["details"]["causes"][0]["field"] == "spec.hosts[0]"
    assert status["problems"][0]["code"] == "MG9999"


def test_warnings_of_admission_travel_in_headers(tmp_path: Path) -> None:
    async def scenario(api: RunningApi) -> str:
        body = b'{"metadata": {"name": "other"}, "spec": {"hosts": ["x"]}}'
        headers = {"Content-Type": "application/json"}
        async with api.session.post(f"http://x{VS}", data=body, headers=headers) as answer:
            assert answer.status == 201
            return answer.headers["Warning"]

    async def whole() -> str:
        async with running_api(tmp_path, grumpy) as api:
            return await scenario(api)

    assert run(whole).startswith('299 - "a.yaml:7: VirtualService/default/web spec.hosts[0]: no such host')


def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Credentials:
        size = 12

        @staticmethod
        def unpack(content: bytes) -> tuple[int, int, int]:
            return 1, 12345, 12345

    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            monkeypatch.setattr("meshgate.kube.server.PEER_CREDENTIALS", Credentials)
            return await api.call("GET", "/api/v1/secrets")

    code, status = run(scenario)
    assert (code, status["reason"]) == (403, "Forbidden")
    assert "12345" in status["message"]
