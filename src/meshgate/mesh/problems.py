"""Problems that are found when objects are joined, each made in one place so that its text is the same everywhere.

They are warnings: Istio accepts such objects too, and what they say stays in the configuration (a route to a service
that is missing answers 503).
"""

from __future__ import annotations

from meshgate.api import Origin, Problem, codes


def warning(code: str, origin: Origin, text: str, hint: str = "") -> Problem:
    """A warning about a field of an object."""
    return Problem(code, "warning", origin.ref, origin.path, text, hint)


def missing_reference(origin: Origin, text: str, hint: str = "") -> Problem:
    """IST0101: something that is named does not exist."""
    return warning(codes.MISSING_REFERENCE, origin, text, hint)


def at(origin: Origin, path: str) -> Origin:
    """A field below an origin; an index is appended without a dot.

    >>> from meshgate.api import Ref
    >>> str(at(Origin(Ref("VirtualService", "shop", "web"), "spec.http[0]"), "route[1].weight"))
    'VirtualService/shop/web spec.http[0].route[1].weight'
    """
    joint = "." if origin.path and path and not path.startswith("[") else ""
    return Origin(origin.ref, f"{origin.path}{joint}{path}")
