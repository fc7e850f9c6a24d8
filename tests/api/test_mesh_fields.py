"""Every key of the mesh configuration has an effect, or a reason why it has none, or is refused: one of the three."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.api import MeshConfig, ProxyConfig, codes, decode
from meshgate.api.mesh_fields import MESH, PROXIES, REFUSED, WITH_EFFECT, WITHOUT_EFFECT
from meshgate.api.value import Value
from tests.api import objects
from tests.api.objects import changed
from tests.api.shared import needs_verdicts
from tests.conformance.validation_cases import verdicts

_OF_MESH = """
    accessLogEncoding accessLogFile accessLogFormat ca caCertificates certificates configSources connectTimeout
    defaultConfig defaultDestinationRuleExportTo defaultHttpRetryPolicy defaultInboundHttpRetryPolicy defaultProviders
    defaultServiceExportTo defaultTrafficPolicy defaultVirtualServiceExportTo disableEnvoyListenerLog
    discoverySelectors dnsRefreshRate enableAutoMtls enableEnvoyAccessLogService enablePrometheusMerge enableTracing
    extensionProviders h2UpgradePolicy inboundClusterStatName inboundTrafficPolicy ingressClass ingressControllerMode
    ingressSelector ingressService localityLbSetting meshMTLS outboundClusterStatName outboundTrafficPolicy
    pathNormalization protocolDetectionTimeout proxyHttpPort proxyInboundListenPort proxyListenPort rootNamespace
    serviceScopeConfigs serviceSettings tcpKeepalive thriftConfig tlsDefaults trustDomain trustDomainAliases
    verifyCertificateAtClient zoneAwareLbSetting
"""
_OF_PROXIES = """
    availabilityZone binaryPath caCertificatesPem concurrency configPath connectionSettings controlPlaneAuthPolicy
    customConfigFile discoveryAddress discoveryRefreshDelay drainDuration envoyAccessLogService envoyMetricsService
    envoyMetricsServiceAddress extraStatTags fileFlushInterval fileFlushMinSizeKb gatewayTopology
    holdApplicationUntilProxyStarts image interceptionMode meshId parentShutdownDuration privateKeyProvider
    proxyAdminPort proxyBootstrapTemplatePath proxyHeaders proxyMetadata proxyStatsMatcher readinessProbe
    runtimeValues sds serviceCluster statNameLength statsCompression statsdUdpAddress statusPort
    terminationDrainDuration tracing tracingServiceName zipkinAddress
"""
KEYS = {MESH: frozenset(_OF_MESH.split()), PROXIES: frozenset(_OF_PROXIES.split())}
"""Istio's, of istio.mesh.v1alpha1."""

TYPES: dict[str, type[Value]] = {MESH: MeshConfig, PROXIES: ProxyConfig}


@pytest.mark.parametrize("place", KEYS)
def test_each_key_is_in_exactly_one_of_the_three(place: str) -> None:
    listed = [*WITH_EFFECT[place], *WITHOUT_EFFECT[place], *REFUSED[place]]
    assert len(listed) == len(set(listed))
    assert set(listed) == KEYS[place]


@pytest.mark.parametrize("place", KEYS)
def test_each_key_has_a_type(place: str) -> None:
    assert {field.encode_name for field in msgspec.structs.fields(TYPES[place])} == KEYS[place]


@needs_verdicts
def test_keys_of_the_recorded_cases_are_known() -> None:
    inputs = [case.input for case in verdicts("MeshConfig") if isinstance(case.input, dict)]
    invented = {"fooBar"}
    assert {key for given in inputs for key in given} - invented <= KEYS[MESH]
    assert {key for given in inputs for key in given.get("defaultConfig") or {}} - invented <= KEYS[PROXIES]


@pytest.mark.parametrize(
    ("path", "key"), [("spec.meshConfig", key) for key in REFUSED[MESH]] + [("defaultConfig", "runtimeValues")]
)
def test_a_refused_key_says_what_would_happen(path: str, key: str) -> None:
    at = path if path.startswith("spec") else f"spec.meshConfig.{path}"
    resource, problems = decode(changed(objects.ISTIO_OPERATOR, f"{at}.{key}", {}))
    assert resource is None
    (problem,) = [problem for problem in problems if problem.code == codes.NOT_IMPLEMENTED]
    assert problem.path == f"{at}.{key}"
    assert problem.hint.startswith("if it were passed over, ")
