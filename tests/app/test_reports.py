"""Problems where users look: on their objects, and refusals as events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meshgate.api import Problem, Ref
from meshgate.api.codes import REFUSED_BY_PROXY
from meshgate.app.reports import Reports
from tests.app.rig import Rig, run

ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: route}
spec:
  hosts: [a.example.com]
  http: [{route: [{destination: {host: HOST}}]}]
"""
REF = Ref("VirtualService", "default", "route")


def status(rig: Rig) -> dict[str, Any]:
    raw = rig.store.get(REF.kind, REF.namespace, REF.name)
    assert raw is not None
    return dict(raw.get("status") or {})


def test_doubts_come_onto_the_object_and_go_with_their_cause(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(ROUTE.replace("HOST", "nowhere"))
        await rig.built()
        reports = Reports(rig.store, lambda: rig.pipeline.built.value.problems, tuple)
        reports.report()
        [message] = status(rig)["validationMessages"]
        assert message["type"]["code"] == "IST0101"
        assert message["level"] in ("WARNING", "ERROR")
        assert "nowhere" in message["message"]
        assert status(rig)["observedGeneration"] == "1"
        revision = rig.store.revision.value
        reports.report()
        assert rig.store.revision.value == revision, "the same again writes nothing"
        await rig.built()
        assert status(rig)["validationMessages"] == [message], "the report itself changes nothing that is built"
        await rig.apply(ROUTE.replace("HOST", "istio-ingressgateway.istio-system.svc.cluster.local"))
        await rig.built()
        reports.report()
        assert "validationMessages" not in status(rig)

    run(test, tmp_path)


def test_a_refusal_is_an_event_each_time_it_begins(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(ROUTE.replace("HOST", "nowhere"))
        refused = Problem(REFUSED_BY_PROXY, "error", REF, "spec.http[0]", 'Envoy of "a.b" refused it: bad')
        now: list[Problem] = [refused]
        reports = Reports(rig.store, tuple, lambda: tuple(now))
        for _ in range(3):
            reports.report()
        [event] = rig.store.list("Event")
        assert (event["reason"], event["type"], event["count"]) == ("RefusedByProxy", "Warning", 1)
        assert event["involvedObject"]["name"] == "route"
        assert event["message"] == refused.text
        now.clear()
        reports.report()
        now.append(refused)
        reports.report()
        [event] = rig.store.list("Event")
        assert event["count"] == 2
        assert status(rig)["validationMessages"][0]["level"] == "ERROR"

    run(test, tmp_path)
