"""One request, with all that a handler needs to answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from meshgate.store.sqlite import Store

from .deps import KubeDeps
from .requests import Query
from .targets import Target


class Call(msgspec.Struct, frozen=True, kw_only=True):
    request: web.Request
    target: Target
    deps: KubeDeps

    @property
    def store(self) -> Store:
        return self.deps.store

    @property
    def query(self) -> Query:
        return Query(self.request)


Handler = Callable[[Call], Awaitable[web.StreamResponse]]
