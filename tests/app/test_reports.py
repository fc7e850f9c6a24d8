"""Problems where users look: on their objects while they last, and as events when they begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from meshgate.api import Problem, Ref
from meshgate.api.codes import MISSING_REFERENCE, REFUSED_BY_PROXY, UNUSED_MATCH
from meshgate.app.problems import MeshProblems
from meshgate.app.reports import Reports
from meshgate.store.core import SetStatus
from tests.app.rig import Rig, run
from tests.app.web import SERVICE, door, route

REF = Ref("VirtualService", "default", "web")
NOWHERE = door() + route("nowhere")
THERE = SERVICE + door() + route()
REFUSED = Problem(REFUSED_BY_PROXY, "error", REF, "spec.http[0]", 'Envoy of "a.b" refused it: bad')
MISSING = Problem(MISSING_REFERENCE, "warning", REF, "spec.http[0]", 'no service "a"', "look again", "a.yaml:7")
REMARK = Problem(UNUSED_MATCH, "warning", REF, "spec.http[1].match[0]", "nothing gets here")


def status(rig: Rig) -> dict[str, Any]:
    raw = rig.store.get(REF.kind, REF.namespace, REF.name)
    assert raw is not None
    return dict(raw.get("status") or {})


def test_problems_come_onto_the_object_and_go_with_their_cause(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(NOWHERE)
        await rig.built()
        reports = Reports(rig.store, rig.status.found)
        await reports.report()
        [message] = status(rig)["validationMessages"]
        assert message["type"] == {"code": "IST0101", "name": "ReferencedResourceNotFound"}
        assert message["level"] == "ERROR"
        assert message["documentationUrl"] == "https://istio.io/latest/docs/reference/config/analysis/ist0101/"
        assert message["path"] == "spec.http[0].route[0].destination.host"
        assert "nowhere" in message["message"]
        assert status(rig)["observedGeneration"] == "1"
        await rig.apply(THERE)
        await rig.built()
        await reports.report()
        assert status(rig) == {}

    run(test, tmp_path)


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(NOWHERE)
        await rig.built()
        reports = Reports(rig.store, rig.status.found)
        await reports.report()
        await rig.built()
        told, revision = status(rig), rig.store.revision.value
        for each in (reports, Reports(rig.store, rig.status.found)):
            await each.report()
            await rig.built()
        assert (status(rig), rig.store.revision.value) == (told, revision), (
            "by a control plane that comes after it, too"
        )

    run(test, tmp_path)


def test_what_another_control_plane_left_behind_is_taken_back(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(NOWHERE)
        await Reports(rig.store, MeshProblems(lambda: [MISSING])).report()
        assert "validationMessages" in status(rig)
        await Reports(rig.store, MeshProblems()).report()
        assert status(rig) == {}

    run(test, tmp_path)


def test_an_object_that_was_made_anew_is_told_again(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        reports = Reports(rig.store, MeshProblems(lambda: [MISSING]))
        for _ in range(2):
            await rig.apply(NOWHERE)
            await reports.report()
            assert len(status(rig)["validationMessages"]) == 1
            await rig.delete("VirtualService", "web")
            await reports.report()

    run(test, tmp_path)


def test_conditions_say_whether_analysis_passed_since_when_and_leave_others_alone(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(NOWHERE)
        raw = rig.store.get(REF.kind, REF.namespace, REF.name)
        assert raw is not None
        rig.store.transact([SetStatus(raw={**raw, "status": {"conditions": [{"type": "Mine", "status": "True"}]}})])
        now = [REMARK]
        reports = Reports(rig.store, MeshProblems(lambda: tuple(now)))

        async def conditions() -> dict[str, dict[str, str]]:
            await reports.report()
            return {each["type"]: each for each in status(rig)["conditions"]}

        told = await conditions()
        assert (told["PassedAnalysis"]["status"], told["PassedAnalysis"]["reason"]) == ("True", "noErrorsFound")
        now.append(MISSING)
        told = await conditions()
        assert told["PassedAnalysis"]["status"] == "False"
        assert told["PassedAnalysis"]["message"].startswith("1 Error and 1 Info found.")
        assert told["PassedAnalysis"]["lastTransitionTime"]
        assert "Reconciled" not in told
        now.append(REFUSED)
        told = await conditions()
        assert told["Reconciled"]["status"] == "False"
        now.clear()
        assert set(await conditions()) == {"Mine"}

    run(test, tmp_path)


def test_a_problem_is_an_event_each_time_it_begins_but_not_when_its_line_moves(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(NOWHERE)
        now: list[Problem] = []
        reports = Reports(rig.store, MeshProblems(lambda: tuple(now)))
        await reports.report()
        now += [MISSING, REMARK]
        for place in ("a.yaml:7", "a.yaml:9"):
            now[0] = msgspec.structs.replace(MISSING, position=place)
            await reports.report()
        [event] = rig.store.list("Event")
        assert (event["reason"], event["type"], event["count"]) == ("ReferencedResourceNotFound", "Warning", 1)
        assert event["involvedObject"]["name"] == "web"
        assert event["message"] == 'spec.http[0]: no service "a"'
        now.clear()
        await reports.report()
        now.append(MISSING)
        await reports.report()
        [event] = rig.store.list("Event")
        assert event["count"] == 2
        await Reports(rig.store, MeshProblems(lambda: [MISSING])).report()
        [event] = rig.store.list("Event")
        assert event["count"] == 2, "a control plane that starts does not tell again"

    run(test, tmp_path)


def test_a_write_warns_of_what_it_breaks_elsewhere_and_not_of_what_was_broken(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(THERE)
        await rig.apply(door("b.example.com").replace("door", "other"))
        await rig.apply(route("nowhere", host="b.example.com", name="other").replace("door", "other"))
        await rig.built()
        written = await rig.delete("Service", "web")
        assert [(problem.ref, problem.code) for problem in written] == [(REF, "IST0101")]
        assert await rig.apply(SERVICE) == ()

    run(test, tmp_path)


def test_a_pod_whose_namespace_came_to_inject_later_lacks_its_sidecar(tmp_path: Path) -> None:
    def namespace(injection: str) -> str:
        labels = f"labels: {{istio-injection: {injection}}}"
        return f"{{apiVersion: v1, kind: Namespace, metadata: {{name: default, {labels}}}}}"

    bare = "{apiVersion: v1, kind: Pod, metadata: {name: bare}, spec: {containers: [{name: a, command: [a]}]}}"

    async def test(rig: Rig) -> None:
        await rig.apply(namespace("disabled"))
        await rig.apply(bare)
        pod = rig.store.get("Pod", "default", "bare")
        assert pod is not None
        rig.set_pod(pod, "10.244.0.9")
        await rig.built()
        about = Ref("Pod", "default", "bare")
        assert rig.status.problems(about) == ()
        await rig.apply(namespace("enabled"))
        await rig.built()
        [problem] = rig.status.problems(about)
        assert problem.code == "IST0103"

    run(test, tmp_path)


def test_what_an_object_does_not_want_to_hear_is_not_told(tmp_path: Path) -> None:
    quiet = route("nowhere", meta="annotations: {galley.istio.io/analyze-suppress: CODES}")

    async def test(rig: Rig) -> None:
        await rig.apply(door())
        for codes, is_told in (("IST0132", True), ("'IST0132, IST0101'", False), ("'*'", False)):
            told = await rig.apply(quiet.replace("CODES", codes))
            assert bool(told) == is_told
            await rig.built()
            assert bool(rig.status.problems(REF)) == is_told

    run(test, tmp_path)
