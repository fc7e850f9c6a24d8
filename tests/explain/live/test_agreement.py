"""The comparison itself: it sees when Envoy answers something else."""

from __future__ import annotations

import pytest

from meshgate.explain import DirectResponse, Failure, Forwarded, Redirect, Result, Share, ToCluster, ToWeighted
from tests.explain.live.agreement import mismatch
from tests.explain.live.client import Answer
from tests.explain.live.http2 import http2_answer, http2_request

GOES = Result(
    action=ToCluster("a"),
    forwarded=Forwarded(cluster="a", host="h", path="/p", headers=(("x-a", ("1", "2")), ("x-gone", ()))),
    response=(("x-b", ("3",)), ("x-gone", ())),
)
CAME = b"GET /p HTTP/1.1\r\nhost: h\r\nx-a: 1\r\nX-A: 2\r\n\r\n"
WEIGHTED = ToWeighted((Share("a", 1), Share("b", 1), Share("c", 0)))


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (Result(action=ToCluster("a")), Answer(status=200, cluster="a")),
        (Result(action=ToCluster("a"), route="r"), Answer(status=200, cluster="a", route="r")),
        (Result(action=WEIGHTED), Answer(cluster="b")),
        (GOES, Answer(cluster="a", forwarded=CAME, headers=(("X-B", "3"),))),
        (Result(action=Redirect(301, "http://a/")), Answer(status=301, location="http://a/")),
        (Result(action=DirectResponse(418)), Answer(status=418)),
        (Result(error=Failure.NO_ROUTE), Answer(status=404)),
        (Result(error=Failure.NO_FILTER_CHAIN), Answer()),
        (Result(error=Failure.PROTOCOL), Answer(status=400)),
        (Result(error=Failure.NO_CLUSTER), Answer(status=503)),
        (Result(error=Failure.TLS_REQUIRED), Answer(status=301)),
        (Result(error=Failure.NOT_SIMULATED), Answer(status=307)),
    ],
)
def test_the_same(result: Result, answer: Answer) -> None:
    assert mismatch(result, answer) == ""


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (Result(action=ToCluster("a")), Answer(status=200, cluster="b")),
        (Result(action=ToCluster("a")), Answer()),
        (Result(action=ToCluster("a"), route="r"), Answer(status=200, cluster="a", route="s")),
        (Result(action=WEIGHTED), Answer(cluster="c")),
        (GOES, Answer(cluster="a", forwarded=CAME.replace(b"/p", b"/q"))),
        (GOES, Answer(cluster="a", forwarded=CAME.replace(b"host: h", b"host: i"))),
        (GOES, Answer(cluster="a", forwarded=CAME.replace(b"X-A: 2", b"x-gone: 2"))),
        (GOES, Answer(cluster="a", headers=(("x-b", "3"), ("x-gone", "")))),
        (Result(action=Redirect(301, "http://a/")), Answer(status=302, location="http://a/")),
        (Result(action=Redirect(301, "http://a/")), Answer(status=301, location="http://b/")),
        (Result(action=DirectResponse(418)), Answer(status=418, cluster="a")),
        (Result(error=Failure.NO_ROUTE), Answer(status=400)),
        (Result(error=Failure.NO_ROUTE), Answer(status=200, cluster="a")),
        (Result(error=Failure.NO_FILTER_CHAIN), Answer(status=404)),
        (Result(error=Failure.PROTOCOL), Answer(status=404)),
        (Result(error=Failure.NO_CLUSTER), Answer(status=404)),
        (Result(), Answer(status=200, cluster="a")),
    ],
)
def test_not_the_same(result: Result, answer: Answer) -> None:
    assert mismatch(result, answer) != ""


def test_http2_frames() -> None:
    request = http2_request([(":method", "GET"), ("x-long", "a" * 300)])
    assert request.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    headers, data = b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88", b"\x00\x00\x02\x00\x01\x00\x00\x00\x01ok"
    answer = http2_answer(headers + data)
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"ok")
    assert http2_answer(headers + data[:-1]) is None
    reset = http2_answer(b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08")
    assert reset is not None
    assert reset.status is None
