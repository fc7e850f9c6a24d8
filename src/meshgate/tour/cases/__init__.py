"""The scenarios, a file each, in the tour's order."""

from __future__ import annotations

from typing import Final

from meshgate.tour.cases import (
    s01_many_ports,
    s02_gateway_and_mesh,
    s03_tcp,
    s04_hosts_by_namespace,
    s05_gateway_and_service,
    s06_tls_simple,
    s07_tls_mutual,
    s08_passthrough,
    s09_egress_install,
    s10_service_entry,
    s11_egress_http,
    s12_egress_tls,
    s13_sidecar_tls,
    s14_wildcard_one_server,
    s15_wildcard_any,
    s16_publishing,
    s19_strict,
)
from meshgate.tour.scenario import Scenario

SCENARIOS: Final[tuple[Scenario, ...]] = (
    s01_many_ports.SCENARIO,
    s02_gateway_and_mesh.SCENARIO,
    s03_tcp.SCENARIO,
    s04_hosts_by_namespace.SCENARIO,
    s05_gateway_and_service.A,
    s05_gateway_and_service.B,
    s06_tls_simple.SCENARIO,
    s07_tls_mutual.SCENARIO,
    s08_passthrough.SCENARIO,
    s09_egress_install.SCENARIO,
    s10_service_entry.SCENARIO,
    s11_egress_http.SCENARIO,
    s12_egress_tls.SCENARIO,
    s12_egress_tls.MUTUAL,
    s13_sidecar_tls.SCENARIO,
    s14_wildcard_one_server.SCENARIO,
    s15_wildcard_any.SCENARIO,
    s16_publishing.PASSTHROUGH,
    s16_publishing.SIMPLE,
    s16_publishing.MUTUAL,
    s19_strict.SCENARIO,
)
