"""Durations of the command line: Go's form (`30s`, `1m30s`, `500ms`), a bare number is seconds."""

from __future__ import annotations

import re

import click

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """Seconds, as a float."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        if not re.fullmatch(rf"({_PART.pattern})+", text):
            self.fail(f"{text!r} is no duration: expected for example 30s, 1m30s, 500ms", param, ctx)
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


DURATION = Duration()
