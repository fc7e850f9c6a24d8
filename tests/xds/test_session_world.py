"""Playbooks of state-of-the-world streams."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.envoy import Resource
from meshgate.xds.session import Response, WorldRequest, WorldSession, table_of
from tests.xds.playbook import LONG, SHORT, c, e, ln, r, shown

SMALL = (c("a"), e("a"), ln("l"), r("80"))


class Book:
    def __init__(self, *resources: Resource) -> None:
        self.session = WorldSession()
        self.last: dict[str, Response] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.change(*resources)

    def change(self, *resources: Resource) -> list[str]:
        return self.sent(self.session.offer(table_of(resources)))

    def say(self, short: str, *names: str, nonce: str = "", error: str | None = None) -> list[str]:
        self.names[short] = names
        request = WorldRequest(type_url=SHORT[short], names=names, nonce=nonce, error=error)
        return self.sent(self.session.receive(request))

    def ack(self, short: str, *names: str) -> list[str]:
        return self.say(short, *(names or self.names[short]), nonce=self.last[short].nonce)

    def nack(self, short: str, text: str) -> list[str]:
        return self.say(short, *self.names[short], nonce=self.last[short].nonce, error=text)

    def sent(self, responses: Sequence[Response]) -> list[str]:
        self.last |= {LONG[response.type_url]: response for response in responses}
        return shown(responses)


def running() -> Book:
    book = Book(*SMALL)
    for short, names in {"cds": (), "eds": ("a",), "lds": (), "rds": ("80",)}.items():
        book.say(short, *names)
        book.ack(short)
    assert book.session.synced
    return book


def test_each_type_has_all_that_is_wanted() -> None:
    book = Book(*SMALL, e("other"))
    assert book.say("cds") == ["cds a=1"]
    assert not book.session.settled
    assert book.ack("cds") == []
    assert book.say("eds", "a") == ["eds a=1"]
    assert book.ack("eds") == []
    assert book.ack("eds", "a", "other") == ["eds a=1 other=1"]


def test_a_change_sends_only_its_type() -> None:
    book = running()
    assert book.change(*SMALL[:3], r("80", 2)) == ["rds 80=2"]
    assert book.ack("rds") == []
    assert book.session.synced
    assert {status.state for status in book.session.types} == {"synced"}


def test_make_before_break() -> None:
    book = running()
    assert book.change(c("b"), e("b"), ln("l"), r("80", 2)) == ["cds a=1 b=1", "eds"]
    assert book.session.holding
    assert book.ack("eds", "a", "b") == ["eds b=1"]
    assert book.ack("eds") == []
    assert book.ack("cds") == ["rds 80=2"]
    assert book.ack("rds") == ["cds b=1", "eds b=1"]


def test_a_deadline_ends_the_waiting_for_clusters() -> None:
    book = running()
    assert book.change(*SMALL[:3], c("slow"), r("80", 2)) == ["cds a=1 slow=1", "eds a=1"]
    assert book.sent(book.session.proceed()) == ["rds 80=2"]


def test_what_was_refused_is_not_sent_again_until_it_changes() -> None:
    book = running()
    assert book.change(*SMALL[:3], r("80", "bad")) == ["rds 80=bad"]
    assert book.nack("rds", "no") == []
    assert [(nack.name, nack.text) for nack in book.session.nacks] == [("80", "no")]
    assert book.session.settled
    assert not book.session.synced
    assert [status.state for status in book.session.types if LONG[status.type_url] == "rds"] == ["refused"]
    assert book.change(*SMALL[:3], r("80", 3)) == ["rds 80=3"]
    assert book.ack("rds") == []
    assert book.session.nacks == ()


def test_what_answers_an_older_response_is_ignored() -> None:
    book = running()
    old = book.last["rds"].nonce
    book.change(*SMALL[:3], r("80", 2))
    assert book.say("rds", "80", "81", nonce=old) == []
    assert not book.session.settled
