"""The command line: `python -m training COMMAND`. All that training does can be done from here, with no window."""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import shlex
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from training import __version__, extractors, finetune, judging, paths, photos, scoring, teach
from training.backbones import BackboneUnavailable
from training.extractors import Extractor, ExtractorMismatch
from training.faces import Faces, FacesUnavailable, Look
from training.finetune import CannotTrain, Settings
from training.judge import wants_thorough
from training.ledger_file import LedgerError
from training.photos import FolderUnreadable, PhotoFile
from training.scoring import CannotScore, Failed, Notice, Preparing, Scored
from training.sort_command import add_sort
from training.subject import SUFFIX, Subject, SubjectUnreadable
from training.subjects import Method, Subjects, SubjectsError
from training.teach import BadCollection, Described, Labelled, Progress
from training.verdicts import Ledger, Verdict

STARTER = "subjects/john.safetensors"
COLUMNS = ("path", "probability", "zone", "error", "faces", "decided_by")


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
    CannotTrain,
    ExtractorMismatch,
    FolderUnreadable,
    LedgerError,
    SubjectUnreadable,
    SubjectsError,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lennonnet-training", description=__doc__)
    parser.add_argument("--version", action="version", version=f"Lennonnet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_score(commands)
    _add_fit(commands)
    _add_evaluate(commands)
    add_sort(commands)
    return parser


# -- score


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "score",
        help="tell of each photo in a folder how likely it shows the subject",
        description=f"Score the photos in FOLDER, as a table in CSV with the columns {', '.join(COLUMNS)}: one row for"
        " each photo, also for those that can't be opened. Photos that were scored before are not looked at again."
        " Where the subject's face is known, faces are looked for after all photos were looked at as a whole.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder whose photos are scored")
    parser.add_argument(
        "--subject", type=Path, metavar="FILE", help="a subject's file (default: John, the starter)"
    )
    parser.add_argument("--csv", metavar="FILE", help="where the table goes (default: -, to the terminal)")
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write all this as JSON, with each face's place and probability; - is the terminal",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--no-faces", action="store_true", help="look at photos as a whole alone")
    how.add_argument(
        "--thorough",
        action="store_true",
        help="look twice, and longer, for faces in photos that are not clear at the first look",
    )
    parser.add_argument(
        "--no-recursive", dest="recursive", action="store_false", help="leave out the photos in subfolders"
    )
    parser.set_defaults(run=_score)


def _score(options: argparse.Namespace) -> int:
    subject = Subject.load(options.subject or paths.resource(STARTER))
    tables = {"--csv": options.csv or ("" if options.json else "-"), "--json": options.json or ""}
    for option, name in tables.items():
        if name not in ("", "-"):
            _place(Path(name), option)
    problems: list[tuple[str, str]] = []
    files = [
        file
        for batch in photos.scan(options.folder, recursive=options.recursive, problems=problems)
        for file in batch
    ]
    for path, reason in problems:
        _say(f"{path} {reason}")
    _say(f"{len(files):,} photos found in “{options.folder}”.")
    with_faces = subject.faces is not None and not options.no_faces
    results = _Results(subject, with_faces)
    results.take(scoring.score(files, subject, on_download=_downloading(), with_faces=with_faces), len(files))
    if with_faces:
        _look_for_faces(files, subject, results, thorough=options.thorough)
    if tables["--csv"]:
        _write_table(tables["--csv"], [results.row(file.path) for file in files])
    if tables["--json"]:
        _write_json(tables["--json"], subject, [results.as_dict(file.path) for file in files])
    if results.failed:
        _say(f"{len(results.failed):,} of the photos can't be opened; the table says why.")
    return 0


def _look_for_faces(files: list[PhotoFile], subject: Subject, results: _Results, *, thorough: bool) -> None:
    """Look for faces where nobody has, then, if asked, longer where that may help."""
    try:
        todo = [file for file in files if file.path in results.not_looked_at]
        if todo:
            _say(f"Looking for faces in {len(todo):,} photos.")
            results.take(scoring.look_for_faces(todo, subject, Look.QUICK), len(todo))
        todo = [file for file in files if file.path in results.unclear]
        if thorough and todo:
            _say(f"Looking once more, and longer, at {len(todo):,} photos.")
            results.take(scoring.look_for_faces(todo, subject, Look.THOROUGH), len(todo))
    except FacesUnavailable as error:
        _say(f"{error} The photos are judged as a whole.")


class _Results:
    """What was found out of each photo, by path."""

    def __init__(self, subject: Subject, with_faces: bool) -> None:
        self.failed: dict[str, str] = {}
        self.not_looked_at: set[str] = set()
        self.unclear: set[str] = set()
        self._subject, self._with_faces = subject, with_faces
        self._found: dict[str, tuple[float, int | None, bool, Faces | None, list[float]]] = {}

    def take(self, events: Generator[scoring.Event, None, None], count: int) -> None:
        """Take in what comes of `count` photos, and show how far it has come."""
        meter = _Meter()
        done = 0
        for event in events:
            match event:
                case Scored():
                    self._take(event)
                    done += len(event.paths)
                case Failed():
                    if event.path not in self._found:
                        self.failed[event.path] = event.reason
                    done += 1
                case Preparing() | Notice():
                    meter.end_line()
                    _say(event.words)
            meter.show(done, count)
        meter.end_line()

    def _take(self, event: Scored) -> None:
        judged, table = event.judged, event.table
        self.unclear.difference_update(event.paths)
        if self._with_faces:
            unclear = wants_thorough(judged, table, self._subject.zones)
            self.unclear.update(event.paths[number] for number in np.flatnonzero(unclear).tolist())
        for number, path in enumerate(event.paths):
            found = table.of_photo(number)
            if found is None:
                self.not_looked_at.add(path)
            else:
                self.not_looked_at.discard(path)
            which = slice(int(table.start[number]), int(table.start[number + 1]))
            self._found[path] = (
                float(judged.probabilities[number]),
                None if found is None else len(found),
                bool(judged.by_face[number]),
                found,
                judged.face_probabilities[which].tolist(),
            )

    def row(self, path: str) -> tuple[str, ...]:
        """The photo's row in the table."""
        if path not in self._found:
            return path, "", "", self.failed.get(path, "was not scored"), "", ""
        probability, faces, by_face, _, _ = self._found[path]
        zone = self._subject.zones.zone(probability).label(self._subject.name)
        decided_by = "face" if by_face else "scene"
        return path, f"{probability:.6f}", zone, "", "" if faces is None else str(faces), decided_by

    def as_dict(self, path: str) -> dict[str, Any]:
        """The photo's entry in JSON; faces lie in fractions of the upright photo: left, top, right, bottom."""
        if path not in self._found:
            return {"path": path, "error": self.failed.get(path, "was not scored")}
        probability, _, by_face, found, of_faces = self._found[path]
        faces = None
        if found is not None:
            faces = [
                {"box": [round(edge, 5) for edge in box], "probability": round(one, 6)}
                for box, one in zip(found["box"].tolist(), of_faces, strict=True)
            ]
        return {
            "path": path,
            "probability": round(probability, 6),
            "zone": self._subject.zones.zone(probability).label(self._subject.name),
            "decided_by": "face" if by_face else "scene",
            "faces": faces,
        }


def _write_json(name: str, subject: Subject, entries: list[dict[str, Any]]) -> None:
    """Write all that was found out as one JSON object. Raises Refused."""
    try:
        with _opened(name) as file:
            json.dump({"subject": subject.name, "photos": entries}, file, indent=1)
            file.write("\n")
            file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(_unwritable(name, error, "--json")) from error


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
        " subfolders are groups, or from the photos labelled in the window. Prints how often it is right, by group, on"
        " photos that it did not learn from, and writes the subject and (the quick way) a card that tells all this,"
        " beside it.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="the folder that holds NAME and not_NAME"
    )
    parser.add_argument("--subject", metavar="NAME", help="whom or what to learn, such as john")
    parser.add_argument(
        "--labels-of",
        metavar="ID",
        help="instead of FOLDER and --subject: learn from what was labelled in the window of the subject with this id,"
        " and keep the result as its next version",
    )
    parser.add_argument(
        "--settle",
        type=Path,
        metavar="FILE",
        help='a JSON file that says of photos, by path, whether they are "subject", "not" or left "out", whatever'
        " they were labelled",
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
    parser.add_argument(
        "--adopt",
        choices=("never", "if-better", "always"),
        default="if-better",
        help="whether what was learned deep is put in the place of what is in use (default: if it is better than the"
        " quick way on photos held out)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--no-faces", action="store_true", help="learn from photos as a whole alone")
    how.add_argument(
        "--leave-out-faces",
        action="store_true",
        help="learn from faces too, but keep no single one in the subject's file: what several have in common is kept",
    )
    parser.add_argument(
        "--look", action="store_true", help="only say what there is to learn from, and how long that takes"
    )
    parser.add_argument(
        "--events",
        action="store_true",
        help="print what happens as JSON, one event a line, and take the commands pause, go and stop from stdin, a line"
        " each; stops when stdin ends",
    )
    _add_deep(parser)
    parser.set_defaults(run=_fit)


def _add_deep(parser: argparse.ArgumentParser) -> None:
    default = Settings()
    deep = parser.add_argument_group("deep training")
    deep.add_argument("--deep", action="store_true", help="train the network too: minutes to hours")
    deep.add_argument(
        "--resume", action="store_true", help="go on from the last epoch of a training that did not end"
    )
    deep.add_argument(
        "--backbone", default=default.backbone, metavar="NAME", help="a network that timm knows (%(default)s)"
    )
    for field in finetune.bounds():
        kind = int if field.whole else float
        deep.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            default=kind(field.default),
            metavar="N" if field.whole else "X",
            help=f"{field.words} (%(default)s)",
        )
    deep.add_argument(
        "--device", default=default.device, help="pytorch-lightning's accelerator (%(default)s)"
    )
    deep.add_argument("--devices", default=default.devices, help="how many of them, or which (%(default)s)")
    deep.add_argument(
        "--strategy", default=default.strategy, help="pytorch-lightning's strategy (%(default)s)"
    )
    deep.add_argument(
        "--log", choices=("none", "csv", "tensorboard"), default=default.log, help="logs beside the subject"
    )
    deep.add_argument(
        "--run", type=Path, metavar="FOLDER", dest="place", help="where an unfinished training is kept"
    )


def _fit(options: argparse.Namespace) -> int:
    if (options.folder is None) == (options.labels_of is None):
        raise Refused("Name either a FOLDER of photos to learn from, or a subject with --labels-of.")
    if options.folder is not None and options.subject is None:
        raise Refused("Name whom or what to learn with --subject.")
    if options.deep or options.events or options.look or options.labels_of or options.settle:
        return _fit_by_events(options)
    name: str = options.subject
    out = _out(options.out, name)
    labelled = teach.collect(options.folder, name, options.others)
    described, extractor = _described(labelled, with_faces=not options.no_faces)
    _say("Learning ...")
    subject = _given_out(teach.teach(name, described, extractor, version=_next_version(out)), options)
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


def _given_out(subject: Subject, options: argparse.Namespace) -> Subject:
    """The subject as it is written: without single faces, if that was asked for."""
    if subject.faces is None or not options.leave_out_faces:
        return subject
    return dataclasses.replace(subject, faces=subject.faces.without_examples())


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
    words += ["--no-faces"] * options.no_faces + ["--leave-out-faces"] * options.leave_out_faces
    return shlex.join(words)


# -- fit, event by event


@dataclass(frozen=True)
class _Lesson:
    """What to learn from, and what becomes of the subject that comes of it."""

    name: str
    labelled: list[Labelled]
    champion: Subject | None
    place: Path  # of what an unfinished training keeps
    keep: Callable[[Subject, bool], tuple[Path | None, int]]
    """(subject, adopt) to its file (None: only where it was made) and its number in the library."""


def _fit_by_events(options: argparse.Namespace) -> int:
    settings = Settings(
        **{field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)}
    )
    lesson = _lesson_of_labels(options) if options.labels_of else _lesson_of_folder(options)
    remote = _Remote(options.events)
    place = options.place or lesson.place
    if options.look:
        steps = finetune.look(lesson.labelled, lesson.name, settings, folder=place, control=remote.command)
    elif options.deep:
        steps = finetune.fit(
            lesson.labelled,
            lesson.name,
            settings,
            folder=place,
            champion=lesson.champion,
            resume=options.resume,
            with_faces=not options.no_faces,
            control=remote.command,
        )
    else:
        steps = _quick(lesson, remote, options)
    teller = _Teller(options.events)
    code = 0
    with contextlib.closing(steps):
        for event in steps:
            if isinstance(event, finetune.Finished) and options.deep:
                event = _kept(event, lesson, options, place)
            teller.tell(event)
            if isinstance(event, finetune.Stopped) and not options.events:
                code = 1
    return code


def _lesson_of_folder(options: argparse.Namespace) -> _Lesson:
    name: str = options.subject
    out = _out(options.out, name)
    labelled = _settled(teach.collect(options.folder, name, options.others), name, options.settle)
    try:
        champion = Subject.load(out) if out.exists() else None
    except SubjectUnreadable:
        champion = None
    where = f"{options.folder.resolve()}\0{name}"
    place = _trainings() / hashlib.sha256(os.fsencode(where)).hexdigest()[:16]

    def keep(subject: Subject, adopt: bool) -> tuple[Path | None, int]:
        if not adopt:
            return None, 0
        try:
            subject.save(out)
        except OSError as error:
            raise Refused(_unwritable(str(out), error, "--out")) from error
        return out, 0

    return _Lesson(name, labelled, champion, place, keep)


def _lesson_of_labels(options: argparse.Namespace) -> _Lesson:
    id: str = options.labels_of
    subjects = Subjects()
    try:
        entry = subjects.get(id)
    except KeyError as error:
        known = ", ".join(entry.id for entry in subjects.all())
        raise Refused(f"There is no subject with the id “{id}”. There are: {known}.") from error
    try:
        champion = subjects.load(entry)
    except SubjectUnreadable:
        champion = None
    names = {look_alike.id: look_alike.name for look_alike in entry.look_alikes}
    labelled = []
    with Ledger() as ledger:
        of_faces, of_new_faces = ledger.faces_said(id), ledger.faces_unhashed(id)
        for file, digest, said in ledger.photos(id):
            is_subject = said.verdict is Verdict.SUBJECT
            group = entry.name if is_subject else names.get(said.group, f"not_{entry.name}")
            faces = (*of_faces.get(digest or b"", ()), *of_new_faces.get(file, ()))
            look_alike = "" if is_subject else said.group
            labelled.append(Labelled(file, is_subject, group, look_alike, faces))

    def keep(subject: Subject, adopt: bool) -> tuple[Path | None, int]:
        method: Method = "deep" if subject.network is not None else "quick"
        version = subjects.add_version(id, subject, method=method, adopt=adopt)
        return version.path, version.number

    labelled = _settled(labelled, entry.name, options.settle)
    return _Lesson(entry.name, labelled, champion, _trainings() / f"of-{id}", keep)


def _trainings() -> Path:
    return paths.data_dir() / "trainings"


def _settled(labelled: list[Labelled], name: str, file: Path | None) -> list[Labelled]:
    """The labels, with what was chosen for photos that were said to be both. Raises Refused."""
    if file is None:
        return labelled
    try:
        chosen = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(chosen, dict) or not {*chosen.values()} <= {"subject", "not", "out"}:
            raise ValueError("not what was chosen")
    except OSError as error:
        raise Refused(f"“{file}” can't be opened: {error.strerror or error}.") from error
    except (ValueError, TypeError) as error:
        raise Refused(f"“{file}” does not say of photos, by path, “subject”, “not” or “out”.") from error
    settled = []
    for item in labelled:
        side = chosen.get(item.file.path, "subject" if item.is_subject else "not")
        if side == "out":
            continue
        if (side == "subject") != item.is_subject:
            group = name if side == "subject" else f"not_{name}"
            item = dataclasses.replace(item, is_subject=side == "subject", group=group, look_alike="")
        settled.append(item)
    return settled


def _quick(
    lesson: _Lesson, remote: _Remote, options: argparse.Namespace
) -> Generator[finetune.Event, None, None]:
    """The quick way, told by the same events as the deep one."""
    name, labelled, with_faces = lesson.name, lesson.labelled, not options.no_faces
    adopt = _adopts(options.adopt, True) or options.folder is not None
    for side, kind in ((True, name), (False, "others")):
        if not any(item.is_subject == side for item in labelled):
            raise Refused(f"There are no photos of {kind} to learn from. Label some first.")
    yield finetune.Preparing("Waking up the network")
    extractor = extractors.load(None, _downloading())
    start = time.monotonic()
    with contextlib.closing(teach.describe(labelled, extractor, with_faces=with_faces)) as steps:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                described: Described = end.value
                break
            yield from remote.wait()
            if remote.command() in ("stop", "end"):
                yield finetune.Stopped("Stopped. The subject is as it was.")
                return
            steps_of_all = step.total * (2 if with_faces else 1)  # each photo as a whole, then for its faces
            done = step.done + step.total * step.for_faces
            rate = done / max(time.monotonic() - start, 1e-3)
            left = (steps_of_all - done) / max(rate, 1e-3) if done else 0.0
            yield finetune.Batch(done, steps_of_all, 0, 0.0, 0.0, rate, left)
    counts = Counter((not item.is_subject, item.group) for item in described.photos)
    yield finetune.Found(
        tuple(
            finetune.FoundGroup(group, not other, number, 0)
            for (other, group), number in sorted(counts.items())
        ),
        0,
        described.repeated,
        described.unreadable,
        len(described.photos),
        0,
        0,
        (),
    )
    yield finetune.Preparing("Learning")
    version = lesson.champion.version + 1 if lesson.champion is not None else 1
    subject = teach.teach(name, described, extractor, version=version)
    if lesson.champion is not None:
        subject = dataclasses.replace(subject, zones=lesson.champion.zones, evidence=lesson.champion.evidence)
    file, number = lesson.keep(_given_out(subject, options), adopt)
    if subject.figures is None:
        sentence = "There are too few photos to leave any out, so it is not known how often it is right."
    else:
        share = judging.per_cent(finetune.balanced_share(subject.figures))
        sentence = (
            f"On {len(described.photos):,} photos, each judged by what the others taught, it is right about"
            f" {share} of the time, {name} and others weighing the same."
        )
    sentence = f"{sentence} {described.trouble}".strip()
    yield finetune.Finished(str(file), subject.figures, None, True, sentence, number, adopt)


def _kept(
    finished: finetune.Finished, lesson: _Lesson, options: argparse.Namespace, place: Path
) -> finetune.Finished:
    """Put the new subject where it belongs."""
    adopt = _adopts(options.adopt, finished.better)
    subject = Subject.load(finished.file)
    if options.leave_out_faces and subject.holds_faces:  # nor where an unfinished training is kept
        _given_out(subject, options).save(finished.file)
        subject = Subject.load(finished.file)
    written, number = lesson.keep(subject, adopt)
    file = written or Path(finished.file)
    if options.log != "none":
        _keep_logs(place, file)
    return dataclasses.replace(finished, file=str(file), version=number, adopted=adopt)


def _adopts(wish: str, better: bool) -> bool:
    return wish == "always" or (wish == "if-better" and better)


def _keep_logs(place: Path, file: Path) -> None:
    """Copy the logs beside the subject; without them it is none the worse."""
    logs = file.with_name(f"{file.stem}-log")
    if (place / "log").is_dir() and logs != place / "log":
        with contextlib.suppress(OSError):
            shutil.copytree(place / "log", logs, dirs_exist_ok=True)
            shutil.rmtree(place / "log")


class _Remote:
    """What whoever started this wants, as they say it line by line on stdin."""

    def __init__(self, listening: bool) -> None:
        self._wish: finetune.Command = "go"
        if listening and finetune.rank() == 0 and sys.stdin is not None:
            threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def command(self) -> finetune.Command:
        return self._wish

    def wait(self) -> Iterator[finetune.Event]:
        """Return when not to wait any more."""
        if self._wish == "pause":
            yield finetune.Paused()
            while self._wish == "pause":
                time.sleep(0.1)
            yield finetune.Resumed()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in sys.stdin:
                match line.strip():
                    case "pause":
                        self._wish = "pause"
                    case "go":
                        self._wish = "go"
                    case "stop":
                        self._wish = "stop"
                        return
        self._wish = "end"  # who started this is gone


class _Teller:
    """Says what happens: as events, or in words."""

    def __init__(self, events: bool) -> None:
        self._events = events
        self._silent = finetune.rank() > 0
        self._meter = _Meter()

    def tell(self, event: finetune.Event) -> None:
        if self._silent:
            return
        if self._events:
            print(event.to_json(), flush=True)
            return
        match event:
            case finetune.Preparing(total=total) if total:
                self._meter.show(event.done, total)
            case finetune.Batch(epoch=0):
                self._meter.show(event.step, event.steps)
            case finetune.Batch():
                pass
            case _:
                self._meter.end_line()
                for line in self._words(event):
                    _say(line)
                if isinstance(event, finetune.Finished) and event.challenger is not None:
                    print(event.challenger.text(), end="")

    def _words(self, event: finetune.Event) -> Iterator[str]:
        match event:
            case finetune.Preparing():
                yield f"{event.words} ..."
            case finetune.Found():
                for group in event.groups:
                    yield f"{group.group}: {group.photos:,} photos, {group.held_out:,} of them held out"
                if event.unreadable:
                    yield f"{len(event.unreadable):,} of the photos can't be opened and are left out:"
                    yield from (f"  {path} {reason}" for path, reason in event.unreadable)
                for paths_ in event.conflicts:
                    yield f"The same photo is said to be both, and is left out: {', '.join(paths_)}"
                if event.repeated:
                    yield f"{event.repeated:,} of the photos are exact copies of others and count once."
                yield from event.words
            case finetune.Estimated():
                yield f"This will take about {max(1, round(event.seconds / 60)):,} minutes at most."
            case finetune.Baseline():
                yield f"The quick way: {judging.per_cent(event.quick)} right on the {event.photos:,} photos checked."
            case finetune.Epoch():
                yield (
                    f"Epoch {event.number} of {event.of}: loss {event.training_loss:.3f}, checked"
                    f" {event.validation_loss:.3f}; right {judging.per_cent(event.training_right)}, checked"
                    f" {judging.per_cent(event.validation_right)}; {event.seconds:.1f} s"
                )
            case finetune.Checkpoint():
                if event.words:
                    yield event.words
            case finetune.Finished():
                yield event.sentence
                yield f"Written: {event.file}"
            case finetune.Stopped():
                yield event.words
                if event.can_resume:
                    yield "The same command with --resume goes on from there."


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
    described, _ = _described(labelled, subject, with_faces=subject.faces is not None)
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


def _described(
    labelled: list[Labelled], subject: Subject | None = None, *, with_faces: bool
) -> tuple[Described, Extractor]:
    """Describe the photos, telling on stderr how far it is and what could not be opened."""
    _say(f"{len(labelled):,} photos found. Waking up the network ...")
    extractor = _extractor(subject)
    described = _told(teach.describe(labelled, extractor, with_faces=with_faces))
    if described.trouble:
        _say(described.trouble)
    if described.unreadable:
        _say(f"{len(described.unreadable):,} of the photos can't be opened and are left out:")
        for path, reason in described.unreadable:
            _say(f"  {path} {reason}")
    if described.repeated:
        _say(f"{described.repeated:,} of the photos are exact copies of others and count once.")
    return described, extractor


def _extractor(subject: Subject | None) -> Extractor:
    """What describes photos for a subject; for None, what describes them for new ones."""
    if subject is None or subject.network is None:
        return extractors.load(subject.spec if subject else None, _downloading())
    return extractors.load(subject.spec, _downloading(), network=subject.network)


def _told(steps: Generator[Progress, None, Described]) -> Described:
    """Run to the end, telling how far it is."""
    meter, for_faces = _Meter(), False
    try:
        while True:
            step = next(steps)
            if step.for_faces and not for_faces:
                meter.end_line()
                _say("Looking for faces ...")
                meter, for_faces = _Meter(), True
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
