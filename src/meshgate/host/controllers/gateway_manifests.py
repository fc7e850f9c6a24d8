"""The Kubernetes objects of a gateway, as Istio's charts make them: ServiceAccount, Deployment, Service.

`istio:manifests/charts/gateways/istio-ingress/templates`. The pods' one container is `istio-proxy`; it binds the
Service's target ports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from meshgate.api import (
    GatewayComponent,
    GatewayKubernetes,
    GatewayService,
    Labels,
    ServicePort,
    ServiceType,
    encode_value,
)
from meshgate.host.pods.injection import PROXY, PROXY_IMAGE

Side = Literal["ingress", "egress"]
COMPONENT_LABEL = "operator.istio.io/component"
COMPONENTS: Mapping[Side, str] = {"ingress": "IngressGateways", "egress": "EgressGateways"}

_HTTP2 = ServicePort(name="http2", port=80, target_port=8080)
_HTTPS = ServicePort(name="https", port=443, target_port=8443)
_STATUS_PORT = ServicePort(name="status-port", port=15021, target_port=15021)
_STANDARD: Mapping[Side, GatewayService] = {
    "ingress": GatewayService(type=ServiceType.LOAD_BALANCER, ports=(_STATUS_PORT, _HTTP2, _HTTPS)),
    "egress": GatewayService(type=ServiceType.CLUSTER_IP, ports=(_HTTP2, _HTTPS)),
}
_RELEASE_LABELS: Labels = (
    ("install.operator.istio.io/owning-resource", "unknown"),
    ("istio.io/rev", "default"),
    ("release", "istio"),
)


def manifests(side: Side, gateway: GatewayComponent) -> tuple[dict[str, Any], ...]:
    """All objects of the gateway."""
    k8s = gateway.k8s or GatewayKubernetes()
    return _service_account(side, gateway), _deployment(side, gateway, k8s), _service(side, gateway, k8s)


def _metadata(side: Side, gateway: GatewayComponent, name: str) -> dict[str, Any]:
    labels = {**dict(gateway.label), **dict(_RELEASE_LABELS), COMPONENT_LABEL: COMPONENTS[side]}
    return {"name": name, "namespace": gateway.namespace, "labels": labels}


def _account_name(gateway: GatewayComponent) -> str:
    return f"{gateway.name}-service-account"


def _service_account(side: Side, gateway: GatewayComponent) -> dict[str, Any]:
    metadata = _metadata(side, gateway, _account_name(gateway))
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _service(side: Side, gateway: GatewayComponent, k8s: GatewayKubernetes) -> dict[str, Any]:
    given, standard = k8s.service or GatewayService(), _STANDARD[side]
    metadata = _metadata(side, gateway, gateway.name)
    if k8s.service_annotations:
        metadata["annotations"] = dict(k8s.service_annotations)
    spec: dict[str, Any] = {
        "type": str((given.type or standard.type or ServiceType.CLUSTER_IP).value),
        "selector": {**dict(gateway.label), **dict(given.selector)},
        "ports": [encode_value(port) for port in given.ports or standard.ports],
    }
    if given.load_balancer_ip:
        spec["loadBalancerIP"] = given.load_balancer_ip
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _deployment(side: Side, gateway: GatewayComponent, k8s: GatewayKubernetes) -> dict[str, Any]:
    labels = {
        **_metadata(side, gateway, "")["labels"],
        "chart": "gateways",
        "heritage": "Tiller",
        "service.istio.io/canonical-name": gateway.name,
        "service.istio.io/canonical-revision": "latest",
        "sidecar.istio.io/inject": "false",
    }
    annotations = {
        "istio.io/rev": "default",
        "prometheus.io/path": "/stats/prometheus",
        "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
        "sidecar.istio.io/inject": "false",
        **dict(k8s.pod_annotations),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(side, gateway, gateway.name),
        "spec": {
            "replicas": 1 if k8s.replica_count is None else k8s.replica_count,
            "selector": {"matchLabels": dict(gateway.label)},
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"serviceAccountName": _account_name(gateway), "containers": [_container(side, k8s)]},
            },
        },
    }


def _container(side: Side, k8s: GatewayKubernetes) -> dict[str, Any]:
    ports = (k8s.service or GatewayService()).ports or _STANDARD[side].ports
    targets = {port.port if port.target_port is None else port.target_port for port in ports}
    container: dict[str, Any] = {
        "name": PROXY,
        "image": PROXY_IMAGE,
        "args": ["proxy", "router"],
        "ports": [
            *({"containerPort": target, "protocol": "TCP"} for target in sorted(_numbers(targets))),
            {"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
            "initialDelaySeconds": 1,
            "periodSeconds": 2,
            "successThreshold": 1,
            "failureThreshold": 30,
            "timeoutSeconds": 1,
        },
    }
    if k8s.env:
        container["env"] = [encode_value(variable) for variable in k8s.env]
    return container


def _numbers(targets: set[int | str]) -> list[int]:
    return [target for target in targets if isinstance(target, int)]
