"""ServiceEntries without addresses get one for each of their hosts, in `status.addresses`.

Istio's conditions (https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/, controller
`istio:pilot/pkg/controllers/ipallocate`): not for resolution NONE, which can't use them; not for wildcard hosts; not
where the label `networking.istio.io/enable-autoallocate-ip` says `false`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshgate.host.controllers.address_pool import AddressPool
from meshgate.host.controllers.view import Controller, Settings, View, is_going, ref, set_status
from meshgate.store.core import Raw, Write, meta

ENABLED_LABEL = "networking.istio.io/enable-autoallocate-ip"


def desired(view: View, settings: Settings, _now: str) -> Iterable[Write]:
    entries = [each for each in view.list("ServiceEntry") if not is_going(each)]
    entries.sort(key=lambda raw: (meta(raw).get("creationTimestamp", ""), ref(raw)))
    assigned = {id(raw): _kept(raw) for raw in entries}
    pool = AddressPool(settings.auto_cidr, (address for kept in assigned.values() for address in kept.values()))
    for raw in entries:
        kept = assigned[id(raw)]
        hosts = _hosts(raw)
        taken = {host: kept.get(host) or pool.take(f"{_name(raw)}/{host}") for host in hosts}
        addresses = [{"value": address, "host": host} for host, address in taken.items() if address]
        status = {key: value for key, value in _status(raw).items() if key != "addresses"}
        yield from set_status(raw, status | ({"addresses": addresses} if addresses else {}))


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


def _name(raw: Raw) -> str:
    return f"{meta(raw)['namespace']}/{meta(raw)['name']}"


SERVICE_ENTRIES = Controller(name="service entries", reads=frozenset({"ServiceEntry"}), desired=desired)
