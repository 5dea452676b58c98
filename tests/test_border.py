"""“John or George?”: which photos are between the two, and in what order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from lennonnet_gui.main_window import MainWindow
from tests import fake_faces
from tests.fake_faces import Faces
from tests.program import Start, shown_names, wait_until_learned, wait_until_scored
from training.verdicts import FaceVerdict
from training.zones import Zone


@pytest.fixture
def window(
    qtbot: QtBot,
    start: Start,
    party: Path,
    knows_john: Path,
    fakes: Faces,
    pictures: dict[str, np.ndarray],
) -> MainWindow:
    """With two photos of somebody who may be John or George; George is a look-alike, four faces of his labelled."""
    for number, people in enumerate((("either",), ("ringo", "either"))):
        made = fake_faces.compose(pictures["astronaut"][::-1], *people, variant=3 + number)
        made.save(party / f"either {number}.png")
    window = start(party, subject=knows_john)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: len(fakes.asked) == 10 and not window.jobs.busy())
    wait_until_learned(qtbot, window)
    window.desk.add_look_alike("George")
    return window


def label_george(qtbot: QtBot, window: MainWindow) -> str:
    (george,) = window.desk.entry.look_alikes
    faces = [(face.file, face.number) for face in window.faces.labels.people()[0]]
    places = {"george.png": [0], "george again.png": [0], "all.png": [2], "others.png": [1]}
    his = [(file, number) for file, number in faces if number in places.get(Path(file.path).name, [])]
    window.teaching.label_faces(his, FaceVerdict.NOT_SUBJECT, "people", george.id)
    qtbot.waitUntil(lambda: window.teaching.face_counts()[Zone.NOT_SUBJECT, george.id] == 4)
    wait_until_learned(qtbot, window)
    return george.id


def show(qtbot: QtBot, window: MainWindow, group: str) -> None:
    window.faces.border.show(group)
    qtbot.waitUntil(lambda: not window.jobs.busy() and window.faces.border._seeking is None)


def test_the_least_clear_comes_first_whatever_the_order_was(qtbot: QtBot, window: MainWindow) -> None:
    george = label_george(qtbot, window)
    faces = window.session.knowledge.faces
    assert faces is not None
    away = {}
    for face, row in zip(*window.faces.labels.people(), strict=True):
        john, other = faces.by_group(np.asarray(row)[None])[0][:2].tolist()
        if Path(face.file.path).name.startswith("either") and john + other >= 0.5:
            away[Path(face.file.path).name] = abs(np.log(john) - np.log(other))
    assert set(away) == {"either 0.png", "either 1.png"}
    show(qtbot, window, george)
    assert shown_names(window) == sorted(away, key=away.__getitem__)
    assert window.only.words().startswith("John or George? 2 photos between the two")


def test_the_filter_holds_on_the_border_and_all_photos_come_back(qtbot: QtBot, window: MainWindow) -> None:
    george = label_george(qtbot, window)
    show(qtbot, window, george)
    window._filter_changed(frozenset(), "1")
    assert shown_names(window) == ["either 1.png"]
    window._filter_changed(frozenset(), "")
    window.faces.border.leave()
    assert len(shown_names(window)) == 10 and not window.only.words()
    assert shown_names(window)[0] == "all.png"


def test_who_was_told_leaves_the_border_and_with_the_last_one_it_is_left(
    qtbot: QtBot, window: MainWindow
) -> None:
    george = label_george(qtbot, window)
    show(qtbot, window, george)
    assert len(shown_names(window)) == 2
    faces = [(face.file, face.number) for face in window.faces.labels.people()[0]]
    places = {"either 0.png": 0, "either 1.png": 1}
    either = [(file, number) for file, number in faces if places.get(Path(file.path).name) == number]
    assert len(either) == 2
    window.teaching.label_faces(either, FaceVerdict.NOT_SUBJECT, "people", george)
    qtbot.waitUntil(lambda: not window.only.words())
    assert len(shown_names(window)) == 10
    assert window.notice.words() == "No photo here is on the border between John and George any more."


def test_where_nobody_is_between_a_sentence_says_so(qtbot: QtBot, window: MainWindow, party: Path) -> None:
    george = label_george(qtbot, window)
    for path in party.glob("either*"):
        path.unlink()
    window.reload_action.trigger()
    qtbot.waitUntil(lambda: len(shown_names(window)) == 8)
    wait_until_learned(qtbot, window)
    show(qtbot, window, george)
    assert window.notice.words() == "No photo here is on the border between John and George."
    assert len(shown_names(window)) == 8 and not window.only.words()


def test_without_faces_there_is_no_border(qtbot: QtBot, window: MainWindow) -> None:
    george = label_george(qtbot, window)
    next(one for one in window.faces._look_actions if one.data() == "off").trigger()
    wait_until_learned(qtbot, window)
    show(qtbot, window, george)
    assert window.notice.words() == "Faces are not looked for: you have switched that off."


def test_the_border_is_left_with_the_look_alike_and_with_the_folder(
    qtbot: QtBot, window: MainWindow, folder: Path
) -> None:
    george = label_george(qtbot, window)
    show(qtbot, window, george)
    window.desk.remove_look_alike(george)
    assert len(shown_names(window)) == 10 and not window.only.words()
    window.desk.add_look_alike("Georg")
    other = label_george(qtbot, window)
    show(qtbot, window, other)
    assert len(shown_names(window)) == 2
    window.open_folder(str(folder))
    assert not window.only.words()
    qtbot.waitUntil(lambda: len(shown_names(window)) == 8)
    wait_until_scored(qtbot, window)
