"""What the viewer says of a photo: the strip below it, and the panel of facts beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QDateTime, QEvent, QLocale, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QStyle, QVBoxLayout, QWidget

from lennonnet_gui import theme
from lennonnet_gui.photo_cell import paint_pill
from training.zones import Zone


@dataclass(frozen=True, slots=True)
class Caption:
    """What the strip says of a photo."""

    name: str = ""
    facts: str = ""
    place: str = ""  # "3 of 1,204"
    words: str = ""  # the score in words
    zone: Zone | None = None
    probability: float | None = None


class Strip(QWidget):
    """The line over the lower edge: score, name, facts, place. A zoomed photo shows through faintly."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.caption = Caption()
        self.setFixedHeight(7 * theme.GRID)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_caption(self, caption: Caption) -> None:
        """Say `caption` from now on."""
        if caption != self.caption:
            self.caption = caption
            self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, grid, caption = theme.tokens(), theme.GRID, self.caption
        painter = QPainter(self)
        ground = QColor(t.panel)
        ground.setAlphaF(0.92)
        painter.fillRect(self.rect(), ground)
        painter.fillRect(0, 0, self.width(), 1, QColor(t.line))
        row = self.rect().adjusted(2 * grid, 0, -2 * grid, 0)

        place = self._text(painter, row, caption.place, theme.font(), t.muted, at_end=True)
        row.setRight(row.right() - place - 3 * grid)
        if caption.zone is not None and caption.probability is not None:
            row.setLeft(row.left() + self._pill(painter, row, caption.zone, caption.probability) + grid)
        words = self._text(painter, row, caption.words, theme.font(), t.text)
        # The name stands at the same place for every photo, if there is room for that.
        row.setLeft(max(row.left() + words + 2 * grid, min(22 * grid, row.width() // 3)))
        bold, small = theme.font(bold=True), theme.font(theme.TEXT_SMALL)
        half = (QFontMetrics(bold).height() + QFontMetrics(small).height()) // 2
        row.setTop(row.center().y() - half)
        row.setHeight(QFontMetrics(bold).height())
        self._text(painter, row, caption.name, bold, t.text, shorten=Qt.TextElideMode.ElideMiddle)
        row.moveTop(row.bottom() + 1)
        self._text(painter, row, caption.facts, small, t.muted)

    def _pill(self, painter: QPainter, row: QRect, zone: Zone, probability: float) -> int:
        """Draw the pill at the beginning of `row`; returns its width."""
        painter.save()
        painter.setClipRect(QRect())  # once unseen, for its size
        size = paint_pill(painter, QPointF(row.topLeft()), zone, probability).size()
        painter.restore()
        place = QRect(row.left(), row.center().y() - round(size.height() / 2), *size.toSize().toTuple())
        place = QStyle.visualRect(self.layoutDirection(), self.rect(), place)
        paint_pill(painter, QPointF(place.x(), place.y() + place.height()), zone, probability)
        return place.width()

    def _text(
        self,
        painter: QPainter,
        row: QRect,
        text: str,
        font: QFont,
        colour: str,
        *,
        at_end: bool = False,
        shorten: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> int:
        """Draw `text`, shortened where it is too long, in `row`; returns its width."""
        fitting = QFontMetrics(font).elidedText(text, shorten, max(0, row.width()))
        side = Qt.AlignmentFlag.AlignRight if at_end else Qt.AlignmentFlag.AlignLeft
        flags = QStyle.visualAlignment(self.layoutDirection(), side | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # the text's own, not the window's
        painter.drawText(QStyle.visualRect(self.layoutDirection(), self.rect(), row), flags, fitting)
        return QFontMetrics(font).horizontalAdvance(fitting)


class Panel(QWidget):
    """A bar or a side panel: the panel's colour, and a hairline at the edge towards the photo."""

    def __init__(self, edge: Qt.Edge, parent: QWidget) -> None:
        super().__init__(parent)
        self._edge = edge

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.tokens().panel))
        line = QRect(self.rect())
        if self._edge is Qt.Edge.BottomEdge:
            line.setTop(line.bottom())
        else:
            line.setWidth(1)
            line = QStyle.visualRect(self.layoutDirection(), self.rect(), line)
        painter.fillRect(line, QColor(theme.tokens().line))


class Facts(Panel):
    """The panel beside the photo: what is known of it, each fact always at the same place."""

    CAPTIONS = ("Score", "Taken", "Camera", "Size", "File", "Name", "Folder")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Edge.LeftEdge, parent)
        self.setAccessibleName("Facts about the photo")
        self.setFixedWidth(32 * theme.GRID)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[2 * theme.GRID] * 4)
        column.setSpacing(0)
        self._values: list[QLabel] = []
        for text in self.CAPTIONS:
            caption, value = QLabel(text), QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
            caption.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            caption.setFont(theme.font(theme.TEXT_SMALL))
            caption.setBuddy(value)
            column.addWidget(caption)
            column.addWidget(value)
            column.addSpacing(theme.GRID * 3 // 2)
            self._values.append(value)
        column.addStretch(1)

    def show_facts(self, facts: Sequence[str]) -> None:
        """Show one value for each of CAPTIONS; a dash where nothing is known."""
        for caption, label, text in zip(self.CAPTIONS, self._values, facts, strict=True):
            # Names and folders have few spaces: let them be broken where a reader would.
            label.setText(re.sub(r"([/\\_.-])(?=.)", "\\1\N{ZERO WIDTH SPACE}", text) or "\N{EN DASH}")
            label.setAccessibleName(f"{caption}: {text or 'not known'}")


def date_in_words(taken: str) -> str:
    """2024-09-02T14:03:11 as it is written; "" for what is no date."""
    date = QDateTime.fromString(taken, Qt.DateFormat.ISODate)
    if not date.isValid():
        return ""
    locale = QLocale.c()  # English, like all words here
    return f"{locale.toString(date.date(), 'd MMMM yyyy')}, {locale.toString(date.time(), 'HH:mm')}"


def size_in_words(size: QSize) -> str:
    """Width, height and megapixels; "" for no size."""
    if size.isEmpty():
        return ""
    millions = size.width() * size.height() / 1e6
    times = "\N{MULTIPLICATION SIGN}"
    digits = 0 if millions >= 10 else 1 if millions >= 1 else 2
    return f"{size.width():,} {times} {size.height():,} ({millions:.{digits}f} MP)"
