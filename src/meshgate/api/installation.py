"""Which gateways stand: the standard two, changed and added to by IstioOperators (oldest first) and by `--set`.

A component is meant by its name (and namespace); one that is given without a name means the standard gateway at its
place, as with istioctl's `--set components.ingressGateways[0].enabled=false`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from meshgate.api.certificate_settings import rsa_bits
from meshgate.api.istio_operator import (
    Components,
    GatewayComponent,
    GatewayKubernetes,
    GatewayService,
    IstioOperator,
)
from meshgate.api.mesh_layers import SYSTEM_NAMESPACE, oldest_first
from meshgate.api.profiles import PROFILES
from meshgate.api.resource import AnyResource, of_type
from meshgate.api.value import Labels, Value

OWN_RSA_KEY: Final = "CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE"
"""Istiod's variable."""
INGRESS: Final = GatewayComponent(
    name="istio-ingressgateway",
    namespace=SYSTEM_NAMESPACE,
    enabled=True,
    label=(("app", "istio-ingressgateway"), ("istio", "ingressgateway")),
)
EGRESS: Final = GatewayComponent(
    name="istio-egressgateway",
    namespace=SYSTEM_NAMESPACE,
    enabled=False,
    label=(("app", "istio-egressgateway"), ("istio", "egressgateway")),
)


class Installation(Value, frozen=True, kw_only=True):
    """The gateways that stand, those that are not enabled left out. Name, namespace and labels are filled in."""

    ingress_gateways: tuple[GatewayComponent, ...] = (INGRESS,)
    egress_gateways: tuple[GatewayComponent, ...] = ()


def installation(resources: Iterable[AnyResource], settings: IstioOperator | None = None) -> Installation:
    """What the IstioOperators among the resources, and `--set`, ask for."""
    operators = [operator.spec for operator in oldest_first(of_type(resources, IstioOperator))]
    ingress: tuple[GatewayComponent, ...] = (INGRESS,)
    egress: tuple[GatewayComponent, ...] = (EGRESS,)
    for operator in [*operators, *([settings] if settings else [])]:
        for components in (PROFILES.get(operator.profile, Components()), operator.components):
            ingress = _changed(ingress, components.ingress_gateways, operator.namespace, INGRESS.label)
            egress = _changed(egress, components.egress_gateways, operator.namespace, EGRESS.label)
    return Installation(
        ingress_gateways=tuple(component for component in ingress if component.enabled),
        egress_gateways=tuple(component for component in egress if component.enabled),
    )


def own_rsa_bits(resources: Iterable[AnyResource], settings: IstioOperator | None = None) -> int:
    """Bits of the RSA key of the mesh's own authority, 0 for ECDSA: `components.pilot.k8s.env`, as istiod reads it.

    The newest IstioOperator wins, `settings` over all.
    """
    operators = [operator.spec for operator in oldest_first(of_type(resources, IstioOperator))]
    bits = 0
    for operator in [*operators, *([settings] if settings else [])]:
        pilot = operator.components.pilot
        for variable in pilot.k8s.env if pilot is not None and pilot.k8s is not None else ():
            if variable.name == OWN_RSA_KEY:
                bits = rsa_bits(variable.value) or 0
    return bits


def _changed(
    standing: tuple[GatewayComponent, ...], changes: tuple[GatewayComponent, ...], namespace: str, labels: Labels
) -> tuple[GatewayComponent, ...]:
    found = list(standing)
    for index, change in enumerate(changes):
        meant = _place(found, index, change)
        if meant is not None:
            found[meant] = _merged(found[meant], change)
        elif change.name:
            defaults = GatewayComponent(
                name=change.name, namespace=namespace or SYSTEM_NAMESPACE, label=labels, enabled=False
            )
            found.append(_merged(defaults, change))
    return tuple(found)


def _place(standing: list[GatewayComponent], index: int, change: GatewayComponent) -> int | None:
    if not change.name:
        return index if index < len(standing) else None
    for place, component in enumerate(standing):
        if component.name == change.name and change.namespace in ("", component.namespace):
            return place
    return None


def _merged(below: GatewayComponent, change: GatewayComponent) -> GatewayComponent:
    return msgspec.structs.replace(
        below,
        namespace=change.namespace or below.namespace,
        enabled=below.enabled if change.enabled is None else change.enabled,
        label=_merged_pairs(below.label, change.label),
        k8s=_merged_kubernetes(below.k8s, change.k8s),
    )


def _merged_kubernetes(below: GatewayKubernetes | None, change: GatewayKubernetes | None) -> GatewayKubernetes | None:
    if below is None or change is None:
        return change or below
    return GatewayKubernetes(
        service=_merged_service(below.service, change.service),
        service_annotations=_merged_pairs(below.service_annotations, change.service_annotations),
        pod_annotations=_merged_pairs(below.pod_annotations, change.pod_annotations),
        env=tuple({variable.name: variable for variable in (*below.env, *change.env)}.values()),
        replica_count=below.replica_count if change.replica_count is None else change.replica_count,
    )


def _merged_service(below: GatewayService | None, change: GatewayService | None) -> GatewayService | None:
    if below is None or change is None:
        return change or below
    return GatewayService(
        type=change.type or below.type,
        ports=change.ports or below.ports,
        load_balancer_ip=change.load_balancer_ip or below.load_balancer_ip,
        selector=_merged_pairs(below.selector, change.selector),
    )


def _merged_pairs(below: Labels, change: Labels) -> Labels:
    return tuple(sorted((dict(below) | dict(change)).items()))
