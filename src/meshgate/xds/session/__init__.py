"""The protocol of delivery without its transport: versions, nonces, order, refusals.

Reads requests and tables of resources as values, gives responses as values. Pure; may import envoy and below.
"""

from meshgate.xds.session.delta import DeltaSession
from meshgate.xds.session.responses import Responses
from meshgate.xds.session.values import (
    EMPTY,
    Changes,
    Layers,
    Nack,
    Request,
    ResourceTable,
    Response,
    TypeStatus,
    WorldRequest,
    table_of,
)
from meshgate.xds.session.world import WorldSession

__all__ = [
    "EMPTY",
    "Changes",
    "DeltaSession",
    "Layers",
    "Nack",
    "Request",
    "ResourceTable",
    "Response",
    "Responses",
    "TypeStatus",
    "WorldRequest",
    "WorldSession",
    "table_of",
]
