"""How far the mesh has followed the store, as JSON for `meshgate status`, and for those who wait."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from meshgate.api import Problem, Ref
from meshgate.api.codes import REFUSED_BY_PROXY
from meshgate.app.bare_pods import BarePods
from meshgate.app.pipeline import Pipeline
from meshgate.app.problems import MeshProblems, entry_of
from meshgate.envoy import ISTIO_VERSION
from meshgate.store.core import StatusFault
from meshgate.xds import Nack, ResourceTable
from meshgate.xds.server import AdsServer
from meshgate.xds.status import ProxyStatus

CLUSTER_ID = "Kubernetes"
"""Istio's default; of the edge, which is no pod."""
NO_DEADLINE_S = 3600.0
"""Longer than any caller waits; the caller's own deadline decides."""
SHORT_NAMES = {
    "Cluster": "clusters",
    "ClusterLoadAssignment": "endpoints",
    "Listener": "listeners",
    "RouteConfiguration": "routes",
    "Secret": "secrets",
}


class Parts(Protocol):
    """What the machine's parts tell."""

    def told(self) -> Mapping[str, Any]:
        """Entries of the status."""
        ...

    def pids(self) -> Mapping[str, int]:
        """Process ids, as the capsule counts, of the proxies' Envoys by the proxies' ids."""
        ...

    def problems(self) -> Sequence[Problem]:
        """What is wrong with what was not taken over, such as a watched file."""
        ...

    async def wait_followed(self) -> None:
        """Return when they follow the newest build."""
        ...


class MeshStatus:
    """Reads the pipeline and the ADS server, and what other parts tell of themselves."""

    def __init__(
        self,
        pipeline: Pipeline,
        ads: AdsServer,
        parts: Parts,
        blocked: Callable[[], Sequence[Mapping[str, Any]]] = tuple,
    ) -> None:
        self._pipeline = pipeline
        self._ads = ads
        self._parts = parts
        self._blocked = blocked
        self._bare_pods = BarePods()
        self.found = MeshProblems(self._built_problems, self.refusals, self._injection_problems, parts.problems)
        """All problems."""

    def problems(self, ref: Ref) -> Sequence[Problem]:
        """What is wrong with an object, the worst first."""
        return self.found.by_object().get(ref, ())

    def status(self) -> Mapping[str, Any]:
        built = self._pipeline.built.value
        pids = self._parts.pids()
        return {
            "controlPlane": {"pid": os.getpid()},
            "resourceVersion": str(built.revision),
            "buildSeconds": round(built.seconds, 4),
            "failure": built.failure,
            "proxies": [
                {**self._proxy(proxy_id, status), "pid": pids.get(proxy_id)}
                for proxy_id, status in sorted(self._ads.state.value.items())
            ],
            "blocked": list(self._blocked()),
            "problems": [entry_of(problem) for problem in self.found.all()],
            **self._parts.told(),
        }

    async def wait_applied(self, revision: int) -> None:
        """Return when every connected proxy has accepted what the store said at that revision.

        Raises StatusFault 409 where a proxy has refused some of it and nothing more will happen by itself.
        """
        await self._pipeline.wait_built(revision)
        await self._parts.wait_followed()
        lagging = await self._ads.wait_applied(NO_DEADLINE_S)
        if lagging:
            text = "refused by proxies, which go on with what they had: " + "; ".join(_reasons(lagging))
            raise StatusFault(text, code=409, reason="Conflict")

    def refusals(self) -> tuple[Problem, ...]:
        """What proxies have refused, as problems of the objects that it was made from."""
        return self._pipeline.placed(refusals(self._ads.state.value, self._ads.table_of))

    def _built_problems(self) -> Sequence[Problem]:
        return self._pipeline.built.value.problems

    def _injection_problems(self) -> Sequence[Problem]:
        return self._pipeline.placed(self._bare_pods.problems(self._pipeline.built.value.resources))

    def _proxy(self, proxy_id: str, status: ProxyStatus) -> Mapping[str, Any]:
        proxy = self._pipeline.built.value.proxies.get(proxy_id)
        return {
            "name": proxy_id,
            "role": proxy.role if proxy else "",
            "clusterId": proxy.cluster_id if proxy else CLUSTER_ID,
            "version": ISTIO_VERSION,
            "connected": status.connected,
            "synced": status.connected and status.synced,
            "types": {
                SHORT_NAMES.get(each.type_url.rsplit(".", 1)[-1], each.type_url): {
                    "state": each.state,
                    "resources": each.resources,
                    **({"sent": _time_text(status.sent[each.type_url])} if each.type_url in status.sent else {}),
                }
                for each in status.types
            },
            "refused": [{"name": nack.name, "text": nack.text} for nack in status.nacks],
        }


def _time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refusals(
    statuses: Mapping[str, ProxyStatus], table_of: Callable[[str], ResourceTable | None]
) -> tuple[Problem, ...]:
    """One problem for each refused resource and its author."""
    found = {
        _refusal(proxy_id, nack, table_of(proxy_id)) for proxy_id, status in statuses.items() for nack in status.nacks
    }
    return tuple(sorted(found, key=str))


def _reasons(statuses: Mapping[str, ProxyStatus]) -> Iterator[str]:
    """Each reason once, with how many proxies gave it."""
    proxies: dict[str, set[str]] = defaultdict(set)
    for proxy_id, status in statuses.items():
        for nack in status.nacks:
            proxies[_reason(nack)].add(proxy_id)
    for reason, ids in sorted(proxies.items()):
        yield f"{reason} ({len(ids)} prox{'y' if len(ids) == 1 else 'ies'})"


def _reason(nack: Nack) -> str:
    """Envoy's text without the name of the resource, which Envoy puts in front of it for some types."""
    for kind in ("listener", "cluster"):
        text = nack.text.removeprefix(f"Error adding/updating {kind}(s) {nack.name}: ")
        if text != nack.text:
            return text
    return nack.text


def _refusal(proxy_id: str, nack: Nack, table: ResourceTable | None) -> Problem:
    resource = table.of(nack.type_url).get(nack.name) if table else None
    origin = resource.origin if resource else None
    kind = nack.type_url.rsplit(".", 1)[-1]
    return Problem(
        code=REFUSED_BY_PROXY,
        severity="error",
        ref=origin.ref if origin else None,
        path=origin.path if origin else "",
        text=f'Envoy of "{proxy_id}" refused {kind} "{nack.name}": {nack.text}',
        hint="the last good version goes on serving",
    )
