"""Labels in the real window: kept, shown, learned from, taken back, and still there after a restart."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.photo_model import SortKey, VerdictRole
from lennonnet_gui.settings import Settings
from tests.program import (
    Start,
    probability_of,
    row_of,
    shown_names,
    wait_until_learned,
    wait_until_scored,
)
from training.faces import FaceTable
from training.learning import Learner
from training.photos import PhotoFile
from training.scoring import Scored
from training.subject import Subject
from training.subjects import Subjects
from training.verdicts import Ledger, LedgerError, Verdict
from training.zones import Zone, Zones

ROCKETS = ("rocket.jpg", "rocket mirrored.png")
CATS = ("chelsea.jpg", "chelsea mirrored.png")


def verdict_of(window: MainWindow, name: str) -> Zone | None:
    found: Zone | None = window.model.index(row_of(window, name)).data(VerdictRole)
    return found


def go_to(window: MainWindow, *names: str) -> None:
    window.grid.setFocus()
    window.grid.setCurrentIndex(window.model.index(row_of(window, names[0])))
    flag = window.grid.selectionModel().SelectionFlag.Select
    for name in names[1:]:
        window.grid.selectionModel().select(window.model.index(row_of(window, name)), flag)


def press(qtbot: QtBot, window: MainWindow, key: str) -> None:
    qtbot.keyClicks(window.grid, key)


def label(qtbot: QtBot, window: MainWindow, key: str, *names: str) -> None:
    go_to(window, *names)
    before = {name: verdict_of(window, name) for name in names}
    press(qtbot, window, key)
    qtbot.waitUntil(lambda: all(verdict_of(window, name) != before[name] for name in names))
    wait_until_learned(qtbot, window)


def counts(window: MainWindow) -> tuple[int, int]:
    found = window.teaching.counts()
    return found[Zone.SUBJECT, ""], found[Zone.NOT_SUBJECT, ""]


def kept(subject: str) -> dict[str, Verdict]:
    with Ledger() as ledger:
        return {Path(file.path).name: said.verdict for file, _, said in ledger.photos(subject)}


def test_a_key_labels_and_goes_on_to_the_next_photo(qtbot: QtBot, scored: MainWindow) -> None:
    first, second = shown_names(scored)[:2]
    go_to(scored, first)
    press(qtbot, scored, "n")
    assert scored.grid.currentIndex().row() == 1
    qtbot.waitUntil(lambda: verdict_of(scored, first) is Zone.NOT_SUBJECT)
    assert kept(scored.teaching.subject_id) == {first: Verdict.NOT_SUBJECT}
    press(qtbot, scored, "p")
    qtbot.waitUntil(lambda: verdict_of(scored, second) is Zone.SUBJECT)
    assert counts(scored) == (1, 1)


def test_several_selected_photos_are_labelled_together_and_stay_selected(
    qtbot: QtBot, scored: MainWindow
) -> None:
    label(qtbot, scored, "j", *ROCKETS)
    assert counts(scored) == (2, 0)
    assert len(scored.grid.selectionModel().selectedRows()) == 2


def test_the_rest_is_scored_anew(qtbot: QtBot, scored: MainWindow) -> None:
    before = probability_of(scored, ROCKETS[1])
    label(qtbot, scored, "j", ROCKETS[0])
    label(qtbot, scored, "n", CATS[0])
    assert probability_of(scored, ROCKETS[1]) > before + 0.1


def test_photos_that_change_sides_are_exactly_those_shown(qtbot: QtBot, scored: MainWindow) -> None:
    low = probability_of(scored, ROCKETS[1]) + 0.02
    scored.model.set_zones(Zones(low, low + 0.01))
    before = {name: scored.model.zones().zone(probability_of(scored, name)) for name in shown_names(scored)}
    label(qtbot, scored, "j", "rocket.jpg", "coffee.jpg")
    assert probability_of(scored, ROCKETS[1]) > low
    after = {name: scored.model.zones().zone(probability_of(scored, name)) for name in shown_names(scored)}
    labelled = {"rocket.jpg", "coffee.jpg"}
    moved = {name for name in before if before[name] != after[name]} - labelled
    assert moved and scored.teaching.state.changed == len(moved)
    scored.status_line._changed.click()
    assert set(shown_names(scored)) == moved
    scored.status_line._changed.click()
    assert scored.model.rowCount() == 8


def test_undo_and_redo_hold_after_a_restart(qtbot: QtBot, start: Start, scored: MainWindow) -> None:
    score = probability_of(scored, ROCKETS[1])
    label(qtbot, scored, "j", *ROCKETS)
    scored.close()
    window = start()
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert verdict_of(window, ROCKETS[0]) is Zone.SUBJECT
    assert counts(window) == (2, 0)
    assert probability_of(window, ROCKETS[1]) != score
    window.labels.undo_action.trigger()
    qtbot.waitUntil(lambda: verdict_of(window, ROCKETS[0]) is None)
    wait_until_learned(qtbot, window)
    assert counts(window) == (0, 0)
    assert probability_of(window, ROCKETS[1]) == pytest.approx(score, abs=1e-6)
    window.labels.redo_action.trigger()
    qtbot.waitUntil(lambda: verdict_of(window, ROCKETS[1]) is Zone.SUBJECT)
    assert counts(window) == (2, 0)


def test_undo_gives_back_the_label_from_before(qtbot: QtBot, scored: MainWindow) -> None:
    label(qtbot, scored, "j", "coffee.jpg")
    label(qtbot, scored, "n", "coffee.jpg")
    assert counts(scored) == (0, 1)
    scored.labels.undo_action.trigger()
    qtbot.waitUntil(lambda: verdict_of(scored, "coffee.jpg") is Zone.SUBJECT)
    scored.labels.undo_action.trigger()
    qtbot.waitUntil(lambda: verdict_of(scored, "coffee.jpg") is None)
    scored.labels.undo_action.trigger()
    qtbot.waitUntil(lambda: "nothing to undo" in scored.notice.words())


def test_u_takes_a_label_away_and_stays_there(qtbot: QtBot, scored: MainWindow) -> None:
    label(qtbot, scored, "x", "coffee.jpg")
    label(qtbot, scored, "u", "coffee.jpg")
    assert counts(scored) == (0, 0)
    assert scored.grid.currentIndex().row() == row_of(scored, "coffee.jpg")


def test_a_label_follows_its_photo_when_it_is_renamed_and_copied(
    qtbot: QtBot, start: Start, scored: MainWindow, folder: Path
) -> None:
    label(qtbot, scored, "n", *CATS[:1])
    scored.close()
    (folder / CATS[0]).rename(folder / "my cat.jpg")
    shutil.copy(folder / "my cat.jpg", folder / "inner" / "copy.jpg")
    window = start()
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert verdict_of(window, "my cat.jpg") is Zone.NOT_SUBJECT
    assert verdict_of(window, "copy.jpg") is Zone.NOT_SUBJECT
    assert counts(window) == (0, 1)


def test_a_photo_that_was_edited_is_another_photo(
    qtbot: QtBot, scored: MainWindow, folder: Path, pictures: dict[str, np.ndarray]
) -> None:
    label(qtbot, scored, "n", CATS[0])
    Image.fromarray(pictures["rocket"][5:]).save(folder / CATS[0])
    scored.session.look_again()
    qtbot.waitUntil(lambda: verdict_of(scored, CATS[0]) is None)
    wait_until_scored(qtbot, scored)
    assert verdict_of(scored, CATS[0]) is None


def test_photos_are_labelled_before_they_are_scored_and_learned_from_later(
    qtbot: QtBot, start: Start, folder: Path
) -> None:
    window = start(folder)
    qtbot.waitUntil(lambda: window.model.rowCount() == 8)
    window.session.cancel()
    name = next(
        name for name in shown_names(window) if window.model.index(row_of(window, name)).data(0) == name
    )
    go_to(window, name)
    press(qtbot, window, "j")
    qtbot.waitUntil(lambda: verdict_of(window, name) is Zone.SUBJECT)
    window.session.resume()
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert verdict_of(window, name) is Zone.SUBJECT
    with Ledger() as ledger:
        assert not ledger.unhashed(window.teaching.subject_id)
    assert window.teaching.state.labels == 1


def test_a_folder_from_elsewhere_is_dropped_into_a_bin_and_learned_from(
    qtbot: QtBot, scored: MainWindow, tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number in range(3):
        Image.fromarray(pictures["rocket"][number : 400 + number]).save(elsewhere / f"{number}.jpg")
    (elsewhere / "notes.txt").write_text("not a photo")
    before = sorted(elsewhere.iterdir())
    scored.bins.dropped.emit(Zone.SUBJECT, [str(elsewhere)], "files", "")
    qtbot.waitUntil(lambda: counts(scored) == (3, 0))
    qtbot.waitUntil(lambda: scored.teaching.state.labels == 3, timeout=30_000)
    assert sorted(elsewhere.iterdir()) == before
    scored.bins.dropped.emit(Zone.SUBJECT, [str(elsewhere / "notes.txt")], "files", "")
    qtbot.waitUntil(lambda: "notes.txt" in scored.notice.words())


def test_a_drop_puts_the_photos_in_order_and_a_key_does_not(qtbot: QtBot, scored: MainWindow) -> None:
    scored.model.sort_by(SortKey.SCORE, descending=True)
    order = shown_names(scored)
    label(qtbot, scored, "j", *ROCKETS)
    assert shown_names(scored) == order
    paths = [
        scored.model.file_at(row_of(scored, name)).path for name in ("coffee.jpg", "coffee mirrored.png")
    ]
    scored.bins.dropped.emit(Zone.SUBJECT, paths, "drag", "")
    qtbot.waitUntil(lambda: counts(scored)[0] == 4)
    wait_until_learned(qtbot, scored)
    found = [probability_of(scored, name) for name in shown_names(scored)]
    assert found == sorted(found, reverse=True)


def test_labels_that_cannot_be_kept_are_not_shown(
    qtbot: QtBot, scored: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise LedgerError("The label was not kept: the disk is full.")

    monkeypatch.setattr(Ledger, "label", fail)
    go_to(scored, "coffee.jpg")
    press(qtbot, scored, "j")
    qtbot.waitUntil(lambda: "disk is full" in scored.notice.words())
    assert verdict_of(scored, "coffee.jpg") is None
    assert counts(scored) == (0, 0)


def test_the_viewer_has_the_same_keys(qtbot: QtBot, scored: MainWindow) -> None:
    first, second = shown_names(scored)[:2]
    go_to(scored, first)
    qtbot.keyClick(scored.grid, Qt.Key.Key_Return)
    assert scored.viewer.file() is not None
    qtbot.keyClicks(scored.viewer, "j")
    qtbot.waitUntil(lambda: verdict_of(scored, first) is Zone.SUBJECT)
    assert scored.viewer.file() == scored.model.file_at(1)
    qtbot.keyClicks(scored.viewer, "x")
    qtbot.waitUntil(lambda: verdict_of(scored, second) is Zone.NOT_SUBJECT)


def test_every_label_given_before_the_window_closed_is_kept(qtbot: QtBot, scored: MainWindow) -> None:
    names = shown_names(scored)
    go_to(scored, names[0])
    for _ in names:
        press(qtbot, scored, "n")
    scored.close()
    assert set(kept(scored.teaching.subject_id)) == set(names)


def test_a_new_subject_guesses_until_it_knows_more(qtbot: QtBot, scored: MainWindow) -> None:
    scored.desk.create("Rocket")
    wait_until_learned(qtbot, scored)
    assert {probability_of(scored, name) for name in shown_names(scored)} == {0.5}
    label(qtbot, scored, "j", "rocket.jpg")
    assert scored.teaching.state.guessing
    others = [probability_of(scored, name) for name in shown_names(scored) if "rocket" not in name]
    assert probability_of(scored, "rocket mirrored.png") > max(others)
    label(qtbot, scored, "j", "rocket mirrored.png")
    label(qtbot, scored, "n", "coffee.jpg", "chelsea.jpg")
    assert not scored.teaching.state.guessing
    before = {probability_of(scored, name) for name in shown_names(scored)}
    scored.desk.use("john")
    wait_until_learned(qtbot, scored)
    assert verdict_of(scored, "rocket.jpg") is None
    assert counts(scored) == (0, 0)
    assert {probability_of(scored, name) for name in shown_names(scored)} != before


def test_look_alikes_have_labels_of_their_own(qtbot: QtBot, scored: MainWindow) -> None:
    scored.desk.create("Chelsea")
    scored.desk.add_look_alike("Rocket")
    (george,) = scored.desk.entry.look_alikes
    wait_until_learned(qtbot, scored)
    go_to(scored, "rocket.jpg")
    scored.labels.look_alike_actions[0].trigger()
    qtbot.waitUntil(lambda: verdict_of(scored, "rocket.jpg") is Zone.NOT_SUBJECT)
    assert scored.teaching.counts()[Zone.NOT_SUBJECT, george.id] == 1
    wait_until_learned(qtbot, scored)
    scored.desk.remove_look_alike(george.id)
    assert counts(scored) == (0, 1)


def test_questions_are_answered_with_a_key_each_and_taken_back(qtbot: QtBot, scored: MainWindow) -> None:
    label(qtbot, scored, "j", "chelsea.jpg")
    scored.parts.queue_action.trigger()
    queue = scored.queue
    qtbot.waitUntil(lambda: queue.file() is not None)
    assert scored._pages.currentWidget() is queue
    asked = queue.file()
    assert asked is not None and not asked.path.endswith("chelsea.jpg")
    name = Path(asked.path).name
    qtbot.waitUntil(lambda: queue._seen)
    qtbot.keyClick(queue, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: verdict_of(scored, name) is Zone.NOT_SUBJECT)
    assert queue.file() != asked
    qtbot.keyClick(queue, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: verdict_of(scored, name) is None)
    qtbot.waitUntil(lambda: queue.file() == asked)
    qtbot.keyClick(queue, Qt.Key.Key_Escape)
    assert scored._pages.currentWidget() is scored._browser
    wait_until_learned(qtbot, scored)
    go_to(scored, "coffee.jpg")
    press(qtbot, scored, "n")
    qtbot.waitUntil(lambda: verdict_of(scored, "coffee.jpg") is Zone.NOT_SUBJECT)


def test_copies_of_a_labelled_photo_are_not_asked_about(
    qtbot: QtBot, start: Start, folder: Path, pictures: dict[str, np.ndarray]
) -> None:
    for number in range(5):
        Image.fromarray(pictures["rocket"][: 422 + number]).save(folder / f"burst {number}.jpg")
    window = start(folder)
    wait_until_scored(qtbot, window)
    label(qtbot, window, "n", "rocket.jpg")
    with qtbot.waitSignal(window.teaching.questions_found) as found:
        window.teaching.find_questions()
    assert found.args
    asked = {Path(file.path).name for file, _ in found.args[0]}
    assert asked and not any(name.startswith("burst") or name == "rocket.jpg" for name in asked)


def test_the_history_takes_back_one_gesture_among_others(qtbot: QtBot, scored: MainWindow) -> None:
    label(qtbot, scored, "j", "coffee.jpg")
    label(qtbot, scored, "n", "rocket.jpg")
    scored.parts.history_action.trigger()
    history = scored.parts.history
    qtbot.waitUntil(lambda: history._model.rowCount() == 2)
    first = history._model.entry(history._model.index(1))
    assert first is not None
    history.undo_wanted.emit(first.id)
    qtbot.waitUntil(lambda: verdict_of(scored, "coffee.jpg") is None)
    assert verdict_of(scored, "rocket.jpg") is Zone.NOT_SUBJECT
    qtbot.waitUntil(lambda: bool((entry := history._model.entry(history._model.index(1))) and entry.undone))
    history.redo_wanted.emit(first.id)
    qtbot.waitUntil(lambda: verdict_of(scored, "coffee.jpg") is Zone.SUBJECT)


def test_a_labelled_folder_is_imported_and_exported_and_nothing_is_moved(
    qtbot: QtBot, scored: MainWindow, tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    given, out = tmp_path / "given", tmp_path / "out"
    for place, name in (("rocket", "rocket"), ("not_rocket", "coffee"), ("not_rocket/cats", "chelsea")):
        (given / place).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            Image.fromarray(pictures[name][number:]).save(given / place / f"{name} {number}.jpg")
    before = sorted(given.rglob("*"))
    scored.bins.dropped.emit(Zone.SUBJECT, [str(given)], "files", "")
    qtbot.waitUntil(
        lambda: scored.desk.entry.name == "Rocket" and sum(scored.teaching.counts().values()) == 6
    )
    (cats,) = scored.desk.entry.look_alikes
    assert cats.name == "cats" and scored.teaching.counts()[Zone.NOT_SUBJECT, cats.id] == 2
    qtbot.waitUntil(lambda: scored.teaching.state.labels == 6, timeout=30_000)
    with qtbot.waitSignal(scored.parts.exchange.exported) as exported:
        scored.parts.exchange.give_out(out, False)
    assert exported.args == ["6 photos copied. Your photos are where they were."]
    assert sorted(given.rglob("*")) == before
    assert {path.parent.name for path in out.rglob("*.jpg")} == {"Rocket", "not_Rocket", "cats"}


def test_the_meter_says_how_good_it_is_and_what_would_help(qtbot: QtBot, scored: MainWindow) -> None:
    meter = scored.parts.meter
    assert meter.headline() == "No labels yet"
    label(qtbot, scored, "j", *CATS)
    label(qtbot, scored, "n", "rocket.jpg", "coffee.jpg", "astronaut.jpg")
    qtbot.waitUntil(lambda: meter.headline() != "No labels yet")
    assert meter.advice()
    label(qtbot, scored, "u", *CATS, "rocket.jpg", "coffee.jpg", "astronaut.jpg")
    qtbot.waitUntil(lambda: meter.headline() == "No labels yet")


def test_a_photo_that_a_folder_labels_both_ways_is_asked_about_first(
    qtbot: QtBot, scored: MainWindow, tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    given = tmp_path / "given"
    for place, name in (
        ("rocket", "rocket"),
        ("rocket", "coffee"),
        ("not_rocket", "coffee"),
        ("not_rocket", "retina"),
    ):
        (given / place).mkdir(parents=True, exist_ok=True)
        pixels = pictures.get(name, pictures["chelsea"])
        Image.fromarray(pixels).save(given / place / f"{name}.jpg")
    scored.parts.subject_menu.import_wanted.emit(str(given))
    qtbot.waitUntil(lambda: scored.desk.entry.name == "Rocket" and counts(scored) == (1, 1))
    qtbot.waitUntil(lambda: "labelled both ways" in scored.notice.words())
    wait_until_learned(qtbot, scored)
    scored.parts.queue_action.trigger()
    qtbot.waitUntil(lambda: scored.queue.file() is not None)
    asked = scored.queue.file()
    assert asked is not None and asked.path.startswith(str(given)) and asked.path.endswith("coffee.jpg")


def test_another_version_scores_all_photos_anew_and_the_old_one_is_a_click_away(
    qtbot: QtBot, start: Start, folder: Path, subject_file: Path
) -> None:
    window = start(folder, subject=None)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    john = probability_of(window, "chelsea.jpg")
    cat = Subject.load(subject_file)
    version = window.desk.subjects.add_version("john", cat, method="quick", adopt=False)
    wait_until_learned(qtbot, window)
    assert probability_of(window, "chelsea.jpg") == john
    window.desk.adopt("john", version.number)
    wait_until_learned(qtbot, window)
    wait_until_scored(qtbot, window)
    assert probability_of(window, "chelsea.jpg") > 0.65 > john
    window.desk.adopt("john", 0)
    wait_until_learned(qtbot, window)
    assert probability_of(window, "chelsea.jpg") == john


def test_a_subject_given_as_a_file_is_taken_in_with_its_labels(
    qtbot: QtBot, start: Start, folder: Path, subject_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "cat.safetensors"
    dataclasses.replace(Subject.load(subject_file), name="Cat").save(file)
    window = start(folder, subject=file)
    wait_until_scored(qtbot, window)
    label(qtbot, window, "n", "rocket.jpg")
    assert window.desk.is_kept and window.desk.entry.name == "Cat"
    window.close()
    again = start(folder, subject=file)
    assert [entry.name for entry in again.desk.all()] == ["John", "Cat"]
    wait_until_scored(qtbot, again)
    qtbot.waitUntil(lambda: verdict_of(again, "rocket.jpg") is Zone.NOT_SUBJECT)


def test_a_damaged_version_is_named_and_the_window_opens_all_the_same(
    qtbot: QtBot, start: Start, folder: Path, subject_file: Path
) -> None:
    subjects = Subjects()
    entry = subjects.create("Cat")
    version = subjects.add_version(entry.id, Subject.load(subject_file), method="quick", adopt=True)
    version.path.write_bytes(version.path.read_bytes()[:-9])
    Settings().set("subject", entry.id)
    window = start(folder, subject=None)
    assert window.desk.entry.id == entry.id
    qtbot.waitUntil(lambda: "from its labels alone" in window.notice.words())
    wait_until_scored(qtbot, window)
    assert {probability_of(window, name) for name in shown_names(window)} == {0.5}


def test_of_copies_labelled_before_they_were_read_the_last_label_holds(
    qtbot: QtBot, scored: MainWindow, folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.jpg"
    shutil.copy(folder / "rocket.jpg", copy)
    facts = copy.stat()
    rocket = scored.model.file_at(row_of(scored, "rocket.jpg"))
    scored.teaching.label([PhotoFile(str(copy), facts.st_size, facts.st_mtime_ns)], Zone.SUBJECT, "files")
    scored.teaching.label([rocket], Zone.NOT_SUBJECT, "key")
    qtbot.waitUntil(lambda: not scored.teaching._unhashed and bool(scored.teaching._said))
    wait_until_learned(qtbot, scored)
    assert verdict_of(scored, "rocket.jpg") is Zone.NOT_SUBJECT
    assert counts(scored) == (0, 1)


def test_photos_that_are_scored_while_something_is_learned_get_the_new_scores(
    qtbot: QtBot, scored: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching, go = scored.teaching, threading.Event()
    file = scored.model.file_at(row_of(scored, "rocket mirrored.png"))
    (late,) = [
        Scored(
            (path,),
            knowledge.judge(vectors[row : row + 1], FaceTable.none(1)),
            ("",),
            (digest,),
            vectors[row : row + 1],
            FaceTable.none(1),
            knowledge,
        )
        for knowledge in [scored.session.knowledge]
        for block in teaching.features.blocks()
        for vectors in [block.vectors]
        for row, (path, digest) in enumerate(zip(block.paths, block.digests, strict=True))
        if path == file.path and vectors is not None
    ]
    teaching.features.forget([file.path])
    real = Learner.learn

    def learn(*arguments: Any) -> Any:
        go.wait(20)
        yield from real(*arguments)

    monkeypatch.setattr(Learner, "learn", learn)
    go_to(scored, "rocket.jpg")
    press(qtbot, scored, "j")
    qtbot.waitUntil(lambda: teaching._learning is not None)
    teaching._photos_scored([late])
    go.set()
    wait_until_learned(qtbot, scored)
    expected = scored.session.subject.head.score(late.vectors)[0]
    assert expected > late.probabilities[0] + 0.01
    assert probability_of(scored, "rocket mirrored.png") == pytest.approx(expected)
