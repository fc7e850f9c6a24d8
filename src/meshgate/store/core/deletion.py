"""Deletion: marks, finalizers, what is owned, what is in a namespace.

All of it happens in the transaction that asks for it, where Kubernetes leaves it to controllers that come later:
nothing half deleted is ever seen. What must end first stays, marked with a deletionTimestamp: objects with finalizers,
and pods that run, until their processes are gone (`Delete(grace_s=0)` then removes them).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from meshgate.api import Ref

from .faults import StatusFault, conflict, forbidden, not_found
from .metadata import FIRST_STATUS, marked_for_deletion
from .overlay import Overlay
from .raw import Raw, meta, owner_uids, without
from .writes import Delete

FOREGROUND = "foregroundDeletion"
UNDELETABLE_NAMESPACES = frozenset({"default"})
DEFAULT_GRACE_S = 30


def delete(state: Overlay, write: Delete, now: str) -> Raw | None:
    """Delete as asked; the object as it was last seen, None where it was missing and that is fine."""
    raw = state.find(write.ref)
    if raw is None:
        if write.missing_ok:
            return None
        raise not_found(state.kind(write.ref), write.ref.name)
    check_preconditions(state, write.ref, raw, uid=write.uid, resource_version=write.resource_version)
    if write.ref.kind == "Namespace":
        return _delete_namespace(state, write.ref, raw, now)
    if write.propagation == "Orphan":
        _orphan(state, raw)
    finalizers = tuple(meta(raw).get("finalizers") or ())
    if write.propagation == "Foreground" and FOREGROUND not in finalizers and state.refs_owned_by(meta(raw)["uid"]):
        finalizers = (*finalizers, FOREGROUND)
    grace_s = _grace_s(raw, write)
    if not finalizers and grace_s == 0:
        remove(state, write.ref, now)
        return raw
    return _mark(state, write.ref, grace_s, finalizers, now)


def check_preconditions(state: Overlay, ref: Ref, raw: Raw, *, uid: str, resource_version: str) -> None:
    kind, name = state.kind(ref), ref.name
    if uid and uid != meta(raw)["uid"]:
        found = meta(raw)["uid"]
        raise conflict(kind, name, f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}")
    if resource_version and resource_version != meta(raw)["resourceVersion"]:
        raise conflict(kind, name)


def finish(state: Overlay, ref: Ref, now: str) -> None:
    """Remove the object if it is marked and nothing holds it any more: call after each write of it."""
    raw = state.find(ref)
    if raw is None or "deletionTimestamp" not in meta(raw) or meta(raw).get("finalizers"):
        return
    if not meta(raw).get("deletionGracePeriodSeconds"):
        remove(state, ref, now)


def remove(state: Overlay, ref: Ref, now: str) -> None:
    """Take the object away, then what only it owned; then let go of what was waiting for it."""
    raw = state.find(ref)
    if raw is None:
        return
    state.put(ref, None)
    for dependent in state.refs_owned_by(meta(raw)["uid"]):
        found = state.find(dependent)
        if found is not None and not _living_owners(state, dependent, found):
            delete(state, Delete(ref=dependent), now)
    for owner in _owner_refs(ref, raw):
        _release_foreground(state, owner, now)
    if ref.namespace:
        _release_namespace(state, Ref("Namespace", "", ref.namespace))


def namespace_fault(state: Overlay, ref: Ref) -> StatusFault | None:
    """Why nothing new may be created in the ref's namespace."""
    namespace = state.find(Ref("Namespace", "", ref.namespace))
    if namespace is None:
        return not_found(state.kind(Ref("Namespace", "", ref.namespace)), ref.namespace)
    if "deletionTimestamp" in meta(namespace):
        why = f"unable to create new content in namespace {ref.namespace} because it is being terminated"
        return forbidden(state.kind(ref), ref.name, why)
    return None


def _grace_s(raw: Raw, write: Delete) -> int:
    spec = raw.get("spec") or {}
    if write.ref.kind != "Pod" or not spec.get("nodeName"):
        return 0  # nothing runs that would have to end first
    asked = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S) if write.grace_s is None else write.grace_s
    left = meta(raw).get("deletionGracePeriodSeconds")
    return int(asked) if left is None else min(int(asked), int(left))


def _mark(state: Overlay, ref: Ref, grace_s: int, finalizers: tuple[str, ...], now: str) -> Raw:
    raw = state.find(ref)
    assert raw is not None
    same_grace = meta(raw).get("deletionGracePeriodSeconds") == grace_s
    same_finalizers = tuple(meta(raw).get("finalizers") or ()) == finalizers
    if "deletionTimestamp" not in meta(raw) or not same_grace or not same_finalizers:
        raw = marked_for_deletion(raw, _later(now, grace_s), grace_s, finalizers)
        state.put(ref, raw)
    if FOREGROUND in finalizers:
        for dependent in state.refs_owned_by(meta(raw)["uid"]):
            delete(state, Delete(ref=dependent), now)
        _release_foreground(state, ref, now)
    return raw


def _later(now: str, seconds: int) -> str:
    return (datetime.fromisoformat(now) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _orphan(state: Overlay, raw: Raw) -> None:
    uid = meta(raw)["uid"]
    for ref in state.refs_owned_by(uid):
        found = state.find(ref)
        assert found is not None
        owners = [owner for owner in meta(found)["ownerReferences"] if owner["uid"] != uid]
        metadata = without(meta(found), "ownerReferences") | ({"ownerReferences": owners} if owners else {})
        state.put(ref, {**found, "metadata": metadata})


def _owner_refs(ref: Ref, raw: Raw) -> list[Ref]:
    """Where the object's owners are: in its own namespace, or in none."""
    owners = meta(raw).get("ownerReferences") or ()
    return [Ref(o.get("kind", ""), ns, o.get("name", "")) for o in owners for ns in dict.fromkeys((ref.namespace, ""))]


def _living_owners(state: Overlay, ref: Ref, raw: Raw) -> bool:
    uids = owner_uids(raw)
    found = (state.find(owner) for owner in _owner_refs(ref, raw))
    return any(owner is not None and meta(owner)["uid"] in uids for owner in found)


def _release_foreground(state: Overlay, ref: Ref, now: str) -> None:
    raw = state.find(ref)
    if raw is None or FOREGROUND not in (meta(raw).get("finalizers") or ()) or "deletionTimestamp" not in meta(raw):
        return
    if state.refs_owned_by(meta(raw)["uid"]):
        return
    finalizers = [name for name in meta(raw)["finalizers"] if name != FOREGROUND]
    metadata = without(meta(raw), "finalizers") | ({"finalizers": finalizers} if finalizers else {})
    state.put(ref, {**raw, "metadata": metadata})
    finish(state, ref, now)


def _delete_namespace(state: Overlay, ref: Ref, raw: Raw, now: str) -> Raw:
    if ref.name in UNDELETABLE_NAMESPACES:
        raise forbidden(state.kind(ref), ref.name, "this namespace may not be deleted")
    if "deletionTimestamp" not in meta(raw):
        marked = marked_for_deletion(raw, now, 0, tuple(meta(raw).get("finalizers") or ()))
        raw = {**marked, "status": {**(raw.get("status") or FIRST_STATUS["Namespace"]), "phase": "Terminating"}}
        state.put(ref, raw)
    for content in state.refs_in(ref.name):
        if state.find(content) is not None:  # an earlier one may have owned it
            delete(state, Delete(ref=content), now)
    _release_namespace(state, ref)
    return raw


def _release_namespace(state: Overlay, ref: Ref) -> None:
    raw = state.find(ref)
    if raw is None or "deletionTimestamp" not in meta(raw) or meta(raw).get("finalizers") or state.refs_in(ref.name):
        return
    state.put(ref, None)
