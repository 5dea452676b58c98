"""The big buttons that answer a question with one click or key, and the quiet words around them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QFontMetrics, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QStyle, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.keys import KeyCaps
from training.zones import Zone


def _paint_answer(painter: QPainter, zone: Zone, box: QRectF) -> None:
    """Draw a zone's glyph on a disc of its colour."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.zone_colour(zone))
    painter.drawEllipse(box)
    inset = box.width() * 0.22
    theme.paint_glyph(painter, zone, box.adjusted(inset, inset, -inset, -inset), theme.on_zone_colour(zone))


class AnswerMark(QWidget):
    """The glyph of an answer that was given."""

    def __init__(self) -> None:
        super().__init__()
        self._zone: Zone | None = None
        self.setFixedSize(2 * theme.GRID, 2 * theme.GRID)
        self.hide()

    def show_zone(self, zone: Zone | None) -> None:
        """Show the glyph of `zone`; None for no answer, which takes no room."""
        self._zone = zone
        self.setVisible(zone is not None)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._zone is not None:
            _paint_answer(QPainter(self), self._zone, QRectF(self.rect()))


class Words(QLabel):
    """One line of plain text, shortened where it is too long; a tool tip has all of it."""

    def __init__(
        self,
        size: float,
        side: Qt.AlignmentFlag,
        *,
        muted: bool = False,
        cut: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(textFormat=Qt.TextFormat.PlainText)
        self._cut = cut
        self.setFont(theme.font(size))
        self.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        if muted:
            self.setForegroundRole(QPalette.ColorRole.PlaceholderText)

    def setText(self, text: str) -> None:
        if text != self.text():
            super().setText(text)
            self.setToolTip(names.in_tool_tip(text) if text else "")

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # the text's own, not the window's
        text = QFontMetrics(self.font()).elidedText(self.text(), self._cut, self.width())
        painter.drawText(self.rect(), QStyle.visualAlignment(self.layoutDirection(), self.alignment()), text)


class Link(QPushButton):
    """A word to click, underlined."""

    def __init__(self, text: str) -> None:
        super().__init__(text, flat=True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font())
        return QSize(metrics.horizontalAdvance(self.text()) + theme.GRID, metrics.height() + theme.GRID // 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, font = theme.tokens(), theme.font()
        painter = QPainter(self)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(tokens.focus), 1.5))
            edge = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(edge, theme.GRID / 2, theme.GRID / 2)
        font.setUnderline(True)
        painter.setFont(font)
        painter.setPen(QColor(tokens.muted if self.isDown() or self.underMouse() else tokens.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class AnswerButton(QPushButton):
    """A big button: a glyph, words and, as a cap, the key that does the same.

    It triggers its action, and is enabled and named as that is; `name` stands in for the action's text.
    """

    _EDGE = 3 * theme.GRID
    _WIDEST = 30 * theme.GRID

    def __init__(self, zone: Zone | None, action: QAction | None, name: str = "") -> None:
        """`zone` None: no answer, but a skip."""
        super().__init__()
        self._zone, self._action, self._name = zone, action, name
        self._least = 0 if name else 20 * theme.GRID if zone is not None else 14 * theme.GRID
        self._cap = KeyCaps(action.shortcuts()[:1], self) if action is not None else None
        if self._cap is not None:
            self._cap.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the photo
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        if action is not None:
            self.clicked.connect(action.trigger)
            action.changed.connect(self._follow)
        self._follow()

    def words(self) -> str:
        """What it says."""
        return self._name or (self._action.text().replace("&&", "&") if self._action is not None else "")

    def _follow(self) -> None:
        """Be as the action is."""
        if self._action is not None:
            self.setEnabled(self._action.isEnabled())
        if self._cap is not None:
            self._cap.setVisible(self.isEnabled())
        if self.words() == self.accessibleName():
            return
        self.setAccessibleName(self.words())
        key = f" ({self._cap.accessibleName()})" if self._cap is not None else ""
        self.setToolTip(names.in_tool_tip(f"{self.words()}{key}"))
        self.updateGeometry()
        self.update()

    def _font(self) -> QFontMetrics:
        return QFontMetrics(theme.font(bold=self._zone is not None))

    def sizeHint(self) -> QSize:
        cap = theme.GRID if self._cap is None else self._cap.sizeHint().width() + 3 * theme.GRID
        width = self._EDGE + 3 * theme.GRID + self._font().horizontalAdvance(self.words()) + cap
        return QSize(min(max(self._least, width), self._WIDEST), 6 * theme.GRID)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_cap()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._place_cap()
        super().changeEvent(event)

    def _place_cap(self) -> None:
        if self._cap is not None:
            size = self._cap.sizeHint()
            at = QRect(self.width() - size.width() - theme.GRID * 3 // 2, 0, size.width(), self.height())
            self._cap.setGeometry(QStyle.visualRect(self.layoutDirection(), self.rect(), at))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, grid = theme.tokens(), theme.GRID
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hovered = self.isEnabled() and (self.underMouse() or self.isDown())
        edge = QColor(tokens.muted if hovered else tokens.line)
        painter.setPen(QPen(QColor(tokens.focus), 1.5) if self.hasFocus() else QPen(edge, 1))
        painter.setBrush(QColor(tokens.line if self.isDown() else tokens.raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), grid * 0.75, grid * 0.75)
        if not self.isEnabled():
            painter.setOpacity(0.45)
        mark = QRect(grid * 3 // 2, (self.height() - self._EDGE) // 2, self._EDGE, self._EDGE)
        mark = QStyle.visualRect(self.layoutDirection(), self.rect(), mark)
        if self._zone is not None:
            _paint_answer(painter, self._zone, QRectF(mark).adjusted(2, 2, -2, -2))
        else:
            from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            icon = "chevron-left" if from_right else "chevron-right"
            pixmap = theme.icon_pixmap(icon, 2 * grid + 4, tokens.muted, self.devicePixelRatioF())
            painter.drawPixmap(QPointF(mark.topLeft()) + QPointF(2, 2), pixmap)
        cap = 0 if self._cap is None else self._cap.width() + 2 * grid
        room = self.rect().adjusted(self._EDGE + grid * 5 // 2, 0, -cap - grid // 2, 0)
        text = self._font().elidedText(self.words(), Qt.TextElideMode.ElideRight, room.width() + 1)
        painter.setFont(theme.font(bold=self._zone is not None))
        painter.setPen(QColor(tokens.text))
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # the text's own, not the window's
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        where = QStyle.visualRect(self.layoutDirection(), self.rect(), room)
        painter.drawText(where, QStyle.visualAlignment(self.layoutDirection(), side), text)


class ButtonRows(QWidget):
    """Buttons side by side, in the middle, in as many rows as they need."""

    def __init__(self) -> None:
        super().__init__()
        self._buttons: list[AnswerButton] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_buttons(self, buttons: Sequence[AnswerButton]) -> None:
        """Show these, in this order."""
        self._buttons = list(buttons)
        for button in buttons:
            button.setParent(self)
            button.show()
        for before, after in zip(self._buttons, self._buttons[1:], strict=False):
            QWidget.setTabOrder(before, after)
        self.updateGeometry()
        self._place()

    def _rows(self, width: int) -> list[list[AnswerButton]]:
        rows: list[list[AnswerButton]] = [[]]
        used = 0
        for button in self._buttons:
            wide = button.sizeHint().width() + theme.GRID
            if rows[-1] and used + wide - theme.GRID > width:
                rows.append([])
                used = 0
            rows[-1].append(button)
            used += wide
        return rows

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        heights = [max(button.sizeHint().height() for button in row) for row in self._rows(width) if row]
        return sum(heights) + theme.GRID * max(0, len(heights) - 1)

    def sizeHint(self) -> QSize:
        return QSize(60 * theme.GRID, self.heightForWidth(60 * theme.GRID))

    def minimumSizeHint(self) -> QSize:
        return QSize(30 * theme.GRID, 6 * theme.GRID)

    def _place(self) -> None:
        y = 0
        for row in self._rows(self.width()):
            hints = [button.sizeHint() for button in row]
            x = (self.width() - sum(hint.width() + theme.GRID for hint in hints) + theme.GRID) // 2
            for button, hint in zip(row, hints, strict=True):
                at = QRect(x, y, hint.width(), hint.height())
                button.setGeometry(QStyle.visualRect(self.layoutDirection(), self.rect(), at))
                x += hint.width() + theme.GRID
            y += max((hint.height() for hint in hints), default=0) + theme.GRID

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # a button says something else now
            self.updateGeometry()
            self._place()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()


class Foot(QWidget):
    """The panel below the photo, with a hairline towards it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.tokens().panel))
        painter.fillRect(0, 0, self.width(), 1, QColor(theme.tokens().line))
