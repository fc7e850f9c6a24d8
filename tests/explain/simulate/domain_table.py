"""Domains of virtual hosts and hosts of requests."""

from __future__ import annotations

DOMAINS: list[tuple[str, list[str], str, str | None]] = [
    ("exact", ["a.test", "*"], "a.test", "a.test"),
    ("exact before wildcards", ["*.test", "a.*", "*", "a.test"], "a.test", "a.test"),
    ("all", ["b.test", "*"], "a.test", "*"),
    ("none", ["b.test"], "a.test", None),
    ("suffix", ["*.test", "*"], "a.test", "*.test"),
    ("longest suffix", ["*.test", "*.a.test", "*t"], "b.a.test", "*.a.test"),
    ("suffix inside a label", ["*-x.test", "*.test"], "a-x.test", "*-x.test"),
    ("prefix", ["a.*", "*"], "a.test", "a.*"),
    ("longest prefix", ["a.*", "a.b.*"], "a.b.test", "a.b.*"),
    ("a short suffix before a long prefix", ["a.b.c.*", "*t"], "a.b.c.test", "*t"),
    ("a wildcard stands for something", ["*.test", "*"], ".test", "*"),
    ("host in any case", ["a.test"], "A.Test", "a.test"),
    ("domain in any case", ["A.Test"], "a.test", "A.Test"),
    ("no host", ["*.test", "*"], "", "*"),
    ("port counts", ["a.test", "*"], "a.test:80", "*"),
    ("with its port", ["a.test:80", "*"], "a.test:80", "a.test:80"),
]
"""What it shows, all domains, the host asked for, the chosen domain."""
