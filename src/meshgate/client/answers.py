"""What comes back: results as values, failures as exceptions of `errors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from meshgate.api import Problem, Ref
from meshgate.errors import ApiError, MeshgateError, Refused

Raw = Mapping[str, Any]
"""An object as it came: raw JSON."""

Outcome = Literal["created", "configured", "unchanged", "deleted"]
EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]


class ObjectResult(msgspec.Struct, frozen=True, kw_only=True):
    ref: Ref
    outcome: Outcome
    object: dict[str, Any] | None = None
    """As it is now, or was last; None if that can't be told any more."""


class TransactionResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    resource_version: str
    dry_run: bool = False
    results: tuple[ObjectResult, ...] = ()
    """In the order of the objects asked for."""
    problems: tuple[Problem, ...] = ()
    """Warnings and remarks."""


class WatchEvent(msgspec.Struct, frozen=True, kw_only=True):
    type: EventType
    object: dict[str, Any]


class _Status(msgspec.Struct, kw_only=True):
    message: str = ""
    reason: str = ""
    code: int = 0
    hint: str = ""
    problems: tuple[Problem, ...] = ()


def failure_of(code: int, body: bytes) -> MeshgateError:
    """The exception for an answer that is no success: Refused where objects are at fault, else ApiError."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        text = body.decode(errors="replace").strip() or f"the API answered {code}"
        return ApiError(text, code=code, reason="NotFound" if code == 404 else "Unknown")
    if status.problems:
        return Refused(status.message, problems=status.problems)
    return ApiError(
        status.message or f"the API answered {code}", code=status.code or code, reason=status.reason, hint=status.hint
    )
