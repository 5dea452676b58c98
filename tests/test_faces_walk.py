"""Faces in the real window: looked for, shown, labelled, taken back, grouped, forgotten."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMenu, QMessageBox
from pytestqt.qtbot import QtBot

from lennonnet_gui.bins import Bins
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.photo_model import DecidedByRole, DecidingFaceRole, FaceCountRole, VerdictRole
from lennonnet_gui.settings import Settings
from tests import fake_faces
from tests.fake_faces import Faces
from tests.program import (
    Start,
    probability_of,
    row_of,
    shown_names,
    wait_until_learned,
    wait_until_scored,
)
from training.cache import FeatureCache
from training.face_head import Evidence
from training.faces import FACE, Look
from training.subject import Subject
from training.verdicts import FaceSaid, FaceVerdict, Ledger
from training.zones import Zone

LEFT = Qt.MouseButton.LeftButton
IS, NOT, NO_FACE = FaceVerdict.SUBJECT, FaceVerdict.NOT_SUBJECT, FaceVerdict.NO_FACE


def wait_until_looked(qtbot: QtBot, window: MainWindow) -> None:
    """Until all photos are scored, nobody looks for faces any more, and all was learned from."""
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    desk = window.faces.desk
    qtbot.waitUntil(
        lambda: (
            not (desk.state.running or desk._not_looked_at() or window.jobs.busy())
            or desk.look is None
            or not desk._is_wanted()
        )
    )
    wait_until_learned(qtbot, window)


@pytest.fixture
def looked(qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces) -> MainWindow:
    window = start(party, subject=knows_john)
    wait_until_looked(qtbot, window)
    return window


def of(window: MainWindow, name: str, role: int) -> Any:
    return window.model.index(row_of(window, name)).data(role)


def open_photo(qtbot: QtBot, window: MainWindow, name: str) -> None:
    window.grid.setCurrentIndex(window.model.index(row_of(window, name)))
    window.grid.setFocus()
    qtbot.keyClick(window.grid, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.viewer.isVisible() and not window.viewer._canvas.seen_rect().isEmpty())


def faces_shown(window: MainWindow) -> list[Any]:
    file = window.viewer.file()
    assert file is not None
    return list(window.faces.labels.faces_of(file))


def click_face(qtbot: QtBot, window: MainWindow, number: int) -> None:
    place = window.viewer._faces.place_of(number)
    assert not place.isEmpty()
    QTest.mouseClick(window.viewer._canvas, LEFT, Qt.KeyboardModifier.NoModifier, place.center().toPoint())


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key, name: str = "") -> None:
    """A key while a photo is open, or for a photo in the grid."""
    if name:
        window.grid.setCurrentIndex(window.model.index(row_of(window, name)))
        window.grid.setFocus()
        qtbot.keyClick(window.grid, key)
    else:
        qtbot.keyClick(window.viewer._canvas, key)


def counts(window: MainWindow, zone: Zone, group: str = "") -> tuple[int, int]:
    """Photos and faces in a bin."""
    return window.teaching.counts()[zone, group], window.teaching.face_counts()[zone, group]


def said_in(window: MainWindow, name: str) -> list[FaceVerdict]:
    digest = window.teaching.features.digest_of(window.model.file_at(row_of(window, name)).path)
    assert digest is not None
    return [said.verdict for _, said in window.teaching.faces_said(digest)]


# --- Looking


def test_faces_are_looked_for_after_scoring_and_decide(looked: MainWindow, fakes: Faces) -> None:
    assert fakes.names() == sorted(shown_names(looked)) and not fakes.names(Look.THOROUGH)
    found = {
        name: of(looked, f"{name}.png", FaceCountRole) for name in ("john", "all", "others", "nobody", "cat")
    }
    assert found == {"john": 1, "all": 3, "others": 2, "nobody": 0, "cat": 0}
    for name, by in (
        ("john", "face"),
        ("george", "face"),
        ("all", "face"),
        ("cat", "scene"),
        ("nobody", "scene"),
    ):
        assert of(looked, f"{name}.png", DecidedByRole) == by
    likely = {name for name in shown_names(looked) if probability_of(looked, name) > 0.9}
    assert likely == {"john.png", "john again.png", "all.png"}
    assert probability_of(looked, "cat.png") > 0.5 > probability_of(looked, "nobody.png")
    place = of(looked, "all.png", DecidingFaceRole)
    assert place == pytest.approx((96 / 512, 16 / 384, 160 / 512, 80 / 384))
    assert of(looked, "cat.png", DecidingFaceRole) is None
    assert looked.teaching.state.words == "Decided by faces."
    assert looked.parts._decided_by.text() == "Decided by faces."


def test_the_second_time_all_faces_are_known(
    qtbot: QtBot, looked: MainWindow, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    before = {name: probability_of(looked, name) for name in shown_names(looked)}
    looked.close()
    fakes.asked.clear()
    again = start(party, subject=knows_john)
    wait_until_looked(qtbot, again)
    assert not fakes.asked
    assert {name: probability_of(again, name) for name in shown_names(again)} == before
    assert of(again, "all.png", FaceCountRole) == 3


def test_where_the_scene_alone_tells_nobody_looks_for_faces(
    qtbot: QtBot, start: Start, party: Path, fakes: Faces
) -> None:
    window = start(party)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert not fakes.asked and not window.faces.desk.state.running
    assert of(window, "john.png", FaceCountRole) is None
    assert of(window, "john.png", DecidedByRole) in ("", "scene")


def test_faces_that_decide_nothing_are_not_looked_for(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces, tmp_path: Path
) -> None:
    subject, file = Subject.load(knows_john), tmp_path / "cat.safetensors"
    assert subject.faces is not None
    scene = dataclasses.replace(subject.faces, evidence=Evidence.SCENE)
    dataclasses.replace(subject, faces=scene).save(file)
    window = start(party, subject=file)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert not fakes.asked


def test_in_labelled_photos_of_a_new_subject_faces_are_looked_for_and_in_all_once_they_decide(
    qtbot: QtBot, start: Start, party: Path, fakes: Faces
) -> None:
    window = start(party)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    press(qtbot, window, Qt.Key.Key_N, "nobody.png")
    qtbot.waitUntil(lambda: fakes.names() == ["nobody.png"])
    wait_until_learned(qtbot, window)
    assert fakes.names() == ["nobody.png"]
    for name in ("john.png", "john again.png"):
        press(qtbot, window, Qt.Key.Key_J, name)
        qtbot.waitUntil(lambda name=name: of(window, name, VerdictRole) is Zone.SUBJECT)  # type: ignore[misc]
    qtbot.waitUntil(lambda: len(fakes.names()) == 8)
    wait_until_looked(qtbot, window)
    assert of(window, "all.png", DecidedByRole) == "face" and probability_of(window, "all.png") > 0.65


def test_without_looking_for_faces_the_scene_decides_and_with_it_they_do_again(
    qtbot: QtBot, looked: MainWindow, fakes: Faces
) -> None:
    off, quick = (
        next(one for one in looked.faces._look_actions if one.data() == key) for key in ("off", "quick")
    )
    off.trigger()
    qtbot.waitUntil(lambda: probability_of(looked, "john.png") < 0.5)
    assert of(looked, "john.png", FaceCountRole) is None and of(looked, "john.png", DecidingFaceRole) is None
    assert Settings().text("faces/look") == "off"
    open_photo(qtbot, looked, "all.png")
    assert faces_shown(looked) == []
    looked.viewer.close_page()
    fakes.asked.clear()
    quick.trigger()
    qtbot.waitUntil(lambda: probability_of(looked, "john.png") > 0.9)
    assert not fakes.asked and of(looked, "all.png", FaceCountRole) == 3


def test_switched_off_nobody_looks_the_next_time_either(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    Settings().set("faces/look", "off")
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert not fakes.asked and probability_of(window, "john.png") < 0.5


def test_a_thorough_look_is_taken_where_it_is_not_clear(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    fakes.hidden = {"john.png"}
    window = start(party, subject=knows_john)
    wait_until_looked(qtbot, window)
    assert probability_of(window, "john.png") < 0.5 and not fakes.names(Look.THOROUGH)
    next(one for one in window.faces._look_actions if one.data() == "thorough").trigger()
    wait_until_looked(qtbot, window)
    qtbot.waitUntil(lambda: probability_of(window, "john.png") > 0.9)
    qtbot.waitUntil(lambda: not window.faces.desk.state.running)
    assert "john.png" in fakes.names(Look.THOROUGH)
    assert not {"john again.png", "all.png"} & set(fakes.names(Look.THOROUGH))  # they are clear
    assert of(window, "john.png", FaceCountRole) == 1


def test_what_is_on_screen_is_looked_at_first(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    fakes.gate.clear()
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: window.faces.desk.state.running)
    open_photo(qtbot, window, "others.png")
    fakes.gate.set()
    wait_until_looked(qtbot, window)
    assert "others.png" in [name for name, _ in fakes.asked][:2]  # one was waiting at the gate


def test_the_status_line_says_how_far_it_has_come(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    fakes.gate.clear()
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    words = window.status_line._text
    qtbot.waitUntil(lambda: "looking for faces: 0 of 8" in words.text())
    fakes.gate.set()
    wait_until_looked(qtbot, window)
    assert words.text() == "8 photos"


def test_where_faces_cannot_be_looked_for_a_sentence_says_so_and_scores_stand(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    fakes.trouble = "The file with the network for faces is damaged. Please install Lennonnet again."
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: fakes.trouble in window.status_line._text.text())
    wait_until_learned(qtbot, window)
    assert fakes.trouble in window.status_line._text.text()
    assert all(not math.isnan(probability_of(window, name)) for name in shown_names(window))
    assert probability_of(window, "cat.png") > 0.65
    press(qtbot, window, Qt.Key.Key_J, "john.png")
    qtbot.waitUntil(lambda: of(window, "john.png", VerdictRole) is Zone.SUBJECT)
    wait_until_learned(qtbot, window)
    window.faces.people_action.trigger()
    qtbot.waitUntil(lambda: not window.faces.people.is_busy())
    said = [label.text() for label in window.faces.page._message.findChildren(QLabel) if label.isVisible()]
    assert fakes.trouble in said
    window.faces.page.close_page()


def test_another_folder_while_looking(
    qtbot: QtBot,
    start: Start,
    party: Path,
    knows_john: Path,
    fakes: Faces,
    tmp_path: Path,
    pictures: dict[str, np.ndarray],
) -> None:
    other = tmp_path / "other"
    fake_faces.write(other, [("new john", pictures["astronaut"], ("john",))])
    fakes.gate.clear()
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: window.faces.desk.state.running)
    window.open_folder(str(other))
    fakes.gate.set()
    qtbot.waitUntil(lambda: shown_names(window) == ["new john.png"])
    wait_until_looked(qtbot, window)
    assert probability_of(window, "new john.png") > 0.9
    window.open_folder(str(party))
    qtbot.waitUntil(lambda: len(shown_names(window)) == 8)
    wait_until_looked(qtbot, window)
    assert probability_of(window, "all.png") > 0.9
    assert sorted(set(fakes.names())) == sorted([*shown_names(window), "new john.png"])


def test_a_photo_that_goes_and_one_that_changes_while_they_are_looked_at(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces, pictures: dict[str, np.ndarray]
) -> None:
    fakes.gate.clear()
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: window.faces.desk.state.running)
    (party / "george.png").unlink()
    fake_faces.compose(
        pictures["retina"] if "retina" in pictures else pictures["coffee"], "george", variant=9
    ).save(party / "john.png")
    os.utime(party / "john.png", ns=(1, 10**18))
    fakes.gate.set()
    wait_until_looked(qtbot, window)
    window.reload_action.trigger()
    qtbot.waitUntil(lambda: "george.png" not in shown_names(window))
    wait_until_looked(qtbot, window)
    qtbot.waitUntil(lambda: of(window, "john.png", FaceCountRole) == 1)
    assert probability_of(window, "john.png") < 0.1
    assert probability_of(window, "all.png") > 0.9
    assert not window.faces.desk.state.trouble


# --- Saying


def test_a_face_is_labelled_by_click_and_key_and_undo_takes_both_back(
    qtbot: QtBot, looked: MainWindow, start: Start, party: Path, knows_john: Path
) -> None:
    open_photo(qtbot, looked, "others.png")
    ringo = faces_shown(looked)[0]
    assert ringo.zone is Zone.NOT_SUBJECT and ringo.said is None
    click_face(qtbot, looked, 0)
    press(qtbot, looked, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: faces_shown(looked)[0].said == FaceSaid(IS))
    wait_until_learned(qtbot, looked)
    assert of(looked, "others.png", VerdictRole) is Zone.SUBJECT
    assert counts(looked, Zone.SUBJECT) == (1, 1)
    assert faces_shown(looked)[0].deciding and faces_shown(looked)[1].said is None
    looked.parts.open_history()
    history = looked.parts.history._model
    qtbot.waitUntil(lambda: history.rowCount() == 1)
    assert history.index(0).data() == "1 photo and a face: John"
    looked.parts.history.close()
    looked.close()

    again = start(party, subject=knows_john)
    wait_until_looked(qtbot, again)
    assert said_in(again, "others.png") == [IS] and counts(again, Zone.SUBJECT) == (1, 1)
    assert of(again, "others.png", VerdictRole) is Zone.SUBJECT
    qtbot.keyClick(again.grid, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: counts(again, Zone.SUBJECT) == (0, 0))
    wait_until_learned(qtbot, again)
    assert said_in(again, "others.png") == [] and of(again, "others.png", VerdictRole) is None
    with Ledger() as ledger:
        assert not ledger.faces_said(again.teaching.subject_id) and not ledger.photos(
            again.teaching.subject_id
        )


def test_what_is_no_face_decides_nothing(qtbot: QtBot, looked: MainWindow) -> None:
    assert probability_of(looked, "all.png") > 0.9
    open_photo(qtbot, looked, "all.png")
    (john,) = [face.number for face in faces_shown(looked) if face.probability > 0.5]
    click_face(qtbot, looked, john)
    press(qtbot, looked, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: said_in(looked, "all.png") == [NO_FACE])
    wait_until_learned(qtbot, looked)
    assert of(looked, "all.png", VerdictRole) is None
    assert probability_of(looked, "all.png") < 0.1
    qtbot.keyClick(looked.viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: said_in(looked, "all.png") == [])
    qtbot.waitUntil(lambda: probability_of(looked, "all.png") > 0.9)


def test_a_single_face_of_somebody_else_labels_its_photo_and_one_among_others_does_not(
    qtbot: QtBot, looked: MainWindow
) -> None:
    for name, verdict in (("george.png", Zone.NOT_SUBJECT), ("others.png", None)):
        open_photo(qtbot, looked, name)
        click_face(qtbot, looked, 0)
        press(qtbot, looked, Qt.Key.Key_N)
        qtbot.waitUntil(lambda name=name: said_in(looked, name) == [NOT])  # type: ignore[misc]
        wait_until_learned(qtbot, looked)
        assert of(looked, name, VerdictRole) is verdict
        looked.viewer.close_page()
    assert counts(looked, Zone.NOT_SUBJECT) == (1, 2)


def test_labels_that_cannot_both_be_true_are_told_and_asked_about(qtbot: QtBot, looked: MainWindow) -> None:
    open_photo(qtbot, looked, "all.png")
    (john,) = [face.number for face in faces_shown(looked) if face.probability > 0.5]
    click_face(qtbot, looked, john)
    press(qtbot, looked, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: said_in(looked, "all.png") == [IS])
    wait_until_learned(qtbot, looked)
    assert not looked.notice.words()
    looked.viewer.close_page()
    press(qtbot, looked, Qt.Key.Key_N, "all.png")
    qtbot.waitUntil(lambda: bool(looked.notice.words()))
    words = "This photo is labelled as not John, but a face in it as John."
    assert looked.notice.words() == f"all.png: {words} “Ask me…” shows what to choose from."
    wait_until_learned(qtbot, looked)
    looked.parts.queue_action.trigger()
    qtbot.waitUntil(lambda: looked.queue.file() is not None)
    asked = looked.queue.file()
    assert asked is not None and asked.path.endswith("all.png")
    qtbot.waitUntil(lambda: looked.queue._seen)
    qtbot.keyClick(QApplication.focusWidget() or looked.queue, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: of(looked, "all.png", VerdictRole) is Zone.SUBJECT)
    wait_until_learned(qtbot, looked)
    assert not looked.teaching._contradictions


# --- People


def open_people(qtbot: QtBot, window: MainWindow) -> None:
    window.faces.people_action.trigger()
    page = window.faces.page
    qtbot.waitUntil(lambda: page.is_grouped() and not window.faces.people.is_busy())
    assert window._content.currentWidget() is page and page.isVisible()


def group_of(window: MainWindow, *names: str) -> list[int]:
    """The faces of the group that has just those photos in it."""
    page = window.faces.page
    for group in page.groups():
        if {Path(page.faces()[at].file.path).stem for at in group.faces} == set(names):
            return list(group.faces)
    raise AssertionError([[Path(page.faces()[at].file.path).stem for at in g.faces] for g in page.groups()])


def test_people_from_the_menu_are_labelled_group_by_group(qtbot: QtBot, looked: MainWindow) -> None:
    open_people(qtbot, looked)
    page = looked.faces.page
    assert not looked.histogram.isVisible() and not looked.bar.isVisible()
    george = group_of(looked, "george", "george again", "all", "others")
    page._view.choose(george)
    qtbot.keyClick(page._view, Qt.Key.Key_N)
    qtbot.waitUntil(
        lambda: counts(looked, Zone.NOT_SUBJECT) == (2, 4)
    )  # two of the photos have others in them
    wait_until_learned(qtbot, looked)
    assert of(looked, "others.png", VerdictRole) is None
    assert page.is_grouped() and page.faces()[george[0]].said == FaceSaid(NOT)
    qtbot.keyClick(page._view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: counts(looked, Zone.NOT_SUBJECT) == (0, 0))
    qtbot.waitUntil(lambda: page.faces()[george[0]].said is None)
    qtbot.keyClick(page._view, Qt.Key.Key_Escape)
    assert looked._content.currentWidget() is looked.grid and looked.histogram.isVisible()


def test_from_a_face_to_its_photo_and_back_to_the_people(qtbot: QtBot, looked: MainWindow) -> None:
    open_people(qtbot, looked)
    page = looked.faces.page
    (at,) = [at for at, face in enumerate(page.faces()) if face.file.path.endswith("george.png")]
    page.open_wanted.emit(page.faces()[at].file, 0)
    qtbot.waitUntil(looked.viewer.isVisible)
    qtbot.waitUntil(lambda: looked.viewer._faces.selected() is not None)  # the very face that was opened
    qtbot.keyClick(looked.viewer._canvas, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: counts(looked, Zone.NOT_SUBJECT) == (1, 1))
    qtbot.keyClick(looked.viewer._canvas, Qt.Key.Key_Escape)
    assert looked.viewer.isVisible() and looked.viewer._faces.selected() is None
    qtbot.keyClick(looked.viewer._canvas, Qt.Key.Key_Escape)
    assert page.isVisible() and page.isAncestorOf(looked.focusWidget())
    assert not looked.labels.subject_action.isEnabled()  # its keys are the page's
    page._view.choose([at])
    qtbot.keyClick(looked.focusWidget(), Qt.Key.Key_J)
    qtbot.waitUntil(lambda: counts(looked, Zone.SUBJECT) == (1, 1))
    looked.faces.people_action.trigger()
    assert looked.grid.isVisible() and not page.is_open()
    open_photo(qtbot, looked, "all.png")
    looked.faces.people_action.trigger()
    assert page.isVisible() and not looked.viewer.isVisible()
    page.close_page()


def test_a_photo_that_the_filter_leaves_out_is_not_opened_but_a_sentence_says_why(
    qtbot: QtBot, looked: MainWindow
) -> None:
    file = looked.model.file_at(row_of(looked, "george.png"))
    looked.bar.set_filter(frozenset(), "john")
    looked._filter_changed(frozenset(), "john")
    open_people(qtbot, looked)
    looked.faces.page.open_wanted.emit(file, 0)
    assert looked.notice.words() == "george.png is left out by what is chosen above the photos."
    looked.faces.page.close_page()


def test_faces_that_got_other_numbers_meanwhile_are_still_the_ones_that_are_labelled(
    qtbot: QtBot, looked: MainWindow
) -> None:
    open_people(qtbot, looked)
    page, features = looked.faces.page, looked.teaching.features
    digest = features.digest_of(looked.model.file_at(row_of(looked, "all.png")).path)
    assert digest is not None
    features.faces[digest] = features.faces[digest][[1, 2, 0]]  # as a closer look may
    page._view.choose(group_of(looked, "john", "john again", "all"))
    qtbot.keyClick(page._view, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: counts(looked, Zone.SUBJECT) == (3, 3))
    ((box, said),) = looked.teaching.faces_said(digest)
    assert said == FaceSaid(IS) and box == pytest.approx((96 / 512, 16 / 384, 160 / 512, 80 / 384))
    page.close_page()


def test_a_group_becomes_a_look_alike_by_name(qtbot: QtBot, looked: MainWindow) -> None:
    open_people(qtbot, looked)
    page = looked.faces.page
    page._view.choose(group_of(looked, "george", "george again", "all", "others"))
    qtbot.keyClick(page._view, Qt.Key.Key_L)
    dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]
    (field,) = [field for one in dialogs for field in one.findChildren(QLineEdit)]
    QTest.keyClicks(field, "George")
    QTest.keyClick(field, Qt.Key.Key_Return)
    (george,) = looked.desk.entry.look_alikes
    qtbot.waitUntil(lambda: counts(looked, Zone.NOT_SUBJECT, george.id) == (2, 4))
    wait_until_learned(qtbot, looked)
    bins: Bins = looked.bins
    spoken = bins.bin_of(Zone.NOT_SUBJECT, george.id).accessibleName()
    assert spoken == "George, not John: 2 photos and 4 faces labelled by you"
    assert looked.session.knowledge.faces is not None
    assert looked.session.knowledge.faces.groups == (george.id,)
    page.close_page()


def test_people_of_a_subject_without_a_face_are_looked_for_while_they_are_wanted(
    qtbot: QtBot, start: Start, party: Path, fakes: Faces
) -> None:
    window = start(party)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert not fakes.asked
    open_people(qtbot, window)
    assert len(fakes.names()) == 8
    before = probability_of(window, "john.png")
    window.faces.page._view.choose(group_of(window, "john", "john again", "all"))
    qtbot.keyClick(window.faces.page._view, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: counts(window, Zone.SUBJECT) == (3, 3))
    wait_until_learned(qtbot, window)
    assert window.session.knowledge.faces is not None and probability_of(window, "john.png") > before
    window.faces.page.close_page()


def test_the_page_of_people_closes_with_the_folder(qtbot: QtBot, looked: MainWindow, tmp_path: Path) -> None:
    open_people(qtbot, looked)
    (tmp_path / "empty").mkdir()
    looked.open_folder(str(tmp_path / "empty"))
    assert not looked.faces.page.is_open()
    qtbot.waitUntil(lambda: looked._content.currentWidget() is looked.message)
    assert not looked.faces.page.faces()


def test_faces_switched_off_are_switched_on_from_the_page(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    Settings().set("faces/look", "off")
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    window.faces.people_action.trigger()
    page = window.faces.page
    assert page._middle.currentWidget() is page._message and not fakes.asked
    page.faces_wanted.emit()
    qtbot.waitUntil(page.is_grouped)
    assert len(fakes.names()) == 8 and Settings().text("faces/look") == "quick"
    page.close_page()


# --- John or George?


def test_the_border_from_the_menu_of_a_bin_and_back(
    qtbot: QtBot,
    start: Start,
    party: Path,
    knows_john: Path,
    fakes: Faces,
    pictures: dict[str, np.ndarray],
) -> None:
    for number, name in enumerate(("one of them", "one of them or ringo")):
        people = ("either",) if not number else ("either", "ringo")
        fake_faces.compose(pictures["astronaut"][::-1], *people, variant=3 + number).save(
            party / f"{name}.png"
        )
    window = start(party, subject=knows_john)
    wait_until_looked(qtbot, window)
    window.desk.add_look_alike("George")
    (george,) = window.desk.entry.look_alikes

    def want_border() -> None:
        window.bins.bin_of(Zone.NOT_SUBJECT, george.id)._open_menu()  # type: ignore[attr-defined]
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        (action,) = [one for one in menu.actions() if one.text() == "John or George?"]
        action.trigger()
        menu.close()
        qtbot.waitUntil(lambda: not window.jobs.busy())

    want_border()
    assert window.notice.words().startswith("There is no border yet") and not window.only.isVisible()
    window.notice.hide()
    open_people(qtbot, window)
    page = window.faces.page
    page._view.choose(group_of(window, "george", "george again", "all", "others"))
    page.said.emit(page.chosen(), NOT, george.id)
    qtbot.waitUntil(lambda: counts(window, Zone.NOT_SUBJECT, george.id)[1] == 4)
    wait_until_learned(qtbot, window)
    want_border()
    assert not page.is_open() and window._content.currentWidget() is window.grid
    assert set(shown_names(window)) == {"one of them.png", "one of them or ringo.png"}
    assert window.only.isVisible()
    assert window.only.words() == "John or George? 2 photos between the two, the least clear first"
    window.only.all_wanted.emit()
    assert len(shown_names(window)) == 10 and not window.only.isVisible()


# --- Forgetting


def test_all_faces_are_forgotten_and_labels_stay(
    qtbot: QtBot, looked: MainWindow, party: Path, fakes: Faces, home: Path
) -> None:
    open_photo(qtbot, looked, "all.png")
    click_face(qtbot, looked, 1)
    press(qtbot, looked, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: said_in(looked, "all.png") == [IS])
    looked.viewer.close_page()
    wait_until_learned(qtbot, looked)
    kept = [row["descriptor"].tobytes() for row in fake_faces.found_in(party / "all.png")]
    assert all(any(one in part for part in contents(home)) for one in kept)
    fakes.asked.clear()
    box = looked.faces.ask_to_forget()
    assert isinstance(box, QMessageBox)
    next(one for one in box.buttons() if "Forget" in one.text()).click()
    qtbot.waitUntil(lambda: "were forgotten" in looked.notice.words())
    assert looked.notice.words().startswith("The faces in 8 photos were forgotten.")
    wait_until_learned(qtbot, looked)
    assert not any(one in part for one in kept for part in contents(home))
    assert looked.faces.desk.look is None and not looked.teaching.features.faces
    assert of(looked, "all.png", FaceCountRole) is None and probability_of(looked, "john.png") < 0.5
    assert of(looked, "all.png", VerdictRole) is Zone.SUBJECT and said_in(looked, "all.png") == [IS]
    assert counts(looked, Zone.SUBJECT) == (1, 1) and not fakes.asked


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_what_was_being_looked_at_is_forgotten_too(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces, home: Path
) -> None:
    window = start(party, subject=knows_john)
    fakes.gate.clear()
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: window.faces.desk.state.running)
    waiting: list[str] = []

    def forget_now(file: Any) -> None:
        waiting.append(file.path)
        if len(waiting) == 4:
            fakes.gate.clear()

    fakes.before = forget_now
    fakes.gate.set()
    qtbot.waitUntil(lambda: len(waiting) == 4)  # four were opened, and wait to be stored
    window.faces.forget()
    fakes.gate.set()
    qtbot.waitUntil(lambda: "were forgotten" in window.notice.words())
    wait_until_learned(qtbot, window)
    kept = [row["descriptor"].tobytes() for path in waiting for row in fake_faces.found_in(path)]
    assert kept and not any(one in part for one in kept for part in contents(home))
    with FeatureCache() as cache:
        digests = [digest for block in window.teaching.features.blocks() for digest in block.digests]
        assert not cache.faces(digests, [fakes.extractor_id(look) for look in Look])


# --- With the real networks


def test_a_real_face_is_found_and_labelled_by_the_real_networks(
    qtbot: QtBot, start: Start, tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    whole = pictures["astronaut"]
    for name, pixels in (
        ("her", whole),
        ("mirrored", whole[:, ::-1]),
        ("darker", (whole * 0.7).astype(np.uint8)),
        ("cropped", whole[:300, 80:380]),
        ("cup", pictures["coffee"]),
    ):
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.jpg", quality=92)
    window = start(folder)
    wait_until_scored(qtbot, window)
    open_people(qtbot, window)
    page = window.faces.page
    hers = group_of(window, "her", "mirrored", "darker", "cropped")
    assert len(hers) == 4
    page._view.choose(hers[:3])
    qtbot.keyClick(page._view, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: counts(window, Zone.SUBJECT) == (3, 3))
    wait_until_learned(qtbot, window)
    page.close_page()
    (last,) = {f"{Path(page.faces()[at].file.path).name}" for at in hers[3:]}
    assert of(window, last, VerdictRole) is None
    assert of(window, last, DecidedByRole) == "face" and probability_of(window, last) > 0.65
    left, top, right, bottom = of(window, last, DecidingFaceRole)
    assert 0 < left < right < 1 and 0 < top < bottom < 0.8
    with FeatureCache() as cache:
        digest = window.teaching.features.digest_of(str(folder / last))
        from training import scoring

        blobs = cache.faces([digest] if digest is not None else [], scoring.looks())
        assert [len(blob) for blob in blobs.values()] == [FACE.itemsize]


def test_a_face_is_explained_by_those_that_it_was_compared_with(qtbot: QtBot, looked: MainWindow) -> None:
    looked.desk.add_look_alike("George")
    john, george = (looked.model.file_at(row_of(looked, f"{name}.png")) for name in ("john", "george"))
    looked.teaching.label_faces([(john, 0)], FaceVerdict.SUBJECT, "face")
    looked.teaching.label_faces([(george, 0)], FaceVerdict.NOT_SUBJECT, "face", "george")
    wait_until_learned(qtbot, looked)
    again = looked.model.file_at(row_of(looked, "john again.png"))
    why = looked.faces.labels.explain(again, 0)
    assert why is not None
    assert "100 % John: compared with these 3 photos of John; closest look-alike George, " in (
        why.words.replace("\u202f", " ")
    )
    assert john in [file for file, _, _ in why.closest]
    named = [(file, caption.split(":")[0]) for file, _, caption in why.other if file is not None]
    assert named == [(george, "George")] or not named  # the three nearest may all be the starter's
    assert all("alike" in caption for _, _, caption in (*why.closest, *why.other))


def test_what_single_faces_taught_is_in_the_subject_that_is_saved(qtbot: QtBot, looked: MainWindow) -> None:
    trained = looked.session.known_subject()
    assert trained.faces is not None
    everybody = looked.model.file_at(row_of(looked, "all.png"))
    looked.teaching.label_faces([(everybody, 1)], FaceVerdict.NOT_SUBJECT, "face")
    wait_until_learned(qtbot, looked)
    saved = looked.session.known_subject()
    assert saved.faces is not None and saved.faces is looked.session.knowledge.faces
    assert len(saved.faces.persons) > len(trained.faces.persons) and saved.figures is None


def test_where_no_face_is_one_none_decides(qtbot: QtBot, looked: MainWindow) -> None:
    john = looked.model.file_at(row_of(looked, "john.png"))
    assert [face.deciding for face in looked.faces.labels.faces_of(john)] == [True]
    looked.teaching.label_faces([(john, 0)], FaceVerdict.NO_FACE, "face")
    wait_until_learned(qtbot, looked)
    assert [face.deciding for face in looked.faces.labels.faces_of(john)] == [False]
