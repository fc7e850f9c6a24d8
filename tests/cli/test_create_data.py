"""`create secret` and `create configmap`: kubectl's arguments, what it prints, what it refuses."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
import yaml

from meshgate.cli.group import main
from tests.certificates import Made, certificate, encrypted_key_pem
from tests.kube.running_api import run, running_api

LEAF, OTHER = certificate("leaf"), certificate("other")
WEAK = certificate("weak", key="RSA-1024")
TLS = ["secret", "tls", "web"]
GENERIC = ["secret", "generic", "web", "--dry-run=client"]


def called(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["create", *arguments])
    assert isinstance(ending.value.code, int)
    return ending.value.code


def files(directory: Path, made: Made = LEAF, key: bytes | None = None) -> list[str]:
    (directory / "a.crt").write_bytes(made.pem)
    (directory / "a.key").write_bytes(key or made.key)
    return [f"--cert={directory}/a.crt", f"--key={directory}/a.key"]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    assert called(*arguments, "-o", "yaml") == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_a_tls_secret_as_kubectl_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("-n", "shop", *TLS, *files(tmp_path), "--dry-run=client", "-o", "yaml") == 0
    crt, key = (base64.b64encode(content).decode() for content in (LEAF.pem, LEAF.key))
    assert capsys.readouterr().out == (
        f"apiVersion: v1\ndata:\n  tls.crt: {crt}\n  tls.key: {key}\nkind: Secret\n"
        "metadata:\n  name: web\n  namespace: shop\ntype: kubernetes.io/tls\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "secret/web created (dry run)\n", id="words"),
        pytest.param(["-o", "name"], "secret/web\n", id="name"),
    ],
)
def test_what_is_said_of_a_dry_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert called(*TLS, *files(tmp_path), "--dry-run=client", *arguments) == 0
    assert capsys.readouterr().out == said


def test_what_is_made_is_there_and_twice_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*TLS, *files(tmp_path), "--data-dir", str(tmp_path)]

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            assert await asyncio.to_thread(called, *arguments, "--dry-run=server") == 0
            assert api.store.get("Secret", "default", "web") is None
            assert await asyncio.to_thread(called, *arguments) == 0
            raw = api.store.get("Secret", "default", "web")
            assert raw is not None
            assert raw["data"] == {
                "tls.crt": base64.b64encode(LEAF.pem).decode(),
                "tls.key": base64.b64encode(LEAF.key).decode(),
            }
            assert await asyncio.to_thread(called, *arguments) == 1

    run(scenario)
    told = capsys.readouterr()
    assert told.out == "secret/web created (server dry run)\nsecret/web created\n"
    assert 'Error from server (AlreadyExists): secrets "web" already exists' in told.err
    assert LEAF.key.split(b"\n")[1].decode() not in told.out + told.err


@pytest.mark.parametrize(
    ("made", "key", "said"),
    [
        pytest.param(LEAF, OTHER.key, "tls: private key does not match public key", id="mismatch"),
        pytest.param(LEAF, b"hello", "tls: failed to find any PEM data in key input", id="no key"),
        pytest.param(LEAF, encrypted_key_pem(LEAF.private), "tls: key: the private key is encrypted", id="password"),
    ],
)
def test_pairs_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: Made, key: bytes, said: str
) -> None:
    assert called(*TLS, *files(tmp_path, made, key), "--dry-run=client") == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: {said}")
    assert not [line for line in key.decode().splitlines() if len(line) > 20 and line in told.err]


def test_what_kubectl_takes_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Envoy does not take so short a key: the server warns of it."""
    assert called(*TLS, *files(tmp_path, WEAK), "--dry-run=client") == 0
    assert capsys.readouterr().out == "secret/web created (dry run)\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--cert=a"], 64, "error: key and cert must be specified", id="no key"),
        pytest.param(["--cert=/none", "--key=/none"], 1, "error: open /none: no such file or directory", id="no file"),
    ],
)
def test_files_of_a_pair(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str) -> None:
    assert called(*TLS, *arguments, "--dry-run=client") == code
    assert capsys.readouterr().err.startswith(said)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two.txt").write_bytes(b"2")
    (tmp_path / "no key").write_bytes(b"3")
    (tmp_path / "below").mkdir()
    (tmp_path / "link").symlink_to("one")
    (tmp_path / "env").write_text("# a comment\n\nA=1\nB=x=y\n  C=\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["--from-file={}/one"], {"one": b"1"}, id="file"),
        pytest.param(["--from-file=key={}/two.txt"], {"key": b"2"}, id="file with a key"),
        pytest.param(["--from-file={}"], {"env": None, "one": b"1", "two.txt": b"2"}, id="directory"),
        pytest.param(["--from-literal=a=1", "--from-literal=b=x=y"], {"a": b"1", "b": b"x=y"}, id="literals"),
        pytest.param(["--from-literal=a='q'", '--from-literal=b="q"'], {"a": b"q", "b": b"q"}, id="quotes"),
        pytest.param(["--from-env-file={}/env"], {"A": b"1", "B": b"x=y", "C": b""}, id="environment"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_sources(
    directory: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: dict[str, bytes | None] | None
) -> None:
    made = printed(capsys, *GENERIC, *(argument.format(directory) for argument in arguments))
    assert isinstance(made, dict)
    assert "type" not in made
    if expected is None:
        assert "data" not in made
        return
    data = {key: base64.b64decode(value) for key, value in made["data"].items()}
    assert data.keys() == expected.keys()
    assert all(data[key] == content for key, content in expected.items() if content is not None)


def test_the_type_of_a_generic_secret(capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, *GENERIC, "--type=example.org/x", "-n", "shop")
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web", "namespace": "shop"},
        "type": "example.org/x",
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--from-literal=hidden"], "invalid literal source, expected key=value", id="literal"),
        pytest.param(["--from-literal=a=1", "--from-literal=a=2"], "cannot add key a, another key by", id="twice"),
        pytest.param(["--from-literal=a b=1"], '"a b" is not valid key name for a Secret', id="key"),
        pytest.param(["--from-file=a={}"], "cannot give a key name for a directory path", id="key of a directory"),
        pytest.param(["--from-file=a="], "file path for key a missing", id="no path"),
        pytest.param(["--from-file==a"], "key name for file path a missing", id="no key"),
        pytest.param(["--from-file=a=b=c"], "key names or file paths cannot contain '='", id="equals"),
        pytest.param(["--from-env-file={}/env", "--from-literal=a=1"], "from-env-file cannot be combined", id="both"),
        pytest.param(["--from-env-file={}/one"], "{}/one:1: '1' is not a valid environment variable", id="variable"),
    ],
)
def test_sources_that_are_refused(
    directory: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert called(*GENERIC, *(argument.format(directory) for argument in arguments)) == 64
    told = capsys.readouterr()
    assert told.err.startswith("error: " + said.format(directory))
    assert "hidden" not in told.err


def test_a_config_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text").write_text("grüß\n")
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    for name in ("configmap", "cm"):
        made = printed(
            capsys, name, "web", f"--from-file={tmp_path}/text", f"--from-file={tmp_path}/binary", "--dry-run=client"
        )
        assert made == {
            "apiVersion": "v1",
            "binaryData": {"binary": base64.b64encode(b"\xff\x00").decode()},
            "data": {"text": "grüß\n"},
            "kind": "ConfigMap",
            "metadata": {"name": "web"},
        }
