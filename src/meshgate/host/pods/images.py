"""What to run where a manifest has only an image: the image map.

ConfigMap `meshgate-images` in `istio-system`: each key's value is YAML, image patterns (`*` and `?`) -> command, a
list or a line that is split as a shell would. The longest pattern that matches wins; the ConfigMap's before those
that meshgate brings for Istio's sample images. Patterns are compared with the image as written, without its tag, and
without its registry.
"""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Mapping

import yaml

from meshgate.api import Container
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.objects import Objects, config_map_data

CONFIG_MAP = "meshgate-images"
CONFIG_NAMESPACE = "istio-system"
UNMAPPED = "ErrImageUnmapped"

_HTTPBIN = ("python3", "-m", "meshgate.apps.httpbin", "--port", "80")
_TCP_ECHO = ("python3", "-m", "meshgate.apps.tcp_echo", "--port", "9000")
_HELLO = ("python3", "-m", "meshgate.apps.chain", "--port", "5000", "--message")
SAMPLE_IMAGES: Mapping[str, tuple[str, ...]] = {
    "kennethreitz/httpbin": _HTTPBIN,
    "kong/httpbin": _HTTPBIN,
    "mccutchen/go-httpbin": ("python3", "-m", "meshgate.apps.httpbin", "--port", "8080"),
    "istio/tcp-echo-server": _TCP_ECHO,
    "istio/examples-helloworld-v1": (
        "python3",
        "-m",
        "meshgate.apps.chain",
        "--port",
        "5000",
        "--message",
        "Hello version: v1",
    ),
    "istio/examples-helloworld-v2": (
        "python3",
        "-m",
        "meshgate.apps.chain",
        "--port",
        "5000",
        "--message",
        "Hello version: v2",
    ),
    "curlimages/curl": ("sleep", "infinity"),
    "governmentpaas/curl-ssl": ("sleep", "infinity"),
}
"""Stand-ins for images of Istio's samples, listening where those listen."""


def command_line(container: Container, objects: Objects) -> tuple[str, ...]:
    """The words to run: the container's own command, else its image's; `args` follow.

    CannotStart if there is neither.
    """
    if container.command:
        return (*container.command, *container.args)
    mapped = image_command(container.image, image_map(objects)) if container.image else None
    if mapped is None:
        raise CannotStart(_how_to_map(container), reason=UNMAPPED)
    return (*mapped, *container.args)


def image_map(objects: Objects) -> dict[str, tuple[str, ...]]:
    """The ConfigMap's entries; CannotStart names what in it cannot be read."""
    entries: dict[str, tuple[str, ...]] = {}
    for key, content in sorted((config_map_data(objects, CONFIG_NAMESPACE, CONFIG_MAP) or {}).items()):
        where = f"ConfigMap/{CONFIG_NAMESPACE}/{CONFIG_MAP} data[{key}]"
        try:
            parsed = yaml.safe_load(content)
        except yaml.YAMLError as fault:
            raise CannotStart(f"{where} is not YAML: {fault}", reason=UNMAPPED) from fault
        if not isinstance(parsed, dict):
            raise CannotStart(f"{where}: expected image patterns with their commands", reason=UNMAPPED)
        entries |= {str(pattern): _words(command, f'{where} "{pattern}"') for pattern, command in parsed.items()}
    return entries


def image_command(image: str, entries: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The command of the longest pattern that matches."""
    for table in (entries, SAMPLE_IMAGES):
        for pattern in sorted(table, key=lambda pattern: (-len(pattern), pattern)):
            if any(fnmatch.fnmatchcase(name, pattern) for name in names_of(image)):
                return table[pattern]
    return None


def names_of(image: str) -> tuple[str, ...]:
    """How an image may be called in a pattern.

    >>> names_of("docker.io/istio/tcp-echo-server:1.3")
    ('docker.io/istio/tcp-echo-server:1.3', 'docker.io/istio/tcp-echo-server', 'istio/tcp-echo-server')
    >>> names_of("nginx")
    ('nginx',)
    """
    bare = image.partition("@")[0]
    folder, slash, last = bare.rpartition("/")
    untagged = folder + slash + last.partition(":")[0]
    registry, _, rest = untagged.partition("/")
    is_registry = rest and ("." in registry or ":" in registry or registry == "localhost")
    return tuple(dict.fromkeys((image, untagged, rest if is_registry else untagged)))


def _words(command: object, where: str) -> tuple[str, ...]:
    words = shlex.split(command) if isinstance(command, str) else command
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise CannotStart(f"{where}: expected a command, as a line or a list of words", reason=UNMAPPED)
    return tuple(words)


def _how_to_map(container: Container) -> str:
    if not container.image:
        return f'container "{container.name}" has neither a command nor an image; give it a command'
    return (
        f'container "{container.name}" has only an image ("{container.image}") and containers run as local processes: '
        f'give it a command, or map the image in ConfigMap "{CONFIG_MAP}" in namespace "{CONFIG_NAMESPACE}", such as '
        f'data: {{"images": "{container.image}: python3 -m http.server 8080"}}'
    )
