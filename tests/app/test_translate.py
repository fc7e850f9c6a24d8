"""What a proxy would be told, from files alone."""

from __future__ import annotations

import json

import pytest

from meshgate.api import Document, documents
from meshgate.app.translate import Translated, translate
from meshgate.errors import Refused, UsageError
from meshgate.tour import scenario_text
from tests.app.web import door, route, web

WEB = web(replicas=2) + door() + route()
GATEWAY = "istio-ingressgateway.istio-system"


def read(text: str, filename: str = "web.yaml") -> tuple[Document, ...]:
    found, problems = documents(text, filename)
    assert problems == ()
    return found


def names(translated: Translated, kind: str) -> list[str]:
    key = "cluster_name" if kind == "endpoints" else "name"
    return [resource[key] for resource in translated.as_json()[kind]]


def test_a_gateway_has_its_port_its_routes_and_the_endpoints_of_given_workloads() -> None:
    translated = translate(read(WEB), GATEWAY)
    assert translated.problems == ()
    assert "0.0.0.0_8080" in names(translated, "listeners")
    assert names(translated, "routes") == ["http.8080"]
    [web] = [
        each
        for each in translated.as_json()["endpoints"]
        if each["cluster_name"] == "outbound|80||web.default.svc.cluster.local"
    ]
    assert len(web["endpoints"][0]["lb_endpoints"]) == 2


def test_a_deployment_stands_for_its_first_pod_and_a_pod_for_itself() -> None:
    of_deployment = translate(read(WEB), "web.default")
    name = of_deployment.proxy.name
    of_pod = translate(read(WEB), f"{name}.default")
    assert of_pod.as_json() == of_deployment.as_json()
    assert "virtualInbound" in names(of_pod, "listeners")


def test_a_pod_by_itself_gets_a_sidecar_too() -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: alone}, spec: {containers: [{name: c, command: [x]}]}}"
    assert "virtualOutbound" in names(translate(read(pod), "alone.default"), "listeners")


def test_equal_objects_in_any_order_give_equal_resources() -> None:
    found = read(WEB)
    assert translate(found, GATEWAY).as_json() == translate(tuple(reversed(found)), GATEWAY).as_json()
    assert json.dumps(translate(found, GATEWAY).as_json())


def test_namespaces_that_objects_name_are_there() -> None:
    text = WEB.replace("metadata: {name: web}", "metadata: {name: web, namespace: shop}").replace(
        "[door]", "[default/door]"
    )
    assert translate(read(text), "web.shop").problems == ()


def test_settings_count() -> None:
    on = ["components.egressGateways[0].enabled=true"]
    assert translate(read(WEB), "istio-egressgateway.istio-system", settings=on).as_json()["clusters"]
    with pytest.raises(Refused, match="--set is wrong"):
        translate(read(WEB), GATEWAY, settings=["nonsense"])


def test_a_proxy_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'wbe\.default'") as caught:
        translate(read(WEB), "wbe.default")
    assert caught.value.hint == "nearest: 'web.default'"


def test_objects_with_errors_are_refused_with_all_of_them() -> None:
    broken = WEB.replace("hosts: [web.example.com]", "hots: [web.example.com]").replace("replicas: 2", "replicas: two")
    with pytest.raises(Refused) as caught:
        translate(read(broken), GATEWAY)
    positions = {getattr(problem, "position", "") for problem in caught.value.problems}
    assert {"web.yaml:7", "web.yaml:32"} <= positions


def test_doubts_are_told_with_their_place() -> None:
    text = WEB.replace("destination: {host: web}", "destination: {host: wbe}")
    [problem] = translate(read(text), GATEWAY).problems
    assert problem.position == "web.yaml:34"
    assert "wbe" in problem.text


def test_scenario_5_translates_for_all_its_proxies() -> None:
    found = read(scenario_text("workloads")) + read(scenario_text("05-mesh-gateway"))
    for target in (GATEWAY, "service-a.default", "service-b.default", "service-c.default", "sleep.default"):
        assert translate(found, target).problems == ()
