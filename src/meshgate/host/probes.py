"""Probes of containers: when they are due, what they conclude; and how each kind looks at a container.

The schedule is the kubelet's (delay, period, timeout, thresholds), with one difference: a readiness probe that has not
succeeded yet is tried more often than its period, so that a pod is ready as soon as its server listens. HTTP and TCP
probes connect to the pod's address from a socket inside the pod's network namespace; Istio's capture leaves
connections of a pod to itself alone, so a probe meets the application and not its sidecar.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from meshgate.api import Container, HTTPGetAction, IntOrString, Probe
from meshgate.host.namespaces import run_in_netns

_EAGER_FIRST_S = 0.02
_EAGER_GROWTH = 1.5
_USER_AGENT = "kube-probe/1.35"
_READ_BYTES = 4096


class Verdict(Protocol):
    """Hears what the probes of a container conclude."""

    def set_ready(self, is_ready: bool, reason: str) -> None: ...
    def set_started(self) -> None: ...
    async def restart(self, reason: str) -> None:
        """Liveness or startup has failed for good: the container is to be killed."""
        ...


Check = Callable[[Probe], Awaitable[str]]
"""Looks once; empty text if healthy, else the reason. May take as long as it likes: the caller sets the deadline."""


async def run_probes(container: Container, check: Check, verdict: Verdict) -> None:
    """Probe a running container until cancelled: startup first, then readiness and liveness side by side."""
    if container.startup_probe is not None:
        await _until_started(container.startup_probe, check, verdict)
    verdict.set_started()
    async with asyncio.TaskGroup() as group:
        if container.readiness_probe is None:
            verdict.set_ready(True, "")
        else:
            group.create_task(_watch_readiness(container.readiness_probe, check, verdict))
        if container.liveness_probe is not None:
            group.create_task(_watch_liveness(container.liveness_probe, check, verdict))


async def _until_started(probe: Probe, check: Check, verdict: Verdict) -> None:
    await asyncio.sleep(probe.initial_delay_seconds)
    failures = 0
    while reason := await _look(probe, check):
        failures += 1
        if failures >= probe.failure_threshold:
            await verdict.restart(f"Startup probe failed: {reason}")
            failures = 0
        await asyncio.sleep(probe.period_seconds)


async def _watch_readiness(probe: Probe, check: Check, verdict: Verdict) -> None:
    await asyncio.sleep(probe.initial_delay_seconds)
    pause, has_succeeded = _EAGER_FIRST_S, False
    successes = failures = 0
    loop = asyncio.get_running_loop()
    due = loop.time() + probe.period_seconds
    while True:
        reason = await _look(probe, check)
        if reason:
            successes, failures = 0, failures + 1
            if has_succeeded and failures >= probe.failure_threshold:
                verdict.set_ready(False, f"Readiness probe failed: {reason}")
            elif not has_succeeded:  # a probe that is made before its time complains of nothing
                verdict.set_ready(False, f"Readiness probe failed: {reason}" if loop.time() >= due else "")
        else:
            successes, failures = successes + 1, 0
            if successes >= probe.success_threshold:
                has_succeeded = True
                verdict.set_ready(True, "")
        pause = float(probe.period_seconds) if has_succeeded else min(pause * _EAGER_GROWTH, probe.period_seconds)
        await asyncio.sleep(pause)


async def _watch_liveness(probe: Probe, check: Check, verdict: Verdict) -> None:
    await asyncio.sleep(probe.initial_delay_seconds)
    failures = 0
    while True:
        reason = await _look(probe, check)
        failures = failures + 1 if reason else 0
        if failures >= probe.failure_threshold:
            await verdict.restart(f"Liveness probe failed: {reason}")
            failures = 0
        await asyncio.sleep(probe.period_seconds)


async def _look(probe: Probe, check: Check) -> str:
    try:
        async with asyncio.timeout(probe.timeout_seconds):
            return await check(probe)
    except TimeoutError:
        return f"no answer within {probe.timeout_seconds} s"


# --- looking ------------------------------------------------------------------------------------------------------


class NetworkView(Struct, frozen=True, kw_only=True):
    """From where HTTP and TCP probes look."""

    netns_fd: int
    address: str


async def check_http(action: HTTPGetAction, container: Container, at: NetworkView) -> str:
    """200 to 399 is healthy; certificates are not looked at, as in Kubernetes."""
    host, port = action.host or at.address, port_number(action.port, container)
    with _socket_in(at.netns_fd) as connection:
        try:
            await asyncio.get_running_loop().sock_connect(connection, (host, port))
            status = await _get(connection, action, host, port)
        except (OSError, asyncio.IncompleteReadError, ValueError) as fault:
            return f"GET {action.scheme.lower()}://{host}:{port}{action.path}: {_text(fault)}"
    return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


async def check_tcp(port: IntOrString, host: str, container: Container, at: NetworkView) -> str:
    """A connection that opens is healthy."""
    address = (host or at.address, port_number(port, container))
    with _socket_in(at.netns_fd) as connection:
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
        except OSError as fault:
            return f"dial tcp {address[0]}:{address[1]}: {_text(fault)}"
    return ""


def port_number(port: IntOrString, container: Container) -> int:
    """A port by number, or by the name that the container gives it; ValueError if it has no such port."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    for known in container.ports:
        if known.name == port:
            return known.container_port
    raise ValueError(f'container "{container.name}" has no port named "{port}"')


def _socket_in(netns_fd: int) -> socket.socket:
    connection = run_in_netns(netns_fd, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
    connection.setblocking(False)
    return connection


async def _get(connection: socket.socket, action: HTTPGetAction, host: str, port: int) -> int:
    reader, writer = await asyncio.open_connection(
        sock=connection.dup(), ssl=_any_certificate() if action.scheme == "HTTPS" else None
    )
    try:
        named = {header.name.lower() for header in action.http_headers}
        lines = [f"GET {action.path or '/'} HTTP/1.1"]
        lines += [f"{header.name}: {header.value}" for header in action.http_headers]
        defaults = {"Host": f"{host}:{port}", "User-Agent": _USER_AGENT, "Accept": "*/*", "Connection": "close"}
        lines += [f"{name}: {value}" for name, value in defaults.items() if name.lower() not in named]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await writer.drain()
        words = (await reader.readline()).split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            raise ValueError("the answer is not HTTP")
        await reader.read(_READ_BYTES)  # a server that logs broken connections has nothing to complain of
        return int(words[1])
    finally:
        writer.close()


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _text(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.errno == errno.ECONNREFUSED:
        return "connection refused"
    return (os.strerror(fault.errno) if isinstance(fault, OSError) and fault.errno else str(fault)) or repr(fault)
