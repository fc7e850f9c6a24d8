"""Commands in pods under test."""

from __future__ import annotations

from datetime import UTC, datetime

from meshgate.host.streams import HostStreams
from tests.host.nodes import Node


async def run_in(node: Node, pod: str, container: str, script: str) -> str:
    """Run a shell script in a container, as its user; all that it wrote."""
    streams = HostStreams(node.kubelet, node.runtime, lambda: datetime.now(UTC))
    process = await streams.exec("default", pod, container, ["sh", "-c", script], tty=False, stdin=False)
    text = b"".join([data async for _, data in process.output()])
    await process.wait()
    return text.decode()
