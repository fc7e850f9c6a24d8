"""Services and ServiceEntries as services of the mesh."""

from __future__ import annotations

import pytest

from meshgate.mesh import Facts, MeshService, Protocol, Resolving
from meshgate.mesh.scope import merged_by_host
from tests.mesh.objects import istio, pod, service, snapshot


def only(text: str, facts: Facts | None = None) -> MeshService:
    (found,) = snapshot(text, facts).world.services
    return found


def entry(spec: str, **more: str) -> str:
    return istio("ServiceEntry", "out", spec, **more)


def test_a_service() -> None:
    found = only(service("web", "http:80:8080", ip="10.96.0.1", selector="web"))
    assert found.hostname == "web.default.svc.cluster.local"
    assert (found.name, found.namespace, found.registry) == ("web", "default", "Kubernetes")
    assert (found.addresses, found.resolving) == (("10.96.0.1",), Resolving.ENDPOINTS)
    assert [(port.name, port.number, port.protocol, port.target) for port in found.ports] == [
        ("http", 80, Protocol.HTTP, 8080)
    ]
    assert str(found.origin) == "Service/default/web"


def test_the_domain_is_a_fact() -> None:
    assert only(service("web", "http:80"), Facts(cluster_domain="corp")).hostname == "web.default.svc.corp"


def test_a_headless_service_passes_through() -> None:
    found = only(service("web", "tcp:80", ip="None"))
    assert found.is_headless
    assert found.addresses == ()


def test_a_udp_port_is_kept_apart() -> None:
    text = service("dns", "dns:53").replace("port: 53", "port: 53, protocol: UDP")
    assert only(text).ports[0].protocol is Protocol.UDP


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("", ("*",)), (".", ("default",)), ("a, b", ("a", "b")), ("~", ()), ("a,*", ("*",))],
)
def test_a_service_is_exported_by_annotation(annotation: str, expected: tuple[str, ...]) -> None:
    annotations = f"annotations: {{networking.istio.io/exportTo: '{annotation}'}}"
    text = service("web", "http:80").replace("namespace: default}", f"namespace: default, {annotations}}}")
    assert only(text).export == expected


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ("NONE", Resolving.PASSTHROUGH),
        ("STATIC", Resolving.ENDPOINTS),
        ("DNS", Resolving.DNS),
        ("DNS_ROUND_ROBIN", Resolving.DNS_ROUND_ROBIN),
    ],
)
def test_resolution_of_a_service_entry(resolution: str, expected: Resolving) -> None:
    spec = f"{{hosts: [a.org], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: {resolution}}}"
    assert only(entry(spec)).resolving is expected


def test_each_host_of_a_service_entry_is_a_service() -> None:
    spec = "{hosts: [A.org, '*.b.org'], ports: [{number: 80, name: http}], resolution: NONE, location: MESH_INTERNAL}"
    found = snapshot(entry(spec)).world.services
    assert [one.hostname for one in found] == ["*.b.org", "a.org"]
    assert {one.ports[0].protocol for one in found} == {Protocol.UNSUPPORTED}
    assert not any(one.is_external for one in found)
    assert [str(one.origin) for one in found] == [
        "ServiceEntry/default/out spec.hosts[1]",
        "ServiceEntry/default/out spec.hosts[0]",
    ]


def test_addresses_of_a_service_entry() -> None:
    ports = "ports: [{number: 1, name: tcp, protocol: TCP}]"
    spec = f"{{hosts: [a.org], addresses: [10.1.0.1/32, 10.2.0.1/16, 10.3.0.1], {ports}}}"
    assert only(entry(spec)).addresses == ("10.1.0.1", "10.2.0.1/16", "10.3.0.1")


@pytest.mark.parametrize(
    ("hosts", "resolution", "expected"),
    [
        pytest.param("[a.org]", "DNS", {"a.org": ("240.240.0.1",)}, id="assigned"),
        pytest.param("[a.org]", "NONE", {"a.org": ()}, id="not for NONE"),
        pytest.param(
            "['*.b.org', a.org]", "STATIC", {"a.org": ("240.240.0.1",), "*.b.org": ()}, id="not for wildcards"
        ),
        pytest.param("[a.org, b.org]", "DNS", {"a.org": (), "b.org": ()}, id="not assigned to all yet"),
    ],
)
def test_assigned_addresses(hosts: str, resolution: str, expected: dict[str, tuple[str, ...]]) -> None:
    spec = f"{{hosts: {hosts}, ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: {resolution}}}"
    text = entry(spec) + "\nstatus: {addresses: [{value: 240.240.0.1, host: a.org}]}\n"
    assert {one.hostname: one.addresses for one in snapshot(text).world.services} == expected


def test_a_dns_service_resolves_its_host_or_its_endpoints() -> None:
    ports = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: DNS"
    (fixed,) = only(entry(f"{{hosts: [a.org], {ports}}}")).fixed
    assert (fixed.port, fixed.endpoint.address, fixed.endpoint.port) == (80, "a.org", 8080)
    assert fixed.endpoint.workload == "out;default;out;;Kubernetes"
    found = only(
        entry(f"{{hosts: ['*.org'], {ports}, endpoints: [{{address: b.org, ports: {{http: 81}}, weight: 3}}]}}")
    )
    assert [(one.endpoint.address, one.endpoint.port, one.endpoint.weight) for one in found.fixed] == [("b.org", 81, 3)]


def test_services_are_ordered_by_age_then_name() -> None:
    text = istio(
        "ServiceEntry", "z", "{hosts: [z.org], ports: [{number: 80, name: http}]}", created="2020-01-01T00:00:00Z"
    )
    text += istio(
        "ServiceEntry", "a", "{hosts: [a.org], ports: [{number: 80, name: http}]}", created="2021-01-01T00:00:00Z"
    )
    text += istio(
        "ServiceEntry", "b", "{hosts: [b.org], ports: [{number: 80, name: http}]}", created="2020-01-01T00:00:00Z"
    )
    assert [one.hostname for one in snapshot(text).world.services] == ["b.org", "z.org", "a.org"]


def test_external_names_become_aliases() -> None:
    alias = "type: ExternalName\n  externalName: {}"
    text = (
        service("web", "http:80", ip="10.96.0.1")
        + service("first", "http:80", extra=alias.format("web.default.svc.cluster.local"))
        + service("second", extra=alias.format("first.default.svc.cluster.local"))
        + service("outside", extra=alias.format("example.org"))
        + service("ring", extra=alias.format("ring2.default.svc.cluster.local"))
        + service("ring2", extra=alias.format("ring.default.svc.cluster.local"))
    )
    found = {one.name: one for one in snapshot(text).world.services}
    assert found["web"].aliases == ("first.default.svc.cluster.local", "second.default.svc.cluster.local")
    assert {name for name, one in found.items() if one.resolving is Resolving.ALIAS} == set(found) - {"web"}
    assert all(one.ports == () for name, one in found.items() if name != "web")


def merged(text: str) -> MeshService:
    (found,) = merged_by_host(snapshot(text).world.services).values()
    return found


def test_entries_of_one_host_and_namespace_are_joined() -> None:
    one = "{hosts: [a.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}"
    ports = "ports: [{number: 80, name: tcp, protocol: TCP}, {number: 443, name: tls, protocol: TLS}]"
    two = f"{{hosts: [a.org], {ports}, resolution: DNS}}"
    text = istio("ServiceEntry", "one", one) + istio("ServiceEntry", "two", two)
    found = merged(text)
    assert [(port.number, port.name) for port in found.ports] == [(80, "http"), (443, "tls")]
    assert [fixed.port for fixed in found.fixed] == [80, 443]


def test_entries_of_other_namespaces_are_not_joined() -> None:
    spec = "{{hosts: [a.org], ports: [{{number: {}, name: http, protocol: HTTP}}]}}"
    text = istio("ServiceEntry", "one", spec.format(80), created="2020-01-01T00:00:00Z", namespace="z")
    text += istio("ServiceEntry", "two", spec.format(81), created="2021-01-01T00:00:00Z", namespace="a")
    assert [port.number for port in merged(text).ports] == [80]


def test_kubernetes_goes_before_an_older_entry_of_its_name() -> None:
    spec = "{hosts: [web.default.svc.cluster.local], ports: [{number: 81, name: http, protocol: HTTP}]}"
    text = istio("ServiceEntry", "old", spec) + service("web", "http:80").replace(
        "name: web,", "name: web, creationTimestamp: '2030-01-01T00:00:00Z',"
    )
    assert merged(text).registry == "Kubernetes"


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        pytest.param("", "web-7f9-x", id="none"),
        pytest.param("{kind: ReplicaSet, name: web-7f9, controller: true}", "web", id="replica set"),
        pytest.param("{kind: Deployment, name: web, controller: true}", "web", id="deployment"),
        pytest.param("{kind: Job, name: web}", "web-7f9-x", id="no controller"),
    ],
)
def test_the_owner_of_a_workload(owners: str, expected: str) -> None:
    text = pod("web-7f9-x", "10.0.0.1", app="web")
    if owners:
        owner = f"ownerReferences: [{owners[:-1]}, apiVersion: apps/v1, uid: u}}], "
        text = text.replace("metadata: {", "metadata: {" + owner)
    (found,) = snapshot(text).workloads.values()
    assert (found.owner, found.service_account, found.ports) == (expected, "default", (("web", 8080),))
