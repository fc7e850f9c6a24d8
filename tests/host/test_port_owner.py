"""A port that is taken is found, and so is who has it."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from meshgate.host.namespaces import new_netns, run_in_netns
from meshgate.host.port_owner import _parse, find_obstacle, find_owner


@pytest.fixture
def server() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_free_port_has_no_obstacle(server: socket.socket) -> None:
    address, port = server.getsockname()
    server.close()

    assert find_obstacle(address, port) is None
    assert find_owner(address, port) is None


@pytest.mark.parametrize("wanted", ["127.0.0.1", "0.0.0.0"])
def test_who_listens_is_named(server: socket.socket, wanted: str) -> None:
    port = server.getsockname()[1]
    with server:
        obstacle = find_obstacle(wanted, port)

    assert obstacle is not None
    name = Path("/proc/self/comm").read_text().strip()
    assert obstacle.text == f'port {port} on {wanted} is taken by "{name}" (pid {os.getpid()})'
    assert obstacle.uids == {os.getuid()}


@pytest.mark.parametrize("listens", ["0.0.0.0", "::"])
def test_a_listener_on_all_addresses_is_in_the_way(listens: str) -> None:
    family = socket.AF_INET6 if ":" in listens else socket.AF_INET
    with socket.create_server((listens, 0), family=family, dualstack_ipv6=":" in listens) as server:
        obstacle = find_obstacle("127.0.0.1", server.getsockname()[1])

    assert obstacle is not None
    assert f"(pid {os.getpid()})" in obstacle.text


def test_another_address_is_not_in_the_way() -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        assert find_obstacle("127.0.0.1", port) is None
        assert find_owner("127.0.0.1", port) is None


def test_an_address_that_the_host_doesnt_have() -> None:
    obstacle = find_obstacle("192.0.2.99", 8080)

    assert obstacle is not None
    assert obstacle.text == "192.0.2.99 is not an address of this host"


@pytest.mark.e2e
def test_it_is_the_calling_threads_network_that_counts() -> None:
    fd = new_netns()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run_in_netns(fd, lambda: find_owner("127.0.0.1", port)) is None
    os.close(fd)


def test_addresses_of_ipv6_are_read_word_by_word() -> None:
    assert _parse("0000000000000000FFFF00000100007F") == ip_address("::ffff:127.0.0.1")
    assert _parse("B80D0120000000000000000001000000") == ip_address("2001:db8::1")
