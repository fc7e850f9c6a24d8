"""What DNS, the router and the edge are told, from objects."""

from __future__ import annotations

from typing import Any

import yaml

from meshgate.api import AnyResource, decode
from meshgate.app.dns_names import dns_table
from meshgate.app.feeds import edge_facts
from meshgate.app.virtual_addresses import service_table
from meshgate.host.dns import EndpointName, HostName, PortName
from meshgate.host.network.services import Endpoint
from meshgate.mesh import Facts, build

OBJECTS = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.9
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]
status: {loadBalancer: {ingress: [{ip: 10.245.0.3}]}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: web.example.com}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
- {addresses: [10.244.0.8], conditions: {ready: true}}
- {addresses: [10.244.0.9], conditions: {ready: false}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: tcp, port: 5432, protocol: TCP}]
endpoints:
- {addresses: [10.244.0.10], conditions: {ready: true}, hostname: db-0}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cnn, namespace: shop}
spec: {hosts: [edition.cnn.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
status: {addresses: [{value: 240.240.0.1, host: edition.cnn.com}]}
---
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {clusterIP: 10.96.0.2, ports: [{name: http2, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: gw-1, namespace: istio-system, labels: {kubernetes.io/service-name: istio-ingressgateway}}
addressType: IPv4
ports: [{name: http2, port: 8080, protocol: TCP}]
endpoints:
- addresses: [10.244.0.20]
  conditions: {ready: true}
  targetRef: {kind: Pod, namespace: istio-system, name: gw, uid: u-1}
"""


def resources() -> tuple[AnyResource, ...]:
    found = []
    for raw in yaml.safe_load_all(OBJECTS):
        resource, problems = decode(given(raw))
        assert resource is not None, problems
        found.append(resource)
    return tuple(found)


def given(raw: Any) -> dict[str, Any]:
    assert isinstance(raw, dict)
    return raw


def test_services_have_their_names_and_headless_ones_their_endpoints() -> None:
    snapshot, _ = build(resources(), Facts())
    table = dns_table(resources(), snapshot, ["10.96.0.0/16"])
    services = {service.name: service for service in table.services}
    assert services["web"].addresses == ("10.96.0.9",)
    assert services["web"].ports == (PortName(name="http", port=80), PortName(name="dns", protocol="udp", port=53))
    assert services["db"].endpoints == (EndpointName(address="10.244.0.10", hostname="db-0"),)
    assert services["alias"].external_name == "web.example.com"


def test_a_service_entry_is_known_by_its_assigned_address() -> None:
    snapshot, _ = build(resources(), Facts())
    (host,) = dns_table(resources(), snapshot, []).hosts
    assert host == HostName(name="edition.cnn.com", addresses=("240.240.0.1",), namespace="shop", visible_in=("*",))


def test_virtual_addresses_lead_to_ready_endpoints() -> None:
    ports = {(port.service, port.port): port for port in service_table(resources())}
    web = ports["shop/web", 80]
    assert web.addresses == ("10.96.0.9", "10.245.0.3")
    assert web.endpoints == (Endpoint("10.244.0.8", 8080),)
    assert ports["shop/web", 53].protocol == "udp"
    assert not [key for key in ports if key[0] == "shop/db"]


def test_the_edge_knows_ports_and_ready_gateways() -> None:
    facts = edge_facts(resources(), {})
    assert facts.service_ports == ((80, 8080),)
    assert [(gateway.uid, gateway.ports) for gateway in facts.gateways] == [("u-1", frozenset())]


def test_without_the_default_gateway_the_edge_has_nothing() -> None:
    assert edge_facts((), {}).service_ports == ()
