"""Which tag goes into which sidecar: what a plan says of photos that stay and get tags. Nothing is written here."""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH118

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from training import companions, photos
from training.photos import GONE, PhotoFile
from training.sorting import Along, Fate, Rules, Sidecar, Wrote
from training.sorting_disk import FILE, Disk, Place, shown, words_of
from training.xmp_tags import Naming, Tags, UnreadableSidecar, UnusableTag, changes, escaped, normal
from training.zones import Zone

End = tuple[
    Fate,
    str | None,
    tuple[Along, ...],
    str,
    str,
    tuple[Sidecar, ...],
    tuple[str, ...],
    tuple[str, ...],
    tuple[str, ...],
]
"""What becomes of a photo: fate, target, companions, note, problem, sidecars; tags to add, to remove and to keep."""

_BRACES = re.compile(r"\{([^{}]*)\}")


def bad_tag(pattern: str) -> str:
    """Why a pattern, whose fields are known, names no tag, as a sentence; "" if it does."""
    try:
        normal(_BRACES.sub("x", pattern).replace("|", "/"))
    except UnusableTag as error:
        return str(error)
    return ""


def tag(pattern: str, values: Mapping[str, str]) -> str:
    """The tag that a pattern gives with these values for its fields; "" if that is none."""
    text = _BRACES.sub(lambda found: _step(values[found[1]]), pattern.replace("|", "/"))
    try:
        return normal(text)
    except UnusableTag:
        return ""


def _step(name: str) -> str:
    """A name as one step of a tag."""
    return escaped("".join(letter if letter.isprintable() else "_" for letter in name.replace("|", "_")))


def tag_words(tag: str) -> str:
    """A tag as it is shown."""
    return tag.replace("\\/", "/").replace("\\\\", "\\")


def sidecar_words(error: UnreadableSidecar | OSError, path: str) -> str:
    """Why a sidecar can't be changed, as words that follow the photo's name."""
    name = shown(os.path.basename(path))  # noqa: PTH119
    if isinstance(error, OSError):
        return f"can’t be tagged: its sidecar “{name}” can’t be read: {words_of(error)}"
    return f"can’t be tagged: its sidecar “{name}” {error.reason}, and is left as it is"


@dataclass(frozen=True, slots=True)
class _Folder:
    """What lies in a folder: kinds by name, each photo's sidecars, how many photos have a stem."""

    kinds: Mapping[str, str]
    sidecars: Mapping[str, tuple[str, ...]]
    of_stem: Counter[str]


class Tagging:
    """Says what becomes of photos that get tags."""

    def __init__(
        self,
        rules: Rules,
        disk: Disk,
        listing: Callable[[str], Mapping[str, str] | None],
        wrote: Mapping[str, Collection[Wrote]],
    ) -> None:
        self._rules = rules
        self._disk = disk
        self._listing = listing
        self._wrote = wrote
        self._folders: dict[str, _Folder | None] = {}

    def of(self, folder: str, files: Mapping[str, PhotoFile], zone: Zone, tag: str, place: Place) -> End:
        """What becomes of a photo and its partners, by name, that belong to a zone; tag: "" for none.

        Each file has a sidecar of its own, as it is called beside that file; where all files of a stem share one, it is
        one. A sidecar that is there already, under either name, is the one that is meant.
        """
        if not tag and not self._wrote:
            return _end(Fate.STAYS)
        there = self._folder(folder)
        if there is None:
            if not tag:
                return _end(Fate.STAYS)
            return _end(Fate.PROBLEM, problem="can’t be tagged: its folder can’t be listed")
        chosen: dict[str, PhotoFile] = {}
        notes: list[str] = []
        for name, file in files.items():
            path, note = self._choice(folder, there, name, files)
            chosen.setdefault(path, file)
            notes.append(note)
        remove, keep = self._contradicting(chosen, zone, tag) if self._wrote else ((), ())
        if not tag and not remove:
            return _end(Fate.STAYS)
        if next(iter(files)) not in there.kinds:
            return _end(Fate.PROBLEM, problem=GONE.replace("'", "’"))
        if place.trouble:
            return _end(Fate.PROBLEM, problem=f"can’t be tagged: its folder {place.trouble}")
        add = (tag,) if tag else ()
        sidecars, changed = [], False
        start = len(os.path.join(folder, ""))
        for path, file in chosen.items():
            name = path[start:]
            new = name not in there.kinds
            if new:
                if not tag:
                    continue
                if 4 * len(name) > place.longest and len(os.fsencode(name)) > place.longest:
                    return _end(Fate.PROBLEM, problem="has a name that is too long for a sidecar")
                changed = True
            elif there.kinds[name] != FILE:
                problem = f"can’t be tagged: “{shown(name)}” is a link or a folder, and is left as it is"
                return _end(Fate.PROBLEM, problem=problem)
            else:
                try:
                    old = self._disk.read(path)
                    changed |= bool(changes(old, Tags(add, remove, keep)))
                except (UnreadableSidecar, OSError) as error:
                    return _end(Fate.PROBLEM, problem=sidecar_words(error, path))
            sidecars.append(Sidecar(file, path, new))
        if not changed:
            return _end(Fate.THERE if tag else Fate.STAYS)
        if len(sidecars) > 1:
            notes.append("each of its files has a sidecar")
        elif len(files) > 1 and tag:
            notes.append("all of its files share one sidecar")
        note = next(filter(None, notes), "")
        return (Fate.GOES, sidecars[0].path, (), note, "", tuple(sidecars), add, remove, keep)

    def _contradicting(
        self, paths: Iterable[str], zone: Zone, tag: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tags that a sorting wrote when the photo was thought to be something else, and what was there before."""
        if zone is Zone.UNSURE:
            return (), ()
        mine = [
            one for path in paths for one in self._wrote.get(path, ()) if one.subject == self._rules.subject
        ]
        against = [one for one in mine if one.zone is not zone and one.tag != tag]
        remove = {one.tag for one in against}
        return tuple(sorted(remove)), tuple(sorted({had for one in against for had in one.had} - remove))

    def _choice(self, folder: str, there: _Folder, name: str, together: Collection[str]) -> tuple[str, str]:
        """The path of the sidecar that is meant for a photo, and a note if that is not plain."""
        own = there.sidecars.get(name, ())
        if not own and self._rules.naming is Naming.FULL:  # as it is with most
            return os.path.join(folder, f"{name}.xmp"), ""
        stem = companions.stem_of(name)
        names = {Naming.FULL: f"{name}.xmp", Naming.STEM: f"{stem}.xmp"}
        wanted, other = self._rules.naming, _OTHER[self._rules.naming]
        for naming in (wanted, other):
            called = [one for one in own if companions.key(one) == companions.key(names[naming])]
            if called:  # one of several that differ in case
                found = names[naming] if names[naming] in called else min(called)
                note = "" if naming is wanted else f"its sidecar is called “{shown(found)}” already"
                return os.path.join(folder, found), note
        key = companions.key(stem)
        sharing = sum(companions.key(companions.stem_of(one)) == key for one in together)
        if wanted is Naming.STEM and there.of_stem[key] > sharing:
            note = f"its sidecar is “{shown(names[Naming.FULL])}”, because other photos are called {shown(stem)} too"
            return os.path.join(folder, names[Naming.FULL]), note
        return os.path.join(folder, names[wanted]), ""

    def _folder(self, folder: str) -> _Folder | None:
        if folder not in self._folders:
            self._folders[folder] = self._looked(folder)
        return self._folders[folder]

    def _looked(self, folder: str) -> _Folder | None:
        kinds = self._listing(folder)
        if kinds is None:
            return None
        all_of_them = [name for name in kinds if companions.suffix_of(name) in photos.SUFFIXES]
        sides = [name for name in kinds if name[-4:].lower() == ".xmp"]
        sidecars = companions.sidecars(sides, all_of_them) if sides else {}
        stems = Counter[str]()
        if self._rules.naming is Naming.STEM:
            stems.update(companions.key(companions.stem_of(name)) for name in all_of_them)
        return _Folder(kinds, sidecars, stems)


_OTHER = {Naming.FULL: Naming.STEM, Naming.STEM: Naming.FULL}


def _end(fate: Fate, *, problem: str = "") -> End:
    return fate, None, (), "", problem, (), (), (), ()
