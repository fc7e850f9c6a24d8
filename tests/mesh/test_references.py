"""Names that lead nowhere: told with the field and the nearest name; what leads somewhere is told nothing of."""

from __future__ import annotations

import pytest

from tests.mesh.objects import built, istio, pod, service

WEB = service("web", "http:80", ip="10.96.0.1")
TWO_PORTS = service("two", "http:80", "http-b:81", ip="10.96.0.2")
GATEWAY = istio(
    "Gateway",
    "gw",
    "{selector: {app: gw}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['shop/a.org', b.org]}]}",
)


def virtual_service(destination: str, *, hosts: str = "[web]", gateways: str = "", rest: str = "") -> str:
    bound = f"gateways: {gateways}, " if gateways else ""
    return istio(
        "VirtualService", "vs", f"{{hosts: {hosts}, {bound}http: [{{route: [{{destination: {destination}}}]{rest}}}]}}"
    )


def found(text: str) -> list[str]:
    return [str(problem) for problem in built(text)[1]]


VS = "VirtualService/default/vs"
DESTINATION = f"{VS} spec.http[0].route[0].destination"
LOCAL = "default.svc.cluster.local"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            WEB + virtual_service("{host: wep}"),
            f'{DESTINATION}.host: no service "wep.default.svc.cluster.local"; '
            'nearest: "web.default.svc.cluster.local" [IST0101]',
            id="host",
        ),
        pytest.param(
            istio("ServiceEntry", "w", "{hosts: ['*.org'], ports: [{number: 80, name: http, protocol: HTTP}]}")
            + virtual_service("{host: a.org}", hosts="[a.org]"),
            f'{DESTINATION}.host: no service "a.org"; service "*.org" is no destination for it: '
            "give it a ServiceEntry of its own [IST0101]",
            id="wildcard service",
        ),
        pytest.param(
            service("out", extra="type: ExternalName\n  externalName: a.org") + virtual_service("{host: out}"),
            f'{DESTINATION}.host: service "out.{LOCAL}" is an ExternalName for "a.org", which is no service of the '
            'mesh; give "a.org" a ServiceEntry [IST0101]',
            id="alias of what is outside",
        ),
        pytest.param(
            WEB + virtual_service("{host: web, port: {number: 81}}"),
            f'{DESTINATION}.port: service "web.default.svc.cluster.local" has no port 81; ports: 80 [IST0101]',
            id="port",
        ),
        pytest.param(
            WEB + service("other", "http:81") + virtual_service("{host: other}"),
            f'{DESTINATION}.port: service "other.{LOCAL}" has no port 80, which sidecars take when it is called; '
            "name a port; ports: 81 [IST0101]",
            id="port that is called",
        ),
        pytest.param(
            WEB + virtual_service("{host: web, subset: v1}"),
            f'{DESTINATION}.subset: no DestinationRule gives host "web.{LOCAL}" a subset "v1" [IST0101]',
            id="subset without a rule",
        ),
        pytest.param(
            WEB
            + virtual_service("{host: web, subset: v2}")
            + istio("DestinationRule", "web", "{host: web, subsets: [{name: v1}]}"),
            f'{DESTINATION}.subset: no DestinationRule gives host "web.default.svc.cluster.local" a subset "v2"; '
            "subsets: v1 [IST0101]",
            id="subset",
        ),
        pytest.param(
            WEB + virtual_service("{host: web}", rest=", mirrors: [{destination: {host: nobody}}]"),
            f'{VS} spec.http[0].mirrors[0].destination.host: no service "nobody.{LOCAL}" [IST0101]',
            id="mirror",
        ),
        pytest.param(
            TWO_PORTS + GATEWAY + virtual_service("{host: two}", hosts="[b.org]", gateways="[gw]"),
            f'{DESTINATION}.port: service "two.{LOCAL}" has several ports, so the number of the gateway\'s server is '
            "taken; name a port; ports: 80, 81 [IST0112]",
            id="port needed",
        ),
        pytest.param(
            WEB + virtual_service("{host: web}", hosts="[b.org]", gateways="[gv]") + GATEWAY,
            'VirtualService/default/vs spec.gateways[0]: no Gateway "default/gv"; nearest: "default/gw" [IST0101]',
            id="gateway",
        ),
        pytest.param(
            WEB + GATEWAY + virtual_service("{host: web}", hosts="[b.org, c.org]", gateways="[gw]"),
            'VirtualService/default/vs spec.hosts[1]: Gateway "default/gw" does not take host "c.org"; '
            "its hosts: shop/a.org, b.org [IST0132]",
            id="host not taken",
        ),
        pytest.param(
            WEB + GATEWAY + virtual_service("{host: web}", hosts="[a.org]", gateways="[gw]"),
            'VirtualService/default/vs spec.hosts[0]: Gateway "default/gw" does not take host "a.org" from namespace '
            '"default"; its hosts: shop/a.org, b.org [IST0132]',
            id="host not taken from the namespace",
        ),
        pytest.param(
            WEB + istio("DestinationRule", "dr", "{host: wep}"),
            'DestinationRule/default/dr spec.host: no service "wep.default.svc.cluster.local"; '
            'nearest: "web.default.svc.cluster.local" [IST0174]',
            id="rule for nobody",
        ),
        pytest.param(
            WEB + GATEWAY + pod("web-1", "10.0.0.1", app="web"),
            'Gateway/default/gw spec.selector: no pod has the labels "app=gw" [IST0101]',
            id="selector",
        ),
        pytest.param(
            WEB + virtual_service("{host: web}") + virtual_service("{host: web}").replace("name: vs", "name: vs2"),
            f'VirtualService/default/vs2 spec.hosts[0]: {VS} has host "web.{LOCAL}", '
            "too, and is older: sidecars use that one alone; join the two, or give one of them gateways [IST0109]",
            id="mesh host twice",
        ),
        pytest.param(
            WEB
            + istio(
                "ServiceEntry",
                "squat",
                "{hosts: [web.default.svc.cluster.local], ports: [{number: 81, name: http, protocol: HTTP}]}",
            ),
            f'ServiceEntry/default/squat spec.hosts[0]: Service/default/web already has host "web.{LOCAL}", '
            "so ports [81] are not served; join the two, or choose another host [MG0104]",
            id="host taken",
        ),
    ],
)
def test_broken_references(text: str, expected: str) -> None:
    assert found(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WEB + virtual_service("{host: web}"), id="short name"),
        pytest.param(TWO_PORTS + virtual_service("{host: two}", hosts="[two]"), id="called port in the mesh"),
        pytest.param(
            WEB + GATEWAY + virtual_service("{host: web}", hosts="[b.org, web]", gateways="[gw, mesh]"),
            id="some hosts for the mesh",
        ),
        pytest.param(
            istio("ServiceEntry", "w", "{hosts: ['*.org'], ports: [{number: 80, name: http, protocol: HTTP}]}")
            + istio("DestinationRule", "dr", "{host: '*.a.org'}"),
            id="rule for a wildcard service",
        ),
        pytest.param(WEB + istio("DestinationRule", "dr", "{host: '*.local'}"), id="wildcard rule"),
        pytest.param(
            WEB
            + service("alias", extra="type: ExternalName\n  externalName: web.default.svc.cluster.local")
            + virtual_service("{host: alias}"),
            id="alias",
        ),
        pytest.param(GATEWAY, id="no pods at all"),
    ],
)
def test_what_leads_somewhere(text: str) -> None:
    assert found(text) == []
