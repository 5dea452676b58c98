from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QListView
from pytestqt.qtbot import QtBot

from lennonnet_gui import theme
from lennonnet_gui.history_panel import HistoryPanel, ago, button_rect, gesture_words
from lennonnet_gui.pages import MessagePage
from training.verdicts import Entry, FaceVerdict, Verdict
from training.zones import Zone

YES, NO = Verdict.SUBJECT, Verdict.NOT_SUBJECT
NOON = datetime(2026, 3, 12, 12, 0).timestamp()
MINUTE, HOUR = 60.0, 3600.0
LEFT = Qt.MouseButton.LeftButton


def entry(
    number: int,
    verdict: Verdict | None = NO,
    count: int = 12,
    *,
    back: float = 0.0,
    undone: bool = False,
    source: str = "drag",
    group: str = "",
) -> Entry:
    """A gesture that was made `back` seconds ago."""
    return Entry(number, time.time() - back, "john", verdict, count, source, undone, group)


class Told:
    """What the panel asked for."""

    def __init__(self, panel: HistoryPanel) -> None:
        self.all: list[tuple[str, int]] = []
        panel.undo_wanted.connect(self.undo)
        panel.redo_wanted.connect(self.redo)

    def undo(self, number: int) -> None:
        self.all.append(("undo", number))

    def redo(self, number: int) -> None:
        self.all.append(("redo", number))


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[HistoryPanel]:
    made = HistoryPanel()
    qtbot.addWidget(made)
    made.set_subject("john")
    made.resize(made.sizeHint())
    made.show()
    qtbot.waitExposed(made)
    yield made


@pytest.fixture
def told(panel: HistoryPanel) -> Told:
    return Told(panel)


def view(panel: HistoryPanel) -> QListView:
    return panel.findChildren(QListView)[0]


def lines(panel: HistoryPanel) -> list[str]:
    """What a screen reader says of each row."""
    model, role = view(panel).model(), Qt.ItemDataRole.AccessibleTextRole
    return [model.index(row, 0).data(role) for row in range(model.rowCount())]


def button(panel: HistoryPanel, row: int) -> QPoint:
    shown = view(panel)
    return button_rect(shown.visualRect(shown.model().index(row, 0))).center()


def row_image(panel: HistoryPanel, row: int) -> QImage:
    shown = view(panel)
    return shown.viewport().grab(shown.visualRect(shown.model().index(row, 0))).toImage()


# ------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    "seconds, words",
    [
        (-7200, "just now"),  # the clock was turned back
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (119, "1 minute ago"),
        (120, "2 minutes ago"),
        (59 * MINUTE + 59, "59 minutes ago"),
        (HOUR, "1 hour ago"),
        (12 * HOUR, "12 hours ago"),
        (13 * HOUR, "yesterday, 23:00"),
        (36 * HOUR, "yesterday, 00:00"),
        (37 * HOUR, "10 March, 23:00"),
        (365 * 24 * HOUR, "12 March 2025, 12:00"),
    ],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert ago(NOON - seconds, NOON) == words


def test_a_quarter_of_an_hour_ago_is_not_yesterday_at_midnight() -> None:
    midnight = datetime(2026, 3, 12, 0, 5).timestamp()
    assert ago(midnight - 15 * MINUTE, midnight) == "15 minutes ago"


@pytest.mark.parametrize(
    "photos, faces, verdict, face_verdict, group, words",
    [
        (0, 13, None, FaceVerdict.NOT_SUBJECT, "g", "13 faces: George"),
        (0, 13, None, FaceVerdict.NOT_SUBJECT, "gone", "13 faces: not John"),
        (0, 1, None, FaceVerdict.NO_FACE, "", "a face: not a face"),
        (0, 2, None, FaceVerdict.NO_FACE, "", "2 faces: not faces"),
        (3, 3, YES, FaceVerdict.SUBJECT, "", "3 photos and 3 faces: John"),
        (1, 1, NO, FaceVerdict.NOT_SUBJECT, "", "1 photo and a face: not John"),
        (0, 2, None, None, "", "2 faces unlabelled"),
    ],
)
def test_faces_in_words(
    photos: int,
    faces: int,
    verdict: Verdict | None,
    face_verdict: FaceVerdict | None,
    group: str,
    words: str,
) -> None:
    made = replace(entry(1, verdict, photos, group=group), faces=faces, face_verdict=face_verdict)
    assert gesture_words(made, "john", {"g": "George"}) == words


def test_a_gesture_of_faces_has_its_mark_and_can_be_taken_back(
    qtbot: QtBot, panel: HistoryPanel, told: Told
) -> None:
    said = replace(entry(7, None, 0, source="people"), faces=2, face_verdict=FaceVerdict.SUBJECT)
    panel.set_entries([said], {})
    QTest.mouseMove(view(panel).viewport(), QPoint(1, view(panel).height() - 1))
    marked = row_image(panel, 0)
    panel.set_entries([replace(said, face_verdict=None)], {})
    assert row_image(panel, 0) != marked
    panel.set_entries([replace(said, undone=True)], {})
    assert lines(panel) == [
        "2 faces: John, undone, just now, among the people of a folder. Press Enter to bring it back."
    ]
    qtbot.mouseClick(view(panel).viewport(), LEFT, pos=button(panel, 0))
    assert told.all == [("redo", 7)]


@pytest.mark.parametrize(
    "made, words",
    [
        (entry(1, YES, 1), "1 photo to John"),
        (entry(1, NO, 12), "12 photos to not John"),
        (entry(1, None, 1204), "1,204 photos unlabelled"),
        (entry(1, NO, 3, group="g7"), "3 photos to George <b>\N{REPLACEMENT CHARACTER}"),
        (entry(1, NO, 3, group="gone"), "3 photos to not John"),
    ],
)
def test_what_a_gesture_did(made: Entry, words: str) -> None:
    assert gesture_words(made, "john", {"g7": "George <b>\n"}) == words


# ------------------------------------------------------------------------------------------------ what is shown


def test_without_labels_it_says_so(panel: HistoryPanel) -> None:
    (page,) = panel.findChildren(MessagePage)
    assert page.isVisible() and not view(panel).isVisible()
    panel.set_entries([entry(1)])
    assert view(panel).isVisible() and not page.isVisible()
    panel.set_entries([])
    assert page.isVisible() and not view(panel).isVisible()


def test_gestures_are_shown_and_spoken_in_order(panel: HistoryPanel) -> None:
    panel.set_entries(
        [
            entry(9, YES, 1, source="key"),
            entry(7, NO, 12, back=2 * MINUTE + 1),
            entry(4, NO, 3, back=2 * HOUR + 1, undone=True, group="g7", source="something new"),
        ],
        {"g7": "George"},
    )
    assert lines(panel)[0] == "1 photo to John, just now, by key. Press Enter to take it back."
    assert lines(panel)[1] == "12 photos to not John, 2 minutes ago, by drag. Press Enter to take it back."
    assert lines(panel)[2].startswith("3 photos to George, undone, ")
    assert lines(panel)[2].endswith(", something new. Press Enter to bring it back.")
    panel.set_subject("mila")
    assert lines(panel)[0].startswith("1 photo to Mila")
    assert "Mila" in panel.windowTitle()


def test_what_is_undone_looks_undone_and_jumps_nowhere(panel: HistoryPanel) -> None:
    done = entry(2, YES)
    panel.set_entries([entry(3), done])
    before, place = row_image(panel, 1), button(panel, 1)
    panel.set_entries([entry(3), replace(done, undone=True)])
    after = row_image(panel, 1)
    assert button(panel, 1) == place

    def coloured(drawn: QImage) -> int:
        blue = theme.zone_colour(Zone.SUBJECT)
        return sum(drawn.pixelColor(x, y) == blue for x in range(40) for y in range(drawn.height()))

    def longest_line(drawn: QImage) -> int:
        """The most pixels in a row that are not of the background: a strike through words is one line."""
        ground, longest = drawn.pixelColor(200, 8), 0
        for y in range(4, drawn.height() // 2):
            marks = "".join(" x"[drawn.pixelColor(x, y) != ground] for x in range(45, 180))
            longest = max([longest, *map(len, marks.split())])
        return longest

    assert coloured(before) > 100 and coloured(after) == 0
    assert longest_line(before) < 20 < 60 < longest_line(after)


def test_times_grow_old(panel: HistoryPanel, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    panel.set_entries([entry(1)])
    later = time.time() + 5 * MINUTE
    monkeypatch.setattr(time, "time", lambda: later)
    with qtbot.waitSignal(view(panel).model().dataChanged):
        panel._tick.timeout.emit()
    assert "5 minutes ago" in lines(panel)[0]
    assert panel._tick.isActive()
    panel.hide()
    assert not panel._tick.isActive()
    with qtbot.waitSignal(view(panel).model().dataChanged):
        panel.show()
    assert panel._tick.isActive()


def test_the_scheme_is_followed(panel: HistoryPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    panel.set_entries([entry(1), entry(2, undone=True)])
    light = panel.grab().toImage()
    monkeypatch.setattr(theme, "tokens", lambda: theme.DARK)
    assert panel.grab().toImage() != light


# ------------------------------------------------------------------------------------------------ acting on it


def test_a_rows_button_undoes_and_redoes(panel: HistoryPanel, told: Told) -> None:
    panel.set_entries([entry(9), entry(7), entry(4, undone=True)])
    for row in (1, 2):
        QTest.mouseClick(view(panel).viewport(), LEFT, pos=button(panel, row))
    assert told.all == [("undo", 7), ("redo", 4)]


def test_a_click_beside_the_button_does_nothing(panel: HistoryPanel, told: Told) -> None:
    panel.set_entries([entry(9), entry(7)])
    viewport = view(panel).viewport()
    beside = button(panel, 1) - QPoint(120, 0)
    QTest.mouseClick(viewport, LEFT, pos=beside)
    QTest.mouseDClick(viewport, LEFT, pos=beside)
    QTest.mouseClick(viewport, Qt.MouseButton.RightButton, pos=button(panel, 1))
    QTest.mousePress(viewport, LEFT, pos=button(panel, 1))  # let go elsewhere: thought better of it
    QTest.mouseRelease(viewport, LEFT, pos=button(panel, 0))
    QTest.mousePress(viewport, LEFT, pos=beside)
    QTest.mouseRelease(viewport, LEFT, pos=button(panel, 1))
    assert told.all == []


def test_a_gesture_that_comes_while_the_mouse_is_down_is_not_undone(panel: HistoryPanel, told: Told) -> None:
    panel.set_entries([entry(7), entry(4)])
    viewport, where = view(panel).viewport(), button(panel, 0)
    QTest.mousePress(viewport, LEFT, pos=where)
    panel.set_entries([entry(9), entry(7), entry(4)])
    QTest.mouseRelease(viewport, LEFT, pos=where)
    assert told.all == []


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_by_keyboard(panel: HistoryPanel, told: Told, key: Qt.Key) -> None:
    panel.activateWindow()
    panel.set_entries([entry(9), entry(7, undone=True)])
    shown = view(panel)
    shown.setFocus()
    QTest.keyClick(shown, key)
    QTest.keyClick(shown, Qt.Key.Key_Down)
    QTest.keyClick(shown, key)
    assert told.all == [("undo", 9), ("redo", 7)]
    assert panel.isVisible()
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    assert not panel.isVisible()


def test_close_closes(panel: HistoryPanel) -> None:
    (buttons,) = panel.findChildren(QDialogButtonBox)
    QTest.mouseClick(buttons.buttons()[0], LEFT)
    assert not panel.isVisible()
    assert not panel.isModal()


# ------------------------------------------------------------------------------------------------ many


def test_older_ones_are_asked_for_at_the_end_and_once(panel: HistoryPanel, qtbot: QtBot) -> None:
    asked: list[None] = []
    panel.more_wanted.connect(lambda: asked.append(None))
    entries = [entry(number) for number in range(100, 0, -1)]
    panel.set_entries(entries[:50], more=True)
    qtbot.waitUntil(lambda: view(panel).verticalScrollBar().maximum() > 0)
    assert asked == []
    view(panel).scrollToBottom()
    qtbot.waitUntil(lambda: len(asked) == 1)
    view(panel).scrollToTop()
    view(panel).scrollToBottom()
    panel.set_entries(entries, more=False)
    view(panel).scrollToBottom()
    QTest.qWait(0)
    assert len(asked) == 1
    assert len(lines(panel)) == 100


def test_what_is_selected_and_in_sight_stays(panel: HistoryPanel, qtbot: QtBot) -> None:
    entries = [entry(number) for number in range(100, 0, -1)]
    panel.set_entries(entries)
    shown = view(panel)
    shown.setCurrentIndex(shown.model().index(60, 0))
    shown.scrollTo(shown.model().index(50, 0), QListView.ScrollHint.PositionAtTop)
    held = "photos to not John"

    def top() -> int:
        return shown.indexAt(QPoint(5, 5)).row()

    assert top() == 50
    panel.set_entries([entry(102), entry(101), *entries])
    assert top() == 52 and shown.currentIndex().row() == 62
    assert held in lines(panel)[62]
    shown.scrollToTop()
    panel.set_entries([entry(103), entry(102), entry(101), *entries])
    assert top() == 0  # who looks at the newest sees the newest
    assert shown.currentIndex().row() == 63
    panel.hide()
    panel.set_entries([entry(104), *entries])
    assert shown.currentIndex().row() == 0  # nobody knows any more what was selected


def test_many_are_quick(panel: HistoryPanel) -> None:
    entries = [entry(number, back=5000.0 - number) for number in range(5000, 0, -1)]
    panel.set_entries(entries)
    panel.grab()
    started = time.perf_counter()
    panel.set_entries([entry(5001), *entries])
    panel.grab()
    assert time.perf_counter() - started < 0.5  # with widgets for rows it takes seconds
