"""A gRPC server that tells what reached it, and a client for it. Messages are plain bytes, so no schema is needed.

    python3 -m meshgate.apps.grpc_echo --port 7000 --name v1
    python3 -m meshgate.apps.grpc_echo --call grpc-echo:7000 --method /echo.Echo/Say --metadata user=one

Every method answers with JSON: method, name of the instance, metadata. `/echo.Echo/Fails-TIMES-KEY` is UNAVAILABLE so
many times for that key first. The client prints JSON: the status code, its details, and what the server told.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import grpc

WORKERS = 16
DEADLINE_S = 15.0


class Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs only
    """Answers every unary method."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: Counter[str] = Counter()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        def answer(body: bytes, context: grpc.ServicerContext) -> bytes:
            if self._fails(call.method):
                context.abort(grpc.StatusCode.UNAVAILABLE, "as asked")
            told = {"method": call.method, "name": self._name, "body": body.decode()}
            return json.dumps({**told, "metadata": dict(context.invocation_metadata())}).encode()

        return grpc.unary_unary_rpc_method_handler(answer)

    def _fails(self, method: str) -> bool:
        words = method.rpartition("/")[2].split("-", 2)
        if len(words) != 3 or words[0] != "Fails":
            return False
        self._asked[method] += 1
        return self._asked[method] <= int(words[1])


def serve(port: int, name: str) -> None:
    """Serve until TERM or INT."""
    server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=[Echo(name)])
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()

    def end(_number: int, _frame: FrameType | None) -> None:
        server.stop(None)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print(f"listening on {port}", flush=True)
    server.wait_for_termination()


def call(address: str, method: str, metadata: Sequence[tuple[str, str]], authority: str) -> dict[str, object]:
    """One unary call; what came of it."""
    options = [("grpc.enable_retries", 0), *([("grpc.default_authority", authority)] if authority else [])]
    with grpc.insecure_channel(address, options=options) as channel:
        try:
            answer = channel.unary_unary(method, None, None)(b"hello", metadata=tuple(metadata), timeout=DEADLINE_S)
        except grpc.RpcError as error:
            return {"code": error.code().name, "details": error.details(), "told": None}
        return {"code": "OK", "details": "", "told": json.loads(answer)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=7000)
    parser.add_argument("--name", default=os.environ.get("HOSTNAME", "grpc-echo"))
    parser.add_argument("--call", metavar="HOST:PORT", help="be a client instead")
    parser.add_argument("--method", action="append", help="what to call (repeatable)")
    parser.add_argument("--metadata", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--authority", default="", help="the name that the server is called by")
    given = parser.parse_args()
    if given.call is None:
        serve(given.port, given.name)
        return
    pairs = [(name, value) for name, _, value in (each.partition("=") for each in given.metadata)]
    for method in given.method or ["/echo.Echo/Say"]:
        print(json.dumps(call(given.call, method, pairs, given.authority)), flush=True)


if __name__ == "__main__":
    main()
