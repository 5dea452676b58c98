"""Sorting for real: what can go wrong with one photo is told, the others go on, and all can be brought back."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from training import photos
from training.photos import PhotoFile
from training.sorting import Action, Item, Plan, Rules, plan
from training.sorting_disk import Acts, Place, RealDisk
from training.sorting_journal import Busy, Journal, JournalError, RunState, State
from training.sorting_run import (
    Command,
    Event,
    Events,
    Failed,
    Finished,
    Moved,
    Paused,
    Progress,
    Resumed,
    Settled,
    Skipped,
    Started,
    Stopped,
    resume,
    run,
    settle,
    undo,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions and pipes are others there")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite3") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    for number in range(4):
        (made / f"{number}.jpg").write_bytes(b"photo %d" % number)
    (made / "1.xmp").write_bytes(b"sidecar")
    return made


def planned(folder: Path, action: Action = Action.MOVE, *, hashed: bool = True, verify: bool = True) -> Plan:
    """All photos are the subject, and go to out/john."""
    items = [
        Item(file, photos.digest(file.path) if hashed else None, 0.9)
        for batch in photos.scan(folder)
        for file in batch
    ]
    return plan(items, Rules(action, "john", str(folder.parent / "out"), verify=verify))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def whole(folder: Path) -> dict[str, bytes]:
    """What lies in both folders."""
    return {
        name: content for name, content in tree(folder.parent).items() if name.startswith(("in/", "out/"))
    }


def told(events: Events) -> tuple[dict[str, str], Event]:
    """What went wrong or was skipped, by name, and the last event."""
    found: dict[str, str] = {}
    last: Event | None = None
    for last in events:
        if isinstance(last, Failed | Skipped):
            found[os.path.basename(last.row.file.path)] = last.why  # noqa: PTH119
    assert last is not None
    return found, last


class Wrong(Acts):
    """Acts that fail with an error where a path matches."""

    def __init__(self, act: str, code: int, part: str) -> None:
        self.act, self.code, self.part = act, code, part
        method: Callable[..., object] = getattr(self, act)

        def failing(*arguments: object) -> object:
            if any(isinstance(one, str) and self.part in one for one in arguments):
                raise OSError(self.code, os.strerror(self.code))
            return method(*arguments)

        setattr(self, act, failing)


# -- the way there and back


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.LINK])
def test_there_and_back(folder: Path, journal: Journal, action: Action) -> None:
    before = whole(folder)
    events = list(run(planned(folder, action), journal))
    started = next(event for event in events if isinstance(event, Started))
    assert (started.run, started.rows, started.bytes) == (1, 4, 7 * 5)
    assert [event.row.file.path for event in events if isinstance(event, Moved)] == [
        str(folder / f"{number}.jpg") for number in range(4)
    ]
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.counts.moved, last.counts.left, last.counts.bytes) == (4, 0, 35)
    there = {f"out/john/{name}": content for name, content in tree(folder).items()} or {
        f"out/john{name[2:]}": content for name, content in before.items()
    }
    assert whole(folder) == ({} if action is Action.MOVE else before) | there
    if action is Action.LINK:
        assert (folder / "1.xmp").samefile(folder.parent / "out" / "john" / "1.xmp")
    (found,) = journal.runs()
    assert (found.done, found.state, found.words) == (4, RunState.FINISHED, events_words(action))
    assert [state for _, state, _ in journal.rows(1)] == [State.DONE] * 4

    wrong, end = told(undo(1, journal))
    assert not wrong and isinstance(end, Finished)
    assert whole(folder) == before
    assert not (folder.parent / "out").exists()
    assert journal.runs()[0].undone == 4
    assert told(undo(1, journal))[1] == Finished(
        1, end.counts.__class__(), end.words.replace("4 photos", "0 photos")
    )


def events_words(action: Action) -> str:
    done = {Action.MOVE: "", Action.COPY: "copied ", Action.LINK: "linked "}[action]
    return f"4 {done}to “john/”."


def test_some_can_be_brought_back_and_the_rest_later(folder: Path, journal: Journal) -> None:
    before = whole(folder)
    list(run(planned(folder), journal))
    told(undo(1, journal, [str(folder / "1.jpg"), str(folder / "3.jpg")]))
    assert set(whole(folder)) == {"in/1.jpg", "in/1.xmp", "in/3.jpg", "out/john/0.jpg", "out/john/2.jpg"}
    told(undo(1, journal))
    assert whole(folder) == before


def test_what_changed_since_is_named_and_left_alone(folder: Path, journal: Journal) -> None:
    list(run(planned(folder), journal))
    out = folder.parent / "out" / "john"
    (out / "0.jpg").write_bytes(b"edited!")
    (out / "1.xmp").write_bytes(b"edited too")
    (out / "2.jpg").rename(out / "renamed.jpg")
    os.utime(out / "3.jpg")  # touched, and yet the same
    wrong, end = told(undo(1, journal))
    assert wrong == {
        "0.jpg": "has changed since it was put there",
        "1.jpg": "stays, because “1.xmp” has changed since it was put there",
        "2.jpg": "isn’t where it was put any more",
    }
    assert isinstance(end, Finished) and end.words == "1 photo brought back, 3 left alone."
    assert set(whole(folder)) == {
        "in/3.jpg",
        "out/john/0.jpg",
        "out/john/1.jpg",
        "out/john/1.xmp",
        "out/john/renamed.jpg",
    }


def test_nothing_is_brought_back_onto_another_file(folder: Path, journal: Journal) -> None:
    list(run(planned(folder), journal))
    (folder / "0.jpg").write_bytes(b"new")
    (folder / "1.xmp").write_bytes(b"new")
    wrong, _ = told(undo(1, journal))
    assert wrong == {
        "0.jpg": "can’t go back: another file has its old name by now",
        "1.jpg": "can’t go back: “1.xmp” is another file by now",
    }
    assert (folder / "0.jpg").read_bytes() == b"new" and not (folder / "1.jpg").exists()


def test_what_was_brought_back_by_hand_is_so_already(folder: Path, journal: Journal) -> None:
    list(run(planned(folder), journal))
    (folder.parent / "out" / "john" / "0.jpg").rename(folder / "0.jpg")
    wrong, end = told(undo(1, journal))
    assert wrong == {"0.jpg": "is back already"}
    assert isinstance(end, Finished) and end.counts.moved == 3


def test_a_folder_that_is_gone_is_made_again_for_what_comes_back(folder: Path, journal: Journal) -> None:
    before = whole(folder)
    list(run(planned(folder), journal))
    folder.rmdir()
    told(undo(1, journal))
    assert whole(folder) == before


@pytest.mark.parametrize("action", [Action.COPY, Action.LINK])
def test_the_last_copy_of_a_photo_is_never_taken_away(folder: Path, journal: Journal, action: Action) -> None:
    list(run(planned(folder, action), journal))
    out = folder.parent / "out" / "john"
    (folder / "0.jpg").unlink()
    (folder / "1.xmp").unlink()
    (folder / "2.jpg").unlink()
    (folder / "2.jpg").write_bytes(b"another")
    wrong, _ = told(undo(1, journal))
    assert set(wrong) == {"0.jpg", "1.jpg", "2.jpg"}
    assert all(why.startswith("stays, because ") for why in wrong.values())
    assert {path.name for path in out.iterdir()} == {"0.jpg", "1.jpg", "1.xmp", "2.jpg"}


def test_folders_that_were_there_before_stay(folder: Path, journal: Journal) -> None:
    (folder.parent / "out").mkdir()
    list(run(planned(folder), journal))
    told(undo(1, journal))
    assert [path.name for path in (folder.parent / "out").iterdir()] == []


# -- what is in the way


def test_what_changed_or_vanished_since_the_plan_stays(folder: Path, journal: Journal) -> None:
    made = planned(folder)
    (folder / "0.jpg").write_bytes(b"changed")
    (folder / "1.xmp").unlink()
    (folder / "2.jpg").unlink()
    os.utime(folder / "3.jpg")
    wrong, end = told(run(made, journal))
    assert wrong == {"0.jpg": "has changed since the plan was made", "2.jpg": "isn’t there any more"}
    assert set(whole(folder)) == {"in/0.jpg", "out/john/1.jpg", "out/john/3.jpg"}
    assert isinstance(end, Finished) and (end.counts.moved, end.counts.failed) == (2, 2)
    assert journal.rows(1)[0][2] == "has changed since the plan was made"


def test_without_a_digest_another_time_is_another_photo(folder: Path, journal: Journal) -> None:
    made = planned(folder, hashed=False)
    os.utime(folder / "3.jpg")
    assert told(run(made, journal))[0] == {"3.jpg": "has changed since the plan was made"}


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.LINK])
def test_nothing_is_overwritten_by_what_came_between(folder: Path, journal: Journal, action: Action) -> None:
    made = planned(folder, action)
    out = folder.parent / "out" / "john"
    out.mkdir(parents=True)
    (out / "0.jpg").write_bytes(b"another")
    (out / "1.xmp").write_bytes(b"another")
    (out / "2.jpg").write_bytes(b"photo 2")
    (out / "3.jpg").mkdir()
    wrong, _ = told(run(made, journal))
    assert wrong == {
        "0.jpg": "can’t go there: another file has that name by now",
        "1.jpg": "can’t go there: “1.xmp” is another file by now",
        "2.jpg": f"is the same photo as “{out / '2.jpg'}”",
        "3.jpg": "can’t go there: another file has that name by now",
    }
    assert tree(out) == {"0.jpg": b"another", "1.xmp": b"another", "2.jpg": b"photo 2"}
    assert set(tree(folder)) == {"0.jpg", "1.jpg", "1.xmp", "2.jpg", "3.jpg"}


def test_a_file_in_the_place_of_a_folder(folder: Path, journal: Journal) -> None:
    made = planned(folder)
    (folder.parent / "out").write_bytes(b"a file")
    wrong, _ = told(run(made, journal))
    assert wrong["0.jpg"] == "can’t be moved: a file has the name of its folder"
    assert len(tree(folder)) == 5


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "you have no permission"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENAMETOOLONG, "its name is too long there"),
        (errno.EIO, "the disk reports an error"),
        (errno.ENOSPC, "the disk is full"),
    ],
)
def test_a_photo_that_can_not_go_says_why_and_the_others_go(
    folder: Path, journal: Journal, code: int, words: str
) -> None:
    wrong, end = told(run(planned(folder), journal, acts=Wrong("rename", code, "2.jpg")))
    assert wrong == {"2.jpg": f"can’t be moved: {words}"}
    assert isinstance(end, Finished) and end.counts.moved == 3


def test_a_photo_stays_if_its_companion_can_not_go(folder: Path, journal: Journal) -> None:
    wrong, _ = told(run(planned(folder), journal, acts=Wrong("rename", errno.EACCES, "1.xmp")))
    assert wrong == {"1.jpg": "can’t be moved: “1.xmp”, you have no permission"}
    assert set(tree(folder)) == {"1.jpg", "1.xmp"}


@pytest.mark.parametrize("act", ["create", "write", "dress", "flush"])
def test_a_copy_that_fails_leaves_nothing(folder: Path, journal: Journal, act: str) -> None:
    class Full(Wrong):
        def write(self, file: int, data: memoryview) -> int:
            if bytes(data) == b"sidecar" and act == "write":
                os.write(file, data[:3])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(file, data)

    acts = Full(act, errno.ENOSPC, "-1-1.part")
    wrong, _ = told(run(planned(folder, Action.COPY), journal, acts=acts))
    assert wrong == {"1.jpg": "can’t be copied: the disk is full"}
    out = folder.parent / "out" / "john"
    assert {path.name for path in out.iterdir()} == {"0.jpg", "2.jpg", "3.jpg"}


class Far(Acts):
    """Acts of which each folder is on a drive of its own."""

    def rename(self, source: str, target: str) -> None:
        if os.path.dirname(source) != os.path.dirname(target):  # noqa: PTH120
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        super().rename(source, target)


def test_a_copy_that_is_not_what_was_read_is_not_taken_for_one(folder: Path, journal: Journal) -> None:
    class Flipping(Far):
        def flush(self, path: str) -> None:
            super().flush(path)
            if "-2-0.part" in path:
                Path(path).write_bytes(b"photo ?")

    wrong, _ = told(run(planned(folder), journal, acts=Flipping()))
    assert wrong == {"2.jpg": "was not copied rightly: the disk gives back something else"}
    assert (folder / "2.jpg").read_bytes() == b"photo 2"
    assert set(tree(folder.parent / "out")) == {"john/0.jpg", "john/1.jpg", "john/1.xmp", "john/3.jpg"}


def test_a_photo_that_changes_while_it_is_copied_stays(folder: Path, journal: Journal) -> None:
    class Touching(Far):
        def flush(self, path: str) -> None:
            super().flush(path)
            if "-2-0.part" in path:
                (folder / "2.jpg").write_bytes(b"edited")

    wrong, _ = told(run(planned(folder), journal, acts=Touching()))
    assert wrong == {"2.jpg": "has changed while it was copied"}
    assert (folder / "2.jpg").read_bytes() == b"edited"
    assert "john/2.jpg" not in tree(folder.parent / "out")


def test_an_original_that_can_not_be_taken_away_is_told(folder: Path, journal: Journal) -> None:
    class Stuck(Far):
        def unlink(self, path: str) -> None:
            if path.startswith(str(folder)) and path.endswith(("2.jpg", "1.xmp")):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            super().unlink(path)

    events = list(run(planned(folder), journal, acts=Stuck()))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.why == "can’t be taken away: you have no permission"
    (noted,) = [event for event in events if isinstance(event, Moved) and event.note]
    assert noted.note == "“1.xmp” can’t be taken away: you have no permission; it is in both places now"
    assert set(tree(folder)) == {"2.jpg", "1.xmp"}
    assert "john/2.jpg" not in tree(folder.parent / "out")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_copies_keep_times_permissions_and_attributes(folder: Path, journal: Journal, action: Action) -> None:
    photo = folder / "1.jpg"
    photo.chmod(0o440)
    os.utime(photo, ns=(1_500_000_000_000_000_001, 1_400_000_000_123_456_789))
    try:
        os.setxattr(photo, "user.rating", b"5")
    except OSError:
        pytest.skip("no extended attributes on this disk")
    told(run(planned(folder, action), journal, acts=Far()))
    there = folder.parent / "out" / "john" / "1.jpg"
    facts = there.stat()
    assert stat.S_IMODE(facts.st_mode) == 0o440
    assert facts.st_mtime_ns == 1_400_000_000_123_456_789
    assert os.getxattr(there, "user.rating") == b"5"


def test_an_unverified_copy_is_one_all_the_same(folder: Path, journal: Journal) -> None:
    told(run(planned(folder, Action.COPY, verify=False), journal))
    assert tree(folder.parent / "out" / "john") == tree(folder)


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may do all")
def test_a_folder_without_permission(folder: Path, journal: Journal) -> None:
    made = planned(folder)
    folder.chmod(0o555)
    wrong, _ = told(run(made, journal))
    assert wrong["0.jpg"] == "can’t be moved: you have no permission"


def test_two_names_of_one_folder_are_one(tmp_path: Path, folder: Path, journal: Journal) -> None:
    """Where a folder is reached in two ways, a photo's new name may be its old one."""

    class Blind(RealDisk):
        """Does not see it in the plan."""

        def place(self, folder: str) -> Place:
            return replace(RealDisk().place(str(tmp_path)), identity=(1, hash(folder)))

        def listing(self, folder: str) -> dict[str, str] | None:
            return {} if folder.endswith("john") else dict(super().listing(folder) or {})

    (folder.parent / "out").mkdir()
    (folder.parent / "out" / "john").symlink_to(folder)
    items = [Item(file, None, 0.9) for batch in photos.scan(folder) for file in batch]
    made = plan(items, Rules(Action.MOVE, "john", str(folder.parent / "out")), Blind())
    assert made.counts.total() == 4
    wrong, _ = told(run(made, journal))
    assert set(wrong.values()) == {"lies there already"}
    assert len(tree(folder)) == 5


def test_a_link_is_copied_by_what_it_leads_to(folder: Path, journal: Journal) -> None:
    (folder / "0.jpg").rename(folder.parent / "elsewhere")
    (folder / "0.jpg").symlink_to(folder.parent / "elsewhere")
    told(run(planned(folder, Action.COPY), journal))
    there = folder.parent / "out" / "john" / "0.jpg"
    assert there.read_bytes() == b"photo 0" and not there.is_symlink()
    assert told(run(planned(folder, Action.LINK), journal))[0]["0.jpg"].startswith("is the same photo")


# -- stopping


def test_stopping_leaves_what_can_go_on_and_back(folder: Path, journal: Journal) -> None:
    before = whole(folder)
    events = run(planned(folder), journal)
    for event in events:
        if isinstance(event, Moved) and event.number == 1:
            break
    events.close()
    assert set(tree(folder)) == {"2.jpg", "3.jpg"}
    (found,) = journal.runs()
    assert (found.state, found.done, found.planned, found.begun) == (RunState.STOPPED, 2, 2, 0)
    assert found.can_resume
    _, end = told(resume(journal))
    assert isinstance(end, Finished) and end.counts.moved == 2
    assert not tree(folder)
    assert list(resume(journal)) == []
    told(undo(1, journal))
    assert whole(folder) == before


@pytest.mark.parametrize("after", range(0, 12))
def test_stopping_a_copy_anywhere_leaves_no_pieces(folder: Path, journal: Journal, after: int) -> None:
    before = whole(folder)
    events = run(planned(folder), journal, acts=Far())
    for _ in range(after):
        if next(events, None) is None:
            break
    events.close()
    assert not [name for name in whole(folder) if name.endswith(".part")]
    assert sorted(whole(folder).values()) == sorted(before.values())
    assert not any(run.begun for run in journal.runs())


@pytest.mark.parametrize("acts", [Acts, Far])
def test_a_pause_waits_and_goes_on(folder: Path, journal: Journal, acts: type[Acts]) -> None:
    wishes = iter(["go", "pause", "pause", "go"])
    events = list(run(planned(folder), journal, lambda: next(wishes, "go"), acts=acts()))  # type: ignore[arg-type]
    kinds = [type(event) for event in events if not isinstance(event, Progress)]
    assert kinds.count(Paused) == 2 and kinds.count(Resumed) == 1 and kinds.count(Moved) == 4
    assert kinds.index(Resumed) > kinds.index(Paused)


@pytest.mark.parametrize(("action", "after"), [(Action.MOVE, 9), (Action.COPY, 4)])
def test_a_stop_in_the_midst_of_a_copy(folder: Path, journal: Journal, action: Action, after: int) -> None:
    """It is heeded between two pieces, and what was copied before is kept."""
    asked = 0

    def control() -> Command:
        nonlocal asked
        asked += 1
        return "stop" if asked > after else "go"

    _, last = told(run(planned(folder, action), journal, control, acts=Far()))
    assert isinstance(last, Stopped)
    assert 0 < last.counts.moved < 4 and last.counts.moved + last.counts.left == 4
    assert not [name for name in whole(folder) if name.endswith(".part")]
    assert not any(one.begun for one in journal.runs())
    _, last = told(resume(journal))
    assert isinstance(last, Finished)
    assert len(tree(folder.parent / "out")) == 5


def test_a_stop_between_two_photos(folder: Path, journal: Journal) -> None:
    events = list(run(planned(folder), journal, lambda: "stop"))
    last = events[-1]
    assert isinstance(last, Stopped) and last.counts.left == 4
    assert last.words == "Stopped. 0 photos moved, 4 still to do."
    assert len(tree(folder)) == 5
    assert journal.runs()[0].state is RunState.STOPPED


def test_two_sortings_at_once_are_refused(folder: Path, journal: Journal) -> None:
    made = planned(folder)
    first = run(made, journal)
    next(first)
    with Journal(journal.file) as other:
        for events in (run(made, other), undo(1, other), resume(other), settle(other)):
            with pytest.raises(Busy, match="Another window or command is sorting photos"):
                next(events)
    first.close()
    told(run(made, journal))


# -- the journal


def test_a_newer_journal_is_refused_and_untouched(tmp_path: Path) -> None:
    file = tmp_path / "newer.sqlite3"
    Journal(file).close()
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    before = tree(tmp_path)
    with pytest.raises(JournalError, match="is from a newer version of Lennonnet, and was left as it is"):
        Journal(file)
    assert tree(tmp_path) == before


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "damaged.sqlite3"
    file.write_bytes(b"this is no journal" * 100)
    with pytest.raises(JournalError, match="is damaged"):
        Journal(file)
    assert file.read_bytes() == b"this is no journal" * 100


def test_a_journal_that_can_not_be_written_moves_nothing(folder: Path, journal: Journal) -> None:
    before = whole(folder)

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    journal.step = full
    with pytest.raises(JournalError):
        list(run(planned(folder), journal))
    assert whole(folder) == before


@pytest.mark.parametrize("after", range(1, 14))
@pytest.mark.parametrize("acts", [Acts, Far])
def test_a_journal_that_fails_half_way_loses_nothing(
    folder: Path, journal: Journal, after: int, acts: type[Acts]
) -> None:
    before = whole(folder)
    calls = 0

    def failing() -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise sqlite3.OperationalError("disk I/O error")

    journal.step = failing
    try:
        list(run(planned(folder), journal, acts=acts()))
    except JournalError:
        assert sorted(set(whole(folder).values())) == sorted(before.values())
    journal.step = lambda: None
    list(settle(journal))
    assert sorted(whole(folder).values()) == sorted(before.values())
    list(resume(journal))
    for found in journal.runs():
        told(undo(found.id, journal))
    assert whole(folder) == before


def test_what_a_crash_left_on_a_drive_that_is_not_there_waits(folder: Path, journal: Journal) -> None:
    made = planned(folder)
    list(run(made, journal))
    out = folder.parent / "out"
    db = sqlite3.connect(journal.file)
    db.execute("UPDATE file SET state = 1")
    db.execute("DELETE FROM folder")
    db.commit()
    db.close()
    out.rename(folder.parent / "unplugged")
    folder.rename(folder.parent / "unplugged too")
    (event,) = [event for event in settle(journal) if isinstance(event, Settled)]
    assert (event.finished, event.back) == (0, 0)
    assert "4 photos out of sight: connect the drive they are on" in event.words
    assert journal.runs()[0].begun == 4
    (folder.parent / "unplugged").rename(out)
    (folder.parent / "unplugged too").rename(folder)
    (event,) = [event for event in settle(journal) if isinstance(event, Settled)]
    assert event.finished == 4
    assert journal.runs()[0].done == 4
    told(undo(1, journal))
    assert len(tree(folder)) == 5


def test_numbers_that_are_not_there(journal: Journal) -> None:
    with pytest.raises(KeyError):
        list(undo(7, journal))
    with pytest.raises(KeyError):
        list(resume(journal, 7))
    assert journal.run(7) is None and journal.runs() == []


def test_times_and_sizes_of_any_size_are_kept(folder: Path, journal: Journal) -> None:
    file = folder / "0.jpg"
    os.utime(file, ns=(-(10**18), -(10**18)))
    facts = file.stat()
    made = plan(
        [Item(PhotoFile(str(file), facts.st_size, facts.st_mtime_ns), None, 0.9)],
        Rules(Action.MOVE, "john", str(folder.parent / "out")),
    )
    told(run(made, journal))
    assert journal.units(1)[0].photo.mtime_ns == -(10**18)
    assert not told(undo(1, journal))[0]


# -- new names where they lie


class Old(Acts):
    """Acts of a drive where names can't be changed without replacing others."""

    def rename(self, source: str, target: str) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.mark.parametrize("acts", [Acts, Old])
def test_photos_get_new_names_where_they_lie_and_back(
    folder: Path, journal: Journal, acts: type[Acts]
) -> None:
    before = whole(folder)
    items = [
        Item(file, photos.digest(file.path), 0.9, taken="2019-07-01")
        for batch in photos.scan(folder)
        for file in batch
    ]
    how = Rules(Action.MOVE, "john", str(folder), "{year}-{stem}", None)
    wrong, _ = told(run(plan(items, how), journal, acts=acts()))
    assert not wrong
    assert set(tree(folder)) == {
        "2019-0.jpg",
        "2019-1.jpg",
        "2019-1.xmp",
        "2019-2.jpg",
        "2019-3.jpg",
    }
    told(undo(1, journal, acts=acts()))
    assert whole(folder) == before
