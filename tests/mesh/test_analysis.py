"""What is wrong between objects beyond names that lead nowhere: told once, at the object that should change."""

from __future__ import annotations

import pytest

from meshgate.mesh import Facts, Memo, build
from tests.mesh.objects import built, istio, pod, resources, service

WEB = service("web", "http:80", ip="10.96.0.1", selector="web")
POD = pod("web-1", "10.0.0.1", app="web", version="v1")
LOCAL = "default.svc.cluster.local"


def deployment(*, template: str = "labels: {app: web}", name: str = "web") -> str:
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template: {{metadata: {{{template}}}, spec: {{containers: [{{name: app, command: [app]}}]}}}}
"""


def namespace(labels: str, name: str = "shop") -> str:
    return f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"


def rule(spec: str, name: str = "dr") -> str:
    return istio("DestinationRule", name, spec)


def route(name: str, hosts: str, rest: str) -> str:
    return istio("VirtualService", name, f"{{hosts: {hosts}, {rest}}}")


def gateway(protocol: str = "HTTP") -> str:
    return istio(
        "Gateway", "gw", f"{{servers: [{{port: {{number: 80, name: a, protocol: {protocol}}}, hosts: ['*']}}]}}"
    )


def found(text: str) -> list[str]:
    return [str(problem) for problem in built(text)[1]]


SUBSETS = "{host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v9, labels: {version: v9}}]}"
TO_V1 = "http: [{route: [{destination: {host: web, subset: v1}}]}]"
TO_WEB = "http: [{route: [{destination: {host: web}}]}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            WEB + POD + rule(SUBSETS),
            f'DestinationRule/default/dr spec.subsets[1].labels: no pod of service "web.{LOCAL}" has the labels '
            '"version=v9" of subset "v9" [IST0173]',
            id="subset without pods",
        ),
        pytest.param(
            WEB + POD + rule("{host: web, workloadSelector: {matchLabels: {app: cart}}}"),
            'DestinationRule/default/dr spec.workloadSelector: no workload of namespace "default" has the labels '
            '"app=cart"; the rule counts for nobody [IST0127]',
            id="rule for no workload",
        ),
        pytest.param(
            POD
            + istio(
                "ServiceEntry",
                "se",
                "{hosts: [a.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, "
                "location: MESH_INTERNAL, workloadSelector: {labels: {app: cart}}}",
            ),
            'ServiceEntry/default/se spec.workloadSelector: no workload of namespace "default" has the labels '
            '"app=cart" [IST0127]',
            id="entry for no workload",
        ),
        pytest.param(
            WEB + rule("{host: web, subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]}"),
            'DestinationRule/default/dr spec.subsets[0].trafficPolicy: no VirtualService sends to subset "v1", so its '
            "policy counts for nothing [MG0107]",
            id="policy of a subset that nobody sends to",
        ),
        pytest.param(
            WEB
            + POD
            + gateway()
            + rule("{host: web, subsets: [{name: v1, labels: {version: v1}}]}")
            + route("mesh", "[web]", TO_V1)
            + route("edge", "[a.org]", f"gateways: [gw], {TO_WEB}"),
            "VirtualService/default/edge spec.http[0].route[0].destination.host: the subsets of VirtualService/default/"
            f'mesh for host "web.{LOCAL}" do not count for requests through a gateway; name a subset here, too '
            "[IST0140]",
            id="mesh rules that a gateway passes by",
        ),
        pytest.param(
            WEB + gateway("TCP") + route("edge", "['*']", f"gateways: [gw], {TO_WEB}"),
            "VirtualService/default/edge spec.http: the servers of its gateways speak TCP and read tcp rules only "
            "[MG0106]",
            id="rules for another protocol",
        ),
        pytest.param(
            service("web", "web:80", ip="10.96.0.1"),
            'Service/default/web spec.ports[0].name: neither the name "web" of port 80 nor appProtocol names a '
            "protocol; it is detected; if it is HTTP, say so: http-web [IST0118]",
            id="port name",
        ),
        pytest.param(
            service("web", "tcp:80", extra="type: ExternalName\n  externalName: a.org"),
            "Service/default/web spec.ports[0].name: port 80 of a service without an address is taken for TCP; "
            "name it after its protocol, such as http or https [IST0150]",
            id="port name of an external service",
        ),
        pytest.param(
            WEB + service("db", "tcp:80", ip="10.96.0.2", selector="web") + deployment(),
            'Deployment/default/web spec.template.metadata.labels: services "db", "web" have port 80 with different '
            "protocols: HTTP, TCP [IST0116]",
            id="services with different protocols",
        ),
        pytest.param(
            service("web", "http:80:8080", selector="web")
            + service("old", "http:81:8080", ip="10.96.0.2", selector="web")
            + deployment(),
            'Deployment/default/web spec.template.metadata.labels: services "old", "web" lead to target port 8080 from '
            "ports 80, 81 [IST0137]",
            id="services with different ports",
        ),
        pytest.param(
            namespace("istio-injection: enabled, istio.io/rev: default"),
            "Namespace/shop metadata.labels: the labels istio-injection and istio.io/rev both say whether pods are "
            "injected; the first decides; keep one of them [IST0123]",
            id="injection labels",
        ),
    ],
)
def test_what_is_wrong(text: str, expected: str) -> None:
    assert found(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WEB + rule("{host: web, subsets: [{name: v9, labels: {version: v9}}]}"), id="no workload at all"),
        pytest.param(
            WEB + deployment(template="labels: {app: web, version: v9}") + POD + rule(SUBSETS), id="pods to come"
        ),
        pytest.param(
            WEB + POD + rule("{host: web, subsets: [{name: a, labels: {topology.kubernetes.io/zone: b}}]}"),
            id="labels of the place",
        ),
        pytest.param(
            WEB
            + POD
            + rule(
                "{host: web, subsets: [{name: v1, labels: {version: v1}, "
                "trafficPolicy: {loadBalancer: {simple: RANDOM}}}]}"
            )
            + route("mesh", "[web]", TO_V1),
            id="policy in use",
        ),
        pytest.param(
            WEB + gateway("TCP") + route("edge", "[a.org]", f"gateways: [gw, mesh], {TO_WEB}"), id="rules for sidecars"
        ),
        pytest.param(
            WEB
            + service("db", "tcp:80", ip="10.96.0.2", selector="web")
            + deployment(template="labels: {app: web, sidecar.istio.io/inject: 'false'}"),
            id="no sidecar",
        ),
        pytest.param(service("dns", "dns:5300", namespace="kube-system", ip="10.96.0.9"), id="system namespace"),
        pytest.param(namespace("istio-injection: enabled"), id="one label"),
    ],
)
def test_what_is_right(text: str) -> None:
    assert found(text) == []


def test_a_gateway_of_the_same_request_counts_before_it_stands() -> None:
    operator = """
---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: op, namespace: istio-system}
spec: {components: {egressGateways: [{name: istio-egressgateway, enabled: true}]}}
"""
    egress = istio(
        "Gateway",
        "gw",
        "{selector: {istio: egressgateway}, servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*']}]}",
    )
    assert found(POD + egress) == [
        'Gateway/default/gw spec.selector: no pod has the labels "istio=egressgateway" [IST0101]'
    ]
    assert found(POD + egress + operator) == []


def test_a_change_looks_only_at_what_it_touches() -> None:
    def mesh(number: int) -> str:
        services = "".join(service(f"s{n}", "http:80", ip=f"10.96.1.{n}") for n in range(20))
        routes = "".join(
            route(f"r{n}", f"[s{n}]", f"http: [{{route: [{{destination: {{host: s{n if n else number}}}}}]}}]")
            for n in range(20)
        )
        return services + routes

    memo, facts = Memo(), Facts()
    build(resources(mesh(1)), facts, memo)
    before = memo.misses
    build(resources(mesh(2)), facts, memo)
    assert memo.misses - before < 20
