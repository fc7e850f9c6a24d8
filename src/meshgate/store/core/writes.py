"""What may be asked of the store: the closed union of writes, and what each one did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from meshgate.api import Kind, Ref

from .raw import Positions, Raw

Outcome = Literal["created", "configured", "unchanged", "deleted"]
Propagation = Literal["Background", "Foreground", "Orphan"]


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """Store a new object; AlreadyExists where there is one. Its kind is the object's own."""

    raw: Raw
    positions: Positions | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """Replace everything but the status. A resourceVersion or uid in the object is a condition."""

    raw: Raw
    positions: Positions | None = None


class Apply(msgspec.Struct, frozen=True, kw_only=True):
    """Make the object say what is given: see `apply`."""

    raw: Raw
    positions: Positions | None = None
    owner: str = ""
    """The watched file that the object now belongs to; "" leaves that as it is."""


class ServerApply(msgspec.Struct, frozen=True, kw_only=True):
    """Make the object say what is given, as the applier `manager`: see `server_apply`."""

    raw: Raw
    manager: str
    force: bool = False
    """Take fields over that other appliers have set otherwise."""


class Modify(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the object by what a pure function makes of the present one (a patch, a controller's change)."""

    ref: Ref
    change: Callable[[Raw], Raw]
    status: bool = False
    """True: of the result only the status counts; False: everything but."""


class SetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the status and nothing else. A resourceVersion or uid in the object is a condition."""

    raw: Raw


class Delete(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the object, and what it owns. A pod that runs (has a nodeName) is only marked unless `grace_s` is 0."""

    ref: Ref
    uid: str = ""
    resource_version: str = ""
    propagation: Propagation = "Background"
    grace_s: int | None = None
    """Seconds that a running pod gets to end; None: what the pod says, 30 by default."""
    missing_ok: bool = False


Write: TypeAlias = Create | Update | Apply | ServerApply | Modify | SetStatus | Delete


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One object before and after a transaction; None for what isn't there."""

    ref: Ref
    kind: Kind
    before: Raw | None
    after: Raw | None
    positions: Positions | None = None
    """Where `after` was written, if a file says so."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one write did; `raw` is the object afterwards (the last one seen, if it is gone)."""

    ref: Ref
    outcome: Outcome
    raw: Raw
