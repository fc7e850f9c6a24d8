"""Frames arrive whole, in order, each with its own descriptors, however the bytes are cut."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from meshgate.host.holder.wire import Closed, Frame, Wire

Pair = tuple[Wire, Wire]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ends = socket.socketpair()
    wires = (Wire(ends[0]), Wire(ends[1]))
    yield wires
    for wire in wires:
        wire.close()


def test_frames_keep_their_order_and_their_descriptors(pair: Pair) -> None:
    left, right = pair
    readable, writable = os.pipe()
    left.send({"n": 1}, [writable])
    left.send({"n": 2})
    left.send({"n": 3}, [readable, writable])
    os.close(writable)
    frames = right.receive()
    assert [(frame.message["n"], len(frame.fds)) for frame in frames] == [(1, 1), (2, 0), (3, 2)]
    os.write(frames[0].fds[0], b"x")
    assert os.read(frames[2].fds[0], 1) == b"x"
    assert not os.get_inheritable(frames[0].fds[0])
    for fd in (readable, *frames[0].fds, *frames[2].fds):
        os.close(fd)


def test_what_the_socket_does_not_take_waits_in_order(pair: Pair) -> None:
    left, right = pair
    with open(os.devnull) as null:
        for number in range(8):
            left.send({"n": number, "text": "x" * 100_000}, [null.fileno()])
    assert left.has_output
    frames: list[Frame] = []
    while len(frames) < 8:
        frames += right.receive()
        left.flush()
    assert [frame.message["n"] for frame in frames] == list(range(8))
    assert not left.has_output
    for frame in frames:
        os.close(frame.fds[0])


def test_nothing_is_received_from_half_a_frame(pair: Pair) -> None:
    left, right = pair
    left.socket.send(b"\0\0\0\x09\0\0{")
    assert right.receive() == []
    left.socket.send(b'"n":100}')
    assert right.receive()[0].message == {"n": 100}


def test_end_of_the_other_side_is_told_to_both_directions(pair: Pair) -> None:
    left, right = pair
    left.socket.close()
    with pytest.raises(Closed):
        right.receive()
    with pytest.raises(Closed):
        right.send({})


def test_frame_of_absurd_length_ends_the_connection(pair: Pair) -> None:
    left, right = pair
    left.socket.send(b"\xff\xff\xff\xff\0\0")
    with pytest.raises(Closed):
        right.receive()
