"""A client that makes a whole TLS handshake for every request: wrk resumes its sessions, and can't be told not to.

`python handshakes.py ADDRESS PORT HOST SECONDS`: a few processes ask one after the other, each request on a connection
and in a session of its own. What is printed has wrk's form. It ends with the first answer that is not 200.
"""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import sys
import time

PROCESSES = 4
"""Enough to keep a gateway of two workers from waiting for a client."""


def count(address: str, port: int, host: str, end: float) -> int:
    """Requests until this moment (`time.monotonic`)."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    done = 0
    while time.monotonic() < end:
        with (
            socket.create_connection((address, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the request waits for an ACK, 40 ms
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        if connection.session_reused or not answer.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(f"reused: {connection.session_reused}; answer: {answer!r}")
        done += 1
    return done


def main() -> None:
    address, port, host, seconds = sys.argv[1:]
    began = time.monotonic()
    one = (address, int(port), host, began + float(seconds))
    with multiprocessing.Pool(PROCESSES) as pool:
        total = sum(pool.starmap(count, [one] * PROCESSES))
    spent = time.monotonic() - began
    print(f"{total} requests in {spent:.2f}s\nRequests/sec: {total / spent:.2f}")


if __name__ == "__main__":
    main()
