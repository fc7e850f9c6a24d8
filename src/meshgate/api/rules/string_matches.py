"""Rules of string matches. istio:pkg/config/validation/validation.go#validateStringMatch"""

from __future__ import annotations

from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.regexes import regex_fault
from meshgate.api.string_match import Prefix, Regex, StringMatch, ValueMatch


def string_match(path: str, match: ValueMatch | None) -> Findings:
    """An empty prefix matches everything and is refused: nobody means it."""
    if isinstance(match, Prefix) and not match.value:
        yield Finding(f"{path}.prefix", "an empty prefix matches everything", "leave the match out")
    yield from regex_match(path, match)


def regex_match(path: str, match: ValueMatch | StringMatch | None) -> Findings:
    """Only what must hold for regular expressions."""
    if isinstance(match, Regex):
        yield from regex(f"{path}.regex", match.value)


def regex(path: str, pattern: str) -> Findings:
    """A regular expression, not empty."""
    fault = regex_fault(pattern) if pattern else "the regular expression is empty"
    if fault:
        yield Finding(path, fault, "Envoy's dialect: https://github.com/google/re2/wiki/Syntax")
