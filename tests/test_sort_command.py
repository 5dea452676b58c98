"""`sort` from the command line: tells beforehand, sorts, goes on and brings back."""

from __future__ import annotations

import argparse
import csv
import json
import signal
from pathlib import Path

import pytest

from tests.test_sorting_crashes import moved_to_trash
from training import photos, sorting_run
from training.sort_command import add_sort
from training.sorting_journal import Journal
from training.subjects import Subjects
from training.verdicts import Ledger, Verdict


def sort(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    add_sort(parser.add_subparsers(required=True))
    options = parser.parse_args(["sort", *map(str, arguments)])
    code: int = options.run(options)
    out, err = capsys.readouterr()
    return code, out, err


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_there_and_back(
    capsys: pytest.CaptureFixture[str], folder: Path, subject_file: Path, tmp_path: Path
) -> None:
    (folder / "chelsea.xmp").write_text("of the cat")
    (folder / "empty.jpg").touch()
    before = tree(folder)
    target = tmp_path / "sorted"
    table = tmp_path / "table.csv"
    how = (folder, "--to", target, "--subject", subject_file)

    code, out, told = sort(capsys, *how, "--dry-run")
    assert code == 0 and tree(folder) == before and not target.exists()
    assert (
        f"{folder / 'chelsea.jpg'} -> {target / 'john' / 'chelsea.jpg'}\n  {folder / 'chelsea.xmp'} -> "
        in out
    )
    assert "1 sidecar goes along." in told and "empty.jpg is empty" in told

    code, out, told = sort(capsys, *how, "--csv", table, "--unsure-to", "{zone}")
    assert code == 0 and out == ""
    assert (target / "john" / "chelsea.xmp").read_text() == "of the cat"
    assert (folder / "empty.jpg").exists() and "photos moved" in told
    rows = {
        Path(row["path"]).name: row for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    }
    assert len(rows) == 9
    cat = rows["chelsea.jpg"]
    assert cat["hash"] == photos.digest(target / "john" / "chelsea.jpg").hex()
    assert (cat["verdict"], cat["decided_by"], cat["outcome"]) == ("john", "model", "done")
    assert rows["empty.jpg"]["outcome"] == "stays" and rows["empty.jpg"]["decided_by"] == "nobody"

    code, out, told = sort(capsys, "--history")
    assert code == 0 and out.startswith("   1  ") and "8 done" in out

    code, _, told = sort(capsys, "--undo", "last", "--only", folder / "chelsea.jpg")
    assert code == 0 and "1 photo brought back." in told
    code, _, told = sort(capsys, "--undo", 1)
    assert code == 0 and tree(folder) == before and not target.exists()
    code, _, told = sort(capsys, "--undo", "last")
    assert code == 2 and "There is no sorting that could be taken back." in told
    code, _, told = sort(capsys, "--undo", 1)
    assert code == 2 and "Nothing of sorting 1 could be taken back." in told


def test_what_was_labelled_in_the_window_counts(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    files = {Path(file.path).name: file for batch in photos.scan(folder) for file in batch}
    john = next(one for one in Subjects().all() if one.id == "john")
    with Ledger() as ledger:
        ledger.label([(files["rocket.jpg"], None)], john.id, Verdict.SUBJECT, "key")
        digest = photos.digest(files["coffee.jpg"].path)
        ledger.label([(files["coffee.jpg"], digest)], john.id, Verdict.NOT_SUBJECT, "key")
    table = tmp_path / "table.json"
    code, out, _ = sort(
        capsys,
        folder,
        "--to",
        tmp_path / "out",
        "--copy",
        "--only-confirmed",
        "--json",
        table,
        "--others-to",
        "no",
    )
    assert code == 0 and out == ""
    assert len(tree(folder)) == 8
    assert set(tree(tmp_path / "out")) == {f"{john.name}/rocket.jpg", "no/coffee.jpg"}
    said = {Path(row["path"]).name for row in json.loads(table.read_text()) if row["decided_by"] == "person"}
    assert said == {"rocket.jpg", "coffee.jpg"}


def test_what_can_not_go_is_told_and_the_rest_goes(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    subject_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = sorting_run.run

    def meanwhile(*arguments: object) -> sorting_run.Events:
        (folder / "rocket.jpg").unlink()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sorting_run, "run", meanwhile)
    code, _, told = sort(
        capsys, folder, "--to", tmp_path / "out", "--subject", subject_file, "--zones", 0.5, 0.5
    )
    assert code == 1
    assert f"{folder / 'rocket.jpg'} isn’t there any more" in told
    assert "7 photos moved, 1 left where they were" in told


def test_an_interrupt_stops_between_two_photos_and_it_goes_on_later(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    subject_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = sorting_run.run

    def interrupted(*arguments: object) -> sorting_run.Events:
        for event in real(*arguments):  # type: ignore[arg-type]
            yield event
            if isinstance(event, sorting_run.Moved) and event.number == 2:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(sorting_run, "run", interrupted)
    how = (folder, "--to", tmp_path / "out", "--subject", subject_file, "--zones", 0.5, 0.5)
    before = signal.getsignal(signal.SIGINT)
    code, _, told = sort(capsys, *how)
    assert code == 1
    assert "Stopped. 3 photos moved, 5 still to do" in told
    assert "“sort --resume” goes on, “sort --undo 1” brings back what was done." in told
    assert signal.getsignal(signal.SIGINT) is before
    assert len(tree(tmp_path / "out")) == 3
    assert sort(capsys, "--resume")[0] == 0
    assert len(tree(tmp_path / "out")) == 8 and not tree(folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the FOLDER"),
        (("FOLDER",), "Name the FOLDER"),
        (("FOLDER", "--to", "OUT", "--subject-to", "{who}"), "means nothing"),
        (("FOLDER", "--to", "OUT", "--zones", "0.9", "0.1"), "LOW and HIGH"),
        (("FOLDER", "--to", "OUT", "--json", "table.csv"), "has to end in .json"),
        (("FOLDER", "--to", "OUT", "--csv", "FOLDER"), "is a folder"),
        (("FOLDER", "--to", "OUT", "--csv", "OUT/no/table.csv"), "does not exist"),
        (("FOLDER", "--to", "OUT", "--labels-of", "ringo"), "There is no subject with the id “ringo”"),
        (("FOLDER", "--to", "OUT", "--copy", "--others-to", "trash:"), "Photos can be moved to the trash"),
        (("FOLDER", "--tag", "--subject-to", "-"), "No photo would get a tag"),
        (("FOLDER", "--tag", "--subject-to", "a\tb"), "a character in it that is no text"),
        (("FOLDER", "--tag", "--subject", "FOLDER"), "nothing counts as said by you"),
        (("--undo", "7"), "There is no sorting “7”"),
        (("--undo", "last"), "no sorting that could be taken back"),
        (("--resume", "7"), "There is no sorting “7”"),
    ],
)
def test_what_can_not_be_done_is_told(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    places = {
        "FOLDER": str(folder),
        "OUT": str(tmp_path / "out"),
        "OUT/no/table.csv": str(tmp_path / "no" / "t.csv"),
    }
    code, _, told = sort(capsys, *(places.get(one, one) for one in arguments))
    assert code == 2 and words in told


def test_nothing_to_tell_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert sort(capsys, "--history") == (0, "", "Nothing was sorted so far.\n")
    assert sort(capsys, "--resume") == (0, "", "No sorting was left unfinished.\n")


def test_another_sorting_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with Journal() as journal, journal.alone():
        code, _, told = sort(capsys, "--resume")
    assert code == 2 and "Another window or command is sorting photos." in told


def test_tags_of_what_was_labelled_and_back(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    files = {Path(file.path).name: file for batch in photos.scan(folder) for file in batch}
    john = next(one for one in Subjects().all() if one.id == "john")
    with Ledger() as ledger:
        ledger.label(
            [(files["rocket.jpg"], None), (files["chelsea.jpg"], None)], john.id, Verdict.SUBJECT, "k"
        )
        ledger.label([(files["coffee.jpg"], None)], john.id, Verdict.NOT_SUBJECT, "k")
    before = tree(folder)
    table = tmp_path / "table.csv"
    how = (folder, "--tag", "--subject-to", "People/{subject}")
    code, out, told = sort(capsys, *how, "--dry-run")
    assert code == 0 and tree(folder) == before
    tag = f"People/{john.name}"
    assert f"{folder / 'rocket.jpg'} +{tag} -> {folder / 'rocket.jpg.xmp'} (new)\n" in out
    assert f"2 get the tag “{tag}”: 2 new sidecars; 6 stay as they are." in told

    code, out, told = sort(capsys, *how, "--tag-naming", "stem", "--csv", table)
    assert code == 0 and out == "" and "2 photos tagged." in told
    assert set(tree(folder)) - set(before) == {"rocket.xmp", "chelsea.xmp"}
    rows = {Path(row["path"]).name: row for row in csv.DictReader(table.read_text("utf-8").splitlines())}
    rocket = rows["rocket.jpg"]
    assert (rocket["outcome"], rocket["tags"], rocket["decided_by"]) == ("done", tag, "person")
    assert rocket["target"] == str(folder / "rocket.xmp")
    assert rows["coffee.jpg"]["outcome"] == "stays" and rows["coffee.jpg"]["tags"] == ""
    code, _, told = sort(capsys, *how)
    assert code == 0 and "2 have the tag already." in told

    # What was labelled otherwise since, loses what was written, and nothing else.
    with Ledger() as ledger:
        ledger.label([(files["rocket.jpg"], None)], john.id, Verdict.NOT_SUBJECT, "k")
    code, _, told = sort(capsys, *how, "--json", tmp_path / "table.json")
    assert code == 0 and f"1 loses the tag “{tag}” of an earlier time" in told
    said = {Path(row["path"]).name: row["tags"] for row in json.loads((tmp_path / "table.json").read_text())}
    assert said["rocket.jpg"] == f"without {tag}"
    code, out, _ = sort(capsys, "--history")
    assert "  tag   finished  1 done  1 loses the tag" in out
    assert sort(capsys, "--undo", 2)[2].endswith("1 photo has its old tags again.\n")
    code, _, told = sort(capsys, "--undo", "last")
    assert code == 0 and "2 photos have their old tags again." in told
    assert tree(folder) == before


def test_others_go_to_the_trash_and_come_back(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    subject_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trash = moved_to_trash(tmp_path, monkeypatch)
    trash.parent.mkdir(parents=True)
    before = tree(folder)
    how = (
        folder,
        "--subject",
        subject_file,
        "--subject-to",
        "-",
        "--others-to",
        "trash:",
        "--zones",
        0.5,
        0.5,
    )
    code, out, told = sort(capsys, *how, "--dry-run")
    assert code == 0 and tree(folder) == before
    assert f"{folder / 'rocket.jpg'} -> trash:\n" in out and " to the trash, " in told
    code, _, told = sort(capsys, *how)
    assert code == 0 and "photos moved" in told
    assert (folder / "chelsea.jpg").exists() and not (folder / "rocket.jpg").exists()
    thrown = tree(trash / "files")
    assert sorted([*thrown.values(), *tree(folder).values()]) == sorted(before.values())
    assert " to the trash" in sort(capsys, "--history")[1]
    assert sort(capsys, "--undo", "last")[0] == 0
    assert tree(folder) == before and not tree(trash)
