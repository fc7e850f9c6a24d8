"""Tokens by the API: issued to accounts that are there, reviewed, void when what they are for has gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.app import account_tokens
from meshgate.errors import ApiError
from tests.kube.running_api import RunningApi, pod, run, running_api

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ISSUER = "https://kubernetes.default.svc.cluster.local"


async def _start(api: RunningApi) -> None:
    for namespace in (account_tokens.NAMESPACE, "default"):
        raw = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        code, _ = await api.call("POST", "/api/v1/namespaces", raw)
        assert code in (201, 409)
    await api.client.create(_account())


def _account() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "default"}}


async def _review(api: RunningApi, token: str, *audiences: str) -> dict[str, Any]:
    body = {"kind": "TokenReview", "spec": {"token": token, "audiences": list(audiences)}}
    code, answer = await api.call("POST", REVIEWS, body)
    assert code == 201
    assert token not in str(answer), "what was shown is not shown again"
    status = answer["status"]
    assert isinstance(status, dict)
    return status


def test_a_token_is_reviewed_as_its_accounts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            token = await api.client.create_token("web", "default", {"audiences": ["istio-ca", "vault"]})
            status = await _review(api, token, "istio-ca", "other")
            assert (status["authenticated"], status["audiences"]) == (True, ["istio-ca"])
            assert status["user"]["username"] == "system:serviceaccount:default:web"
            assert status["user"]["groups"] == [
                "system:serviceaccounts",
                "system:serviceaccounts:default",
                "system:authenticated",
            ]
            assert (await _review(api, token, "nobody"))["authenticated"] is False

    run(scenario)


def test_a_token_without_audiences_is_for_the_api(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            path = "/api/v1/namespaces/default/serviceaccounts/web/token"
            code, answer = await api.call("POST", path, {})
            assert (code, answer["kind"], answer["spec"]) == (
                201,
                "TokenRequest",
                {"audiences": [ISSUER], "expirationSeconds": 3600},
            )
            assert (await _review(api, answer["status"]["token"]))["authenticated"] is True

    run(scenario)


def test_an_account_made_again_does_not_take_over_tokens(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            token = await api.client.create_token("web", "default", {})
            code, _ = await api.call("DELETE", "/api/v1/namespaces/default/serviceaccounts/web")
            assert code == 200
            assert "is gone" in (await _review(api, token))["error"]
            await api.client.create(_account())
            assert "is gone" in (await _review(api, token))["error"]

    run(scenario)


def test_a_token_bound_to_a_pod_ends_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            raw = {**pod("web-1"), "spec": {**pod()["spec"], "serviceAccountName": "web"}}
            await api.client.create(raw)
            bound = {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web-1"}}
            token = await api.client.create_token("web", "default", bound)
            user = (await _review(api, token))["user"]
            assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["web-1"]
            code, _ = await api.call("DELETE", "/api/v1/namespaces/default/pods/web-1?gracePeriodSeconds=0")
            assert code == 200
            assert "Pod default/web-1" in (await _review(api, token))["error"]

    run(scenario)


REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "no such account": ("ghost", {}, 404, 'serviceaccounts "ghost" not found'),
    "too short": ("web", {"expirationSeconds": 599}, 422, "less than 10 minutes"),
    "too long": ("web", {"expirationSeconds": 1 << 33}, 422, "larger than 2\\^32"),
    "no number": ("web", {"expirationSeconds": "1h"}, 400, "expected a number"),
    "no list": ("web", {"audiences": "istio-ca"}, 400, "expected a list"),
    "no such pod": ("web", {"boundObjectRef": {"kind": "Pod", "name": "ghost"}}, 404, 'pods "ghost" not found'),
    "bound to a node": ("web", {"boundObjectRef": {"kind": "Node", "name": "n"}}, 422, "pods only"),
    "another account's pod": ("web", {"boundObjectRef": {"kind": "Pod", "name": "other"}}, 400, "cannot bind token"),
    "another pod of the name": (
        "default",
        {"boundObjectRef": {"kind": "Pod", "name": "other", "uid": "old"}},
        409,
        "does not match",
    ),
}


@pytest.mark.parametrize(("account", "spec", "code", "text"), REFUSED.values(), ids=REFUSED)
def test_what_gives_no_token(tmp_path: Path, account: str, spec: dict[str, Any], code: int, text: str) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            await api.client.create({**_account(), "metadata": {"name": "default", "namespace": "default"}})
            await api.client.create(pod("other"))
            with pytest.raises(ApiError, match=text) as refused:
                await api.client.create_token(account, "default", spec)
            assert refused.value.code == code

    run(scenario)


def test_tokens_are_void_when_the_key_has_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            token = await api.client.create_token("web", "default", {})
            path = f"/api/v1/namespaces/{account_tokens.NAMESPACE}/secrets/{account_tokens.NAME}"
            assert (await api.call("DELETE", path))[0] == 200
            assert "signature" in (await _review(api, token))["error"]
            again = await api.client.create_token("web", "default", {})
            assert (await _review(api, again))["authenticated"] is True

    run(scenario)


def test_a_broken_key_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await _start(api)
            await api.client.create_token("web", "default", {})
            path = f"/api/v1/namespaces/{account_tokens.NAMESPACE}/secrets/{account_tokens.NAME}"
            merge = {"Content-Type": "application/merge-patch+json"}
            assert (await api.call("PATCH", path, {"data": {account_tokens.KEY: "bm8ga2V5"}}, headers=merge))[0] == 200
            with pytest.raises(ApiError, match="no ECDSA key"):
                await api.client.create_token("web", "default", {})

    run(scenario)


@pytest.mark.parametrize("body", [{}, {"spec": {"token": ""}}, {"kind": "Pod"}, {"spec": "token"}], ids=str)
def test_a_review_needs_a_token(tmp_path: Path, body: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            assert (await api.call("POST", REVIEWS, body))[0] == 400

    run(scenario)


def test_discovery_names_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            _, core = await api.call("GET", "/api/v1")
            assert "serviceaccounts/token" in {each["name"] for each in core["resources"]}
            _, group = await api.call("GET", "/apis/authentication.k8s.io/v1")
            assert [each["name"] for each in group["resources"]] == ["tokenreviews"]

    run(scenario)
