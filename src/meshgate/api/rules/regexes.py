"""Regular expressions are RE2's, as Envoy runs them. The one module of this package that touches RE2."""

from __future__ import annotations

from typing import Final

import re2

LONGEST_BYTES: Final = 1024
"""istio:pkg/config/validation refuses longer ones."""

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False


def regex_fault(pattern: str) -> str:
    """Why this is no regular expression; empty if it is one.

    >>> regex_fault("/api/v[0-9]+"), regex_fault("a(?=b)")
    ('', '"a(?=b)" is no RE2 regular expression: invalid perl operator: (?=')
    """
    if len(pattern.encode()) > LONGEST_BYTES:
        return f"the regular expression is longer than {LONGEST_BYTES} bytes"
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return f'"{pattern}" is no RE2 regular expression: {text}'
    return ""
