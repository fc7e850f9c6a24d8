"""Rules of a Service, as the Kubernetes API server has them."""

from __future__ import annotations

from meshgate.api import codes
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.host_names import is_address
from meshgate.api.rules.kubernetes_names import is_dns_label, is_dns_name, is_port_name, label_pairs
from meshgate.api.rules.values import HIGHEST_PORT, port
from meshgate.api.service import EndpointAddress, Endpoints, EndpointSlice, IntOrString, Service, ServiceType


def service_findings(spec: Service) -> Findings:
    """What Kubernetes would refuse."""
    if spec.type is ServiceType.EXTERNAL_NAME:
        if not is_dns_name(spec.external_name.rstrip(".").lower()):
            yield Finding("spec.externalName", f'"{spec.external_name}" is no DNS name', "type ExternalName needs one")
        if spec.is_headless:
            yield Finding("spec.clusterIP", "a Service of type ExternalName cannot be headless")
    elif not spec.ports and not spec.is_headless:
        yield Finding("spec.ports", "a Service needs at least one port")
    if spec.cluster_ip not in ("", "None") and not is_address(spec.cluster_ip):
        yield Finding("spec.clusterIP", f'"{spec.cluster_ip}" is no address', 'give an address, "None" or nothing')
    if spec.is_headless and spec.type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER):
        yield Finding("spec.clusterIP", f"a Service of type {spec.type} cannot be headless")
    if spec.type is ServiceType.NODE_PORT:
        hint = "its cluster address is reached from this machine; type LoadBalancer gives it an address outside"
        text = "type NodePort opens no port of this machine"
        yield Finding("spec.type", text, hint, severity="info", code=codes.WITHOUT_EFFECT)
    for index, address in enumerate(spec.external_ips):
        if not is_address(address):
            yield Finding(f"spec.externalIPs[{index}]", f'"{address}" is no address')
    if spec.load_balancer_ip and not is_address(spec.load_balancer_ip):
        yield Finding("spec.loadBalancerIP", f'"{spec.load_balancer_ip}" is no address')
    yield from label_pairs("spec.selector", spec.selector)
    yield from _ports(spec)


def _ports(spec: Service) -> Findings:
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    for index, entry in enumerate(spec.ports):
        at = f"spec.ports[{index}]"
        yield from port(f"{at}.port", entry.port)
        if not entry.name and len(spec.ports) > 1:
            yield Finding(f"{at}.name", "each of several ports needs a name")
        if entry.name and not is_dns_label(entry.name):
            yield Finding(f"{at}.name", f'"{entry.name}" is no name of a port', 'lower case letters, digits and "-"')
        if entry.name and entry.name in names:
            yield Finding(f"{at}.name", f'the port name "{entry.name}" is given twice')
        if (entry.port, entry.protocol) in numbers:
            yield Finding(f"{at}.port", f"the port {entry.port} is given twice")
        names.add(entry.name)
        numbers.add((entry.port, entry.protocol))
        if entry.target_port is not None:
            yield from port_or_name(f"{at}.targetPort", entry.target_port)
        if not 0 <= entry.node_port <= HIGHEST_PORT:
            yield Finding(f"{at}.nodePort", f"{entry.node_port} is no port")


def port_or_name(path: str, value: IntOrString) -> Findings:
    """A port of a container, by number or by name."""
    if isinstance(value, int):
        yield from port(path, value)
    elif not is_port_name(value):
        hint = "a number without quotes, or the name of a container's port"
        yield Finding(path, f'"{value}" is no name of a port', hint)


def endpoint_slice_findings(spec: EndpointSlice) -> Findings:
    """What Kubernetes would refuse."""
    for index, endpoint in enumerate(spec.endpoints):
        if not endpoint.addresses:
            yield Finding(f"endpoints[{index}].addresses", "an endpoint needs an address")
        for number, address in enumerate(endpoint.addresses):
            if not is_address(address) and not is_dns_name(address):
                yield Finding(f"endpoints[{index}].addresses[{number}]", f'"{address}" is neither address nor name')
    for index, entry in enumerate(spec.ports):
        if entry.port:
            yield from port(f"ports[{index}].port", entry.port)


def endpoints_findings(spec: Endpoints) -> Findings:
    """What Kubernetes would refuse."""
    for index, subset in enumerate(spec.subsets):
        yield from _addresses(f"subsets[{index}].addresses", subset.addresses)
        yield from _addresses(f"subsets[{index}].notReadyAddresses", subset.not_ready_addresses)
        for number, entry in enumerate(subset.ports):
            yield from port(f"subsets[{index}].ports[{number}].port", entry.port)


def _addresses(path: str, addresses: tuple[EndpointAddress, ...]) -> Findings:
    for index, address in enumerate(addresses):
        if not is_address(address.ip):
            yield Finding(f"{path}[{index}].ip", f'"{address.ip}" is no address')
