"""What a bootstrap says of versions: `istioctl proxy-config bootstrap -o short`."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from meshgate.explain.dump.sections import Dump


class _Number(Struct, frozen=True):
    major_number: int = 0
    minor_number: int = 0
    patch: int = 0


class _Build(Struct, frozen=True):
    version: _Number = _Number()
    metadata: dict[str, str] = {}


class _NodeMetadata(Struct, frozen=True):
    istio: str = msgspec.field(name="ISTIO_VERSION", default="")


class _Node(Struct, frozen=True):
    metadata: _NodeMetadata = _NodeMetadata()
    user_agent_build_version: _Build = _Build()


class _Bootstrap(Struct, frozen=True):
    node: _Node = _Node()


class _Section(Struct, frozen=True):
    bootstrap: _Bootstrap = _Bootstrap()


def version_lines(dump: Dump) -> tuple[tuple[str, str], ...]:
    """Label and value of each line."""
    node = dump.read(dump.section("BootstrapConfigDump"), _Section).bootstrap.node
    build, number = node.user_agent_build_version, node.user_agent_build_version.version
    parts = (build.metadata.get(key, "") for key in ("revision.status", "build.type", "ssl.version"))
    version = "/".join([f"{number.major_number}.{number.minor_number}.{number.patch}", *filter(None, parts)])
    label = build.metadata.get("build.label", "")
    version = version.replace("/", f"-{label}/", 1) if label else version
    istio = node.metadata.istio
    return (*([("Istio Version:", istio)] if istio else []), ("Envoy Version:", version))
