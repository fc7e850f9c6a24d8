"""Paths as clients send them, and as routes see them."""

from __future__ import annotations

from tests.explain.simulate.made import Fields

CANONICAL: list[tuple[str, str]] = [
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
    ("/a^b|c", "/a%5Eb%7Cc"),
    ("/a;b/..;c", "/"),
    ("/..;/a", "/a"),
    ("/.;a", "/"),
    ("/a/...", "/a/..."),
    ("/a.b/..c/d", "/a.b/..c/d"),
]
"""Path, path with `normalize_path`."""

MANAGED: list[tuple[Fields, str, str | None]] = [
    ({}, "/a/../b", "/a/../b"),
    ({"normalize_path": True}, "/a/../b?c=/../d", "/b?c=/../d"),
    ({"merge_slashes": True}, "//a///b?c=//", "/a/b?c=//"),
    ({"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}, "/a%2fb", "/a%2fb"),
    ({"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}, "/a%2Fb%5cc", "/a/b\\c"),
    ({"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD", "normalize_path": True}, "/a%2F..%5cc", "/c"),
    ({"path_with_escaped_slashes_action": "REJECT_REQUEST"}, "/a%2fb", None),
    ({"path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT"}, "/a%2fb", None),
    ({}, "/a#b", None),
    ({}, "/%00", "/%00"),
    ({"normalize_path": True}, "/%00", None),
    ({}, "/ä", None),
    ({}, "/a b", None),
    ({}, "a", None),
]
"""Fields of the connection manager, path, path for routes (None: there is no route to be asked for)."""
