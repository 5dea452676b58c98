"""A subject goes into a file: where the user wants it, and without single faces unless that is wanted, too."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import theme
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.settings import Settings
from lennonnet_gui.subject_desk import SubjectDesk
from lennonnet_gui.subject_export import FacesDialog, SubjectExport, faces_held
from training import learning
from training.backbones import BackboneUnavailable, TunedNetwork
from training.face_head import MEAN, FaceHead, Persons
from training.subject import Subject
from training.subjects import Subjects


def faces(*counts: int) -> FaceHead:
    """A face head that has seen so many faces of each of some persons, the subject first."""
    random = np.random.default_rng(5)
    means = MEAN + random.normal(0, 0.03, (len(counts), 128)).astype(np.float32)
    shares = np.array(counts, np.float64)
    persons = Persons.of(means * shares[:, None], shares, np.arange(len(counts)).clip(max=1))
    kind = np.repeat(np.arange(len(counts)).clip(max=1), counts).astype(np.int16)
    total = len(kind)
    return FaceHead(
        persons,
        examples=np.repeat(means, counts, axis=0).astype(np.float16),
        kind=kind,
        digests=np.ones((total, 16), np.uint8),
        numbers=np.zeros(total, np.int32),
    )


@pytest.fixture
def plain(subject_file: Path) -> Subject:
    return Subject.load(subject_file)


@pytest.fixture
def person(plain: Subject) -> Subject:
    return dataclasses.replace(plain, faces=faces(30, 8, 1, 2))


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


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


class Told:
    def __init__(self, export: SubjectExport) -> None:
        self.all: list[str] = []
        self.crashes: list[str] = []
        export.notice.connect(self.all.append)
        export.crashed.connect(self.crashes.append)


@pytest.fixture
def export(jobs: Jobs, window: QWidget) -> SubjectExport:
    return SubjectExport(jobs, window)


@pytest.fixture
def told(export: SubjectExport) -> Told:
    return Told(export)


def asked_where(window: QWidget) -> QFileDialog:
    (dialog,) = [one for one in window.findChildren(QFileDialog) if one.isVisible()]
    return dialog


def click(dialog: QWidget, words: str) -> None:
    (button,) = [one for one in dialog.findChildren(QPushButton) if one.text().replace("&", "") == words]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def words(dialog: QWidget) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def test_without_faces_only_the_place_is_asked_for(
    qtbot: QtBot, export: SubjectExport, told: Told, window: QWidget, plain: Subject, tmp_path: Path
) -> None:
    dialog = export.ask(plain)
    assert dialog is asked_where(window)
    assert isinstance(dialog, QFileDialog)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert not dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)  # never over a file silently
    assert dialog.defaultSuffix() == "safetensors"
    assert [Path(file).name for file in dialog.selectedFiles()] == ["john.safetensors"]
    dialog.fileSelected.emit(str(tmp_path / "mine.safetensors"))
    qtbot.waitUntil(lambda: told.all != [])
    assert told.all == ["John was saved as “mine.safetensors”."]
    saved = Subject.load(tmp_path / "mine.safetensors")
    np.testing.assert_array_equal(saved.head.weight, plain.head.weight)


@pytest.mark.parametrize(("choice", "left_out"), [("Leave them out", True), ("Keep them in", False)])
def test_single_faces_are_told_of_and_left_out_or_kept(
    qtbot: QtBot,
    export: SubjectExport,
    told: Told,
    window: QWidget,
    person: Subject,
    tmp_path: Path,
    choice: str,
    left_out: bool,
) -> None:
    dialog = export.ask(person)
    assert isinstance(dialog, FacesDialog)
    assert "128 numbers for each of 41 faces" in words(dialog)
    assert "no picture" in words(dialog)
    click(dialog, choice)
    asked_where(window).fileSelected.emit(str(tmp_path / "john.safetensors"))
    qtbot.waitUntil(lambda: told.all != [])
    saved = Subject.load(tmp_path / "john.safetensors")
    assert saved.faces is not None
    assert saved.holds_faces != left_out
    assert ("without single faces" in told.all[0]) == left_out
    if not left_out:
        np.testing.assert_array_equal(saved.faces.examples, person.faces.examples if person.faces else None)


def test_leaving_them_out_is_what_the_return_key_does(
    export: SubjectExport, window: QWidget, person: Subject
) -> None:
    dialog = export.ask(person)
    assert isinstance(dialog, FacesDialog)
    chosen: list[bool] = []
    dialog.chosen.connect(chosen.append)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert chosen == [True]
    assert not dialog.isVisible()


def test_cancelled_nothing_is_asked_any_more(export: SubjectExport, window: QWidget, person: Subject) -> None:
    dialog = export.ask(person)
    assert dialog is not None
    click(dialog, "Cancel")
    assert [one for one in window.findChildren(QDialog) if one.isVisible()] == []


def test_a_choice_for_one_subject_is_none_for_the_next(
    qtbot: QtBot,
    export: SubjectExport,
    told: Told,
    window: QWidget,
    plain: Subject,
    person: Subject,
    tmp_path: Path,
) -> None:
    dialog = export.ask(person)
    assert dialog is not None
    click(dialog, "Leave them out")
    asked_where(window).reject()
    export.ask(dataclasses.replace(plain, faces=person.faces.without_examples() if person.faces else None))
    asked_where(window).fileSelected.emit(str(tmp_path / "x.safetensors"))
    qtbot.waitUntil(lambda: told.all != [])
    assert told.all == ["John was saved as “x.safetensors”."]


def test_what_leaving_out_costs_is_said(qtbot: QtBot, plain: Subject) -> None:
    several = FacesDialog(dataclasses.replace(plain, faces=faces(5, 1)))
    one = FacesDialog(dataclasses.replace(plain, faces=faces(1)))
    for dialog in (several, one):
        qtbot.addWidget(dialog)
    assert "found nearly as well" in words(several)
    assert "by the whole picture alone" in words(one)
    assert "the one face" in words(one)


def test_faces_that_stand_for_a_person_count_where_no_others_are_kept() -> None:
    known = faces(1, 1, 4)
    none = known.without_examples()
    bare = dataclasses.replace(
        known, examples=none.examples, kind=none.kind, digests=none.digests, numbers=none.numbers
    )
    subject = learning.new_subject("John")
    assert faces_held(subject) == 0
    assert faces_held(dataclasses.replace(subject, faces=known)) == 6
    assert faces_held(dataclasses.replace(subject, faces=bare)) == 2


def test_of_a_subject_of_which_nothing_is_known_there_is_no_file(
    export: SubjectExport, told: Told, window: QWidget
) -> None:
    assert export.ask(learning.new_subject("mila")) is None
    assert told.all == [
        "Nothing was learned of Mila yet. Label some photos first; then there is a file to save."
    ]
    assert window.findChildren(QDialog) == []


def gone() -> dict[str, np.ndarray]:
    raise BackboneUnavailable("The network is gone.")


def test_where_it_can_not_be_written_a_sentence_says_so(
    qtbot: QtBot, export: SubjectExport, told: Told, window: QWidget, plain: Subject, tmp_path: Path
) -> None:
    export.ask(plain)
    asked_where(window).fileSelected.emit(str(tmp_path / "none" / "x.safetensors"))
    qtbot.waitUntil(lambda: len(told.all) == 1 and export._job is None)
    assert told.all[0].startswith("The subject can’t be saved there: ")
    asked_where(window).reject()
    export.ask(dataclasses.replace(plain, network=TunedNetwork("00" * 32, gone)))
    asked_where(window).fileSelected.emit(str(tmp_path / "x.safetensors"))
    qtbot.waitUntil(lambda: len(told.all) == 2)
    assert told.all[1] == "The network is gone."
    assert told.crashes == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", [theme.Scheme.LIGHT, theme.Scheme.DARK])
def test_nothing_is_cut_off(qtbot: QtBot, person: Subject, scheme: theme.Scheme) -> None:
    theme.choose(scheme)
    long = dataclasses.replace(person, name="Wilhelmina Charlotte of Brandenburg-Ansbach & <b>Co")
    dialog = FacesDialog(long)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.resize(dialog.minimumSizeHint())
    QApplication.processEvents()
    for label in dialog.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert label.height() >= label.heightForWidth(label.width()), label.text()
    theme.choose(theme.Scheme.SYSTEM)


# -- and back again


@pytest.fixture
def desk(qtbot: QtBot) -> SubjectDesk:
    subjects = Subjects()
    return SubjectDesk(subjects, Settings(remember=False), subjects.get("john"))


def test_a_file_is_the_same_version_only_if_its_faces_are_the_same(
    desk: SubjectDesk, person: Subject, tmp_path: Path
) -> None:
    mila = dataclasses.replace(person, name="Mila")
    assert mila.faces is not None
    files = [tmp_path / f"{name}.safetensors" for name in ("whole", "bare", "none", "scene")]
    mila.save(files[0])
    mila.save(files[1], without_faces=True)
    dataclasses.replace(mila, faces=None).save(files[2])
    dataclasses.replace(mila, faces=dataclasses.replace(mila.faces, slope=0.5)).save(files[3])
    told: list[str] = []
    desk.notice.connect(told.append)
    for file in files:
        desk.use_file(str(file))
    assert [version.number for version in desk.subjects.versions("mila")] == [4, 3, 2, 1]
    for number, file in enumerate(files, 1):
        desk.use_file(str(file))
        assert desk.entry.version == number
    assert len(desk.subjects.versions("mila")) == 4
    assert told == []


def test_a_version_that_is_damaged_hinders_no_other_file(
    desk: SubjectDesk, person: Subject, tmp_path: Path
) -> None:
    person = dataclasses.replace(person, name="Mila")
    person.save(tmp_path / "mila.safetensors")
    desk.use_file(str(tmp_path / "mila.safetensors"))
    desk.subjects.versions("mila")[0].path.write_bytes(b"hello")
    desk.use_file(str(tmp_path / "mila.safetensors"))
    assert desk.entry.version == 2
