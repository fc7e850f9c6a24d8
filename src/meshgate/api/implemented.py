"""THE table of what is implemented: kinds, field paths, words. decode accepts exactly this.

A path that has an entry accepts only the names listed there (fields of an object, words of an enumeration); a path that
has none accepts all that its type has. So `"VirtualService.spec.http.match": ("uri", ...)` limits a match to those
fields and takes each of them whole. To implement a field, add its name here, in the same commit as its meaning.
The conformance runner skips the cases that need more. The table only grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Table = Mapping[str, tuple[str, ...]]

IMPLEMENTED: Final[Table] = {
    "Gateway.spec": ("selector", "servers"),
    "Gateway.spec.servers": ("port", "hosts", "tls", "bind", "name", "defaultEndpoint"),
    "VirtualService.spec": ("hosts", "gateways", "exportTo", "http", "tcp"),
    "VirtualService.spec.http": (
        "name",
        "match",
        "route",
        "redirect",
        "rewrite",
        "timeout",
        "retries",
        "fault",
        "headers",
    ),
    "VirtualService.spec.http.match": (
        "name",
        "uri",
        "headers",
        "method",
        "authority",
        "port",
        "gateways",
        "sourceLabels",
    ),
    "VirtualService.spec.tcp.match": ("port", "gateways", "sourceLabels"),
    "DestinationRule.spec": ("host", "subsets", "trafficPolicy", "exportTo"),
    "DestinationRule.spec.trafficPolicy": ("loadBalancer", "tls", "portLevelSettings"),
    "DestinationRule.spec.trafficPolicy.loadBalancer": ("simple",),
    "DestinationRule.spec.trafficPolicy.portLevelSettings": ("port", "loadBalancer", "tls"),
    "DestinationRule.spec.trafficPolicy.portLevelSettings.loadBalancer": ("simple",),
    "DestinationRule.spec.subsets.trafficPolicy": ("loadBalancer", "tls", "portLevelSettings"),
    "DestinationRule.spec.subsets.trafficPolicy.loadBalancer": ("simple",),
    "DestinationRule.spec.subsets.trafficPolicy.portLevelSettings": ("port", "loadBalancer", "tls"),
    "DestinationRule.spec.subsets.trafficPolicy.portLevelSettings.loadBalancer": ("simple",),
    "ServiceEntry.spec": ("hosts", "addresses", "ports", "location", "resolution", "endpoints", "exportTo"),
    "ServiceEntry.spec.resolution": ("NONE", "STATIC", "DNS"),
    "ServiceEntry.spec.endpoints": ("address", "ports", "labels", "weight", "locality"),
    "MeshConfig.outboundTrafficPolicy.mode": ("REGISTRY_ONLY", "ALLOW_ANY"),
}
"""What this version does. Kinds without an entry are implemented as far as their types go."""

EVERYTHING: Final[Table] = {}
"""No limits: what Istio's API has. For checking rules and for tests."""

KINDS_NOT_YET: Final[Mapping[str, tuple[str, ...]]] = {
    "networking.istio.io": ("EnvoyFilter", "ProxyConfig", "Sidecar", "WorkloadEntry", "WorkloadGroup"),
    "security.istio.io": ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"),
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
