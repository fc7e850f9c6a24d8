"""The schema inside the pinned Envoy is found whole, and nothing is made up."""

from __future__ import annotations

import mmap

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from meshgate import proto
from meshgate.errors import EnvironmentFault
from meshgate.host.envoy_binary import find_envoy
from meshgate.proto.names import NAMES


def _file(name: str, *dependencies: str, fields: int = 1) -> FileDescriptorProto:
    file = FileDescriptorProto(name=name, package="p", dependency=dependencies, syntax="proto3")
    message = file.message_type.add(name="M")
    for number in range(1, fields + 1):
        message.field.add(name=f"f{number}", number=number, type=FieldDescriptorProto.TYPE_STRING)
    return file


def _binary(*files: FileDescriptorProto, between: bytes = b"\0\0\0") -> bytes:
    return b"\x7fELF" + between.join(file.SerializeToString() for file in files) + between


def _found(binary: bytes) -> list[str]:
    return [file.name for file in FileDescriptorSet.FromString(proto.scan(binary)).file]


@pytest.mark.slow
def test_pinned_envoy_carries_its_whole_api() -> None:
    with find_envoy().open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as binary:
        found = FileDescriptorSet.FromString(proto.scan(binary))
    assert len(found.file) > 500
    seen: set[str] = set()
    for descriptor in found.file:
        assert seen.issuperset(descriptor.dependency), descriptor.name
        seen.add(descriptor.name)
    there = {f"{file.package}.{message.name}" for file in found.file for message in file.message_type}
    there |= {f"{file.package}.{enum.name}" for file in found.file for enum in file.enum_type}
    assert set(NAMES.values()) <= there


def test_files_come_after_what_they_import() -> None:
    assert _found(_binary(_file("a/user.proto", "z/used.proto"), _file("z/used.proto"))) == [
        "z/used.proto",
        "a/user.proto",
    ]


def test_files_that_touch_each_other_are_told_apart() -> None:
    assert _found(_binary(_file("one.proto"), _file("two.proto"), between=b"")) == ["one.proto", "two.proto"]


def test_of_two_copies_the_fuller_one_is_taken() -> None:
    full, stripped = _file("same.proto", fields=3), _file("same.proto", fields=1)
    for binary in (_binary(full, stripped), _binary(stripped, full)):
        (file,) = FileDescriptorSet.FromString(proto.scan(binary)).file
        assert file == full


def test_a_file_whose_import_is_missing_is_left_out() -> None:
    assert _found(_binary(_file("whole.proto"), _file("broken.proto", "absent.proto"))) == ["whole.proto"]


def test_text_that_only_looks_like_a_descriptor_is_passed_over() -> None:
    assert _found(b"\x0a\x0afake.proto\x12\xff\xff\xff\xff\x0f" + _binary(_file("real.proto"))) == ["real.proto"]


def test_a_binary_without_schema_is_an_error() -> None:
    with pytest.raises(EnvironmentFault, match="no protobuf schema"):
        proto.scan(b"\x7fELF" + bytes(1000))
