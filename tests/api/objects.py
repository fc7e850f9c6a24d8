"""Raw objects for tests: valid ones, to be changed in the one place that a test is about."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Raw = dict[str, Any]

VIRTUAL_SERVICE: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
}
GATEWAY: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]},
}
DESTINATION_RULE: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"host": "web"},
}
SERVICE_ENTRY: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "hosts": ["web.example.com"],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "resolution": "DNS",
    },
}
WORKLOAD_ENTRY: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "WorkloadEntry",
    "metadata": {"name": "web-1", "namespace": "shop"},
    "spec": {"address": "192.0.2.1", "ports": {"http": 8080}, "labels": {"app": "web"}, "serviceAccount": "web"},
}
PEER_AUTHENTICATION: Raw = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {"8080": {"mode": "DISABLE"}},
    },
}
SIDECAR: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"egress": [{"hosts": ["./*"]}]},
}
ISTIO_OPERATOR: Raw = {
    "apiVersion": "install.istio.io/v1alpha1",
    "kind": "IstioOperator",
    "metadata": {"name": "mesh", "namespace": "istio-system"},
    "spec": {"components": {"egressGateways": [{"name": "istio-egressgateway", "enabled": True}]}},
}
SERVICE: Raw = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}
POD: Raw = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "containers": [{"name": "app", "command": ["serve"], "ports": [{"name": "http", "containerPort": 8080}]}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}
DEPLOYMENT: Raw = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web", "version": "v1"}},
            "spec": {"containers": [{"name": "app", "image": "web"}]},
        },
    },
}
SECRET: Raw = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "web", "namespace": "shop"},
    "data": {"key": "c2VjcmV0"},
}
CONFIG_MAP: Raw = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "istio", "namespace": "istio-system"},
    "data": {"mesh": "accessLogFile: /tmp/log\n"},
}
ENDPOINT_SLICE: Raw = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
    "ports": [{"name": "http", "port": 8080}],
}
ENDPOINTS: Raw = {
    "apiVersion": "v1",
    "kind": "Endpoints",
    "metadata": {"name": "web", "namespace": "shop"},
    "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"name": "http", "port": 8080}]}],
}
NAMESPACE: Raw = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
SERVICE_ACCOUNT: Raw = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "web", "namespace": "shop"},
}
EVENT: Raw = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "web.1", "namespace": "shop"},
    "involvedObject": {"kind": "Pod", "name": "web", "namespace": "shop"},
    "reason": "Started",
    "type": "Normal",
}

ALL: tuple[Raw, ...] = (
    VIRTUAL_SERVICE,
    GATEWAY,
    DESTINATION_RULE,
    SERVICE_ENTRY,
    WORKLOAD_ENTRY,
    PEER_AUTHENTICATION,
    SIDECAR,
    ISTIO_OPERATOR,
    SERVICE,
    POD,
    DEPLOYMENT,
    SECRET,
    CONFIG_MAP,
    ENDPOINT_SLICE,
    ENDPOINTS,
    NAMESPACE,
    SERVICE_ACCOUNT,
    EVENT,
)
"""One of each kind."""

REMOVED = object()


def changed(raw: Raw, path: str, value: object) -> Raw:
    """A copy with one field set, or taken away where the value is REMOVED. Dots separate keys, numbers are indices."""
    copy = deepcopy(raw)
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place: Any = copy
    for part in way:
        if isinstance(part, str) and part not in place:
            place[part] = {}
        place = place[part]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return copy
