"""A transaction, computed: writes in, changes out, or the first refusal and nothing else.

Pure: the store gives the view, the clock and the chance, and commits what comes out. Writes see what the ones before
them did, so a namespace and what is in it may come together; net changes are what counts in the end, so an object
that ends as it was has not changed at all, and keeps its resourceVersion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from meshgate.api import Ref

from .apply import applied, given, with_last_applied
from .deletion import check_preconditions, delete, finish, namespace_fault
from .faults import StatusFault, already_exists, bad_request, not_found
from .kinds import Kinds, has_status
from .metadata import Sources, created, desired, only_adds, updated, with_managed_fields, with_revision, with_status
from .names import check_names, check_shape
from .overlay import Overlay, View
from .raw import Positions, Raw, meta
from .server_apply import managed_fields, server_applied
from .writes import (
    Apply,
    Change,
    Create,
    Delete,
    Modify,
    Outcome,
    Result,
    ServerApply,
    SetStatus,
    Update,
    Write,
)

Seen = tuple[Ref, Outcome, Raw]


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of writes comes to. `changes` have their revisions already: first + 1, first + 2, ..."""

    first: int
    changes: tuple[Change, ...]
    moves: Mapping[Ref, Positions | None]
    owners: Mapping[Ref, str]
    results: tuple[Result, ...]


def transaction(view: View, kinds: Kinds, writes: Sequence[Write], sources: Sources, revision: int) -> Transaction:
    """Compute all writes against the view, whose newest change is `revision`.

    Raises StatusFault for the first write that is refused, with its index.
    """
    state = Overlay(view, kinds)
    seen: list[Seen] = []
    for index, write in enumerate(writes):
        try:
            seen.append(_write(state, write, sources, kinds))
        except StatusFault as fault:
            fault.write_index = index
            raise
    changes = tuple(
        change if change.after is None else msgspec.structs.replace(change, after=with_revision(change.after, number))
        for number, change in enumerate(state.changes(), revision + 1)
    )
    final = {change.ref: change.after for change in changes}
    results = tuple(
        Result(ref=ref, outcome=outcome, raw=final.get(ref) or state.find(ref) or raw) for ref, outcome, raw in seen
    )
    return Transaction(first=revision, changes=changes, moves=state.moves(), owners=state.owners(), results=results)


def ref_of(raw: Raw, kinds: Kinds) -> Ref:
    """Where the object belongs; without a namespace it is in `default`. Raises StatusFault for unknown kinds."""
    name = raw.get("kind")
    if not isinstance(name, str) or name not in kinds:
        raise StatusFault(
            f'no matches for kind "{name}" in version "{raw.get("apiVersion")}"', code=404, reason="NotFound"
        )
    kind = kinds[name]
    versions = {f"{kind.group}/{version}" if kind.group else version for version in kind.versions}
    if raw.get("apiVersion") not in versions:
        text = f'no matches for kind "{name}" in version "{raw.get("apiVersion")}"'
        raise StatusFault(text, code=404, reason="NotFound")
    check_shape(raw)
    namespace = (meta(raw).get("namespace") or "default") if kind.namespaced else ""
    return Ref(kind.kind, namespace, meta(raw).get("name") or "")


def _write(state: Overlay, write: Write, sources: Sources, kinds: Kinds) -> Seen:
    match write:
        case Create():
            return _create(state, ref_of(write.raw, kinds), write.raw, write.positions, sources)
        case Update():
            ref = ref_of(write.raw, kinds)
            old = _found(state, ref)
            return _replace(state, ref, old, write.raw, write.positions, sources)
        case Apply():
            return _apply(state, ref_of(write.raw, kinds), write, sources)
        case ServerApply():
            return _server_apply(state, ref_of(write.raw, kinds), write, sources)
        case Modify():
            old = _found(state, write.ref)
            new = write.change(old)
            if write.status:
                return _set_status(state, write.ref, old, new)
            return _replace(state, write.ref, old, new, None, sources)
        case SetStatus():
            ref = ref_of(write.raw, kinds)
            old = _found(state, ref)
            return _set_status(state, ref, old, write.raw)
        case Delete():
            last = delete(state, write, sources.now)
            return write.ref, "unchanged" if last is None else "deleted", last or {}
        case _:
            assert_never(write)


def _found(state: Overlay, ref: Ref) -> Raw:
    raw = state.find(ref)
    if raw is None:
        raise not_found(state.kind(ref), ref.name)
    return raw


def _create(state: Overlay, ref: Ref, raw: Raw, positions: Positions | None, sources: Sources) -> Seen:
    kind = state.kind(ref)
    new = created({**raw, "metadata": _placed(meta(raw), ref)}, kind, sources)
    ref = msgspec.structs.replace(ref, name=meta(new).get("name") or "")
    if not ref.name:
        raise bad_request("name or generateName is required")
    if state.find(ref) is not None:
        raise already_exists(kind, ref.name)
    if ref.namespace and (fault := namespace_fault(state, ref)):
        raise fault
    check_names(kind, new)
    state.put(ref, new)
    state.place(ref, positions)
    return ref, "created", new


def _placed(metadata: Raw, ref: Ref) -> Raw:
    return {**metadata, "namespace": ref.namespace} if ref.namespace else metadata


def _apply(state: Overlay, ref: Ref, write: Apply, sources: Sources) -> Seen:
    kind = state.kind(ref)
    if not ref.name:
        raise bad_request("apply needs a name: generateName makes a new object each time, use create")
    wanted = given({**write.raw, "metadata": _placed(meta(write.raw), ref)}, kind)
    old = state.find(ref)
    if write.owner:
        state.own(ref, write.owner)
    if old is None:
        return _create(state, ref, with_last_applied(wanted, wanted), write.positions, sources)
    return _replace(state, ref, old, applied(old, wanted, kind), write.positions, sources)


def _server_apply(state: Overlay, ref: Ref, write: ServerApply, sources: Sources) -> Seen:
    kind = state.kind(ref)
    if not ref.name:
        raise bad_request("apply needs a name")
    wanted = given({**write.raw, "metadata": _placed(meta(write.raw), ref)}, kind)
    old = state.find(ref)
    result, owned = server_applied(old or {}, wanted, write.manager, kind, force=write.force)
    seen = (
        _create(state, ref, result, None, sources) if old is None else _replace(state, ref, old, result, None, sources)
    )
    now = state.find(ref)
    if now is None:  # it was on its way out, and nothing holds it any more
        return seen
    entries = managed_fields(owned, old, kind.api_version, sources.now)
    state.put(ref, with_managed_fields(now, entries))
    changed = seen[1] != "unchanged" or state.find(ref) != old
    return ref, "created" if old is None else "configured" if changed else "unchanged", state.find(ref) or now


def _replace(state: Overlay, ref: Ref, old: Raw, new: Raw, positions: Positions | None, sources: Sources) -> Seen:
    kind = state.kind(ref)
    check_shape(new)
    _check_same(state, ref, old, new)
    result = updated(old, new, kind)
    check_names(kind, result)
    if positions is not None or not only_adds(desired(old), desired(result)):
        state.place(ref, positions)
    if result == old:
        return ref, "unchanged", old
    state.put(ref, result)
    finish(state, ref, sources.now)
    return ref, "configured", result


def _check_same(state: Overlay, ref: Ref, old: Raw, new: Raw) -> None:
    """What a write says of name, uid and resourceVersion is a condition on the object that it meets."""
    name = meta(new).get("name") or ref.name
    if name != ref.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({ref.name})")
    uid, version = meta(new).get("uid") or "", meta(new).get("resourceVersion") or ""
    check_preconditions(state, ref, old, uid=uid, resource_version=version)


def _set_status(state: Overlay, ref: Ref, old: Raw, new: Raw) -> Seen:
    if not has_status(state.kind(ref)):
        raise not_found(state.kind(ref), f"{ref.name}/status")
    check_shape(new)
    _check_same(state, ref, old, new)
    result = with_status(old, new)
    if result == old:
        return ref, "unchanged", old
    state.put(ref, result)
    return ref, "configured", result
