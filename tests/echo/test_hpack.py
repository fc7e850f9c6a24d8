"""Header compression: the RFC's own examples, one connection after another."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.echo.hpack import CODES, Decoder, Header, encode

HOST = (":authority", "www.example.com")
FIRST: list[Header] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), HOST]
PLAIN = ["828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865"]
HUFFMAN = ["828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf"]


def test_the_code_is_complete() -> None:
    assert len(CODES) == 257
    assert sum(Fraction(1, 2**length) for length, _ in CODES) == 1


@pytest.mark.parametrize("blocks", [PLAIN, HUFFMAN], ids=["plain", "huffman"])
def test_requests_of_the_rfc(blocks: list[str]) -> None:
    decoder = Decoder()
    first, second = (decoder.decode(bytes.fromhex(block)) for block in blocks)
    assert first == FIRST
    assert second == [*FIRST, ("cache-control", "no-cache")]


def test_a_table_of_no_size_keeps_nothing() -> None:
    decoder = Decoder()
    decoder.decode(bytes.fromhex(PLAIN[0]))
    with pytest.raises(IndexError):
        decoder.decode(bytes.fromhex("20be"))


def test_what_is_encoded_is_decoded() -> None:
    headers = [("x-a", ""), ("x-long", "a" * 127), ("x-longer", "é" * 1000)]
    assert Decoder().decode(encode(headers)) == headers
