"""The live histogram of a folder's probabilities, with the two handles that part the three zones.

`ScoreHistogram` is told probabilities and zones and answers with signals. Its parts are real widgets, so that
Tab, the arrow keys and screen readers reach them: two sliders (the handles) and three buttons (the counts).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSlider, QPushButton, QSizePolicy, QToolTip, QWidget

from lennonnet_gui import names, theme
from training.zones import Zone, Zones

BINS = 25
"""As many bars as the blog post that this program grew out of."""

COALESCE_MS = 40
"""While scores stream in, bars and counts are made anew at most this often."""


def count_bins(probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
    """How many of `probabilities` (N,), 0 to 1, fall into each of the BINS equal bins; 1.0 is in the last."""
    bins = np.minimum((probabilities * BINS).astype(np.intp), BINS - 1)
    return np.bincount(bins, minlength=BINS)


def count_zones(probabilities: NDArray[np.floating], zones: Zones) -> tuple[int, int, int]:
    """How many of `probabilities` (N,) fall into each zone, in Zone's order, just as `Zones.zone` decides."""
    # Doubles, or numpy would round the thresholds to float32 and disagree with Zones.zone on the edge.
    no = int(np.count_nonzero(probabilities < np.float64(zones.low)))
    yes = int(np.count_nonzero(probabilities >= np.float64(zones.high)))
    return no, len(probabilities) - no - yes, yes


class ZoneButton(QPushButton):
    """A small button of one zone: its glyph on its colour, words, and perhaps a number."""

    def __init__(self, zone: Zone, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.zone = zone
        self._bold, self._faded, self._compact = "", False, False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_words(self, words: str, number: str = "") -> None:
        """Show `words` and, in bold, `number`."""
        if (words, number) != (self.text(), self._bold):
            self.setText(words)
            self._bold = number
            self.updateGeometry()
            self.update()

    def set_faded(self, faded: bool) -> None:
        """Draw it quietly, because its photos are not shown."""
        self._faded = faded
        self.update()

    def set_compact(self, compact: bool) -> None:
        """Leave the words out: glyph and number only; the tool tip and screen readers keep them."""
        if compact != self._compact:
            self._compact = compact
            self.updateGeometry()
            self.update()

    def width_for(self, compact: bool) -> int:
        """The width in device-independent pixels that it wants with or without its words."""
        edge, words, number = self._measures()
        parts = [width for width in (0 if compact else words, number) if width]
        half = theme.GRID // 2
        return 2 * half + edge + sum(parts) + len(parts) * half + (half if parts else 0)

    def sizeHint(self) -> QSize:
        return QSize(self.width_for(self._compact), self._measures()[0] + theme.GRID)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _measures(self) -> tuple[int, int, int]:
        plain = QFontMetrics(theme.font(theme.TEXT_BODY))
        bold = QFontMetrics(theme.font(theme.TEXT_BODY, bold=True))
        return plain.height(), plain.horizontalAdvance(self.text()), bold.horizontalAdvance(self._bold)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, half = theme.tokens(), theme.GRID / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge, words, number = self._measures()
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        hovered = self.underMouse() and self.isEnabled()
        if self.isCheckable() or hovered:
            edging = theme.zone_colour(self.zone) if self.isChecked() else QColor(tokens.line)
            painter.setPen(QPen(edging, 1.5 if self.isChecked() else 1))
            painter.setBrush(QColor(tokens.raised) if self.isChecked() or hovered else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body, half, half)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens.focus), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body, half, half)
        quiet = self._faded or not self.isEnabled()
        if quiet:
            painter.setOpacity(0.45)
        dot = QRectF(half, (self.height() - edge) / 2, edge, edge)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.zone_colour(self.zone))
        painter.drawEllipse(dot)
        inset = edge * 0.22
        box = dot.adjusted(inset, inset, -inset, -inset)
        theme.paint_glyph(painter, self.zone, box, theme.on_zone_colour(self.zone))
        painter.setOpacity(1.0)
        painter.setPen(QColor(tokens.muted if quiet else tokens.text))
        x = dot.right() + half
        for text, width, bold in ((self.text(), words, False), (self._bold, number, True)):
            if width and (bold or not self._compact):
                painter.setFont(theme.font(theme.TEXT_BODY, bold=bold))
                where = QRectF(x, 0, width + half, self.height())
                painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
                x += width + half


class _Handle(QAbstractSlider):
    """One threshold in whole per cent: a line, and on its outer side half a disc to hold it by.

    Half, so that of two handles at the same place each can be had. A QAbstractSlider, because Qt then tells
    screen readers of a slider and its value without a word from us.
    """

    released = Signal()
    reset = Signal()

    OUTWARD, INWARD = 2 * theme.GRID, theme.GRID // 2
    """How far it can be grasped on its outer and inner side, in device-independent pixels."""

    def __init__(self, *, outward: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.outward = outward  # -1: its half disc is left of the line; 1: right of it
        self._grasp: float | None = None  # how far from the line the mouse holds it
        self.setRange(0, 100)
        self.setSingleStep(1)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)

    @property
    def line_x(self) -> int:
        """Where its line is within it."""
        return self.OUTWARD if self.outward < 0 else self.INWARD

    @property
    def active(self) -> bool:
        """Whether the user is at it, by mouse or keyboard."""
        return self._grasp is not None or self.hasFocus() or self.underMouse()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key
        step = 5 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        moves = {
            key.Key_Left: self.value() - step,
            key.Key_Down: self.value() - step,
            key.Key_Right: self.value() + step,
            key.Key_Up: self.value() + step,
            key.Key_PageDown: self.value() - 10,
            key.Key_PageUp: self.value() + 10,
            key.Key_Home: self.minimum(),
            key.Key_End: self.maximum(),
        }
        wanted = moves.get(Qt.Key(event.key()))
        if wanted is None:
            super().keyPressEvent(event)
        else:
            self.setValue(wanted)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        super().keyReleaseEvent(event)
        if not event.isAutoRepeat():
            self.released.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._parent().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._parent().update()
        self.released.emit()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._parent().update()

    def leaveEvent(self, event: QEvent) -> None:
        self._parent().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._grasp = event.position().x() - self.line_x
            self._parent().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grasp is not None:
            x = self.mapToParent(event.position()).x() - self._grasp
            self.setValue(round(100 * self._parent().probability_at(x)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._grasp is not None:
            self._grasp = None
            self._parent().update()
            self.released.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.reset.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # scrolling past must not move a threshold

    def _parent(self) -> ScoreHistogram:
        parent = self.parent()
        assert isinstance(parent, ScoreHistogram)
        return parent

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        radius = theme.GRID
        foot = QPointF(self.line_x, self._parent().axis_y - self.y())
        strong = QColor(tokens.text if self.active else tokens.muted)
        painter.setPen(QPen(strong, 1))
        painter.drawLine(QPointF(foot.x(), 0), foot)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(strong)
        knob = QRectF(foot.x() + 0.5 - radius, foot.y() + 1, 2 * radius, 2 * radius)
        painter.drawPie(knob, 90 * 16, 180 * 16 * -self.outward)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.focus), 1.5))
            painter.drawArc(knob.adjusted(-2.5, -2.5, 2.5, 2.5), 90 * 16, 180 * 16 * -self.outward)


class ScoreHistogram(QWidget):
    """How a folder's probabilities spread, in bars of the zones' colours, and two handles to set the zones."""

    zones_changed = Signal(object)
    """Zones, at every step of a drag or a key."""
    zones_settled = Signal(object)
    """Zones, once the user lets go."""
    zone_clicked = Signal(object)
    """Zone whose count was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probabilities: NDArray[np.floating] = np.zeros(0, np.float32)
        self._bins: NDArray[np.intp] = np.zeros(BINS, np.intp)
        self._labelled: Mapping[Zone, NDArray[np.floating]] = {}
        self._counts = (0, 0, 0)
        self._zones = self._default_zones = self._settled_zones = Zones()
        self._subject = "subject"
        self._shown: frozenset[Zone] = frozenset()
        self.setAccessibleName("How the scores in this folder spread")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

        self._buttons = tuple(ZoneButton(zone, self) for zone in Zone)
        self._low, self._high = _Handle(outward=-1, parent=self), _Handle(outward=1, parent=self)
        for button in self._buttons:
            button.clicked.connect(self._count_clicked)
        for handle in (self._low, self._high):
            handle.valueChanged.connect(self._handle_moved)
            handle.released.connect(self._settle)
            handle.reset.connect(self._reset)
        # As a person reads it: the counts, then the handles from left to right.
        for before, after in pairwise((*self._buttons, self._low, self._high)):
            QWidget.setTabOrder(before, after)

        self._recount_timer = QTimer(self, singleShot=True, interval=COALESCE_MS)
        self._recount_timer.timeout.connect(self._recount)
        self._show_words()
        self._measure()
        self._show_zones(self._zones)

    # What it is told

    def set_probabilities(
        self,
        probabilities: NDArray[np.floating],
        labelled: Mapping[Zone, NDArray[np.floating]] = MappingProxyType({}),
    ) -> None:
        """Show `probabilities` (N,), 0 to 1, a moment later; cheap. Those that are no number are left out.

        Those of them that the user labelled, by verdict, are counted in that zone wherever their bar stands.
        """
        self._probabilities, self._labelled = probabilities, labelled
        if not self._recount_timer.isActive():
            self._recount_timer.start()

    def set_zones(self, zones: Zones) -> None:
        """Put the handles at `zones`, to the last digit; emits nothing."""
        self._settled_zones = zones
        self._show_zones(zones)

    def set_default_zones(self, zones: Zones) -> None:
        """The zones that a double-click on a handle goes back to: the subject's own."""
        self._default_zones = zones

    def set_subject(self, name: str) -> None:
        """Whose photos these may be, for the words at the counts."""
        self._subject = name
        self._show_words()
        self._place()

    def set_shown_zones(self, zones: frozenset[Zone]) -> None:
        """Draw the zones that a filter hides more quietly; empty means that all are shown."""
        self._shown = zones
        for button in self._buttons:
            button.set_faded(bool(zones) and button.zone not in zones)
        self.update()

    # What it can be asked

    def zones(self) -> Zones:
        """The zones as they are set now."""
        return self._zones

    def zone_counts(self) -> tuple[int, int, int]:
        """How many photos are in each zone, in Zone's order."""
        if self._recount_timer.isActive():
            self._recount_timer.stop()
            self._recount()
        return self._counts

    # The user's acts

    def _handle_moved(self) -> None:
        handle, zones = self.sender(), self._zones
        value = self._low.value() / 100 if handle is self._low else self._high.value() / 100
        if handle is self._low:
            zones = Zones(min(value, zones.high), zones.high)
        else:
            zones = Zones(zones.low, max(value, zones.low))
        changed = zones != self._zones
        self._show_zones(zones)  # also puts a handle back that would have crossed the other
        if changed:
            self.zones_changed.emit(zones)

    def _settle(self) -> None:
        if self._zones != self._settled_zones:
            self._settled_zones = self._zones
            self.zones_settled.emit(self._zones)

    def _reset(self) -> None:
        if self._zones != self._default_zones:
            self._show_zones(self._default_zones)
            self.zones_changed.emit(self._zones)
        self._settle()

    def _count_clicked(self) -> None:
        button = self.sender()
        assert isinstance(button, ZoneButton)
        self.zone_clicked.emit(button.zone)

    # Keeping itself up to date

    def _recount(self) -> None:
        finite = np.isfinite(self._probabilities)
        if not finite.all():
            self._probabilities = self._probabilities[finite]
        self._bins = count_bins(self._probabilities)
        self._count_zones()

    def _count_zones(self) -> None:
        counts = np.array(count_zones(self._probabilities, self._zones))
        for zone, probabilities in self._labelled.items():
            counts -= count_zones(probabilities, self._zones)
            counts[zone] += len(probabilities)
        no, unsure, yes = counts.tolist()
        self._counts = no, unsure, yes
        self._show_words()
        self._place()

    def _show_zones(self, zones: Zones) -> None:
        self._zones = zones
        for handle, value in ((self._low, zones.low), (self._high, zones.high)):
            handle.blockSignals(True)
            handle.setValue(round(100 * value))
            handle.blockSignals(False)
        self._count_zones()

    def _show_words(self) -> None:
        name = Zone.SUBJECT.words(names.shown(self._subject))
        some = len(self._probabilities) > 0
        for button, count in zip(self._buttons, self._counts, strict=True):
            words = button.zone.words(names.shown(self._subject))
            button.set_words(words, f"{count:,}" if some else "")
            button.setEnabled(some)
            said = f"{words}: {names.photos(count)}" if some else f"{words}: no scores yet"
            if said != button.accessibleName():
                button.setAccessibleName(said)
                button.setToolTip(names.in_tool_tip(f"{said}\nClick to show only these."))
        keys = "Drag it, or press the arrow keys (with Shift in steps of 5). Double-click to put it back."
        tips = (
            f"Photos that score less are “not {name}”.",
            f"Photos that score this much or more are “{name}”.",
        )
        for handle, said, tip in (
            (self._low, f"Not {name}: below this per cent", tips[0]),
            (self._high, f"{name}: from this per cent on", tips[1]),
        ):
            if said != handle.accessibleName():
                handle.setAccessibleName(said)
                handle.setAccessibleDescription(keys)
                handle.setToolTip(names.in_tool_tip(f"{tip}\n{keys}"))

    # Geometry

    def _measure(self) -> None:
        """Reserve the height once, from the fonts, so that nothing jumps when scores come."""
        metrics = QFontMetrics(theme.font(theme.TEXT_SMALL))
        self._label_height = metrics.height()
        self._margin = metrics.horizontalAdvance(names.per_cent(1.0)) + 2 * theme.GRID
        self._bars_top = self._buttons[0].sizeHint().height() + theme.GRID // 2
        self.axis_y = self._bars_top + 5 * theme.GRID
        self.setFixedHeight(self.axis_y + max(self._label_height, 2 * theme.GRID) + theme.GRID // 2)
        self.setMinimumWidth(3 * self._margin)

    def x_of(self, probability: float) -> float:
        """Where `probability` is on the axis, in device-independent pixels."""
        return self._margin + probability * max(1, self.width() - 2 * self._margin)

    def probability_at(self, x: float) -> float:
        """The probability at `x` on the axis, bounded to 0 to 1."""
        return min(1.0, max(0.0, (x - self._margin) / max(1, self.width() - 2 * self._margin)))

    def _zone_span(self, zone: Zone) -> tuple[float, float]:
        edges = (0.0, self._zones.low, self._zones.high, 1.0)
        return self.x_of(edges[zone]), self.x_of(edges[zone + 1])

    def _place(self) -> None:
        for handle, probability in ((self._low, self._zones.low), (self._high, self._zones.high)):
            x = round(self.x_of(probability)) - handle.line_x
            width = handle.OUTWARD + handle.INWARD + 1
            top = self._bars_top - theme.GRID // 2
            handle.setGeometry(x, top, width, self.height() - top)
        self._place_counts()
        self.update()

    def _place_counts(self) -> None:
        """Put each count over the middle of its zone, kept off its neighbours and inside the widget."""
        room, gap = self.width(), theme.GRID // 2
        compact = sum(button.width_for(False) for button in self._buttons) + 2 * gap > room
        for button in self._buttons:
            button.set_compact(compact)
        widths = [button.width_for(compact) for button in self._buttons]
        least = 0
        for button in self._buttons:
            width = button.width_for(compact)
            wanted = round((sum(self._zone_span(button.zone)) - width) / 2)
            later = sum(widths[button.zone + 1 :]) + gap * (len(widths) - 1 - button.zone)
            left = max(least, min(wanted, room - later - width))
            button.setGeometry(left, 0, width, button.sizeHint().height())
            least = left + width + gap

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure()
            self._place()

    # Drawing

    def _heights(self) -> NDArray[np.float64]:
        """Bar heights (BINS,) in pixels: the square root, so that ten photos show beside ten thousand."""
        room = self.axis_y - self._bars_top - 1
        if not self._bins.any():
            return np.zeros(BINS)
        heights = np.sqrt(self._bins / self._bins.max()) * room
        return np.where(self._bins > 0, np.maximum(heights, theme.GRID / 4), 0.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        heights = self._heights()
        for zone in Zone:  # all bars once for each zone, clipped to it: so a handle splits a bar that it cuts
            left, right = (round(x) for x in self._zone_span(zone))
            if right <= left:
                continue
            painter.setOpacity(0.35 if self._shown and zone not in self._shown else 1.0)
            painter.setClipRect(QRect(left, 0, right - left, self.axis_y + 1))
            colour = theme.zone_colour(zone)
            for i in np.flatnonzero(heights):
                x0, x1 = round(self.x_of(i / BINS)) + 1, round(self.x_of((i + 1) / BINS))
                painter.fillRect(QRectF(x0, self.axis_y - heights[i], x1 - x0, heights[i]), colour)
            painter.fillRect(QRectF(left, self.axis_y, right - left, 1), colour)
        painter.setClipping(False)
        painter.setOpacity(1.0)

        painter.setFont(theme.font(theme.TEXT_SMALL))
        for handle, probability in ((self._low, self._zones.low), (self._high, self._zones.high)):
            painter.setPen(QColor(tokens.text if handle.active else tokens.muted))
            x, far = self.x_of(probability) + handle.outward * theme.GRID * 1.5, self._margin
            height = max(self._label_height, 2 * theme.GRID - 2)
            where = QRectF(x - far if handle.outward < 0 else x, self.axis_y + 2, far, height)
            side = Qt.AlignmentFlag.AlignRight if handle.outward < 0 else Qt.AlignmentFlag.AlignLeft
            painter.drawText(where, side | Qt.AlignmentFlag.AlignVCenter, names.per_cent(probability))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            said = self._said_at(event.pos())
            QToolTip.showText(event.globalPos(), names.in_tool_tip(said) if said else "", self)
            return True
        return super().event(event)

    def _said_at(self, pos: QPoint) -> str:
        """What the tool tip says at `pos`."""
        if not self._bars_top <= pos.y() <= self.axis_y or not self.x_of(0) <= pos.x() < self.x_of(1):
            return ""
        if not self._bins.any():
            return "The scores of this folder's photos will show here."
        i = min(int(self.probability_at(pos.x()) * BINS), BINS - 1)
        count, left, right = int(self._bins[i]), names.per_cent(i / BINS), names.per_cent((i + 1) / BINS)
        return (
            f"{names.photos(count)} between {left} and {right}\n"
            "The heights grow with the square root of the number, so that few photos show beside many."
        )
