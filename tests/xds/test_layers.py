"""What a proxy must hold, with its secrets beside what it is planned to do."""

from __future__ import annotations

import pytest

from meshgate.envoy import CLUSTER, SECRET, Resource
from meshgate.xds.layers import TableLayers
from meshgate.xds.session import table_of
from tests.xds.playbook import c


def secret(name: str, version: str = "1") -> Resource:
    return Resource(name=name, version=version, type_url=SECRET, body=b"x")


def test_secrets_alone_are_nothing_to_offer() -> None:
    layers = TableLayers()
    assert layers.set_secrets("identity", {"default": secret("default")})
    assert layers.whole is None
    assert layers.set_table(table_of([c("a")]))
    assert layers.whole is not None
    assert set(layers.whole.types) == {CLUSTER, SECRET}


def test_what_others_may_see_has_no_secret() -> None:
    layers = TableLayers()
    layers.set_table(table_of([c("a")]))
    layers.set_secrets("identity", {"default": secret("default")})
    assert layers.table is not None
    assert set(layers.table.types) == {CLUSTER}


def test_what_did_not_change_stays_the_same_mapping() -> None:
    layers = TableLayers()
    layers.set_table(table_of([c("a")]))
    layers.set_secrets("identity", {"default": secret("default")})
    before = layers.whole
    assert before is not None
    assert not layers.set_secrets("identity", {"default": secret("default")})
    assert layers.whole is before
    layers.set_secrets("identity", {"default": secret("default", "2")})
    assert layers.whole is not None
    assert layers.whole.of(CLUSTER) is before.of(CLUSTER)
    secrets = layers.whole.of(SECRET)
    layers.set_table(table_of([c("a", 2)]))
    assert layers.whole.of(SECRET) is secrets


def test_sources_stand_side_by_side_and_one_may_end() -> None:
    layers = TableLayers()
    layers.set_table(table_of([c("a")]))
    layers.set_secrets("identity", {"default": secret("default")})
    layers.set_secrets("files", {"file-root:system": secret("file-root:system")})
    assert layers.whole is not None
    assert set(layers.whole.of(SECRET)) == {"default", "file-root:system"}
    layers.set_secrets("files", {})
    assert set(layers.whole.of(SECRET)) == {"default"}
    layers.set_secrets("identity", {})
    assert layers.whole is layers.table


def test_a_name_of_two_sources_is_a_bug() -> None:
    layers = TableLayers()
    layers.set_secrets("identity", {"default": secret("default")})
    with pytest.raises(AssertionError, match="two sources"):
        layers.set_secrets("files", {"default": secret("default")})


def test_a_plan_brings_no_secret() -> None:
    with pytest.raises(AssertionError, match="names of secrets only"):
        TableLayers().set_table(table_of([secret("default")]))
