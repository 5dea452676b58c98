"""The feature cache: what was computed for a photo or its faces once is found again by the photo's content.

One SQLite file in the user's cache folder, all of which can be made again; labels and the sorting journal, which
can't, never go here. Photos are known by the hash of their bytes, so that features survive rename, move and copy;
an index of path, size and modification time saves reading the bytes of photos that have not changed.
A cache that can't be used (damaged, from a newer version, on a full or read-only disk) costs time, never results.
"""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from training import paths
from training.photos import PhotoFile

_Item = TypeVar("_Item")

_SCHEMA = 1
_TABLES = """
CREATE TABLE file (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, digest BLOB) WITHOUT ROWID;
CREATE INDEX file_size ON file (size);
CREATE TABLE photo (digest BLOB PRIMARY KEY, width INTEGER, height INTEGER, taken TEXT, camera TEXT) WITHOUT ROWID;
CREATE TABLE extractor (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE feature (digest BLOB, extractor INTEGER, used INTEGER, vector BLOB, PRIMARY KEY (digest, extractor));
CREATE INDEX feature_used ON feature (used);
"""
# Not of the schema: programs that know no faces go on with a file that has some, and this one with theirs.
_FACE_TABLE = """
CREATE TABLE IF NOT EXISTS face
    (digest BLOB, extractor INTEGER, used INTEGER, faces BLOB, PRIMARY KEY (digest, extractor));
CREATE INDEX IF NOT EXISTS face_used ON face (used);
"""
_AT_ONCE = 500  # SQLite takes no more than 999 parameters on old systems
_DAY = 86_400
DEFAULT_BOUND = 4 << 30
"""The size in bytes past which the longest unused features are dropped: about a million photos."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a photo's content: 16 bytes of hash, size in pixels, date ("" if unknown) and camera."""

    digest: bytes
    width: int
    height: int
    taken: str
    camera: str


class FeatureCache:
    """A feature cache on disk. Use it from one thread, as a context manager; several processes may share the file.

    `notice` is a sentence for the user when something is wrong with the file, else "". No method raises for it.
    """

    def __init__(self, file: Path | None = None, *, bound: int = DEFAULT_BOUND) -> None:
        self.file = file or paths.cache_dir() / "features.sqlite3"
        self.notice = ""
        self._bound = bound
        self._db = self._open()

    def __enter__(self) -> FeatureCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is over the size bound, and close the file."""
        if self._db is not None:
            with self._forgiving():
                self._evict()
        if self._db is not None:  # a damaged one is closed by now
            self._db.close()
            self._db = None

    def facts_of(self, files: Iterable[PhotoFile]) -> dict[str, Facts]:
        """What is known, by path, of those files that were seen before and have not changed since."""
        known: dict[str, Facts] = {}
        with self._forgiving():
            for some in _chunks(list(files)):
                by_key = {os.fsencode(file.path): file for file in some}
                rows = self._all(
                    "SELECT file.path, file.size, file.mtime_ns, digest, width, height, taken, camera"
                    " FROM file JOIN photo USING (digest) WHERE file.path IN",
                    list(by_key),
                )
                for key, size, mtime_ns, *facts in rows:
                    file = by_key[key]
                    if (size, mtime_ns) == (file.size, file.mtime_ns):
                        known[file.path] = Facts(*facts)
        return known

    def sizes_among(self, sizes: Iterable[int]) -> set[int]:
        """Which of these file sizes, in bytes, some known file has: a file of no such size is surely new."""
        found: set[int] = set()
        with self._forgiving():
            for some in _chunks(sorted(set(sizes))):
                found.update(
                    size for (size,) in self._all("SELECT DISTINCT size FROM file WHERE size IN", some)
                )
        return found

    def facts_of_digests(self, digests: Iterable[bytes]) -> dict[bytes, Facts]:
        """What is known of photos by their content's hash."""
        with self._forgiving():
            return {
                row[0]: Facts(*row)
                for some in _chunks(list(digests))
                for row in self._all(
                    "SELECT digest, width, height, taken, camera FROM photo WHERE digest IN", some
                )
            }
        return {}

    def vectors(self, digests: Sequence[bytes], extractor: str) -> tuple[list[bytes], np.ndarray]:
        """The stored features of those photos that have any: their hashes and an (N, D) float16 matrix, row by row."""
        found: list[bytes] = []
        rows: list[bytes] = []
        with self._forgiving():
            number = self._number(extractor)
            old: list[bytes] = []
            yesterday = int(time.time()) - _DAY
            for some in _chunks(list(dict.fromkeys(digests))):
                query = "SELECT digest, vector, used FROM feature WHERE extractor = ? AND digest IN"
                for digest, vector, used in self._all(query, some, number):
                    found.append(digest)
                    rows.append(vector)
                    if used < yesterday:
                        old.append(digest)
            self._touch("feature", old, number)
        length = min(map(len, rows), default=0) // 2
        if any(
            len(row) != 2 * length for row in rows
        ):  # one extractor has one length; keep the program going
            return [], np.empty((0, 0), np.float16)
        return found, np.frombuffer(b"".join(rows), np.float16).reshape(len(rows), length)

    def store(self, items: Iterable[tuple[PhotoFile, Facts, np.ndarray | None]], extractor: str) -> None:
        """Keep, in one transaction, the facts of these files and their features, (D,) each (None: already stored)."""
        now = int(time.time())
        with self._forgiving():
            if self._db is None:
                return
            with self._db:
                number = self._number(extractor)
                for file, facts, vector in items:
                    self._keep(file, facts)
                    if vector is not None:
                        self._db.execute(
                            "INSERT OR REPLACE INTO feature VALUES (?, ?, ?, ?)",
                            (facts.digest, number, now, vector.astype(np.float16).tobytes()),
                        )

    def faces(self, digests: Iterable[bytes], extractors: Sequence[str]) -> dict[bytes, bytes]:
        """The stored faces of those photos that were looked at, by hash, as `store_faces` got them: b"" if none there.

        extractors: who may have looked, best first; of each photo it is the best one's.
        """
        from training.faces import FACE  # late: finding faces needs this module

        found: dict[bytes, bytes] = {}
        with self._forgiving():
            yesterday = int(time.time()) - _DAY
            left = list(dict.fromkeys(digests))
            for number in self._known(extractors) if self._has_faces() else ():
                old: list[bytes] = []
                for some in _chunks(left):
                    query = "SELECT digest, faces, used FROM face WHERE extractor = ? AND digest IN"
                    for digest, faces, used in self._all(query, some, number):
                        if len(faces) % FACE.itemsize:  # damaged; they can be looked for again
                            continue
                        found[digest] = faces
                        if used < yesterday:
                            old.append(digest)
                self._touch("face", old, number)
                left = [digest for digest in left if digest not in found]
        return found

    def store_faces(self, items: Iterable[tuple[PhotoFile | None, Facts, bytes]], extractor: str) -> None:
        """Keep, in one transaction, the facts of these photos (and files, if told) and their faces' bytes."""
        now = int(time.time())
        with self._forgiving():
            if self._db is None:
                return
            for statement in filter(str.strip, _FACE_TABLE.split(";")):
                self._db.execute(statement)
            with self._db:
                number = self._number(extractor)
                for file, facts, faces in items:
                    self._keep(file, facts)
                    self._db.execute(
                        "INSERT OR REPLACE INTO face VALUES (?, ?, ?, ?)", (facts.digest, number, now, faces)
                    )

    def forget_faces(self) -> int:
        """Delete the faces of all photos, whoever looked, so that nothing of them is left in the file or beside it.

        Returns of how many photos there were any kept. Takes seconds for a large file. Where that fails, `notice` says
        so; it can be called again.
        """
        count = 0
        with self._forgiving(self._not_forgotten):
            if self._db is None:  # damaged since it was opened, or not to be written then
                self._db = self._open()
            try:
                if self._db is not None:
                    try:
                        count = self._delete_faces(self._db)
                        _leave_no_trace(self._db)
                    except sqlite3.DatabaseError as error:
                        if type(error) is not sqlite3.DatabaseError:
                            raise
                        self._db.close()  # damaged: who knows what else it holds
                        self._set_aside()
                        self._db = self._open()
                elif self.file.exists():
                    raise sqlite3.OperationalError("the file can't be used")
                for aside in self.file.parent.glob(f"{glob.escape(self.file.name)}.*.unusable*"):
                    aside.unlink()
            except OSError as error:
                raise sqlite3.OperationalError(error.strerror) from error
        return count

    def size(self) -> int:
        """How many bytes are in use."""
        if self._db is None:
            return 0
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    # -- inside

    def _open(self) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except (sqlite3.OperationalError, OSError) as error:
            self._do_without(error)
            return None
        except sqlite3.DatabaseError:
            pass  # damaged, or too new
        try:
            aside = self._set_aside()
            made = self._connect()
        except (sqlite3.Error, OSError) as error:
            self._do_without(error)
            return None
        self.notice = (
            f"The file of remembered scores could not be used and was set aside as “{aside.name}”; "
            "photos will be looked at once more."
        )
        return made

    def _connect(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.file, timeout=10)
        try:
            db.execute("PRAGMA page_size = 16384")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > _SCHEMA:
                raise _Newer(f"schema {version}")
            if version < _SCHEMA:
                self._create(db)
            db.execute("SELECT digest FROM feature LIMIT 1").fetchall()
        except BaseException:
            db.close()
            raise
        return db

    @staticmethod
    def _create(db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")  # two windows may get here at the same time
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_SCHEMA}")
        db.commit()

    def _set_aside(self) -> Path:
        aside = self.file.with_name(f"{self.file.name}.{time.strftime('%Y%m%d-%H%M%S')}.unusable")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.file}{suffix}").replace(f"{aside}{suffix}")
        return aside

    def _do_without(self, error: Exception) -> None:
        self.notice = (
            f"Scores can't be remembered for the next time ({_words(error)}); photos are scored all the same. "
            f"The place for them is {self.file.parent}."
        )

    def _not_forgotten(self, error: Exception) -> None:
        self.notice = (
            f"Not all that was stored of faces could be deleted ({_words(error)}). Please close other windows of "
            f"Lennonnet and try again, or delete the file {self.file} yourself: all in it can be made again."
        )

    @contextlib.contextmanager
    def _forgiving(self, tell: Callable[[Exception], None] | None = None) -> Iterator[None]:
        """Turn an error of the file into a notice; from a damaged file on, do without."""
        try:
            yield
        except sqlite3.Error as error:
            (tell or self._do_without)(error)
            with contextlib.suppress(sqlite3.Error):
                if self._db is not None and self._db.in_transaction:
                    self._db.rollback()
            if type(error) is sqlite3.DatabaseError and self._db is not None:
                self._db.close()
                self._db = None

    def _all(self, query: str, keys: Sequence[object], *before: object) -> list[Any]:
        if self._db is None:
            return []
        return self._db.execute(f"{query} ({','.join('?' * len(keys))})", (*before, *keys)).fetchall()

    def _number(self, extractor: str) -> int:
        if self._db is None:
            return 0
        row = self._db.execute("SELECT id FROM extractor WHERE name = ?", (extractor,)).fetchone()
        if row is None:
            row = (self._db.execute("INSERT INTO extractor (name) VALUES (?)", (extractor,)).lastrowid,)
            self._db.commit()
        return int(row[0] or 0)

    def _delete_faces(self, db: sqlite3.Connection) -> int:
        if not self._has_faces():
            return 0
        count = int(db.execute("SELECT count(DISTINCT digest) FROM face").fetchone()[0])
        db.execute("PRAGMA secure_delete = ON")  # most of it is gone even if the rest then fails
        with db:
            db.execute("DELETE FROM face")
        return count

    def _known(self, extractors: Iterable[str]) -> list[int]:
        """The numbers of those extractors that ever stored anything."""
        numbers = dict(self._db.execute("SELECT name, id FROM extractor")) if self._db is not None else {}
        return [numbers[name] for name in extractors if name in numbers]

    def _has_faces(self) -> bool:
        """Whether anyone ever stored faces in this file."""
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'face'"
        return self._db is not None and self._db.execute(query).fetchone() is not None

    def _keep(self, file: PhotoFile | None, facts: Facts) -> None:
        """Write a photo's facts, and where it lies."""
        assert self._db is not None
        if file is not None:
            self._db.execute(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
                (os.fsencode(file.path), file.size, file.mtime_ns, facts.digest),
            )
        self._db.execute(
            "INSERT OR REPLACE INTO photo VALUES (?, ?, ?, ?, ?)",
            (facts.digest, facts.width, facts.height, facts.taken, facts.camera),
        )

    def _touch(self, table: str, digests: list[bytes], number: int) -> None:
        """Note a use, at most once a day, so that reading does not become writing."""
        if digests and self._db is not None:
            with self._db:
                now = int(time.time())
                rows = [(now, digest, number) for digest in digests]
                self._db.executemany(f"UPDATE {table} SET used = ? WHERE digest = ? AND extractor = ?", rows)

    def _evict(self) -> None:
        """Drop the longest unused features and faces until a tenth of the bound is free."""
        if self._db is None or self.size() <= self._bound:
            return
        tables = ["feature", *(["face"] if self._has_faces() else [])]
        all_used = " UNION ALL ".join(f"SELECT '{table}', rowid, used FROM {table}" for table in tables)
        while self.size() > 0.9 * self._bound:
            oldest = self._db.execute(f"{all_used} ORDER BY used LIMIT 1000").fetchall()
            if not oldest:
                break
            with self._db:
                for table in tables:
                    rows = [(row,) for name, row, _ in oldest if name == table]
                    self._db.executemany(f"DELETE FROM {table} WHERE rowid = ?", rows)
        left = " UNION ".join(f"SELECT digest FROM {table}" for table in tables)
        with self._db:
            for table in ("photo", "file"):
                self._db.execute(f"DELETE FROM {table} WHERE digest NOT IN ({left})")


class _Newer(sqlite3.DatabaseError):
    """The file was written by a newer version of the program."""


def _leave_no_trace(db: sqlite3.Connection) -> None:
    """Remove what was deleted from all the places in the file, and its log, where it ever lay."""
    db.execute("VACUUM")
    if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise sqlite3.OperationalError("the file is in use")


def _words(error: Exception) -> str:
    return ((isinstance(error, OSError) and error.strerror) or str(error)).lower()


def _chunks(items: list[_Item]) -> Iterator[list[_Item]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
