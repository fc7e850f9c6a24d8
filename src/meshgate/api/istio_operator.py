"""IstioOperator: which gateways stand, and mesh configuration, as `istioctl install` takes them.

https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/
"""

from __future__ import annotations

import msgspec

from meshgate.api.service import ServicePort, ServiceType
from meshgate.api.value import Labels, RawJson, Value
from meshgate.api.workload import EnvVar


class GatewayService(Value, frozen=True, kw_only=True):
    """Changes of a gateway's Service."""

    type: ServiceType | None = None
    ports: tuple[ServicePort, ...] = ()
    """None: the standard ones."""
    load_balancer_ip: str = msgspec.field(default="", name="loadBalancerIP")
    selector: Labels = ()


class GatewayKubernetes(Value, frozen=True, kw_only=True):
    """Changes of a gateway's Kubernetes objects."""

    service: GatewayService | None = None
    service_annotations: Labels = ()
    pod_annotations: Labels = ()
    env: tuple[EnvVar, ...] = ()
    replica_count: int | None = None


class GatewayComponent(Value, frozen=True, kw_only=True):
    """A gateway: pod, Deployment, Service."""

    name: str = ""
    namespace: str = ""
    """Empty: `istio-system`."""
    enabled: bool | None = None
    label: Labels = ()
    """Further labels of the pods; they replace standard ones of the same key."""
    k8s: GatewayKubernetes | None = None


class PilotVariable(Value, frozen=True, kw_only=True):
    """A variable of istiod's environment. `--set` gives name and value one after the other."""

    name: str = ""
    value: str = ""


class PilotKubernetes(Value, frozen=True, kw_only=True):
    """Changes of istiod's Kubernetes objects."""

    env: tuple[PilotVariable, ...] = ()
    """Only `CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE` has effect."""


class PilotComponent(Value, frozen=True, kw_only=True):
    """The control plane."""

    k8s: PilotKubernetes | None = None


class Components(Value, frozen=True, kw_only=True):
    """The parts of an installation that exist here."""

    ingress_gateways: tuple[GatewayComponent, ...] = ()
    egress_gateways: tuple[GatewayComponent, ...] = ()
    pilot: PilotComponent | None = None


class IstioOperator(Value, frozen=True, kw_only=True):
    """Spec of an IstioOperator."""

    profile: str = ""
    """`default` (or empty), `demo`, `minimal` or `empty`."""
    namespace: str = ""
    components: Components = Components()
    mesh_config: RawJson = ""
    """Laid over the ConfigMap `istio`. Checked but kept as written: what is not given must not hide what lies below."""
