"""Loading: once, whole, and with a clear error where it can't be."""

from __future__ import annotations

import subprocess
import sys

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import Default

from meshgate.errors import EnvironmentFault
from meshgate.host.envoy_binary import load_schema
from meshgate.proto import schema, v3
from meshgate.proto.names import NAMES


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


def test_every_fixed_name_gives_its_message_or_enum() -> None:
    for fixed, full_name in NAMES.items():
        assert getattr(v3, fixed).DESCRIPTOR.full_name == full_name


def test_a_class_is_made_once() -> None:
    assert v3.Cluster is v3.Cluster
    assert type(v3.Listener(listener_filters=[{"name": "x"}]).listener_filters[0]) is v3.ListenerFilter


def test_an_unknown_name_says_where_names_are() -> None:
    with pytest.raises(AttributeError, match=r"'Clutser'.*names\.py"):
        getattr(v3, "Clutser")  # noqa: B009  # mypy would refuse the plain attribute


def test_the_default_pool_is_left_alone() -> None:
    with pytest.raises(KeyError):
        Default().FindMessageTypeByName("envoy.config.cluster.v3.Cluster")


def test_use_before_loading_names_the_cure() -> None:
    code = "from meshgate.proto import v3; v3.Cluster"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "before its schema was loaded" in done.stderr


def test_a_schema_of_another_envoy_is_refused() -> None:
    with pytest.raises(EnvironmentFault, match="lacks"):
        schema._checked(FileDescriptorSet().SerializeToString())


def test_damaged_bytes_are_refused() -> None:
    with pytest.raises(EnvironmentFault, match="damaged"):
        schema._checked(b"\xff\xff\xff")


def test_another_schema_in_the_same_process_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="one process speaks one Envoy's API"):
        schema.load(b"other")
