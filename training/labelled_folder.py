"""Labels as folders: NAME/ for photos of the subject, not_NAME/ for others, in whose subfolders lie the look-alikes.

What was labelled here so trains anywhere, and the other way round: what is read from such a folder and written to
another gives the same labels again. Photos are copied or linked, never moved, and nothing is ever overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import secrets
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from training import photos
from training.photos import FolderUnreadable, PhotoFile, UnreadablePhoto
from training.teach import BadCollection, Progress
from training.verdicts import Verdict

_NOT = "not_"
_OFTEN = 0.05  # seconds between two reports of progress
_PIECE = 1 << 20
_LONGEST = 240  # bytes of a name, which leaves room for “not_” or a number on every disk
# What Windows does not take in a name, nor any system in all of its programs.
_NOT_IN_NAMES = re.compile('[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """A folder with labelled photos in it.

    yes, no: where the subject's photos lie, and the others; groups: the folders of look-alikes, which lie in `no`
    passed_over: what else lies there and is not looked at
    """

    folder: Path
    name: str
    yes: Path
    no: Path
    groups: tuple[Path, ...] = ()
    passed_over: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and its label; digest: 16 bytes, or None if not known; group: the name of a look-alike, or ""."""

    file: PhotoFile
    digest: bytes | None
    verdict: Verdict
    group: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """What a labelled folder holds.

    items: in the order of the names, copies too; conflicts: the same photo where it is labelled in several ways, none
    of which is in `items`; unreadable: (path, reason) of what can't be opened
    """

    items: tuple[LabelledPhoto, ...]
    conflicts: tuple[tuple[LabelledPhoto, ...], ...]
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written into a labelled folder.

    copied, linked: new files; already: photos that were there, labelled so; problems: (path, reason) of those that are
    gone, can't be read or are not what was labelled; contrary: photos that were left out, because the folder has them
    under another label already, each with the path there
    """

    folder: LabelledFolder
    copied: int
    linked: int
    already: int
    problems: tuple[tuple[str, str], ...]
    contrary: tuple[tuple[LabelledPhoto, str], ...]


class NotWritten(Exception):
    """A labelled folder could not be written to the end; the message is a sentence for the user."""


def find(folder: Path, name: str = "") -> LabelledFolder | None:
    """What is labelled in a folder, none of whose photos is looked at; None if it holds no NAME/ beside not_NAME/.

    name: the subject, where there are several. Raises BadCollection if there are and none is named, or if the folder
    can't be listed.
    """
    if not folder.is_dir():
        return None
    inside = _listed(folder)
    folders = [path for path in inside if path.is_dir()]
    pairs = []
    for no in folders:
        yes = _named(folders, no.name[len(_NOT) :]) if no.name.casefold().startswith(_NOT) else None
        if yes is not None and (not name or yes.name.casefold() == name.casefold()):
            pairs.append((yes, no))
    if not pairs:
        return None
    if len(pairs) > 1:
        words = " and ".join(f"“{yes.name}”" for yes, _ in pairs)
        raise BadCollection(
            f"“{folder}” holds labelled photos of {words}. Please put each of them, with the folder of others that"
            " belongs to it, into a folder of its own."
        )
    ((yes, no),) = pairs
    return LabelledFolder(
        folder,
        yes.name,
        yes,
        no,
        tuple(path for path in _listed(no) if path.is_dir()),
        tuple(path for path in inside if path not in (yes, no)),
    )


def read(folder: LabelledFolder) -> Generator[Progress, None, Read]:
    """Look at the photos of a labelled folder; yields how far it is, and returns what they are.

    Raises BadCollection if a folder can't be listed.
    """
    unreadable: list[tuple[str, str]] = []
    found: list[tuple[PhotoFile, Verdict, str]] = []
    for batch, verdict, place in _scan(folder, unreadable):
        found += [(file, verdict, "" if place in (folder.yes, folder.no) else place.name) for file in batch]
        yield Progress(0, 0)
    by_digest: dict[bytes, list[LabelledPhoto]] = {}
    items: list[LabelledPhoto] = []
    clock = _Clock(len(found))
    for number, (file, verdict, group) in enumerate(found):
        yield from clock.at(number)
        try:
            item = LabelledPhoto(file, photos.digest(file.path), verdict, group)
        except UnreadablePhoto as error:
            unreadable.append((error.path, error.reason))
            continue
        assert item.digest is not None
        by_digest.setdefault(item.digest, []).append(item)
        items.append(item)
    yield Progress(len(found), len(found))
    unlike = {
        digest: tuple(same)
        for digest, same in by_digest.items()
        if len({(one.verdict, one.group) for one in same}) > 1
    }
    return Read(
        tuple(item for item in items if item.digest not in unlike),
        tuple(unlike.values()),
        tuple(unreadable),
    )


def write(
    folder: Path, name: str, items: Sequence[LabelledPhoto], *, link: bool
) -> Generator[Progress, None, Written]:
    """Write labels as a folder, new or written before; yields how far it is, and returns what was done.

    link: give the photos a second name there, which takes no room, instead of a copy, where the disk can.
    A run that is cut off leaves whole files only, and the next one goes on from there.
    Raises BadCollection if the folder holds something else, and NotWritten, which leaves what was written.
    """
    target, places = _made(folder, name, {item.group for item in items if item.group})
    sizes = {item.file.size for item in items}  # only files of these can be any of those to come
    known: dict[bytes, dict[Path, str]] = {}
    clock = _Clock(len(items))
    for batch, _, place in _scan(target, []):
        yield Progress(0, len(items))
        for file in batch:
            if file.size in sizes:
                yield from clock.at(0)
                with contextlib.suppress(UnreadablePhoto):
                    known.setdefault(photos.digest(file.path), {}).setdefault(place, file.path)
    shelves: dict[Path, _Shelf] = {}
    copied = linked = already = 0
    problems: list[tuple[str, str]] = []
    contrary: list[tuple[LabelledPhoto, str]] = []
    for number, item in enumerate(items):
        yield from clock.at(number)
        place = target.yes if item.verdict == Verdict.SUBJECT else places.get(item.group, target.no)
        try:
            digest = _digest(item)
            there = known.get(digest, {})
            if place in there:
                already += 1
            elif there:
                contrary.append((item, next(iter(there.values()))))
            else:
                if place not in shelves:
                    shelves[place] = _Shelf(place)
                shelf = shelves[place]
                path = _link(item.file, shelf) if link else None
                linked += path is not None
                if path is None:
                    path = _copy(item.file, digest, shelf)
                    copied += 1
                known[digest] = {place: str(path)}
        except UnreadablePhoto as error:
            problems.append((error.path, error.reason))
        except OSError as error:
            _give_up(error, folder, number, len(items))
    yield Progress(len(items), len(items))
    return Written(target, copied, linked, already, tuple(problems), tuple(contrary))


def folder_name(name: str) -> str:
    """What a subject's or look-alike's folder is called: its name, without what some disks don't take or would hide."""
    safe = _NOT_IN_NAMES.sub("_", name).rstrip(". ").lstrip(" ")
    if safe.startswith("."):
        safe = f"_{safe[1:]}"
    if _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    stem, dot, suffix = safe.rpartition(".") if len(safe.encode()) > _LONGEST else (safe, "", "")
    if len(suffix.encode()) > 10 or not stem:
        stem, dot, suffix = safe, "", ""
    while len(f"{stem}{dot}{suffix}".encode()) > _LONGEST:
        stem = stem[:-1]
    return f"{stem}{dot}{suffix}" or "_"


# ----------------------------------------------------------------------------------------------------------- reading


@contextlib.contextmanager
def _plain_words() -> Iterator[None]:
    try:
        yield
    except FolderUnreadable as error:
        raise BadCollection(str(error)) from error


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, by name. Raises BadCollection."""
    with _plain_words():
        photos.scan(folder).close()  # has the words for what may be wrong with it
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadCollection(f"The folder “{folder}” can’t be listed: {error.strerror or error}.") from error


def _named(folders: Sequence[Path], name: str) -> Path | None:
    """The folder of that name; upper and lower case count only where there are several."""
    exact = [folder for folder in folders if folder.name == name]
    alike = [folder for folder in folders if folder.name.casefold() == name.casefold()]
    return next(iter(exact or alike), None)


def _scan(
    folder: LabelledFolder, problems: list[tuple[str, str]]
) -> Iterator[tuple[list[PhotoFile], Verdict, Path]]:
    """The photos in each of the folders, with what that says of them. Raises BadCollection."""
    for place in (folder.yes, folder.no, *folder.groups):
        verdict = Verdict.SUBJECT if place == folder.yes else Verdict.NOT_SUBJECT
        with _plain_words():
            batches = photos.scan(place, recursive=place != folder.no, problems=problems)
        with contextlib.closing(batches):
            for batch in batches:
                yield batch, verdict, place


class _Clock:
    """Says now and then how far it is; to say it of each photo would take longer than some photos."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._due = 0.0

    def at(self, done: int) -> Iterator[Progress]:
        if time.monotonic() >= self._due:
            yield Progress(done, self._total)
            self._due = time.monotonic() + _OFTEN


# ----------------------------------------------------------------------------------------------------------- writing


def _made(folder: Path, name: str, groups: set[str]) -> tuple[LabelledFolder, dict[str, Path]]:
    """The folders for the subject, the others and each look-alike, old or new. Raises BadCollection and NotWritten."""
    name = folder_name(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folders = [path for path in _listed(folder) if path.is_dir()]
        yes, no = _named(folders, name), _named(folders, _NOT + name)
        others = [path.name for path in folders if path not in (yes, no)]
        if others:
            raise BadCollection(
                f"“{folder}” holds the folder “{others[0]}” already. Please choose an empty folder, or one that labels"
                f" of {name} were written to before."
            )
        yes, no = yes or folder / name, no or folder / f"{_NOT}{name}"
        yes.mkdir(exist_ok=True)
        no.mkdir(exist_ok=True)
        inside = [path for path in _listed(no) if path.is_dir()]
        places: dict[str, Path] = {}
        for group in sorted(groups):
            wanted = folder_name(group)
            for tried in _numbered(wanted):
                place = _named(inside, tried) or no / tried
                if place not in places.values():  # two names may come out as one
                    break
            place.mkdir(exist_ok=True)
            places[group] = place
    except OSError as error:
        _give_up(error, folder, 0, 0)
    found = find(folder, yes.name)
    assert found is not None
    return found, places


class _Shelf:
    """One folder that photos are put into, and the names that are taken there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = {path.name.casefold() for path in folder.iterdir()}

    def free(self, file: PhotoFile) -> Iterator[Path]:
        """Names for a photo, the best first, that are not taken, not even where upper and lower case are one."""
        for name in _numbered(folder_name(os.path.basename(file.path))):  # noqa: PTH119, a path may be any string
            if name.casefold() not in self._taken:
                yield self._folder / name

    def took(self, path: Path) -> Path:
        """Say that a photo has that name now."""
        self._taken.add(path.name.casefold())
        return path

    def temporary(self) -> Path:
        return self._folder / f".{secrets.token_hex(8)}.part"


def _digest(item: LabelledPhoto) -> bytes:
    """The digest of what was labelled; raises UnreadablePhoto if that is not what lies there."""
    file = item.file
    same = False
    with contextlib.suppress(OSError):  # what is wrong with it, is told below
        facts = os.stat(file.path)  # noqa: PTH116, a path may be any string
        same = (facts.st_size, facts.st_mtime_ns) == (file.size, file.mtime_ns)
    if same and item.digest is not None:
        return item.digest
    found = photos.digest(file.path)
    if not same and found != item.digest:
        raise UnreadablePhoto(file.path, _CHANGED)
    return found


def _digest_of(written: Path) -> bytes | None:
    try:
        return photos.digest(written)
    except UnreadablePhoto:  # such as an empty one
        return None


def _link(file: PhotoFile, shelf: _Shelf) -> Path | None:
    """Give a photo a second name; None where the disk can't."""
    source = os.path.realpath(file.path)  # a link to a link would break when the first is moved
    for path in shelf.free(file):
        try:
            os.link(source, path)
        except FileExistsError:
            continue
        except OSError:  # another disk, or one that has no links; if it is anything else, copying tells
            return None
        return shelf.took(path)
    return None


def _copy(file: PhotoFile, digest: bytes, shelf: _Shelf) -> Path:
    """Copy a photo and make sure that the copy is what was labelled. Raises UnreadablePhoto, and OSError if full."""
    written = shelf.temporary()
    try:
        with written.open("xb") as copy:
            for piece in _pieces(file.path):
                copy.write(piece)
        if _digest_of(written) != digest:
            raise UnreadablePhoto(file.path, _CHANGED)
        with contextlib.suppress(OSError, OverflowError):  # a time that this disk does not know
            os.utime(written, ns=(file.mtime_ns, file.mtime_ns))
        return shelf.took(next(path for path in shelf.free(file) if _publish(written, path)))
    finally:
        with contextlib.suppress(OSError):
            written.unlink(missing_ok=True)


def _pieces(path: str) -> Iterator[bytes]:
    """What a photo's file holds. Raises UnreadablePhoto, so that it is known which of two disks fails."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123, a path may be any string
            while True:
                piece = file.read(_PIECE)
                if not piece:
                    return
                yield piece
    except OSError as error:
        raise UnreadablePhoto(path, f"can’t be read: {error.strerror or error}") from error


def _publish(written: Path, path: Path) -> bool:
    """Give a whole file its name; False if there is one of that name."""
    try:
        if sys.platform == "win32":
            written.rename(path)  # does not overwrite there
        else:
            os.link(written, path)
    except FileExistsError:
        return False
    except OSError:
        try:
            path.open("xb").close()  # a disk without links: the name is ours now
        except FileExistsError:
            return False
        try:
            written.replace(path)
        except OSError:
            path.unlink()
            raise
    return True


def _give_up(error: OSError, folder: Path, done: int, total: int) -> NoReturn:
    reason = (
        "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
    )
    so_far = f" after {done:,} of {total:,} photos; what was written is whole" if done else ""
    raise NotWritten(
        f"The labels can’t be written to “{folder}”: {reason}{so_far}. Please make room or choose another folder, and"
        " try again; it goes on from there."
    ) from error


_CHANGED = "has changed since it was labelled"


def _numbered(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    for number in itertools.count(2):
        yield f"{stem} ({number}){dot}{suffix}"
