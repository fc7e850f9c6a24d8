"""ServiceEntries without addresses get one for each of their hosts, in `status.addresses`.

Istio's conditions (https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/, controller
`istio:pilot/pkg/controllers/ipallocate`): not for resolution NONE, which can't use them; not for wildcard hosts; not
where the label `networking.istio.io/enable-autoallocate-ip` says `false`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshgate.errors import EnvironmentFault
from meshgate.host.addresses import AddressPool, parse_address
from meshgate.host.controllers.events import event_once
from meshgate.host.controllers.view import Controller, Settings, View, is_going, ref, set_status
from meshgate.store.core import Raw, Write, meta

REASON = "AddressesUsedUp"
ENABLED_LABEL = "networking.istio.io/enable-autoallocate-ip"


def desired(view: View, settings: Settings, now: str) -> Iterable[Write]:
    entries = [each for each in view.list("ServiceEntry") if _has_addresses(each) and not is_going(each)]
    entries.sort(key=lambda raw: (meta(raw).get("creationTimestamp", ""), ref(raw)))
    pool = AddressPool(settings.auto_cidr)
    for raw in entries:
        for host, text in _kept(raw).items():
            if address := parse_address(text):
                pool.claim(_owner(raw, host), address)
    for raw in entries:
        addresses: list[Mapping[str, str]] = []
        try:
            addresses.extend(
                {"value": str(pool.assign_by_name(_owner(raw, host))), "host": host} for host in _hosts(raw)
            )
        except EnvironmentFault as fault:
            yield from event_once(view, raw, REASON, str(fault), now)
        status = {key: value for key, value in _status(raw).items() if key != "addresses"}
        yield from set_status(raw, status | ({"addresses": addresses} if addresses else {}))


def _has_addresses(raw: Raw) -> bool:
    """Whether it should have some, or has some that it may have to give back."""
    if (raw.get("spec") or {}).get("addresses"):  # so it is with most, where there are many
        return bool(_status(raw).get("addresses"))
    return bool(_hosts(raw) or _status(raw).get("addresses"))


def _hosts(raw: Raw) -> tuple[str, ...]:
    """The hosts that get an address, in the order written."""
    spec = raw.get("spec") or {}
    labels = meta(raw).get("labels") or {}
    is_refused = str(labels.get(ENABLED_LABEL, "")).lower() == "false"
    if spec.get("addresses") or spec.get("resolution", "NONE") == "NONE" or is_refused:
        return ()
    return tuple(dict.fromkeys(host for host in spec.get("hosts") or () if "*" not in host))


def _kept(raw: Raw) -> dict[str, str]:
    """Addresses by host that stay as they are."""
    hosts = _hosts(raw)
    found = _status(raw).get("addresses") or ()
    return {each["host"]: each["value"] for each in found if each.get("host") in hosts and each.get("value")}


def _status(raw: Raw) -> Mapping[str, Any]:
    return raw.get("status") or {}


def _owner(raw: Raw, host: str) -> str:
    return f"{meta(raw)['namespace']}/{meta(raw)['name']}/{host}"


SERVICE_ENTRIES = Controller(name="service entries", reads=frozenset({"ServiceEntry"}), desired=desired)
