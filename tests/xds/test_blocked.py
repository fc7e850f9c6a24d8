"""What Envoys tell of refused calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc.aio
import pytest

from meshgate.host.envoy_binary import load_schema
from meshgate.proto import v3
from meshgate.xds.blocked import SERVICE, BlockedCall, blocked_calls
from meshgate.xds.server import AdsServer


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


def common(route: str = "", **tags: str) -> v3.AccessLogCommonDict:
    address: v3.AddressDict = {"socket_address": {"address": "192.0.2.1", "port_value": 443}}
    return {"route_name": route, "downstream_local_address": address, "custom_tags": tags}


def message(http: tuple[str, str] | None = None, sni: str | None = None) -> bytes:
    """Of a request (route and host), or of a connection."""
    if http is not None:
        entry: v3.HTTPAccessLogEntryDict = {"common_properties": common(http[0]), "request": {"authority": http[1]}}
        return v3.StreamAccessLogsMessage(http_logs={"log_entry": [entry]}).SerializeToString()
    tags = {} if sni is None else {"sni": sni}
    return v3.StreamAccessLogsMessage(
        tcp_logs={"log_entry": [{"common_properties": common("", **tags)}]}
    ).SerializeToString()


@pytest.mark.parametrize(
    ("raw", "hosts"),
    [
        (("block_all", "web.org"), ["web.org"]),
        (("block_all", "WEB.org:8080"), ["web.org"]),
        (("block_all", "web org\n[ERROR] all is lost"), ["web?org?[error]?all?is?lost"]),
        (("block_all", "a" * 1000), ["a" * 253]),
        (("default", "web.org"), []),
    ],
)
def test_requests(raw: tuple[str, str], hosts: list[str]) -> None:
    assert [call.host for call in blocked_calls(message(http=raw))] == hosts


@pytest.mark.parametrize(("sni", "host"), [("web.org", "web.org"), ("-", ""), (None, "")])
def test_connections(sni: str | None, host: str) -> None:
    assert list(blocked_calls(message(sni=sni))) == [BlockedCall(host=host, address="192.0.2.1", port=443)]


def test_they_come_over_the_socket_of_the_proxy(tmp_path: Path) -> None:
    told: list[tuple[str, BlockedCall]] = []

    async def conversation() -> None:
        ads = AdsServer(blocked=lambda proxy_id, call: told.append((proxy_id, call)))
        await ads.open("a.shop", tmp_path / "xds")
        async with asyncio.timeout(10), grpc.aio.insecure_channel(f"unix:{tmp_path / 'xds'}") as channel:
            method = channel.stream_unary(f"/{SERVICE}/StreamAccessLogs", None, None)
            await method(iter([message(http=("block_all", "web.org")), message(sni="api.org")]))
        await ads.stop()

    asyncio.run(conversation())
    assert [(proxy_id, call.host, call.is_http) for proxy_id, call in told] == [
        ("a.shop", "web.org", True),
        ("a.shop", "api.org", False),
    ]
