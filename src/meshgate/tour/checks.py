"""What must be seen of a command: values that look at what it printed and say what is missing."""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec import Struct


class Seen(NamedTuple):
    """What came of a command."""

    code: int
    text: str
    """Standard output and standard error."""
    wire: bytes = b""
    """What was captured meanwhile, if something was."""


class Check(Struct, frozen=True):
    """One expectation."""

    def fault(self, seen: Seen) -> str:
        """What is not as expected; empty if it is."""
        raise NotImplementedError


class Says(Check, frozen=True):
    """The text is in the output."""

    text: str

    def fault(self, seen: Seen) -> str:
        return "" if self.text in seen.text else f"expected {self.text!r}"


class SaysNot(Check, frozen=True):
    """The text is not in the output."""

    text: str

    def fault(self, seen: Seen) -> str:
        return f"did not expect {self.text!r}" if self.text in seen.text else ""


class Matches(Check, frozen=True):
    """So many lines of the output match a regular expression as a whole; -1: at least one."""

    pattern: str
    times: int = -1

    def fault(self, seen: Seen) -> str:
        found = sum(re.fullmatch(self.pattern, line) is not None for line in seen.text.splitlines())
        is_fine = found > 0 if self.times < 0 else found == self.times
        wanted = "a line" if self.times < 0 else f"{self.times} lines"
        return "" if is_fine else f"expected {wanted} like {self.pattern!r}, found {found}"


class Fails(Check, frozen=True):
    """The exit code is not 0, or the one that is given."""

    code: int = 0

    def fault(self, seen: Seen) -> str:
        if self.code and seen.code != self.code:
            return f"expected exit code {self.code}, not {seen.code}"
        return "" if seen.code else "expected the command to fail"


class Share(Check, frozen=True):
    """That many percent of the output's lines, give or take some points, match as a whole."""

    pattern: str
    percent: float
    points: float

    def fault(self, seen: Seen) -> str:
        share = share_of(self.pattern, seen.text)
        if abs(share - self.percent) <= self.points:
            return ""
        return f"expected {self.percent:.0f} % ± {self.points:.0f} of lines like {self.pattern!r}, not {share:.1f} %"


class IsEncrypted(Check, frozen=True):
    """What was captured on the wire is TLS, and nothing of it is HTTP in clear."""

    def fault(self, seen: Seen) -> str:
        if b"\x16\x03" not in seen.wire:
            return "expected a TLS handshake on the wire, and captured none"
        plain = next((word for word in PLAIN_HTTP if word in seen.wire), b"")
        return f"did not expect {plain!r} on the wire" if plain else ""


PLAIN_HTTP = (b"GET /", b"HTTP/1.1", b"PRI * HTTP/2.0")
"""What each connection of HTTP in clear has in it."""


def share_of(pattern: str, text: str) -> float:
    """Percent of the lines that match as a whole."""
    lines = text.splitlines()
    return 100 * sum(re.fullmatch(pattern, line) is not None for line in lines) / max(1, len(lines))


def faults_of(checks: tuple[Check, ...], seen: Seen) -> list[str]:
    """What is not as expected, the exit code included where nothing says that the command fails."""
    found = [fault for check in checks if (fault := check.fault(seen))]
    if seen.code and not any(isinstance(check, Fails) for check in checks):
        found.insert(0, f"exit code {seen.code}")
    return found
