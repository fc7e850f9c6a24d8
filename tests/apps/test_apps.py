"""The stand-ins answer as ordinary servers do: real processes, real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def running(module: str, *arguments: str) -> Iterator[int]:
    """Start a stand-in on a free port; yields the port once it says that it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", f"meshgate.apps.{module}", *arguments, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == f"listening on {port}\n"
            yield port
        finally:
            process.terminate()
            assert process.wait(timeout=5) == 0


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_chain_passes_the_answer_of_its_end_back() -> None:
    with (
        running("chain", "--message", "i am the end") as end,
        running("chain", "--next", f"http://127.0.0.1:{end}/") as start,
    ):
        assert get(start, "/api") == (200, {"message": "i am the end"})


def test_chain_tells_why_the_next_service_does_not_answer() -> None:
    with running("chain", "--next", "http://127.0.0.1:1/") as start:
        status, told = get(start, "/")
    assert status == 502
    assert "no answer from http://127.0.0.1:1/" in str(told["error"])


@pytest.mark.parametrize(("path", "status"), [("/status/418", 418), ("/anything", 200), ("/delay/x", 400)])
def test_httpbin_answers_as_asked(path: str, status: int) -> None:
    with running("httpbin", "--name", "v1") as port:
        assert get(port, path)[0] == status


def test_httpbin_fails_for_one_instance_only() -> None:
    with running("httpbin", "--name", "v1-a") as port:
        assert [get(port, path)[0] for path in ("/status/503/v1", "/status/503/v2")] == [503, 200]


def test_httpbin_fails_as_often_as_asked() -> None:
    with running("httpbin") as port:
        assert [get(port, "/fails/2/some-key")[0] for _ in range(4)] == [503, 503, 200, 200]


def test_httpbin_tells_what_reached_it() -> None:
    with running("httpbin", "--name", "v1") as port:
        _, told = get(port, "/some/where?x=1", {"X-Probe": "yes"})
    assert (told["method"], told["path"], told["name"]) == ("GET", "/some/where?x=1", "v1")
    assert isinstance(told["headers"], dict)
    assert told["headers"]["X-Probe"] == "yes"


def test_bookinfo_asks_nobody_for_reviews_v1() -> None:
    with running("bookinfo", "reviews") as port:
        status, told = get(port, "/reviews/0")
    assert (status, told["podname"]) == (200, "v1")
    assert told["reviews"] == [{"reviewer": "Reviewer1"}, {"reviewer": "Reviewer2"}]


def test_bookinfo_has_ratings_of_a_database() -> None:
    with (
        running("tcp_echo", "--prefix", "2") as database,
        running("bookinfo", "ratings", "--database", f"127.0.0.1:{database}") as port,
    ):
        assert get(port, "/ratings/0")[1]["ratings"] == {"Reviewer1": 2, "Reviewer2": 1}
    with running("bookinfo", "ratings", "--database", "127.0.0.1:1") as port:
        assert get(port, "/ratings/0")[0] == 500


def test_tcp_echo_greets_and_repeats() -> None:
    with (
        running("tcp_echo", "--prefix", "one", "--greet", "hi") as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        connection.makefile("rwb") as file,
    ):
        assert file.readline() == b"hi\n"
        file.write(b"world\n")
        file.flush()
        assert file.readline() == b"one world\n"


def test_grpc_echo_tells_and_fails_as_asked() -> None:
    with running("grpc_echo", "--name", "v1") as port:
        methods = [part for name in ("Say", "Fails-1-x", "Fails-1-x") for part in ("--method", f"/echo.Echo/{name}")]
        command = [sys.executable, "-m", "meshgate.apps.grpc_echo", "--call", f"127.0.0.1:{port}", *methods]
        done = subprocess.run([*command, "--metadata", "user=one"], capture_output=True, text=True, timeout=30)
    said, failed, again = [json.loads(line) for line in done.stdout.splitlines()]
    assert (said["told"]["name"], said["told"]["metadata"]["user"]) == ("v1", "one")
    assert (failed["code"], failed["details"], again["code"]) == ("UNAVAILABLE", "as asked", "OK")


def test_httpbin_speaks_tls_where_it_has_a_certificate(tmp_path: Path) -> None:
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-out", str(tmp_path / "crt"), "-keyout", str(tmp_path / "key"))
    subprocess.run([*new, *names, *files], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=tmp_path / "crt")
    with running("httpbin", "--cert", str(tmp_path / "crt"), "--key", str(tmp_path / "key")) as port:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port))):  # a silent client holds nobody up
            connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
            with contextlib.closing(connection):
                connection.request("GET", "/status/204")
                assert connection.getresponse().status == 204
        with pytest.raises(ConnectionError):
            get(port, "/")


def test_load_counts_what_it_did() -> None:
    with running("httpbin") as port:
        command = [sys.executable, "-m", "meshgate.apps.load", "--url", f"http://127.0.0.1:{port}/status/200"]
        done = subprocess.run(
            [*command, "--rate", "100", "--seconds", "1", "--resolve", "localhost", "--lookups", "20"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    told = json.loads(done.stdout)
    assert told["requests"] >= 50
    assert told["lookups"] >= 10
    assert told["failures"] == []


def test_load_reports_failures_with_reason() -> None:
    command = [sys.executable, "-m", "meshgate.apps.load", "--url", "http://127.0.0.1:1/", "--rate", "20"]
    done = subprocess.run([*command, "--seconds", "0.5"], capture_output=True, text=True, timeout=30, check=True)
    assert "refused" in json.loads(done.stdout)["failures"][0]
