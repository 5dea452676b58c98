"""The pages without photos, and the list of photos that can't be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHeaderView, QLabel
from pytestqt.qtbot import QtBot

from lennonnet_gui import names, pages, theme
from lennonnet_gui.pages import MessagePage, Step, StepButton, WelcomePage, _RecentButton
from lennonnet_gui.photo_list_dialog import PhotoListDialog
from lennonnet_gui.settings import MOST_RECENT

LEFT = Qt.MouseButton.LeftButton
STRANGE = "/home/ada/two\nlines \udcff.jpg"


def texts(page: MessagePage | WelcomePage) -> list[str]:
    return [label.text() for label in page.findChildren(QLabel) if label.isVisibleTo(page) and label.text()]


@pytest.fixture
def page(qtbot: QtBot) -> MessagePage:
    made = MessagePage()
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    return made


@pytest.fixture
def welcome(qtbot: QtBot) -> WelcomePage:
    made = WelcomePage()
    qtbot.addWidget(made)
    made.resize(700, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def unreadable(qtbot: QtBot) -> PhotoListDialog:
    made = PhotoListDialog()
    qtbot.addWidget(made)
    made.set_rows(
        [
            ("/photos/b/IMG_10.jpg", "is cut off"),
            ("/photos/a/IMG_9.jpg", "is empty"),
            (STRANGE, "is no picture"),
        ]
    )
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.mark.parametrize(
    "message",
    [
        pages.no_photos("/x/Holidays", recursive=False),
        pages.no_photos("/x/Holidays", recursive=True),
        pages.no_photos("/x/Holidays", recursive=True, closed_folders=2),
        pages.folder_gone("/x/Holidays"),
        pages.folder_unreadable("/x/Holidays"),
        pages.nothing_matches(1204),
        pages.nothing_matches(1),
        pages.looking("/x/Holidays", 1204),
    ],
    ids=lambda message: message.title,
)
def test_every_message_has_an_icon_a_line_a_sentence_and_room(
    page: MessagePage, message: pages.Message
) -> None:
    assert theme.icon_pixmap(message.icon, 16, "#000000").width() == 16
    page.set_message(message)
    assert texts(page) == [message.title, message.text]
    assert message.text.endswith(".")
    assert not message.title.endswith(".")
    assert [button.text() for button in page._buttons] == list(message.steps)
    assert page.accessibleName() == message.title


def test_a_step_is_said_when_its_button_is_pressed(qtbot: QtBot, page: MessagePage) -> None:
    page.set_message(pages.no_photos("/x/Holidays", recursive=False))
    for button, step in zip(page._buttons, (Step.INCLUDE_SUBFOLDERS, Step.OPEN_ANOTHER), strict=True):
        with qtbot.waitSignal(page.step_clicked) as clicked:
            qtbot.mouseClick(button, LEFT)
        assert clicked.args == [step]
    page.set_message(pages.nothing_matches(5))
    with qtbot.waitSignal(page.step_clicked) as clicked:
        qtbot.keyClick(page._buttons[0], Qt.Key.Key_Space)
    assert clicked.args == [Step.CLEAR_FILTER]
    assert len(page._buttons) == 1


def test_a_running_count_keeps_its_buttons(page: MessagePage) -> None:
    page.set_message(pages.folder_gone("/x/a"))
    before = list(page._buttons)
    page.set_message(pages.folder_gone("/x/b"))
    assert page._buttons == before
    page.set_message(pages.looking("/x/a", 0))
    assert page.message().text == "None so far."
    page.set_message(pages.looking("/x/a", 12_040))
    assert "12,040 so far." in texts(page)


def test_names_are_text_and_never_markup(page: MessagePage) -> None:
    page.set_message(pages.no_photos("/x/<b>bold<i>\n\udcff", recursive=True))
    title = page.findChildren(QLabel)[1]
    assert title.textFormat() == Qt.TextFormat.PlainText
    assert (
        title.text()
        == "There are no photos in <b>bold<i>\N{REPLACEMENT CHARACTER}" + "\N{REPLACEMENT CHARACTER}"
    )


def test_long_titles_wrap_and_stay_inside(page: MessagePage) -> None:
    page.resize(360, 500)
    page.set_message(pages.folder_gone("/x/" + "a long name of a folder " * 4))
    assert page.minimumSizeHint().width() <= 360


def test_welcome_says_what_it_is_and_that_nothing_is_uploaded(welcome: WelcomePage) -> None:
    welcome.set_subject("mila")
    said = " ".join(texts(welcome))
    assert "Find Mila among your photos" in said
    assert "nothing is uploaded" in said


def test_welcome_opens_by_mouse_and_by_enter(qtbot: QtBot, welcome: WelcomePage) -> None:
    button = welcome.findChildren(StepButton)[0]
    with qtbot.waitSignal(welcome.open_clicked):
        qtbot.mouseClick(button, LEFT)
    with qtbot.waitSignal(welcome.open_clicked):
        qtbot.keyClick(button, Qt.Key.Key_Space)
    welcome.setFocus()
    assert welcome.focusProxy() is button


def test_welcome_lights_up_for_a_drop(qtbot: QtBot, welcome: WelcomePage) -> None:
    def corner() -> str:
        return welcome.grab().toImage().pixelColor(40, 40).name()

    assert corner() == theme.tokens().canvas
    welcome.set_drop_active(True)
    assert corner() == theme.tokens().raised
    assert "Let go to open it" in texts(welcome)
    welcome.set_drop_active(False)
    assert corner() == theme.tokens().canvas


def test_recent_folders_are_few_and_come_back_as_the_very_path(qtbot: QtBot, welcome: WelcomePage) -> None:
    assert "Recent folders" not in texts(welcome)
    welcome.set_recent([f"/photos/{n}" for n in range(9)])
    welcome.set_recent([os.fsdecode(b"/photos/caf\xe9"), *(f"/photos/{n}" for n in range(9))])
    assert welcome._recent.count() == MOST_RECENT
    assert "Recent folders" in texts(welcome)
    first = welcome.findChildren(_RecentButton)[-MOST_RECENT]
    with qtbot.waitSignal(welcome.recent_chosen) as chosen:
        qtbot.mouseClick(first, LEFT)
    assert os.fsencode(chosen.args[0]) == b"/photos/caf\xe9"
    assert first.accessibleName() == "Open caf\N{REPLACEMENT CHARACTER} in /photos"
    welcome.set_recent([])
    assert "Recent folders" not in texts(welcome)


def test_names_are_shown_on_one_line_and_ordered_as_people_count() -> None:
    assert names.shown(
        "a\nb\u202ec\udcff"
    ) == "a" + "\N{REPLACEMENT CHARACTER}b" + "\N{REPLACEMENT CHARACTER}c" + ("\N{REPLACEMENT CHARACTER}")
    assert names.shown("Fête 😀 👩‍👧.jpg") == "Fête 😀 👩‍👧.jpg"
    unordered = ["IMG_10", "img_9", "IMG_9b", "9", "10", "a"]
    assert sorted(unordered, key=names.natural_key) == ["9", "10", "a", "img_9", "IMG_9b", "IMG_10"]
    assert names.folder_name(os.sep) == os.sep
    assert names.folder_place(str(Path.home() / "Pictures" / "Mila")) == f"~{os.sep}Pictures"


# The list of photos that can't be read


def column(dialog: PhotoListDialog, at: int) -> list[str]:
    model = dialog._model
    return [model.index(row, at).data() for row in range(model.rowCount())]


def click_header(qtbot: QtBot, header: QHeaderView, section: int) -> None:
    x = header.sectionViewportPosition(section) + 8
    qtbot.mouseClick(
        header.viewport(), LEFT, pos=header.viewport().rect().topLeft() + type(header.pos())(x, 8)
    )


def test_unreadable_photos_are_counted_named_and_explained(unreadable: PhotoListDialog) -> None:
    assert unreadable._title.text() == "3 photos can't be read"
    assert column(unreadable, 0) == [
        "IMG_9.jpg",
        "IMG_10.jpg",
        "two\N{REPLACEMENT CHARACTER}lines \N{REPLACEMENT CHARACTER}.jpg",
    ]
    assert column(unreadable, 1) == ["is empty", "is cut off", "is no picture"]
    assert not unreadable.isModal()
    unreadable.set_rows([("/photos/a.jpg", "is empty")])
    assert unreadable._title.text() == "1 photo can't be read"
    unreadable.set_rows([("/photos/a.jpg", "is empty"), ("/photos/b", "isn't open to you")], 1)
    assert unreadable._title.text() == "1 photo and 1 folder can't be read"
    unreadable.set_rows([])
    assert unreadable._title.text() == "Every photo can be read"
    assert not unreadable._copy_button.isEnabled()


def test_clicking_a_header_sorts_and_keeps_the_selected_photo(
    qtbot: QtBot, unreadable: PhotoListDialog
) -> None:
    unreadable._table.selectRow(0)
    click_header(qtbot, unreadable._table.horizontalHeader(), 1)
    assert column(unreadable, 1) == ["is cut off", "is empty", "is no picture"]
    click_header(qtbot, unreadable._table.horizontalHeader(), 1)
    assert column(unreadable, 1) == ["is no picture", "is empty", "is cut off"]
    assert unreadable._selected() == [("/photos/a/IMG_9.jpg", "is empty")]


def test_refreshing_keeps_order_and_selection(unreadable: PhotoListDialog) -> None:
    unreadable._table.selectRow(1)
    unreadable.set_rows([("/photos/b/IMG_10.jpg", "is cut off"), ("/photos/b/IMG_1.jpg", "is empty")])
    assert column(unreadable, 0) == ["IMG_1.jpg", "IMG_10.jpg"]
    assert unreadable._selected() == [("/photos/b/IMG_10.jpg", "is cut off")]


def test_copying_takes_the_selected_by_key_and_all_by_button(
    qtbot: QtBot, unreadable: PhotoListDialog
) -> None:
    qtbot.mouseClick(unreadable._copy_button, LEFT)
    lines = QGuiApplication.clipboard().text().split("\n")
    assert lines[:2] == ["/photos/a/IMG_9.jpg\tis empty", "/photos/b/IMG_10.jpg\tis cut off"]
    assert len(lines) == 3
    unreadable.activateWindow()
    qtbot.waitUntil(unreadable.isActiveWindow)
    unreadable._table.setFocus()
    unreadable._table.selectRow(1)
    qtbot.keyClick(unreadable._table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "/photos/b/IMG_10.jpg\tis cut off"


def test_the_folder_is_shown_by_button_and_by_double_click(
    qtbot: QtBot, unreadable: PhotoListDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    assert not unreadable._folder_button.isEnabled()
    path = os.fsdecode(b"/photos/caf\xe9/x.jpg") if os.name == "posix" else "C:\\photos\\x.jpg"
    unreadable.set_rows([(path, "is empty")])
    view = unreadable._table
    where = view.visualRect(unreadable._model.index(0, 0)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=where)
    qtbot.mouseDClick(view.viewport(), LEFT, pos=where)
    qtbot.mouseClick(unreadable._folder_button, LEFT)
    assert len(opened) == 2
    assert all(url.isLocalFile() for url in opened)
    if os.name == "posix":
        assert bytes(opened[0].toEncoded().data()) == b"file:///photos/caf%E9"
