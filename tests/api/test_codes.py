"""The codes of Problems: one table, explained to users, used nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

from meshgate.api import CODES, codes

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "meshgate"
REFERENCE = ROOT / "docs" / "reference" / "problems.md"
CODE = re.compile(r"\b(?:IST|MG)\d{4}\b")


def _constants() -> dict[str, str]:
    return {name: value for name, value in vars(codes).items() if isinstance(value, str) and CODE.fullmatch(value)}


def test_every_constant_has_a_code_of_its_own_and_an_explanation() -> None:
    constants = _constants()
    assert len(set(constants.values())) == len(constants)
    assert set(constants.values()) == set(CODES)


def test_names_are_words_of_one_code() -> None:
    names = [entry.name for entry in CODES.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(?:[A-Z][a-z]*)+(?:UID)?", name) for name in names)


def test_entries_are_told_in_sentences_and_what_they_say_in_a_phrase() -> None:
    for code, entry in CODES.items():
        assert not entry.what.endswith("."), code
        assert entry.why.endswith("."), code
        assert entry.instead.endswith("."), code


def test_the_reference_lists_the_codes_of_the_table_with_their_words() -> None:
    text = REFERENCE.read_text()
    rows = re.findall(r"^\| \[`((?:IST|MG)\d{4})`\]\(#\w+\) \| \w+ \| (.*) \|$", text, re.MULTILINE)
    assert rows == sorted(((code, entry.what) for code, entry in CODES.items()), key=_order)
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == [code for code, _ in rows]


def test_no_code_is_used_that_the_table_lacks() -> None:
    used = {
        (path.relative_to(SOURCE).as_posix(), code)
        for path in SOURCE.rglob("*.py")
        for code in CODE.findall(path.read_text())
        if code not in CODES
    }
    assert not used


def _order(item: tuple[str, str]) -> tuple[bool, str]:
    """Ours first, then Istio's."""
    return item[0].startswith("IST"), item[0]
