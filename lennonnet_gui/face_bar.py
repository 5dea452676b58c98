"""What floats beside a face in the viewer: the bar of what can be said of it, and the card on what it is like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QEnterEvent,
    QFontMetrics,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QStyle, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.keys import KeyCaps
from training.zones import Zone

if TYPE_CHECKING:
    from training.photos import PhotoFile
    from training.verdicts import Box

    Compared = tuple[PhotoFile | None, Box, str]

_GAP = 2 * theme.GRID  # from a face to what floats beside it, clear of its frame
_POINTER = 3 * theme.GRID  # around the pointer, which has a size
_ROW = 4 * theme.GRID
_EDGE = 9 * theme.GRID // 4  # of the mark on a button
_NARROWEST, _WIDEST = 24 * theme.GRID, 34 * theme.GRID
_PAD = 3 * theme.GRID // 2
_CROP = 9 * theme.GRID
_MOST_CROPS = 3
_WRAPPED = int(Qt.TextFlag.TextWordWrap)


def beside(
    size: QSize, face: QRect, area: QRect, *, keep_off: Sequence[QRect] = (), from_right: bool = False
) -> QPoint | None:
    """Where something of `size` stands beside `face` and within `area`: after it, before it, below, above.

    Where none of these has room, in that corner of the area that hides least of the face. It never touches what is in
    `keep_off`: None where that can't be.
    """
    room = QRect(area.topLeft(), area.size() - size).adjusted(0, 0, 1, 1)  # for the upper left corner
    if area.width() < size.width() or area.height() < size.height():
        return None

    def held(x: int, y: int) -> QPoint:
        return QPoint(max(room.left(), min(x, room.right())), max(room.top(), min(y, room.bottom())))

    sides = [
        held(face.right() + 1 + _GAP, face.top()),
        held(face.left() - _GAP - size.width(), face.top()),
    ]
    if from_right:
        sides.reverse()
    along = face.right() + 1 - size.width() if from_right else face.left()
    sides += [held(along, face.bottom() + 1 + _GAP), held(along, face.top() - _GAP - size.height())]
    sides += [room.topRight(), room.topLeft(), room.bottomRight(), room.bottomLeft()]
    allowed = [at for at in sides if not any(QRect(at, size).intersects(other) for other in keep_off)]

    def hidden(at: QPoint) -> int:
        both = QRect(at, size).intersected(face)
        return max(0, both.width()) * max(0, both.height())

    return min(allowed, key=hidden, default=None)  # of equals the first


class _Floating(QWidget):
    """A raised panel with round corners over the photo."""

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(t.muted), 1))
        painter.setBrush(QColor(t.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.GRID, theme.GRID)


def _paint_zone(painter: QPainter, zone: Zone, box: QRectF) -> None:
    """A zone's glyph on a disc of its colour."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.zone_colour(zone))
    painter.drawEllipse(box)
    inset = box.width() * 0.24
    theme.paint_glyph(painter, zone, box.adjusted(inset, inset, -inset, -inset), theme.on_zone_colour(zone))


# ------------------------------------------------------------------------------------------------- the bar


class _Answer(QPushButton):
    """A line of the bar: a mark, words and the key that does the same; bold where it holds already."""

    def __init__(self, action: QAction, mark: Zone | str) -> None:
        super().__init__()
        self._action, self._mark = action, mark
        self._cap = KeyCaps(action.shortcuts()[:1], self) if action.shortcuts() else None
        if self._cap is not None:
            self._cap.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the photo
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def words(self) -> str:
        return self._action.text().replace("&&", "&")

    def nextCheckState(self) -> None:
        """Stay as it is: what holds is told by the action."""

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())
        self.setCheckable(self._action.isCheckable())
        self.setChecked(self._action.isChecked())
        key = f" ({self._cap.accessibleName()})" if self._cap is not None else ""
        self.setAccessibleName(self.words())
        self.setToolTip(names.in_tool_tip(f"{self.words()}{key}"))
        self.updateGeometry()
        self.update()

    def _font(self) -> QFontMetrics:
        return QFontMetrics(theme.font(bold=self.isChecked()))

    def sizeHint(self) -> QSize:
        cap = 0 if self._cap is None else self._cap.sizeHint().width() + theme.GRID
        words = QFontMetrics(theme.font(bold=True)).horizontalAdvance(self.words())
        return QSize(_EDGE + 3 * theme.GRID + words + cap, _ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(_NARROWEST // 2, _ROW)

    def resizeEvent(self, event: QEvent) -> None:
        self._place_cap()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._place_cap()
        super().changeEvent(event)

    def _place_cap(self) -> None:
        if self._cap is not None:
            size = self._cap.sizeHint()
            at = QRect(self.width() - size.width() - theme.GRID // 2, 0, size.width(), self.height())
            self._cap.setGeometry(QStyle.visualRect(self.layoutDirection(), self.rect(), at))

    def paintEvent(self, event: QPaintEvent) -> None:
        t, grid = theme.tokens(), theme.GRID
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        hovered = self.isEnabled() and (self.underMouse() or self.isDown())
        if hovered or self.isChecked() or self.hasFocus():
            painter.setPen(QPen(QColor(t.focus), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.line if hovered else t.raised))
            painter.drawRoundedRect(body, grid / 2, grid / 2)
        if not self.isEnabled():
            painter.setOpacity(0.45)
        mark = QRect(grid * 3 // 4, (self.height() - _EDGE) // 2, _EDGE, _EDGE)
        mark = QStyle.visualRect(self.layoutDirection(), self.rect(), mark)
        if isinstance(self._mark, Zone):
            _paint_zone(painter, self._mark, QRectF(mark))
        else:
            pixmap = theme.icon_pixmap(self._mark, _EDGE, t.muted, self.devicePixelRatioF())
            painter.drawPixmap(mark.topLeft(), pixmap)
        cap = 0 if self._cap is None else self._cap.width() + grid
        room = self.rect().adjusted(_EDGE + grid * 3 // 2, 0, -cap - grid // 2, 0)
        painter.setFont(theme.font(bold=self.isChecked()))
        painter.setPen(QColor(t.text))
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # the text's own, not the window's
        text = self._font().elidedText(self.words(), Qt.TextElideMode.ElideRight, room.width() + 1)
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        where = QStyle.visualRect(self.layoutDirection(), self.rect(), room)
        painter.drawText(where, QStyle.visualAlignment(self.layoutDirection(), side), text)


class FaceBar(_Floating):
    """The buttons beside the selected face: who it is, or that it is none. Each triggers its action."""

    entered = Signal()
    """The pointer is over the bar, and so no longer over a face."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._buttons: list[_Answer] = []
        self._columns = 0
        self._title = QLabel(textFormat=Qt.TextFormat.PlainText)
        self._title.setFont(theme.font(bold=True))
        self._note = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self._note.setFont(theme.font(theme.TEXT_SMALL))
        for label in (self._title, self._note):
            label.setContentsMargins(theme.GRID * 3 // 4, 0, theme.GRID * 3 // 4, theme.GRID // 2)
        self._grid = QGridLayout()
        self._grid.setSpacing(0)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(*[theme.GRID] * 4)
        rows.setSpacing(0)
        rows.addWidget(self._title)
        rows.addWidget(self._note)
        rows.addLayout(self._grid)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setAccessibleName("What the selected face is")
        self.hide()

    def set_answers(self, answers: Sequence[tuple[QAction, Zone | str]]) -> None:
        """Have a button for each action, in this order, with a zone's glyph or an icon."""
        for button in self._buttons:
            self._grid.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = [_Answer(action, mark) for action, mark in answers]
        self._columns = 0
        self._arrange(1)

    def show_face(self, title: str, note: str) -> None:
        """Say which face it is about, and what is known of it."""
        self._title.setText(title)
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def place_beside(self, face: QRect, area: QRect) -> None:
        """Show it beside a face, within `area`, in as many columns as the height asks for."""
        area = area.adjusted(theme.GRID, theme.GRID, -theme.GRID, -theme.GRID)
        side = QStyle.visualAlignment(self.layoutDirection(), Qt.AlignmentFlag.AlignLeft)
        for label in (self._title, self._note):
            label.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute)  # of its own it goes by the text
        layout = self.layout()
        assert layout is not None
        for columns in range(1, len(self._buttons) + 1):
            self._arrange(columns)
            wide = max(button.sizeHint().width() for button in self._buttons)
            least = max(_NARROWEST if columns == 1 else 0, self._title.sizeHint().width())
            wide = max(least, columns * min(wide, _WIDEST)) + 2 * theme.GRID
            wide = min(wide, area.width())
            wraps = layout.hasHeightForWidth()  # with a note in it
            high = layout.totalHeightForWidth(wide) if wraps else layout.totalSizeHint().height()
            size = QSize(wide, high)
            if size.height() <= area.height() or columns * _NARROWEST > area.width():
                break
        size = size.boundedTo(area.size())
        at = beside(size, face, area, from_right=self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        if at is None:
            self.hide()
            return
        self.setGeometry(QRect(at, size))
        layout.activate()
        self.show()
        self.raise_()

    def focus_first(self) -> None:
        """Give the keys to the first button."""
        if self._buttons:
            self._buttons[0].setFocus(Qt.FocusReason.TabFocusReason)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        rows = -(-len(self._buttons) // columns)
        for at, button in enumerate(self._buttons):
            self._grid.removeWidget(button)
            self._grid.addWidget(button, at % rows, at // rows)
            button.show()  # the layout would do so only later, and until then count without it
        for before, after in zip(self._buttons, self._buttons[1:], strict=False):
            QWidget.setTabOrder(before, after)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.entered.emit()
        super().enterEvent(event)

    # The photo below shall not be panned, zoomed or clicked through the bar.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self._title.setFont(theme.font(bold=True))
            self._note.setFont(theme.font(theme.TEXT_SMALL))
        super().changeEvent(event)


# ------------------------------------------------------------------------------------------------ the card


class FaceCard(_Floating):
    """A sentence on a face, and the faces it was compared with: at most three of the subject, three of others."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._picture: Callable[[PhotoFile, Box], QImage | None] = _no_picture
        self._headings = ("", "")
        self._words = ""
        self._rows: tuple[list[Compared], list[Compared]] = ([], [])
        self._crops: dict[tuple[int, int], QPixmap] = {}  # by row and place
        self._columns = 1  # of rows of faces; 0: the sentence alone
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def set_names(self, subject: str, others: str) -> None:
        """How the subject and all others are called."""
        self._headings = (f"Closest: {subject}", f"Closest: {others}")

    def set_pictures(self, picture: Callable[[PhotoFile, Box], QImage | None]) -> None:
        """Where the pictures of faces come from; None for one that is still to come."""
        self._picture = picture

    def show_words(self, words: str, closest: Sequence[Compared], other: Sequence[Compared]) -> None:
        """Say this; it is shown with place_beside."""
        self._words = words
        self._rows = (list(closest[:_MOST_CROPS]), list(other[:_MOST_CROPS]))
        self._crops = {}
        self.setAccessibleName(words)
        self.look_again()

    def look_again(self) -> None:
        """Ask for the pictures that are missing."""
        for row, faces in enumerate(self._rows):
            for at, (file, box, _) in enumerate(faces):
                if file is not None and (row, at) not in self._crops:
                    image = self._picture(file, box)
                    if image is not None and not image.isNull():
                        self._crops[row, at] = _square(image, round(_CROP * self.devicePixelRatioF()))
                        self.update()

    def pictures(self) -> int:
        """How many faces it shows with a picture of theirs."""
        return len(self._crops)

    def place_beside(self, face: QRect, area: QRect, pointer: QPoint, keep_off: Sequence[QRect] = ()) -> None:
        """Show it beside a face, within `area`, never under the pointer; with less in it where there is less room."""
        area = area.adjusted(theme.GRID, theme.GRID, -theme.GRID, -theme.GRID)
        around = QRect(pointer - QPoint(_POINTER // 2, _POINTER // 2), QSize(_POINTER, _POINTER))
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for columns in (1, 2, 0) if any(self._rows) else (0,):
            self._columns = columns
            size = self._size()
            at = beside(size, face, area, keep_off=[around, *keep_off], from_right=from_right)
            if at is not None:
                self.setGeometry(QRect(at, size))
                self.show()
                self.raise_()
                self.update()
                return
        self.hide()

    # Places

    def _shown_rows(self) -> list[int]:
        return [row for row, faces in enumerate(self._rows) if faces] if self._columns else []

    def _row_size(self) -> QSize:
        small = QFontMetrics(theme.font(theme.TEXT_SMALL)).height()
        width = _MOST_CROPS * _CROP + (_MOST_CROPS - 1) * theme.GRID
        return QSize(width, max(_EDGE, small) + theme.GRID // 2 + _CROP + theme.GRID // 2 + small)

    def _sentence(self, width: int) -> QRect:
        metrics = QFontMetrics(theme.font())
        return metrics.boundingRect(QRect(_PAD, _PAD, width, 10_000), _WRAPPED, self._words)

    def _size(self) -> QSize:
        row, shown = self._row_size(), self._shown_rows()
        across = min(self._columns, len(shown)) or 1
        width = across * row.width() + (across - 1) * 2 * theme.GRID
        lines = -(-len(shown) // across)
        height = self._sentence(width).height() + lines * (row.height() + theme.GRID * 3 // 2)
        return QSize(width + 2 * _PAD, height + 2 * _PAD)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        t, row_size, shown = theme.tokens(), self._row_size(), self._shown_rows()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # the text's own, not the window's
        width = self.width() - 2 * _PAD
        sentence = QRect(_PAD, _PAD, width, self._sentence(width).height())
        side = QStyle.visualAlignment(self.layoutDirection(), Qt.AlignmentFlag.AlignLeft)
        painter.setFont(theme.font())
        painter.setPen(QColor(t.text))
        painter.drawText(sentence, int(side) | _WRAPPED, self._words)
        top = sentence.bottom() + 1 + theme.GRID * 3 // 2
        for at, row in enumerate(shown):
            line, column = divmod(at, max(1, self._columns))
            place = QRect(
                QPoint(
                    _PAD + column * (row_size.width() + 2 * theme.GRID),
                    top + line * (row_size.height() + theme.GRID * 3 // 2),
                ),
                row_size,
            )
            self._paint_row(painter, row, place)

    def _visual(self, rect: QRect) -> QRect:
        return QStyle.visualRect(self.layoutDirection(), self.rect(), rect)

    def _paint_row(self, painter: QPainter, row: int, place: QRect) -> None:
        t, small = theme.tokens(), theme.font(theme.TEXT_SMALL)
        metrics = QFontMetrics(small)
        zone = (Zone.SUBJECT, Zone.NOT_SUBJECT)[row]
        high = max(_EDGE, metrics.height())
        mark = QRect(place.x(), place.y() + (high - _EDGE) // 2, _EDGE, _EDGE)
        _paint_zone(painter, zone, QRectF(self._visual(mark)))
        side = QStyle.visualAlignment(self.layoutDirection(), Qt.AlignmentFlag.AlignLeft)
        room = QRect(
            place.x() + _EDGE + theme.GRID * 3 // 4, place.y(), place.width() - _EDGE - theme.GRID, high
        )
        painter.setFont(small)
        painter.setPen(QColor(t.muted))
        heading = metrics.elidedText(self._headings[row], Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(self._visual(room), side | Qt.AlignmentFlag.AlignVCenter, heading)
        for at, (_, _, caption) in enumerate(self._rows[row]):
            crop = QRect(
                place.x() + at * (_CROP + theme.GRID), place.y() + high + theme.GRID // 2, _CROP, _CROP
            )
            below = QRect(crop.x() - 3, crop.bottom() + 1 + theme.GRID // 2, _CROP + 6, metrics.height())
            self._paint_crop(painter, QRectF(self._visual(crop)), self._crops.get((row, at)))
            painter.setFont(small)
            painter.setPen(QColor(t.muted))
            text = metrics.elidedText(caption, Qt.TextElideMode.ElideRight, below.width())
            painter.drawText(self._visual(below), Qt.AlignmentFlag.AlignCenter, text)

    def _paint_crop(self, painter: QPainter, place: QRectF, picture: QPixmap | None) -> None:
        outline = QPainterPath()
        outline.addRoundedRect(place, theme.GRID / 2, theme.GRID / 2)
        if picture is None:
            painter.fillPath(outline, QColor(theme.tokens().placeholder))
            edge = 3 * theme.GRID
            icon = theme.icon_pixmap("image", edge, theme.tokens().muted, self.devicePixelRatioF())
            painter.drawPixmap(place.center() - QPointF(edge / 2, edge / 2), icon)
            return
        painter.save()
        painter.setClipPath(outline)
        painter.drawPixmap(place, picture, QRectF(picture.rect()))
        painter.restore()


def _no_picture(_file: PhotoFile, _box: Box) -> QImage | None:
    return None


def _square(image: QImage, edge: int) -> QPixmap:
    """The middle of an image, `edge` device pixels square."""
    side = min(image.width(), image.height())
    cut = image.copy((image.width() - side) // 2, (image.height() - side) // 2, side, side)
    fitted = cut.scaled(
        edge, edge, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    return QPixmap.fromImage(fitted.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied))
