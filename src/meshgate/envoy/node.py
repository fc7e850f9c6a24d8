"""Who the proxy says it is: Istio's node id and metadata, which its own tools and dashboards read.

istio:pkg/bootstrap/config.go and istio:pilot/pkg/model/context.go (`NodeMetadata`).
"""

from __future__ import annotations

from meshgate.plan import Proxy
from meshgate.proto import v3

ISTIO_VERSION = "1.30.0"
"""The Istio whose API and behaviour meshgate has; tools compare `ISTIO_VERSION` of a proxy with their own."""


def node_id(proxy: Proxy, domain: str) -> str:
    """`sidecar~10.244.0.7~web-5d4f-x.shop~shop.svc.cluster.local`."""
    namespace = proxy.namespace
    return f"{proxy.role}~{proxy.addresses[0]}~{proxy.name}.{namespace}~{namespace}.svc.{domain}"


def node(proxy: Proxy, *, domain: str, status_port: int, readiness_port: int, prometheus_port: int) -> v3.NodeDict:
    metadata = v3.Struct()
    metadata.update(
        {
            "CLUSTER_ID": proxy.cluster_id,
            "ENVOY_PROMETHEUS_PORT": prometheus_port,
            "ENVOY_STATUS_PORT": readiness_port,
            "INSTANCE_IPS": ",".join(proxy.addresses),
            "ISTIO_VERSION": ISTIO_VERSION,
            "LABELS": dict(proxy.labels),
            "MESH_ID": domain,
            "NAME": proxy.name,
            "NAMESPACE": proxy.namespace,
            "NODE_NAME": proxy.node,
            "PROXY_CONFIG": {
                "discoveryAddress": f"istiod.istio-system.svc.{domain}:15012",
                "proxyAdminPort": 15000,
                "serviceCluster": _service_cluster(proxy),
                "statusPort": status_port,
            },
            "SERVICE_ACCOUNT": proxy.service_account,
        }
    )
    if proxy.role == "sidecar":
        metadata.update({"INTERCEPTION_MODE": "REDIRECT"})
    if proxy.workload:
        owner = f"kubernetes://apis/apps/v1/namespaces/{proxy.namespace}/deployments/{proxy.workload}"
        metadata.update({"OWNER": owner, "WORKLOAD_NAME": proxy.workload})
    return {
        "id": node_id(proxy, domain),
        "cluster": _service_cluster(proxy),
        "metadata": metadata,
        "locality": _locality(proxy.locality),
    }


def _service_cluster(proxy: Proxy) -> str:
    """`app.namespace`, Istio's default `tracingServiceName` of APP_LABEL_AND_NAMESPACE."""
    app = dict(proxy.labels).get("app") or proxy.workload or "istio-proxy"
    return f"{app}.{proxy.namespace}"


def _locality(text: str) -> v3.LocalityDict:
    region, zone, subzone = (*text.split("/", 2), "", "", "")[:3]
    return {"region": region, "zone": zone, "sub_zone": subzone}
