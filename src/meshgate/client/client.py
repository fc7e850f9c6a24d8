"""The client: a mesh's API as methods.

Objects are raw JSON, as everywhere outside the core. Every method raises `ApiError` for what the API refuses,
`Refused` where objects are at fault (with the problems), `NotRunning` where nobody answers.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import msgspec

from meshgate.api import KINDS, Kind, kind_of
from meshgate.errors import ApiError

from .answers import Raw, TransactionResult, WatchEvent
from .connection import Connection, Request
from .exec_session import PROTOCOL, ExecSession
from .log_options import LogOptions
from .paths import path_of
from .positions import Positions

PATIENCE_S = 10.0
"""A control plane that was killed is back in about a second."""
OWN = "/apis/meshgate.io/v1"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
Mode = Literal["apply", "create", "delete"]
PatchType = Literal["merge", "strategic-merge", "json"]


_POD = next(kind for kind in KINDS if kind.kind == "Pod")
_ACCOUNT = next(kind for kind in KINDS if kind.kind == "ServiceAccount")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects of a kind: "" selects all."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""

    def query(self) -> list[tuple[str, str]]:
        given = (("labelSelector", self.labels), ("fieldSelector", self.fields))
        return [(name, value) for name, value in given if value]


ALL = Selection()


class Client:
    """One mesh's API. `patience_s`: how long to wait for a control plane that is being restarted."""

    def __init__(self, socket_path: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._connection = Connection(socket_path, patience_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def get(self, kind: Kind, name: str, namespace: str = "", *, table: bool = False) -> Raw:
        """One object, or the Table that holds it."""
        return await self._read(path_of(kind, namespace, name), accept=TABLE if table else "application/json")

    async def list(self, kind: Kind, selection: Selection = ALL, *, table: bool = False) -> Raw:
        """The list document (`items`, `metadata.resourceVersion`), or the Table of the same objects."""
        accept = TABLE if table else "application/json"
        return await self._read(path_of(kind, selection.namespace), selection.query(), accept=accept)

    async def watch(
        self, kind: Kind, selection: Selection = ALL, *, since: str = "", table: bool = False
    ) -> AsyncGenerator[WatchEvent, None]:
        """Changes after the resource version `since`; without it first all there is, as ADDED. Ends when the server
        ends it (list again, or go on from the last event's). Raises ApiError 410 when `since` is too old."""
        query = [("watch", "true"), ("allowWatchBookmarks", "true"), *selection.query()]
        query += [("resourceVersion", since)] if since else []
        accept = TABLE if table else "application/json"
        request = Request(method="GET", path=path_of(kind, selection.namespace), query=query, accept=accept)
        async with self._connection.stream(request) as content:
            rest = b""
            async for piece in content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield _watch_event(line)

    async def create(self, raw: Raw, *, dry_run: bool = False) -> Raw:
        kind, namespace, _ = _place(raw)
        return await self._write("POST", path_of(kind, namespace), raw, dry_run=dry_run)

    async def replace(self, raw: Raw, *, subresource: str = "", dry_run: bool = False) -> Raw:
        """Update; `subresource` "status" writes the status alone."""
        kind, namespace, name = _place(raw)
        return await self._write("PUT", path_of(kind, namespace, name, subresource), raw, dry_run=dry_run)

    async def patch(
        self, kind: Kind, name: str, namespace: str, patch: object, *, patch_type: PatchType = "merge"
    ) -> Raw:
        content_type = f"application/{patch_type}-patch+json"
        return await self._write("PATCH", path_of(kind, namespace, name), patch, content_type=content_type)

    async def delete(
        self, kind: Kind, name: str, namespace: str = "", *, grace_s: int | None = None, propagation: str = "Background"
    ) -> Raw:
        """The object, if it has to end first; else a Status of success."""
        options: dict[str, Any] = {"propagationPolicy": propagation}
        options |= {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        return await self._write("DELETE", path_of(kind, namespace, name), options)

    async def transact(
        self,
        objects: Sequence[Mapping[str, Any]],
        *,
        mode: Mode = "apply",
        positions: Sequence[Positions | None] = (),
        dry_run: bool = False,
        ignore_missing: bool = False,
    ) -> TransactionResult:
        """All objects at once, or none. Safe to lose the connection: it is done once, or it says that it is unknown.

        Each transaction has an id, and the store keeps with it what it did; so it is sent again with the same id
        until somebody answers. `positions` say where each object was written, for problems to be found there.
        """
        body = {
            "id": str(uuid.uuid4()),
            "mode": mode,
            "dryRun": dry_run,
            "objects": list(objects),
            "positions": list(positions),
            "ignoreNotFound": ignore_missing,
        }
        request = Request(method="POST", path=f"{OWN}/transactions", body=msgspec.json.encode(body), repeatable=True)
        return msgspec.json.decode(await self._connection.send(request), type=TransactionResult)

    async def logs(
        self, pod: str, namespace: str, container: str = "", options: LogOptions | None = None
    ) -> AsyncGenerator[bytes, None]:
        """A container's log in pieces of any size; "" is the pod's only container besides the sidecar."""
        query = _log_query(options or LogOptions())
        query += [("container", container)] if container else []
        request = Request(method="GET", path=path_of(_POD, namespace, pod, "log"), query=query)
        async with self._connection.stream(request) as content:
            async for piece in content.iter_any():
                yield piece

    @asynccontextmanager
    async def exec(
        self,
        pod: str,
        namespace: str,
        argv: Sequence[str],
        *,
        container: str = "",
        tty: bool = False,
        stdin: bool = False,
    ) -> AsyncIterator[ExecSession]:
        """Run a command in a container; leaving the block ends it."""
        query = [*(("command", word) for word in argv), ("stdout", "true")]
        query += [("container", container)] if container else []
        query += [("stdin", "true")] if stdin else []
        query += [("tty", "true")] if tty else [("stderr", "true")]
        request = Request(method="GET", path=path_of(_POD, namespace, pod, "exec"), query=query)
        socket = await self._connection.websocket(request, PROTOCOL)
        try:
            yield ExecSession(socket)
        finally:
            await socket.close()

    async def create_token(self, account: str, namespace: str, spec: Mapping[str, Any]) -> str:
        """A token for a ServiceAccount; `spec` is that of a TokenRequest."""
        body = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": spec}
        answer = await self._write("POST", path_of(_ACCOUNT, namespace, account, "token"), body)
        return str(answer["status"]["token"])

    async def status(self) -> Raw:
        """The mesh's own view: proxies, problems, addresses."""
        return await self._read(f"{OWN}/status")

    async def config_dump(self, pod: str, namespace: str, section: str = "") -> bytes:
        """What the pod's Envoy says to `/config_dump`: one section, or all with the endpoints."""
        query = [("section", section)] if section else []
        return await self._proxy(pod, namespace, "config_dump", query)

    async def proxy_clusters(self, pod: str, namespace: str) -> bytes:
        """What the pod's Envoy says to `/clusters?format=json`: its endpoints, and how they are."""
        return await self._proxy(pod, namespace, "clusters")

    async def proxy_resources(self, pod: str, namespace: str) -> Raw:
        """What the pod's proxy should hold, secrets apart, as Envoy's documentation writes it."""
        return msgspec.json.decode(await self._proxy(pod, namespace, "resources"), type=dict[str, Any])

    async def proxy_logging(self, pod: str, namespace: str, logger: str = "", level: str = "") -> str:
        """The loggers of the pod's Envoy and their levels; after one of them, or all, was given a level."""
        query = [(name, value) for name, value in (("logger", logger), ("level", level)) if value]
        request = Request(method="POST", path=_proxy_path(pod, namespace, "logging"), query=query)
        return (await self._connection.send(request)).decode()

    async def authn(self, pod: str, namespace: str) -> Raw:
        """Which TLS the pod's proxy takes at each port and sends to each destination, and why."""
        return msgspec.json.decode(await self._proxy(pod, namespace, "authn"), type=dict[str, Any])

    async def wait_applied(self, timeout_s: int, resource_version: str = "") -> Raw:
        """Wait until every connected proxy has acknowledged what the store says (at that version); then the status.

        Raises ApiError 504 when time is over. `timeout_s` is in whole seconds.
        """
        query = [("for", "applied"), ("timeoutSeconds", str(timeout_s))]
        query += [("resourceVersion", resource_version)] if resource_version else []
        return await self._read(f"{OWN}/wait", query)

    async def _proxy(self, pod: str, namespace: str, what: str, query: Sequence[tuple[str, str]] = ()) -> bytes:
        path = _proxy_path(pod, namespace, what)
        return await self._connection.send(Request(method="GET", path=path, query=query, repeatable=True))

    async def _read(self, path: str, query: Sequence[tuple[str, str]] = (), *, accept: str = "application/json") -> Raw:
        request = Request(method="GET", path=path, query=query, accept=accept, repeatable=True)
        return msgspec.json.decode(await self._connection.send(request), type=dict[str, Any])

    async def _write(
        self, method: str, path: str, body: object, *, dry_run: bool = False, content_type: str = "application/json"
    ) -> Raw:
        query = [("dryRun", "All")] if dry_run else []
        data = msgspec.json.encode(body)
        request = Request(method=method, path=path, query=query, body=data, content_type=content_type)
        return msgspec.json.decode(await self._connection.send(request), type=dict[str, Any])


def _proxy_path(pod: str, namespace: str, what: str) -> str:
    return f"{OWN}/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/proxy/{what}"


def _place(raw: Raw) -> tuple[Kind, str, str]:
    kind = kind_of(str(raw.get("apiVersion")), str(raw.get("kind")))
    if kind is None:
        text = f'no matches for kind "{raw.get("kind")}" in version "{raw.get("apiVersion")}"'
        raise ApiError(text, code=404, reason="NotFound")
    metadata = raw.get("metadata") or {}
    namespace = (metadata.get("namespace") or "default") if kind.namespaced else ""
    return kind, namespace, metadata.get("name") or ""


def _watch_event(line: bytes) -> WatchEvent:
    event = msgspec.json.decode(line, type=WatchEvent)
    if event.type == "ERROR":
        status = event.object
        raise ApiError(status.get("message", ""), code=status.get("code", 0), reason=status.get("reason", ""))
    return event


def _log_query(options: LogOptions) -> list[tuple[str, str]]:
    numbers = {
        "tailLines": options.tail_lines,
        "sinceSeconds": options.since_seconds,
        "limitBytes": options.limit_bytes,
    }
    flags = {"follow": options.follow, "previous": options.previous, "timestamps": options.timestamps}
    query = [(name, str(number)) for name, number in numbers.items() if number is not None]
    query += [(name, "true") for name, flag in flags.items() if flag]
    return query + ([("sinceTime", options.since_time)] if options.since_time else [])
