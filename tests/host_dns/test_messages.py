"""Queries of every sort, on the wire: each gets the answer that the rules of DNS ask for."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.host.dns.messages import (
    Query,
    failure,
    question_for,
    read_query,
    servfail,
    udp_limit,
    write_chain,
    write_here,
)
from meshgate.host.dns.names import Here, Record

MANY = Here(True, tuple(Record("db.shop.svc.cluster.local", "A", f"10.244.1.{n}") for n in range(100)))


def query(name: str, kind: str = "A", *, payload: int | None = None) -> Query:
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}
    read = read_query(dns.message.make_query(name, kind, **edns).to_wire())  # type: ignore[arg-type]  # of kwargs
    assert isinstance(read, Query)
    return read


def written(asked: Query, answer: Here, *, limit: int = 4096) -> dns.message.Message:
    response = dns.message.from_wire(write_here(asked, answer, domain="cluster.local", limit=limit))
    assert response.id == asked.message.id
    assert response.question == asked.message.question
    return response


def test_a_query_is_read() -> None:
    read = query("Web.shop.svc.cluster.local", "AAAA")
    assert (read.name, read.kind) == ("Web.shop.svc.cluster.local", "AAAA")


def test_an_answer_is_authoritative_and_spells_the_name_as_it_was_asked() -> None:
    response = written(query("wEb.x"), Here(True, (Record("web.x", "A", "10.96.0.10"),)))

    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.AA
    assert response.flags & dns.flags.RA
    assert response.flags & dns.flags.RD
    (records,) = response.answer
    assert records.to_text() == "wEb.x. 5 IN A 10.96.0.10"


@pytest.mark.parametrize(("exists", "rcode"), [(True, dns.rcode.NOERROR), (False, dns.rcode.NXDOMAIN)])
def test_denials_say_how_long_they_may_be_remembered(exists: bool, rcode: dns.rcode.Rcode) -> None:
    response = written(query("x.cluster.local"), Here(exists))

    assert response.rcode() == rcode
    (authority,) = response.authority
    assert authority.rdtype == dns.rdatatype.SOA
    assert authority.ttl == 5
    assert written(query("xcluster.local"), Here(exists)).authority == []


def test_any_of_several_addresses_comes_first() -> None:
    asked = query("db.shop.svc.cluster.local", payload=4096)
    firsts = {written(asked, Here(True, MANY.records[:3])).answer[0][0].to_text() for _ in range(100)}

    assert firsts == {"10.244.1.0", "10.244.1.1", "10.244.1.2"}


@pytest.mark.parametrize(
    ("payload", "limit"), [(None, 512), (100, 512), (512, 512), (1232, 1232), (4096, 4096), (65000, 4096)]
)
def test_an_answer_is_as_large_as_the_asker_takes(payload: int | None, limit: int) -> None:
    asked = query("db.shop.svc.cluster.local", payload=payload)
    assert udp_limit(asked) == limit
    wire = write_here(asked, MANY, domain="cluster.local", limit=limit)

    assert len(wire) <= limit
    truncated = bool(struct.unpack_from(">H", wire, 2)[0] & dns.flags.TC)
    assert truncated == (limit < 1700)


def test_edns_is_answered_with_edns_and_only_then() -> None:
    assert written(query("web.x", payload=1232), Here(True)).edns == 0
    assert written(query("web.x"), Here(True)).edns == -1


def refusal(wire: bytes) -> dns.rcode.Rcode:
    answer = read_query(wire)
    assert isinstance(answer, bytes)
    assert answer[:2] == wire[:2]
    return dns.message.from_wire(answer).rcode()


def test_what_is_no_plain_query_is_refused_by_the_rules() -> None:
    plain = dns.message.make_query("web.x", "A")
    wire = plain.to_wire()

    assert read_query(b"short") is None
    assert read_query(dns.message.make_response(plain).to_wire()) is None, "an answer deserves none"
    assert refusal(wire[:20]) == dns.rcode.FORMERR
    assert refusal(wire[:4] + b"\0\0" + wire[6:]) == dns.rcode.FORMERR
    assert refusal(wire[:2] + b"\x28\x00" + wire[4:]) in (dns.rcode.NOTIMP, dns.rcode.FORMERR), "an update"
    assert refusal(wire[:2] + b"\x11\x00" + wire[4:]) == dns.rcode.NOTIMP, "a server's status"
    assert refusal(dns.message.make_query("version.bind", "TXT", "CH").to_wire()) == dns.rcode.REFUSED
    assert refusal(dns.message.make_query("web.x", "A", use_edns=1).to_wire()) == dns.rcode.BADVERS


@given(st.binary(max_size=600))
def test_no_bytes_make_it_fail(wire: bytes) -> None:
    answer = read_query(wire)
    if isinstance(answer, Query):
        servfail(answer)
    elif answer is not None:
        assert answer[:2] == wire[:2]


def test_failures() -> None:
    asked = query("web.x", payload=1232)
    assert dns.message.from_wire(servfail(asked)).rcode() == dns.rcode.SERVFAIL
    assert dns.message.from_wire(failure(b"\0\1\1\0" + bytes(8), dns.rcode.FORMERR)).rcode() == dns.rcode.FORMERR


def test_an_alias_is_joined_to_what_upstream_says() -> None:
    asked = query("outside.shop.svc.cluster.local")
    further = question_for(asked, "api.example.com")
    assert further is not None
    upstream = dns.message.make_response(dns.message.from_wire(further))
    upstream.answer.append(dns.rrset.from_text("api.example.com.", 60, "IN", "A", "192.0.2.7"))
    alias = Record("outside.shop.svc.cluster.local", "CNAME", "api.example.com.")

    response = dns.message.from_wire(write_chain(asked, (alias,), upstream.to_wire(), limit=512))

    assert response.id == asked.message.id
    assert [one.to_text() for one in response.answer] == [
        "outside.shop.svc.cluster.local. 5 IN CNAME api.example.com.",
        "api.example.com. 60 IN A 192.0.2.7",
    ]


def test_an_alias_whose_target_is_no_name_or_gets_no_answer() -> None:
    asked = query("outside.shop.svc.cluster.local")

    assert question_for(asked, "a..b") is None
    assert dns.message.from_wire(write_chain(asked, (), b"rubbish", limit=512)).rcode() == dns.rcode.SERVFAIL
