from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from lennonnet_gui.jobs import Jobs
from lennonnet_gui.versions_dialog import VersionsDialog, when
from training.evaluate import measure
from training.subject import Subject
from training.subjects import Subjects

FIGURES = measure([0.9] * 19 + [0.1] * 31, [True] * 20 + [False] * 30, ["John"] * 20 + ["not_John"] * 30)


@pytest.fixture
def subjects() -> Subjects:
    made = Subjects()
    starter = made.load(made.get("john"))
    assert starter is not None
    quick = dataclasses.replace(starter, figures=None, counts={"John": 1}, created="")
    deep = dataclasses.replace(starter, figures=FIGURES, counts={"John": 80, "George": 149})
    made.add_version("john", quick, method="quick", adopt=False)
    made.add_version("john", deep, method="deep", adopt=True)
    return made


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


@pytest.fixture
def dialog(qtbot: QtBot, subjects: Subjects, jobs: Jobs) -> VersionsDialog:
    made = VersionsDialog(subjects, jobs)
    qtbot.addWidget(made)
    made.set_subject(subjects.get("john"))
    made.show()
    qtbot.waitUntil(lambda: len(made._rows) == 3)
    return made


def words(dialog: VersionsDialog, row: int) -> list[str]:
    return [
        label.text() for label in dialog._rows[row].findChildren(QLabel) if label.isVisible() and label.text()
    ]


def button(dialog: VersionsDialog, row: int) -> QPushButton:
    (found,) = dialog._rows[row].findChildren(QPushButton)
    return found


def test_every_version_says_what_it_is(dialog: VersionsDialog) -> None:
    per_cent = "\N{NARROW NO-BREAK SPACE}%"
    newest, quick, first = (words(dialog, row) for row in range(3))
    assert newest[0] == "Version 2, Deep"
    assert newest[1].endswith("learned from 229 photos")
    assert newest[2] == f"Told right: John 95{per_cent} of 20, not John 100{per_cent} of 30"
    assert quick[:2] == ["Version 1, Quick", "learned from 1 photo"]
    assert quick[2].startswith("Never measured")
    assert first[0] == "The first one, came with Lennonnet"
    assert dialog.windowTitle() == "Versions of John"


def test_the_one_in_use_is_marked_and_can_not_be_chosen(dialog: VersionsDialog) -> None:
    assert "In use" in words(dialog, 0)
    assert not button(dialog, 0).isVisible()
    for row in (1, 2):
        assert "In use" not in words(dialog, row)
        assert button(dialog, row).isVisible()


@pytest.mark.parametrize(("row", "number"), [(1, 1), (2, 0)])
def test_one_click_uses_another(
    qtbot: QtBot, dialog: VersionsDialog, subjects: Subjects, row: int, number: int
) -> None:
    with qtbot.waitSignal(dialog.adopted) as adopted:
        button(dialog, row).click()
    assert adopted.args == ["john", number]
    assert subjects.get("john").version == number
    qtbot.waitUntil(lambda: "In use" in words(dialog, row))
    assert "In use" not in words(dialog, 0)


def test_a_version_that_is_gone_says_so(qtbot: QtBot, dialog: VersionsDialog, subjects: Subjects) -> None:
    (subjects.folder / "john" / "versions" / "0001.safetensors").unlink()
    button(dialog, 1).click()
    qtbot.waitUntil(lambda: "not there any more" in dialog._trouble.text())
    qtbot.waitUntil(lambda: len(dialog._rows) == 2)
    assert subjects.get("john").version == 2


def test_a_subject_without_any(qtbot: QtBot, dialog: VersionsDialog, subjects: Subjects) -> None:
    dialog.set_subject(subjects.create("Mila"))
    qtbot.waitUntil(lambda: dialog._text.text() == "Nothing was trained yet.")
    assert dialog._rows == []
    dialog.set_subject(subjects.get("john"))
    qtbot.waitUntil(lambda: len(dialog._rows) == 3)
    assert dialog._text.text() != "Nothing was trained yet."


def test_versions_of_another_subject_that_come_late_are_not_shown(
    dialog: VersionsDialog, subjects: Subjects
) -> None:
    late = ("john", subjects.versions("john"), "")
    dialog.set_subject(subjects.create("Mila"))
    dialog._loaded(late)
    assert dialog._rows == []


def test_a_version_added_meanwhile_appears(
    qtbot: QtBot, dialog: VersionsDialog, subjects: Subjects, tmp_path: Path
) -> None:
    made = Subject.load(subjects.versions("john")[0].path)
    subjects.add_version("john", made, method="deep", adopt=True)
    dialog.set_subject(subjects.get("john"))
    qtbot.waitUntil(lambda: len(dialog._rows) == 4)
    assert words(dialog, 0)[0] == "Version 3, Deep"


def test_moments_are_written_in_plain_english() -> None:
    assert when("2026-11-02T14:03:00") == "2 Nov 2026, 14:03"
    assert when("") == ""
    assert when("yesterday") == ""
