"""From labelled photos to a subject: what a folder says is the subject and what is not, learned and measured.

A collection is a folder with the subject's photos in `NAME/` and others in `not_NAME/`, whose subfolders are groups
(look-alikes, mostly); any number of further folders of others, each a group, may come along.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import evaluate, faces, features, head, judge, photos, scoring
from training.cache import FeatureCache
from training.crew import Unreadable, Worklist
from training.evaluate import Figures
from training.extractors import Extractor
from training.faces import FacesUnavailable, FaceTable, Look
from training.head import FittedHead
from training.knowledge import Knowledge, faces_by_number
from training.photos import FolderUnreadable, Photo, PhotoFile
from training.subject import Subject
from training.subjects import look_alike_id
from training.verdicts import Box, FaceSaid
from training.zones import Zones

FOLDS, MANY, FOLDS_OF_MANY = 20, 2000, 5
"""Into how many parts up to 2000 photos, and more of them, are dealt to measure on each what the others taught.

The more parts, the less the measured head lacks of the one that is kept; with many photos it lacks little anyway.
"""


class BadCollection(Exception):
    """A collection can't be learned from; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo, and what the folder it lies in, or the user, says of it.

    group: what figures and cards call its kind; look_alike: the id of the look-alike that it shows, or ""
    faces: what was said of single faces in it, each known by its box
    """

    file: PhotoFile
    is_subject: bool
    group: str
    look_alike: str = ""
    faces: tuple[tuple[Box, FaceSaid], ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """So many of the photos have been looked at; `for_faces`: once more, for the faces in them."""

    done: int
    total: int
    for_faces: bool = False


@dataclass(frozen=True)
class Described:
    """The photos of a collection that could be opened, with all that is learned from.

    features: (N, D) float16, as in the cache; views: the same of each photo cut wider, and of that mirrored
    fingerprints: (N, 64, 64) uint8; unreadable: (path, reason) of the others; repeated: copies that count once
    digests: (N) of the photos' bytes; table: their faces, or None where nobody has looked; trouble: why not, if asked
    """

    photos: tuple[Labelled, ...]
    features: NDArray[Any]
    views: tuple[NDArray[Any], ...]
    fingerprints: NDArray[np.uint8]
    unreadable: tuple[tuple[str, str], ...]
    repeated: int
    digests: tuple[bytes, ...] = ()
    table: FaceTable | None = None
    trouble: str = ""

    @property
    def is_subject(self) -> NDArray[np.bool_]:
        """(N,): whether each photo shows the subject."""
        return np.array([photo.is_subject for photo in self.photos], bool)

    @property
    def groups(self) -> list[str]:
        """(N,): each photo's group."""
        return [photo.group for photo in self.photos]

    @property
    def faces(self) -> LabelledFaces | None:
        """What there is to learn about faces from; None where nobody has looked for any."""
        return None if self.table is None else labelled_faces(self.photos, self.table, self.digests)


def collect(folder: Path, subject: str, others: Sequence[Path] = ()) -> list[Labelled]:
    """The photos of a collection, unopened, in the order of their names.

    Raises BadCollection if the folders are not as they should be or a kind of photo is missing.
    """
    if not subject.strip() or subject.strip(". ") == "" or Path(subject).name != subject:
        raise BadCollection(f"“{subject}” can't be a subject's name: it has to be the name of a folder.")
    inside = _folders(folder)
    yes, no = _named(inside, subject), _named(inside, f"not_{subject}")
    if yes is None:
        raise BadCollection(
            f"There is no folder “{subject}” in “{folder}”. Put the photos of {subject} into one of that name"
            f" and photos of others into “not_{subject}”."
        )
    if no is None and not others:
        raise BadCollection(
            f"There is no folder “not_{subject}” in “{folder}”. Put photos of others there, in subfolders by kind,"
            " or name folders of others with --not."
        )
    unknown = sorted(set(inside) - {yes, no})
    if unknown:
        raise BadCollection(
            f"“{folder}” holds the folder “{unknown[0].name}”, which is neither “{subject}” nor “not_{subject}”."
            f" Move it into “not_{subject}” if it is a group of others, or elsewhere."
        )
    found = [Labelled(file, True, subject) for file in _scan(yes)]
    if not found:
        raise BadCollection(f"There are no photos in “{yes}”. Put photos of {subject} there.")
    negative: list[Labelled] = []
    if no is not None:
        negative += [Labelled(file, False, f"not_{subject}") for file in _scan(no, recursive=False)]
        for group in _folders(no):
            negative += _others(group, subject)
    if no is not None and not negative:
        raise BadCollection(
            f"There are no photos in “{no}”. Put photos of others there, in subfolders by kind."
        )
    for other in others:
        more = _others(other, subject)
        if not more:
            raise BadCollection(f"There are no photos in “{other}”, which was named with --not.")
        negative += more
    return found + negative


def describe(
    labelled: Sequence[Labelled], extractor: Extractor, *, with_faces: bool = True
) -> Generator[Progress, None, Described]:
    """Open and describe the photos of a collection and, if asked, the faces in them.

    Yields how far it is, and returns the descriptions.

    What can't be opened is left out and named. Raises BadCollection if a whole kind of photo is left out, or if the
    very same photo (byte for byte) is said to be the subject and not to be.
    """
    by_path: dict[str, Labelled] = {}
    for item in labelled:
        known = by_path.setdefault(item.file.path, item)
        if known.is_subject != item.is_subject:
            raise BadCollection(
                f"“{item.file.path}” is among the photos of {known.group} and among those of {item.group}."
            )
    spec = extractor.spec
    wide = dataclasses.replace(spec, preprocessing=dataclasses.replace(spec.preprocessing, crop=1.0))
    seen: dict[str, tuple[NDArray[np.uint8], NDArray[Any]]] = {}

    def look(file: PhotoFile, photo: Photo) -> None:
        square = wide.prepare(photo.pixels)
        views = extractor.run(np.stack([square, square[:, ::-1]])).astype(np.float16)
        seen[file.path] = evaluate.fingerprint(photo.pixels), views

    work = Worklist([item.file for item in by_path.values()])
    vectors: dict[str, tuple[bytes, NDArray[Any]]] = {}
    unreadable: dict[str, str] = {}
    total = len(by_path)
    batches = features.extract(work, spec, lambda: extractor, decoded=look)
    try:
        for batch in batches:
            for result in batch:
                if isinstance(result, Unreadable):
                    unreadable[result.file.path] = result.reason
                else:
                    vectors[result.file.path] = result.facts.digest, result.vector
            yield Progress(len(vectors) + len(unreadable), total)
    finally:
        batches.close()

    kept: dict[bytes, Labelled] = {}
    for path, item in by_path.items():  # in the collection's order, not in that of the threads
        if path in vectors:
            same = kept.setdefault(vectors[path][0], item)
            if same.is_subject != item.is_subject:
                yes, no = (same, item) if same.is_subject else (item, same)
                raise BadCollection(
                    f"The same photo is among those of {yes.group} (“{yes.file.path}”) and among those of {no.group}"
                    f" (“{no.file.path}”). Remove one of them."
                )
    for side, kind in ((True, "of the subject"), (False, "of others")):
        if not any(item.is_subject == side for item in kept.values()):
            example = next((path for path in unreadable if by_path[path].is_subject == side), None)
            why = f", such as “{example}”, which {unreadable[example]}" if example else ""
            raise BadCollection(f"None of the photos {kind} can be opened{why}.")
    order = [item.file.path for item in kept.values()]
    table, trouble = None, ""
    if with_faces:
        try:
            table = yield from find_faces({digest: item.file for digest, item in kept.items()})
        except FacesUnavailable as error:
            trouble = str(error)
    # Where the network sees whole photos anyway, the wide cut shows nothing more, but its mirror image still does.
    views = (1,) if spec.preprocessing.crop >= 1.0 else (0, 1)
    return Described(
        photos=tuple(kept.values()),
        features=np.stack([vectors[path][1] for path in order]),
        views=tuple(np.stack([seen[path][1][view] for path in order]) for view in views),
        fingerprints=np.stack([seen[path][0] for path in order]),
        unreadable=tuple(sorted(unreadable.items())),
        repeated=len(vectors) - len(kept),
        digests=tuple(kept),
        table=table,
        trouble=trouble,
    )


def find_faces(files: Mapping[bytes, PhotoFile]) -> Generator[Progress, None, FaceTable]:
    """The faces in photos, by digest: found before, or looked for now; yields how far it is.

    A photo that can't be opened any more, or has other bytes now, is one that nobody has looked at.
    Raises FacesUnavailable.
    """
    looks = scoring.looks()
    with FeatureCache() as cache:
        known = cache.faces(list(files), looks)
        found = {digest: np.frombuffer(blob, faces.FACE) for digest, blob in known.items()}
        yield Progress(len(found), len(files), True)
        missing = [file for digest, file in files.items() if digest not in found]
        if missing:
            done = len(found)
            with contextlib.closing(faces.extract(Worklist(missing), Look.QUICK, faces.load)) as batches:
                for batch in batches:
                    seen = [one for one in batch if isinstance(one, faces.FacesOf)]
                    found.update((one.facts.digest, one.faces) for one in seen)
                    cache.store_faces([(one.file, one.facts, one.faces.tobytes()) for one in seen], looks[-1])
                    done += len(batch)
                    yield Progress(done, len(files), True)
    return FaceTable.of([found.get(digest) for digest in files])


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """What judge.fit learns from beside the scene, of N photos.

    look_alikes: (N,) ids, or ""; said: (N,) what was said of faces by number; digests: (N,)
    """

    look_alikes: tuple[str, ...]
    table: FaceTable
    said: tuple[Mapping[int, FaceSaid], ...]
    digests: tuple[bytes, ...]

    def take(self, rows: NDArray[np.intp]) -> LabelledFaces:
        """Those of some photos."""
        which = rows.tolist()
        return LabelledFaces(
            tuple(self.look_alikes[row] for row in which),
            self.table.take(rows),
            tuple(self.said[row] for row in which),
            tuple(self.digests[row] for row in which),
        )

    def fit(
        self, fitted: FittedHead, is_subject: NDArray[np.bool_], twins: NDArray[np.intp], name: str
    ) -> judge.Fitted:
        """Learn whose face the subject's is; `fitted`: what was learned of the same photos' scenes."""
        return judge.fit(
            fitted,
            is_subject,
            groups=self.look_alikes,
            twins=twins,
            table=self.table,
            digests=self.digests,
            face_said=self.said,
            folds=folds(len(is_subject)),
            name=name,
        )


def labelled_faces(photos_: Sequence[Labelled], table: FaceTable, digests: Sequence[bytes]) -> LabelledFaces:
    """Put together what is known of the faces in labelled photos; what was said goes to the face that it fits."""
    said: list[Mapping[int, FaceSaid]] = []
    for number, photo in enumerate(photos_):
        found = table.of_photo(number)
        said.append({} if found is None or not photo.faces else faces_by_number(found, photo.faces))
    return LabelledFaces(tuple(one.look_alike for one in photos_), table, tuple(said), tuple(digests))


def teach(name: str, described: Described, extractor: Extractor, *, version: int = 1) -> Subject:
    """Learn a subject from described photos, and measure it on photos that it did not learn from.

    Where there are too few photos to leave any out, the subject has no figures.
    """
    is_subject, groups = described.is_subject, described.groups
    twins = evaluate.find_twins(described.fingerprints, described.features)
    fitted = head.fit(
        described.features,
        is_subject,
        twins=twins,
        groups=np.array(groups),
        views=described.views,
        parts=extractor.parts,
        folds=folds(len(groups)),
    )
    zones = Zones()
    figures = None
    said, known = fitted.out_of_fold, None
    labelled = described.faces
    if labelled is not None:
        of_faces = labelled.fit(fitted, is_subject, twins, name)
        said, known = of_faces.out_of_fold, of_faces.faces
    if np.isfinite(said).all():
        figures = evaluate.measure(
            said, is_subject, groups, low=zones.low, high=zones.high, weights=fitted.balance
        )
    return Subject(
        name=name,
        head=fitted.head,
        zones=zones,
        spec=extractor.spec,
        counts=dict(Counter(groups)),
        figures=figures,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        version=version,
        faces=known,
    )


def examine(subject: Subject, described: Described) -> Figures:
    """What an existing subject gets right on described photos."""
    judged = Knowledge.of(subject).judge(described.features, described.table)
    return evaluate.measure(
        judged.probabilities,
        described.is_subject,
        described.groups,
        low=subject.zones.low,
        high=subject.zones.high,
    )


def folds(count: int) -> int:
    """Into how many parts so many photos are dealt."""
    return FOLDS if count <= MANY else FOLDS_OF_MANY


_OWN_WORDS = "## Where the photos come from"
_NO_WORDS = """
Not told yet. Say here whose photos these are and what they show: this section is kept when the card is written anew.
The file holds no photos, only numbers that were computed from them.
"""


def card(subject: Subject, described: Described, command: str, old: str = "") -> str:
    """The subject's card in Markdown; of an `old` card, the section on where the photos come from is kept."""
    title = subject.name[:1].upper() + subject.name[1:]
    lines = [
        f"# {title}",
        "",
        f"A subject of Lennonnet, version {subject.version}, trained {subject.created[:10]} with",
        "",
        f"    {command}",
        "",
        "## Trained on",
        "",
        "| group | photos |",
        "| --- | ---: |",
        *(f"| {_cell(group)} | {number:,} |" for group, number in subject.counts.items()),
        "",
        f"{len(described.photos):,} photos in all, each also in a wider cut and that one mirrored."
        + (f" {len(described.unreadable):,} could not be opened." if described.unreadable else "")
        + (f" Exact copies ({described.repeated:,}) count once." if described.repeated else ""),
        f"Features of the network {subject.spec.backbone}, {len(subject.head.weight):,} numbers a photo;"
        " one logistic regression on top of them.",
        "",
        *_of_faces(subject, described),
        "## Measured",
        "",
        *_measured(subject),
        "## Fails where",
        "",
        *_failings(subject, title),
        "",
        "",
    ]
    start = old.find(_OWN_WORDS)
    own = old[start:] if start >= 0 else f"{_OWN_WORDS}\n{_NO_WORDS}"
    return "\n".join(lines) + own.rstrip("\n") + "\n"


def _of_faces(subject: Subject, described: Described) -> Iterator[str]:
    """What faces have to do with it; the card says so because the file may hold some."""
    if subject.faces is None or described.table is None:
        return
    counts = np.diff(described.table.start)
    with_face = sum(1 for count, side in zip(counts, described.is_subject, strict=True) if count and side)
    held = len(subject.faces.examples)
    yield (
        f"And of faces: one or more were found in {int((counts > 0).sum()):,} of these photos, {with_face:,} of them of"
        " the subject. Each is 128 numbers of dlib's face network; "
        + (
            f"the file holds {held:,} of them, of the photos' kinds named above, to compare others with."
            if subject.holds_faces
            else "the file holds none of a single face: they were left out after it was measured."
        )
    )
    yield ""


def _measured(subject: Subject) -> Iterator[str]:
    figures = subject.figures
    if figures is None:
        yield "Not at all: there are too few photos to leave any out. Take its answers as guesses."
        yield ""
        return
    parts = folds(sum(subject.counts.values()))
    yield (
        f"On the same photos, in {parts} parts: what is said of each part was learned from the others, and near-twins"
        " (the same shot, recoloured, cut or mirrored) lie in the same part. Right means: above 0.5 for the subject,"
        " below for all others."
    )
    yield ""
    yield "| group | photos | right | with 95 % confidence | not sure |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for group in figures.groups:
        low, high = group.range
        yield (
            f"| {_cell(group.group)} | {group.photos:,} | {100 * group.share:.1f} % | {100 * low:.1f} to"
            f" {100 * high:.1f} % | {100 * group.unsure / max(1, group.photos):.1f} % |"
        )
    yield ""
    error = 100 * figures.calibration.expected_error
    yield (
        f"“Not sure” is the share between {subject.zones.low:g} and {subject.zones.high:g}."
        f" What is said and what is true differ by {error:.0f} points on average, counted as if there were as many"
        " photos of the subject as of what is mistaken for it; in a folder with fewer of the subject, more of those"
        " near 0.5 are others."
    )
    yield ""


def _failings(subject: Subject, title: str) -> Iterator[str]:
    if subject.figures is not None:
        wrong = sorted(
            (group for group in subject.figures.groups if group.right < group.photos),
            key=lambda group: group.share,
        )
        for group in wrong:
            missed = group.photos - group.right
            what = f"not recognised as {title}" if group.is_subject else f"taken for {title}"
            yield f"- {_cell(group.group)}: {missed} of {group.photos:,} {what}."
        if not wrong:
            yield "- Nowhere among the photos it was measured on, which is not to say nowhere."
    if subject.faces is None:
        yield f"- It looks at a photo as a whole: {title}, small, at the edge or among others, is easily missed."
    else:
        yield (
            f"- Where no face is found (in profile, tilted, tiny, in shadow), the photo as a whole decides: {title}"
            " is easily missed then."
        )
    yield "- Photos of a kind that is not in the table above were not measured."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _group(folder: Path, subject: str) -> str:
    """A group's name is its folder's; one named like the subject would pass for it in the figures."""
    name = folder.name if folder.name not in ("", "..") else folder.resolve().name
    return f"not_{subject}" if name.casefold() == subject.casefold() else name


def _others(folder: Path, subject: str) -> list[Labelled]:
    """The photos of a folder of others, which may be a look-alike's."""
    group = _group(folder, subject)
    look_alike = "" if group == f"not_{subject}" else look_alike_id(group)
    return [Labelled(file, False, group, look_alike) for file in _scan(folder)]


def _folders(folder: Path) -> list[Path]:
    """The folders in `folder` that are not hidden, by name. Raises BadCollection."""
    try:
        photos.scan(folder).close()  # has the words for what may be wrong with it
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except FolderUnreadable as error:
        raise BadCollection(str(error)) from error
    except OSError as error:
        raise BadCollection(f"The folder “{folder}” can't be listed: {error.strerror or error}.") from error


def _named(folders: Sequence[Path], name: str) -> Path | None:
    """The folder of that name; upper and lower case count only where there are several."""
    exact = [folder for folder in folders if folder.name == name]
    alike = [folder for folder in folders if folder.name.casefold() == name.casefold()]
    return next(iter(exact or alike), None)


def _scan(folder: Path, *, recursive: bool = True) -> list[PhotoFile]:
    try:
        return [file for batch in photos.scan(folder, recursive=recursive) for file in batch]
    except FolderUnreadable as error:
        raise BadCollection(str(error)) from error
