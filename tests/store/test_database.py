"""The file itself: what can't be used is said, with what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.store.core import Create
from meshgate.store.database import Database
from meshgate.store.sqlite import FILE_NAME, Store
from tests.store.objects import config_map


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("this is not SQLite, but long enough to be looked at " * 10)
    with pytest.raises(EnvironmentFault, match="cannot use the store") as refused:
        Store(tmp_path)
    assert "move the file away" in refused.value.hint


def test_a_file_of_a_newer_meshgate_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(EnvironmentFault, match="has format 99"):
        Store(tmp_path)


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(EnvironmentFault, match="cannot use the store"):
        Store(tmp_path / "data")


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("DROP TABLE objects")
    connection.close()
    revision = store.revision.value
    with pytest.raises(EnvironmentFault, match="cannot write the store"):
        store.transact([Create(raw=config_map())])
    assert store.list("ConfigMap") == ()
    assert store.revision.value == revision
    store.close()


def test_a_checkpoint_empties_the_log_into_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.transact([Create(raw=config_map(f"c{number}", {"v": "x" * 1000})) for number in range(50)])
    size = (tmp_path / FILE_NAME).stat().st_size
    Database(tmp_path / FILE_NAME).checkpoint()
    assert (tmp_path / FILE_NAME).stat().st_size > size
    store.close()


def test_receipts_are_kept_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgate.store.database.RECEIPTS_KEPT", 2)
    store = Store(tmp_path)
    for number in range(4):
        store.commit(store.prepare([Create(raw=config_map(f"c{number}"))]), receipt_id=f"r{number}")
    found = [store.receipt(f"r{number}") for number in range(4)]
    assert [receipt is not None for receipt in found] == [False, False, True, True]
    store.close()


def test_an_open_directory_of_other_things_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letters").write_text("mine")
    with pytest.raises(EnvironmentFault, match="can be read by others and holds other things"):
        Store(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_an_open_directory_that_is_empty_or_ours_is_closed(tmp_path: Path) -> None:
    for _ in range(2):
        tmp_path.chmod(0o755)
        Store(tmp_path).close()
        assert tmp_path.stat().st_mode & 0o777 == 0o700
