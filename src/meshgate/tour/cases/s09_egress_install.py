"""Scenario 9: an egress gateway by an IstioOperator."""

from __future__ import annotations

from meshgate.tour.checks import Matches, Says
from meshgate.tour.scenario import Scenario, apply, step

IN = "-n istio-system -l istio=egressgateway --no-headers"

SCENARIO = Scenario(
    number="9",
    title="an egress gateway by IstioOperator",
    base=(),
    steps=(
        *apply("09-egress-install"),
        step("meshgate wait --for condition=Available deployment istio-egressgateway -n istio-system"),
        step(f"meshgate get pods {IN}", Matches(r"istio-egressgateway-\S+ +1/1 +Running .*", 1)),
        step(f"meshgate get service {IN}", Matches(r"istio-egressgateway +ClusterIP .* 80/TCP,443/TCP .*", 1)),
        step(
            "meshgate get deployment istio-egressgateway -n istio-system -o yaml",
            Says("istio: egressgateway"),
            shows="pod, Service and Deployment with label istio: egressgateway",
        ),
    ),
)
