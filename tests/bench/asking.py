"""Asking for a page again and again until the answer is the one that is waited for."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

PAUSE_S = 0.001
RETRY_S = 0.005
Wanted = Callable[[http.client.HTTPResponse], bool]


def is_ok(answer: http.client.HTTPResponse) -> bool:
    return answer.status == 200


def moment_of(
    wanted: Wanted, port: int, *, host: str = "localhost", path: str = "/status/200", timeout_s: float = 20
) -> float:
    """When (`time.monotonic`) the first wanted answer was there; from a loopback port, over one connection if it lasts.

    AssertionError if it does not come.
    """
    end = time.monotonic() + timeout_s
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    seen = "nothing"
    while time.monotonic() < end:
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as fault:
            seen = repr(fault)
            connection.close()
            time.sleep(RETRY_S)
            continue
        if wanted(answer):
            connection.close()
            return time.monotonic()
        seen = f"status {answer.status}"
        time.sleep(PAUSE_S)
    raise AssertionError(f"not the wanted answer on port {port} within {timeout_s} s; last: {seen}")
