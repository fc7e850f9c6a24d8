"""The simulation says what Envoy does: the tables of the rules, random filter chains, and Istio's own resources.

Each table of `tests/explain/simulate` becomes one configuration, its rows apart by port or host, so that what the
tables say is held against Envoy, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshgate.explain import Call, Configuration, Failure
from meshgate.proto import v3
from tests.conformance.cases import SIMULATION, Case, case_files, read_cases
from tests.conformance.istio_xds import read_istio_xds
from tests.explain.live.agreement import Agreement, agreeing_envoy
from tests.explain.simulate.chain_tables import CALLS, CHAINS, MATCHES
from tests.explain.simulate.domain_table import DOMAINS
from tests.explain.simulate.filter_table import FILTERED, filtered, filters
from tests.explain.simulate.forwarded_table import FORWARDED, WEIGHTED, adding, forwarding
from tests.explain.simulate.made import (
    Fields,
    call,
    chain,
    configuration,
    http,
    inspectors,
    listener,
    listener_filter,
    named,
    rds,
    to,
)
from tests.explain.simulate.nested_maps import has_common_keys
from tests.explain.simulate.path_tables import CANONICAL, MANAGED
from tests.explain.simulate.redirect_table import REDIRECTS, redirecting
from tests.explain.simulate.route_tables import HEADERS, PATHS, QUERIES, REQUESTS

FILES = list(case_files([SIMULATION / "cases"])) if SIMULATION.is_dir() else []
CLUSTERS = ["yes", "no"]

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def agreement() -> Iterator[Agreement]:
    with agreeing_envoy() as found:
        yield found


def _agree(agreement: Agreement, made: Configuration, calls: list[Call]) -> None:
    before = agreement.count
    assert "\n".join(agreement.differences(made, calls)) == ""
    assert agreement.count == before + len(calls), "some calls were not sent"


def _by_port(filters: Iterable[v3.NetworkFilter], clusters: Iterable[str] = CLUSTERS) -> Configuration:
    """A listener on each port from 1000 on, with one filter."""
    listeners = [
        listener(chain(f"c{port}", one), name=f"l{port}", at=("0.0.0.0", port))
        for port, one in enumerate(filters, 1000)
    ]
    return configuration(*listeners, clusters=tuple(clusters))


def test_route_conditions(agreement: Agreement) -> None:
    rows: list[tuple[Fields, Fields]] = [
        *((match, {"path": path}) for match, path, _ in PATHS),
        *(({"headers": [one]}, {"headers": [] if value is None else [("X-A", value)]}) for one, value, _ in HEADERS),
        *(({"query_parameters": [{"name": "q", **one}]}, {"path": path}) for one, path, _ in QUERIES),
        *((match, fields) for match, fields, _ in REQUESTS),
    ]
    made = _by_port(http({"routes": [to("yes", match), to("no")]}) for match, _ in rows)
    _agree(agreement, made, [call({"port": port, **fields}) for port, (_, fields) in enumerate(rows, 1000)])


@pytest.mark.parametrize("hops", [None, 0, 1])
def test_trusted_schemes(agreement: Agreement, hops: int | None) -> None:
    fields: Fields = {} if hops is None else {"use_remote_address": True, "xff_num_trusted_hops": hops}
    is_https = {"headers": [{"name": ":scheme", "string_match": {"exact": "https"}}]}
    tls: Fields = {"domains": ["tls"], "routes": [to("yes")], "require_tls": "ALL"}
    made = configuration(
        listener(chain("c", http(tls, {"routes": [to("yes", is_https), to("no")]}, fields=fields))), clusters=CLUSTERS
    )
    claims: list[list[tuple[str, str]]] = [[], [("x-forwarded-proto", "https")], [("x-forwarded-proto", "ftp")]]
    _agree(agreement, made, [call({"host": host, "headers": one}) for host in ("tls", "a") for one in claims])


def test_domains(agreement: Agreement) -> None:
    filters = []
    for _, domains, _, _ in DOMAINS:
        hosts = [{"domains": [one], "routes": [{**to("yes"), "name": one}]} for one in domains]
        filters.append(http(*hosts))
    made = _by_port(filters)
    _agree(agreement, made, [call({"port": port, "host": row[2]}) for port, row in enumerate(DOMAINS, 1000) if row[2]])


def test_ports_in_hosts(agreement: Agreement) -> None:
    domains = [named({"domains": [one], "routes": [{**to("yes"), "name": one}]}) for one in ("a.test", "[::1]", "*")]
    routes = {"name": "routes", "virtual_hosts": domains}
    stripped: list[Fields] = [
        {"route_config": {**routes, "ignore_port_in_host_matching": True}},
        {"route_config": routes, "strip_any_host_port": True},
        {"route_config": routes, "strip_matching_host_port": True},
        {"route_config": routes, "strip_trailing_host_dot": True},
        {"route_config": routes, "strip_trailing_host_dot": True, "strip_any_host_port": True},
    ]
    made = _by_port(http(fields=fields) for fields in stripped)
    hosts = ["a.test", "a.test:80", "a.test:1002", "A.TEST:9", "[::1]", "[::1]:80", "a.test.", "a.test.:80", "b.test"]
    ports = range(1000, 1000 + len(stripped))
    _agree(agreement, made, [call({"port": port, "host": host}) for port in ports for host in hosts])


def test_paths(agreement: Agreement) -> None:
    rows = [*(({"normalize_path": True}, *row) for row in CANONICAL), *MANAGED]
    filters = []
    for fields, path, expected in rows:
        routes = [to("yes", {"path": (expected or path).partition("?")[0]}), to("no")]
        filters.append(http({"routes": routes}, fields=fields))
    _agree(agreement, _by_port(filters), [call({"port": port, "path": row[1]}) for port, row in enumerate(rows, 1000)])


def test_redirects(agreement: Agreement) -> None:
    made = _by_port(http({"routes": [redirecting(action)]}) for action, _, _ in REDIRECTS)
    _agree(agreement, made, [call({**fields, "port": port}) for port, (_, fields, _) in enumerate(REDIRECTS, 1000)])


def test_forwarded_requests(agreement: Agreement) -> None:
    routes = [forwarding(action, route) for action, route, _, _ in FORWARDED]
    made = _by_port(http({"routes": [one]}) for one in [*routes, WEIGHTED])
    calls = [call({**asked, "port": port}) for port, (_, _, asked, _) in enumerate(FORWARDED, 1000)]
    _agree(agreement, made, [*calls, call({"port": 1000 + len(FORWARDED)})])


def test_response_headers(agreement: Agreement) -> None:
    to_add = [adding("X-New", "1"), adding("x-new", "2"), adding("x-once", "3", "ADD_IF_ABSENT")]
    route: Fields = {"response_headers_to_add": to_add, "response_headers_to_remove": ["x-gone"]}
    made = _by_port(http({"routes": [{**to("yes"), **route}]}) for _ in range(1))
    _agree(agreement, made, [call({"port": 1000})])


def test_filters_that_answer(agreement: Agreement) -> None:
    made = _by_port(http({"routes": [filtered(*row[:2])]}, fields=filters()) for row in FILTERED)
    _agree(agreement, made, [call({**row[2], "port": port}) for port, row in enumerate(FILTERED, 1000)])


def test_actions(agreement: Agreement) -> None:
    weighted = {"clusters": [{"name": "yes", "weight": 1}, {"name": "no", "weight": 3}]}
    hosts: list[Fields] = [
        {"domains": ["weighted"], "routes": [{"match": {"prefix": "/"}, "route": {"weighted_clusters": weighted}}]},
        {"domains": ["direct"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 418}}]},
        {"domains": ["header"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-to"}}]},
        {"domains": ["gone"], "routes": [to("gone")]},
        {"domains": ["nothing"], "routes": []},
        {"domains": ["tls"], "routes": [to("yes")], "require_tls": "ALL"},
    ]
    routes = {"virtual_hosts": [named(one) for one in hosts], "validate_clusters": False}
    made = configuration(listener(chain("c", http(fields={"route_config": routes}))), clusters=CLUSTERS)
    asked: list[Fields] = [
        {"host": host} for host in ("weighted", "direct", "header", "gone", "nothing", "tls", "other")
    ]
    asked.append({"host": "header", "headers": [("x-to", "no")]})
    _agree(agreement, made, [call(one) for one in asked])


TLS: Fields = {"common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": {}}]}}
MTLS: Fields = {
    "require_client_certificate": True,
    "common_tls_context": {
        "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": {}}],
        "combined_validation_context": {
            "default_validation_context": {},
            "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": {}},
        },
    },
}


def test_transport_and_codec(agreement: Agreement) -> None:
    routes = {"routes": [to("yes", {"headers": [{"name": ":scheme", "string_match": {"exact": "https"}}]}), to("no")]}
    certificate = {"routes": [to("yes", {"tls_context": {"presented": True}}), to("no")]}
    chains = [
        chain("http", http(routes)),
        chain("http1", http(routes, fields={"codec_type": "HTTP1"})),
        chain("http2", http(routes, fields={"codec_type": "HTTP2"})),
        chain("tcp"),
        chain("tls", http(routes), tls=TLS),
        chain("mtls", http(certificate), tls=MTLS),
        chain("tls to tcp", chain("tcp").filters[0], tls=TLS),
    ]
    listeners = [listener(one, name=one.name, at=("0.0.0.0", port)) for port, one in enumerate(chains, 1000)]
    made = configuration(*listeners, clusters=[*CLUSTERS, "tcp"])
    calls = [
        call({"port": port, "protocol": protocol, "tls": tls, "alpn": alpn})
        for port in range(1000, 1000 + len(chains))
        for protocol, alpn in (("http", ["http/1.1"]), ("http2", ["h2"]), ("tcp", []))
        for tls in ("plaintext", "tls", "mtls")
    ]
    _agree(agreement, made, [one if one.tls != "plaintext" else replace(one, alpn=()) for one in calls])


def test_filter_chain_table(agreement: Agreement) -> None:
    rows = [row for row in CHAINS if row[3] is not Failure.MULTIPLE_FILTER_CHAINS]
    for what, chains, fields, _ in rows:
        made = configuration(
            listener(*(chain(name, match=match) for name, match in chains.items())), clusters=[*chains]
        )
        assert agreement.differences(made, [call({"protocol": "tcp", **fields})]) == [], what


def test_random_filter_chains(agreement: Agreement) -> None:
    @settings(max_examples=25, derandomize=True)
    @given(st.lists(MATCHES, min_size=1, max_size=6), st.lists(CALLS, min_size=5, max_size=10), st.booleans())
    def agree(matches: list[Fields], calls: list[Fields], has_default: bool) -> None:
        names = [f"c{number}" for number in range(len(matches))]
        chains = [chain(name, match=match) for name, match in zip(names, matches, strict=True)]
        filters = [listener_filter(v3.OriginalDst()), *inspectors()]
        default = chain("default") if has_default else None
        made = listener(*chains, at=("0.0.0.0", 15006), filters=filters, default=default)
        assume(not has_common_keys(made))
        found = configuration(made, clusters=[*names, "default"])
        _agree(agreement, found, [call({**one, "arrival": "inbound"}) for one in calls])

    agree()


def test_original_destination(agreement: Agreement) -> None:
    unbound = {"bind_to_port": False}
    made = configuration(
        listener(chain("out"), name="o", at=("0.0.0.0", 15001), filters=[], fields={"use_original_dst": True}),
        listener(chain("wild"), name="wild", fields=unbound),
        listener(chain("exact"), name="exact", at=("10.0.0.9", 80), fields=unbound),
        listener(chain("six"), name="six", at=("::", 80), fields=unbound),
        listener(
            chain("http", rds("routes"), match={"application_protocols": ["http/1.1"]}),
            chain("81"),
            name="81",
            at=("0.0.0.0", 81),
            fields=unbound,
        ),
        routes=[v3.RouteConfiguration(name="routes")],
        clusters=["out", "wild", "exact", "six", "81"],
    )
    addresses = ["10.0.0.1", "10.0.0.9", "2001:db8::1"]
    calls = [
        call({"arrival": "outbound", "address": address, "port": port, "protocol": protocol})
        for address in addresses
        for port in (80, 81, 82)
        for protocol in ("http", "http2", "tcp")
    ]
    _agree(agreement, made, calls)


@pytest.mark.skipif(not FILES, reason="../shared/conformance is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_istios_resources(agreement: Agreement, path: Path) -> None:
    xds = read_istio_xds(SIMULATION / "xds" / f"{path.stem}.json.gz")
    for case in read_cases(path):
        if not case.skip and not case.skip_xds_validation and case.calls:
            calls = [_whole(case, one.fields.as_call()) for one in case.calls]
            assert "\n".join(agreement.differences(xds[case.id], calls)) == "", case.id


def _whole(case: Case, asked: Call) -> Call:
    """The call as a client would make it: with a host, and at a gateway without redirection."""
    arrival = "gateway" if case.proxy.type == "router" else asked.arrival
    return replace(asked, host=asked.host or asked.address, arrival=arrival)
