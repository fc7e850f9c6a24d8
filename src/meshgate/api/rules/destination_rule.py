"""Rules of a DestinationRule: host, subsets, policies. The parts of policies have files of their own.

istio:pkg/config/validation/validation.go#ValidateDestinationRule
"""

from __future__ import annotations

from typing import Final

from meshgate.api.destination_rule import DestinationRule, PortTrafficPolicy, Subset, TrafficPolicy, TunnelSettings
from meshgate.api.meta import Meta
from meshgate.api.rules.client_tls import client_tls
from meshgate.api.rules.connections import connection_pool, outlier_detection
from meshgate.api.rules.destinations import subset_name
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.host_names import host_fault, host_hint, is_address, wildcard_host_fault
from meshgate.api.rules.load_balancer import load_balancer
from meshgate.api.rules.values import export_to, labels, port, selector

_TUNNEL_PROTOCOLS: Final = frozenset({"", "CONNECT", "POST"})


def destination_rule_findings(meta: Meta, spec: DestinationRule) -> Findings:
    """What istiod would refuse, and warn about."""
    fault = wildcard_host_fault(spec.host)
    if not spec.host:
        yield Finding("spec.host", "a destination rule needs a host", "name the service that it is for")
    elif fault:
        yield Finding("spec.host", fault, host_hint(spec.host))
    if spec.traffic_policy:
        yield from _policy("spec.trafficPolicy", spec.traffic_policy, meta)
    for index, subset in enumerate(spec.subsets):
        yield from _without_doubts(_subset(f"spec.subsets[{index}]", subset, meta))
    yield from export_to("spec.exportTo", spec.export_to, meta.namespace)
    yield from _workload_selector(meta, spec)


def _without_doubts(findings: Findings) -> Findings:
    """istiod says its doubts of the whole rule's policy only."""
    return (finding for finding in findings if finding.severity == "error")


def _workload_selector(meta: Meta, spec: DestinationRule) -> Findings:
    if spec.workload_selector is None:
        return
    found = selector("spec.workloadSelector.matchLabels", spec.workload_selector.match_labels)
    if found:
        yield found
    if not spec.workload_selector.match_labels:
        yield doubt("spec.workloadSelector", "a selector without labels selects all workloads of the namespace")
    if len(spec.export_to) > 1 or any(namespace not in (".", meta.namespace) for namespace in spec.export_to):
        yield Finding("spec.exportTo", "a rule with a workloadSelector is for its own namespace only", 'write "."')


def _subset(path: str, subset: Subset, meta: Meta) -> Findings:
    yield from subset_name(f"{path}.name", subset.name)
    yield from labels(f"{path}.labels", subset.labels)
    if subset.traffic_policy:
        yield from _policy(f"{path}.trafficPolicy", subset.traffic_policy, meta)


def _policy(path: str, policy: TrafficPolicy, meta: Meta) -> Findings:
    if policy == TrafficPolicy():
        yield Finding(path, "a traffic policy needs at least one setting")
    if policy.tunnel and policy.proxy_protocol:
        yield Finding(f"{path}.tunnel", "a tunnel cannot carry the PROXY protocol", "leave out tunnel or proxyProtocol")
    yield from _parts(path, policy, meta)
    for index, settings in enumerate(policy.port_level_settings):
        at = f"{path}.portLevelSettings[{index}]"
        if settings.port is None:
            yield Finding(f"{at}.port", "settings of a port need the port", "write port: {number: 80}")
        if settings == PortTrafficPolicy(port=settings.port):
            yield Finding(at, "settings of a port need at least one setting")
        yield from _without_doubts(_parts(at, settings, meta))
    if policy.tunnel:
        yield from _tunnel(f"{path}.tunnel", policy.tunnel)


def _parts(path: str, policy: TrafficPolicy | PortTrafficPolicy, meta: Meta) -> Findings:
    if policy.outlier_detection:
        yield from outlier_detection(f"{path}.outlierDetection", policy.outlier_detection)
    if policy.connection_pool:
        yield from connection_pool(f"{path}.connectionPool", policy.connection_pool)
    if policy.load_balancer:
        has_outlier_detection = policy.outlier_detection is not None
        yield from load_balancer(f"{path}.loadBalancer", policy.load_balancer, detects_outliers=has_outlier_detection)
    if policy.tls:
        yield from client_tls(f"{path}.tls", policy.tls, meta.namespace)


def _tunnel(path: str, tunnel: TunnelSettings) -> Findings:
    if tunnel.protocol not in _TUNNEL_PROTOCOLS:
        yield Finding(f"{path}.protocol", f'"{tunnel.protocol}" is neither "CONNECT" nor "POST"')
    fault = host_fault(tunnel.target_host)
    if fault and not is_address(tunnel.target_host):
        yield Finding(f"{path}.targetHost", fault)
    yield from port(f"{path}.targetPort", tunnel.target_port)
