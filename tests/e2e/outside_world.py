"""A server outside of the mesh: a network namespace of its own, joined to the host by a veth pair."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from pyroute2 import IPRoute

from tests.e2e.mesh import wait_until

LINK = f"mgout{os.getpid() % 100000}"
"""The host's end; a test process has one."""

# waits for its end of the pair, takes its address, and becomes the server
INSIDE = """
import os, sys, time
from pyroute2 import IPRoute
address, router, *command = sys.argv[1:]
with IPRoute() as net:
    while not (found := net.link_lookup(ifname="eth0")):
        time.sleep(0.01)
    net.addr("add", index=found[0], address=address, prefixlen=30)
    net.link("set", index=found[0], state="up")
    net.route("add", dst="default", gateway=router)
os.execvp(command[0], command)
"""


@contextlib.contextmanager
def outside_server(port: int = 80) -> Iterator[str]:
    """An HTTP mirror called `outside` beyond the host; its address, of a range for tests (RFC 2544)."""
    block = 4 * (os.getpid() % 4096)
    network = f"198.19.{block // 256}"
    router, address = f"{network}.{block % 256 + 1}", f"{network}.{block % 256 + 2}"
    mirror = [sys.executable, "-m", "meshgate.apps.httpbin", "--port", str(port), "--name", "outside"]
    command = ["unshare", "--net", sys.executable, "-c", INSIDE, address, router, *mirror]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            wait_until(lambda: _has_own_network(server.pid), "the server has a network of its own")
            _join(server.pid, router)
            assert server.stdout is not None
            assert server.stdout.readline() == f"listening on {port}\n"
            yield address
        finally:
            server.kill()  # its namespace goes with it, and the pair with that


def _join(pid: int, router: str) -> None:
    with IPRoute() as net:
        net.link("add", ifname=LINK, kind="veth", peer={"ifname": "eth0", "net_ns_pid": pid})
        (index,) = net.link_lookup(ifname=LINK)
        net.addr("add", index=index, address=router, prefixlen=30)
        net.link("set", index=index, state="up")


def _has_own_network(pid: int) -> bool:
    return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
