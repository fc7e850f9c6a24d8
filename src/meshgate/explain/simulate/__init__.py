"""Walk one imaginary call through emitted resources as Envoy would.

Reads resource bytes by type and a `Call`, gives a `Result`. It knows Envoy's rules only, nothing of Istio's or of how
the resources came about.
"""

from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.configuration import Configuration
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.result import (
    Action,
    DirectResponse,
    Failure,
    Origins,
    Redirect,
    Result,
    Share,
    ToCluster,
    ToWeighted,
)
from meshgate.explain.simulate.walk import simulate

__all__ = [
    "Action",
    "Call",
    "Configuration",
    "Deviations",
    "DirectResponse",
    "Failure",
    "Origins",
    "Redirect",
    "Result",
    "Share",
    "ToCluster",
    "ToWeighted",
    "simulate",
]
