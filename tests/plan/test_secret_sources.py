"""Names of secrets lead to the control plane, or to the service that the mesh has for them."""

from __future__ import annotations

import pytest

from meshgate.api import ExtensionProvider, MeshConfig, SdsProvider
from meshgate.mesh import Facts
from meshgate.plan import secret_names
from meshgate.plan.secret_sources import secret_reference
from meshgate.plan.values import SecretReference
from tests.mesh.objects import istio
from tests.plan.gateway_objects import gateway, server
from tests.plan.planned import PLAIN, ROUTER, cluster, listener, planned

OTHER = ExtensionProvider(name="zipkin", zipkin="{}")
MESH = MeshConfig(
    extension_providers=(
        OTHER,
        ExtensionProvider(name="one", sds=SdsProvider(service="shop/secrets.shop.svc.cluster.local", port=8443)),
        ExtensionProvider(name="two", sds=SdsProvider(service="other.org", port=1)),
    )
)
CLUSTER = "outbound|8443||secrets.shop.svc.cluster.local"


@pytest.mark.parametrize("name", ["default", "kubernetes://web", "configmap://a/b", "file-cert:/c~/k"])
def test_ours_are_asked_for_here(name: str) -> None:
    assert secret_reference(name, MESH) == SecretReference(name=name)


def test_the_first_service_for_secrets_is_asked() -> None:
    assert secret_reference("sds://web", MESH) == SecretReference(name="web", provider=CLUSTER)


def test_without_one_nobody_gives_it() -> None:
    mesh = MeshConfig(extension_providers=(OTHER,))
    assert secret_reference("sds://web", mesh) == SecretReference(name="sds://web")


def test_both_sides_of_a_gateway() -> None:
    entry = "{hosts: [a.org], ports: [{number: 443, name: http, protocol: HTTP}], resolution: STATIC}"
    tls = "{mode: MUTUAL, credentialName: 'sds://client'}"
    text = gateway(server(443, "HTTPS", "a.org", rest=", tls: {mode: MUTUAL, credentialName: 'sds://web'}"))
    text += istio("ServiceEntry", "out", entry) + istio(
        "DestinationRule", "dr", f"{{host: a.org, trafficPolicy: {{tls: {tls}}}}}"
    )
    plan = planned(text, ROUTER, Facts(mesh=MESH))
    (chain,) = listener(plan, "0.0.0.0_443").filter_chains
    for found, name in ((chain.tls, "web"), (cluster(plan, "outbound|443||a.org").tls, "client")):
        assert found is not None
        assert found.certificates == (SecretReference(name=name, provider=CLUSTER),)
        assert found.validation is not None
        assert found.validation.roots == SecretReference(name=f"{name}-cacert", provider=CLUSTER)
    assert not {name for name in secret_names(plan) if "web" in name or "client" in name}, "none of ours"
    assert {"sds://web", "sds://web-cacert"} <= secret_names(planned(text, ROUTER, PLAIN))
