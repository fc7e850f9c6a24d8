"""What the lab offers, as `up` and `status` tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lab_lines(told: Mapping[str, Any]) -> list[str]:
    """Hosts with their addresses, the name server, the certificate authority."""
    demanding = set(told["demanding"])
    hosts = [
        f"    {name:<20} {address}{' (asks clients for a certificate)' if name in demanding else ''}"
        for name, address in told["hosts"].items()
    ]
    return [
        "  the lab has these hosts, and no others can be found:",
        *hosts,
        f"  their names are also known to {told['nameServer']}, their certificate authority is {told['authority']}",
    ]
