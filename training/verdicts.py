"""The verdict ledger: what the user said of which photo, kept so that it is never lost.

One SQLite file among what the user made. Each gesture (a drag of 30 photos into a bin, one key) is an event with its
items; undo and redo are events too. Events are only ever added: which verdict a photo has is worked out from them, as
what the latest gesture that stands says of it. Photos are known by the hash of their bytes, so that a verdict
survives rename, move and copy; a photo whose bytes were not read yet is known by path, size and modification time
until `Ledger.resolve` says what it holds.

A gesture may also say something of faces. A face is known by its photo and by where in it it lies, and by nothing
that was computed from it: what is kept here says nothing of how anyone looks.
"""

from __future__ import annotations

import contextlib
import enum
import os
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from training import paths, photos
from training.ledger_file import LedgerError, LedgerFile
from training.photos import PhotoFile, UnreadablePhoto

__all__ = [
    "Box",
    "Entry",
    "FaceOf",
    "FaceSaid",
    "FaceVerdict",
    "Ledger",
    "LedgerError",
    "Said",
    "Verdict",
    "digest_of",
    "overlap",
]

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
    """
    ALTER TABLE event ADD COLUMN look_alike TEXT NOT NULL DEFAULT '';
    ALTER TABLE seen ADD COLUMN at REAL NOT NULL DEFAULT 0;
    UPDATE seen SET at = coalesce(
        (SELECT max(event.at) FROM item JOIN event ON event.id = item.event WHERE item.seen = seen.id), 0);
    """,
    """
    ALTER TABLE event ADD COLUMN faces INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE event ADD COLUMN face_verdict TEXT;
    ALTER TABLE event ADD COLUMN face_look_alike TEXT NOT NULL DEFAULT '';
    CREATE TABLE face_item (
        event INTEGER REFERENCES event,
        seen INTEGER REFERENCES seen,
        x_from REAL, y_from REAL, x_to REAL, y_to REAL,
        PRIMARY KEY (event, seen, x_from, y_from, x_to, y_to)
    ) WITHOUT ROWID;
    """,
)
_TABLES = {"subject": 1, "event": 1, "seen": 1, "item": 1, "face_item": 3}  # and the schema since when
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
_FACES_SAID = (
    "event CROSS JOIN face_item ON face_item.event = event.id CROSS JOIN seen ON seen.id = face_item.seen"
)
_BOX = "face_item.x_from, face_item.y_from, face_item.x_to, face_item.y_to"
_NEWEST = "event.id DESC, face_item.x_from DESC, face_item.y_from DESC"
_ENTRY = (
    "SELECT event.id, event.at, subject.name, event.verdict, event.look_alike, event.count, event.source,"
    f" {_UNDONE}, event.faces, event.face_verdict, event.face_look_alike"
    " FROM event JOIN subject ON subject.id = event.subject"
)
_Key = TypeVar("_Key", bound=Hashable)
_AT_ONCE = 500  # SQLite takes no more than 999 parameters on old systems
_SAME_FACE = 0.5
_FAR = 100.0  # widths and heights of the photo

Box: TypeAlias = tuple[float, float, float, float]
"""Where a face lies: left, top, right, bottom in fractions of the upright photo's width and height."""


class Verdict(enum.StrEnum):
    """What a person said of a photo; it beats what any model says."""

    SUBJECT = "subject"
    NOT_SUBJECT = "not_subject"


class FaceVerdict(enum.StrEnum):
    """What a person said of a face in a photo."""

    SUBJECT = "subject"
    NOT_SUBJECT = "not_subject"
    NO_FACE = "no_face"


@dataclass(frozen=True, slots=True)
class Said:
    """What holds of a labelled photo; group: the id of the look-alike that it shows instead of the subject, or ""."""

    verdict: Verdict
    group: str = ""


@dataclass(frozen=True, slots=True)
class FaceSaid:
    """What holds of a labelled face; group: the id of the look-alike whose face it is, or ""."""

    verdict: FaceVerdict
    group: str = ""


@dataclass(frozen=True, slots=True)
class FaceOf:
    """A face in a photo, which is known by its digest (16 bytes), or by the file as long as that is None."""

    file: PhotoFile
    digest: bytes | None
    box: Box


@dataclass(frozen=True, slots=True)
class Entry:
    """One gesture of the user.

    when: seconds since 1970; subject: its id; verdict: None if the photos were unlabelled; count: of photos
    source: the way it was done, such as "drag", "key" or "click"; undone: whether it is taken back at present
    group: the id of the look-alike that was named with NOT_SUBJECT, or ""
    faces: how many faces it spoke of; face_verdict: None if there were none, or they were unlabelled
    """

    id: int
    when: float
    subject: str
    verdict: Verdict | None
    count: int
    source: str
    undone: bool
    group: str = ""
    faces: int = 0
    face_verdict: FaceVerdict | None = None


class Ledger:
    """The verdict ledger on disk. Use it from one thread, as a context manager; several windows may share the file.

    What changes it is on the disk when the method returns; what raises LedgerError changed nothing.
    Raises LedgerError if there is no way to keep labels, and none to read those that were kept.
    """

    def __init__(self, file: Path | None = None) -> None:
        place = file or paths.data_dir() / "library.sqlite3"
        self._file = LedgerFile(place, _MIGRATIONS, _TABLES)

    @property
    def file(self) -> Path:
        """Where the labels lie."""
        return self._file.path

    @property
    def notice(self) -> str:
        """A sentence for the user when the file could not be used as it was found, else ""."""
        return self._file.notice

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is kept only now."""
        self._file.close()

    # -- labelling

    def label(
        self,
        items: Sequence[tuple[PhotoFile, bytes | None]],
        subject: str,
        verdict: Verdict | None,
        source: str,
        group: str = "",
        *,
        faces: Sequence[FaceOf] = (),
        face_verdict: FaceVerdict | None = None,
    ) -> Entry:
        """Keep, as one gesture, the verdict on photos, each with its digest (16 bytes), or None if not known yet.

        faces: of these or other photos, or of photos alone that are no items; face_verdict: what is said of them.
        A verdict of None unlabels. What was undone before can't be redone after.
        Raises ValueError for neither photos nor faces, a verdict on none, a digest of another length, a box without
        an inside or a group where nothing is NOT_SUBJECT, and LedgerError.
        """
        if not items and not faces:
            raise ValueError("a gesture needs a photo or a face")
        if (verdict and not items) or (face_verdict and not faces):
            raise ValueError("a verdict needs what it is on")
        photo_group = group if verdict == Verdict.NOT_SUBJECT else ""
        face_group = group if face_verdict == FaceVerdict.NOT_SUBJECT else ""
        if group and not (photo_group or face_group):
            raise ValueError("only what is not the subject can be a look-alike")
        boxes = [_boxed(face.box) for face in faces]
        pairs = [*items, *((face.file, face.digest) for face in faces)]
        told = {file: digest for file, digest in pairs if digest is not None}  # of a file, it holds for all
        now = time.time()
        with self._file.writing("The label was not kept") as db:
            seen = {
                (file, digest): self._see(file, told.get(file) if digest is None else digest, now)
                for file, digest in dict.fromkeys(pairs)
            }
            photos = sorted({seen[pair] for pair in items})
            places = sorted(
                {(seen[face.file, face.digest], *box) for face, box in zip(faces, boxes, strict=True)}
            )
            db.execute("INSERT OR IGNORE INTO subject (name) VALUES (?)", (subject,))
            said = verdict, photo_group, source, len(photos), len(places), face_verdict, face_group
            number = db.execute(
                "INSERT INTO event"
                " (at, subject, kind, verdict, look_alike, source, count, faces, face_verdict, face_look_alike)"
                " SELECT ?, id, 'label', ?, ?, ?, ?, ?, ?, ? FROM subject WHERE name = ?",
                (now, *said, subject),
            ).lastrowid
            assert number is not None
            db.executemany("INSERT INTO item VALUES (?, ?)", [(number, one) for one in photos])
            rows = [(number, *one) for one in places]
            db.executemany("INSERT INTO face_item VALUES (?, ?, ?, ?, ?, ?)", rows)
        count = len(photos)
        return Entry(number, now, subject, verdict, count, source, False, group, len(places), face_verdict)

    def undo(self, subject: str) -> Entry | None:
        """Take back the subject's latest gesture that stands; None if there is none. Raises LedgerError.

        Each of its photos and faces has the verdict again that it had before, whichever window and day that was in.
        """
        with self._file.writing("The label was not taken back") as db:
            row = db.execute(
                f"{_ENTRY} WHERE {_STANDS} ORDER BY event.id DESC LIMIT 1", (subject,)
            ).fetchone()
            return self._turned(row, undone=True)

    def redo(self, subject: str) -> Entry | None:
        """Bring back the gesture that was undone last; None if there is none, or a label came after.

        Raises LedgerError.
        """
        with self._file.writing("The label was not brought back") as db:
            row = db.execute(
                f"{_ENTRY} WHERE event.id = ("
                "SELECT turn.target FROM event AS turn"
                " WHERE turn.subject = (SELECT id FROM subject WHERE name = ?1) AND turn.kind = 'undo'"
                " AND turn.id > (SELECT max(id) FROM event AS made"
                " WHERE made.subject = turn.subject AND made.kind = 'label')"
                " AND NOT EXISTS (SELECT 1 FROM event AS later"
                " WHERE later.target = turn.target AND later.id > turn.id) ORDER BY turn.id DESC LIMIT 1)",
                (subject,),
            ).fetchone()
            return self._turned(row, undone=False)

    def take_back(self, entry_id: int) -> Entry | None:
        """Take back any gesture, as `undo` does the latest; None if it is taken back already. Raises LedgerError.

        Each of its photos and faces has the verdict then that the other gestures leave it. `redo` brings it back.
        """
        return self._turn(entry_id, undone=True, failure="The label was not taken back")

    def bring_back(self, entry_id: int) -> Entry | None:
        """Bring back any gesture that was taken back, however long ago; None if it stands. Raises LedgerError.

        It counts as of when it was made: what was said of its photos and faces after it still holds.
        """
        return self._turn(entry_id, undone=False, failure="The label was not brought back")

    def history(self, subject: str, most: int = 50) -> list[Entry]:
        """The subject's latest gestures, undone ones too, newest first. Raises LedgerError."""
        rows = self._file.read(
            f"{_ENTRY} WHERE subject.name = ? AND event.kind = 'label' ORDER BY event.id DESC LIMIT ?",
            (subject, most),
        )
        return [_entry(row) for row in rows]

    def photos_of(self, entry: Entry) -> list[tuple[PhotoFile, bytes | None]]:
        """The photos of a gesture as they lay then, with the digests that are known by now. Raises LedgerError."""
        query = (
            "SELECT path, size, mtime_ns, digest FROM item JOIN seen ON seen.id = item.seen WHERE event = ?"
        )
        return [(_file(*row[:3]), row[3]) for row in self._file.read(query, (entry.id,))]

    def faces_of(self, entry: Entry) -> list[FaceOf]:
        """The faces of a gesture, in photos as they lay then, with the digests that are known by now.

        Raises LedgerError.
        """
        query = (
            f"SELECT path, size, mtime_ns, digest, {_BOX}"
            " FROM face_item JOIN seen ON seen.id = face_item.seen WHERE event = ?"
        )
        return [
            FaceOf(_file(*row[:3]), row[3], (row[4], row[5], row[6], row[7]))
            for row in self._file.read(query, (entry.id,))
        ]

    # -- what holds

    def said(self, subject: str) -> dict[bytes, Said]:
        """What holds of each labelled photo whose content is known, by digest. Raises LedgerError."""
        rows = self._file.read(
            f"SELECT seen.digest, event.verdict, event.look_alike FROM {_SAID}"
            f" WHERE {_STANDS} AND seen.digest IS NOT NULL ORDER BY event.id",
            (subject,),
        )
        return _standing((digest, (verdict, group)) for digest, verdict, group in rows)

    def unhashed(self, subject: str) -> dict[PhotoFile, Said]:
        """What holds of each labelled file whose content is not known yet. Raises LedgerError."""
        rows = self._file.read(
            f"SELECT path, size, mtime_ns, event.verdict, event.look_alike FROM {_SAID}"
            f" WHERE {_STANDS} AND seen.digest IS NULL ORDER BY event.id",
            (subject,),
        )
        return _standing((_file(*file), (verdict, group)) for *file, verdict, group in rows)

    def said_of(self, subject: str, files: Iterable[PhotoFile]) -> dict[str, Said]:
        """What holds of those files that are labelled, by path, as far as can be told without reading them.

        That is: files that have been in a gesture, or that `saw` was told of, and have not changed since.
        Raises LedgerError.
        """
        asked = {os.fsencode(file.path): file for file in files}
        said: dict[str, tuple[str | None, str]] = {}
        keys = list(asked)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            rows = self._file.read(
                "SELECT mine.path, mine.size, mine.mtime_ns, event.verdict, event.look_alike FROM seen AS mine"
                " CROSS JOIN seen ON seen.id = mine.id OR seen.digest = mine.digest"
                " CROSS JOIN item ON item.seen = seen.id CROSS JOIN event ON event.id = item.event"
                f" WHERE mine.path IN ({','.join('?' * len(some))}) AND {_STANDS} ORDER BY event.id",
                (*some, subject),
            )
            for path, size, mtime_ns, verdict, group in rows:
                file = asked[path]
                if (size, mtime_ns) == (str(file.size), str(file.mtime_ns)):
                    said[file.path] = verdict, group
        return _standing(said.items())

    def photos(self, subject: str) -> list[tuple[PhotoFile, bytes | None, Said]]:
        """Every labelled photo once, in the order of the labels: where it was seen last, its digest, what holds of it.

        Nothing is looked up on the disk: a file may be gone, or hold something else by now. Raises LedgerError.
        """
        rows = self._file.read(
            f"SELECT coalesce(seen.digest, seen.id), event.verdict, event.look_alike FROM {_SAID}"
            f" WHERE {_STANDS} ORDER BY event.id, item.seen",
            (subject,),
        )
        said = _standing((photo, (verdict, group)) for photo, verdict, group in rows)
        places = self._file.read(
            "SELECT coalesce(digest, id), path, size, mtime_ns, digest FROM seen ORDER BY at, id"
        )
        last = {photo: place for photo, *place in places if photo in said}
        return [(_file(*last[photo][:3]), last[photo][3], one) for photo, one in said.items()]

    def counts(self, subject: str) -> Counter[tuple[Verdict, str]]:
        """How many photos have each verdict and look-alike's id; copies count once, as far as is known.

        Raises LedgerError.
        """
        rows = self._file.read(
            "SELECT verdict, look_alike, count(*) FROM"
            " (SELECT event.verdict AS verdict, event.look_alike AS look_alike, max(event.id)"
            f" FROM {_SAID} WHERE {_STANDS} GROUP BY coalesce(seen.digest, seen.id))"
            " WHERE verdict IS NOT NULL GROUP BY verdict, look_alike",
            (subject,),
        )
        return Counter({(Verdict(verdict), group): count for verdict, group, count in rows})

    def latest(self, subject: str, verdict: Verdict, most: int, group: str | None = None) -> list[PhotoFile]:
        """The photos that were given this verdict last and have it still, newest first, where they lay then.

        group: only those of this look-alike, or "" for those of none. Raises LedgerError.
        """
        met: set[bytes | int] = set()
        found: list[PhotoFile] = []
        rows = self._file.rows(
            "SELECT coalesce(seen.digest, seen.id), event.verdict, event.look_alike, path, size, mtime_ns"
            f" FROM {_SAID} WHERE {_STANDS} ORDER BY event.id DESC, item.seen DESC",
            (subject,),
        )
        with contextlib.closing(rows):
            for photo, said, of, *file in rows:
                if len(found) >= most:
                    break
                if photo not in met:
                    met.add(photo)
                    if said == verdict and group in (None, of):
                        found.append(_file(*file))
        return found

    # -- what holds of faces

    def faces_said(self, subject: str) -> dict[bytes, list[tuple[Box, FaceSaid]]]:
        """What holds of each labelled face, by its photo's digest where that is known, in the order of the labels.

        Boxes that overlap by half (`overlap`) are of one face, of which holds what was said last, with its box.
        Raises LedgerError.
        """
        rows = self._file.read(
            f"SELECT seen.digest, {_BOX}, event.face_verdict, event.face_look_alike FROM {_FACES_SAID}"
            f" WHERE event.faces > 0 AND {_STANDS} AND seen.digest IS NOT NULL ORDER BY {_NEWEST}",
            (subject,),
        )
        return _standing_faces(rows)

    def faces_unhashed(self, subject: str) -> dict[PhotoFile, list[tuple[Box, FaceSaid]]]:
        """What holds of each labelled face in a file whose content is not known yet; see `faces_said`."""
        rows = self._file.read(
            f"SELECT path, size, mtime_ns, {_BOX}, event.face_verdict, event.face_look_alike FROM {_FACES_SAID}"
            f" WHERE event.faces > 0 AND {_STANDS} AND seen.digest IS NULL ORDER BY {_NEWEST}",
            (subject,),
        )
        return _standing_faces((_file(*row[:3]), *row[3:]) for row in rows)

    def contradictions(self, subject: str) -> list[tuple[PhotoFile, bytes | None]]:
        """The photos that are said not to be the subject while one of their faces is: where `photos` has them.

        Which of the two is right, only the user knows. Raises LedgerError.
        """
        shown: set[bytes | PhotoFile] = set()
        for faces in (self.faces_said(subject), self.faces_unhashed(subject)):
            shown.update(
                photo
                for photo, some in faces.items()
                if any(said.verdict == FaceVerdict.SUBJECT for _, said in some)
            )
        return [
            (file, digest)
            for file, digest, said in (self.photos(subject) if shown else [])
            if said.verdict == Verdict.NOT_SUBJECT and (file if digest is None else digest) in shown
        ]

    # -- where photos lie

    def saw(self, pairs: Iterable[tuple[PhotoFile, bytes]]) -> None:
        """Say where photos lie now, each with its digest (16 bytes), so that `photos` finds those that were moved.

        Those that were never labelled are passed over.
        Raises ValueError for a digest of another length, and LedgerError.
        """
        asked: dict[bytes, list[PhotoFile]] = {}
        for file, digest in pairs:
            asked.setdefault(_checked(digest), []).append(file)
        moved: list[tuple[PhotoFile, bytes]] = []
        keys = list(asked)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            places = self._file.read(
                "SELECT digest, path, size, mtime_ns FROM seen"
                f" WHERE digest IN ({','.join('?' * len(some))}) ORDER BY at, id",
                some,
            )
            last = {digest: place for digest, *place in places}
            moved += [
                (asked[digest][0], digest)
                for digest, place in last.items()
                if _file(*place) not in asked[digest]
            ]
        if moved:
            now = time.time()
            with self._file.writing("Where labelled photos lie now was not kept"):
                for file, digest in moved:
                    self._see(file, digest, now)

    # -- photos whose bytes were not read yet

    def unresolved(self) -> list[PhotoFile]:
        """The labelled files whose content is not known yet, oldest first. Raises LedgerError."""
        query = "SELECT path, size, mtime_ns FROM seen WHERE digest IS NULL ORDER BY id"
        return [_file(*row) for row in self._file.read(query)]

    def resolve(self, pairs: Iterable[tuple[PhotoFile, bytes]]) -> None:
        """Say what labelled files hold: each file as `unresolved` gives it, and its digest (16 bytes; see `digest_of`).

        Files that wait for nothing are passed over. Raises ValueError for a digest of another length, and LedgerError.
        """
        rows = [(_checked(digest), *_stamp(file)) for file, digest in pairs]
        with self._file.writing("What was learned of newly labelled photos was not kept") as db:
            db.executemany(
                "UPDATE seen SET digest = ? WHERE path = ? AND size = ? AND mtime_ns = ? AND digest IS NULL",
                rows,
            )

    # -- inside

    def _see(self, file: PhotoFile, digest: bytes | None, now: float) -> int:
        """The number of a file of this path, size, time and content, new or old, that was met just now."""
        stamp = _stamp(file)
        known: dict[bytes | None, int] = dict(
            self._file.db.execute(
                "SELECT digest, id FROM seen WHERE path = ? AND size = ? AND mtime_ns = ?", stamp
            ).fetchall()
        )
        if digest is not None and None in known:  # the caller knows what was not known before
            known[_checked(digest)] = number = known[None]
            self._file.db.execute("UPDATE seen SET digest = ? WHERE id = ?", (digest, number))
        if digest not in known:
            row = (*stamp, None if digest is None else _checked(digest), now)
            made = self._file.db.execute(
                "INSERT INTO seen (path, size, mtime_ns, digest, at) VALUES (?, ?, ?, ?, ?)", row
            )
            assert made.lastrowid is not None
            return made.lastrowid
        self._file.db.execute("UPDATE seen SET at = ? WHERE id = ?", (now, known[digest]))
        return known[digest]

    def _turn(self, number: int, *, undone: bool, failure: str) -> Entry | None:
        asked_of = self._file.identity
        with self._file.writing(failure) as db:
            if self._file.identity != asked_of:  # that number is another gesture's here
                raise LedgerError(f"{failure}: {self.notice}")
            row = db.execute(f"{_ENTRY} WHERE event.id = ? AND event.kind = 'label'", (number,)).fetchone()
            return None if row is None or _entry(row).undone == undone else self._turned(row, undone=undone)

    def _turned(self, row: Sequence[Any] | None, *, undone: bool) -> Entry | None:
        if row is None:
            return None
        entry = replace(_entry(row), undone=undone)
        self._file.db.execute(
            "INSERT INTO event (at, subject, kind, target) SELECT ?, subject, ?, id FROM event WHERE id = ?",
            (time.time(), "undo" if undone else "redo", entry.id),
        )
        return entry


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


def _stamp(file: PhotoFile) -> tuple[bytes, str, str]:
    # Numbers as text: some file systems know times that SQLite's 64 bits of nanoseconds can't hold.
    return os.fsencode(file.path), str(file.size), str(file.mtime_ns)


def _file(path: bytes, size: str, mtime_ns: str) -> PhotoFile:
    return PhotoFile(os.fsdecode(path), int(size), int(mtime_ns))


def _entry(row: Sequence[Any]) -> Entry:
    number, when, subject, verdict, group, count, source, undone, faces, face_verdict, face_group = row
    verdict = None if verdict is None else Verdict(verdict)
    face_verdict = None if face_verdict is None else FaceVerdict(face_verdict)
    said = verdict, count, source, bool(undone), group or face_group, faces, face_verdict
    return Entry(number, when, subject, *said)


def _standing(rows: Iterable[tuple[_Key, tuple[str | None, str]]]) -> dict[_Key, Said]:
    """Of each photo what was said last, unless it was taken away; rows: photo, (verdict, group), oldest first."""
    latest = dict(rows)
    made = {  # once for all photos: to make one for each takes five times as long
        one: Said(Verdict(one[0]), one[1]) for one in set(latest.values()) if one[0] is not None
    }
    return {photo: made[one] for photo, one in latest.items() if one in made}


def _standing_faces(rows: Iterable[Sequence[Any]]) -> dict[Any, list[tuple[Box, FaceSaid]]]:
    """Of each photo's faces what was said last, unless it was taken away, in the order of the labels.

    rows: photo, box (4), verdict, group, newest first.
    """
    met: dict[Any, dict[Box, tuple[str | None, str]]] = {}
    for photo, left, top, right, bottom, verdict, group in rows:
        box = left, top, right, bottom
        faces = met.setdefault(photo, {})
        # An exact look-up first, because in a crowd that was labelled twice to compare all with all takes long.
        if box not in faces and all(overlap(box, other) < _SAME_FACE for other in faces):
            faces[box] = verdict, group
    latest = {one for faces in met.values() for one in faces.values()}
    made = {
        one: FaceSaid(FaceVerdict(one[0]), one[1]) for one in latest if one[0] is not None
    }  # as `_standing`
    said = (
        (photo, [(box, made[one]) for box, one in reversed(faces.items()) if one in made])
        for photo, faces in met.items()
    )
    return {photo: faces for photo, faces in said if faces}


def overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, as a part of the area that they cover together: 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    covered = areas - both
    return both / covered if covered else 0.0


def _boxed(box: Sequence[float]) -> Box:
    left, top, right, bottom = (float(edge) for edge in box)
    if not (-_FAR < left < right < _FAR and -_FAR < top < bottom < _FAR):  # so is what is no number
        raise ValueError("a face has a box with an inside, in or near its photo")
    return left, top, right, bottom


def _checked(digest: bytes) -> bytes:
    if len(digest) != 16:
        raise ValueError("a digest has 16 bytes")
    return digest
