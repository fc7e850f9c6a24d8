"""What istioctl's profiles change of the standard gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgate.api.istio_operator import Components, GatewayComponent

PROFILES: Final[Mapping[str, Components]] = {
    "": Components(),
    "default": Components(),
    "demo": Components(egress_gateways=(GatewayComponent(enabled=True),)),
    "minimal": Components(ingress_gateways=(GatewayComponent(enabled=False),)),
    "empty": Components(ingress_gateways=(GatewayComponent(enabled=False),)),
}
