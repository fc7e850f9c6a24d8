"""What a proxy should hold, for the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.api import SecretBytes
from meshgate.app.proxy_views import ProxyViews
from meshgate.envoy.secret import certificate_secret
from meshgate.store.core import StatusFault, meta
from tests.app.rig import Rig, run
from tests.app.web import web


class Parrot:
    async def ask(self, namespace: str, pod: str, target: str, method: str = "GET") -> bytes:
        return f"{method} {namespace}/{pod}{target}".encode()


def test_what_it_should_hold_is_told_without_secrets(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(web())
        await rig.built()
        [pod] = rig.pods("web")
        proxy_id = rig.set_pod(pod, "10.244.0.9")
        await rig.built()
        name = meta(pod)["name"]
        key = SecretBytes(b"the key")
        rig.ads.publish_secrets(proxy_id, "identity", {"default": certificate_secret("default", b"chain", key)})
        told = await ProxyViews(rig.ads, Parrot()).resources("default", name)
        assert list(told) == ["clusters", "endpoints", "listeners", "routes"]
        names = [each["name"] for each in told["clusters"]]
        assert "outbound|80||web.default.svc.cluster.local" in names
        assert names == sorted(names)
        assert "the key" not in repr(told)

    run(test, tmp_path)


def test_a_pod_without_an_address_has_no_plan_yet(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        with pytest.raises(StatusFault, match='nothing is planned yet for the proxy of pod "web"'):
            await ProxyViews(rig.ads, Parrot()).resources("default", "web")

    run(test, tmp_path)


def test_envoy_is_asked_by_its_own_paths(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        views = ProxyViews(rig.ads, Parrot())
        assert await views.config_dump("shop", "web", "mask=bootstrap") == b"GET shop/web/config_dump?mask=bootstrap"
        assert await views.clusters("shop", "web") == b"GET shop/web/clusters?format=json"
        assert await views.logging("shop", "web", "") == b"POST shop/web/logging"
        assert await views.logging("shop", "web", "http=off") == b"POST shop/web/logging?http=off"

    run(test, tmp_path)
