"""The light table: photos in a grid, each with a frame and a pill that say how likely it is the subject.

QListView lays its items out one by one: with 100,000 of them that stalls the window for 0.2 s at every
inserted row or, in batches, sends a scrolled view back to its top. All cells here are of one size, so
PhotoGrid answers every question about places by arithmetic and lets QListView lay out nothing; what is left
of it is how it behaves: selection, keys, tool tips, screen readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QCursor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyleOptionViewItem,
    QWidget,
)

from lennonnet_gui import photo_drag, theme
from lennonnet_gui.photo_cell import INSET, NAMED_CELL, FaceStyle, PhotoDelegate, ThumbnailSource
from lennonnet_gui.photo_model import (
    FileRole,
    PhotoModel,
)

if TYPE_CHECKING:
    from training.photos import PhotoFile

_Index = QModelIndex | QPersistentModelIndex
SMALLEST_CELL, LARGEST_CELL, FIRST_CELL = 96, 320, 176
_GAP = theme.GRID // 2  # least distance between two cells
_ZOOM_STEP = 16  # pixels that a cell grows by a notch of the wheel
_NOTCH = 120  # Qt's eighths of a degree
_VISIBLE_MS = 30
_STILL_MS = 150
_FRAME_MS = 16


# ---------------------------------------------------------------------------------------------- the layout


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the cells are, by arithmetic; y counts from the top of the first line's margin."""

    columns: int
    cell: QSize
    gap: float  # between cells, and at the left and right edge
    line: int  # from one line's top to the next one's

    @classmethod
    def of(cls, width: int, edge: int, label: int) -> _Layout:
        """Cells of `edge` pixels and a label, spread over `width` so that no ragged margin is left."""
        edge = max(SMALLEST_CELL, min(edge, width))
        columns = max(1, (width - _GAP) // (edge + _GAP))
        gap = max(0.0, (width - columns * edge) / (columns + 1))
        between_lines = round(min(max(gap, _GAP), 2 * theme.GRID))
        return cls(columns, QSize(edge, edge + label), gap, edge + label + between_lines)

    def rect(self, row: int) -> QRect:
        line, column = divmod(row, self.columns)
        left = round(self.gap + column * (self.cell.width() + self.gap))
        return QRect(QPoint(left, INSET + line * self.line), self.cell)

    def height(self, count: int) -> int:
        return INSET + -(-count // self.columns) * self.line

    def lines(self, top: int, bottom: int) -> tuple[int, int]:
        """First and last line with cells at heights from `top` to `bottom`; first > last where there are none."""
        return max(0, (top - INSET - self.cell.height()) // self.line + 1), (bottom - INSET) // self.line

    def covered(self, area: QRect, count: int) -> Iterator[tuple[int, int]]:
        """First and last row, line by line, of the cells that `area` touches."""
        first, last = self.column_at(area.left()), self.column_at(area.right())
        across = [c for c in range(first, last + 1) if self._touches(self.rect(c), area)]
        first_line, last_line = self.lines(area.top(), area.bottom())
        for start in range(
            first_line * self.columns, min(count, (last_line + 1) * self.columns), self.columns
        ):
            if across:
                yield start + across[0], min(start + across[-1], count - 1)

    @staticmethod
    def _touches(cell: QRect, area: QRect) -> bool:
        return cell.left() <= area.right() and cell.right() >= area.left()

    def column_at(self, x: float) -> int:
        """The nearest column."""
        column = (x - self.gap / 2) // (self.cell.width() + self.gap)
        return min(max(0, int(column)), self.columns - 1)


# ------------------------------------------------------------------------------------------------- the view


class PhotoGrid(QListView):
    """Shows a PhotoModel as a grid that fills the width; keys, rubber band and Ctrl+wheel as one expects.

    A photo can be dragged out, and with it all that are selected; from beside the photos one draws a rubber band.
    `opened` is Enter or a double-click, `peeked` is Space. `visible_changed` lists the photos on the screen,
    then those of one more page in the direction of scrolling: what should be decoded first.
    """

    opened = Signal(QModelIndex)
    peeked = Signal(QModelIndex)
    visible_changed = Signal(list)
    cell_size_changed = Signal(int)

    def __init__(self, thumbnails: ThumbnailSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cell = FIRST_CELL
        self._layout = _Layout.of(0, self._cell, 0)
        self._top_row, self._top_scrolled = 0, 0.0  # see _note_top
        self._laying_out = False
        self._forwards = True
        self._hovered = -1
        self._pressed = QPoint()  # in the contents' coordinates
        self._left_pressed = False  # and no other button
        self._dragged = False  # since the button was pressed
        self._band = QRect()  # likewise; empty while nothing is drawn
        self._turned = 0
        self._told_visible: list[PhotoFile] | None = None
        self._delegate = PhotoDelegate(thumbnails, self)
        self._visible_timer = QTimer(self, singleShot=True, interval=_VISIBLE_MS)
        self._visible_timer.timeout.connect(self._tell_visible)
        self._racing = QTimer(self, singleShot=True, interval=_STILL_MS)  # active while too fast for fades
        self._fade_timer = QTimer(self, interval=_FRAME_MS)
        self._fade_timer.timeout.connect(self._fade)
        thumbnails.arrived.connect(self._picture_came)

        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setAccessibleName("Photos")
        self.entered.connect(self._hover)
        self.viewportEntered.connect(self._hover)
        self._paint_canvas()

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show `model`, a PhotoModel, and no other one later."""
        super().setModel(model)
        if model is None:
            return
        model.rowsRemoved.connect(self._rows_went)
        model.modelReset.connect(self._photos_changed)
        model.layoutChanged.connect(self._rows_moved)
        model.dataChanged.connect(self._facts_changed)
        self._relayout()

    # ------------------------------------------------------------------------------------------- cell size

    def cell_size(self) -> int:
        """Edge of a cell in device-independent pixels."""
        return self._cell

    def set_cell_size(self, edge: int) -> None:
        """Make the cells `edge` pixels wide, kept within 96 and 320."""
        edge = min(max(edge, SMALLEST_CELL), LARGEST_CELL)
        if edge != self._cell:
            self._cell = edge
            self._relayout()
            self.cell_size_changed.emit(edge)

    def set_face_style(self, style: str) -> None:
        """Show the faces that decided as a FaceStyle or its string says. Raises ValueError for any other one."""
        wanted = FaceStyle(style)
        if wanted is not self._delegate.face_style:
            self._delegate.face_style = wanted
            self.viewport().update()

    # ---------------------------------------------------------------------------------- places, for QListView

    def _count(self) -> int:
        model = self.model()
        return model.rowCount() if model else 0

    def visualRect(self, index: _Index) -> QRect:
        """The cell of `index` in the viewport's coordinates."""
        if not index.isValid():
            return QRect()
        return self._layout.rect(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        """The photo whose cell is at `point` of the viewport, or none in the gaps."""
        y = point.y() + self.verticalOffset()
        line = (y - INSET) // self._layout.line
        row = line * self._layout.columns + self._layout.column_at(point.x())
        if not 0 <= row < self._count() or not self._layout.rect(row).contains(point.x(), y):
            return QModelIndex()
        return self.model().index(row, 0)

    def horizontalOffset(self) -> int:
        """Nothing is ever to the left: the cells fill the width."""
        return 0

    def verticalOffset(self) -> int:
        """How far down the view is scrolled, in pixels."""
        return self.verticalScrollBar().value()

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Scroll as little as shows `index`, or put it where `hint` says."""
        if not index.isValid():
            return
        cell, bar, height = self._layout.rect(index.row()), self.verticalScrollBar(), self.viewport().height()
        top, bottom = cell.top() - INSET, cell.bottom() + 1 + INSET - height
        place = QAbstractItemView.ScrollHint
        if hint == place.PositionAtTop or (hint == place.EnsureVisible and top < bar.value()):
            bar.setValue(top)
        elif hint == place.PositionAtBottom or (hint == place.EnsureVisible and bottom > bar.value()):
            bar.setValue(min(bottom, top))
        elif hint == place.PositionAtCenter:
            bar.setValue((top + bottom) // 2)

    def _visible_rows(self) -> range:
        top = self.verticalOffset()
        return self._rows_between(top, top + self.viewport().height() - 1)

    def _rows_between(self, top: int, bottom: int) -> range:
        first, last = self._layout.lines(top, bottom)
        columns = self._layout.columns
        return range(first * columns, min(self._count(), (last + 1) * columns))

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """What to repaint when `selection` changes."""
        rows = self._visible_rows()
        if selection.count() > len(rows):
            return QRegion(self.viewport().rect())
        region, offset = QRegion(), self.verticalOffset()
        for part in map(selection.at, range(selection.count())):
            for row in range(max(part.top(), rows.start), min(part.bottom() + 1, rows.stop)):
                region += self._layout.rect(row).translated(0, -offset)
        return region

    # QListView would lay out item by item in these; they go past it, to its base.

    def doItemsLayout(self) -> None:
        """Bring the scroll bar up to date and paint."""
        QAbstractItemView.doItemsLayout(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Spread the cells over the new width."""
        QAbstractItemView.resizeEvent(self, event)

    def updateGeometries(self) -> None:
        """Lay out for the viewport's size, and keep the photo at the top where it is."""
        if self._laying_out:  # setting the range may show or hide the scroll bar, and so come here again
            return
        self._laying_out = True
        before, bar, viewport = self._layout, self.verticalScrollBar(), self.viewport()
        label = self._delegate.look.label if self._cell >= NAMED_CELL else 0
        for _ in range(2):
            width = viewport.width()
            self._layout = _Layout.of(width, self._cell, label)
            bar.setSingleStep(max(1, self._layout.line // 3))  # a notch of the wheel is three steps: one line
            bar.setPageStep(viewport.height())
            bar.setRange(0, max(0, self._layout.height(self._count()) - viewport.height()))
            if viewport.width() == width:
                break
        if self._layout == before:
            self._note_top()
        else:
            top = self._layout.rect(self._top_row).top() - INSET
            bar.setValue(top + round(self._top_scrolled * self._layout.line))
        self._laying_out = False
        QAbstractItemView.updateGeometries(self)
        self._visible_timer.start()

    def _relayout(self) -> None:
        self.updateGeometries()
        self.viewport().update()

    def _note_top(self) -> None:
        """Remember what is at the top, to find it there again when columns or cells change."""
        line, pixels = divmod(self.verticalOffset(), self._layout.line)
        if 2 * pixels > self._layout.line:  # mostly gone: the next line is the one that one looks at
            line, pixels = line + 1, pixels - self._layout.line
        self._top_row = line * self._layout.columns
        self._top_scrolled = pixels / self._layout.line

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move what is drawn, so that only what comes into sight is painted."""
        viewport = self.viewport()
        self._forwards = dy <= 0
        if abs(dy) > self._layout.line:
            self._racing.start()
        whole = self.devicePixelRatioF().is_integer()  # else pixels do not fall on pixels
        if whole and not self._band.isValid() and abs(dy) < viewport.height():
            viewport.scroll(0, dy)
        else:
            viewport.update()
        if not self._laying_out:
            self._note_top()
        self._find_hovered()
        self._visible_timer.start()

    # ---------------------------------------------------------------------------------- what the model says

    def _rows_went(self, _parent: QModelIndex, first: int, last: int) -> None:
        if first < self._top_row:
            self._top_row = max(first, self._top_row - (last - first + 1))
        self._hovered = -1

    def _rows_moved(self) -> None:
        self._hovered = -1

    def _photos_changed(self) -> None:
        self._hovered = -1
        self._top_row, self._top_scrolled = 0, 0.0
        self._told_visible = None  # who listens may have forgotten, too
        self._delegate.forget_pictures()

    def _facts_changed(self, _first: QModelIndex, _last: QModelIndex, roles: list[int]) -> None:
        if FileRole in roles:  # the same path with a new content is another photo
            self._visible_timer.start()

    def _tell_visible(self) -> None:
        model = self.model()
        if not isinstance(model, PhotoModel) or not self.isVisible():
            return
        top, height = self.verticalOffset(), self.viewport().height()
        seen = self._visible_rows()
        if self._forwards:
            ahead = self._rows_between(top + height, top + 2 * height)
            ahead = range(max(ahead.start, seen.stop), max(ahead.stop, seen.stop))
        else:
            ahead = self._rows_between(top - height, top)
            ahead = range(ahead.start, min(ahead.stop, seen.start))[::-1]
        files = [model.file_at(row) for rows in (seen, ahead) for row in rows]
        if files != self._told_visible:
            self._told_visible = files
            self.visible_changed.emit(files)

    def showEvent(self, event: QShowEvent) -> None:
        """Say what is visible now."""
        super().showEvent(event)
        self._visible_timer.start()

    # -------------------------------------------------------------------------------------------- pictures

    def _picture_came(self, path: str) -> None:
        model = self.model()
        row = model.row_of(path) if isinstance(model, PhotoModel) else -1
        visible = row in self._visible_rows()
        moving = self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self) > 0
        if self._delegate.picture_came(path, fade=visible and moving and not self._racing.isActive()):
            self._fade_timer.start()
        if visible:
            self._update_row(row)

    def _fade(self) -> None:
        model, fading = self.model(), self._delegate.fading()
        if not fading or not isinstance(model, PhotoModel):
            self._fade_timer.stop()
            return
        for path in fading:
            self._update_row(model.row_of(path))

    def _update_row(self, row: int) -> None:
        if row >= 0:
            self.viewport().update(self._layout.rect(row).translated(0, -self.verticalOffset()))

    # -------------------------------------------------------------------------------------------- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells that the event touches."""
        painter = QPainter(self.viewport())
        model, chosen = self.model(), self.selectionModel()
        if model is not None:
            option = QStyleOptionViewItem()
            self.initViewItemOption(option)
            plain, touched, offset = QStyle.StateFlag.State_Enabled, event.region(), self.verticalOffset()
            current = self.currentIndex().row() if self.hasFocus() else -1
            area = event.rect().translated(0, offset)
            for row in self._rows_between(area.top(), area.bottom()):
                cell = self._layout.rect(row).translated(0, -offset)
                if not touched.intersects(cell):
                    continue
                index, state = model.index(row, 0), plain
                if chosen.isSelected(index):
                    state |= QStyle.StateFlag.State_Selected
                if row == self._hovered:
                    state |= QStyle.StateFlag.State_MouseOver
                if row == current:
                    state |= QStyle.StateFlag.State_HasFocus
                option.rect, option.state = cell, state
                self._delegate.paint(painter, option, index)
        if self._band.isValid():
            look = self._delegate.look
            painter.setPen(look.muted)
            painter.setBrush(look.selected)
            painter.drawRect(self._band.translated(0, -self.verticalOffset()))
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the system's scheme and font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._delegate.forget_look()
            self._paint_canvas()
            self._relayout()

    def _paint_canvas(self) -> None:
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Base, self._delegate.look.canvas)
        self.viewport().setPalette(palette)

    # -------------------------------------------------------------------------------------- mouse and keys

    def _hover(self, index: QModelIndex | None = None) -> None:
        row = index.row() if index is not None else -1
        if row != self._hovered:
            self._update_row(self._hovered)
            self._hovered = row
            self._update_row(row)

    def _find_hovered(self) -> None:
        """The cells have moved below the pointer."""
        if self._hovered >= 0:
            self._hover(self.indexAt(self.viewport().mapFromGlobal(QCursor.pos())))

    def leaveEvent(self, event: QEvent) -> None:
        """No photo is below the pointer."""
        self._hover()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select, or begin a rubber band, or perhaps a drag."""
        self._pressed = event.position().toPoint() + QPoint(0, self.verticalOffset())
        self._left_pressed = event.buttons() == Qt.MouseButton.LeftButton
        self._dragged = False
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the rubber band along."""
        if self._dragged and event.buttons():
            return  # a drag was given up with Esc, the button is still held: no rubber band, the selection stays
        super().mouseMoveEvent(event)
        if self.state() == QAbstractItemView.State.DragSelectingState:
            here = event.position().toPoint() + QPoint(0, self.verticalOffset())
            self._band = QRect(self._pressed, here).normalized()
            self.viewport().update()

    def startDrag(self, _supported: Qt.DropAction) -> None:
        """Drag the selected photos, as copies; the photo below the pointer is on top of their stack."""
        model = self.model()
        if not self._left_pressed or not isinstance(model, PhotoModel):
            return
        chosen = self.selectionModel().selection()
        parts = [range(part.top(), part.bottom() + 1) for part in map(chosen.at, range(chosen.count()))]
        files = [file for part in sorted(parts, key=lambda part: part.start) for file in model.files(part)]
        if files:
            self._dragged = True
            photo_drag.start_drag(self, files, self._pictures_on_top(model, parts))

    def _pictures_on_top(self, model: PhotoModel, chosen: list[range]) -> list[QPixmap]:
        """The pictures of the current photo and of those chosen ones that are on screen, a few."""
        rows = [row for row in self._visible_rows() if any(row in part for part in chosen)]
        rows.sort(key=lambda row: row != self.currentIndex().row())
        pictures = (self.picture(model.file_at(row)) for row in rows[: photo_drag.MOST_PICTURES])
        return [QPixmap() if picture is None else picture for picture in pictures]

    def picture(self, file: PhotoFile) -> QPixmap | None:
        """A photo's picture as the grid draws it, so that it is made only once; None: it will come."""
        return self._delegate.picture(file, self._cell, self.devicePixelRatioF())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the rubber band."""
        if self._dragged:
            self._dragged = False
            return
        super().mouseReleaseEvent(event)
        if self._band.isValid():
            self._band = QRect()
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the photo."""
        super().mouseDoubleClickEvent(event)
        index = self.indexAt(event.position().toPoint())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if index.isValid() and plain and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; with Ctrl, change the size of the cells."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        # Touchpads send many small turns, which must add up.
        self._turned += event.angleDelta().y() * _ZOOM_STEP
        pixels = int(self._turned / _NOTCH)
        self._turned -= pixels * _NOTCH
        self.set_cell_size(self._cell + pixels)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open, peek, move and select; leave letters to the window's shortcuts."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        plain, current = modifiers == Qt.KeyboardModifier.NoModifier, self.currentIndex()
        if plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if current.isValid():
                self.opened.emit(current)
        elif plain and event.key() == Qt.Key.Key_Space:
            if current.isValid():
                self.peeked.emit(current)
        elif plain and event.text().isprintable() and event.text():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Do nothing: letters are shortcuts here, the filter finds names."""

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        """The photo that an arrow key leads to."""
        count, columns = self._count(), self._layout.columns
        if not count:
            return QModelIndex()
        row, last = self.currentIndex().row(), count - 1
        if row < 0:
            return self.model().index(min(self._top_row, last), 0)
        page = max(1, self.viewport().height() // self._layout.line) * columns
        move = QAbstractItemView.CursorAction
        match action:
            case move.MoveLeft | move.MovePrevious:
                row = max(0, row - 1)
            case move.MoveRight | move.MoveNext:
                row = min(last, row + 1)
            case move.MoveUp:
                row = row - columns if row >= columns else row
            case move.MoveDown if row // columns < last // columns:
                row = min(last, row + columns)
            case move.MovePageUp:
                row = max(row % columns, row - page)
            case move.MovePageDown:
                row = min(last, row + page)
            case move.MoveHome:
                row = 0
            case move.MoveEnd:
                row = last
        return self.model().index(row, 0)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Select what a rubber band covers or, by keys and clicks, all from one corner to the other."""
        model, offset = self.model(), self.verticalOffset()
        selection = QItemSelection()

        def select(first: int, last: int) -> None:
            if 0 <= first <= last:
                selection.select(model.index(first, 0), model.index(last, 0))

        if self.state() == QAbstractItemView.State.DragSelectingState:
            for first, last in self._layout.covered(rect.normalized().translated(0, offset), self._count()):
                select(first, last)
        else:
            # Not topLeft and bottomRight: these are swapped where one selects backwards.
            corners = (rect.topLeft(), rect.bottomRight())
            rows = [self.indexAt(corner).row() for corner in corners]
            if min(rows) >= 0:
                select(min(rows), max(rows))
        self.selectionModel().select(selection, command)
