"""The sockets hold a burst of queries while nobody reads them."""

from __future__ import annotations

import socket

import pytest

from meshgate.host.dns import DnsSockets
from meshgate.host.namespaces import new_netns, run_in_netns
from meshgate.host.network.namespace import NetworkNamespace

QUERIES = 2000


@pytest.mark.e2e
def test_a_burst_of_queries_waits() -> None:
    namespace = NetworkNamespace(new_netns())

    def whole() -> int:
        from meshgate.host.network.links import Links

        links = Links()
        links.set_up("lo")
        links.close()
        sockets = DnsSockets.open()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            for number in range(QUERIES):
                asker.sendto(number.to_bytes(40, "big"), ("127.0.0.1", 53))
        held = 0
        try:
            while sockets.udp.recv(512):
                held += 1
        except BlockingIOError:
            return held
        finally:
            sockets.close()
        return held

    assert run_in_netns(namespace.fileno(), whole) == QUERIES
