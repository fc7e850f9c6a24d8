"""One delta ADS stream: requests and tables in, responses out, in an order that breaks nothing.

Make before break (xDS protocol, "Eventual consistency considerations"): clusters and their endpoints go first;
listeners and routes follow when the clusters are ACKed, which Envoy does once they are warm; clusters are removed
when no listener or route of an older version is left at the client, a refused one included.

Endpoints are sent again at once after every change of their cluster: Envoy makes the changed cluster anew, doesn't
ask again for endpoints that it holds, and would warm the new one for ever, without ever ACKing it.

A stream that begins tells what its client kept (`Request.held`), and only what differs is sent. A client that asks for
endpoints before clusters still warms some cluster of an earlier stream: it gets its endpoints whatever it holds.
"""

from __future__ import annotations

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES
from meshgate.xds.session.responses import Responses
from meshgate.xds.session.subscription import Subscription
from meshgate.xds.session.values import Nack, Request, ResourceTable, Response, TypeStatus, layers_of

_LAST = (LISTENER, ROUTES)
"""Types that wait for clusters, in their order."""
_FIRST = (CLUSTER, ENDPOINTS)
_USERS = {CLUSTER: _LAST, ENDPOINTS: (CLUSTER,), ROUTES: (LISTENER,)}
"""Types whose resources may name resources of this type: nothing is removed while some of them are outdated."""


class DeltaSession:
    """The state of one stream. Feed it requests and tables; send what it returns, in that order."""

    def __init__(self, responses: Responses | None = None) -> None:
        self._responses = responses or Responses()
        self._table: ResourceTable | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._in_order: list[Subscription] = []
        """In the order in which they are sent."""
        self._unserved: set[str] = set()
        """Clusters that were sent on this stream and whose endpoints were not sent since."""
        self._waived = False

    def offer(self, table: ResourceTable) -> list[Response]:
        """From now on this is what the client should hold. Nothing is sent before the first table."""
        before, self._table = self._table or ResourceTable(), table
        for type_url, subscription in self._subscriptions.items():
            old, new = before.of(type_url), table.of(type_url)
            if old is not new:
                subscription.touch(self._responses.changes.between(old, new))
        return self._advance()

    def receive(self, request: Request) -> list[Response]:
        """The client spoke; a verdict on anything but the response under way is outdated and counts for nothing."""
        subscription = self._subscriptions.get(request.type_url)
        if subscription is None:
            subscription = self._begin(request)
        else:
            subscription.subscribe(request.subscribe, {})
        subscription.unsubscribe(request.unsubscribe)
        if subscription.flight is not None and request.nonce == subscription.flight.nonce:
            self._judge(subscription, request.error)
        return self._advance()

    def proceed(self) -> list[Response]:
        """Clusters took too long to warm: stop waiting for them. A shell calls this after a deadline of its own."""
        self._waived = True
        return self._advance()

    @property
    def holding(self) -> bool:
        """Listeners or routes are due and wait for clusters to be ACKed."""
        return self._warming() and any(
            subscription.flight is None and subscription.pending for subscription in self._of(*_LAST)
        )

    @property
    def synced(self) -> bool:
        """The client holds every resource of the newest table and nothing else."""
        pending = any(subscription.pending for subscription in self._subscriptions.values())
        return not pending and not self.nacks and self._has_asked_for_all()

    @property
    def settled(self) -> bool:
        """No verdict is awaited, so nothing more will be sent by itself; some of it may have been refused."""
        return self._table is not None and not any(each.flight for each in self._subscriptions.values())

    @property
    def nacks(self) -> tuple[Nack, ...]:
        """What the client refuses of the newest table, by type and name."""
        return tuple(nack for type_url in sorted(self._subscriptions) for nack in self._subscriptions[type_url].nacks)

    @property
    def types(self) -> tuple[TypeStatus, ...]:
        """What the client has asked for and where that stands, by type."""
        return tuple(self._subscriptions[type_url].status for type_url in sorted(self._subscriptions))

    def _begin(self, request: Request) -> Subscription:
        subscription = self._subscriptions[request.type_url] = Subscription(request, self._responses.sets)
        others = sorted(self._subscriptions.keys() - {*_FIRST, *_LAST})
        self._in_order = self._of(*_FIRST, *others, *_LAST)
        kept = request.held
        if request.type_url == ENDPOINTS:
            warm = CLUSTER in self._subscriptions
            kept = {name: version for name, version in kept.items() if warm and name not in self._unserved}
        subscription.subscribe(request.subscribe, kept)
        if self._table is not None:
            subscription.touch(self._table.of(request.type_url).keys())
        return subscription

    def _judge(self, subscription: Subscription, error: str | None) -> None:
        if error is None:
            subscription.accept()
        else:
            subscription.refuse(error)
        if subscription.type_url == CLUSTER:
            self._waived = False

    def _advance(self) -> list[Response]:
        if self._table is None:
            return []
        ready = [subscription for subscription in self._in_order if subscription.is_ready]
        if not ready:
            return []
        for subscription in ready:
            subscription.trim(self._table.of(subscription.type_url))
        responses = []
        for subscription in self._in_order:
            # what is launched first may make the next one ready
            if subscription.is_ready and not (subscription.type_url in _LAST and self._warming()):
                responses += self._launch(subscription)
        return responses

    def _launch(self, subscription: Subscription) -> list[Response]:
        assert self._table is not None
        type_url = subscription.type_url
        batch = subscription.due(self._table.of(type_url), removals=self._may_remove(type_url))
        if not (batch.resources or batch.removed or subscription.answer_due):
            return []
        response = self._responses.response(type_url, batch.resources, batch.removed)
        subscription.launch(response)
        names = response.versions.keys()
        if type_url == CLUSTER:
            for named in layers_of(self._table.of(ENDPOINTS)):
                self._unserved |= names & named.keys()
            for endpoints in self._of(ENDPOINTS):
                endpoints.demand(self._unserved)
        elif type_url == ENDPOINTS:
            self._unserved -= names
        return [response]

    def _may_remove(self, type_url: str) -> bool:
        users = self._of(*_USERS.get(type_url, ()))
        if any(user.pending or user.nacks for user in users):
            return False
        if not self._subscriptions[type_url].resumed:
            return True
        # the client kept more than this stream knows of: wait until it has said all
        return self._has_asked_for_all() if type_url == CLUSTER else bool(users) or type_url not in _USERS

    def _has_asked_for_all(self) -> bool:
        """The client has subscribed as Envoy does, which asks for routes after it has accepted their listeners."""
        if self._table is None or not {CLUSTER, LISTENER} <= self._subscriptions.keys():
            return False
        routes = self._table.of(ROUTES).keys()
        return not routes or any(routes <= subscription.names for subscription in self._of(ROUTES))

    def _warming(self) -> bool:
        return not self._waived and any(
            clusters.flight is not None and clusters.flight.resources for clusters in self._of(CLUSTER)
        )

    def _of(self, *type_urls: str) -> list[Subscription]:
        return [self._subscriptions[type_url] for type_url in type_urls if type_url in self._subscriptions]
