"""Rules of a ServiceEntry. istio:pkg/config/validation/validation.go#ValidateServiceEntry"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meshgate.api import codes
from meshgate.api.meta import Meta
from meshgate.api.rules.finding import Finding, Findings, at_key, doubt
from meshgate.api.rules.host_names import (
    host_fault,
    host_hint,
    is_address,
    is_label,
    is_partial_wildcard,
    wildcard_host_fault,
)
from meshgate.api.rules.protocols import PROTOCOL_RULE, is_http, is_protocol, is_tcp_based, is_tls
from meshgate.api.rules.values import HIGHEST_PORT, export_to, labels, port, selector, subnet, unix_path
from meshgate.api.service_entry import Location, Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry

UNIX: Final = "unix://"
AUTO_ALLOCATE: Final = "networking.istio.io/enable-autoallocate-ip"
_USE_WAYPOINT: Final = "istio.io/use-waypoint"


def service_entry_findings(meta: Meta, spec: ServiceEntry) -> Findings:
    """What istiod would refuse, and warn about."""
    if spec.workload_selector:
        found = selector("spec.workloadSelector.labels", spec.workload_selector.labels)
        if found:
            yield found
            return
        yield from _selecting(spec)
    yield from _hosts(spec)
    yield from _addresses(spec)
    yield from _ports(spec)
    yield from _endpoints_by_resolution(meta, spec)
    yield from _host_and_port_conflicts(meta, spec)
    yield from export_to("spec.exportTo", spec.export_to, meta.namespace, may_be_none=True)


def _selecting(spec: ServiceEntry) -> Findings:
    if spec.endpoints:
        yield Finding("spec.workloadSelector", "a selector and endpoints exclude each other")
    if spec.workload_selector and not spec.workload_selector.labels:
        yield doubt("spec.workloadSelector", "a selector without labels selects all workloads of the namespace")
    if spec.resolution not in (Resolution.STATIC, Resolution.DNS, Resolution.DNS_ROUND_ROBIN):
        yield doubt("spec.workloadSelector", f"a selector is not used with resolution {spec.resolution}")


def _hosts(spec: ServiceEntry) -> Findings:
    if not spec.hosts:
        yield Finding("spec.hosts", "a service entry needs at least one host")
    for index, host in enumerate(spec.hosts):
        at = f"spec.hosts[{index}]"
        fault = wildcard_host_fault(host)
        if host == "*":
            yield Finding(at, '"*" would take all hosts of the mesh', "name a domain, such as *.example.com")
        elif fault:
            hint = "addresses go into spec.addresses" if is_address(host) else host_hint(host)
            yield Finding(at, fault, hint)
        elif is_partial_wildcard(host) and spec.resolution is not Resolution.DYNAMIC_DNS:
            yield doubt(at, f'"{host}" has a wildcard that is not a whole first part')


def _addresses(spec: ServiceEntry) -> Findings:
    for index, address in enumerate(spec.addresses):
        at = f"spec.addresses[{index}]"
        yield from subnet(at, address)
        if "/" in address and spec.resolution not in (Resolution.NONE, Resolution.STATIC):
            yield Finding(at, f"ranges of addresses do not go with resolution {spec.resolution}", "use STATIC or NONE")


def _ports(spec: ServiceEntry) -> Findings:
    names: set[str] = set()
    numbers: set[int] = set()
    for index, entry in enumerate(spec.ports):
        at = f"spec.ports[{index}]"
        yield from _port(at, entry)
        if entry.name in names:
            yield Finding(f"{at}.name", f'the port name "{entry.name}" is given twice')
        if entry.number in numbers:
            yield Finding(f"{at}.number", f"the port {entry.number} is given twice")
        names.add(entry.name)
        numbers.add(entry.number)


def _port(path: str, entry: ServiceEntryPort) -> Findings:
    if not entry.name:
        yield Finding(f"{path}.name", "a port needs a name", "such as http or tcp-db")
    elif not is_label(entry.name):
        yield Finding(f"{path}.name", f'"{entry.name}" is no name of a port', 'letters, digits and "-"')
    if entry.protocol and not is_protocol(entry.protocol):
        yield Finding(f"{path}.protocol", f'"{entry.protocol}" is no protocol', PROTOCOL_RULE)
    if not entry.number:
        yield Finding(f"{path}.number", "a port needs its number", f"ports are 1 to {HIGHEST_PORT}")
    else:
        yield from port(f"{path}.number", entry.number)
    if entry.target_port:
        yield from port(f"{path}.targetPort", entry.target_port)


def _endpoints_by_resolution(meta: Meta, spec: ServiceEntry) -> Findings:
    match spec.resolution:
        case Resolution.NONE:
            if spec.endpoints:
                yield Finding("spec.endpoints", "resolution NONE uses the address that was called", "use STATIC")
        case Resolution.STATIC:
            yield from _endpoints(spec, _static_address_fault)
        case Resolution.DNS:
            yield from _hosts_to_resolve(spec)
            yield from _endpoints(spec, _name_fault)
        case Resolution.DNS_ROUND_ROBIN:
            yield from _hosts_to_resolve(spec)
            if len(spec.endpoints) > 1:
                yield Finding("spec.endpoints", "resolution DNS_ROUND_ROBIN takes at most one endpoint")
            yield from _endpoints(spec, _name_fault)
        case Resolution.DYNAMIC_DNS:
            yield from _dynamic(meta, spec)


def _hosts_to_resolve(spec: ServiceEntry) -> Findings:
    """Without endpoints the hosts themselves are looked up."""
    if spec.endpoints:
        return
    for index, host in enumerate(spec.hosts):
        if host_fault(host):
            text = f'"{host}" cannot be looked up, and there are no endpoints'
            yield Finding(f"spec.hosts[{index}]", text, "give endpoints, or a host without wildcard")


def _static_address_fault(address: str) -> str:
    return "" if is_address(address) else f'"{address}" is no address'


def _name_fault(address: str) -> str:
    return (
        "" if is_address(address) or not host_fault(address) else f'"{address}" is neither a host name nor an address'
    )


def _endpoints(spec: ServiceEntry, fault_of: Callable[[str], str]) -> Findings:
    names = {entry.name for entry in spec.ports}
    for index, endpoint in enumerate(spec.endpoints):
        at = f"spec.endpoints[{index}]"
        if endpoint.address.startswith(UNIX) and spec.resolution is Resolution.STATIC:
            yield from _unix_endpoint(at, endpoint, spec)
            continue
        if not endpoint.address and (not endpoint.network or spec.resolution is not Resolution.STATIC):
            yield Finding(f"{at}.address", "an endpoint needs an address")
        elif not endpoint.address:
            text = f'without an address only a gateway of network "{endpoint.network}" can be used, and there is none'
            yield doubt(f"{at}.address", text)
        fault = fault_of(endpoint.address) if endpoint.address else ""
        if fault:
            yield Finding(f"{at}.address", fault)
        for name, number in endpoint.ports:
            if name not in names:
                yield Finding(at_key(f"{at}.ports", name), f'the service entry has no port "{name}"')
            yield from port(at_key(f"{at}.ports", name), number)
        yield from labels(f"{at}.labels", endpoint.labels)


def _unix_endpoint(path: str, endpoint: WorkloadEntry, spec: ServiceEntry) -> Findings:
    yield from unix_path(f"{path}.address", endpoint.address.removeprefix(UNIX))
    if endpoint.ports:
        yield Finding(f"{path}.ports", "a Unix socket has no ports")
    if len(spec.ports) != 1:
        yield Finding("spec.ports", "with an endpoint that is a Unix socket there must be exactly one port")
    yield from labels(f"{path}.labels", endpoint.labels)


def _dynamic(meta: Meta, spec: ServiceEntry) -> Findings:
    if spec.endpoints:
        yield Finding("spec.endpoints", "resolution DYNAMIC_DNS looks up the host of each request")
    if spec.addresses:
        yield Finding("spec.addresses", "resolution DYNAMIC_DNS has no addresses")
    for index, host in enumerate(spec.hosts):
        if not host.startswith("*"):
            yield Finding(f"spec.hosts[{index}]", "resolution DYNAMIC_DNS is for wildcard hosts", "use DNS")
    for index, entry in enumerate(spec.ports):
        if entry.protocol.upper() not in ("HTTP", "HTTP2", "GRPC", "TLS"):
            text = f'"{entry.protocol}" does not go with resolution DYNAMIC_DNS'
            yield Finding(f"spec.ports[{index}].protocol", text, "use HTTP, HTTP2, GRPC or TLS")
    if spec.location is Location.MESH_INTERNAL and meta.label(_USE_WAYPOINT, "none").lower() != "none":
        yield Finding("spec.location", "MESH_INTERNAL does not go with DYNAMIC_DNS and a waypoint")


def _host_and_port_conflicts(meta: Meta, spec: ServiceEntry) -> Findings:
    """Hosts of one entry are told apart by what a request says of them, which only HTTP and TLS do."""
    is_opaque = [not is_http(entry.protocol) and not is_tls(entry.protocol) for entry in spec.ports]
    if len(spec.hosts) > 1 and any(is_opaque) and spec.resolution is not Resolution.NONE:
        yield Finding("spec.hosts", "several hosts need ports of HTTP or TLS", "make a service entry for each host")
    is_tcp = any(entry.protocol in ("", "TCP") for entry in spec.ports)
    if len(spec.hosts) > 1 and spec.addresses and any(is_tcp_based(entry.protocol) for entry in spec.ports):
        yield doubt("spec.hosts", "several hosts with the same address and a TCP port cannot be told apart")
    gets_address = spec.resolution is not Resolution.NONE and meta.label(AUTO_ALLOCATE).lower() != "false"
    if is_tcp and not spec.addresses and not gets_address:
        text = "a TCP port without an address takes all traffic to its number, wherever it goes"
        hint = "add addresses, or a resolution, with which one is allocated"
        yield Finding("spec.addresses", text, hint, "warning", codes.ADDRESSES_NEEDED)
