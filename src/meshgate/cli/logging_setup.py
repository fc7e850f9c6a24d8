"""The one formatter of our log: time, level, message, and the fields that came with it."""

from __future__ import annotations

import logging
import os
import sys

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
LEVEL = "MESHGATE_LOG"
"""Environment: DEBUG, INFO (default), WARNING, ERROR."""


class Fields(logging.Formatter):
    """`2026-01-01T00:00:00 INFO meshgate.app: message key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value!r}" for key, value in vars(record).items() if key not in _OWN)
        return f"{super().format(record)}{f' {fields}' if fields else ''}"


def set_up_logging() -> None:
    """Our log on standard error; libraries' from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Fields("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("meshgate").setLevel(os.environ.get(LEVEL, "INFO").upper())
