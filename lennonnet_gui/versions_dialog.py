"""All versions of a subject: when and how each was made, how good it is, and one click to use it."""

from __future__ import annotations

import datetime
from collections.abc import Generator
from pathlib import Path

from PySide6.QtCore import QLocale, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.training_after import figures_words
from lennonnet_gui.training_parts import Hairline, Words
from training.subjects import SubjectEntry, Subjects, Version
from training.zones import Zone

_METHODS = {
    "starter": "came with Lennonnet",
    "quick": "Quick",
    "deep": "Deep",
}
_KEPT = "Every version is kept. Which one is used can be changed at any time."
_MARGIN = 2 * theme.GRID


class VersionsDialog(QDialog):
    """Shows the versions of one subject, newest first; the window stays usable."""

    adopted = Signal(str, int)
    """Another version is in use: the subject's id and the number. The library knows it already."""

    def __init__(self, subjects: Subjects, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self._subjects, self._jobs = subjects, jobs
        self._entry: SubjectEntry | None = None
        self._rows: list[_Row] = []
        self._failure = ""
        self._title = Words(size=theme.TEXT_TITLE)
        self._text = Words(_KEPT, muted=True)
        self._trouble = Words()
        self._trouble.hide()
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._list.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        for button in buttons.buttons():
            button.setIcon(QIcon())
        column = QVBoxLayout(self)
        column.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        column.setSpacing(theme.GRID)
        for widget in (self._title, self._text, self._trouble):
            column.addWidget(widget)
        column.addWidget(area, 1)
        column.addWidget(buttons)
        self.setMinimumSize(56 * theme.GRID, 40 * theme.GRID)
        self.resize(self.sizeHint())

    def set_subject(self, entry: SubjectEntry) -> None:
        """Whose versions are shown; also when something changed about them."""
        if self._entry is not None and entry.id != self._entry.id:
            self._clear()
        self._entry = entry
        whom = Zone.SUBJECT.words(names.shown(entry.name))
        self._title.setText(f"Versions of {whom}")
        self.setWindowTitle(self._title.text())
        if self.isVisible():
            self._load()

    def sizeHint(self) -> QSize:
        return QSize(80 * theme.GRID, 56 * theme.GRID)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._load()

    def _load(self) -> None:
        if self._entry is not None:
            folder, id = self._subjects.folder, self._entry.id
            self._jobs.start(lambda: _versions(folder, id), on_event=self._loaded, on_failed=self._failed)

    def _clear(self) -> None:
        for row in self._rows:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows.clear()

    @Slot(object)
    def _loaded(self, found: tuple[str, list[Version], str]) -> None:
        id, versions, notice = found
        if self._entry is None or id != self._entry.id:
            return  # another subject is shown by now
        self._trouble.say(notice or self._failure)
        self._clear()
        for at, version in enumerate(versions):
            row = _Row(version, self._entry.name)
            row.use_clicked.connect(self._use)
            self._list.insertWidget(at, row)
            self._rows.append(row)
        self._text.setText(_KEPT if versions else "Nothing was trained yet.")

    @Slot(int)
    def _use(self, number: int) -> None:
        if self._entry is not None:
            self._failure = ""
            for row in self._rows:
                row.set_busy(True)
            folder, id = self._subjects.folder, self._entry.id
            self._jobs.start(lambda: _adopt(folder, id, number), on_event=self._used, on_failed=self._failed)

    @Slot(object)
    def _used(self, entry: SubjectEntry) -> None:
        if self._entry is not None and entry.id == self._entry.id:
            self._entry = entry
            self._load()
        self.adopted.emit(entry.id, entry.version)

    def _failed(self, error: BaseException, trace: str) -> None:
        self._failure = "That version is not there any more." if isinstance(error, KeyError) else str(error)
        self._trouble.say(self._failure)
        if isinstance(error, KeyError):
            self._load()
        for row in self._rows:
            row.set_busy(False)


class _Row(QWidget):
    """One version."""

    use_clicked = Signal(int)

    def __init__(self, version: Version, subject: str) -> None:
        super().__init__()
        self.number = version.number
        name = f"Version {version.number}" if version.number else "The first one"
        how = _METHODS[version.method]
        facts = [when(version.created)] if version.created else []
        count = sum(version.counts.values())
        if count:
            facts.append(f"learned from {names.photos(count)}")
        title = Words(f"{name}, {how}", bold=version.current)
        about = Words("  ·  ".join(facts), muted=True)
        figures = figures_words(version.figures, subject)
        measured = Words(figures[:1].upper() + figures[1:], muted=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(title)
        about.say(about.text())
        words.addWidget(about)
        words.addWidget(measured)
        self._use = QPushButton("Use this one")
        self._use.setAutoDefault(False)
        self._use.setAccessibleName(f"Use {name}")
        self._use.clicked.connect(self._clicked)
        self._use.setVisible(not version.current)
        row = QHBoxLayout()
        row.setContentsMargins(0, theme.GRID, theme.GRID, theme.GRID)
        row.setSpacing(2 * theme.GRID)
        mark = QLabel()
        mark.setFixedWidth(2 * theme.GRID)
        if version.current:
            mark.setPixmap(
                theme.icon_pixmap("check", 2 * theme.GRID, theme.tokens().text, self.devicePixelRatioF())
            )
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        in_use = QLabel("In use")
        in_use.setFont(theme.font(theme.TEXT_BODY, bold=True))
        in_use.setVisible(version.current)
        row.addWidget(in_use)
        row.addWidget(self._use)
        self.setAccessibleName(f"{title.text()}{', in use' if version.current else ''}")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(Hairline())

    def set_busy(self, busy: bool) -> None:
        """Whether another version is about to be used."""
        self._use.setEnabled(not busy)

    @Slot()
    def _clicked(self) -> None:
        self.use_clicked.emit(self.number)


def when(created: str) -> str:
    """A moment as it is written here, in the user's own time: ``2 Nov 2026, 14:03``."""
    try:
        moment = datetime.datetime.fromisoformat(created).astimezone()
    except ValueError:
        return ""
    day = QLocale(QLocale.Language.English).monthName(moment.month, QLocale.FormatType.ShortFormat)
    return f"{moment.day} {day} {moment.year}, {moment:%H:%M}"


def _versions(folder: Path, id: str) -> Generator[tuple[str, list[Version], str], None, None]:
    subjects = Subjects(folder)
    versions = subjects.versions(id)
    yield id, versions, subjects.notice


def _adopt(folder: Path, id: str, number: int) -> Generator[SubjectEntry, None, None]:
    yield Subjects(folder).adopt(id, number)
