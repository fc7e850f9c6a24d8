"""What one proxy must do: all of Istio's meaning, as values that name Envoy's parts and spell none.

Reads a `mesh.Snapshot` and a `Proxy`, gives a `Plan` and Problems; may import mesh and api. Pure.
"""

from meshgate.plan.proxy import Proxy

__all__ = ["Proxy"]
