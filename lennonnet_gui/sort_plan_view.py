"""A plan as a table: each photo with its picture, where it goes and why; photos can be left out."""

from __future__ import annotations

import collections
import os
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QContextMenuEvent,
    QDesktopServices,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.sort_plan_model import OUT, ROW, PlanModel
from lennonnet_gui.training_parts import paint_zone
from training.photos import PhotoFile
from training.sorting import Fate, Row
from training.verdicts import Verdict
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture

_Index = QModelIndex | QPersistentModelIndex

_HIGH = 6 * theme.GRID
_THUMB = 5 * theme.GRID
_TICK = 2 * theme.GRID
_MOST_TILES = 400
_WANT_MS = 60


class PlanTable(QTableView):
    """Draws the plan; a click on a tick or the space bar leaves photos out, a right click offers more."""

    wanted_changed = Signal()
    """Other pictures are in sight."""
    corrected = Signal(object, object)
    """What the user says these photos are: list[PhotoFile] and Verdict."""

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan_model = PlanModel(self)
        self._subject = "subject"
        self.table_only = False
        """Whether nothing happens to the photos, because they are only listed."""
        self._down: QPersistentModelIndex | None = None
        self.setModel(self.plan_model)
        self.setItemDelegate(_Cell(picture, self))
        self.setAccessibleName("What happens to each photo")
        self.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.setMouseTracking(True)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(_HIGH)
        self.verticalHeader().setDefaultSectionSize(_HIGH)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(True)
        header.resizeSection(0, 36 * theme.GRID)
        header.resizeSection(1, 40 * theme.GRID)
        self._want_soon = QTimer(self, singleShot=True, interval=_WANT_MS)
        self._want_soon.timeout.connect(self.wanted_changed)
        self.verticalScrollBar().valueChanged.connect(self._moved)
        self.plan_model.modelReset.connect(self._moved)

    def set_table_only(self, table_only: bool) -> None:
        """Whether nothing happens to the photos."""
        self.table_only = table_only
        self.setColumnHidden(1, table_only)

    def set_subject(self, name: str) -> None:
        """Whom the photos are sorted by."""
        self._subject = names.shown(name)

    def wanted(self) -> list[PhotoFile]:
        """The photos in sight."""
        if not self.isVisible() or not self.plan_model.rowCount():
            return []
        first = max(0, self.rowAt(0))
        last = self.rowAt(self.viewport().height() - 1)
        last = self.plan_model.rowCount() - 1 if last < 0 else last
        return [self.plan_model.row(at).file for at in range(first, last + 1)]

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        if any(file.path == path for file in self.wanted()):
            self.viewport().update()

    def selected(self) -> list[int]:
        """The places that are selected."""
        # By ranges: an index for each of many rows would take a second.
        chosen = self.selectionModel().selection()
        ranges = [chosen.at(at) for at in range(chosen.count())]
        return sorted({row for part in ranges for row in range(part.top(), part.bottom() + 1)})

    @Slot()
    def _moved(self) -> None:
        if not self._want_soon.isActive():
            self._want_soon.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._moved()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.plan_model.toggle(self.selected())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        self._down = None
        if event.button() == Qt.MouseButton.LeftButton and self._on_tick(index, event):
            self._down = QPersistentModelIndex(index)  # several that are selected stay so
        else:
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        down, self._down = self._down, None
        index = self.indexAt(event.position().toPoint())
        if down is None:
            super().mouseReleaseEvent(event)
        elif index == down and self._on_tick(index, event):
            places = self.selected()
            if index.row() not in places:
                places = [index.row()]
                self.selectRow(index.row())
            self.plan_model.leave_out(places, not index.data(OUT))

    def _on_tick(self, index: _Index, event: QMouseEvent) -> bool:
        if not index.isValid() or index.column() or index.data(ROW).fate is not Fate.GOES:
            return False
        left = self.columnViewportPosition(0)
        return event.position().x() - left < _TICK + 2 * theme.GRID

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.menu()
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(event.globalPos())

    def menu(self) -> QMenu | None:
        """What can be done with the photos that are selected; None if none is."""
        places = self.selected()
        if not places:
            return None
        menu = QMenu(self)
        going = any(self.plan_model.row(at).fate is Fate.GOES for at in places)
        for words, slot, on in (
            ("Leave out", self._leave_out, going),
            ("Take along", self._take_along, going),
            (f"This is {Zone.SUBJECT.words(self._subject)}", self._is_subject, True),
            (f"This is {Zone.NOT_SUBJECT.words(self._subject)}", self._is_not_subject, True),
            ("Show in folder", self._show_in_folder, len(places) == 1),
        ):
            action = QAction(names.on_button(words), menu)
            action.setEnabled(on)
            action.triggered.connect(slot)
            menu.addAction(action)
            if slot in (self._take_along, self._is_not_subject):
                menu.addSeparator()
        return menu

    @Slot()
    def _leave_out(self) -> None:
        self.plan_model.leave_out(self.selected(), True)

    @Slot()
    def _take_along(self) -> None:
        self.plan_model.leave_out(self.selected(), False)

    @Slot()
    def _is_subject(self) -> None:
        self.corrected.emit([self.plan_model.row(at).file for at in self.selected()], Verdict.SUBJECT)

    @Slot()
    def _is_not_subject(self) -> None:
        self.corrected.emit([self.plan_model.row(at).file for at in self.selected()], Verdict.NOT_SUBJECT)

    @Slot()
    def _show_in_folder(self) -> None:
        folder = os.path.dirname(self.plan_model.row(self.selected()[0]).file.path)  # noqa: PTH120
        QDesktopServices.openUrl(names.to_url(folder))


class _Cell(QStyledItemDelegate):
    """Draws a cell: the tick, the picture and the name; what happens; the zone and why."""

    def __init__(self, picture: Picture, parent: QWidget) -> None:
        super().__init__(parent)
        self._picture = picture
        self._tiles: collections.OrderedDict[tuple[int, int], QPixmap] = collections.OrderedDict()

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(20 * theme.GRID, _HIGH)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        t, place, state = theme.tokens(), option.rect, option.state
        row, out = index.data(ROW), index.data(OUT)
        table = self.parent()
        assert isinstance(table, PlanTable)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(place, QColor(t.placeholder))
        painter.fillRect(place.x(), place.bottom(), place.width(), 1, QColor(t.line))
        painter.setFont(theme.font())
        goes = (row.fate is Fate.GOES and not out) or table.table_only
        painter.setPen(QColor(t.text if goes or row.fate is Fate.PROBLEM else t.muted))
        if index.column() == 0:
            left = self._paint_photo(painter, place, row, out)
        elif index.column() == 1:
            left = place.x() + theme.GRID // 2
            if row.fate is Fate.PROBLEM:
                mark = QRect(left, place.center().y() - 8, 16, 16)
                ratio = painter.device().devicePixelRatioF()
                painter.drawPixmap(mark, theme.icon_pixmap("triangle-alert", 16, t.text, ratio))
                left += 16 + theme.GRID
        else:
            left = place.x() + theme.GRID // 2
            if row.zone is not None:
                paint_zone(painter, row.zone, QRectF(left, place.center().y() - 8, 16, 16))
            painter.setPen(QColor(t.text if goes else t.muted))
            left += 16 + theme.GRID
        room = QRect(left, place.y(), place.right() - left - theme.GRID, place.height())
        words = QFontMetrics(painter.font()).elidedText(
            index.data(), Qt.TextElideMode.ElideMiddle, room.width()
        )
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), words)
        if state & QStyle.StateFlag.State_HasFocus and index.column() == 0:
            painter.setPen(QPen(QColor(t.focus), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawLine(place.x() + 1, place.y() + 2, place.x() + 1, place.bottom() - 2)
        painter.restore()

    def _paint_photo(self, painter: QPainter, place: QRect, row: Row, out: bool) -> int:
        """The tick and the picture; returns where the name begins."""
        t = theme.tokens()
        pen = painter.pen()
        if row.fate is Fate.GOES:
            box = QRectF(place.x() + theme.GRID, place.center().y() - _TICK / 2 + 0.5, _TICK, _TICK)
            painter.setPen(QPen(QColor(t.muted), 1))
            painter.setBrush(QColor(t.raised if out else t.text))
            painter.drawRoundedRect(box, 3, 3)
            if not out:
                theme.paint_glyph(painter, Zone.SUBJECT, box.adjusted(3, 3, -3, -3), QColor(t.panel))
        left = place.x() + _TICK + 2 * theme.GRID
        square = QRect(left, place.center().y() - _THUMB // 2, _THUMB, _THUMB)
        picture = self._picture(row.file)
        if picture is None or picture.isNull():
            painter.fillRect(square, QColor(t.placeholder))
        else:
            ratio = painter.device().devicePixelRatioF()
            tile = self._tile(picture, round(_THUMB * ratio))
            size = tile.size() / ratio
            at = QPointF(left + (_THUMB - size.width()) / 2, square.y() + (_THUMB - size.height()) / 2)
            painter.setOpacity(0.45 if out else 1.0)
            painter.drawPixmap(QRectF(at, size.toSizeF()), tile, QRectF(tile.rect()))
            painter.setOpacity(1.0)
        painter.setPen(pen)
        return left + _THUMB + theme.GRID + theme.GRID // 2

    def _tile(self, picture: QPixmap, edge: int) -> QPixmap:
        """The picture fitted in a square of `edge` device pixels, kept."""
        key = (picture.cacheKey(), edge)
        tile = self._tiles.get(key)
        if tile is None:
            tile = picture.scaled(
                edge, edge, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            tile.setDevicePixelRatio(1)
            self._tiles[key] = tile
            while len(self._tiles) > _MOST_TILES:
                self._tiles.popitem(last=False)
        return tile
