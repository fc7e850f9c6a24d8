"""DNS messages: a query read, an answer written. dnspython knows the format; here is what we do with it.

Whatever comes in is answered by the rules: what can't be read FORMERR (or nothing, if there is not even a header),
other operations NOTIMP, other classes REFUSED, an unknown EDNS version BADVERS.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from meshgate.host.dns.names import Here, Record

TTL_S: Final = 5
"""Of our answers, as CoreDNS's default: names change when objects do, and we are asked at no cost."""
SMALLEST_UDP_BYTES: Final = 512
LARGEST_UDP_BYTES: Final = 4096

_HEADER_BYTES = 12
_RESPONSE = 0x8000
_SERVERS_PAYLOAD_BYTES = 1232


class Query(NamedTuple):
    """One question."""

    message: dns.message.Message
    name: str
    """As it was asked, without the final dot."""
    kind: str
    """Such as `A`."""


def read_query(wire: bytes) -> Query | bytes | None:
    """The query; or the wire form of the refusal it deserves; or None if it deserves no answer."""
    if len(wire) < _HEADER_BYTES or struct.unpack_from(">H", wire, 2)[0] & _RESPONSE:
        return None
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, struct.error):
        return failure(wire, dns.rcode.FORMERR)
    if message.opcode() != dns.opcode.QUERY:
        return failure(wire, dns.rcode.NOTIMP)
    if len(message.question) != 1:
        return failure(wire, dns.rcode.FORMERR)
    if message.edns > 0:
        return _refusal(message, dns.rcode.BADVERS)
    question = message.question[0]
    if question.rdclass != dns.rdataclass.IN:
        return _refusal(message, dns.rcode.REFUSED)
    return Query(message, question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype))


def failure(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """A bare answer that repeats nothing but identifier, operation and "recursion desired"."""
    identifier, flags = struct.unpack_from(">HH", wire)
    flags = _RESPONSE | flags & 0x7900 | dns.flags.RA | int(rcode)
    return struct.pack(">HHHHHH", identifier, flags, 0, 0, 0, 0)


def servfail(query: Query) -> bytes:
    """Upstream could not be asked, or gave no answer."""
    return _refusal(query.message, dns.rcode.SERVFAIL)


def write_here(query: Query, answer: Here, *, domain: str, limit: int) -> bytes:
    """The wire form of an answer of ours, with several addresses in an order of chance."""
    response = dns.message.make_response(query.message, recursion_available=True, our_payload=_SERVERS_PAYLOAD_BYTES)
    response.flags |= dns.flags.AA
    if not answer.exists:
        response.set_rcode(dns.rcode.NXDOMAIN)
    response.answer.extend(_sets(query, answer.records))
    response.additional.extend(_sets(query, answer.additional))
    if not answer.records and f".{query.name.lower()}".endswith(f".{domain}"):
        response.authority.append(_start_of_authority(domain))
    return _to_wire(response, limit)


def write_chain(query: Query, records: Iterable[Record], upstream: bytes, *, limit: int) -> bytes:
    """The alias and behind it what upstream says of its target; SERVFAIL if that can't be read."""
    try:
        found = dns.message.from_wire(upstream)
    except (dns.exception.DNSException, ValueError, struct.error):
        return servfail(query)
    response = dns.message.make_response(query.message, recursion_available=True, our_payload=_SERVERS_PAYLOAD_BYTES)
    response.set_rcode(found.rcode())
    response.answer.extend([*_sets(query, records), *found.answer])
    return _to_wire(response, limit)


def question_for(query: Query, target: str) -> bytes | None:
    """The query to send upstream for an alias's target; None if that is no name."""
    try:
        return dns.message.make_query(target, query.kind, use_edns=0, payload=LARGEST_UDP_BYTES).to_wire()
    except dns.exception.DNSException:
        return None


def udp_limit(query: Query) -> int:
    """How many bytes the asker takes in one datagram."""
    if query.message.edns < 0:
        return SMALLEST_UDP_BYTES
    return min(max(query.message.payload, SMALLEST_UDP_BYTES), LARGEST_UDP_BYTES)


def _refusal(message: dns.message.Message, rcode: dns.rcode.Rcode) -> bytes:
    response = dns.message.make_response(message, recursion_available=True, our_payload=_SERVERS_PAYLOAD_BYTES)
    response.set_rcode(rcode)
    return response.to_wire()


def _sets(query: Query, records: Iterable[Record]) -> list[dns.rrset.RRset]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for record in records:
        # the question's own spelling, where the asker uses letter case as a nonce
        name = query.name if record.name == query.name.lower() else record.name
        grouped.setdefault((name, record.type), []).append(record.value)
    # dnspython shuffles the records of a set when it writes them
    return [dns.rrset.from_text_list(name + ".", TTL_S, "IN", kind, values) for (name, kind), values in grouped.items()]


def _start_of_authority(domain: str) -> dns.rrset.RRset:
    # its last number is how long others may remember that a name isn't there
    value = f"ns.dns.{domain}. hostmaster.{domain}. 1 7200 1800 86400 {TTL_S}"
    return dns.rrset.from_text(domain + ".", TTL_S, "IN", "SOA", value)


def _to_wire(response: dns.message.Message, limit: int) -> bytes:
    return response.to_wire(max_size=limit, prefer_truncation=True)
