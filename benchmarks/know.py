"""Is it John? Faces and scene, alone and together, from few labels, in full, and on whole photos of many people.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.know ../shared/data [--draws 8] [--montages 200]

Whole photos are made from crops: scaled, tilted, blended into photos of strangers and of things. Near-twins, by their
picture or their face, never fall on both sides. Takes some minutes; what was looked at is kept beside, with --keep.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training import evaluate, extractors, face_head, face_roles, faces, head, judge, photos, teach
from training.face_head import Evidence, FaceHead
from training.face_roles import LabelledFaces
from training.faces import FaceFinder, FaceTable, Look
from training.head import FittedHead, sigmoid
from training.judge import Learned
from training.refit import Refitted, refit
from training.subject import Subject
from training.zones import Zones

Array = NDArray[Any]

THE_THREE = ("george", "paul", "ringo")
STRANGERS = ("people", "random")
COLUMNS = (("john",), THE_THREE, ("people",), ("random",))
HEADING = f"{'':34}   John  three people things   loss  Brier    ECE"


@dataclass(frozen=True)
class Photos:
    """N described photos: (N, D) features, views of them, their faces, truth and twins (by picture and by face)."""

    paths: tuple[str, ...]
    vectors: Array
    views: tuple[Array, ...]
    table: FaceTable
    is_subject: NDArray[np.bool_]
    group: Array
    twins: NDArray[np.intp]
    parts: tuple[int, ...]

    def draw(self, seed: int, wanted: Sequence[tuple[Sequence[str], int]], among: Array) -> Array:
        """So many photos of any of these groups each."""
        random = np.random.default_rng(seed)
        some = [
            random.permutation(among[np.isin(self.group[among], names)])[:count] for names, count in wanted
        ]
        return np.concatenate(some)

    def unseen(self, labels: Array, among: Array) -> Array:
        """The photos that are neither labelled nor twins of labelled ones."""
        left: Array = among[~np.isin(self.twins[among], self.twins[labels])]
        return left

    def refit(self, labels: Array, starter: Subject | None = None) -> Refitted:
        """What the scenes of labelled photos teach."""
        x, y = self.vectors[labels], self.is_subject[labels]
        return refit(starter, x, y, parts=self.parts, crowd=self.vectors)

    def learn(self, labels: Array, scene: Refitted, starter: FaceHead | None = None, **more: Any) -> Learned:
        """What the window would learn from these labels."""
        groups = more.pop("groups", [""] * len(labels))
        return judge.learn(
            starter,
            self.vectors[labels],
            self.is_subject[labels],
            groups=groups,
            digests=[int(one).to_bytes(16, "big") for one in labels],
            table=self.table.take(labels),
            scene=scene,
            name="John",
            **more,
        )

    def judged(self, scene: Refitted, learned: Learned, test: Array) -> Array:
        """The probabilities of some photos."""
        return judge.judge(scene.head, learned.faces, self.vectors[test], self.table.take(test)).probabilities

    def right(self, said: Array, test: Array) -> list[float]:
        """The shares right of John, the three, people and things; loss, Brier score and expected calibration error."""
        truth, group = self.is_subject[test], self.group[test]
        good = (said >= 0.5) == truth
        p = np.clip(said.astype(np.float64), 1e-6, 1 - 1e-6)
        weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
        told = evaluate.calibration(said, truth, weights)
        loss = float((weights * -np.log(np.where(truth, p, 1 - p))).sum())
        shares = [float(good[np.isin(group, names)].mean()) for names in COLUMNS]
        return [*shares, loss, told.brier, told.expected_error]


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--montages", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="a folder for what was looked at, for the next time")
    arguments = parser.parse_args()
    data: Path = arguments.data
    if not (data / "beatles").is_dir():
        print(f"There are no photos in “{data}”: nothing is measured.")
        return
    seen = Seen(arguments.keep)
    others = [data / name for name in STRANGERS]
    john = seen.collection("john", lambda: teach.collect(data / "beatles", "john", others))
    mila = seen.collection("mila", lambda: teach.collect(data / "mila", "mila"))
    few_labels(john, arguments.draws)
    ways(john, arguments.draws)
    in_full(john)
    whole_photos(john, seen, arguments.montages)
    with_a_starter(john, arguments.draws)
    dogs(mila, 2 * arguments.draws)
    speed(john)


class Seen:
    """Looks at photos, and remembers what it saw in a folder, if it has one."""

    def __init__(self, keep: Path | None) -> None:
        self._keep = keep
        self._extractor = extractors.load()
        self._finder: FaceFinder | None = None
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)

    def collection(self, name: str, collect: Callable[[], list[teach.Labelled]]) -> Photos:
        """Open and describe a collection."""
        spec = self._extractor.spec

        def look() -> dict[str, Array]:
            describing = teach.describe(collect(), self._extractor)
            while True:
                try:
                    next(describing)
                except StopIteration as done:
                    described: teach.Described = done.value
                    break
            paths = [item.file.path for item in described.photos]
            short = max(faces.short_side(Look.QUICK), spec.preprocessing.size)
            found = [self.faces(photos.load(path, short_side=short).pixels, Look.QUICK) for path in paths]
            table = FaceTable.of(found)
            subject = described.is_subject
            twins = evaluate.find_twins(described.fingerprints, described.features)
            twins = face_roles.twins(twins, LabelledFaces.of(subject, [""] * len(paths), table))
            return {
                "paths": np.array(paths),
                "vectors": described.features,
                "views": np.stack(described.views),
                "rows": table.rows,
                "start": table.start,
                "is_subject": subject,
                "group": np.array(described.groups),
                "twins": twins,
            }

        saw = self.remembered(f"{name}.npz", look)
        return Photos(
            tuple(saw["paths"].tolist()),
            saw["vectors"],
            tuple(saw["views"]),
            FaceTable(saw["rows"], saw["start"], np.ones(len(saw["paths"]), bool)),
            saw["is_subject"],
            saw["group"],
            saw["twins"],
            self._extractor.parts,
        )

    def faces(self, pixels: NDArray[np.uint8], look: Look) -> Array:
        """The faces in a photo."""
        if self._finder is None:
            self._finder = faces.load()
        return self._finder.faces(pixels, look)

    def scene(self, pixels: NDArray[np.uint8]) -> Array:
        """A photo's features, (D,) float16."""
        made: Array = self._extractor.run(self._extractor.spec.prepare(pixels)[None])[0].astype(np.float16)
        return made

    def remembered(self, name: str, look: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """What `look` saw, now or the last time."""
        if self._keep is None:
            return look()
        place = self._keep / name
        if not place.exists():
            np.savez(place, **look())  # type: ignore[arg-type]  # numpy's stub takes the names for its own
        with np.load(place) as saved:
            return dict(saved)


# -- few labels


def few_labels(john: Photos, draws: int) -> None:
    """Scene, faces, both, and what would be chosen, from few labels."""
    every = np.arange(len(john.group))
    for each in (1, 2, 5, 10, 20, 50):
        print(
            f"\n{each} Johns + {each} of the three + {each} people + {each} things, {draws} draws\n{HEADING}"
        )
        rows: dict[str, list[list[float]]] = {}
        chose: list[str] = []
        for seed in range(draws):
            labels = john.draw(seed, [(names, each) for names in COLUMNS], every)
            test = john.unseen(labels, every)
            scene = john.refit(labels)
            for what, forced in (
                ("scene", Evidence.SCENE),
                ("faces", Evidence.FACES),
                ("both", Evidence.BOTH),
            ):
                learned = john.learn(labels, scene, forced=forced)
                rows.setdefault(what, []).append(john.right(john.judged(scene, learned, test), test))
            alike = [name if name in THE_THREE else "" for name in john.group[labels].tolist()]
            for what, groups in (("as chosen", [""] * len(labels)), ("as chosen, look-alikes named", alike)):
                learned = john.learn(labels, scene, groups=groups)
                rows.setdefault(what, []).append(john.right(john.judged(scene, learned, test), test))
            chose.append(learned.evidence.value)
            rows.setdefault("all numbers in one line", []).append(
                john.right(_joined(john, labels, test), test)
            )
        for what, some in rows.items():
            print(_row(what, np.mean(some, 0)))
        print(f"  chosen: {', '.join(f'{chose.count(name)} {name}' for name in sorted(set(chose)))}")


def _joined(john: Photos, labels: Array, test: Array) -> Array:
    """One head over features and the surest face's descriptor, as if there were nothing to know about faces."""
    x = np.concatenate([john.vectors.astype(np.float32), _descriptors(john)], 1)
    made = refit(None, x[labels], john.is_subject[labels], parts=(*john.parts, face_head.WIDTH), crowd=x)
    return made.head.score(x[test])


def _descriptors(john: Photos) -> Array:
    """(N, 128): the surest face of each photo, or the mean one."""
    found = np.repeat(face_head.MEAN[None], len(john.group), 0)
    some = np.diff(john.table.start) > 0
    found[some] = john.table.rows["descriptor"][john.table.start[:-1][some]]
    return found


# -- other ways to know a face


def ways(john: Photos, draws: int) -> None:
    """Ways to tell by the face alone, on the photos that show one."""
    x = _descriptors(john).astype(np.float64)
    faced = np.flatnonzero(np.diff(john.table.start) > 0)

    def logistic(labels: Array, test: Array) -> Array:
        y = john.is_subject[labels]
        return refit(None, x[labels], y, parts=(face_head.WIDTH,), crowd=x).head.score(
            x[test].astype(np.float32)
        )

    def nearest(labels: Array, test: Array) -> Array:
        y = john.is_subject[labels]
        away = np.square(x[test][:, None] - x[labels][None]).sum(2)
        gate = np.minimum(away[:, ~y].min(1), 0.6**2 + 0.1)
        return np.asarray(sigmoid(20 * (gate - away[:, y].min(1))))

    def kernel(labels: Array, test: Array) -> Array:
        """A Gaussian process: of nobody's, where nobody is near."""
        y = john.is_subject[labels]
        between = [np.square(x[rows][:, None] - x[labels][None]).sum(2) for rows in (labels, test)]
        own, other = (16 * np.exp(-squared / 0.4) for squared in between)
        weights, latent = 2 * len(y) * head.class_balanced(np.ones(len(y)), y), np.full(len(y), -2.0)
        found = np.zeros(len(y))
        for _ in range(30):
            p = np.asarray(sigmoid(latent))
            bend = weights * p * (1 - p) + 1e-9
            found = np.linalg.solve(own + np.diag(1 / bend), latent + 2 + weights * (y - p) / bend)
            latent = own @ found - 2
        return np.asarray(sigmoid(other @ found - 2))

    def persons(labels: Array, test: Array) -> Array:
        learned = john.learn(labels, john.refit(labels), forced=Evidence.FACES)
        assert learned.faces is not None
        return learned.faces.probabilities(x[test])

    for strangers in (True, False):
        for each in (1, 2, 5, 20):
            what = "as many people and things" if strangers else "no strangers"
            print(f"\nBy the face alone, {each} Johns + {each} of the three + {what}\n{HEADING}")
            for name, way in (
                ("logistic on the descriptor", logistic),
                ("nearest labelled face", nearest),
                ("Gaussian process", kernel),
                ("persons (what is used)", persons),
            ):
                rows = []
                for seed in range(draws):
                    wanted = [(names, each) for names in (COLUMNS if strangers else COLUMNS[:2])]
                    labels = john.draw(seed, wanted, faced)
                    test = john.unseen(labels, faced)
                    rows.append(john.right(way(labels, test), test))
                print(_row(name, np.mean(rows, 0)))


# -- in full


def in_full(john: Photos) -> FittedHead:
    """All crops, in 20 parts."""
    fitted = head.fit(
        john.vectors,
        john.is_subject,
        twins=john.twins,
        groups=john.group,
        views=john.views,
        parts=john.parts,
        folds=20,
    )
    start = time.perf_counter()
    done = _fit(john, fitted, np.arange(len(john.group)), 20)
    took = time.perf_counter() - start
    every = np.arange(len(john.group))
    print(f"\nAll photos, in 20 parts; learning and measuring faces took {took:.1f} s\n{HEADING}")
    print(_row("scene", john.right(fitted.out_of_fold, every)))
    print(_row("faces, and the scene without", john.right(done.out_of_fold, every)))
    for name in ("john", *THE_THREE, *STRANGERS):
        these = john.group == name
        good = (done.out_of_fold[these] >= 0.5) == john.is_subject[these]
        print(f"  {name}: {good.sum()} of {these.sum()} right; {np.sum(~done.by_face[these])} without a face")
    for what, these in (("by a face", done.by_face), ("by the scene", ~done.by_face)):
        told = evaluate.calibration(done.out_of_fold[these], john.is_subject[these])
        print(
            f"  {what}: {these.sum()} photos, Brier {told.brier:.4f}, said and true differ by {told.expected_error:.4f}"
        )
    print(f"  {done.words}")
    return fitted


def _fit(john: Photos, fitted: FittedHead, these: Array, folds: int) -> judge.Fitted:
    return judge.fit(
        fitted,
        john.is_subject[these],
        groups=john.group[these].tolist(),
        twins=john.twins[these],
        table=john.table.take(these),
        folds=folds,
        name="John",
    )


def _half(john: Photos, number: int, half: Array) -> tuple[Array, FittedHead, FaceHead]:
    """The photos of the other half, and what they teach."""
    mine = np.flatnonzero(half != number)
    fitted = head.fit(
        john.vectors[mine],
        john.is_subject[mine],
        twins=john.twins[mine],
        groups=john.group[mine],
        views=[view[mine] for view in john.views],
        parts=john.parts,
        folds=10,
    )
    made = _fit(john, fitted, mine, 2).faces
    assert made is not None
    return mine, fitted, made


# -- whole photos


@dataclass(frozen=True)
class Montage:
    """A photo made of others: whether John is in it, where, what it was pasted on, and how large he is, in pixels."""

    pixels: NDArray[np.uint8]
    john: bool
    on: str
    crops: tuple[int, ...]
    box: tuple[float, float, float, float]
    size: int


def whole_photos(john: Photos, seen: Seen, count: int) -> None:
    """John among others, in photos made of crops that nothing was learned from."""
    half = evaluate.folds(john.twins, john.group, 2, seed=3)
    made = [list(montages(john, np.flatnonzero(half == number), count, 11 + number)) for number in (0, 1)]
    flat = [one for some in made for one in some]
    side = np.repeat([0, 1], [len(some) for some in made])
    truth, on = np.array([one.john for one in flat]), np.array([one.on for one in flat])
    vectors = seen.remembered(
        f"montages-{count}.npz", lambda: {"vectors": np.stack([seen.scene(one.pixels) for one in flat])}
    )["vectors"]
    halves = [_half(john, number, half) for number in (0, 1)]
    before: tuple[Array, FaceTable] | None = None
    for look in Look:

        def found(look: Look = look) -> dict[str, Array]:
            table = FaceTable.of([seen.faces(one.pixels, look) for one in flat])
            return {"rows": table.rows, "start": table.start}

        saw = seen.remembered(f"montages-{count}-{look}.npz", found)
        table = FaceTable(saw["rows"], saw["start"], np.ones(len(flat), bool))
        seen_him = np.array([_sees(table, number, one) for number, one in enumerate(flat)])
        print(
            f"\nWhole photos, {truth.sum()} with John, {(~truth).sum()} without; learned from the other half."
            f" {look.capitalize()}: his face was seen in {seen_him.sum()}"
        )
        for evidence in Evidence:
            said, face, _ = _on_halves(halves, evidence, side, vectors, table)
            told = evaluate.calibration(said, truth)
            print(
                f"  {evidence:6} John found {_of(said[truth])}, false {_of(said[~truth])};"
                f" among people {_of(said[truth & (on == 'people')])}, false {_of(said[~truth & (on == 'people')])};"
                f" Brier {told.brier:.3f}, ECE {told.expected_error:.3f}"
            )
            if evidence is Evidence.FACES:
                hits = np.flatnonzero(truth & (said >= 0.5)).tolist()
                his = sum(_is_his(table, number, int(face[number]), flat[number]) for number in hits)
                print(f"         of {len(hits)} that were found, {his} by his own face")
                for low, high in ((60, 90), (90, 130), (130, 200)):
                    these = np.array([one.john and low <= one.size < high for one in flat])
                    print(f"         {low} to {high} px: {_of(said[these])}")
                if before is None:
                    before = said, table
                else:
                    again = _wanted(halves, side, vectors, before[1])
                    mixed = np.where(again, said, before[0])
                    print(
                        f"         thorough only for the {again.sum()} of {len(flat)} that have no clear answer:"
                        f" found {_of(mixed[truth])}, false {_of(mixed[~truth])}"
                    )
        if look is Look.QUICK:
            _few_montages(john, flat, vectors, table)


def montages(john: Photos, among: Array, count: int, seed: int) -> Iterator[Montage]:
    """Half of them with John: one to six crops, 60 to 200 pixels wide (the face is 40 to 150), tilted, on a photo."""
    random = np.random.default_rng(seed)
    pools = {name: among[john.group[among] == name] for name in ("john", *THE_THREE, *STRANGERS)}
    left: dict[str, list[int]] = {name: [] for name in pools}

    def take(name: str) -> int:
        if not left[name]:
            left[name] = random.permutation(pools[name]).tolist()
        return left[name].pop()

    for number in range(count):
        with_john, on = number % 2 == 0, STRANGERS[number // 2 % 2]
        picture = Image.open(john.paths[take(on)]).convert("RGB")
        width = int(random.uniform(640, 1000))
        picture = picture.resize(
            (width, max(300, width * picture.height // picture.width)), Image.Resampling.LANCZOS
        )
        taken = [(0.3, 0.1, 0.7, 0.8)] if on == "people" else []  # the stranger's own face
        crops, boxes, sizes = [], [], []
        for place in range(int(random.choice([1, 1, 2, 3, 4, 6]))):
            crop = take("john" if with_john and not place else str(random.choice(THE_THREE)))
            size = int(random.uniform(60, 200))
            for _ in range(60):
                x, y = (int(random.uniform(0, max(1, room - size))) for room in picture.size)
                box = (
                    x / picture.width,
                    y / picture.height,
                    (x + size) / picture.width,
                    (y + size) / picture.height,
                )
                free = not any(
                    box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
                    for other in taken
                )
                if free:
                    break
            else:
                if place:
                    continue
            with Image.open(john.paths[crop]) as opened:
                _paste(picture, opened.convert("RGB"), size, float(random.uniform(-25, 25)), x, y)
            taken.append(box)
            crops.append(crop)
            boxes.append(box)
            sizes.append(size)
        yield Montage(np.asarray(picture), with_john, on, tuple(crops), boxes[0], sizes[0])


def _paste(picture: Image.Image, crop: Image.Image, size: int, angle: float, x: int, y: int) -> None:
    mask = Image.new("L", (size, size), 0)
    edge = size * 0.1
    ImageDraw.Draw(mask).ellipse((edge, edge / 2, size - edge, size - edge), fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(size * 0.06)).rotate(angle, Image.Resampling.BICUBIC)
    face = crop.resize((size, size), Image.Resampling.LANCZOS).rotate(angle, Image.Resampling.BICUBIC)
    picture.paste(face, (x, y), mask)


def _on_halves(
    halves: Sequence[tuple[Array, FittedHead, FaceHead]],
    evidence: Evidence,
    side: Array,
    vectors: Array,
    table: FaceTable,
) -> tuple[Array, Array, Array]:
    """Probabilities and deciding faces, each by the half that the montage's crops are not from."""
    said, face = np.zeros(len(side), np.float32), np.zeros(len(side), np.int32)
    wants = np.zeros(len(side), bool)
    for number, (_, fitted, known) in enumerate(halves):
        mine = np.flatnonzero(side == number)
        part = table.take(mine)
        done = judge.judge(fitted.head, replace(known, evidence=evidence), vectors[mine], part)
        said[mine], face[mine] = done.probabilities, done.face
        wants[mine] = judge.wants_thorough(done, part, Zones())
    return said, face, wants


def _wanted(halves: Sequence[Any], side: Array, vectors: Array, table: FaceTable) -> Array:
    return _on_halves(halves, Evidence.FACES, side, vectors, table)[2]


def _is_his(table: FaceTable, number: int, face: int, montage: Montage) -> bool:
    rows = table.of_photo(number)
    if rows is None or not 0 <= face < len(rows):
        return False
    left, top, right, bottom = rows["box"][face].tolist()
    x, y, his = (left + right) / 2, (top + bottom) / 2, montage.box
    return bool(montage.john and his[0] < x < his[2] and his[1] < y < his[3])


def _sees(table: FaceTable, number: int, montage: Montage) -> bool:
    count = int(table.start[number + 1] - table.start[number])
    return any(_is_his(table, number, face, montage) for face in range(count))


def _few_montages(john: Photos, flat: Sequence[Montage], vectors: Array, table: FaceTable) -> None:
    """Labels of whole photos, with nobody saying which face is John's."""
    truth = np.array([one.john for one in flat])
    twins = [set(john.twins[list(one.crops)].tolist()) for one in flat]
    print(
        "  labelled themselves, n with John and 2n without: John found, false; the right face was chosen in"
    )
    for each in (1, 2, 5, 10, 20):
        rows = []
        for seed in range(8 if truth.sum() > 2 * each and (~truth).sum() > 4 * each else 0):
            random = np.random.default_rng(seed)
            yes, no = (random.permutation(np.flatnonzero(truth == side)) for side in (True, False))
            labels = np.concatenate([yes[:each], no[: 2 * each]])
            used = set().union(*(twins[one] for one in labels))
            known = set(labels.tolist())
            test = np.array(
                [n for n, one in enumerate(flat) if n not in known and not (one.john and twins[n] & used)]
            )
            scene = refit(None, vectors[labels], truth[labels], parts=john.parts, crowd=vectors)
            learned = judge.learn(
                None,
                vectors[labels],
                truth[labels],
                groups=[""] * len(labels),
                digests=[bytes(16)] * len(labels),
                table=table.take(labels),
                scene=scene,
            )
            said = judge.judge(scene.head, learned.faces, vectors[test], table.take(test)).probabilities
            shown = [n for n in range(each) if _sees(table, int(labels[n]), flat[labels[n]])]
            his = [_is_his(table, int(labels[n]), int(learned.chosen[n]), flat[labels[n]]) for n in shown]
            found = (said >= 0.5)[truth[test]], (said >= 0.5)[~truth[test]]
            rows.append(
                [
                    *(float(some.mean()) if len(some) else np.nan for some in found),
                    float(np.mean(his)) if his else np.nan,
                ]
            )
        if rows:
            print(f"    {each:3}  {' / '.join(f'{share:.3f}' for share in np.nanmean(rows, 0))}")


# -- with a starter, dogs, speed


def with_a_starter(john: Photos, draws: int) -> None:
    """Labels beside a starter that never saw the half at hand."""
    half = evaluate.folds(john.twins, john.group, 2, seed=3)
    halves = [_half(john, number, half) for number in (0, 1)]
    print(
        f"\nA starter from the other half, and n Johns + n of the three + n strangers, {draws} draws each\n{HEADING}"
    )
    spec = extractors.load().spec
    for each in (0, 2, 5, 10, 20):
        rows = []
        for number, (_, fitted, known) in enumerate(halves):
            among = np.flatnonzero(half == number)
            starter = Subject("john", fitted.head, Zones(), spec)
            for seed in range(draws if each else 1):
                labels = john.draw(
                    seed, [(("john",), each), (THE_THREE, each), (STRANGERS, each)], among
                ).astype(np.intp)
                test = john.unseen(labels, among)
                scene = john.refit(labels, starter)
                learned = john.learn(labels, scene, known)
                rows.append(john.right(john.judged(scene, learned, test), test))
        print(_row(str(each), np.mean(rows, 0)))


def dogs(mila: Photos, draws: int) -> None:
    """Who has no face is judged by the scene, as before."""
    every = np.arange(len(mila.group))
    print(f"\nMila from n + n labels, {draws} draws: mean of both sides, before and now; what decides")
    for each in (1, 2, 5, 10, 15):
        rows, chose = [], []
        for seed in range(draws):
            labels = mila.draw(seed, [(("mila",), each), (("not_mila",), each)], every)
            test = mila.unseen(labels, every)
            scene = mila.refit(labels)
            learned = mila.learn(labels, scene)
            truth = mila.is_subject[test]
            good = [
                (said >= 0.5) == truth
                for said in (scene.head.score(mila.vectors[test]), mila.judged(scene, learned, test))
            ]
            rows.append([(some[truth].mean() + some[~truth].mean()) / 2 for some in good])
            chose.append(learned.evidence.value)
        print(
            f"  {each:3}  {' / '.join(f'{share:.4f}' for share in np.mean(rows, 0))}  {', '.join(sorted(set(chose)))}"
        )


def speed(john: Photos) -> None:
    """How long learning and judging take."""
    random = np.random.default_rng(0)
    labels = random.permutation(len(john.group))[:500]
    scene = john.refit(labels)
    learned = john.learn(labels, scene)
    rows = john.table.rows[random.integers(0, len(john.table.rows), 15_000)]
    counts = random.multinomial(15_000, np.full(10_000, 1e-4))
    table = FaceTable(rows, np.concatenate([[0], np.cumsum(counts)]), np.ones(10_000, bool))
    vectors = john.vectors[random.integers(0, len(john.vectors), 10_000)]
    print("\nms, median of 9 and the quickest")
    for what, run in (
        ("faces of 500 labelled photos learned", lambda: john.learn(labels, scene)),
        ("10,000 scenes scored", lambda: scene.head.score(vectors)),
        (
            "10,000 photos with 15,000 faces judged",
            lambda: judge.judge(scene.head, learned.faces, vectors, table),
        ),
    ):
        times = []
        for _ in range(9):
            start = time.perf_counter()
            run()
            times.append(1000 * (time.perf_counter() - start))
        print(f"  {what}: {statistics.median(times):.0f} ({min(times):.0f})")


def _row(what: str, values: Any) -> str:
    return f"  {what:32} {' '.join(f'{value:6.3f}' for value in values)}"


def _of(said: Array) -> str:
    return f"{int((said >= 0.5).sum())} of {len(said)}"


if __name__ == "__main__":
    main()
