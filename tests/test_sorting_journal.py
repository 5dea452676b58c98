"""The journal of sortings: files of an earlier version open, and old runs are forgotten in time."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from tests.test_sorting_run import planned, told, tree
from training import sorting_journal
from training.sorting_journal import Journal, RunState, State
from training.sorting_run import run, undo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    (made / "0.jpg").write_bytes(b"photo 0")
    (made / "0.xmp").write_bytes(b"sidecar")
    return made


def as_of_schema_1(file: Path) -> None:
    """Take from a journal what the first version did not have."""
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("ALTER TABLE file DROP COLUMN place")
    db.execute("DROP TABLE sidecar")
    db.execute("PRAGMA user_version = 1")
    assert (
        [line[1:3] for line in db.execute("PRAGMA table_info(file)")]
        == columns_of_schema_1()  # as it was shipped
    )
    db.close()


def columns_of_schema_1() -> list[tuple[str, str]]:
    db = sqlite3.connect(":memory:")
    db.executescript(sorting_journal._MIGRATIONS[0])
    found = [line[1:3] for line in db.execute("PRAGMA table_info(file)")]
    db.close()
    return found


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="columns can’t be dropped")
def test_a_journal_of_the_first_version_opens_and_its_runs_can_be_undone(
    tmp_path: Path, folder: Path
) -> None:
    before, file = tree(folder), tmp_path / "journal.sqlite3"
    with Journal(file) as journal:
        list(run(planned(folder), journal))
    as_of_schema_1(file)
    with Journal(file) as journal:
        (found,) = journal.runs()
        assert (found.done, found.state) == (1, RunState.FINISHED)
        assert not told(undo(1, journal))[0]
        assert tree(folder) == before
        list(run(planned(folder), journal))
        assert journal.units(2, State.DONE)[0].photo.place == ""
    with Journal(file) as journal:
        assert len(journal.runs()) == 2


def aged(journal: Journal, run_id: int, days: float, state: int | None = None) -> None:
    db = sqlite3.connect(journal.file, isolation_level=None)
    then = time.time() - days * 86400
    db.execute("UPDATE run SET at = ?, ended = ? WHERE id = ?", (then, then, run_id))
    if state is not None:
        db.execute("UPDATE file SET state = ? WHERE run = ?", (state, run_id))
        db.execute("UPDATE run SET state = 'stopped' WHERE id = ?", (run_id,))
    db.close()


def test_old_runs_are_forgotten_but_not_the_last_nor_what_can_go_on(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting_journal, "_KEPT_RUNS", 2)
    with Journal(tmp_path / "journal.sqlite3") as journal:
        for number in range(1, 8):
            (folder / "0.jpg").write_bytes(b"photo %d" % number)
            list(run(planned(folder), journal))
            told(undo(number, journal))
        aged(journal, 1, 800)
        aged(journal, 2, 800, State.PLANNED)  # can be gone on with
        aged(journal, 3, 800, State.BEGUN)
        aged(journal, 4, 360)  # less than a year ago
        aged(journal, 5, 370)
        aged(journal, 7, 800)  # one of the last two
        assert journal.prune() == 2
        assert [one.id for one in journal.runs()] == [7, 6, 4, 3, 2]
        assert journal.prune() == 0
        assert journal.units(1) == [] and journal.units(5) == [] and len(journal.units(4)) == 1
        aged(journal, 4, 800)
        aged(journal, 3, 800, State.UNDONE)
        list(run(planned(folder), journal))  # a new run forgets old ones
        assert [one.id for one in journal.runs()] == [8, 7, 6, 2]
