"""A pods' network with its DNS server for the length of a test, and the proof that nothing of it is left afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import NamedTuple

from meshgate.aio import Latest
from meshgate.host.dns import DnsServer, DnsTable, Forwarder, Upstream
from meshgate.host.network import NetworkNamespace, PodNet, PodNetwork, Ranges
from tests.host_network.machine import DEADLINE_S, InProcessKeeper, open_descriptors


class Running(NamedTuple):
    """What a test works with."""

    network: PodNetwork
    keeper: InProcessKeeper
    table: Latest[DnsTable]
    dns: DnsServer


@contextlib.asynccontextmanager
async def running_network(
    table: DnsTable | None = None,
    *,
    ranges: Ranges | None = None,
    upstreams: tuple[Upstream, ...] = (),
    is_alone: bool = True,
) -> AsyncIterator[Running]:
    """An opened network without pods; on leaving, all is taken away and (if it is alone) descriptors are counted."""
    before = open_descriptors()
    latest = Latest(table or DnsTable())
    dns = DnsServer(latest, Forwarder(lambda: upstreams))
    keeper = InProcessKeeper()
    async with asyncio.timeout(DEADLINE_S * 6), asyncio.TaskGroup() as tasks:
        ready = asyncio.Event()
        serving = tasks.create_task(dns.run(ready=ready))
        await ready.wait()
        network = PodNetwork(ranges or Ranges(), keeper, dns)
        await network.open()
        yield Running(network, keeper, latest, dns)
        await network.close()
        serving.cancel()
    assert keeper.names == {}
    assert not is_alone or open_descriptors() == before


def inside(net: PodNet) -> NetworkNamespace:
    """The pod's namespace, for code that is to run in it."""
    return NetworkNamespace(os.dup(net.netns_fd))
