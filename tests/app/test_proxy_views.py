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

PLAIN_ON_PURPOSE = """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: plain}
spec: {mtls: {mode: DISABLE}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, trafficPolicy: {tls: {mode: DISABLE}}}
"""


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
        told = await ProxyViews(rig.pipeline, rig.ads, Parrot()).resources("default", name)
        assert list(told) == ["clusters", "endpoints", "listeners", "routes"]
        names = [each["name"] for each in told["clusters"]]
        assert "outbound|80||web.default.svc.cluster.local" in names
        assert names == sorted(names)
        assert "the key" not in repr(told)

    run(test, tmp_path)


def test_a_pod_without_an_address_has_no_plan_yet(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        with pytest.raises(StatusFault, match='nothing is planned yet for the proxy of pod "web"'):
            await ProxyViews(rig.pipeline, rig.ads, Parrot()).resources("default", "web")

    run(test, tmp_path)


def test_what_it_takes_and_sends_is_told_with_who_says_so(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(web())
        await rig.apply(PLAIN_ON_PURPOSE)
        await rig.built()
        [pod] = rig.pods("web")
        rig.set_pod(pod, "10.244.0.9")
        await rig.built()
        name = meta(pod)["name"]
        told = await ProxyViews(rig.pipeline, rig.ads, Parrot()).authn("default", name)
        assert told["name"] == f"{name}.default"
        assert told["identity"] == "spiffe://cluster.local/ns/default/sa/default"
        ports = {each["port"]: each for each in told["accepts"]}
        assert ports[8080]["services"] == ["web.default.svc.cluster.local:80"]
        assert ports[8080]["mode"] == "DISABLE"
        assert ports[8080]["takes"] == ["plaintext"]
        assert ports[0]["why"] == [
            {
                "text": "for the namespace",
                "ref": "PeerAuthentication/default/plain",
                "path": "spec.mtls.mode",
                "position": "",
            }
        ]
        [sent] = [each for each in told["sends"] if each["host"] == "web.default.svc.cluster.local"]
        assert (sent["port"], sent["subset"], sent["endpoints"]) == (80, "", ["10.244.0.9:8080"])
        assert (sent["sends"], sent["tls"]) == ("plaintext", None)
        assert [each["path"] for each in sent["why"]] == ["spec.trafficPolicy.tls"]
        with pytest.raises(StatusFault, match="nothing is planned yet"):
            await ProxyViews(rig.pipeline, rig.ads, Parrot()).authn("default", "other")

    run(test, tmp_path)


def test_envoy_is_asked_by_its_own_paths(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        views = ProxyViews(rig.pipeline, rig.ads, Parrot())
        assert await views.config_dump("shop", "web", "mask=bootstrap") == b"GET shop/web/config_dump?mask=bootstrap"
        assert await views.clusters("shop", "web") == b"GET shop/web/clusters?format=json"
        assert await views.logging("shop", "web", "") == b"POST shop/web/logging"
        assert await views.logging("shop", "web", "http=off") == b"POST shop/web/logging?http=off"

    run(test, tmp_path)
