"""The file in which the verdict ledger lies: opened and brought up to date, or left alone, or set aside.

What the user said can be had nowhere else. So a file that can't be used as it was found is never overwritten, what is
written is on the disk when the call returns, and several windows, also of different versions, may share the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_PATIENCE = 5.0  # seconds to wait for another window, which holds the file for milliseconds


class LedgerError(Exception):
    """The ledger can't be used, or something was not kept; the message says so in words for the user."""


class LedgerFile:
    """One SQLite file with certain tables, whatever state it is found in. Use it from one thread.

    steps: step i leads from schema i to i + 1; tables: those that there must be, with the schema since when
    path: where it lies in the end; notice: a sentence for the user when it could not be used as it was found, else ""
    identity: of the file at `path`; another one after the file was replaced under us
    Raises LedgerError if there is no way to write labels, and none to read those that were kept.
    """

    def __init__(self, path: Path, steps: Sequence[str], tables: Mapping[str, int]) -> None:
        self.path = path
        self.notice = ""
        self._steps = steps
        self._tables = tables
        self.db = self._open()
        self.identity = self._identify()

    def close(self) -> None:
        """Close the file; nothing is kept only now."""
        self.db.close()

    @contextlib.contextmanager
    def writing(self, failure: str) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk when it ends well, and never was when it does not.

        Raises LedgerError, which begins with the words of `failure`.
        """
        with self._plain_words(failure):
            if self._identify() != self.identity:
                self._move_on()
            self.db.execute("BEGIN IMMEDIATE")
            if _version(self.db) != len(self._steps):  # a newer version was started beside this one
                self.db.execute("ROLLBACK")
                self._move_on()
                self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if self.db.in_transaction:  # SQLite ends it by itself where the disk fails
                        self.db.execute("ROLLBACK")
                raise

    def read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All that a query finds. Raises LedgerError."""
        return list(self.rows(query, values))

    def rows(self, query: str, values: Sequence[Any] = ()) -> Generator[Any, None, None]:
        """What a query finds, row by row; close it if you stop early. Raises LedgerError."""
        with self._plain_words("The labels can’t be read"), contextlib.closing(self.db.cursor()) as cursor:
            yield from cursor.execute(query, values)

    @contextlib.contextmanager
    def _plain_words(self, failure: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:  # a mistake of the caller, such as another thread
            raise
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"{failure}: {self._reason(error)}") from error

    def _reason(self, error: Exception) -> str:
        place = _shown(self.path.parent)
        match _code(error):
            case sqlite3.SQLITE_FULL:
                return f"the disk is full. Make room where {place} lies, and try again."
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return "another window is busy with the labels. Try again in a moment."
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
                return f"{_shown(self.path)} can’t be written. Make that folder and file writable, and try again."
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return f"the file {_shown(self.path)} is damaged. Start Lennonnet again, and it will be set aside."
        return (
            f"{_shown(self.path)} can’t be used ({error}). Look after the disk that holds it, and try again."
        )

    # -- opening

    def _identify(self) -> tuple[int, int] | None:
        try:
            facts = self.path.stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _move_on(self) -> None:
        """The file was deleted or replaced under us: what is written to the one we hold, nobody would ever find."""
        self.notice = ""
        made = self._open()
        self.db.close()
        self.db, self.identity = made, self._identify()
        self.notice = self.notice or (
            "The file of labels was moved or replaced while Lennonnet was running; "
            f"labels now go into the one that is in {_shown(self.path.parent)}."
        )

    def _open(self) -> sqlite3.Connection:
        with self._plain_words("Labels can’t be kept"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                try:
                    return self._connect()
                except _Newer as newer:
                    self._step_aside(newer)
                    return self._connect()
            except _NotReady:
                return self._prepare()
            except sqlite3.Error as error:
                if _code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                    return self._look_only(error)
                raise

    def _connect(self) -> sqlite3.Connection:
        """Open a file that is as it should be; raises _Newer, and _NotReady if it is not there or damaged."""
        if _size(self.path) == 0:  # SQLite would delete what a lost file has left beside it
            raise _NotReady
        db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        try:
            self._check(db)
            # FULL, and safe also where a network drive can't do WAL.
            db.execute("PRAGMA synchronous = EXTRA")
            # macOS: what fsync alone does there may stay in the disk's memory.
            db.execute("PRAGMA fullfsync = ON")
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self) -> sqlite3.Connection:
        """Make the file, bring it up to date or set it aside, while no other window does the same."""
        with alone(self.path):
            try:
                return self._connect()  # another window was quicker
            except _NotReady as error:
                damaged = error.damaged
            left = [Path(f"{self.path}{suffix}") for suffix in ("-wal", "-journal")]
            if damaged or (_size(self.path) == 0 and any(map(_size, left))):
                aside = self._set_aside()
                self.notice = (
                    f"The file of labels is damaged; it was set aside, unchanged, as “{_shown(aside.name)}” in "
                    f"{_shown(aside.parent)}, and labels now go into a new one."
                )
            db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                self._migrate(db)
            finally:
                db.close()
            return self._connect()

    def _step_aside(self, newer: _Newer) -> None:
        """Leave a newer version's file to it, and keep one of our own: it comes back, and must find all its labels."""
        own = self.path.with_name(f"{self.path.stem}.version-{len(self._steps)}{self.path.suffix}")
        self.notice = (
            f"The labels in “{_shown(self.path.name)}” are from a newer version of Lennonnet; they were left as they "
            f"are. Until you update, labels go into “{_shown(own.name)}” in {_shown(own.parent)}."
        )
        self.path = own

    def _set_aside(self) -> Path:
        name = f"{self.path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
        aside, again = self.path.with_name(f"{name}.unusable"), 1
        while any(os.path.lexists(f"{aside}{suffix}") for suffix in _BESIDE):
            again += 1
            aside = self.path.with_name(f"{name}-{again}.unusable")
        # The file itself first: without it, what is beside it is never taken for whole.
        for suffix in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        return aside

    def _look_only(self, error: sqlite3.Error) -> sqlite3.Connection:
        """Open what can't be written: on a read-only disk, the labels are still there to see."""
        if not _size(self.path) or _size(Path(f"{self.path}-wal")):
            raise error
        place = self.path.absolute().as_uri()
        db = sqlite3.connect(f"{place}?mode=ro&immutable=1", uri=True, isolation_level=None)
        try:
            self._check(db)
        except BaseException:
            db.close()
            raise
        self.notice = f"Labels can be seen but not changed, because {_shown(self.path)} can’t be written."
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        """Raise _Newer or _NotReady unless a file is whole and of this version."""
        try:
            version = _version(db)
            if version > len(self._steps):
                raise _Newer(f"schema {version}")
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise _NotReady(damaged=True)
            if version > 0:
                there = [table for table, since in self._tables.items() if since <= version]
                db.execute(f"SELECT 1 FROM {', '.join(there)} LIMIT 0")
            if version < len(self._steps):
                foreign = version == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone()
                raise _NotReady(damaged=bool(foreign) or version < 0)
        except (_Newer, _NotReady):
            raise
        except sqlite3.DatabaseError as error:
            # SQLITE_ERROR: a table is missing.
            if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                raise _NotReady(damaged=True) from error
            raise

    def _migrate(self, db: sqlite3.Connection) -> None:
        """Lead a file, empty or of an older version, to this version's tables: all of the way, or not at all."""
        db.execute("BEGIN IMMEDIATE")
        try:
            version = _version(db)
            for step in self._steps[version:]:
                for statement in filter(str.strip, step.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {max(version, len(self._steps))}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


_BESIDE = ("", "-wal", "-shm", "-journal")


class _Newer(sqlite3.DatabaseError):
    """The file was written by a newer version of the program."""


class _NotReady(sqlite3.DatabaseError):
    """The file is not there, from an older version, or damaged."""

    def __init__(self, *, damaged: bool = False) -> None:
        super().__init__("not ready")
        self.damaged = damaged


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other windows out; a lock of SQLite's works on all systems, and goes when its process does."""
    lock = sqlite3.connect(f"{file}.lock", timeout=_PATIENCE, isolation_level=None)
    try:
        lock.execute("PRAGMA journal_mode = MEMORY")  # nothing is written, so nothing need lie beside it
        lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


def _code(error: Exception) -> int:
    """SQLite's primary result code, or the one that comes closest to the system's."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL) & 0xFF
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_CANTOPEN


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _shown(path: Path | str) -> str:
    """A path as it can be shown: with a sign in place of what is no text."""
    return os.fsencode(path).decode("utf-8", "replace")
