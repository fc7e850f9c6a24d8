"""The sockets by which a proxy is led are no endpoint and no server: they are its identity."""

from __future__ import annotations

import pytest

from meshgate.api import codes, decode
from meshgate.api.rules.values import PROXY_SOCKETS
from meshgate.host.pods.places import VIEW_ADMIN, VIEW_ADS, VIEW_EDGE
from tests.api.objects import GATEWAY, SERVICE_ENTRY, SIDECAR, WORKLOAD_ENTRY, Raw, changed

PATHS = (
    f"{VIEW_ADS}/xds",
    f"{VIEW_ADMIN}/admin",
    f"/var{VIEW_ADS}/xds",
    f"/proc/self/root{VIEW_ADS}/xds",
    f"/tmp/..{VIEW_EDGE}/edge.8080",
    "//run/./meshgate//ads/xds",
)


def _entry(socket: str) -> Raw:
    raw = changed(SERVICE_ENTRY, "spec.resolution", "STATIC")
    return changed(raw, "spec.endpoints", [{"address": f"unix://{socket}"}])


def _workload(socket: str) -> Raw:
    return changed(WORKLOAD_ENTRY, "spec", {"address": f"unix://{socket}", "labels": {"app": "web"}})


def _gateway(socket: str) -> Raw:
    port = {"number": 0, "name": "http", "protocol": "HTTP"}
    return changed(GATEWAY, "spec.servers", [{"port": port, "bind": f"unix://{socket}", "hosts": ["*"]}])


def _delivered(socket: str) -> Raw:
    listener = {"port": {"number": 80, "protocol": "HTTP"}, "defaultEndpoint": f"unix://{socket}"}
    return changed(SIDECAR, "spec.ingress", [listener])


def _listening(socket: str) -> Raw:
    return changed(
        SIDECAR, "spec.egress", [{"port": {"protocol": "HTTP"}, "bind": f"unix://{socket}", "hosts": ["./*"]}]
    )


CASES = {
    "spec.endpoints[0].address": _entry,
    "spec.address": _workload,
    "spec.servers[0].bind": _gateway,
    "spec.ingress[0].defaultEndpoint": _delivered,
    "spec.egress[0].bind": _listening,
}


@pytest.mark.parametrize("place", CASES)
@pytest.mark.parametrize("socket", PATHS)
def test_they_are_refused(place: str, socket: str) -> None:
    resource, problems = decode(CASES[place](socket))
    assert resource is None
    assert [(problem.code, problem.path) for problem in problems] == [(codes.OWN_SOCKET, place)]


@pytest.mark.parametrize("place", CASES)
@pytest.mark.parametrize("socket", ["/run/web.sock", "/run/meshgate.sock", "/run/meshgate-web/a"])
def test_others_are_not(place: str, socket: str) -> None:
    resource, problems = decode(CASES[place](socket))
    assert resource is not None, problems


@pytest.mark.parametrize("view", [VIEW_ADS, VIEW_ADMIN, VIEW_EDGE])
def test_all_of_them_are_in_one_directory(view: str) -> None:
    assert view.startswith(f"{PROXY_SOCKETS}/")
