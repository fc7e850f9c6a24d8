"""Ids are given once and come back late."""

from __future__ import annotations

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.host.pods.users import UserIds


def test_ids_are_unique_until_given_back_and_then_reused_last() -> None:
    ids = UserIds(100, 4)
    first, second = ids.take(), ids.take()
    assert (first, second) == (100, 101)
    ids.give_back([first])
    assert [ids.take() for _ in range(3)] == [102, 103, 100]
    with pytest.raises(EnvironmentFault, match="all 4 user ids"):
        ids.take()


def test_claimed_ids_are_left_out() -> None:
    ids = UserIds(100, 4)
    ids.claim([100, 102])
    assert [ids.take(), ids.take()] == [101, 103]


def test_meshes_differ_and_stay_in_the_range() -> None:
    first, second = UserIds.of_mesh("/a").take(), UserIds.of_mesh("/b").take()
    assert first != second
    assert all(0x7000_0000 <= each < 0x7FFE_0000 for each in (first, second))
    assert UserIds.of_mesh("/a").take() == first
