"""Objects around gateways, for tests."""

from __future__ import annotations

from tests.mesh.objects import istio, service

LOCAL = "default.svc.cluster.local"
WEB = service("web", "http:80", ip="10.96.0.1") + service("cart", "http:80", ip="10.96.0.2")
BOTH = service("two", "http:80", "http-b:81", ip="10.96.0.3")
INGRESS = service(
    "istio-ingressgateway",
    "http2:80:8080",
    "https:443:8443",
    "tcp:31400:31400",
    namespace="istio-system",
    extra="selector: {istio: ingressgateway}",
)


def server(number: int = 80, protocol: str = "HTTP", hosts: str = "'*'", rest: str = "") -> str:
    name = f"{protocol.lower()}-{number}"
    return f"{{port: {{number: {number}, name: {name}, protocol: {protocol}}}, hosts: [{hosts}]{rest}}}"


def gateway(*servers: str, name: str = "gw", selector: str = "{istio: ingressgateway}", **more: str) -> str:
    spec = f"{{servers: [{', '.join(servers)}]{f', selector: {selector}' if selector else ''}}}"
    return istio("Gateway", name, spec, **more)


def routed(host: str, to: str = "web", *, name: str = "vs", gateways: str = "gw", rest: str = "", **more: str) -> str:
    http = f"[{{name: {name}, route: [{{destination: {{host: {to}}}}}]{rest}}}]"
    return istio("VirtualService", name, f"{{hosts: [{host}], gateways: [{gateways}], http: {http}}}", **more)


def tcp_rule(rules: str, name: str = "tcp", hosts: str = "'*'") -> str:
    return istio("VirtualService", name, f"{{hosts: [{hosts}], gateways: [gw], tcp: {rules}}}")


DB = service("db", "tcp:5432", ip="10.96.0.9")


SECOND = INGRESS.replace("istio-ingressgateway,", "second,").replace("targetPort: 8080", "targetPort: 8081")
