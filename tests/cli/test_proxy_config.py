"""`meshgate proxy-config`: words, flags and forms of the output, over a real API with a recorded proxy behind it."""

from __future__ import annotations

import asyncio
import doctest
import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import meshgate.cli.proxy_config_log
import meshgate.cli.targets
from meshgate.cli.group import main
from meshgate.store.core import Create
from tests.explain.dump.recorded import CLUSTERS, CONFIG_DUMP
from tests.kube.running_api import pod, run, running_api

RECORDED = {"endpoint": CLUSTERS}


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert isinstance(ending.value.code, int)
    return ending.value.code


def of_file(what: str, *arguments: str) -> int:
    """Of the recorded dump, by `--file`: no mesh runs."""
    file = RECORDED.get(what, CONFIG_DUMP)
    return call("proxy-config", what, *arguments, "--file", str(file))


def told(directory: Path, *arguments: str) -> tuple[int, list[tuple[str, str, str]]]:
    """A command over the API of a mesh with a pod `web` in `default`; exit code, and what its proxy was asked."""

    async def scenario() -> tuple[int, list[tuple[str, str, str]]]:
        async with running_api(directory) as api:
            api.store.transact([Create(raw=pod(labels={"app": "web"}))])
            api.proxies.dump, api.proxies.hosts = CONFIG_DUMP.read_bytes(), CLUSTERS.read_bytes()
            return await asyncio.to_thread(call, *arguments, "--data-dir", str(directory)), api.proxies.asked

    return run(scenario)


@pytest.mark.parametrize(
    ("arguments", "asked", "first"),
    [
        (["cluster", "web"], "mask=dynamic_active_clusters,static_clusters", "SERVICE FQDN      "),
        (["clusters", "web.default", "-n", "x"], "mask=dynamic_active_clusters,static_clusters", "SERVICE FQDN      "),
        (["c", "pod/web"], "mask=dynamic_active_clusters,static_clusters", "SERVICE FQDN      "),
        (["listener", "web"], "mask=dynamic_listeners,static_listeners", "ADDRESSES     PORT  MATCH "),
        (["l", "web", "--verbose=false"], "mask=dynamic_listeners,static_listeners", "ADDRESSES     PORT  TYPE"),
        (["route", "web"], "mask=dynamic_route_configs,static_route_configs", "NAME       "),
        (["r", "web", "--name", "80"], "mask=dynamic_route_configs,static_route_configs", "NAME     VHOST NAME "),
        (["endpoint", "web"], "clusters", "ENDPOINT       "),
        (["ep", "web", "-o", "short"], "clusters", "ENDPOINT       "),
        (["bootstrap", "web", "-o", "short"], "mask=bootstrap", "Istio Version: 1.30.0"),
        (["secret", "web"], "mask=dynamic_active_secrets,dynamic_warming_secrets", "RESOURCE NAME     TYPE     "),
        (["s", "web", "-o", "wide"], "mask=dynamic_active_secrets,dynamic_warming_secrets", "RESOURCE NAME     TYPE  "),
        (["all", "web"], "include_eds", "Istio Version: 1.30.0"),
        (["a", "web", "--with-headers"], "include_eds", "------ BOOTSTRAP INFO ------"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_pods_proxy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], asked: str, first: str
) -> None:
    assert told(tmp_path, "pc", *arguments) == (0, [("default", "web", asked)])
    assert capsys.readouterr().out.startswith(first)


@pytest.mark.parametrize(
    ("what", "filters", "key", "found"),
    [
        (
            "cluster",
            ["--fqdn", "web.default", "--subset", "v1"],
            "name",
            ["outbound|80|v1|web.default.svc.cluster.local"],
        ),
        (
            "cluster",
            ["--port", "443", "--direction", "outbound", "--fqdn", "api"],
            "name",
            ["outbound|443||api.example.com"],
        ),
        ("listener", ["--address", "10.96.0.8", "--type", "tcp"], "name", ["10.96.0.8_6379"]),
        ("listener", ["--port", "15090"], "name", ["prometheus"]),
        ("route", ["--name", "80"], "name", ["80"]),
        ("endpoint", ["--cluster", "agent", "--status", "healthy"], "name", ["agent"]),
        ("endpoint", ["--address", "10.0.0.0", "--port", "1"], "name", []),
    ],
    ids=str,
)
@pytest.mark.parametrize("output", ["json", "yaml"])
def test_filters_and_whole_values(
    capsys: pytest.CaptureFixture[str], what: str, filters: Sequence[str], key: str, found: list[str], output: str
) -> None:
    assert of_file(what, *filters, "-o", output) == 0
    text = capsys.readouterr().out
    value = json.loads(text) if output == "json" else yaml.safe_load(text)
    assert [each[key] for each in value] == found


def test_bootstrap_and_secrets_as_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert of_file("bootstrap") == 0
    assert json.loads(capsys.readouterr().out)["bootstrap"]["node"]["metadata"]["ISTIO_VERSION"] == "1.30.0"
    assert of_file("secret", "-o", "yaml") == 0
    names = [each["name"] for each in yaml.safe_load(capsys.readouterr().out)["dynamicActiveSecrets"]]
    assert sorted(names) == ["ROOTCA", "default"]


def test_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert of_file("all", "--with-headers", "--fqdn", "store", "--port", "6379", "--name", "80") == 0
    parts = capsys.readouterr().out.split("------ ")
    titles = ["BOOTSTRAP INFO", "CLUSTER INFO", "LISTENER INFO", "ROUTE INFO", "SECRET INFO", "ENDPOINTS INFO"]
    assert [part.partition(" ------")[0] for part in parts[1:]] == titles
    firsts = [[line.split()[0] for line in part.split("\n")[3:] if line] for part in parts[2:]]
    assert firsts == [
        ["cluster/outbound|6379||store.default.svc.cluster.local"],
        ["listener/10.96.0.8_6379"],
        ["route/80"] * 5,
        ["secret/ROOTCA", "secret/default"],
        [],
    ]
    assert of_file("all", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(CONFIG_DUMP.read_bytes())


def test_a_dump_comes_from_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CONFIG_DUMP.read_bytes())))
    assert call("pc", "cluster", "-f", "-", "--fqdn", "store") == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_no_secrets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    dump = {"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump"}]}
    (tmp_path / "dump.json").write_text(json.dumps(dump))
    assert call("pc", "secret", "-f", str(tmp_path / "dump.json")) == 0
    assert capsys.readouterr().out == "No active or warming secrets found.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cluster"], 64, "cluster requires pod name or --file parameter"),
        (["listener", "web", "-f", "x"], 64, "listener requires pod name or --file parameter"),
        (["route", "-f", "/no/such/file"], 64, "cannot read '/no/such/file': No such file or directory"),
        (["route", "-f", "/dev/null"], 1, "this is no configuration dump"),
        (["endpoint", "-f", "/dev/null"], 1, "this is no list of clusters"),
        (["clusterz", "web"], 64, "no command 'clusterz'; nearest: 'cluster'"),
        (["x", "web"], 64, "no command 'x': expected one of all, bootstrap, cluster, endpoint"),
        (["cluster", "web", "-o", "wide"], 64, "'wide' is not one of 'json', 'yaml', 'short'"),
        (["cluster", "web", "--port", "http"], 64, "'http' is not a valid integer"),
        (["cluster", "web", "--name", "x"], 64, "--name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_called_wrongly(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str) -> None:
    assert call("proxy-config", *arguments) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("gone", 1, 'Error from server (NotFound): pods "gone" not found'),
        ("web.shop", 1, 'Error from server (NotFound): pods "web" not found'),
        ("deploy/gone", 1, 'Error from server (NotFound): deployments.apps "gone" not found'),
        ("thing/web", 64, "the server doesn't have a resource type 'thing'"),
    ],
)
def test_what_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, code: int, said: str
) -> None:
    assert told(tmp_path, "proxy-config", "cluster", target) == (code, [])
    assert said in capsys.readouterr().err


def test_without_a_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("pc", "cluster", "web", "--data-dir", str(tmp_path)) == 1
    assert "no mesh is running" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["web"], []),
        (["-l", "app=web"], []),
        (["web", "--level", "warn"], ["level=warning"]),
        (["web", "--level", "http:debug,misc=off,info"], ["level=info", "http=debug", "misc=off"]),
        (["web", "-r"], ["level=warning", "misc=error"]),
    ],
    ids=str,
)
def test_levels_of_loggers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], changes: list[str]
) -> None:
    code, asked = told(tmp_path, "pc", "log", *arguments)
    assert (code, [what for _, _, what in asked]) == (0, ["logging ", *(f"logging {each}" for each in changes)])
    assert capsys.readouterr().out.startswith("web.default:\nactive loggers:\n  http: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 64, "log requires pod name or --selector"),
        (["web", "-l", "a=b"], 64, "log requires pod name or --selector"),
        (["web", "-r", "--level", "off"], 64, "--level cannot be combined with --reset"),
        (["web", "--level", "loud"], 64, "unrecognized logging level: loud"),
        (["web", "--level", "redis:debug"], 64, "unrecognized logger name: redis"),
        (["-l", "app=gone"], 1, "no pods found"),
    ],
    ids=str,
)
def test_levels_that_cannot_be_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert told(tmp_path, "pc", "log", *arguments)[0] == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("module", [meshgate.cli.proxy_config_log, meshgate.cli.targets])
def test_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
