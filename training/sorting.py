"""What goes where: the plan of a sorting, made before anything happens, to be looked at, changed and kept.

Making a plan only looks, through a `Disk` that a test can give, and changes nothing. `sorting_run` carries it out.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH100, PTH117, PTH118, PTH120

from __future__ import annotations

import json
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from training import companions as beside
from training.companions import Kind
from training.evaluate import CalibrationBin, Figures, wilson
from training.labelled_folder import folder_name
from training.photos import GONE, PhotoFile
from training.sorting_disk import FILE, LINK, Disk, Place, RealDisk, shown
from training.teach import Progress
from training.verdicts import Said, Verdict
from training.zones import Zone, Zones

FIELDS = ("subject", "zone", "year", "month", "name", "stem", "suffix")
"""What a pattern may hold in braces."""

UNDATED = "undated"
"""What stands for the year and the month of a photo whose date is not known."""

_AT_ONCE = 2000  # photos planned between two signs of progress
_FEW = 30  # fewer photos say too little of how often a subject is wrong
_FORMAT = 1


class Action(StrEnum):
    """What is done with a photo; a link is a second name for the same file, on the same drive."""

    MOVE = "move"
    COPY = "copy"
    LINK = "link"


class Fate(StrEnum):
    """What becomes of a photo."""

    GOES = "goes"
    STAYS = "stays"
    THERE = "there"
    """It lies where it belongs already."""
    SAME = "same"
    """The same photo lies where it would go."""
    PROBLEM = "problem"


class BadTarget(Exception):
    """Photos can't be sorted like this; the message is a sentence for the user that says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """A photo to be sorted: its file, what it holds (16 bytes or None), what is thought and said of it, its date."""

    file: PhotoFile
    digest: bytes | None = None
    probability: float | None = None
    verdict: Said | None = None
    taken: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """How to sort.

    subject: its name; root: the folder that the targets are in
    to_subject, to_not_subject, to_unsure: where the photos of a zone go; None: they stay. A target is a folder, or a
    pattern with FIELDS in braces, such as "{subject}/{year}/{name}"; where it names no file, the name stays
    companions: whether sidecars, camera files and films go along; only_confirmed: whether what nobody said anything of
    stays; verify: whether copies are read again and compared, as they always are before an original is taken away
    """

    action: Action
    subject: str
    root: str
    to_subject: str | None = "{subject}"
    to_not_subject: str | None = "not_{subject}"
    to_unsure: str | None = None
    zones: Zones = field(default_factory=Zones)
    companions: bool = True
    only_confirmed: bool = False
    verify: bool = True

    def target(self, zone: Zone) -> str | None:
        """The pattern for the photos of a zone."""
        return (self.to_not_subject, self.to_unsure, self.to_subject)[zone]


@dataclass(frozen=True, slots=True)
class Along:
    """A companion and where it goes."""

    file: PhotoFile
    target: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one photo.

    target: where it goes (only if it GOES; else None); why: what it goes or stays for, in a few words
    note: a new name, or the path of the same photo; problem: why it can't go, as words that follow its name
    """

    file: PhotoFile
    fate: Fate
    target: str | None
    why: str
    zone: Zone | None
    by_human: bool
    probability: float | None
    digest: bytes | None
    companions: tuple[Along, ...] = ()
    note: str = ""
    problem: str = ""

    @property
    def bytes(self) -> int:
        """Of the photo and its companions."""
        return self.file.size + sum(one.file.size for one in self.companions)


@dataclass(frozen=True, slots=True)
class Wrong:
    """How many photos of a zone are expected to be wrong there: `expected`, between `low` and `high` of `of`.

    by_human: how many of them a person said so, which count as right; known: whether there is enough to say so
    """

    zone: Zone
    of: int
    by_human: int
    expected: float
    low: float
    high: float
    known: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each photo, in the order in which they were given; partners are in their photo's row.

    bins: how far the subject's probabilities can be taken at their word; space: (bytes free, bytes that are copied) of
    the drive that lacks room, or None
    """

    rows: tuple[Row, ...]
    rules: Rules
    bins: tuple[CalibrationBin, ...] | None = None
    space: tuple[int, int] | None = None

    @property
    def counts(self) -> Counter[Fate]:
        """How many photos have each fate."""
        return Counter(row.fate for row in self.rows)

    @property
    def bytes(self) -> int:
        """Of all files that go."""
        return sum(row.bytes for row in self.rows if row.fate is Fate.GOES)

    @property
    def wrong(self) -> tuple[Wrong, ...]:
        """What is expected to be wrong, of each zone whose photos go somewhere and that says something of them."""
        return tuple(_wrong(self.rows, zone, self.bins) for zone in (Zone.SUBJECT, Zone.NOT_SUBJECT) if any(
            row.zone is zone and row.fate is Fate.GOES for row in self.rows
        ))  # fmt: skip

    @property
    def summary(self) -> tuple[str, ...]:
        """The plan in a few sentences."""
        return tuple(_summary(self))

    def without(self, paths: Collection[str]) -> Plan:
        """The plan in which these photos stay; the others' names are as they were."""
        gone = frozenset(paths)
        rows = tuple(_stays(row) if row.file.path in gone else row for row in self.rows)
        return replace(self, rows=rows)

    def to_json(self) -> str:
        """The whole plan as text; `from_json` reads it."""
        rules = asdict(self.rules)
        rules["zones"] = [self.rules.zones.low, self.rules.zones.high]
        return json.dumps(
            {
                "format": _FORMAT,
                "rules": rules,
                "bins": None if self.bins is None else [asdict(one) for one in self.bins],
                "space": self.space,
                "rows": [_row_to_json(row) for row in self.rows],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that `to_json` wrote. Raises ValueError for anything else."""
        try:
            data = json.loads(text)
            if data["format"] != _FORMAT:
                raise ValueError("a plan of another version")
            rules = data["rules"]
            rules["action"], rules["zones"] = Action(rules["action"]), Zones(*rules["zones"])
            bins = data["bins"]
            return cls(
                tuple(_row_from_json(row) for row in data["rows"]),
                Rules(**rules),
                None if bins is None else tuple(CalibrationBin(**one) for one in bins),
                None if data["space"] is None else (int(data["space"][0]), int(data["space"][1])),
            )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError("not a plan") from error


def plan(
    items: Iterable[Item], rules: Rules, disk: Disk | None = None, figures: Figures | None = None
) -> Plan:
    """Say what becomes of each photo, as `planning` does, all in one go. Raises BadTarget."""
    steps = planning(items, rules, disk, figures)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Plan = end.value
            return made


def planning(
    items: Iterable[Item], rules: Rules, disk: Disk | None = None, figures: Figures | None = None
) -> Generator[Progress, None, Plan]:
    """Say what becomes of each photo; yields how far it is, and returns the plan. Nothing on the disk changes.

    disk: what to look at (default: this machine's); figures: how often the subject is right on photos that it did not
    learn from, if that is known. Photos whose names collide are read where they are of the same size.
    Raises BadTarget, at once.
    """
    bad = bad_target(rules)
    if bad:
        raise BadTarget(bad)
    return _Planner(list(items), rules, disk or RealDisk(), figures).steps()


def bad_target(rules: Rules) -> str:
    """Why photos can't be sorted by these rules, as a sentence; "" if they can."""
    if not rules.root or "\0" in rules.root:
        return "Please choose a folder to sort into."
    for zone in Zone:
        pattern = rules.target(zone)
        if pattern is not None and (words := _bad_pattern(pattern)):
            return words
    if all(rules.target(zone) is None for zone in Zone):
        return "All photos would stay where they are. Please choose where some of them go."
    return ""


def size_words(size: int) -> str:
    """A size in bytes as it is shown, such as “3.1 GB”."""
    if size < 1000:
        return f"{size} bytes"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


# --------------------------------------------------------------------------------------------------------- patterns


_BRACES = re.compile(r"\{([^{}]*)\}")
_SEPARATORS = re.compile(r"[/\\]" if os.sep == "\\" else "/")


def _bad_pattern(pattern: str) -> str:
    fields = _BRACES.findall(pattern)
    unknown = [name for name in fields if name not in FIELDS]
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    if unknown:
        return f"“{{{unknown[0]}}}” in “{pattern}” means nothing. There are {known}."
    rest = _BRACES.sub("", pattern)
    if "{" in rest or "}" in rest:
        return f"In “{pattern}”, a brace is left over. There are {known}."
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
        self._fixed = {"subject": rules.subject, "zone": zone.label(rules.subject)}
        of_name = any(f"{{{name}}}" in part for part in parts for name in ("name", "stem", "suffix"))
        self._folders: dict[tuple[str, str], str] | None = None if of_name else {}

    def of(self, item: Item, name: str) -> tuple[str, str]:
        """The folder that a photo of this name goes into, and its name there."""
        year, month = item.taken[:4] or UNDATED, item.taken[5:7] or UNDATED
        if self._name == "{name}" and self._folders is not None and (year, month) in self._folders:
            return self._folders[year, month], name
        stem = beside.stem_of(name)
        values = {**self._fixed, "year": year, "month": month, "name": name, "stem": stem}
        values["suffix"] = name[len(stem) :]
        folder = os.path.join(self._base, *(folder_name(_filled(part, values)) for part in self._parts))
        if self._folders is not None:
            self._folders[year, month] = folder
        filled = _filled(self._name, values)
        return folder, filled if filled == name else folder_name(filled)


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


class _Planner:
    def __init__(self, items: list[Item], rules: Rules, disk: Disk, figures: Figures | None) -> None:
        self._items = items
        self._rules = rules
        self._disk = disk
        self._bins = None if figures is None else figures.calibration.bins
        self._patterns = {
            zone: _Pattern(pattern, rules, zone)
            for zone in Zone
            if (pattern := rules.target(zone)) is not None
        }
        self._shelves: dict[str, _Shelf | str] = {}
        self._places: dict[str, Place] = {}
        self._listings: dict[str, dict[str, str] | None] = {}
        self._leaving: dict[str, str] = {}
        self._copied: Counter[int] = Counter()  # bytes that each device has to find room for
        self._room: dict[int, int | None] = {}
        name = rules.subject
        self._subject = name[:1].upper() + name[1:]

    def steps(self) -> Generator[Progress, None, Plan]:
        rows: list[Row] = []
        units = self._units()
        for number, unit in enumerate(units):
            if number % _AT_ONCE == 0:
                yield Progress(number, len(units))
            rows.append(self._row(unit))
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
        )

    def _end(self, unit: _Unit, zone: Zone | None, judge: Item) -> _End:
        """What becomes of a photo of this zone."""
        pattern = None if zone is None else self._patterns.get(zone)
        if pattern is None:
            return _STAYS
        folder, name = pattern.of(judge, unit.name)
        if folder == unit.folder or self._same_folder(folder, unit.folder):
            return _THERE
        problem = self._cannot_leave(unit)
        if problem:
            return _End(Fate.PROBLEM, problem=problem)
        shelf = self._shelf(folder)
        if isinstance(shelf, str):
            return _End(Fate.PROBLEM, problem=shelf)
        return self._placed(unit, shelf, name)

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


def _stays(row: Row) -> Row:
    if row.fate is not Fate.GOES:
        return row
    return replace(
        row, fate=Fate.STAYS, target=None, companions=(), note="", why=f"{row.why}, and you left it out"
    )


# ------------------------------------------------------------------------------------------------ what to expect


def _wrong(rows: Sequence[Row], zone: Zone, bins: tuple[CalibrationBin, ...] | None) -> Wrong:
    """How many photos are expected to be wrong in a zone.

    The middle is what the probabilities say themselves. The range is what the photos of the leak-free validation allow
    (Wilson's interval in each bin of the calibration) and what chance adds; both are taken together as independent.
    """
    going = [row for row in rows if row.zone is zone and row.fate is Fate.GOES]
    judged = [row.probability for row in going if not row.by_human and row.probability is not None]
    by_human = len(going) - len(judged)
    miss = [1 - p if zone is Zone.SUBJECT else p for p in judged]
    if not judged:
        return Wrong(zone, len(going), by_human, 0.0, 0.0, 0.0, True)
    expected = below = above = 0.0
    seen = 0
    groups: dict[CalibrationBin | None, list[float]] = {}
    for p, missed in zip(judged, miss, strict=True):
        groups.setdefault(next((one for one in bins or () if one.low <= p <= one.high), None), []).append(
            missed
        )
    for group, some in groups.items():
        photos = 0 if group is None else group.photos
        low, high = wilson(group.true * photos, photos) if group is not None else (0.0, 1.0)
        if zone is Zone.SUBJECT:
            low, high = 1 - high, 1 - low
        middle = min(max(sum(some), low * len(some)), high * len(some))
        expected += middle
        below += (middle - low * len(some)) ** 2
        above += (high * len(some) - middle) ** 2
        seen += photos
    chance = 1.96**2 * sum(one * (1 - one) for one in miss)
    low = max(0.0, expected - math.sqrt(below + chance))
    high = min(float(len(judged)), expected + math.sqrt(above + chance))
    known = bins is not None and seen >= _FEW and high - low <= max(6.0, len(judged) / 2)
    return Wrong(zone, len(going), by_human, expected, low, high, known)


def _summary(plan: Plan) -> Iterator[str]:
    rules, counts = plan.rules, plan.counts
    going = [row for row in plan.rows if row.fate is Fate.GOES]
    yield _where(plan, going, counts)
    renamed = [row for row in going if row.note]
    collide = len(renamed) + counts[Fate.SAME]
    if collide:
        parts = []
        if counts[Fate.SAME]:
            parts.append(
                f"{counts[Fate.SAME]:,} {_are(counts[Fate.SAME])} the same photo and will be skipped"
            )
        if len(renamed) == 1:
            parts.append(f"1 {renamed[0].note}")
        elif renamed:
            parts.append(f"{len(renamed):,} get other names")
        yield f"{collide:,} {'name collides' if collide == 1 else 'names collide'} ({', '.join(parts)})."
    if counts[Fate.THERE]:
        yield f"{counts[Fate.THERE]:,} {'lies' if counts[Fate.THERE] == 1 else 'lie'} there already."
    kinds = Counter(one.kind for row in going for one in row.companions)
    if kinds:
        words = [
            f"{kinds[kind]:,} {single if kinds[kind] == 1 else several}"
            for kind, single, several in _KIND_WORDS
            if kinds[kind]
        ]
        yield f"{_listed(words)} {'goes' if sum(kinds.values()) == 1 else 'go'} along."
    if going:
        yield f"{size_words(plan.bytes)} in all."
    if plan.space is not None:
        free, needed = plan.space
        yield (
            f"There is not room enough: {size_words(needed)} will be copied, and {size_words(free)} are free there."
        )
    problems = Counter(row.problem for row in plan.rows if row.problem)
    for problem, number in problems.most_common(3):
        yield f"{number:,} can’t go: {'it' if number == 1 else 'each'} {problem}."
    if len(problems) > 3:
        yield f"{sum(problems.values()) - sum(n for _, n in problems.most_common(3)):,} more can’t go."
    for wrong in plan.wrong:
        yield _wrong_words(wrong, rules)


_KIND_WORDS = (
    (Kind.SIDECAR, "sidecar", "sidecars"),
    (Kind.EDITS, "file of edits", "files of edits"),
    (Kind.FILM, "Live Photo’s film", "Live Photos’ films"),
    (Kind.PARTNER, "file of the same photo", "files of the same photos"),
)


def _where(plan: Plan, going: Sequence[Row], counts: Counter[Fate]) -> str:
    rules = plan.rules
    verb = {Action.MOVE: "", Action.COPY: "copied ", Action.LINK: "linked "}[rules.action]
    parts = []
    for zone in (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT):
        folders = Counter(os.path.dirname(row.target or "") for row in going if row.zone is zone)
        if folders:
            parts.append(f"{folders.total():,} {verb}to {_folder_words(list(folders), rules)}")
    if counts[Fate.STAYS]:
        parts.append(f"{counts[Fate.STAYS]:,} {'stays' if counts[Fate.STAYS] == 1 else 'stay'}")
    return f"{', '.join(parts) if parts else 'Nothing goes anywhere'}."


def _folder_words(folders: list[str], rules: Rules) -> str:
    root = os.path.abspath(rules.root)
    common = folders[0] if len(folders) == 1 else os.path.commonpath(folders)
    inside = common.startswith(os.path.join(root, "")) or common == root
    name = os.path.relpath(common, root) if inside else common
    name = os.path.basename(root) or root if name == "." else name  # noqa: PTH119
    words = f"“{shown(name.rstrip(os.sep))}{os.sep}”"
    return words if len(folders) == 1 else f"{len(folders):,} folders in {words}"


def _wrong_words(wrong: Wrong, rules: Rules) -> str:
    where = wrong.zone.words(rules.subject)
    judged = wrong.of - wrong.by_human
    if not judged:
        return (
            f"You said of all {wrong.of:,} that they are {where}."
            if wrong.of > 1
            else f"You said {where} of it."
        )
    if not wrong.known:
        return (
            f"How many of the {judged:,} that were taken for {where} are wrong can’t be told: too few labelled photos"
            " say how often that happens."
        )
    about = round(wrong.expected)
    low, high = math.floor(wrong.low + 0.5), max(math.ceil(wrong.high - 0.5), about)
    number = "none or hardly any" if high == 0 else f"about {about:,}"
    span = "" if high == 0 else f" ({low:,} to {high:,})"
    return f"Expect {number} wrong of the {wrong.of:,} {where}{span}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# ------------------------------------------------------------------------------------------------------------- JSON


def _row_to_json(row: Row) -> list[Any]:
    return [
        _file_to_json(row.file),
        row.fate.value,
        row.target,
        row.why,
        row.zone,
        row.by_human,
        row.probability,
        None if row.digest is None else row.digest.hex(),
        [[_file_to_json(one.file), one.target, one.kind.value] for one in row.companions],
        row.note,
        row.problem,
    ]


def _row_from_json(data: list[Any]) -> Row:
    file, fate, target, why, zone, by_human, probability, digest, along, note, problem = data
    return Row(
        _file_from_json(file),
        Fate(fate),
        None if target is None else str(target),
        str(why),
        None if zone is None else Zone(zone),
        bool(by_human),
        None if probability is None else float(probability),
        None if digest is None else bytes.fromhex(digest),
        tuple(Along(_file_from_json(one), str(to), Kind(kind)) for one, to, kind in along),
        str(note),
        str(problem),
    )


def _file_to_json(file: PhotoFile) -> list[Any]:
    return [file.path, file.size, file.mtime_ns]


def _file_from_json(data: list[Any]) -> PhotoFile:
    path, size, mtime_ns = data
    return PhotoFile(str(path), int(size), int(mtime_ns))
