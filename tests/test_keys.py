"""The table of keys: read from the actions, each time anew."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from lennonnet_gui.keys import KeyCaps, KeysDialog, key_caps


def action(text: str, *keys: str) -> QAction:
    made = QAction(text)
    made.setShortcuts([QKeySequence(key) for key in keys])
    return made


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac writes its own signs")
@pytest.mark.parametrize(
    ("keys", "caps"),
    [
        ("Ctrl+O", ["Ctrl", "O"]),
        ("Ctrl+Shift+F", ["Ctrl", "Shift", "F"]),
        ("Ctrl++", ["Ctrl", "+"]),
        ("+", ["+"]),
        ("?", ["?"]),
        ("Space", ["Space"]),
        ("Ctrl+K, Ctrl+C", ["Ctrl", "K", "Ctrl", "C"]),
    ],
)
def test_keys_are_named_as_on_the_keyboard(qapp: object, keys: str, caps: list[str]) -> None:
    assert key_caps(QKeySequence(keys)) == caps


def said(dialog: KeysDialog) -> list[str]:
    return [label.text() for label in dialog._page.findChildren(QLabel)]


def test_the_table_holds_what_has_a_key_in_plain_words(qtbot: QtBot) -> None:
    hidden = action("Hidden", "H")
    hidden.setVisible(False)
    groups = {
        "Folder": [
            action("&Open folder…", "Ctrl+O"),
            action("Rock && &Roll...", "F5"),
            action("No key"),
            hidden,
        ],
        "Empty": [action("Nothing")],
        "Help": [action("Keys", "?", "F1")],
    }
    dialog = KeysDialog(None, groups)
    qtbot.addWidget(dialog)
    dialog.show()
    assert sorted(said(dialog)) == ["Folder", "Help", "Keys", "Open folder", "Rock & Roll"]
    caps = [caps.accessibleName() for caps in dialog.findChildren(KeyCaps)]
    assert "? or F1" in caps


def test_a_changed_key_shows_the_next_time(qtbot: QtBot) -> None:
    changing = action("Open", "O")
    dialog = KeysDialog(None, {"Photos": [changing]})
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.hide()
    changing.setShortcut(QKeySequence("P"))
    dialog.show()
    assert [caps.accessibleName() for caps in dialog._page.findChildren(KeyCaps)] == ["P"]


def test_esc_closes_it(qtbot: QtBot) -> None:
    dialog = KeysDialog(None, {"Photos": [action("Open", "O")]})
    qtbot.addWidget(dialog)
    dialog.show()
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_many_keys_scroll_instead_of_leaving_the_screen(qtbot: QtBot) -> None:
    dialog = KeysDialog(None, {"Many": [action(f"Number {n}", "F5") for n in range(200)]})
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitExposed(dialog)
    assert dialog.height() <= dialog.screen().availableSize().height()
    qtbot.waitUntil(lambda: dialog._area.verticalScrollBar().maximum() > 0)
