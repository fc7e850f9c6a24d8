"""Rules of a VirtualService as a whole, its hosts, and its TCP and TLS routes. HTTP routes: `http_route.py`.

istio:pkg/config/validation/validation.go#ValidateVirtualService
"""

from __future__ import annotations

from typing import Final

from meshgate.api.meta import Meta
from meshgate.api.rules.destinations import destination, weights
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.host_names import (
    gateway_names,
    is_address,
    is_covered,
    overlap,
    sni_host_fault,
    wildcard_host_fault,
)
from meshgate.api.rules.http_route import http_route
from meshgate.api.rules.unused_rules import unused_rules
from meshgate.api.rules.values import export_to, labels, port, subnet
from meshgate.api.virtual_service import (
    L4MatchAttributes,
    RouteDestination,
    TCPRoute,
    TLSMatchAttributes,
    TLSRoute,
    VirtualService,
)

MESH: Final = "mesh"
"""The reserved name of all sidecars."""


def virtual_service_findings(meta: Meta, spec: VirtualService) -> Findings:
    """What istiod would refuse, and warn about."""
    yield from gateway_names("spec.gateways", spec.gateways)
    is_for_mesh = not spec.gateways or MESH in spec.gateways
    if spec.hosts:
        yield from _hosts(spec, is_for_mesh=is_for_mesh)
    else:
        yield from _delegate(spec)
    if not (spec.http or spec.tcp or spec.tls):
        yield Finding("spec", "a virtual service needs http, tcp or tls routes")
    for index, rule in enumerate(spec.http):
        yield from http_route(f"spec.http[{index}]", rule, is_delegate=not spec.hosts, is_for_mesh=is_for_mesh)
    for index, tls_rule in enumerate(spec.tls):
        yield from _tls_route(f"spec.tls[{index}]", tls_rule, spec)
    for index, tcp_rule in enumerate(spec.tcp):
        yield from _tcp_route(f"spec.tcp[{index}]", tcp_rule)
    yield from export_to("spec.exportTo", spec.export_to, meta.namespace)
    yield from unused_rules(spec)


def _delegate(spec: VirtualService) -> Findings:
    """Without hosts it only lends its HTTP routes to others."""
    for key, given in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
        if given:
            yield Finding(f"spec.{key}", f"a virtual service without hosts cannot have {key}", "give hosts")


def _hosts(spec: VirtualService, *, is_for_mesh: bool) -> Findings:
    faults = []
    fault_of = sni_host_fault if _is_for_gateway(spec.gateways) else wildcard_host_fault
    for index, host in enumerate(spec.hosts):
        at = f"spec.hosts[{index}]"
        fault = fault_of(host)
        if fault and not is_address(host):
            faults.append(Finding(at, fault))
        elif host == "*" and is_for_mesh:
            hint = "name the gateways that it is for, without mesh, or give hosts"
            faults.append(Finding(at, '"*" cannot be used for the mesh, only for gateways', hint))
    yield from faults or _overlaps(spec.hosts)


def _is_for_gateway(gateways: tuple[str, ...]) -> bool:
    return any(name != MESH for name in gateways)


def _overlaps(hosts: tuple[str, ...]) -> Findings:
    for index, host in enumerate(hosts):
        for other in hosts[:index]:
            if overlap(host, other):
                yield Finding(f"spec.hosts[{index}]", f'"{host}" and "{other}" overlap', "leave one of them out")


def _tcp_route(path: str, rule: TCPRoute) -> Findings:
    for index, match in enumerate(rule.match):
        yield from _l4_match(f"{path}.match[{index}]", match)
    if not rule.route:
        yield Finding(f"{path}.route", "a TCP rule needs a route")
    yield from _destinations(f"{path}.route", rule.route)


def _tls_route(path: str, rule: TLSRoute, spec: VirtualService) -> Findings:
    if not rule.match:
        yield Finding(f"{path}.match", "a TLS rule needs a match")
    for index, match in enumerate(rule.match):
        at = f"{path}.match[{index}]"
        if not match.sni_hosts:
            yield Finding(f"{at}.sniHosts", "a TLS match needs at least one host")
        for number, host in enumerate(match.sni_hosts):
            yield from _sni_host(f"{at}.sniHosts[{number}]", host, spec)
        yield from _l4_match(at, match)
    if not rule.route:
        yield Finding(f"{path}.route", "a TLS rule needs a route")
    yield from _destinations(f"{path}.route", rule.route)


def _sni_host(path: str, host: str, spec: VirtualService) -> Findings:
    is_for_gateway = not spec.gateways or _is_for_gateway(spec.gateways)
    fault = sni_host_fault(host) if is_for_gateway else wildcard_host_fault(host)
    if fault and not is_address(host):
        yield Finding(path, fault)
        return
    if fault:
        yield doubt(path, f'"{host}" is an address: no client sends one as server name')
    if not any(is_covered(host, wider) for wider in spec.hosts):
        yield Finding(path, f'"{host}" is not among the hosts of the virtual service', "add it to spec.hosts")


def _l4_match(path: str, match: L4MatchAttributes | TLSMatchAttributes) -> Findings:
    for index, text in enumerate(match.destination_subnets):
        yield from subnet(f"{path}.destinationSubnets[{index}]", text)
    if match.port:
        yield from port(f"{path}.port", match.port)
    yield from labels(f"{path}.sourceLabels", match.source_labels)
    yield from gateway_names(f"{path}.gateways", match.gateways, doubts=isinstance(match, TLSMatchAttributes))


def _destinations(path: str, route: tuple[RouteDestination, ...]) -> Findings:
    for index, target in enumerate(route):
        yield from destination(f"{path}[{index}].destination", target.destination)
    yield from weights(path, [target.weight for target in route])
