"""The view bar: what it says, what its setters show, and that it stays usable when it is narrow."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui.photo_model import SortKey
from lennonnet_gui.view_bar import CELL_SIZES, ViewBar
from training.zones import Zone

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def bar(qtbot: QtBot) -> ViewBar:
    made = ViewBar()
    qtbot.addWidget(made)
    made.set_subject("john")
    made.resize(1200, made.sizeHint().height())
    made.show()
    qtbot.waitExposed(made)
    return made


def said(bar: ViewBar) -> list[tuple[object, ...]]:
    """All that the bar says from now on."""
    heard: list[tuple[object, ...]] = []
    bar.sort_changed.connect(lambda key, descending: heard.append(("sort", key, descending)))
    bar.resort_clicked.connect(lambda: heard.append(("resort",)))
    bar.filter_changed.connect(lambda zones, text: heard.append(("filter", zones, text)))
    bar.recursive_changed.connect(lambda on: heard.append(("recursive", on)))
    bar.cell_size_changed.connect(lambda size: heard.append(("size", size)))
    return heard


def pick(bar: ViewBar, qtbot: QtBot, key: SortKey) -> None:
    """Choose a sort key with the keyboard, as a user does."""
    bar._sort.setFocus()
    bar._sort.setCurrentIndex(0)
    for _ in range(list(SortKey).index(key)):
        qtbot.keyClick(bar._sort, Qt.Key.Key_Down)


def test_setters_say_nothing(bar: ViewBar) -> None:
    heard = said(bar)
    bar.set_sort(SortKey.SCORE, True)
    bar.set_filter(frozenset({Zone.SUBJECT}), "beach")
    bar.set_recursive(True)
    bar.set_cell_size(256)
    bar.set_order_stale(True)
    assert heard == []
    assert (bar.zones(), bar.text()) == (frozenset({Zone.SUBJECT}), "beach")
    assert bar.sort_actions[list(SortKey).index(SortKey.SCORE)].isChecked()
    assert bar.descending_action.isChecked()
    assert bar.recursive_action.isChecked()


@pytest.mark.parametrize(
    ("key", "descending"),
    [(SortKey.SCORE, True), (SortKey.TAKEN, True), (SortKey.UNSURE, False)],
)
def test_a_sort_key_comes_with_the_direction_that_is_meant(
    qtbot: QtBot, bar: ViewBar, key: SortKey, descending: bool
) -> None:
    heard = said(bar)
    pick(bar, qtbot, key)
    assert heard[-1] == ("sort", key, descending)


def test_direction_turns_round_and_says_which_way_it_is(qtbot: QtBot, bar: ViewBar) -> None:
    bar.set_sort(SortKey.SCORE, True)
    heard = said(bar)
    assert bar._direction.accessibleName() == "Order: highest first"
    qtbot.mouseClick(bar._direction, LEFT)
    assert heard == [("sort", SortKey.SCORE, False)]
    assert bar._direction.accessibleName() == "Order: lowest first"


def test_sort_again_keeps_its_place_free_until_it_is_offered(qtbot: QtBot, bar: ViewBar) -> None:
    heard = said(bar)
    QApplication.processEvents()
    before = [chip.x() for chip in bar._chips]
    assert not bar._resort.isVisible()
    assert not bar.resort_action.isEnabled()
    bar.set_order_stale(True)
    QApplication.processEvents()
    assert [chip.x() for chip in bar._chips] == before
    qtbot.mouseClick(bar._resort, LEFT)
    bar.resort_action.trigger()
    assert heard == [("resort",), ("resort",)]


def test_zones_filter_by_chip_and_by_menu_alike(qtbot: QtBot, bar: ViewBar) -> None:
    heard = said(bar)
    qtbot.mouseClick(bar._chips[Zone.UNSURE], LEFT)
    assert heard[-1] == ("filter", frozenset({Zone.UNSURE}), "")
    assert bar.zone_actions[Zone.UNSURE].isChecked()
    bar.zone_actions[Zone.SUBJECT].trigger()
    assert heard[-1] == ("filter", frozenset({Zone.UNSURE, Zone.SUBJECT}), "")
    assert bar._chips[Zone.SUBJECT].isChecked()
    qtbot.keyClick(bar._chips[Zone.UNSURE], Qt.Key.Key_Space)
    assert heard[-1] == ("filter", frozenset({Zone.SUBJECT}), "")
    assert len(heard) == 3


def test_typing_waits_for_the_last_letter(qtbot: QtBot, bar: ViewBar) -> None:
    heard = said(bar)
    with qtbot.waitSignal(bar.filter_changed):
        qtbot.keyClicks(bar._name, "IMG_4")
        assert heard == []
    assert heard == [("filter", frozenset(), "IMG_4")]


def test_enter_does_not_wait_and_esc_empties_at_once(qtbot: QtBot, bar: ViewBar) -> None:
    heard = said(bar)
    qtbot.keyClicks(bar._name, "dog")
    qtbot.keyClick(bar._name, Qt.Key.Key_Return)
    assert heard == [("filter", frozenset(), "dog")]
    qtbot.keyClick(bar._name, Qt.Key.Key_Escape)
    assert heard[1:] == [("filter", frozenset(), "")]


def test_the_clear_button_empties_at_once(qtbot: QtBot, bar: ViewBar) -> None:
    bar.set_filter(frozenset(), "dog")
    heard = said(bar)
    clear = next(b for b in bar._name.findChildren(QToolButton) if b.x() > bar._name.width() / 2)
    qtbot.mouseClick(clear, LEFT)
    assert heard == [("filter", frozenset(), "")]


def test_setting_the_filter_drops_what_was_being_typed(qtbot: QtBot, bar: ViewBar) -> None:
    heard = said(bar)
    qtbot.keyClicks(bar._name, "dog")
    bar.set_filter(frozenset(), "")
    assert not bar._typing.isActive()
    assert heard == []


def test_the_find_key_goes_to_the_name_filter(qtbot: QtBot, bar: ViewBar) -> None:
    bar.set_filter(frozenset(), "dog")
    bar.activateWindow()
    qtbot.waitUntil(bar.isActiveWindow)
    bar._sort.setFocus()
    qtbot.keyClick(bar, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(bar._name.hasFocus)
    assert bar._name.selectedText() == "dog"


def test_the_switch_and_its_action_are_one(qtbot: QtBot, bar: ViewBar) -> None:
    heard = said(bar)
    qtbot.mouseClick(bar._recursive, LEFT)
    assert bar.recursive_action.isChecked()
    bar.recursive_action.trigger()
    assert not bar._recursive.isChecked()
    assert heard == [("recursive", True), ("recursive", False)]


def test_sizes_stay_in_range_by_key_and_slider(qtbot: QtBot, bar: ViewBar) -> None:
    bar.set_cell_size(300)
    heard = said(bar)
    bar.larger_action.trigger()
    assert heard == [("size", CELL_SIZES[-1])]
    qtbot.keyClick(bar._size, Qt.Key.Key_Home)
    assert heard[-1] == ("size", CELL_SIZES[0])
    bar.smaller_action.trigger()
    assert len(heard) == 2


def test_a_hidden_bar_leaves_its_keys_to_others(bar: ViewBar) -> None:
    assert bar.larger_action.isEnabled()
    bar.hide()
    assert not bar.larger_action.isEnabled()
    assert not bar.find_action.isEnabled()
    bar.show()
    assert bar.larger_action.isEnabled()


@pytest.mark.parametrize("width", [1200, 900, 800, 700, 640])
def test_nothing_is_cut_off_at_any_width(qtbot: QtBot, bar: ViewBar, width: int) -> None:
    bar.set_order_stale(True)
    bar.resize(width, bar.height())
    QApplication.processEvents()
    assert bar.minimumSizeHint().width() <= width
    parts = bar.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    parts = sorted((w for w in parts if w.isVisible()), key=lambda w: w.x())
    for part in parts:
        assert part.width() >= part.minimumSizeHint().width(), part.accessibleName()
    for left, right in pairwise(parts):
        assert left.geometry().right() < right.x(), (left.accessibleName(), right.accessibleName())
    assert parts[-1].geometry().right() < width


def test_what_loses_its_words_keeps_its_name(bar: ViewBar) -> None:
    bar.resize(bar.minimumSizeHint().width(), bar.height())
    assert bar._chips[Zone.SUBJECT].accessibleName() == "Show “John”"
    assert bar._resort.accessibleName() == "Sort again"
    named = [bar._sort, bar._direction, bar._name, bar._recursive, bar._size, *bar._chips]
    assert all(widget.accessibleName() for widget in named)


def test_a_name_with_an_ampersand_is_no_shortcut(bar: ViewBar) -> None:
    bar.set_subject("Tom & Jerry")
    assert bar.zone_actions[Zone.SUBJECT].text() == "Show “Tom && Jerry”"
