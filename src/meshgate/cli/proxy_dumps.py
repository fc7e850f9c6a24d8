"""Where a dump of Envoy's configuration comes from: a pod of the mesh, or a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.cli.connection import talk
from meshgate.cli.targets import pod_of, split_target
from meshgate.errors import UsageError
from meshgate.host.envoy_binary import load_schema

if TYPE_CHECKING:
    from meshgate.client import Client
    from meshgate.explain.dump import Dump, Hosts


@dataclass(frozen=True, kw_only=True)
class DumpSource:
    """One of `target` and `file` is given."""

    target: str
    """`NAME[.NAMESPACE]`, `KIND/NAME[.NAMESPACE]`."""
    file: str
    """`-` is standard input."""
    namespace: str
    data_dir: Path

    def dump(self, section: str) -> Dump:
        """The dump; of a pod's this section of it, or all ("")."""
        from meshgate.explain.dump import Dump

        async def conversation(client: Client) -> bytes:
            pod, namespace = await self.pod(client)
            return await client.config_dump(pod, namespace, section)

        text = file_bytes(self.file) if self.file else talk(self.data_dir, conversation)
        load_schema()
        return Dump(text)

    def hosts(self) -> Hosts:
        """The endpoints, with what Envoy thinks of them."""
        from meshgate.explain.dump import Hosts

        async def conversation(client: Client) -> bytes:
            pod, namespace = await self.pod(client)
            return await client.proxy_clusters(pod, namespace)

        text = file_bytes(self.file) if self.file else talk(self.data_dir, conversation)
        load_schema()
        return Hosts(text)

    async def pod(self, client: Client) -> tuple[str, str]:
        """Name and namespace of the pod that is meant."""
        name, namespace = split_target(self.target, self.namespace)
        return await pod_of(client, namespace, name), namespace


def file_bytes(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file!r}: {error.strerror}") from error
