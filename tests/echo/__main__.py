"""The application's process: all its ports, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import tempfile

from tests.echo.calls import make_calls
from tests.echo.servers import Echo, listen

ANY = "0.0.0.0"
PEM = "ECHO_TLS_PEM"
"""Environment variable with certificate and key, for `--serve-tls` and `--serve-mtls`."""
CLIENT_ROOTS = "ECHO_CLIENT_ROOTS_PEM"
"""Environment variable with the roots of clients, for `--serve-mtls`."""


async def main() -> None:
    options = _options()
    echo = Echo(options.name)
    tls = _tls() if options.serve_tls else None
    mtls = _mtls() if options.serve_mtls else None
    servers = [
        *[await listen(echo, ANY, port) for port in options.serve],
        *[await listen(echo, ANY, port, is_first=True) for port in options.serve_first],
        *[await listen(echo, ANY, port, tls=tls) for port in options.serve_tls],
        *[await listen(echo, ANY, port, tls=mtls) for port in options.serve_mtls],
        *[await listen(echo, "127.0.0.1", port) for port in options.serve_local],
        *[await listen(echo, os.environ["POD_IP"], port) for port in options.serve_instance],
    ]
    servers.append(await asyncio.start_server(_Control(echo), ANY, options.control))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="echo")
    parser.add_argument("--name", required=True)
    parser.add_argument("--control", type=int, required=True)
    for option in ("--serve", "--serve-first", "--serve-tls", "--serve-mtls", "--serve-local", "--serve-instance"):
        parser.add_argument(option, type=int, nargs="*", default=[])
    return parser.parse_args()


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(os.environ[PEM])
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _mtls() -> ssl.SSLContext:
    context = _tls()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=os.environ[CLIENT_ROOTS])
    return context


class _Control:
    """Orders, one a line: `{"call": {...}}`, or `{"seen": path}` for how many requests had the path."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order = json.loads(line)
            told = await make_calls(order["call"]) if "call" in order else self._echo.seen[order["seen"]]
            writer.write(json.dumps(told).encode() + b"\n")
            await writer.drain()
        writer.close()


if __name__ == "__main__":
    asyncio.run(main())
