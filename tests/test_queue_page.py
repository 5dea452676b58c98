from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import shiboken6
from PIL import Image
from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QAction, QColor, QKeyEvent, QKeySequence, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import queue_page, theme
from lennonnet_gui.answer_buttons import AnswerButton
from lennonnet_gui.pages import StepButton
from lennonnet_gui.pictures import Wish
from lennonnet_gui.queue_page import QueuePage
from training import photos
from training.photos import Photo, PhotoFile
from training.zones import Zone

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform has no windows to size

NOISE = np.random.default_rng(7).integers(0, 256, (600, 900, 3), np.uint8)
YES, NO = Zone.SUBJECT, Zone.NOT_SUBJECT
Asked = list[tuple[PhotoFile, float | None, str]]


def file_of(path: Path) -> PhotoFile:
    facts = path.stat()
    return PhotoFile(str(path), facts.st_size, facts.st_mtime_ns)


def save(path: Path, pixels: npt.NDArray[np.uint8]) -> PhotoFile:
    Image.fromarray(pixels).save(path, compress_level=0)
    return file_of(path)


def asked(files: Iterable[PhotoFile], probability: float | None = 0.52, reason: str = "") -> Asked:
    return [(file, probability, reason) for file in files]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[PhotoFile]:
    """Twelve photos, p00.png to p11.png."""
    folder = tmp_path_factory.mktemp("album")
    return [save(folder / f"p{i:02}.png", NOISE[i:]) for i in range(12)]


class Owner:
    """What the page told, in order."""

    def __init__(self, page: QueuePage) -> None:
        self.answers: list[tuple[str, Zone | None, str]] = []
        self.told: list[str] = []
        page.answered.connect(self.answered)
        page.undo_wanted.connect(self.undo)
        page.wants_more.connect(self.more)
        page.ask_anyway.connect(self.anyway)
        page.closed.connect(self.closed)

    def answered(self, file: PhotoFile, verdict: Zone | None, group: str) -> None:
        self.answers.append((name_of(file), verdict, group))

    def undo(self) -> None:
        self.told.append("undo")

    def more(self) -> None:
        self.told.append("more")

    def anyway(self) -> None:
        self.told.append("anyway")

    def closed(self) -> None:
        self.told.append("closed")


@pytest.fixture
def page(qtbot: QtBot) -> QueuePage:
    made = QueuePage()
    made.set_subject("john")
    qtbot.addWidget(made)
    made.resize(700, 560)
    return made


@pytest.fixture
def owner(page: QueuePage) -> Owner:
    return Owner(page)


def put_up(qtbot: QtBot, page: QueuePage, questions: Asked | None) -> None:
    """Start, and wait until the first photo is there; None: nothing is known to ask yet."""
    if questions is not None:
        page.set_questions(questions)
    page.start()
    page.show()
    page.activateWindow()
    qtbot.waitUntil(lambda: (QApplication.activeWindow() is page and page.hasFocus()) or within(page))
    if questions:
        qtbot.waitUntil(lambda: page._seen)


def within(page: QWidget) -> bool:
    focused = QApplication.focusWidget()
    return focused is not None and page.isAncestorOf(focused)


def name_of(file: PhotoFile | None) -> str:
    return "" if file is None else Path(file.path).stem


def press(qtbot: QtBot, page: QueuePage, *keys: Qt.Key) -> None:
    """Press each key as soon as the photo is there to be seen."""
    for key in keys:
        if page.file() is not None:
            qtbot.waitUntil(lambda: page._seen)
        QTest.keyClick(QApplication.focusWidget() or page, key)


def button(page: QueuePage, words: str) -> QPushButton:
    shown = [each for each in page.findChildren(QPushButton) if each.isVisible()]
    return next(each for each in shown if words in (each.accessibleName(), each.text()))


# ------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        (Qt.Key.Key_J, YES),
        (Qt.Key.Key_P, YES),
        (Qt.Key.Key_N, NO),
        (Qt.Key.Key_X, NO),
        (Qt.Key.Key_Space, None),
        (Qt.Key.Key_S, None),
        (Qt.Key.Key_Right, None),
    ],
    ids=str,
)
def test_one_key_answers_and_goes_on(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], key: Qt.Key, verdict: Zone | None
) -> None:
    put_up(qtbot, page, asked(files))
    assert page._question.text() == "Is it John?"
    press(qtbot, page, key)
    assert owner.answers == [("p00", verdict, "")]
    assert name_of(page.file()) == "p01"


@pytest.mark.parametrize("words", ["John", "not John", "Skip"])
def test_one_click_answers_and_leaves_the_keys_to_the_photo(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], words: str
) -> None:
    put_up(qtbot, page, asked(files))
    qtbot.mouseClick(button(page, words), Qt.MouseButton.LeftButton)
    press(qtbot, page, Qt.Key.Key_N)
    verdict = {"John": YES, "not John": NO, "Skip": None}[words]
    assert owner.answers == [("p00", verdict, ""), ("p01", NO, "")]


def test_the_counter_counts(qtbot: QtBot, page: QueuePage, files: list[PhotoFile]) -> None:
    put_up(qtbot, page, asked(files))
    assert page.counter() == "None answered yet  ·  12 left now"
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_N, Qt.Key.Key_S, Qt.Key.Key_N)
    assert page.counter() == "3 answered: 1 John, 2 not John  ·  8 left now"
    assert page._said.text() == "p03.png: not John"
    assert page._answered.text() in page.counter() and page._left.text() in page.counter()


def test_a_look_alike_is_answered_by_its_key_and_by_its_button(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    page.set_look_alikes([(f"id{i}", f"George & {i}") for i in range(11)])
    put_up(qtbot, page, asked(files))
    press(qtbot, page, Qt.Key.Key_2)
    assert page._said.text() == "p00.png: not John, but George & 1"
    qtbot.waitUntil(lambda: page._seen)
    qtbot.mouseClick(button(page, "George & 0"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page._seen)
    qtbot.mouseClick(button(page, "George & 10"), Qt.MouseButton.LeftButton)  # has no key
    press(qtbot, page, Qt.Key.Key_9)
    assert owner.answers == [
        ("p00", NO, "id1"),
        ("p01", NO, "id0"),
        ("p02", NO, "id10"),
        ("p03", NO, "id8"),
    ]
    page.set_look_alikes([("paul", "Paul")])
    press(qtbot, page, Qt.Key.Key_2)
    assert len(owner.answers) == 4
    press(qtbot, page, Qt.Key.Key_1)
    assert owner.answers[-1] == ("p04", NO, "paul")
    assert [action.isVisible() for action in page.look_alike_actions] == [True] + 8 * [False]


def test_digits_count_with_shift_and_on_the_keypad(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    page.set_look_alikes([("george", "George")])
    put_up(qtbot, page, asked(files))
    for modifier in (Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier):
        qtbot.waitUntil(lambda: page._seen)
        QTest.keyClick(page._canvas, Qt.Key.Key_1, modifier)
    assert [group for _, _, group in owner.answers] == ["george", "george"]


def test_a_key_that_is_held_down_answers_once(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files))
    for _ in range(3):
        qtbot.waitUntil(lambda: page._seen)
        event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_J, Qt.KeyboardModifier.NoModifier, "j", True)
        QApplication.sendEvent(page._canvas, event)
    assert owner.answers == []


def test_the_next_photo_stands_at_once(qtbot: QtBot, page: QueuePage, files: list[PhotoFile]) -> None:
    put_up(qtbot, page, asked(files))
    box = page._canvas.box()

    def ahead() -> bool:
        known = [page._pictures.get(file) for file in files[1:4]]
        return all(
            picture and picture.fulfils(Wish(file, box))
            for picture, file in zip(known, files[1:4], strict=True)
        )

    qtbot.waitUntil(ahead)
    for expected in ("p01", "p02", "p03"):
        QTest.keyClick(page._canvas, Qt.Key.Key_J)
        assert name_of(page.file()) == expected
        assert page._canvas.can_zoom()
        assert not page._canvas.lacks_pixels()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """No photo is decoded before this is set."""
    go, load = threading.Event(), photos.load

    def slow(path: str, *, short_side: int) -> Photo:
        assert go.wait(10)
        return load(path, short_side=short_side)

    monkeypatch.setattr(photos, "load", slow)
    yield go
    go.set()


def test_what_was_not_seen_is_not_answered_but_can_be_skipped(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], held: threading.Event
) -> None:
    page.set_questions(asked(files))
    page.start()
    page.show()
    QTest.keyClick(page, Qt.Key.Key_J)
    assert owner.answers == []
    QTest.keyClick(page, Qt.Key.Key_S)
    assert owner.answers == [("p00", None, "")]
    held.set()
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.answers[1:] == [("p01", YES, "")]


def test_a_thumbnail_stands_in_and_can_be_answered(
    qtbot: QtBot, files: list[PhotoFile], held: threading.Event
) -> None:
    def red(_: PhotoFile) -> QPixmap:
        made = QPixmap(300, 200)
        made.fill(QColor("red"))
        return made

    page = QueuePage(red)
    qtbot.addWidget(page)
    page.set_questions(asked(files))
    page.start()
    page.show()
    with qtbot.waitSignal(page.answered):
        QTest.keyClick(page, Qt.Key.Key_J)
    held.set()
    qtbot.waitUntil(lambda: page._canvas.can_zoom())


# --------------------------------------------------------------------------------------------- taking back


@pytest.mark.parametrize("way", ["U", "Ctrl+Z", "Backspace", "link"])
def test_undo_asks_the_owner_and_the_photo_comes_back(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], way: str
) -> None:
    put_up(qtbot, page, asked(files))
    assert not page.undo_action.isEnabled() and page._undo_link.isHidden()
    press(qtbot, page, Qt.Key.Key_N, Qt.Key.Key_J)
    if way == "link":
        qtbot.mouseClick(button(page, "Undo"), Qt.MouseButton.LeftButton)
    else:
        combination = QKeySequence(way)[0]  # type: ignore[index]
        QTest.keyClick(page._canvas, combination.key(), combination.keyboardModifiers())
    assert owner.told == ["undo"]
    assert name_of(page.file()) == "p02"  # as long as it is not undone
    page.take_back(files[1].path)
    assert name_of(page.file()) == "p01"
    assert page.counter() == "1 answered: 0 John, 1 not John  ·  11 left now"
    assert page._said.text() == "Taken back: p01.png"
    assert page._undo_link.text() == "Undo the one before"
    press(qtbot, page, Qt.Key.Key_J)
    assert name_of(page.file()) == "p02"


def test_a_skip_is_taken_back_without_the_owner(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files))
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_S, Qt.Key.Key_U)
    assert name_of(page.file()) == "p01"
    assert owner.told == []
    press(qtbot, page, Qt.Key.Key_U)
    assert owner.told == ["undo"]
    page.set_questions(asked(files))
    press(qtbot, page, Qt.Key.Key_S)
    assert name_of(page.file()) == "p02"


def test_undo_pressed_twice_is_two_answers_and_never_more_than_there_are(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files))
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_N, Qt.Key.Key_U, Qt.Key.Key_U, Qt.Key.Key_U)
    assert owner.told == ["undo", "undo"]
    page.take_back(files[1].path)
    page.take_back(files[0].path)
    assert page.counter() == "None answered yet  ·  12 left now"
    for expected in ("p00", "p01", "p02"):
        assert name_of(page.file()) == expected
        press(qtbot, page, Qt.Key.Key_J)


def test_an_answer_that_could_not_be_kept_is_given_back_at_once(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile]
) -> None:
    page.answered.connect(lambda file, verdict, group: page.take_back(file.path))
    put_up(qtbot, page, asked(files))
    press(qtbot, page, Qt.Key.Key_J)
    assert name_of(page.file()) == "p00"
    assert page.counter() == "None answered yet  ·  12 left now"


def test_what_was_never_asked_is_not_taken_back(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files))
    page.take_back(files[5].path)
    assert name_of(page.file()) == "p00"


# --------------------------------------------------------------------------------------------- questions


def test_new_questions_replace_those_not_asked_and_leave_the_photo_on_show(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files[:4]))
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_S)
    new = [files[i] for i in (9, 0, 1, 2, 9, 3)]  # also answered, skipped, on show, twice
    page.set_questions(asked(new))
    assert name_of(page.file()) == "p02"
    assert page._left.text() == "3 left now"
    press(qtbot, page, Qt.Key.Key_J)
    assert name_of(page.file()) == "p09"
    press(qtbot, page, Qt.Key.Key_J)
    assert name_of(page.file()) == "p03"


def test_more_is_wanted_once_when_few_are_left(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files[:7]))
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.told == []
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_J)
    assert owner.told == ["more"]
    page.set_questions(asked(files[3:7]))
    assert owner.told == ["more"]
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.told == ["more", "more"]


def test_without_questions_it_asks_for_them_and_says_so(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    page._patience.setInterval(10)
    put_up(qtbot, page, None)
    assert owner.told == ["more"]
    qtbot.waitUntil(lambda: "Looking" in page._message.message().title and page._message.isVisible())
    page.set_questions(asked(files))
    assert not page._message.isVisible()
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.answers == [("p00", YES, "")]


def test_an_empty_list_that_knew_nothing_of_the_last_answer_is_not_the_end(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files[:2]))
    press(qtbot, page, Qt.Key.Key_J)  # wants more
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.told == ["more"]
    page.set_questions([])  # for the first answer
    assert owner.told == ["more", "more"]
    assert "Nothing left" not in page._message.message().title
    page.set_questions([])
    assert "Nothing left" in page._message.message().title


def test_nothing_left(qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]) -> None:
    put_up(qtbot, page, [])
    message = page._message.message()
    assert message.title == "Nothing left that would teach much"
    assert "answered" not in message.text
    assert page._message.isVisible()
    assert owner.told == []
    press(qtbot, page, Qt.Key.Key_Space, Qt.Key.Key_J)  # meant for a photo
    assert owner.told == []
    assert owner.answers == []
    qtbot.mouseClick(button(page, "Ask about all others anyway"), Qt.MouseButton.LeftButton)
    assert owner.told == ["anyway"]
    page.set_questions(asked(files[:1]))
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.told == ["anyway", "more"]
    page.set_questions([])
    message = page._message.message()
    assert "1 answered: 1 John, 0 not John." in message.text
    assert [each.text() for each in page._message.findChildren(StepButton) if each.isVisible()] == [
        "Back to the photos"
    ]
    qtbot.mouseClick(button(page, "Back to the photos"), Qt.MouseButton.LeftButton)
    assert owner.told[-1] == "closed"


def test_the_last_answer_can_be_taken_back_when_nothing_is_left(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files[:1]))
    press(qtbot, page, Qt.Key.Key_J)
    page.set_questions([])
    press(qtbot, page, Qt.Key.Key_U)
    assert owner.told[-1] == "undo"
    page.take_back(files[0].path)
    assert not page._message.isVisible()
    press(qtbot, page, Qt.Key.Key_N)
    assert owner.answers[-1] == ("p00", NO, "")


def test_what_was_skipped_is_not_asked_again_before_all_are_asked_for(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files[:1]))
    press(qtbot, page, Qt.Key.Key_S)
    assert page.skipped() == {files[0].path}
    page.set_questions(asked(files[:1]))
    assert page.file() is None
    press(qtbot, page, Qt.Key.Key_Escape)
    page.set_questions(asked(files[:1]))
    page.start()
    assert page.file() is None
    qtbot.mouseClick(button(page, "Ask about all others anyway"), Qt.MouseButton.LeftButton)
    page.set_questions(asked(files[:1]))
    assert page.file() == files[0]
    press(qtbot, page, Qt.Key.Key_S)
    page.set_subject("mila")
    page.set_questions(asked(files[:1]))
    assert page.file() == files[0]


# ------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Q], ids=str)
def test_leaves_and_begins_anew(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], key: Qt.Key
) -> None:
    put_up(qtbot, page, asked(files))
    press(qtbot, page, Qt.Key.Key_J, key)
    assert owner.told == ["closed"]
    assert not page.is_open() and page.file() is None
    press(qtbot, page, Qt.Key.Key_J, key, Qt.Key.Key_U)
    assert owner.told == ["closed"] and len(owner.answers) == 1
    page.set_questions(asked(files[1:]))
    page.start()
    assert page.counter() == "None answered yet  ·  11 left now"
    assert page._said.text() == ""


def test_its_keys_go_before_those_of_the_window(qtbot: QtBot, files: list[PhotoFile]) -> None:
    window, page = QMainWindow(), QueuePage()
    window.setCentralWidget(page)
    qtbot.addWidget(window)
    stolen: list[str] = []
    for key in ("J", "Ctrl+Z", "Space", "Esc"):
        action = QAction(key, window)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _=False, key=key: stolen.append(key))
        window.addAction(action)
    owner = Owner(page)
    page.set_questions(asked(files))
    page.start()
    window.show()
    window.activateWindow()
    qtbot.waitUntil(lambda: page._canvas.hasFocus() and QApplication.activeWindow() is window)
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_Space)
    QTest.keyClick(page._canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(page._canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(qtbot, page, Qt.Key.Key_Escape)
    assert stolen == []
    assert owner.told == ["undo", "closed"]
    assert owner.answers == [("p00", YES, ""), ("p01", None, "")]


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter], ids=str)
def test_a_button_with_the_focus_is_pressed(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], key: Qt.Key
) -> None:
    put_up(qtbot, page, asked(files))
    button(page, "not John").setFocus(Qt.FocusReason.TabFocusReason)
    press(qtbot, page, key)
    assert owner.answers == [("p00", NO, "")]
    press(qtbot, page, Qt.Key.Key_J)
    assert owner.answers[-1] == ("p01", YES, "")


# ------------------------------------------------------------------------------------------ what can't be read


def test_an_unreadable_photo_is_left_out_and_said_so(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    put_up(qtbot, page, asked([file_of(broken), files[0]]))
    qtbot.waitUntil(lambda: page.file() == files[0])
    assert page._said.text().startswith("broken.png") and page._said.text().endswith(": left out")
    assert owner.answers == []
    assert not page.undo_action.isEnabled()
    assert page.skipped() == {str(broken)}
    page.set_questions(asked([file_of(broken)]))
    press(qtbot, page, Qt.Key.Key_J)
    page.set_questions(asked([file_of(broken)]))
    assert "1 photo can’t be read" in page._message.message().text


def test_when_photo_after_photo_fails_it_stops_and_tries_again_when_told(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_page, "_MANY", 4)
    load = photos.load

    def gone(path: str, *, short_side: int) -> Photo:
        raise photos.UnreadablePhoto(path, "is gone")

    monkeypatch.setattr(photos, "load", gone)
    put_up(qtbot, page, None)
    page.set_questions(asked(files))
    qtbot.waitUntil(lambda: "These photos" in page._message.message().title)
    assert page._left.text() == "8 left now"
    page._pictures._pool.waitForDone()  # or a failure from before comes after the new try
    QApplication.processEvents()
    monkeypatch.setattr(photos, "load", load)
    qtbot.mouseClick(button(page, "Try again"), Qt.MouseButton.LeftButton)
    assert name_of(page.file()) == "p00"
    press(qtbot, page, Qt.Key.Key_J, Qt.Key.Key_J, Qt.Key.Key_J, Qt.Key.Key_J, Qt.Key.Key_J)
    assert len(owner.answers) == 5
    assert page._left.text() == "7 left now"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_text(
    qtbot: QtBot, page: QueuePage, owner: Owner, files: list[PhotoFile], tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"z\xff <b>\n.png")
    shutil.copy(files[0].path, odd)
    page.set_subject("<b>\nm\ud800")
    page.set_look_alikes([("a", "x\n<i>")])
    put_up(qtbot, page, asked([file_of(odd), files[1]], reason="because\nof <b>"))
    page.grab()
    press(qtbot, page, Qt.Key.Key_J)
    page.grab()
    assert [file for file, _, _ in owner.answers] == [odd.stem]
    for words in (page._said, page._question, page._thought):
        assert "\n" not in words.text()


# ------------------------------------------------------------------------------------------ words and looks


def test_what_it_thinks_is_told_small_and_not_while_it_guesses(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked(files, 0.516, "It looks like nothing labelled so far"))
    assert page._thought.text() == (
        "So far it thinks 52\N{NARROW NO-BREAK SPACE}%  ·  It looks like nothing labelled so far"
    )
    page.set_guessing(True)
    assert "%" not in page._thought.text() and "guessing" in page._thought.text()
    page.set_guessing(False)
    assert "52" in page._thought.text()
    assert page._thought.text() in page._canvas.accessibleDescription()
    assert page._canvas.accessibleName() == "Is it John? p00.png"


def test_the_enough_meter_has_its_line(page: QueuePage) -> None:
    page.set_enough("20 more photos of others would help most")
    assert page._enough.text() == "20 more photos of others would help most"
    assert "help most" in page._enough.toolTip()


@pytest.mark.parametrize("width", [700, 1280])
def test_all_stays_inside_the_window(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile], width: int
) -> None:
    page.set_subject("a very long name " * 9)
    page.set_look_alikes([(str(i), f"look-alike {i} " * 4) for i in range(6)])
    page.set_enough("many words " * 30)
    page.resize(width, 700)
    put_up(qtbot, page, asked(files, reason="many words " * 30))
    press(qtbot, page, Qt.Key.Key_J)
    page.grab()
    assert page.width() == width
    buttons = [each for each in page.findChildren(AnswerButton) if each.isVisible()]
    assert len(buttons) == 9
    boxes: list[QRect] = []
    for each in [*buttons, page._undo_link, page._back, page._left]:
        box = each.rect().translated(each.mapTo(page, each.rect().topLeft()))
        assert page.rect().contains(box)
        assert not any(box.intersects(other) for other in boxes)
        boxes.append(box)
    assert page._canvas.height() > 300


def test_a_small_photo_is_enlarged_until_the_user_zooms(
    qtbot: QtBot, page: QueuePage, tmp_path: Path, files: list[PhotoFile]
) -> None:
    put_up(qtbot, page, asked([save(tmp_path / "small.png", NOISE[:150, :200]), files[0]]))
    ratio = page.devicePixelRatioF()
    qtbot.waitUntil(lambda: page._canvas.can_zoom())
    assert page._canvas.zoom() == 2 * ratio
    page.resize(700, 400)
    assert page._canvas.zoom() < 2 * ratio
    page.resize(700, 560)
    assert page._canvas.zoom() == 2 * ratio
    page._canvas.zoom_to(3 * ratio)
    page.resize(page.width() + 8, page.height())
    assert page._canvas.zoom() == 3 * ratio
    press(qtbot, page, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: page._canvas.can_zoom())
    assert page._canvas.is_fit()
    press(qtbot, page, Qt.Key.Key_Z)
    assert not page._canvas.is_fit()
    qtbot.waitUntil(lambda: not page._canvas.lacks_pixels())


def test_dark_and_light(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_up(qtbot, page, asked(files))
    press(qtbot, page, Qt.Key.Key_J)
    for dark, tokens in ((True, theme.DARK), (False, theme.LIGHT)):
        monkeypatch.setattr(theme, "is_dark", lambda dark=dark: dark)
        QApplication.sendEvent(page, QEvent(QEvent.Type.PaletteChange))
        image = page.grab().toImage()
        assert image.pixelColor(2, image.height() - 2) == QColor(tokens.panel)
        mark = page._mark.grab().toImage()
        assert mark.pixelColor(mark.width() // 2, 2) == QColor(tokens.zones[Zone.SUBJECT])


def test_every_button_tells_its_key(qtbot: QtBot, page: QueuePage, files: list[PhotoFile]) -> None:
    page.set_look_alikes([("george", "George")])
    put_up(qtbot, page, asked(files))
    keys = {each.accessibleName(): each.toolTip() for each in page.findChildren(AnswerButton)}
    assert list(keys) == ["John", "not John", "Skip", "George"]
    for words, key in zip(keys, ("J", "N", "Space", "1"), strict=True):
        assert f"{words} ({key})" in keys[words]


# ---------------------------------------------------------------------------------------------- its threads


def test_dies_while_its_workers_work(qtbot: QtBot, files: list[PhotoFile], held: threading.Event) -> None:
    page = QueuePage()
    page.set_questions(asked(files))
    page.start()
    page.show()
    qtbot.waitUntil(lambda: len(page._pictures._bench._busy) == 2)
    page._pictures.destroyed.connect(lambda: held.set())
    with qtbot.captureExceptions() as raised:
        shiboken6.delete(page)
        QApplication.processEvents()
    assert not raised
    # Deleted by Qt under a Python event(), it would keep Python's lock and wait for workers that wait for the lock.
    assert "event" not in vars(QueuePage)


def test_stop_drops_what_is_wanted_and_waits(
    qtbot: QtBot, page: QueuePage, files: list[PhotoFile], held: threading.Event
) -> None:
    page.set_questions(asked(files))
    page.start()
    page.show()
    bench = page._pictures._bench
    qtbot.waitUntil(lambda: len(bench._busy) == 2)
    held.set()
    assert page.stop()
    assert not bench._busy and not bench._wishes
