"""Selectors: which objects they take, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.store.core import Selector, StatusFault, exact_labels, field_terms, label_terms

RAW: dict[str, Any] = {
    "metadata": {"name": "web", "labels": {"app": "web", "tier": "", "x.io/y": "1"}},
    "status": {"phase": "Running"},
    "spec": {"hostNetwork": True},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app=other", False),
        ("app!=web", False),
        ("app!=other", True),
        ("none!=x", True),
        ("tier=", True),
        ("app", True),
        ("none", False),
        ("!none", True),
        ("! app", False),
        ("app in (web,other)", True),
        ("app in (other)", False),
        ("app notin (web)", False),
        ("none notin (web)", True),
        ("tier in (,x)", True),
        ("x.io/y=1", True),
        (" app = web , !none , tier in ( ) ", True),
        ("app=web,none", False),
        ("in in (x)", False),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert Selector(label_terms(text)).matches(RAW) is matches


@pytest.mark.parametrize("text", ["a in", "a in (b", "a=b,", "a in b", "=b", "a=b=c", "a b", "(a)"])
def test_label_selectors_that_mean_nothing(text: str) -> None:
    with pytest.raises(StatusFault, match="unable to parse requirement") as refused:
        label_terms(text)
    assert refused.value.code == 400


FIELDS = frozenset({"metadata.name", "status.phase", "spec.hostNetwork", "spec.nodeName"})


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=web", True),
        ("metadata.name!=web", False),
        ("metadata.name==web,status.phase=Running", True),
        ("status.phase=Failed", False),
        ("spec.hostNetwork=true", True),
        ("spec.nodeName=", True),
        ("spec.nodeName!=x", True),
    ],
)
def test_field_selectors(text: str, matches: bool) -> None:
    assert Selector((), field_terms(text, FIELDS)).matches(RAW) is matches


@pytest.mark.parametrize(
    ("text", "why"), [("a.b=c", "field label not supported: a.b"), ("metadata.name", "invalid selector")]
)
def test_field_selectors_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(StatusFault, match=why):
        field_terms(text, FIELDS)


LABELS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2", ""]))


@given(LABELS, LABELS)
def test_law_exact_labels_are_a_subset(wanted: dict[str, str], labels: dict[str, str]) -> None:
    selector = Selector(exact_labels(wanted))
    assert selector.matches({"metadata": {"labels": labels}}) is (wanted.items() <= labels.items())
    text = ",".join(f"{key}={value}" for key, value in wanted.items())
    assert Selector(label_terms(text)).matches({"metadata": {"labels": labels}}) is (wanted.items() <= labels.items())
