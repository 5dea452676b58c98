"""The verdict ledger: a label is never lost, whatever happens to the photo, the program or the disk."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from training import ledger_file, verdicts
from training.photos import PhotoFile
from training.verdicts import (
    Box,
    Entry,
    FaceOf,
    FaceSaid,
    FaceVerdict,
    Ledger,
    LedgerError,
    Said,
    Verdict,
    digest_of,
    overlap,
)

ROOT = Path(__file__).parent.parent
YES, NO = Verdict.SUBJECT, Verdict.NOT_SUBJECT
IS, NOT, GEORGE = Said(YES), Said(NO), Said(NO, "george")
PAUL = Said(NO, "paul")
HIS, OTHERS, NO_FACE = FaceVerdict.SUBJECT, FaceVerdict.NOT_SUBJECT, FaceVerdict.NO_FACE


def a_file(number: int, *, size: int = 10, mtime_ns: int = 5) -> PhotoFile:
    return PhotoFile(f"/photos/{number}.jpg", size, mtime_ns)


def a_digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def known(*numbers: int) -> list[tuple[PhotoFile, bytes | None]]:
    return [(a_file(number), a_digest(number)) for number in numbers]


def unknown(*numbers: int) -> list[tuple[PhotoFile, bytes | None]]:
    return [(a_file(number), None) for number in numbers]


def box_of(slot: int, shift: int = 0) -> Box:
    """Where the face in a slot lies; another shift is what another look at the same face finds."""
    left = 0.3 * slot + 0.03 * shift
    return left, 0.1, left + 0.2, 0.5


def face(number: int, slot: int = 0, *, shift: int = 0, known: bool = True) -> FaceOf:
    return FaceOf(a_file(number), a_digest(number) if known else None, box_of(slot, shift))


def number_of(file: PhotoFile) -> int:
    return int(Path(file.path).stem)


def said_by(entry: Entry) -> Said | None:
    return None if entry.verdict is None else Said(entry.verdict, entry.group)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as made:
        yield made


@pytest.fixture
def file(home: Path) -> Path:
    """Where the ledger lies."""
    return home / "data" / "library.sqlite3"


def other_files(file: Path) -> list[str]:
    """The files that were made beside the ledger to stay there."""
    return sorted(
        path.name
        for path in file.parent.iterdir()
        if path.name != file.name and not path.name.endswith(("-wal", "-shm", ".lock"))
    )


# --- labelling


def test_labels_are_there_after_reopening(file: Path) -> None:
    with Ledger() as ledger:
        ledger.label(known(1, 2), "john", YES, "drag")
        ledger.label(known(3), "john", NO, "key")
    assert file.is_file()
    with Ledger() as ledger:
        assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS, a_digest(3): NOT}
        assert ledger.notice == ""
    assert other_files(file) == []


def test_each_label_is_forced_to_the_disk(ledger: Ledger) -> None:
    assert ledger._file.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._file.db.execute("PRAGMA synchronous").fetchone()[0] >= 2
    ledger.label(known(1), "john", YES, "key")
    assert not ledger._file.db.in_transaction
    with Ledger() as other:
        assert other.said("john") == {a_digest(1): IS}


def test_the_latest_verdict_wins_and_none_takes_it_away(ledger: Ledger) -> None:
    ledger.label(known(1, 2, 3), "john", YES, "drag")
    ledger.label(known(2), "john", NO, "key")
    ledger.label(known(3), "john", None, "key")
    assert ledger.said("john") == {a_digest(1): IS, a_digest(2): NOT}
    assert ledger.said_of("john", [a_file(n) for n in range(5)]) == {
        "/photos/1.jpg": IS,
        "/photos/2.jpg": NOT,
    }
    assert ledger.counts("john") == {(YES, ""): 1, (NO, ""): 1}
    ledger.label(known(3), "john", NO, "key")
    assert ledger.said("john")[a_digest(3)] == NOT


def test_a_gesture_tells_what_it_was(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1234.5)
    entry = ledger.label([*known(1, 2), *known(1)], "john", NO, "drag")
    assert entry == Entry(entry.id, 1234.5, "john", NO, 2, "drag", False)
    assert ledger.history("john") == [entry]
    assert sorted(ledger.photos_of(entry), key=str) == known(1, 2)


def test_the_history_is_newest_first_with_what_was_undone(ledger: Ledger) -> None:
    entries = [ledger.label(known(n), "john", YES if n % 2 else None, "key") for n in range(60)]
    ledger.label(known(1), "mila", YES, "key")
    assert ledger.history("john") == entries[:9:-1]
    assert ledger.history("john", most=2) == [entries[59], entries[58]]
    undone = ledger.undo("john")
    assert undone is not None and undone.undone
    assert ledger.history("john", most=2) == [undone, entries[58]]
    assert ledger.redo("john") == entries[59]
    assert ledger.history("john", most=1) == [entries[59]]


def test_subjects_do_not_mix(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    ledger.label(known(1), "mila", NO, "key")
    assert ledger.said("john") == {a_digest(1): IS}
    assert ledger.said_of("mila", [a_file(1)]) == {"/photos/1.jpg": NOT}
    assert ledger.said("ringo") == {} and ledger.undo("ringo") is None and ledger.history("ringo") == []
    undone = ledger.undo("john")
    assert undone is not None and undone.subject == "john"
    assert ledger.redo("mila") is None
    assert ledger.said("john") == {} and ledger.said("mila") == {a_digest(1): NOT}


def test_a_label_survives_rename_move_and_copy(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    elsewhere = PhotoFile("/else/where.jpg", 10, 99)
    assert ledger.said_of("john", [elsewhere]) == {}
    ledger.label([(elsewhere, a_digest(1))], "john", NO, "key")
    assert ledger.said("john") == {a_digest(1): NOT}
    assert ledger.said_of("john", [elsewhere, a_file(1)]) == {elsewhere.path: NOT, "/photos/1.jpg": NOT}
    assert ledger.counts("john") == {(NO, ""): 1}


@pytest.mark.parametrize("change", [{"size": 3}, {"mtime_ns": 3}])
def test_what_was_written_over_a_labelled_file_is_not_labelled(
    ledger: Ledger, change: dict[str, int]
) -> None:
    ledger.label(known(1), "john", YES, "key")
    ledger.label(unknown(2), "john", YES, "key")
    changed = [a_file(n, **{"size": 10, "mtime_ns": 5} | change) for n in (1, 2)]
    assert ledger.said_of("john", changed) == {}
    ledger.resolve([(changed[1], a_digest(7))])
    assert ledger.unresolved() == [a_file(2)]


def test_more_photos_than_a_query_takes(ledger: Ledger) -> None:
    entry = ledger.label(known(*range(1700)), "john", YES, "drag")
    assert entry.count == 1700
    assert ledger.said("john") == {a_digest(n): IS for n in range(1700)}
    assert len(ledger.said_of("john", [a_file(n) for n in range(3000)])) == 1700


def test_names_and_numbers_that_databases_do_not_like(ledger: Ledger) -> None:
    strange = [
        PhotoFile("/photos/\udcff\n\U0001f600'\".jpg", 1, -5),
        PhotoFile("/photos/\udcfe.jpg", 1 << 70, 1 << 70),
    ]
    ledger.label([(strange[0], None), (strange[1], a_digest(1))], "o'Neill; --\n", YES, "drag")
    assert ledger.unresolved() == strange[:1]
    assert ledger.said_of("o'Neill; --\n", strange) == {file.path: IS for file in strange}
    ledger.resolve([(strange[0], a_digest(2))])
    assert ledger.said("o'Neill; --\n") == {a_digest(1): IS, a_digest(2): IS}


def test_a_gesture_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    for items in ([], [*known(1), (a_file(2), b"")], [*unknown(3), (a_file(3), bytes(15))]):
        with pytest.raises(ValueError):
            ledger.label(items, "john", YES, "drag")
    with pytest.raises(ValueError):
        ledger.resolve([(a_file(1), bytes(17))])
    assert ledger.history("john") == [] and ledger.unresolved() == [] and ledger.said("john") == {}
    ledger.label(known(1), "john", YES, "key")
    assert ledger.said("john") == {a_digest(1): IS}


def test_the_latest_photos_of_a_bin(ledger: Ledger) -> None:
    ledger.label(known(1, 2), "john", YES, "drag")
    ledger.label(unknown(3), "john", YES, "key")
    ledger.label(known(4), "john", NO, "key")
    ledger.label(known(1), "john", YES, "key")
    ledger.label(known(2), "john", NO, "key")
    assert ledger.latest("john", YES, 9) == [a_file(1), a_file(3)]
    assert ledger.latest("john", NO, 9) == [a_file(2), a_file(4)]
    assert ledger.latest("john", NO, 1) == [a_file(2)]
    ledger.undo("john")
    assert ledger.latest("john", YES, 9) == [a_file(1), a_file(3), a_file(2)]


# --- undo and redo


def test_undo_brings_back_what_was_before(ledger: Ledger) -> None:
    ledger.label(known(1), "john", NO, "key")
    mixed = ledger.label(known(1, 2), "john", YES, "drag")
    undone = ledger.undo("john")
    assert undone is not None and (undone.id, undone.count, undone.undone) == (mixed.id, 2, True)
    assert ledger.said("john") == {a_digest(1): NOT}
    assert ledger.redo("john") == mixed
    assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS}
    assert ledger.redo("john") is None


def test_undo_and_redo_go_on_after_a_restart() -> None:
    with Ledger() as ledger:
        for number in range(3):
            ledger.label(known(number), "john", YES, "key")
        ledger.undo("john")
    with Ledger() as ledger:
        assert [entry.undone for entry in ledger.history("john")] == [True, False, False]
        ledger.undo("john")
    with Ledger() as ledger:
        assert ledger.said("john") == {a_digest(0): IS}
        ledger.redo("john")
    with Ledger() as ledger:
        ledger.redo("john")
        assert ledger.said("john") == {a_digest(n): IS for n in range(3)}


def test_a_new_label_ends_redo_for_good(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    ledger.label(known(2), "john", YES, "key")
    ledger.undo("john")
    ledger.label(known(3), "john", YES, "key")
    assert ledger.redo("john") is None
    ledger.undo("john")
    ledger.undo("john")
    assert ledger.undo("john") is None
    ledger.redo("john")
    assert ledger.said("john") == {a_digest(1): IS}
    ledger.redo("john")
    assert ledger.said("john") == {a_digest(1): IS, a_digest(3): IS}
    assert ledger.redo("john") is None


def test_any_gesture_is_taken_back_and_the_others_stand(ledger: Ledger) -> None:
    first = ledger.label(known(1, 2), "john", YES, "drag")
    ledger.label(known(2, 3), "john", NO, "drag", "george")
    last = ledger.label(known(3), "john", YES, "key")
    assert ledger.take_back(first.id) == replace(first, undone=True)
    assert ledger.said("john") == {a_digest(2): GEORGE, a_digest(3): IS}
    assert ledger.take_back(first.id) is None
    assert ledger.take_back(last.id) is not None
    assert ledger.said("john") == {a_digest(2): GEORGE, a_digest(3): GEORGE}
    assert ledger.bring_back(first.id) == first
    assert ledger.said("john") == {a_digest(1): IS, a_digest(2): GEORGE, a_digest(3): GEORGE}
    assert ledger.bring_back(first.id) is None


def test_redo_brings_back_what_was_taken_back_last(ledger: Ledger) -> None:
    entries = [ledger.label(known(n), "john", YES, "key") for n in range(3)]
    ledger.take_back(entries[0].id)
    ledger.take_back(entries[2].id)
    assert ledger.redo("john") == entries[2]
    assert ledger.redo("john") == entries[0]
    assert ledger.redo("john") is None


def test_what_no_redo_brings_back_the_history_does() -> None:
    with Ledger() as ledger:
        entry = ledger.label(known(1), "john", YES, "key")
        ledger.take_back(entry.id)
        ledger.label(known(2), "john", YES, "key")
        assert ledger.redo("john") is None
    with Ledger() as ledger:
        assert ledger.bring_back(entry.id) == entry
        assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS}


def test_only_gestures_are_taken_back(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    ledger.undo("john")  # an event too, with a number of its own
    events = ledger._file.db.execute("SELECT id, kind FROM event").fetchall()
    assert [kind for _, kind in events] == ["label", "undo"]
    assert ledger.take_back(events[1][0]) is None and ledger.bring_back(events[1][0]) is None
    assert ledger.take_back(999) is None and ledger.bring_back(999) is None
    assert ledger._file.db.execute("SELECT count(*) FROM event").fetchone() == (2,)


def test_another_files_gesture_of_that_number_is_left_alone(file: Path) -> None:
    with Ledger() as ledger:
        entry = ledger.label(known(1), "john", YES, "key")
        for left in file.parent.iterdir():
            left.rename(file.parent.parent / left.name)
        with Ledger() as other:
            assert other.label(known(2), "john", YES, "key").id == entry.id
        with pytest.raises(LedgerError, match=r"^The label was not taken back: .* moved or replaced"):
            ledger.take_back(entry.id)
        assert ledger.said("john") == {a_digest(2): IS}
        assert ledger.take_back(entry.id) is not None


# --- look-alikes


def test_look_alikes_are_told_apart(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    entry = ledger.label([*known(2), *unknown(3)], "john", NO, "drag", "george")
    ledger.label(known(4), "john", NO, "drag", "paul")
    ledger.label(known(5), "john", NO, "drag")
    assert entry.group == "george" and ledger.history("john")[2] == entry
    assert ledger.said("john") == {a_digest(1): IS, a_digest(2): GEORGE, a_digest(4): PAUL, a_digest(5): NOT}
    assert ledger.unhashed("john") == {a_file(3): GEORGE}
    assert ledger.said_of("john", [a_file(3), a_file(4)]) == {a_file(3).path: GEORGE, a_file(4).path: PAUL}
    assert ledger.counts("john") == {(YES, ""): 1, (NO, "george"): 2, (NO, "paul"): 1, (NO, ""): 1}
    assert ledger.counts("john")[YES, "george"] == 0
    assert ledger.latest("john", NO, 9) == [a_file(n) for n in (5, 4, 3, 2)]
    assert ledger.latest("john", NO, 9, "george") == [a_file(3), a_file(2)]
    assert ledger.latest("john", NO, 9, "") == [a_file(5)]
    ledger.label(known(2), "john", NO, "drag")
    assert ledger.said("john")[a_digest(2)] == NOT
    ledger.undo("john")
    assert ledger.said("john")[a_digest(2)] == GEORGE


@pytest.mark.parametrize("verdict", [YES, None])
def test_the_subject_is_not_its_own_look_alike(ledger: Ledger, verdict: Verdict | None) -> None:
    with pytest.raises(ValueError):
        ledger.label(known(1), "john", verdict, "drag", "george")
    assert ledger.history("john") == []


# --- faces


def test_faces_are_labelled_by_where_they_lie(ledger: Ledger) -> None:
    entry = ledger.label([], "john", None, "click", faces=[face(1, 0), face(2)], face_verdict=HIS)
    ledger.label([], "john", None, "click", "george", faces=[face(1, 1)], face_verdict=OTHERS)
    ledger.label([], "john", None, "click", faces=[face(1, 2)], face_verdict=NO_FACE)
    ledger.label([], "mila", None, "click", faces=[face(1, 0)], face_verdict=OTHERS)
    assert (entry.verdict, entry.count, entry.faces, entry.face_verdict) == (None, 0, 2, HIS)
    said = [
        (box_of(0), FaceSaid(HIS)),
        (box_of(1), FaceSaid(OTHERS, "george")),
        (box_of(2), FaceSaid(NO_FACE)),
    ]
    assert ledger.faces_said("john") == {a_digest(1): said, a_digest(2): [(box_of(0), FaceSaid(HIS))]}
    assert ledger.faces_said("mila") == {a_digest(1): [(box_of(0), FaceSaid(OTHERS))]}
    assert [(one.faces, one.face_verdict, one.group) for one in ledger.history("john")] == [
        (1, NO_FACE, ""),
        (1, OTHERS, "george"),
        (2, HIS, ""),
    ]
    assert ledger.history("john")[2] == entry
    assert sorted(ledger.faces_of(entry), key=str) == [face(1), face(2)] and ledger.photos_of(entry) == []


def test_labels_of_faces_are_none_of_photos(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    ledger.label(
        [], "john", None, "click", faces=[face(1), face(2), face(3, known=False)], face_verdict=OTHERS
    )
    assert ledger.said("john") == {a_digest(1): IS} and ledger.unhashed("john") == {}
    assert ledger.said_of("john", [a_file(n) for n in range(5)]) == {a_file(1).path: IS}
    assert ledger.photos("john") == [(a_file(1), a_digest(1), IS)]
    assert ledger.counts("john") == {(YES, ""): 1}
    assert ledger.latest("john", YES, 9) == [a_file(1)] and ledger.latest("john", NO, 9) == []


def test_one_gesture_on_photos_and_faces_is_one_undo(ledger: Ledger) -> None:
    before = ledger.label([], "john", None, "click", faces=[face(1)], face_verdict=OTHERS)
    entry = ledger.label(
        [*known(1), *unknown(2)], "john", YES, "drag", faces=[face(1), face(2, 1)], face_verdict=HIS
    )
    assert (entry.count, entry.verdict, entry.faces, entry.face_verdict) == (2, YES, 2, HIS)
    assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS}, "the face told whose photo it is"
    assert ledger.faces_said("john") == {
        a_digest(1): [(box_of(0), FaceSaid(HIS))],
        a_digest(2): [(box_of(1), FaceSaid(HIS))],
    }
    assert len(ledger.photos_of(entry)) == len(ledger.faces_of(entry)) == 2
    assert ledger.undo("john") == replace(entry, undone=True)
    assert ledger.said("john") == {}
    assert ledger.faces_said("john") == {a_digest(1): [(box_of(0), FaceSaid(OTHERS))]}
    assert ledger.redo("john") == entry
    assert ledger.take_back(before.id) == replace(before, undone=True)
    assert ledger.faces_said("john")[a_digest(1)] == [(box_of(0), FaceSaid(HIS))]
    assert ledger.take_back(entry.id) is not None and ledger.faces_said("john") == {}
    assert ledger.bring_back(before.id) == before
    assert ledger.faces_said("john") == {a_digest(1): [(box_of(0), FaceSaid(OTHERS))]}


def test_a_face_found_anew_a_little_beside_is_the_same(ledger: Ledger) -> None:
    ledger.label([], "john", None, "click", faces=[face(1, 0), face(1, 1)], face_verdict=HIS)
    ledger.label([], "john", None, "click", "paul", faces=[face(1, 1, shift=1)], face_verdict=OTHERS)
    assert ledger.faces_said("john") == {
        a_digest(1): [(box_of(0), FaceSaid(HIS)), (box_of(1, 1), FaceSaid(OTHERS, "paul"))]
    }
    ledger.label([], "john", None, "click", faces=[face(1, 0, shift=1)])
    assert ledger.faces_said("john") == {a_digest(1): [(box_of(1, 1), FaceSaid(OTHERS, "paul"))]}
    ledger.undo("john")
    ledger.undo("john")
    assert ledger.faces_said("john") == {a_digest(1): [(box_of(n), FaceSaid(HIS)) for n in (0, 1)]}


def test_when_boxes_are_of_one_face() -> None:
    box = (0.0, 0.0, 0.4, 0.2)
    assert overlap(box, box) == pytest.approx(1)
    assert overlap(box, (0.0, 0.0, 0.2, 0.2)) == pytest.approx(0.5)
    assert overlap(box, (0.2, 0.1, 0.6, 0.3)) == pytest.approx(0.02 / 0.14)
    assert overlap(box, (0.4, 0.0, 0.8, 0.2)) == overlap(box, (0.0, 0.2, 0.4, 0.4)) == 0


def test_labels_of_faces_in_unread_photos_wait_for_their_content() -> None:
    with Ledger() as ledger:
        ledger.label([], "john", None, "click", faces=[face(1, known=False)], face_verdict=HIS)
        copy = FaceOf(PhotoFile("/copies/1.jpg", 10, 7), a_digest(1), box_of(0))
        ledger.label([], "john", None, "click", faces=[copy], face_verdict=NO_FACE)
        ledger.label([], "john", None, "click", faces=[face(1, 1, known=False)], face_verdict=HIS)
    with Ledger() as ledger:
        assert ledger.unresolved() == [a_file(1)]
        assert ledger.faces_said("john") == {a_digest(1): [(box_of(0), FaceSaid(NO_FACE))]}
        assert ledger.faces_unhashed("john") == {a_file(1): [(box_of(n), FaceSaid(HIS)) for n in (0, 1)]}
        ledger.resolve([(a_file(1), a_digest(1))])
    with Ledger() as ledger:
        assert ledger.unresolved() == [] and ledger.faces_unhashed("john") == {}
        assert ledger.faces_said("john") == {
            a_digest(1): [(box_of(0), FaceSaid(NO_FACE)), (box_of(1), FaceSaid(HIS))]
        }


def test_photos_that_contradict_their_faces_are_listed(ledger: Ledger) -> None:
    ledger.label(known(1, 2, 3), "john", NO, "drag", "george")
    ledger.label(known(4), "john", YES, "key")
    ledger.label(unknown(5), "john", NO, "key")
    assert ledger.contradictions("john") == []
    faces = [face(1, 1), face(4), face(5, known=False), face(6)]
    ledger.label([], "john", None, "click", faces=faces, face_verdict=HIS)
    ledger.label([], "john", None, "click", faces=[face(1), face(2), face(4, 1)], face_verdict=OTHERS)
    ledger.label([], "mila", None, "click", faces=[face(3)], face_verdict=HIS)
    assert ledger.contradictions("john") == [(a_file(1), a_digest(1)), (a_file(5), None)]
    ledger.label(known(4), "john", NO, "key")
    ledger.resolve([(a_file(5), a_digest(5))])
    assert [number_of(file) for file, _ in ledger.contradictions("john")] == [1, 4, 5]
    moved = PhotoFile("/else/where.jpg", 10, 5)
    ledger.saw([(moved, a_digest(1))])
    ledger.label([], "john", None, "click", faces=[face(4, shift=1)], face_verdict=NO_FACE)
    assert ledger.contradictions("john") == [(moved, a_digest(1)), (a_file(5), a_digest(5))]
    ledger.label(known(1, 5), "john", None, "key")
    assert ledger.contradictions("john") == ledger.contradictions("ringo") == []


def test_a_look_alike_is_of_what_is_not_the_subject(ledger: Ledger) -> None:
    entry = ledger.label(
        known(1), "john", YES, "drag", "george", faces=[face(1), face(1, 1)], face_verdict=OTHERS
    )
    assert ledger.history("john") == [entry] and entry.group == "george"
    assert ledger.said("john") == {a_digest(1): IS} and ledger.counts("john") == {(YES, ""): 1}
    assert ledger.faces_said("john")[a_digest(1)][0] == (box_of(0), FaceSaid(OTHERS, "george"))
    entry = ledger.label(known(2), "john", NO, "drag", "paul", faces=[face(2)], face_verdict=NO_FACE)
    assert ledger.history("john")[0] == entry and entry.group == "paul"
    assert ledger.said("john")[a_digest(2)] == PAUL
    assert ledger.faces_said("john")[a_digest(2)] == [(box_of(0), FaceSaid(NO_FACE))]


NAN, FAR = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("many", "verdict", "faces", "face_verdict", "group"),
    [
        (0, YES, [face(1)], HIS, ""),
        (1, YES, [], HIS, ""),
        (0, None, [], None, ""),
        (1, YES, [face(1)], HIS, "george"),
        (0, None, [face(1)], NO_FACE, "george"),
        (0, None, [face(1), FaceOf(a_file(2), b"short", box_of(0))], HIS, ""),
        *(
            (1, YES, [FaceOf(a_file(1), None, box)], HIS, "")
            for box in [(0.2, 0, 0.2, 1), (0, 0.5, 1, 0.4), (NAN, 0, 1, 1), (0, NAN, 1, 1), (0, 0, FAR, 1)]
        ),
    ],
)
def test_a_gesture_that_makes_no_sense_is_refused_whole(
    ledger: Ledger,
    many: int,
    verdict: Verdict | None,
    faces: list[FaceOf],
    face_verdict: FaceVerdict | None,
    group: str,
) -> None:
    with pytest.raises(ValueError):
        ledger.label(known(1)[:many], "john", verdict, "click", group, faces=faces, face_verdict=face_verdict)
    assert ledger.history("john") == [] and ledger.said("john") == {} and ledger.faces_said("john") == {}
    assert ledger.unresolved() == []


def test_a_crowd_that_was_labelled_often(ledger: Ledger) -> None:
    crowd = [
        FaceOf(a_file(1), a_digest(1), (x / 20, y / 10, x / 20 + 0.04, y / 10 + 0.08))
        for x in range(20)
        for y in range(10)
    ]
    for face_verdict in (HIS, NO_FACE, OTHERS) * 3:
        entry = ledger.label([], "john", None, "drag", faces=[*crowd, *crowd], face_verdict=face_verdict)
        assert entry.faces == 200
    said = ledger.faces_said("john")[a_digest(1)]
    assert sorted(said) == sorted((one.box, FaceSaid(OTHERS)) for one in crowd)


# --- where photos lie


def test_each_labelled_photo_is_listed_once_where_it_was_seen_last(ledger: Ledger) -> None:
    ledger.label([*known(1), *known(2), *unknown(3)], "john", YES, "drag")
    ledger.label(known(4), "mila", YES, "drag")
    ledger.label(known(5), "john", NO, "key")
    moved = PhotoFile("/else/where.jpg", 10, 5)
    ledger.label([(moved, a_digest(2))], "john", NO, "key", "george")
    ledger.label(known(5), "john", None, "key")
    assert ledger.photos("john") == [
        (a_file(1), a_digest(1), IS),
        (moved, a_digest(2), GEORGE),
        (a_file(3), None, IS),
    ]
    ledger.label(known(2), "john", YES, "key")
    assert ledger.photos("john")[1] == (a_file(2), a_digest(2), IS), "it was moved back"


def test_moved_photos_are_found_where_they_were_seen(ledger: Ledger) -> None:
    ledger.label(known(*range(1200)), "john", YES, "drag")
    there = [PhotoFile(f"/there/{number}.jpg", 10, 77) for number in range(2000)]
    ledger.saw((file, a_digest(number)) for number, file in enumerate(there))
    assert {file.path for file, _, _ in ledger.photos("john")} == {file.path for file in there[:1200]}
    assert ledger.said_of("john", there) == {file.path: IS for file in there[:1200]}
    assert ledger.counts("john") == {(YES, ""): 1200}
    ledger.saw([(a_file(3), a_digest(3))])
    assert ledger.photos("john")[3][0] == a_file(3)
    changes = ledger._file.db.total_changes
    ledger.saw([(a_file(3), a_digest(3)), (a_file(9999), a_digest(9999))])
    ledger.saw([(a_file(4), a_digest(4)), (there[4], a_digest(4))])
    assert ledger._file.db.total_changes == changes, "nothing is written where nothing is new"


# --- photos whose bytes were not read yet


def test_a_label_on_an_unread_photo_survives_a_restart() -> None:
    with Ledger() as ledger:
        ledger.label([*unknown(1), *known(2)], "john", YES, "drag")
        assert ledger.said("john") == {a_digest(2): IS}
        assert ledger.counts("john") == {(YES, ""): 2}
    with Ledger() as ledger:
        assert ledger.unresolved() == [a_file(1)]
        assert ledger.said_of("john", [a_file(1)]) == {"/photos/1.jpg": IS}
        ledger.resolve([(a_file(1), a_digest(1)), (a_file(9), a_digest(9))])
    with Ledger() as ledger:
        assert ledger.unresolved() == []
        assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS}


def test_an_unread_copy_keeps_the_order_of_what_was_said(ledger: Ledger) -> None:
    ledger.label(unknown(1), "john", YES, "key")
    ledger.label([(a_file(2), a_digest(5))], "john", NO, "key")
    ledger.resolve([(a_file(1), a_digest(5))])
    assert ledger.said("john") == {a_digest(5): NOT}, "what was said last holds, not what was read last"
    ledger.undo("john")
    assert ledger.said("john") == {a_digest(5): IS}
    assert ledger.counts("john") == {(YES, ""): 1}


def test_a_digest_is_not_exchanged(ledger: Ledger) -> None:
    ledger.label(known(1), "john", YES, "key")
    ledger.resolve([(a_file(1), a_digest(2))])
    assert ledger.said("john") == {a_digest(1): IS}


def test_labelling_with_a_digest_resolves(ledger: Ledger) -> None:
    ledger.label(unknown(1), "john", YES, "key")
    ledger.label(known(1), "mila", YES, "key")
    assert ledger.unresolved() == []
    assert ledger.said("john") == {a_digest(1): IS}


def test_what_was_undone_is_resolved_too(ledger: Ledger) -> None:
    ledger.label(unknown(1), "john", YES, "key")
    ledger.undo("john")
    ledger.resolve([(file, a_digest(1)) for file in ledger.unresolved()])
    ledger.redo("john")
    assert ledger.said("john") == {a_digest(1): IS}


def test_only_what_was_seen_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"what the user saw")
    facts = path.stat()
    file = PhotoFile(str(path), facts.st_size, facts.st_mtime_ns)
    found = digest_of(file)
    assert found is not None and len(found) == 16
    path.write_bytes(b"something other!!")
    os.utime(path, ns=(0, facts.st_mtime_ns + 1))
    assert digest_of(file) is None
    path.unlink()
    assert digest_of(file) is None


# --- against a plain account of it

Photo = tuple[str, int]
"""What counts as one photo: its content, or the file as long as that is not known."""


@dataclass
class Gesture:
    """A gesture in memory: the photos by file and content, the latter None until it is known.

    faces: by file, slot and shift, with the content of the file
    """

    id: int
    said: Said | None
    items: dict[int, int | None]
    face_said: FaceSaid | None
    faces: dict[tuple[int, int, int], int | None]

    def contents(self) -> dict[int, int | None]:
        """Of each file that it touches, the content."""
        return {**{n: content for (n, _, _), content in self.faces.items()}, **self.items}


@dataclass
class Account:
    """What the ledger should say of one subject, the naive way: replay what stands.

    done: in the order they were made; undone: in the order they were taken back; dead: those no redo brings back
    """

    done: list[Gesture] = field(default_factory=list)
    undone: list[Gesture] = field(default_factory=list)
    dead: list[Gesture] = field(default_factory=list)

    def gestures(self) -> list[Gesture]:
        return self.done + self.undone + self.dead

    def stand_again(self, gesture: Gesture) -> None:
        self.done = sorted([*self.done, gesture], key=lambda one: one.id)

    def photos(self) -> dict[Photo, Said]:
        said: dict[Photo, Said | None] = {}
        for gesture in self.done:
            for number, content in gesture.items.items():
                said[("file", number) if content is None else ("content", content)] = gesture.said
        return {photo: one for photo, one in said.items() if one is not None}

    def faces(self) -> dict[Photo, dict[Box, FaceSaid]]:
        said: dict[tuple[Photo, int], tuple[Box, FaceSaid | None]] = {}
        for gesture in self.done:
            for (number, slot, shift), content in sorted(gesture.faces.items(), key=lambda one: one[0][2]):
                photo = ("file", number) if content is None else ("content", content)
                said[photo, slot] = box_of(slot, shift), gesture.face_said
        faces: dict[Photo, dict[Box, FaceSaid]] = {}
        for (photo, _), (box, one) in said.items():
            if one is not None:
                faces.setdefault(photo, {})[box] = one
        return faces


FILES, CONTENTS = 6, 4  # so that some files are copies of others
SUBJECTS = st.sampled_from(["john", "mila"])


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.home = Path(tempfile.mkdtemp(dir=os.environ["LENNONNET_HOME"]))
        self.file = self.home / "library.sqlite3"
        self.ledger = Ledger(self.file)
        self.accounts = {"john": Account(), "mila": Account()}
        self.events: list[tuple[object, ...]] = []

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.home)

    @rule(
        subject=SUBJECTS,
        said=st.sampled_from([IS, NOT, GEORGE, None]),
        chosen=st.dictionaries(st.integers(0, FILES - 1), st.booleans()),
        face_said=st.sampled_from([*FaceVerdict, None]),
        faces=st.dictionaries(
            st.tuples(st.integers(0, FILES - 1), st.integers(0, 1), st.integers(0, 1)), st.booleans()
        ),
    )
    def label(
        self,
        subject: str,
        said: Said | None,
        chosen: dict[int, bool],
        face_said: FaceVerdict | None,
        faces: dict[tuple[int, int, int], bool],
    ) -> None:
        if not chosen and not faces:
            return
        said, face_said = said if chosen else None, face_said if faces else None
        group = said.group if said else ""
        entry = self.ledger.label(
            [(a_file(n), a_digest(n % CONTENTS) if is_known else None) for n, is_known in chosen.items()],
            subject,
            said.verdict if said else None,
            "key",
            group,
            faces=[
                FaceOf(a_file(n), a_digest(n % CONTENTS) if is_known else None, box_of(slot, shift))
                for (n, slot, shift), is_known in faces.items()
            ],
            face_verdict=face_said,
        )
        told = {n for n, is_known in chosen.items() if is_known}
        told |= {n for (n, _, _), is_known in faces.items() if is_known}
        contents = {n: n % CONTENTS if n in told else None for n in range(FILES)}
        for number in told:
            self.learn(number)
        gesture = Gesture(
            entry.id,
            said,
            {n: contents[n] for n in chosen},
            FaceSaid(face_said, group if face_said == OTHERS else "") if face_said else None,
            {place: contents[place[0]] for place in faces},
        )
        self.is_entry_of(entry, gesture, undone=False)
        account = self.accounts[subject]
        account.done.append(gesture)
        account.dead += account.undone
        account.undone = []

    @rule(subject=SUBJECTS)
    def undo(self, subject: str) -> None:
        account, entry = self.accounts[subject], self.ledger.undo(subject)
        assert (entry is None) == (not account.done)
        if entry is not None:
            account.undone.append(account.done.pop())
            self.is_entry_of(entry, account.undone[-1], undone=True)

    @rule(subject=SUBJECTS)
    def redo(self, subject: str) -> None:
        account, entry = self.accounts[subject], self.ledger.redo(subject)
        assert (entry is None) == (not account.undone)
        if entry is not None:
            gesture = account.undone.pop()
            account.stand_again(gesture)
            self.is_entry_of(entry, gesture, undone=False)

    @rule(subject=SUBJECTS, which=st.integers(0, 99))
    def take_back(self, subject: str, which: int) -> None:
        account = self.accounts[subject]
        gestures = sorted(account.gestures(), key=lambda one: one.id)
        if not gestures:
            return
        gesture = gestures[which % len(gestures)]
        entry = self.ledger.take_back(gesture.id)
        assert (entry is None) == (gesture not in account.done)
        if entry is not None:
            account.done.remove(gesture)
            account.undone.append(gesture)
            self.is_entry_of(entry, gesture, undone=True)

    @rule(subject=SUBJECTS, which=st.integers(0, 99))
    def bring_back(self, subject: str, which: int) -> None:
        account = self.accounts[subject]
        gestures = sorted(account.gestures(), key=lambda one: one.id)
        if not gestures:
            return
        gesture = gestures[which % len(gestures)]
        entry = self.ledger.bring_back(gesture.id)
        assert (entry is None) == (gesture in account.done)
        if entry is not None:
            for left in (account.undone, account.dead):
                if gesture in left:
                    left.remove(gesture)
            account.stand_again(gesture)
            self.is_entry_of(entry, gesture, undone=False)

    @rule(number=st.integers(0, FILES - 1))
    def resolve(self, number: int) -> None:
        self.ledger.resolve([(a_file(number), a_digest(number % CONTENTS))])
        self.learn(number)

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.file)

    @rule()
    def another_window(self) -> None:
        before, self.ledger = self.ledger, Ledger(self.file)
        before.close()

    def learn(self, number: int) -> None:
        for account in self.accounts.values():
            for gesture in account.gestures():
                if number in gesture.items:
                    gesture.items[number] = number % CONTENTS
                for place in gesture.faces:
                    if place[0] == number:
                        gesture.faces[place] = number % CONTENTS

    def is_entry_of(self, entry: Entry, gesture: Gesture, *, undone: bool) -> None:
        assert (entry.id, entry.count, entry.undone) == (gesture.id, len(gesture.items), undone)
        assert said_by(entry) == gesture.said
        assert {f.path for f, _ in self.ledger.photos_of(entry)} == {a_file(n).path for n in gesture.items}
        assert entry.faces == len(gesture.faces)
        assert entry.face_verdict == (gesture.face_said.verdict if gesture.face_said else None)
        assert {(one.file, one.digest, one.box) for one in self.ledger.faces_of(entry)} == {
            (a_file(n), None if content is None else a_digest(content), box_of(slot, shift))
            for (n, slot, shift), content in gesture.faces.items()
        }

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.notice == ""
        gestures = [gesture for account in self.accounts.values() for gesture in account.gestures()]
        waiting = {n for one in gestures for n, content in one.contents().items() if content is None}
        touched = {n for one in gestures for n in one.contents()}
        assert {f.path for f in self.ledger.unresolved()} == {a_file(n).path for n in waiting}
        contents = {n: {one.contents().get(n) for one in gestures} - {None} for n in range(FILES)}
        for subject, account in self.accounts.items():
            photos = account.photos()
            assert self.ledger.said(subject) == {
                a_digest(n): said for (kind, n), said in photos.items() if kind == "content"
            }
            assert self.ledger.unhashed(subject) == {
                a_file(n): said for (kind, n), said in photos.items() if kind == "file"
            }
            by_file: dict[int, Said | None] = {}
            for gesture in account.done:
                for number, content in gesture.items.items():
                    for other in touched:
                        if other == number or (content is not None and content in contents[other]):
                            by_file[other] = gesture.said
            of_files = self.ledger.said_of(subject, [a_file(n) for n in range(FILES)])
            assert of_files == {a_file(n).path: said for n, said in by_file.items() if said}
            self.agrees_on_bins(subject, account)
            self.agrees_on_faces(subject, account)

    def agrees_on_faces(self, subject: str, account: Account) -> None:
        faces, photos = account.faces(), account.photos()
        listed = {digest: dict(said) for digest, said in self.ledger.faces_said(subject).items()}
        assert listed == {a_digest(n): said for (kind, n), said in faces.items() if kind == "content"}
        unread = {file: dict(said) for file, said in self.ledger.faces_unhashed(subject).items()}
        assert unread == {a_file(n): said for (kind, n), said in faces.items() if kind == "file"}
        contradicting = {
            ("file", number_of(file)) if digest is None else ("content", int.from_bytes(digest, "big"))
            for file, digest in self.ledger.contradictions(subject)
        }
        assert contradicting == {
            photo
            for photo, said in photos.items()
            if said.verdict == NO and FaceSaid(HIS) in faces.get(photo, {}).values()
        }

    def agrees_on_bins(self, subject: str, account: Account) -> None:
        photos = account.photos()
        counts = self.ledger.counts(subject)
        assert counts == Counter((said.verdict, said.group) for said in photos.values())
        for said in (IS, NOT, GEORGE):
            shown = self.ledger.latest(subject, said.verdict, 99, said.group)
            assert len(shown) == counts[said.verdict, said.group]
        assert len(self.ledger.latest(subject, NO, 99)) == counts[NO, ""] + counts[NO, "george"]
        listed = {
            ("file", number_of(file)) if digest is None else ("content", int.from_bytes(digest, "big")): said
            for file, digest, said in self.ledger.photos(subject)
        }
        assert listed == photos and len(self.ledger.photos(subject)) == len(photos)
        history = self.ledger.history(subject, 999)
        made = sorted(account.gestures(), key=lambda one: -one.id)
        assert [(entry.id, said_by(entry)) for entry in history] == [(one.id, one.said) for one in made]
        assert [entry.undone for entry in history] == [one not in account.done for one in made]

    @invariant()
    def events_are_only_added(self) -> None:
        if hasattr(self, "ledger"):
            rows = self.ledger._file.db.execute("SELECT * FROM event ORDER BY id").fetchall()
            assert rows[: len(self.events)] == self.events
            self.events = rows


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLedgerAgainstAnAccount = LedgerMachine.TestCase


# --- several windows


def test_two_windows_share_what_was_said(ledger: Ledger) -> None:
    with Ledger() as other:
        ledger.label(known(1), "john", YES, "key")
        other.label(known(2), "john", NO, "key")
        assert ledger.said("john") == other.said("john") == {a_digest(1): IS, a_digest(2): NOT}
        undone = ledger.undo("john")
        assert undone is not None and undone.verdict is NO
        assert other.said("john") == {a_digest(1): IS}


LABEL_MANY = """
import sys
from training.photos import PhotoFile
from training.verdicts import Ledger, Verdict
first, many = map(int, sys.argv[1:])
with Ledger() as ledger:
    for number in range(first, first + many):
        ledger.label(
            [(PhotoFile(f"/photos/{number}.jpg", 10, 5), number.to_bytes(16, "big")),
             (PhotoFile(f"/photos/{number} unread.jpg", 10, 5), None)],
            "john", Verdict.SUBJECT, "key")
        print(number, flush=True)
    if ledger.notice:
        sys.exit(ledger.notice)
"""


def labelling(first: int, many: int, code: str = LABEL_MANY) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(first), str(many)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_windows_started_and_used_at_once_lose_nothing() -> None:
    windows = [labelling(1000 * number, 60) for number in range(4)]
    for window in windows:
        _, errors = window.communicate(timeout=120)
        assert window.returncode == 0, errors
    with Ledger() as ledger:
        assert set(ledger.said("john")) == {a_digest(1000 * w + n) for w in range(4) for n in range(60)}


def test_windows_started_at_once_on_a_damaged_file_lose_nothing(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    code = LABEL_MANY.replace("if ledger.notice:", "if ledger.notice and 'set aside' not in ledger.notice:")
    windows = [labelling(1000 * number, 20, code) for number in range(4)]
    for window in windows:
        _, errors = window.communicate(timeout=120)
        assert window.returncode == 0, errors
    (aside,) = other_files(file)
    assert (file.parent / aside).read_bytes() == b"no database" * 1000
    with Ledger() as ledger:
        assert set(ledger.said("john")) == {a_digest(1000 * w + n) for w in range(4) for n in range(20)}


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_a_file_is_made_or_set_aside_by_one_window_at_a_time(
    file: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_file, "_PATIENCE", 0.05)
    file.parent.mkdir()
    file.write_bytes(content)
    with ledger_file.alone(file):
        with pytest.raises(LedgerError, match=r"^Labels can’t be kept: another window is busy"):
            Ledger()
        assert file.read_bytes() == content and other_files(file) == []
    Ledger().close()
    assert len(other_files(file)) == bool(content)


def test_a_window_that_is_busy_for_long_is_told_of(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "_PATIENCE", 0.05)
    with Ledger() as other:
        ledger._file.db.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"^The label was not kept: another window is busy"):
            other.label(known(1), "john", YES, "key")
        assert other.said("john") == {}
        ledger._file.db.execute("ROLLBACK")
        other.label(known(1), "john", YES, "key")
        assert other.said("john") == {a_digest(1): IS}


def test_it_waits_for_another_window(ledger: Ledger) -> None:
    busy = sqlite3.connect(ledger.file, isolation_level=None, check_same_thread=False)
    busy.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: busy.execute("ROLLBACK"))
    timer.start()
    ledger.label(known(1), "john", YES, "key")
    timer.join()
    busy.close()
    assert ledger.said("john") == {a_digest(1): IS}


# --- what can happen to a process, a file and a disk


LABEL_AND_TAKE_BACK = """
import sys
from training.photos import PhotoFile
from training.verdicts import FaceOf, FaceVerdict, Ledger, Verdict
first, many = map(int, sys.argv[1:])
with Ledger() as ledger:
    for number in range(first, first + many):
        items = [(PhotoFile(f"/photos/{number}.jpg", 10, 5), number.to_bytes(16, "big")),
                 (PhotoFile(f"/photos/{number} unread.jpg", 10, 5), None)]
        entry = ledger.label(
            items, "john", Verdict.NOT_SUBJECT, "key", f"look-alike {number % 3}",
            faces=[FaceOf(*item, (0, 0, 1, 1)) for item in items], face_verdict=FaceVerdict.NO_FACE)
        print("said", number, flush=True)
        if number % 5 == 4:
            ledger.take_back(entry.id)
            print("back", number, flush=True)
"""


def test_no_committed_label_is_lost_when_the_process_is_killed(home: Path) -> None:
    chance = random.Random(11)
    told: set[int] = set()
    taken_back: set[int] = set()
    for attempt in range(50):
        process = labelling(100_000 * attempt, 100_000, LABEL_AND_TAKE_BACK)
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline()]
        timer = threading.Timer(chance.uniform(0, 0.06), process.kill)
        timer.start()
        lines += [line for line in process.stdout if line.endswith("\n")]
        assert process.wait() != 0, process.stderr.read()
        timer.join()
        process.stdout.close()
        process.stderr.close()
        for word, number in map(str.split, lines):
            (told if word == "said" else taken_back).add(int(number))
        with Ledger() as ledger:
            assert ledger.notice == ""
            history = ledger.history("john", 10_000_000)
            if history[0].undone:  # it may have been under way
                taken_back.add(int.from_bytes(ledger.photos_of(history[0])[0][1] or b"", "big"))
            said = {int.from_bytes(digest, "big"): said for digest, said in ledger.said("john").items()}
            unread = {file.path for file in ledger.unhashed("john")}
            faces = {int.from_bytes(digest, "big") for digest in ledger.faces_said("john")}
            unread_faces = {file.path for file in ledger.faces_unhashed("john")}
        assert told - taken_back <= said.keys()
        assert not said.keys() & taken_back
        assert len(history) <= len(told) + attempt + 1, "more than was under way"
        assert all(one == Said(NO, f"look-alike {number % 3}") for number, one in said.items())
        assert unread == {f"/photos/{number} unread.jpg" for number in said}, "half a gesture"
        assert faces == said.keys() and unread_faces == unread, "half a gesture"
    assert len(told) > 250 and len(taken_back) > 50
    assert other_files(home / "data" / "library.sqlite3") == []


def small_disk(ledger: Ledger) -> None:
    pages = ledger._file.db.execute("PRAGMA page_count").fetchone()[0]
    ledger._file.db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_told_and_nothing_is_claimed() -> None:
    with Ledger() as ledger:
        ledger.label(known(1), "john", YES, "key")
        small_disk(ledger)
        with pytest.raises(LedgerError, match=r"^The label was not kept: the disk is full\. Make room"):
            ledger.label(known(*range(2, 5000)), "john", YES, "drag")
        assert ledger.said("john") == {a_digest(1): IS}
        ledger._file.db.execute("PRAGMA max_page_count = 1000000")
        ledger.label(known(2), "john", YES, "key")
    with Ledger() as ledger:
        assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS}


def test_a_disk_that_takes_no_more_loses_nothing_that_was_claimed() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    claimed = set()
    with Ledger() as ledger:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
            with pytest.raises(LedgerError, match=r"^The label was not kept: "):
                for number in range(10_000):
                    ledger.label(known(number), "john", YES, "key")
                    claimed.add(a_digest(number))
            assert set(ledger.said("john")) == claimed
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        ledger.label(known(20_000), "john", YES, "key")
    assert claimed
    with Ledger() as ledger:
        assert ledger.notice == ""
        assert set(ledger.said("john")) == {*claimed, a_digest(20_000)}


def test_a_place_that_can_not_be_is_told(home: Path) -> None:
    (home / "data").write_bytes(b"a file where a folder should be")
    with pytest.raises(
        LedgerError, match=r"^Labels can’t be kept: .*/data/library\.sqlite3 can’t be written\."
    ):
        Ledger()
    assert (home / "data").read_bytes() == b"a file where a folder should be"


def test_a_folder_in_its_place_is_told(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(LedgerError, match=r"^Labels can’t be kept: "):
        Ledger()
    assert file.is_dir()


READ_ONLY = """
import os, sys
from pathlib import Path
from training.photos import PhotoFile
from training.verdicts import Ledger, LedgerError, Said, Verdict
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.seteuid(65534)  # to whom the rights apply
with Ledger(Path("library.sqlite3")) as ledger:
    assert list(ledger.said("john").values()) == [Said(Verdict.SUBJECT)]
    assert "can’t be written" in ledger.notice, ledger.notice
    for change in (
        lambda: ledger.label([(PhotoFile("/a.jpg", 1, 1), None)], "john", Verdict.SUBJECT, "key"),
        lambda: ledger.undo("john"),
        lambda: ledger.resolve([(PhotoFile("/a.jpg", 1, 1), bytes(16))]),
    ):
        try:
            change()
        except LedgerError as error:
            assert "can’t be written" in str(error) and "not" in str(error), error
        else:
            sys.exit("claimed to be kept")
for name in ("other.sqlite3", "behind.sqlite3"):
    try:
        Ledger(Path(name))
    except LedgerError as error:
        print(error)
    else:
        sys.exit(f"claimed to be open: {name}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another thing there")
def test_on_a_read_only_disk_labels_are_seen_and_nothing_is_claimed() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to others
        file = Path(name, "library.sqlite3")
        with Ledger(file) as ledger:
            ledger.label(known(1), "john", YES, "key")
            # The newest labels of this one can't be read there, and without them it would tell an old story.
            Path(name, "behind.sqlite3-wal").write_bytes(Path(f"{file}-wal").read_bytes())
        Path(f"{file}.lock").unlink()
        Path(name, "behind.sqlite3").write_bytes(file.read_bytes())
        content = file.read_bytes()
        file.chmod(0o444)
        file.parent.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, name],
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
        )
        file.parent.chmod(0o755)
        assert done.returncode == 0, done.stderr
        told = done.stdout.splitlines()
        assert len(told) == 2
        assert all(line.startswith("Labels can’t be kept: ") and "can’t be written" in line for line in told)
        assert file.read_bytes() == content and other_files(file) == ["behind.sqlite3"]


def labelled_file(file: Path) -> bytes:
    """A ledger on disk with 500 labels."""
    with Ledger(file) as ledger:
        ledger.label(known(*range(500)), "john", YES, "drag")
    return file.read_bytes()


@pytest.mark.parametrize(
    "damage", ["other content", "start", "middle", "cut", "no tables", "no old tables", "no faces", "foreign"]
)
def test_a_damaged_file_is_set_aside_unharmed(file: Path, damage: str) -> None:
    content = labelled_file(file)
    match damage:
        case "other content":
            content = b"this is no database" * 100
        case "start":
            content = bytes(200) + content[200:]
        case "middle":
            middle = len(content) // 8192 * 4096
            content = content[:middle] + b"\xa5" * 4096 + content[middle + 4096 :]
        case "cut":
            content = content[: len(content) // 2 + 100]
        case "no faces":
            db = sqlite3.connect(file)
            db.execute("DROP TABLE face_item")
            db.close()
            content = file.read_bytes()
        case "no tables" | "no old tables" | "foreign":
            file.unlink()
            db = sqlite3.connect(file)
            if damage == "foreign":
                db.execute("CREATE TABLE shopping (list)")
            else:
                db.execute(f"PRAGMA user_version = {1 if 'old' in damage else len(verdicts._MIGRATIONS)}")
            db.commit()
            db.close()
            content = file.read_bytes()
    file.write_bytes(content)
    with Ledger() as ledger:
        (aside,) = other_files(file)
        assert (file.parent / aside).read_bytes() == content
        assert ledger.notice.startswith("The file of labels is damaged; it was set aside, unchanged, as “")
        assert aside in ledger.notice
        assert ledger.said("john") == {}
        ledger.label(known(7), "john", NO, "key")
    with Ledger() as ledger:
        assert ledger.notice == ""
        assert ledger.said("john") == {a_digest(7): NOT}


def test_files_set_aside_do_not_overwrite_each_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda _: "20260102-030405")
    file.parent.mkdir()
    for number in range(3):
        file.write_bytes(b"no database %d" % number * 100)
        Ledger().close()
    contents = {(file.parent / name).read_bytes() for name in other_files(file)}
    assert contents == {b"no database %d" % number * 100 for number in range(3)}


def test_labels_beside_a_lost_file_are_set_aside(file: Path, tmp_path: Path) -> None:
    """SQLite deletes the newest labels, which lie in a file of their own, where the main file is gone."""
    with Ledger() as ledger:
        ledger.label(known(1), "john", YES, "key")
        newest = Path(f"{file}-wal").read_bytes()
    assert newest
    for left in file.parent.iterdir():
        left.unlink()
    Path(f"{file}-wal").write_bytes(newest)
    with Ledger() as ledger:
        assert "set aside" in ledger.notice
    (aside,) = file.parent.glob("*.unusable-wal")
    assert aside.read_bytes() == newest


def test_an_empty_file_is_a_new_one(file: Path) -> None:
    file.parent.mkdir()
    file.touch()
    with Ledger() as ledger:
        assert ledger.notice == ""
        ledger.label(known(1), "john", YES, "key")
        assert ledger.said("john") == {a_digest(1): IS}


def test_a_first_start_that_was_cut_off_is_taken_up(file: Path) -> None:
    file.parent.mkdir()
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    assert file.stat().st_size
    with Ledger() as ledger:
        assert ledger.notice == ""
        ledger.label(known(1), "john", YES, "key")


def make_newer(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.close()


def test_a_newer_versions_file_is_left_to_it(file: Path) -> None:
    labelled_file(file)
    make_newer(file)
    content = file.read_bytes()
    for number in range(2):
        with Ledger() as ledger:
            own = ledger.file.name
            assert own != file.name and own in ledger.notice and "newer version" in ledger.notice
            assert ledger.said("john") == {a_digest(n): IS for n in range(number)}
            ledger.label(known(number), "john", YES, "key")
    assert file.read_bytes() == content
    assert other_files(file) == [own]


def test_a_newer_version_started_beside_this_one_is_not_disturbed(file: Path) -> None:
    with Ledger() as ledger:
        ledger.label(known(1), "john", YES, "key")
        make_newer(file)
        ledger.label(known(2), "john", YES, "key")
        assert "newer version" in ledger.notice
        assert ledger.said("john") == {a_digest(2): IS}
    db = sqlite3.connect(file)
    assert db.execute("SELECT count(*) FROM event").fetchone() == (1,)
    db.close()


SCHEMA_1 = """
CREATE TABLE subject (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    subject INTEGER NOT NULL REFERENCES subject,
    kind TEXT NOT NULL CHECK (kind IN ('label', 'undo', 'redo')),
    verdict TEXT,
    source TEXT,
    count INTEGER,
    target INTEGER REFERENCES event,
    CHECK ((kind = 'label') = (target IS NULL))
);
CREATE INDEX event_subject ON event (subject, kind, id);
CREATE INDEX event_target ON event (target, id) WHERE target IS NOT NULL;
CREATE TABLE seen (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,
    size TEXT NOT NULL,
    mtime_ns TEXT NOT NULL,
    digest BLOB CHECK (length(digest) = 16)
);
CREATE INDEX seen_path ON seen (path);
CREATE INDEX seen_digest ON seen (digest);
CREATE TABLE item (
    event INTEGER REFERENCES event, seen INTEGER REFERENCES seen, PRIMARY KEY (event, seen)
) WITHOUT ROWID;
CREATE INDEX item_seen ON item (seen, event);
INSERT INTO subject VALUES (1, 'john');
INSERT INTO event VALUES (1, 100.0, 1, 'label', 'subject', 'drag', 2, NULL);
INSERT INTO event VALUES (2, 200.0, 1, 'label', 'not_subject', 'key', 1, NULL);
INSERT INTO event VALUES (3, 300.0, 1, 'label', 'not_subject', 'key', 1, NULL);
INSERT INTO event VALUES (4, 400.0, 1, 'undo', NULL, NULL, NULL, 3);
INSERT INTO seen VALUES (1, CAST('/photos/2.jpg' AS BLOB), '10', '5', x'00000000000000000000000000000002');
INSERT INTO seen VALUES (2, CAST('/photos/1.jpg' AS BLOB), '10', '5', x'00000000000000000000000000000001');
INSERT INTO seen VALUES (3, CAST('/copies/2.jpg' AS BLOB), '10', '5', x'00000000000000000000000000000002');
INSERT INTO seen VALUES (4, CAST('/photos/3.jpg' AS BLOB), '10', '5', NULL);
INSERT INTO item VALUES (1, 2), (1, 3), (1, 4), (2, 1), (3, 2);
PRAGMA user_version = 1;
"""
"""A file as the first version of the program wrote it."""


def test_the_first_versions_labels_are_brought_along(file: Path) -> None:
    file.parent.mkdir()
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SCHEMA_1)
    db.close()
    for _ in range(2):
        with Ledger() as ledger:
            assert ledger.notice == ""
            assert ledger.said("john") == {a_digest(1): IS, a_digest(2): NOT}
            assert ledger.unhashed("john") == {a_file(3): IS}
            assert [(entry.when, entry.undone, entry.group) for entry in ledger.history("john")] == [
                (300.0, True, ""),
                (200.0, False, ""),
                (100.0, False, ""),
            ]
            assert [file for file, _, _ in ledger.photos("john")] == [a_file(1), a_file(2), a_file(3)]
    with Ledger() as ledger:
        assert ledger.redo("john") is not None
        assert ledger.said("john") == {a_digest(1): NOT, a_digest(2): NOT}
        ledger.label(known(1), "john", NO, "key", "george")
        assert ledger.said("john") == {a_digest(1): GEORGE, a_digest(2): NOT}
    assert other_files(file) == []


def test_the_second_versions_labels_are_brought_along(file: Path) -> None:
    file.parent.mkdir()
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SCHEMA_1)
    db.executescript(verdicts._MIGRATIONS[1])
    db.execute("UPDATE event SET look_alike = 'george' WHERE id = 2")
    db.execute("PRAGMA user_version = 2")
    db.commit()
    db.close()
    with Ledger() as ledger:
        assert ledger.notice == ""
        assert ledger.said("john") == {a_digest(1): IS, a_digest(2): GEORGE}
        assert ledger.faces_said("john") == {} and ledger.faces_unhashed("john") == {}
        assert {(one.faces, one.face_verdict) for one in ledger.history("john")} == {(0, None)}
        ledger.label([], "john", None, "click", faces=[face(2)], face_verdict=HIS)
        assert ledger.contradictions("john") == [(a_file(2), a_digest(2))]
    with Ledger() as ledger:
        assert ledger.notice == "" and ledger.faces_said("john") == {
            a_digest(2): [(box_of(0), FaceSaid(HIS))]
        }
        assert ledger.undo("john") is not None and ledger.undo("john") is not None
        assert ledger.said("john") == {a_digest(1): IS, a_digest(2): IS}
    assert other_files(file) == []


def test_an_older_versions_labels_are_brought_along(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled_file(file)
    steps = (*verdicts._MIGRATIONS, "ALTER TABLE event ADD COLUMN mood TEXT; CREATE TABLE more (x);")
    monkeypatch.setattr(verdicts, "_MIGRATIONS", steps)
    with Ledger() as ledger:
        assert ledger.notice == ""
        assert len(ledger.said("john")) == 500
        assert ledger._file.db.execute("SELECT count(mood) FROM event").fetchone() == (0,)
        ledger.undo("john")
    assert other_files(file) == []


def test_a_step_that_fails_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled_file(file)
    with monkeypatch.context() as patch:
        steps = (*verdicts._MIGRATIONS, "CREATE TABLE more (x); INSERT INTO nowhere VALUES (1)")
        patch.setattr(verdicts, "_MIGRATIONS", steps)
        with pytest.raises(LedgerError, match=r"^Labels can’t be kept: "):
            Ledger()
    with Ledger() as ledger:
        assert ledger.notice == "" and len(ledger.said("john")) == 500
        assert ledger._file.db.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []


def test_a_file_that_vanishes_meanwhile_takes_no_label_with_it(file: Path) -> None:
    with Ledger() as ledger:
        ledger.label(known(1), "john", YES, "key")
        for left in file.parent.iterdir():
            left.rename(file.parent.parent / left.name)
        ledger.label(known(2), "john", YES, "key")
        assert "moved or replaced" in ledger.notice
    with Ledger() as ledger:
        assert ledger.said("john") == {a_digest(2): IS}
    with Ledger(file.parent.parent / file.name) as ledger:
        assert ledger.said("john") == {a_digest(1): IS}


def test_damage_met_while_reading_is_told_plainly(file: Path) -> None:
    labelled_file(file)
    with Ledger() as ledger:
        with Ledger() as other:  # what another window has written makes this one read the file anew
            other.label(known(1), "john", NO, "key")
            with file.open("r+b") as open_file:
                open_file.seek(4096)
                open_file.write(b"\xa5" * (file.stat().st_size - 4096))
        with pytest.raises(
            LedgerError, match=r"^The labels can’t be read: .* is damaged\. Start Lennonnet again"
        ):
            ledger.said("john")
    with Ledger() as ledger:
        assert "set aside" in ledger.notice


def test_another_thread_is_refused(ledger: Ledger) -> None:
    met: list[Exception] = []

    def use() -> None:
        try:
            ledger.said("john")
        except Exception as error:
            met.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert [type(error) for error in met] == [sqlite3.ProgrammingError]
