"""`filter_metadata.istio`: where a part of the configuration comes from, as Istio writes it and its tools read it.

The path is that of the object in Kubernetes' API with the kind in kebab case instead of the plural, such as
`/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web`
(istio:pilot/pkg/networking/util#BuildConfigInfoMetadata).

Mind how protobuf takes mappings: a field of type `Struct` takes the content itself (`{"host": "web"}`), the values of
a map of `Struct`s take the message (`{"fields": {"host": {"string_value": "web"}}}`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshgate.api import KINDS, Origin
from meshgate.plan.values import ClusterPlan, EndpointPlan, ServiceMetadata
from meshgate.proto import v3

_ISTIO_KINDS = {kind.kind: kind for kind in KINDS if kind.group.endswith("istio.io")}
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


def config_path(origin: Origin) -> str:
    """The object's path as Istio writes it; empty for objects that are not Istio's, of which it writes nothing."""
    kind = _ISTIO_KINDS.get(origin.ref.kind)
    if kind is None:
        return ""
    kebab = _WORD_START.sub("-", kind.kind).lower()
    return f"/apis/{kind.api_version}/namespaces/{origin.ref.namespace}/{kebab}/{origin.ref.name}"


def config_metadata(config: str) -> v3.MetadataDict | None:
    return _istio({"config": {"string_value": config}}) if config else None


def cluster_metadata(plan: ClusterPlan) -> v3.MetadataDict | None:
    fields: dict[str, v3.ValueDict] = {}
    if plan.config:
        fields["config"] = {"string_value": plan.config}
    if plan.has_own_alpn:
        fields["alpn_override"] = {"string_value": "false"}
    if plan.subset:
        fields["subset"] = {"string_value": plan.subset}
    if plan.external:
        fields["external"] = {"bool_value": True}
    if plan.default_original_port:
        fields["default_original_port"] = {"number_value": plan.default_original_port}
    if plan.services:
        fields["services"] = {"list_value": {"values": [_service(service) for service in plan.services]}}
    return _istio(fields) if fields else None


def endpoint_metadata(plan: EndpointPlan) -> v3.MetadataDict | None:
    """What the cluster's transport socket matches look at, and the workload for access logs and metrics."""
    parts: dict[str, v3.StructDict] = {}
    if plan.tls_mode:
        parts["envoy.transport_socket_match"] = {"fields": {"tlsMode": {"string_value": plan.tls_mode}}}
    if plan.workload:
        parts["istio"] = {"fields": {"workload": {"string_value": plan.workload}}}
    return {"filter_metadata": parts} if parts else None


def _service(service: ServiceMetadata) -> v3.ValueDict:
    return {"struct_value": {"host": service.host, "name": service.name, "namespace": service.namespace}}


def _istio(fields: Mapping[str, v3.ValueDict]) -> v3.MetadataDict:
    return {"filter_metadata": {"istio": {"fields": fields}}}
