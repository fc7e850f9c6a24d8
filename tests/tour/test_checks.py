"""What a command must show, and what is said when it does not."""

from __future__ import annotations

import pytest

from meshgate.tour.checks import (
    Check,
    Fails,
    IsEncrypted,
    Matches,
    Says,
    SaysNot,
    Seen,
    Share,
    faults_of,
)

FINE = Seen(0, "200 one\n200 one\n503 \n404 two\n", b"\x16\x03\x01hello")
FAILED = Seen(56, "curl: (56) reset")


@pytest.mark.parametrize(
    ("check", "seen", "fault"),
    [
        (Says("404 two"), FINE, ""),
        (Says("404 three"), FINE, "expected '404 three'"),
        (SaysNot("404 three"), FINE, ""),
        (SaysNot("404 two"), FINE, "did not expect '404 two'"),
        (Matches(r"\d+ one"), FINE, ""),
        (Matches(r"200 one", 2), FINE, ""),
        (Matches(r"200", 1), FINE, "expected 1 lines like '200', found 0"),
        (Matches(r"[23]00 o"), FINE, "expected a line like '[23]00 o', found 0"),
        (Share("200 .*", 45, 5), FINE, ""),
        (Share("200 .*", 44, 5), FINE, "expected 44 % ± 5 of lines like '200 .*', not 50.0 %"),
        (Share(".*", 100, 5), Seen(0, ""), "expected 100 % ± 5 of lines like '.*', not 0.0 %"),
        (Fails(), FAILED, ""),
        (Fails(56), FAILED, ""),
        (Fails(60), FAILED, "expected exit code 60, not 56"),
        (Fails(), FINE, "expected the command to fail"),
        (IsEncrypted(), FINE, ""),
        (IsEncrypted(), Seen(0, ""), "expected a TLS handshake on the wire, and captured none"),
        (IsEncrypted(), Seen(0, "", b"\x16\x03\x01 GET / HTTP/1.1"), "did not expect b'GET /' on the wire"),
    ],
)
def test_a_check_says_what_is_missing(check: Check, seen: Seen, fault: str) -> None:
    assert check.fault(seen) == fault


def test_a_command_that_fails_is_a_fault_unless_it_is_expected_to() -> None:
    assert faults_of((Says("curl"),), FAILED) == ["exit code 56"]
    assert faults_of((Says("curl"), Fails()), FAILED) == []
    assert faults_of((Says("x"), SaysNot("200")), FINE) == ["expected 'x'", "did not expect '200'"]
