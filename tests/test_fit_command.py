"""`fit` and `evaluate` from the command line: what they print, what they write, and what they refuse in a sentence."""

from __future__ import annotations

import json
import queue
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests import named_faces
from training import __main__ as command
from training import (
    backbones,
    extractors,
    faces,
    finetune,
    head,
    judge,
    judging,
    photos,
    teach,
    torch_runtime,
)
from training.backbones import Backbone, BackboneUnavailable, Preprocessing
from training.extractors import ExtractorMismatch, ExtractorSpec
from training.face_head import SUBJECT, Evidence
from training.faces import FacesUnavailable, Look
from training.subject import Subject
from training.subjects import Subjects
from training.verdicts import FaceOf, FaceSaid, FaceVerdict, Ledger, Verdict

SPEC = ExtractorSpec(
    "a network", "00" * 32, Preprocessing(32, 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3), ("late",)
)


class Colours:
    """Stands in for a network: describes a photo by the mean colours of a few places."""

    spec = SPEC
    parts = (3, 12)

    def run(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert squares.shape[1:] == (32, 32, 3)
        places = squares.reshape(len(squares), 2, 16, 2, 16, 3).mean((2, 4)).reshape(len(squares), 12)
        features: NDArray[np.float32] = np.concatenate([squares.mean((1, 2)), places], 1).astype(np.float32)
        return features / np.float32(255)


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No networks: photos are described by their colours, and nobody's face is found in any."""
    if "shared_data" not in request.fixturenames:
        monkeypatch.setattr(extractors, "load", lambda spec=None, on_download=None: Colours())
        named_faces.install(monkeypatch)


def photo(path: Path, tint: tuple[int, int, int], seed: int) -> None:
    """A photo of rectangles in shades of one colour, unlike any of another seed."""
    random = np.random.default_rng(seed)
    pixels = np.full((48, 64, 3), tint, float)
    for _ in range(12):
        y, x = random.integers(0, 40), random.integers(0, 56)
        pixels[y : y + random.integers(4, 24), x : x + random.integers(4, 24)] += random.normal(0, 40)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Twelve reddish photos of Mila; eight blue and eight green ones of others."""
    made = tmp_path / "pets"
    for i in range(12):
        photo(made / "mila" / f"m{i}.png", (190, 80, 70), i)
    for i in range(8):
        photo(made / "not_mila" / "rex" / f"r{i}.png", (60, 80, 190), 100 + i)
        photo(made / "not_mila" / "tom" / f"t{i}.png", (60, 180, 80), 200 + i)
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def main(*arguments: object) -> tuple[int, str, str]:
        code = command.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return main


Run = Callable[..., tuple[int, str, str]]


def refused(run: Run, *arguments: object) -> str:
    """The one sentence that a refused command ends with."""
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    sentence = err.splitlines()[-1]
    assert sentence.endswith((".", "?"))
    return sentence


# -- fit


def test_a_subject_is_learned_measured_and_written(run: Run, collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "mila.safetensors"
    code, figures, progress = run("fit", collection, "--subject", "mila", "--out", out)
    assert code == 0
    shares = {line.split()[0]: line.split()[1:3] for line in figures.splitlines()[1:4]}
    assert shares["mila"] == ["12", "100.0"]
    assert shares["rex"] == shares["tom"] == ["8", "100.0"]
    assert "28 of 28 photos" in progress
    subject = Subject.load(out)
    assert (subject.name, subject.version, subject.spec) == ("mila", 1, SPEC)
    assert dict(subject.counts) == {"mila": 12, "rex": 8, "tom": 8}
    assert subject.figures is not None
    assert subject.figures.text() == figures
    red = np.zeros((1, 32, 32, 3), np.uint8) + np.array([190, 80, 70], np.uint8)
    assert subject.head.score(Colours().run(red))[0] > 0.8


def test_the_same_photos_make_the_same_head(run: Run, collection: Path, tmp_path: Path) -> None:
    heads = []
    for name in ("one", "other"):
        run("fit", collection, "--subject", "mila", "--out", tmp_path / f"{name}.safetensors")
        heads.append(Subject.load(tmp_path / f"{name}.safetensors").head)
    np.testing.assert_array_equal(heads[0].weight, heads[1].weight)


def test_further_folders_are_groups(run: Run, collection: Path, tmp_path: Path) -> None:
    for i in range(5):
        photo(tmp_path / "things" / "deep" / f"x{i}.png", (120, 120, 120), 300 + i)
        photo(tmp_path / "more" / "mila" / f"y{i}.png", (30, 30, 30), 400 + i)
        photo(collection / "not_mila" / f"loose{i}.png", (240, 240, 240), 500 + i)
    out = tmp_path / "mila.safetensors"
    others = ["--not", tmp_path / "things", "--not", tmp_path / "more" / "mila"]
    assert run("fit", collection, "--subject", "mila", *others, "--out", out)[0] == 0
    # Others in a folder named like the subject must not pass for it.
    assert dict(Subject.load(out).counts) == {"mila": 12, "not_mila": 10, "rex": 8, "tom": 8, "things": 5}


def test_without_not_folder_others_may_come_from_elsewhere(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    shutil.move(collection / "not_mila" / "rex", tmp_path / "rex")
    shutil.rmtree(collection / "not_mila")
    out = tmp_path / "mila.safetensors"
    assert run("fit", collection, "--subject", "mila", "--not", tmp_path / "rex", "--out", out)[0] == 0
    assert dict(Subject.load(out).counts) == {"mila": 12, "rex": 8}


def test_where_it_goes_by_itself(
    run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("fit", collection, "--subject", "mila")
    assert Subject.load(tmp_path / "mila.safetensors").name == "mila"
    (tmp_path / "resources" / "subjects").mkdir(parents=True)
    run("fit", "pets", "--subject", "mila")
    assert Subject.load(tmp_path / "resources" / "subjects" / "mila.safetensors").name == "mila"
    card = (tmp_path / "resources" / "subjects" / "mila.md").read_text(encoding="utf-8")
    assert "python -m training fit pets --subject mila\n" in card


def test_twins_are_dealt_together(
    run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(12):
        with Image.open(collection / "mila" / f"m{i}.png") as picture:
            picture.resize((100, 80)).save(collection / "mila" / f"m{i} again.jpg", quality=80)
    given: dict[str, Any] = {}
    fit = head.fit

    def note(*arguments: Any, **named: Any) -> Any:
        given.update(named)
        return fit(*arguments, **named)

    monkeypatch.setattr(head, "fit", note)
    run("fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
    twins = given["twins"][:24]  # in the order of names: m0 again, m0, m1 again ...
    assert len(set(twins.tolist())) == 12
    assert (twins[::2] == twins[1::2]).all()
    assert len(given["views"]) == 2
    assert given["parts"] == Colours.parts


def test_the_card_tells_what_it_was_trained_on_and_where_it_fails(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    for i in range(3):  # reddish others can't be told from Mila by colour
        photo(collection / "not_mila" / "fox|y" / f"f{i}.png", (190, 80, 70), 600 + i)
    out = tmp_path / "mila.safetensors"
    run("fit", collection, "--subject", "mila", "--out", out)
    card = out.with_suffix(".md").read_text(encoding="utf-8")
    figures = Subject.load(out).figures
    assert figures is not None
    fox = next(group for group in figures.groups if group.group == "fox|y")
    assert fox.right < 3
    assert f"- fox\\|y: {3 - fox.right} of 3 taken for Mila." in card
    assert "| mila | 12 |" in card
    assert "with 95 % confidence" in card
    assert "## Where the photos come from" in card


def test_own_words_on_the_card_are_kept_and_the_version_counts_up(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    out, card = tmp_path / "mila.safetensors", tmp_path / "mila.md"
    run("fit", collection, "--subject", "mila", "--out", out)
    words = "## Where the photos come from\n\nFrom our garden, by Ana.\n"
    text = card.read_text(encoding="utf-8")
    card.write_text(text[: text.index("## Where the photos")] + words, encoding="utf-8")
    shutil.rmtree(collection / "not_mila" / "tom")
    run("fit", collection, "--subject", "mila", "--out", out)
    text = card.read_text(encoding="utf-8")
    assert text.endswith("\n" + words)
    assert "| tom |" not in text
    assert text.count("## Where the photos come from") == 1
    assert Subject.load(out).version == 2


def test_unreadable_photos_are_counted_and_named(run: Run, collection: Path, tmp_path: Path) -> None:
    (collection / "mila" / "empty.jpg").touch()
    (collection / "not_mila" / "rex" / "text.jpg").write_text("hello")
    code, figures, told = run("fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
    assert code == 0
    assert "2 of the photos can't be opened" in told
    assert "empty.jpg is empty" in told
    assert "text.jpg" in told
    assert figures.splitlines()[1].split()[:2] == ["mila", "12"]


def test_exact_copies_count_once(run: Run, collection: Path, tmp_path: Path) -> None:
    shutil.copy(collection / "mila" / "m0.png", collection / "mila" / "copy of m0.png")
    _, _, told = run("fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
    assert "1 of the photos are exact copies" in told
    assert Subject.load(tmp_path / "mila.safetensors").counts["mila"] == 12


def test_too_few_photos_to_measure_are_learned_from_all_the_same(run: Run, tmp_path: Path) -> None:
    photo(tmp_path / "mila" / "a.png", (190, 80, 70), 1)
    photo(tmp_path / "not_mila" / "b.png", (60, 80, 190), 2)
    out = tmp_path / "mila.safetensors"
    code, said, _ = run("fit", tmp_path, "--subject", "mila", "--out", out)
    assert code == 0
    assert "too few photos" in said
    assert Subject.load(out).figures is None
    assert "Not at all" in out.with_suffix(".md").read_text(encoding="utf-8")


# -- fit, with faces


@pytest.fixture
def persons(monkeypatch: pytest.MonkeyPatch, collection: Path) -> named_faces.NamedFaces:
    """Mila, Rex and Tom have faces now, and in half of the photos a stranger's is beside it."""

    def who(path: str, _look: Look) -> tuple[str, ...]:
        number = int("".join(filter(str.isdigit, Path(path).stem)) or 0)
        return (*([f"stranger {path}"] if number % 2 else []), Path(path).parent.name)

    shutil.move(
        collection / "not_mila" / "rex", collection / "not_mila" / "Rex H"
    )  # is “rex-h” in the library
    return named_faces.install(monkeypatch, who)


def test_faces_are_learned_from_and_measured(
    run: Run, collection: Path, persons: named_faces.NamedFaces, tmp_path: Path
) -> None:
    for i in range(6):  # of another colour, but Mila all the same
        photo(collection / "mila" / f"blue{i}.png", (60, 80, 190), 900 + i)
    out = tmp_path / "mila.safetensors"
    code, _, told = run("fit", collection, "--subject", "mila", "--out", out)
    assert code == 0
    assert "34 of 34 photos" in told.partition("Looking for faces ...")[0]
    assert "34 of 34 photos" in told.partition("Looking for faces ...")[2]
    subject = Subject.load(out)
    assert subject.faces is not None
    assert subject.faces.evidence is Evidence.FACES
    assert subject.faces.groups == ("rex-h", "tom")  # as in the library, while figures and cards give names
    assert dict(subject.counts) == {"mila": 18, "Rex H": 8, "tom": 8}
    assert subject.figures is not None
    assert {group.group for group in subject.figures.groups} == {"mila", "Rex H", "tom"}
    assert all(group.share == 1 for group in subject.figures.groups)
    card = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "one or more were found in 34 of these photos, 18 of them of the subject" in card
    assert f"the file holds {len(subject.faces.examples)} of them" in card
    again = named_faces.face("mila", "another shot")["descriptor"]
    assert subject.faces.probabilities(again)[0] > 0.9
    assert run("evaluate", out, collection)[1].splitlines()[1].split()[:3] == ["mila", "18", "100.0"]
    alone = tmp_path / "alone.safetensors"
    run("fit", collection, "--subject", "mila", "--out", alone, "--no-faces")
    known = Subject.load(alone)
    assert known.faces is None
    assert known.figures is not None
    assert known.figures.groups[0].share < 1  # of blue photos, the scene alone can't tell
    card = alone.with_suffix(".md").read_text(encoding="utf-8")
    assert "And of faces" not in card
    assert "--no-faces\n" in card


def test_what_was_found_once_is_not_looked_for_again(
    run: Run, collection: Path, persons: named_faces.NamedFaces, tmp_path: Path
) -> None:
    for _ in range(2):
        run("fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
        assert len(persons.looked) == 28
    assert {look for _, look in persons.looked} == {Look.QUICK}


def test_single_faces_can_be_left_out_of_the_file(
    run: Run, collection: Path, persons: named_faces.NamedFaces, tmp_path: Path
) -> None:
    out = tmp_path / "mila.safetensors"
    assert run("fit", collection, "--subject", "mila", "--out", out, "--leave-out-faces")[0] == 0
    subject = Subject.load(out)
    assert subject.faces is not None
    assert not subject.holds_faces
    assert subject.faces.probabilities(named_faces.face("mila", "another shot")["descriptor"])[0] > 0.9
    card = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "the file holds none of a single face" in card
    assert "--leave-out-faces\n" in card


def test_faces_are_left_out_event_by_event_too(
    remote: Remote, run: Run, collection: Path, persons: named_faces.NamedFaces, tmp_path: Path
) -> None:
    out = tmp_path / "mila.safetensors"
    words = ["fit", collection, "--subject", "mila", "--out", out, "--events"]
    batches = [event for event in events_of(run(*words)[1]) if isinstance(event, finetune.Batch)]
    assert batches[-1].step == batches[-1].steps == 56  # each photo as a whole, then for its faces
    assert [batch.step for batch in batches] == sorted(batch.step for batch in batches)
    assert Subject.load(out).holds_faces
    run(*words, "--leave-out-faces")
    assert Subject.load(out).faces is not None
    assert not Subject.load(out).holds_faces
    assert Subject.load(out).version == 2


@pytest.mark.parametrize("adopt", ["always", "never"])
def test_faces_are_left_out_of_what_was_trained_deep_wherever_it_is(
    tiny: None,
    remote: Remote,
    run: Run,
    collection: Path,
    persons: named_faces.NamedFaces,
    tmp_path: Path,
    adopt: str,
) -> None:
    out = tmp_path / "mila.safetensors"
    words = ["fit", collection, "--subject", "mila", "--out", out, "--events", *DEEP[:-1], adopt]
    code, said, told = run(*words, "--leave-out-faces")
    assert code == 0, told
    finished = events_of(said)[-1]
    assert isinstance(finished, finetune.Finished)
    assert out.exists() == (adopt == "always")
    written = [Subject.load(file) for file in {Path(finished.file), *tmp_path.glob("*.safetensors")}]
    assert [(one.network is not None, one.faces is not None, one.holds_faces) for one in written] == [
        (True, True, False)
    ] * len(written)
    if adopt == "always":
        run(*words, "--no-faces")
        assert Subject.load(out).faces is None


@pytest.mark.parametrize("more", [[], ["--events"]])
def test_where_faces_can_not_be_looked_for_the_scene_is_learned(
    remote: Remote,
    run: Run,
    collection: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: list[str],
) -> None:
    def fail(*_: object, **__: object) -> Iterator[None]:
        raise FacesUnavailable("The networks for faces are missing.")
        yield

    monkeypatch.setattr(faces, "extract", fail)
    out = tmp_path / "mila.safetensors"
    code, said, told = run("fit", collection, "--subject", "mila", "--out", out, *more)
    assert code == 0
    assert Subject.load(out).faces is None
    assert "The networks for faces are missing." in (said if more else told)


# -- fit, refused


def test_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    assert "none" in refused(run, "fit", tmp_path / "none", "--subject", "mila")


def test_a_folder_without_the_subject(run: Run, collection: Path) -> None:
    assert "no folder “john”" in refused(run, "fit", collection, "--subject", "john")


def test_a_folder_without_others(run: Run, collection: Path) -> None:
    shutil.rmtree(collection / "not_mila")
    assert "no folder “not_mila”" in refused(run, "fit", collection, "--subject", "mila")


@pytest.mark.parametrize("kind", ["mila", "not_mila"])
def test_an_empty_class(run: Run, collection: Path, kind: str) -> None:
    shutil.rmtree(collection / kind)
    (collection / kind).mkdir()
    assert "There are no photos in" in refused(run, "fit", collection, "--subject", "mila")


def test_an_empty_folder_of_others(run: Run, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    said = refused(run, "fit", collection, "--subject", "mila", "--not", tmp_path / "nothing")
    assert "nothing" in said


def test_a_class_that_can_not_be_opened(run: Run, collection: Path, tmp_path: Path) -> None:
    for file in (collection / "mila").iterdir():
        file.write_bytes(b"")
    said = refused(run, "fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
    assert "None of the photos of the subject can be opened" in said
    assert "is empty" in said


def test_the_same_photo_in_both_classes(run: Run, collection: Path, tmp_path: Path) -> None:
    shutil.copy(collection / "mila" / "m3.png", collection / "not_mila" / "tom" / "oops.png")
    said = refused(run, "fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
    assert "m3.png" in said
    assert "oops.png" in said
    assert not (tmp_path / "mila.safetensors").exists()


def test_the_subjects_own_folder_as_others(run: Run, collection: Path, tmp_path: Path) -> None:
    said = refused(
        run,
        "fit",
        collection,
        "--subject",
        "mila",
        "--not",
        collection / "mila",
        "--out",
        tmp_path / "m.safetensors",
    )
    assert "m0.png" in said


def test_an_unknown_group(run: Run, collection: Path) -> None:
    photo(collection / "yoko" / "y.png", (0, 0, 0), 1)
    assert "“yoko”" in refused(run, "fit", collection, "--subject", "mila")


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b"])
def test_what_can_not_be_a_name(run: Run, collection: Path, name: str) -> None:
    assert "can't be a subject's name" in refused(
        run, "fit", collection, "--subject", name, "--out", "x.safetensors"
    )


@pytest.mark.parametrize(
    ("out", "words"),
    [("mila.pkl", "must end in"), ("none/mila.safetensors", "does not exist"), ("folder", "folder")],
)
def test_a_place_where_no_subject_can_be(
    run: Run, collection: Path, tmp_path: Path, out: str, words: str
) -> None:
    if out == "folder":
        out = "mila.safetensors"
        (tmp_path / out).mkdir()
    assert words in refused(run, "fit", collection, "--subject", "mila", "--out", tmp_path / out)


def test_a_full_disk(run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    said = refused(run, "fit", collection, "--subject", "mila", "--out", tmp_path / "mila.safetensors")
    assert "No space left" in said


@pytest.mark.parametrize(
    "error", [BackboneUnavailable("There is no network."), ExtractorMismatch("Another network.")]
)
def test_no_network(run: Run, collection: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(extractors, "load", fail)
    assert refused(run, "fit", collection, "--subject", "mila", "--out", "x.safetensors") == str(error)


def test_stopping_is_no_error(run: Run, collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(extractors, "load", stop)
    code, _, said = run("fit", collection, "--subject", "mila", "--out", "x.safetensors")
    assert (code, said.splitlines()[-1]) == (130, "Stopped.")


def test_no_command_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


# -- fit, event by event


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
    monkeypatch.setattr(extractors, "load", LOAD)


LOAD = extractors.load
DEEP = ["--deep", "--epochs", "2", "--batch", "8", "--rate", "0.01", "--adopt", "always"]


class Remote:
    """Stands in for stdin: gives a line as soon as it was said, and ends when told to."""

    def __init__(self) -> None:
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[str]:
        while (line := self.lines.get()) is not None:
            yield line


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    made = Remote()
    monkeypatch.setattr("sys.stdin", made)
    yield made
    made.lines.put(None)


def events_of(out: str) -> list[finetune.Event]:
    return [finetune.from_json(line) for line in out.splitlines()]


def kinds_of(out: str) -> list[str]:
    return [type(event).__name__ for event in events_of(out)]


def test_deep_writes_a_subject_that_can_be_measured(
    tiny: None, run: Run, collection: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mila.safetensors"
    code, figures, told = run("fit", collection, "--subject", "mila", "--out", out, *DEEP)
    assert code == 0
    subject = Subject.load(out)
    assert subject.network is not None
    assert subject.figures is not None
    assert subject.figures.text() == figures
    assert "Epoch 2 of 2" in told
    code, measured, _ = run("evaluate", out, collection)
    assert code == 0
    assert measured.splitlines()[1].split()[:2] == ["mila", "12"]


def test_what_is_not_better_is_not_put_in_the_place_of_what_is(
    tiny: None, run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mila.safetensors"
    monkeypatch.setattr(judging, "is_better", lambda new, old: False)
    code, _, told = run("fit", collection, "--subject", "mila", "--out", out, *DEEP[:-2])
    assert code == 0
    assert not out.exists()
    assert "not better" in told
    kept = Path(told.splitlines()[-1].removeprefix("Written: "))
    assert Subject.load(kept).network is not None


def test_events_come_line_by_line(
    tiny: None, remote: Remote, run: Run, collection: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mila.safetensors"
    code, said, _ = run("fit", collection, "--subject", "mila", "--out", out, "--events", *DEEP)
    assert code == 0
    kinds = kinds_of(said)
    assert kinds[-1] == "Finished"
    assert kinds.count("Epoch") == kinds.count("Checkpoint") == 2
    finished = events_of(said)[-1]
    assert isinstance(finished, finetune.Finished)
    assert (finished.file, finished.adopted) == (str(out), True)


def test_quick_says_the_same_kinds_of_events(
    remote: Remote, run: Run, collection: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mila.safetensors"
    code, said, _ = run("fit", collection, "--subject", "mila", "--out", out, "--events")
    assert code == 0
    assert list(dict.fromkeys(kinds_of(said))) == ["Preparing", "Batch", "Found", "Finished"]
    finished = events_of(said)[-1]
    assert isinstance(finished, finetune.Finished)
    assert finished.challenger == Subject.load(out).figures


@pytest.mark.parametrize("way", [[], DEEP])
def test_a_stop_is_obeyed(
    tiny: None, run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: list[str]
) -> None:
    monkeypatch.setattr(command._Remote, "command", lambda self: "stop")
    out = tmp_path / "mila.safetensors"
    code, said, _ = run("fit", collection, "--subject", "mila", "--out", out, "--events", *way)
    assert code == 0
    assert kinds_of(said)[-1] == "Stopped"
    assert not out.exists()


@pytest.mark.parametrize(("lines", "wish"), [(["pause\n", "go\n"], "go"), (["stop\n"], "stop"), ([], "end")])
def test_commands_are_read_line_by_line_and_an_end_is_an_end(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], wish: str
) -> None:
    made = Remote()
    monkeypatch.setattr("sys.stdin", made)
    heard = command._Remote(True)
    for line in lines:
        made.lines.put(line)
    if wish == "end":
        made.lines.put(None)
    until = time.monotonic() + 20
    while not (heard.command() == wish and made.lines.empty()):
        assert time.monotonic() < until
    made.lines.put(None)


def test_stopped_it_goes_on_with_resume(
    tiny: None, run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mila.safetensors"
    begun: list[finetune.Event] = []
    tell = command._Teller.tell

    def note(self: command._Teller, event: finetune.Event) -> None:
        begun.extend([event] if isinstance(event, finetune.Batch) else [])
        tell(self, event)

    with monkeypatch.context() as patched:
        patched.setattr(command._Teller, "tell", note)
        patched.setattr(command._Remote, "command", lambda self: "end" if begun else "go")
        code, _, told = run("fit", collection, "--subject", "mila", "--out", out, *DEEP)
    assert "with --resume goes on from there" in told
    assert code == 1
    assert not out.exists()
    code, _, _ = run("fit", collection, "--subject", "mila", "--out", out, *DEEP, "--resume")
    assert code == 0
    assert Subject.load(out).network is not None


def test_a_look_changes_nothing(tiny: None, run: Run, collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "mila.safetensors"
    code, _, told = run("fit", collection, "--subject", "mila", "--out", out, "--look", "--deep")
    assert code == 0
    assert not out.exists()
    assert "mila: 12 photos" in told
    assert "minutes" in told


def test_what_was_chosen_settles_photos_that_are_both(
    tiny: None, remote: Remote, run: Run, collection: Path, tmp_path: Path
) -> None:
    twice = collection / "not_mila" / "tom" / "oops.png"
    shutil.copy(collection / "mila" / "m3.png", twice)
    look = ["fit", collection, "--subject", "mila", "--look", "--deep", "--events"]
    (found,) = [event for event in events_of(run(*look)[1]) if isinstance(event, finetune.Found)]
    assert [sorted(paths) for paths in found.conflicts] == [
        sorted([str(twice), str(collection / "mila" / "m3.png")])
    ]
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({str(twice): "subject"}))
    (found,) = [
        event for event in events_of(run(*look, "--settle", chosen)[1]) if isinstance(event, finetune.Found)
    ]
    assert (found.conflicts, found.repeated) == ((), 1)
    chosen.write_text(json.dumps({str(twice): "perhaps"}))
    assert "does not say" in refused(run, *look, "--settle", chosen)


def test_labels_of_the_library_make_its_next_version(
    tiny: None, remote: Remote, run: Run, collection: Path
) -> None:
    subjects = Subjects()
    entry = subjects.create("Mila")
    rex = subjects.add_look_alike(entry.id, "Rex")
    with Ledger() as ledger:
        for item in teach.collect(collection, "mila"):
            verdict = Verdict.SUBJECT if item.is_subject else Verdict.NOT_SUBJECT
            group = rex.id if item.group == "rex" else ""
            ledger.label([(item.file, photos.digest(item.file.path))], entry.id, verdict, "test", group)
    code, said, told = run("fit", "--labels-of", entry.id, "--events", *DEEP)
    assert code == 0, told
    finished = events_of(said)[-1]
    assert isinstance(finished, finetune.Finished)
    assert (finished.version, finished.adopted) == (1, True)
    subject = subjects.load(subjects.get(entry.id))
    assert subject is not None
    assert subject.network is not None
    assert dict(subject.counts) == {"Mila": 12, "Rex": 8, "not_Mila": 8}
    (version,) = subjects.versions(entry.id)
    assert version.method == "deep"
    code, said, _ = run("fit", "--labels-of", entry.id, "--events", "--adopt", "never")
    finished = events_of(said)[-1]
    assert isinstance(finished, finetune.Finished)
    assert (finished.version, finished.adopted) == (2, False)
    assert subjects.get(entry.id).version == 1


@pytest.fixture
def labelled_mila(collection: Path, persons: named_faces.NamedFaces) -> str:
    """Mila's id in the library, with all photos labelled; her look-alike is called “Tomcat” by now."""
    subjects = Subjects()
    entry = subjects.create("Mila")
    tom = subjects.add_look_alike(entry.id, "Tom")
    subjects.rename_look_alike(entry.id, tom.id, "Tomcat")
    with Ledger() as ledger:
        for item in teach.collect(collection, "mila"):
            verdict = Verdict.SUBJECT if item.is_subject else Verdict.NOT_SUBJECT
            group = tom.id if item.group == "tom" else ""
            ledger.label([(item.file, photos.digest(item.file.path))], entry.id, verdict, "test", group)
    return entry.id


def test_look_alikes_are_known_by_id_to_faces_and_by_name_to_people(
    remote: Remote, run: Run, labelled_mila: str
) -> None:
    code, _, told = run("fit", "--labels-of", labelled_mila, "--events")
    assert code == 0, told
    subjects = Subjects()
    subject = subjects.load(subjects.get(labelled_mila))
    assert subject is not None
    assert subject.faces is not None
    assert subject.faces.groups == ("tom",)
    assert dict(subject.counts) == {"Mila": 12, "Tomcat": 8, "not_Mila": 8}


def test_what_the_user_wants_to_decide_stays(remote: Remote, run: Run, labelled_mila: str) -> None:
    subjects = Subjects()
    run("fit", "--labels-of", labelled_mila, "--events")
    subjects.set_evidence(labelled_mila, "scene")
    run("fit", "--labels-of", labelled_mila, "--events")
    subject = subjects.load(subjects.get(labelled_mila))
    assert subject is not None
    assert (subject.version, subject.evidence) == (2, "scene")
    assert Subject.load(subjects.versions(labelled_mila)[0].path).evidence == "scene"


@pytest.mark.parametrize("digest_known", [True, False])
def test_what_was_said_of_faces_is_learned_from(
    remote: Remote,
    run: Run,
    collection: Path,
    labelled_mila: str,
    monkeypatch: pytest.MonkeyPatch,
    digest_known: bool,
) -> None:
    """In m1 two faces are found, and the user says which is Mila's: the one that looks like a stranger's."""
    (file,) = [one.file for one in teach.collect(collection, "mila") if one.file.path.endswith("m1.png")]
    digest = photos.digest(file.path)
    with Ledger() as ledger:
        for left, verdict in ((0.1, FaceVerdict.SUBJECT), (0.35, FaceVerdict.NOT_SUBJECT)):
            box = (left + 0.02, 0.27, left + 0.2, 0.45)  # as another look found it
            of = FaceOf(file, digest if digest_known else None, box)
            ledger.label([], labelled_mila, None, "test", faces=[of], face_verdict=verdict)
    given: dict[str, Any] = {}
    fit = judge.fit

    def note(*arguments: Any, **named: Any) -> Any:
        given.update(named)
        return fit(*arguments, **named)

    monkeypatch.setattr(judge, "fit", note)
    code, _, told = run("fit", "--labels-of", labelled_mila, "--events")
    assert code == 0, told
    assert [said for said in given["face_said"] if said] == [
        {0: FaceSaid(FaceVerdict.SUBJECT), 1: FaceSaid(FaceVerdict.NOT_SUBJECT)}
    ]
    assert [said != {} for said in given["face_said"]] == [one == digest for one in given["digests"]]
    subjects = Subjects()
    subject = subjects.load(subjects.get(labelled_mila))
    assert subject is not None
    assert subject.faces is not None
    of_m1 = (subject.faces.digests == np.frombuffer(digest, np.uint8)).all(1)
    assert subject.faces.kind[of_m1][subject.faces.numbers[of_m1] == 0].tolist() == [SUBJECT]
    assert SUBJECT not in subject.faces.kind[of_m1][subject.faces.numbers[of_m1] == 1]


def test_what_can_not_be_trained_is_refused_with_a_sentence(run: Run, collection: Path) -> None:
    assert "either a FOLDER" in refused(run, "fit", "--deep")
    assert "either a FOLDER" in refused(run, "fit", collection, "--labels-of", "john")
    assert "--subject" in refused(run, "fit", collection, "--deep")
    assert "no subject with the id “yoko”" in refused(run, "fit", "--labels-of", "yoko")
    assert "no photos of John" in refused(run, "fit", "--labels-of", "john", "--deep", "--events")
    assert "no photos of John" in refused(run, "fit", "--labels-of", "john")
    words = ["fit", collection, "--subject", "mila", "--out", collection / "x.safetensors", "--deep"]
    assert "Epochs must lie between" in refused(run, *words, "--epochs", "0")
    assert "no network called" in refused(run, *words, "--backbone", "resnet50x")


# -- evaluate


@pytest.fixture
def mila(run: Run, collection: Path, tmp_path: Path) -> Path:
    file = tmp_path / "mila.safetensors"
    run("fit", collection, "--subject", "mila", "--out", file)
    return file


def test_a_subject_is_measured_on_other_photos(run: Run, mila: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for i in range(4):
        photo(other / "mila" / f"{i}.png", (190, 80, 70), 700 + i)
        photo(other / "not_mila" / "rex" / f"{i}.png", (60, 80, 190), 800 + i)
        photo(tmp_path / "foxes" / f"{i}.png", (190, 80, 70), 900 + i)
    code, out, _ = run("evaluate", mila, other, "--not", tmp_path / "foxes")
    assert code == 0
    shares = {line.split()[0]: line.split()[1:3] for line in out.splitlines()[1:4]}
    assert shares == {"mila": ["4", "100.0"], "rex": ["4", "100.0"], "foxes": ["4", "0.0"]}


def test_what_is_no_subject_is_not_measured(run: Run, collection: Path, tmp_path: Path) -> None:
    file = tmp_path / "mila.safetensors"
    file.write_bytes(b"hello")
    assert "is not a subject" in refused(run, "evaluate", file, collection)
    assert "isn't there" in refused(run, "evaluate", tmp_path / "none", collection)


def test_a_subject_of_another_network_is_not_measured(
    run: Run, mila: Path, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Colours, "run", lambda self, squares: np.ones((len(squares), 9), np.float32))
    assert "doesn't fit" in refused(run, "evaluate", mila, collection)


def test_a_folder_of_another_subject_is_not_measured(run: Run, mila: Path, tmp_path: Path) -> None:
    (tmp_path / "beatles" / "john").mkdir(parents=True)
    assert "no folder “mila”" in refused(run, "evaluate", mila, tmp_path / "beatles")


# -- the real thing


def test_a_dog_is_learned_from_the_collection(run: Run, shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "mila.safetensors"
    code, _, _ = run(
        "fit", shared_data / "mila", "--subject", "mila", "--out", out, "--no-faces"
    )  # takes a minute
    assert code == 0
    figures = Subject.load(out).figures
    assert figures is not None
    mila, others = figures.groups
    assert (mila.photos, others.photos) == (34, 96)
    assert mila.share >= 0.9
    assert others.share >= 0.95
