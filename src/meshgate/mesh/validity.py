"""When certificates are valid: the one thing of a mesh that changes though nothing was written.

So the time is no part of a snapshot. What is in it is until when each certificate lasts; who has a clock asks here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from meshgate.api import Origin, Problem, codes
from meshgate.mesh.problems import warning

_WRITTEN = "%Y-%m-%d %H:%M:%S UTC"


class Validity(Struct, frozen=True, kw_only=True, order=True, gc=False):
    """A certificate's time, as told at one object that uses or holds it."""

    origin: Origin
    certificate: str
    """In words."""
    not_before: datetime
    not_after: datetime


def out_of_date(validities: Iterable[Validity], now: datetime) -> tuple[Problem, ...]:
    """MG0153: certificates that have expired, or are not valid yet."""
    return tuple(_problem(one, now) for one in validities if not one.not_before <= now < one.not_after)


def next_change(validities: Iterable[Validity], now: datetime) -> datetime | None:
    """When one begins or ceases to be valid; None: never again."""
    moments = (moment for one in validities for moment in (one.not_before, one.not_after) if moment > now)
    return min(moments, default=None)


def _problem(one: Validity, now: datetime) -> Problem:
    if now >= one.not_after:
        text = f"{one.certificate} has expired: it was valid until {one.not_after.strftime(_WRITTEN)}"
        return warning(codes.CERTIFICATE_OUT_OF_DATE, one.origin, text, "clients refuse it; renew it")
    text = f"{one.certificate} is not valid yet: it will be from {one.not_before.strftime(_WRITTEN)} on"
    return warning(codes.CERTIFICATE_OUT_OF_DATE, one.origin, text, "look at this machine's clock")
