"""The store's SQLite file: the one thing on disk that is the truth.

Write-ahead log with `synchronous=NORMAL`: a commit is in the kernel's hands when it returns, so a process that is
killed loses nothing; only a machine that loses power may lose the last transactions, each as a whole, and with them
went every pod that they were about. What it buys: a commit costs some 50 µs and no fsync, so it can be done on the
event loop. Checkpoints do fsync: `checkpoint` runs them on a connection of their own, in a thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from meshgate.api import Ref
from meshgate.errors import EnvironmentFault

from .core import Positions, Raw, Transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE objects (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, positions BLOB,
  owner TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE receipts (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, body BLOB NOT NULL);
INSERT INTO state VALUES ('revision', 0);
"""
PUT = (
    "INSERT INTO objects (kind, namespace, name, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET body = excluded.body"
)
DROP = "DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?"
PLACE = "UPDATE objects SET positions = ? WHERE kind = ? AND namespace = ? AND name = ?"
OWN = "UPDATE objects SET owner = ? WHERE kind = ? AND namespace = ? AND name = ?"
FORGET_RECEIPTS = "DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ?"
RECEIPTS_KEPT = 256
"""A client asks for its receipt within seconds, when its connection broke."""
BUSY_TIMEOUT_MS = 5000
CHECKPOINT_PAGES = 25_000
"""Some 100 MB of log: a last resort for programs that never call `checkpoint`."""


class Stored(NamedTuple):
    """A row of the table of objects."""

    ref: Ref
    raw: Raw
    positions: Positions | None
    owner: str


class Database:
    """One connection, used by one thread. Raises EnvironmentFault where the file can't be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _make_private(path)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            os.chmod(path, 0o600)
            self._connection = self._connect()
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            hint = "is another mesh using this data directory? else move the file away: it is rebuilt from your YAML"
            raise EnvironmentFault(f'cannot use the store "{path}": {error}', hint=hint) from error

    def close(self) -> None:
        self._connection.close()

    def revision(self) -> int:
        row: tuple[int] = self._connection.execute("SELECT value FROM state WHERE name = 'revision'").fetchone()
        return row[0]

    def objects(self) -> Iterator[Stored]:
        rows = self._connection.execute("SELECT kind, namespace, name, body, positions, owner FROM objects")
        for kind, namespace, name, body, positions, owner in rows:
            placed = None if positions is None else msgspec.json.decode(positions, type=Positions)
            yield Stored(Ref(kind, namespace, name), msgspec.json.decode(body), placed, owner)

    def commit(self, computed: Transaction, bodies: Sequence[bytes | None], receipt: tuple[str, bytes] | None) -> None:
        """One transaction: objects (`bodies` of the changes, None: gone), positions, owners, revision, receipt.

        All of it or, killed, nothing.
        """
        rows = {change.ref: body for change, body in zip(computed.changes, bodies, strict=True)}
        revision = computed.first + len(computed.changes)
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(PUT, [(*_columns(ref), body) for ref, body in rows.items() if body is not None])
                connection.executemany(DROP, [_columns(ref) for ref, body in rows.items() if body is None])
                connection.executemany(
                    PLACE,
                    [(None if p is None else msgspec.json.encode(p), *_columns(r)) for r, p in computed.moves.items()],
                )
                connection.executemany(OWN, [(owner, *_columns(ref)) for ref, owner in computed.owners.items()])
                connection.execute("UPDATE state SET value = ? WHERE name = 'revision'", (revision,))
                if receipt is not None:
                    connection.execute("INSERT INTO receipts (id, body) VALUES (?, ?)", receipt)
                    connection.execute(FORGET_RECEIPTS, (RECEIPTS_KEPT,))
        except sqlite3.Error as error:
            hint = "nothing was changed; is the disk full?"
            raise EnvironmentFault(f'cannot write the store "{self.path}": {error}', hint=hint) from error

    def receipt(self, receipt_id: str) -> bytes | None:
        row = self._connection.execute("SELECT body FROM receipts WHERE id = ?", (receipt_id,)).fetchone()
        return None if row is None else bytes(row[0])

    def checkpoint(self) -> None:
        """Move the log's content into the file, as far as readers allow. Blocks: call it in a thread."""
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        return connection

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise EnvironmentFault(
                f'the store "{self.path}" has format {version}, this meshgate reads format {SCHEMA_VERSION}',
                hint="use the meshgate that wrote it, or another --data-dir",
            )


def _make_private(path: Path) -> None:
    """The file's directory, for the owner alone: Secrets are in it. A directory of somebody else's is left as it is."""
    directory = path.parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not directory.stat().st_mode & 0o077:
        return
    if not path.exists() and any(directory.iterdir()):
        text = f'the data directory "{directory}" can be read by others and holds other things'
        raise EnvironmentFault(text, hint="name a directory of its own with --data-dir, or `chmod 700` this one")
    directory.chmod(0o700)


def _columns(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.namespace, ref.name
