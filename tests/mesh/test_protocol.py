"""Protocols by port name, appProtocol and Istio's own field."""

from __future__ import annotations

import pytest

from meshgate.mesh.protocol import Protocol, parse_protocol, service_port_protocol


@pytest.mark.parametrize(
    ("number", "name", "app_protocol", "expected"),
    [
        pytest.param(80, "http", "", Protocol.HTTP, id="name"),
        pytest.param(80, "http-web", "", Protocol.HTTP, id="prefix"),
        pytest.param(80, "httpweb", "", Protocol.UNSUPPORTED, id="prefix needs a dash"),
        pytest.param(80, "HTTP2-x", "", Protocol.HTTP2, id="any case"),
        pytest.param(80, "grpc-web-x", "", Protocol.GRPC_WEB, id="grpc-web before grpc"),
        pytest.param(80, "grpc-x", "", Protocol.GRPC, id="grpc"),
        pytest.param(80, "tls", "", Protocol.TLS, id="tls"),
        pytest.param(443, "https", "", Protocol.HTTPS, id="https"),
        pytest.param(80, "http", "tcp", Protocol.TCP, id="appProtocol before name"),
        pytest.param(80, "http", "unknown", Protocol.UNSUPPORTED, id="unknown appProtocol hides the name"),
        pytest.param(80, "", "kubernetes.io/h2c", Protocol.HTTP2, id="h2c"),
        pytest.param(80, "", "kubernetes.io/ws", Protocol.HTTP, id="ws"),
        pytest.param(443, "", "kubernetes.io/wss", Protocol.HTTPS, id="wss"),
        pytest.param(3306, "", "", Protocol.TCP, id="server speaks first"),
        pytest.param(3306, "http", "", Protocol.HTTP, id="server speaks first, but said otherwise"),
        pytest.param(8080, "", "", Protocol.UNSUPPORTED, id="nothing said"),
        pytest.param(27017, "mongo", "", Protocol.MONGO, id="mongo"),
    ],
)
def test_protocol_of_a_service_port(number: int, name: str, app_protocol: str, expected: Protocol) -> None:
    assert service_port_protocol(number, name, app_protocol) is expected


@pytest.mark.parametrize("protocol", [one for one in Protocol if one is not Protocol.UNSUPPORTED])
def test_istios_names_are_read_in_any_case(protocol: Protocol) -> None:
    assert parse_protocol(protocol.value.lower()) is parse_protocol(protocol.value.upper()) is protocol


def test_kinds_of_protocols() -> None:
    assert {one for one in Protocol if one.is_http_or_sniffed and not one.is_sniffed} == {
        one for one in Protocol if one.is_http
    }
    assert {one for one in Protocol if one.is_tls} == {Protocol.HTTPS, Protocol.TLS}
    assert {one for one in Protocol if one.is_http2} == {Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB}
