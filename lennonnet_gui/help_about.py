"""What this program is, which version, and the licence of everything that it is made of, to search and to copy."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Generator, Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot, qVersion
from PySide6.QtGui import QGuiApplication, QIcon, QKeySequence, QPalette, QShortcut, QShowEvent, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import theme
from lennonnet_gui.help_mishap import fixed_font
from lennonnet_gui.jobs import Jobs
from training import __version__, licences, paths
from training.licences import Licence

_ICON = 8 * theme.GRID
_PIECE = 30_000  # letters that are laid out in one go; torch's texts are eight times as long
_LONG_LINE = 100  # in letters; shorter ones are not broken anew
_SENTENCE = (
    "Sorts photos by one question: is it John? Everything happens on your own computer; nothing is uploaded."
)
_MADE_OF = "It is made of the following, each under its own licence."


class AboutDialog(QDialog):
    """The program's name, version and sentence, above a list of its parts; the window stays usable."""

    crashed = Signal(str)
    """The traceback of a failure that nobody foresaw."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._asked = False
        self._licences: tuple[Licence, ...] = ()
        self._rest = ""  # of the text that is shown: what is not laid out yet
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self._add_piece)
        self.setModal(False)
        self.setWindowTitle("About Lennonnet")

        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignTop)
        self._icon.setPixmap(QIcon(str(paths.resource("icons/lennonnet.svg"))).pixmap(_ICON, _ICON))
        title = QLabel(f"Lennonnet {__version__}")
        title.setFont(theme.font(theme.TEXT_TITLE))
        self._versions = QLabel(_versions())
        sentence = QLabel(_SENTENCE, wordWrap=True)
        made_of = QLabel(_MADE_OF, wordWrap=True)
        for label in (title, sentence, self._versions):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self._versions, made_of):
            label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._versions.setFont(theme.font(theme.TEXT_SMALL))

        self._search = QLineEdit(clearButtonEnabled=True)
        self._search.setPlaceholderText("Search names and licences")
        self._search.setAccessibleName("Search names and licences")
        self._search.textChanged.connect(self._filter)
        self._list = QListWidget()
        self._list.setUniformItemSizes(True)
        self._list.setAccessibleName("Parts")
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._list.currentItemChanged.connect(self._show_current)
        self._name = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self._name.setFont(theme.font(theme.TEXT_BODY, bold=True))
        self._facts = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self._facts.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        for label in (self._name, self._facts):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._text = QPlainTextEdit(readOnly=True, undoRedoEnabled=False)
        self._text.setAccessibleName("Licence")
        self._text.setFrameShape(QFrame.Shape.NoFrame)
        self._text.setTabChangesFocus(True)
        self._text.setFont(fixed_font())  # licences are set in lines of a typewriter

        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        role = QDialogButtonBox.ButtonRole.ActionRole
        self.copy_versions_button = buttons.addButton("Copy versions", role)
        self.copy_versions_button.clicked.connect(self._copy_versions)
        self.copy_licence_button = buttons.addButton("Copy licence", role)
        self.copy_licence_button.clicked.connect(self._copy_licence)
        buttons.rejected.connect(self.close)
        for button in buttons.buttons():
            button.setIcon(QIcon())  # a style's own icons follow no dark scheme
            button.setAutoDefault(False)  # type: ignore[attr-defined]  # Enter in the search is not a button's
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self._search.setFocus)
        self._lay_out((title, sentence, self._versions), made_of, buttons)
        self.resize(self.sizeHint().boundedTo(self.screen().availableSize() * 0.9))

    def _lay_out(self, head: Sequence[QWidget], made_of: QWidget, buttons: QWidget) -> None:
        words = QVBoxLayout()
        words.setSpacing(theme.GRID // 2)
        for widget in head:
            words.addWidget(widget)
        top = QHBoxLayout()
        top.setSpacing(2 * theme.GRID)
        top.addWidget(self._icon)
        top.addLayout(words, 1)
        left = QWidget()
        names_column = QVBoxLayout(left)
        names_column.setContentsMargins(0, 0, theme.GRID, 0)
        names_column.setSpacing(theme.GRID)
        names_column.addWidget(self._search)
        names_column.addWidget(self._list, 1)
        right = QWidget()
        text_column = QVBoxLayout(right)
        text_column.setContentsMargins(theme.GRID, 0, 0, 0)
        text_column.setSpacing(theme.GRID // 2)
        text_column.addWidget(self._name)
        text_column.addWidget(self._facts)
        text_column.addSpacing(theme.GRID // 2)
        text_column.addWidget(self._text, 1)
        halves = QSplitter(childrenCollapsible=False)
        halves.addWidget(left)
        halves.addWidget(right)
        halves.setStretchFactor(1, 1)
        halves.setSizes([28 * theme.GRID, 76 * theme.GRID])
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * theme.GRID, 3 * theme.GRID, 3 * theme.GRID, 2 * theme.GRID)
        column.setSpacing(2 * theme.GRID)
        column.addLayout(top)
        column.addWidget(made_of)
        column.addWidget(halves, 1)
        column.addWidget(buttons)

    def sizeHint(self) -> QSize:
        return QSize(108 * theme.GRID, 80 * theme.GRID)

    def licences(self) -> tuple[Licence, ...]:
        """All that is listed; empty until it was read."""
        return self._licences

    def names(self) -> list[str]:
        """The names in the list, as far as the search lets them through."""
        items = [self._list.item(row) for row in range(self._list.count())]
        return [item.text() for item in items if not item.isHidden()]

    def shown(self) -> str:
        """What is said of the part that is chosen."""
        return f"{self._name.text()}\n{self._facts.text()}\n{self._text.toPlainText()}"

    def showEvent(self, event: QShowEvent) -> None:
        if not self._asked:
            self._asked = True
            self._name.setText("Reading the licences …")
            self._jobs.start(_load, on_event=self._take, on_failed=self._failed)
        super().showEvent(event)

    @Slot(object)
    def _take(self, found: tuple[Licence, ...]) -> None:
        self._licences = found
        for one in found:
            item = QListWidgetItem(one.name)
            item.setSizeHint(QSize(0, self._list.fontMetrics().height() + theme.GRID))
            item.setToolTip(one.expression)
            self._list.addItem(item)
        self._filter(self._search.text())

    @Slot(object, str)
    def _failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, FileNotFoundError):
            self._name.setText("The licences are not where they should be.")
            self._facts.setText(
                "They belong beside the program, in its folder “licences”. Please get it anew."
            )
        else:
            self._name.clear()
            self.crashed.emit(trace)

    @Slot(str)
    def _filter(self, words: str) -> None:
        wanted = words.casefold().split()
        left = []
        for row, one in enumerate(self._licences):
            among = f"{one.name} {one.expression} {one.words}".casefold()
            item = self._list.item(row)
            item.setHidden(not all(word in among for word in wanted))
            if not item.isHidden():
                left.append(item)
        # Who types a name means the part of that name.
        left.sort(key=lambda item: not item.text().casefold().startswith(words.casefold()))
        current = self._list.currentItem()
        if left and (wanted or current is None or current.isHidden()):
            self._list.setCurrentItem(left[0])
        elif self._licences and not left:
            self._list.setCurrentRow(-1)
            self._show(None)

    @Slot()
    def _show_current(self) -> None:
        row = self._list.currentRow()
        self._show(self._licences[row] if 0 <= row < len(self._licences) else None)

    def _show(self, licence: Licence | None) -> None:
        self._more.stop()
        if licence is None:
            self._name.setText("Nothing of that name or licence.")
            self._facts.clear()
            self._text.clear()
            return
        self._name.setText(f"{licence.name} {licence.version}".strip())
        facts = [licence.expression, licence.words, licence.home]
        self._facts.setText("\n".join(line for line in facts if line))
        self._rest = licences.texts_of(licence)
        set_in_lines = max(map(len, self._rest.split("\n"))) <= _LONG_LINE
        modes = QPlainTextEdit.LineWrapMode
        self._text.setLineWrapMode(modes.NoWrap if set_in_lines else modes.WidgetWidth)
        self._text.setPlainText("")
        self._add_piece()

    @Slot()
    def _add_piece(self) -> None:
        """Show a further piece of the text, cut at the end of a line; the rest once the window has had a turn."""
        cut = len(self._rest) if len(self._rest) <= _PIECE else self._rest.rfind("\n", 0, _PIECE)
        if cut <= 0:
            cut = len(self._rest)
        piece, self._rest = self._rest[:cut], self._rest[cut + 1 :]
        cursor = QTextCursor(self._text.document())  # what is read stays where it is
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(piece + "\n" * bool(self._rest))
        if self._rest:
            self._more.start()

    @Slot()
    def _copy_versions(self) -> None:
        QGuiApplication.clipboard().setText(f"Lennonnet {__version__}\n{self._versions.text()}")

    @Slot()
    def _copy_licence(self) -> None:
        row = self._list.currentRow()
        if 0 <= row < len(self._licences):
            QGuiApplication.clipboard().setText(licences.as_text(self._licences[row]))


def _load() -> Generator[Any, None, None]:
    yield licences.load()


def _versions() -> str:
    """What a report of a mistake should say, on one line."""
    parts = [f"Python {platform.python_version()}", f"Qt {qVersion()}"]
    for package, name in (("torch", "torch"), ("timm", "timm")):
        try:
            parts.append(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return "  ·  ".join((*parts, f"{platform.system()} {platform.machine()}"))
