"""Looking into the proxies of pods: what may be asked, and who has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.errors import ApiError
from meshgate.store.core import Create, StatusFault
from tests.kube.running_api import pod, run, running_api

ROOT = "/apis/meshgate.io/v1/namespaces/default/pods/web/proxy"
QUERIES = {
    "": "include_eds",
    "bootstrap": "mask=bootstrap",
    "clusters": "mask=dynamic_active_clusters,static_clusters",
    "listeners": "mask=dynamic_listeners,static_listeners",
    "routes": "mask=dynamic_route_configs,static_route_configs",
    "secrets": "mask=dynamic_active_secrets,dynamic_warming_secrets",
}


def test_what_envoy_says_is_handed_on_as_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            api.proxies.dump, api.proxies.hosts, api.proxies.wanted = b'{ "a": 1}', b'{"b" : 2}', {"clusters": []}
            for section, query in QUERIES.items():
                assert await api.client.config_dump("web", "default", section) == b'{ "a": 1}'
                assert api.proxies.asked.pop() == ("default", "web", query)
            assert await api.client.proxy_clusters("web", "default") == b'{"b" : 2}'
            assert await api.client.proxy_resources("web", "default") == {"clusters": []}
            api.proxies.proofs = {"accepts": []}
            assert await api.client.authn("web", "default") == {"accepts": []}
            assert [what for _, _, what in api.proxies.asked] == ["clusters", "resources", "authn"]

    run(scenario)


def test_levels_of_loggers_are_changed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            assert (await api.client.proxy_logging("web", "default")).startswith("active loggers:\n")
            await api.client.proxy_logging("web", "default", level="debug")
            await api.client.proxy_logging("web", "default", "http2", "off")
            assert [what for _, _, what in api.proxies.asked] == [
                "logging ",
                "logging level=debug",
                "logging http2=off",
            ]

    run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "code", "said"),
    [
        pytest.param("GET", f"{ROOT}/config_dump?section=keys", 400, 'unknown section "keys"', id="section"),
        pytest.param("GET", f"{ROOT}/quitquitquit", 404, "404 page not found", id="not to be asked"),
        pytest.param("POST", f"{ROOT}/config_dump", 404, "404 page not found", id="not to be posted"),
        pytest.param("GET", f"{ROOT}/logging", 404, "404 page not found", id="to be posted"),
        pytest.param("POST", f"{ROOT}/logging?level=loud", 400, "unrecognized logging level: loud", id="level"),
        pytest.param("POST", f"{ROOT}/logging?logger=a&level=", 400, "unrecognized logging level: ", id="no level"),
        pytest.param("POST", f"{ROOT}/logging?logger=a%26b&level=off", 400, "unrecognized logger name", id="logger"),
        pytest.param("GET", ROOT.replace("web", "gone") + "/clusters", 404, 'pods "gone" not found', id="no pod"),
        pytest.param("GET", ROOT.replace("default", "x") + "/resources", 404, 'pods "web" not found', id="namespace"),
        pytest.param("GET", ROOT.replace("web", "bare") + "/clusters", 400, 'pod "bare" has no proxy', id="no proxy"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, method: str, path: str, code: int, said: str) -> None:
    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            bare = pod("bare")
            bare = {**bare, "spec": {"containers": bare["spec"]["containers"][:1]}}
            api.store.transact([Create(raw=pod()), Create(raw=bare)])
            answer = await api.call(method, path)
            assert api.proxies.asked == []
            return answer

    found, body = run(scenario)
    assert found == code
    assert said in (body if isinstance(body, str) else body["message"])


def test_a_proxy_that_does_not_answer(tmp_path: Path) -> None:
    async def scenario() -> ApiError:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            api.proxies.fault = StatusFault("the proxy does not run", code=503, reason="ServiceUnavailable")
            with pytest.raises(ApiError, match=r"^the proxy does not run$") as refused:
                await api.client.config_dump("web", "default")
            return refused.value

    error = run(scenario)
    assert (error.code, error.reason) == (503, "ServiceUnavailable")
