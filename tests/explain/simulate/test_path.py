"""Path normalisation before routing."""

from __future__ import annotations

import pytest

from meshgate.explain.simulate.path import canonical_path, normalised_path
from meshgate.explain.simulate.result import Stop
from meshgate.proto import from_json, v3
from tests.explain.simulate.made import Fields


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "/a"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../../b", "/b"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a//b", "/a//b"),
        ("/a//../b", "/a/b"),
        ("/a\\b", "/a/b"),
        ("/%61", "/a"),
        ("/%2e%2E/a", "/a"),
        ("/%2f", "/%2f"),
        ("/%7e", "/~"),
        ("/%zz", "/%zz"),
        ("/a{b}", "/a%7Bb%7D"),
        ("/ä", "/%C3%A4"),
        ("/a.b/..c/d", "/a.b/..c/d"),
    ],
)
def test_canonical_path(path: str, expected: str) -> None:
    assert canonical_path(path) == expected
    assert canonical_path(expected) == expected


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        ({}, "/a/../b", "/a/../b"),
        ({"normalize_path": True}, "/a/../b?c=/../d", "/b?c=/../d"),
        ({"merge_slashes": True}, "//a///b?c=//", "/a/b?c=//"),
        ({"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}, "/a%2fb", "/a%2fb"),
        ({"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}, "/a%2Fb%5cc", "/a/b\\c"),
        ({"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD", "normalize_path": True}, "/a%2F..%5cc", "/c"),
        ({"path_with_escaped_slashes_action": "REJECT_REQUEST"}, "/a%2fb", None),
        ({"path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT"}, "/a%2fb", None),
        ({}, "/a#b", None),
    ],
)
def test_connection_managers_rules(fields: Fields, path: str, expected: str | None) -> None:
    made = normalised_path(path, from_json(fields, v3.HttpConnectionManager))
    assert (None if isinstance(made, Stop) else made) == expected
