"""What the user sees of an error that nobody foresaw, and of a log that no other program opens."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPalette,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from training import __version__, paths

_MOST = 100_000  # letters of details; what happens again and again says the same

_ERROR_WORDS = (
    "Your photos are untouched, and you can go on. The details below help to find the mistake. They are also in the"
    " log, and stay on your computer: nothing is sent anywhere. They may name your folders and photos; look before"
    " you pass them on."
)
_ENDED_WORDS = (
    "Your photos are untouched. The details below help to find the mistake. They are also in the log, and stay on your"
    " computer: nothing is sent anywhere. They may name your folders and photos; look before you pass them on."
)


def show_log(window: QWidget) -> None:
    """Open the folder with the log in it, in whatever shows folders here; where nothing does, say where it is."""
    folder = paths.log_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = QDesktopServices.openUrl(names.to_url(str(folder)))
    except OSError:
        opened = False
    if not opened:
        dialog = PathDialog(str(folder), window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


class MishapDialog(QDialog):
    """Says that something went wrong, with all that is known of it, to read and to copy.

    With `ends`, it is an error that the program can't go on after.
    """

    def __init__(self, details: str, parent: QWidget | None = None, *, ends: bool = False) -> None:
        super().__init__(parent)
        self.setWindowTitle("Lennonnet")
        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignTop)
        title = QLabel("Lennonnet can’t start" if ends else "Something went wrong")
        title.setFont(theme.font(theme.TEXT_TITLE))
        words = QLabel(_ENDED_WORDS if ends else _ERROR_WORDS, wordWrap=True)
        words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        words.setMinimumWidth(64 * theme.GRID)
        self._details = QPlainTextEdit(f"Lennonnet {__version__}\n\n{details[:_MOST]}", readOnly=True)
        self._details.setAccessibleName("Details")
        self._details.setFont(fixed_font())
        self._details.setFrameShape(QFrame.Shape.StyledPanel)
        self._details.setTabChangesFocus(True)
        self._details.moveCursor(QTextCursor.MoveOperation.End)  # a traceback’s last line says what it was
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy_button = buttons.addButton("Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.log_button = buttons.addButton("Show log", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.clicked.connect(self._copy)
        self.log_button.clicked.connect(self._show_log)
        buttons.rejected.connect(self.reject)
        _plain(buttons)
        head = QHBoxLayout()
        head.setSpacing(2 * theme.GRID)
        head.addWidget(self._icon)
        lines = QVBoxLayout()
        lines.setSpacing(theme.GRID)
        lines.addWidget(title)
        lines.addWidget(words)
        head.addLayout(lines, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * theme.GRID, 3 * theme.GRID, 3 * theme.GRID, 2 * theme.GRID)
        column.setSpacing(2 * theme.GRID)
        column.addLayout(head)
        column.addWidget(self._details, 1)
        column.addWidget(buttons)
        self._dress()
        buttons.button(QDialogButtonBox.StandardButton.Close).setFocus()

    def details(self) -> str:
        """All that is shown of the error."""
        return self._details.toPlainText()

    def add(self, details: str) -> None:
        """Show a further error below."""
        if self._details.document().characterCount() < _MOST:
            self._details.appendPlainText(f"\n{details}")

    def sizeHint(self) -> QSize:
        return QSize(88 * theme.GRID, 56 * theme.GRID)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details())
        self.copy_button.setText("Copied")

    @Slot()
    def _show_log(self) -> None:
        show_log(self)

    def _dress(self) -> None:
        size = 4 * theme.GRID
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(theme.icon_pixmap("triangle-alert", size, theme.tokens().text, ratio))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)


class PathDialog(QDialog):
    """Says where the log is, for who has to go there by hand."""

    def __init__(self, path: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Show log")
        words = QLabel("No program here opened the folder. The log is in:", wordWrap=True)
        self._path = QLineEdit(names.shown(path), readOnly=True)
        self._path.setAccessibleName("The log’s folder")
        self._path.setMinimumWidth(56 * theme.GRID)
        self._path.setCursorPosition(0)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy_button: QPushButton = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.clicked.connect(self._copy)
        buttons.rejected.connect(self.reject)
        _plain(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * theme.GRID, 3 * theme.GRID, 3 * theme.GRID, 2 * theme.GRID)
        column.setSpacing(theme.GRID)
        for widget in (words, self._path):
            column.addWidget(widget)
        column.addSpacing(theme.GRID)
        column.addWidget(buttons)

    def path(self) -> str:
        """The folder that is named."""
        return self._path.text()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.path())
        self.copy_button.setText("Copied")


def _plain(buttons: QDialogButtonBox) -> None:
    for button in buttons.buttons():
        button.setIcon(QIcon())  # a style's own icons follow no dark scheme


def fixed_font() -> QFont:
    """The system's font in which all letters are as wide, in the small size."""
    made = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    made.setPointSizeF(theme.font(theme.TEXT_SMALL).pointSizeF())
    return made
