"""A live Envoy starts from the bootstrap, and gives away no more than it should."""

from __future__ import annotations

import http.client
import json
import stat
from collections.abc import Iterator

import pytest

from meshgate.envoy import BootstrapInput, ProxyPorts, bootstrap, emit, envoy_arguments, node_id
from meshgate.plan import Proxy
from meshgate.plan.values import ClusterPlan
from meshgate.proto import from_json, v3
from tests.envoy.case import WEB, Case
from tests.live_envoy import LiveEnvoy, free_ports, running_envoy

PROXY = Proxy(
    role="sidecar",
    name="web-5d4f-x",
    namespace="shop",
    labels=(("app", "web"), ("version", "v1")),
    addresses=("10.244.0.7", "fd00::7"),
    service_account="web",
    workload="web",
    node="laptop",
    locality="north/a",
    dns_resolver=("127.0.0.1", 15053),
)


def _message(proxy: Proxy = PROXY) -> v3.Bootstrap:
    text = bootstrap(BootstrapInput(proxy=proxy, xds_socket="/run/xds", admin_socket="/run/admin"))
    return from_json(json.loads(text), v3.Bootstrap)


def test_node_is_istios() -> None:
    node = json.loads(bootstrap(BootstrapInput(proxy=PROXY, xds_socket="/x", admin_socket="/a")))["node"]
    assert node["id"] == "sidecar~10.244.0.7~web-5d4f-x.shop~shop.svc.cluster.local" == node_id(PROXY, "cluster.local")
    assert node["cluster"] == "web.shop"
    assert node["locality"] == {"region": "north", "zone": "a"}
    metadata = node["metadata"]
    assert metadata["LABELS"] == {"app": "web", "version": "v1"}
    assert metadata["OWNER"] == "kubernetes://apis/apps/v1/namespaces/shop/deployments/web"
    assert metadata["INTERCEPTION_MODE"] == "REDIRECT"
    assert metadata["INSTANCE_IPS"] == "10.244.0.7,fd00::7"
    assert metadata["PROXY_CONFIG"]["statusPort"] == 15020


def test_a_router_captures_nothing() -> None:
    router = Proxy(role="router", name="gw", namespace="istio-system", addresses=("10.244.0.2",))
    node = _message(router).node
    assert node.id.startswith("router~10.244.0.2~gw.istio-system~")
    assert "INTERCEPTION_MODE" not in node.metadata
    assert "OWNER" not in node.metadata


def test_names_are_asked_of_the_given_resolver() -> None:
    assert _message().typed_dns_resolver_config.name == "envoy.network.dns_resolver.cares"
    assert not _message(Proxy(role="router", name="a", namespace="b", addresses=("1.1.1.1",))).HasField(
        "typed_dns_resolver_config"
    )


def test_equal_input_gives_equal_bytes() -> None:
    given = BootstrapInput(proxy=PROXY, xds_socket="/run/xds", admin_socket="/run/admin")
    assert bootstrap(given) == bootstrap(given)


def test_a_socket_path_that_is_too_long_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="too long for a Unix socket"):
        bootstrap(BootstrapInput(proxy=PROXY, xds_socket="/" + "x" * 107, admin_socket="/run/admin"))


def test_arguments_name_the_file_and_the_threads() -> None:
    arguments = envoy_arguments("/etc/envoy.json", concurrency=3)
    assert arguments[:4] == ("-c", "/etc/envoy.json", "--concurrency", "3")
    assert len(arguments) == len(set(arguments))


@pytest.fixture(scope="module")
def booted() -> Iterator[LiveEnvoy]:
    admin, status, readiness, prometheus = free_ports(4)
    ports = ProxyPorts(admin=admin, status=status, readiness=readiness, prometheus=prometheus, wildcard="127.0.0.1")
    with running_envoy(isolated=False, ports=ports, proxy=PROXY) as envoy:
        envoy.apply(())
        yield envoy


def _request(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.envoy
def test_it_starts_without_a_word(booted: LiveEnvoy) -> None:
    assert booted.log == ""


@pytest.mark.envoy
def test_readiness_and_metrics_are_on_their_ports(booted: LiveEnvoy) -> None:
    ports = booted.ports
    assert _request(ports.readiness, "/healthz/ready") == (200, "LIVE\n")
    assert _request(ports.status, "/healthz/ready") == (200, "LIVE\n")
    for port in (ports.prometheus, ports.status):
        status, text = _request(port, "/stats/prometheus?usedonly")
        assert status == 200
        assert "envoy_server_live" in text


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/config_dump"),
        ("GET", "/healthz/ready/../../config_dump"),
        ("GET", "/stats/prometheus/../../config_dump"),
        ("GET", "/stats"),
        ("GET", "/ready"),
        ("GET", "//config_dump"),
        ("POST", "/quitquitquit"),
        ("POST", "/healthz/ready"),
        ("POST", "/stats/prometheus"),
    ],
)
def test_nothing_else_is_reached_from_outside(booted: LiveEnvoy, method: str, path: str) -> None:
    for port in (booted.ports.readiness, booted.ports.prometheus, booted.ports.status):
        assert _request(port, path, method)[0] == 404


@pytest.mark.envoy
def test_each_port_has_its_own_paths_only(booted: LiveEnvoy) -> None:
    assert _request(booted.ports.readiness, "/stats/prometheus")[0] == 404
    assert _request(booted.ports.prometheus, "/healthz/ready")[0] == 404


@pytest.mark.envoy
def test_the_whole_admin_interface_is_on_its_loopback_port(booted: LiveEnvoy) -> None:
    status, text = _request(booted.ports.admin, "/config_dump")
    assert status == 200
    assert PROXY.name in text
    assert _request(booted.ports.admin, "/logging?level=warning", "POST")[0] == 200


@pytest.mark.envoy
def test_metrics_have_istios_tags_and_only_what_is_read(booted: LiveEnvoy) -> None:
    booted.apply(emit(Case(clusters=(ClusterPlan(name=WEB, type="EDS", alt_stat_name=f"{WEB};"),))))
    text = _request(booted.ports.prometheus, "/stats/prometheus")[1]
    assert f'envoy_cluster_upstream_rq_total{{cluster_name="{WEB}"}} 0' in text
    assert 'envoy_http_downstream_rq_total{http_conn_manager_prefix="prometheus"}' in text
    assert sum(WEB in line for line in text.splitlines()) < 20


@pytest.mark.envoy
def test_the_admin_socket_is_the_owners_only(booted: LiveEnvoy) -> None:
    assert stat.S_IMODE(booted.admin_socket.stat().st_mode) == 0o600


@pytest.mark.envoy
def test_there_are_no_other_listeners(booted: LiveEnvoy) -> None:
    listeners = json.loads(booted.admin("/listeners?format=json"))["listener_statuses"]
    ports = {item["name"]: item["local_address"]["socket_address"]["port_value"] for item in listeners}
    assert ports == {
        "admin": booted.ports.admin,
        "readiness": booted.ports.readiness,
        "prometheus": booted.ports.prometheus,
        "status": booted.ports.status,
    }


@pytest.mark.envoy
@pytest.mark.slow
def test_a_control_plane_that_comes_back_is_found_at_once(booted: LiveEnvoy) -> None:
    booted.restart_control_plane()
    booted.apply(())  # its deadline is the assertion
