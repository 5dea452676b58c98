"""What goes where: the plan of a sorting, made before anything happens, to be looked at, changed and kept.

Making a plan only looks, through a `Disk` that a test can give, and changes nothing. `sorting_run` carries it out.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH100, PTH117, PTH118, PTH120

from __future__ import annotations

import itertools
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


@dataclass(frozen=True, slots=True)
class _Unit:
    """A photo with what goes along: (name, kind, stem) in the same folder."""

    item: Item
    folder: str
    name: str
    along: tuple[beside.Companion, ...]
    partners: tuple[Item, ...] = ()


@dataclass(slots=True)
class _Holder:
    """A file that has a name: there already, or planned to; a folder if `file` is None."""

    path: str
    file: PhotoFile | None
    digest: bytes | None


class _Shelf:
    """The names in one target folder: those that are there, and those that are planned."""

    def __init__(self, folder: str, place: Place, names: Iterable[tuple[str, str]]) -> None:
        self.folder = folder
        self.place = place
        self._there = {(_key(name) if place.folds else name): (name, kind) for name, kind in names}
        self._planned: dict[str, _Holder] = {}
        self.families: dict[str, tuple[int, dict[int, list[_Holder]]]] = {}

    def free(self, name: str) -> bool:
        return _key(name) not in self._planned and self._own(name) not in self._there

    def kind(self, name: str) -> str | None:
        """What has that name on the disk."""
        return self._there.get(self._own(name), ("", None))[1]

    def holder(self, name: str, disk: Disk) -> _Holder:
        """Who has a name that is not free."""
        planned = self._planned.get(_key(name))
        if planned is not None:
            return planned
        there, kind = self._there[self._own(name)]
        path = os.path.join(self.folder, there)
        return _Holder(path, disk.file(path) if kind == FILE else None, None)

    def take(self, name: str, holder: _Holder) -> None:
        self._planned[_key(name)] = holder

    def planned_file(self, name: str) -> bool:
        """Whether a photo, and not a folder, is planned to have that name."""
        holder = self._planned.get(_key(name))
        return holder is not None and holder.file is not None

    def _own(self, name: str) -> str:
        return _key(name) if self.place.folds else name


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
        order: dict[str, tuple[str, str]] = {}
        for item in self._items:
            path = item.file.path
            if path not in order:
                folder, name = os.path.split(path)
                order[path] = folder, name
                folders.setdefault(folder, {})[name] = item
        along: dict[str, dict[str, tuple[beside.Companion, ...]]] = {}
        if self._rules.companions:
            for folder, some in folders.items():
                along[folder] = self._together(folder, some)
        partner: set[tuple[str, str]] = {
            (folder, one.name)
            for folder, groups in along.items()
            for each in groups.values()
            for one in each
            if one.kind is Kind.PARTNER
        }
        units = []
        for folder, name in order.values():
            if (folder, name) in partner:
                continue
            some = folders[folder]
            own = along.get(folder, {}).get(name, ())
            partners = tuple(some[one.name] for one in own if one.name in some) if own else ()
            units.append(_Unit(some[name], folder, name, own, partners))
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
        row = Row(
            item.file,
            Fate.STAYS,
            None,
            self._why(zone, by_human, judge.probability),
            zone,
            by_human,
            judge.probability,
            item.digest,
        )
        if zone is None:
            return row
        if self._rules.only_confirmed and not by_human:
            return replace(row, why=f"{row.why}, and you did not confirm it")
        pattern = self._patterns.get(zone)
        if pattern is None:
            return row
        folder, name = pattern.of(judge, unit.name)
        if folder == unit.folder or self._same_folder(folder, unit.folder):
            return replace(row, fate=Fate.THERE)
        problem = self._cannot_leave(unit)
        if problem:
            return replace(row, fate=Fate.PROBLEM, problem=problem)
        shelf = self._shelf(folder)
        if isinstance(shelf, str):
            return replace(row, fate=Fate.PROBLEM, problem=shelf)
        return self._placed(row, unit, shelf, name)

    def _zone(self, unit: _Unit) -> tuple[Zone | None, bool, Item]:
        """Where a photo belongs, whether a person said so, and which of it and its partners decides that."""
        members = (unit.item, *unit.partners)
        for item in members:
            if item.verdict is not None:
                subject = item.verdict.verdict is Verdict.SUBJECT
                judge = replace(unit.item, verdict=item.verdict, taken=unit.item.taken or item.taken)
                return Zone.SUBJECT if subject else Zone.NOT_SUBJECT, True, judge
        for item in members:
            if item.probability is not None and not math.isnan(item.probability):
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

    def _placed(self, row: Row, unit: _Unit, shelf: _Shelf, name: str) -> Row:
        place, action = shelf.place, self._rules.action
        here = self._place(unit.folder)
        if action is Action.LINK and here.device != place.device:
            problem = "is on another drive, where hard links don’t reach; copy it instead"
            return replace(row, fate=Fate.PROBLEM, problem=problem)
        wanted = name
        name = self._fitted(name, unit, place)
        if not name:
            return replace(row, fate=Fate.PROBLEM, problem="has a name that is too long there")
        holder = self._same(unit.item, shelf, name)
        if holder is not None:
            return replace(row, fate=Fate.SAME, note=holder.path)
        names = self._free_names(unit, shelf, name)
        if names is None:
            return replace(row, fate=Fate.PROBLEM, problem="has a name that is too long there")
        target = os.path.join(shelf.folder, names[0])
        if len(os.fsencode(target)) > place.longest_path:
            return replace(row, fate=Fate.PROBLEM, problem="would have a path that is too long there")
        along = []
        for one, new in zip(unit.along, names[1:], strict=True):
            file = self._disk.file(os.path.join(unit.folder, one.name))
            if file is not None:
                along.append(Along(file, os.path.join(shelf.folder, new), one.kind))
                shelf.take(new, _Holder(os.path.join(shelf.folder, new), file, None))
        shelf.take(names[0], _Holder(target, row.file, row.digest))
        if name in shelf.families:
            _, sizes = shelf.families[name]
            sizes.setdefault(row.file.size, []).append(_Holder(target, row.file, row.digest))
        note = f"becomes “{shown(names[0])}”" if names[0] != wanted or name != wanted else ""
        row = replace(row, fate=Fate.GOES, target=target, companions=tuple(along), note=note)
        if action is Action.COPY or (action is Action.MOVE and here.device != place.device):
            self._copied[place.device] += row.bytes
            self._room[place.device] = place.free
        return row

    def _fitted(self, name: str, unit: _Unit, place: Place) -> str:
        """The name as the target's file system takes it; "" if it can't be made so."""
        if place.picky:
            name = folder_name(name)
        stem = beside.stem_of(name)
        suffix = name[len(stem) :]
        # Companions have longer ones: IMG_1.CR2.xmp.
        longest = max((len(os.fsencode(one.name[len(one.stem) :])) for one in unit.along), default=0)
        room = place.longest - max(longest, len(os.fsencode(suffix)))
        return _cut(stem, room) + suffix if _cut(stem, room) else ""

    def _free_names(self, unit: _Unit, shelf: _Shelf, name: str) -> list[str] | None:
        """Names for a photo and its companions, the photo's first, none of which is taken; None if there are none."""
        stem = beside.stem_of(name)
        suffix = name[len(stem) :]

        def names(new: str) -> list[str]:
            return [new + suffix, *(one.beside(new) for one in unit.along)]

        first = names(stem)
        if all(map(shelf.free, first)) and len(set(map(_key, first))) == len(first):
            return first
        start, sizes = shelf.families.get(name, (2, {}))
        rest = max([len(os.fsencode(one)) for one in names("")])
        for number in itertools.count(start):
            mark = f" ({number})"
            short = _cut(stem, shelf.place.longest - rest - len(mark))
            if not short:
                return None
            tried = names(short + mark)
            if all(map(shelf.free, tried)):
                shelf.families[name] = number + 1, sizes
                return tried
        raise AssertionError  # there is always another number

    def _same(self, item: Item, shelf: _Shelf, name: str) -> _Holder | None:
        """Who has that name, or it with a number, and is the same photo; None if nobody does."""
        if shelf.free(name):
            return None
        if name not in shelf.families:
            sizes: dict[int, list[_Holder]] = {}
            stem = beside.stem_of(name)
            tried, number = name, 2
            while not shelf.free(tried):
                holder = shelf.holder(tried, self._disk)
                if holder.file is not None:
                    sizes.setdefault(holder.file.size, []).append(holder)
                tried = f"{stem} ({number}){name[len(stem) :]}"
                number += 1
            shelf.families[name] = number - 1, sizes
        alike = shelf.families[name][1].get(item.file.size, ())
        if not alike:
            return None
        mine = item.digest or self._disk.digest(item.file)
        for holder in alike:
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
            if len(os.fsencode(name)) > place.longest:
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


def _cut(stem: str, room: int) -> str:
    """As much of a name as has room in so many bytes."""
    while len(os.fsencode(stem)) > room and stem:
        stem = stem[:-1]
    return stem.rstrip(". ") if stem and len(os.fsencode(stem)) == room else stem


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
