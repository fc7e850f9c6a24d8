"""Proxies that are none of our pods, planned for by what their nodes say."""

from __future__ import annotations

from pathlib import Path

from meshgate.app.guests import PlannedGuests, proxy_of_node
from meshgate.envoy import LISTENER, ROUTES
from meshgate.plan import Proxy
from meshgate.xds.guests import Node
from tests.app.rig import Rig, run

ID = "sidecar~10.9.0.1~load-1.ns-1~ns-1.svc.cluster.local"
SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{name: http, port: 8000}]}}"


def test_what_a_node_says_is_its_proxy() -> None:
    said = {
        "NAMESPACE": "ns-1",
        "NAME": "load-1",
        "LABELS": {"b": "2", "a": "1"},
        "INSTANCE_IPS": "10.9.0.1,fd00::1",
        "SERVICE_ACCOUNT": "loader",
        "WORKLOAD_NAME": "load",
    }
    assert proxy_of_node(Node(id=ID, metadata=said)) == Proxy(
        role="sidecar",
        name="load-1",
        namespace="ns-1",
        labels=(("a", "1"), ("b", "2")),
        addresses=("10.9.0.1", "fd00::1"),
        service_account="loader",
        workload="load",
    )


def test_the_id_says_enough() -> None:
    proxy = proxy_of_node(Node(id="router~10.9.0.1~edge.istio-system~x", metadata={"LABELS": "none"}))
    assert proxy == Proxy(role="router", name="edge", namespace="istio-system", addresses=("10.9.0.1",))


def test_other_ids_are_no_proxies() -> None:
    assert proxy_of_node(Node(id="free-form")) is None
    assert proxy_of_node(Node(id="ztunnel~10.9.0.1~a.b~c")) is None


def test_a_guest_gets_what_a_pod_would_get_and_follows_changes(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        guests = PlannedGuests(rig.pipeline)
        assert not guests.welcome(Node(id="free-form"))
        assert guests.welcome(Node(id=ID))
        before = rig.ads.table_of("load-1.ns-1")
        assert before is not None
        assert "virtualOutbound" in before.of(LISTENER)
        await rig.apply(SERVICE)
        await rig.built()
        after = rig.ads.table_of("load-1.ns-1")
        assert after is not None
        assert set(after.of(ROUTES)) - set(before.of(ROUTES)) == {"8000"}
        assert not rig.pipeline.built.value.proxies, "what a guest says is nothing that a pod of its name is taken for"
        guests.farewell("load-1.ns-1")
        await rig.apply(SERVICE.replace("8000", "8001"))
        await rig.built()
        assert rig.ads.table_of("load-1.ns-1") is after, "nobody is told any more"

    run(test, tmp_path)
