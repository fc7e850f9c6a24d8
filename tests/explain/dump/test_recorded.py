"""The recorded dump is what a real Envoy says; and it never says a private key."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import pytest

from meshgate.envoy import CLUSTER, LISTENER, ROUTES, resource_json
from meshgate.explain.dump import Dump, Hosts, differences
from meshgate.explain.dump.secrets import held_secrets
from meshgate.explain.dump.table import Row
from tests.explain.dump.recorded import CLUSTERS, CONFIG_DUMP, recorded_dump, recorded_hosts, resources, said
from tests.explain.dump.shown import tables
from tests.live_envoy import LiveEnvoy, running_envoy
from tests.live_secrets import certificate_and_key

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def envoy() -> Iterator[LiveEnvoy]:
    with running_envoy() as envoy:
        envoy.apply(resources())
        yield envoy


STEADY = ("web.default", "api.example.com", "secured.default", "10.96.0.8")
"""What stands in rows that no change of what Istio plans for every proxy touches."""


def steady_rows(dump: Dump, hosts: Hosts) -> Mapping[str, set[Row]]:
    return {
        name: {row for row in table.rows if any(word in cell for word in STEADY for cell in row)}
        for name, table in tables(dump, hosts).items()
    }


def test_a_real_envoy_says_what_is_recorded(envoy: LiveEnvoy, update_golden: bool) -> None:
    told = dict(said(envoy))
    if update_golden:
        for path, text in told.items():
            path.write_text(text)
    live = steady_rows(Dump(told[CONFIG_DUMP].encode()), Hosts(told[CLUSTERS].encode()))
    recorded = steady_rows(recorded_dump(), recorded_hosts())
    assert live == recorded
    assert all(recorded[name] for name in ("cluster", "listener", "route", "endpoint", "load-assignment"))


def test_it_holds_what_it_was_told(envoy: LiveEnvoy) -> None:
    keys = {"clusters": CLUSTER, "listeners": LISTENER, "routes": ROUTES}
    wanted = {
        key: [resource_json(resource) for resource in resources() if resource.type_url == type_url]
        for key, type_url in keys.items()
    }
    told = dict(said(envoy))[CONFIG_DUMP]
    assert [(each.title, each.lines) for each in differences(wanted, Dump(told.encode()))] == [
        ("Clusters", ()),
        ("Listeners", ()),
        ("Routes", ()),
    ]


def test_no_private_key_is_in_what_it_says(envoy: LiveEnvoy) -> None:
    pem = certificate_and_key()
    start = pem.index(b"-----BEGIN PRIVATE KEY-----")
    key = pem[start:].split(b"\n")[1]
    told = "".join(dict(said(envoy)).values())
    assert {each.name for each in held_secrets(Dump(dict(said(envoy))[CONFIG_DUMP].encode()))} == {"ROOTCA", "default"}
    for text in (told.encode(), *encoded_parts(told)):
        assert b"PRIVATE KEY" not in text
        assert key not in text


def encoded_parts(text: str) -> Iterator[bytes]:
    """What is in base64 in it."""
    for part in text.split('"inline_bytes": "')[1:]:
        yield base64.b64decode(part.partition('"')[0])
