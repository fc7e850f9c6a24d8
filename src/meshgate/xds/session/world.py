"""One state-of-the-world stream: each response has all that the client wants of a type.

The order is that of `DeltaSession`: clusters and endpoints, then listeners and routes when the clusters are ACKed, then
clusters again without those that nothing uses any more. A refused response is not sent again until its content changes;
which of its resources was bad only the text says, so all that had changed in it are named.
"""

from __future__ import annotations

from typing import Literal

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from meshgate.xds.session.responses import Responses
from meshgate.xds.session.subscription import LEGACY_WILDCARD
from meshgate.xds.session.values import Nack, ResourceTable, Response, TypeStatus, WorldRequest

_LAST = (LISTENER, ROUTES)
_Content = tuple[Resource, ...]


class _Interest:
    """One type on one stream."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self.nonce = ""
        """Of the last response; what answers another one is outdated."""
        self.flight: Response | None = None
        self.accepted: _Content = ()
        self.judged: _Content | None = None
        """What was sent last and judged; not sent again by itself."""
        self.demanded = False
        self.nacks: tuple[Nack, ...] = ()

    def hear(self, request: WorldRequest) -> None:
        names = frozenset(request.names)
        self.demanded |= not request.nonce or bool(names - self.names)
        self.names = names
        if self.flight is None or not request.nonce:
            return
        flight, self.flight = self.flight, None
        self.judged = flight.resources
        if request.error is None:
            self.accepted, self.nacks = flight.resources, ()
            return
        changed = [each for each in flight.resources if each not in self.accepted]
        self.nacks = tuple(Nack(each.type_url, each.name, each.version, request.error) for each in changed)


class WorldSession:
    """The state of one stream, as `DeltaSession`."""

    def __init__(self, responses: Responses | None = None) -> None:
        self._responses = responses or Responses()
        self._table: ResourceTable | None = None
        self._interests: dict[str, _Interest] = {}
        self._waived = False

    def offer(self, table: ResourceTable) -> list[Response]:
        """From now on this is what the client should hold. Nothing is sent before the first table."""
        self._table = table
        return self._advance()

    def receive(self, request: WorldRequest) -> list[Response]:
        """The client spoke; what answers another response than the last one of its type is outdated and ignored."""
        interest = self._interests.setdefault(request.type_url, _Interest())
        if request.nonce and request.nonce != interest.nonce:
            return []
        interest.hear(request)
        if request.type_url == CLUSTER:
            self._waived = False
        return self._advance()

    def proceed(self) -> list[Response]:
        """Clusters took too long to warm: stop waiting for them."""
        self._waived = True
        return self._advance()

    @property
    def holding(self) -> bool:
        """Listeners or routes wait for clusters to be ACKed."""
        return self._warming() and any(
            self._interests[url].flight is None and self._changed(url) for url in _LAST if url in self._interests
        )

    @property
    def synced(self) -> bool:
        """The client has accepted all that it wants of the newest table."""
        return self.settled and CLUSTER in self._interests and not self.nacks

    @property
    def settled(self) -> bool:
        """No verdict is awaited."""
        return self._table is not None and not any(interest.flight for interest in self._interests.values())

    @property
    def nacks(self) -> tuple[Nack, ...]:
        """What the client refused, by type."""
        return tuple(nack for url in sorted(self._interests) for nack in self._interests[url].nacks)

    @property
    def types(self) -> tuple[TypeStatus, ...]:
        """What the client has asked for and where that stands, by type."""
        return tuple(self._status(type_url) for type_url in sorted(self._interests))

    def _status(self, type_url: str) -> TypeStatus:
        interest = self._interests[type_url]
        stale = self._table is None or interest.flight is not None or self._changed(type_url)
        state: Literal["synced", "stale", "refused"] = "stale" if stale else "synced"
        return TypeStatus(type_url, "refused" if interest.nacks else state, len(interest.accepted))

    def _advance(self) -> list[Response]:
        if self._table is None:
            return []
        first = (CLUSTER, ENDPOINTS)
        others = sorted(self._interests.keys() - {*first, *_LAST})
        responses = []
        for type_url in (*first, *others, *_LAST):
            interest = self._interests.get(type_url)
            if interest is None or interest.flight is not None or (type_url in _LAST and self._warming()):
                continue
            if self._changed(type_url) or interest.demanded:
                responses.append(self._launch(type_url, interest))
        return responses

    def _launch(self, type_url: str, interest: _Interest) -> Response:
        response = self._responses.response(type_url, self._content(type_url), ())
        interest.flight, interest.nonce, interest.demanded = response, response.nonce, False
        if type_url == CLUSTER and ENDPOINTS in self._interests:
            # Envoy makes a changed cluster anew and warms it until it has heard of its endpoints
            self._interests[ENDPOINTS].demanded = True
        return response

    def _changed(self, type_url: str) -> bool:
        return self._content(type_url) != self._interests[type_url].judged

    def _content(self, type_url: str) -> _Content:
        assert self._table is not None
        interest = self._interests[type_url]
        offered = dict(self._table.of(type_url))
        if type_url == CLUSTER and self._routes_lag():
            offered = {each.name: each for each in interest.accepted} | offered
        everything = not interest.names and type_url in LEGACY_WILDCARD
        return tuple(offered[name] for name in sorted(offered) if everything or name in interest.names)

    def _routes_lag(self) -> bool:
        """Listeners or routes of an older version may be in use: their clusters stay."""
        lasting = [(url, self._interests[url]) for url in _LAST if url in self._interests]
        return any(each.flight is not None or each.nacks or self._changed(url) for url, each in lasting)

    def _warming(self) -> bool:
        clusters = self._interests.get(CLUSTER)
        return clusters is not None and clusters.flight is not None and not self._waived
