"""Delivery of resources to proxies over Envoy's aggregated discovery service.

Reads `ResourceTable`s (bytes with versions, per proxy), gives each Envoy what it lacks; says who holds what.
`session` is pure; `push` and `server` are the shell and are imported by name. May import envoy and below.
"""

from meshgate.xds.session import EMPTY, DeltaSession, Layers, Nack, ResourceTable, table_of

__all__ = ["EMPTY", "DeltaSession", "Layers", "Nack", "ResourceTable", "table_of"]
