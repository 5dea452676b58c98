"""`score` from the command line: a table with one row for each photo, whatever is wrong with it."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from training import __main__ as command
from training import extractors
from training.backbones import BackboneUnavailable
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
    assert list(rows[0]) == ["path", "probability", "zone", "error"]
    names = [Path(row["path"]).relative_to(folder).as_posix() for row in rows]
    assert names == sorted(names, key=lambda name: (name.startswith("inner"), name))
    assert len(names) == 10
    by_name = dict(zip(names, rows, strict=True))
    assert by_name["empty.jpg"] == {
        "path": str(folder / "empty.jpg"),
        "probability": "",
        "zone": "",
        "error": "is empty",
    }
    assert by_name["text.png"]["error"]
    zones = Subject.load(subject_file).zones
    for row in rows:
        if not row["error"]:
            assert row["zone"] == zones.zone(float(row["probability"])).label("john")
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


def test_the_starter_is_there_and_scores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["score", str(folder)]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {row["zone"] for row in rows} == {"not_john"}
