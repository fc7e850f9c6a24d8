"""Services get their virtual address, and those of type LoadBalancer an address of their own as well.

Kubernetes' rules: `spec.clusterIP` is given once and stays; `None` is headless; an ExternalName has none. Addresses
that users chose are taken first, older Services go before newer ones.
https://kubernetes.io/docs/concepts/services-networking/service/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from meshgate.errors import EnvironmentFault
from meshgate.host.addresses import AddressPool, parse_address
from meshgate.host.controllers.events import event_once
from meshgate.host.controllers.view import Controller, Settings, View, is_going, ref, set_status
from meshgate.store.core import Modify, Raw, Write, meta

REASON = "AddressesUsedUp"


def desired(view: View, settings: Settings, now: str) -> Iterable[Write]:
    services = [each for each in view.list("Service") if not is_going(each)]
    services.sort(key=lambda raw: (meta(raw).get("creationTimestamp", ""), ref(raw)))
    for write in (*_virtual_addresses(services, settings), *_load_balancers(services, settings)):
        yield from (
            [write] if not isinstance(write, _UsedUp) else event_once(view, write.service, REASON, write.text, now)
        )


class _UsedUp(NamedTuple):
    """A Service for which there is no address."""

    service: Raw
    text: str


def _virtual_addresses(services: Sequence[Raw], settings: Settings) -> Iterator[Write | _UsedUp]:
    pool = AddressPool(settings.service_cidr)
    for raw in services:
        if address := parse_address(_cluster_ip(raw)):
            pool.claim(_name(raw), address)
    for raw in services:
        if _cluster_ip(raw) or _type(raw) == "ExternalName":
            continue
        try:
            yield Modify(ref=ref(raw), change=_with_address(str(pool.assign_by_name(_name(raw)))))
        except EnvironmentFault as fault:
            yield _UsedUp(raw, f"{fault}; see --service-cidr")


def _with_address(address: str) -> Any:
    def change(raw: Raw) -> Raw:
        return {**raw, "spec": {**_spec(raw), "clusterIP": address, "clusterIPs": [address]}}

    return change


def _load_balancers(services: Sequence[Raw], settings: Settings) -> Iterator[Write | _UsedUp]:
    balanced = [raw for raw in services if _type(raw) == "LoadBalancer"]
    pool = AddressPool(settings.lb_cidr)
    # those who keep what they have go first, then those who ask for a certain address
    for text in (_kept, _wish):
        for raw in balanced:
            if (address := parse_address(text(raw))) and pool.address_of(_name(raw)) is None:
                pool.claim(_name(raw), address)
    for raw in balanced:
        ingress = []
        try:
            ingress = [{"ip": str(pool.assign_by_name(_name(raw)))}]
        except EnvironmentFault as fault:
            yield _UsedUp(raw, f"{fault}; see --lb-cidr")
        yield from set_status(raw, {"loadBalancer": {"ingress": ingress} if ingress else {}})
    for raw in services:
        if _type(raw) != "LoadBalancer" and _ingress(raw):
            yield from set_status(raw, {"loadBalancer": {}})


def _kept(raw: Raw) -> str:
    """The address that it has, unless it asks for another one."""
    return _ingress(raw) if _wish(raw) in ("", _ingress(raw)) else ""


def _wish(raw: Raw) -> str:
    return str(_spec(raw).get("loadBalancerIP", ""))


def _cluster_ip(raw: Raw) -> str:
    return str(_spec(raw).get("clusterIP", ""))


def _ingress(raw: Raw) -> str:
    entries = ((raw.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return str(entries[0].get("ip", "")) if entries else ""


def _spec(raw: Raw) -> Mapping[str, Any]:
    return raw.get("spec") or {}


def _type(raw: Raw) -> str:
    return str(_spec(raw).get("type") or "ClusterIP")


def _name(raw: Raw) -> str:
    return f"{meta(raw)['namespace']}/{meta(raw)['name']}"


SERVICES = Controller(name="services", reads=frozenset({"Service"}), desired=desired)
