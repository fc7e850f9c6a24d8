"""Istio's certificate service as a handler of a gRPC server: calls in, certificates out, signed in a thread.

Who refuses what is decided in `grants`; a refusal goes back with its status, and is logged once with who called.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import grpc
import grpc.aio

from meshgate.ca.callers import Caller
from meshgate.ca.grants import Granted, NotGranted, Signing, certificate_for, checked_caller
from meshgate.proto.certificates import METHOD, SERVICE

log = logging.getLogger(__name__)

_LARGEST_BYTES = 64 << 10
"""Many times what a signing request takes."""
_Context = grpc.aio.ServicerContext[bytes, bytes]


class CertificateService:
    """Owned by one event loop."""

    def __init__(
        self,
        caller: Callable[[Mapping[str, str]], Caller],
        signing: Callable[[], Signing],
        granted: Callable[[Granted], None],
    ) -> None:
        """`granted` is told of each certificate before its caller gets it."""
        self._caller = caller
        self._signing = signing
        self._granted = granted

    def handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        """For a server whose callers' headers can be trusted."""
        return grpc.method_handlers_generic_handler(
            SERVICE, {METHOD: grpc.unary_unary_rpc_method_handler(self._create)}
        )

    async def _create(self, raw: bytes, context: _Context) -> bytes:
        caller: Caller | None = None
        try:
            caller = checked_caller(self._caller, headers_of(context))
            if len(raw) > _LARGEST_BYTES:
                raise NotGranted("INVALID_ARGUMENT", f"a request has at most {_LARGEST_BYTES} bytes")
            granted = await asyncio.to_thread(certificate_for, raw, caller, self._signing())
            self._granted(granted)
            return granted.response
        except NotGranted as refusal:
            log.warning(
                "a certificate is not granted",
                extra={
                    "namespace": caller.namespace if caller else "",
                    "service_account": caller.account if caller else "",
                    "reason": refusal.text,
                },
            )
            await context.abort(grpc.StatusCode[refusal.code], refusal.text)


def headers_of(context: _Context) -> Mapping[str, str]:
    """The call's headers by lower-case name. One that comes twice is joined by commas, so that it proves nothing."""
    return joined_headers(context.invocation_metadata() or ())


def joined_headers(metadata: Iterable[tuple[str, str | bytes]]) -> Mapping[str, str]:
    """
    >>> joined_headers([("authorization", "Bearer a"), ("authorization", "Bearer b"), ("x-bin", b"")])
    {'authorization': 'Bearer a,Bearer b'}
    """
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in metadata:
        if isinstance(value, str):
            found[key.lower()].append(value)
    return {key: ",".join(values) for key, values in found.items()}
