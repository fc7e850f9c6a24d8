"""Kubernetes Services as services of the mesh (istio:pkg/kube/conversion#ConvertService)."""

from __future__ import annotations

from meshgate.api import Origin, Resource, Service, ServicePort, ServiceType, TransportProtocol
from meshgate.mesh.protocol import Protocol, service_port_protocol
from meshgate.mesh.service import SERVICE_LABELS, MeshService, Port, Resolving
from meshgate.mesh.topology import DISTRIBUTION_ANNOTATION, distribution_of
from meshgate.mesh.visibility import Export, resolve_export

EXPORT_ANNOTATION = "networking.istio.io/exportTo"


def service_hostname(name: str, namespace: str, domain: str) -> str:
    """The full name of a Kubernetes Service."""
    return f"{name}.{namespace}.svc.{domain}"


def kubernetes_service(
    resource: Resource[Service], domain: str, default_export: Export, namespace_distribution: str = ""
) -> MeshService:
    """The mesh's view of a Service. An `ExternalName` Service becomes an alias, or nothing but a name if outside."""
    meta, spec = resource.meta, resource.spec
    is_alias = spec.type is ServiceType.EXTERNAL_NAME and spec.external_name != ""
    return MeshService(
        hostname=service_hostname(meta.name, meta.namespace, domain),
        namespace=meta.namespace,
        name=meta.name,
        ports=() if is_alias else tuple(_port(port) for port in spec.ports),
        resolving=_resolving(spec, is_alias=is_alias),
        registry="Kubernetes",
        origin=Origin(resource.ref, ""),
        addresses=_addresses(spec),
        export=resolve_export(_exports(meta.annotation(EXPORT_ANNOTATION)), meta.namespace, default_export),
        creation=meta.creation,
        selector=spec.selector,
        alias_of=spec.external_name if is_alias else "",
        distribution=distribution_of(
            spec.traffic_distribution, meta.annotation(DISTRIBUTION_ANNOTATION), namespace_distribution
        ),
        labels=tuple(pair for pair in meta.labels if pair[0] in SERVICE_LABELS),
    )


def _resolving(spec: Service, *, is_alias: bool) -> Resolving:
    if is_alias:
        return Resolving.ALIAS
    return Resolving.PASSTHROUGH if spec.is_headless else Resolving.ENDPOINTS


def _addresses(spec: Service) -> tuple[str, ...]:
    if spec.is_headless or not spec.cluster_ip:
        return ()
    return spec.cluster_ips or (spec.cluster_ip,)


def _exports(annotation: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in annotation.split(",") if part.strip())


def _port(port: ServicePort) -> Port:
    protocol = (
        service_port_protocol(port.port, port.name, port.app_protocol)
        if port.protocol is TransportProtocol.TCP
        else Protocol.UDP
    )
    return Port(name=port.name, number=port.port, protocol=protocol, target=port.target_port or 0)
