"""The table of header commands, held against the Envoy that is started."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

import pytest

from meshgate.api.rules.header_operators import NEEDING_ARGUMENTS, PLAIN, WITH_OR_WITHOUT
from meshgate.host.envoy_binary import find_envoy

pytestmark = pytest.mark.envoy

_ARGUMENTS = {
    "COALESCE": '{"operators": ["HOSTNAME"]}',
    "COMMON_DURATION": "DS_RX_BEG:DS_TX_END:ms",
    "XFCC_VALUE": "uri",
}
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def _refusal(values: Iterable[str]) -> str:
    """What Envoy says of a route configuration that adds headers of these values; empty if it takes it."""
    headers = [{"header": {"key": "x", "value": value}} for value in values]
    host = {"name": "x", "domains": ["*"], "request_headers_to_add": headers}
    manager = {
        "@type": f"type.googleapis.com/{_MANAGER}",
        "stat_prefix": "x",
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}},
        "filter_chains": [{"filters": [{"name": "x", "typed_config": manager}]}],
    }
    config = json.dumps({"static_resources": {"listeners": [listener]}})
    command = [str(find_envoy()), "--mode", "validate", "--config-yaml", config, "-l", "error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr if done.returncode else ""


def test_envoy_takes_the_commands() -> None:
    plain = [f"%{name}%" for name in sorted(PLAIN | WITH_OR_WITHOUT)]
    called = [f"%{name}({_ARGUMENTS.get(name, 'a')})%" for name in sorted(NEEDING_ARGUMENTS - {"METADATA"})]
    assert not _refusal([*plain, *called, "%METADATA(ROUTE:a)%"])


@pytest.mark.parametrize("value", ["%NOPE%", "%REQ%", "%PROTOCOL(x)%", "%hostname%"])
def test_envoy_refuses_what_is_refused(value: str) -> None:
    assert _refusal([value])
