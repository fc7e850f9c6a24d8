"""THE table of what is implemented: kinds, field paths, words. decode accepts exactly this.

A path that has an entry accepts only the names listed there (fields of an object, words of an enumeration); a path that
has none accepts all that its type has. So `"VirtualService.spec.http.match": ("uri", ...)` limits a match to those
fields and takes each of them whole. An entry for a map lists, each after a `!`, how keys begin that it does not take
yet. To implement a field, add its name here, in the same commit as its meaning. The conformance runner skips the cases
that need more. The table only grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgate.api.mesh_fields import ACCEPTED

Table = Mapping[str, tuple[str, ...]]

_ENDPOINT: Final = ("address", "ports", "labels", "network", "weight", "locality", "serviceAccount")
_BALANCERS: Final = ("simple", "consistentHash", "warmup", "warmupDurationSecs", "localityLbSetting")
_PORT_POLICY: Final = ("port", "loadBalancer", "connectionPool", "outlierDetection", "tls")
_POLICY: Final = (
    "loadBalancer",
    "connectionPool",
    "outlierDetection",
    "tls",
    "portLevelSettings",
    "proxyProtocol",
    "retryBudget",
)

IMPLEMENTED: Final[Table] = {
    "Gateway.spec": ("selector", "servers"),
    "Gateway.spec.servers": ("port", "hosts", "tls", "bind", "name", "defaultEndpoint"),
    "VirtualService.spec": ("hosts", "gateways", "exportTo", "http", "tls", "tcp"),
    "VirtualService.spec.http": (
        "name",
        "match",
        "route",
        "redirect",
        "directResponse",
        "delegate",
        "rewrite",
        "timeout",
        "retries",
        "fault",
        "mirror",
        "mirrors",
        "mirrorPercentage",
        "corsPolicy",
        "headers",
    ),
    "VirtualService.spec.http.match": (
        "name",
        "uri",
        "ignoreUriCase",
        "scheme",
        "headers",
        "withoutHeaders",
        "queryParams",
        "method",
        "authority",
        "port",
        "gateways",
        "sourceLabels",
        "sourceNamespace",
        "statPrefix",
    ),
    "VirtualService.spec.http.match.headers": ("!@request.auth.claims",),
    "VirtualService.spec.http.match.withoutHeaders": ("!@request.auth.claims",),
    "VirtualService.spec.tcp.match": ("port", "gateways", "sourceLabels", "sourceNamespace", "destinationSubnets"),
    "DestinationRule.spec": ("host", "subsets", "trafficPolicy", "workloadSelector", "exportTo"),
    "DestinationRule.spec.trafficPolicy": _POLICY,
    "DestinationRule.spec.trafficPolicy.loadBalancer": _BALANCERS,
    "DestinationRule.spec.trafficPolicy.portLevelSettings": _PORT_POLICY,
    "DestinationRule.spec.trafficPolicy.portLevelSettings.loadBalancer": _BALANCERS,
    "DestinationRule.spec.subsets.trafficPolicy": _POLICY,
    "DestinationRule.spec.subsets.trafficPolicy.loadBalancer": _BALANCERS,
    "DestinationRule.spec.subsets.trafficPolicy.portLevelSettings": _PORT_POLICY,
    "DestinationRule.spec.subsets.trafficPolicy.portLevelSettings.loadBalancer": _BALANCERS,
    "ServiceEntry.spec": (
        "hosts",
        "addresses",
        "ports",
        "location",
        "resolution",
        "endpoints",
        "workloadSelector",
        "exportTo",
        "subjectAltNames",
    ),
    "ServiceEntry.spec.resolution": ("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"),
    "ServiceEntry.spec.endpoints": _ENDPOINT,
    "WorkloadEntry.spec": _ENDPOINT,
    **ACCEPTED,
}
"""What this version does. Kinds without an entry are implemented as far as their types go."""

KEYS_NOT_YET: Final[Mapping[str, str]] = {
    "@request.auth.claims": "claims of JWTs are not implemented yet: only a RequestAuthentication makes them known",
}
"""How keys of maps begin that the table has after a `!`, and what is said of them."""

EVERYTHING: Final[Table] = {}
"""No limits: what Istio's API has. For checking rules and for tests."""

KINDS_NOT_YET: Final[Mapping[str, tuple[str, ...]]] = {
    "networking.istio.io": ("EnvoyFilter", "ProxyConfig", "WorkloadGroup"),
    "security.istio.io": ("AuthorizationPolicy", "RequestAuthentication"),
    "telemetry.istio.io": ("Telemetry",),
    "extensions.istio.io": ("TrafficExtension", "WasmPlugin"),
    "gateway.networking.k8s.io": (
        "BackendTLSPolicy",
        "GRPCRoute",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
        "ReferenceGrant",
        "TCPRoute",
        "TLSRoute",
        "UDPRoute",
    ),
    "networking.k8s.io": ("Ingress", "IngressClass", "NetworkPolicy"),
    "apps": ("DaemonSet", "ReplicaSet", "StatefulSet"),
    "batch": ("CronJob", "Job"),
    "autoscaling": ("HorizontalPodAutoscaler",),
    "policy": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "": ("LimitRange", "Node", "PersistentVolume", "PersistentVolumeClaim", "ReplicationController", "ResourceQuota"),
}
"""Kinds that exist in Istio or Kubernetes, by API group, that nothing here knows yet."""
