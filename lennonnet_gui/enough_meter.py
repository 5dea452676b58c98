"""How well the labels so far do, on photos that were left out while learning: a slim strip and its table.

`EnoughMeter` is told what `training.enough` measured. It keeps its height whatever it says, so nothing jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import face_drag, names, theme
from training.zones import Zone

if TYPE_CHECKING:
    from training.enough import Enough
    from training.evaluate import GroupFigure

_BUSY_MS = 400  # what is measured sooner is not worth a word
_LINES = 3  # below the headline
_SPARK = QSize(5 * theme.GRID, 2 * theme.GRID)
_BAR = 14 * theme.GRID
_EDGE = 3 * theme.GRID // 2


class EnoughMeter(QAbstractButton):
    """The share that is right, its range and trend, and what to label next; a click shows it group by group."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._enough: Enough | None = None
        self._subject = "subject"
        self._faces = 0
        self._busy = False
        self._table: QDialog | None = None
        self._waiting = QTimer(self, singleShot=True, interval=_BUSY_MS)
        self._waiting.timeout.connect(self._show_busy)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.show_table)
        self._measure()
        self._describe()

    # What it is told

    def set_subject(self, name: str) -> None:
        """Whose labels they are."""
        self._subject = Zone.SUBJECT.words(names.shown(name))
        self._describe()

    def set_enough(self, enough: Enough | None) -> None:
        """Show what was measured; None: nothing yet."""
        if enough != self._enough and self._table is not None:
            self._table.close()
        self._enough = enough
        self._describe()

    def set_faces(self, count: int) -> None:
        """How many single faces are labelled: they teach, but how well it does is measured on photos."""
        if count != self._faces:
            self._faces = count
            self._describe()

    def set_busy(self, busy: bool) -> None:
        """Whether it is being measured anew; told a moment later, and only if it is so still."""
        if not busy:
            self._waiting.stop()
            self._busy = False
            self._describe()
        elif not self._busy and not self._waiting.isActive():
            self._waiting.start()

    def _show_busy(self) -> None:
        self._busy = True
        self._describe()

    # In words

    def headline(self) -> str:
        """What it says in large: a share, or why there is none."""
        if self._enough is None:
            return "Not measured yet" if self._faces else "No labels yet"
        if self._enough.still_guessing:
            return "Still guessing"
        return "Not measured yet" if self._enough.share is None else names.per_cent(self._enough.share)

    def second_line(self) -> str:
        """What the headline is of; "" if it is no share."""
        if not self.range_words() or self._enough is None:
            return ""
        return (
            "measuring…" if self._busy else f"right on {names.photos(_photos(self._enough.figures))} left out"
        )

    def range_words(self) -> str:
        """The range of the share, or ""."""
        if self._enough is None or self._enough.share is None or self._enough.still_guessing:
            return ""
        return _range(*self._enough.range)

    def advice(self) -> str:
        """What to do next, in a sentence."""
        if self._enough is None and self._faces:
            return (
                f"{face_drag.faces(self._faces)} labelled. Label whole photos too: with them it is measured."
            )
        if self._enough is None:
            return f"Drag photos of {self._subject} and of others into the bins: how well it does shows here."
        return names.shown(self._enough.advice)

    def _describe(self) -> None:
        said, enough = self.headline(), self._enough
        if enough is not None and enough.share is not None and not enough.still_guessing:
            photos = names.photos(_photos(enough.figures))
            said = f"Right on {said} ({self.range_words()}) of {photos} left out while learning"
        lines = [f"{said}. {self.advice()}"]
        lines += [_said(figure) for figure in enough.figures] if enough is not None else []
        if enough is not None and len(enough.trend) > 1:
            points = ", ".join(f"{names.per_cent(share)} with {count:,}" for count, share in enough.trend)
            lines.append(f"By number of labels: {points}")
        self.setAccessibleName(f"How well it does: {lines[0]}")
        self.setAccessibleDescription("\n".join(lines[1:]))
        self.setToolTip(names.in_tool_tip("\n".join(lines)))
        self.update()

    # The table

    def show_table(self) -> None:
        """Show the figures group by group in a window of their own, until a key or a click elsewhere."""
        if self._enough is None or not self._enough.figures:
            return
        self._table = _Table(self._enough, self.window())
        self._table.destroyed.connect(self._table_gone)
        size = self._table.sizeHint().expandedTo(self._table.minimumSizeHint())
        self._table.setGeometry(QRect(self._place_for(size), size))
        self._table.show()

    def _table_gone(self) -> None:
        self._table = None

    def _place_for(self, size: QSize) -> QPoint:
        """Below the strip, or above where there is no room, and on the screen."""
        screen = self.screen().availableGeometry()
        corner = self.mapToGlobal(QPoint(self.width() - size.width(), self.height()))
        if corner.y() + size.height() > screen.bottom():
            corner.setY(self.mapToGlobal(QPoint(0, 0)).y() - size.height())
        corner.setX(max(screen.left(), min(corner.x(), screen.right() - size.width())))
        corner.setY(max(screen.top(), corner.y()))
        return corner

    # Looks

    def _measure(self) -> None:
        """Reserve the height once, from the fonts."""
        title, small = QFontMetrics(theme.font(theme.TEXT_TITLE)), QFontMetrics(theme.font(theme.TEXT_SMALL))
        self._title_height, self._line_height = title.height(), small.lineSpacing()
        words = self._title_height + _LINES * self._line_height + theme.GRID // 2
        self.setFixedHeight(words + 2 * theme.GRID)

    def sizeHint(self) -> QSize:
        return QSize(26 * theme.GRID, self.maximumHeight())

    def minimumSizeHint(self) -> QSize:
        return QSize(16 * theme.GRID, self.maximumHeight())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure()
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        t, half = theme.tokens(), theme.GRID / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hovered = self.underMouse() and self._enough is not None and bool(self._enough.figures)
        if hovered or self.hasFocus():
            painter.setPen(QPen(QColor(t.focus), 1.5) if self.hasFocus() else QPen(QColor(t.line), 1))
            painter.setBrush(QColor(t.raised) if hovered else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), half, half)
        room = self.rect().adjusted(_EDGE, theme.GRID, -_EDGE, -theme.GRID)
        spark = self._paint_headline(painter, QRect(room.topLeft(), QSize(room.width(), self._title_height)))
        if spark is not None:
            self._paint_trend(painter, spark)
        small, side = theme.font(theme.TEXT_SMALL), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        metrics, second, most = QFontMetrics(small), self.second_line(), _LINES
        painter.setFont(small)
        line = QRect(room.x(), room.y() + self._title_height, room.width(), self._line_height)
        if second:
            painter.setPen(QColor(t.muted))
            elided = metrics.elidedText(second, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, int(side), elided)
            line.translate(0, self._line_height)
            most -= 1
        line.translate(0, theme.GRID // 2)
        painter.setPen(QColor(t.text))
        for words in lines_of(self.advice(), metrics, line.width(), most):
            painter.drawText(line, int(side), words)
            line.translate(0, self._line_height)

    def _paint_headline(self, painter: QPainter, line: QRect) -> QRectF | None:
        """Draw the share and its range; returns where the trend goes, or None if there is none."""
        t, words, beside = theme.tokens(), self.headline(), self.range_words()
        measured = bool(beside)
        font = theme.font(theme.TEXT_TITLE) if measured else theme.font(theme.TEXT_BODY, bold=True)
        side = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(font)
        painter.setPen(QColor(t.muted if self._busy or self._enough is None else t.text))
        painter.drawText(
            line, side, QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, line.width())
        )
        trend = self._enough.trend if self._enough is not None and measured else ()
        left = QFontMetrics(font).horizontalAdvance(words) + theme.GRID
        right = _SPARK.width() + theme.GRID if len(trend) > 1 else 0
        small = theme.font(theme.TEXT_SMALL)
        if QFontMetrics(small).horizontalAdvance(beside) <= line.width() - left - right:
            painter.setFont(small)
            painter.setPen(QColor(t.muted))
            painter.drawText(line.adjusted(left, 2, -right, 2), side, beside)
        place = QRectF(
            line.right() + 1 - _SPARK.width(),
            line.center().y() - _SPARK.height() / 2,
            _SPARK.width(),
            _SPARK.height(),
        )
        return place if right and place.left() > line.x() + left else None

    def _paint_trend(self, painter: QPainter, place: QRectF) -> None:
        """A line through the shares, from few labels to all; what is below 50 % is as low as it gets."""
        t, shares = theme.tokens(), [share for _, share in self._enough.trend] if self._enough else []
        least = min(0.5, *shares)
        points = [
            QPointF(
                place.x() + 2 + (place.width() - 5) * at / (len(shares) - 1),
                place.bottom() - 2 - (place.height() - 4) * (share - least) / (1.0 - least),
            )
            for at, share in enumerate(shares)
        ]
        painter.setPen(QPen(QColor(t.line), 1))
        painter.drawLine(place.bottomLeft(), place.bottomRight())
        painter.setPen(QPen(QColor(t.muted), 1.5))
        for before, after in pairwise(points):
            painter.drawLine(before, after)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.text))
        painter.drawEllipse(points[-1], 2.5, 2.5)


class _Table(QDialog):
    """The figures group by group; a pop-up that Esc or a click elsewhere closes."""

    def __init__(self, enough: Enough, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("How often it is right")
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(2 * theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID)
        grid.setHorizontalSpacing(theme.GRID)
        grid.setVerticalSpacing(theme.GRID // 2)
        for at, figure in enumerate(enough.figures):
            name = QLabel(textFormat=Qt.TextFormat.PlainText)
            room, middle = 20 * theme.GRID, Qt.TextElideMode.ElideMiddle
            name.setText(name.fontMetrics().elidedText(names.shown(figure.group), middle, room))
            name.setAccessibleName(_said(figure))
            name.setToolTip(names.in_tool_tip(names.shown(figure.group)))
            share = QLabel(names.per_cent(figure.share))
            share.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            count = QLabel(f"{figure.right:,} of {figure.photos:,}  ({_range(*figure.range)})")
            count.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            cells: Sequence[QWidget] = (_Glyph(figure.is_subject), name, _ShareBar(figure), share, count)
            for column, cell in enumerate(cells):
                grid.addWidget(cell, at, column)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        wanted = page.sizeHint()
        area.setMinimumSize(wanted.width(), min(wanted.height(), 40 * theme.GRID))
        if wanted.height() > 40 * theme.GRID:  # then a scroll bar stands beside it
            area.setMinimumWidth(wanted.width() + 2 * theme.GRID)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(2, theme.GRID, 2, theme.GRID)
        rows.setSpacing(theme.GRID // 2)
        title = QLabel("How often it is right")
        title.setFont(theme.font(theme.TEXT_BODY, bold=True))
        note = QLabel(
            "Each photo is judged by what was learned without it and without photos like it. In brackets is "
            "where the share lies for all such photos, as far as so few can tell. The large number takes "
            "the subject and all others as equally important.",
            wordWrap=True,
        )
        note.setFont(theme.font(theme.TEXT_SMALL))
        note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        note.setMinimumHeight(note.heightForWidth(area.minimumWidth() - 4 * theme.GRID))
        for label in (title, note):
            label.setContentsMargins(2 * theme.GRID, 0, 2 * theme.GRID, 0)
        rows.addWidget(title)
        rows.addWidget(area)
        rows.addWidget(note)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QPen(QColor(theme.tokens().line), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


class _Glyph(QWidget):
    """Which side a group is on."""

    def __init__(self, is_subject: bool) -> None:
        super().__init__()
        self._zone = Zone.SUBJECT if is_subject else Zone.NOT_SUBJECT
        self.setFixedSize(2 * theme.GRID, 2 * theme.GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.zone_colour(self._zone))
        painter.drawEllipse(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        box = QRectF(self.rect()).adjusted(4, 4, -4, -4)
        theme.paint_glyph(painter, self._zone, box, theme.on_zone_colour(self._zone))


class _ShareBar(QWidget):
    """A group's share as a bar, and its range as a thin line over it."""

    def __init__(self, figure: GroupFigure) -> None:
        super().__init__()
        self._figure = figure
        self.setFixedSize(_BAR, 2 * theme.GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, middle = theme.tokens(), self.height() / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.placeholder))
        painter.drawRoundedRect(QRectF(0, middle - 3, self.width(), 6), 3, 3)
        painter.setBrush(QColor(t.muted))
        painter.drawRoundedRect(QRectF(0, middle - 3, self.width() * self._figure.share, 6), 3, 3)
        low, high = (1 + (self.width() - 2) * edge for edge in self._figure.range)
        painter.setPen(QPen(QColor(t.text), 1.5))
        painter.drawLine(QPointF(low, middle), QPointF(high, middle))
        for edge in (low, high):
            painter.drawLine(QPointF(edge, middle - 4), QPointF(edge, middle + 4))


def lines_of(text: str, metrics: QFontMetrics, width: int, most: int) -> list[str]:
    """`text` broken into at most `most` lines of `width` pixels; an ellipsis at the end of what does not fit."""
    layout = QTextLayout(text, theme.font(theme.TEXT_SMALL))
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.beginLayout()
    found: list[str] = []
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(1, width))
        start = line.textStart()
        if len(found) == most - 1:
            found.append(metrics.elidedText(text[start:], Qt.TextElideMode.ElideRight, width))
            break
        found.append(text[start : start + line.textLength()].rstrip())
    layout.endLayout()
    return found


def _photos(figures: Sequence[GroupFigure]) -> int:
    return sum(figure.photos for figure in figures)


def _range(low: float, high: float) -> str:
    return f"{round(100 * max(0.0, low))}–{names.per_cent(min(1.0, high))}"


def _said(figure: GroupFigure) -> str:
    return (
        f"{names.shown(figure.group)}: {figure.right:,} of {names.photos(figure.photos)} right, "
        f"{names.per_cent(figure.share)} ({_range(*figure.range)})"
    )
