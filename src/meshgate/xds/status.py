"""What is known of a proxy's configuration: whether it is connected, and what of its table it has accepted."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshgate.xds.session import Nack, TypeStatus


class ProxyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy; the newest of its streams speaks for it."""

    connected: bool = False
    awaited: bool = False
    """Its socket was opened moments ago: its Envoy starts, or comes back to a control plane that was restarted."""
    synced: bool = False
    """It has accepted all of its newest table."""
    settled: bool = False
    """No verdict of its is awaited."""
    nacks: tuple[Nack, ...] = ()
    types: tuple[TypeStatus, ...] = ()
    sent: Mapping[str, float] = {}
    """When something of a type was last sent to it on this stream, in seconds since 1970."""

    @property
    def is_lagging(self) -> bool:
        """It is connected, or about to be, and doesn't hold the newest table."""
        return (self.connected or self.awaited) and not self.synced

    def is_stale(self, type_url: str) -> bool:
        """It has asked for resources of this type and has not judged their newest versions."""
        return any(each.type_url == type_url and each.state == "stale" for each in self.types)

    @property
    def is_stuck(self) -> bool:
        """It has refused something, and nothing more will happen by itself."""
        return self.settled and bool(self.nacks)


Statuses = Mapping[str, ProxyStatus]
"""By the proxy's id."""


def lagging(statuses: Statuses) -> Statuses:
    """Those that don't hold their newest table, sorted."""
    return {proxy_id: statuses[proxy_id] for proxy_id in sorted(statuses) if statuses[proxy_id].is_lagging}
