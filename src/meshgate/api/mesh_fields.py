"""What becomes of each key of the mesh configuration: it has an effect, it has none (and why), or it is refused.

Keys without effect are read, checked and reported; nothing follows from them. Refused are those whose silence would be
a danger or a loss that nobody sees: trust, limits, how load is shared. A test keeps the three sets disjoint,
and together equal to the keys that Istio has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MESH: Final = "MeshConfig"
PROXIES: Final = "MeshConfig.defaultConfig"

WITH_EFFECT: Final[Mapping[str, tuple[str, ...]]] = {
    MESH: (
        "accessLogEncoding",
        "accessLogFile",
        "accessLogFormat",
        "connectTimeout",
        "defaultConfig",
        "defaultDestinationRuleExportTo",
        "defaultHttpRetryPolicy",
        "defaultInboundHttpRetryPolicy",
        "defaultServiceExportTo",
        "defaultVirtualServiceExportTo",
        "disableEnvoyListenerLog",
        "discoverySelectors",
        "dnsRefreshRate",
        "enableAutoMtls",
        "extensionProviders",
        "h2UpgradePolicy",
        "inboundClusterStatName",
        "inboundTrafficPolicy",
        "localityLbSetting",
        "meshMTLS",
        "outboundClusterStatName",
        "outboundTrafficPolicy",
        "pathNormalization",
        "protocolDetectionTimeout",
        "proxyInboundListenPort",
        "proxyListenPort",
        "rootNamespace",
        "tcpKeepalive",
        "tlsDefaults",
        "trustDomain",
        "trustDomainAliases",
    ),
    PROXIES: ("gatewayTopology", "proxyHeaders", "proxyMetadata"),
}
"""Keys that the plan and the identities read."""

_NO_IDENTITIES: Final = "proxies have no identities yet, so nothing inside the mesh is encrypted"
_NO_INGRESS: Final = "Ingress objects are not implemented yet"
_NO_TELEMETRY: Final = "traces and metrics are sent nowhere; each proxy shows its own metrics at port 15090"
_OUR_START: Final = "meshgate starts the proxies itself"
_GONE: Final = "Istio itself has taken it away"

WITHOUT_EFFECT: Final[Mapping[str, Mapping[str, str]]] = {
    MESH: {
        "certificates": _GONE,
        "configSources": "objects come from `apply` and from watched files",
        "defaultProviders": _NO_TELEMETRY,
        "enableEnvoyAccessLogService": "access logs go to files only",
        "enablePrometheusMerge": "metrics of workloads are not merged into those of their proxies",
        "enableTracing": _NO_TELEMETRY,
        "ingressClass": _NO_INGRESS,
        "ingressControllerMode": _NO_INGRESS,
        "ingressSelector": _NO_INGRESS,
        "ingressService": _NO_INGRESS,
        "proxyHttpPort": "it is for workloads whose connections are not captured; here all are",
        "serviceScopeConfigs": "it is for ambient meshes of several clusters",
        "serviceSettings": "it is for meshes of several clusters; this is one",
        "thriftConfig": _GONE,
        "verifyCertificateAtClient": _GONE,
    },
    PROXIES: {
        "availabilityZone": _GONE,
        "binaryPath": _OUR_START,
        "concurrency": "how many threads a proxy has is fixed",
        "configPath": _OUR_START,
        "controlPlaneAuthPolicy": "a proxy reaches the control plane by a socket of its own",
        "customConfigFile": _OUR_START,
        "discoveryAddress": "a proxy reaches the control plane by a socket of its own",
        "discoveryRefreshDelay": _GONE,
        "drainDuration": "what a change replaces always drains for 45 s",
        "envoyAccessLogService": "access logs go to files only",
        "envoyMetricsService": _NO_TELEMETRY,
        "envoyMetricsServiceAddress": _NO_TELEMETRY,
        "extraStatTags": _NO_TELEMETRY,
        "fileFlushInterval": "how often access logs are written out is fixed",
        "fileFlushMinSizeKb": "how often access logs are written out is fixed",
        "holdApplicationUntilProxyStarts": "containers always start after their proxy",
        "image": "proxies are processes, without images",
        "interceptionMode": "connections are captured by redirection",
        "meshId": _NO_TELEMETRY,
        "parentShutdownDuration": "proxies are not restarted in place",
        "privateKeyProvider": _NO_IDENTITIES,
        "proxyAdminPort": "the admin port is always 15000",
        "proxyBootstrapTemplatePath": _OUR_START,
        "proxyStatsMatcher": "which metrics a proxy keeps is fixed",
        "readinessProbe": "it is for workloads on virtual machines",
        "sds": _GONE,
        "serviceCluster": _OUR_START,
        "statNameLength": "names of metrics are not cut",
        "statsCompression": "metrics are not compressed",
        "statsdUdpAddress": _NO_TELEMETRY,
        "statusPort": "the status port is always 15020",
        "terminationDrainDuration": "a sidecar ends after its applications, a gateway drains for 5 s at most",
        "tracing": _NO_TELEMETRY,
        "tracingServiceName": _NO_TELEMETRY,
        "zipkinAddress": _NO_TELEMETRY,
    },
}
"""Keys that are accepted, and why nothing follows from them."""

REFUSED: Final[Mapping[str, Mapping[str, str]]] = {
    MESH: {
        "ca": "certificates would come from elsewhere than is asked for",
        "caCertificates": "who is trusted would be another than is asked for",
        "defaultTrafficPolicy": "the limits that are asked for would not hold",
        "zoneAwareLbSetting": "load would be shared otherwise than is asked for",
    },
    PROXIES: {
        "caCertificatesPem": "who is trusted would be another than is asked for",
        "connectionSettings": "the limits that are asked for would not hold",
        "runtimeValues": "proxies would behave otherwise than is asked for",
    },
}
"""Keys that are not implemented yet, and what would happen if they were passed over."""

ACCEPTED: Final[Mapping[str, tuple[str, ...]]] = {
    place: (*names, *WITHOUT_EFFECT[place]) for place, names in WITH_EFFECT.items()
}
"""As the table of what is implemented has it."""
