"""What the faces of the training dialog share: words, buttons, lines, and how names and times are said."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.pages import StepButton
from training.zones import Zone

MARGIN = 3 * theme.GRID
GAP = theme.GRID
_RADIUS = theme.GRID * 0.75


def duration(seconds: float) -> str:
    """A time to come, as one says it: ``about 4 minutes``."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 50:
        return f"about {round(seconds / 10) * 10} seconds"
    minutes = seconds / 60
    if minutes < 1.5:
        return "about a minute"
    if minutes < 55:
        return f"about {round(minutes)} minutes"
    hours = minutes / 60
    return "about an hour" if hours < 1.25 else f"about {f'{hours:.1f}'.removesuffix('.0')} hours"


def group_name(group: str, subject: str, *, is_subject: bool) -> str:
    """A group as it is shown: John, not John, or the look-alike's own name."""
    if is_subject:
        return Zone.SUBJECT.words(names.shown(subject))
    if group.casefold() == f"not_{subject}".casefold():
        return Zone.NOT_SUBJECT.words(names.shown(subject))
    return names.shown(group)


class Words(QLabel):
    """Plain text that wraps; a name in it is never taken for markup."""

    def __init__(
        self, text: str = "", *, size: float = theme.TEXT_BODY, bold: bool = False, muted: bool = False
    ) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setFont(theme.font(size, bold=bold))
        if muted:
            self.setForegroundRole(QPalette.ColorRole.PlaceholderText)

    def say(self, text: str) -> None:
        """Show `text`, and nothing at all where there is none."""
        if text != self.text():
            self.setText(text)
        self.setVisible(bool(text))


def paint_rounded(painter: QPainter, box: QRectF, pen: QPen, fill: QColor) -> None:
    """Draw a box with the corners that all have here."""
    painter.setPen(pen)
    painter.setBrush(fill)
    painter.drawRoundedRect(box, _RADIUS, _RADIUS)


def paint_zone(painter: QPainter, zone: Zone, box: QRectF) -> None:
    """A zone's glyph on its colour."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.zone_colour(zone))
    painter.drawRoundedRect(box, 3, 3)
    inset = box.width() * 0.18
    theme.paint_glyph(painter, zone, box.adjusted(inset, inset, -inset, -inset), theme.on_zone_colour(zone))


class Button(StepButton):
    """A step that looks as it is where it can't be taken."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.isEnabled():
            super().paintEvent(event)
            return
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(3.5, 3.5, -3.5, -3.5)
        paint_rounded(painter, body, QPen(QColor(t.line), 1), QColor(t.placeholder))
        painter.setFont(theme.font(theme.TEXT_BODY))
        painter.setPen(QColor(t.muted))
        painter.drawText(body, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextShowMnemonic, self.text())


class Hairline(QWidget):
    """A line between two areas."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(theme.tokens().line))


def foot(words: QWidget, *buttons: QWidget) -> QHBoxLayout:
    """What stands below a face: words at the left, buttons at the right, the likeliest last."""
    row = QHBoxLayout()
    row.setContentsMargins(MARGIN, GAP, MARGIN, GAP)
    row.setSpacing(GAP)
    row.addWidget(words, 1)
    for button in buttons:
        row.addWidget(button)
    return row
