"""`meshgate authn`: two tables, and all details as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meshgate.cli.authn import text_of
from meshgate.cli.group import main
from meshgate.store.core import Create
from tests.kube.running_api import pod, run, running_api


def reason(text: str, ref: str = "", path: str = "", position: str = "") -> Mapping[str, str]:
    return {"text": text, "ref": ref, "path": path, "position": position}


def tls(kind: str, *certificates: str, roots: str = "", sni: str = "", of_request: bool = False) -> Mapping[str, Any]:
    shown = {"kind": kind, "certificates": list(certificates), "roots": roots, "peerNames": [], "sni": sni, "alpn": []}
    return {**shown, "sniOfRequest": of_request}


def accepts(port: int, mode: str, *takes: str, **more: Any) -> Mapping[str, Any]:
    plain = {"serverNames": [], "services": [], "tls": None, "why": [reason("nobody says otherwise")]}
    return {"port": port, "mode": mode, "takes": list(takes), **plain, **more}


def sends(host: str, what: str, why: Mapping[str, str], **more: Any) -> Mapping[str, Any]:
    plain = {"port": 80, "subset": "", "endpoints": ["10.0.0.1:8080"], "tls": None}
    return {"host": host, "sends": what, "why": [why], **plain, **more}


TOLD = {
    "name": "web.default",
    "role": "sidecar",
    "identity": "spiffe://cluster.local/ns/default/sa/web",
    "accepts": [
        accepts(0, "PERMISSIVE", "mTLS", "plaintext"),
        accepts(
            8080,
            "STRICT",
            "mTLS",
            services=["web:80"],
            tls=tls("mTLS", "default", roots="ROOTCA"),
            why=[reason("for the namespace", "PeerAuthentication/x/y", "spec.mtls.mode", "a.yaml:7")],
        ),
        accepts(8443, "SIMPLE", "SIMPLE", serverNames=["a.com", "b.com"], services=["web:443"]),
    ],
    "sends": [
        sends("a", "mTLS", reason("labelled"), tls=tls("mTLS", "default", roots="ROOTCA", sni="outbound_.80_._.a")),
        sends("a", "plaintext", reason("DISABLE", "DestinationRule/x/a", "spec.trafficPolicy.tls"), subset="v1"),
        sends("b", "SIMPLE", reason("x"), port=443, endpoints=[], tls=tls("SIMPLE", roots="system", of_request=True)),
        sends("c", "SIMPLE", reason("x"), tls=tls("SIMPLE", sni="c.com")),
    ],
}


def test_two_tables_under_the_identity() -> None:
    policy = "PeerAuthentication/x/y spec.mtls.mode (a.yaml:7): for the namespace"
    assert text_of(TOLD).splitlines() == [
        "web.default is spiffe://cluster.local/ns/default/sa/web",
        "",
        "accepts:",
        "PORT     SERVICE       MODE         TAKES             CERTIFICATE   BY",
        "others   -             PERMISSIVE   mTLS, plaintext   -             nobody says otherwise",
        f"8080     web:80        STRICT       mTLS              default       {policy}",
        "8443     a.com,b.com   SIMPLE       SIMPLE            -             nobody says otherwise",
        "",
        "sends:",
        "HOST   PORT   SUBSET   ENDPOINTS   SENDS       SNI                  CERTIFICATE        BY",
        "a      80     -        1           mTLS        outbound_.80_._.a    default            labelled",
        "a      80     v1       1           plaintext   -                    -                  "
        "DestinationRule/x/a spec.trafficPolicy.tls: DISABLE",
        "b      443    -        0           SIMPLE      the request's host   checks by system   x",
        "c      80     -        1           SIMPLE      c.com                checks nobody      x",
    ]


def test_nothing() -> None:
    told = {**TOLD, "accepts": [], "sends": []}
    assert text_of(told).endswith("\n\naccepts:\nnothing\n\nsends:\nnothing\n")


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert isinstance(ending.value.code, int)
    return ending.value.code


def told(directory: Path, *arguments: str) -> int:
    async def scenario() -> int:
        async with running_api(directory) as api:
            api.store.transact([Create(raw=pod())])
            api.proxies.proofs = TOLD
            return await asyncio.to_thread(call, "authn", *arguments, "--data-dir", str(directory))

    return run(scenario)


def test_all_details_of_what_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(tmp_path, "pod/web.default", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == TOLD


def test_filters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(tmp_path, "web", "-o", "json", "--fqdn", "a", "--port", "80") == 0
    found = json.loads(capsys.readouterr().out)
    assert ([each["host"] for each in found["sends"]], found["accepts"]) == (["a", "a"], [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 64, "Missing argument"),
        (["gone"], 1, 'pods "gone" not found'),
        (["web", "-o", "wide"], 64, "'wide' is not one of 'json', 'yaml'"),
    ],
)
def test_called_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert told(tmp_path, *arguments) == code
    assert said in capsys.readouterr().err
