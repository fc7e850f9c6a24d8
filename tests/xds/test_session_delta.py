"""Playbooks of delta streams: what the client says, what it gets, in which order."""

from __future__ import annotations

from meshgate.envoy import Resource
from meshgate.xds.session import DeltaSession, Responses, table_of
from tests.xds.playbook import Playbook, c, e, ln, r

SMALL = (c("a"), e("a"), ln("l"), r("80"))


def begun(*resources: Resource) -> Playbook:
    book = Playbook(DeltaSession())
    book.sent(book.session.offer(table_of(resources)))
    return book


def running(*resources: Resource) -> Playbook:
    """A client that holds all of these resources and has ACKed them."""
    book = begun(*resources)
    of = {short: [x.name for x in resources if x.body.startswith(short.encode())] for short in ("eds", "rds")}
    book.say("cds")
    book.ack("cds")
    if of["eds"]:
        book.say("eds", *of["eds"])
        book.ack("eds")
    book.say("lds")
    book.ack("lds")
    if of["rds"]:
        book.say("rds", *of["rds"])
        book.ack("rds")
    assert book.session.synced
    return book


def change(book: Playbook, *resources: Resource) -> list[str]:
    return book.sent(book.session.offer(table_of(resources)))


def test_a_new_client_gets_each_type_as_it_asks() -> None:
    book = begun(*SMALL)
    assert book.say("cds") == ["cds a=1"]
    assert book.ack("cds") == []
    assert book.say("eds", "a") == ["eds a=1"]
    assert book.ack("eds") == []
    assert book.say("lds") == ["lds l=1"]
    assert not book.session.synced
    assert book.ack("lds") == []
    assert not book.session.synced, "the routes that the listeners name are not asked for yet"
    assert book.say("rds", "80") == ["rds 80=1"]
    assert book.ack("rds") == []
    assert book.session.synced


def test_nothing_is_sent_before_the_first_table() -> None:
    book = Playbook(DeltaSession())
    assert book.say("cds") == []
    assert book.say("lds") == []
    assert not book.session.settled
    assert change(book, c("a"), ln("l")) == ["cds a=1"]


def test_an_empty_wildcard_is_answered_once() -> None:
    book = begun()
    assert book.say("cds") == ["cds"]
    assert book.ack("cds") == []
    assert book.say("lds", "*") == ["lds"]
    assert book.ack("lds") == []
    assert book.session.synced


def test_names_that_do_not_exist_are_answered_at_once_and_sent_when_they_come() -> None:
    book = begun(*SMALL)
    assert book.say("eds", "nobody") == ["eds -nobody"]
    assert book.ack("eds") == []
    assert change(book, *SMALL, e("nobody")) == ["eds nobody=1"]


def test_unsubscribed_names_are_not_sent() -> None:
    book = running(*SMALL)
    assert book.say("eds", drop=["a"]) == []
    assert change(book, c("a"), e("a", 2), ln("l"), r("80")) == []
    assert book.say("eds", "a") == ["eds a=2"]


def test_a_name_asked_for_again_is_sent_again() -> None:
    book = running(*SMALL)
    assert book.say("rds", "80") == ["rds 80=1"]


def test_a_changed_endpoint_sends_nothing_else() -> None:
    book = running(*SMALL)
    assert change(book, c("a"), e("a", 2), ln("l"), r("80")) == ["eds a=2"]
    assert book.ack("eds") == []
    assert book.session.synced


def test_endpoints_are_sent_again_with_their_changed_cluster() -> None:
    book = running(*SMALL)
    assert change(book, c("a", 2), e("a"), ln("l"), r("80")) == ["cds a=2", "eds a=1"]


def test_endpoints_under_way_are_sent_again_after_their_changed_cluster() -> None:
    book = running(*SMALL)
    assert change(book, c("a"), e("a", 2), ln("l"), r("80")) == ["eds a=2"]
    assert change(book, c("a", 2), e("a", 2), ln("l"), r("80")) == ["cds a=2"]
    assert book.ack("eds") == ["eds a=2"]
    assert book.ack("eds") == []
    assert book.ack("cds") == []
    assert book.session.synced


def test_a_changed_cluster_that_is_to_go_does_not_warm_for_ever() -> None:
    book = running(*SMALL)
    assert change(book, c("a"), e("a", 2), ln("l"), r("80")) == ["eds a=2"]
    assert change(book, c("a", 2), e("a", 2), ln("l"), r("80")) == ["cds a=2"]
    assert change(book, ln("l"), r("80")) == []
    assert book.ack("eds") == ["eds -a"], "Envoy warms the changed cluster until it has heard of its endpoints"


def test_a_cluster_without_endpoints_of_its_own_waits_for_none() -> None:
    book = running(c("dns"), ln("l"))
    assert change(book, c("dns", 2), ln("l")) == ["cds dns=2"]
    assert book.ack("cds") == []
    assert book.session.synced


def test_make_before_break() -> None:
    book = running(*SMALL)
    assert change(book, c("b"), e("b"), ln("l", 2), r("80", 2)) == ["cds b=1"], "a stays, routes wait"
    assert book.session.holding
    assert book.say("eds", "b") == ["eds b=1"]
    assert book.ack("eds") == []
    assert book.ack("cds") == ["lds l=2", "rds 80=2"]
    assert not book.session.holding
    assert book.ack("lds") == []
    assert book.ack("rds") == ["cds -a"]
    assert book.ack("cds", drop=[]) == ["eds -a"], "a client that does not unsubscribe itself is told"
    assert book.ack("eds") == []
    assert book.session.synced


def test_a_cluster_that_comes_back_before_its_removal_is_not_touched() -> None:
    book = running(*SMALL)
    assert change(book, ln("l"), r("80", 2)) == ["rds 80=2"]
    assert change(book, c("a"), e("a"), ln("l"), r("80", 3)) == []
    assert book.ack("rds") == ["rds 80=3"]
    assert book.ack("rds") == []
    assert book.session.synced


def test_routes_that_go_wait_for_their_listeners() -> None:
    book = running(*SMALL)
    assert change(book, c("a"), e("a")) == ["lds -l"]
    assert book.say("rds", drop=["80"]) == []
    assert book.ack("lds") == []
    assert book.session.synced


def test_listeners_come_and_go_in_one_response() -> None:
    book = running(*SMALL)
    assert change(book, c("a"), e("a"), ln("other"), r("80")) == ["lds other=1 -l"], "they may share an address"


def test_a_refused_resource_is_not_sent_again_until_it_changes() -> None:
    book = running(*SMALL)
    assert change(book, c("a"), e("a"), ln("l"), r("80", "bad")) == ["rds 80=bad"]
    assert book.nack("rds", "no such thing") == []
    assert [(nack.name, nack.version, nack.text) for nack in book.session.nacks] == [("80", "bad", "no such thing")]
    assert book.session.settled
    assert not book.session.synced
    assert change(book, c("a"), e("a", 2), ln("l"), r("80", "bad")) == ["eds a=2"]
    assert book.ack("eds") == []
    assert change(book, c("a"), e("a", 2), ln("l"), r("80", 2)) == ["rds 80=2"]
    assert book.ack("rds") == []
    assert book.session.nacks == ()
    assert book.session.synced


def test_going_back_to_what_is_held_clears_a_refusal() -> None:
    book = running(*SMALL)
    change(book, c("a"), e("a"), ln("l"), r("80", "bad"))
    book.nack("rds")
    assert change(book, *SMALL) == []
    assert book.session.synced


def test_a_refusal_of_what_is_outdated_by_now_leaves_no_trace() -> None:
    book = running(*SMALL)
    change(book, c("a"), e("a"), ln("l"), r("80", "bad"))
    assert change(book, *SMALL) == []
    assert book.nack("rds") == []
    assert book.session.synced


def test_clusters_stay_while_a_refused_route_needs_them() -> None:
    book = running(*SMALL)
    assert change(book, c("b"), e("b"), ln("l"), r("80", "bad")) == ["cds b=1"]
    assert book.ack("cds") == ["rds 80=bad"]
    assert book.nack("rds") == [], "the last good routes still use cluster a"
    assert change(book, c("b"), e("b"), ln("l"), r("80", 3)) == ["rds 80=3"]
    assert book.ack("rds") == ["cds -a"]


def test_a_refused_response_is_halved_until_the_bad_one_stands_alone() -> None:
    book = running(*SMALL)
    many = [ln(f"l{number}") for number in range(4)]
    assert change(book, *SMALL, *many) == ["lds l0=1 l1=1 l2=1 l3=1"]
    assert book.nack("lds") == ["lds l0=1 l1=1"]
    assert book.nack("lds") == ["lds l0=1"]
    assert book.ack("lds") == ["lds l1=1"]
    assert book.nack("lds", "l1 is bad") == ["lds l2=1 l3=1"]
    assert book.ack("lds") == []
    assert [(nack.name, nack.text) for nack in book.session.nacks] == [("l1", "l1 is bad")]


def test_halves_are_sent_in_their_newest_version() -> None:
    book = running(*SMALL)
    change(book, *SMALL, ln("x"), ln("y"))
    assert change(book, *SMALL, ln("x", 2)) == []
    assert book.nack("lds") == ["lds x=2"]
    assert book.ack("lds") == ["lds -y"], "whether y has arrived is unknown"
    assert book.ack("lds") == []
    assert book.session.synced


def test_routes_go_on_without_a_refused_cluster() -> None:
    book = running(*SMALL)
    assert change(book, *SMALL[:3], c("b", "bad"), e("b"), r("80", 2)) == ["cds b=bad"]
    assert book.nack("cds") == ["rds 80=2"]


def test_a_deadline_lets_routes_go_on_without_clusters_that_do_not_warm() -> None:
    book = running(*SMALL)
    assert change(book, *SMALL[:3], c("slow"), r("80", 2)) == ["cds slow=1"]
    assert book.session.holding
    assert book.sent(book.session.proceed()) == ["rds 80=2"]
    assert not book.session.holding
    assert book.ack("rds") == []
    assert book.ack("cds") == []
    assert change(book, *SMALL[:3], c("slow"), c("slower"), r("80", 3)) == ["cds slower=1"], "the next one waits again"


def test_changes_while_one_is_under_way_are_merged() -> None:
    book = running(*SMALL)
    assert change(book, *SMALL[:3], r("80", 2)) == ["rds 80=2"]
    assert change(book, *SMALL[:3], r("80", 3)) == []
    assert change(book, *SMALL[:3], r("80", 4)) == []
    assert book.ack("rds") == ["rds 80=4"]


def test_an_outdated_verdict_counts_for_nothing() -> None:
    book = running(*SMALL)
    change(book, *SMALL[:3], r("80", 2))
    assert book.say("rds", nonce="of another stream", error="bad") == []
    assert book.session.nacks == ()
    assert book.ack("rds") == []


def test_a_client_that_comes_back_gets_only_what_differs() -> None:
    book = begun(c("a"), c("new"), e("a", 2), e("b"), ln("l"), r("80"))
    assert book.say("cds", kept={"a": "1", "gone": "1"}) == ["cds new=1"]
    assert book.say("eds", "a", "b", "gone", kept={"a": "1", "b": "1", "gone": "1"}) == ["eds a=2"]
    assert book.say("lds", kept={"l": "1"}) == []
    assert book.say("rds", "80", kept={"80": "1"}) == []
    assert book.ack("cds") == ["cds -gone"]
    assert book.ack("eds", drop=["gone"]) == []
    assert book.ack("cds") == []
    assert book.session.synced


def test_a_client_that_comes_back_keeps_old_clusters_until_its_routes_are_new() -> None:
    book = begun(c("a"), e("a"), ln("l"), r("80", 2))
    assert book.say("cds", kept={"a": "1", "gone": "1"}) == []
    assert book.say("lds", kept={"l": "1"}) == []
    assert book.say("rds", "80", kept={"80": "1"}) == ["rds 80=2"]
    assert book.ack("rds") == ["cds -gone"]


def test_a_client_that_comes_back_to_nothing_new_gets_nothing() -> None:
    book = begun(*SMALL)
    assert book.say("cds", kept={"a": "1"}) == []
    assert book.say("eds", "a", kept={"a": "1"}) == []
    assert book.say("lds", kept={"l": "1"}) == []
    assert book.say("rds", "80", kept={"80": "1"}) == []
    assert book.session.synced


def test_a_cluster_that_changed_meanwhile_gets_its_endpoints_again() -> None:
    book = begun(c("a", 2), e("a"))
    assert book.say("cds", kept={"a": "1"}) == ["cds a=2"]
    assert book.say("eds", "a", kept={"a": "1"}) == ["eds a=1"]


def test_a_client_that_still_warms_a_cluster_gets_its_endpoints_again() -> None:
    book = begun(c("a", 2), e("a"))
    # Envoy says nothing of clusters while one of them warms
    assert book.say("eds", "a", kept={"a": "1"}) == ["eds a=1"]


def test_equal_content_is_one_response_for_all_streams() -> None:
    responses = Responses()
    sessions = [DeltaSession(responses), DeltaSession(responses)]
    sent = []
    for session in sessions:
        book = Playbook(session)
        book.sent(session.offer(table_of(SMALL)))
        book.say("cds")
        sent.append(book.unanswered["cds"])
    assert sent[0] is sent[1]
