"""The user's subjects on the disk: their names, their look-alikes, and every version that was trained of each.

Each subject is a folder of its own, named by the subject's id, which never changes: `about.json` says what the user
made of it, `versions/0001.safetensors` and so on hold what was trained. Several windows may share them. What is there
is never overwritten in place, and what can't be read is set aside; a deleted subject is only marked. There is one
exception, which the user has to ask for: what versions hold of single faces can be taken out of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import json
import os
import re
import secrets
import shutil
import sqlite3
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from training import paths
from training.backbones import BackboneUnavailable
from training.evaluate import Figures
from training.face_head import Evidence
from training.ledger_file import alone
from training.subject import SUFFIX, Subject, SubjectUnreadable

Method = Literal["starter", "quick", "deep"]

MOST_LETTERS = 60
"""Of a name: as a folder's, with “not_” before it, it has to be allowed on every disk."""

_STARTERS = {"john": ("John", "subjects/john.safetensors")}
_FORMAT = 1
_ABOUT = "about.json"
_MOST_BYTES = 16 << 20
_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
_VERSION_FILE = re.compile(rf"(\d{{4,9}}){re.escape(SUFFIX)}")
_UNFINISHED = re.compile(rf"\.[0-9a-f]{{16}}({re.escape(SUFFIX)}|\.part)")  # where writing was cut off
# Control characters, line breaks, what turns the direction of writing, and what is no text at all.
_NOT_FOR_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TRIES = 50  # on Windows, a file that another window is just reading can't be replaced


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A kind of photo that is easily taken for the subject, and has a bin of its own; the id never changes."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class SubjectEntry:
    """A subject of the user.

    id: never changes, and is what the ledger knows it by; version: the one in use, 0 for the one that came with the
    program, or none; created, deleted: "YYYY-MM-DDTHH:MM:SS+00:00", or "" if not known and not deleted
    evidence: what the user wants to decide, as an Evidence, or "" to leave it to the program
    """

    id: str
    name: str
    look_alikes: tuple[LookAlike, ...] = ()
    version: int = 0
    created: str = ""
    deleted: str = ""
    evidence: str = ""


@dataclass(frozen=True)
class Version:
    """One trained version of a subject.

    number: 0 for the one that came with the program; created: "YYYY-MM-DDTHH:MM:SS+00:00" or ""
    method: how it was made; counts: how many photos it learned from, by group
    figures: what it gets right on photos it did not learn from; current: whether it is the one in use
    """

    number: int
    created: str
    method: Method
    counts: Mapping[str, int]
    figures: Figures | None
    current: bool
    path: Path


class BadName(Exception):
    """A name can't be given; the message is a sentence for the user that says why."""


class SubjectsError(Exception):
    """The subjects can't be read, or something was not kept; the message says so in words for the user."""


def fit_name(name: str, taken: Sequence[str]) -> str:
    """A name as it is kept, without what nobody sees; `taken` are those of others. Raises BadName."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name:
        raise BadName("Please give a name.")
    if len(name) > MOST_LETTERS:
        raise BadName(f"That name is too long; please give one of at most {MOST_LETTERS} letters.")
    if _NOT_FOR_NAMES.search(name):
        raise BadName("That name holds signs that can’t be shown; please give another one.")
    if "/" in name or "\\" in name:
        raise BadName("A name can’t hold “/” or “\\”, because folders are named after it.")
    if not name.strip(". "):
        raise BadName("A name can’t be made of dots alone, because folders are named after it.")
    if name.casefold().startswith("not_"):
        raise BadName("A name can’t begin with “not_”, because folders of others begin so.")
    same = next((one for one in taken if _same(one, name)), None)
    if same is not None:
        raise BadName(f"There is “{same}” already; please give another name.")
    return name


class Subjects:
    """The user's subjects. Keeps nothing open or in memory; to be used from any thread, one at a time.

    What changes them is on the disk when the method returns. `notice` is what to tell the user of files that could
    not be used as they were found, else "". Every method may raise SubjectsError; those given an id that is not there
    raise KeyError.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_dir() / "subjects"
        self.notice = ""

    # -- which there are

    def all(self) -> list[SubjectEntry]:
        """The subjects that are not deleted: those that came with the program, then the others by age."""
        return [entry for entry in self._entries() if not entry.deleted]

    def deleted(self) -> list[SubjectEntry]:
        """The subjects that `restore` brings back, the latest deleted first."""
        return sorted(
            (entry for entry in self._entries() if entry.deleted), key=lambda one: one.deleted, reverse=True
        )

    def get(self, id: str) -> SubjectEntry:
        """The subject of that id, also if it is deleted."""
        return self._about(id).entry(id)

    # -- what the user makes of them

    def create(self, name: str) -> SubjectEntry:
        """Make a subject. Raises BadName."""
        with self._alone():
            name = fit_name(name, self._taken())
            number, id = 1, _slug(name, "subject")
            while id in _STARTERS or os.path.lexists(self.folder / id):
                number += 1
                id = f"{_slug(name, 'subject')}-{number}"
            about = _About(name=name, created=_now())
            with self._plain_words():
                (self.folder / id).mkdir()
            self._write(id, about)
            _flush(self.folder)
            return about.entry(id)

    def rename(self, id: str, name: str) -> SubjectEntry:
        """Give a subject another name; its labels and versions stay. Raises BadName."""
        with self._changing(id) as about:
            about.name = fit_name(name, self._taken(but=id) + [one.name for one in about.look_alikes])
        return about.entry(id)

    def delete(self, id: str) -> SubjectEntry:
        """Mark a subject as deleted; nothing of it is lost."""
        with self._changing(id) as about:
            about.deleted = about.deleted or _now()
        return about.entry(id)

    def restore(self, id: str) -> SubjectEntry:
        """Bring a deleted subject back, with a number behind its name if that was given to another meanwhile."""
        with self._changing(id) as about:
            if about.deleted:
                about.deleted = ""
                about.name = _free(about.name, self._taken(but=id))
        return about.entry(id)

    def add_look_alike(self, id: str, name: str) -> LookAlike:
        """Make a look-alike of a subject; one of that name that was removed comes back. Raises BadName."""
        with self._changing(id) as about:
            name = fit_name(name, [about.name, *(one.name for one in about.look_alikes)])
            before = next((one for one in about.removed if _same(one.name, name)), None)
            if before is not None:
                about.removed.remove(before)
                made = LookAlike(before.id, name)
            else:
                # Labels know look-alikes by id: one that was removed must not lend its labels to another.
                used = {one.id for one in (*about.look_alikes, *about.removed)}
                number, own = 1, look_alike_id(name)
                while own in used:
                    number += 1
                    own = f"{look_alike_id(name)}-{number}"
                made = LookAlike(own, name)
            about.look_alikes.append(made)
        return made

    def rename_look_alike(self, id: str, look_alike: str, name: str) -> LookAlike:
        """Give a look-alike another name. Raises BadName."""
        with self._changing(id) as about:
            place = about.place_of(look_alike)
            others = [one.name for one in about.look_alikes if one.id != look_alike]
            about.look_alikes[place] = made = LookAlike(look_alike, fit_name(name, [about.name, *others]))
        return made

    def remove_look_alike(self, id: str, look_alike: str) -> None:
        """Remove a look-alike; its photos stay labelled as not the subject, and come back to it with its name."""
        with self._changing(id) as about:
            about.removed.append(about.look_alikes.pop(about.place_of(look_alike)))

    def set_evidence(self, id: str, evidence: str) -> SubjectEntry:
        """Say what shall decide: faces, the scene or both, as an Evidence, or "" to leave it to the program.

        Raises ValueError for anything else.
        """
        if evidence and evidence not in set(Evidence):
            raise ValueError(f"no such evidence: {evidence!r}")
        with self._changing(id) as about:
            about.evidence = str(evidence)
        return about.entry(id)

    # -- versions

    def load(self, entry: SubjectEntry) -> Subject | None:
        """A subject as its current version has it, with the name that the user gave it; None if none was trained.

        Raises SubjectUnreadable.
        """
        path = self._path(entry.id, entry.version)
        if path is None:
            return None
        subject = Subject.load(path)
        return dataclasses.replace(subject, name=entry.name, version=entry.version, evidence=entry.evidence)

    def versions(self, id: str) -> list[Version]:
        """All versions of a subject, newest first; of those that can't be read, `notice` tells."""
        about = self._about(id)
        found = []
        for number in sorted(self._numbers(id), reverse=True):
            path = self._path(id, number)
            facts = _Facts.from_dict(about.versions.get(number))
            if path is not None and facts is None:
                try:
                    subject = Subject.load(path)
                    method: Method = "deep" if subject.network else "quick"
                    facts = _Facts.of(subject, method if number else "starter")
                except SubjectUnreadable as error:
                    self._tell(f"A version of {about.name} can’t be used: {error}")
            if path is not None and facts is not None:
                current = number == about.version
                found.append(
                    Version(number, facts.created, facts.method, facts.counts, facts.figures, current, path)
                )
        return found

    def add_version(self, id: str, subject: Subject, *, method: Method, adopt: bool) -> Version:
        """Keep what was trained as the next version of a subject, and use it from now on if `adopt`.

        The first one brings along what shall decide, as it may come from somebody who said so.
        Raises BackboneUnavailable where a tuned network can't be read from the file that it is in.
        """
        with self._changing(id) as about:
            folder = self.folder / id / "versions"
            number = max([*self._numbers(id), *about.versions, about.version]) + 1
            with self._plain_words():
                folder.mkdir(parents=True, exist_ok=True)
                written = folder / f".{secrets.token_hex(8)}{SUFFIX}"
                try:
                    subject = dataclasses.replace(subject, name=about.name, version=number)
                    subject.save(written)
                    number = _publish(written, number)
                finally:
                    written.unlink(missing_ok=True)
            facts = _Facts.of(subject, method)
            about.versions[number] = facts.as_dict()
            if number == 1:
                about.evidence = about.evidence or subject.evidence
            about.version = number if adopt else about.version
            path = _version_file(folder.parent, number)
        return Version(number, facts.created, method, facts.counts, facts.figures, adopt, path)

    def adopt(self, id: str, number: int) -> SubjectEntry:
        """Use a version from now on: a newer one, or an older one again. Raises KeyError if it is not there."""
        with self._changing(id) as about:
            if number not in self._numbers(id):
                raise KeyError(number)
            about.version = number
        return about.entry(id)

    def forget_faces(self, id: str | None = None) -> int:
        """Take out of all versions of a subject, or of all, deleted ones too, what they hold of single faces.

        Each goes on knowing its subject as well as it can without; it takes the place of the one before, whole or not
        at all. Returns how many there were. Of versions that can't be read, and so can't be told, `notice` tells.
        """
        if id is not None:
            self._about(id)
        count, failed = 0, None
        with self._alone():
            ids = [id] if id is not None else [path.name for path in self.folder.iterdir()]
            for one in sorted(filter(_ID.fullmatch, ids)):
                folder = self.folder / one / "versions"
                try:
                    count += self._forget_faces_of(folder)
                except SubjectsError as error:  # the others are not kept for it
                    failed = failed or error
        if failed is not None:
            raise failed
        return count

    # -- inside

    def _forget_faces_of(self, folder: Path) -> int:
        """Take the single faces out of a subject's versions. To be called while alone, when nothing is half written."""
        count = 0
        with self._plain_words("Not all faces were forgotten"), contextlib.suppress(FileNotFoundError):
            for path in sorted(folder.iterdir()):
                if _UNFINISHED.fullmatch(path.name):
                    path.unlink()
                elif _VERSION_FILE.fullmatch(path.name):
                    try:
                        count += _forget_faces_in(path)
                    except (SubjectUnreadable, BackboneUnavailable) as error:
                        self._tell(
                            f"Whether {_shown(path)} holds faces can’t be told; delete it if need be. {error}"
                        )
            _flush(folder)
        return count

    def _entries(self) -> list[SubjectEntry]:
        ids = list(_STARTERS)
        with self._plain_words("The subjects can’t be read"), contextlib.suppress(FileNotFoundError):
            ids += sorted(
                path.name
                for path in self.folder.iterdir()
                if path.name not in _STARTERS and _ID.fullmatch(path.name) and path.is_dir()
            )
        entries = []
        for id in ids:
            try:
                entries.append(self._about(id).entry(id))
            except KeyError:  # a folder that another window is just making
                continue
            except SubjectsError as error:  # one must not hide the others
                self._tell(str(error))
        return sorted(entries, key=lambda one: (one.id not in _STARTERS, one.created, one.id))

    def _taken(self, but: str = "") -> list[str]:
        """The names that are given; to be called while alone, so nothing is mended."""
        return [entry.name for entry in self._known(but) if not entry.deleted]

    def _numbers(self, id: str) -> list[int]:
        """The versions whose files are there."""
        with self._plain_words("The subjects can’t be read"):
            try:
                names = [path.name for path in (self.folder / id / "versions").iterdir()]
            except FileNotFoundError:
                names = []
        found = [int(match[1]) for match in map(_VERSION_FILE.fullmatch, names) if match]
        return [number for number in found if number] + [0] * (id in _STARTERS)

    def _path(self, id: str, number: int) -> Path | None:
        if number:
            return _version_file(self.folder / id, number)
        return paths.resource(_STARTERS[id][1]) if id in _STARTERS else None

    def _tell(self, words: str) -> None:
        if words not in self.notice:
            self.notice = f"{self.notice} {words}".strip()

    def _about(self, id: str) -> _About:
        """What is known of a subject. Raises KeyError and SubjectsError."""
        try:
            return self._read(id)
        except _Damaged:
            with self._alone():
                return self._mended(id)

    def _read(self, id: str) -> _About:
        """What is known of a subject, as far as the file says it. Raises _Damaged, KeyError and SubjectsError."""
        if not _ID.fullmatch(id):
            raise KeyError(id)
        with self._plain_words("The subjects can’t be read"):
            try:
                with (self.folder / id / _ABOUT).open("rb") as file:
                    content = file.read(_MOST_BYTES)
            except FileNotFoundError:
                if any(self._numbers(id)):  # somebody removed the file, and the subject is still there
                    raise _Damaged from None
                if id not in _STARTERS:
                    raise KeyError(id) from None
                return _About(name=_STARTERS[id][0])
        return _About.from_json(id, content)

    def _mended(self, id: str) -> _About:
        """Set a damaged file aside, and write what can be told without it. To be called while alone."""
        try:
            return self._read(id)  # another window was quicker
        except _Damaged:
            pass
        aside = self._set_aside(self.folder / id / _ABOUT)
        about = _About(name=_STARTERS[id][0] if id in _STARTERS else id, created=_now())
        for number in sorted(self._numbers(id), reverse=True):
            path = self._path(id, number)
            with contextlib.suppress(SubjectUnreadable):
                if path is not None and number:
                    about.name, about.version = Subject.load(path).name, number
                    break
        about.name = _free(about.name, self._taken(but=id))
        self._write(id, about)
        if aside is not None:
            self._tell(
                f"What was kept of the subject “{about.name}” in {_shown(aside.parent)} is damaged; it was set aside, "
                f"unchanged, as “{_shown(aside.name)}”. Labels and versions are still there. Please look whether its "
                "name is right, and name its look-alikes again."
            )
        else:
            self._tell(
                f"The file that told of the subject “{about.name}” in {_shown(self.folder / id)} is gone. Labels and "
                "versions are still there. Please look whether its name is right, and name its look-alikes again."
            )
        return about

    def _known(self, but: str) -> Iterator[SubjectEntry]:
        """The other subjects, without those that can't be read."""
        for id in {*_STARTERS, *(path.name for path in self.folder.iterdir())} - {but}:
            with contextlib.suppress(KeyError, _Damaged, SubjectsError):
                yield self._read(id).entry(id)

    def _set_aside(self, path: Path) -> Path | None:
        """Keep what a file holds under another name; it stays until another takes its place, lest none be there."""
        name = f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
        aside, again = path.with_name(f"{name}.unusable"), 1
        with self._plain_words():
            while os.path.lexists(aside):
                again += 1
                aside = path.with_name(f"{name}-{again}.unusable")
            try:
                shutil.copy2(path, aside)
            except FileNotFoundError:
                return None
            _flush(aside)
        return aside

    @contextlib.contextmanager
    def _changing(self, id: str) -> Iterator[_About]:
        """Change what is known of a subject; it is written when all went well."""
        with self._alone():
            try:
                about = self._read(id)
            except _Damaged:
                about = self._mended(id)
            yield about
            self._write(id, about)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._plain_words():
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone(self.folder):
                yield

    def _write(self, id: str, about: _About) -> None:
        """Put the file in its place: whole, or the one before stays."""
        with self._plain_words():
            path = self.folder / id / _ABOUT
            path.parent.mkdir(exist_ok=True)
            written = path.with_name(f".{secrets.token_hex(8)}.part")
            try:
                with written.open("xb") as file:
                    file.write(about.to_json())
                    file.flush()
                    os.fsync(file.fileno())
                _replace(written, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    written.unlink()
                raise
            _flush(path.parent)

    @contextlib.contextmanager
    def _plain_words(self, failure: str = "The change was not kept") -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise SubjectsError(f"{failure}: {self._reason(error)}") from error

    def _reason(self, error: Exception) -> str:
        place = _shown(self.folder)
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return "another window is busy with the subjects. Try again in a moment."
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"the disk is full. Make room where {place} lies, and try again."
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"{place} can’t be used ({words}). Look whether that folder can be read and written, and try again."


# ---------------------------------------------------------------------------------------------- what is in the file


class _Damaged(Exception):
    """The file that tells of a subject is not what it should be, or gone while the subject is there."""


@dataclass(frozen=True)
class _Facts:
    """What is told of a version without opening its file."""

    created: str
    method: Method
    counts: Mapping[str, int]
    figures: Figures | None

    @classmethod
    def of(cls, subject: Subject, method: Method) -> _Facts:
        return cls(subject.created, method, dict(subject.counts), subject.figures)

    def as_dict(self) -> dict[str, Any]:
        return {
            "created": self.created,
            "method": self.method,
            "counts": dict(self.counts),
            "figures": self.figures.as_dict() if self.figures else None,
        }

    @classmethod
    def from_dict(cls, facts: Any) -> _Facts | None:
        """What `as_dict` gave; None if it is not that: then the version's own file has to be asked."""
        try:
            method, figures = facts["method"], facts["figures"]
            if method not in get_args(Method):
                return None
            return cls(
                _text(facts["created"]),
                cast("Method", method),
                {_text(group): _whole(count) for group, count in facts["counts"].items()},
                None if figures is None else Figures.from_dict(figures),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None


@dataclass
class _About:
    """What is told of a subject in its file.

    removed: look-alikes whose labels are still there; versions: what is told of each, as it is in the file, because
    to make sense of all figures at each change would take longer than anything else
    """

    name: str
    look_alikes: list[LookAlike] = field(default_factory=list)
    removed: list[LookAlike] = field(default_factory=list)
    version: int = 0
    created: str = ""
    deleted: str = ""
    evidence: str = ""
    versions: dict[int, Any] = field(default_factory=dict)

    def entry(self, id: str) -> SubjectEntry:
        return SubjectEntry(
            *(id, self.name, tuple(self.look_alikes), self.version, self.created, self.deleted, self.evidence)
        )

    def place_of(self, look_alike: str) -> int:
        ids = [one.id for one in self.look_alikes]
        if look_alike not in ids:
            raise KeyError(look_alike)
        return ids.index(look_alike)

    def to_json(self) -> bytes:
        content = {
            "format": _FORMAT,
            "name": self.name,
            "look_alikes": [dataclasses.asdict(one) for one in self.look_alikes],
            "removed": [dataclasses.asdict(one) for one in self.removed],
            "version": self.version,
            "created": self.created,
            "deleted": self.deleted,
            "evidence": self.evidence,
            "versions": self.versions,
        }
        return json.dumps(content, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, id: str, content: bytes) -> _About:
        """Raises _Damaged, and SubjectsError for a file of a newer program."""
        try:
            about = json.loads(content)
            if _whole(about["format"]) > _FORMAT:
                raise SubjectsError(
                    f"The subject “{id}” was changed by a newer version of Lennonnet, which must not be lost; please "
                    "update this one to use it."
                )
            made = cls(
                name=_text(about["name"], 1),
                look_alikes=_look_alikes(about["look_alikes"]),
                removed=_look_alikes(about["removed"]),
                version=_whole(about["version"]),
                created=_text(about["created"]),
                deleted=_text(about["deleted"]),
                evidence=_evidence(about.get("evidence")),
            )
            made.versions = {int(number): facts for number, facts in about["versions"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _Damaged from error
        return made


def _look_alikes(value: Any) -> list[LookAlike]:
    return [LookAlike(_text(one["id"], 1), _text(one["name"], 1)) for one in value]


def _evidence(value: object) -> str:
    """What was said to decide: nothing in files of older programs, and what only a newer one knows is nothing to us."""
    return value if isinstance(value, str) and value in set(Evidence) else ""


def _text(value: object, least: int = 0) -> str:
    if not isinstance(value, str) or not least <= len(value) <= 1000:
        raise ValueError("not a text of a sensible length")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a number that counts")
    return value


# ------------------------------------------------------------------------------------------------------------- names


def _same(one: str, other: str) -> bool:
    """Whether two names would be taken for the same one, by people or by disks."""
    first, second = (unicodedata.normalize("NFC", name).casefold() for name in (one, other))
    return first == second


def _free(name: str, taken: Sequence[str]) -> str:
    number, free = 1, name
    while any(_same(free, one) for one in taken):
        number += 1
        ending = f" ({number})"
        free = name[: MOST_LETTERS - len(ending)] + ending
    return free


def look_alike_id(name: str) -> str:
    """What labels know a look-alike of this name by, where no other has it."""
    return _slug(name, "look-alike")


def _slug(name: str, otherwise: str) -> str:
    """The name in small letters, digits and dashes, so that whoever looks into the folder finds his way."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    if re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", slug):  # Windows keeps these for itself
        return f"{otherwise}-{slug}"
    return slug or otherwise


def _shown(path: Path | str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


# ------------------------------------------------------------------------------------------------------------- files


def _version_file(folder: Path, number: int) -> Path:
    return folder / "versions" / f"{number:04}{SUFFIX}"


def _publish(written: Path, number: int) -> int:
    """Give a version's file its name, which is nobody else's; returns the number that it got."""
    while True:
        path = _version_file(written.parent.parent, number)
        try:
            os.link(written, path)
        except FileExistsError:
            number += 1
            continue
        except OSError:  # a disk without hard links; nobody else is writing here
            if path.exists():
                number += 1
                continue
            written.rename(path)
        _flush(path.parent)
        return number


def _forget_faces_in(path: Path) -> bool:
    """Put a version's file without single faces in its place, if it has any. Raises as loading and saving do."""
    subject = Subject.load(path)
    if not subject.holds_faces:
        return False
    written = path.with_name(f".{secrets.token_hex(8)}{SUFFIX}")
    try:
        subject.save(written, without_faces=True)
        _replace(written, path)
    finally:
        written.unlink(missing_ok=True)
    return True


def _replace(written: Path, path: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            written.replace(path)
            return
        except PermissionError:
            if sys.platform != "win32" or not left:
                raise
            time.sleep(0.01)


def _flush(path: Path) -> None:
    """Put a file, or a folder's new names, on the disk; where it can't be asked for, the system does it in time."""
    with contextlib.suppress(OSError):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
