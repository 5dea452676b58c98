"""Makes the plan of a sorting: by looking alone, it says where each photo goes, under which name, and why not."""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH100, PTH117, PTH118

from __future__ import annotations

import contextlib
import gc
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from training import companions as beside
from training import sorting_tags
from training.companions import Kind
from training.evaluate import Figures
from training.labelled_folder import folder_name
from training.photos import GONE, PhotoFile
from training.sorting import (
    FIELDS,
    TRASH,
    UNDATED,
    Action,
    Along,
    Fate,
    Item,
    Plan,
    Row,
    Rules,
    Sidecar,
    Wrote,
)
from training.sorting_disk import FILE, LINK, Disk, Place, RealDisk, shown
from training.teach import Progress
from training.verdicts import Verdict
from training.zones import Zone

_AT_ONCE = 2000  # photos planned between two signs of progress
_TAGGED_AT_ONCE = 200  # the same where sidecars are read

# --------------------------------------------------------------------------------------------------------- patterns


_BRACES = re.compile(r"\{([^{}]*)\}")
_SEPARATORS = re.compile(r"[/\\]" if os.sep == "\\" else "/")


def bad_pattern(pattern: str, action: Action) -> str:
    """Why a pattern can't say where photos go, or which tag they get, as a sentence; "" if it can."""
    if pattern == TRASH:
        if action is Action.MOVE:
            return ""
        return "Photos can be moved to the trash, and not copied, linked or tagged there."
    fields = _BRACES.findall(pattern)
    unknown = [name for name in fields if name not in FIELDS]
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    if unknown:
        return f"“{{{unknown[0]}}}” in “{pattern}” means nothing. There are {known}."
    rest = _BRACES.sub("", pattern)
    if "{" in rest or "}" in rest:
        return f"In “{pattern}”, a brace is left over. There are {known}."
    if action is Action.TAG:
        return sorting_tags.bad_tag(pattern)
    if any(part in (".", "..") for part in _SEPARATORS.split(pattern)):
        return f"“{pattern}” can’t hold “.” or “..”. Please name the folder itself."
    if "\0" in pattern:
        return "A folder’s name can’t hold a zero byte."
    return ""


class _Pattern:
    """Where the photos of a zone go: a folder for each, and a name."""

    def __init__(self, pattern: str, rules: Rules, zone: Zone) -> None:
        parts = [part for part in _SEPARATORS.split(pattern) if part]
        names_file = bool(parts) and any(f"{{{name}}}" in parts[-1] for name in ("name", "stem", "suffix"))
        self._name = parts.pop() if names_file else "{name}"
        if "{name}" not in self._name and "{suffix}" not in self._name:
            self._name += "{suffix}"
        base = os.path.abspath(rules.root)
        if os.path.isabs(pattern):
            base = os.path.splitdrive(pattern)[0] + os.sep
            parts = parts[1:] if os.path.splitdrive(pattern)[0] else parts
        self._base, self._parts = base, parts
        self._fixed = _fixed(rules, zone)
        of_name = any(f"{{{name}}}" in part for part in parts for name in ("name", "stem", "suffix"))
        self._folders: dict[tuple[str, str], str] | None = None if of_name else {}

    def of(self, item: Item, name: str) -> tuple[str, str]:
        """The folder that a photo of this name goes into, and its name there."""
        year, month = item.taken[:4] or UNDATED, item.taken[5:7] or UNDATED
        if self._name == "{name}" and self._folders is not None and (year, month) in self._folders:
            return self._folders[year, month], name
        values = _values(self._fixed, item, name)
        folder = os.path.join(self._base, *(folder_name(_filled(part, values)) for part in self._parts))
        if self._folders is not None:
            self._folders[year, month] = folder
        filled = _filled(self._name, values)
        return folder, filled if filled == name else folder_name(filled)

    def made(self, item: Item, name: str) -> bool:
        """Whether a name is one that this pattern gives, so that a photo need not get it twice."""
        values = _values(self._fixed, item, name)
        rest, suffix = values["stem"], values["suffix"]
        parts = re.split(_BRACES, self._name)  # text and field in turn
        form = "".join(
            re.escape(part) if i % 2 == 0 else ".+" if part in ("name", "stem") else re.escape(values[part])
            for i, part in enumerate(parts)
        )
        unnumbered = re.sub(r" \(\d+\)$", "", rest)
        return any(re.fullmatch(form, one + suffix, re.DOTALL) is not None for one in (rest, unnumbered))


class _TagPattern:
    """Which tag the photos of a zone get."""

    def __init__(self, pattern: str, rules: Rules, zone: Zone) -> None:
        self._pattern = pattern
        self._fixed = _fixed(rules, zone)
        changing = any(f"{{{name}}}" in pattern for name in FIELDS if name not in self._fixed)
        self._tag = None if changing else sorting_tags.tag(pattern, self._fixed)

    def of(self, item: Item, name: str) -> str:
        """The tag of a photo of this name."""
        if self._tag is not None:
            return self._tag
        return sorting_tags.tag(self._pattern, _values(self._fixed, item, name))


def _fixed(rules: Rules, zone: Zone) -> dict[str, str]:
    """What fields stand for that is the same for all photos of a zone."""
    return {"subject": rules.subject, "zone": zone.label(rules.subject)}


def _values(fixed: dict[str, str], item: Item, name: str) -> dict[str, str]:
    """What all fields stand for, of a photo of this name."""
    stem = beside.stem_of(name)
    values = {**fixed, "year": item.taken[:4] or UNDATED, "month": item.taken[5:7] or UNDATED}
    return values | {"name": name, "stem": stem, "suffix": name[len(stem) :]}


def _filled(part: str, values: dict[str, str]) -> str:
    return _BRACES.sub(lambda found: values[found[1]], part)


# --------------------------------------------------------------------------------------------------------- planning


@dataclass(slots=True)
class _Unit:
    """A photo with what goes along: (name, kind, stem) in the same folder."""

    item: Item
    folder: str
    name: str
    along: tuple[beside.Companion, ...]
    partners: tuple[Item, ...] = ()


@dataclass(slots=True)
class _End:
    """What becomes of a photo, as Row has it."""

    fate: Fate
    target: str | None = None
    along: tuple[Along, ...] = ()
    note: str = ""
    problem: str = ""
    sidecars: tuple[Sidecar, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


_STAYS, _THERE = _End(Fate.STAYS), _End(Fate.THERE)


@dataclass(slots=True)
class _Holder:
    """A file that has a name: there already, or planned to; a folder if `file` is None."""

    path: str
    file: PhotoFile | None
    digest: bytes | None


class _Family:
    """The files of one name in one folder, with numbers behind it, as far as they were looked at: up to `number`."""

    def __init__(self) -> None:
        self.number = 2
        self.sizes: dict[int, list[_Holder]] = {}

    def add(self, holders: Iterable[_Holder]) -> list[_Holder]:
        met = [one for one in holders if one.file is not None]
        for one in met:
            assert one.file is not None
            self.sizes.setdefault(one.file.size, []).append(one)
        return met


class _Shelf:
    """The names in one target folder: those that are there, and those that are planned.

    Names that differ in case or in the composition of their letters alone are never put beside each other, whatever
    the disk: on another one they would be the same.
    """

    def __init__(self, folder: str, place: Place, names: Iterable[tuple[str, str]]) -> None:
        self.folder = folder
        self.prefix = os.path.join(folder, "")
        self.place = place
        self._there: dict[str, list[tuple[str, str]]] = {}
        for name, kind in names:
            self._there.setdefault(_key(name), []).append((name, kind))
        self._planned: dict[str, _Holder] = {}
        self.families: dict[str, _Family] = {}

    def free(self, name: str) -> bool:
        return self.free_key(_key(name))

    def free_key(self, key: str) -> bool:
        return key not in self._planned and key not in self._there

    def holders(self, name: str, disk: Disk) -> Iterator[_Holder]:
        """Who has a name that is not free, or one that is as good as that."""
        key = _key(name)
        if key in self._planned:
            yield self._planned[key]
        for there, kind in self._there.get(key, ()):
            path = os.path.join(self.folder, there)
            yield _Holder(path, disk.file(path) if kind == FILE else None, None)

    def take(self, name: str, holder: _Holder) -> None:
        self.take_key(_key(name), holder)

    def take_key(self, key: str, holder: _Holder) -> None:
        self._planned[key] = holder

    def planned_file(self, name: str) -> bool:
        """Whether a photo, and not a folder, is planned to have that name."""
        holder = self._planned.get(_key(name))
        return holder is not None and holder.file is not None


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep Python from looking for garbage among rows that all are to stay: that took a quarter of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Planner:
    """Makes a plan, photo by photo."""

    def __init__(
        self,
        items: list[Item],
        rules: Rules,
        disk: Disk | None,
        figures: Figures | None,
        wrote: Mapping[str, Collection[Wrote]] | None,
    ) -> None:
        self._items = items
        self._rules = rules
        self._disk = disk = disk or RealDisk()
        self._bins = None if figures is None else figures.calibration.bins
        wanted = {zone: pattern for zone in Zone if (pattern := rules.target(zone)) is not None}
        tags = rules.action is Action.TAG
        self._trashed = frozenset(zone for zone, pattern in wanted.items() if pattern == TRASH)
        self._patterns = {
            zone: _Pattern(pattern, rules, zone)
            for zone, pattern in wanted.items()
            if not tags and zone not in self._trashed
        }
        self._tag_patterns = {
            zone: _TagPattern(pattern, rules, zone) for zone, pattern in wanted.items() if tags
        }
        self._tagging = sorting_tags.Tagging(rules, disk, self._listing, wrote or {}) if tags else None
        self._shelves: dict[str, _Shelf | str] = {}
        self._places: dict[str, Place] = {}
        self._listings: dict[str, dict[str, str] | None] = {}
        self._leaving: dict[str, str] = {}
        self._copied: Counter[int] = Counter()  # bytes that each device has to find room for
        self._room: dict[int, int | None] = {}
        name = rules.subject
        self._subject = name[:1].upper() + name[1:]

    def steps(self) -> Generator[Progress, None, Plan]:
        """Yields how far it is, and returns the plan."""
        rows: list[Row] = []
        with _nothing_collected():
            units = self._units()
        at_once = _AT_ONCE if self._tagging is None else _TAGGED_AT_ONCE
        for start in range(0, len(units), at_once):
            yield Progress(start, len(units))
            with _nothing_collected():
                rows += [self._row(unit) for unit in units[start : start + at_once]]
        yield Progress(len(units), len(units))
        space = None
        for device, needed in self._copied.items():
            free = self._room.get(device)
            if free is not None and needed > free:
                space = free, needed
        return Plan(tuple(rows), self._rules, self._bins, space)

    # -- what belongs together

    def _units(self) -> list[_Unit]:
        folders: dict[str, dict[str, Item]] = {}
        order: list[tuple[str, str]] = []
        for item in self._items:
            folder, name = os.path.split(item.file.path)
            some = folders.get(folder)
            if some is None:
                some = folders[folder] = {}
            if name not in some:
                order.append((folder, name))
                some[name] = item
        along: dict[str, dict[str, tuple[beside.Companion, ...]]] = {}
        if self._rules.companions:
            for folder, some in folders.items():
                along[folder] = self._together(folder, some)
        partners = {
            (folder, one.name)
            for folder, groups in along.items()
            for each in groups.values()
            for one in each
            if one.kind is Kind.PARTNER
        }
        units = []
        for folder, name in order:
            if partners and (folder, name) in partners:
                continue
            some = folders[folder]
            own = along[folder].get(name, ()) if along else ()
            with_it = tuple(some[one.name] for one in own if one.name in some) if own else ()
            units.append(_Unit(some[name], folder, name, own, with_it))
        return units

    def _together(self, folder: str, some: dict[str, Item]) -> dict[str, tuple[beside.Companion, ...]]:
        listing = self._listing(folder)
        if listing is None:
            return {}
        names = [name for name, kind in listing.items() if kind == FILE]
        groups = beside.companions(names, some)
        for lead, own in list(groups.items()):
            members = [some[lead], *(some[one.name] for one in own if one.name in some)]
            said = {item.verdict.verdict for item in members if item.verdict is not None}
            if len(said) > 1:  # a person said that they are not the same: each goes its own way
                del groups[lead]
                alone = {item.file.path for item in members}
                for item in members:
                    name = os.path.basename(item.file.path)  # noqa: PTH119
                    others = [n for n in names if os.path.join(folder, n) not in alone]
                    mine = beside.companions([*others, name], [name]).get(name, ())
                    taken = {one.name for got in groups.values() for one in got}
                    groups[name] = tuple(
                        one for one in mine if one.kind is not Kind.PARTNER and one.name not in taken
                    )
        return groups

    # -- one photo

    def _row(self, unit: _Unit) -> Row:
        item = unit.item
        zone, by_human, judge = self._zone(unit)
        why = self._why(zone, by_human, judge.probability)
        if zone is not None and not by_human and self._rules.only_confirmed:
            why = f"{why}, and you did not confirm it"
            end = _STAYS
        else:
            end = self._end(unit, zone, judge)
        return Row(
            item.file,
            end.fate,
            end.target,
            why,
            zone,
            by_human,
            judge.probability,
            item.digest,
            end.along,
            end.note,
            end.problem,
            end.sidecars,
            end.add,
            end.remove,
            end.keep,
        )

    def _end(self, unit: _Unit, zone: Zone | None, judge: Item) -> _End:
        """What becomes of a photo of this zone."""
        if zone is None:
            return _STAYS
        if self._tagging is not None:
            return self._tagged(unit, zone, judge)
        if zone in self._trashed:
            return self._thrown_away(unit)
        pattern = self._patterns.get(zone)
        if pattern is None:
            return _STAYS
        folder, name = pattern.of(judge, unit.name)
        if folder == unit.folder or self._same_folder(folder, unit.folder):
            named = name == unit.name or self._rules.action is not Action.MOVE or folder != unit.folder
            if named or pattern.made(judge, unit.name):
                return _THERE
            if _key(self._fitted(name, unit, self._place(folder))) == _key(unit.name):
                return _THERE
        problem = self._cannot_leave(unit)
        if problem:
            return _End(Fate.PROBLEM, problem=problem)
        shelf = self._shelf(folder)
        if isinstance(shelf, str):
            return _End(Fate.PROBLEM, problem=shelf)
        return self._placed(unit, shelf, name)

    def _tagged(self, unit: _Unit, zone: Zone, judge: Item) -> _End:
        assert self._tagging is not None
        pattern = self._tag_patterns.get(zone)
        tag = "" if pattern is None else pattern.of(judge, unit.name)
        partners = {item.file.path: item.file for item in unit.partners}
        photos = {unit.name: unit.item.file}
        for one in unit.along:
            if one.kind is Kind.PARTNER:
                path = os.path.join(unit.folder, one.name)
                file = partners.get(path) or self._disk.file(path)
                if file is not None:
                    photos[one.name] = file
        return _End(*self._tagging.of(unit.folder, photos, zone, tag, self._place(unit.folder)))

    def _thrown_away(self, unit: _Unit) -> _End:
        problem = self._cannot_leave(unit)
        if problem:
            return _End(Fate.PROBLEM, problem=problem)
        files = ((one.kind, self._disk.file(os.path.join(unit.folder, one.name))) for one in unit.along)
        along = tuple(Along(file, TRASH, kind) for kind, file in files if file is not None)
        return _End(Fate.GOES, TRASH, along)

    def _zone(self, unit: _Unit) -> tuple[Zone | None, bool, Item]:
        """Where a photo belongs, whether a person said so, and which of it and its partners decides that."""
        item = unit.item
        if not unit.partners and item.verdict is None and not _unknown(item.probability):  # as most are
            assert item.probability is not None
            return self._rules.zones.zone(item.probability), False, item
        members = (item, *unit.partners)
        for item in members:
            if item.verdict is not None:
                subject = item.verdict.verdict is Verdict.SUBJECT
                judge = replace(unit.item, verdict=item.verdict, taken=unit.item.taken or item.taken)
                return Zone.SUBJECT if subject else Zone.NOT_SUBJECT, True, judge
        for item in members:
            if item.probability is not None and not _unknown(item.probability):
                judge = replace(item, taken=unit.item.taken or item.taken) if unit.partners else item
                return self._rules.zones.zone(item.probability), False, judge
        return None, False, unit.item

    def _why(self, zone: Zone | None, by_human: bool, probability: float | None) -> str:
        if zone is None:
            return "was not scored"
        if by_human:
            return f"you said {zone.words(self._rules.subject)}"
        assert probability is not None
        return f"{min(99, max(1, round(100 * probability)))} % {self._subject}"

    def _cannot_leave(self, unit: _Unit) -> str:
        listing = self._listing(unit.folder)
        kind = listing.get(unit.name) if listing is not None else None
        if kind is None and (listing is not None or self._disk.file(unit.item.file.path) is None):
            return GONE.replace("'", "’")
        if self._rules.action is not Action.MOVE:
            return ""
        if kind == LINK:
            return "is a link to another place, and links are not moved"
        if unit.folder not in self._leaving:
            place = self._place(unit.folder)
            self._leaving[unit.folder] = (
                f"can’t be taken away: its folder {place.trouble}" if place.trouble else ""
            )
        return self._leaving[unit.folder]

    def _placed(self, unit: _Unit, shelf: _Shelf, wanted: str) -> _End:
        place, action, file = shelf.place, self._rules.action, unit.item.file
        here = self._place(unit.folder)
        if action is Action.LINK and here.device != place.device:
            problem = "is on another drive, where hard links don’t reach; copy it instead"
            return _End(Fate.PROBLEM, problem=problem)
        name = self._fitted(wanted, unit, place)
        if not name:
            return _End(Fate.PROBLEM, problem="has a name that is too long there")
        key = _key(name)
        names = [name] if not unit.along and shelf.free_key(key) else self._names(unit, shelf, name)
        if isinstance(names, _Holder):
            return _End(Fate.SAME, note=names.path)
        if names is None:
            return _End(Fate.PROBLEM, problem="has a name that is too long there")
        target = shelf.prefix + names[0]
        if _length(target) > place.longest_path:
            return _End(Fate.PROBLEM, problem="would have a path that is too long there")
        along: list[Along] = []
        for one, new in zip(unit.along, names[1:], strict=True):
            beside_it = self._disk.file(os.path.join(unit.folder, one.name))
            if beside_it is not None:
                along.append(Along(beside_it, os.path.join(shelf.folder, new), one.kind))
                shelf.take(new, _Holder(along[-1].target, beside_it, None))
        holder = _Holder(target, file, unit.item.digest)
        shelf.take_key(key if names[0] is name else _key(names[0]), holder)
        family = shelf.families.get(key) if shelf.families else None
        if family is not None:
            family.sizes.setdefault(file.size, []).append(holder)
        if action is Action.COPY or (action is Action.MOVE and here.device != place.device):
            self._copied[place.device] += file.size + sum(one.file.size for one in along)
            self._room[place.device] = place.free
        note = "" if names[0] == wanted else f"becomes “{shown(names[0])}”"
        return _End(Fate.GOES, target, tuple(along), note)

    def _fitted(self, name: str, unit: _Unit, place: Place) -> str:
        """The name as the target's file system takes it; "" if it can't be made so."""
        if place.picky:
            name = folder_name(name)
        if not unit.along and _length(name) <= place.longest:
            return name
        stem = beside.stem_of(name)
        suffix = name[len(stem) :]
        # Companions have longer ones: IMG_1.CR2.xmp.
        longest = max((_length(one.name[len(one.stem) :]) for one in unit.along), default=0)
        short = _cut(stem, place.longest - max(longest, _length(suffix)))
        return short + suffix if short else ""

    def _names(self, unit: _Unit, shelf: _Shelf, name: str) -> list[str] | _Holder | None:
        """Names for a photo and its companions, the photo's first, none of which is taken.

        If that is not the photo's own, and one of those that have it, or it with a number, is the same photo: that one.
        None if there are no names.
        """
        stem = beside.stem_of(name)
        suffix = name[len(stem) :]

        def names(new: str) -> list[str]:
            return [new + suffix, *(one.beside(new) for one in unit.along)]

        own = names(stem)
        if all(map(shelf.free, own)):
            return own
        family = shelf.families.get(_key(name))
        if family is None:
            family = shelf.families[_key(name)] = _Family()
            family.add(shelf.holders(name, self._disk))
        same = self._same(unit.item, family.sizes.get(unit.item.file.size, ()))
        rest = max(map(_length, names("")))
        while same is None:
            mark = f" ({family.number})"
            short = _cut(stem, shelf.place.longest - rest - len(mark))
            if not short:
                return None
            tried = names(short + mark)
            family.number += 1
            if all(map(shelf.free, tried)):
                return tried
            met = family.add(shelf.holders(tried[0], self._disk))
            same = self._same(
                unit.item, [one for one in met if one.file and one.file.size == unit.item.file.size]
            )
        return same

    def _same(self, item: Item, holders: Sequence[_Holder]) -> _Holder | None:
        """Which of these files, all as large as a photo, is the same; None if none is."""
        if not holders:
            return None
        mine = item.digest or self._disk.digest(item.file)
        for holder in holders:
            assert holder.file is not None
            holder.digest = holder.digest or self._disk.digest(holder.file)
            if mine is not None and holder.digest == mine:
                return holder
        return None

    # -- folders

    def _shelf(self, folder: str) -> _Shelf | str:
        """The names in a target folder, or why nothing can go there."""
        if folder not in self._shelves:
            self._shelves[folder] = self._opened(folder)
        return self._shelves[folder]

    def _opened(self, folder: str) -> _Shelf | str:
        place = self._place(folder)
        if place.trouble:
            return f"can’t go to “{shown(folder)}”, which {place.trouble}"
        up, name = os.path.split(folder)
        if place.identity is None:  # it has to be made: its name must be free in the folder above
            if up == folder:
                return f"can’t go to “{shown(folder)}”, which isn’t there"
            above = self._shelf(up)
            if isinstance(above, str):
                return above
            if above.planned_file(name):
                return f"can’t go to “{shown(folder)}”, because another photo will have that name"
            if _length(name) > place.longest:
                return f"can’t go to “{shown(folder)}”, a name that is too long there"
            above.take(name, _Holder(folder, None, None))
            return _Shelf(folder, place, ())
        listing = self._listing(folder)
        if listing is None:
            return f"can’t go to “{shown(folder)}”, which can’t be listed"
        return _Shelf(folder, place, listing.items())

    def _listing(self, folder: str) -> dict[str, str] | None:
        if folder not in self._listings:
            found = self._disk.listing(folder)
            self._listings[folder] = None if found is None else dict(found)
        return self._listings[folder]

    def _place(self, folder: str) -> Place:
        if folder not in self._places:
            self._places[folder] = self._disk.place(folder)
        return self._places[folder]

    def _same_folder(self, one: str, other: str) -> bool:
        identity = self._place(one).identity
        return identity is not None and identity == self._place(other).identity


def _unknown(probability: float | None) -> bool:
    return probability is None or math.isnan(probability)


def _length(name: str) -> int:
    """Of a name, in bytes."""
    return len(name) if name.isascii() else len(os.fsencode(name))


def _cut(stem: str, room: int) -> str:
    """As much of a name as has room in so many bytes, without dots and spaces at a new end."""
    if _length(stem) <= room:
        return stem
    while _length(stem) > room and stem:
        stem = stem[:-1]
    return stem.rstrip(". ")


def _key(name: str) -> str:
    """What names share that some disks take for the same: those that differ in case or composition alone."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
