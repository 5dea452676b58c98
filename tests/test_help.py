"""The Help menu: what the program is and what it is made of, to search, to read and to copy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from lennonnet_gui.help_about import AboutDialog
from lennonnet_gui.help_mishap import MishapDialog
from lennonnet_gui.jobs import Jobs
from tests.program import Start
from training import __version__, licences
from training.licences import Licence, Text

SOME = (
    Licence("alpha", "1.0", "MIT", "", "https://alpha.example", (Text("LICENSE", "Alpha’s words."),)),
    Licence(
        "Qt", "6.11", "LGPL-3.0-only", "The window.", "https://qt.io", (Text("LGPL", "a"), Text("GPL", "b"))
    ),
    Licence("qtgraph", "2", "MIT", "", "", (Text("LICENSE", "\n".join(f"line {n}" for n in range(9000))),)),
)


@pytest.fixture
def about(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[AboutDialog]:
    monkeypatch.setattr(licences, "load", lambda: SOME)
    jobs = Jobs()
    dialog = AboutDialog(jobs)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.licences()))
    yield dialog
    jobs.stop()


def test_the_menu_opens_it_with_the_licences_of_all_that_is_used(qtbot: QtBot, start: Start) -> None:
    window = start()
    assert window.help.about is None
    window.help.about_action.trigger()
    dialog = window.help.about
    assert dialog is not None and dialog.isVisible()
    words = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert f"Lennonnet {__version__}" in words and "nothing is uploaded" in words
    qtbot.waitUntil(lambda: bool(dialog.licences()))
    assert {"Qt", "torch", "Lucide", "libheif"} <= set(dialog.names())
    window.help.about_action.trigger()
    assert window.help.about is dialog


def test_the_search_finds_names_and_licences(qtbot: QtBot, about: AboutDialog) -> None:
    assert about.names() == ["alpha", "Qt", "qtgraph"]
    assert "Alpha’s words." in about.shown()
    qtbot.keyClicks(about._search, "QT")
    assert about.names() == ["Qt", "qtgraph"] and "LGPL-3.0-only" in about.shown()
    about._search.setText("mit")
    assert about.names() == ["alpha", "qtgraph"] and "Alpha’s words." in about.shown()
    about._search.setText("nobody")
    assert about.names() == [] and "Nothing of that name" in about.shown()
    about._search.clear()
    assert len(about.names()) == 3 and "Alpha’s words." in about.shown()


def test_a_long_text_comes_whole_and_from_its_beginning(qtbot: QtBot, about: AboutDialog) -> None:
    about._search.setText("qtgraph")
    qtbot.waitUntil(lambda: "line 8999" in about.shown())
    assert about._text.toPlainText().split("\n") == [f"line {n}" for n in range(9000)]
    assert about._text.verticalScrollBar().value() == 0


def test_another_part_is_shown_while_a_long_text_is_still_coming(qtbot: QtBot, about: AboutDialog) -> None:
    about._search.setText("qtgraph")
    about._search.setText("alpha")
    assert about._text.toPlainText() == "Alpha’s words."
    qtbot.waitUntil(lambda: not about._more.isActive())
    assert about._text.toPlainText() == "Alpha’s words."
    about._search.setText("qtgraph")
    about._search.setText("nobody")
    assert not about._more.isActive() and about._text.toPlainText() == ""


def test_versions_and_licences_can_be_copied(qtbot: QtBot, about: AboutDialog) -> None:
    about._search.setText("qt")
    qtbot.mouseClick(about.copy_licence_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert (
        copied.startswith("Qt 6.11\nLGPL-3.0-only\nThe window.\nhttps://qt.io") and "GPL\n---\n\nb" in copied
    )
    qtbot.mouseClick(about.copy_versions_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert f"Lennonnet {__version__}\nPython 3." in copied and "Qt 6." in copied and "torch 2." in copied


def test_a_bundle_without_its_licences_says_so(
    qtbot: QtBot, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise FileNotFoundError("licences.json")

    monkeypatch.setattr(licences, "load", fail)
    window = start()
    window.help.about_action.trigger()
    dialog = window.help.about
    assert dialog is not None
    qtbot.waitUntil(lambda: "not where they should be" in dialog.shown())
    assert not window.findChildren(MishapDialog)
    dialog.close()


def test_an_error_in_reading_them_is_shown_as_any_other(
    qtbot: QtBot, start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "load", lambda: 1 / 0)
    window = start()
    window.help.about_action.trigger()
    qtbot.waitUntil(lambda: any(box.isVisible() for box in window.findChildren(MishapDialog)))
    (box,) = window.findChildren(MishapDialog)
    assert "division by zero" in box.details()
    box.close()
    capsys.readouterr()


def test_esc_closes_it_and_the_window_stays_usable(qtbot: QtBot, about: AboutDialog) -> None:
    assert not about.isModal()
    qtbot.keyClick(about, Qt.Key.Key_Escape)
    assert not about.isVisible()
