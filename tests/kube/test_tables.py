"""Tables: what `kubectl get` prints of each kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshgate.api import KINDS, Problem
from meshgate.kube.tables import columns_of, table
from tests.kube.running_api import virtual_service

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BORN = "2026-01-02T03:03:35Z"


def row(kind: str, *, wide: bool = False, **fields: Any) -> str:
    """The cells of one object, as text, without its name and age unless that is all."""
    raw = {"metadata": {"name": "n", "creationTimestamp": BORN}, **fields}
    shown = table(kind, [raw], NOW)
    cells = zip(shown["columnDefinitions"], shown["rows"][0]["cells"], strict=True)
    return " | ".join(str(cell) for column, cell in cells if wide or not column["priority"])


def heads(kind: str, *, wide: bool = False) -> str:
    return " ".join(column.name.upper().replace(" ", "-") for column in columns_of(kind) if wide or not column.wide)


@pytest.mark.parametrize(
    ("kind", "wide", "names"),
    [
        ("Pod", True, "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED-NODE READINESS-GATES"),
        ("Service", True, "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR"),
        ("Deployment", True, "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR"),
        ("Namespace", False, "NAME STATUS AGE"),
        ("Secret", False, "NAME TYPE DATA AGE"),
        ("ConfigMap", False, "NAME DATA AGE"),
        ("ServiceAccount", False, "NAME SECRETS AGE"),
        ("Event", False, "LAST-SEEN TYPE REASON OBJECT MESSAGE"),
        ("EndpointSlice", False, "NAME ADDRESSTYPE PORTS ENDPOINTS AGE"),
        ("Endpoints", False, "NAME ENDPOINTS AGE"),
        ("Gateway", False, "NAME AGE"),
        ("VirtualService", False, "NAME GATEWAYS HOSTS AGE"),
        ("DestinationRule", False, "NAME HOST AGE"),
        ("ServiceEntry", False, "NAME HOSTS LOCATION RESOLUTION AGE"),
    ],
)
def test_the_columns_are_kubectls(kind: str, wide: bool, names: str) -> None:
    assert heads(kind, wide=wide) == names


@pytest.mark.parametrize("kind", [kind.kind for kind in KINDS])
def test_an_object_with_nothing_in_it_has_a_row(kind: str) -> None:
    assert len(table(kind, [{"metadata": {"name": "n"}}], NOW)["rows"][0]["cells"]) == len(columns_of(kind))


def containers(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def running(name: str, *, ready: bool = True, restarts: int = 0, **fields: Any) -> dict[str, Any]:
    return {"name": name, "ready": ready, "restartCount": restarts, "state": {"running": {}}, **fields}


def waiting(name: str, reason: str) -> dict[str, Any]:
    return {"name": name, "ready": False, "state": {"waiting": {"reason": reason}}}


def ended(name: str, code: int = 0, **fields: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "state": {"terminated": {"exitCode": code, **fields}}}


CRASHED: dict[str, Any] = {"lastState": {"terminated": {"finishedAt": "2026-01-02T03:03:05Z"}}}


@pytest.mark.parametrize(
    ("status", "cells"),
    [
        ({"phase": "Pending"}, "0/2 | Pending | 0"),
        ({"phase": "Running", "containerStatuses": [running("a"), running("b")]}, "2/2 | Running | 0"),
        ({"phase": "Running", "containerStatuses": [running("a"), running("b", ready=False)]}, "1/2 | Running | 0"),
        (
            {"phase": "Running", "containerStatuses": [running("a", restarts=3, **CRASHED), running("b")]},
            "2/2 | Running | 3 (60s ago)",
        ),
        ({"phase": "Pending", "containerStatuses": [waiting("a", "ErrImageUnmapped")]}, "0/2 | ErrImageUnmapped | 0"),
        (
            {"phase": "Running", "containerStatuses": [waiting("a", "CrashLoopBackOff"), running("b")]},
            "1/2 | CrashLoopBackOff | 0",
        ),
        ({"phase": "Failed", "containerStatuses": [ended("a", 3)]}, "0/2 | ExitCode:3 | 0"),
        ({"phase": "Failed", "containerStatuses": [ended("a", 137, signal=9)]}, "0/2 | Signal:9 | 0"),
        ({"phase": "Succeeded", "containerStatuses": [ended("a", reason="Completed")]}, "0/2 | Completed | 0"),
        (
            {"phase": "Running", "containerStatuses": [ended("a", reason="Completed"), running("b")]},
            "1/2 | NotReady | 0",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "0/2 | Evicted | 0"),
        ({"phase": "Pending", "initContainerStatuses": [waiting("i", "PodInitializing")]}, "0/2 | Init:0/1 | 0"),
        (
            {"phase": "Pending", "initContainerStatuses": [waiting("i", "CrashLoopBackOff")]},
            "0/2 | Init:CrashLoopBackOff | 0",
        ),
        ({"phase": "Pending", "initContainerStatuses": [ended("i", 1)]}, "0/2 | Init:ExitCode:1 | 0"),
        ({"phase": "Pending", "initContainerStatuses": [ended("i")]}, "0/2 | Pending | 0"),
    ],
)
def test_the_status_of_a_pod_is_what_keeps_it(status: Any, cells: str) -> None:
    spec = {"containers": containers("a", "b"), "initContainers": containers("i")}
    assert row("Pod", spec=spec, status=status) == f"n | {cells} | 30s"


def test_a_sidecar_among_the_init_containers_counts_as_container() -> None:
    spec = {"containers": containers("a"), "initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}]}
    status = {
        "phase": "Running",
        "containerStatuses": [running("a")],
        "initContainerStatuses": [running("istio-proxy", started=True)],
    }
    assert row("Pod", spec=spec, status=status) == "n | 2/2 | Running | 0 | 30s"


def test_a_pod_on_its_way_out() -> None:
    raw = {"metadata": {"name": "n", "deletionTimestamp": BORN}, "status": {"phase": "Running"}}
    assert table("Pod", [raw], NOW)["rows"][0]["cells"][2] == "Terminating"


@pytest.mark.parametrize(
    ("kind", "fields", "cells"),
    [
        (
            "Service",
            {"spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 80}]}},
            "ClusterIP | 10.96.0.1 | <none> | 80/TCP",
        ),
        (
            "Service",
            {
                "spec": {
                    "type": "LoadBalancer",
                    "clusterIP": "10.96.0.1",
                    "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
                },
                "status": {"loadBalancer": {"ingress": [{"ip": "172.18.0.2"}]}},
            },
            "LoadBalancer | 10.96.0.1 | 172.18.0.2 | 80:30080/TCP,53/UDP",
        ),
        ("Service", {"spec": {"type": "LoadBalancer"}}, "LoadBalancer | <none> | <pending> | <none>"),
        ("Service", {"spec": {"type": "ExternalName", "externalName": "a.b"}}, "ExternalName | <none> | a.b | <none>"),
        (
            "Deployment",
            {"spec": {"replicas": 3}, "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}},
            "1/3 | 2 | 1",
        ),
        ("Deployment", {"spec": {"replicas": 0}}, "0/0 | 0 | 0"),
        ("Namespace", {"status": {"phase": "Active"}}, "Active"),
        ("Secret", {"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}, "kubernetes.io/tls | 2"),
        ("ConfigMap", {"data": {"a": ""}, "binaryData": {"b": ""}}, "2"),
        ("ServiceAccount", {}, "0"),
        (
            "EndpointSlice",
            {
                "addressType": "IPv4",
                "ports": [{"port": 80}],
                "endpoints": [{"addresses": [f"10.0.0.{n}"]} for n in range(5)],
            },
            "IPv4 | 80 | 10.0.0.0,10.0.0.1,10.0.0.2 + 2 more...",
        ),
        ("EndpointSlice", {"addressType": "IPv4"}, "IPv4 | <unset> | <unset>"),
        ("Endpoints", {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}, "10.0.0.1:80"),
        ("VirtualService", {"spec": virtual_service()["spec"]}, ' | ["web"]'),
        ("DestinationRule", {"spec": {"host": "web"}}, "web"),
        (
            "ServiceEntry",
            {"spec": {"hosts": ["a", "b"], "location": "MESH_EXTERNAL", "resolution": "DNS"}},
            '["a","b"] | MESH_EXTERNAL | DNS',
        ),
        ("Gateway", {}, ""),
    ],
)
def test_rows(kind: str, fields: Any, cells: str) -> None:
    assert row(kind, **fields) == " | ".join(part for part in ("n", cells, "30s") if part)


def test_an_event_is_told_by_what_it_is_about() -> None:
    fields: Any = {
        "type": "Warning",
        "reason": "NACK",
        "message": "refused\n",
        "involvedObject": {"kind": "VirtualService", "name": "web"},
        "lastTimestamp": "2026-01-02T03:04:00Z",
    }
    assert row("Event", **fields) == "5s | Warning | NACK | virtualservice/web | refused"


def test_wide_rows() -> None:
    spec = {"containers": containers("a"), "nodeName": "here"}
    cells = row("Pod", wide=True, spec=spec, status={"phase": "Running", "podIP": "10.244.0.3"})
    assert cells == "n | 0/1 | Running | 0 | 30s | 10.244.0.3 | here | <none> | <none>"
    service = row("Service", wide=True, spec={"selector": {"b": "2", "a": "1"}})
    assert service.endswith("| a=1,b=2")


def test_the_wide_form_says_which_problems_an_object_has() -> None:
    found = {"bad": [Problem("IST0101", "warning", None, "", "x"), Problem("IST0101", "warning", None, "", "y")]}
    raws = [{"metadata": {"name": name}} for name in ("bad", "good")]
    shown = table("VirtualService", raws, NOW, problems=lambda raw: found.get(raw["metadata"]["name"], ()))
    assert shown["columnDefinitions"][-1] | {"name": "Problems", "priority": 1} == shown["columnDefinitions"][-1]
    assert [row["cells"][-1] for row in shown["rows"]] == ["IST0101", "<none>"]
    assert table("Event", [], NOW, problems=lambda raw: ())["columnDefinitions"][-1]["name"] == "Name"
