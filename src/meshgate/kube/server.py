"""The API server: one aiohttp server on a Unix socket that only its owner (and root) may use.

Every answer that is not a success is a Kubernetes `Status`. What a handler did not foresee is logged here, once, and
answered with 500 without any detail of the objects at hand: they may be Secrets.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import traceback
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from aiohttp import web

from meshgate.errors import ApiError, EnvironmentFault
from meshgate.store.core import StatusFault, bad_request

from .answers import openapi_v2, page_not_found, refuse, respond
from .call import Call, Handler
from .deps import KubeDeps
from .discovery import Document, documents, version_document
from .exec import exec_in_container
from .logs import read_log
from .mesh import mesh_status, wait
from .proxies import Look, look_into_proxy
from .reading import get_object, list_or_watch
from .requests import MAX_BODY_BYTES
from .scale import get_scale, patch_scale, update_scale
from .targets import Target, target_of
from .tokens import create_token, review_token
from .transactions import receipt_of, transact
from .writing import (
    create_object,
    delete_collection,
    delete_object,
    patch_object,
    patch_status,
    update_object,
    update_status,
)

log = logging.getLogger(__name__)
PLACES = 3
"""Innermost lines of the program that a log entry names."""

MAX_PATH_BYTES = 107
"""Of a Unix socket's path on Linux."""
SHUTDOWN_S = 0.5
"""How long requests may go on when the server ends; watches would go on for ever."""
PEER_CREDENTIALS = struct.Struct("3i")

COLLECTION: Mapping[str, Handler] = {
    "GET": list_or_watch,
    "POST": create_object,
    "DELETE": delete_collection,
}
OBJECT: Mapping[str, Handler] = {
    "GET": get_object,
    "PUT": update_object,
    "PATCH": patch_object,
    "DELETE": delete_object,
}
SUBRESOURCES: Mapping[tuple[str, str], Mapping[str, Handler]] = {
    ("", "status"): {"GET": get_object, "PUT": update_status, "PATCH": patch_status},
    ("Deployment", "scale"): {"GET": get_scale, "PUT": update_scale, "PATCH": patch_scale},
    ("Namespace", "finalize"): {"PUT": update_object},
    ("Pod", "log"): {"GET": read_log},
    ("ServiceAccount", "token"): {"POST": create_token},
    ("Pod", "exec"): {"GET": exec_in_container, "POST": exec_in_container},
}
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
"""Reviews are asked, not stored."""


async def serve(deps: KubeDeps, socket_path: Path, ready: asyncio.Event) -> None:
    """Serve for ever. A stale socket at the path is replaced: the caller holds the lock on the data directory.

    It is left behind in the end, so that a client in the gap of a restart is refused a connection, and tries again.
    """
    runner = web.AppRunner(application(deps), access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, _listening(socket_path)).start()
        ready.set()
        await asyncio.Event().wait()  # no deadline: it serves until its group ends it
    finally:
        await runner.cleanup()


def application(deps: KubeDeps) -> web.Application:
    """The server without its socket."""
    api = _Api(deps)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", api.guarded)
    return app


class _Api:
    def __init__(self, deps: KubeDeps) -> None:
        self._deps = deps
        self._documents: Mapping[str, Document] = {
            "/version": version_document(metadata.version("meshgate")),
            **documents(),
        }

    async def guarded(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_peer(request)
            return await self.answer(request)
        except StatusFault as fault:
            return refuse(fault, upgrade="Upgrade" in request.headers)
        except ApiError as error:
            return refuse(StatusFault(error.text, code=error.code, reason=error.reason))
        except EnvironmentFault as error:
            log.error("a request failed for lack of something", extra={"path": request.path, "error": str(error)})
            return refuse(StatusFault(error.text, code=500, reason="InternalError"))
        except web.HTTPRequestEntityTooLarge:
            text = f"Request entity too large: limit is {MAX_BODY_BYTES}"
            return refuse(StatusFault(text, code=413, reason="RequestEntityTooLarge"))
        except TimeoutError:
            return refuse(StatusFault("the request's body did not come in time", code=408, reason="Timeout"))
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            # Only type and place: a message may quote an object, and that may be a Secret.
            log.error(
                "a request failed by a fault of ours",
                extra={
                    "path": request.path,
                    "method": request.method,
                    "error": type(error).__name__,
                    "at": places_of(error),
                },
                exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
            )
            text = f"Internal error occurred: {type(error).__name__}: this is a bug in meshgate, see its log"
            return refuse(StatusFault(text, code=500, reason="InternalError"))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        if path == "/openapi/v2":
            return openapi_v2()
        if path in self._documents:
            return respond(self._documents[path])
        if path.startswith("/apis/meshgate.io/v1/"):
            return await self._own(request, path.removeprefix("/apis/meshgate.io/v1/"))
        if (request.method, path) == ("POST", REVIEWS):
            return await review_token(request, self._deps)
        target = target_of(request.rel_url.raw_path)
        if target is None:
            return page_not_found()
        handler = _handler(target, request.method)
        if handler is None:
            text = "the server does not allow this method on the requested resource"
            raise StatusFault(text, code=405, reason="MethodNotAllowed")
        return await handler(Call(request=request, target=target, deps=self._deps))

    async def _own(self, request: web.Request, what: str) -> web.StreamResponse:
        match request.method, *what.split("/"):
            case "POST", "transactions":
                return await transact(request, self._deps)
            case "GET", "transactions", receipt_id:
                return receipt_of(receipt_id, self._deps)
            case "GET", "status":
                return await mesh_status(request, self._deps)
            case (("GET" | "POST"), "wait"):
                return await wait(request, self._deps)
            case (("GET" | "POST"), "namespaces", namespace, "pods", pod, "proxy", what):
                return await look_into_proxy(Look(request, namespace, pod, what), self._deps)
        return page_not_found()

    def _check_peer(self, request: web.Request) -> None:
        """The socket's mode keeps others out; so does this, where the mode was changed or a directory was shared."""
        connection = request.transport.get_extra_info("socket") if request.transport else None
        if connection is None:
            raise bad_request("the connection is gone")
        size = PEER_CREDENTIALS.size
        _, uid, _ = PEER_CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        if uid not in (0, self._deps.owner_uid):
            text = f"forbidden: user {uid} may not use this mesh: it belongs to user {self._deps.owner_uid}"
            raise StatusFault(text, code=403, reason="Forbidden")


def _handler(target: Target, method: str) -> Handler | None:
    if target.subresource:
        own = SUBRESOURCES.get((target.kind.kind, target.subresource), {})
        return own.get(method) or SUBRESOURCES.get(("", target.subresource), {}).get(method)
    return (OBJECT if target.name else COLLECTION).get(method)


def places_of(error: BaseException) -> str:
    """Where it was raised, without what it says."""
    frames = traceback.extract_tb(error.__traceback__)[-PLACES:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))


def _listening(path: Path) -> socket.socket:
    """A listening socket with mode 0600: nobody can connect before `listen`, so the mode is never late."""
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise EnvironmentFault(
            f'the path of the API socket is too long: "{path}" has {len(os.fsencode(path))} bytes, Linux takes '
            f"{MAX_PATH_BYTES}",
            hint="use a shorter --data-dir",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EnvironmentFault(f'cannot listen on the API socket "{path}": {error}') from error
    return listener
