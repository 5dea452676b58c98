"""The command line: `python -m training COMMAND`. All that training does can be done from here, with no window."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import shlex
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TextIO

from training import __version__, extractors, paths, photos, scoring, teach
from training.backbones import BackboneUnavailable
from training.extractors import Extractor, ExtractorMismatch, ExtractorSpec
from training.photos import FolderUnreadable
from training.scoring import CannotScore, Failed, Notice, Preparing, Scored
from training.subject import SUFFIX, Subject, SubjectUnreadable
from training.teach import BadCollection, Described, Labelled, Progress

STARTER = "subjects/john.safetensors"
COLUMNS = ("path", "probability", "zone", "error")


class Refused(Exception):
    """The command can't be carried out; the message is a sentence for the user."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it was carried out, 2 with a sentence on stderr if it can't be."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # file names may hold anything
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except _SENTENCES as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130
    except BrokenPipeError:  # whoever read our output has had enough, as `head` does
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or the interpreter complains at its end
        return 1
    return code


_SENTENCES = (
    Refused,
    BackboneUnavailable,
    BadCollection,
    CannotScore,
    ExtractorMismatch,
    FolderUnreadable,
    SubjectUnreadable,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lennonnet-training", description=__doc__)
    parser.add_argument("--version", action="version", version=f"Lennonnet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_score(commands)
    _add_fit(commands)
    _add_evaluate(commands)
    return parser


# -- score


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "score",
        help="tell of each photo in a folder how likely it shows the subject",
        description=f"Score the photos in FOLDER, as a table in CSV with the columns {', '.join(COLUMNS)}: one row for"
        " each photo, also for those that can't be opened. Photos that were scored before are not looked at again.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder whose photos are scored")
    parser.add_argument(
        "--subject", type=Path, metavar="FILE", help="a subject's file (default: John, the starter)"
    )
    parser.add_argument(
        "--csv", default="-", metavar="FILE", help="where the table goes (default: -, to the terminal)"
    )
    parser.add_argument(
        "--no-recursive", dest="recursive", action="store_false", help="leave out the photos in subfolders"
    )
    parser.set_defaults(run=_score)


def _score(options: argparse.Namespace) -> int:
    subject = Subject.load(options.subject or paths.resource(STARTER))
    if options.csv != "-":
        _place(Path(options.csv), "--csv")
    problems: list[tuple[str, str]] = []
    files = [
        file
        for batch in photos.scan(options.folder, recursive=options.recursive, problems=problems)
        for file in batch
    ]
    for path, reason in problems:
        _say(f"{path} {reason}")
    _say(f"{len(files):,} photos found in “{options.folder}”.")
    rows: dict[str, tuple[str, str, str]] = {}
    meter = _Meter()
    failed = 0
    for event in scoring.score(files, subject, on_download=_downloading()):
        match event:
            case Scored():
                for path, probability in zip(event.paths, event.probabilities.tolist(), strict=True):
                    rows[path] = f"{probability:.6f}", subject.zones.zone(probability).label(subject.name), ""
            case Failed():
                rows[event.path] = "", "", event.reason
                failed += 1
            case Preparing() | Notice():
                meter.end_line()
                _say(event.words)
        meter.show(len(rows), len(files))
    meter.end_line()
    _write_table(
        options.csv, [(file.path, *rows.get(file.path, ("", "", "was not scored"))) for file in files]
    )
    if failed:
        _say(f"{failed:,} of the photos can't be opened; the table says why.")
    return 0


def _write_table(name: str, rows: list[tuple[str, ...]]) -> None:
    """Write the table in UTF-8; names that are no UTF-8 keep their bytes. Raises Refused."""
    try:
        with _opened(name) as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)
            table.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(_unwritable(name, error, "--csv")) from error


def _opened(name: str) -> contextlib.AbstractContextManager[TextIO]:
    if name != "-":
        return Path(name).open("w", encoding="utf-8", errors="surrogateescape", newline="")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    return contextlib.nullcontext(sys.stdout)


# -- fit


def _add_fit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "fit",
        help="learn a subject from labelled photos",
        description="Learn a subject from the photos in FOLDER/NAME and those of others in FOLDER/not_NAME, whose"
        " subfolders are groups. Prints how often it is right, by group, on photos that it did not learn from, and"
        " writes the subject and a card that tells all this, beside it.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder that holds NAME and not_NAME")
    parser.add_argument(
        "--subject", required=True, metavar="NAME", help="whom or what to learn, such as john"
    )
    parser.add_argument(
        "--not",
        dest="others",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="a folder with more photos of others, a group of its own; may be given several times",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the subject's file (default: NAME.safetensors in resources/subjects, where the current folder has that,"
        " else in the current folder)",
    )
    parser.set_defaults(run=_fit)


def _fit(options: argparse.Namespace) -> int:
    name: str = options.subject
    out = _out(options.out, name)
    labelled = teach.collect(options.folder, name, options.others)
    described, extractor = _described(labelled)
    _say("Learning ...")
    subject = teach.teach(name, described, extractor, version=_next_version(out))
    card = out.with_suffix(".md")
    try:
        old = card.read_text(encoding="utf-8") if card.exists() else ""
    except (OSError, ValueError):
        old = ""
    try:
        subject.save(out)
        card.write_text(
            teach.card(subject, described, _command(options), old), encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise Refused(_unwritable(str(out), error, "--out")) from error
    if subject.figures is None:
        print(
            "There are too few photos to leave any out, so it is not known how often this subject is right."
        )
    else:
        print(subject.figures.text(), end="")
    _say(f"Written: {out} (version {subject.version}) and {card}")
    return 0


def _out(given: Path | None, name: str) -> Path:
    """Where the subject goes."""
    ours = Path("resources", "subjects")
    out = given or (ours if ours.is_dir() else Path()) / f"{name}{SUFFIX}"
    if out.suffix != SUFFIX:
        raise Refused(f"“{out}” must end in {SUFFIX}, as all subjects do.")
    _place(out, "--out")
    return out


def _next_version(out: Path) -> int:
    """One more than that of the subject that is written over."""
    try:
        return Subject.load(out).version + 1
    except SubjectUnreadable:
        return 1


def _command(options: argparse.Namespace) -> str:
    """The command as someone else would give it."""
    words = ["python", "-m", "training", "fit", str(options.folder), "--subject", options.subject]
    for other in options.others:
        words += ["--not", str(other)]
    if options.out is not None:
        words += ["--out", str(options.out)]
    return shlex.join(words)


# -- evaluate


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a subject on labelled photos",
        description="Measure how often a subject is right on the photos of FOLDER, which holds NAME and not_NAME as for"
        " fit. The figures are worth something if the subject did not learn from these photos.",
    )
    parser.add_argument("subject", type=Path, metavar="SUBJECT", help="a subject's file")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder that holds NAME and not_NAME")
    parser.add_argument(
        "--not", dest="others", action="append", default=[], type=Path, metavar="FOLDER", help="as for fit"
    )
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    subject = Subject.load(options.subject)
    labelled = teach.collect(options.folder, subject.name, options.others)
    described, _ = _described(labelled, subject.spec)
    if described.features.shape[1] != len(subject.head.weight):
        raise Refused(
            f"“{options.subject}” doesn't fit the network that it names. Please train the subject again."
        )
    print(teach.examine(subject, described).text(), end="")
    return 0


# -- shared


def _place(file: Path, option: str) -> None:
    """Raise Refused where a file can't be; asked before the long work, so that this is no news at its end."""
    if file.is_dir():
        raise Refused(f"“{file}” is a folder. Name a file with {option}.")
    if not file.parent.is_dir():
        raise Refused(
            f"The folder “{file.parent}” does not exist. Make it first, or name another file with {option}."
        )


def _unwritable(name: str, error: OSError, option: str) -> str:
    return f"“{name}” can't be written: {error.strerror or error}. Name another file with {option}."


def _described(labelled: list[Labelled], spec: ExtractorSpec | None = None) -> tuple[Described, Extractor]:
    """Describe the photos, telling on stderr how far it is and what could not be opened."""
    _say(f"{len(labelled):,} photos found. Waking up the network ...")
    extractor = extractors.load(spec, _downloading())
    described = _told(teach.describe(labelled, extractor))
    if described.unreadable:
        _say(f"{len(described.unreadable):,} of the photos can't be opened and are left out:")
        for path, reason in described.unreadable:
            _say(f"  {path} {reason}")
    if described.repeated:
        _say(f"{described.repeated:,} of the photos are exact copies of others and count once.")
    return described, extractor


def _told(steps: Generator[Progress, None, Described]) -> Described:
    """Run to the end, telling how far it is."""
    meter = _Meter()
    try:
        while True:
            step = next(steps)
            meter.show(step.done, step.total)
    except StopIteration as end:
        described: Described = end.value
        return described
    finally:
        meter.end_line()


class _Meter:
    """Tells on stderr how far a run is: on one line of a terminal, elsewhere on a line for each tenth."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._start = self._told = time.monotonic()
        self._tenth = 0
        self._open = False

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        words = f"{done:,} of {total:,} photos, {done / max(now - self._start, 1e-3):.0f} a second"
        tenth = 10 * done // max(1, total)
        if self._live and (now - self._told > 0.2 or done == total):
            sys.stderr.write(f"\r{words}\x1b[K")
            sys.stderr.flush()
            self._told, self._open = now, True
        elif not self._live and tenth > self._tenth:
            self._tenth = tenth
            _say(words)

    def end_line(self) -> None:
        """Let what is said next begin a line of its own."""
        if self._open:
            sys.stderr.write("\n")
            self._open = False


def _downloading() -> Callable[[int, int], None]:
    """Tells a download's progress, once for each tenth."""
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // max(1, total)
        if tenth > told:
            told = tenth
            _say(f"Downloading the network: {done >> 20:,} of {total >> 20:,} MB")

    return tell


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
