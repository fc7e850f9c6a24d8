"""Rules of an IstioOperator, but for its mesh configuration."""

from __future__ import annotations

from meshgate.api.istio_operator import GatewayComponent, IstioOperator
from meshgate.api.profiles import PROFILES
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.kubernetes_names import is_dns_label, label_pairs
from meshgate.api.rules.kubernetes_service import port_or_name
from meshgate.api.rules.values import port


def istio_operator_findings(path: str, spec: IstioOperator, *, needs_names: bool = True) -> Findings:
    """`needs_names`: gateways must be named, as in an object; `--set` may mean them by their place."""
    if spec.profile not in PROFILES:
        words = ", ".join(name for name in PROFILES if name)
        yield Finding(f"{path}profile", f'there is no profile "{spec.profile}"', f"profiles: {words}")
    for key, components in (
        ("ingressGateways", spec.components.ingress_gateways),
        ("egressGateways", spec.components.egress_gateways),
    ):
        names: set[tuple[str, str]] = set()
        for index, component in enumerate(components):
            at = f"{path}components.{key}[{index}]"
            yield from _component(at, component, needs_names=needs_names)
            if component.name and (component.namespace, component.name) in names:
                yield Finding(f"{at}.name", f'the gateway "{component.name}" is given twice')
            names.add((component.namespace, component.name))


def _component(path: str, component: GatewayComponent, *, needs_names: bool) -> Findings:
    if not component.name:
        if needs_names:
            yield Finding(f"{path}.name", "a gateway needs a name", "such as istio-ingressgateway")
    elif not is_dns_label(component.name):
        yield Finding(f"{path}.name", f'"{component.name}" is no name of a gateway')
    if component.namespace and not is_dns_label(component.namespace):
        yield Finding(f"{path}.namespace", f'"{component.namespace}" is no namespace')
    yield from label_pairs(f"{path}.label", component.label)
    if component.k8s is None:
        return
    replicas = component.k8s.replica_count
    if replicas is not None and replicas < 0:
        yield Finding(f"{path}.k8s.replicaCount", "replicas cannot be negative")
    for index, entry in enumerate(component.k8s.service.ports if component.k8s.service else ()):
        at = f"{path}.k8s.service.ports[{index}]"
        yield from port(f"{at}.port", entry.port)
        if entry.target_port is not None:
            yield from port_or_name(f"{at}.targetPort", entry.target_port)
