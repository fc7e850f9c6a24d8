"""Events: what users read in `kubectl get events` about something that happened to an object of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from meshgate.host.controllers.view import View, ref, short_hash
from meshgate.store.core import Create, Modify, Raw, Write, meta

SOURCE = "meshgate"


Type = Literal["Normal", "Warning"]


def event(view: View, about: Raw, reason: str, message: str, now: str, *, type: Type = "Warning") -> Write:
    """The write that tells it; said again, the event counts on instead of coming twice."""
    before = _told(view, about, reason, message)
    if before is not None:
        again: Mapping[str, Any] = {"count": int(before.get("count", 1)) + 1, "lastTimestamp": now}
        return Modify(ref=ref(before), change=lambda old: {**old, **again})
    return Create(raw=_event(about, reason, message, now, type))


def event_once(view: View, about: Raw, reason: str, message: str, now: str) -> list[Write]:
    """The same, for what would be found again and again: told only if it has not been told yet."""
    return [] if _told(view, about, reason, message) else [event(view, about, reason, message, now)]


def _told(view: View, about: Raw, reason: str, message: str) -> Raw | None:
    return view.get("Event", _namespace(about), _name(about, reason, message))


def _namespace(about: Raw) -> str:
    return str(meta(about).get("namespace") or "default")


def _name(about: Raw, reason: str, message: str) -> str:
    metadata = meta(about)
    return f"{metadata['name']}.{short_hash([about['kind'], metadata.get('uid', ''), reason, message], 10)}"


def _event(about: Raw, reason: str, message: str, now: str, type: Type) -> dict[str, Any]:
    metadata = meta(about)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": _name(about, reason, message), "namespace": _namespace(about)},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            **{key: metadata[key] for key in ("namespace", "uid", "resourceVersion") if key in metadata},
        },
        "reason": reason,
        "message": message,
        "type": type,
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": SOURCE},
        "reportingComponent": SOURCE,
    }
