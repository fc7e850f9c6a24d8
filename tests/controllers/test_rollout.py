"""The arithmetic of rolling updates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.host.controllers.rollout import Counts, Step, Strategy, next_step, strategy_of


@pytest.mark.parametrize(
    ("replicas", "given", "surge", "unavailable"),
    [
        (1, None, 1, 0),
        (4, None, 1, 1),
        (10, None, 3, 2),
        (10, {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": "50%"}}, 2, 5),
        (1, {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}}, 1, 0),
        (3, {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}, 0, 1),
        (2, {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 5}}, 0, 2),
    ],
)
def test_limits_are_numbers_or_shares(replicas: int, given: object, surge: int, unavailable: int) -> None:
    strategy = strategy_of(replicas, given)
    assert (strategy.max_surge, strategy.max_unavailable, strategy.recreate) == (surge, unavailable, False)


def test_one_replica_is_replaced_after_the_new_one_is_ready() -> None:
    strategy = strategy_of(1, None)
    assert next_step(strategy, Counts(new=0, new_available=0, old=1, old_available=1)) == Step(create=1)
    assert next_step(strategy, Counts(new=1, new_available=0, old=1, old_available=1)) == Step()
    assert next_step(strategy, Counts(new=1, new_available=1, old=1, old_available=1)) == Step(end_old=1)


def test_old_pods_that_serve_nobody_go_at_once() -> None:
    strategy = strategy_of(1, {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
    assert next_step(strategy, Counts(new=0, new_available=0, old=1, old_available=0)).end_old == 1


def test_scaling_needs_no_rollout() -> None:
    assert next_step(strategy_of(3, None), Counts(new=1, new_available=1, old=0, old_available=0)) == Step(create=2)
    assert next_step(strategy_of(1, None), Counts(new=3, new_available=3, old=0, old_available=0)) == Step(end_new=2)
    assert next_step(strategy_of(0, None), Counts(new=2, new_available=2, old=1, old_available=1)) == Step(
        end_new=2, end_old=1
    )


def test_recreate_ends_all_before_it_makes_any() -> None:
    strategy = strategy_of(2, {"type": "Recreate"})
    assert next_step(strategy, Counts(new=0, new_available=0, old=2, old_available=2)) == Step(end_old=2)
    assert next_step(strategy, Counts(new=0, new_available=0, old=0, old_available=0, ending=1)) == Step()
    assert next_step(strategy, Counts(new=0, new_available=0, old=0, old_available=0)) == Step(create=2)


@given(
    replicas=st.integers(0, 12),
    surge=st.integers(0, 12),
    unavailable=st.integers(0, 12),
    old=st.integers(0, 12),
    order=st.randoms(use_true_random=False),
)
def test_a_rollout_comes_to_its_end_and_keeps_its_promises(
    replicas: int, surge: int, unavailable: int, old: int, order: object
) -> None:
    strategy = strategy_of(replicas, {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
    assert isinstance(strategy, Strategy)
    new = ready = 0
    old_ready = old
    started_with = old
    for _ in range(200):
        step = next_step(strategy, Counts(new=new, new_available=ready, old=old, old_available=old_ready))
        assert step.create == 0 or new + old + step.create <= replicas + strategy.max_surge
        gone_ready = max(step.end_old - (old - old_ready), 0)
        if gone_ready:
            assert ready + old_ready - gone_ready >= min(strategy.min_available, started_with)
        new, old, old_ready = new + step.create - step.end_new, old - step.end_old, old_ready - gone_ready
        if step == Step() and ready == new:
            break
        ready = min(ready + 1, new)
    assert (new, ready, old) == (replicas, replicas, 0)
