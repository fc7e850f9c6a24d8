"""How load is shared between regions and zones: in a DestinationRule's policy and in the mesh configuration."""

from __future__ import annotations

import msgspec

from meshgate.api.value import Pairs, UInt32, Value


class LocalityDistribute(Value, frozen=True, kw_only=True):
    """Percentages of the traffic from a locality, by locality it goes to."""

    from_: str = msgspec.field(default="", name="from")
    to: Pairs[UInt32] = ()


class LocalityFailover(Value, frozen=True, kw_only=True):
    """The region that takes over when `from_` has no healthy endpoint."""

    from_: str = msgspec.field(default="", name="from")
    to: str = ""


class LocalityLoadBalancerSetting(Value, frozen=True, kw_only=True):
    """Locality load balancing."""

    distribute: tuple[LocalityDistribute, ...] = ()
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


class ZoneAwareLoadBalancerSetting(Value, frozen=True, kw_only=True):
    """Zone-aware load balancing."""

    enabled: bool | None = None
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    min_cluster_size: UInt32 | None = None
