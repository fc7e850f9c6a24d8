"""Services get their virtual address, and those of type LoadBalancer an address of their own as well.

Kubernetes' rules: `spec.clusterIP` is given once and stays; `None` is headless; an ExternalName has none. Addresses
that users chose are taken first, older Services go before newer ones.
https://kubernetes.io/docs/concepts/services-networking/service/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from meshgate.host.controllers.address_pool import AddressPool
from meshgate.host.controllers.events import event_once
from meshgate.host.controllers.view import Controller, Settings, View, is_going, ref, set_status
from meshgate.store.core import Modify, Raw, Write, meta

HEADLESS = "None"
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
    given = [_spec(raw).get("clusterIP", "") for raw in services]
    pool = AddressPool(settings.service_cidr, (address for address in given if address not in ("", HEADLESS)))
    for raw, address in zip(services, given, strict=True):
        if not address and _type(raw) != "ExternalName":
            taken = pool.take(_name(raw))
            if taken is None:
                yield _UsedUp(raw, f"no address is left in {settings.service_cidr}; see --service-cidr")
            else:
                yield Modify(ref=ref(raw), change=_with_address(taken))


def _with_address(address: str) -> Any:
    def change(raw: Raw) -> Raw:
        return {**raw, "spec": {**_spec(raw), "clusterIP": address, "clusterIPs": [address]}}

    return change


def _load_balancers(services: Sequence[Raw], settings: Settings) -> Iterator[Write | _UsedUp]:
    balanced = [raw for raw in services if _type(raw) == "LoadBalancer"]
    kept = {_name(raw): _ingress(raw) for raw in balanced if _ingress(raw) and _may_keep(raw)}
    pool = AddressPool(settings.lb_cidr, kept.values())
    # those who ask for a certain address go first
    for raw in sorted(balanced, key=lambda raw: not _spec(raw).get("loadBalancerIP")):
        address: str | None = kept.get(_name(raw)) or pool.take(_name(raw), _spec(raw).get("loadBalancerIP", ""))
        if address is None:
            yield _UsedUp(raw, f"no address is left in {settings.lb_cidr}; see --lb-cidr")
        yield from set_status(raw, {"loadBalancer": {"ingress": [{"ip": address}]} if address else {}})
    for raw in services:
        if _type(raw) != "LoadBalancer" and _ingress(raw):
            yield from set_status(raw, {"loadBalancer": {}})


def _may_keep(raw: Raw) -> bool:
    wish = _spec(raw).get("loadBalancerIP", "")
    return not wish or wish == _ingress(raw)


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
