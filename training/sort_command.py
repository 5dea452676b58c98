"""The command `sort`: moves, copies, links or tags photos by what they show, tells beforehand, and takes it back."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from training import photos, scoring, sorting, sorting_run, sorting_table
from training.photos import PhotoFile
from training.scoring import Notice, Preparing, Scored
from training.sorting import Action, BadTarget, Fate, Item, Plan, Rules, size_words
from training.sorting_journal import Journal, JournalError, Run, RunState
from training.sorting_run import Command, Events
from training.subject import Subject
from training.subjects import Subjects
from training.verdicts import Ledger, Said
from training.xmp_tags import Naming
from training.zones import Zones

_STAY = "-"
_JOHN = "john"  # the id of the starter


class CannotSort(Exception):
    """The command can't be carried out; the message is a sentence for the user."""


def add_sort(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "sort",
        help="move, copy or link photos into folders by what they show, or tag them",
        description="Sort the photos of FOLDER into folders in DIR, or write tags into their sidecars. What goes where"
        " is told first; nothing is ever overwritten or deleted; a sorting that was stopped goes on with --resume, and"
        " --undo brings all back.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="the folder whose photos are sorted"
    )
    parser.add_argument("--to", type=Path, metavar="DIR", help="the folder in which the targets are")
    action = parser.add_mutually_exclusive_group()
    for name, words in (
        ("move", "move the photos (the default)"),
        ("copy", "copy them"),
        ("link", "give them a second name, a hard link, on the same drive"),
        (
            "tag",
            "leave them, and write tags into their XMP sidecars: of what you labelled, unless you say else",
        ),
    ):
        action.add_argument(f"--{name}", dest="action", action="store_const", const=Action(name), help=words)
    parser.add_argument("--dry-run", action="store_true", help="only say what would go where")
    parser.add_argument(
        "--csv",
        metavar="FILE",
        help="write a table of all photos, also if nothing goes (“-”: to the terminal)",
    )
    parser.add_argument("--json", metavar="FILE", help="the same as JSON; its name has to end in .json")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--subject", type=Path, metavar="FILE", help="a subject’s file; what was labelled does not count"
    )
    whose.add_argument(
        "--labels-of",
        metavar="ID",
        help="the window’s subject with this id; what was labelled there counts as said by you (default: john)",
    )
    fields = ", ".join(f"{{{name}}}" for name in sorting.FIELDS)
    for option, default, tag, words in (
        ("--subject-to", "{subject}", "{subject}", "the subject’s photos"),
        ("--others-to", "not_{subject}", _STAY, "the others"),
        ("--unsure-to", _STAY, _STAY, "those in between"),
    ):
        parser.add_argument(
            option,
            metavar="PATTERN",
            help=f"where {words} go: a folder in DIR, with {fields} if you like, “{sorting.TRASH}” for the system’s"
            f" trash, or “{_STAY}” if they stay (default: “{default}”); with --tag, which tag they get, such as"
            f" “People/{{subject}}” (default: “{tag}”)",
        )
    parser.add_argument(
        "--tag-naming",
        choices=[naming.value for naming in Naming],
        default=Naming.FULL.value,
        help="what new sidecars are called: “stem” is IMG_1.xmp, as Adobe’s programs have it, “full” is IMG_1.CR2.xmp,"
        " as darktable and digiKam have it (default: %(default)s); those that are there are used, whatever they are"
        " called",
    )
    parser.add_argument(
        "--zones",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="probabilities below LOW are not the subject, from HIGH on they are (default: the subject’s own)",
    )
    parser.add_argument(
        "--only-confirmed",
        action=argparse.BooleanOptionalAction,
        help="let stay what you did not label (with --tag, that is so unless you say --no-only-confirmed)",
    )
    parser.add_argument(
        "--no-companions",
        dest="companions",
        action="store_false",
        help="leave sidecars, camera files and Live Photos’ films where they are",
    )
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="don’t read copies again to compare them"
    )
    parser.add_argument(
        "--no-recursive", dest="recursive", action="store_false", help="leave out the photos in subfolders"
    )
    later = parser.add_mutually_exclusive_group()
    later.add_argument(
        "--resume",
        nargs="?",
        const="last",
        metavar="RUN",
        help="go on with a sorting that was stopped or cut off",
    )
    later.add_argument("--undo", metavar="RUN", help="bring back what a sorting moved: its number, or “last”")
    later.add_argument("--history", action="store_true", help="list all sortings, the latest first")
    parser.add_argument(
        "--only",
        action="append",
        type=Path,
        metavar="PATH",
        help="with --undo: only what was here; may be repeated",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command: 0 if all went well, 1 if some photos could not go, 2 with a sentence on stderr if none."""
    try:
        if options.history:
            return _history()
        if options.undo is not None:
            return _undo(options)
        if options.resume is not None:
            return _resume(options)
        return _sort(options)
    except (CannotSort, BadTarget, JournalError) as error:
        _say(str(error))
        return 2


# -- sorting


def _sort(options: argparse.Namespace) -> int:
    tags = options.action is Action.TAG
    patterns = _patterns(options)
    somewhere = not tags and any(one not in (None, sorting.TRASH) for one in patterns)
    if options.folder is None or (options.to is None and somewhere):
        raise CannotSort(
            "Name the FOLDER whose photos are to be sorted, and with --to the one to sort them into."
        )
    if tags and options.subject is not None and options.only_confirmed is None:
        raise CannotSort(
            "With --subject, nothing counts as said by you, so no photo would get a tag. Use --labels-of, or"
            " --no-only-confirmed to tag what the subject’s file takes for it."
        )
    for name in (options.csv, options.json):
        if name is not None:
            _check_table(name, json=name is options.json)
    subject, said_by = _subject(options)
    rules = _rules(options, subject, patterns)
    bad = sorting.bad_target(rules)
    if bad:
        raise CannotSort(bad)
    items = _items(options, subject, said_by)
    wrote = None
    if tags:
        with Journal() as journal:
            wrote = journal.wrote()
    plan = sorting.plan(items, rules, figures=subject.figures, wrote=wrote)
    for sentence in plan.summary:
        _say(sentence)
    outcomes: dict[str, str] = {}
    code = 0
    if not options.dry_run and plan.counts[Fate.GOES]:
        with Journal() as journal, _interrupts() as control:
            code = _told(sorting_run.run(plan, journal, control), outcomes)
    elif options.dry_run and options.csv is None and options.json is None:
        _show(plan)
    for name in filter(None, (options.csv, options.json)):
        try:
            sorting_table.write(name, plan, outcomes)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CannotSort(
                f"“{name}” can’t be written: {error.strerror or error}. Name another file."
            ) from error
    return code


def _check_table(name: str, *, json: bool) -> None:
    if json and not name.lower().endswith(".json"):
        raise CannotSort(f"“{name}” has to end in .json.")
    if name == "-":
        return
    if Path(name).is_dir():
        raise CannotSort(f"“{name}” is a folder. Name a file.")
    if not Path(name).parent.is_dir():
        raise CannotSort(
            f"The folder “{Path(name).parent}” does not exist. Make it first, or name another file."
        )


def _subject(options: argparse.Namespace) -> tuple[Subject, str]:
    """The subject, and the id that its labels are kept under, or ""."""
    if options.subject is not None:
        return Subject.load(options.subject), ""
    subjects = Subjects()
    id: str = options.labels_of or _JOHN
    try:
        entry = subjects.get(id)
    except KeyError as error:
        known = ", ".join(one.id for one in subjects.all())
        raise CannotSort(f"There is no subject with the id “{id}”. There are: {known}.") from error
    subject = subjects.load(entry)
    if subject is None:
        raise CannotSort(
            f"“{entry.name}” has not learned anything yet. Label photos in the window, or use fit."
        )
    return subject, id


def _patterns(options: argparse.Namespace) -> tuple[str | None, str | None, str | None]:
    """Where the subject's photos, the others and those in between go, or which tags they get; None: nowhere, none."""
    others = _STAY if options.action is Action.TAG else "not_{subject}"
    asked = (options.subject_to, "{subject}"), (options.others_to, others), (options.unsure_to, _STAY)
    to_subject, to_others, to_unsure = (default if one is None else one for one, default in asked)
    return _going(to_subject), _going(to_others), _going(to_unsure)


def _going(pattern: str) -> str | None:
    return None if pattern == _STAY else pattern


def _rules(
    options: argparse.Namespace, subject: Subject, patterns: tuple[str | None, str | None, str | None]
) -> Rules:
    zones = subject.zones
    if options.zones is not None:
        try:
            zones = Zones(*options.zones)
        except ValueError as error:
            raise CannotSort("LOW and HIGH have to lie between 0 and 1, and LOW not above HIGH.") from error
    confirmed = options.only_confirmed
    return Rules(
        options.action or Action.MOVE,
        subject.name,
        os.path.abspath(options.to or options.folder),  # noqa: PTH100, a link stays what it is
        *patterns,
        zones,
        options.companions,
        options.action is Action.TAG if confirmed is None else confirmed,
        options.verify,
        Naming(options.tag_naming),
    )


def _items(options: argparse.Namespace, subject: Subject, said_by: str) -> list[Item]:
    """The photos with their scores and what was said of them."""
    problems: list[tuple[str, str]] = []
    files = [
        file
        for batch in photos.scan(options.folder, recursive=options.recursive, problems=problems)
        for file in batch
    ]
    for path, reason in problems:
        _say(f"{path} {reason}")
    _say(f"{len(files):,} photos found in “{options.folder}”.")
    by_digest: dict[bytes, Said] = {}
    by_path: dict[str, Said] = {}
    if said_by:
        with Ledger() as ledger:
            if ledger.notice:
                _say(ledger.notice)
            by_digest, by_path = ledger.said(said_by), ledger.said_of(said_by, files)
    scores: dict[str, tuple[bytes, float, str]] = {}
    meter = _Meter(len(files))
    for event in scoring.score(files, subject):
        match event:
            case Scored():
                of = zip(event.paths, event.digests, event.probabilities.tolist(), event.taken, strict=True)
                scores.update((path, (digest, score, taken)) for path, digest, score, taken in of)
            case scoring.Failed():
                meter.end_line()
                _say(f"{event.path} {event.reason}")
            case Preparing() | Notice():
                meter.end_line()
                _say(event.words)
        meter.show(len(scores), "photos looked at")
    meter.end_line()
    return [_item(file, scores.get(file.path), by_digest, by_path) for file in files]


def _item(
    file: PhotoFile,
    score: tuple[bytes, float, str] | None,
    by_digest: dict[bytes, Said],
    by_path: dict[str, Said],
) -> Item:
    if score is None:
        return Item(file, verdict=by_path.get(file.path))
    digest, probability, taken = score
    return Item(file, digest, probability, by_digest.get(digest) or by_path.get(file.path), taken)


def _show(plan: Plan) -> None:
    """What would go where, a line for each file; companions below their photo."""
    for row in plan.rows:
        if row.sidecars:
            tags = [f"+{tag}" for tag in row.add] + [f"-{tag}" for tag in row.remove]
            for side in row.sidecars:
                new = " (new)" if side.new else ""
                print(f"{side.photo.path} {', '.join(tags)} -> {side.path}{new}")
        elif row.target is not None:
            print(f"{row.file.path} -> {row.target}")
            for one in row.companions:
                print(f"  {one.file.path} -> {one.target}")
        elif row.fate is Fate.SAME:
            print(f"{row.file.path} is the same photo as {row.note}")
        elif row.problem:
            print(f"{row.file.path} {row.problem}")


# -- later


def _undo(options: argparse.Namespace) -> int:
    with Journal() as journal, _interrupts() as control:
        found = _found(journal, options.undo, "taken back", [one for one in journal.runs() if one.can_undo])
        only = None if options.only is None else {os.path.abspath(one) for one in options.only}  # noqa: PTH100
        return _told(sorting_run.undo(found.id, journal, only, control), {})


def _resume(options: argparse.Namespace) -> int:
    with Journal() as journal, _interrupts() as control:
        runs = [one for one in journal.runs() if one.can_resume or one.state is RunState.RUNNING]
        if not runs and options.resume == "last":
            _say("No sorting was left unfinished.")
            return _told(sorting_run.settle(journal), {})
        found = _found(journal, options.resume, "gone on with", runs)
        return _told(sorting_run.resume(journal, found.id, control), {})


def _found(journal: Journal, name: str, what: str, among: list[Run]) -> Run:
    if name == "last":
        if not among:
            raise CannotSort(f"There is no sorting that could be {what}.")
        return among[0]
    found = next((one for one in among if str(one.id) == name), None)
    if found is not None:
        return found
    if not any(str(one.id) == name for one in journal.runs()):
        raise CannotSort(f"There is no sorting “{name}”. --history lists all.")
    raise CannotSort(f"Nothing of sorting {name} could be {what}.")


def _history() -> int:
    with Journal() as journal:
        runs = journal.runs()
    if not runs:
        _say("Nothing was sorted so far.")
    for one in runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.when))
        counts = [f"{one.done:,} done"]
        for number, words in (
            (one.undone, "taken back"),
            (one.skipped, "skipped"),
            (one.failed, "could not go"),
            (one.planned + one.begun, "not done yet"),
        ):
            if number:
                counts.append(f"{number:,} {words}")
        print(f"{one.id:>4}  {when}  {one.action:<4}  {one.state:<8}  {', '.join(counts)}  {one.words}")
    return 0


# -- shared


def _told(events: Events, outcomes: dict[str, str]) -> int:
    """Run to the end and tell what happens; fills what came of each photo, by path."""
    meter = _Meter(0)
    code = 0
    with contextlib.closing(events):
        for event in events:
            match event:
                case sorting_run.Started():
                    meter = _Meter(event.rows)
                case sorting_run.Moved():
                    outcomes[event.row.file.path] = "done"
                    if event.note:
                        meter.end_line()
                        _say(f"{event.row.file.path}: {event.note}")
                case sorting_run.Skipped():
                    outcomes[event.row.file.path] = "skipped"
                    meter.end_line()
                    _say(f"{event.row.file.path} {event.why}")
                case sorting_run.Failed():
                    outcomes[event.row.file.path] = "failed"
                    meter.end_line()
                    _say(f"{event.row.file.path} {event.why}")
                    code = 1
                case sorting_run.Progress():
                    left = event.seconds_left
                    rest = "" if left is None else f", {left:.0f} s left"
                    size = f", {size_words(event.bytes)}" if event.bytes else ""
                    meter.show(event.files, f"photos{size}{rest}")
                case sorting_run.Settled():
                    meter.end_line()
                    _say(event.words)
                case sorting_run.Finished() | sorting_run.Stopped():
                    meter.end_line()
                    _say(event.words)
                    if isinstance(event, sorting_run.Stopped):
                        _say(f"“sort --resume” goes on, “sort --undo {event.run}” brings back what was done.")
                        code = 1
    return code


@contextlib.contextmanager
def _interrupts() -> Iterator[sorting_run.Control]:
    """What Ctrl+C asks for: the first time to stop between two photos, the second time at once."""
    wish: Command = "go"

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal wish
        if wish == "stop":
            raise KeyboardInterrupt
        wish = "stop"

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not in the main thread
        yield lambda: wish
        return
    try:
        yield lambda: wish
    finally:
        signal.signal(signal.SIGINT, before)


class _Meter:
    """Tells on stderr how far it is: on one line of a terminal, elsewhere on a line for each tenth."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._due = 0.0
        self._tenth = 0
        self._open = False

    def show(self, done: int, words: str) -> None:
        line = f"{done:,} of {self._total:,} {words}"
        tenth = 10 * done // max(1, self._total)
        if self._live and time.monotonic() > self._due:
            sys.stderr.write(f"\r{line}\x1b[K")
            sys.stderr.flush()
            self._due, self._open = time.monotonic() + 0.2, True
        elif not self._live and tenth > self._tenth:
            self._tenth = tenth
            _say(line)

    def end_line(self) -> None:
        """Let what is said next begin a line of its own."""
        if self._open:
            sys.stderr.write("\n")
            self._open = False


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
