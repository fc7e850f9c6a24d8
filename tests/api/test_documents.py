"""YAML text to raw objects: what Kubernetes makes of it, and where each field stands."""

from __future__ import annotations

import pytest

from meshgate.api import Ref, codes, documents, duplicates

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def _value(text: str) -> object:
    (document,), problems = documents(f"value: {text}\n", "a.yaml")
    assert not problems
    return document.raw["value"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1", 1, id="number"),
        pytest.param("0644", 420, id="octal"),
        pytest.param("0x1f", 31, id="hexadecimal"),
        pytest.param("-1_000", -1000, id="underscores"),
        pytest.param("1.50", 1.5, id="fraction"),
        pytest.param("12:30", "12:30", id="no base 60"),
        pytest.param("12:30.5", "12:30.5", id="no fraction in base 60"),
        pytest.param("08", "08", id="no octal"),
        pytest.param("2024-01-01", "2024-01-01", id="dates are texts"),
        pytest.param(".inf", ".inf", id="what JSON has not"),
        pytest.param("yes", True, id="yes"),
        pytest.param("Off", False, id="off"),
        pytest.param("y", "y", id="y is a text"),
        pytest.param("~", None, id="null"),
        pytest.param("!!str 1", "1", id="tag"),
        pytest.param("'1'", "1", id="quotes"),
        pytest.param("=", "=", id="equals sign"),
        pytest.param("{1: a, true: b, null: c, 1.5: d}", {"1": "a", "true": "b", "null": "c", "1.5": "d"}, id="keys"),
        pytest.param("{<<: {a: 1, b: 1}, b: 2}", {"a": 1, "b": 2}, id="merge"),
        pytest.param("{<<: [{a: 1}, {a: 2, b: 3}]}", {"a": 1, "b": 3}, id="merge of several"),
        pytest.param("[&x {a: 1}, *x]", [{"a": 1}, {"a": 1}], id="alias"),
    ],
)
def test_value(text: str, expected: object) -> None:
    value = _value(text)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        pytest.param("a: [\n", codes.BROKEN_YAML, "a.yaml:2", "not YAML", id="syntax"),
        pytest.param("a: b: c\n", codes.BROKEN_YAML, "a.yaml:1", "not YAML", id="colon"),
        pytest.param("a: *x\n", codes.BROKEN_YAML, "a.yaml:1", "undefined alias", id="alias"),
        pytest.param("a: \x00\n", codes.BROKEN_YAML, "a.yaml:1", "not YAML", id="control character"),
        pytest.param("a: 1\nb: 2\na: 3\n", codes.DUPLICATE_KEY, "a.yaml:3", '"a" is given twice', id="key twice"),
        pytest.param("a:\n  - 1: x\n    '1': y\n", codes.DUPLICATE_KEY, "a.yaml:3", '"1" is', id="key twice as text"),
        pytest.param("a: 1\nb: \ud800\n", codes.BROKEN_YAML, "a.yaml:2", "not Unicode", id="lone surrogate"),
        pytest.param("- a\n", codes.NOT_AN_OBJECT, "a.yaml:1", "got a list", id="list"),
        pytest.param("text\n", codes.NOT_AN_OBJECT, "a.yaml:1", '"text"', id="text"),
        pytest.param("a: &x [*x]\n", codes.BROKEN_YAML, "a.yaml:1", "contains itself", id="cycle"),
        pytest.param("? [a]\n: b\n", codes.BROKEN_YAML, "a.yaml:1", "a key must be a text", id="list as key"),
        pytest.param("a: !!python/object:os.x {}\n", codes.BROKEN_YAML, "a.yaml:1", "no meaning", id="tag of Python"),
        pytest.param("a: !x y\n", codes.BROKEN_YAML, "a.yaml:1", "no meaning", id="own tag"),
        pytest.param("<<: 5\n", codes.BROKEN_YAML, "a.yaml:1", "<< needs", id="merge of a number"),
    ],
)
def test_fault(text: str, code: str, place: str, words: str) -> None:
    found, (problem,) = documents(text, "a.yaml")
    assert not found
    assert (problem.code, problem.severity, problem.position) == (code, "error", place)
    assert words in problem.text


@pytest.mark.slow
def test_aliases_cannot_fill_the_memory() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
    )
    found, (problem,) = documents(bomb, "a.yaml")
    assert not found
    assert "too large" in problem.text


def test_several_documents_and_empty_ones() -> None:
    found, problems = documents(f"---\n{OBJECT}---\n# nothing\n---\nnull\n---\n{OBJECT}", "a.yaml")
    assert not problems
    assert [document.position("") for document in found] == ["a.yaml:2", "a.yaml:10"]
    assert found[0].ref == Ref("ConfigMap", "", "a")


def test_what_comes_before_a_fault_is_still_given() -> None:
    found, (problem,) = documents(f"{OBJECT}---\na: [\n", "a.yaml")
    assert len(found) == 1
    assert problem.position == "a.yaml:6"


def test_lists_are_taken_apart_and_know_their_lines() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- kind: A\n  metadata:\n    name: a\n"
        "- kind: BList\n  items:\n  - kind: B\n    metadata: {name: b}\n"
    )
    found, problems = documents(text, "a.yaml")
    assert not problems
    assert [(document.raw["kind"], document.line(""), document.line("metadata.name")) for document in found] == [
        ("A", 4, 6),
        ("B", 9, 10),
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param("spec", 2, id="key"),
        pytest.param("spec.http[0]", 4, id="item"),
        pytest.param("spec.http[0].retries.perTryTimeout", 6, id="other spelling"),
        pytest.param("spec.http[0].retries.missing", 5, id="not there"),
        pytest.param("spec.http[7]", 3, id="index beyond the end"),
        pytest.param("spec.labels[a.b/c]", 8, id="key with dots"),
        pytest.param("spec.labels[5]", 9, id="key that is a number"),
        pytest.param("", 1, id="whole"),
    ],
)
def test_line(path: str, line: int) -> None:
    text = (
        "kind: A\nspec:\n  http:\n  - name: x\n    retries:\n      per_try_timeout: 1s\n"
        "  labels:\n    a.b/c: d\n    5: e\n"
    )
    (document,), _ = documents(text, "a.yaml")
    assert document.line(path) == line


def test_lines_of_all_fields_at_once() -> None:
    text = (
        "kind: A\nspec:\n  http:\n  - name: x\n    retries:\n      per_try_timeout: 1s\n"
        "  labels:\n    a.b/c: d\n    5: e\n"
    )
    (document,), _ = documents(text, "a.yaml")
    lines = document.lines()
    assert lines == {
        "": 1,
        "kind": 1,
        "spec": 2,
        "spec.http": 3,
        "spec.http[0]": 4,
        "spec.http[0].name": 4,
        "spec.http[0].retries": 5,
        "spec.http[0].retries.perTryTimeout": 6,
        "spec.http[0].retries.per_try_timeout": 6,
        "spec.labels": 7,
        "spec.labels[a.b/c]": 8,
        "spec.labels[5]": 9,
    }
    assert all(document.line(path) == line for path, line in lines.items())


def test_lines_of_what_a_merge_key_brings() -> None:
    (document,), _ = documents("kind: A\nbase: &base\n  a: 1\n  b: 2\nspec:\n  <<: *base\n  b: 3\n", "a.yaml")
    assert {path: line for path, line in document.lines().items() if path.startswith("spec")} == {
        "spec": 5,
        "spec.a": 3,
        "spec.b": 7,
    }


def test_lines_of_a_large_object_take_one_walk() -> None:
    (document,), _ = documents("kind: A\nspec:\n" + "".join(f"- {{a: {number}}}\n" for number in range(5000)), "a.yaml")
    lines = document.lines()
    assert lines["spec[4999].a"] == 5002
    assert len(lines) == 10003


def test_json_is_yaml() -> None:
    (document,), problems = documents('{\n  "kind": "A",\n  "spec": {"a": [1, true, null]}\n}', "a.json")
    assert not problems
    assert document.raw == {"kind": "A", "spec": {"a": [1, True, None]}}
    assert document.line("spec.a[0]") == 3


def test_the_same_object_twice() -> None:
    web, other = Ref("Service", "shop", "web"), Ref("Service", "shop", "other")
    (problem,) = duplicates([(web, "a.yaml:1"), (other, "a.yaml:9"), (web, "b.yaml:3")])
    assert (problem.code, problem.ref, problem.position) == (codes.DUPLICATE_OBJECT, web, "b.yaml:3")
    assert "a.yaml:1" in problem.hint
