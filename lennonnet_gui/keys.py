"""The table of keys that `?` shows, read from the actions themselves and so never out of date."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetrics,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from lennonnet_gui import theme

Group = tuple[str, list[tuple[str, list[QKeySequence]]]]
"""A title and, for each action, its text and its shortcuts."""

_OR = "or"


def key_caps(sequence: QKeySequence) -> list[str]:
    """The keys of a shortcut as they stand on the keyboard, such as ``["Ctrl", "Shift", "F"]``."""
    caps: list[str] = []
    for i in range(sequence.count()):
        chord = sequence[i]  # type: ignore[index]  # PySide6's stubs leave __getitem__ out
        native = QKeySequence.SequenceFormat.NativeText
        key = QKeySequence(chord.key()).toString(native)
        modifiers = QKeySequence(chord).toString(native).removesuffix(key)
        # A Mac writes the modifiers as signs with nothing between them.
        caps += modifiers if sys.platform == "darwin" else [word for word in modifiers.split("+") if word]
        caps.append(key)
    return caps


def plain_text(action: QAction) -> str:
    """An action's text without the marks for menus: no ``&``, no ellipsis."""
    return re.sub(r"&(.)", r"\1", action.text()).removesuffix("…").removesuffix("...")


class KeyCaps(QWidget):
    """The shortcuts of one action, each key drawn as a cap."""

    def __init__(self, shortcuts: Sequence[QKeySequence], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caps: list[str] = []  # _OR stands between two ways to press the same
        for shortcut in shortcuts:
            caps = key_caps(shortcut)
            self._caps += [_OR, *caps] if self._caps else caps
        self.setAccessibleName(" ".join(self._caps))

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(theme.font(theme.TEXT_SMALL))

    def _width(self, cap: str) -> int:
        words = self._metrics().horizontalAdvance(cap)
        return words if cap == _OR else max(words + 2 * theme.GRID, 3 * theme.GRID)

    def sizeHint(self) -> QSize:
        width = sum(self._width(cap) for cap in self._caps) + theme.GRID // 2 * max(0, len(self._caps) - 1)
        return QSize(width, max(self._metrics().height() + theme.GRID, 3 * theme.GRID))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.TEXT_SMALL))
        x, height, round_ = 0.0, self.sizeHint().height(), theme.GRID / 2
        top = (self.height() - height) / 2
        for cap in self._caps:
            box = QRectF(x, top, self._width(cap), height)
            if cap != _OR:
                painter.setPen(QPen(QColor(tokens.muted), 1))
                painter.setBrush(QColor(tokens.line))  # the side of the cap, seen below its face
                painter.drawRoundedRect(box.adjusted(0.5, 1.5, -0.5, -0.5), round_, round_)
                painter.setBrush(QColor(tokens.raised))
                painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -2.5), round_, round_)
            painter.setPen(QColor(tokens.muted if cap == _OR else tokens.text))
            painter.drawText(box.adjusted(0, 0, 0, -2), Qt.AlignmentFlag.AlignCenter, cap)
            x = box.right() + theme.GRID / 2


class KeysDialog(QDialog):
    """What every key does, by group; read anew from the actions each time that it is shown."""

    def __init__(self, parent: QWidget | None, groups: Mapping[str, Sequence[QAction]]) -> None:
        """`groups`: by title the actions; those without a key or out of sight are left out."""
        super().__init__(parent)
        self._groups = groups
        self.setWindowTitle("Keys")
        self._area = QScrollArea(widgetResizable=True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._area)

    def rows(self) -> list[Group]:
        """The table as it is now: by group its title and, for each action, its text and its shortcuts."""
        table = []
        for title, actions in self._groups.items():
            rows = [
                (plain_text(action), action.shortcuts())
                for action in actions
                if action.shortcuts() and action.isVisible()
            ]
            if rows:
                table.append((title, rows))
        return table

    def showEvent(self, event: QShowEvent) -> None:
        self._build()
        super().showEvent(event)

    def _build(self) -> None:
        table = self.rows()
        page = self._page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(3 * theme.GRID, 2 * theme.GRID, 3 * theme.GRID, 3 * theme.GRID)
        grid.setHorizontalSpacing(2 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID // 2)
        grid.setColumnMinimumWidth(2, 3 * theme.GRID)  # the gap between the two halves
        for side, half in enumerate(_halves(table)):
            at = 0
            for title, rows in half:
                heading = QLabel(title, textFormat=Qt.TextFormat.PlainText)
                heading.setFont(theme.font(theme.TEXT_BODY, bold=True))
                heading.setContentsMargins(0, theme.GRID, 0, theme.GRID // 2)
                grid.addWidget(heading, at, 3 * side, 1, 2)
                for text, shortcuts in rows:
                    at += 1
                    words = QLabel(text, textFormat=Qt.TextFormat.PlainText)
                    words.setForegroundRole(QPalette.ColorRole.WindowText)
                    grid.addWidget(words, at, 3 * side)
                    grid.addWidget(KeyCaps(shortcuts), at, 3 * side + 1, Qt.AlignmentFlag.AlignLeft)
                at += 1
        grid.setRowStretch(grid.rowCount(), 1)
        self._area.setWidget(page)
        wanted = page.sizeHint() + QSize(2 * theme.GRID, theme.GRID)
        self.resize(wanted.boundedTo(self.screen().availableSize() * 0.8))
        self.setMinimumWidth(min(wanted.width(), self.width()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self.isVisible():
            self._build()


def _halves(table: list[Group]) -> tuple[list[Group], list[Group]]:
    """The groups in two columns of about the same length, in order."""
    lengths = [len(rows) + 2 for _, rows in table]
    split = min(range(len(table) + 1), key=lambda at: (abs(sum(lengths[:at]) - sum(lengths[at:])), -at))
    return table[:split], table[split:]
