"""Redirects: where a request is sent to."""

from __future__ import annotations

from meshgate.explain import Redirect
from tests.explain.simulate.made import NOTHING, Fields


def redirecting(action: Fields) -> Fields:
    """A route for any path, or for `/old/` where a prefix is rewritten."""
    return {"match": {"prefix": "/old/" if "prefix_rewrite" in action else "/"}, "redirect": action}


REDIRECTS: list[tuple[Fields, Fields, Redirect]] = [
    ({"host_redirect": "b.test"}, {"path": "/p?q"}, Redirect(301, "http://b.test/p?q")),
    ({"https_redirect": True}, {"host": "a.test:80"}, Redirect(301, "https://a.test/")),
    ({"https_redirect": True}, {"host": "a.test:8080"}, Redirect(301, "https://a.test:8080/")),
    ({"scheme_redirect": "ftp", "response_code": "FOUND"}, NOTHING, Redirect(302, "ftp://a.test/")),
    ({"port_redirect": 8443}, {"host": "a.test:80"}, Redirect(301, "http://a.test:8443/")),
    ({"port_redirect": 8443}, {"host": "[::1]:80"}, Redirect(301, "http://[::1]:8443/")),
    ({"path_redirect": "/new"}, {"path": "/old?q"}, Redirect(301, "http://a.test/new?q")),
    ({"path_redirect": ""}, {"path": "/old?q"}, Redirect(301, "http://a.test/old?q")),
    ({"path_redirect": "/new?x"}, {"path": "/old?q"}, Redirect(301, "http://a.test/new?x")),
    ({"path_redirect": "/new", "strip_query": True}, {"path": "/old?q"}, Redirect(301, "http://a.test/new")),
    ({"prefix_rewrite": "/new/"}, {"path": "/old/a?q"}, Redirect(301, "http://a.test/new/a?q")),
    ({"response_code": "PERMANENT_REDIRECT"}, NOTHING, Redirect(308, "http://a.test/")),
    (
        {"regex_rewrite": {"pattern": {"regex": "/(\\w+)/(\\w+)"}, "substitution": "/\\2/\\1"}},
        {"path": "/old/a?q"},
        Redirect(301, "http://a.test/a/old?q"),
    ),
]
"""Action, the call, status and location."""
