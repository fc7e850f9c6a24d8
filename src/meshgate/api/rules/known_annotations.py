"""Annotations in Istio's name: unknown ones, those on a kind where nobody reads them, old ones.

The names and the kinds where they count are Istio's (istio:annotation/annotations.yaml in its API repository,
https://istio.io/latest/docs/reference/config/annotations/). All of it is warnings: whoever reads such an annotation may
be another program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from meshgate.api import codes
from meshgate.api.fault import nearest
from meshgate.api.rules.finding import Finding, Findings, at_key
from meshgate.api.value import Labels

_DOMAIN: Final = "istio.io"
_INTERNAL: Final = "internal.istio.io"
_ANY: Final = "any"

_OF_PODS: Final[Mapping[str, tuple[str, ...]]] = {
    "alpha.istio.io": ("identity",),
    "ambient.istio.io": ("bypass-inbound-capture", "dns-capture", "redirection"),
    "inject.istio.io": ("templates",),
    "istio.io": ("reroute-virtual-interfaces",),
    "prometheus.istio.io": ("merge-metrics",),
    "proxy.istio.io": ("config", "overrides"),
    "readiness.status.sidecar.istio.io": (
        "applicationPorts",
        "failureThreshold",
        "initialDelaySeconds",
        "periodSeconds",
    ),
    "sidecar.istio.io": (
        "agentLogLevel",
        "bootstrapOverride",
        "componentLogLevel",
        "controlPlaneAuthPolicy",
        "discoveryAddress",
        "enableCoreDump",
        "extraStatTags",
        "inject",
        "interceptionMode",
        "logLevel",
        "nativeSidecar",
        "proxyCPU",
        "proxyCPULimit",
        "proxyImage",
        "proxyImageType",
        "proxyMemory",
        "proxyMemoryLimit",
        "rewriteAppHTTPProbers",
        "statsCompression",
        "statsEvictionInterval",
        "statsHistogramBuckets",
        "statsInclusionPrefixes",
        "statsInclusionRegexps",
        "statsInclusionSuffixes",
        "status",
        "userVolume",
        "userVolumeMount",
    ),
    "status.sidecar.istio.io": ("port",),
    "traffic.sidecar.istio.io": (
        "excludeInboundPorts",
        "excludeInterfaces",
        "excludeOutboundIPRanges",
        "excludeOutboundPorts",
        "includeInboundPorts",
        "includeOutboundIPRanges",
        "includeOutboundPorts",
        "kubevirtInterfaces",
    ),
}
_OTHERS: Final[Mapping[str, str]] = {
    "alpha.istio.io/canonical-serviceaccounts": "Service",
    "alpha.istio.io/kubernetes-serviceaccounts": "Service",
    "galley.istio.io/analyze-suppress": _ANY,
    "gateway.istio.io/controller-version": _ANY,
    "install.operator.istio.io/chart-owner": _ANY,
    "install.operator.istio.io/owner-generation": _ANY,
    "install.operator.istio.io/version": _ANY,
    "istio.io/autoRegistrationGroup": "WorkloadEntry",
    "istio.io/connectedAt": "WorkloadEntry",
    "istio.io/disconnectedAt": "WorkloadEntry",
    "istio.io/dry-run": "AuthorizationPolicy",
    "istio.io/rev": _ANY,
    "istio.io/workloadController": "WorkloadEntry",
    "networking.istio.io/address-type": _ANY,
    "networking.istio.io/exportTo": "Service",
    "networking.istio.io/service-type": _ANY,
    "networking.istio.io/serviceScope": "Service",
    "networking.istio.io/traffic-distribution": _ANY,
    "topology.istio.io/controlPlaneClusters": "Namespace",
    "traffic.istio.io/nodeSelector": "Service",
}
_KNOWN: Final[Mapping[str, str]] = {
    f"{domain}/{name}": "Pod" for domain, names in _OF_PODS.items() for name in names
} | dict(_OTHERS)

_MATCHER: Final = "proxyStatsMatcher in the annotation proxy.istio.io/config"
_OLD: Final[Mapping[str, str]] = {
    "alpha.istio.io/canonical-serviceaccounts": "",
    "alpha.istio.io/identity": "",
    "alpha.istio.io/kubernetes-serviceaccounts": "",
    "sidecar.istio.io/controlPlaneAuthPolicy": "",
    "sidecar.istio.io/discoveryAddress": "discoveryAddress in the annotation proxy.istio.io/config",
    "sidecar.istio.io/statsInclusionPrefixes": _MATCHER,
    "sidecar.istio.io/statsInclusionRegexps": _MATCHER,
    "sidecar.istio.io/statsInclusionSuffixes": _MATCHER,
}


def known_annotation_findings(kind: str, annotations: Labels, path: str = "metadata.annotations") -> Findings:
    """IST0107, IST0108 and IST0135 of an object's annotations, or of those of a template."""
    for key, _ in annotations:
        domain = key.partition("/")[0]
        if domain == _DOMAIN or (domain.endswith(f".{_DOMAIN}") and domain != _INTERNAL):
            yield from _findings(kind, key, at_key(path, key))


def _findings(kind: str, key: str, place: str) -> Iterator[Finding]:
    owner = _KNOWN.get(key)
    if owner is None:
        yield Finding(
            place, f'Istio has no annotation "{key}"', nearest(key, _KNOWN), "warning", codes.UNKNOWN_ANNOTATION
        )
        return
    if owner not in (_ANY, kind):
        hint = "write it in spec.template.metadata.annotations" if (owner, kind) == ("Pod", "Deployment") else ""
        text = f"nobody reads this annotation of a {kind}: it is for a {owner}"
        yield Finding(place, text, hint, "warning", codes.MISPLACED_ANNOTATION)
    if key in _OLD:
        hint = f"write {_OLD[key]}" if _OLD[key] else ""
        yield Finding(place, "this annotation is deprecated", hint, "warning", codes.OLD_ANNOTATION)
