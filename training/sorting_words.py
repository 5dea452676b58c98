"""What a plan comes to, in sentences: how many go where, what is in the way, and how many are expected to be wrong."""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH100, PTH118, PTH120

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence

from training.companions import Kind
from training.evaluate import CalibrationBin, wilson
from training.sorting import TRASH, Action, Fate, Plan, Row, Rules, Wrong, size_words
from training.sorting_disk import shown
from training.sorting_tags import tag_words
from training.zones import Zone

_FEW = 30  # fewer photos say too little of how often a subject is wrong


def wrong(plan: Plan) -> tuple[Wrong, ...]:
    """What is expected to be wrong, of each zone whose photos go somewhere and that says something of them."""
    return tuple(
        _wrong(plan.rows, zone, plan.bins)
        for zone in (Zone.SUBJECT, Zone.NOT_SUBJECT)
        if any(row.zone is zone and row.fate is Fate.GOES for row in plan.rows)
    )


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


def summary(plan: Plan) -> Iterator[str]:
    """The plan in a few sentences, one by one."""
    rules, counts = plan.rules, plan.counts
    going = [row for row in plan.rows if row.fate is Fate.GOES]
    tags = rules.action is Action.TAG
    yield _tags(going, counts) if tags else _where(plan, going, counts)
    renamed = [] if tags else [row for row in going if row.note]
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
        one = counts[Fate.THERE] == 1
        has, lies = ("has", "lies") if one else ("have", "lie")
        yield f"{counts[Fate.THERE]:,} {f'{has} the tag already' if tags else f'{lies} there already'}."
    kinds = Counter(one.kind for row in going for one in row.companions)
    if kinds:
        words = [
            f"{kinds[kind]:,} {single if kinds[kind] == 1 else several}"
            for kind, single, several in _KIND_WORDS
            if kinds[kind]
        ]
        yield f"{_listed(words)} {'goes' if sum(kinds.values()) == 1 else 'go'} along."
    if going and not tags:
        yield f"{size_words(plan.bytes)} in all."
    if plan.space is not None:
        free, needed = plan.space
        yield (
            f"There is not room enough: {size_words(needed)} will be copied, and {size_words(free)} are free there."
        )
    what = "be tagged" if tags else "go"
    problems = Counter(row.problem for row in plan.rows if row.problem)
    for problem, number in problems.most_common(3):
        yield f"{number:,} can’t {what}: {'it' if number == 1 else 'each'} {problem}."
    if len(problems) > 3:
        yield f"{sum(problems.values()) - sum(n for _, n in problems.most_common(3)):,} more can’t {what}."
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
    verb = {Action.COPY: "copied ", Action.LINK: "linked "}.get(rules.action, "")
    parts = []
    for zone in (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT):
        if rules.target(zone) == TRASH:
            if number := sum(row.zone is zone for row in going):
                parts.append(f"{number:,} to the trash")
            continue
        folders = Counter(os.path.dirname(row.target or "") for row in going if row.zone is zone)
        if folders:
            parts.append(f"{folders.total():,} {verb}to {_folder_words(list(folders), rules)}")
    if counts[Fate.STAYS]:
        parts.append(f"{counts[Fate.STAYS]:,} {'stays' if counts[Fate.STAYS] == 1 else 'stay'}")
    return f"{', '.join(parts) if parts else 'Nothing goes anywhere'}."


def _tags(going: Sequence[Row], counts: Counter[Fate]) -> str:
    parts = []
    for zone in (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT):
        rows = [row for row in going if row.zone is zone and row.add]
        if rows:
            tags = {tag for row in rows for tag in row.add}
            get = "gets" if len(rows) == 1 else "get"
            words = (
                f"the tag “{shown(tag_words(next(iter(tags))))}”"
                if len(tags) == 1
                else f"one of {len(tags):,} tags"
            )
            parts.append(f"{len(rows):,} {get} {words}: {_sidecars(rows)}")
    less = [row for row in going if row.remove]
    if less:
        tags = {tag for row in less for tag in row.remove}
        lose = "loses" if len(less) == 1 else "lose"
        words = f"the tag “{shown(tag_words(next(iter(tags))))}”" if len(tags) == 1 else "a tag"
        parts.append(f"{len(less):,} {lose} {words} of an earlier time")
    if counts[Fate.STAYS]:
        parts.append(
            f"{counts[Fate.STAYS]:,} {'stays as it is' if counts[Fate.STAYS] == 1 else 'stay as they are'}"
        )
    return f"{'; '.join(parts) if parts else 'No photo gets a tag'}."


def _sidecars(rows: Sequence[Row]) -> str:
    counts = Counter(one.new for row in rows for one in row.sidecars)
    words = []
    if counts[True]:
        words.append(f"{counts[True]:,} new sidecar{'' if counts[True] == 1 else 's'}")
    if counts[False]:
        words.append(f"{counts[False]:,} merged")
    return ", ".join(words)


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
