"""Pauses between runs: the kubelet's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meshgate.host.pods.back_off import BackOff

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_first_restart_is_immediate_then_pauses_double_to_five_minutes() -> None:
    back_off, pauses = BackOff(), []
    for _ in range(8):
        pause, back_off = back_off.after_run(START, START + timedelta(seconds=1))
        pauses.append(pause.total_seconds())
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300]


def test_long_run_is_forgiven() -> None:
    pause, after = BackOff(next_pause=timedelta(minutes=5)).after_run(START, START + timedelta(minutes=10))
    assert pause == timedelta(0)
    assert after.next_pause == timedelta(seconds=10)


def test_restarted_control_plane_goes_on_where_it_was() -> None:
    assert [BackOff.after_restarts(count).next_pause.total_seconds() for count in (0, 1, 2, 6, 100)] == [
        0, 10, 20, 300, 300,
    ]  # fmt: skip
