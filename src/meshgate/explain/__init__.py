"""Answers about a configuration: what would this request do, and which object decides it.

Reads emitted Envoy resources as bytes, gives frozen values. Pure; may import envoy, plan, mesh, api, proto, errors.
The subpackages `dump` (what a running Envoy holds) and `authn` (which TLS is spoken) are imported by their own names.
"""

from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.configuration import Configuration
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.result import (
    Action,
    DirectResponse,
    Failure,
    Forwarded,
    Headers,
    Mirror,
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
    "Forwarded",
    "Headers",
    "Mirror",
    "Origins",
    "Redirect",
    "Result",
    "Share",
    "ToCluster",
    "ToWeighted",
    "simulate",
]
