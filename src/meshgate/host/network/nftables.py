"""Tables, chains, sets and rules for the kernel's nf_tables, changed in one atomic batch over netlink.

    batch = Batch()
    batch.add_table("meshgate")
    batch.add_chain("meshgate", "PREROUTING", Hook("nat", "prerouting", -100))
    batch.add_rule("meshgate", "PREROUTING", with_protocol("tcp") + redirect_to(15006))
    NftablesSocket().commit("capture", batch)

A batch is applied as a whole or not at all; a refusal names the step and says the kernel's reason. No `nft` or
`iptables` program is needed. Everything is of family `ip`: the pods' network has no IPv6 (see `pod_namespace`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

from meshgate.errors import EnvironmentFault
from meshgate.host.network.netlink import (
    F_ACK,
    F_APPEND,
    F_CREATE,
    F_REQUEST,
    Message,
    NetlinkFault,
    NetlinkSocket,
    attribute,
    attributes,
    be32,
    failure,
    message,
    nested,
    text,
    text_of,
)

HookPoint = Literal["prerouting", "input", "forward", "output", "postrouting"]

DESTINATION_NAT = -100
SOURCE_NAT = 100

_PROTOCOL = 12  # NETLINK_NETFILTER
_SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_FAMILY_IPV4, _FAMILY_INET = 2, 1
_NEW_TABLE, _DELETE_TABLE, _GET_TABLE = 0, 2, 1
_NEW_CHAIN, _GET_CHAIN, _DELETE_CHAIN = 3, 4, 5
_NEW_RULE, _GET_RULE, _DELETE_RULE = 6, 7, 8
_NEW_SET = 9
_NEW_ELEMENT, _DELETE_ELEMENT = 12, 14
_TABLE_OWNED = 2  # NFT_TABLE_F_OWNER, Linux 5.12
_HOOKS: dict[HookPoint, int] = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
_ANONYMOUS, _CONSTANT, _MAP = 1, 2, 8
_ELEMENT_KEY, _ELEMENT_DATA = 1, 2
_VALUE = 1
_VERDICT_TYPE = 0xFFFFFF00
_ELEMENTS_PER_MESSAGE = 256  # an attribute holds 64 kB at most


class Hook(NamedTuple):
    """Where the kernel calls a base chain."""

    kind: Literal["nat", "filter"]
    point: HookPoint
    priority: int


class FieldType(NamedTuple):
    """Of a set's key or value: its number in nft (so that `nft list` prints it right) and its length in bytes."""

    number: int
    length: int


IPV4_ADDRESS, INET_PROTOCOL, PORT, NUMBER = FieldType(7, 4), FieldType(12, 1), FieldType(13, 2), FieldType(4, 4)


class SetType(NamedTuple):
    """Of what a set's elements are made; several fields are a concatenation."""

    key: tuple[FieldType, ...]
    value: tuple[FieldType, ...] | Literal["verdict"] | None = None
    """None for a set; else a map."""


class Element(NamedTuple):
    """One element: the key and, in maps, the value as an attribute (`value_data` or `jump_data`)."""

    key: bytes
    data: bytes = b""


class ChainFacts(NamedTuple):
    """A chain as the kernel tells it."""

    family: Literal["ip", "inet"]
    table: str
    name: str
    hook: int | None
    """Number of the hook (`prerouting` 0 … `postrouting` 4), None for a chain that is only jumped to."""
    drops: bool
    """The chain's policy is drop."""


def value_data(value: bytes) -> bytes:
    """A map's value that isn't a verdict."""
    return attribute(_VALUE, value)


class Batch:
    """Steps that are applied together, in this order."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, int, int, bytes]] = []
        self._set_ids = 0

    def __bool__(self) -> bool:
        return bool(self._steps)

    def add_table(self, name: str, *, owned: bool = False) -> None:
        """A table, if there is none of the name yet. An owned one goes with the socket that made it."""
        flags = be32(2, _TABLE_OWNED) if owned else b""
        self._add(f"table {name}", _NEW_TABLE, F_CREATE, text(1, name) + flags)

    def delete_table(self, name: str) -> None:
        self._add(f"delete table {name}", _DELETE_TABLE, 0, text(1, name))

    def add_chain(self, table: str, name: str, hook: Hook | None = None) -> None:
        """A chain; with a hook a base chain that the kernel calls (policy accept)."""
        where = b""
        if hook is not None:
            where = nested(4, be32(1, _HOOKS[hook.point]), be32(2, hook.priority)) + text(7, hook.kind)
        self._add(f"chain {name}", _NEW_CHAIN, F_CREATE, text(1, table) + text(3, name) + where)

    def flush_chain(self, table: str, name: str) -> None:
        """Remove the chain's rules."""
        self._add(f"flush chain {name}", _DELETE_RULE, 0, text(1, table) + text(2, name))

    def delete_chain(self, table: str, name: str) -> None:
        self._add(f"delete chain {name}", _DELETE_CHAIN, 0, text(1, table) + text(3, name))

    def add_rule(self, table: str, chain: str, expressions: bytes) -> None:
        """Append a rule."""
        body = text(1, table) + text(2, chain) + nested(4, expressions)
        self._add(f"rule of chain {chain}", _NEW_RULE, F_CREATE | F_APPEND, body)

    def add_set(self, table: str, name: str, kind: SetType, elements: Sequence[Element] = ()) -> None:
        """A named set or map that can be changed later."""
        self._set_ids += 1
        self._new_set(table, name, kind, 0)
        self.add_elements(table, name, elements)

    def add_anonymous_set(self, table: str, kind: SetType, elements: Sequence[Element]) -> tuple[str, int]:
        """A set or map for the one rule that follows, and goes with it: the name and number for its lookup."""
        self._set_ids += 1
        number = self._set_ids
        self._new_set(table, "__set%d", kind, _ANONYMOUS | _CONSTANT)
        self._elements(_NEW_ELEMENT, F_CREATE, text(1, table) + text(2, "__set%d") + be32(4, number), elements)
        return "__set%d", number

    def add_elements(self, table: str, name: str, elements: Sequence[Element]) -> None:
        self._elements(_NEW_ELEMENT, F_CREATE, text(1, table) + text(2, name), elements)

    def delete_elements(self, table: str, name: str, keys: Sequence[bytes]) -> None:
        self._elements(_DELETE_ELEMENT, 0, text(1, table) + text(2, name), [Element(key) for key in keys])

    def steps(self) -> list[str]:
        """What each step does, in words."""
        return [step for step, _, _, _ in self._steps]

    def encode(self) -> bytes:
        """The datagram. Steps are numbered from 1; the frame around them has 0 and the number after the last."""
        frame = struct.pack("=BB", 0, 0) + struct.pack(">H", _SUBSYSTEM)
        head = struct.pack("=BBH", _FAMILY_IPV4, 0, 0)
        parts = [message(_BATCH_BEGIN, F_REQUEST, 0, frame)]
        for number, (_, kind, flags, body) in enumerate(self._steps, 1):
            # only the last step is acknowledged: the rest would fill the receive buffer of a large batch
            acknowledged = F_ACK if number == len(self._steps) else 0
            parts.append(message(_SUBSYSTEM << 8 | kind, F_REQUEST | flags | acknowledged, number, head + body))
        parts.append(message(_BATCH_END, F_REQUEST, len(self._steps) + 1, frame))
        return b"".join(parts)

    def _add(self, step: str, kind: int, flags: int, body: bytes) -> None:
        self._steps.append((step, kind, flags, body))

    def _new_set(self, table: str, name: str, kind: SetType, flags: int) -> None:
        body = text(1, table) + text(2, name) + be32(10, self._set_ids)
        body += be32(4, _type_number(kind.key)) + be32(5, _type_length(kind.key))
        if kind.value == "verdict":
            body += be32(6, _VERDICT_TYPE) + be32(7, 0)
        elif kind.value is not None:
            body += be32(6, _type_number(kind.value)) + be32(7, _type_length(kind.value))
        body += be32(3, flags | (_MAP if kind.value is not None else 0))
        self._add(f"set {name}", _NEW_SET, F_CREATE, body)

    def _elements(self, kind: int, flags: int, where: bytes, elements: Sequence[Element]) -> None:
        for start in range(0, len(elements), _ELEMENTS_PER_MESSAGE):
            some = elements[start : start + _ELEMENTS_PER_MESSAGE]
            self._add("elements", kind, flags, where + nested(3, *(_element(element) for element in some)))


class NftablesSocket:
    """nf_tables of the namespace in whose thread it is made. Tables that it owns go when it is closed everywhere."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        """`sock`: an owner's socket that was kept elsewhere meanwhile."""
        try:
            self._socket = sock or NetlinkSocket(_PROTOCOL)
        except OSError as fault:
            hint = "load the kernel's module nf_tables (modprobe nf_tables), or use a kernel that has it"
            raise EnvironmentFault(f"no nf_tables to be had: {fault.strerror}", hint=hint) from fault

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def commit(self, asked: str, batch: Batch) -> None:
        """Apply the batch, or nothing of it and raise a `NetlinkFault` that names the step."""
        steps = batch.steps()
        for answer in self._socket.exchange(batch.encode()):
            code, reason = failure(answer) or (0, "")
            if code:
                step = steps[answer.sequence - 1] if 0 < answer.sequence <= len(steps) else "commit"
                raise NetlinkFault(f"{asked}: {step}", code, reason)
            if answer.sequence == len(steps):
                return
        assert not steps, "the kernel answers the last step of a batch at once"

    def tables(self) -> list[str]:
        """The names of the IPv4 tables."""
        return [text_of(attributes(entry.body[4:])[1]) for entry in self._dump("tables", _GET_TABLE)]

    def chains(self) -> list[ChainFacts]:
        """All chains of IPv4 tables, and those of family `inet`, which see IPv4 too."""
        found = []
        for family in (_FAMILY_IPV4, _FAMILY_INET):
            found += [_chain_facts(family, entry.body[4:]) for entry in self._dump("chains", _GET_CHAIN, family)]
        return found

    def rules(self, table: str) -> list[tuple[str, bytes]]:
        """Chain and expressions of all rules of a table (families `ip` and `inet`), in order."""
        found = []
        for family in (_FAMILY_IPV4, _FAMILY_INET):
            for entry in self._dump("rules", _GET_RULE, family):
                known = attributes(entry.body[4:])
                if text_of(known[1]) == table:
                    found.append((text_of(known[2]), known.get(4, b"")))
        return found

    def _dump(self, what: str, kind: int, family: int = _FAMILY_IPV4) -> list[Message]:
        head = struct.pack("=BBH", family, 0, 0)
        return self._socket.dump(f"nftables {what}", _SUBSYSTEM << 8 | kind, head)


def _chain_facts(family: int, data: bytes) -> ChainFacts:
    known = attributes(data)
    hook = attributes(known[4]) if 4 in known else {}
    policy = struct.unpack(">I", known[5])[0] if 5 in known else 1
    number = struct.unpack(">I", hook[1])[0] if 1 in hook else None
    return ChainFacts(
        "inet" if family == _FAMILY_INET else "ip", text_of(known[1]), text_of(known[3]), number, policy == 0
    )


def _element(element: Element) -> bytes:
    data = nested(_ELEMENT_DATA, element.data) if element.data else b""
    return nested(1, nested(_ELEMENT_KEY, attribute(_VALUE, element.key)), data)


def _type_number(fields: tuple[FieldType, ...]) -> int:
    number = 0
    for field in fields:
        number = number << 6 | field.number
    return number


def _type_length(fields: tuple[FieldType, ...]) -> int:
    if len(fields) == 1:
        return fields[0].length
    return sum((field.length + 3) & ~3 for field in fields)
