"""Questions go upstream as they came and come back in time, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import dns.message
import pytest

from meshgate.errors import UsageError
from meshgate.host.dns import Forwarder, HostServers, Upstream, forward, parse_upstream
from meshgate.host.dns.forward import parse_resolv_conf
from tests.host_dns.upstream import NameServer

T = TypeVar("T")
QUERY = dns.message.make_query("example.org", "A").to_wire()


def run(work: Coroutine[None, None, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(bounded())


@pytest.mark.parametrize("tcp", [False, True])
def test_the_answer_has_the_askers_identifier(tcp: bool) -> None:
    with NameServer() as server:
        answer = run(Forwarder(lambda: (server.upstream,)).ask(QUERY, tcp=tcp))

    assert answer is not None
    assert answer[:2] == QUERY[:2]
    assert dns.message.from_wire(answer).answer[0].to_text() == "example.org. 60 IN A 192.0.2.1"
    assert server.questions == [("tcp" if tcp else "udp", "example.org")]


def test_an_answer_with_another_identifier_is_not_taken() -> None:
    with NameServer(forged=True) as server:
        answer = run(Forwarder(lambda: (server.upstream,)).ask(QUERY, tcp=False))

    assert answer is not None


def test_the_next_server_is_asked_when_one_is_silent_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "FIRST_SERVER_S", 0.05)
    with NameServer(silent=True) as silent, NameServer(address="192.0.2.2") as answering:
        servers = (Upstream("127.0.0.1", 1), silent.upstream, answering.upstream)
        answer = run(Forwarder(lambda: servers).ask(QUERY, tcp=False))

    assert answer is not None
    assert dns.message.from_wire(answer).answer[0][0].to_text() == "192.0.2.2"


def test_without_an_answer_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "FIRST_SERVER_S", 0.05)
    monkeypatch.setattr(forward, "ALL_SERVERS_S", 0.07)
    with NameServer(silent=True) as silent:
        assert run(Forwarder(lambda: (silent.upstream,) * 5).ask(QUERY, tcp=False)) is None
    assert run(Forwarder(tuple).ask(QUERY, tcp=False)) is None
    assert run(Forwarder(lambda: (Upstream("127.0.0.1", 1),)).ask(QUERY, tcp=True)) is None


def test_there_is_a_bound_to_questions_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(forward, "ALL_SERVERS_S", 0.1)

    async def scenario(server: NameServer) -> list[bytes | None]:
        forwarder = Forwarder(lambda: (server.upstream,))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forwarder.ask(QUERY, tcp=False))
            tasks.create_task(forwarder.ask(QUERY, tcp=False))
            await asyncio.sleep(0)
            refused = await forwarder.ask(QUERY, tcp=False)
        return [refused]

    with NameServer(silent=True) as silent:
        assert run(scenario(silent)) == [None]
    assert len(silent.questions) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Upstream("192.0.2.1", 53)),
        ("192.0.2.1:5353", Upstream("192.0.2.1", 5353)),
        ("[2001:db8::1]:5353", Upstream("2001:db8::1", 5353)),
        ("2001:db8::1", Upstream("2001:db8::1", 53)),
    ],
)
def test_the_flags_value_is_read(text: str, expected: Upstream) -> None:
    assert parse_upstream(text) == expected


@pytest.mark.parametrize("text", ["", "dns.example.com", "192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:70000", "[::1"])
def test_a_wrong_value_of_the_flag_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="--dns-upstream") as caught:
        parse_upstream(text)
    assert "ADDRESS:PORT" in caught.value.hint


def test_the_hosts_servers_follow_its_resolv_conf(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    lines = (
        "# by hand",
        "search corp",
        "nameserver 192.0.2.53",
        "nameserver",
        "nameserver x",
        "nameserver fe80::1%eth0",
    )
    path.write_text("\n".join(lines))
    servers = HostServers(path)

    assert servers() == (Upstream("192.0.2.53"), Upstream("fe80::1%eth0"))
    (tmp_path / "new").write_text("nameserver 192.0.2.54\n")
    (tmp_path / "new").rename(path)
    assert servers() == (Upstream("192.0.2.54"),)
    path.unlink()
    assert servers() == (Upstream("192.0.2.54"),), "what was known is kept"


def test_an_empty_resolv_conf_names_no_server() -> None:
    assert parse_resolv_conf("") == ()
