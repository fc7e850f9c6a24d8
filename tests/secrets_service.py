"""A service that gives secrets by SDS, as a user's own would be: no control plane, and none of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from meshgate.envoy import SECRET, Resource
from meshgate.proto import v3

_SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"


def secrets_handler(
    body_of: Callable[[str], bytes | None],
) -> grpc.GenericRpcHandler[v3.DiscoveryRequest, v3.DiscoveryResponse]:
    """Answers each first question for secrets with those that there are."""

    def answers(requests: Iterator[v3.DiscoveryRequest], _: object) -> Iterator[v3.DiscoveryResponse]:
        for asked in requests:
            if asked.response_nonce:
                continue
            found = [body for body in map(body_of, asked.resource_names) if body is not None]
            yield v3.DiscoveryResponse(
                version_info="1",
                nonce="1",
                type_url=SECRET,
                resources=[{"type_url": SECRET, "value": body} for body in found],
            )

    method = grpc.stream_stream_rpc_method_handler(
        answers,
        request_deserializer=v3.DiscoveryRequest.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
    return grpc.method_handlers_generic_handler(_SERVICE, {"StreamSecrets": method})


@contextlib.contextmanager
def running_secrets_service(secrets: Iterable[Resource]) -> Iterator[int]:
    """Its port on 127.0.0.1."""
    bodies = {one.name: one.body for one in secrets}
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((secrets_handler(bodies.get),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()
