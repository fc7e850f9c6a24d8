"""What `meshgate status` reads, and the wait for everything to be applied."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshgate.app.door import Door
from meshgate.app.mesh_authority import Wish
from meshgate.envoy import ISTIO_VERSION, SECRET
from meshgate.errors import EnvironmentFault
from meshgate.host.sidecar import ProxyPod
from meshgate.host.views import User
from meshgate.store.core import StatusFault, meta
from tests.app.rig import Rig, run
from tests.app.web import door as gateway
from tests.xds.ads_client import ads_client

ME = User(uid=0, gid=0)


def gateway_pod(rig: Rig, address: str = "10.244.0.2") -> ProxyPod:
    [pod] = rig.pods("istio-ingressgateway", "istio-system")
    rig.set_pod(pod, address)
    return ProxyPod(uid=meta(pod)["uid"], namespace=meta(pod)["namespace"], name=meta(pod)["name"], address=address)


def test_a_proxy_is_served_by_the_door_and_told_of(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(gateway("*"))
        pod = gateway_pod(rig)
        door = Door(rig.ads, rig.pipeline, rig.identities)
        proxy = await door.open(pod, tmp_path / "x", ME)
        assert proxy.addresses == ("10.244.0.2",), "built before the Envoy can connect"
        async with ads_client(f"unix:{tmp_path}/x") as client:
            await client.say("cds")
            clusters = await client.hear()
            await client.say("lds")
            listeners = await client.hear()
            await client.acknowledge(clusters)
            await client.say("lds", nonce=listeners.nonce, error="cannot bind")
            lagging = await rig.ads.wait_applied(5)
            assert len(lagging) == 1
            [told] = rig.status.status()["proxies"]
            assert told["name"] == f"{pod.name}.istio-system"
            assert (told["role"], told["connected"], told["synced"]) == ("router", True, False)
            assert (told["clusterId"], told["version"]) == ("Kubernetes", ISTIO_VERSION)
            assert told["types"]["clusters"]["state"] == "synced"
            assert datetime.fromisoformat(told["types"]["clusters"]["sent"]) <= datetime.now(UTC)
        await door.close(pod.uid)
        await door.close(pod.uid)
        assert not (tmp_path / "x").exists()

    run(test, tmp_path)


def test_a_proxy_whose_door_is_opened_again_gets_everything_again(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.authority.open(Wish("cluster.local"))
        await rig.apply(gateway("*"))
        pod = gateway_pod(rig)
        door = Door(rig.ads, rig.pipeline, rig.identities)
        for _ in range(2):
            await door.open(pod, tmp_path / "x", ME)
            async with ads_client(f"unix:{tmp_path}/x") as client:
                await client.say("cds")
                assert (await client.hear()).resources
                await client.ask(SECRET, "ROOTCA", "default")
                assert [each.name for each in (await client.hear()).resources] == ["ROOTCA", "default"]
        await door.close(pod.uid)

    run(test, tmp_path)


def test_refusals_name_the_object_and_end_the_wait(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(gateway("*"))
        pod = gateway_pod(rig)
        await Door(rig.ads, rig.pipeline, rig.identities).open(pod, tmp_path / "x", ME)
        async with ads_client(f"unix:{tmp_path}/x") as client:
            await client.say("cds")
            await client.acknowledge(await client.hear())
            await client.say("lds")
            for _ in range(3):  # halved until each stands alone
                response = await client.hear()
                names = ", ".join(each.name for each in response.resources)
                error = f"Error adding/updating listener(s) {names}: cannot\n bind\n"
                await client.say("lds", nonce=response.nonce, error=error)
            with pytest.raises(StatusFault, match=r"they had: cannot bind \(1 proxy\)$"):
                await rig.status.wait_applied(rig.store.revision.value)
            refusals = rig.status.refusals()
            assert {str(refusal.ref) for refusal in refusals} == {"Gateway/default/door"}
            assert {problem["code"] for problem in rig.status.status()["problems"]} == {"MG0201"}

    run(test, tmp_path)


def test_the_door_stays_shut_for_a_pod_that_is_gone(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.built()
        gone = ProxyPod(uid="x", namespace="default", name="gone", address="10.244.0.9")
        with pytest.raises(EnvironmentFault, match=r"gone\.default"):
            await Door(rig.ads, rig.pipeline, rig.identities).open(gone, tmp_path / "x", ME)

    run(test, tmp_path)
