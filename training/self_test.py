"""Tries out all that the program does without a window, on pictures that were drawn for that: `lennonnet --self-test`.

A trial gets an empty folder and returns, in a few words, what it found to be so. It raises Lie where something that is
promised does not hold; any other exception is as bad. Whatever the trials keep goes where LENNONNET_HOME says, so
whoever runs them sets it to a place of its own first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import multiprocessing
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import __version__, paths, photos, scoring, sorting, sorting_run, xmp_tags
from training.faces import FaceTable, Look
from training.learning import FolderFeatures, Labels, Learned, Learner, Rescored
from training.photos import PhotoFile, UnreadablePhoto
from training.scoring import Failed, Preparing, Scored
from training.sorting import Action, Fate, Item, Rules
from training.sorting_journal import Journal
from training.subject import Subject, SubjectUnreadable
from training.subjects import SubjectEntry, Subjects
from training.trial import Lie, Trial
from training.verdicts import Ledger, Said, Verdict
from training.zones import Zone

Colour = tuple[int, int, int]

STARTER = "subjects/john.safetensors"
FACE, FEATURES = "face.jpg", "face.features"
"""Names in resources/samples: a drawn face, and what the built-in network makes of it, as float16."""

SIZE = (64, 48)
"""Of all samples but the face: upright, in pixels."""

RED, GREEN, BLUE, YELLOW, WHITE = (200, 40, 40), (40, 170, 60), (40, 70, 190), (225, 200, 60), (255, 255, 255)
QUARTERS: tuple[Colour, ...] = (RED, GREEN, BLUE, YELLOW)
"""What samples show, upright: the colours at top left, top right, bottom left and bottom right."""

_TAKEN, _CAMERA = "2021-03-04T05:06:07", "Lennonnet Test Camera"
_KINDS = {"coarse": 5, "fine": 24}  # drawn photos that are easily told apart: so many spots wide
_PHOTO = (96, 72)
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """A file in resources/samples, and what it has to show.

    form: as Photo.format has it; near: how far colours may be off (0 to 255); facts: whether it has a camera and date
    """

    name: str
    form: str
    near: int = 4
    facts: bool = False
    colours: tuple[Colour, ...] = QUARTERS


SAMPLES = (
    Sample("turned.jpg", "JPEG", facts=True),
    Sample("display-p3.jpg", "JPEG", 6),
    Sample("four-inks.jpg", "JPEG"),
    Sample("sixteen-bits.png", "PNG", 1),
    Sample("turned-transparent.png", "PNG", 1, True, (RED, GREEN, BLUE, WHITE)),
    Sample("turned.webp", "WebP", facts=True),
    Sample("lossless.webp", "WebP", 1),
    Sample("turned.heic", "HEIC", facts=True),
    Sample("ten-bits.heic", "HEIC"),
    Sample("turned.avif", "AVIF", facts=True),
    Sample("turned-lzw.tif", "TIFF", 1, True),
    Sample("deflate.tif", "TIFF", 1),
    Sample("jpeg-inside.tif", "TIFF"),
    Sample("two-frames.gif", "GIF", 1),
    Sample("plain.bmp", "BMP", 1),
    Sample("turned-preview.dng", "DNG", facts=True),
    Sample("sensor.dng", "DNG", 45, True),  # how bright a developed picture is, is a matter of taste
)


# -- what is in it


def libraries(_folder: Path) -> str:
    """Which libraries the program runs with, and what they were built with."""
    import PIL
    import pillow_heif
    import rawpy
    from PIL import features

    from training import torch_runtime

    torch = torch_runtime.load()
    import timm

    built = {
        "jpg": features.version_feature("libjpeg_turbo")
        and f"turbo {features.version_feature('libjpeg_turbo')}",
        **{name: features.version(name) for name in ("zlib", "libtiff", "webp", "avif", "littlecms2")},
    }
    lacking = [name for name in built if not features.check(name)]
    if lacking:
        raise Lie(f"Pillow was built without {', '.join(lacking)}")
    with_what = [
        name
        for name, there in (
            ("MKL-DNN", torch.backends.mkldnn.is_available()),
            ("OpenMP", torch.backends.openmp.is_available()),
            ("LAPACK", torch._C.has_lapack),
            ("CUDA", torch.cuda.is_available()),
        )
        if there
    ]
    if "LAPACK" not in with_what:
        raise Lie("torch was built without LAPACK")
    pillow = ", ".join(f"{name} {version or ''}".strip() for name, version in built.items())
    return (
        f"Lennonnet {__version__}, Python {platform.python_version()}, torch {torch.__version__}"
        f" ({', '.join(with_what)}), torchvision {_version('torchvision')}, timm {timm.__version__},"
        f" pytorch-lightning {importlib.metadata.version('pytorch-lightning')}, numpy {np.__version__},"
        f" SQLite {sqlite3.sqlite_version}, Pillow {PIL.__version__} ({pillow}), pillow-heif"
        f" {pillow_heif.__version__} (libheif {pillow_heif.libheif_version()}), rawpy {_version('rawpy')} (LibRaw"
        f" {'.'.join(map(str, rawpy.libraw_version))})"
    )


def _version(name: str) -> str:
    return str(sys.modules[name].__version__)


def licence_texts(_folder: Path) -> str:
    """Every part of the program has its licence with it."""
    from training import licences

    found = licences.load()
    silent = [one.name for one in found if not any(text.text.strip() for text in one.texts)]
    lacking = {"pyside6_essentials", "torch", "pillow", "python"} - {one.name.casefold() for one in found}
    if silent or lacking:
        raise Lie(f"no licence for {', '.join((*silent, *sorted(lacking)))}")
    return f"{len(found)} parts, each with its licence"


# -- photos


def sample(name: str) -> Path:
    """A sample's file."""
    return paths.resource(f"samples/{name}")


def open_photos(folder: Path) -> str:
    """Every format is decoded, upright and in true colours, large and reduced; what is cut off is refused."""
    lies = []
    for one in SAMPLES:
        try:
            _look_at(one)
        except (Lie, UnreadablePhoto) as error:
            lies.append(str(error).replace(str(sample(one.name)), one.name))
    for name, content, reason in (
        ("cut.jpg", sample(FACE).read_bytes()[:3000], "is cut off"),
        ("noise.heic", b"\0\0\0\x18ftypheic" + bytes(range(256)), "is"),
        ("empty.png", b"", "is empty"),
    ):
        (folder / name).write_bytes(content)
        try:
            photos.load(folder / name)
            lies.append(f"{name}, which is no picture, was opened")
        except UnreadablePhoto as error:
            if not error.reason.startswith(reason):
                lies.append(f"{name} {error.reason}, it was said, but it {reason}")
    if lies:
        raise Lie("; ".join(lies))
    forms = dict.fromkeys(one.form for one in SAMPLES)
    return f"{', '.join(forms)} are read, upright and in true colours ({len(SAMPLES)} files)"


def _look_at(one: Sample) -> None:
    """Raises Lie and UnreadablePhoto."""
    for short_side in (256, SIZE[1] // 4):
        photo = photos.load(sample(one.name), short_side=short_side)
        if (photo.width, photo.height) != SIZE:
            raise Lie(f"{one.name} is {SIZE[0]} × {SIZE[1]}, not {photo.width} × {photo.height}")
        if photo.format != one.form:
            raise Lie(f"{one.name} is {one.form}, not {photo.format}")
        seen = quarters_of(photo.pixels)
        off = np.abs(np.subtract(seen, one.colours)).max()
        if off > one.near + (short_side < SIZE[1]):
            raise Lie(f"{one.name} shows {seen} instead of {list(one.colours)}")
        if one.facts and (photo.taken, photo.camera) != (_TAKEN, _CAMERA):
            raise Lie(f"{one.name} was taken {_TAKEN} by {_CAMERA}, not {photo.taken} by {photo.camera}")


def quarters_of(pixels: NDArray[np.uint8]) -> list[Colour]:
    """The colours in the middle of a picture's quarters; pixels: (H, W, 3)."""
    height, width = pixels.shape[:2]
    return [
        tuple(int(part) for part in np.median(pixels[y - 1 : y + 2, x - 1 : x + 2], axis=(0, 1)))  # type: ignore[misc]
        for y in (height // 4, 3 * height // 4)
        for x in (width // 4, 3 * width // 4)
    ]


def draw_photos(folder: Path, each: int = 12) -> dict[str, list[PhotoFile]]:
    """Draw photos of two kinds, "coarse" and "fine", no two alike; gives them by kind."""
    for number, (kind, spots) in enumerate(_KINDS.items()):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for one in range(each):
            noise = np.random.default_rng([number, one]).integers(0, 256, (spots, spots, 3), np.uint8)
            drawn = Image.fromarray(noise).resize(_PHOTO, Image.Resampling.BICUBIC)
            drawn.save(folder / kind / f"{kind} {one}.jpg", "JPEG", quality=90)
    return {kind: _scanned(folder / kind) for kind in _KINDS}


def _scanned(folder: Path) -> list[PhotoFile]:
    return [file for batch in photos.scan(folder) for file in batch]


# -- scores


def score(folder: Path) -> str:
    """The starter scores photos, by features that are as they should be, and finds all in the cache then."""
    subject = Subject.load(paths.resource(STARTER))
    drawn = draw_photos(folder, 4)
    files = [*drawn["coarse"], *drawn["fine"], _file(sample(FACE))]
    first, loaded = _scores(files, subject)
    again, loaded_again = _scores(files, subject)
    if not loaded or loaded_again:
        raise Lie("photos that were scored a moment ago were not known again")
    if any(abs(first[path][0] - again[path][0]) > 1e-6 for path in first):
        raise Lie("from the cache, photos have other scores than before")
    wanted = np.frombuffer(sample(FEATURES).read_bytes(), "<f2").astype(np.float32)
    found = first[files[-1].path][1].astype(np.float32)
    if wanted.shape != found.shape:
        raise Lie(f"the network gives {len(found)} numbers instead of {len(wanted)}")
    alike = float(wanted @ found) / max(1e-9, float(np.linalg.norm(wanted) * np.linalg.norm(found)))
    if not alike > 0.99:
        raise Lie(f"the network sees something else in {FACE} than it should (alike to {alike:.3f})")
    return f"{len(files)} photos scored for {subject.name} by {len(wanted):,} features each, and found again"


def _scores(
    files: Sequence[PhotoFile], subject: Subject
) -> tuple[dict[str, tuple[float, NDArray[Any]]], bool]:
    """Probability and features of each photo, and whether the network was asked. Raises Lie."""
    found: dict[str, tuple[float, NDArray[Any]]] = {}
    asked = False
    for event in scoring.score(files, subject, may_download=False):
        if isinstance(event, Failed):
            raise Lie(f"{Path(event.path).name} {event.reason}")
        asked = asked or isinstance(event, Preparing)
        if isinstance(event, Scored):
            said = zip(event.paths, event.probabilities.tolist(), event.vectors, strict=True)
            found.update((path, (probability, vector)) for path, probability, vector in said)
    missing = [file.path for file in files if file.path not in found]
    if missing:
        raise Lie(f"{len(missing)} of {len(files)} photos were not scored")
    if not all(0 < probability < 1 for probability, _ in found.values()):
        raise Lie("a probability does not lie between 0 and 1")
    return found, asked


def _file(path: Path) -> PhotoFile:
    facts = path.stat()
    return PhotoFile(str(path), facts.st_size, facts.st_mtime_ns)


def find_faces(folder: Path) -> str:
    """The face networks find the drawn face where it is, and nobody elsewhere, and know it again."""
    subject = Subject.load(paths.resource(STARTER))
    nobody = draw_photos(folder, 1)["coarse"]
    files = [_file(sample(FACE)), _mirrored(folder), *nobody]
    _scores(files, subject)
    tables: dict[str, Any] = {}
    for event in scoring.look_for_faces(files, subject, Look.QUICK):
        if isinstance(event, Failed):
            raise Lie(f"{Path(event.path).name} {event.reason}")
        if isinstance(event, Scored):
            tables.update((path, event.table.of_photo(row)) for row, path in enumerate(event.paths))
    counts = [-1 if tables.get(file.path) is None else len(tables[file.path]) for file in files]
    if counts != [1, 1, 0]:
        raise Lie(f"in the photos of 1, 1 and no face, {', '.join(map(str, counts))} were found")
    face, mirrored = (tables[file.path][0] for file in files[:2])
    left, top, right, bottom = face["box"].tolist()
    if not (0 < left < 0.4 < 0.6 < right < 1 and 0 < top < 0.48 < 0.72 < bottom < 1):
        raise Lie(f"the face was found at {left:.2f}, {top:.2f}, {right:.2f}, {bottom:.2f}, where it is not")
    one, other = (row["descriptor"].astype(np.float32) for row in (face, mirrored))
    apart = float(np.linalg.norm(one - other))
    if not (0.5 < float(np.linalg.norm(one)) < 3 and apart < 0.45):
        raise Lie(f"the same face, mirrored, was not known again (it differs by {apart:.2f})")
    return f"the drawn face is found and, mirrored, known again ({apart:.2f} apart)"


def _mirrored(folder: Path) -> PhotoFile:
    path = folder / "mirrored.png"
    Image.fromarray(photos.load(sample(FACE)).pixels[:, ::-1]).save(path, "PNG")
    return _file(path)


# -- labels


def label(folder: Path) -> str:
    """Labels are kept, taken back, brought back and learned from, at once."""
    drawn = draw_photos(folder, 8)
    kinds = {Verdict.SUBJECT: drawn["coarse"], Verdict.NOT_SUBJECT: drawn["fine"]}
    labelled = {
        verdict: [(file, photos.digest(file.path)) for file in files[:4]] for verdict, files in kinds.items()
    }
    who = "self-test"
    with Ledger() as ledger:
        for verdict, items in labelled.items():
            ledger.label(items, who, verdict, "key")
        ledger.undo(who)
        if {said.verdict for said in ledger.said(who).values()} != {Verdict.SUBJECT}:
            raise Lie("a label that was taken back still holds")
        ledger.redo(who)
    with Ledger() as ledger:
        said = ledger.said(who)
        if len(ledger.history(who)) != 2:
            raise Lie("the history of labels is not as it was")
    if said != {digest: Said(verdict) for verdict, items in labelled.items() for _, digest in items}:
        raise Lie("labels were not kept as they were given")
    right = _learn(said, [*drawn["coarse"], *drawn["fine"]], drawn["coarse"])
    return f"8 labels kept, 4 of them taken back and brought back; learned from them, {right} of 16 are right"


def _learn(said: dict[bytes, Said], files: list[PhotoFile], subjects: list[PhotoFile]) -> int:
    """How many photos are judged rightly after learning from labels. Raises Lie."""
    starter = Subject.load(paths.resource(STARTER))
    features = FolderFeatures()
    for event in scoring.score(files, starter, may_download=False):
        if isinstance(event, Scored):
            features.add(event.paths, event.digests, event.vectors, FaceTable.none(len(event.paths)))
    learner = Learner(None, starter.spec)
    judged: dict[str, float] = {}
    learned = None
    for step in learner.learn(Labels(said), features.blocks()):
        if isinstance(step, Learned):
            learned = step
        elif isinstance(step, Rescored):
            judged.update(zip(step.paths, step.judged.probabilities.tolist(), strict=True))
    if learned is None or learned.labels != len(said):
        raise Lie("not all labels were learned from")
    shows = {file.path for file in subjects}
    right = sum((probability > 0.5) == (path in shows) for path, probability in judged.items())
    if right < len(files) - 2:
        raise Lie(f"after {len(said)} labels, only {right} of {len(files)} photos are judged rightly")
    return right


def subject_files(folder: Path) -> str:
    """A subject is written and read, as it was; a damaged one is refused."""
    starter = Subject.load(paths.resource(STARTER))
    file = folder / "jürgen’s.safetensors"
    dataclasses.replace(starter, name="Jürgen").save(file)
    read = Subject.load(file)
    if read.name != "Jürgen" or not np.array_equal(read.head.weight, starter.head.weight):
        raise Lie("a subject came back otherwise than it was written")
    if (read.spec, read.zones, read.figures) != (starter.spec, starter.zones, starter.figures):
        raise Lie("a subject’s figures came back otherwise than they were written")
    if (read.faces is None) != (starter.faces is None):
        raise Lie("a subject’s faces got lost")
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    with contextlib.suppress(SubjectUnreadable):
        Subject.load(file)
        raise Lie("a damaged subject was taken for a whole one")
    return f"“{starter.name}” read, written and read again; damaged, it is refused"


# -- sorting


_SIDECAR = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
)
_DONE = {Action.MOVE: "moved", Action.COPY: "copied", Action.LINK: "linked", Action.TAG: "tagged"}


def sort(folder: Path) -> str:
    """Photos are planned, moved, copied, linked and tagged, and all is byte by byte as it was after undo."""
    drawn = draw_photos(folder / "photos", 3)
    photo = folder / "photos" / "coarse" / "coarse 0.jpg"
    photo.with_suffix(".xmp").write_text(_SIDECAR, encoding="utf-8")
    before = _tree(folder)
    items = [
        Item(file, photos.digest(file.path), 0.95 if kind == "coarse" else 0.05)
        for kind, files in drawn.items()
        for file in files
    ]
    with Journal(folder.parent / "sort.journal") as journal:
        for action in Action:
            rules = Rules(action, "coarse", str(folder / "sorted"))
            if action is Action.TAG:
                rules = dataclasses.replace(rules, to_subject="People/{subject}", to_not_subject=None)
            plan = sorting.plan(items, rules)
            going = sum(rules.target(zone) is not None for zone in (Zone.SUBJECT, Zone.NOT_SUBJECT)) * 3
            if plan.counts[Fate.GOES] != going:
                raise Lie(f"{plan.counts[Fate.GOES]} photos are to be {_DONE[action]} instead of {going}")
            _carry_out(sorting_run.run(plan, journal), going)
            _look_after(action, photo, folder / "sorted" / "coarse" / photo.name)
            _carry_out(sorting_run.undo(journal.runs()[0].id, journal), going)
            if _tree(folder) != before:
                raise Lie(f"after photos were {_DONE[action]}, not all could be brought back as it was")
    return f"{len(items)} photos with a sidecar planned, {', '.join(_DONE.values())}, and as they were after undo"


def _look_after(action: Action, photo: Path, target: Path) -> None:
    """See whether a photo is where it belongs after an action, with its sidecar. Raises Lie."""
    lies, moved = target if action is not Action.TAG else photo, action is Action.MOVE
    if not lies.is_file() or not lies.with_suffix(".xmp").is_file():
        raise Lie(f"what was {_DONE[action]} is not where it belongs")
    if photo.exists() == moved:
        raise Lie(f"after photos were {_DONE[action]}, their originals {'stayed' if moved else 'are gone'}")
    tags = xmp_tags.read(lies.with_suffix(".xmp").read_bytes())
    if tags != ({"People/coarse"} if action is Action.TAG else set()):
        raise Lie(
            f"after photos were {_DONE[action]}, there are the tags {', '.join(sorted(tags)) or 'none'}"
        )


def _carry_out(events: sorting_run.Events, number: int) -> None:
    """Raises Lie where not all photos came through."""
    last = None
    for last in events:
        if isinstance(last, sorting_run.Failed):
            raise Lie(f"{Path(last.row.file.path).name} {last.why}")
    if not isinstance(last, sorting_run.Finished) or last.counts.moved != number:
        raise Lie(f"a sorting did not come to its end: {getattr(last, 'words', last)}")


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    } | {path.relative_to(folder).as_posix() + "/": b"" for path in folder.rglob("*") if path.is_dir()}


# -- helpers


def helper(_folder: Path) -> str:
    """The program can be started once more as a helper process of its own, and that gives an answer."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with ours:
        process = context.Process(target=_answer, args=(theirs, [21, "ü"]), daemon=True)
        process.start()
        theirs.close()
        try:
            if not ours.poll(_PATIENCE_S):
                raise Lie(f"a helper process gave no answer within {_PATIENCE_S} s")
            number, text, pid = ours.recv()
        except EOFError:
            process.join(5)
            raise Lie(f"a helper process ended without an answer (status {process.exitcode})") from None
        finally:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
    if (number, text) != (42, "ü") or pid in (0, os.getpid()):
        raise Lie(f"a helper process answered {number!r} and {text!r} instead of 42 and 'ü'")
    return "a process of its own was started, and answered"


def _answer(pipe: Connection, asked: list[Any]) -> None:
    number, text = asked
    pipe.send((2 * number, text, os.getpid()))
    pipe.close()


# -- training, which is begun from the window's side


def label_for_training(folder: Path, name: str) -> SubjectEntry:
    """A new subject with 12 photos labelled as it and 12 as others, for `fit --labels-of`."""
    drawn = draw_photos(folder / "photos")
    entry = Subjects().create(name)
    with Ledger() as ledger:
        for kind, verdict in (("coarse", Verdict.SUBJECT), ("fine", Verdict.NOT_SUBJECT)):
            items = [(file, photos.digest(file.path)) for file in drawn[kind]]
            ledger.label(items, entry.id, verdict, "drag")
    return entry


def check_trained(folder: Path, entry: SubjectEntry, method: str) -> str:
    """Whether the newest version of a subject was trained by this method and tells the photos apart. Raises Lie."""
    newest = max(Subjects().versions(entry.id), key=lambda one: one.number, default=None)
    if newest is None or newest.method != method:
        raise Lie("no new version of the subject was kept")
    subject = Subject.load(newest.path)
    if (subject.network is not None) != (method == "deep"):
        raise Lie("the version that was kept has not the network that it should have")
    drawn = {kind: _scanned(folder / "photos" / kind) for kind in _KINDS}
    scores, _ = _scores([*drawn["coarse"], *drawn["fine"]], subject)
    right = sum(scores[file.path][0] > 0.5 for file in drawn["coarse"])
    right += sum(scores[file.path][0] < 0.5 for file in drawn["fine"])
    if right < 20:
        raise Lie(f"what was trained judges only {right} of 24 photos rightly")
    return f"version {newest.number} judges {right} of 24 photos rightly"


TRIALS: tuple[tuple[str, Trial], ...] = (
    ("photos", open_photos),
    ("scores", score),
    ("faces", find_faces),
    ("labels", label),
    ("subject", subject_files),
    ("sorting", sort),
    ("helper", helper),
    ("licences", licence_texts),
)
"""All trials for which no window is needed."""
