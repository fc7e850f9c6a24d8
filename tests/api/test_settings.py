"""`--set`: paths, values, what they make, and what is wrong with them."""

from __future__ import annotations

import pytest

from meshgate.api import Components, GatewayComponent, GatewayKubernetes, IstioOperator, codes, set_values


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param((), IstioOperator(), id="none"),
        pytest.param(
            ("components.egressGateways[0].name=egress", "components.egressGateways[0].enabled=true"),
            IstioOperator(components=Components(egress_gateways=(GatewayComponent(name="egress", enabled=True),))),
            id="several of one item",
        ),
        pytest.param(
            ("components.ingressGateways[1].enabled=false",),
            IstioOperator(
                components=Components(ingress_gateways=(GatewayComponent(), GatewayComponent(enabled=False)))
            ),
            id="items before are left as they are",
        ),
        pytest.param(("profile=demo",), IstioOperator(profile="demo"), id="text"),
        pytest.param(("profile=demo", "profile=default"), IstioOperator(profile="default"), id="later wins"),
        pytest.param(
            ("meshConfig.accessLogFile=", "meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY"),
            IstioOperator(mesh_config='{"accessLogFile":"","outboundTrafficPolicy":{"mode":"REGISTRY_ONLY"}}'),
            id="mesh configuration, empty text",
        ),
        pytest.param(
            ("meshConfig.accessLogFormat=1.5",),
            IstioOperator(mesh_config='{"accessLogFormat":"1.5"}'),
            id="what looks like a number",
        ),
        pytest.param(
            (r"components.ingressGateways[0].k8s.serviceAnnotations.example\.com/a=true",),
            IstioOperator(
                components=Components(
                    ingress_gateways=(
                        GatewayComponent(k8s=GatewayKubernetes(service_annotations=(("example.com/a", "true"),))),
                    )
                )
            ),
            id="dot in a key",
        ),
        pytest.param(
            ("meshConfig.defaultServiceExportTo=[., ns]",),
            IstioOperator(mesh_config='{"defaultServiceExportTo":[".","ns"]}'),
            id="list",
        ),
        pytest.param(
            ("meshConfig.accessLogFormat=a=b",),
            IstioOperator(mesh_config='{"accessLogFormat":"a=b"}'),
            id="equals sign",
        ),
    ],
)
def test_settings(settings: tuple[str, ...], expected: IstioOperator) -> None:
    value, problems = set_values(settings)
    assert not problems
    assert value == expected


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("x", "PATH=VALUE", id="no equals sign"),
        pytest.param("=x", "PATH=VALUE", id="no path"),
        pytest.param("a..b=x", "PATH=VALUE", id="empty key"),
        pytest.param("a.=x", "PATH=VALUE", id="dot at the end"),
        pytest.param("a[x]=y", "PATH=VALUE", id="no index"),
        pytest.param("components.egressGateways[5000].name=x", "PATH=VALUE", id="huge index"),
        pytest.param(
            "meshConfig.outboundTraficPolicy.mode=X", 'nearest: "outboundTrafficPolicy"', id="typo in the mesh"
        ),
        pytest.param("component.egressGateways[0].name=x", 'nearest: "components"', id="typo"),
        pytest.param("components.egressGateways[0].enabled=maybe", "true or false", id="type"),
        pytest.param("components.egressGateways.enabled=true", "expected a list", id="index missing"),
        pytest.param("values.global.x=1", "not implemented yet", id="not implemented"),
        pytest.param("profile=big", "profiles: default, demo, minimal, empty", id="profile"),
        pytest.param("meshConfig.connectTimeout=0s", "at least 1ms", id="rule of the mesh"),
        pytest.param("meshConfig=5", "expected an object", id="mesh is no object"),
    ],
)
def test_fault(setting: str, words: str) -> None:
    value, problems = set_values([setting, "profile=demo"])
    assert value == IstioOperator(profile="demo")
    assert {problem.code for problem in problems} == {codes.BAD_SETTING}
    assert {problem.position for problem in problems} == {f"--set {setting}"}
    assert any(words in f"{problem.text}; {problem.hint}" for problem in problems)
