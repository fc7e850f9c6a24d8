"""Services and ServiceEntries of every kind, each proved by requests of pods with and without a sidecar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest

from tests.e2e.mesh import wait_until
from tests.e2e.services_mesh import Client, ServicesMesh, each, http, line, resolve, started_services

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

AUTO_RANGE = IPv4Network("240.240.0.0/16")
ATTEMPTS = "x-envoy-attempt-count"
"""The client's sidecar counts them where it knows that the port is HTTP."""
WORKLOAD_ENTRY = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: machine}
spec: {address: ADDRESS, ports: {http: 8000}, labels: {app: echo}}
"""


@pytest.fixture(scope="module")
def services() -> Iterator[ServicesMesh]:
    with started_services() as services:
        yield services


def both(services: ServicesMesh) -> tuple[Client, Client]:
    return services.sleep, services.bare


# --- Kubernetes Services ----------------------------------------------------------------------------------------------


def test_a_headless_name_is_all_pods_and_each_has_a_name_below_it(services: ServicesMesh) -> None:
    addresses = services.addresses("app=db")
    full = ("db-0.db.default.svc.cluster.local", "db-1.db.default.svc.cluster.local")
    for client in both(services):
        whole, one, two, *said = client.ask(
            resolve("db"), *map(resolve, full), line("db-0.db", 9000), line("db-1.db", 9000)
        )
        assert whole == ["db.default.svc.cluster.local", addresses]
        assert said == [["db-0 hello", *one[1]], ["db-1 hello", *two[1]]]
    assert f"{full[0]}\tdb-0" in services.mesh.exec("db-0", "cat", "/etc/hosts").stdout


def test_a_headless_service_of_http(services: ServicesMesh) -> None:
    for client in both(services):
        [answer] = client.ask(http("http://echo-names:8080/"))
        assert answer.instance.startswith("echo-")
        assert answer.headers.get(ATTEMPTS) == ("1" if client is services.sleep else None)


def test_ports_lead_to_ports_by_name_and_speak_what_they_say(services: ServicesMesh) -> None:
    for client in both(services):
        answers = client.ask(*(http(f"http://echo:{port}/") for port in (80, 81, 82, 83)))
        assert [answer.instance == "admin" for answer in answers] == [False, True, False, False]
        if client is services.sleep:
            assert [answer.headers.get(ATTEMPTS) for answer in answers] == ["1", "1", "1", None]


def test_connections_without_a_sidecar_are_spread_unless_the_client_is_to_stay(services: ServicesMesh) -> None:
    spread, stays = services.bare.ask(each(30, "http://echo/"), each(15, "http://echo-sticky/"))
    assert [len(spread), len(stays)] == [30, 15]
    assert [len(set(spread)), len(set(stays))] == [2, 1]


def test_another_name_of_a_service(services: ServicesMesh) -> None:
    for client in both(services):
        other, name, answer = client.ask(resolve("also-echo"), resolve("echo"), http("http://also-echo:81/"))
        assert other == name
        assert answer.instance == "admin"


def test_another_name_of_an_entry(services: ServicesMesh) -> None:
    other, name, answer = services.sleep.ask(
        resolve("also-static"), resolve("static.example.com"), http("http://also-static/")
    )
    assert other == name
    assert answer.instance == "outside"
    assert answer.headers.get(ATTEMPTS) == "1"


def test_pods_that_are_not_ready_serve_only_where_the_service_publishes_them(services: ServicesMesh) -> None:
    late = services.addresses("app=late")
    for client in both(services):
        hidden, shown, shown_by_name, *names = client.ask(
            *(http(f"http://{name}:8000/") for name in ("late", "late-shown", "late-names-shown")),
            resolve("late-names"),
            resolve("late-names-shown"),
        )
        assert hidden.status == (503 if client is services.sleep else 0)
        assert [shown.instance, shown_by_name.instance] == ["late", "late"]
        assert [addresses for _, addresses in names] == [[], late]


def test_endpoints_given_by_hand_are_followed(services: ServicesMesh) -> None:
    urls = [http("http://by-endpoints/"), http("http://by-slice/")]
    for client in both(services):
        assert [answer.instance for answer in client.ask(*urls)] == ["outside", "outside"]
    services.mesh.meshgate("delete", "endpoints/by-endpoints", "endpointslice/mine")
    services.mesh.wait_applied()
    for client, status in zip(both(services), (503, 0), strict=True):
        assert [answer.status for answer in client.ask(*urls)] == [status, status]


# --- ServiceEntries ---------------------------------------------------------------------------------------------------


def test_a_static_entry_gets_an_address_of_its_own_and_a_name(services: ServicesMesh) -> None:
    status = services.mesh.get("serviceentry", "static")["status"]
    assert isinstance(status, dict)
    [assigned] = status["addresses"]
    assert IPv4Address(assigned["value"]) in AUTO_RANGE
    (_, named), (_, short), *answers = services.sleep.ask(
        resolve("static.example.com"),
        resolve("short"),
        *map(http, ("http://static.example.com/", "http://static.example.com:90/", "http://short/")),
    )
    assert named == [assigned["value"]]
    assert IPv4Address(short[0]) in AUTO_RANGE
    assert [answer.instance for answer in answers] == ["outside"] * 3
    assert [answer.headers.get(ATTEMPTS) for answer in answers] == ["1", None, "1"]


def test_only_who_has_a_sidecar_is_told_of_entries(services: ServicesMesh) -> None:
    assert services.bare.ask(resolve("short")) == [["", []]]


def test_an_entry_at_its_own_address_with_a_wildcard(services: ServicesMesh) -> None:
    hosts = ("a.vip.example.com", "a.b.vip.example.com")
    answers = services.sleep.ask(*map(resolve, hosts), *(http(f"http://{host}/") for host in hosts))
    assert [addresses for _, addresses in answers[:2]] == [["10.222.0.1"]] * 2
    assert [answer.instance for answer in answers[2:]] == ["outside"] * 2


@pytest.mark.parametrize("host", ["dns.example.com", "rr.example.com"])
def test_names_that_the_proxy_resolves(services: ServicesMesh, host: str) -> None:
    def answers() -> bool:
        (_, [address]), *found = services.sleep.ask(resolve(host), http(f"http://{host}/"), http(f"http://{host}:90/"))
        assert IPv4Address(address) in AUTO_RANGE
        return [answer.instance for answer in found] == ["outside", "outside"]

    wait_until(answers, f"Envoy has resolved {host}")


def test_an_entry_without_resolution_goes_where_the_connection_was_going(services: ServicesMesh) -> None:
    to = ("--resolve", f"none.example.com:8000:{services.outside}")
    [answer] = services.sleep.ask(http("http://none.example.com:8000/marked-none", *to))
    assert answer.instance == "outside"
    line_of_log = services.mesh.access_log("sidecar=yes", "/marked-none")
    assert "outbound|8000||none.example.com" in line_of_log


def test_an_entry_that_selects_pods_and_machines(services: ServicesMesh) -> None:
    def served() -> Counter[str]:
        [found] = services.sleep.ask(each(30, "http://selected.example.com/"))
        return Counter(found)

    pods = served()
    assert len(pods) == 2
    assert all(name.startswith("echo-") for name in pods), pods
    machine = services.text(WORKLOAD_ENTRY)
    services.mesh.apply(machine)
    assert served().keys() == pods.keys() | {"outside"}
    services.mesh.meshgate("delete", "workloadentry/machine")
    services.mesh.wait_applied()
    assert served().keys() == pods.keys()


def test_an_entry_that_goes_takes_its_name_along(services: ServicesMesh) -> None:
    services.mesh.meshgate("delete", "serviceentry/short")
    services.mesh.wait_applied()
    assert services.sleep.ask(resolve("short")) == [["", []]]


# --- names outside of the mesh ----------------------------------------------------------------------------------------


def test_they_are_asked_of_the_server_that_up_was_given(services: ServicesMesh) -> None:
    for client in both(services):
        known, unknown = client.ask(resolve("edition.cnn.com"), resolve("nobody.example.org"))
        assert known == ["edition.cnn.com", ["198.51.100.10"]]
        assert unknown == ["", []]
