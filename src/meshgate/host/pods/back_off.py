"""How long a container that ended waits before it is started again: the kubelet's CrashLoopBackOff. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

FIRST = timedelta(seconds=10)
LONGEST = timedelta(minutes=5)
FORGIVEN_AFTER = timedelta(minutes=10)
"""The kubelet forgets failures of a container that has run for twice the longest pause."""


class BackOff(Struct, frozen=True, kw_only=True):
    """The first restart is immediate; the pause after that is 10 s and doubles up to 5 min."""

    next_pause: timedelta = timedelta(0)

    def after_run(self, started: datetime, ended: datetime) -> tuple[timedelta, BackOff]:
        """The pause after a run, counted from its end, and what follows."""
        pause = timedelta(0) if ended - started >= FORGIVEN_AFTER else self.next_pause
        doubled = min(pause * 2, LONGEST) if pause else FIRST
        return pause, BackOff(next_pause=doubled)

    @classmethod
    def after_restarts(cls, restarts: int) -> BackOff:
        """Where a container stands that has been started again so many times, for a control plane that was away.

        >>> BackOff.after_restarts(0).next_pause, BackOff.after_restarts(2).next_pause
        (datetime.timedelta(0), datetime.timedelta(seconds=20))
        """
        if restarts == 0:
            return cls()
        return cls(next_pause=min(FIRST * 2 ** min(restarts - 1, 8), LONGEST))
