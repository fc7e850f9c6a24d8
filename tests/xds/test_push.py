"""Spelling of requests and responses; bytes are built once."""

from __future__ import annotations

from meshgate.envoy import CLUSTER
from meshgate.proto import v3
from meshgate.xds.push import SharedBytes, delta_node, parse_delta, parse_world, world_bytes, world_node
from meshgate.xds.session import Request, Responses, WorldRequest
from tests.xds.playbook import c


def test_a_delta_request_keeps_all_that_it_says() -> None:
    raw = v3.DeltaDiscoveryRequest(
        node={"id": "sidecar~10.0.0.1~a.ns~ns.svc.cluster.local"},
        type_url=CLUSTER,
        resource_names_subscribe=["a", "b"],
        resource_names_unsubscribe=["c"],
        initial_resource_versions={"a": "1"},
        response_nonce="n",
        error_detail={"code": 3, "message": "bad"},
    ).SerializeToString()
    assert parse_delta(raw) == Request(
        type_url=CLUSTER, subscribe=("a", "b"), unsubscribe=("c",), held={"a": "1"}, nonce="n", error="bad"
    )
    assert delta_node(raw).id == "sidecar~10.0.0.1~a.ns~ns.svc.cluster.local"


def test_an_empty_error_text_is_still_a_refusal() -> None:
    raw = v3.DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce="n", error_detail={}).SerializeToString()
    assert parse_delta(raw).error == ""
    assert parse_delta(v3.DeltaDiscoveryRequest(type_url=CLUSTER).SerializeToString()).error is None


def test_the_text_of_a_refusal_is_one_line() -> None:
    said = "Error adding listener:\n  cannot  bind\n"
    raw = v3.DeltaDiscoveryRequest(type_url=CLUSTER, error_detail={"message": said}).SerializeToString()
    assert parse_delta(raw).error == "Error adding listener: cannot bind"
    raw = v3.DiscoveryRequest(type_url=CLUSTER, error_detail={"message": said}).SerializeToString()
    assert parse_world(raw).error == "Error adding listener: cannot bind"


def test_a_world_request_keeps_all_that_it_says() -> None:
    raw = v3.DiscoveryRequest(
        node={"id": "x"}, type_url=CLUSTER, resource_names=["a"], response_nonce="n", version_info="1"
    ).SerializeToString()
    assert parse_world(raw) == WorldRequest(type_url=CLUSTER, names=("a",), nonce="n")
    assert world_node(raw).id == "x"


def test_a_delta_response_is_built_once_for_all_who_send_it() -> None:
    responses, shared = Responses(), SharedBytes()
    one = responses.response(CLUSTER, (c("a"),), ("gone",))
    other = responses.response(CLUSTER, (c("a"),), ("gone",))
    assert shared.of(one) is shared.of(other)
    message = v3.DeltaDiscoveryResponse.FromString(shared.of(one))
    assert message.type_url == CLUSTER
    assert message.nonce == one.nonce
    assert [(each.name, each.version, each.resource.value) for each in message.resources] == [("a", "1", b"cds a 1")]
    assert list(message.removed_resources) == ["gone"]


def test_bytes_are_not_kept_when_nobody_awaits_a_verdict() -> None:
    responses, shared = Responses(), SharedBytes()
    response = responses.response(CLUSTER, (c("a"),), ())
    nonce, first = response.nonce, shared.of(response)
    del response
    again = responses.response(CLUSTER, (c("a"),), ())
    assert again.nonce == nonce, "equal content, equal nonce"
    assert shared.of(again) == first
    assert shared.of(again) is not first


def test_a_world_response_has_bodies_and_a_version_of_the_whole() -> None:
    response = Responses().response(CLUSTER, (c("a"), c("b")), ())
    message = v3.DiscoveryResponse.FromString(world_bytes(response))
    assert [each.value for each in message.resources] == [b"cds a 1", b"cds b 1"]
    assert message.version_info == message.nonce == response.nonce
