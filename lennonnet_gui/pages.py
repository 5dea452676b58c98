"""What the window shows where there are no photos to show: an icon, one line, one sentence, one next step.

The sentences are all here, as `Message` values; `MessagePage` draws any of them. `WelcomePage` is the first
start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.settings import MOST_RECENT
from training.zones import Zone

_COLUMN = 56 * theme.GRID
_ICON = 6 * theme.GRID


class Step(StrEnum):
    """What a page offers to do next; the words on its button."""

    OPEN_FOLDER = "Open a folder"
    OPEN_ANOTHER = "Open another folder"
    INCLUDE_SUBFOLDERS = "Include subfolders"
    CLEAR_FILTER = "Clear filter"
    TRY_AGAIN = "Try again"


@dataclass(frozen=True, slots=True)
class Message:
    """One page: an icon's name, a line, a sentence, and what to do next, the likeliest first."""

    icon: str
    title: str
    text: str
    steps: tuple[Step, ...] = ()


def looking(folder: str, found: int) -> Message:
    """The search for photos is on and has `found` so far."""
    so_far = "None so far." if not found else f"{found:,} so far."
    return Message("images", f"Looking for photos in {names.folder_name(folder)}", so_far)


def no_photos(folder: str, *, recursive: bool, closed_folders: int = 0) -> Message:
    """The folder was looked through and holds no photo; `closed_folders` in it could not be looked into."""
    title = f"There are no photos in {names.folder_name(folder)}"
    if recursive and closed_folders:
        closed = "one can’t" if closed_folders == 1 else f"{closed_folders:,} can’t"
        text = f"Nor in its subfolders, as far as they can be read: {closed} be looked into."
        return Message("image-off", title, text, (Step.TRY_AGAIN, Step.OPEN_ANOTHER))
    if recursive:
        return Message("image-off", title, "Its subfolders hold none either.", (Step.OPEN_ANOTHER,))
    steps = (Step.INCLUDE_SUBFOLDERS, Step.OPEN_ANOTHER)
    return Message("image-off", title, "There may be some in its subfolders.", steps)


def folder_gone(folder: str) -> Message:
    """The folder is not there, or not there any more."""
    name = names.folder_name(folder)
    text = "It may have been moved or renamed, or its disk may not be connected."
    return Message("triangle-alert", f"{name} is not there", text, (Step.TRY_AGAIN, Step.OPEN_ANOTHER))


def folder_unreadable(folder: str, reason: str = "") -> Message:
    """The folder is there, but may not be read; `reason` is a sentence, if more is known."""
    text = reason or "You don't have permission to look into this folder."
    title = f"{names.folder_name(folder)} can't be opened"
    return Message("ban", title, text, (Step.TRY_AGAIN, Step.OPEN_ANOTHER))


def nothing_matches(total: int) -> Message:
    """There are photos, but the filter lets none through."""
    text = "It hides the only photo here." if total == 1 else f"It hides all {total:,} photos here."
    return Message("funnel", "No photo passes the filter", text, (Step.CLEAR_FILTER,))


class StepButton(QPushButton):
    """A big quiet button: the likeliest step filled, the others outlined."""

    def __init__(self, text: str = "", *, primary: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(names.on_button(text), parent)
        self._primary = primary
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAutoDefault(True)  # Enter presses it

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font(theme.TEXT_BODY, bold=self._primary))
        width = metrics.horizontalAdvance(self.text()) + 6 * theme.GRID
        return QSize(width, metrics.height() + 3 * theme.GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens.focus), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), theme.GRID, theme.GRID)
        body = QRectF(self.rect()).adjusted(3.5, 3.5, -3.5, -3.5)
        on = self.isDown() or self.underMouse()
        if self._primary:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.muted if on else tokens.text))
        else:
            painter.setPen(QPen(QColor(tokens.muted if on else tokens.line), 1))
            painter.setBrush(QColor(tokens.raised))
        painter.drawRoundedRect(body, theme.GRID * 0.75, theme.GRID * 0.75)
        painter.setFont(theme.font(theme.TEXT_BODY, bold=self._primary))
        painter.setPen(QColor(tokens.panel if self._primary else tokens.text))
        painter.drawText(body, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextShowMnemonic, self.text())


class _Line(QLabel):
    """Centred plain text; a folder's name is never taken for markup."""

    def __init__(self, text: str = "", *, size: float = theme.TEXT_BODY, muted: bool = False) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size))
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setMaximumWidth(_COLUMN)
        if muted:
            self.setForegroundRole(QPalette.ColorRole.PlaceholderText)


class _Page(QWidget):
    """The bare light table: a column in the middle of much air."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout()
        self._column.setSpacing(theme.GRID)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4 * theme.GRID, 4 * theme.GRID, 4 * theme.GRID, 4 * theme.GRID)
        outer.addStretch(2)
        outer.addLayout(self._column)
        outer.addStretch(3)  # a little above the middle looks like the middle

    def _add(self, widget: QWidget) -> None:
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(widget, 100)
        row.addStretch(1)
        self._column.addLayout(row)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.tokens().canvas))


def _empty(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


class MessagePage(_Page):
    """Shows a Message over the whole area."""

    step_clicked = Signal(object)
    """The Step that the user wants."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._message = Message("images", "", "")
        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter)
        self._title, self._text = _Line(size=theme.TEXT_TITLE), _Line(muted=True)
        self._steps = QHBoxLayout()
        self._steps.setSpacing(theme.GRID)
        self._column.addWidget(self._icon)
        self._column.addSpacing(theme.GRID)
        self._add(self._title)
        self._add(self._text)
        self._column.addSpacing(2 * theme.GRID)
        self._column.addLayout(self._steps)
        self._buttons: list[StepButton] = []

    def message(self) -> Message:
        """What is shown now."""
        return self._message

    def set_message(self, message: Message) -> None:
        """Show `message`; what is the same as before stays as it is, so a running count does not flicker."""
        before, self._message = self._message, message
        self._title.setText(message.title)
        self._text.setText(message.text)
        self.setAccessibleName(message.title)
        self.setAccessibleDescription(message.text)
        self._dress()
        if message.steps != before.steps:
            self._offer(message.steps)

    def _offer(self, steps: Sequence[Step]) -> None:
        _empty(self._steps)
        self._buttons = []
        self._steps.addStretch(1)
        for step in steps:
            button = StepButton(step, primary=step is steps[0])
            button.clicked.connect(self._clicked)
            self._steps.addWidget(button)
            self._buttons.append(button)
        self._steps.addStretch(1)
        if self._buttons:
            self.setFocusProxy(self._buttons[0])

    def _clicked(self) -> None:
        self.step_clicked.emit(self._message.steps[self._buttons.index(self.sender())])  # type: ignore[arg-type]

    def _dress(self) -> None:
        colour = theme.tokens().muted
        self._icon.setPixmap(theme.icon_pixmap(self._message.icon, _ICON, colour, self.devicePixelRatioF()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()


class _Emblem(QWidget):
    """Three photos on a light table, each with its answer: the whole program in one drawing."""

    _EDGE, _GAP = 9 * theme.GRID, 2 * theme.GRID

    def sizeHint(self) -> QSize:
        return QSize(3 * self._EDGE + 2 * self._GAP, self._EDGE)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, grid = theme.tokens(), theme.GRID
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.TEXT_SMALL, bold=True))
        left = (self.width() - self.sizeHint().width()) / 2
        for i, (zone, score) in enumerate(
            ((Zone.SUBJECT, 0.97), (Zone.UNSURE, 0.51), (Zone.NOT_SUBJECT, 0.04))
        ):
            photo = QRectF(left + i * (self._EDGE + self._GAP), 0, self._EDGE, self._EDGE)
            colour, on_colour = theme.zone_colour(zone), theme.on_zone_colour(zone)
            painter.setPen(QPen(colour, 2))
            painter.setBrush(QColor(tokens.placeholder))
            painter.drawRoundedRect(photo.adjusted(1, 1, -1, -1), grid / 2, grid / 2)
            person = QColor(tokens.muted)
            person.setAlphaF(0.35)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(person)
            painter.save()
            painter.setClipRect(photo.adjusted(2, 2, -2, -2))
            painter.translate(photo.topLeft())
            painter.drawEllipse(QRectF(3 * grid, 1.25 * grid, 3 * grid, 3.5 * grid))
            painter.drawEllipse(QRectF(1.5 * grid, 5.25 * grid, 6 * grid, 7 * grid))
            painter.restore()
            text = names.per_cent(score)
            high = 2 * grid
            wide = high + QFontMetrics(painter.font()).horizontalAdvance(text) + grid / 2
            pill = QRectF(photo.left() + grid / 2, photo.bottom() - grid / 2 - high, wide, high)
            painter.setBrush(colour)
            painter.drawRoundedRect(pill, high / 2, high / 2)
            glyph = QRectF(pill.left() + 4, pill.top() + 3.5, high - 7, high - 7)
            theme.paint_glyph(painter, zone, glyph, on_colour)
            painter.setPen(on_colour)
            words = pill.adjusted(high - 1, 0, 0, 0)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class _RecentButton(QPushButton):
    """One line: a folder's name and, quietly, where it is."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._name, self._place = names.folder_name(path), names.folder_place(path)
        self.setAccessibleName(f"Open {self._name} in {self._place}")
        self.setToolTip(names.in_tool_tip(names.shown(path)))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(_COLUMN, self.fontMetrics().height() + theme.GRID + theme.GRID // 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(20 * theme.GRID, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, grid = theme.tokens(), theme.GRID
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QPen(QColor(tokens.focus), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.raised))
            painter.drawRoundedRect(body, grid / 2, grid / 2)
        edge = 2 * grid
        pixmap = theme.icon_pixmap("folder", edge, tokens.muted, self.devicePixelRatioF())
        painter.drawPixmap(grid, (self.height() - edge) // 2, pixmap)
        metrics, side = self.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        middle, room = Qt.TextElideMode.ElideMiddle, self.width() - edge - 3 * grid
        name = metrics.elidedText(self._name, middle, room)
        painter.setPen(QColor(tokens.text))
        left = edge + 2 * grid
        painter.drawText(QRectF(left, 0, room, self.height()), side, name)
        taken = metrics.horizontalAdvance(name) + 2 * grid
        if room - taken > 6 * grid:
            painter.setPen(QColor(tokens.muted))
            place = metrics.elidedText(self._place, middle, room - taken)
            where = QRectF(left + taken, 0, room - taken, self.height())
            painter.drawText(where, side | Qt.AlignmentFlag.AlignRight, place)


class WelcomePage(_Page):
    """The first start: what this is, and one big button."""

    open_clicked = Signal()
    recent_chosen = Signal(object)
    """The folder's path, as a Python str: Qt's own strings lose what is not UTF-8."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drop_active = False
        self._title = _Line(size=theme.TEXT_TITLE)
        self._text = _Line()
        self._open = StepButton(Step.OPEN_FOLDER)
        self._open.clicked.connect(self.open_clicked)
        self._hint = _Line(muted=True)
        self._column.addWidget(_Emblem())
        self._column.addSpacing(3 * theme.GRID)
        self._add(self._title)
        self._add(self._text)
        self._column.addSpacing(2 * theme.GRID)
        self._column.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        self._add(self._hint)
        self._recent_title = _Line("Recent folders", size=theme.TEXT_SMALL, muted=True)
        self._recent_title.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        self._recent_box = QWidget()
        self._recent_box.setMaximumWidth(_COLUMN)
        box = QVBoxLayout(self._recent_box)
        box.setContentsMargins(0, 3 * theme.GRID, 0, 0)
        box.setSpacing(theme.GRID // 2)
        box.addWidget(self._recent_title)
        box.addLayout(self._recent)
        self._recent_title.setContentsMargins(theme.GRID, 0, 0, 0)
        self._add(self._recent_box)
        self.setFocusProxy(self._open)
        self.setAccessibleName("Welcome")
        self.set_subject("john")
        self.set_recent(())
        self.set_drop_active(False)

    def set_subject(self, name: str) -> None:
        """Whom the program looks for."""
        subject = Zone.SUBJECT.words(names.shown(name))
        self._title.setText(f"Find {subject} among your photos")
        self._text.setText(
            f"Lennonnet looks at each photo in a folder and says how likely it shows {subject}. "
            "It works on this computer alone: nothing is uploaded."
        )

    def set_recent(self, folders: Sequence[str]) -> None:
        """Offer the folders that were open last, newest first; more than MOST_RECENT are left out."""
        _empty(self._recent)
        for path in folders[:MOST_RECENT]:
            button = _RecentButton(path)
            button.clicked.connect(self._recent_clicked)
            self._recent.addWidget(button)
        self._recent_box.setVisible(bool(folders))

    def set_drop_active(self, active: bool) -> None:
        """Light up while a folder is held over the window."""
        self._drop_active = active
        self._hint.setText("Let go to open it" if active else "or drop one anywhere in this window")
        self.update()

    def _recent_clicked(self) -> None:
        button = self.sender()
        assert isinstance(button, _RecentButton)
        self.recent_chosen.emit(button.path)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._drop_active:
            tokens = theme.tokens()
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(tokens.focus), 2, Qt.PenStyle.DashLine))
            painter.setBrush(QColor(tokens.raised))
            edge = 1.5 * theme.GRID
            area = QRectF(self.rect()).adjusted(edge, edge, -edge, -edge)
            painter.drawRoundedRect(area, theme.GRID, theme.GRID)
