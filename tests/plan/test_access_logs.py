"""Access logs as the mesh configuration asks for them, and where they are written."""

from __future__ import annotations

import json

import pytest

from meshgate.api import AccessLogEncoding, MeshConfig
from meshgate.plan.access_logs import DEFAULT_JSON, DEFAULT_TEXT, access_logs, listener_access_logs
from meshgate.plan.values import FileAccessLog, JsonFormat, MongoProxyPlan, ResponseFlagFilter, TextFormat
from tests.mesh.objects import service
from tests.plan.planned import listener, manager, mesh, planned, tcp

OUT = "/dev/stdout"
JSON = JsonFormat(text=json.dumps(dict(DEFAULT_JSON), sort_keys=True))


def test_no_file_is_no_log() -> None:
    assert access_logs(MeshConfig()) == listener_access_logs(MeshConfig()) == ()


@pytest.mark.parametrize(
    ("given", "encoding", "expected"),
    [
        ("", "TEXT", TextFormat(text=DEFAULT_TEXT)),
        ("%PROTOCOL%", "TEXT", TextFormat(text="%PROTOCOL%\n")),
        ("%PROTOCOL%\n", "TEXT", TextFormat(text="%PROTOCOL%\n")),
        ("", "JSON", JSON),
        ('{"b": "%PROTOCOL%", "a": "x"}', "JSON", JsonFormat(text='{"a": "x", "b": "%PROTOCOL%"}')),
        ('{"b": {"d": 1, "c": ["%PROTOCOL%"]}}', "JSON", JsonFormat(text='{"b": {"c": ["%PROTOCOL%"], "d": 1}}')),
        ("[]", "JSON", JSON),
        ("%PROTOCOL%", "JSON", JSON),
    ],
)
def test_formats(given: str, encoding: str, expected: TextFormat | JsonFormat) -> None:
    settings = MeshConfig(access_log_file=OUT, access_log_format=given, access_log_encoding=AccessLogEncoding(encoding))
    assert access_logs(settings) == (FileAccessLog(path=OUT, format=expected),)


def test_both_encodings_say_the_same() -> None:
    assert all(value in DEFAULT_TEXT for _, value in DEFAULT_JSON)
    assert DEFAULT_TEXT.count("%") == 2 * len(DEFAULT_JSON)


def test_what_no_chain_takes_is_logged_by_the_listener() -> None:
    settings = MeshConfig(access_log_file=OUT)
    (log,) = listener_access_logs(settings)
    assert log.filter == ResponseFlagFilter(flags=("NR",))
    assert listener_access_logs(MeshConfig(access_log_file=OUT, disable_envoy_listener_log=True)) == ()


def test_everything_is_logged_but_the_black_hole() -> None:
    text = service("web", "http:80", "tcp:90", ip="10.96.0.1", selector="client")
    plan = planned(text, facts=mesh(access_log_file=OUT))
    assert all(one.access_logs for one in plan.listeners)
    for one in plan.listeners:
        for chain in (*one.filter_chains, one.default_filter_chain):
            if chain is not None:
                last = chain.filters[-1]
                assert not isinstance(last, MongoProxyPlan)
                assert bool(last.access_logs) is not chain.name.endswith("blackhole")
    assert manager(listener(plan, "0.0.0.0_80").filter_chains[0]).access_logs
    assert tcp(listener(plan, "10.96.0.1_90").filter_chains[0]).access_logs
