"""An upgrade keeps what the user has: a library as the first version of each file wrote it opens, and nothing is lost.

The files here are written by hand, from the tables as they were then, not by the program as it is now.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from lennonnet_gui import theme
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.settings import Settings
from tests.program import Start, probability_of, row_of, wait_until_learned, wait_until_scored
from training import cache, extractors, photos, sorting_journal, verdicts
from training.sorting_journal import Journal, RunState
from training.sorting_run import undo
from training.subject import Subject
from training.subjects import Subjects
from training.verdicts import Ledger, Said, Verdict
from training.zones import Zone, Zones

LEDGER_1 = """
CREATE TABLE subject (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, subject INTEGER NOT NULL REFERENCES subject,
    kind TEXT NOT NULL CHECK (kind IN ('label', 'undo', 'redo')), verdict TEXT, source TEXT, count INTEGER,
    target INTEGER REFERENCES event, CHECK ((kind = 'label') = (target IS NULL))
);
CREATE INDEX event_subject ON event (subject, kind, id);
CREATE INDEX event_target ON event (target, id) WHERE target IS NOT NULL;
CREATE TABLE seen (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL, size TEXT NOT NULL, mtime_ns TEXT NOT NULL,
    digest BLOB CHECK (length(digest) = 16)
);
CREATE INDEX seen_path ON seen (path);
CREATE INDEX seen_digest ON seen (digest);
CREATE TABLE item (
    event INTEGER REFERENCES event, seen INTEGER REFERENCES seen, PRIMARY KEY (event, seen)
) WITHOUT ROWID;
CREATE INDEX item_seen ON item (seen, event);
PRAGMA user_version = 1;
"""
CACHE_1 = """
CREATE TABLE file (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, digest BLOB) WITHOUT ROWID;
CREATE INDEX file_size ON file (size);
CREATE TABLE photo (digest BLOB PRIMARY KEY, width INTEGER, height INTEGER, taken TEXT, camera TEXT) WITHOUT ROWID;
CREATE TABLE extractor (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE feature (digest BLOB, extractor INTEGER, used INTEGER, vector BLOB, PRIMARY KEY (digest, extractor));
CREATE INDEX feature_used ON feature (used);
PRAGMA user_version = 1;
"""
JOURNAL_1 = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL, at REAL NOT NULL, ended REAL, state TEXT NOT NULL,
    action TEXT NOT NULL, verify INTEGER NOT NULL, subject TEXT NOT NULL, root BLOB NOT NULL, words TEXT NOT NULL
);
CREATE TABLE file (
    run INTEGER REFERENCES run, row INTEGER, part INTEGER, source BLOB NOT NULL, target BLOB NOT NULL,
    size INTEGER NOT NULL, mtime_ns TEXT NOT NULL, digest BLOB, kind TEXT NOT NULL, zone INTEGER,
    by_human INTEGER NOT NULL, probability REAL, said TEXT NOT NULL, state INTEGER NOT NULL,
    way TEXT NOT NULL DEFAULT '', seen TEXT NOT NULL DEFAULT '', staged TEXT NOT NULL DEFAULT '',
    put TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT '', PRIMARY KEY (run, row, part)
) WITHOUT ROWID;
CREATE INDEX file_open ON file (run, row) WHERE state IN (1, 5);
CREATE TABLE folder (run INTEGER REFERENCES run, path BLOB, PRIMARY KEY (run, path)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def write_ledger(home: Path, subject: str, said: dict[Path, Zone]) -> None:
    (home / "data").mkdir(exist_ok=True)
    db = sqlite3.connect(home / "data" / "library.sqlite3")
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(LEDGER_1)
    db.execute("INSERT INTO subject VALUES (1, ?)", (subject,))
    for number, (path, zone) in enumerate(said.items(), 1):
        word = "subject" if zone is Zone.SUBJECT else "not_subject"
        facts, digest = path.stat(), photos.digest(str(path))
        db.execute(
            "INSERT INTO event VALUES (?, ?, 1, 'label', ?, 'key', 1, NULL)", (number, 100.0 * number, word)
        )
        db.execute(
            "INSERT INTO seen VALUES (?, ?, ?, ?, ?)",
            (number, os.fsencode(path), str(facts.st_size), str(facts.st_mtime_ns), digest),
        )
        db.execute("INSERT INTO item VALUES (?, ?)", (number, number))
    db.commit()
    db.close()


def write_subject(home: Path, id: str, name: str, like: Subject) -> None:
    """A subject of the first form: what decides, look-alikes' faces and provenance came later."""
    folder = home / "data" / "subjects" / id
    (folder / "versions").mkdir(parents=True)
    tensors = {
        "bias": np.array([like.head.bias], np.float32),
        "weight": np.ascontiguousarray(like.head.weight, np.float32),
    }
    about = {
        "format": 1,
        "name": name,
        "version": 1,
        "created": "2026-05-01T12:00:00+00:00",
        "zones": [0.3, 0.7],
        "extractor": json.loads(extractors.spec_to_json(like.spec)),
        "counts": {name: 20, f"not_{name}": 60},
        "figures": None,
        "digest": hashlib.sha256(
            b"".join(np.ascontiguousarray(tensors[key], "<f4").tobytes() for key in sorted(tensors))
        ).hexdigest(),
    }
    content = safetensors.numpy.save(tensors, {"lennonnet": json.dumps(about, sort_keys=True)})
    (folder / "versions" / "0001.safetensors").write_bytes(content)
    facts = {
        "created": about["created"],
        "method": "quick",
        "counts": about["counts"],
        "figures": None,
    }
    library = {
        "format": 1,
        "name": name,
        "look_alikes": [{"id": "george", "name": "George"}],
        "removed": [],
        "version": 1,
        "created": about["created"],
        "deleted": "",
        "versions": {"1": facts},
    }
    (folder / "about.json").write_text(json.dumps(library), encoding="utf-8")


def write_settings(home: Path, folder: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "lennonnet.ini").write_text(
        "[General]\n"
        f"recent={os.fsencode(folder).hex()}\n"
        "subject=mila\n"
        "[view]\nscheme=dark\n"
        "[zones]\nmila=0.25 0.75\n",
        encoding="utf-8",
    )


def first_forms_of_the_cache(home: Path) -> None:
    """Put what is remembered now into a file with the tables of then."""
    place = home / "cache" / "features.sqlite3"
    new = place.with_name("new.sqlite3")
    with sqlite3.connect(place) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    place.rename(new)
    for left in place.parent.glob("features.sqlite3-*"):
        left.unlink()
    old = sqlite3.connect(place)
    old.executescript(CACHE_1)
    old.execute("ATTACH ? AS new", (str(new),))
    for table in ("file", "photo", "extractor", "feature"):
        old.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")
    old.commit()
    old.close()
    new.unlink()


def test_a_library_of_the_first_version_opens_in_the_window(
    qtbot: QtBot,
    start: Start,
    folder: Path,
    home: Path,
    subject_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window: MainWindow = start(folder)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: not window.jobs.busy(), timeout=60_000)
    before = probability_of(window, "astronaut.jpg")
    window.close()
    first_forms_of_the_cache(home)
    for file in (home / "data").glob("*.sqlite3*"):
        file.unlink()
    write_subject(home, "mila", "Mila", Subject.load(subject_file))
    write_ledger(
        home, "mila", {folder / "chelsea.jpg": Zone.SUBJECT, folder / "rocket.jpg": Zone.NOT_SUBJECT}
    )
    (home / "config" / "lennonnet.ini").unlink()
    write_settings(home, folder)
    Settings().set("faces/look", "off")  # which came later, and would wake a network

    def fail(*_args: object, **_more: object) -> None:
        raise AssertionError("a network was run")

    monkeypatch.setattr(extractors, "load", fail)
    window = start(subject=None)
    wait_until_scored(qtbot, window)
    assert window.session.status.folder == str(folder)
    assert window.desk.entry.name == "Mila" and theme.is_dark()
    assert [one.name for one in window.desk.entry.look_alikes] == ["George"]
    assert window.notice.words() == ""
    wait_until_learned(qtbot, window)
    assert window.model.zones() == Zones(0.25, 0.75)
    assert abs(probability_of(window, "astronaut.jpg") - before) < 0.2  # two labels correct it a little
    said = {
        name: window.teaching.said_of(window.model.file_at(row_of(window, name)))
        for name in ("chelsea.jpg", "rocket.jpg", "coffee.jpg")
    }
    assert {name: one and one.verdict for name, one in said.items()} == {
        "chelsea.jpg": Verdict.SUBJECT,
        "rocket.jpg": Verdict.NOT_SUBJECT,
        "coffee.jpg": None,
    }
    window.labels.undo_action.trigger()
    qtbot.waitUntil(
        lambda: window.teaching.said_of(window.model.file_at(row_of(window, "rocket.jpg"))) is None
    )


def test_a_subject_of_the_first_form_is_read_and_gets_further_versions(
    home: Path, subject_file: Path
) -> None:
    like = Subject.load(subject_file)
    write_subject(home, "mila", "Mila", like)
    library = Subjects()
    entry = library.get("mila")
    subject = library.load(entry)
    assert library.notice == "" and subject is not None
    assert (subject.name, subject.zones, entry.evidence) == ("Mila", Zones(0.3, 0.7), "")
    assert np.allclose(subject.head.weight, like.head.weight)
    library.add_version("mila", like, method="deep", adopt=True)
    assert [version.number for version in library.versions("mila")] == [2, 1]
    assert library.load(library.get("mila")) is not None and library.notice == ""


def test_a_sorting_of_the_first_form_can_be_brought_back(home: Path, tmp_path: Path) -> None:
    (home / "data").mkdir()
    source, target = tmp_path / "photos" / "1.jpg", tmp_path / "out" / "john" / "1.jpg"
    source.parent.mkdir()
    target.parent.mkdir(parents=True)
    target.write_bytes(b"photo 1")
    facts = target.stat()
    seen = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ino}"
    db = sqlite3.connect(home / "data" / "sorting.sqlite3")
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(JOURNAL_1)
    db.execute(
        "INSERT INTO run VALUES (7, 'abc', 100.0, 101.0, 'finished', 'move', 1, 'john', ?, '1 to “john/”.')",
        (os.fsencode(tmp_path / "out"),),
    )
    db.execute(
        "INSERT INTO file VALUES (7, 0, 0, ?, ?, ?, ?, ?, '', 2, 0, 0.9, '90 % John', 2, 'rename', ?, '', ?, '')",
        (
            os.fsencode(source),
            os.fsencode(target),
            facts.st_size,
            str(facts.st_mtime_ns),
            photos.digest(str(target)),
            seen,
            seen,
        ),
    )
    db.executemany(
        "INSERT INTO folder VALUES (7, ?)",
        [(os.fsencode(target.parent),), (os.fsencode(target.parent.parent),)],
    )
    db.commit()
    db.close()
    with Journal() as journal:
        (run,) = journal.runs()
        assert (run.id, run.subject, run.state, run.words) == (7, "john", RunState.FINISHED, "1 to “john/”.")
        list(undo(7, journal))
    assert source.read_bytes() == b"photo 1" and not target.parent.parent.exists()
    with Journal() as journal:
        assert [run.id for run in journal.runs()] == [7]


def test_labels_of_the_first_form_survive_all_steps_at_once(home: Path, folder: Path) -> None:
    chelsea = folder / "chelsea.jpg"
    write_ledger(home, "john", {chelsea: Zone.SUBJECT})
    with Ledger() as ledger:
        assert ledger.notice == ""
        assert ledger.said("john") == {photos.digest(str(chelsea)): Said(Verdict.SUBJECT)}
        assert ledger._file.db.execute("PRAGMA user_version").fetchone() == (len(verdicts._MIGRATIONS),)


def test_settings_that_nobody_knows_any_more_do_no_harm(home: Path, start: Start) -> None:
    (home / "config").mkdir()
    (home / "config" / "lennonnet.ini").write_text("[view]\nscheme=sepia\ncell_size=huge\n[gone]\nlong=ago\n")
    assert start().isVisible()
    kept = QSettings(str(home / "config" / "lennonnet.ini"), QSettings.Format.IniFormat)
    assert kept.value("gone/long") == "ago", "an older version may want it again"


# What was shipped, by the sha256 of its words: a step that was changed would not fit the files that it made.
SHIPPED = {
    "labels": (
        verdicts._MIGRATIONS,
        (
            "bc16d198d6616de5",
            "bbf75ec6a4606c43",
            "4a8b3f0806e43342",
        ),
    ),
    "sortings": (
        sorting_journal._MIGRATIONS,
        (
            "ef1a071c822a2257",
            "7024ea1f80c85f6a",
        ),
    ),
    "features": (
        (cache._TABLES, cache._FACE_TABLE),
        (
            "82a67514dbd4c311",
            "525e38d5b11286c4",
        ),
    ),
}


@pytest.mark.parametrize("what", SHIPPED)
def test_what_was_shipped_is_not_changed(what: str) -> None:
    steps, known = SHIPPED[what]
    now = [hashlib.sha256(" ".join(step.split()).encode()).hexdigest()[:16] for step in steps]
    assert now[: len(known)] == list(known), "add a step, and change none"
    assert len(now) == len(known), "put down the new step here, and write a test with a file that lacks it"
