"""Where the call went: what was found on the way, and how it ended.

Each name is set as soon as the walk knows it and stays when a later step fails, so that a failed call still shows how
far it came.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace


class Failure(Enum):
    """Why the call reached neither a cluster nor an answer of the configuration's own."""

    NO_LISTENER = "nothing listens there"
    NO_FILTER_CHAIN = "no filter chain takes the connection; it is closed"
    MULTIPLE_FILTER_CHAINS = "two filter chains have the same match; the listener is refused"
    TLS = "plaintext reaches a chain that terminates TLS"
    CLIENT_CERTIFICATE = "the chain demands another client certificate than is shown"
    PROTOCOL = "the HTTP codec cannot read these bytes"
    BAD_REQUEST = "the request is answered by 400"
    NO_ROUTE_CONFIGURATION = "the route configuration is missing"
    NO_VIRTUAL_HOST = "no virtual host has this host; 404"
    NO_ROUTE = "no route of the virtual host matches; 404"
    TLS_REQUIRED = "the virtual host wants TLS; 301 to https"
    NO_CLUSTER = "the cluster does not exist; 503"
    NOT_SIMULATED = "the configuration uses what the simulation does not know"


class ToCluster(Struct, frozen=True):
    """Forwarded to one cluster."""

    cluster: str


class Share(Struct, frozen=True):
    """One of several clusters and its weight."""

    cluster: str
    weight: int


class ToWeighted(Struct, frozen=True):
    """Forwarded to one of several clusters, by weight."""

    shares: tuple[Share, ...]


class Redirect(Struct, frozen=True):
    """Answered by a redirect."""

    status: int
    location: str


class DirectResponse(Struct, frozen=True):
    """Answered at once, by the route itself or by an HTTP filter on the way."""

    status: int
    grpc_status: int | None = None
    filter: str = ""
    """Name of the HTTP filter; empty: the route."""


Action: TypeAlias = ToCluster | ToWeighted | Redirect | DirectResponse


Headers: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Headers that routes touch, names in lower case, with their values afterwards; none: removed."""


class Mirror(Struct, frozen=True):
    """Where copies of requests go, and of how many in a million."""

    cluster: str
    per_million: int


class Forwarded(Struct, frozen=True, kw_only=True):
    """The request as it leaves for the upstream."""

    cluster: str
    """Of several, the one that the call's random number chooses."""
    host: str
    path: str
    headers: Headers = ()
    mirrors: tuple[Mirror, ...] = ()


class Origins(Struct, frozen=True, kw_only=True):
    """The object behind each step: `filter_metadata.istio.config` of what was chosen; empty where none is written."""

    listener: str = ""
    filter_chain: str = ""
    virtual_host: str = ""
    route: str = ""
    cluster: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """The whole walk. Empty texts: not reached, or without a name."""

    error: Failure | None = None
    detail: str = ""
    """More about the error, where there is more to say."""
    listener: str = ""
    filter_chain: str = ""
    route_config: str = ""
    """Only what came by name (RDS); an inline route configuration shows nothing."""
    virtual_host: str = ""
    route: str = ""
    action: Action | None = None
    forwarded: Forwarded | None = None
    """What an HTTP upstream gets; None where none is reached."""
    response: Headers = ()
    """What the route does to the answer's headers, with values on top of those that the upstream gave."""
    origins: Origins = Origins()

    @property
    def cluster(self) -> str:
        """The one cluster; empty for weighted clusters, redirects and direct responses."""
        return self.action.cluster if isinstance(self.action, ToCluster) else ""

    def stopped(self, stop: Stop) -> Result:
        """This far, and no further."""
        return replace(self, error=stop.failure, detail=stop.detail)


class Stop(Struct, frozen=True):
    """What a step gives instead of a value when the walk ends there."""

    failure: Failure
    detail: str = ""
