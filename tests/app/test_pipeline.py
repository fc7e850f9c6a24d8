"""From a write to what proxies hold, without an Envoy."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, resource_json
from meshgate.store.core import StatusFault
from tests.app.rig import Rig, run
from tests.app.web import SERVICE, door, route, web

ALL = web() + door() + route()
WEB_CLUSTER = "outbound|80||web.default.svc.cluster.local"


def start(rig: Rig) -> tuple[str, str]:
    """The workload and the gateway run; ids of their proxies."""
    [web], [gateway] = rig.pods("web"), rig.pods("istio-ingressgateway", "istio-system")
    return rig.set_pod(web, "10.244.0.1"), rig.set_pod(gateway, "10.244.0.2")


def test_writes_become_tables_of_every_proxy(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        assert await rig.apply(ALL) == ()
        await rig.built()
        sidecar, gateway = start(rig)
        await rig.built()
        assert set(rig.pipeline.built.value.proxies) == {sidecar, gateway}
        table = rig.ads.table_of(gateway)
        assert table is not None
        assert "0.0.0.0_8080" in table.of(LISTENER)
        assert set(table.of(ROUTES)) == {"http.8080"}
        assignment = resource_json(table.of(ENDPOINTS)[WEB_CLUSTER])
        assert "10.244.0.1" in str(assignment)
        sidecar_table = rig.ads.table_of(sidecar)
        assert sidecar_table is not None
        assert {"virtualInbound", "virtualOutbound"} <= sidecar_table.of(LISTENER).keys()

    run(test, tmp_path)


def test_readiness_changes_endpoints_and_nothing_else(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(ALL)
        await rig.built()
        _, gateway = start(rig)
        await rig.built()
        before = rig.ads.table_of(gateway)
        rig.set_pod(rig.pods("web")[0], "10.244.0.1", ready=False)
        await rig.built()
        after = rig.ads.table_of(gateway)
        assert before is not None
        assert after is not None
        assert after.of(ENDPOINTS) is not before.of(ENDPOINTS)
        for type_url in (CLUSTER, LISTENER, ROUTES):
            assert after.of(type_url) is before.of(type_url), type_url

    run(test, tmp_path)


def test_what_concerns_no_proxy_publishes_nothing(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(ALL)
        await rig.built()
        sidecar, gateway = start(rig)
        await rig.built()
        before = rig.ads.table_of(gateway), rig.ads.table_of(sidecar)
        await rig.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b}}")
        await rig.apply("{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: {a: b}}")
        await rig.apply(SERVICE.replace("{name: web}", "{name: web, annotations: {note: x}}"))
        await rig.built()
        assert rig.ads.table_of(gateway) is before[0]
        assert rig.ads.table_of(sidecar) is before[1]

    run(test, tmp_path)


def test_a_change_of_routes_leaves_all_other_mappings_as_they_were(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(ALL)
        await rig.built()
        sidecar, gateway = start(rig)
        await rig.built()
        before, other = rig.ads.table_of(gateway), rig.ads.table_of(sidecar)
        await rig.apply(route().replace("web}}]", "web}}], timeout: 3s"))
        await rig.built()
        after = rig.ads.table_of(gateway)
        assert before is not None
        assert after is not None
        assert after.of(ROUTES) is not before.of(ROUTES)
        assert after.of(CLUSTER) is before.of(CLUSTER)
        assert after.of(LISTENER) is before.of(LISTENER)
        assert rig.ads.table_of(sidecar) is other, "routes of a gateway don't concern a sidecar"

    run(test, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (route().replace("hosts: [web", "hots: [web"), "unknown field"),
        (door().replace("number: 80", "number: 99999"), "99999"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: x}, data: {a: '%%%'}}", "base64"),
    ],
    ids=["unknown field", "bad port", "bad secret"],
)
def test_objects_with_errors_are_refused_whatever_door_they_come_by(tmp_path: Path, text: str, said: str) -> None:
    async def test(rig: Rig) -> None:
        revision = rig.store.revision.value
        assert said in await rig.refusal(f"{web()}---\n{text}")
        assert rig.store.revision.value == revision, "nothing of it is stored"
        assert rig.store.list("Deployment", "default") == ()

    run(test, tmp_path)


def test_doubts_are_told_with_the_result_and_kept(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        problems = await rig.apply(web() + door() + route("wbe"))
        assert [str(problem.ref) for problem in problems] == ["VirtualService/default/web"]
        await rig.built()
        assert [problem.text for problem in rig.pipeline.built.value.problems] == [problems[0].text]
        await rig.apply(route())
        await rig.built()
        assert rig.pipeline.built.value.problems == ()

    run(test, tmp_path)


def test_a_fault_of_ours_leaves_proxies_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(ALL)
        await rig.built()
        _, gateway = start(rig)
        await rig.built()
        before = rig.ads.table_of(gateway)

        def broken(*_: object) -> object:
            raise KeyError("a bug")

        with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
            patch.setattr(rig.compiler, "compile", broken)
            with pytest.raises(KeyError):
                await rig.apply(route("other"))
            assert rig.store.get("VirtualService", "default", "web")["spec"]["http"][0]["route"][0]["destination"] == {  # type: ignore[index]
                "host": "web"
            }, "what cannot be compiled is not stored"
            rig.set_pod(rig.pods("web")[0], "10.244.0.1", ready=False)
            with pytest.raises(StatusFault, match="a bug"):
                await rig.built()
            assert rig.ads.table_of(gateway) is before
            assert rig.status.status()["failure"] == "KeyError: 'a bug'"
        rig.set_pod(rig.pods("web")[0], "10.244.0.9")
        await rig.built()
        assert rig.ads.table_of(gateway) is not before
        assert rig.status.status()["failure"] == ""

    run(test, tmp_path)


def test_writes_in_quick_succession_are_built_together(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(web())
        await rig.built()
        builds = 0

        async def count() -> None:
            nonlocal builds
            async for _ in rig.pipeline.built:
                builds += 1

        async with asyncio.TaskGroup() as group:
            counting = group.create_task(count())
            for number in range(50):
                rig.set_pod(rig.pods("web")[0], f"10.244.1.{number}")
            await rig.built()
            await asyncio.sleep(0)
            counting.cancel()
        assert builds <= 3, "the one before, and one or two for all fifty"

    run(test, tmp_path)
