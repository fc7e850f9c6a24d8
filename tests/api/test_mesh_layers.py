"""The mesh configuration from its layers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshgate.api import (
    AccessLogEncoding,
    AnyResource,
    MeshConfig,
    MeshLayer,
    OutboundMode,
    Severity,
    codes,
    decode,
    mesh_config,
    mesh_layers,
    set_values,
)
from tests.api import objects
from tests.api.objects import changed


def _config_map(text: str, **metadata: str) -> AnyResource:
    raw = changed(objects.CONFIG_MAP, "data.mesh", text)
    resource, _ = decode({**raw, "metadata": raw["metadata"] | metadata})
    assert resource is not None
    return resource


def _operator(settings: dict[str, Any], creation: str) -> AnyResource:
    raw = changed(objects.ISTIO_OPERATOR, "spec.meshConfig", settings)
    raw = changed(raw, "metadata.name", f"made-{creation[:4]}")
    resource, problems = decode(changed(raw, "metadata.creationTimestamp", creation))
    assert resource is not None, problems
    return resource


def _mesh(*resources: AnyResource, settings: tuple[str, ...] = ()) -> MeshConfig:
    overlay, set_problems = set_values(settings)
    mesh, problems = mesh_config(mesh_layers(resources, overlay))
    assert not any(problem.severity != "info" for problem in problems)
    assert not set_problems
    return mesh


def test_without_anything_it_is_istios_default_with_an_access_log() -> None:
    assert _mesh() == MeshConfig(access_log_file="/dev/stdout")


def test_later_layers_win() -> None:
    config_map = _config_map("accessLogFile: /map\nconnectTimeout: 1s\ntrustDomain: map\nrootNamespace: map\n")
    old = _operator({"accessLogFile": "/old", "connectTimeout": "2s", "trustDomain": "old"}, "2024-01-01T00:00:00Z")
    new = _operator({"accessLogFile": "/new", "connectTimeout": "3s"}, "2025-01-01T00:00:00Z")
    mesh = _mesh(new, config_map, old, settings=("meshConfig.accessLogFile=/set",))
    assert mesh.access_log_file == "/set"
    assert mesh.connect_timeout == timedelta(seconds=3)
    assert (mesh.trust_domain, mesh.root_namespace) == ("old", "map")


def test_objects_merge_across_layers() -> None:
    config_map = _config_map("defaultConfig: {concurrency: 3, proxyMetadata: {A: a}}\n")
    mesh = _mesh(config_map, settings=("meshConfig.defaultConfig.proxyMetadata.B=b",))
    assert mesh.default_config.concurrency == 3
    assert mesh.default_config.proxy_metadata == (("A", "a"), ("B", "b"))
    assert mesh.default_config.drain_duration == timedelta(seconds=45)


@pytest.mark.parametrize(
    ("metadata", "is_read"),
    [
        pytest.param({}, True, id="the one"),
        pytest.param({"name": "other"}, False, id="other name"),
        pytest.param({"namespace": "shop"}, False, id="other namespace"),
    ],
)
def test_only_one_config_map_counts(metadata: dict[str, str], is_read: bool) -> None:
    assert (_mesh(_config_map("trustDomain: td\n", **metadata)).trust_domain == "td") == is_read


@pytest.mark.parametrize(
    ("text", "severity", "code", "path"),
    [
        pytest.param(
            "outboundTraficPolicy: {}\n", "warning", codes.UNKNOWN_FIELD, "data.mesh.outboundTraficPolicy", id="typo"
        ),
        pytest.param(
            "caCertificates: [{pem: x}]\n", "error", codes.NOT_IMPLEMENTED, "data.mesh.caCertificates", id="refused"
        ),
        pytest.param("ingressClass: x\n", "info", codes.WITHOUT_EFFECT, "data.mesh.ingressClass", id="without effect"),
        pytest.param(
            "defaultConfig: {tracing: {sampling: 5}}\n",
            "info",
            codes.WITHOUT_EFFECT,
            "data.mesh.defaultConfig.tracing",
            id="without effect, in the proxies' defaults",
        ),
        pytest.param(
            "proxyInboundListenPort: 70000\n",
            "error",
            codes.REFUSED_BY_ENVOY,
            "data.mesh.proxyInboundListenPort",
            id="no port",
        ),
        pytest.param(
            "proxyListenPort: 15101\n", "error", codes.NOT_IMPLEMENTED, "data.mesh.proxyListenPort", id="other port"
        ),
        pytest.param("connectTimeout: 10\n", "error", codes.WRONG_TYPE, "data.mesh.connectTimeout", id="type"),
        pytest.param("connectTimeout: 0s\n", "error", codes.INVALID, "data.mesh.connectTimeout", id="rule"),
        pytest.param("a: [\n", "error", codes.BROKEN_YAML, "data.mesh", id="syntax"),
        pytest.param("a: 1\na: 2\n", "error", codes.BROKEN_YAML, "data.mesh", id="key twice"),
        pytest.param("- a\n", "error", codes.BROKEN_YAML, "data.mesh", id="list"),
        pytest.param("a: 1\n---\nb: 1\n", "error", codes.BROKEN_YAML, "data.mesh", id="several documents"),
    ],
)
def test_the_text_in_the_config_map_is_checked(text: str, severity: Severity, code: str, path: str) -> None:
    resource, (problem,) = decode(changed(objects.CONFIG_MAP, "data.mesh", text))
    assert (resource is None) == (severity == "error")
    assert (problem.severity, problem.code, problem.path) == (severity, code, path)


def test_what_istio_does_by_default_needs_no_remark() -> None:
    text = "enableTracing: true\ntrustDomain: cluster.local\ndefaultConfig: {statusPort: 15020}\n"
    assert decode(changed(objects.CONFIG_MAP, "data.mesh", text))[1] == ()


def test_an_operator_is_strict() -> None:
    resource, (problem,) = decode(changed(objects.ISTIO_OPERATOR, "spec.meshConfig", {"outboundTraficPolicy": {}}))
    assert resource is None
    assert problem.path == "spec.meshConfig.outboundTraficPolicy"
    assert 'nearest: "outboundTrafficPolicy"' in problem.hint


def test_a_layer_with_an_error_is_left_out() -> None:
    layers = [
        MeshLayer(content='{"trustDomain":"good"}'),
        MeshLayer(content='{"trustDomain":5}', path="spec.meshConfig"),
    ]
    mesh, problems = mesh_config(layers)
    assert mesh.trust_domain == "good"
    (problem,) = [problem for problem in problems if problem.is_error]
    assert problem.path == "spec.meshConfig.trustDomain"


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        pytest.param(
            "outboundTrafficPolicy: {}\n", "outbound_traffic_policy.mode", OutboundMode.REGISTRY_ONLY, id="zero"
        ),
        pytest.param("localityLbSetting: {}\n", "locality_lb_setting.enabled", None, id="replaced whole"),
        pytest.param("defaultServiceExportTo: ['.']\n", "default_service_export_to", (".",), id="list replaced"),
        pytest.param("trustDomainAliases: [b, a, b]\n", "trust_domain_aliases", ("a", "b"), id="sorted, each once"),
        pytest.param("accessLogEncoding: JSON\n", "access_log_encoding", AccessLogEncoding.JSON, id="word"),
        pytest.param("connect_timeout: 5s\n", "connect_timeout", timedelta(seconds=5), id="snake case"),
        pytest.param("", "root_namespace", "istio-system", id="empty"),
    ],
)
def test_setting(text: str, attribute: str, expected: object) -> None:
    found: Any = _mesh(_config_map(text))
    for name in attribute.split("."):
        found = getattr(found, name)
    assert found == expected


@pytest.mark.parametrize("suite", ["", "ALL", "ECDHE-RSA-AES128-GCM-SHA256", "-AES128-SHA"])
def test_cipher_suites_that_envoy_knows(suite: str) -> None:
    assert decode(changed(objects.CONFIG_MAP, "data.mesh", f"meshMTLS: {{cipherSuites: ['{suite}']}}\n"))[1] == ()


def test_a_cipher_suite_that_envoy_does_not_know() -> None:
    given = "meshMTLS: {cipherSuites: [AES128-SHA, TLS_AES_128_GCM_SHA256]}\n"
    resource, (problem,) = decode(changed(objects.CONFIG_MAP, "data.mesh", given))
    assert resource is None
    assert (problem.code, problem.path) == (codes.REFUSED_BY_ENVOY, "data.mesh.meshMTLS.cipherSuites[1]")


def test_curves_of_the_mesh_cannot_be_chosen() -> None:
    (problem,) = decode(changed(objects.CONFIG_MAP, "data.mesh", "meshMTLS: {ecdhCurves: [P-256]}\n"))[1]
    assert (problem.code, problem.path) == (codes.INVALID, "data.mesh.meshMTLS.ecdhCurves")


def test_defaults_of_tls_are_passed_over_where_envoy_does_not_know_them() -> None:
    given = "tlsDefaults: {cipherSuites: [AES128-SHA, RC4], ecdhCurves: [P-256, P-1]}\n"
    resource, found = decode(changed(objects.CONFIG_MAP, "data.mesh", given))
    assert resource is not None
    assert [(one.severity, one.path) for one in found] == [
        ("warning", "data.mesh.tlsDefaults.cipherSuites[1]"),
        ("warning", "data.mesh.tlsDefaults.ecdhCurves[1]"),
    ]


def _providers(text: str) -> list[str]:
    given = f"extensionProviders: [{{name: a, {text}}}]\n"
    return [str(one) for one in decode(changed(objects.CONFIG_MAP, "data.mesh", given))[1]]


def test_extension_providers_are_for_secrets_alone() -> None:
    assert _providers("sds: {service: a.b, port: 1}") == []
    (remark,) = _providers("zipkin: {service: a.b, port: 1}")
    assert "data.mesh.extensionProviders[0].zipkin: accepted, but without effect" in remark
    assert remark.endswith("[MG0013]")


@pytest.mark.parametrize(
    ("sds", "path"), [("{port: 1}", "service"), ("{service: a.b}", "port"), ("{service: a.b, port: 65536}", "port")]
)
def test_a_provider_of_secrets_must_be_somewhere(sds: str, path: str) -> None:
    (refused,) = _providers(f"sds: {sds}")
    assert f"data.mesh.extensionProviders[0].sds.{path}: " in refused
