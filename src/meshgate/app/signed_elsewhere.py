"""Until when certificates are valid whose keys are elsewhere: they cannot be made anew here, so their roots must stay.

Kept in a ConfigMap, by who has signed, since they outlive this run. Times are whole hours, rounded up: what is granted
all day long is written once an hour. Who deletes the ConfigMap lets the old roots go.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from meshgate.api import Ref
from meshgate.ca import Authority
from meshgate.store.core import Create, Modify, StatusFault, Write
from meshgate.store.sqlite import Store

log = logging.getLogger(__name__)

ENDS: Final = Ref("ConfigMap", "istio-system", "meshgate-signed-elsewhere")
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


class SignedElsewhere:
    """Owned by the control plane's loop."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def note(self, authority: Authority, ends: datetime) -> None:
        """A certificate was signed that is valid until then."""
        known, signer = self._known(), _signer(authority)
        if ends <= known.get(signer, _NEVER):
            return
        lasting = {each: end for each, end in known.items() if end > self._now()}
        data = {each: end.strftime(_FORM) for each, end in sorted({**lasting, signer: _hour_after(ends)}.items())}
        try:
            self._store.transact([self._write(data)])
        except StatusFault as fault:
            log.error(
                "it cannot be stored how long a certificate is valid: with another authority its holder may be refused",
                extra={"reason": str(fault)},
            )

    def last_end(self, authority: Authority) -> datetime:
        """When the last certificate ends that was signed by any other authority; long ago if there is none."""
        signer = _signer(authority)
        return max((end for each, end in self._known().items() if each != signer), default=_NEVER)

    def _known(self) -> Mapping[str, datetime]:
        raw = self._store.get(ENDS.kind, ENDS.namespace, ENDS.name) or {}
        found: dict[str, datetime] = {}
        for signer, text in (raw.get("data") or {}).items():
            try:
                found[signer] = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
            except ValueError:
                log.warning("this is no time and counts for nothing", extra={"object": str(ENDS), "key": signer})
        return found

    def _write(self, data: Mapping[str, str]) -> Write:
        if self._store.get(ENDS.kind, ENDS.namespace, ENDS.name) is not None:
            return Modify(ref=ENDS, change=lambda old: {**old, "data": dict(data)})
        metadata = {"name": ENDS.name, "namespace": ENDS.namespace}
        return Create(raw={"apiVersion": "v1", "kind": ENDS.kind, "metadata": metadata, "data": dict(data)})


def _signer(authority: Authority) -> str:
    """A key for a ConfigMap, the same for authorities whose certificates look the same."""
    return hashlib.sha256(authority.signer).hexdigest()[:32]


def _hour_after(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0) + _HOUR
