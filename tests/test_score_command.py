"""`score` from the command line: a table with one row for each photo, whatever is wrong with it, and what faces say."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tests import named_faces
from tests.named_faces import NamedFaces
from training import __main__ as command
from training import extractors, faces
from training.backbones import BackboneUnavailable
from training.faces import FacesUnavailable, Look
from training.subject import Subject

Run = Callable[..., tuple[int, list[dict[str, str]], str]]


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], subject_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    stdout = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)

    def score(*arguments: object) -> tuple[int, list[dict[str, str]], str]:
        code = command.main(["score", *map(str, arguments), "--subject", str(subject_file)])
        stdout.flush()
        out, err = capfdbinary.readouterr()
        rows = list(csv.DictReader(io.StringIO(out.decode("utf-8", "surrogateescape"), newline="")))
        return code, rows, err.decode("utf-8", "replace")

    yield score
    stdout.close()


def test_each_photo_has_a_row_in_the_order_of_names(run: Run, folder: Path, subject_file: Path) -> None:
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("hello")
    code, rows, told = run(folder)
    assert code == 0
    assert list(rows[0]) == ["path", "probability", "zone", "error", "faces", "decided_by"]
    names = [Path(row["path"]).relative_to(folder).as_posix() for row in rows]
    assert names == sorted(names, key=lambda name: (name.startswith("inner"), name))
    assert len(names) == 10
    by_name = dict(zip(names, rows, strict=True))
    assert by_name["empty.jpg"] == {
        "path": str(folder / "empty.jpg"),
        "probability": "",
        "zone": "",
        "error": "is empty",
        "faces": "",
        "decided_by": "",
    }
    assert by_name["text.png"]["error"]
    zones = Subject.load(subject_file).zones
    for row in rows:
        if not row["error"]:
            assert row["zone"] == zones.zone(float(row["probability"])).label("john")
            assert (row["faces"], row["decided_by"]) == ("", "scene")  # this subject has no face
    assert by_name["chelsea.jpg"]["zone"] == "john"
    assert by_name["rocket.jpg"]["zone"] == "not_john"
    assert "2 of the photos can't be opened" in told


def test_the_second_time_needs_no_network(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(folder)[1]
    monkeypatch.setattr(extractors, "load", None)
    assert run(folder)[1] == first


def test_subfolders_can_be_left_out(run: Run, folder: Path) -> None:
    assert len(run(folder, "--no-recursive")[1]) == 6


def test_the_table_goes_to_a_file(run: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    code, rows, _ = run(folder, "--csv", file)
    assert (code, rows) == (0, [])
    assert len(list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))) == 8


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such names")
def test_any_name_comes_out_as_it_is(run: Run, folder: Path, tmp_path: Path) -> None:
    names = [b"two\nlines.jpg", b"\xff\xfe.jpg", "🐈, “cat”.jpg".encode()]
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in names:
        (odd / os.fsdecode(name)).write_bytes((folder / "chelsea.jpg").read_bytes())
    rows = run(odd)[1]
    assert sorted(os.fsencode(Path(row["path"]).name) for row in rows) == sorted(names)
    assert {row["zone"] for row in rows} == {"john"}


def test_an_empty_folder_has_an_empty_table(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    code, rows, told = run(empty)
    assert (code, rows) == (0, [])
    assert "0 photos found" in told


def test_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, rows, told = run(tmp_path / "none")
    assert (code, rows) == (2, [])
    assert "none" in told.splitlines()[-1]


def test_a_place_where_no_table_can_be(run: Run, folder: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "none" / "scores.csv", tmp_path):
        code, _, told = run(folder, "--csv", place)
        assert code == 2
        assert told.splitlines()[-1].endswith("--csv.")
        assert "Waking up" not in told  # said before the work, not after it


def test_no_network(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise BackboneUnavailable("There is no network.")

    monkeypatch.setattr(extractors, "load", fail)
    code, rows, told = run(folder)
    assert (code, rows) == (2, [])
    assert told.splitlines()[-1] == "There is no network."


def test_what_is_no_subject(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["score", str(folder), "--subject", str(tmp_path / "none.safetensors")]) == 2
    assert "isn't there" in capsys.readouterr().err


# -- faces


@pytest.fixture
def person(subject_file: Path, tmp_path: Path) -> Path:
    """The subject that takes the cat's photo for John's, but knows John's face as well."""
    file = tmp_path / "person.safetensors"
    known = named_faces.face_head("john", "george")
    dataclasses.replace(Subject.load(subject_file), faces=known).save(file)
    return file


PEOPLE = {
    "coffee.jpg": ("george", "john"),
    "rocket.jpg": ("george",),
    "astronaut.jpg": ("a stranger", "george"),
}


def who(path: str, look: Look) -> tuple[str, ...]:
    """John in his coffee; a longer look finds him with the rocket, too."""
    more = ("john",) if look is Look.THOROUGH and path.endswith("rocket.jpg") else ()
    return PEOPLE.get(Path(path).name, ()) + more


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> NamedFaces:
    return named_faces.install(monkeypatch, who)


def score(person: Path, folder: Path, *more: str | Path) -> int:
    return command.main(["score", str(folder), "--no-recursive", "--subject", str(person), *map(str, more)])


Table = dict[str, dict[str, str]]


def table(out: str) -> Table:
    return {Path(row["path"]).name: row for row in csv.DictReader(out.splitlines())}


def test_faces_are_counted_and_decide(
    person: Path, folder: Path, found: NamedFaces, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty.jpg").touch()
    assert score(person, folder) == 0
    said = capsys.readouterr()
    rows = table(said.out)
    assert [rows[name]["faces"] for name in ("coffee.jpg", "rocket.jpg", "astronaut.jpg")] == ["2", "1", "2"]
    assert [rows[name]["zone"] for name in ("coffee.jpg", "rocket.jpg", "astronaut.jpg")] == [
        "john",
        "not_john",
        "not_john",
    ]
    assert {rows[name]["decided_by"] for name in PEOPLE} == {"face"}
    assert (rows["chelsea.jpg"]["faces"], rows["chelsea.jpg"]["decided_by"]) == ("0", "scene")
    assert (rows["empty.jpg"]["faces"], rows["empty.jpg"]["decided_by"]) == ("", "")
    assert rows["empty.jpg"]["error"] == "is empty"
    assert "Looking for faces in 6 photos" in said.err
    assert {look for _, look in found.looked} == {Look.QUICK}


def test_the_second_time_no_faces_are_looked_for(
    person: Path, folder: Path, found: NamedFaces, capsys: pytest.CaptureFixture[str]
) -> None:
    score(person, folder)
    first, count = capsys.readouterr().out, len(found.looked)
    score(person, folder)
    assert capsys.readouterr().out == first
    assert len(found.looked) == count == 6


@pytest.mark.parametrize("known_before", [False, True])
def test_without_faces_the_scene_decides(
    person: Path, folder: Path, found: NamedFaces, capsys: pytest.CaptureFixture[str], known_before: bool
) -> None:
    if known_before:
        score(person, folder)
        capsys.readouterr()
        found.looked.clear()
    score(person, folder, "--no-faces")
    rows = table(capsys.readouterr().out)
    assert {(row["faces"], row["decided_by"]) for row in rows.values()} == {("", "scene")}
    assert rows["coffee.jpg"]["zone"] == "not_john"
    assert found.looked == []


def test_a_thorough_look_is_for_what_is_not_clear(
    person: Path,
    folder: Path,
    found: NamedFaces,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unclear(judged: Any, table: Any, zones: Any) -> np.ndarray:
        return np.asarray(judged.by_face & (judged.probabilities < 0.5))

    monkeypatch.setattr(command, "wants_thorough", unclear)
    score(person, folder)
    assert {look for _, look in found.looked} == {Look.QUICK}  # it was not asked for
    capsys.readouterr()
    score(person, folder, "--thorough")
    said = capsys.readouterr()
    again = sorted(Path(path).name for path, look in found.looked if look is Look.THOROUGH)
    assert again == ["astronaut.jpg", "rocket.jpg"]
    assert "Looking once more, and longer, at 2 photos." in said.err
    rows = table(said.out)
    assert (rows["rocket.jpg"]["faces"], rows["rocket.jpg"]["zone"]) == ("2", "john")
    assert rows["astronaut.jpg"]["zone"] == "not_john"


def test_no_faces_and_thorough_do_not_go_together(
    person: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        score(person, folder, "--no-faces", "--thorough")
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_json_gives_the_place_and_probability_of_each_face(
    person: Path, folder: Path, found: NamedFaces, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty.jpg").touch()
    assert score(person, folder, "--json", "-") == 0
    written = json.loads(capsys.readouterr().out)  # and no table beside
    assert written["subject"] == "john"
    by_name = {Path(photo["path"]).name: photo for photo in written["photos"]}
    assert by_name["empty.jpg"] == {"path": str(folder / "empty.jpg"), "error": "is empty"}
    coffee = by_name["coffee.jpg"]
    assert [one["box"] for one in coffee["faces"]] == [[0.1, 0.25, 0.3, 0.45], [0.35, 0.25, 0.55, 0.45]]
    george, john = (one["probability"] for one in coffee["faces"])
    assert george < 0.1 < 0.9 < john
    assert coffee["probability"] == john
    assert (coffee["zone"], coffee["decided_by"]) == ("john", "face")
    assert by_name["chelsea.jpg"]["faces"] == []
    assert score(person, folder, "--json", tmp_path / "x.json", "--csv", tmp_path / "x.csv") == 0
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == written
    assert len(table((tmp_path / "x.csv").read_text(encoding="utf-8"))) == 7
    assert capsys.readouterr().out == ""
    assert score(person, folder, "--no-faces", "--json", tmp_path / "x.json") == 0
    (coffee,) = [
        photo
        for photo in json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["photos"]
        if photo["path"].endswith("coffee.jpg")
    ]
    assert (coffee["faces"], coffee["decided_by"]) == (None, "scene")


def test_a_place_where_no_json_can_be(person: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(person, folder, "--json", folder) == 2
    told = capsys.readouterr().err
    assert told.splitlines()[-1].endswith("--json.")
    assert "photos found" not in told


def test_where_faces_can_not_be_looked_for_the_scene_goes_on_alone(
    person: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise FacesUnavailable("The networks for faces are missing.")

    monkeypatch.setattr(faces, "load", missing)
    assert score(person, folder) == 0
    said = capsys.readouterr()
    assert said.err.count("The networks for faces are missing. The photos are judged as a whole.") == 1
    rows = table(said.out)
    assert {(row["faces"], row["decided_by"]) for row in rows.values()} == {("", "scene")}
    assert rows["chelsea.jpg"]["zone"] == "john"


def test_the_starter_finds_a_real_face_and_says_that_it_is_not_john(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(skimage.data, name)()).save(tmp_path / f"{name}.png")
    assert command.main(["score", str(tmp_path), "--json", str(tmp_path / "x.json"), "--csv", "-"]) == 0
    rows = table(capsys.readouterr().out)
    assert (rows["astronaut.png"]["faces"], rows["coffee.png"]["faces"]) == ("1", "0")
    assert (rows["astronaut.png"]["decided_by"], rows["coffee.png"]["decided_by"]) == ("face", "scene")
    assert {row["zone"] for row in rows.values()} == {"not_john"}
    photos = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["photos"]
    (astronaut,) = [photo for photo in photos if photo["faces"]]
    left, top, right, bottom = astronaut["faces"][0]["box"]
    assert left < 0.44 < right  # where her nose is
    assert top < 0.23 < bottom


def test_the_starter_is_there_and_scores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["score", str(folder), "--no-faces"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {row["zone"] for row in rows} == {"not_john"}
