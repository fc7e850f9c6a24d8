"""The command line: one file per command (parse, call, print).

May import everything; imports nothing heavy by itself, so that `meshgate version` answers at once.
"""

from __future__ import annotations

from meshgate.cli.group import main

__all__ = ["main"]
