"""A look at the wire of a pod, as a host's root has it: what TCP carried to and from one port.

A raw socket is opened in the pod's network namespace, which is found by the pod's address.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from meshgate.errors import MeshgateError
from meshgate.host.network.namespace import NetworkNamespace
from meshgate.tour.scenario import Capture
from meshgate.tour.workshop import Workshop

_ALL_PROTOCOLS = 3
_LINK_HEADER_BYTES = 14
_TCP = 6
_LARGEST_BYTES = 1 << 16
_LOOK_S = 0.05


@contextlib.contextmanager
def captured(capture: Capture, workshop: Workshop) -> Iterator[Callable[[], bytes]]:
    """Capture for as long as this lasts; what is given tells all payload afterwards."""
    address = pod_address(capture, workshop)
    sock = namespace_of(address).run(_open_socket)
    payload = bytearray()
    told = threading.Event()
    thread = threading.Thread(target=_read, args=(sock, capture.port, payload, told))
    thread.start()
    try:
        yield lambda: bytes(payload)
        told.set()
        thread.join()
    finally:
        told.set()
        thread.join()
        sock.close()


def pod_address(capture: Capture, workshop: Workshop) -> str:
    """The address of the first pod with these labels."""
    done = workshop.run(f"meshgate get pods -n {capture.namespace} -l {capture.labels} -o json")
    pods = json.loads(done.text)["items"] if done.code == 0 else []
    if not pods:
        raise MeshgateError(f"no pod with labels {capture.labels} in namespace {capture.namespace}", hint=done.text)
    return str(pods[0]["status"]["podIP"])


def namespace_of(address: str) -> NetworkNamespace:
    """The network namespace whose own address this is."""
    own = re.compile(rf"\|-- {re.escape(address)}\n\s+/32 host LOCAL")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if own.search((process / "net/fib_trie").read_text()):
                return NetworkNamespace(os.open(process / "ns/net", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:  # the process ended meanwhile
            continue
    raise MeshgateError(f"no network namespace of this machine has the address {address}")


def tcp_payload(frame: bytes, port: int) -> bytes:
    """What a frame of IPv4 and TCP carries, if it goes to or comes from the port."""
    packet = frame[_LINK_HEADER_BYTES:]
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != _TCP:
        return b""
    segment = packet[4 * (packet[0] & 15) : int.from_bytes(packet[2:4])]
    ports = int.from_bytes(segment[0:2]), int.from_bytes(segment[2:4])
    return segment[4 * (segment[12] >> 4) :] if port in ports and len(segment) >= 20 else b""


def _open_socket() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    sock.bind(("eth0", 0))
    return sock


def _read(sock: socket.socket, port: int, payload: bytearray, told: threading.Event) -> None:
    """Until told to stop and nothing is left to read."""
    while True:
        readable, _, _ = select.select([sock], [], [], _LOOK_S)
        if readable:
            payload += tcp_payload(sock.recv(_LARGEST_BYTES), port)
        elif told.is_set():
            return
