"""What DNS, the router and the edge follow: names, virtual addresses, gateways' ports."""

from __future__ import annotations

from pathlib import Path

from meshgate.app.dns_names import dns_table
from meshgate.app.feeds import Feeds
from meshgate.app.virtual_addresses import service_table
from meshgate.host.dns import DnsTable, EndpointName, HostName, PortName
from meshgate.host.network import parse_ranges
from meshgate.host.network.services import Endpoint
from tests.app.rig import Rig, run

OBJECTS = """
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {hostname: first, subdomain: headless, containers: [{name: c, command: [x]}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain}
spec:
  clusterIP: 10.96.0.7
  selector: {app: a}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: a}, ports: [{name: tcp, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: out}
spec: {type: ExternalName, externalName: www.example.org}
---
apiVersion: v1
kind: Service
metadata: {name: by-hand}
spec: {clusterIP: 10.96.0.8, ports: [{port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: by-hand}
subsets: [{addresses: [{ip: 10.9.9.9}], ports: [{port: 81}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: written}
spec:
  hosts: [written.example.com]
  addresses: [10.1.1.1]
  resolution: DNS
  exportTo: ["."]
  ports: [{number: 80, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: assigned}
spec:
  hosts: [one.example.com, two.example.com]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: none}
spec:
  hosts: ["*.example.net"]
  resolution: NONE
  ports: [{number: 80, name: http, protocol: HTTP}]
"""


async def started(rig: Rig, *, ready: bool = True) -> None:
    await rig.apply(OBJECTS)
    await rig.built()
    rig.set_pod(rig.pods("a")[0], "10.244.0.1", ready=ready)
    await rig.built()


async def names(rig: Rig) -> DnsTable:
    built = rig.pipeline.built.value
    assert built.snapshot is not None
    return dns_table(built.resources, built.snapshot, ["10.0.0.0/8"])


def test_services_have_their_names(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await started(rig)
        services = {service.name: service for service in (await names(rig)).services if service.namespace == "default"}
        assert services["plain"].addresses == ("10.96.0.7",)
        assert services["plain"].ports == (
            PortName(name="http", port=80),
            PortName(name="dns", protocol="udp", port=53),
        )
        assert services["headless"].addresses == ()
        assert services["headless"].endpoints == (EndpointName(address="10.244.0.1", hostname="first"),)
        assert services["out"].external_name == "www.example.org"
        assert "istio-system" in (await names(rig)).namespaces

    run(test, tmp_path)


def test_a_headless_name_has_no_pod_that_is_not_ready(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await started(rig, ready=False)
        [headless] = [service for service in (await names(rig)).services if service.name == "headless"]
        assert headless.endpoints == ()

    run(test, tmp_path)


def test_each_host_of_a_service_entry_has_its_own_address(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await started(rig)
        hosts = {host.name: host for host in (await names(rig)).hosts}
        assert hosts["written.example.com"] == HostName(
            name="written.example.com", addresses=("10.1.1.1",), namespace="default", visible_in=("default",)
        )
        one, two = hosts["one.example.com"].addresses, hosts["two.example.com"].addresses
        assert len(one) == len(two) == 1
        assert one != two
        assert "*.example.net" not in hosts

    run(test, tmp_path)


def test_virtual_addresses_lead_to_ready_endpoints(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await started(rig)
        table = {(port.service, port.port): port for port in service_table(rig.pipeline.built.value.resources)}
        assert table["default/plain", 80].endpoints == (Endpoint("10.244.0.1", 8080),)
        assert table["default/plain", 53].protocol == "udp"
        assert table["default/by-hand", 80].endpoints == (Endpoint("10.9.9.9", 81),)
        assert ("default/headless", 9000) not in table
        gateway = table["istio-system/istio-ingressgateway", 80]
        assert len(gateway.addresses) == 2, "the cluster's and the load balancer's"
        assert gateway.endpoints == ()

    run(test, tmp_path)


def test_the_edge_follows_ready_gateways_and_what_they_listen_on(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(
            """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
"""
        )
        await rig.built()
        feeds = Feeds(parse_ranges("10.244.0.0/16", "10.96.0.0/16", "10.97.0.0/24"))
        feeds.take(rig.pipeline.built.value)
        assert not feeds.edge.value.gateways
        [pod] = rig.pods("istio-ingressgateway", "istio-system")
        rig.set_pod(pod, "10.244.0.2")
        await rig.built()
        feeds.take(rig.pipeline.built.value)
        [gateway] = feeds.edge.value.gateways
        assert gateway.uid == pod["metadata"]["uid"]
        assert gateway.ports == frozenset({8080})
        assert (80, 8080) in feeds.edge.value.service_ports
        assert feeds.revision.value == rig.store.revision.value

    run(test, tmp_path)
