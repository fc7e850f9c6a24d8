"""PeerAuthentication: which TLS the ports of workloads take from other workloads.

https://istio.io/latest/docs/reference/config/security/peer_authentication/
"""

from __future__ import annotations

from enum import StrEnum

from meshgate.api.destination_rule import WorkloadSelector
from meshgate.api.value import NumberedPairs, Value


class MutualTLSMode(StrEnum):
    """What a port takes; UNSET leaves it to the next wider policy."""

    UNSET = "UNSET"
    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


class MutualTLS(Value, frozen=True, kw_only=True):
    """A mode; none given is UNSET."""

    mode: MutualTLSMode = MutualTLSMode.UNSET


class PeerAuthentication(Value, frozen=True, kw_only=True):
    """Spec of a PeerAuthentication. Without labels to select by it is for a whole namespace, or for the whole mesh if
    it is in the root namespace."""

    selector: WorkloadSelector | None = None
    mtls: MutualTLS | None = None
    port_level_mtls: NumberedPairs[MutualTLS] | None = None
    """By the workload's own port, not by a Service's."""
