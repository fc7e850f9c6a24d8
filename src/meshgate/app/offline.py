"""A mesh that runs nowhere: given objects, what controllers make of them, pods that are ready at made-up addresses.

The same controllers as in a running mesh work on a store in memory; a stand-in for the kubelet gives every pod an
address that follows from its name, and says that it is ready. So offline commands see the objects that a running mesh
would have, and equal input always gives equal objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from meshgate.api import Document, IstioOperator, Pod, Problem, Ref, decode, has_errors
from meshgate.app.options import LB_CIDR, POD_CIDR, SERVICE_CIDR
from meshgate.errors import Refused
from meshgate.host.addresses import AddressPool, parse_address
from meshgate.host.controllers import Settings, reconcile
from meshgate.host.controllers.memory import NOW, MemoryStore
from meshgate.host.pods.injection import injected, wants_sidecar
from meshgate.store.core import Apply, Create, Modify, Raw, StatusFault, Write, meta

NODE = "offline"
ROUNDS = 20
"""A rollout of made-up pods ends in two or three."""


def offline_store(documents: Sequence[Document], overlay: IstioOperator) -> tuple[MemoryStore, tuple[Problem, ...]]:
    """The store of a mesh that has these objects, and what is doubtful about them.

    Raises Refused with all that is wrong.
    """
    problems = [problem for document in documents for problem in decode(document.raw, document.position)[1]]
    if has_errors(problems):
        raise Refused("the objects have errors", problems=problems)
    store = MemoryStore()
    settings = Settings(service_cidr=IPv4Network(SERVICE_CIDR), lb_cidr=IPv4Network(LB_CIDR), overlay=overlay)
    try:
        store.transact(_namespaces(documents))
        # in one order, whatever the order given: what is counted (uids) decides names and addresses
        ordered = sorted(documents, key=lambda document: (document.ref.kind != "Namespace", document.ref))
        store.transact(Apply(raw=document.raw) for document in ordered)
    except StatusFault as fault:
        raise Refused(fault.text, problems=problems) from fault
    for _ in range(ROUNDS):
        written = reconcile(store, settings, NOW)
        started = store.transact([*_start(store)])
        if not written and not started:
            break
    return store, tuple(problems)


def _namespaces(documents: Iterable[Document]) -> Iterator[Write]:
    """Those that the objects name and nobody gives: offline they are simply there."""
    given = {document.ref.name for document in documents if document.ref.kind == "Namespace"}
    named = {document.ref.namespace for document in documents} - given - {"", "default", "istio-system"}
    for name in sorted(named):
        yield Create(raw={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _start(store: MemoryStore) -> Iterator[Write]:
    pods = store.list("Pod")
    pool = AddressPool(IPv4Network(POD_CIDR))
    for pod in pods:
        if address := parse_address(_address(pod)):
            pool.claim(_name(pod), address)
    for pod in pods:
        if not _address(pod):
            where = Ref("Pod", meta(pod)["namespace"], meta(pod)["name"])
            if _wants_sidecar(store, pod):
                yield Modify(ref=where, change=injected)
            chosen = pool.assign_by_name(_name(pod))
            yield Modify(ref=where, change=_with_status(str(chosen)), status=True)


def _name(pod: Raw) -> str:
    return f"{meta(pod)['namespace']}/{meta(pod)['name']}"


def _with_status(address: str) -> Any:
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return lambda old: {**old, "status": status}


def _wants_sidecar(store: MemoryStore, pod: Raw) -> bool:
    resource, _ = decode(pod)
    namespace: Mapping[str, Any] = store.get("Namespace", "", meta(pod)["namespace"]) or {}
    if resource is None or not isinstance(resource.spec, Pod):
        return False
    return wants_sidecar(resource.meta, resource.spec, meta(namespace).get("labels") or {})


def _address(pod: Raw) -> str:
    return str((pod.get("status") or {}).get("podIP") or "")
