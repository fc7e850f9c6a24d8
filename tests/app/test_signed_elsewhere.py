"""How long certificates are valid that were signed for others: known to the next run, too."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from meshgate.api import Ref
from meshgate.app.signed_elsewhere import ENDS, SignedElsewhere
from meshgate.store.core import Delete, Modify
from meshgate.store.sqlite import Store
from tests.ca.made import NOW, authority

HOUR = timedelta(hours=1)
NEW = authority(2)


class Run:
    """One run of the control plane, on the store of those before."""

    def __init__(self, directory: Path, now: datetime = NOW) -> None:
        self.store = Store(directory)
        self.ends = SignedElsewhere(self.store, lambda: now)

    def is_trusted_at(self, moment: datetime) -> bool:
        """Whether a certificate of another authority than the new one is still valid."""
        return self.ends.last_end(NEW) > moment


def test_the_next_run_knows_what_was_signed_before(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.ends.note(authority(1), NOW + 90 * 24 * HOUR)
    first.ends.note(authority(1), NOW + 5 * HOUR)
    first.store.close()
    second = Run(tmp_path)
    assert second.is_trusted_at(NOW + 90 * 24 * HOUR)
    assert not second.is_trusted_at(NOW + (90 * 24 + 1) * HOUR)


def test_what_the_authority_has_signed_itself_is_nothing_to_wait_for(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.ends.note(NEW, NOW + HOUR)
    assert not run.is_trusted_at(NOW)
    run.ends.note(authority(1), NOW + HOUR)
    assert run.is_trusted_at(NOW + HOUR)


def test_it_is_written_once_an_hour(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.ends.note(authority(1), NOW + HOUR)
    before = run.store.revision.value
    run.ends.note(authority(1), NOW + HOUR + timedelta(minutes=1))
    assert run.store.revision.value == before
    run.ends.note(authority(1), NOW + 3 * HOUR)
    assert run.store.revision.value != before


def test_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.ends.note(authority(1), NOW + HOUR)
    first.store.close()
    later = Run(tmp_path, NOW + 3 * HOUR)
    later.ends.note(NEW, NOW + 4 * HOUR)
    raw = later.store.get(ENDS.kind, ENDS.namespace, ENDS.name)
    assert raw is not None
    assert len(raw["data"]) == 1


def test_who_deletes_it_lets_the_roots_go(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.ends.note(authority(1), NOW + HOUR)
    run.store.transact([Delete(ref=ENDS)])
    assert not run.is_trusted_at(NOW)


def test_what_is_no_time_counts_for_nothing_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(tmp_path)
    run.ends.note(authority(1), NOW + HOUR)
    run.store.transact([Modify(ref=ENDS, change=lambda old: {**old, "data": {"a": "soon"}})])
    assert not run.is_trusted_at(NOW)
    assert "this is no time" in caplog.text


def test_without_the_namespace_it_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(tmp_path)
    run.store.transact([Delete(ref=Ref("Namespace", "", ENDS.namespace))])
    run.ends.note(authority(1), NOW + HOUR)
    assert "cannot be stored" in caplog.text
