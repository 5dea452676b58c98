from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QAction, QDesktopServices, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from lennonnet_gui.subject_menu import (
    ExportDialog,
    NameDialog,
    SubjectButton,
    SubjectMenu,
    name_problem,
)
from training.subjects import BadName, LookAlike, SubjectEntry, Subjects
from training.zones import Zone

YES, NO = Zone.SUBJECT, Zone.NOT_SUBJECT
GEORGE, RINGO = LookAlike("g7", "George"), LookAlike("r2", "Ringo")
JOHN = SubjectEntry("john", "John", (GEORGE, RINGO))
MILA = SubjectEntry("mila", "mila")
OTTO = SubjectEntry("otto-2", "Otto & <b>Co", deleted="2020-03-12T08:00:00+00:00")
SIGNALS = (
    "switch_wanted",
    "create_wanted",
    "rename_wanted",
    "delete_wanted",
    "restore_wanted",
    "look_alike_create_wanted",
    "look_alike_rename_wanted",
    "look_alike_remove_wanted",
    "versions_wanted",
    "save_wanted",
    "import_wanted",
    "export_wanted",
    "export_stopped",
)


class Told:
    """What the menu asked for, in order."""

    def __init__(self, menu: SubjectMenu) -> None:
        self.all: list[tuple[Any, ...]] = []
        for name in SIGNALS:
            getattr(menu, name).connect(lambda *said, name=name: self.all.append((name, *said)))


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[QWidget]:
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    for dialog in made.findChildren(QDialog):
        dialog.done(0)
        dialog.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def menu(window: QWidget) -> SubjectMenu:
    made = SubjectMenu(window)
    made.set_subjects([JOHN, MILA], [], "john")
    return made


@pytest.fixture
def told(menu: SubjectMenu) -> Told:
    return Told(menu)


def action(menu: SubjectMenu, words: str) -> QAction:
    return next(one for one in menu.actions() if words in one.text().replace("&", ""))


def switches(menu: SubjectMenu) -> list[tuple[str, bool]]:
    return [(one.text(), one.isChecked()) for one in menu.actions() if one.isCheckable()]


def button(dialog: QWidget, words: str) -> QPushButton:
    return next(one for one in dialog.findChildren(QPushButton) if one.text() == words)


def field(dialog: QWidget) -> QLineEdit:
    return dialog.findChildren(QLineEdit)[0]


def words(dialog: QWidget) -> str:
    """All that a dialog says."""
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


# ------------------------------------------------------------------------------------------------ the menu


def test_the_one_in_use_is_checked(menu: SubjectMenu) -> None:
    assert switches(menu) == [("John", True), ("Mila", False)]
    menu.set_subjects([JOHN, MILA, SubjectEntry("x", "A & B")], [], "mila")
    assert switches(menu) == [("John", False), ("Mila", True), ("A && B", False)]
    assert [one.text() for one in menu.actions()][:3] == ["John", "Mila", "A && B"]


def test_switching_is_asked_for_and_not_assumed(menu: SubjectMenu, told: Told) -> None:
    action(menu, "Mila").trigger()
    assert switches(menu) == [("John", True), ("Mila", False)]
    action(menu, "John").trigger()  # it is in use: nothing to do
    assert told.all == [("switch_wanted", "mila")]
    assert switches(menu) == [("John", True), ("Mila", False)]


def test_what_can_be_done_names_whom_it_is_done_to(menu: SubjectMenu) -> None:
    menu.set_subjects([JOHN, SubjectEntry("x", "A & B")], [], "x")
    assert menu.rename_action.text() == "&Rename “A && B”…"
    assert menu.delete_action.text() == "&Delete “A && B”…"


def test_the_last_subject_can_not_be_deleted(menu: SubjectMenu) -> None:
    assert menu.delete_action.isEnabled()
    menu.set_subjects([JOHN], [MILA], "john")
    assert not menu.delete_action.isEnabled()


def test_before_it_is_told_of_subjects_only_new_ones_can_be_made(window: QWidget) -> None:
    menu = SubjectMenu(window)
    can = [one.text() for one in menu.actions() if one.isEnabled() and not one.isSeparator()]
    assert can == ["&New subject…", "&Import labelled folder…"]


def test_deleted_subjects_can_be_restored(menu: SubjectMenu, told: Told) -> None:
    assert not menu.deleted_menu.isEnabled()
    hour_ago = datetime.fromtimestamp(time.time() - 3700, UTC).isoformat(timespec="seconds")
    menu.set_subjects([JOHN], [SubjectEntry("mila", "mila", deleted=hour_ago), OTTO], "john")
    offered = menu.deleted_menu.actions()
    assert offered[0].text().startswith("Restore “Mila”, deleted ")
    assert offered[1].text().startswith("Restore “Otto && <b>Co”, deleted 12 March 2020")
    offered[1].trigger()
    assert told.all == [("restore_wanted", "otto-2")]
    menu.set_subjects([JOHN], [], "john")
    assert menu.deleted_menu.actions() == []


def test_versions(menu: SubjectMenu, told: Told) -> None:
    menu.versions_action.trigger()
    assert told.all == [("versions_wanted",)]


def test_the_subject_can_be_saved_as_a_file(menu: SubjectMenu, told: Told) -> None:
    action(menu, "Save subject as…").trigger()
    assert told.all == [("save_wanted",)]


# ------------------------------------------------------------------------------------------------ the button


def test_the_button_names_the_subject_and_never_changes_its_size(menu: SubjectMenu, qtbot: QtBot) -> None:
    made = SubjectButton(menu)
    qtbot.addWidget(made)
    made.show()

    def look() -> QImage:
        return made.grab().toImage()

    john, size = look(), made.sizeHint()
    assert made.accessibleName() == "Subject: John"
    assert made.menu() is menu
    menu.set_subjects([SubjectEntry("w", "Wilhelmina Charlotte of Brandenburg-Ansbach")], [], "w")
    assert made.accessibleName() == "Subject: Wilhelmina Charlotte of Brandenburg-Ansbach"
    assert made.sizeHint() == size
    assert look() != john
    assert made.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_button_opens_the_menu_by_key(menu: SubjectMenu, qtbot: QtBot) -> None:
    made = SubjectButton(menu)
    qtbot.addWidget(made)
    made.show()
    made.setFocus()
    shown: list[bool] = []
    menu.aboutToShow.connect(lambda: shown.append(True))
    menu.aboutToShow.connect(menu.close, Qt.ConnectionType.QueuedConnection)
    QTest.keyClick(made, Qt.Key.Key_Space)
    assert shown == [True]


# ------------------------------------------------------------------------------------------------ naming


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "x" * 61,
        "a/b",
        "a\\b",
        "..",
        "not_mila",
        "JOHN",
        " john ",
        "new\nline",
        "Mila",
        "Otto",
        "名前",
        "a'b",
    ],
)
def test_a_name_is_refused_live_as_it_would_be_on_the_disk(name: str, tmp_path: Path) -> None:
    subjects = Subjects(tmp_path)
    said = name_problem(name, [one.name for one in subjects.all()])
    try:
        subjects.create(name)
    except BadName as error:
        assert said == str(error) != ""
    else:
        assert said == ""


def test_a_subject_is_created(menu: SubjectMenu, told: Told) -> None:
    dialog = menu.ask_for_subject()
    go = button(dialog, "Create")
    assert not go.isEnabled() and "Please give a name" not in words(dialog)  # nothing was done wrong yet
    QTest.keyClicks(field(dialog), "joh")
    assert go.isEnabled() and go.isDefault() and not button(dialog, "Cancel").isDefault()
    QTest.keyClicks(field(dialog), "n")
    assert not go.isEnabled() and "There is “John” already" in words(dialog)
    assert "There is “John” already" in field(dialog).accessibleDescription()
    QTest.keyClick(field(dialog), Qt.Key.Key_Return)
    assert told.all == [] and dialog.isVisible()
    QTest.keyClicks(field(dialog), " L.")
    QTest.keyClick(field(dialog), Qt.Key.Key_Return)
    assert told.all == [("create_wanted", "john L.")]
    assert not dialog.isVisible()


def test_an_emptied_name_is_asked_for(menu: SubjectMenu) -> None:
    dialog = menu.ask_for_subject()
    field(dialog).setText("M")
    field(dialog).clear()
    assert "Please give a name" in words(dialog)


def test_nothing_moves_when_there_is_something_to_say(menu: SubjectMenu) -> None:
    long = "Wilhelmina Charlotte of Brandenburg-Ansbach and of Hanover"
    menu.set_subjects([JOHN, SubjectEntry("w", long)], [], "john")
    dialog = menu.ask_for_subject()
    QApplication.processEvents()
    size, place = dialog.size(), button(dialog, "Create").geometry()
    for name in ("john", "x" * 61, "..", long):
        field(dialog).setText(name)
        QApplication.processEvents()
        assert (dialog.size(), dialog.minimumSizeHint().height() <= size.height()) == (size, True)
        assert button(dialog, "Create").geometry() == place
        assert all(one.height() >= one.heightForWidth(one.width()) for one in dialog.findChildren(QLabel))


def test_escape_gives_no_name(menu: SubjectMenu, told: Told) -> None:
    dialog = menu.ask_for_subject()
    field(dialog).setText("Otto")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert told.all == [] and not dialog.isVisible()


def test_the_subject_in_use_is_renamed(menu: SubjectMenu, told: Told) -> None:
    dialog = menu.ask_to_rename()
    assert field(dialog).text() == field(dialog).selectedText() == "John"
    assert not button(dialog, "Rename").isEnabled()  # it has this name
    field(dialog).setText("mila")
    assert not button(dialog, "Rename").isEnabled()
    field(dialog).setText("george")  # is one of its look-alikes
    assert not button(dialog, "Rename").isEnabled()
    field(dialog).setText("JOHN")  # its own, in capitals
    menu.set_subjects([JOHN, MILA], [], "mila")  # another window switched meanwhile
    QTest.mouseClick(button(dialog, "Rename"), Qt.MouseButton.LeftButton)
    assert told.all == [("rename_wanted", "john", "JOHN")]


def test_look_alikes_are_named(menu: SubjectMenu, told: Told) -> None:
    adding = menu.ask_for_look_alike()
    for taken in ("john", "George", "RINGO"):
        field(adding).setText(taken)
        assert not button(adding, "Add").isEnabled()
    field(adding).setText("mila")  # another subject may be one's look-alike
    QTest.keyClick(field(adding), Qt.Key.Key_Return)
    renaming = menu.ask_to_rename_look_alike("g7")
    assert renaming is not None
    field(renaming).setText("Ringo")
    assert not button(renaming, "Rename").isEnabled()
    field(renaming).setText("George H.")
    QTest.keyClick(field(renaming), Qt.Key.Key_Return)
    assert told.all == [
        ("look_alike_create_wanted", "mila"),
        ("look_alike_rename_wanted", "g7", "George H."),
    ]
    assert menu.ask_to_rename_look_alike("gone") is None
    assert menu.ask_to_remove_look_alike("gone") is None


# ------------------------------------------------------------------------------------------- deleting, removing


def test_deleting_is_explained_and_asked_for(menu: SubjectMenu, told: Told) -> None:
    menu.set_counts({(YES, ""): 22, (NO, ""): 10, (NO, "g7"): 2})
    box = menu.ask_to_delete()
    assert box.text() == "Delete “John”?"
    assert box.informativeText().startswith("John and its 34 labels go to “Deleted subjects”")
    assert box.defaultButton().text() == "Cancel"
    QTest.mouseClick(button(box, "Cancel"), Qt.MouseButton.LeftButton)
    assert told.all == []
    box = menu.ask_to_delete()
    menu.set_subjects([JOHN, MILA], [], "mila")  # another window switched meanwhile
    QTest.mouseClick(button(box, "Delete"), Qt.MouseButton.LeftButton)
    assert told.all == [("delete_wanted", "john")]


@pytest.mark.parametrize(
    "count, said", [(0, "Mila goes to"), (1, "Mila and its 1 label go to"), (1204, "its 1,204 labels go to")]
)
def test_labels_are_counted_in_words(menu: SubjectMenu, count: int, said: str) -> None:
    menu.set_subjects([JOHN, MILA], [], "mila")
    menu.set_counts({(YES, ""): count})
    assert said in menu.ask_to_delete().informativeText()


def test_removing_a_look_alike_says_what_becomes_of_its_labels(menu: SubjectMenu, told: Told) -> None:
    menu.set_counts({(NO, "g7"): 12})
    box = menu.ask_to_remove_look_alike("g7")
    assert box is not None and "Its 12 labels stay and count as “not John”." in box.informativeText()
    QTest.mouseClick(button(box, "Remove"), Qt.MouseButton.LeftButton)
    assert told.all == [("look_alike_remove_wanted", "g7")]
    box = menu.ask_to_remove_look_alike("r2")
    assert box is not None and "It has no labels." in box.informativeText()


@pytest.mark.parametrize("name", ["<b>bold</b>", "\u202ereversed"])
def test_names_are_no_markup(menu: SubjectMenu, name: str) -> None:
    menu.set_subjects([SubjectEntry("x", name), JOHN], [], "x")
    box = menu.ask_to_delete()
    assert isinstance(box, QMessageBox) and box.textFormat() == Qt.TextFormat.PlainText
    for dialog in (box, menu.ask_to_rename(), menu.ask_for_look_alike(), menu.ask_for_export()):
        assert "\u202e" not in words(dialog)
        for label in dialog.findChildren(QLabel):
            assert label.textFormat() == Qt.TextFormat.PlainText or "<" not in label.text()


# ------------------------------------------------------------------------------------------- import and export


def test_a_labelled_folder_is_asked_for(menu: SubjectMenu, told: Told, tmp_path: Path) -> None:
    dialog = menu.ask_for_import()
    assert dialog.fileMode() == QFileDialog.FileMode.Directory
    dialog.fileSelected.emit(str(tmp_path))
    dialog.reject()
    assert told.all == [("import_wanted", str(tmp_path))]


@pytest.fixture
def export(menu: SubjectMenu) -> ExportDialog:
    menu.set_counts({(YES, ""): 34, (NO, ""): 1120, (NO, "g7"): 12, (NO, "gone"): 4})
    return menu.ask_for_export()


def choose(dialog: ExportDialog, folder: Path) -> None:
    QTest.mouseClick(button(dialog, "Choose…"), Qt.MouseButton.LeftButton)
    (asking,) = dialog.findChildren(QFileDialog)
    asking.fileSelected.emit(str(folder))
    asking.reject()


def rows(dialog: ExportDialog) -> Sequence[str]:
    texts = words(dialog).split("\n")
    return [f"{text} {count}" for text, count in itertools.pairwise(texts) if text.endswith("/")]


def test_the_export_says_first_what_it_would_do(export: ExportDialog, told: Told) -> None:
    assert rows(export) == ["John/ 34 photos", "not_John/ 1,124 photos", "not_John/George/ 12 photos"]
    assert "Your photos stay where they are" in words(export)
    assert not button(export, "Export").isEnabled()  # no folder yet
    assert told.all == []


@pytest.mark.parametrize("how, link", [(0, False), (1, True)])
def test_an_export_from_start_to_end(
    menu: SubjectMenu,
    export: ExportDialog,
    told: Told,
    tmp_path: Path,
    how: int,
    link: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(export, tmp_path)
    assert field(export).text() == str(tmp_path)
    export.findChildren(QComboBox)[0].setCurrentIndex(how)
    QApplication.processEvents()
    size = export.size()
    QTest.mouseClick(button(export, "Export"), Qt.MouseButton.LeftButton)
    assert told.all == [("export_wanted", str(tmp_path), link)]
    (bar,) = export.findChildren(QProgressBar)
    menu.show_export(60, 1170)
    assert bar.isVisible() and (bar.value(), bar.maximum()) == (60, 1170)
    assert "60 of 1,170 photos" in words(export)
    assert not button(export, "Choose…").isEnabled() and not button(export, "Export").isEnabled()
    menu.end_export("1,170 photos were copied into “x”.")
    QApplication.processEvents()
    assert "1,170 photos were copied into “x”." in words(export)
    assert not bar.isVisible() and export.size() == size
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    QTest.mouseClick(button(export, "Open folder"), Qt.MouseButton.LeftButton)
    assert opened == [str(tmp_path)]
    QTest.mouseClick(button(export, "Close"), Qt.MouseButton.LeftButton)
    assert not export.isVisible()
    again = menu.ask_for_export()
    assert again is not export and field(again).text() == ""
    menu.end_export("late")  # of nobody's export any more: must not end this one's
    assert len(told.all) == 1


def test_an_export_can_be_stopped_but_not_closed_in_the_middle(
    menu: SubjectMenu, export: ExportDialog, told: Told, tmp_path: Path
) -> None:
    choose(export, tmp_path)
    QTest.mouseClick(button(export, "Export"), Qt.MouseButton.LeftButton)
    QTest.keyClick(export, Qt.Key.Key_Escape)
    assert export.isVisible() and told.all[1:] == [("export_stopped",)]
    assert not button(export, "Stop").isEnabled()
    QTest.keyClick(export, Qt.Key.Key_Escape)
    assert len(told.all) == 2  # once is enough
    menu.end_export("Stopped after 60 of 1,170 photos.")
    QTest.keyClick(export, Qt.Key.Key_Escape)
    assert not export.isVisible()


def test_there_is_nothing_to_export_without_labels(menu: SubjectMenu, tmp_path: Path) -> None:
    dialog = menu.ask_for_export()
    choose(dialog, tmp_path)
    assert not button(dialog, "Export").isEnabled()
    assert "Nothing is labelled yet" in words(dialog)


def test_asked_for_twice_there_is_one_export(menu: SubjectMenu, export: ExportDialog) -> None:
    assert menu.ask_for_export() is export


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_any_folder_can_be_exported_into(export: ExportDialog, told: Told) -> None:
    export.set_folder("/a/caf\udce9 <b>")
    assert field(export).text() == "/a/caf\N{REPLACEMENT CHARACTER} <b>"
    QTest.mouseClick(button(export, "Export"), Qt.MouseButton.LeftButton)
    assert told.all == [("export_wanted", "/a/caf\udce9 <b>", False)]


@pytest.mark.parametrize("make", ["ask_for_subject", "ask_for_look_alike", "ask_for_export"])
def test_nothing_is_cut_off(menu: SubjectMenu, make: str) -> None:
    dialog = getattr(menu, make)()
    assert isinstance(dialog, NameDialog | ExportDialog)
    dialog.resize(dialog.minimumSizeHint())
    QApplication.processEvents()
    for label in dialog.findChildren(QLabel):
        if label.text():
            assert label.height() >= label.heightForWidth(label.width()), label.text()
