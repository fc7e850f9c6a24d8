"""The scenarios, a file each, in the tour's order."""

from __future__ import annotations

from typing import Final

from meshgate.tour.cases import (
    s02_gateway_and_mesh,
    s03_tcp,
    s04_hosts_by_namespace,
    s05_gateway_and_service,
    s09_egress_install,
    s10_service_entry,
    s11_egress_http,
    s14_wildcard_one_server,
    s15_wildcard_any,
)
from meshgate.tour.scenario import Scenario

SCENARIOS: Final[tuple[Scenario, ...]] = (
    s02_gateway_and_mesh.SCENARIO,
    s03_tcp.SCENARIO,
    s04_hosts_by_namespace.SCENARIO,
    s05_gateway_and_service.A,
    s05_gateway_and_service.B,
    s09_egress_install.SCENARIO,
    s10_service_entry.SCENARIO,
    s11_egress_http.SCENARIO,
    s14_wildcard_one_server.SCENARIO,
    s15_wildcard_any.SCENARIO,
)
