"""What is refused is told: where nothing else is known, and nowhere else."""

from __future__ import annotations

import pytest

from meshgate.api import OutboundMode, OutboundTrafficPolicy
from meshgate.plan.values import BlockedLog
from tests.mesh.objects import istio, service
from tests.plan.planned import SIDECAR, listener, manager, mesh, planned, tcp, with_labels

OPEN = "{workloadSelector: {labels: {app: open}}, outboundTrafficPolicy: {mode: ALLOW_ANY}}"


@pytest.mark.parametrize(("app", "is_told"), [("client", True), ("open", False)])
def test_refused_calls_are_told(app: str, is_told: bool) -> None:
    refused = mesh(outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundMode.REGISTRY_ONLY))
    text = service("web", "http:80") + istio("Sidecar", "open", OPEN)
    made = planned(text, with_labels(SIDECAR, app=app), facts=refused)
    shared, rest = listener(made, "0.0.0.0_80"), listener(made, "virtualOutbound")
    expected = (BlockedLog(is_http=False),) if is_told else ()
    assert manager(shared.filter_chains[0]).access_logs == ((BlockedLog(is_http=True),) if is_told else ())
    assert tcp(shared.default_filter_chain).access_logs == expected
    assert tcp(rest.filter_chains[-1]).access_logs == expected
    assert tcp(rest.filter_chains[0]).access_logs == (), "a loop is no call"
