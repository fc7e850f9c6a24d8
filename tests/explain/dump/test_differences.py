"""What a proxy holds beside what it should hold."""

from __future__ import annotations

from meshgate.explain.dump import differences
from tests.explain.dump.dumps import dump

CLUSTER = {"name": "a", "connect_timeout": "1s"}


def test_what_differs_is_shown_from_what_should_be_to_what_is() -> None:
    held = dump(clusters=[{"name": "b"}, {**CLUSTER, "connect_timeout": "5s"}], listeners=[], routes=[])
    clusters, listeners, routes = differences({"clusters": [CLUSTER, {"name": "b"}], "routes": [{"name": "80"}]}, held)
    assert (clusters.title, listeners.title, routes.title) == ("Clusters", "Listeners", "Routes")
    assert clusters.lines[:2] == ("--- Istiod Clusters", "+++ Envoy Clusters")
    assert [line for line in clusters.lines[2:] if line[0] in "+-"] == [
        '-      "connect_timeout": "1s"',
        '+      "connect_timeout": "5s"',
    ]
    assert listeners.lines == ()
    assert any(line.startswith("-") and '"80"' in line for line in routes.lines)


def test_order_does_not_matter() -> None:
    held = dump(clusters=[{"name": "b"}, {"name": "a"}], listeners=[], routes=[])
    assert not any(each.lines for each in differences({"clusters": [{"name": "a"}, {"name": "b"}]}, held))
