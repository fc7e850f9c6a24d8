"""Refusals, worded exactly as the Kubernetes API server words them (`apimachinery:pkg/api/errors`).

One exception type carries what a Kubernetes `Status` needs; `kube` turns it into one. In-process writers see the
same exception as clients of the API do.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshgate.api import Kind
from meshgate.errors import ApiError

from .kinds import qualified_name, resource_name


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of an object: `field` is a path such as `spec.ports[0].port`."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What the refusal is about; `kind` is the resource (`pods`), or the kind for `Invalid`, as in Kubernetes."""

    name: str = ""
    group: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] = ()


class StatusFault(ApiError):
    """A request that a Kubernetes API server would refuse, with all that its `Status` says."""

    def __init__(self, text: str, *, code: int, reason: str, details: Details | None = None) -> None:
        super().__init__(text, code=code, reason=reason)
        self.details = details or Details()
        self.write_index: int | None = None
        """Which of a transaction's writes was refused, from 0."""


def _about(kind: Kind, name: str) -> Details:
    return Details(name=name, group=kind.group, kind=kind.plural)


def not_found(kind: Kind, name: str) -> StatusFault:
    return StatusFault(
        f'{resource_name(kind)} "{name}" not found', code=404, reason="NotFound", details=_about(kind, name)
    )


def already_exists(kind: Kind, name: str) -> StatusFault:
    text = f'{resource_name(kind)} "{name}" already exists'
    return StatusFault(text, code=409, reason="AlreadyExists", details=_about(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> StatusFault:
    """`why` defaults to: somebody else has written the object since it was read."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    text = f'Operation cannot be fulfilled on {resource_name(kind)} "{name}": {why}'
    return StatusFault(text, code=409, reason="Conflict", details=_about(kind, name))


def forbidden(kind: Kind, name: str, why: str) -> StatusFault:
    text = f'{resource_name(kind)} "{name}" is forbidden: {why}'
    return StatusFault(text, code=403, reason="Forbidden", details=_about(kind, name))


def bad_request(text: str) -> StatusFault:
    return StatusFault(text, code=400, reason="BadRequest")


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> StatusFault:
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    listing = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    details = Details(name=name, group=kind.group, kind=kind.kind, causes=tuple(causes))
    text = f'{qualified_name(kind)} "{name}" is invalid: {listing}'
    return StatusFault(text, code=422, reason="Invalid", details=details)


def too_old(revision: int, oldest: int) -> StatusFault:
    return StatusFault(f"too old resource version: {revision} ({oldest})", code=410, reason="Expired")


def from_the_future(revision: int, newest: int) -> StatusFault:
    text = f"Too large resource version: {revision}, current: {newest}"
    return StatusFault(text, code=504, reason="Timeout")
