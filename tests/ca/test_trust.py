"""From one authority to the next: what is signed is trusted by everybody, at every step."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import Ref
from meshgate.ca import Authority, Trust, announced, authority_of, settled, switched, trust_in
from tests.ca.made import NOW, authority, plugged_in

CACERTS = Ref("Secret", "istio-system", "cacerts")


def intermediate() -> Authority:
    """Below the root of `authority(0)`."""
    found, _ = authority_of(CACERTS, plugged_in(), NOW)
    assert found is not None
    return found


def test_the_steps_to_another_root() -> None:
    old, new = authority(1), authority(2)
    first = announced(trust_in(old), new)
    assert (first.authority, first.coming) == (old, new)
    assert set(first.roots) == {*old.roots, *new.roots}
    second = switched(first)
    assert (second.authority, second.coming, set(second.roots)) == (new, None, set(first.roots))
    assert not second.is_settled
    third = settled(second)
    assert (third.authority, third.roots) == (new, new.roots)
    assert third.is_settled


def test_an_intermediate_below_a_trusted_root_signs_at_once() -> None:
    trust = announced(trust_in(authority(0)), intermediate())
    assert trust.coming is None
    assert trust.authority.chain
    assert trust.is_settled


def test_the_same_authority_again_is_the_same_trust() -> None:
    trust = trust_in(authority(1))
    assert announced(trust, authority(1)) is trust
    coming = announced(trust, authority(2))
    assert announced(coming, authority(2)) is coming


def test_who_changes_his_mind_before_the_switch_gets_back_to_the_old_one() -> None:
    trust = announced(announced(trust_in(authority(1)), authority(2)), authority(1))
    assert (trust.authority.signer, trust.coming) == (authority(1).signer, None)
    assert settled(trust).roots == authority(1).roots


def test_the_bundle_is_the_same_in_any_order() -> None:
    one = announced(trust_in(authority(1)), authority(2))
    other = announced(trust_in(authority(2)), authority(1))
    assert one.roots_pem == other.roots_pem


class Proxy:
    """Takes roots and certificates late, each at its own pace."""

    def __init__(self, trust: Trust) -> None:
        self.roots: frozenset[x509.Certificate] = frozenset(trust.roots)
        self.leads_to: frozenset[x509.Certificate] = frozenset(trust.authority.roots)
        """Roots that its certificate leads to."""


@given(
    wishes=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    moves=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60),
)
def test_no_proxy_ever_refuses_another(wishes: list[int], moves: list[tuple[int, bool]]) -> None:
    """Whatever is wished for meanwhile: a step is taken when all have what the one before has given."""
    trust = trust_in(authority(0))
    proxies = [Proxy(trust) for _ in range(3)]
    script = iter(moves)
    for wish in wishes:
        trust = announced(trust, authority(wish))
        for number, is_certificate in script:
            _take(proxies[number], trust, is_certificate=is_certificate)
            _check(proxies)
            if number == 2 and is_certificate:
                break  # another wish comes
        for proxy in proxies:
            _take(proxy, trust, is_certificate=False)
            _check(proxies)
        trust = switched(trust) if trust.coming is not None else trust
        for proxy in proxies:
            _take(proxy, trust, is_certificate=True)
            _check(proxies)
    trust = settled(trust)
    for proxy in proxies:
        _take(proxy, trust, is_certificate=False)
        _check(proxies)
    assert trust.is_settled
    assert all(proxy.roots == frozenset(authority(wishes[-1]).roots) for proxy in proxies)


def _take(proxy: Proxy, trust: Trust, *, is_certificate: bool) -> None:
    if is_certificate:
        proxy.leads_to = frozenset(trust.authority.roots)
    else:
        proxy.roots = frozenset(trust.roots)


def _check(proxies: list[Proxy]) -> None:
    for one in proxies:
        for other in proxies:
            assert one.roots & other.leads_to


def test_a_trust_that_was_found_keeps_older_roots() -> None:
    old = authority(3, timedelta(days=1))
    trust = trust_in(authority(1), old.roots)
    assert not trust.is_settled
    assert set(old.roots) < set(trust.roots)
