"""POST /apis/meshgate.io/v1/transactions: many objects in one request, all or nothing.

    {"id": "…", "mode": "apply" | "create" | "delete", "dryRun": false, "objects": [raw, …],
     "positions": [{"file": "a.yaml", "lines": {"spec.hosts": 7, …}} | null, …]}

Every fault of every object is found before anything is refused; nothing is written unless all are good. The `id` is
the client's own: the outcome is stored with the objects, so a client whose connection broke asks again with the same
id (or with GET …/transactions/ID) and learns what happened instead of doing it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from aiohttp import web

from meshgate.api import Problem, Ref, decode, duplicates, has_errors
from meshgate.client import Positions as FilePositions
from meshgate.store.core import (
    Apply,
    Create,
    Delete,
    Positions,
    Raw,
    StatusFault,
    Write,
    bad_request,
    meta,
    ref_of,
    refusal,
)
from meshgate.store.sqlite import Receipt

from .answers import respond
from .deps import KubeDeps

OBJECTS_IN_A_ROW = 50
READ_DEADLINE_S = 60.0


class TransactionRequest(msgspec.Struct, frozen=True):
    objects: list[dict[str, Any]]
    mode: Literal["apply", "create", "delete"] = "apply"
    id: str = ""
    positions: list[FilePositions | None] = []
    dryRun: bool = False
    ignoreNotFound: bool = False
    """Of `delete`: what is not there counts as deleted."""


async def transact(request: web.Request, deps: KubeDeps) -> web.Response:
    """Do the transaction, or tell what the one with this id did already."""
    asked = await _read(request)
    receipt = deps.store.receipt(asked.id) if asked.id else None
    if receipt is not None:
        return respond(_told_again(receipt, deps))
    problems = await _problems(asked, deps)
    if has_errors(problems):
        raise refusal(deps.store.kinds, problems)
    writes = [_write(raw, positions, asked, deps) for raw, positions in zip(*_placed(asked), strict=True)]
    try:
        written = await deps.admission.write(writes, dry_run=asked.dryRun, receipt=asked.id)
    except StatusFault as fault:
        if fault.write_index is not None and (positions := _placed(asked)[1][fault.write_index]):
            fault.hint = fault.hint or f"it is written at {positions.at('')}"
        raise
    found = dict.fromkeys((*written.problems, *problems))
    results = [(result.ref, result.outcome, result.raw) for result in written.results]
    return respond(_document(results, list(found), deps.store.revision.value, dry_run=asked.dryRun))


def receipt_of(receipt_id: str, deps: KubeDeps) -> web.Response:
    """What the transaction with this id did; 404 if it did nothing or never came."""
    receipt = deps.store.receipt(receipt_id)
    if receipt is None:
        text = f'transactions.meshgate.io "{receipt_id}" not found'
        raise StatusFault(text, code=404, reason="NotFound")
    return respond(_told_again(receipt, deps))


async def _read(request: web.Request) -> TransactionRequest:
    async with asyncio.timeout(READ_DEADLINE_S):
        body = await request.read()
    try:
        return msgspec.json.decode(body, type=TransactionRequest)
    except msgspec.DecodeError as error:
        raise bad_request(f"this is no transaction: {error}") from None


def _placed(asked: TransactionRequest) -> tuple[list[Raw], list[Positions | None]]:
    """The objects, each with where it was written."""
    given = [*asked.positions, *[None] * len(asked.objects)][: len(asked.objects)]
    return list(asked.objects), [None if place is None else Positions(place.file, place.lines) for place in given]


async def _problems(asked: TransactionRequest, deps: KubeDeps) -> tuple[Problem, ...]:
    """Everything that is wrong with the objects one by one, and objects that are given twice."""
    if asked.mode == "delete":
        return ()
    found: list[Problem] = []
    refs: list[tuple[Ref, str]] = []
    for number, (raw, positions) in enumerate(zip(*_placed(asked), strict=True)):
        if number % OBJECTS_IN_A_ROW == OBJECTS_IN_A_ROW - 1:
            await asyncio.sleep(0)  # others want the event loop, too
        metadata = raw.get("metadata")
        if isinstance(metadata, Mapping) and metadata.get("generateName") and not metadata.get("name"):
            continue  # it has no name to be decoded with: admission sees it when it has got one
        resource, problems = decode(raw, positions.at if positions else None)
        found += problems
        if resource is not None:
            refs.append((ref_of(raw, deps.store.kinds), positions.at("") if positions else "the same request"))
    return (*found, *duplicates(refs))


def _write(raw: Raw, positions: Positions | None, asked: TransactionRequest, deps: KubeDeps) -> Write:
    match asked.mode:
        case "apply":
            return Apply(raw=raw, positions=positions)
        case "create":
            return Create(raw=raw, positions=positions)
        case "delete":
            return Delete(ref=ref_of(raw, deps.store.kinds), missing_ok=asked.ignoreNotFound)


def _told_again(receipt: Receipt, deps: KubeDeps) -> Mapping[str, Any]:
    named = [(ref, outcome, deps.store.get(ref.kind, ref.namespace, ref.name)) for ref, outcome in receipt.outcomes]
    return _document(named, receipt.problems, receipt.revision, dry_run=False)


def _document(
    results: Sequence[tuple[Ref, str, Raw | None]], problems: Sequence[Problem], revision: int, *, dry_run: bool
) -> Mapping[str, Any]:
    return {
        "kind": "TransactionResult",
        "apiVersion": "meshgate.io/v1",
        "resourceVersion": str(revision),
        "dryRun": dry_run,
        "results": [
            {"ref": ref, "outcome": outcome, "object": raw if raw and meta(raw) else None}
            for ref, outcome, raw in results
        ],
        "problems": list(problems),
    }
