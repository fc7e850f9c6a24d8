"""Whether the host's firewall drops what is forwarded, which keeps pods from the internet: found, and a cure named.

Read from nf_tables (which `iptables` of our day uses too) and, where the kernel has that in use, from the old
ip_tables. A chain of the forward hook whose policy is drop is a finding unless some rule of its table names our link:
then the user has seen to it. The firewall is the user's: nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from pathlib import Path
from typing import Final

from meshgate.host.network.nftables import ChainFacts, NftablesSocket

_FORWARD_HOOK: Final = 2
_IPTABLES_CHAIN = "FORWARD"
_DOCKERS_CHAIN = "DOCKER-USER"
_OLD_TABLES = Path("/proc/thread-self/net/ip_tables_names")
# linux/netfilter_ipv4/ip_tables.h
_GET_INFO, _GET_ENTRIES = 64, 65
_INFO = struct.Struct("=32sI5I5III")
_NAME_BYTES = 32
_ENTRY_HEADER_BYTES = 112
_VERDICT_OFFSET = _ENTRY_HEADER_BYTES + 32
_DROP_VERDICT = -1  # -NF_DROP - 1


def find_forward_drop(link: str) -> str:
    """What to do so that packets from and to `link` are forwarded; empty if nothing is in the way.

    For the network namespace of the calling thread.
    """
    nftables = NftablesSocket()
    try:
        return _nftables_cure(nftables, link) or _old_iptables_cure(link)
    finally:
        nftables.close()


def _nftables_cure(nftables: NftablesSocket, link: str) -> str:
    chains = nftables.chains()
    for chain in chains:
        if chain.hook != _FORWARD_HOOK or not chain.drops:
            continue
        if any(link.encode() in rule for _, rule in nftables.rules(chain.table)):
            continue
        if chain.name == _IPTABLES_CHAIN and chain.table == "filter":
            return _iptables_rules(link, _DOCKERS_CHAIN if _has_dockers_chain(chains) else _IPTABLES_CHAIN)
        rule = f"nft insert rule {chain.family} {chain.table} {chain.name}"
        return f'{rule} iifname "{link}" accept; {rule} oifname "{link}" accept'
    return ""


def _has_dockers_chain(chains: list[ChainFacts]) -> bool:
    return any(chain.name == _DOCKERS_CHAIN for chain in chains)


def _iptables_rules(link: str, chain: str) -> str:
    return f"iptables -I {chain} -i {link} -j ACCEPT; iptables -I {chain} -o {link} -j ACCEPT"


def _old_iptables_cure(link: str) -> str:
    # asking for a table that isn't in use would load it
    if not _OLD_TABLES.exists() or "filter" not in _OLD_TABLES.read_text().split():
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        name = b"filter".ljust(_NAME_BYTES, b"\0")
        info = _INFO.unpack(_ask_kernel(sock, _GET_INFO, name, _INFO.size))
        policy_offset, size = info[7 + _FORWARD_HOOK], info[13]
        head = struct.pack("=32sI4x", b"filter", size)
        entries = _ask_kernel(sock, _GET_ENTRIES, head, len(head) + size)[len(head) :]
    (policy,) = struct.unpack_from("=i", entries, policy_offset + _VERDICT_OFFSET)
    if policy != _DROP_VERDICT or link.encode() in entries:
        return ""
    return _iptables_rules(link, _DOCKERS_CHAIN if _DOCKERS_CHAIN.encode() in entries else _IPTABLES_CHAIN)


def _ask_kernel(sock: socket.socket, option: int, question: bytes, length: int) -> bytes:
    """getsockopt whose buffer carries the question in and the answer out, which Python's own can't."""
    buffer = ctypes.create_string_buffer(question, length)
    size = ctypes.c_uint32(length)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getsockopt(sock.fileno(), socket.SOL_IP, option, buffer, ctypes.byref(size)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"ip_tables: {os.strerror(code)}")
    return buffer.raw[: size.value]
