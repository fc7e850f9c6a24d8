"""Variables of Istio's agent and of istiod that are about certificates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshgate.api import CertificateSettings, certificate_settings, codes, decode, own_rsa_bits, set_values
from meshgate.api.certificate_settings import VARIABLES
from tests.api import objects
from tests.api.objects import changed


def test_without_anything_it_is_a_day_and_ecdsa() -> None:
    assert certificate_settings(()) == CertificateSettings(lifetime=timedelta(hours=24), grace=0.5, rsa_bits=0)


@pytest.mark.parametrize(
    ("metadata", "settings"),
    [
        pytest.param({"SECRET_TTL": "1h30m"}, CertificateSettings(lifetime=timedelta(minutes=90)), id="lifetime"),
        pytest.param({"SECRET_GRACE_PERIOD_RATIO": "0.25"}, CertificateSettings(grace=0.25), id="grace"),
        pytest.param({"WORKLOAD_RSA_KEY_SIZE": "4096"}, CertificateSettings(rsa_bits=4096), id="rsa"),
        pytest.param(
            {"WORKLOAD_RSA_KEY_SIZE": "4096", "ECC_SIGNATURE_ALGORITHM": "ECDSA"},
            CertificateSettings(),
            id="ecdsa wins",
        ),
        pytest.param({"OTHER": "1"}, CertificateSettings(), id="another"),
    ],
)
def test_what_is_asked_for(metadata: dict[str, str], settings: CertificateSettings) -> None:
    assert certificate_settings(tuple(sorted(metadata.items()))) == settings


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("SECRET_TTL", "a day"),
        ("SECRET_TTL", "0s"),
        ("SECRET_TTL", "1s"),
        ("SECRET_TTL", "-1h"),
        ("SECRET_TTL", "2161h"),
        ("SECRET_GRACE_PERIOD_RATIO", "half"),
        ("SECRET_GRACE_PERIOD_RATIO", "0"),
        ("SECRET_GRACE_PERIOD_RATIO", "1"),
        ("SECRET_GRACE_PERIOD_RATIO", "nan"),
        ("WORKLOAD_RSA_KEY_SIZE", "1024"),
        ("WORKLOAD_RSA_KEY_SIZE", "1000000"),
        ("WORKLOAD_RSA_KEY_SIZE", "²"),
        ("ECC_SIGNATURE_ALGORITHM", "RSA"),
    ],
)
def test_what_cannot_be_read_is_told_of_and_left_out(key: str, text: str) -> None:
    assert certificate_settings(((key, text),)) == CertificateSettings()
    mesh = {"defaultConfig": {"proxyMetadata": {key: text}}}
    resource, [problem] = decode(changed(objects.ISTIO_OPERATOR, "spec.meshConfig", mesh))
    assert resource is not None
    assert (problem.severity, problem.code) == ("warning", codes.DOUBTFUL)
    assert problem.path == f"spec.meshConfig.defaultConfig.proxyMetadata.{key}"
    assert VARIABLES[key].expected in problem.text


def test_a_variable_without_effect_is_remarked_on() -> None:
    mesh = {"defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}}}
    _, [problem] = decode(changed(objects.ISTIO_OPERATOR, "spec.meshConfig", mesh))
    assert (problem.severity, problem.code) == ("info", codes.WITHOUT_EFFECT)
    assert "SECRET_TTL" in problem.hint


def test_the_own_authoritys_key_is_istiods_variable() -> None:
    assert own_rsa_bits(()) == 0
    path = "components.pilot.k8s.env[0]"
    name = "CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE"
    settings, problems = set_values((f"{path}.name={name}", f"{path}.value=4096"))
    assert not problems
    assert own_rsa_bits((), settings) == 4096
    env = [{"name": name, "value": "2048"}]
    resource, problems = decode(changed(objects.ISTIO_OPERATOR, "spec.components", {"pilot": {"k8s": {"env": env}}}))
    assert resource is not None
    assert not problems
    assert own_rsa_bits([resource]) == 2048
    assert own_rsa_bits([resource], settings) == 4096


def test_what_else_is_said_of_the_control_plane_is_accepted() -> None:
    pilot = {"enabled": True, "k8s": {"replicaCount": 3, "resources": {}, "hpaSpec": {}}}
    resource, problems = decode(changed(objects.ISTIO_OPERATOR, "spec.components", {"pilot": pilot}))
    assert resource is not None
    assert problems == ()
