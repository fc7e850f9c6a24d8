"""Rules of a VirtualService as a whole, its hosts, and its TCP and TLS routes. HTTP routes: `http_route.py`.

istio:pkg/config/validation/validation.go#ValidateVirtualService
"""

from __future__ import annotations

from typing import Final

from meshgate.api import codes
from meshgate.api.meta import Meta
from meshgate.api.rules.annotations import GATEWAY, ROUTE_SEMANTICS
from meshgate.api.rules.destinations import routed_destination, weights
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.host_names import (
    gateway_names,
    host_hint,
    is_address,
    is_covered,
    overlap,
    sni_host_fault,
    wildcard_host_fault,
)
from meshgate.api.rules.http_route import Setting, http_route
from meshgate.api.rules.unused_rules import unused_rules
from meshgate.api.rules.values import export_to, labels, port, subnet
from meshgate.api.virtual_service import (
    HTTPRoute,
    L4MatchAttributes,
    TCPRoute,
    TLSMatchAttributes,
    TLSRoute,
    VirtualService,
)

MESH: Final = "mesh"
"""The reserved name of all sidecars."""


def virtual_service_findings(meta: Meta, spec: VirtualService) -> Findings:
    """What istiod would refuse, and warn about."""
    is_made_of_route = meta.annotation(ROUTE_SEMANTICS) == GATEWAY
    yield from gateway_names("spec.gateways", spec.gateways, any_name=is_made_of_route)
    is_for_mesh = not spec.gateways or MESH in spec.gateways
    if spec.hosts:
        yield from _hosts(spec, is_for_mesh=is_for_mesh)
    else:
        yield from _delegate(spec)
    if not (spec.http or spec.tcp or spec.tls):
        yield Finding("spec", "a virtual service needs http, tcp or tls routes")
    setting = Setting(not spec.hosts, is_for_mesh, is_made_of_route)
    for index, rule in enumerate(spec.http):
        yield from http_route(f"spec.http[{index}]", rule, setting)
        yield from _faults_first(f"spec.http[{index}].fault", rule)
    for index, tls_rule in enumerate(spec.tls):
        yield from _tls_matches(f"spec.tls[{index}]", tls_rule, spec)
        yield from _destinations(f"spec.tls[{index}]", tls_rule, is_free=is_made_of_route)
    for index, tcp_rule in enumerate(spec.tcp):
        for number, match in enumerate(tcp_rule.match):
            yield from _l4_match(f"spec.tcp[{index}].match[{number}]", match)
        yield from _destinations(f"spec.tcp[{index}]", tcp_rule, is_free=is_made_of_route)
    yield from export_to("spec.exportTo", spec.export_to, meta.namespace)
    yield from unused_rules(spec)


def _delegate(spec: VirtualService) -> Findings:
    """Without hosts it only lends its HTTP routes to others."""
    for key, given in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
        if given:
            yield Finding(f"spec.{key}", f"a virtual service without hosts cannot have {key}", "give hosts")


def _hosts(spec: VirtualService, *, is_for_mesh: bool) -> Findings:
    faults = []
    has_names = any(match.sni_hosts for rule in spec.tls for match in rule.match)
    fault_of = sni_host_fault if has_names and not is_for_mesh else wildcard_host_fault
    for index, host in enumerate(spec.hosts):
        at = f"spec.hosts[{index}]"
        fault = fault_of(host)
        if fault and not is_address(host):
            faults.append(Finding(at, fault, host_hint(host)))
        elif host == "*" and is_for_mesh:
            hint = "name the gateways that it is for, without mesh, or give hosts"
            faults.append(Finding(at, '"*" cannot be used for the mesh, only for gateways', hint))
    yield from faults or _overlaps(spec.hosts)


def _overlaps(hosts: tuple[str, ...]) -> Findings:
    for index, host in enumerate(hosts):
        for other in hosts[:index]:
            if overlap(host, other):
                yield Finding(f"spec.hosts[{index}]", f'"{host}" and "{other}" overlap', "leave one of them out")


def _tls_matches(path: str, rule: TLSRoute, spec: VirtualService) -> Findings:
    if not rule.match:
        yield Finding(f"{path}.match", "a TLS rule needs a match")
    for index, match in enumerate(rule.match):
        at = f"{path}.match[{index}]"
        if not match.sni_hosts:
            yield Finding(f"{at}.sniHosts", "a TLS match needs at least one host")
        for number, host in enumerate(match.sni_hosts):
            yield from _sni_host(f"{at}.sniHosts[{number}]", host, spec)
        yield from _l4_match(at, match)


def _sni_host(path: str, host: str, spec: VirtualService) -> Findings:
    fault = wildcard_host_fault(host) if MESH in spec.gateways else sni_host_fault(host)
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


def _destinations(path: str, rule: TCPRoute | TLSRoute, *, is_free: bool) -> Findings:
    if not rule.route:
        yield Finding(f"{path}.route", f"a {'TCP' if isinstance(rule, TCPRoute) else 'TLS'} rule needs a route")
    for index, target in enumerate(rule.route):
        yield from routed_destination(f"{path}.route[{index}].destination", target.destination, is_free=is_free)
    yield from weights(f"{path}.route", [target.weight for target in rule.route])


def _faults_first(path: str, rule: HTTPRoute) -> Findings:
    """Istio's documentation calls it a limitation: Envoy injects faults before its router comes into play."""
    others = [name for name, given in (("timeout", rule.timeout), ("retries", rule.retries)) if given]
    if rule.fault is not None and others:
        text = f"faults come before {' and '.join(others)} of this rule, which do not see them"
        yield Finding(
            path, text, "to try those out, inject the fault one service further on", "info", codes.FAULT_FIRST
        )
