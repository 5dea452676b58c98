"""Photos that are put in the system's trash: nothing is deleted, and they come back from there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_sorting import MadeUp, items
from tests.test_sorting_crashes import moved_to_trash
from tests.test_sorting_run import told, tree
from training import photos, sorting_trash
from training.sorting import TRASH, Action, BadTarget, Fate, Item, Plan, Rules, plan
from training.sorting_disk import Acts
from training.sorting_journal import Journal, State
from training.sorting_run import Finished, Moved, run, undo

pytestmark = pytest.mark.skipif(
    not sorting_trash.can_look(), reason="only where the trash can be looked into it comes back by itself"
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite3") as made:
        yield made


@pytest.fixture
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = moved_to_trash(tmp_path, monkeypatch)
    made.parent.mkdir(parents=True)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    for number in range(4):
        (made / f"{number}.jpg").write_bytes(b"photo %d" % number)
    (made / "1.xmp").write_bytes(b"sidecar")
    return made


def planned(folder: Path, *, hashed: bool = True) -> Plan:
    """All but the last photo are thrown away; that goes to out/john."""
    some = [
        Item(
            file,
            photos.digest(file.path) if hashed else None,
            0.9 if file.path.endswith("3.jpg") else 0.1,
        )
        for batch in photos.scan(folder)
        for file in batch
    ]
    return plan(some, Rules(Action.MOVE, "john", str(folder.parent / "out"), to_not_subject=TRASH))


def test_a_plan_says_what_is_thrown_away() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/in/b.jpg": b"2", "/in/b.xmp": b"3", "/in/c.jpg": b"4"})
    made = plan(items(disk, b=0.1, c=0.5), Rules(Action.MOVE, "john", "/out", to_not_subject=TRASH), disk)
    assert [row.target for row in made.rows] == ["/out/john/a.jpg", TRASH, None]
    assert [one.target for one in made.rows[1].companions] == [TRASH]
    assert made.summary[0] == "1 to “john/”, 1 to the trash, 1 stays."
    assert "1 sidecar goes along." in made.summary
    assert Plan.from_json(made.to_json()) == made
    for action in (Action.COPY, Action.LINK):
        with pytest.raises(BadTarget, match="Photos can be moved to the trash"):
            plan([], Rules(action, "john", "/out", to_not_subject=TRASH), disk)


def test_to_the_trash_and_back(folder: Path, trash: Path, journal: Journal) -> None:
    before = tree(folder)
    events = list(run(planned(folder), journal))
    last = events[-1]
    assert isinstance(last, Finished) and last.words.startswith("4 photos moved")
    assert len([event for event in events if isinstance(event, Moved) and event.row.target == TRASH]) == 3
    assert tree(folder) == {}
    assert sorted(tree(trash / "files").values()) == [b"photo 0", b"photo 1", b"photo 2", b"sidecar"]
    assert journal.runs()[0].words == "1 to “john/”, 3 to the trash."
    parts = journal.units(1)[1].parts
    assert [part.target for part in parts] == [TRASH, TRASH]
    assert [part.there for part in parts] == [str(trash / "files" / name) for name in ("1.jpg", "1.xmp")]

    wrong, end = told(undo(1, journal))
    assert not wrong and isinstance(end, Finished) and end.words == "4 photos brought back."
    assert tree(folder) == before
    assert tree(trash) == {}  # and nothing is said there of what is not there


def test_names_that_are_taken_in_the_trash_and_strange_ones(
    folder: Path, trash: Path, journal: Journal
) -> None:
    (folder / "100 % caf\u00e9\n.jpg").write_bytes(b"strange")
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"no UTF-8")
    (folder / "b").mkdir()
    (folder / "b" / "0.jpg").write_bytes(b"of the same name")
    before = tree(folder)
    list(run(planned(folder), journal))
    assert len(tree(trash / "files")) == 7
    told(undo(1, journal))
    list(run(planned(folder), journal))
    assert not told(undo(2, journal))[0]
    assert tree(folder) == before and tree(trash) == {}


def test_what_was_taken_back_emptied_or_changed_is_named(folder: Path, trash: Path, journal: Journal) -> None:
    list(run(planned(folder), journal))
    files = trash / "files"
    (files / "0.jpg").rename(folder / "0.jpg")
    (files / "1.jpg").write_bytes(b"changed")
    (files / "2.jpg").unlink()
    wrong, _ = told(undo(1, journal))
    assert wrong == {
        "0.jpg": "is back already",
        "1.jpg": "has changed since it was put there",
        "2.jpg": "isn’t in the trash any more",
    }
    assert (files / "1.jpg").read_bytes() == b"changed"


def test_nothing_comes_back_onto_another_file(folder: Path, trash: Path, journal: Journal) -> None:
    list(run(planned(folder), journal))
    (folder / "0.jpg").write_bytes(b"new")
    assert told(undo(1, journal))[0] == {"0.jpg": "can’t go back: another file has its old name by now"}
    assert (folder / "0.jpg").read_bytes() == b"new"
    assert (trash / "files" / "0.jpg").read_bytes() == b"photo 0"


def test_another_file_of_that_name_in_the_trash_is_not_taken_for_it(
    folder: Path, trash: Path, journal: Journal
) -> None:
    list(run(planned(folder), journal))
    place = trash / "files" / "0.jpg"
    facts = place.stat()
    place.unlink()
    (trash / "files" / "filler").write_bytes(b"takes the number that is free now")
    place.write_bytes(b"other 0")
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert told(undo(1, journal))[0] == {"0.jpg": "has changed since it was put there"}


class NoTrash(Acts):
    """A drive without a trash."""

    def __init__(self, part: str = "", error: OSError | None = None) -> None:
        self.part, self.error = part, error

    def trash(self, path: str) -> None:
        if self.part in path:
            from send2trash import TrashPermissionError

            raise self.error or TrashPermissionError(path)
        super().trash(path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "its drive has no trash, and none can be made there"),
        (OSError("Couldn’t find mount point"), "couldn’t find mount point"),
        (OSError(errno.EROFS, "x"), "the disk is read-only"),
    ],
)
def test_without_a_trash_photos_stay(
    folder: Path, trash: Path, journal: Journal, error: OSError | None, words: str
) -> None:
    before = tree(folder)
    wrong, _ = told(run(planned(folder), journal, acts=NoTrash("jpg", error)))
    assert set(wrong) == {"0.jpg", "1.jpg", "2.jpg"}
    assert set(wrong.values()) == {f"can’t be put in the trash: {words}"}
    assert tree(folder) == {name: content for name, content in before.items() if name != "3.jpg"}
    assert tree(trash) == {}


def test_a_photo_stays_if_its_companion_can_not_go(folder: Path, trash: Path, journal: Journal) -> None:
    wrong, _ = told(run(planned(folder), journal, acts=NoTrash("1.xmp")))
    assert set(wrong) == {"1.jpg"}
    assert set(tree(folder)) == {"1.jpg", "1.xmp"}
    assert set(tree(trash / "files")) == {"0.jpg", "2.jpg"}


class NoWayBack(NoTrash):
    """Nor can anything be taken out of the trash again."""

    def rename(self, source: str, target: str) -> None:
        if "Trash" in source:
            raise OSError(errno.EXDEV, "x")
        super().rename(source, target)


def test_what_went_without_its_companion_can_be_brought_back(
    folder: Path, trash: Path, journal: Journal
) -> None:
    before = tree(folder)
    list(run(planned(folder, hashed=False), journal, acts=NoWayBack("1.xmp")))
    assert "1.jpg" not in tree(folder) and "1.xmp" in tree(folder)
    assert told(undo(1, journal))[0] == {}
    assert tree(folder) == before


def test_where_the_trash_can_not_be_looked_into(
    folder: Path, trash: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting_trash, "can_look", lambda: False)
    events = list(run(planned(folder), journal, acts=NoTrash("1.xmp")))
    notes = [event.note for event in events if isinstance(event, Moved) and event.note]
    assert len(notes) == 1 and notes[0].startswith("“1.xmp” stays: it can’t be put in the trash")
    wrong, _ = told(undo(1, journal))
    assert set(wrong.values()) == {"is in the system’s trash: take it back from there"}
    assert len(wrong) == 3
    (trash / "files" / "0.jpg").rename(folder / "0.jpg")  # as another program does it
    assert told(undo(1, journal))[0]["0.jpg"] == "is back already"
    monkeypatch.undo()


def test_a_trash_on_the_drive_that_the_photos_are_on(
    folder: Path, trash: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home on another drive; the photos' own has a trash at its top, which we take the folder above them for."""
    top = folder.parent
    monkeypatch.setattr("send2trash.plat_other.get_dev", lambda path: int(b"in" in os.fsencode(path)))
    monkeypatch.setattr("send2trash.plat_other.find_mount_point", lambda path: os.fsencode(top / "in"))
    monkeypatch.setattr(os.path, "ismount", lambda path: os.fspath(path) in ("/", str(top / "in")))
    before = tree(folder)
    list(run(planned(folder), journal))
    own = folder / f".Trash-{os.getuid()}"
    assert len(tree(own / "files")) == 4
    assert not told(undo(1, journal))[0]
    assert {name: content for name, content in tree(folder).items() if "Trash" not in name} == before


def test_the_state_of_what_is_in_the_trash(folder: Path, trash: Path, journal: Journal) -> None:
    list(run(planned(folder, hashed=False), journal))
    assert [state for _, state, _ in journal.rows(1)] == [State.DONE] * 4
    assert [row.target for row, _, _ in journal.rows(1)].count(TRASH) == 3
    again = planned(folder)
    assert again.counts == {} and Fate.GOES not in again.counts
    told(undo(1, journal))
    assert len(tree(folder)) == 5
