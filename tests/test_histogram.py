"""The histogram: what it counts, what it draws, and the two handles by mouse, by keyboard and for screen readers."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QColor, QImage, QWheelEvent
from pytestqt.qtbot import QtBot

from lennonnet_gui import theme
from lennonnet_gui.histogram import BINS, ScoreHistogram, count_bins, count_zones
from training.zones import Zone, Zones

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def histogram(qtbot: QtBot) -> ScoreHistogram:
    made = ScoreHistogram()
    qtbot.addWidget(made)
    made.set_subject("john")
    made.resize(700, made.height())
    made.show()
    qtbot.waitExposed(made)
    return made


def changes(histogram: ScoreHistogram) -> tuple[list[Zones], list[Zones]]:
    """What the histogram says from now on: while a handle moves, and when it is let go."""
    moving: list[Zones] = []
    settled: list[Zones] = []
    histogram.zones_changed.connect(moving.append)
    histogram.zones_settled.connect(settled.append)
    return moving, settled


def drag(qtbot: QtBot, histogram: ScoreHistogram, start: float, end: float, *, by: int) -> None:
    """Take the handle at the probability `start`, `by` pixels beside its line, and move it to `end`."""
    x, y = round(histogram.x_of(start)) + by, histogram.axis_y - 20
    handle = histogram.childAt(x, y)
    assert handle is not None
    for probability in (start, (start + end) / 2, end):
        to = handle.mapFrom(histogram, QPoint(round(histogram.x_of(probability)) + by, y))
        if probability == start:
            qtbot.mousePress(handle, LEFT, pos=to)
        qtbot.mouseMove(handle, to)
    qtbot.mouseRelease(
        handle, LEFT, pos=handle.mapFrom(histogram, QPoint(round(histogram.x_of(end)) + by, y))
    )


def test_bins_hold_every_probability_once_and_one_is_in_the_last() -> None:
    bins = count_bins(np.array([0.0, 0.0399, 0.04, 0.5, 0.96, 1.0], np.float32))
    assert bins.sum() == 6
    assert (bins[0], bins[1], bins[12], bins[-1]) == (2, 1, 1, 2)


def test_zone_counts_agree_with_zones_on_the_very_edge() -> None:
    zones = Zones(0.35, 0.65)
    edges = np.array([0.35, 0.65], np.float32)
    near = np.concatenate([edges, np.nextafter(edges, np.float32(0)), np.nextafter(edges, np.float32(1))])
    wanted = [0, 0, 0]
    for probability in near:
        wanted[zones.zone(float(probability))] += 1
    assert count_zones(near, zones) == tuple(wanted)


def test_counting_100_000_scores_takes_under_5_ms() -> None:
    scores = np.random.default_rng(0).random(100_000, np.float32)
    took = []
    for _ in range(10):
        start = time.perf_counter()
        count_bins(scores)
        count_zones(scores, Zones())
        took.append(time.perf_counter() - start)
    assert min(took) < 0.005


def test_counts_stand_in_words_and_numbers_and_follow_the_zones(histogram: ScoreHistogram) -> None:
    histogram.set_probabilities(np.array([0.1] * 1204 + [0.5] * 88 + [0.9, np.nan], np.float32))
    assert histogram.zone_counts() == (1204, 88, 1)
    said = [button.accessibleName() for button in histogram._buttons]
    assert said == ["not John: 1,204 photos", "not sure: 88 photos", "John: 1 photo"]
    histogram.set_zones(Zones(0.35, 0.5))
    assert histogram.zone_counts() == (1204, 0, 89)


def test_labelled_photos_count_in_the_zone_they_were_put_in(histogram: ScoreHistogram) -> None:
    scores = np.array([0.1, 0.1, 0.5, 0.9, 0.95])
    labelled = {Zone.NOT_SUBJECT: np.array([0.9]), Zone.SUBJECT: np.array([0.1, 0.5])}
    histogram.set_probabilities(scores, labelled)
    assert histogram.zone_counts() == (2, 0, 3)
    histogram.set_zones(Zones(0.05, 0.92))  # only those that are not labelled follow the handles
    assert histogram.zone_counts() == (1, 1, 3)
    histogram.set_probabilities(scores)
    assert histogram.zone_counts() == (0, 4, 1)


def test_scores_that_stream_in_are_counted_once_for_many(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    for n in range(1, 50):
        histogram.set_probabilities(np.full(n, 0.9, np.float32))
    assert histogram._counts == (0, 0, 0)  # not yet
    qtbot.waitUntil(lambda: histogram._counts == (0, 0, 49))


def test_height_does_not_change_when_scores_come(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    before = histogram.height(), histogram.axis_y
    histogram.set_probabilities(np.full(10, 0.9, np.float32))
    histogram.zone_counts()
    assert (histogram.height(), histogram.axis_y) == before
    assert 8 * theme.GRID <= before[0] <= 14 * theme.GRID


def colours_along(histogram: ScoreHistogram, y: int) -> list[str]:
    image = histogram.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return [image.pixelColor(x, y).name() for x in range(image.width())]


def test_a_bar_that_a_handle_cuts_has_both_colours_and_a_lone_photo_is_seen(
    histogram: ScoreHistogram,
) -> None:
    histogram.set_zones(Zones(0.5, 0.52))
    histogram.set_probabilities(np.array([0.49] * 90_000 + [0.9], np.float32))
    histogram.zone_counts()
    row = colours_along(histogram, histogram.axis_y - 2)
    no, unsure, yes = (theme.zone_colour(zone).name() for zone in Zone)
    bar = row[round(histogram.x_of(0.481)) + 2 : round(histogram.x_of(0.519)) - 2]
    assert {no, unsure} <= set(bar)
    assert row[round(histogram.x_of(0.9)) + 3] == yes  # one among 90,000
    assert row[round(histogram.x_of(0.2))] not in (no, unsure, yes)


def test_zones_hidden_by_a_filter_are_drawn_quietly(histogram: ScoreHistogram) -> None:
    histogram.set_probabilities(np.array([0.1, 0.5, 0.9], np.float32))
    histogram.zone_counts()
    histogram.set_shown_zones(frozenset({Zone.SUBJECT}))
    row = colours_along(histogram, histogram.axis_y - 2)
    assert row[round(histogram.x_of(0.1))] != theme.zone_colour(Zone.NOT_SUBJECT).name()
    assert row[round(histogram.x_of(0.9)) + 3] == theme.zone_colour(Zone.SUBJECT).name()


def test_dragging_tells_each_step_and_settles_once(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    moving, settled = changes(histogram)
    drag(qtbot, histogram, 0.65, 0.8, by=6)
    assert moving[-1] == Zones(0.35, 0.8)
    assert len(moving) >= 2
    assert settled == [Zones(0.35, 0.8)]


def test_handles_cannot_cross_and_can_be_parted_again_at_either_end(
    qtbot: QtBot, histogram: ScoreHistogram
) -> None:
    drag(qtbot, histogram, 0.35, 1.0, by=-6)
    assert histogram.zones() == Zones(0.65, 0.65)
    drag(qtbot, histogram, 0.65, 1.0, by=6)
    drag(qtbot, histogram, 0.65, 1.0, by=-6)
    assert histogram.zones() == Zones(1.0, 1.0)
    drag(qtbot, histogram, 1.0, 0.4, by=-6)
    assert histogram.zones() == Zones(0.4, 1.0)
    drag(qtbot, histogram, 1.0, 0.0, by=6)
    drag(qtbot, histogram, 0.4, 0.0, by=-6)
    assert histogram.zones() == Zones(0.0, 0.4)
    drag(qtbot, histogram, 0.4, 0.0, by=6)
    drag(qtbot, histogram, 0.0, 0.7, by=6)
    assert histogram.zones() == Zones(0.0, 0.7)


def test_handles_are_at_least_12_pixels_wide_and_show_that_they_slide(histogram: ScoreHistogram) -> None:
    for handle in (histogram._low, histogram._high):
        assert handle.width() >= 12
        assert handle.cursor().shape() == Qt.CursorShape.SizeHorCursor


@pytest.mark.parametrize(
    ("key", "shift", "wanted"),
    [
        (Qt.Key.Key_Right, False, Zones(0.36, 0.65)),
        (Qt.Key.Key_Left, False, Zones(0.34, 0.65)),
        (Qt.Key.Key_Right, True, Zones(0.40, 0.65)),
        (Qt.Key.Key_Down, True, Zones(0.30, 0.65)),
        (Qt.Key.Key_Home, False, Zones(0.0, 0.65)),
        (Qt.Key.Key_End, False, Zones(0.65, 0.65)),
    ],
)
def test_keys_move_the_low_handle(
    qtbot: QtBot, histogram: ScoreHistogram, key: Qt.Key, shift: bool, wanted: Zones
) -> None:
    moving, settled = changes(histogram)
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    qtbot.keyPress(histogram._low, key, modifier)
    assert moving == [wanted]
    assert settled == []
    qtbot.keyRelease(histogram._low, key, modifier)
    assert settled == [wanted]


def test_tab_goes_through_the_counts_and_then_the_handles(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    chain = [*histogram._buttons, histogram._low, histogram._high]
    for before, after in pairwise(chain):
        assert before.nextInFocusChain() is after


def test_screen_readers_get_two_sliders_in_words(histogram: ScoreHistogram) -> None:
    for handle, name, value in (
        (histogram._low, "Not John: below this per cent", 35),
        (histogram._high, "John: from this per cent on", 65),
    ):
        interface = QAccessible.queryAccessibleInterface(handle)
        assert interface.role() == QAccessible.Role.Slider
        assert interface.text(QAccessible.Text.Name) == name
        assert interface.valueInterface().currentValue() == value


def test_a_double_click_goes_back_to_the_subjects_own_zones(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    histogram.set_default_zones(Zones(0.412, 0.587))
    moving, settled = changes(histogram)
    qtbot.mouseDClick(histogram._high, LEFT)
    assert moving == settled == [Zones(0.412, 0.587)]


def test_setting_zones_is_exact_and_silent(histogram: ScoreHistogram) -> None:
    moving, settled = changes(histogram)
    histogram.set_zones(Zones(0.4137, 0.9999))
    assert histogram.zones() == Zones(0.4137, 0.9999)
    assert moving == settled == []


def test_scrolling_past_moves_no_threshold(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    handle = histogram._low
    at = QPoint(5, 5)
    event = QWheelEvent(
        at,
        handle.mapToGlobal(at),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    handle.wheelEvent(event)
    assert not event.isAccepted()
    assert histogram.zones() == Zones()


def test_clicking_a_count_names_its_zone(qtbot: QtBot, histogram: ScoreHistogram) -> None:
    assert not histogram._buttons[Zone.UNSURE].isEnabled()  # nothing to filter yet
    histogram.set_probabilities(np.array([0.5], np.float32))
    histogram.zone_counts()
    with qtbot.waitSignal(histogram.zone_clicked) as clicked:
        qtbot.mouseClick(histogram._buttons[Zone.UNSURE], LEFT)
    assert clicked.args == [Zone.UNSURE]


@pytest.mark.parametrize("width", [200, 260, 400, 900])
@pytest.mark.parametrize("zones", [Zones(), Zones(0.0, 0.01), Zones(0.99, 1.0), Zones(0.0, 1.0)])
def test_counts_never_overlap_nor_leave_the_widget(
    histogram: ScoreHistogram, width: int, zones: Zones
) -> None:
    histogram.resize(width, histogram.height())
    histogram.set_zones(zones)
    histogram.set_probabilities(np.full(12_040, 0.5, np.float32))
    histogram.zone_counts()
    no, unsure, yes = (button.geometry() for button in histogram._buttons)
    assert no.left() >= 0
    assert no.right() < unsure.left()
    assert unsure.right() < yes.left()
    assert yes.right() < width


def test_tool_tip_says_how_many_and_that_heights_are_no_measure(histogram: ScoreHistogram) -> None:
    histogram.set_probabilities(np.array([0.5] * 1500, np.float32))
    histogram.zone_counts()
    said = histogram._said_at(QPoint(round(histogram.x_of(0.5)), histogram.axis_y - 5))
    assert said.startswith(
        "1,500 photos between 48\N{NARROW NO-BREAK SPACE}% and 52\N{NARROW NO-BREAK SPACE}%"
    )
    assert "square root" in said
    assert histogram._said_at(QPoint(2, 2)) == ""


def test_bars_are_as_many_as_promised() -> None:
    assert BINS == 25
    assert QColor(theme.tokens().zones[Zone.SUBJECT]).isValid()
