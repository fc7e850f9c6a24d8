"""Answers about a configuration: what would this request do, and which object decides it.

Reads emitted Envoy resources as bytes, gives frozen values. Pure; may import envoy, plan, mesh, api, proto, errors.
"""

from meshgate.explain.simulate import (
    Action,
    Call,
    Configuration,
    Deviations,
    DirectResponse,
    Failure,
    Origins,
    Redirect,
    Result,
    Share,
    ToCluster,
    ToWeighted,
    simulate,
)

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
