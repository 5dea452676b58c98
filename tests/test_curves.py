from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lennonnet_gui import curves as curves_module
from lennonnet_gui import theme
from lennonnet_gui.curves import MOST_BATCHES, Curves
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.theme import Scheme

NAN = math.nan


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


@pytest.fixture
def bare(qtbot: QtBot, jobs: Jobs) -> Curves:
    made = Curves(jobs)
    qtbot.addWidget(made)
    made.resize(720, 330)
    made.show()
    return made


@pytest.fixture
def curves(qtbot: QtBot, bare: Curves) -> Curves:
    bare.prepare()
    qtbot.waitUntil(lambda: len(bare._plots) == 2, timeout=20_000)
    return bare


def drawn(curves: Curves, plot: int, line: int) -> list[tuple[float, float]]:
    """The points of a line: 0 for batches, 1 for rounds on photos learned from, 2 on others."""
    x, y = curves._plots[plot]._lines[line][1].getData()
    return [] if x is None else list(zip(x.tolist(), y.tolist(), strict=True))


def settled(qtbot: QtBot, curves: Curves) -> None:
    qtbot.waitUntil(lambda: not curves._redraw.isActive() and not curves._due)


def test_the_window_starts_without_what_draws() -> None:
    code = "import sys, lennonnet_gui.training_dialog; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_rounds_and_batches_are_drawn(qtbot: QtBot, curves: Curves) -> None:
    curves.begin("John", 12)
    curves.add_batch(0.5, 0.7, 0.5)
    curves.add_round(1, 0.6, 0.65, 0.7, 0.6)
    curves.add_round(2, 0.4, 0.5, 0.8, 0.75)
    settled(qtbot, curves)
    assert drawn(curves, 0, 0) == [(0.5, 50.0)]
    assert drawn(curves, 0, 1) == [(1.0, 70.0), (2.0, 80.0)]
    assert drawn(curves, 0, 2) == [(1.0, 60.0), (2.0, 75.0)]
    assert drawn(curves, 1, 1) == [(1.0, 0.6), (2.0, 0.4)]
    assert drawn(curves, 1, 2) == [(1.0, 0.65), (2.0, 0.5)]


def test_what_was_told_before_it_could_draw_is_drawn_then(qtbot: QtBot, bare: Curves) -> None:
    bare.add_round(1, 0.6, 0.65, 0.7, 0.6)
    bare.prepare()
    qtbot.waitUntil(lambda: len(bare._plots) == 2, timeout=20_000)
    settled(qtbot, bare)
    assert drawn(bare, 0, 2) == [(1.0, 60.0)]
    assert drawn(bare, 1, 2) == [(1.0, 0.65)]


def test_all_that_is_drawn_is_in_sight(qtbot: QtBot, curves: Curves) -> None:
    curves.begin("John", 3)
    curves.set_levels(0.05, 0.99)
    for number in range(1, 6):  # more rounds than were announced
        curves.add_round(number, 10 / number, 12 / number, 0.5, 0.3)
    settled(qtbot, curves)
    for plot, told in zip(curves._plots, (5.0, 12.0), strict=True):
        (left, right), (low, high) = plot._item.getViewBox().viewRange()
        assert left <= 0 and right >= 5
        assert low <= told <= high


def test_a_new_training_starts_with_nothing(qtbot: QtBot, curves: Curves) -> None:
    curves.add_round(1, 0.6, 0.65, 0.7, 0.6)
    curves.set_levels(0.5, 0.8)
    curves.begin("Mila", 5)
    settled(qtbot, curves)
    assert drawn(curves, 0, 2) == []
    assert not any(level.isVisible() for _, level in curves._plots[0]._levels.values())


def test_a_training_that_goes_on_keeps_what_was_drawn(qtbot: QtBot, curves: Curves) -> None:
    curves.begin("John", 5)
    for number in (1, 2, 3):
        curves.add_batch(number - 0.5, 0.5, 0.5)
        curves.add_round(number, 0.5, 0.5, 0.5, 0.5)
    curves.add_batch(3.5, 0.5, 0.5)
    curves.go_on(2)
    curves.add_round(2, 0.5, 0.5, 0.5, 0.9)
    curves.add_round(3, 0.5, 0.5, 0.5, 0.7)
    settled(qtbot, curves)
    assert drawn(curves, 0, 2) == [(1.0, 50.0), (2.0, 90.0), (3.0, 70.0)]
    assert [x for x, _ in drawn(curves, 0, 0)] == [0.5, 1.5]


def test_levels_to_compare_with(qtbot: QtBot, curves: Curves) -> None:
    curves.begin("John", 5, 43)
    curves.set_levels(0.5, 0.86)
    settled(qtbot, curves)
    levels = {name: level for name, (_, level) in curves._plots[0]._levels.items()}
    assert levels["always"].value() == pytest.approx(50)
    assert levels["quick"].value() == pytest.approx(86)
    assert all(level.isVisible() for level in levels.values())
    assert not any(level.isVisible() for _, level in curves._plots[1]._levels.values())  # errors have none
    words = [entry.accessibleName() for entry in curves._legend]
    assert words[2] == "Quick, on the same 43 86\N{NARROW NO-BREAK SPACE}%"
    assert words[3] == "Always “not John” 50\N{NARROW NO-BREAK SPACE}%"


def test_the_legend_has_the_latest_figures(curves: Curves) -> None:
    curves.begin("John", 5, 43)
    curves.add_round(1, 0.6, 0.65, 0.7, 0.6)
    curves.add_round(2, 0.6, 0.65, 0.8, 0.75)
    assert (
        curves._legend[0].accessibleName() == "43 photos it doesn’t learn from 75\N{NARROW NO-BREAK SPACE}%"
    )
    assert "75\N{NARROW NO-BREAK SPACE}% right" in curves.accessibleDescription()


def test_numbers_that_are_none_are_left_out(qtbot: QtBot, curves: Curves) -> None:
    curves.add_batch(0.1, NAN, 0.5)
    curves.add_batch(0.2, math.inf, 0.5)
    curves.add_round(1, NAN, 0.5, 0.5, NAN)
    curves.set_levels(NAN, NAN)
    settled(qtbot, curves)
    assert drawn(curves, 0, 0) == []
    assert drawn(curves, 0, 2) == []
    assert drawn(curves, 1, 2) == [(1.0, 0.5)]
    curves.grab()


def test_many_batches_are_thinned_out_and_keep_their_course(qtbot: QtBot, curves: Curves) -> None:
    curves.begin("John", 10)
    for step in range(10_000):
        curves.add_batch(step / 1000, 1 - step / 10_000, step / 10_000)
    settled(qtbot, curves)
    points = drawn(curves, 0, 0)
    assert MOST_BATCHES / 2 - 1 <= len(points) <= MOST_BATCHES
    assert points == sorted(points)
    assert points[0][0] < 0.1
    assert points[-1][0] == pytest.approx(9.999, abs=0.1)
    assert points[-1][1] == pytest.approx(100, abs=2)


def test_a_flood_of_batches_is_drawn_seldom(
    qtbot: QtBot, curves: Curves, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(qtbot, curves)
    before = curves.redraws
    for step in range(500):
        curves.add_batch(step / 100, 0.5, 0.5)
        if step % 100 == 0:
            QApplication.processEvents()
    settled(qtbot, curves)
    assert curves.redraws - before <= 2 * 3  # two plots
    assert curves._redraw.interval() * len(curves._plots) >= 100


def test_the_mouse_changes_nothing(curves: Curves) -> None:
    view = curves._plots[0].widget
    ranges = curves._plots[0]._item.getViewBox().viewRange()
    middle = view.viewport().rect().center()
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(view.viewport(), middle + QPoint(40, 30))
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=middle + QPoint(40, 30))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=middle)
    wheel = QWheelEvent(
        QPointF(middle),
        QPointF(view.viewport().mapToGlobal(middle)),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), wheel)
    assert curves._plots[0]._item.getViewBox().viewRange() == ranges
    assert QApplication.activePopupWidget() is None


@pytest.mark.parametrize("scheme", [Scheme.LIGHT, Scheme.DARK])
def test_colours_follow_the_scheme(curves: Curves, scheme: Scheme) -> None:
    before = QApplication.palette()
    try:
        theme.choose(scheme)
        QApplication.processEvents()
        image = curves._plots[0].widget.grab().toImage()
        ratio = image.devicePixelRatio()
        at = image.width() - round(3 * ratio), round(3 * ratio)
        assert image.pixelColor(*at) == QColor(theme.tokens().panel)
    finally:
        theme.choose(Scheme.SYSTEM)
        QApplication.setPalette(before)


def test_ticks_are_round_numbers() -> None:
    assert [curves_module._nice(about) for about in (0.013, 0.2, 0.21, 1, 1.01, 7)] == pytest.approx(
        [0.02, 0.2, 0.5, 1, 2, 10]
    )
    for low in (0.0, 0.03, 0.18, 0.33, 0.5, 0.71, 0.97):
        bottom, top, step = curves_module._share_axis([low])
        assert bottom <= 100 * low <= top
        assert (100 - bottom) / step == pytest.approx(round((100 - bottom) / step))  # one stands at 100 %
