from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel, QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import theme
from lennonnet_gui.enough_meter import EnoughMeter, lines_of
from training import enough
from training.enough import Enough
from training.evaluate import GroupFigure

JOHN = GroupFigure("John", True, 34, 31, 2)
GEORGE = GroupFigure("George", False, 12, 10, 3)
OTHERS = GroupFigure("others", False, 74, 73, 0)
MEASURED = Enough(
    figures=(JOHN, GEORGE, OTHERS),
    counts=(("John", 34), ("George", 12), ("others", 74)),
    share=0.94,
    range=(0.88, 0.97),
    trend=((30, 0.84), (60, 0.9), (120, 0.94)),
    advice="20 more photos of George would help most.",
    still_guessing=False,
)
GUESSING = Enough((), (("John", 1),), None, (0.0, 1.0), (), "Label 3 more of others.", True)
ONE_SIDE = Enough((JOHN,), (("John", 34),), None, (0.0, 1.0), (), "Label 1 more of others.", False)
STATES = (None, GUESSING, ONE_SIDE, MEASURED)
BLANK = "\N{NARROW NO-BREAK SPACE}%"


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[QWidget]:
    made = QWidget()
    qtbot.addWidget(made)
    QVBoxLayout(made).addStretch(1)
    made.resize(240, 400)
    made.show()
    qtbot.waitExposed(made)
    yield made
    for dialog in made.findChildren(QDialog):
        dialog.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def meter(window: QWidget) -> EnoughMeter:
    made = EnoughMeter(window)
    made.set_subject("john")
    made.setFixedWidth(208)
    made.show()
    return made


def table(meter: EnoughMeter) -> QDialog | None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return next(iter(meter.window().findChildren(QDialog)), None)


def image(widget: QWidget) -> QImage:
    return widget.grab().toImage()


# ------------------------------------------------------------------------------------------------ what it says


def test_before_any_label(meter: EnoughMeter) -> None:
    assert (meter.headline(), meter.second_line(), meter.range_words()) == ("No labels yet", "", "")
    assert "photos of John" in meter.advice()
    meter.set_subject("mila")
    assert "photos of Mila" in meter.advice()
    assert meter.accessibleName().startswith("How well it does: No labels yet. Drag photos of Mila")
    meter.set_faces(13)
    assert meter.headline() == "Not measured yet"
    assert meter.advice() == "13 faces labelled. Label whole photos too: with them it is measured."
    meter.set_faces(0)
    assert meter.headline() == "No labels yet"


def test_while_it_is_still_guessing(meter: EnoughMeter) -> None:
    meter.set_enough(GUESSING)
    assert (meter.headline(), meter.second_line(), meter.range_words()) == ("Still guessing", "", "")
    assert meter.advice() == "Label 3 more of others."
    meter.set_enough(replace(MEASURED, still_guessing=True))  # whatever was measured is not to be trusted
    assert (meter.headline(), meter.range_words()) == ("Still guessing", "")


def test_with_one_side_only(meter: EnoughMeter) -> None:
    meter.set_enough(ONE_SIDE)
    assert (meter.headline(), meter.second_line(), meter.range_words()) == ("Not measured yet", "", "")


def test_what_was_measured(meter: EnoughMeter) -> None:
    meter.set_enough(MEASURED)
    assert meter.headline() == f"94{BLANK}"
    assert meter.range_words() == f"88–97{BLANK}"
    assert meter.second_line() == "right on 120 photos left out"
    assert meter.advice() == "20 more photos of George would help most."
    assert meter.accessibleName() == (
        f"How well it does: Right on 94{BLANK} (88–97{BLANK}) of 120 photos left out while learning. "
        "20 more photos of George would help most."
    )
    described = meter.accessibleDescription().split("\n")
    assert described[0].startswith(f"John: 31 of 34 photos right, 91{BLANK} (")
    assert described[-1] == f"By number of labels: 84{BLANK} with 30, 90{BLANK} with 60, 94{BLANK} with 120"
    assert "George: 10 of 12 photos right" in meter.toolTip()


def test_a_range_stays_within_nothing_and_all(meter: EnoughMeter) -> None:
    meter.set_enough(replace(MEASURED, range=(-0.02, 1.03)))
    assert meter.range_words() == f"0–100{BLANK}"


def test_what_is_really_measured_is_shown(meter: EnoughMeter) -> None:
    random = np.random.default_rng(0)
    is_subject = np.arange(60) < 25
    vectors = random.normal(size=(60, 32)).astype(np.float16)
    vectors[is_subject, 0] += 4
    names = ["john" if yes else "" for yes in is_subject]
    meter.set_enough(enough.assess(None, vectors, is_subject, names, (32,)))
    assert meter.headline().endswith(BLANK)
    assert meter.second_line() == "right on 60 photos left out"
    meter.show_table()
    assert table(meter) is not None


def test_names_are_no_markup(meter: EnoughMeter) -> None:
    odd = replace(GEORGE, group="<b>\n\u202eodd")
    meter.set_enough(replace(MEASURED, figures=(JOHN, odd), advice="More of <b>\n\u202eodd."))
    assert "<b>" not in meter.toolTip() and "&lt;b&gt;" in meter.toolTip()
    assert "\u202e" not in meter.toolTip() + meter.advice() + meter.accessibleName()
    meter.show_table()
    shown = table(meter)
    assert shown is not None
    for label in shown.findChildren(QLabel):
        assert "\u202e" not in label.text() + label.accessibleName()
        assert "<" not in label.text() or label.textFormat() == Qt.TextFormat.PlainText


# ------------------------------------------------------------------------------------------------ measuring


def test_a_short_measuring_is_not_worth_a_word(meter: EnoughMeter) -> None:
    meter.set_enough(MEASURED)
    meter.set_busy(True)
    assert meter.second_line() == "right on 120 photos left out"
    meter.set_busy(False)
    assert not meter._waiting.isActive()


def test_a_long_measuring_is_told_and_ends(meter: EnoughMeter, qtbot: QtBot) -> None:
    meter.set_enough(MEASURED)
    before = image(meter)
    meter.set_busy(True)
    qtbot.waitUntil(lambda: meter.second_line() == "measuring…")
    assert meter.headline() == f"94{BLANK}"  # what was is better than nothing
    assert image(meter) != before
    meter.set_busy(True)
    assert not meter._waiting.isActive()
    meter.set_busy(False)
    assert image(meter) == before


# ------------------------------------------------------------------------------------------------ looks


@pytest.mark.parametrize("width", [128, 208, 400])
def test_it_is_as_high_whatever_it_says(meter: EnoughMeter, width: int) -> None:
    meter.setFixedWidth(width)
    meter.clearFocus()
    meter.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)
    looks = []
    for state in (*STATES, replace(MEASURED, advice="word " * 100), replace(MEASURED, trend=())):
        meter.set_enough(state)
        assert (meter.sizeHint().height(), meter.minimumSizeHint().height()) == (meter.height(),) * 2
        looks.append(image(meter))
        edge = looks[-1].pixelColor(2, 20)
        rows = (0, 1, looks[-1].height() - 2, looks[-1].height() - 1)
        columns = (0, 1, width - 2, width - 1)
        assert all(looks[-1].pixelColor(x, y) == edge for y in rows for x in range(width))
        assert all(looks[-1].pixelColor(x, y) == edge for x in columns for y in range(meter.height()))
    assert all(looks[a] != looks[b] for a in range(len(looks)) for b in range(a))


def test_the_trend_goes_up_and_down(meter: EnoughMeter) -> None:
    """The line's right end is where the last share puts it."""

    def height_of_end(last: float, first: float = 0.7) -> int:
        meter.set_enough(replace(MEASURED, trend=((30, first), (120, last)), advice=""))
        drawn, text = image(meter), QColor(theme.tokens().text)
        columns = range(meter.width() - 24, meter.width() - 10)
        return min(y for y in range(40) if any(drawn.pixelColor(x, y) == text for x in columns))

    heights = [height_of_end(last) for last in (1.0, 0.8, 0.5, 0.1)]
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert height_of_end(0.9, 0.85) == height_of_end(0.9, 0.5)  # a small gain does not look like a large one


def test_words_are_broken_and_the_rest_elided(meter: EnoughMeter) -> None:
    metrics = QFontMetrics(theme.font(theme.TEXT_SMALL))
    said = "20 more photos of George would help most."
    width = metrics.horizontalAdvance("20 more photos of Geo")
    assert lines_of(said, metrics, 1000, 2) == [said]
    broken = lines_of(said, metrics, width, 9)
    assert " ".join(broken) == said and len(broken) > 2
    assert all(metrics.horizontalAdvance(line) <= width for line in broken)
    short = lines_of(said, metrics, width, 2)
    assert len(short) == 2 and short[0] == broken[0] and short[1].endswith("…")


def test_the_scheme_is_followed(meter: EnoughMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    for state in STATES:
        meter.set_enough(state)
        with monkeypatch.context() as dark:
            light = image(meter)
            dark.setattr(theme, "tokens", lambda: theme.DARK)
            assert image(meter) != light


# ------------------------------------------------------------------------------------------------ the table


def test_a_click_shows_the_groups(meter: EnoughMeter) -> None:
    meter.set_enough(MEASURED)
    QTest.mouseClick(meter, Qt.MouseButton.LeftButton)
    shown = table(meter)
    assert shown is not None and shown.isVisible()
    said = [label.text() for label in shown.findChildren(QLabel)]
    assert {"John", "George", "others", f"91{BLANK}", f"83{BLANK}", f"99{BLANK}"} <= set(said)
    assert any(text.startswith("31 of 34  (") for text in said)
    assert shown.windowFlags() & Qt.WindowType.Popup == Qt.WindowType.Popup
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    assert table(meter) is None
    meter.setFocus()
    QTest.keyClick(meter, Qt.Key.Key_Space)
    assert table(meter) is not None


@pytest.mark.parametrize("state", [None, GUESSING])
def test_without_figures_there_is_no_table(meter: EnoughMeter, state: Enough | None) -> None:
    meter.set_enough(state)
    QTest.mouseClick(meter, Qt.MouseButton.LeftButton)
    assert table(meter) is None
    assert meter.isEnabled()  # the keyboard may rest on it


def test_new_figures_close_the_table_and_the_same_ones_do_not(meter: EnoughMeter) -> None:
    meter.set_enough(MEASURED)
    meter.show_table()
    meter.set_enough(replace(MEASURED))
    assert table(meter) is not None
    meter.set_enough(replace(MEASURED, share=0.95))
    assert table(meter) is None
    meter.set_enough(MEASURED)  # with no table any more
    assert table(meter) is None


def test_many_groups_scroll_and_the_table_is_on_the_screen(meter: EnoughMeter) -> None:
    figures = tuple(GroupFigure(f"Look-alike with a long name {n}", False, 9, 8, 0) for n in range(60))
    meter.set_enough(replace(MEASURED, figures=(JOHN, *figures)))
    meter.show_table()
    shown = table(meter)
    assert shown is not None
    screen = meter.screen().availableGeometry()
    assert screen.contains(shown.geometry())
    assert shown.findChildren(QScrollArea)[0].verticalScrollBar().maximum() > 0
    assert shown.findChildren(QScrollArea)[0].horizontalScrollBar().maximum() == 0


def test_at_the_lower_edge_of_the_screen_the_table_stands_above(meter: EnoughMeter) -> None:
    meter.set_enough(MEASURED)
    screen = meter.screen().availableGeometry()
    meter.window().move(screen.left(), screen.bottom() - meter.height() - 20)
    meter.show_table()
    shown = table(meter)
    assert shown is not None
    assert shown.geometry().bottom() <= meter.mapToGlobal(meter.rect().topLeft()).y()
