"""Run the controllers on a store, in one turn of the loop, until none of them has anything left to write.

Nothing is awaited in between, so what a controller has seen is still so when it is written; and whoever looks at the
store afterwards (the compiler above all) sees it complete: a Deployment's pods, a Service's address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from meshgate.host.controllers.deployments import DEPLOYMENTS
from meshgate.host.controllers.endpoint_mirrors import ENDPOINT_MIRRORS
from meshgate.host.controllers.endpoint_slices import ENDPOINT_SLICES
from meshgate.host.controllers.gateways import GATEWAYS
from meshgate.host.controllers.namespaces import NAMESPACES
from meshgate.host.controllers.root_certificates import ROOT_CERTIFICATES
from meshgate.host.controllers.service_entries import SERVICE_ENTRIES
from meshgate.host.controllers.services import SERVICES
from meshgate.host.controllers.view import Controller, Settings, View
from meshgate.store.core import Result, StatusFault, Write

log = logging.getLogger(__name__)

CONTROLLERS: tuple[Controller, ...] = (
    NAMESPACES,
    ROOT_CERTIFICATES,
    GATEWAYS,
    SERVICES,
    SERVICE_ENTRIES,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINT_MIRRORS,
)
"""In the order in which one's writes are read by the next."""
KINDS_READ = frozenset(kind for controller in CONTROLLERS for kind in controller.reads)
ROUNDS = 20
"""More than any chain of controllers is long: beyond it two of them write against each other."""


class Objects(View, Protocol):
    """A store."""

    def transact(self, writes: Iterable[Write]) -> Sequence[Result]: ...


def reconcile(
    store: Objects,
    settings: Settings,
    now: str,
    *,
    changed: Collection[str] = KINDS_READ,
    report: Callable[[Controller, StatusFault], None] | None = None,
) -> frozenset[str]:
    """Write what is missing after objects of the `changed` kinds changed; the kinds that were written.

    A write that is refused (an address range is used up, a namespace is going) is reported, and tried again when one
    of the kinds that its controller reads changes.
    """
    written: set[str] = set()
    due = frozenset(changed)
    for _ in range(ROUNDS):
        fresh: set[str] = set()
        for controller in CONTROLLERS:
            if controller.reads & (due | fresh):
                fresh |= _run(store, controller, settings, now, report or _log)
        written |= fresh
        due = frozenset(fresh)
        if not due:
            return frozenset(written)
    log.error("controllers do not come to rest", extra={"kinds": sorted(due)})
    return frozenset(written)


def _run(
    store: Objects,
    controller: Controller,
    settings: Settings,
    now: str,
    report: Callable[[Controller, StatusFault], None],
) -> set[str]:
    writes = tuple(controller.desired(store, settings, now))
    if not writes:
        return set()
    try:
        results = store.transact(writes)
    except StatusFault:
        results = [result for write in writes for result in _one(store, write, controller, report)]
    return {result.ref.kind for result in results if result.outcome != "unchanged"}


def _one(
    store: Objects, write: Write, controller: Controller, report: Callable[[Controller, StatusFault], None]
) -> Sequence[Result]:
    """A write by itself, so that a refused one keeps none of the others from being done."""
    try:
        return store.transact([write])
    except StatusFault as fault:
        report(controller, fault)
        return ()


def _log(controller: Controller, fault: StatusFault) -> None:
    log.warning("a controller's write was refused", extra={"controller": controller.name, "reason": str(fault)})
