"""Headers that proxies set by themselves, as the mesh configuration says."""

from __future__ import annotations

import pytest

from meshgate.api import ForwardClientCertDetails, ProxyConfig, ProxyHeaders
from meshgate.api.proxy_config import DisabledHeader, EnabledHeader, ServerHeader, SetClientCertDetails
from meshgate.mesh import Facts
from meshgate.plan import Plan, Proxy
from meshgate.plan.values import ClientCertificateDetails, HttpConnectionManagerPlan, RouterFilter
from tests.mesh.objects import istio, service
from tests.plan.planned import ROUTER, SIDECAR, configuration, forward, listener, manager, mesh, planned, virtual_host

TEXT = service("web", "http:80", ip="10.96.0.1", selector="client")
TEXT += istio(
    "Gateway",
    "gw",
    "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
)
TEXT += istio(
    "VirtualService", "web", "{hosts: [a.org], gateways: [gw, mesh], http: [{route: [{destination: {host: web}}]}]}"
)


def facts(headers: ProxyHeaders) -> Facts:
    return mesh(default_config=ProxyConfig(proxy_headers=headers))


def made(headers: ProxyHeaders, proxy: Proxy = SIDECAR) -> Plan:
    return planned(TEXT, proxy, facts(headers))


def inbound(plan: Plan) -> HttpConnectionManagerPlan:
    chain = next(one for one in listener(plan, "virtualInbound").filter_chains if one.name == "0.0.0.0_80")
    return manager(chain)


def managers(headers: ProxyHeaders) -> list[HttpConnectionManagerPlan]:
    """Of what goes out, comes in, and of the gateway."""
    plan, gateway = made(headers), made(headers, ROUTER)
    outbound = manager(listener(plan, "0.0.0.0_80").filter_chains[0])
    return [outbound, inbound(plan), manager(listener(gateway, "0.0.0.0_80").filter_chains[0])]


def test_nothing_said_is_istios_default() -> None:
    found = managers(ProxyHeaders())
    assert [one.server_name for one in found] == ["", "istio-envoy", "istio-envoy"]
    assert all(one.generates_request_id and one.server_header == "OVERWRITE" for one in found)


def test_the_server_header() -> None:
    named = managers(ProxyHeaders(server=ServerHeader(value="mine")))
    assert [(one.server_name, one.server_header) for one in named] == [("mine", "OVERWRITE")] * 3
    off = managers(ProxyHeaders(server=ServerHeader(disabled=True, value="mine")))
    assert [(one.server_name, one.server_header) for one in off] == [("", "PASS_THROUGH")] * 3


@pytest.mark.parametrize("proxy", [SIDECAR, ROUTER])
def test_attempts_need_not_be_counted(proxy: Proxy) -> None:
    plan = made(ProxyHeaders(attempt_count=DisabledHeader(disabled=True)), proxy)
    (routes,) = [one for one in plan.route_configurations if one.name in ("80", "http.80")]
    assert not any(host.include_request_attempt_count for host in routes.virtual_hosts)


def test_what_is_switched_off_and_on() -> None:
    off, on = DisabledHeader(disabled=True), EnabledHeader(enabled=True)
    headers = ProxyHeaders(
        request_id=off,
        envoy_debug_headers=off,
        x_forwarded_port=on,
        x_forwarded_host=on,
        preserve_http1_header_case=True,
    )
    for one in managers(headers):
        assert not one.generates_request_id
        assert one.append_x_forwarded_port
        assert one.preserve_header_case
        assert one.http_filters[-1] == RouterFilter(suppress_envoy_headers=True)
    route = virtual_host(made(headers, ROUTER), "http.80", "a.org:80").routes[0]
    assert forward(route).append_x_forwarded_host
    assert configuration(made(headers), "80").name == "80"


def test_certificates_of_clients() -> None:
    headers = ProxyHeaders(forwarded_client_cert=ForwardClientCertDetails.SANITIZE)
    _, received, gateway = managers(headers)
    assert received.client_certificate_details == ClientCertificateDetails(subject=True, uri=True, dns=True)
    details = SetClientCertDetails(dns=False, chain=True)
    other = managers(ProxyHeaders(set_current_client_cert_details=details))[1]
    assert other.client_certificate_details == ClientCertificateDetails(subject=True, uri=True, chain=True)
    assert (received.forward_client_certificate, gateway.forward_client_certificate) == ("SANITIZE", "SANITIZE_SET")
