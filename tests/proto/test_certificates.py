"""The messages of Istio's certificate service, byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshgate.proto.certificates import (
    CertificateRequest,
    certificate_request,
    certificate_response,
    parse_certificate_request,
    parse_certificate_response,
)


def test_the_bytes_are_those_of_the_public_interface() -> None:
    """Field 1 is the request, field 3 the seconds, field 4 a Struct."""
    assert certificate_request(CertificateRequest(csr=b"CSR", validity_s=300)) == b"\x0a\x03CSR\x18\xac\x02"
    struct = b"\x0a\x14\x0a\x0aimpersonat\x12\x06\x1a\x04whom"
    raw = b"\x0a\x03CSR" + b"\x22" + bytes([len(struct)]) + struct
    assert parse_certificate_request(raw) == CertificateRequest(csr=b"CSR", metadata=("impersonat",))
    assert certificate_response(["one", "two"]) == b"\x0a\x03one\x0a\x03two"


@given(st.text(), st.integers(-(2**63), 2**63 - 1))
def test_a_request_is_read_as_it_was_written(csr: str, validity_s: int) -> None:
    request = CertificateRequest(csr=csr.encode(), validity_s=validity_s)
    assert parse_certificate_request(certificate_request(request)) == request


@given(st.lists(st.text()))
def test_a_response_is_read_as_it_was_written(chain: list[str]) -> None:
    assert parse_certificate_response(certificate_response(chain)) == tuple(chain)


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    parse_certificate_request(raw)


def test_other_bytes_are_no_request() -> None:
    assert parse_certificate_request(b"\xff\xff\xff") is None
