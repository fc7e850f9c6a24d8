"""Mistakes on the way out that are legal: TLS around TLS, TLS to a plaintext port, rules for hosts that nobody knows,
and gateways that send to themselves."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import (
    ClientTLSMode,
    ClientTLSSettings,
    Labels,
    Origin,
    Problem,
    TCPRoute,
    TLSRoute,
    TrafficPolicy,
    codes,
    is_subset,
)
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.analysis.destinations import Placed, placed_in_rule
from meshgate.mesh.analysis.indexes import GatewayIndex, ServiceIndex
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.host import MESH, full_name, gateway_name, matches
from meshgate.mesh.problems import at, warning
from meshgate.mesh.service import MeshService, Port, Resolving
from meshgate.mesh.virtual_services import BoundVirtualService

_ORIGINATING = frozenset({ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL})
PLAINTEXT_PORT = 80


def origination_problems(rule: BoundDestinationRule, services: ServiceIndex) -> tuple[Problem, ...]:
    """MG0162 and MG0163: TLS that is opened where it cannot be wanted. A rule for selected workloads is for those that
    send HTTP there."""
    service = services.named(rule.host)
    if service is None:
        return ()
    found = [*_of_policy(rule, rule.policy, rule.policy_origin, service)]
    for bound in rule.subsets:
        found += _of_policy(rule, bound.subset.traffic_policy, at(bound.origin, "trafficPolicy"), service)
    return tuple(found)


def _of_policy(
    rule: BoundDestinationRule, policy: TrafficPolicy | None, origin: Origin, service: MeshService
) -> Iterator[Problem]:
    if policy is None:
        return
    by_port = {settings.port: (place, settings.tls) for place, settings in enumerate(policy.port_level_settings)}
    for port in service.ports:
        place, tls = by_port.get(port.number, (None, policy.tls))
        path = "tls" if place is None else f"portLevelSettings[{place}].tls"
        if _originates(tls):
            yield from _of_port(rule, port, service, at(origin, path))
    known = {port.number for port in service.ports}
    for number, (place, tls) in by_port.items():
        if number not in known and _originates(tls):
            text = f'service "{service.hostname}" has no port {number}, so nobody opens this TLS'
            hint = f"ports: {', '.join(str(port) for port in sorted(known))}"
            yield warning(codes.TLS_ON_WRONG_PORT, at(origin, f"portLevelSettings[{place}].port"), text, hint)


def _originates(tls: ClientTLSSettings | None) -> bool:
    return tls is not None and tls.mode in _ORIGINATING


def _of_port(rule: BoundDestinationRule, port: Port, service: MeshService, origin: Origin) -> Iterator[Problem]:
    if port.protocol.is_tls and rule.workload_selector is None:
        text = (
            f'who calls "{service.hostname}" port {port.number} ({port.protocol.value}) opens TLS already; this puts '
            "more TLS around it, which the server does not expect: only HTTP that is routed to the port works"
        )
        yield warning(codes.TLS_IN_TLS, origin, text, "give the rule a workloadSelector for those that send HTTP there")
    elif port.protocol.is_http and service.is_external and _targets(service, port) == {PLAINTEXT_PORT}:
        text = f'TLS is opened to port {PLAINTEXT_PORT} of "{service.hostname}", where servers expect plaintext'
        yield warning(codes.TLS_ON_WRONG_PORT, origin, text, "give the ServiceEntry's port targetPort: 443")


def _targets(service: MeshService, port: Port) -> set[int]:
    """The servers' ports; none where Envoy finds the port itself: 443 of a host that is looked up when it is called."""
    if service.resolving is Resolving.DYNAMIC_DNS:
        return set()
    fixed = {one.endpoint.port for one in service.fixed if one.port == port.number}
    named = port.target if isinstance(port.target, int) and port.target else port.number
    return fixed or {named}


def unknown_host_problems(virtual_service: BoundVirtualService, services: ServiceIndex) -> tuple[Problem, ...]:
    """MG0164: TLS and TCP rules of sidecars are for hosts of services; others have no listener."""
    if MESH not in virtual_service.gateways or not (virtual_service.tls or virtual_service.tcp):
        return ()
    kind = "tls" if virtual_service.tls else "tcp"
    return tuple(
        warning(
            codes.ENTRY_NEEDED,
            Origin(virtual_service.ref, f"spec.hosts[{place}]"),
            f'no service has the host "{host}", so sidecars use none of the {kind} rules for it',
            "give the host a ServiceEntry",
        )
        for place, host in enumerate(virtual_service.hosts)
        if not any(matches(host, known) for known in services.by_host)
    )


def loop_problems(
    virtual_service: BoundVirtualService, gateways: GatewayIndex, services: ServiceIndex, labels: LabelIndex
) -> tuple[Problem, ...]:
    """MG0165: rules by which a gateway sends to itself."""
    found: list[Problem] = []
    for name in virtual_service.gateways:
        gateway = gateways.by_name.get(name)
        if gateway is not None and gateway.selector:
            pods = labels.all_anywhere_with(gateway.selector)
            found += _loops(virtual_service, gateway, services, pods)
    return tuple(found)


def _loops(
    virtual_service: BoundVirtualService,
    gateway: BoundGateway,
    services: ServiceIndex,
    pods: tuple[tuple[str, Labels], ...],
) -> Iterator[Problem]:
    ports = {one.server.port.number for one in gateway.servers if one.server.port is not None}
    for destination, origin, namespace in _for_gateway(virtual_service, gateway.name):
        service = services.named(full_name(destination.host, namespace, services.domain).lower())
        if service is None or not service.selector:
            continue
        called = destination.port or (service.ports[0].number if len(service.ports) == 1 else 0)
        leads_back = any(owner == service.namespace and is_subset(service.selector, pod) for owner, pod in pods)
        if leads_back and called in ports:
            text = f'Gateway "{gateway.name}" sends this to "{service.hostname}" port {called}, which is itself'
            yield warning(codes.GATEWAY_LOOP, origin, text, "limit the rule to mesh (match.gateways), or send it on")


def _for_gateway(virtual_service: BoundVirtualService, gateway: str) -> Iterator[Placed]:
    """Where the rules that count at a gateway send."""
    namespace = virtual_service.namespace
    for http in virtual_service.http:
        if _counts([one.gateways for one in http.route.match], http.namespace, gateway):
            yield from ((destination, origin, http.namespace) for destination, origin in placed_in_rule(http))
    others: list[tuple[TLSRoute | TCPRoute, Origin]] = [(one.route, one.origin) for one in virtual_service.tls]
    others += [(one.route, one.origin) for one in virtual_service.tcp]
    for route, rule_origin in others:
        is_for_it = _counts([one.gateways for one in route.match], namespace, gateway)
        for place, target in enumerate(route.route if is_for_it else ()):
            if target.destination is not None:
                yield target.destination, at(rule_origin, f"route[{place}].destination"), namespace


def _counts(given: list[tuple[str, ...]], namespace: str, gateway: str) -> bool:
    """Whether one of the matches is for the gateway."""
    return not given or any(not names or gateway in (gateway_name(one, namespace) for one in names) for names in given)
