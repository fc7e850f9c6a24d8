"""PEM as Envoy reads it: what it takes is taken, what it refuses is said with its line.

Text around the blocks, blocks of other kinds, CRLF and lines of any length are no fault; a block that does not begin
at the start of a line is text, and one that does not end, or is no base64, spoils all of it (tried with Envoy).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final, NamedTuple

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"


class PemBlock(NamedTuple):
    """A block: what its first line calls it, and what it holds."""

    label: str
    content: bytes
    headers: bool
    """It has header lines, as keys with a password have; the content is not read then."""

    def __repr__(self) -> str:
        return f"PemBlock({len(self.content)} bytes)"  # it may be a key


class PemFault(NamedTuple):
    """What is wrong with the text. Nothing of the text itself is in it: a first line may have all of a key in it."""

    text: str


def pem_blocks(text: bytes) -> Iterator[PemBlock | PemFault]:
    """The blocks in their order; a fault is the last that comes.

    >>> list(pem_blocks(b"a comment\\n-----BEGIN A-----\\nAAAA\\n-----END A-----\\n"))
    [PemBlock(3 bytes)]
    >>> list(pem_blocks(b"-----BEGIN A-----\\nAAAA\\n"))
    [PemFault(text='the block that begins in line 1 does not end')]
    """
    lines = [line.rstrip() for line in text.split(b"\n")]
    at = 0
    while at < len(lines):
        label = _label(lines[at], _BEGIN)
        at += 1
        if label is None:
            continue
        begin = at
        while at < len(lines) and not lines[at].startswith(_END):
            at += 1
        if at == len(lines) or _label(lines[at], _END) != label:
            yield PemFault(f"the block that begins in line {begin} does not end")
            return
        block = _block(label, lines[begin:at])
        if block is None:
            yield PemFault(f"the block that begins in line {begin} is no base64")
            return
        yield block
        at += 1


def _label(line: bytes, mark: bytes) -> str | None:
    if not (line.startswith(mark) and line.endswith(_DASHES)) or len(line) < len(mark) + len(_DASHES):
        return None
    return line[len(mark) : -len(_DASHES)].decode(errors="replace")


def _block(label: str, lines: list[bytes]) -> PemBlock | None:
    if any(b":" in line for line in lines):
        return PemBlock(label, b"", True)
    try:
        return PemBlock(label, base64.b64decode(b"".join(lines), validate=True), False)
    except binascii.Error:
        return None
