"""What a measurement gives: a figure beside its baseline of the same run, and the table that all of them make.

Both were measured in turns, so whatever else the machine did met both. Medians are shown, with the smallest and the
largest value of a figure, for others work on the machine, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

HEADS = ("what", "target", "measured (least to most)", "baseline", "ratio", "met")


class NotMeasured(Exception):
    """A measurement can't be made here; the text says why and what would help."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the figure is to be: at most (or at least) so much, or its ratio to the baseline."""

    limit: float
    is_ratio: bool = False
    is_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.is_least else value <= self.limit


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `measured` and `baseline` are the values of all rounds in `unit`, in the order of the rounds."""

    name: str
    unit: str
    measured: tuple[float, ...]
    baseline: tuple[float, ...]
    baseline_name: str
    target: Target | None = None

    @property
    def ratio(self) -> float:
        return median(self.measured) / median(self.baseline)

    def cells(self) -> tuple[str, ...]:
        low, high = plain(min(self.measured)), plain(max(self.measured))
        return (
            self.name,
            self._target_text(),
            f"{plain(median(self.measured))} {self.unit} ({low} to {high})",
            f"{plain(median(self.baseline))} {self.unit}: {self.baseline_name}",
            f"{self.ratio:.2f}",
            self._verdict(),
        )

    def _target_text(self) -> str:
        if self.target is None:
            return "-"
        sign = ">=" if self.target.is_least else "<="
        return f"{sign} {self.target.limit:g}{'' if self.target.is_ratio else f' {self.unit}'}"

    def _verdict(self) -> str:
        if self.target is None:
            return "-"
        return "yes" if self.target.is_met(self.ratio if self.target.is_ratio else median(self.measured)) else "no"


def plain(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that is also readable as it is."""
    lines = [HEADS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])
