"""What goes where: the plan of a sorting, made before anything happens, to be looked at, changed and kept.

Making a plan only looks, through a `Disk` that a test can give, and changes nothing. `sorting_run` carries it out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from training.companions import Kind
from training.evaluate import CalibrationBin, Figures
from training.photos import PhotoFile
from training.sorting_disk import Disk
from training.teach import Progress
from training.verdicts import Said
from training.xmp_tags import Naming
from training.zones import Zone, Zones

FIELDS = ("subject", "zone", "year", "month", "name", "stem", "suffix")
"""What a pattern may hold in braces."""

UNDATED = "undated"
"""What stands for the year and the month of a photo whose date is not known."""

TRASH = "trash:"
"""The target of photos that are moved to the system's trash."""

_FORMAT = 2


class Action(StrEnum):
    """What is done with a photo.

    LINK: a second name for the same file, on the same drive; TAG: it stays, and its sidecar gets a tag
    """

    MOVE = "move"
    COPY = "copy"
    LINK = "link"
    TAG = "tag"


class Fate(StrEnum):
    """What becomes of a photo."""

    GOES = "goes"
    STAYS = "stays"
    THERE = "there"
    """It lies where it belongs already, or has the tag already."""
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
    pattern with FIELDS in braces, such as "{subject}/{year}/{name}"; where it names no file, the name stays. TRASH,
    of a move: the system's trash. Of Action.TAG: the tag that the photos of a zone get, such as "People/{subject}", a
    level behind each slash; None: none
    companions: whether sidecars, camera files and films go along; only_confirmed: whether what nobody said anything of
    stays; verify: whether copies are read again and compared, as they always are before an original is taken away
    naming: what new sidecars are called
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
    naming: Naming = Naming.FULL

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
class Sidecar:
    """A sidecar that gets tags, and the photo or camera file that it belongs to; new: it is not there yet."""

    photo: PhotoFile
    path: str
    new: bool


class Wrote(NamedTuple):
    """A tag that a sorting wrote into a sidecar, of which subject and zone, and the tags that were in there before."""

    tag: str
    subject: str
    zone: Zone
    had: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one photo.

    target: where it goes, TRASH, or the first of the sidecars that get tags (only if it GOES; else None)
    why: what it goes or stays for, in a few words; note: a new name, or the path of the same photo; of tags, which
    sidecar, if that is not plain; problem: why it can't go, as words that follow its name
    sidecars: those that get the tags `add`, and lose the tags `remove`, which a sorting wrote before, but nothing that
    the tags `keep` need, which were there before that
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
    sidecars: tuple[Sidecar, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

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
        from training.sorting_words import wrong

        return wrong(self)

    @property
    def summary(self) -> tuple[str, ...]:
        """The plan in a few sentences."""
        from training.sorting_words import summary

        return tuple(summary(self))

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
            rules["naming"] = Naming(rules["naming"])
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
    items: Iterable[Item],
    rules: Rules,
    disk: Disk | None = None,
    figures: Figures | None = None,
    wrote: Mapping[str, Collection[Wrote]] | None = None,
) -> Plan:
    """Say what becomes of each photo, as `planning` does, all in one go. Raises BadTarget."""
    steps = planning(items, rules, disk, figures, wrote)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Plan = end.value
            return made


def planning(
    items: Iterable[Item],
    rules: Rules,
    disk: Disk | None = None,
    figures: Figures | None = None,
    wrote: Mapping[str, Collection[Wrote]] | None = None,
) -> Generator[Progress, None, Plan]:
    """Say what becomes of each photo; yields how far it is, and returns the plan. Nothing on the disk changes.

    disk: what to look at (default: this machine's); figures: how often the subject is right on photos that it did not
    learn from, if that is known; wrote: of tags, what earlier sortings wrote, by sidecar, as `Journal.wrote` has it.
    Photos whose names collide are read where they are of the same size, and sidecars that are to be tagged.
    Raises BadTarget, at once.
    """
    from training.sorting_plan import Planner

    bad = bad_target(rules)
    if bad:
        raise BadTarget(bad)
    return Planner(list(items), rules, disk, figures, wrote).steps()


def bad_target(rules: Rules) -> str:
    """Why photos can't be sorted by these rules, as a sentence; "" if they can."""
    from training.sorting_plan import bad_pattern

    tags = rules.action is Action.TAG
    if not tags and (not rules.root or "\0" in rules.root):
        return "Please choose a folder to sort into."
    for zone in Zone:
        pattern = rules.target(zone)
        if pattern is not None and (words := bad_pattern(pattern, rules.action)):
            return words
    if all(rules.target(zone) is None for zone in Zone):
        if tags:
            return "No photo would get a tag. Please choose which ones do."
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


def _stays(row: Row) -> Row:
    if row.fate is not Fate.GOES:
        return row
    return replace(
        row,
        fate=Fate.STAYS,
        target=None,
        companions=(),
        note="",
        why=f"{row.why}, and you left it out",
        sidecars=(),
        add=(),
        remove=(),
        keep=(),
    )


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
        [[_file_to_json(one.photo), one.path, one.new] for one in row.sidecars],
        row.add,
        row.remove,
        row.keep,
    ]


def _row_from_json(data: list[Any]) -> Row:
    file, fate, target, why, zone, by_human, probability, digest, along, note, problem, *tags = data
    sidecars, add, remove, keep = tags
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
        tuple(Sidecar(_file_from_json(photo), str(path), bool(new)) for photo, path, new in sidecars),
        tuple(map(str, add)),
        tuple(map(str, remove)),
        tuple(map(str, keep)),
    )


def _file_to_json(file: PhotoFile) -> list[Any]:
    return [file.path, file.size, file.mtime_ns]


def _file_from_json(data: list[Any]) -> PhotoFile:
    path, size, mtime_ns = data
    return PhotoFile(str(path), int(size), int(mtime_ns))
