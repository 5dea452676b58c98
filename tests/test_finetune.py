"""Deep training: what it finds, learns, keeps and says, and that nothing that goes wrong costs more than an epoch."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import named_faces
from training import (
    backbones,
    checkpoints,
    evaluate,
    extractors,
    faces,
    finetune,
    judge,
    judging,
    scoring,
    teach,
    torch_runtime,
    tuning_photos,
)
from training.backbones import Backbone, BackboneUnavailable, Preprocessing
from training.face_head import Evidence
from training.faces import FacesUnavailable, Look
from training.finetune import (
    Baseline,
    Batch,
    CannotTrain,
    Checkpoint,
    Command,
    Epoch,
    Estimated,
    Event,
    Finished,
    Found,
    FoundGroup,
    Mistake,
    Mistakes,
    Paused,
    Preparing,
    Resumed,
    Settings,
    Stopped,
)
from training.photos import PhotoFile
from training.scoring import Scored
from training.subject import Subject
from training.teach import Labelled
from training.tuning_control import Control
from training.tuning_plan import Plan

SMALL = Settings(backbone="test_efficientnet", epochs=3, batch=8, rate=0.01)


@pytest.fixture(autouse=True)
def no_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    named_faces.install(monkeypatch)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of a hundredth of the size instead of the one in the box; its weights are always the same."""
    torch = torch_runtime.load()
    import timm

    def load(name: str = "", *_: object, **__: object) -> Backbone:
        torch.manual_seed(7)
        module = timm.create_model("test_efficientnet", pretrained=False)
        how = Preprocessing(48, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        return Backbone("test_efficientnet", "77" * 32, module.eval(), how, ("blocks.3", "blocks.4"))

    monkeypatch.setattr(backbones, "load", load)
    # Which number format is faster is measured, and may come out otherwise from one look to the next.
    monkeypatch.setattr(extractors.Extractor, "_bfloat16_pays", lambda _self: False)


def photo(path: Path, tint: tuple[int, int, int], seed: int) -> None:
    """A photo of rectangles in shades of one colour, unlike any of another seed."""
    random_ = np.random.default_rng(seed)
    pixels = np.full((60, 80, 3), tint, float)
    for _ in range(14):
        y, x = random_.integers(0, 50), random_.integers(0, 70)
        pixels[y : y + random_.integers(4, 30), x : x + random_.integers(4, 30)] += random_.normal(0, 60)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


def collection_in(made: Path) -> Path:
    for i in range(14):
        photo(made / "mila" / f"m{i}.png", (190, 80, 70), i)
    for i in range(10):
        photo(made / "not_mila" / "rex" / f"r{i}.png", (60, 80, 190), 100 + i)
        photo(made / "not_mila" / "tom" / f"t{i}.png", (60, 180, 80), 200 + i)
    return made


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Fourteen reddish photos of Mila; ten blue and ten green ones of others."""
    return collection_in(tmp_path / "pets")


@pytest.fixture
def labelled(collection: Path) -> list[Labelled]:
    return teach.collect(collection, "mila")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def go() -> Command:
    return "go"


def train(labelled: list[Labelled], folder: Path, settings: Settings = SMALL, **more: Any) -> list[Event]:
    return list(finetune.fit(labelled, "mila", settings, folder=folder, **more))


def only(kind: type[Any], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# -- events


@pytest.mark.parametrize(
    "event",
    [
        Found(
            (FoundGroup("mila", True, 3, 1),),
            2,
            1,
            (("a\udcff.jpg", "is empty"),),
            5,
            1,
            1,
            ("Few.",),
            (("a", "b"),),
        ),
        Estimated(1.5),
        Preparing("Opening", 1, 2),
        Batch(1, 2, 1, 0.5, 0.75, 10.0, 3.0),
        Epoch(1, 2, 0.5, 0.4, 0.9, 0.8, 1.0),
        Baseline(0.5, 0.9, 10),
        Mistakes((Mistake("“x”.jpg", 0.9, False, "rex"),)),
        Checkpoint(1, "Not kept."),
        Paused(),
        Resumed(),
        Finished("x", None, None, True, "Better."),
        Finished("x", evaluate.measure([0.2, 0.9], [0, 1], ["a", "b"]), None, False, "Worse.", 3, True),
        Stopped("Stopped.", True),
    ],
)
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    line = event.to_json()
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["kind"] == type(event).__name__.lower()
    assert finetune.from_json(line) == event


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", "hello", '{"kind": "nothing"}', '{"kind": "batch", "x": 1}']
)
def test_what_is_no_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match="not an event"):
        finetune.from_json(line)


def test_every_number_among_the_settings_has_bounds_that_hold_its_default() -> None:
    numbers = {field.name for field in dataclasses.fields(Settings) if field.type in ("int", "float")}
    assert {field.name for field in finetune.bounds()} == numbers
    for field in finetune.bounds():
        assert field.low <= field.default <= field.high or field.name == "size"
    assert Settings().problem() == ""


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch": 100_000}, {"rate": float("nan")}, {"size": 3}, {"log": "paper"}]
)
def test_settings_out_of_bounds_are_refused_in_a_sentence(wrong: dict[str, Any], run: Path) -> None:
    settings = dataclasses.replace(SMALL, **wrong)
    with pytest.raises(CannotTrain, match=r"\.$"):
        train([], run, settings)


# -- from photos to a subject


def test_a_subject_is_trained_and_scores_as_any_other(
    tiny: None, labelled: list[Labelled], run: Path, collection: Path
) -> None:
    events = train(labelled, run)
    kinds = [type(event).__name__ for event in events if not isinstance(event, Preparing | Mistakes)]
    batches = ["Batch"] * 3
    assert kinds == [
        "Found",
        "Baseline",
        "Estimated",
        *[*batches, "Epoch", "Checkpoint"] * 3,
        "Finished",
    ]
    (found,) = only(Found, events)
    assert [(group.group, group.photos) for group in found.groups] == [("mila", 14), ("rex", 10), ("tom", 10)]
    assert found.learned + found.checked + found.held_out == 34
    assert sum(group.held_out for group in found.groups) == found.held_out > 0
    steps = only(Batch, events)
    assert [batch.step for batch in steps] == list(range(1, 10))
    assert {batch.steps for batch in steps} == {9}
    assert steps[-1].seconds_left < steps[0].seconds_left
    assert [(epoch.number, epoch.of) for epoch in only(Epoch, events)] == [(1, 3), (2, 3), (3, 3)]

    (finished,) = only(Finished, events)
    subject = Subject.load(finished.file)
    assert subject.network is not None
    assert subject.figures == finished.challenger
    assert sum(group.photos for group in finished.challenger.groups) == found.held_out
    assert finished.champion is not None
    shares = [judging.balanced_share(figures) for figures in (finished.challenger, finished.champion)]
    assert [words in finished.sentence for words in map(judging.per_cent, shares)] == [True, True]
    assert [(g.group, g.photos) for g in finished.champion.groups] == [
        (g.group, g.photos) for g in finished.challenger.groups
    ]
    assert dict(subject.counts) == {"mila": 14, "rex": 10, "tom": 10}

    files = [item.file for item in labelled]
    scored = [event for event in scoring.score(files, subject) if isinstance(event, Scored)]
    by_path = {
        path: p for event in scored for path, p in zip(event.paths, event.probabilities.tolist(), strict=True)
    }
    right = [(by_path[item.file.path] >= 0.5) == item.is_subject for item in labelled]
    assert sum(right) >= 30
    extractor = extractors.load(subject.spec, network=subject.network)
    described = teach_all(labelled, extractor)
    again = subject.head.score(described.features)
    np.testing.assert_allclose(again, [by_path[item.file.path] for item in described.photos], atol=2e-3)
    figures = teach.examine(subject, described)
    assert sum(group.right for group in figures.groups) == sum(right)
    left = {path.name for path in run.iterdir()}
    assert left == {"lock", finetune.SUBJECT}  # what is not needed any more is gone


def teach_all(labelled: list[Labelled], extractor: Any) -> teach.Described:
    steps = teach.describe(labelled, extractor)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            described: teach.Described = end.value
            return described


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.0, "100\u202f%"),
        (0.0, "0\u202f%"),
        (0.5, "50\u202f%"),
        (0.984, "98.4\u202f%"),
        (0.98001, "98\u202f%"),
    ],
)
def test_per_cent_have_decimals_only_where_they_say_something(share: float, words: str) -> None:
    assert judging.per_cent(share) == words


@pytest.mark.parametrize("share", [0.9999, 0.0001])
def test_not_all_is_never_called_all_nor_some_none(share: float) -> None:
    assert judging.per_cent(share) in ("99.9\u202f%", "0.1\u202f%")


def test_a_tuned_network_is_cached_apart_and_counts_from_its_own_file(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    (finished,) = only(Finished, train(labelled, run))
    subject = Subject.load(finished.file)
    base = extractors.ExtractorSpec.of(backbones.load())
    assert subject.spec.id != base.id
    assert dataclasses.replace(subject.spec, weights=base.weights) == base
    Path(finished.file).unlink()
    assert subject.network is not None
    with pytest.raises(BackboneUnavailable, match="moved, deleted or damaged"):
        extractors.load(subject.spec, network=subject.network)


def test_the_same_run_twice_gives_the_same(tiny: None, labelled: list[Labelled], tmp_path: Path) -> None:
    runs = [train(labelled, tmp_path / name) for name in ("one", "other")]
    files = [Subject.load(only(Finished, events)[0].file) for events in runs]
    assert files[0].figures == files[1].figures
    assert files[0].spec == files[1].spec  # which has the hash of the weights
    np.testing.assert_array_equal(files[0].head.weight, files[1].head.weight)
    assert files[0].provenance == files[1].provenance
    curves = [[dataclasses.replace(epoch, seconds=0.0) for epoch in only(Epoch, events)] for events in runs]
    assert curves[0] == curves[1]
    other = train(labelled, tmp_path / "third", dataclasses.replace(SMALL, seed=2))
    assert Subject.load(only(Finished, other)[0].file).spec != files[0].spec


def test_what_is_needed_to_repeat_it_is_in_the_file(tiny: None, labelled: list[Labelled], run: Path) -> None:
    (finished,) = only(Finished, train(labelled, run))
    provenance = Subject.load(finished.file).provenance
    assert provenance["seed"] == SMALL.seed
    assert provenance["settings"] == dataclasses.asdict(SMALL)
    assert {"torch", "timm", "pytorch-lightning", "python", "lennonnet"} <= provenance["versions"].keys()
    listed = [photo for part in ("learned", "checked", "held_out") for photo in provenance["photos"][part]]
    digests = {("+" if item.is_subject else "-") + digest_of(item.file) for item in labelled}
    assert set(listed) == digests
    assert len(provenance["manifest"]) == 64


def digest_of(file: PhotoFile) -> str:
    from training import photos

    return photos.digest(file.path).hex()


def test_twins_are_never_on_both_sides(tiny: None, collection: Path, run: Path) -> None:
    for i in range(14):
        with Image.open(collection / "mila" / f"m{i}.png") as picture:
            picture.resize((100, 76)).save(collection / "mila" / f"m{i} again.jpg", quality=85)
    (finished,) = only(Finished, events := train(teach.collect(collection, "mila"), run))
    assert only(Found, events)[0].twins == 28
    photos = Subject.load(finished.file).provenance["photos"]
    names = {
        "+" + digest_of(item.file): Path(item.file.path).name.partition(".")[0].removesuffix(" again")
        for item in teach.collect(collection, "mila")
        if item.is_subject
    }
    parts = [{names[d] for d in photos[part] if d in names} for part in ("learned", "checked", "held_out")]
    assert all(parts)
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_the_next_version_keeps_the_users_zones(tiny: None, labelled: list[Labelled], run: Path) -> None:
    (finished,) = only(Finished, train(labelled, run))
    from training.zones import Zones

    before = dataclasses.replace(Subject.load(finished.file), zones=Zones(0.2, 0.9), version=4)
    (finished,) = only(Finished, train(labelled, run, champion=before))
    after = Subject.load(finished.file)
    assert (after.version, after.zones) == (5, before.zones)


def test_patience_ends_a_training_that_gets_no_better(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    settings = dataclasses.replace(SMALL, epochs=8, patience=2, rate=1e-6)
    events = train(labelled, run, settings)
    epochs = only(Epoch, events)
    assert len(epochs) == 3
    assert only(Finished, events)


def test_logs_are_written_on_request(tiny: None, labelled: list[Labelled], run: Path) -> None:
    train(labelled, run, dataclasses.replace(SMALL, epochs=1, log="csv"))
    (log,) = (run / "log").rglob("metrics.csv")
    assert "validation_loss" in log.read_text().splitlines()[0]


def test_so_few_photos_as_are_allowed_make_one_step_and_a_subject(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    events = train(labelled[:5] + labelled[14:19], run, dataclasses.replace(SMALL, epochs=1))
    assert [batch.steps for batch in only(Batch, events)] == [1]
    assert only(Finished, events)


# -- a person, who has a face


SLOW = dataclasses.replace(SMALL, epochs=1, rate=1e-6)  # the network learns nothing in that


@pytest.fixture
def persons(monkeypatch: pytest.MonkeyPatch, collection: Path) -> named_faces.NamedFaces:
    """All have faces, but for one in seven; to the scene alone, Mila's photos are like those of Tom."""
    for i in range(14):
        photo(collection / "mila" / f"m{i}.png", (60, 180, 80), i)

    def who(path: str, _look: Look) -> tuple[str, ...]:
        number = int(Path(path).stem[1:])
        return (Path(path).parent.name,) if number % 7 else ()

    return named_faces.install(monkeypatch, who)


def test_deep_keeps_what_is_known_of_faces_and_is_judged_with_it(
    tiny: None, persons: named_faces.NamedFaces, collection: Path, run: Path
) -> None:
    labelled = teach.collect(collection, "mila")
    (finished,) = only(Finished, train(labelled, run, SLOW))
    subject = Subject.load(finished.file)
    assert subject.network is not None
    assert subject.faces is not None
    assert subject.faces.evidence is Evidence.FACES
    assert subject.faces.groups == ("rex", "tom")
    assert subject.faces.probabilities(named_faces.face("mila", "another")["descriptor"])[0] > 0.9
    (alone,) = only(Finished, train(labelled, run.with_name("other"), SLOW, with_faces=False))
    assert Subject.load(alone.file).faces is None
    shares = [judging.balanced_share(figures) for figures in (finished.challenger, finished.champion)]
    of_scenes = [judging.balanced_share(figures) for figures in (alone.challenger, alone.champion)]
    assert min(shares) > max(of_scenes)
    held = sum(group.photos for group in finished.challenger.groups)
    (words,) = [
        part for part in finished.sentence.split(". ") if part.startswith("Both know the face of mila")
    ]
    decided = int("".join(filter(str.isdigit, words)))
    assert 0 < decided <= held
    assert "where the training changed nothing" in words
    assert "face" not in alone.sentence
    assert len(persons.looked) == len(labelled)  # once, and none without faces

    scored = [
        event
        for event in scoring.score([item.file for item in labelled], subject)
        if isinstance(event, Scored)
    ]
    assert sum(int(event.judged.by_face.sum()) for event in scored) == 28  # all that have a face


def test_what_is_measured_has_not_learned_from_the_photos_held_out(
    tiny: None, persons: named_faces.NamedFaces, collection: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[tuple[bytes, ...]] = []
    fit = judge.fit

    def note(*arguments: Any, **named: Any) -> Any:
        fits.append(tuple(named["digests"]))
        assert np.isfinite(arguments[0].out_of_fold).all()
        return fit(*arguments, **named)

    monkeypatch.setattr(judge, "fit", note)
    (finished,) = only(Finished, train(teach.collect(collection, "mila"), run, SLOW))
    held = {bytes.fromhex(one[1:]) for one in Subject.load(finished.file).provenance["photos"]["held_out"]}
    assert held
    assert [held & set(digests) for digests in fits] == [set(), held]  # but what is kept, has


def test_what_the_user_wants_to_decide_decides(
    tiny: None, persons: named_faces.NamedFaces, collection: Path, run: Path
) -> None:
    labelled = teach.collect(collection, "mila")
    champion = dataclasses.replace(
        Subject.load(only(Finished, train(labelled, run, SLOW))[0].file), evidence="scene"
    )
    (finished,) = only(Finished, train(labelled, run, SLOW, champion=champion))
    subject = Subject.load(finished.file)
    assert (subject.evidence, subject.version) == ("scene", 2)
    assert subject.faces is not None  # should the user change his mind
    (alone,) = only(Finished, train(labelled, run.with_name("other"), SLOW, with_faces=False))
    assert (finished.challenger, finished.sentence) == (alone.challenger, alone.sentence)


def test_without_the_networks_for_faces_it_goes_on_and_says_so(
    tiny: None, labelled: list[Labelled], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Iterator[None]:
        raise FacesUnavailable("The networks for faces are missing.")
        yield

    monkeypatch.setattr(faces, "extract", fail)
    (finished,) = only(Finished, train(labelled, run, SLOW))
    assert finished.sentence.endswith(" The networks for faces are missing.")
    assert Subject.load(finished.file).faces is None


def test_it_can_be_stopped_while_faces_are_looked_for(
    tiny: None, persons: named_faces.NamedFaces, collection: Path, run: Path
) -> None:
    def stop() -> Command:
        return "stop" if len(persons.looked) == 3 else "go"

    events = train(teach.collect(collection, "mila"), run, SLOW, control=stop)
    assert isinstance(events[-1], Stopped)
    assert len(persons.looked) == 3
    assert not only(Batch, events)


# -- looking


def test_a_look_says_what_there_is_and_keeps_the_opened_photos(
    tiny: None, labelled: list[Labelled], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(finetune.look(labelled, "mila", SMALL, folder=run))
    assert [type(event) for event in events if not isinstance(event, Preparing)] == [Found, Estimated]
    assert only(Estimated, events)[0].seconds > 0

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a photo was opened again")

    monkeypatch.setattr("training.photos.load", never)
    assert only(Finished, train(labelled, run, with_faces=False))


def test_a_look_tells_of_a_training_that_can_go_on(tiny: None, labelled: list[Labelled], run: Path) -> None:
    assert finetune.unfinished(run) is None
    stopped_after(labelled, run, 1)
    assert finetune.unfinished(run) == finetune.Unfinished(1, 3)
    assert only(Checkpoint, list(finetune.look(labelled, "mila", SMALL, folder=run))) == [Checkpoint(1)]
    other = dataclasses.replace(SMALL, epochs=4)
    assert not only(Checkpoint, list(finetune.look(labelled, "mila", other, folder=run)))


def test_too_few_to_train_on_can_still_be_looked_at(tiny: None, labelled: list[Labelled], run: Path) -> None:
    few = labelled[:4] + labelled[14:]
    events = list(finetune.look(few, "mila", SMALL, folder=run))
    (found,) = only(Found, events)
    assert found.held_out == 0
    assert "too few photos of mila" in found.words[0]
    assert not only(Estimated, events)


def test_what_is_lopsided_is_said(tiny: None, labelled: list[Labelled], run: Path) -> None:
    (found,) = only(Found, list(finetune.look(labelled[:5] + labelled[14:], "mila", SMALL, folder=run)))
    assert any("4 times as many photos of others as of mila" in words for words in found.words)


# -- bad input


def test_a_missing_kind_of_photo_is_refused(tiny: None, labelled: list[Labelled], run: Path) -> None:
    with pytest.raises(CannotTrain, match="no photos of others"):
        train(labelled[:14], run)
    with pytest.raises(CannotTrain, match="no photos of mila"):
        train(labelled[14:], run)
    with pytest.raises(CannotTrain, match="no photos of mila"):
        train([], run)


def test_few_photos_are_refused_with_advice(tiny: None, labelled: list[Labelled], run: Path) -> None:
    for few in (labelled[:1] + labelled[14:], labelled[13:15]):
        with pytest.raises(CannotTrain, match=r"there is 1\. Label more, or train the quick way"):
            train(few, run)


def test_photos_that_can_not_be_opened_are_left_out_and_named(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    gone, broken = Path(labelled[0].file.path), Path(labelled[20].file.path)
    gone.unlink()
    broken.write_bytes(b"hello")
    events = train(labelled, run, dataclasses.replace(SMALL, epochs=1))
    (found,) = only(Found, events)
    assert [path for path, _ in found.unreadable] == [str(gone), str(broken)]
    assert all(reason for _, reason in found.unreadable)
    assert dict(Subject.load(only(Finished, events)[0].file).counts) == {"mila": 13, "rex": 9, "tom": 10}


def test_nothing_but_unreadable_photos_is_refused(tiny: None, labelled: list[Labelled], run: Path) -> None:
    for item in labelled:
        Path(item.file.path).write_bytes(b"")
    with pytest.raises(CannotTrain, match=r"can't be opened, such as “.*m0\.png”"):
        train(labelled, run)
    assert not [path for path in run.iterdir() if path.name != "lock"]


def test_a_photo_said_to_be_both_is_left_out_and_named(tiny: None, collection: Path, run: Path) -> None:
    twice = collection / "not_mila" / "tom" / "oops.png"
    twice.write_bytes((collection / "mila" / "m3.png").read_bytes())
    (collection / "mila" / "m4 copy.png").write_bytes((collection / "mila" / "m4.png").read_bytes())
    (found,) = only(Found, list(finetune.look(teach.collect(collection, "mila"), "mila", SMALL, folder=run)))
    assert found.conflicts == ((str(collection / "mila" / "m3.png"), str(twice)),)
    assert found.repeated == 1
    assert [group.photos for group in found.groups] == [13, 10, 10]


def test_a_network_that_timm_does_not_know_is_refused(labelled: list[Labelled], run: Path) -> None:
    with pytest.raises(BackboneUnavailable, match="no network called"):
        train(labelled, run, dataclasses.replace(SMALL, backbone="resnet50x"))


def test_a_device_that_is_not_there_is_said(tiny: None, labelled: list[Labelled], run: Path) -> None:
    if torch_runtime.load().cuda.is_available():
        pytest.skip("there is one")
    (stopped,) = only(Stopped, train(labelled, run, dataclasses.replace(SMALL, device="cuda")))
    assert "can't train that way" in stopped.words


def test_a_strategy_that_is_none_is_said(tiny: None, labelled: list[Labelled], run: Path) -> None:
    (stopped,) = only(Stopped, train(labelled, run, dataclasses.replace(SMALL, strategy="luck")))
    assert "can't train that way" in stopped.words


def test_two_at_once_are_refused(tiny: None, labelled: list[Labelled], run: Path) -> None:
    with contextlib.closing(finetune.fit(labelled, "mila", SMALL, folder=run)) as one:
        next(one)
        with pytest.raises(CannotTrain, match="already being trained"):
            train(labelled, run)
    assert only(Finished, train(labelled, run, dataclasses.replace(SMALL, epochs=1)))


# -- while it runs


def stopped_after(labelled: list[Labelled], folder: Path, epochs: int, batches: int = 1) -> list[Event]:
    """A training that is stopped so many batches into an epoch."""
    events: list[Event] = []

    def control() -> Command:
        return "stop" if len(only(Batch, events)) >= 3 * epochs + batches else "go"

    for event in finetune.fit(labelled, "mila", SMALL, folder=folder, control=control):
        events.append(event)
    return events


def test_stopped_it_goes_on_just_as_if_nothing_had_been(
    tiny: None, labelled: list[Labelled], tmp_path: Path
) -> None:
    whole = train(labelled, tmp_path / "whole")
    broken = stopped_after(labelled, tmp_path / "broken", 1)
    (stopped,) = only(Stopped, broken)
    assert stopped.can_resume
    assert not only(Finished, broken)
    rest = train(labelled, tmp_path / "broken", resume=True)
    assert [epoch.number for epoch in only(Epoch, rest)] == [
        1,
        2,
        3,
    ]  # the first is told again, for the curves
    assert [event.epoch for event in only(Checkpoint, rest)] == [2, 3]
    curves = [
        [dataclasses.replace(epoch, seconds=0.0) for epoch in only(Epoch, events)] for events in (whole, rest)
    ]
    assert curves[0] == curves[1]
    made = [Subject.load(only(Finished, events)[0].file) for events in (whole, rest)]
    assert made[0].spec == made[1].spec
    np.testing.assert_array_equal(made[0].head.weight, made[1].head.weight)


def test_with_a_damaged_checkpoint_it_goes_on_from_the_one_before(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    stopped_after(labelled, run, 2)
    newest = run / "checkpoint"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert finetune.unfinished(run) == finetune.Unfinished(1, 3)
    rest = train(labelled, run, resume=True)
    assert [event.epoch for event in only(Checkpoint, rest)] == [2, 3]
    assert only(Finished, rest)


def test_a_cut_checkpoint_or_none_is_no_checkpoint(tiny: None, labelled: list[Labelled], run: Path) -> None:
    stopped_after(labelled, run, 1)
    newest = run / "checkpoint"
    content = newest.read_bytes()
    for length in (0, 10, 23, 60, 200, len(content) - 1):
        newest.write_bytes(content[:length])
        assert finetune.unfinished(run) is None
    events = train(labelled, run, resume=True)
    assert any("begins anew" in event.words for event in only(Preparing, events))
    assert [event.epoch for event in only(Checkpoint, events)] == [1, 2, 3]


def test_other_labels_or_settings_begin_anew(tiny: None, labelled: list[Labelled], run: Path) -> None:
    stopped_after(labelled, run, 1)
    events = train(labelled[:-1], run, resume=True)
    assert any("have changed since" in event.words for event in only(Preparing, events))
    assert [epoch.number for epoch in only(Epoch, events)] == [1, 2, 3]


def test_a_training_that_ended_is_not_trained_again(tiny: None, labelled: list[Labelled], run: Path) -> None:
    """It may be killed while old and new are compared."""
    with contextlib.closing(finetune.fit(labelled, "mila", SMALL, folder=run)) as events:
        before = next(event for event in events if isinstance(event, Finished))
    rest = train(labelled, run, resume=True)
    assert not only(Batch, rest)
    (after,) = only(Finished, rest)
    assert after.challenger == before.challenger


def test_paused_it_waits(tiny: None, labelled: list[Labelled], run: Path) -> None:
    wish: list[Command] = ["go"]
    asked = threading.Event()

    def control() -> Command:
        if wish[0] == "pause":
            asked.set()
        return wish[0]

    events: list[Event] = []
    for event in finetune.fit(labelled, "mila", SMALL, folder=run, control=control):
        events.append(event)
        if isinstance(event, Batch) and event.step == 2:
            wish[0] = "pause"
        elif isinstance(event, Paused):
            assert asked.wait(20)
            wish[0] = "go"
    kinds = [type(event) for event in events]
    assert kinds.count(Paused) == kinds.count(Resumed) == 1
    assert kinds.index(Resumed) == kinds.index(Paused) + 1
    assert only(Finished, events)


def test_closed_it_stops_soon_and_leaves_no_thread(tiny: None, labelled: list[Labelled], run: Path) -> None:
    before = threading.active_count()
    events = finetune.fit(labelled, "mila", dataclasses.replace(SMALL, epochs=200), folder=run)
    assert any(isinstance(event, Batch) and event.step == 5 for event in events)
    start = time.monotonic()
    events.close()
    assert time.monotonic() - start < 5
    assert threading.active_count() == before
    assert finetune.unfinished(run) is not None


def test_who_is_left_alone_ends_after_the_next_checkpoint(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    events: list[Event] = []

    def control() -> Command:
        return "end" if only(Batch, events) else "go"

    for event in finetune.fit(labelled, "mila", SMALL, folder=run, control=control):
        events.append(event)
    assert [event.epoch for event in only(Checkpoint, events)] == [1]
    assert only(Stopped, events)[0].can_resume


def test_numbers_out_of_bounds_stop_it_and_change_nothing(
    tiny: None, labelled: list[Labelled], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import tuning_module

    vary, turns = tuning_module.augmented, iter(range(100))

    def spoilt(pixels: Any, *more: Any) -> Any:
        return vary(pixels, *more) * (float("nan") if next(turns) > 7 else 1.0)

    monkeypatch.setattr(tuning_module, "augmented", spoilt)
    events = train(labelled, run)
    (stopped,) = only(Stopped, events)
    assert "lower learning rate" in stopped.words
    assert "as it was" in stopped.words
    assert stopped.can_resume
    assert not only(Finished, events)
    assert not (run / finetune.SUBJECT).exists()


def test_a_full_disk_costs_a_checkpoint_but_not_the_training(
    tiny: None, labelled: list[Labelled], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = checkpoints.write, iter(range(100))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    def some(*arguments: Any) -> None:
        if next(calls) == 1:
            with monkeypatch.context() as patched:
                patched.setattr(os, "fsync", full)
                write(*arguments)
        write(*arguments)

    monkeypatch.setattr(checkpoints, "write", some)
    kept: list[Any] = []
    events: list[Event] = []
    for event in finetune.fit(labelled, "mila", SMALL, folder=run):
        events.append(event)
        if isinstance(event, Checkpoint):
            kept.append(finetune.unfinished(run))
    first, second, third = only(Checkpoint, events)
    assert "No space left" in second.words
    assert first.words == third.words == ""
    assert [one.epoch for one in kept] == [1, 1, 3]
    assert only(Finished, events)


def test_a_full_disk_at_the_end_keeps_the_old_subject(
    tiny: None, labelled: list[Labelled], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Subject, "save", full)
    (stopped,) = only(Stopped, train(labelled, run))
    assert "No space left" in stopped.words
    assert stopped.can_resume


def test_a_full_disk_at_the_start_is_refused(
    tiny: None, labelled: list[Labelled], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(CannotTrain, match="No space left"):
        train(labelled, run)
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_a_night_asleep_does_not_spoil_the_estimate(tiny: None, labelled: list[Labelled], run: Path) -> None:
    steps = tuning_photos.prepared(labelled, "mila", SMALL, run, Control(go))
    run.mkdir()
    task = ended(steps)
    plan = Plan(task)
    times = {"head": [0.1] * 9, "all": [0.3] * 9, "check": [0.1] * 9}
    plain = plan.estimate(times)
    times["all"][4] = 8 * 3600.0
    assert plan.estimate(times) == plain
    assert plan.estimate(times, 3) == 0
    assert plain == pytest.approx(3 * 0.1 + 6 * 0.3 + 3 * 0.1)


def ended(steps: Iterator[Event]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# -- the same photos, varied


def test_varied_photos_are_photos_still_and_the_same_seed_varies_alike() -> None:
    from training import tuning_module

    torch = torch_runtime.load()
    pixels = torch.linspace(0, 255, 4 * 3 * 64 * 64).view(4, 3, 64, 64)
    varied = [tuning_module.augmented(pixels, 48, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert varied[0].shape == (4, 3, 48, 48)
    assert torch.isfinite(varied[0]).all()
    assert 0 <= float(varied[0].min()) < float(varied[0].max()) <= 255
    assert torch.equal(varied[0], varied[1])
    assert not torch.equal(varied[0], varied[2])


def test_without_training_the_network_and_its_head_say_what_quick_says(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    """Training begins where the quick way ends: the same features, the same head."""
    from training import tuning_module

    run.mkdir()
    task = ended(tuning_photos.prepared(labelled, "mila", SMALL, run, Control(go)))
    torch = torch_runtime.load()
    module = tuning_module.Module(Plan(task)).eval()
    with torch.no_grad():
        logits = module(torch.from_numpy(np.array(task.all.squares)).permute(0, 3, 1, 2).float())
    quick = task.start.score(task.all.features)
    np.testing.assert_allclose(torch.sigmoid(logits).numpy(), quick, atol=0.02)


def test_what_does_not_learn_is_fused_and_what_learns_is_the_very_same(
    tiny: None, labelled: list[Labelled], run: Path
) -> None:
    from training import tuning_module

    run.mkdir()
    task = ended(tuning_photos.prepared(labelled, "mila", SMALL, run, Control(go)))
    torch = torch_runtime.load()
    module = tuning_module.Module(Plan(task)).eval()
    (quick,) = module._quick
    assert quick is not module.network
    assert not [name for name in module.state_dict() if "quick" in name]
    assert len([*quick.modules()]) < len([*module.network.modules()])
    learning = {id(parameter) for parameter in module.learning}
    assert learning == {id(one) for one in quick.parameters() if one.requires_grad}
    assert 0 < len(learning) < len([*module.network.parameters()])
    pixels = torch.from_numpy(np.array(task.all.squares)).permute(0, 3, 1, 2).float()
    gradients = []
    for network in (quick, module.network):
        module._quick = (network,)
        module.learn_as_it_came()
        module(pixels).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in module.learning])
        module.zero_grad(set_to_none=True)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3 * float(other.abs().max()))


# -- killed


def test_killed_at_any_moment_it_loses_no_finished_epoch(tmp_path: Path, home: Path) -> None:
    """The whole command, with the network in the box, killed twice at random and then let go on to the end."""
    pets = collection_in(tmp_path / "pets")
    out = tmp_path / "mila.safetensors"
    words = [sys.executable, "-m", "training", "fit", str(pets), "--subject", "mila", "--out", str(out)]
    words += ["--deep", "--events", "--resume", "--size", "64", "--epochs", "6", "--patience", "200"]
    words += ["--adopt", "always", "--batch", "8"]
    chance = random.Random()
    finished = 0
    for turn in range(3):
        process = subprocess.Popen(
            words, cwd=Path(__file__).parent.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        timer = threading.Timer(0, process.kill)
        epochs = []
        done = False
        for line in process.stdout:
            event = finetune.from_json(line)
            if isinstance(event, Epoch):
                epochs.append(event.number)
            elif isinstance(event, Checkpoint):
                finished = event.epoch
                if turn < 2 and not timer.is_alive():
                    timer = threading.Timer(chance.uniform(0, 1.0), process.kill)
                    timer.start()
            elif isinstance(event, Batch):
                assert event.epoch > finished, "an epoch that was finished is trained again"
            elif isinstance(event, Finished):
                done = True
        process.communicate(timeout=60)
        assert epochs == list(range(1, len(epochs) + 1))
        if done:
            break
        timer.join()
    assert done
    assert finished == 6
    assert Subject.load(out).network is not None
