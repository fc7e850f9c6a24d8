"""Namespaces are held, entered and let go; where there are none to be had, it says why."""

from __future__ import annotations

import errno
import gc
import os

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.host.network import NetworkNamespace, namespace
from meshgate.host.network.namespace import has_sysctl, read_sysctl, write_sysctl
from tests.host_network.machine import open_descriptors


def test_without_rights_it_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(namespace, "new_netns", refuse)
    with pytest.raises(EnvironmentFault, match="no network namespace for a pod: Operation not permitted") as caught:
        NetworkNamespace.create()
    assert "run as root" in caught.value.hint


@pytest.mark.e2e
def test_code_runs_inside_and_leaves_the_caller_outside() -> None:
    made, here = NetworkNamespace.create(), NetworkNamespace.current()
    before = here.identity()

    assert made.run(lambda: NetworkNamespace.current().identity()) == made.identity() != before
    assert NetworkNamespace.current().identity() == before
    with pytest.raises(ZeroDivisionError):
        made.run(lambda: 1 // 0)
    made.close()
    here.close()


@pytest.mark.e2e
def test_it_is_let_go_once_and_by_who_forgets_it() -> None:
    gc.collect()
    before = open_descriptors()
    made = NetworkNamespace.create()
    made.close()
    made.close()
    with pytest.raises(ValueError, match="is closed"):
        made.fileno()
    NetworkNamespace.create()  # and forgotten

    gc.collect()
    assert open_descriptors() == before


@pytest.mark.e2e
def test_settings_are_those_of_the_namespace() -> None:
    made = NetworkNamespace.create()
    outside = read_sysctl("net/ipv4/ip_unprivileged_port_start")

    def inside() -> str:
        write_sysctl("net/ipv4/ip_unprivileged_port_start", "7")
        return read_sysctl("net/ipv4/ip_unprivileged_port_start")

    assert made.run(inside) == "7"
    assert read_sysctl("net/ipv4/ip_unprivileged_port_start") == outside
    assert not has_sysctl("net/nosuch")
    with pytest.raises(EnvironmentFault, match="/proc/sys/net/nosuch can't be set to 1"):
        write_sysctl("net/nosuch", "1")
    os.fstat(made.fileno())
    made.close()
