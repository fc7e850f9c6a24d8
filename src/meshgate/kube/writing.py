"""POST, PUT, PATCH, DELETE of objects: each a transaction of one write (or of one for each object of a collection)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from aiohttp import web

from meshgate.store.admission import Written
from meshgate.store.core import (
    Cause,
    Create,
    Delete,
    Details,
    Modify,
    Propagation,
    Raw,
    ServerApply,
    SetStatus,
    StatusFault,
    Update,
    Write,
    bad_request,
    is_custom,
    meta,
)
from meshgate.store.core.patches import json_patched, merge_patched
from meshgate.store.core.strategic import strategic_patched

from .answers import in_version, respond, success_of
from .call import Call
from .reading import found
from .requests import body_of, object_of, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


async def create_object(call: Call) -> web.StreamResponse:
    raw = await object_of(call.request, call.target)
    return await _written(call, Create(raw=raw), code=201)


async def update_object(call: Call) -> web.StreamResponse:
    raw = await object_of(call.request, call.target)
    return await _written(call, Update(raw=raw))


async def update_status(call: Call) -> web.StreamResponse:
    raw = await object_of(call.request, call.target)
    return _unadmitted(call, SetStatus(raw=raw))


async def patch_object(call: Call) -> web.StreamResponse:
    if call.request.content_type == APPLY_PATCH:
        return await _server_apply(call)
    found(call)
    write = Modify(ref=call.target.ref, change=await patch_of(call))
    return await _written(call, write)


async def _server_apply(call: Call) -> web.StreamResponse:
    raw = await object_of(call.request, call.target)
    manager = call.query.text("fieldManager")
    if not manager:
        text = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
        cause = Cause(field="fieldManager", message="Required value: is required for apply patch")
        raise StatusFault(text, code=422, reason="Invalid", details=Details(causes=(cause,)))
    return await _written(call, ServerApply(raw=raw, manager=manager, force=call.query.flag("force")))


async def patch_status(call: Call) -> web.StreamResponse:
    found(call)
    return _unadmitted(call, Modify(ref=call.target.ref, change=await patch_of(call), status=True))


async def delete_object(call: Call) -> web.StreamResponse:
    write = await _deletion(call)
    written = await call.deps.admission.write([write], dry_run=call.query.dry_run())
    (result,) = written.results
    target = call.target
    still_there = call.store.get(target.kind.kind, target.namespace, target.name)
    if still_there is not None and meta(still_there).get("uid") == meta(result.raw).get("uid"):
        return respond(in_version(result.raw, target), problems=written.problems)
    return respond(success_of(target.kind, result.raw), problems=written.problems)


async def delete_collection(call: Call) -> web.StreamResponse:
    target = call.target
    template = await _deletion(call)
    chosen = call.store.list(target.kind.kind, target.namespace or None, call.query.selector(target.kind))
    writes = [
        Delete(
            ref=type(target.ref)(target.kind.kind, meta(raw).get("namespace", ""), meta(raw)["name"]),
            propagation=template.propagation,
            grace_s=template.grace_s,
            missing_ok=True,  # one may own another
        )
        for raw in chosen
    ]
    written = await call.deps.admission.write(writes, dry_run=call.query.dry_run())
    items = [in_version(result.raw, target) for result in written.results if result.raw]
    listing = {"kind": f"{target.kind.kind}List", "apiVersion": target.api_version, "metadata": {}, "items": items}
    return respond(listing, problems=written.problems)


async def _written(call: Call, write: Write, *, code: int = 200) -> web.StreamResponse:
    written: Written = await call.deps.admission.write([write], dry_run=call.query.dry_run())
    (result,) = written.results
    code = 201 if result.outcome == "created" else code
    return respond(in_version(result.raw, call.target), code=code, problems=written.problems)


def _unadmitted(call: Call, write: Write) -> web.StreamResponse:
    """A status says what is, not what shall be: nobody needs to agree."""
    (result,) = call.store.transact([write], dry_run=call.query.dry_run())
    return respond(in_version(result.raw, call.target))


async def patch_of(call: Call) -> Callable[[Raw], Raw]:
    """The patch in the body, as a function of the object."""
    patch, kind = await body_of(call.request), call.target.kind
    match call.request.content_type:
        case "application/json-patch+json":
            return lambda raw: json_patched(raw, patch)
        case "application/merge-patch+json":
            if not isinstance(patch, Mapping):
                raise bad_request("a merge patch is a mapping")
            return lambda raw: merge_patched(raw, patch)
        case "application/strategic-merge-patch+json" if not is_custom(kind):
            return lambda raw: strategic_patched(raw, patch, kind)
        case _:
            known = [JSON_PATCH, MERGE_PATCH, *([] if is_custom(kind) else [STRATEGIC_PATCH]), APPLY_PATCH]
            raise unsupported_media_type(", ".join(known))


async def _deletion(call: Call) -> Delete:
    body = await body_of(call.request)
    options: Raw = body if isinstance(body, Mapping) else {}
    query = call.query
    propagation: Any = options.get("propagationPolicy") or query.text("propagationPolicy") or "Background"
    if options.get("orphanDependents") or query.flag("orphanDependents"):
        propagation = "Orphan"
    if propagation not in get_args(Propagation):
        raise bad_request(f'invalid propagationPolicy "{propagation}": expected Background, Foreground or Orphan')
    grace_s = options.get("gracePeriodSeconds", query.number("gracePeriodSeconds"))
    if grace_s is not None and (not isinstance(grace_s, int) or grace_s < 0):
        raise bad_request(f'invalid gracePeriodSeconds "{grace_s}": expected a number of seconds, 0 or more')
    conditions = options.get("preconditions") or {}
    return Delete(
        ref=call.target.ref,
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
        propagation=propagation,
        grace_s=grace_s,
    )
