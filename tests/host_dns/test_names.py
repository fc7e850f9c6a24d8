"""Names have the records that Kubernetes and Istio's DNS proxy give them; missing names are told from empty ones."""

from __future__ import annotations

import pytest

from meshgate.host.dns import DnsTable, EndpointName, HostName, PortName, ServiceName
from meshgate.host.dns.names import Answer, Chain, Here, Index, Record, Upstream

TABLE = DnsTable(
    services=(
        ServiceName(
            namespace="shop",
            name="web",
            addresses=("10.96.0.10",),
            ports=(PortName(name="http", port=80), PortName(name="grpc-api", port=9000)),
        ),
        ServiceName(
            namespace="shop",
            name="db",
            endpoints=(
                EndpointName(address="10.244.0.12", hostname="db-0"),
                EndpointName(address="10.244.0.11"),
            ),
            ports=(PortName(name="mongo", port=27017),),
        ),
        ServiceName(namespace="shop", name="empty"),
        ServiceName(namespace="shop", name="outside", external_name="Api.Example.com"),
        ServiceName(namespace="shop", name="inside", external_name="web.shop.svc.cluster.local"),
        ServiceName(namespace="shop", name="cnn", external_name="edition.cnn.com"),
        ServiceName(namespace="shop", name="circle", external_name="circle.shop.svc.cluster.local"),
    ),
    hosts=(
        HostName(name="edition.cnn.com", addresses=("240.240.0.1",), namespace="shop"),
        HostName(name="*.wikipedia.org", addresses=("240.240.0.2",)),
        HostName(name="*.en.wikipedia.org", addresses=("240.240.0.3",)),
        HostName(name="two.example.com", addresses=("192.0.2.1", "2001:db8::1")),
        HostName(name="private.example.com", addresses=("240.240.0.4",), namespace="bank", visible_in=("bank",)),
        HostName(name="both.example.com", addresses=("240.240.0.5",), namespace="bank"),
        HostName(name="both.example.com", addresses=("240.240.0.6",), namespace="shop"),
        HostName(name="vm.shop.svc.cluster.local", addresses=("240.240.0.7",)),
    ),
    namespaces=("default",),
    networks=("10.244.0.0/16", "10.96.0.0/16"),
)
INDEX = Index(TABLE)
NODATA = Here(True)
NXDOMAIN = Here(False)


def ask(name: str, kind: str = "A", *, namespace: str = "shop", virtual: bool = True) -> Answer:
    return INDEX.answer(name, kind, namespace=namespace, virtual=virtual)


def values(answer: Answer) -> list[str]:
    assert isinstance(answer, Here)
    return [record.value for record in answer.records]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("web.shop.svc.cluster.local", "A", ["10.96.0.10"], id="cluster address"),
        pytest.param("WEB.Shop.svc.Cluster.Local.", "A", ["10.96.0.10"], id="letter case and final dot"),
        pytest.param("db.shop.svc.cluster.local", "A", ["10.244.0.11", "10.244.0.12"], id="headless"),
        pytest.param("db-0.db.shop.svc.cluster.local", "A", ["10.244.0.12"], id="a pod with a hostname"),
        pytest.param("10-244-0-11.db.shop.svc.cluster.local", "A", ["10.244.0.11"], id="a pod without one"),
        pytest.param("10-244-0-9.shop.pod.cluster.local", "A", ["10.244.0.9"], id="a pod by its address"),
        pytest.param("12.0.244.10.in-addr.arpa", "PTR", ["db-0.db.shop.svc.cluster.local."], id="reverse of a pod"),
        pytest.param("dns-version.cluster.local", "TXT", ['"1.1.0"'], id="version of the specification"),
        pytest.param(
            "_http._tcp.web.shop.svc.cluster.local", "SRV", ["0 100 80 web.shop.svc.cluster.local."], id="named port"
        ),
        pytest.param(
            "_mongo._tcp.db.shop.svc.cluster.local",
            "SRV",
            [
                "0 50 27017 10-244-0-11.db.shop.svc.cluster.local.",
                "0 50 27017 db-0.db.shop.svc.cluster.local.",
            ],
            id="named port of a headless Service",
        ),
    ],
)
def test_names_of_the_cluster(name: str, kind: str, expected: list[str]) -> None:
    assert values(ask(name, kind)) == expected
    assert ask(name, kind) == ask(name, kind, namespace="other", virtual=False)


def test_reverse_names() -> None:
    assert values(ask("10.0.96.10.in-addr.arpa", "PTR")) == ["web.shop.svc.cluster.local."]
    assert ask("10.0.96.10.in-addr.arpa", "A") == NODATA
    assert ask("99.0.96.10.in-addr.arpa", "PTR") == NXDOMAIN, "an address of the mesh that nobody has"
    assert ask("1.2.0.192.in-addr.arpa", "PTR") == Upstream()
    assert ask("96.10.in-addr.arpa", "PTR") == Upstream()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("web.shop.svc.cluster.local", "AAAA"),
        ("web.shop.svc.cluster.local", "MX"),
        ("_tcp.web.shop.svc.cluster.local", "SRV"),
        ("shop.svc.cluster.local", "A"),
        ("default.svc.cluster.local", "A"),
        ("svc.cluster.local", "A"),
        ("cluster.local", "A"),
        ("10-244-0-9.shop.pod.cluster.local", "AAAA"),
        ("edition.cnn.com", "AAAA"),
    ],
)
def test_names_without_records_of_that_type_are_empty(name: str, kind: str) -> None:
    assert ask(name, kind) == NODATA


@pytest.mark.parametrize(
    "name",
    [
        "nosuch.shop.svc.cluster.local",
        "web.nosuch.svc.cluster.local",
        "x.web.shop.svc.cluster.local",
        "edition.cnn.com.shop.svc.cluster.local",
        "empty.shop.svc.cluster.local",
        "10-244-0-9.nosuch.pod.cluster.local",
        "10-244-0-999.shop.pod.cluster.local",
        "web.shop.pod.cluster.local",
        "com.cluster.local",
    ],
)
def test_names_of_the_cluster_that_dont_exist_are_denied_here(name: str) -> None:
    assert ask(name) == NXDOMAIN


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("edition.cnn.com", "shop", ["240.240.0.1"]),
        ("EDITION.cnn.com", "other", ["240.240.0.1"]),
        ("de.wikipedia.org", "shop", ["240.240.0.2"]),
        ("a.b.wikipedia.org", "shop", ["240.240.0.2"]),
        ("m.en.wikipedia.org", "shop", ["240.240.0.3"]),
        ("two.example.com", "shop", ["192.0.2.1"]),
        ("private.example.com", "bank", ["240.240.0.4"]),
        ("both.example.com", "shop", ["240.240.0.6"]),
        ("both.example.com", "bank", ["240.240.0.5"]),
        ("both.example.com", "other", ["240.240.0.5"]),
        ("vm.shop.svc.cluster.local", "shop", ["240.240.0.7"]),
    ],
)
def test_hosts_of_service_entries(name: str, namespace: str, expected: list[str]) -> None:
    assert values(ask(name, namespace=namespace)) == expected


def test_a_host_with_an_address_of_ipv6() -> None:
    assert values(ask("two.example.com", "AAAA")) == ["2001:db8::1"]


@pytest.mark.parametrize(
    ("name", "kind", "namespace"),
    [
        pytest.param("example.org", "A", "shop", id="a name of nobody here"),
        pytest.param("wikipedia.org", "A", "shop", id="a wildcard isn't its own parent"),
        pytest.param("private.example.com", "A", "shop", id="not exported to this namespace"),
        pytest.param("edition.cnn.com", "MX", "shop", id="only addresses are virtual"),
        pytest.param("www.cnn.com", "A", "shop", id="a sibling"),
        pytest.param("notcluster.local", "A", "shop", id="ends alike"),
        pytest.param("", "NS", "shop", id="the root"),
    ],
)
def test_everything_else_is_upstreams(name: str, kind: str, namespace: str) -> None:
    assert ask(name, kind, namespace=namespace) == Upstream()


def test_envoy_itself_gets_no_virtual_addresses() -> None:
    assert ask("edition.cnn.com", virtual=False) == Upstream()
    assert ask("de.wikipedia.org", virtual=False) == Upstream()
    assert ask("vm.shop.svc.cluster.local", virtual=False) == NXDOMAIN
    assert values(ask("web.shop.svc.cluster.local", virtual=False)) == ["10.96.0.10"]


def test_external_names_are_aliases_that_are_followed() -> None:
    alias = Record("outside.shop.svc.cluster.local", "CNAME", "api.example.com.")
    assert ask("outside.shop.svc.cluster.local") == Chain((alias,), "api.example.com")
    assert ask("outside.shop.svc.cluster.local", "CNAME") == Here(True, (alias,))
    assert values(ask("inside.shop.svc.cluster.local")) == ["web.shop.svc.cluster.local.", "10.96.0.10"]
    assert values(ask("inside.shop.svc.cluster.local", "AAAA")) == ["web.shop.svc.cluster.local."]
    assert values(ask("cnn.shop.svc.cluster.local")) == ["edition.cnn.com.", "240.240.0.1"]
    assert isinstance(ask("cnn.shop.svc.cluster.local", virtual=False), Chain)


def test_an_alias_of_itself_ends() -> None:
    assert set(values(ask("circle.shop.svc.cluster.local"))) == {"circle.shop.svc.cluster.local."}


def test_the_addresses_of_srv_targets_come_along() -> None:
    answer = ask("_mongo._tcp.db.shop.svc.cluster.local", "SRV")
    assert isinstance(answer, Here)
    assert [record.value for record in answer.additional] == ["10.244.0.11", "10.244.0.12"]


def test_another_domain() -> None:
    index = Index(DnsTable(cluster_domain="mesh.internal", services=TABLE.services))
    found = index.answer("web.shop.svc.mesh.internal", "A", namespace="shop", virtual=True)
    assert values(found) == ["10.96.0.10"]
    assert index.answer("web.shop.svc.cluster.local", "A", namespace="shop", virtual=True) == Upstream()


def test_endpoints_that_are_names_have_no_records() -> None:
    endpoints = (EndpointName(address="db.example.com"), EndpointName(address="2001:db8::1"))
    index = Index(DnsTable(services=(ServiceName(namespace="shop", name="db", endpoints=endpoints),)))

    name = "db.shop.svc.cluster.local"
    assert index.answer(name, "A", namespace="shop", virtual=True) == NODATA
    assert values(index.answer(name, "AAAA", namespace="shop", virtual=True)) == ["2001:db8::1"]
    assert values(index.answer(f"2001-db8--1.{name}", "AAAA", namespace="shop", virtual=True)) == ["2001:db8::1"]
