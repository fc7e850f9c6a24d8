"""Paths of objects, as Istio writes them."""

from __future__ import annotations

import pytest

from meshgate.api import Origin, Ref
from meshgate.envoy.metadata import config_path


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (Ref("VirtualService", "shop", "web"), "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web"),
        (Ref("DestinationRule", "shop", "web"), "/apis/networking.istio.io/v1/namespaces/shop/destination-rule/web"),
        (Ref("Gateway", "istio-system", "gw"), "/apis/networking.istio.io/v1/namespaces/istio-system/gateway/gw"),
        (Ref("Service", "shop", "web"), ""),
    ],
)
def test_path(ref: Ref, path: str) -> None:
    assert config_path(Origin(ref, "spec.http[0]")) == path
