"""DestinationRules of which a part counts for nothing."""

from __future__ import annotations

import pytest

from tests.mesh.objects import built, istio, service

WEB = service("web", "http:80", ip="10.96.0.1")
HOST = "web.default.svc.cluster.local"
RANDOM = "trafficPolicy: {loadBalancer: {simple: RANDOM}}"


def rule(name: str, spec: str, *, year: int = 2020, namespace: str = "default") -> str:
    created = f"{year}-01-01T00:00:00Z"
    return istio("DestinationRule", name, f"{{host: {HOST}, {spec}}}", created=created, namespace=namespace)


def problems(text: str, code: str) -> list[str]:
    found = [problem for problem in built(WEB + text)[1] if problem.code == code]
    return [f"{problem.ref and problem.ref.name} {problem.path}: {problem.text}" for problem in found]


def test_what_an_older_rule_says_already() -> None:
    subset = "subsets: [{name: v1, labels: {version: v1}}]"
    text = rule("new", f"{RANDOM}, {subset}", year=2021) + rule("old", f"{RANDOM}, {subset}")
    assert problems(text, "MG0121") == [
        f'new spec.subsets[0]: DestinationRule/default/old is older and has a subset "v1" of host "{HOST}": that one '
        "counts",
        f'new spec.trafficPolicy: DestinationRule/default/old is older and has a policy for host "{HOST}": that one '
        "alone counts",
    ]


@pytest.mark.parametrize(
    "other",
    [
        rule("new", "subsets: [{name: v2}]", year=2021),
        rule("new", RANDOM, year=2021, namespace="shop"),
        rule("new", f"{RANDOM}, workloadSelector: {{matchLabels: {{app: one}}}}", year=2021),
        rule("new", f"{RANDOM}, exportTo: ['.']", year=2021),
    ],
    ids=["another subset", "another namespace", "other clients", "seen elsewhere"],
)
def test_what_is_joined_without_loss(other: str) -> None:
    assert problems(rule("old", f"{RANDOM}, subsets: [{{name: v1}}]") + other, "MG0121") == []


FAILOVER = "loadBalancer: {localityLbSetting: {failover: [{from: north, to: south}]}}"
OUTLIERS = "outlierDetection: {interval: 1s}"


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        (f"trafficPolicy: {{{FAILOVER}}}", ["spec.trafficPolicy.loadBalancer.localityLbSetting.failover"]),
        (f"trafficPolicy: {{{FAILOVER}, {OUTLIERS}}}", []),
        (
            f"trafficPolicy: {{{OUTLIERS}, portLevelSettings: [{{port: {{number: 80}}, {FAILOVER}}}]}}",
            ["spec.trafficPolicy.portLevelSettings[0].loadBalancer.localityLbSetting.failover"],
        ),
        (f"trafficPolicy: {{{OUTLIERS}}}, subsets: [{{name: v1, trafficPolicy: {{{FAILOVER}}}}}]", []),
        (
            f"subsets: [{{name: v1, trafficPolicy: {{{FAILOVER}}}}}]",
            ["spec.subsets[0].trafficPolicy.loadBalancer.localityLbSetting.failover"],
        ),
        ("trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 100}}]}}}", []),
    ],
    ids=["host", "host with outliers", "a port inherits nothing", "a subset inherits", "subset", "shares"],
)
def test_failing_over_needs_outlier_detection(spec: str, paths: list[str]) -> None:
    found = problems(rule("dr", spec), "MG0122")
    assert [line.split(":")[0] for line in found] == [f"dr {path}" for path in paths]
