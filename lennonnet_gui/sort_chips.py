"""Chips: small buttons in a row, one of which is chosen, each with a count."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from lennonnet_gui import theme
from lennonnet_gui.training_parts import paint_rounded


class Chip(QPushButton):
    """One of them."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self._words = words
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_count(self, count: int, words: str = "") -> None:
        """How many there are of that kind; words: what the kind is called from now on, if that is another."""
        self._words = words or self._words
        self.setText(f"{self._words}  {count:,}")
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 3 * theme.GRID, metrics.height() + theme.GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, painter, on = theme.tokens(), QPainter(self), self.isChecked()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = t.focus if self.hasFocus() else t.muted if self.underMouse() or on else t.line
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        paint_rounded(
            painter,
            body,
            QPen(QColor(edge), 1.5 if self.hasFocus() else 1),
            QColor(t.text if on else t.raised),
        )
        painter.setFont(theme.font())
        painter.setPen(QColor(t.panel if on else t.text))
        painter.drawText(body, Qt.AlignmentFlag.AlignCenter, self.text())
