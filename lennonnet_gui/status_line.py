"""What the program says without being asked: the line at the bottom, and the notice above the photos."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.face_desk import Looking
from lennonnet_gui.folder_session import Phase, Status

_ICON = 2 * theme.GRID


class StatusLine(QWidget):
    """Photos done, photos a second, time left and Cancel; then the same for faces; and how many can't be read."""

    cancel_clicked = Signal()
    resume_clicked = Signal()
    unreadable_clicked = Signal()
    changed_toggled = Signal(bool)
    """Whether to show only photos that went to another zone with the last labels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._status, self._looking = Status(), Looking()
        self.setAccessibleName("Progress")
        self._text = QLabel(textFormat=Qt.TextFormat.PlainText)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = QProgressBar(textVisible=False)
        self._bar.setAccessibleName("Photos scored")
        self._bar.setFixedSize(20 * theme.GRID, theme.GRID // 2)
        self._unreadable = QPushButton(flat=True)
        self._unreadable.setToolTip("Show which can’t be read, and why")
        self._unreadable.clicked.connect(self.unreadable_clicked)
        self._changed = QPushButton(flat=True)
        self._changed.setCheckable(True)
        self._changed.setToolTip("Show exactly those that the last labels put into another zone")
        self._changed.toggled.connect(self.changed_toggled)
        self._cancel = QPushButton("Cancel")
        self._cancel.setToolTip("Stop scoring; scores that are there stay")
        self._cancel.clicked.connect(self.cancel_clicked)
        self._resume = QPushButton("Go on")
        self._resume.setToolTip("Score the photos that have no score yet")
        self._resume.clicked.connect(self.resume_clicked)
        line = QHBoxLayout(self)
        line.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        line.setSpacing(theme.GRID)
        line.addWidget(self._text, 1)
        for widget in (self._changed, self._unreadable, self._bar, self._cancel, self._resume):
            line.addWidget(widget)
        self.setMinimumHeight(
            self._cancel.sizeHint().height() + theme.GRID
        )  # the same with buttons and without
        self.show_status(Status())
        self.set_changed(0)

    def show_status(self, status: Status) -> None:
        """Say how far the open folder has come."""
        self._status = status
        words = status_words(status)
        looking = self._looking if status.phase is Phase.DONE else Looking()
        if looking.running or looking.trouble:
            words = f"{words}  ·  {looking_words(looking)}"
        self._text.setText(words)
        self._text.setToolTip("" if not words else names.in_tool_tip(words))
        working = status.phase in (Phase.SCANNING, Phase.SCORING)
        self._bar.setVisible((working and status.found > 0) or looking.running)
        self._bar.setMaximum(max(1, looking.photos if looking.running else status.found))
        self._bar.setValue(looking.looked if looking.running else status.done)
        self._bar.setAccessibleName("Photos looked at for faces" if looking.running else "Photos scored")
        self._cancel.setVisible(working)
        self._resume.setVisible(status.phase is Phase.STOPPED and status.done < status.found)
        self._unreadable.setVisible(status.unreadable + status.closed_folders > 0)
        unreadable = names.photos_and_folders(status.unreadable, status.closed_folders)
        self._unreadable.setText(f"{unreadable} can’t be read")

    def show_looking(self, looking: Looking) -> None:
        """Say how far the search for faces has come; shown once all photos are scored as a whole."""
        self._looking = looking
        self.show_status(self._status)

    def set_changed(self, count: int) -> None:
        """Say how many photos went to another zone with the last labels; a click shows them."""
        self._changed.setText(f"{names.photos(count)} changed sides")
        self._changed.setVisible(count > 0 or self._changed.isChecked())

    def show_all(self) -> None:
        """Let go of the button that shows only photos that changed."""
        self._changed.setChecked(False)


def status_words(status: Status) -> str:
    """The status as one line of text, as in "120 of 1,204 photos · 85 photos/s · 13 s left"."""
    if status.phase is Phase.CLOSED:
        return ""
    if status.phase is Phase.UNREACHABLE:
        return status.reason
    if status.phase is Phase.SCANNING and not status.done:
        return f"Looking for photos: {status.found:,} found" if status.found else "Looking for photos"
    if status.phase is Phase.DONE:
        return names.photos(status.found)
    parts = [f"{status.done:,} of {names.photos(status.found)}"]
    if status.phase is Phase.STOPPED:
        parts.append("stopped")
    elif status.preparing:
        parts.append(status.preparing)
    elif status.per_second:
        parts.append(f"{status.per_second:,.0f} photos/s")
        if status.seconds_left is not None:
            parts.append(f"{_duration(status.seconds_left)} left")
    return "  ·  ".join(parts)


def looking_words(looking: Looking) -> str:
    """The search for faces as a part of that line, as in "looking for faces: 312 of 1,204 · 12 photos/s"."""
    if looking.trouble:
        return looking.trouble
    what = "looking closer for faces" if looking.again else "looking for faces"
    parts = [f"{what}: {looking.looked:,} of {looking.photos:,}"]
    if looking.per_second:
        left = (looking.photos - looking.looked) / looking.per_second
        parts += [f"{looking.per_second:,.0f} photos/s", f"{_duration(left)} left"]
    return "  ·  ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


class OnlyBar(QWidget):
    """Says that not all photos are shown, but which, with a way back; hidden while all are."""

    all_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLabel(textFormat=Qt.TextFormat.PlainText)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        back = QPushButton("Show all photos")
        back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        back.clicked.connect(self.all_wanted)
        line = QHBoxLayout(self)
        line.setContentsMargins(2 * theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        line.setSpacing(theme.GRID)
        line.addWidget(self._text, 1)
        line.addWidget(back)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.hide()

    def show_words(self, words: str) -> None:
        """Say which photos are shown; "" when all are."""
        self._text.setText(words)
        self.setAccessibleName(words)
        self.setVisible(bool(words))

    def words(self) -> str:
        """What is said, or ""."""
        return self._text.text()


class NoticeBar(QWidget):
    """One sentence that the user should know, until it is closed; hidden when there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel()
        self._text = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._close = QToolButton(autoRaise=True)
        self._close.setAccessibleName("Close this notice")
        self._close.setToolTip("Close")
        self._close.setIconSize(QSize(_ICON, _ICON))
        self._close.clicked.connect(self.hide)
        line = QHBoxLayout(self)
        line.setContentsMargins(2 * theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        line.setSpacing(theme.GRID)
        line.addWidget(self._icon)
        line.addWidget(self._text, 1)
        line.addWidget(self._close)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._dress()
        self.hide()

    def show_words(self, words: str) -> None:
        """Show a sentence; "" hides the bar."""
        self._text.setText(words)
        self.setAccessibleName(words)
        self.setVisible(bool(words))

    def words(self) -> str:
        """The sentence that is shown, or ""."""
        return self._text.text() if not self.isHidden() else ""

    def _dress(self) -> None:
        self._icon.setPixmap(
            theme.icon_pixmap("triangle-alert", _ICON, theme.tokens().text, self.devicePixelRatioF())
        )
        self._close.setIcon(theme.icon("x", _ICON))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)
