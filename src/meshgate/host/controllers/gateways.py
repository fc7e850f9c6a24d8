"""The gateways that IstioOperators and `--set` ask for stand; those that they no longer ask for go.

What a user changes on a gateway's objects stays until the installation itself says something else: each object carries
the hash of what was last asked for (`meshgate.io/installed`), and is written again only when that changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from meshgate.api import AnyResource, Ref, decode, installation
from meshgate.host.controllers.gateway_manifests import COMPONENT_LABEL, COMPONENTS, Side, manifests
from meshgate.host.controllers.view import Controller, Settings, View, is_going, ref, set_status, short_hash
from meshgate.store.core import Create, Delete, Modify, Raw, Write, meta

INSTALLED = "meshgate.io/installed"
_STATES = ("HEALTHY", "RECONCILING", "ERROR")
_KINDS = ("ServiceAccount", "Deployment", "Service")


def desired(view: View, settings: Settings, _now: str) -> Iterable[Write]:
    operators = [raw for raw in view.list("IstioOperator") if not is_going(raw)]
    wanted: dict[Ref, Raw] = {}
    sides: dict[Ref, Side] = {}
    for side, raw in _wanted(operators, settings):
        wanted[ref(raw)] = raw
        sides[ref(raw)] = side
    yield from _install(view, {key: raw for key, raw in wanted.items() if _has_namespace(view, key)})
    yield from _remove(view, wanted)
    for operator in operators:
        yield from set_status(operator, _status(view, sides))


def _has_namespace(view: View, key: Ref) -> bool:
    namespace = view.get("Namespace", "", key.namespace)
    return namespace is not None and not is_going(namespace)


def _wanted(operators: Iterable[Raw], settings: Settings) -> Iterator[tuple[Side, Raw]]:
    found: list[AnyResource] = []
    for raw in operators:
        resource, _ = decode(raw)
        if resource is not None:
            found.append(resource)
    standing = installation(found, settings.overlay)
    by_side: Mapping[Side, Any] = {"ingress": standing.ingress_gateways, "egress": standing.egress_gateways}
    for side, gateways in by_side.items():
        for gateway in gateways:
            for raw in manifests(side, gateway):
                yield side, raw


def _install(view: View, wanted: Mapping[Ref, Raw]) -> Iterator[Write]:
    for key, raw in wanted.items():
        before = view.get(key.kind, key.namespace, key.name)
        stamp = short_hash(raw, 10)
        annotations = {**(meta(raw).get("annotations") or {}), INSTALLED: stamp}
        stamped = {**raw, "metadata": {**meta(raw), "annotations": annotations}}
        if before is None:
            yield Create(raw=stamped)
        elif _is_outdated(before, stamp):
            yield Modify(ref=key, change=_laid_over(stamped))


def _laid_over(wanted: Raw) -> Callable[[Raw], Raw]:
    def change(old: Raw) -> Raw:
        merged = {
            key: {**(meta(old).get(key) or {}), **(meta(wanted).get(key) or {})} for key in ("labels", "annotations")
        }
        spec = {**old["spec"], **wanted["spec"]} if "spec" in wanted else old.get("spec")
        return {**old, "metadata": {**meta(old), **merged}, **({"spec": spec} if spec else {})}

    return change


def _is_outdated(before: Raw, stamp: str) -> bool:
    """Ours, and made from something else. An object of a user's with this name is left alone."""
    installed = (meta(before).get("annotations") or {}).get(INSTALLED)
    return installed is not None and installed != stamp and not is_going(before)


def _remove(view: View, wanted: Mapping[Ref, Raw]) -> Iterator[Write]:
    for kind in _KINDS:
        for raw in view.list(kind):
            is_ours = INSTALLED in (meta(raw).get("annotations") or {}) and _component(raw)
            if is_ours and ref(raw) not in wanted and not is_going(raw):
                yield Delete(ref=ref(raw), missing_ok=True)


def _component(raw: Raw) -> str:
    return str((meta(raw).get("labels") or {}).get(COMPONENT_LABEL, ""))


def _status(view: View, sides: Mapping[Ref, Side]) -> dict[str, Any]:
    """As istioctl's operator reports it: each component, then all of them."""
    states: dict[str, str] = {}
    faults: dict[str, str] = {}
    for key, side in sides.items():
        if key.kind != "Deployment":
            continue
        name = COMPONENTS[side]
        state = "HEALTHY" if _is_available(view.get(key.kind, key.namespace, key.name)) else "RECONCILING"
        if not _has_namespace(view, key):
            state = "ERROR"
            faults[name] = f'gateway "{key.name}": the namespace "{key.namespace}" does not exist; create it'
        states[name] = _worst((state, states.get(name, state)))
    components = {
        name: {"status": state, **({"error": faults[name]} if name in faults else {})}
        for name, state in sorted(states.items())
    }
    return {"status": _worst(states.values()), "componentStatus": components}


def _worst(states: Iterable[str]) -> str:
    return max(states, key=_STATES.index, default=_STATES[0])


def _is_available(deployment: Raw | None) -> bool:
    conditions = ((deployment or {}).get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


GATEWAYS = Controller(
    name="gateways",
    reads=frozenset({"IstioOperator", "Namespace", "Service", "Deployment", "ServiceAccount"}),
    desired=desired,
)
