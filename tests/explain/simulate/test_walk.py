"""Whole walks: how far a call comes, and what is said of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.explain import (
    Deviations,
    DirectResponse,
    Failure,
    Forwarded,
    Origins,
    Result,
    Share,
    ToCluster,
    ToWeighted,
    simulate,
)
from meshgate.explain.simulate.call import Call
from meshgate.proto import from_json, v3
from tests.explain.simulate.made import (
    NOTHING,
    Fields,
    call,
    chain,
    configuration,
    http,
    listener,
    rds,
    to,
)

TLS: Fields = {"common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "default"}]}}
MTLS: Fields = {**TLS, "require_client_certificate": True}


@pytest.mark.parametrize(
    ("tls", "fields", "expected"),
    [
        (None, {}, None),
        (None, {"tls": "tls"}, Failure.PROTOCOL),
        (None, {"protocol": "tcp"}, Failure.PROTOCOL),
        (None, {"host": ""}, Failure.BAD_REQUEST),
        (None, {"path": "/a#b"}, Failure.BAD_REQUEST),
        (TLS, {"tls": "tls"}, None),
        (TLS, {"tls": "mtls"}, None),
        (TLS, {}, Failure.TLS),
        (MTLS, {"tls": "tls"}, Failure.CLIENT_CERTIFICATE),
        (MTLS, {"tls": "mtls"}, None),
    ],
)
def test_transport_and_codec(tls: Fields | None, fields: Fields, expected: Failure | None) -> None:
    made = listener(chain("c", http({"routes": [to("web")]}), tls=tls))
    result = simulate(configuration(made, clusters=["web"]), call(fields))
    assert result.error is expected
    assert result.filter_chain == "c"


@pytest.mark.parametrize(
    ("codec", "protocol", "expected"),
    [
        ("AUTO", "http2", None),
        ("HTTP1", "http", None),
        ("HTTP1", "http2", Failure.PROTOCOL),
        ("HTTP2", "http", Failure.PROTOCOL),
    ],
)
def test_codec_type(codec: str, protocol: str, expected: Failure | None) -> None:
    made = listener(chain("c", http({"routes": [to("web")]}, fields={"codec_type": codec})))
    assert simulate(configuration(made, clusters=["web"]), call({"protocol": protocol})).error is expected


@pytest.mark.parametrize(
    ("fields", "host", "expected"),
    [
        (NOTHING, "a.test:80", "*"),
        ({"strip_any_host_port": True}, "a.test:81", "a.test"),
        ({"strip_matching_host_port": True}, "a.test:80", "a.test"),
        ({"strip_matching_host_port": True}, "a.test:81", "*"),
        ({"strip_trailing_host_dot": True}, "a.test.", "a.test"),
        ({"strip_trailing_host_dot": True, "strip_any_host_port": True}, "a.test.:80", "a.test"),
    ],
)
def test_host_as_the_connection_manager_leaves_it(fields: Fields, host: str, expected: str) -> None:
    hosts: list[Fields] = [{"domains": ["a.test"], "routes": [to("web")]}, {"domains": ["*"], "routes": [to("web")]}]
    made = listener(chain("c", http(*hosts, fields=fields)))
    assert simulate(configuration(made, clusters=["web"]), call({"host": host})).virtual_host == expected


def test_every_step_is_shown_with_its_origin() -> None:
    def metadata(text: str) -> Fields:
        return {"filter_metadata": {"istio": {"config": text}}}

    routes: Fields = {
        "name": "80",
        "virtual_hosts": [
            {"name": "v", "domains": ["*"], "routes": [{**to("web"), "metadata": metadata("route")}]},
        ],
    }
    taking = chain("c", rds("80"))
    taking.metadata.CopyFrom(from_json(metadata("chain"), v3.Metadata))
    made = configuration(listener(taking), routes=[from_json(routes, v3.RouteConfiguration)], clusters=["web"])
    assert simulate(made, call()) == Result(
        listener="l",
        filter_chain="c",
        route_config="80",
        virtual_host="v",
        route="web",
        action=ToCluster("web"),
        forwarded=Forwarded(cluster="web", host="a.test", path="/"),
        origins=Origins(filter_chain="chain", route="route"),
    )


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ({"domains": ["b.test"], "routes": [to("web")]}, Failure.NO_VIRTUAL_HOST),
        ({"routes": [to("web", {"path": "/x"})]}, Failure.NO_ROUTE),
        ({"routes": [to("web")], "require_tls": "ALL"}, Failure.TLS_REQUIRED),
        ({"routes": [to("gone")]}, Failure.NO_CLUSTER),
        ({"routes": [{"match": {"prefix": "/"}, "filter_action": {}}]}, Failure.NOT_SIMULATED),
        (
            {"routes": [{"match": {"prefix": "/"}, "route": {"cluster_specifier_plugin": "x"}}]},
            Failure.NOT_SIMULATED,
        ),
        ({"routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-to"}}]}, Failure.NO_CLUSTER),
    ],
)
def test_where_a_request_ends(host: Fields, error: Failure) -> None:
    made = listener(chain("c", http(host)))
    assert simulate(configuration(made, clusters=["web"]), call()).error is error


def test_missing_routes() -> None:
    assert simulate(configuration(listener(chain("c", rds("80")))), call()).error is Failure.NO_ROUTE_CONFIGURATION


def test_a_chain_without_proxy() -> None:
    bare = chain("c")
    bare.filters[0].typed_config.type_url = "type.googleapis.com/istio.Unknown"
    assert simulate(configuration(listener(bare)), call()).error is Failure.NOT_SIMULATED


def test_filters_that_are_not_known_are_passed() -> None:
    filters = [v3.NetworkFilter(name="istio.x"), *chain("web").filters]
    filters[0].typed_config.type_url = "type.googleapis.com/istio.Unknown"
    assert simulate(configuration(listener(chain("c", *filters)), clusters=["web"]), call()).cluster == "web"


def test_actions() -> None:
    weighted = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]}
    routes: list[Fields] = [
        {"match": {"path": "/weighted"}, "route": {"weighted_clusters": weighted}},
        {"match": {"path": "/direct"}, "direct_response": {"status": 204}},
        {"match": {"path": "/header"}, "route": {"cluster_header": "X-To"}},
    ]
    made = configuration(listener(chain("c", http({"routes": routes}))), clusters=["a", "b"])
    assert simulate(made, call({"path": "/weighted"})).action == ToWeighted((Share("a", 1), Share("b", 3)))
    assert simulate(made, call({"path": "/direct"})).action == DirectResponse(204)
    assert simulate(made, call({"path": "/header", "headers": [("x-to", "b")]})).action == ToCluster("b")


def test_weighted_tcp() -> None:
    weighted = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]}
    proxy = from_json({"stat_prefix": "t", "weighted_clusters": weighted}, v3.TcpProxy)
    taking = chain("c")
    taking.filters[0].typed_config.Pack(proxy)
    result = simulate(configuration(listener(taking), clusters=["a", "b"]), call({"protocol": "tcp"}))
    assert result.action == ToWeighted((Share("a", 1), Share("b", 3)))


def test_istios_harness_is_lenient() -> None:
    harness = Deviations.istio_harness()
    made = configuration(listener(chain("c", http({"routes": [to("gone")]}))))
    assert simulate(made, call({"host": ""}), harness).cluster == "gone"
    plain = configuration(listener(chain("c", http({"routes": [to("gone")]}), tls=TLS)))
    assert simulate(plain, call({"tls": "mtls"}), harness).error is Failure.CLIENT_CERTIFICATE
    star = configuration(listener(chain("star", match={"server_names": ["*"]}), chain("any")))
    assert simulate(star, call({"sni": "a.test"}), harness).filter_chain == "star"
    everywhere = [{"address_prefix": "0.0.0.0", "prefix_len": 0}]
    zero = configuration(listener(chain("zero", match={"prefix_ranges": everywhere})))
    assert simulate(zero, call(), harness).error is Failure.NO_FILTER_CHAIN


@pytest.mark.slow
@given(
    st.builds(
        Call,
        address=st.ip_addresses().map(str),
        port=st.integers(1, 65535),
        arrival=st.sampled_from(["outbound", "inbound", "gateway"]),
        protocol=st.sampled_from(["http", "http2", "tcp"]),
        tls=st.sampled_from(["plaintext", "tls", "mtls"]),
        host=st.text(max_size=20),
        path=st.text(max_size=20).map("/{}".format),
        sni=st.text(max_size=20),
        headers=st.lists(st.tuples(st.text(), st.text())).map(tuple),
    )
)
def test_every_call_has_an_answer(asked: Call) -> None:
    made = configuration(
        listener(chain("c", http({"routes": [to("web")]}, fields={"normalize_path": True})), at=("0.0.0.0", 15001)),
        listener(chain("c", http({"routes": [to("web")]})), at=("::", 15006)),
        clusters=["web"],
    )
    for deviations in (Deviations(), Deviations.istio_harness()):
        result = simulate(made, asked, deviations)
        assert (result.error is None) == (result.action is not None)
