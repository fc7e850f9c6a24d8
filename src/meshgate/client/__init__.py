"""A small Kubernetes REST client over a Unix socket.

Gives objects, watches, transactions, logs and exec of a running mesh; reads nothing but its socket.
May import api, aio, errors. Used by cli, tour and (for a cluster) by store.
"""

from .answers import ObjectResult, Outcome, TransactionResult, WatchEvent
from .client import ALL, Client, Selection
from .connection import STATUS_HEADER
from .exec_session import ExecSession
from .log_options import LogOptions
from .paths import path_of
from .positions import Positions, positions_of

__all__ = [
    "ALL",
    "STATUS_HEADER",
    "Client",
    "ExecSession",
    "LogOptions",
    "ObjectResult",
    "Outcome",
    "Positions",
    "Selection",
    "TransactionResult",
    "WatchEvent",
    "path_of",
    "positions_of",
]
