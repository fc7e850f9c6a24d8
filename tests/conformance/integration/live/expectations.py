"""What Istio's tests expect of the answers, key by key."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import grpc

from tests.conformance.cases import Raw
from tests.echo.calls import Answer

Check = Callable[[Any, Sequence[Answer], Raw], str]
"""Expected, answers, the whole expectation: what is wrong, empty if nothing is."""


def _told(answer: Answer) -> Raw:
    """What the echo that answered had received; empty if no echo answered."""
    try:
        told = json.loads(answer.get("body", "").rpartition("\r\n\r\n")[2].splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_ok(answer: Answer) -> bool:
    return answer.get("status") == 200 and answer.get("grpc_status", 0) == 0


def _all(answers: Iterable[Answer], expected: object, read: Callable[[Answer], object]) -> str:
    wrong = [got for answer in answers if (got := answer.get("error") or read(answer)) != expected]
    return f"expected {expected!r}, {len(wrong)} times otherwise, such as {wrong[0]!r}" if wrong else ""


def _status(expected: int, answers: Sequence[Answer], _: Raw) -> str:
    if expected == 200:
        wrong = [answer for answer in answers if not _is_ok(answer)]
        return f"expected 200, {len(wrong)} times otherwise, such as {_short(wrong[0])}" if wrong else ""
    return _all(answers, expected, lambda answer: answer["status"])


def _short(answer: Answer) -> str:
    return json.dumps(answer)[:300]


def _error(_expected: str, answers: Sequence[Answer], _: Raw) -> str:
    reached = [answer for answer in answers if "error" not in answer]
    return f"expected no connection, got {_short(reached[0])}" if reached else ""


def _not_ok(_expected: bool, answers: Sequence[Answer], _: Raw) -> str:
    reached = [answer for answer in answers if "error" not in answer and _is_ok(answer)]
    return f"expected a failure, got {_short(reached[0])}" if reached else ""


def _grpc_status(expected: str, answers: Sequence[Answer], _: Raw) -> str:
    codes = {code.name.replace("_", "").lower(): code.value[0] for code in grpc.StatusCode}
    return _all(answers, codes[expected.lower()], lambda answer: answer.get("grpc_status"))


def _header(headers: Iterable[Sequence[str]], name: str) -> str | None:
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ",".join(values) if values else None


def _request_headers(expected: Mapping[str, str | None], answers: Sequence[Answer], _: Raw) -> str:
    found = (_all(answers, value, _reader(name)) for name, value in expected.items())
    return "; ".join(one for one in found if one)


def _reader(name: str) -> Callable[[Answer], object]:
    return lambda answer: _header(_told(answer).get("headers", []), name)


def _response_headers(expected: Mapping[str, str | None], answers: Sequence[Answer], _: Raw) -> str:
    found = (
        _all(answers, value, lambda answer, name=name: _header(answer["headers"], name))  # type: ignore[misc]
        for name, value in expected.items()
    )
    return "; ".join(one for one in found if one)


def _seen(field: str) -> Check:
    return lambda expected, answers, _: _all(answers, expected, lambda answer: _told(answer).get(field))


def _location(expected: str, answers: Sequence[Answer], _: Raw) -> str:
    return _all(answers, expected, lambda answer: _header(answer["headers"], "location"))


def _one_backend(expected: bool, answers: Sequence[Answer], _: Raw) -> str:
    backends = Counter(_told(answer).get("app") for answer in answers)
    return "" if (len(backends) == 1) is expected else f"expected one backend: {expected}, got {dict(backends)}"


def _share(expected: Mapping[str, int], answers: Sequence[Answer], whole: Raw) -> str:
    backends = Counter(_told(answer).get("app") for answer in answers)
    got = {name: 100 * backends[name] / len(answers) for name in expected}
    is_far = any(abs(got[name] - wanted) > whole.get("tolerance", 0) for name, wanted in expected.items())
    return f"expected {expected}, got {dict(backends)}" if is_far else ""


def _numbers(expected: Mapping[str, int], answers: Sequence[Answer], whole: Raw) -> str:
    backends = Counter(_told(answer).get("app") for answer in answers)
    is_far = any(abs(backends[name] - wanted) > whole.get("tolerance", 0) for name, wanted in expected.items())
    return f"expected {expected}, got {dict(backends)}" if is_far else ""


def _proxy_protocol(expected: str, answers: Sequence[Answer], _: Raw) -> str:
    return _all(
        answers, True, lambda answer: expected == "1" and _told(answer).get("proxy_protocol", "")[:6] == "PROXY "
    )


def _is_mutual(expected: bool, answers: Sequence[Answer], _: Raw) -> str:
    """A sidecar tells its application whose certificate it has seen."""
    return _all(
        answers,
        expected,
        lambda answer: _header(_told(answer).get("headers", []), "x-forwarded-client-cert") is not None,
    )


def _addresses(expected: Sequence[str], answers: Sequence[Answer], _: Raw) -> str:
    return _all(
        answers, {ip_address(one) for one in expected}, lambda answer: set(map(ip_address, answer["body"].split()))
    )


def _contains(expected: str, answers: Sequence[Answer], _: Raw) -> str:
    return _all(answers, True, lambda answer: expected in answer["body"])


def _contains_not(expected: str, answers: Sequence[Answer], _: Raw) -> str:
    return _all(answers, True, lambda answer: expected not in answer["body"])


CHECKS: Mapping[str, Check] = {
    "status": _status,
    "error": _error,
    "not_ok": _not_ok,
    "grpc_status": _grpc_status,
    "request_headers_seen": _request_headers,
    "response_headers": _response_headers,
    "location": _location,
    "host_seen": _seen("host"),
    "url_seen": _seen("url"),
    "http_protocol_seen": _seen("protocol"),
    "alpn_seen": _seen("alpn"),
    "client_cert_subject": _seen("client"),
    "mtls_if_http": _is_mutual,
    "proxy_protocol_seen": _proxy_protocol,
    "all_responses_from_one_backend": _one_backend,
    "share_of_responses": _share,
    "responses_by_backend": _numbers,
    "dns_answers": _addresses,
    "raw_response_contains": _contains,
    "body_not_contains": _contains_not,
}
