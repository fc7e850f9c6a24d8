"""Proxies that are none of our pods: whoever connects to a port and says what it is.

An Envoy outside of all pods, a tool that asks what some proxy would get, a load test. They are planned for as long as
one of their streams is open, by what their node says, and never count among the mesh's own proxies. At the plaintext
port anybody is shown what is no secret; who joins by TLS has to prove its identity, and gets that one's certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of itself in its first message."""

    id: str
    metadata: Mapping[str, Any] = {}
    """Istio's: `NAMESPACE`, `NAME`, `LABELS`, ..."""

    @property
    def proxy_id(self) -> str:
        """`NAME.NS` of `sidecar~IP~NAME.NS~DOMAIN`; the id itself where it has another form."""
        parts = self.id.split("~")
        return parts[2] if len(parts) == 4 else self.id


class Guests(Protocol):
    """Who plans for them."""

    def welcome(self, node: Node) -> bool:
        """Publish for it from now on, under its `proxy_id`; False if it does not say what it is."""
        ...

    def farewell(self, proxy_id: str) -> None:
        """Its last stream has ended."""
        ...


class Doorkeeper(Protocol):
    """Who decides about proxies that join, and plans for them."""

    def admit(self, headers: Mapping[str, str], node: Node) -> str:
        """The id under which it is served: nobody else's, who has not proven the same. Raises ca.grants.NotGranted."""
        ...

    async def welcome(self, proxy_id: str, node: Node) -> None:
        """Publish for it from now on, its secrets first."""
        ...

    def farewell(self, proxy_id: str) -> None:
        """Its last stream has ended; also if its welcome was broken off."""
        ...


class Nobody:
    """Where only the mesh's own proxies are shown."""

    def welcome(self, node: Node) -> bool:
        return False

    def farewell(self, proxy_id: str) -> None:
        raise AssertionError(f"{proxy_id} was never welcome")
