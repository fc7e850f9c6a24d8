"""What runs for an image."""

from __future__ import annotations

import pytest

from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.images import SAMPLE_IMAGES, command_line
from tests.host.pods.objects import FewObjects, pod

MAP = FewObjects(
    """
apiVersion: v1
kind: ConfigMap
metadata: {name: meshgate-images, namespace: istio-system}
data:
  images: |
    example.com/*: [general]
    example.com/shop/*: special --port 8080
    nginx: [nginx, -g, "daemon off;"]
    curlimages/curl: [mine]
"""
)


def _command(container: str, objects: FewObjects = MAP) -> tuple[str, ...]:
    found = pod(f"{{containers: [{{name: app, {container}}}]}}")
    return command_line(found.spec.containers[0], objects)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("command: [own], args: [a], image: nginx", ("own", "a")),
        ("image: nginx", ("nginx", "-g", "daemon off;")),
        ("image: nginx:1.27, args: [-t]", ("nginx", "-g", "daemon off;", "-t")),
        ("image: example.com/other:2", ("general",)),
        ("image: example.com/shop/web@sha256:0123", ("special", "--port", "8080")),
        ("image: docker.io/curlimages/curl", ("mine",)),
        ("image: docker.io/istio/tcp-echo-server:1.3", SAMPLE_IMAGES["istio/tcp-echo-server"]),
    ],
)
def test_longest_pattern_wins_and_the_users_map_comes_first(container: str, expected: tuple[str, ...]) -> None:
    assert _command(container) == expected


def test_image_without_a_command_says_what_to_do() -> None:
    with pytest.raises(CannotStart, match="map the image in ConfigMap") as fault:
        _command("image: example.org/unknown:1")
    assert fault.value.reason == "ErrImageUnmapped"


@pytest.mark.parametrize(
    ("content", "text"),
    [("'{'", "is not YAML"), ("just words", "expected image patterns"), ("'a: {b: c}'", "expected a command")],
)
def test_broken_map_says_where(content: str, text: str) -> None:
    broken = FewObjects(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: meshgate-images, namespace: istio-system},"
        f" data: {{images: {content}}}}}"
    )
    with pytest.raises(CannotStart, match=text) as fault:
        _command("image: a", broken)
    assert "data[images]" in fault.value.text
