"""Who calls is decided by what was proven, and by nothing that was only said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from meshgate.ca.callers import Caller, NobodyCalls, caller_of
from meshgate.ca.tokens import AccountToken, TokenRefused

WEB = Caller(namespace="shop", account="web")
DOMAINS = ("cluster.local", "old.example")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
XFCC = "x-forwarded-client-cert"


class PaperReviews:
    """Takes one token, for one audience."""

    def review(self, text: str, audiences: Sequence[str]) -> AccountToken:
        if (text, list(audiences)) != ("good", ["istio-ca"]):
            raise TokenRefused("the token is none of this mesh")
        return AccountToken(
            namespace="shop", account="web", account_uid="1", audiences=("istio-ca",), issued=NOW, expires=NOW
        )


def _caller(headers: Mapping[str, str]) -> Caller:
    return caller_of(headers, DOMAINS, PaperReviews())


KNOWN: dict[str, Mapping[str, str]] = {
    "token": {"authorization": "Bearer good"},
    "token, another spelling": {"authorization": "bearer good"},
    "certificate": {XFCC: "Hash=ab;URI=spiffe://cluster.local/ns/shop/sa/web"},
    "certificate of an alias": {XFCC: "URI=spiffe://old.example/ns/shop/sa/web;Hash=ab"},
    "quoted": {XFCC: 'Hash=ab;Subject="CN=a,O=\\"b;URI=c\\"";URI="spiffe://cluster.local/ns/shop/sa/web"'},
    "bad certificate, good token": {XFCC: "Hash=ab;URI=https://x", "authorization": "Bearer good"},
    "good certificate, bad token": {
        XFCC: "Hash=ab;URI=spiffe://cluster.local/ns/shop/sa/web",
        "authorization": "Bearer bad",
    },
}


@pytest.mark.parametrize("headers", KNOWN.values(), ids=KNOWN)
def test_who_has_proven_it_is_known(headers: Mapping[str, str]) -> None:
    assert _caller(headers) == WEB


UNKNOWN: dict[str, tuple[Mapping[str, str], str]] = {
    "nothing": ({}, "neither a token nor a client certificate"),
    "bad token": ({"authorization": "Bearer bad"}, "none of this mesh"),
    "password": ({"authorization": "Basic good"}, "no bearer token"),
    "no URI": ({XFCC: "Hash=ab"}, "0 URIs"),
    "two URIs": (
        {XFCC: "URI=spiffe://cluster.local/ns/shop/sa/web;URI=spiffe://cluster.local/ns/bank/sa/vault"},
        "2 URIs",
    ),
    "two certificates": (
        {XFCC: "URI=spiffe://cluster.local/ns/shop/sa/web,URI=spiffe://cluster.local/ns/bank/sa/vault"},
        "2 URIs",
    ),
    "no SPIFFE id": ({XFCC: "URI=https://cluster.local/ns/shop/sa/web"}, "is not spiffe://"),
    "more behind it": ({XFCC: "URI=spiffe://cluster.local/ns/shop/sa/web/x"}, "is not spiffe://"),
    "another trust domain": ({XFCC: "URI=spiffe://evil/ns/shop/sa/web"}, "trust domain 'evil'"),
    "a URI in the subject": (
        {XFCC: 'Subject="URI=spiffe://cluster.local/ns/shop/sa/web";Hash=ab'},
        "0 URIs",
    ),
}


@pytest.mark.parametrize(("headers", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_who_has_not_is_nobody(headers: Mapping[str, str], why: str) -> None:
    with pytest.raises(NobodyCalls, match=why):
        _caller(headers)


def test_all_that_does_not_hold_is_told() -> None:
    with pytest.raises(NobodyCalls, match=r"0 URIs.*none of this mesh"):
        _caller({XFCC: "Hash=ab", "authorization": "Bearer bad"})
