"""The verdict ledger: what the user said of which photo, kept so that it is never lost.

One SQLite file among what the user made. Each gesture (a drag of 30 photos into a bin, one key) is an event with its
items; undo and redo are events too. Events are only ever added: which verdict a photo has is worked out from them, as
what the latest gesture that stands says of it. Photos are known by the hash of their bytes, so that a verdict
survives rename, move and copy; a photo whose bytes were not read yet is known by path, size and modification time
until `Ledger.resolve` says what it holds.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from training import paths, photos
from training.photos import PhotoFile, UnreadablePhoto

# Step i leads from schema i to i + 1. What is here was shipped: add steps, and change none.
_MIGRATIONS = (
    """
    CREATE TABLE subject (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        subject INTEGER NOT NULL REFERENCES subject,
        kind TEXT NOT NULL CHECK (kind IN ('label', 'undo', 'redo')),
        verdict TEXT,
        source TEXT,
        count INTEGER,
        target INTEGER REFERENCES event,
        CHECK ((kind = 'label') = (target IS NULL))
    );
    CREATE INDEX event_subject ON event (subject, kind, id);
    CREATE INDEX event_target ON event (target, id) WHERE target IS NOT NULL;
    CREATE TABLE seen (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL,
        size TEXT NOT NULL,
        mtime_ns TEXT NOT NULL,
        digest BLOB CHECK (length(digest) = 16)
    );
    CREATE INDEX seen_path ON seen (path);
    CREATE INDEX seen_digest ON seen (digest);
    CREATE TABLE item (
        event INTEGER REFERENCES event, seen INTEGER REFERENCES seen, PRIMARY KEY (event, seen)
    ) WITHOUT ROWID;
    CREATE INDEX item_seen ON item (seen, event);
    """,
)
# Of a label: whether the latest undo or redo of it is an undo.
_UNDONE = (
    "coalesce((SELECT turn.kind = 'undo' FROM event AS turn"
    " WHERE turn.target = event.id ORDER BY turn.id DESC LIMIT 1), 0)"
)
_STANDS = (
    f"event.subject = (SELECT id FROM subject WHERE name = ?) AND event.kind = 'label' AND NOT {_UNDONE}"
)
# CROSS JOIN, because SQLite takes it as an order to go from left to right: who is undone is then asked once a gesture.
_SAID = "event CROSS JOIN item ON item.event = event.id CROSS JOIN seen ON seen.id = item.seen"
_ENTRY = (
    f"SELECT event.id, event.at, subject.name, event.verdict, event.count, event.source, {_UNDONE}"
    " FROM event JOIN subject ON subject.id = event.subject"
)
_AT_ONCE = 500  # SQLite takes no more than 999 parameters on old systems
_PATIENCE = 5.0  # seconds to wait for another window, which holds the file for milliseconds


class Verdict(enum.StrEnum):
    """What a person said of a photo; it beats what any model says."""

    SUBJECT = "subject"
    NOT_SUBJECT = "not_subject"


@dataclass(frozen=True, slots=True)
class Entry:
    """One gesture of the user.

    when: seconds since 1970; verdict: None if the photos were unlabelled; count: of photos
    source: the way it was done, such as "drag", "key" or "click"; undone: whether it is taken back at present
    """

    id: int
    when: float
    subject: str
    verdict: Verdict | None
    count: int
    source: str
    undone: bool


class LedgerError(Exception):
    """The ledger can't be used, or something was not kept; the message says so in words for the user."""


class Ledger:
    """The verdict ledger on disk. Use it from one thread, as a context manager; several windows may share the file.

    What changes it is on the disk when the method returns; what raises LedgerError changed nothing.
    `notice` is a sentence for the user when the file could not be used as it was found, else "".
    Raises LedgerError if there is no way to keep labels, and none to read those that were kept.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or paths.data_dir() / "library.sqlite3"
        self.notice = ""
        self._db = self._open()
        self._identity = self._identify()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is kept only now."""
        self._db.close()

    # -- labelling

    def label(
        self,
        items: Sequence[tuple[PhotoFile, bytes | None]],
        subject: str,
        verdict: Verdict | None,
        source: str,
    ) -> Entry:
        """Keep, as one gesture, the verdict on photos, each with its digest (16 bytes), or None if not known yet.

        A verdict of None unlabels. What was undone before can't be redone after.
        Raises ValueError for no items or a digest of another length, and LedgerError.
        """
        if not items:
            raise ValueError("a gesture needs a photo")
        now = time.time()
        with self._writing("The label was not kept") as db:
            seen = {self._see(file, digest) for file, digest in items}
            db.execute("INSERT OR IGNORE INTO subject (name) VALUES (?)", (subject,))
            number = db.execute(
                "INSERT INTO event (at, subject, kind, verdict, source, count)"
                " SELECT ?, id, 'label', ?, ?, ? FROM subject WHERE name = ?",
                (now, verdict, source, len(seen), subject),
            ).lastrowid
            assert number is not None
            db.executemany("INSERT INTO item VALUES (?, ?)", [(number, one) for one in sorted(seen)])
        return Entry(number, now, subject, verdict, len(seen), source, False)

    def undo(self, subject: str) -> Entry | None:
        """Take back the subject's latest gesture that stands; None if there is none. Raises LedgerError.

        Each of its photos has the verdict again that it had before, whichever window and day that was in.
        """
        with self._writing("The label was not taken back") as db:
            row = db.execute(
                f"{_ENTRY} WHERE {_STANDS} ORDER BY event.id DESC LIMIT 1", (subject,)
            ).fetchone()
            return self._turned(row, undone=True)

    def redo(self, subject: str) -> Entry | None:
        """Bring back the gesture that was undone last; None if there is none, or a label came after.

        Raises LedgerError.
        """
        with self._writing("The label was not brought back") as db:
            row = db.execute(
                f"{_ENTRY} WHERE event.id = ("
                "SELECT min(turn.target) FROM event AS turn"
                " WHERE turn.subject = (SELECT id FROM subject WHERE name = ?1) AND turn.kind = 'undo'"
                " AND turn.id > (SELECT max(id) FROM event AS made"
                " WHERE made.subject = turn.subject AND made.kind = 'label')"
                " AND NOT EXISTS (SELECT 1 FROM event AS later"
                " WHERE later.target = turn.target AND later.id > turn.id))",
                (subject,),
            ).fetchone()
            return self._turned(row, undone=False)

    def history(self, subject: str, most: int = 50) -> list[Entry]:
        """The subject's latest gestures, undone ones too, newest first. Raises LedgerError."""
        rows = self._read(
            f"{_ENTRY} WHERE subject.name = ? AND event.kind = 'label' ORDER BY event.id DESC LIMIT ?",
            (subject, most),
        )
        return [_entry(row) for row in rows]

    def photos_of(self, entry: Entry) -> list[tuple[PhotoFile, bytes | None]]:
        """The photos of a gesture as they lay then, with the digests that are known by now. Raises LedgerError."""
        query = (
            "SELECT path, size, mtime_ns, digest FROM item JOIN seen ON seen.id = item.seen WHERE event = ?"
        )
        return [(_file(*row[:3]), row[3]) for row in self._read(query, (entry.id,))]

    # -- what holds

    def verdicts(self, subject: str) -> dict[bytes, Verdict]:
        """The verdict on each labelled photo whose content is known, by digest. Raises LedgerError."""
        said = dict(
            self._read(
                f"SELECT seen.digest, event.verdict FROM {_SAID}"
                f" WHERE {_STANDS} AND seen.digest IS NOT NULL ORDER BY event.id",
                (subject,),
            )
        )
        verdicts = {verdict.value: verdict for verdict in Verdict}  # calling Verdict takes five times as long
        return {digest: verdicts[verdict] for digest, verdict in said.items() if verdict is not None}

    def verdicts_of(self, subject: str, files: Iterable[PhotoFile]) -> dict[str, Verdict]:
        """The verdicts, by path, on those files that are labelled, as far as can be told without reading them.

        That is: files that have been in a gesture and have not changed since. Raises LedgerError.
        """
        asked = {os.fsencode(file.path): file for file in files}
        said: dict[str, str | None] = {}
        keys = list(asked)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            rows = self._read(
                "SELECT mine.path, mine.size, mine.mtime_ns, event.verdict FROM seen AS mine"
                " CROSS JOIN seen ON seen.id = mine.id OR seen.digest = mine.digest"
                " CROSS JOIN item ON item.seen = seen.id CROSS JOIN event ON event.id = item.event"
                f" WHERE mine.path IN ({','.join('?' * len(some))}) AND {_STANDS} ORDER BY event.id",
                (*some, subject),
            )
            for path, size, mtime_ns, verdict in rows:
                file = asked[path]
                if (size, mtime_ns) == (str(file.size), str(file.mtime_ns)):
                    said[file.path] = verdict
        return {path: Verdict(verdict) for path, verdict in said.items() if verdict is not None}

    def counts(self, subject: str) -> dict[Verdict, int]:
        """How many photos have each verdict; copies count once, as far as is known. Raises LedgerError."""
        rows = self._read(
            "SELECT verdict, count(*) FROM (SELECT event.verdict AS verdict, max(event.id)"
            f" FROM {_SAID} WHERE {_STANDS} GROUP BY coalesce(seen.digest, seen.id)) GROUP BY verdict",
            (subject,),
        )
        found = dict(rows)
        return {verdict: found.get(verdict.value, 0) for verdict in Verdict}

    def latest(self, subject: str, verdict: Verdict, most: int) -> list[PhotoFile]:
        """The photos that were given this verdict last and have it still, newest first. Raises LedgerError."""
        met: set[bytes | int] = set()
        found: list[PhotoFile] = []
        rows = self._rows(
            f"SELECT coalesce(seen.digest, seen.id), event.verdict, path, size, mtime_ns FROM {_SAID}"
            f" WHERE {_STANDS} ORDER BY event.id DESC, item.seen DESC",
            (subject,),
        )
        with contextlib.closing(rows):
            for photo, said, *file in rows:
                if len(found) >= most:
                    break
                if photo not in met:
                    met.add(photo)
                    if said == verdict:
                        found.append(_file(*file))
        return found

    # -- photos whose bytes were not read yet

    def unresolved(self) -> list[PhotoFile]:
        """The labelled files whose content is not known yet, oldest first. Raises LedgerError."""
        query = "SELECT path, size, mtime_ns FROM seen WHERE digest IS NULL ORDER BY id"
        return [_file(*row) for row in self._read(query)]

    def resolve(self, pairs: Iterable[tuple[PhotoFile, bytes]]) -> None:
        """Say what labelled files hold: each file as `unresolved` gives it, and its digest (16 bytes; see `digest_of`).

        Files that wait for nothing are passed over. Raises ValueError for a digest of another length, and LedgerError.
        """
        rows = [(_checked(digest), *_stamp(file)) for file, digest in pairs]
        with self._writing("What was learned of newly labelled photos was not kept") as db:
            db.executemany(
                "UPDATE seen SET digest = ? WHERE path = ? AND size = ? AND mtime_ns = ? AND digest IS NULL",
                rows,
            )

    # -- inside

    def _see(self, file: PhotoFile, digest: bytes | None) -> int:
        """The number of a file of this path, size, time and content, new or old."""
        stamp = _stamp(file)
        known: dict[bytes | None, int] = dict(
            self._db.execute(
                "SELECT digest, id FROM seen WHERE path = ? AND size = ? AND mtime_ns = ?", stamp
            ).fetchall()
        )
        if digest is not None and None in known:  # the caller knows what was not known before
            known[_checked(digest)] = number = known[None]
            self._db.execute("UPDATE seen SET digest = ? WHERE id = ?", (digest, number))
        if digest not in known:
            row = (*stamp, None if digest is None else _checked(digest))
            made = self._db.execute(
                "INSERT INTO seen (path, size, mtime_ns, digest) VALUES (?, ?, ?, ?)", row
            )
            assert made.lastrowid is not None
            return made.lastrowid
        return known[digest]

    def _turned(self, row: Sequence[Any] | None, *, undone: bool) -> Entry | None:
        if row is None:
            return None
        entry = replace(_entry(row), undone=undone)
        self._db.execute(
            "INSERT INTO event (at, subject, kind, target) SELECT ?, subject, ?, id FROM event WHERE id = ?",
            (time.time(), "undo" if undone else "redo", entry.id),
        )
        return entry

    @contextlib.contextmanager
    def _writing(self, failure: str) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk when it ends well, and never was when it does not."""
        with self._plain_words(failure):
            if self._identify() != self._identity:
                self._move_on()
            self._db.execute("BEGIN IMMEDIATE")
            if _version(self._db) != len(_MIGRATIONS):  # a newer version was started beside this one
                self._db.execute("ROLLBACK")
                self._move_on()
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if self._db.in_transaction:  # SQLite ends it by itself where the disk fails
                        self._db.execute("ROLLBACK")
                raise

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(self._rows(query, values))

    def _rows(self, query: str, values: Sequence[Any] = ()) -> Generator[Any, None, None]:
        with self._plain_words("The labels can’t be read"), contextlib.closing(self._db.cursor()) as cursor:
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
        place = _shown(self.file.parent)
        match _code(error):
            case sqlite3.SQLITE_FULL:
                return f"the disk is full. Make room where {place} lies, and try again."
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return "another window is busy with the labels. Try again in a moment."
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
                return f"{_shown(self.file)} can’t be written. Make that folder and file writable, and try again."
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return f"the file {_shown(self.file)} is damaged. Start Lennonnet again, and it will be set aside."
        return (
            f"{_shown(self.file)} can’t be used ({error}). Look after the disk that holds it, and try again."
        )

    # -- opening

    def _identify(self) -> tuple[int, int] | None:
        try:
            facts = self.file.stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _move_on(self) -> None:
        """The file was deleted or replaced under us: what is written to the one we hold, nobody would ever find."""
        self.notice = ""
        made = self._open()
        self._db.close()
        self._db, self._identity = made, self._identify()
        self.notice = self.notice or (
            "The file of labels was moved or replaced while Lennonnet was running; "
            f"labels now go into the one that is in {_shown(self.file.parent)}."
        )

    def _open(self) -> sqlite3.Connection:
        with self._plain_words("Labels can’t be kept"):
            self.file.parent.mkdir(parents=True, exist_ok=True)
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
        if _size(self.file) == 0:  # SQLite would delete what a lost file has left beside it
            raise _NotReady
        db = sqlite3.connect(self.file, timeout=_PATIENCE, isolation_level=None)
        try:
            _check(db)
            # FULL, and safe also where a network drive can't do WAL.
            db.execute("PRAGMA synchronous = EXTRA")
            db.execute(
                "PRAGMA fullfsync = ON"
            )  # macOS: what fsync alone does there may stay in the disk's memory
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self) -> sqlite3.Connection:
        """Make the file, bring it up to date or set it aside, while no other window does the same."""
        with _alone(self.file):
            try:
                return self._connect()  # another window was quicker
            except _NotReady as error:
                damaged = error.damaged
            left = [Path(f"{self.file}{suffix}") for suffix in ("-wal", "-journal")]
            if damaged or (_size(self.file) == 0 and any(map(_size, left))):
                aside = self._set_aside()
                self.notice = (
                    f"The file of labels is damaged; it was set aside, unchanged, as “{_shown(aside.name)}” in "
                    f"{_shown(aside.parent)}, and labels now go into a new one."
                )
            db = sqlite3.connect(self.file, timeout=_PATIENCE, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                _migrate(db)
            finally:
                db.close()
            return self._connect()

    def _step_aside(self, newer: _Newer) -> None:
        """Leave a newer version's file to it, and keep one of our own: it comes back, and must find all its labels."""
        own = self.file.with_name(f"{self.file.stem}.version-{len(_MIGRATIONS)}{self.file.suffix}")
        self.notice = (
            f"The labels in “{_shown(self.file.name)}” are from a newer version of Lennonnet; they were left as they "
            f"are. Until you update, labels go into “{_shown(own.name)}” in {_shown(own.parent)}."
        )
        self.file = own

    def _set_aside(self) -> Path:
        name = f"{self.file.name}.{time.strftime('%Y%m%d-%H%M%S')}"
        aside, again = self.file.with_name(f"{name}.unusable"), 1
        while any(os.path.lexists(f"{aside}{suffix}") for suffix in _BESIDE):
            again += 1
            aside = self.file.with_name(f"{name}-{again}.unusable")
        for (
            suffix
        ) in _BESIDE:  # the file itself first: without it, what is beside it is never taken for whole
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.file}{suffix}").rename(f"{aside}{suffix}")
        return aside

    def _look_only(self, error: sqlite3.Error) -> sqlite3.Connection:
        """Open what can't be written: on a read-only disk, the labels are still there to see."""
        if not _size(self.file) or _size(Path(f"{self.file}-wal")):
            raise error
        place = self.file.absolute().as_uri()
        db = sqlite3.connect(f"{place}?mode=ro&immutable=1", uri=True, isolation_level=None)
        try:
            _check(db)
        except BaseException:
            db.close()
            raise
        self.notice = f"Labels can be seen but not changed, because {_shown(self.file)} can’t be written."
        return db


def digest_of(file: PhotoFile) -> bytes | None:
    """What to tell `Ledger.resolve` of a file: the digest of its bytes (16); None if gone, changed or unreadable.

    A label is on what the user saw: it must not pass to what has been written to the same place since.
    """
    try:
        found = photos.digest(file.path)
        facts = Path(file.path).stat()
    except (UnreadablePhoto, OSError):
        return None
    return found if (facts.st_size, facts.st_mtime_ns) == (file.size, file.mtime_ns) else None


_BESIDE = ("", "-wal", "-shm", "-journal")


class _Newer(sqlite3.DatabaseError):
    """The file was written by a newer version of the program."""


class _NotReady(sqlite3.DatabaseError):
    """The file is not there, from an older version, or damaged."""

    def __init__(self, *, damaged: bool = False) -> None:
        super().__init__("not ready")
        self.damaged = damaged


def _check(db: sqlite3.Connection) -> None:
    """Raise _Newer or _NotReady unless a file is whole and of this version."""
    try:
        version = _version(db)
        if version > len(_MIGRATIONS):
            raise _Newer(f"schema {version}")
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise _NotReady(damaged=True)
        if version < len(_MIGRATIONS):
            foreign = version == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone()
            raise _NotReady(damaged=bool(foreign) or version < 0)
        db.execute("SELECT 1 FROM subject, event, seen, item LIMIT 0")
    except (_Newer, _NotReady):
        raise
    except sqlite3.DatabaseError as error:
        # SQLITE_ERROR: a table is missing.
        if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise _NotReady(damaged=True) from error
        raise


def _migrate(db: sqlite3.Connection) -> None:
    """Lead a file, empty or of an older version, to this version's tables: all of the way, or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db)
        for step in _MIGRATIONS[version:]:
            for statement in filter(str.strip, step.split(";")):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {max(version, len(_MIGRATIONS))}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
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


def _stamp(file: PhotoFile) -> tuple[bytes, str, str]:
    # Numbers as text: some file systems know times that SQLite's 64 bits of nanoseconds can't hold.
    return os.fsencode(file.path), str(file.size), str(file.mtime_ns)


def _file(path: bytes, size: str, mtime_ns: str) -> PhotoFile:
    return PhotoFile(os.fsdecode(path), int(size), int(mtime_ns))


def _entry(row: Sequence[Any]) -> Entry:
    number, when, subject, verdict, count, source, undone = row
    return Entry(
        number, when, subject, None if verdict is None else Verdict(verdict), count, source, bool(undone)
    )


def _checked(digest: bytes) -> bytes:
    if len(digest) != 16:
        raise ValueError("a digest has 16 bytes")
    return digest
