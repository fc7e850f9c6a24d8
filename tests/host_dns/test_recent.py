"""Which names led to an address lately."""

from __future__ import annotations

import dns.message

from meshgate.host.dns import recent
from meshgate.host.dns.recent import RecentNames


def answer(*records: str) -> bytes:
    text = "id 1\nopcode QUERY\nflags QR\n;QUESTION\nweb.org. IN A\n;ANSWER\n" + "\n".join(records)
    return dns.message.from_text(text).to_wire()


def test_the_last_name_counts() -> None:
    names = RecentNames()
    names.note(
        "Web.org.", answer("web.org. 5 IN CNAME cdn.org.", "cdn.org. 5 IN A 192.0.2.1", "cdn.org. 5 IN A 192.0.2.2")
    )
    assert (names.name_of("192.0.2.1"), names.name_of("192.0.2.2")) == ("web.org", "web.org")
    names.note("api.org", answer("api.org. 5 IN A 192.0.2.1"))
    assert (names.name_of("192.0.2.1"), names.name_of("192.0.2.2")) == ("api.org", "web.org")
    names.note("six.org", answer("six.org. 5 IN AAAA 2001:db8::1"))
    assert names.name_of("2001:db8::1") == "six.org"


def test_what_nobody_asked_for_has_no_name() -> None:
    names = RecentNames()
    names.note("web.org", b"no message")
    names.note("web.org", answer())
    assert names.name_of("192.0.2.1") == ""


def test_the_oldest_go() -> None:
    names = RecentNames()
    for number in range(recent.MOST + 2):
        names.note(
            f"{number}.org", answer(f"{number}.org. 5 IN A 10.{number >> 16}.{(number >> 8) & 255}.{number & 255}")
        )
    assert names.name_of("10.0.0.1") == ""
    assert names.name_of("10.0.0.2") == "2.org"
