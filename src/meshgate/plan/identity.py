"""Which TLS the mesh itself uses: the one place that decides it.

There are no identities yet (`facts.identities` is empty): inbound chains take plaintext, and no cluster opens mutual
TLS by itself (which is also why nothing is said of the TLS of endpoints). What a DestinationRule asks for can't be
given then, and must fail closed.
"""

from __future__ import annotations

from enum import StrEnum

from meshgate.api import ClientTLSMode, ClientTLSSettings
from meshgate.mesh import Facts


class InboundTls(StrEnum):
    """What a workload's port takes."""

    DISABLE = "DISABLE"
    """Plaintext, and TLS that goes through to the workload as it is."""


def inbound_tls(facts: Facts) -> InboundTls:
    """What the ports of a workload take."""
    assert not facts.identities, "identities are not implemented"
    return InboundTls.DISABLE


def is_refused(settings: ClientTLSSettings | None) -> bool:
    """Whether a DestinationRule asks for TLS: it must not become plaintext, so there is no connection at all."""
    return settings is not None and settings.mode is not ClientTLSMode.DISABLE
