"""The journal of sortings: what each run is about to do, before it does it, and what came of it.

One SQLite file among what the user made. Before files are touched, it is on the disk which, from where to where and
how; so that after a crash, the journal and a look at the files tell what was done, and a run can be finished, or taken
back next week. A file that a newer version wrote is left alone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

from training import paths
from training.companions import Kind
from training.photos import PhotoFile
from training.sorting import Action, Along, Fate, Plan, Row, Sidecar, Wrote
from training.zones import Zone

# Step i leads from schema i to i + 1. What is here was shipped: add steps, and change none.
_MIGRATIONS = (
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        token TEXT NOT NULL,
        at REAL NOT NULL,
        ended REAL,
        state TEXT NOT NULL,
        action TEXT NOT NULL,
        verify INTEGER NOT NULL,
        subject TEXT NOT NULL,
        root BLOB NOT NULL,
        words TEXT NOT NULL
    );
    CREATE TABLE file (
        run INTEGER REFERENCES run,
        row INTEGER,
        part INTEGER,
        source BLOB NOT NULL,
        target BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns TEXT NOT NULL,
        digest BLOB,
        kind TEXT NOT NULL,
        zone INTEGER,
        by_human INTEGER NOT NULL,
        probability REAL,
        said TEXT NOT NULL,
        state INTEGER NOT NULL,
        way TEXT NOT NULL DEFAULT '',
        seen TEXT NOT NULL DEFAULT '',
        staged TEXT NOT NULL DEFAULT '',
        put TEXT NOT NULL DEFAULT '',
        why TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (run, row, part)
    ) WITHOUT ROWID;
    CREATE INDEX file_open ON file (run, row) WHERE state IN (1, 5);
    CREATE TABLE folder (run INTEGER REFERENCES run, path BLOB, PRIMARY KEY (run, path)) WITHOUT ROWID;
    """,
    """
    ALTER TABLE file ADD COLUMN place BLOB NOT NULL DEFAULT x'';
    CREATE TABLE sidecar (
        run INTEGER REFERENCES run,
        row INTEGER,
        part INTEGER,
        new INTEGER NOT NULL,
        add_tags TEXT NOT NULL,
        remove_tags TEXT NOT NULL,
        keep_tags TEXT NOT NULL,
        had TEXT NOT NULL DEFAULT '',
        wrote TEXT NOT NULL DEFAULT '',
        took TEXT NOT NULL DEFAULT '',
        before BLOB,
        after BLOB,
        old BLOB,
        PRIMARY KEY (run, row, part)
    );
    """,
)
_SCHEMA = len(_MIGRATIONS)
_AT_ONCE = 5000  # files put down in one go when a run begins
_KEPT_RUNS, _KEPT_S = 200, 366 * 86400.0  # what is older than both may be forgotten


class JournalError(Exception):
    """The journal can't be used, or something was not kept; the message says so in words for the user."""


class Busy(JournalError):
    """Another sorting is going on; the message says so."""


class State(IntEnum):
    """How far a file is."""

    PLANNED = 0
    BEGUN = 1
    DONE = 2
    SKIPPED = 3
    FAILED = 4
    GOING_BACK = 5
    UNDONE = 6


class RunState(StrEnum):
    """How far a run is."""

    PREPARING = "preparing"
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


class Way(StrEnum):
    """How a file gets its new name; a crash leaves other traces of each.

    RENAME: at once; LINK_MOVE: a second name, then the first is taken away; CLAIM: an empty file of that name, which
    is replaced; COPY_MOVE: a verified copy, then the original is taken away; COPY, LINK: the original stays
    COPY_MOVE_CLAIM, COPY_CLAIM: the same, where the copy gets its name by a claim
    REMOVE: of an undo, a copy or a second name is taken away; TRASH: the system's trash takes it
    TAG: a sidecar is changed, made or taken away
    """

    RENAME = "rename"
    LINK_MOVE = "link-move"
    CLAIM = "claim"
    COPY_MOVE = "copy-move"
    COPY_MOVE_CLAIM = "copy-move-claim"
    COPY = "copy"
    COPY_CLAIM = "copy-claim"
    LINK = "link"
    REMOVE = "remove"
    TRASH = "trash"
    TAG = "tag"

    @property
    def copies(self) -> bool:
        """Whether the bytes are written once more."""
        return self in (Way.COPY_MOVE, Way.COPY_MOVE_CLAIM, Way.COPY, Way.COPY_CLAIM)

    @property
    def claims(self) -> bool:
        """Whether a crash may leave an empty file of the new name."""
        return self in (Way.CLAIM, Way.COPY_MOVE_CLAIM, Way.COPY_CLAIM)

    @property
    def takes_away(self) -> bool:
        """Whether the original is taken away after it was copied."""
        return self in (Way.COPY_MOVE, Way.COPY_MOVE_CLAIM)

    def claiming(self) -> Way:
        """The same way of copying, by a claim."""
        return Way.COPY_MOVE_CLAIM if self.takes_away else Way.COPY_CLAIM


@dataclass(frozen=True, slots=True)
class Seen:
    """What tells whether a file is still the same: bytes, nanoseconds and its number in its file system."""

    size: int
    mtime_ns: int
    number: int

    @classmethod
    def of(cls, facts: os.stat_result) -> Seen:
        """What a look at a file tells."""
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ino)

    def to_text(self) -> str:
        """As it is kept; numbers can be larger than SQLite's."""
        return f"{self.size} {self.mtime_ns} {self.number}"

    @classmethod
    def from_text(cls, text: str) -> Seen | None:
        """What `to_text` wrote; None for ""."""
        if not text:
            return None
        size, mtime_ns, number = map(int, text.split())
        return cls(size, mtime_ns, number)


@dataclass(slots=True)
class Change:
    """What a sidecar gets and loses.

    new: it was not there when the plan was made; add, remove, keep: as Row has them
    had: the tags that were in it before; wrote, took: those of `add` that were not, those of `remove` that were; all
    that is known once it is begun, as what follows
    before, after: XXH3-128 of what it holds before, None if it is not there, and after
    old: what it holds before, if that is to be put down now
    """

    new: bool
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    had: tuple[str, ...] = ()
    wrote: tuple[str, ...] = ()
    took: tuple[str, ...] = ()
    before: bytes | None = None
    after: bytes | None = None
    old: bytes | None = None


@dataclass(slots=True)
class Part:
    """One file of a photo and its companions, and how far it is.

    seen: of the original when the act began; staged: of the whole, verified copy, before it gets its name
    put: of what lies at the target; why: what went wrong, as words that follow the file's name
    place: where in the trash it lies, "" if it does not, or if that is not known
    change: of the sidecar of this file, whose path is `target`; None if files are moved, copied or linked
    """

    row: int
    part: int
    source: str
    target: str
    size: int
    mtime_ns: int
    digest: bytes | None
    kind: Kind | None
    state: State = State.PLANNED
    way: Way | None = None
    seen: Seen | None = None
    staged: Seen | None = None
    put: Seen | None = None
    why: str = ""
    zone: Zone | None = None
    by_human: bool = False
    probability: float | None = None
    said: str = ""
    place: str = ""
    change: Change | None = None

    @property
    def there(self) -> str:
        """Where it lies once it is done."""
        return self.place or self.target


@dataclass(slots=True)
class Unit:
    """A photo and its companions, which go together or not at all; the photo is the first of `parts`."""

    number: int
    parts: list[Part] = field(default_factory=list)

    @property
    def photo(self) -> Part:
        """The photo's own part."""
        return self.parts[0]

    @property
    def row(self) -> Row:
        """The unit as the plan had it."""
        photo = self.photo
        tags = photo.change or Change(False)
        return Row(
            PhotoFile(photo.source, photo.size, photo.mtime_ns),
            Fate.GOES,
            photo.target,
            photo.said,
            photo.zone,
            photo.by_human,
            photo.probability,
            photo.digest,
            tuple(
                Along(PhotoFile(one.source, one.size, one.mtime_ns), one.target, one.kind)
                for one in self.parts[1:]
                if one.kind is not None and one.change is None
            ),
            sidecars=tuple(
                Sidecar(PhotoFile(one.source, one.size, one.mtime_ns), one.target, one.change.new)
                for one in self.parts
                if one.change is not None
            ),
            add=tags.add,
            remove=tags.remove,
            keep=tags.keep,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the history shows it.

    when, ended: seconds since 1970; words: such as “412 to “john/””; planned: photos that are still to be done
    done: that lie where they were put, as far as is known; undone: that were brought back; bytes: of all photos
    begun: photos in the midst of it, which only a crash leaves
    """

    id: int
    when: float
    ended: float | None
    state: RunState
    action: Action
    subject: str
    root: str
    words: str
    planned: int = 0
    begun: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    undone: int = 0
    bytes: int = 0
    token: str = ""
    verify: bool = True

    @property
    def can_resume(self) -> bool:
        """Whether there is something left to do."""
        return self.state is not RunState.FINISHED and self.planned + self.begun > 0

    @property
    def can_undo(self) -> bool:
        """Whether there is something to bring back."""
        return self.done + self.begun > 0


class Journal:
    """The journal on disk. Use it from one thread, as a context manager; several windows may share the file.

    What changes it is on the disk when the method returns. Every method may raise JournalError.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or paths.data_dir() / "sorting.sqlite3"
        self.step: Callable[[], None] = _nothing
        """Called before each transaction is kept; a test may end the process here."""
        self._db = self._open()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is kept only now."""
        self._db.close()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other sortings out, of any window, for as long as this one acts. Raises Busy at once if there is one."""
        # A lock of SQLite's works on all systems, and goes when its process does.
        with self._plain_words("Photos can’t be sorted"):
            lock = sqlite3.connect(f"{self.file}.lock", timeout=0, isolation_level=None)
        try:
            try:
                lock.execute("PRAGMA journal_mode = MEMORY")
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                raise Busy(
                    "Another window or command is sorting photos. Wait until it is done, or stop it there, and try"
                    " again."
                ) from error
            yield
        finally:
            lock.close()

    # -- the history

    def runs(self) -> list[Run]:
        """All runs with their counts, newest first."""
        with self._plain_words("The history of sortings can’t be read"):
            rows = self._db.execute(
                "SELECT id, at, ended, state, action, subject, root, words, token, verify FROM run"
                " WHERE state != 'preparing' ORDER BY id DESC"
            ).fetchall()
            counts: dict[int, dict[int, tuple[int, int]]] = {}
            for run, state, number, size in self._db.execute(
                "SELECT run, state, count(*), sum(size) FROM file WHERE part = 0 GROUP BY run, state"
            ):
                counts.setdefault(run, {})[state] = number, size
        return [_run(row, counts.get(row[0], {})) for row in rows]

    def run(self, id: int) -> Run | None:
        """One run; None if there is none of that number."""
        return next((run for run in self.runs() if run.id == id), None)

    def rows(self, id: int) -> list[tuple[Row, State, str]]:
        """The photos of a run as they were planned, how far each is, and what went wrong with it, or ""."""
        return [(unit.row, unit.photo.state, unit.photo.why) for unit in self.units(id)]

    # -- for who runs it

    def begin(self, plan: Plan, words: str) -> Iterator[int]:
        """Put a run down, with all that it is to do; yields its number now and then, the last time when it stands."""
        rules = plan.rules
        with self.writing() as db:
            number = db.execute(
                "INSERT INTO run (token, at, state, action, verify, subject, root, words)"
                " VALUES (?, ?, 'preparing', ?, ?, ?, ?, ?)",
                (
                    secrets.token_hex(6),
                    time.time(),
                    rules.action.value,
                    rules.verify,
                    rules.subject,
                    os.fsencode(os.path.abspath(rules.root)),  # noqa: PTH100
                    words,
                ),
            ).lastrowid
        assert number is not None
        wanted = [(i, row) for i, row in enumerate(plan.rows) if row.fate in (Fate.GOES, Fate.SAME)]
        for start in range(0, len(wanted), _AT_ONCE):
            with self.writing() as db:
                lines = [
                    line for i, row in wanted[start : start + _AT_ONCE] for line in _lines(number, i, row)
                ]
                db.executemany(_INSERT, lines)
                tags = [
                    line for i, row in wanted[start : start + _AT_ONCE] for line in _tag_lines(number, i, row)
                ]
                db.executemany(_INSERT_TAGS, tags)
            yield number
        self.set_state(number, RunState.RUNNING)
        yield number

    def set_state(self, run: int, state: RunState) -> None:
        """Say how far a run is."""
        ended = None if state is RunState.RUNNING else time.time()
        with self.writing() as db:
            db.execute("UPDATE run SET state = ?, ended = ? WHERE id = ?", (state.value, ended, run))

    def forget_unprepared(self) -> None:
        """Drop runs that a crash kept from beginning: nothing was done of them."""
        with self.writing() as db:
            for table, column in _TABLES:
                db.execute(
                    f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM run WHERE state = 'preparing')"
                )

    def prune(self) -> int:
        """Forget old runs: how many. The last 200 stay, those of the last year, and what can still be gone on with."""
        with self.writing() as db:
            old = db.execute(
                "SELECT id FROM run WHERE max(at, coalesce(ended, at)) < ?1"
                " AND id NOT IN (SELECT id FROM run ORDER BY id DESC LIMIT ?2)"
                " AND NOT EXISTS (SELECT 1 FROM file WHERE file.run = run.id AND state IN (0, 1, 5))",
                (time.time() - _KEPT_S, _KEPT_RUNS),
            ).fetchall()
            for table, column in _TABLES:
                db.executemany(f"DELETE FROM {table} WHERE {column} = ?", old)
        return len(old)

    def wrote(self) -> dict[str, set[Wrote]]:
        """The tags that sortings wrote into sidecars and did not take back, by the sidecar's path."""
        found: dict[str, set[Wrote]] = {}
        with self._plain_words("The journal of sortings can’t be read"):
            for target, had, wrote, took, subject, zone in self._db.execute(
                "SELECT target, had, wrote, took, subject, zone FROM sidecar JOIN file USING (run, row, part)"
                " JOIN run ON run.id = sidecar.run"
                f" WHERE file.state = {int(State.DONE)} AND zone IS NOT NULL ORDER BY sidecar.run"
            ):
                tags = found.setdefault(os.fsdecode(target), set())
                gone = set(_tags(took))
                tags.difference_update([one for one in tags if one.tag in gone])
                tags.update(Wrote(tag, subject, Zone(zone), _tags(had)) for tag in _tags(wrote))
        return {path: tags for path, tags in found.items() if tags}

    def old(self, run: int, part: Part) -> bytes | None:
        """What a sidecar held before it was changed; None if it was not there."""
        with self._plain_words("The journal of sortings can’t be read"):
            line = self._db.execute(
                "SELECT old FROM sidecar WHERE run = ? AND row = ? AND part = ?", (run, part.row, part.part)
            ).fetchone()
        return None if line is None or line[0] is None else zlib.decompress(line[0])

    def units(self, run: int, *states: State) -> list[Unit]:
        """The photos of a run, each with its companions, whose photo is in one of these states (default: in any)."""
        with self._plain_words("The journal of sortings can’t be read"):
            among = ""
            if states:
                list_of = ",".join(str(int(state)) for state in states)
                among = (
                    f" AND row IN (SELECT row FROM file WHERE run = ?1 AND part = 0 AND state IN ({list_of}))"
                )
            found: dict[int, Unit] = {}
            for line in self._db.execute(f"{_SELECT} WHERE run = ?1{among} ORDER BY row, part", (run,)):
                part = _part(line)
                found.setdefault(part.row, Unit(part.row)).parts.append(part)
            for row, number, *rest in self._db.execute(f"{_SELECT_TAGS} WHERE run = ?", (run,)):
                if row in found:
                    found[row].parts[number].change = _change(rest)
        return list(found.values())

    def open_runs(self) -> list[int]:
        """The runs with photos in the midst of being moved, or brought back: only a crash leaves any."""
        with self._plain_words("The journal of sortings can’t be read"):
            rows = self._db.execute(
                "SELECT DISTINCT run FROM file WHERE state IN (1, 5) ORDER BY run"
            ).fetchall()
        return [row[0] for row in rows]

    def keep(self, run: int, parts: Iterable[Part], folders: Iterable[str] = ()) -> None:
        """Put down, in one transaction, how far these files are, and folders that are about to be made."""
        parts = list(parts)
        lines = [
            (
                int(part.state),
                "" if part.way is None else part.way.value,
                "" if part.seen is None else part.seen.to_text(),
                "" if part.staged is None else part.staged.to_text(),
                "" if part.put is None else part.put.to_text(),
                part.why,
                part.digest,
                os.fsencode(part.place),
                run,
                part.row,
                part.part,
            )
            for part in parts
        ]
        tags = [_tag_line(run, part, part.change) for part in parts if part.change is not None]
        with self.writing() as db:
            db.executemany(
                "UPDATE file SET state = ?, way = ?, seen = ?, staged = ?, put = ?, why = ?, digest = ?, place = ?"
                " WHERE run = ? AND row = ? AND part = ?",
                lines,
            )
            db.executemany(
                "UPDATE sidecar SET had = ?, wrote = ?, took = ?, before = ?, after = ?,"
                " old = CASE WHEN ? THEN NULL ELSE coalesce(?, old) END WHERE run = ? AND row = ? AND part = ?",
                tags,
            )
            db.executemany(
                "INSERT OR IGNORE INTO folder VALUES (?, ?)", [(run, os.fsencode(one)) for one in folders]
            )

    def folders(self, run: int) -> list[str]:
        """The folders that a run made, or was about to make, the innermost first."""
        with self._plain_words("The journal of sortings can’t be read"):
            rows = self._db.execute("SELECT path FROM folder WHERE run = ?", (run,)).fetchall()
        return sorted((os.fsdecode(path) for (path,) in rows), key=lambda path: (-path.count(os.sep), path))

    def forget_folders(self, run: int, folders: Iterable[str]) -> None:
        """Say that these folders are gone again, or are not the run's."""
        with self.writing() as db:
            db.executemany(
                "DELETE FROM folder WHERE run = ? AND path = ?", [(run, os.fsencode(one)) for one in folders]
            )

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk when it ends well, and never was when it does not. Raises JournalError."""
        with self._plain_words("What is being sorted can’t be put down, so nothing more was moved"):
            self.step()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self.step()
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise

    # -- the file

    def _open(self) -> sqlite3.Connection:
        with self._plain_words("Photos can’t be sorted, because nothing can be put down"):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_newer(_version_in(self.file))
            db = sqlite3.connect(self.file, timeout=10, isolation_level=None)
            try:
                self._refuse_newer(int(db.execute("PRAGMA user_version").fetchone()[0]))
                db.execute("PRAGMA journal_mode = WAL")
                # FULL, and safe also where a network drive can't do WAL.
                db.execute("PRAGMA synchronous = EXTRA")
                # macOS: what fsync alone does there may stay in the disk's memory.
                db.execute("PRAGMA fullfsync = ON")
                self._migrate(db)
                db.execute("SELECT 1 FROM run, file, folder, sidecar LIMIT 0")
            except BaseException:
                db.close()
                raise
        return db

    def _refuse_newer(self, version: int) -> None:
        if version > _SCHEMA:
            raise JournalError(
                f"The journal of sortings in {_shown(self.file.parent)} is from a newer version of Lennonnet, and was"
                " left as it is. Update Lennonnet to sort photos or to take a sorting back."
            )

    @staticmethod
    def _migrate(db: sqlite3.Connection) -> None:
        if int(db.execute("PRAGMA user_version").fetchone()[0]) == _SCHEMA:
            return
        db.execute("BEGIN IMMEDIATE")  # two windows may get here at the same time
        try:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            for step in _MIGRATIONS[version:]:
                for statement in filter(str.strip, step.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {_SCHEMA}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _plain_words(self, failure: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:  # a mistake of the caller, such as another thread
            raise
        except sqlite3.Error as error:
            raise JournalError(f"{failure}: {self._reason(error)}") from error
        except OSError as error:
            words = error.strerror or str(error)
            raise JournalError(
                f"{failure}: {words[:1].lower()}{words[1:]} ({_shown(self.file.parent)})."
            ) from error

    def _reason(self, error: sqlite3.Error) -> str:
        match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return f"the disk is full. Make room where {_shown(self.file.parent)} lies, and try again."
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return "another window is busy with the journal. Try again in a moment."
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
                return f"{_shown(self.file)} can’t be written. Make that folder and file writable, and try again."
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
                return (
                    f"the file {_shown(self.file)} is damaged. Move it to another place, and try again: sortings start"
                    " with a new one then, and what is in it can’t be taken back any more."
                )
        return (
            f"{_shown(self.file)} can’t be used ({error}). Look after the disk that holds it, and try again."
        )


_COLUMNS = (
    "row, part, source, target, size, mtime_ns, digest, kind, state, way, seen, staged, put, why, zone, by_human,"
    " probability, said, place"
)
_SELECT = f"SELECT {_COLUMNS} FROM file"
_INSERT = (
    "INSERT INTO file (run, row, part, source, target, size, mtime_ns, digest, kind, zone, by_human, probability,"
    " said, state, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT_TAGS = (
    "SELECT row, part, new, add_tags, remove_tags, keep_tags, had, wrote, took, before, after FROM sidecar"
)
_INSERT_TAGS = (
    "INSERT INTO sidecar (run, row, part, new, add_tags, remove_tags, keep_tags) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_TABLES = (("file", "run"), ("folder", "run"), ("sidecar", "run"), ("run", "id"))


def _nothing() -> None:
    pass


def _lines(run: int, number: int, row: Row) -> Iterator[tuple[Any, ...]]:
    """What is kept of a photo and its companions at the beginning."""
    same = row.fate is Fate.SAME
    state, why = (State.SKIPPED, _same_words(row)) if same else (State.PLANNED, "")
    target = row.note if same else row.target or ""
    judged = row.zone, row.by_human, row.probability, row.why, int(state), why
    if row.sidecars:
        for part, side in enumerate(row.sidecars):
            # The first is the photo's own part, whichever of its files' sidecars are to be changed.
            file, digest, kind = (side.photo, None, Kind.PARTNER) if part else (row.file, row.digest, "")
            yield run, number, part, *_file_line(file, side.path), digest, str(kind), *judged
        return
    yield run, number, 0, *_file_line(row.file, target), row.digest, "", *judged
    for part, one in enumerate(row.companions, 1):
        yield run, number, part, *_file_line(one.file, one.target), None, one.kind.value, *judged


def _tag_lines(run: int, number: int, row: Row) -> Iterator[tuple[Any, ...]]:
    """What is kept of sidecars at the beginning."""
    for part, side in enumerate(row.sidecars):
        yield run, number, part, side.new, *map("\n".join, (row.add, row.remove, row.keep))


def _tag_line(run: int, part: Part, change: Change) -> tuple[Any, ...]:
    """What is kept of a sidecar as it goes on."""
    old = None if change.old is None else zlib.compress(change.old)
    tags = map("\n".join, (change.had, change.wrote, change.took))
    forgotten = part.state is State.UNDONE or change.before is None  # it is there again, or never was
    return *tags, change.before, change.after, forgotten, old, run, part.row, part.part


def _tags(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def _change(line: Sequence[Any]) -> Change:
    new, add, remove, keep, had, wrote, took, before, after = line
    wanted = _tags(add), _tags(remove), _tags(keep)
    return Change(bool(new), *wanted, _tags(had), _tags(wrote), _tags(took), before, after)


def _same_words(row: Row) -> str:
    return f"is the same photo as “{_shown(row.note)}”"


def _file_line(file: PhotoFile, target: str) -> tuple[bytes, bytes, int, str]:
    return os.fsencode(file.path), os.fsencode(target), file.size, str(file.mtime_ns)


def _part(line: Sequence[Any]) -> Part:
    row, part, source, target, size, mtime_ns, digest, kind, state, way, seen, staged, put, why, *rest = line
    zone, by_human, probability, said, place = rest
    return Part(
        row,
        part,
        os.fsdecode(source),
        os.fsdecode(target),
        size,
        int(mtime_ns),
        digest,
        Kind(kind) if kind else None,
        State(state),
        Way(way) if way else None,
        Seen.from_text(seen),
        Seen.from_text(staged),
        Seen.from_text(put),
        why,
        None if zone is None else Zone(zone),
        bool(by_human),
        probability,
        said,
        os.fsdecode(place),
    )


def _run(row: Sequence[Any], counts: dict[int, tuple[int, int]]) -> Run:
    id, at, ended, state, action, subject, root, words, token, verify = row
    numbers = {one: number for one, (number, _) in counts.items()}
    run = Run(id, at, ended, RunState(state), Action(action), subject, os.fsdecode(root), words)
    return replace(
        run,
        planned=numbers.get(State.PLANNED, 0),
        begun=numbers.get(State.BEGUN, 0) + numbers.get(State.GOING_BACK, 0),
        done=numbers.get(State.DONE, 0),
        skipped=numbers.get(State.SKIPPED, 0),
        failed=numbers.get(State.FAILED, 0),
        undone=numbers.get(State.UNDONE, 0),
        bytes=0
        if run.action is Action.TAG
        else sum(size for one, (_, size) in counts.items() if one != State.SKIPPED),
        token=token,
        verify=bool(verify),
    )


def _version_in(file: Path) -> int:
    """The schema's number as the file's header has it, read without SQLite, which might write: 0 if there is none."""
    try:
        with file.open("rb") as stream:
            head = stream.read(64)
    except FileNotFoundError:
        return 0
    return int.from_bytes(head[60:64], "big") if head.startswith(b"SQLite format 3\0") else 0


def _shown(path: Path | str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")
