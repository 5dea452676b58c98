"""What was labelled, gesture by gesture, the newest first; each can be taken back and brought back.

`HistoryPanel` is told the ledger's entries and says by signals what the user wants; it changes no label itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QDateTime,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHideEvent,
    QIcon,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import face_drag, names, theme
from lennonnet_gui.pages import Message, MessagePage
from training.verdicts import Entry, FaceVerdict, Verdict
from training.zones import Zone

_Index = QModelIndex | QPersistentModelIndex

EMPTY = Message(
    "history",
    "No labels yet",
    "What you label shows up here. You can take it back at any time, next week as well.",
)

_TICK_MS = 20_000  # "2 minutes ago" grows old
_SOURCES = {
    "drag": "by drag",
    "files": "from a file manager",
    "key": "by key",
    "click": "by click",
    "menu": "by menu",
    "viewer": "in the large view",
    "queue": "when asked",
    "import": "from a labelled folder",
    "face": "on the face",
    "people": "among the people of a folder",
    "sort": "in the plan of a sorting",
}
_ZONES = {Verdict.SUBJECT: Zone.SUBJECT, Verdict.NOT_SUBJECT: Zone.NOT_SUBJECT}
_FACE_ZONES = {FaceVerdict.SUBJECT: Zone.SUBJECT, FaceVerdict.NOT_SUBJECT: Zone.NOT_SUBJECT}


def gesture_words(entry: Entry, subject: str, groups: Mapping[str, str]) -> str:
    """What a gesture did, as in "12 photos to not John" or "3 photos and 3 faces: John".

    groups: the names of look-alikes by id
    """
    faces = "a face" if entry.faces == 1 else face_drag.faces(entry.faces)
    count = names.photos(entry.count)
    if entry.faces:
        count = f"{count} and {faces}" if entry.count else faces
    if entry.verdict is None and entry.face_verdict is None:
        return f"{count} unlabelled"
    if entry.face_verdict is FaceVerdict.NO_FACE:
        return f"{count}: not a face" if entry.faces == 1 else f"{count}: not faces"
    zone = zone_of(entry)
    name = groups.get(entry.group, "") if entry.group else ""
    whose = names.shown(name or (zone.words(subject) if zone is not None else ""))
    return f"{count}: {whose}" if entry.faces else f"{count} to {whose}"


def zone_of(entry: Entry) -> Zone | None:
    """The zone that a gesture spoke of; None where it took labels off, or said that something is no face."""
    if entry.verdict is not None:
        return _ZONES[entry.verdict]
    return None if entry.face_verdict is None else _FACE_ZONES.get(entry.face_verdict)


def ago(when: float, now: float) -> str:
    """How long ago, in words, `when` was, both in seconds since 1970; days ago it is a date, in local time."""
    seconds = now - when
    if seconds < 60:  # also where the clock was turned back
        return "just now"
    if seconds < 3600:
        return _so_many(int(seconds // 60), "minute")
    then, today = (QDateTime.fromSecsSinceEpoch(int(moment)) for moment in (when, now))
    at = then.toString("HH:mm")
    match then.date().daysTo(today.date()):
        case 0:
            return _so_many(int(seconds // 3600), "hour")
        case 1:
            return f"yesterday, {at}"
    # English, as all other words here.
    form = "d MMMM" if then.date().year() == today.date().year() else "d MMMM yyyy"
    return f"{QLocale.c().toString(then.date(), form)}, {at}"


def _so_many(count: int, unit: str) -> str:
    return f"1 {unit} ago" if count == 1 else f"{count} {unit}s ago"


class HistoryPanel(QDialog):
    """The gestures of one subject; the window stays usable beside it."""

    undo_wanted = Signal(int)
    """Entry.id"""
    redo_wanted = Signal(int)
    """Entry.id"""
    more_wanted = Signal()
    """The list's end is in sight, and `set_entries` said that there are older ones."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self._model = _Gestures(self)
        self._list = _List()
        self._list.setModel(self._model)
        self._list.setItemDelegate(_Row(self._list))
        self._list.pressed_button.connect(self._turn)
        # Queued, because the view asks for more in the middle of its layout.
        self._model.more_wanted.connect(self.more_wanted, Qt.ConnectionType.QueuedConnection)
        self._empty = MessagePage()
        self._empty.set_message(EMPTY)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._list)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        for button in buttons.buttons():
            button.setIcon(QIcon())  # a style's own icons follow no dark scheme
            button.setAutoDefault(False)  # type: ignore[attr-defined]  # Enter is the list's
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, theme.GRID)
        column.setSpacing(theme.GRID)
        column.addWidget(self._pages, 1)
        buttons.setContentsMargins(theme.GRID, 0, theme.GRID, 0)
        column.addWidget(buttons)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._model.refresh)
        self.set_subject("subject")

    def set_subject(self, name: str) -> None:
        """Whose labels these are."""
        self._model.set_subject(names.shown(name))
        whose = Zone.SUBJECT.words(names.shown(name))
        self.setWindowTitle(f"What was labelled: {whose}")
        self._list.setAccessibleName(f"What was labelled of {whose}, the newest first")

    def set_entries(
        self,
        entries: Sequence[Entry],
        groups: Mapping[str, str] = MappingProxyType({}),
        *,
        more: bool = False,
    ) -> None:
        """Show these gestures, given newest first; keeps what is selected and in sight while it is open.

        groups: the names of look-alikes by id; more: whether there are older gestures, to be asked for
        """
        bar = self._list.verticalScrollBar()
        top = self._model.entry(self._list.indexAt(self._list.viewport().rect().topLeft()))
        scrolled = bar.value() > 0 and self.isVisible()
        current = self._model.entry(self._list.currentIndex()) if self.isVisible() else None
        self._model.set_entries(entries, groups, more)
        if current is not None and (again := self._model.index_of(current.id)).isValid():
            self._list.setCurrentIndex(again)
        elif entries:
            self._list.setCurrentIndex(self._model.index(0))
        if scrolled and top is not None and (again := self._model.index_of(top.id)).isValid():
            self._list.scrollTo(again, QListView.ScrollHint.PositionAtTop)
        else:
            self._list.scrollToTop()
        self._pages.setCurrentWidget(self._list if entries else self._empty)

    def sizeHint(self) -> QSize:
        return QSize(48 * theme.GRID, 60 * theme.GRID)

    def _turn(self, index: QModelIndex) -> None:
        entry = self._model.entry(index)
        if entry is not None:
            (self.redo_wanted if entry.undone else self.undo_wanted).emit(entry.id)

    def showEvent(self, event: QShowEvent) -> None:
        self._model.refresh()
        self._tick.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._tick.stop()
        super().hideEvent(event)


class _Gestures(QAbstractListModel):
    """The entries, in words."""

    more_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self._groups: Mapping[str, str] = {}
        self._subject = ""
        self._more = False

    def set_subject(self, name: str) -> None:
        self._subject = name
        self.refresh()

    def set_entries(self, entries: Sequence[Entry], groups: Mapping[str, str], more: bool) -> None:
        same = [entry.id for entry in entries] == [entry.id for entry in self._entries]
        if not same:
            self.beginResetModel()
        self._entries, self._groups, self._more = list(entries), groups, more
        if same:  # after an undo: what has the mouse over it keeps it
            self.refresh()
        else:
            self.endResetModel()

    def refresh(self) -> None:
        """The time has passed, or the words have changed."""
        if self._entries:
            self.dataChanged.emit(self.index(0), self.index(len(self._entries) - 1))

    def entry(self, index: _Index) -> Entry | None:
        return self._entries[index.row()] if index.isValid() else None

    def index_of(self, entry_id: int) -> QModelIndex:
        """Where an entry is; invalid if it is not there."""
        at = next((at for at, entry in enumerate(self._entries) if entry.id == entry_id), None)
        return QModelIndex() if at is None else self.index(at)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._entries)

    def canFetchMore(self, parent: _Index) -> bool:
        return self._more and not parent.isValid()

    def fetchMore(self, parent: _Index) -> None:
        if self._more:
            self._more = False  # once, until there are others
            self.more_wanted.emit()

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entry(index)
        if entry is None:
            return None
        words = gesture_words(entry, self._subject, self._groups)
        if role == Qt.ItemDataRole.DisplayRole:
            return words
        if role == Qt.ItemDataRole.ToolTipRole:
            when = QDateTime.fromSecsSinceEpoch(int(entry.when))
            return names.in_tool_tip(f"{words}\n{QLocale.c().toString(when, 'd MMMM yyyy, HH:mm:ss')}")
        if role == _HOW:
            source = _SOURCES.get(entry.source, names.shown(entry.source))
            parts = ["undone" if entry.undone else "", ago(entry.when, time.time()), source]
            return "  ·  ".join(part for part in parts if part)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            how = ", ".join(str(self.data(index, _HOW)).split("  ·  "))
            return f"{words}, {how}. Press Enter to {'bring it back' if entry.undone else 'take it back'}."
        if role == _ENTRY:
            return entry
        return None


_HOW = int(Qt.ItemDataRole.UserRole)  # when and by what, in words
_ENTRY = int(Qt.ItemDataRole.UserRole) + 1


class _List(QListView):
    """The rows; Enter, Space and a click on a row's button press that button."""

    pressed_button = Signal(QModelIndex)

    def __init__(self) -> None:
        super().__init__()
        self.down: int | None = None  # the Entry.id whose button the mouse holds down
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key
        if event.key() in (key.Key_Return, key.Key_Enter, key.Key_Space) and self.currentIndex().isValid():
            if not event.isAutoRepeat():
                self.pressed_button.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and self._on_button(event):
            self.down = index.data(_ENTRY).id
            self.update(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index, down = self.indexAt(event.position().toPoint()), self.down
        self.down = None
        self.viewport().update()
        # By id: the rows may have changed while the mouse held the button down.
        if down is not None and self._on_button(event) and index.data(_ENTRY).id == down:
            self.pressed_button.emit(index)

    def _on_button(self, event: QMouseEvent) -> bool:
        where = event.position().toPoint()
        index = self.indexAt(where)
        return index.isValid() and button_rect(self.visualRect(index)).contains(where)


def button_rect(row: QRect) -> QRect:
    """Where in a row its button is."""
    metrics = QFontMetrics(theme.font())
    width = max(metrics.horizontalAdvance(words) for words in ("Undo", "Redo")) + 4 * theme.GRID
    height = metrics.height() + theme.GRID
    left = row.right() + 1 - theme.GRID - width
    return QRect(left, row.center().y() - height // 2, width, height)


class _Row(QStyledItemDelegate):
    """Draws a row: the zone's glyph, what was done, when and how, and the button."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        body, small = QFontMetrics(theme.font()), QFontMetrics(theme.font(theme.TEXT_SMALL))
        return QSize(20 * theme.GRID, body.height() + small.height() + 2 * theme.GRID)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        state, row = option.state, option.rect
        t, entry = theme.tokens(), index.data(_ENTRY)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(row, QColor(t.placeholder if selected else t.canvas))
        painter.fillRect(row.x(), row.bottom(), row.width(), 1, QColor(t.line))
        if selected and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(t.focus), 1.5))
            painter.drawRoundedRect(QRectF(row).adjusted(1, 1, -1, -1), theme.GRID / 2, theme.GRID / 2)

        button = button_rect(row)
        edge = 2.5 * theme.GRID
        _paint_mark(painter, QRectF(row.x() + theme.GRID, row.center().y() - edge / 2, edge, edge), entry)
        room = row.adjusted(
            round(edge) + 2 * theme.GRID, theme.GRID, button.x() - row.right() - theme.GRID, -theme.GRID
        )
        for role, size, colour, above in (
            (Qt.ItemDataRole.DisplayRole, theme.TEXT_BODY, t.muted if entry.undone else t.text, True),
            (_HOW, theme.TEXT_SMALL, t.muted, False),
        ):
            font = theme.font(size)
            font.setStrikeOut(entry.undone and above)
            painter.setFont(font)
            painter.setPen(QColor(colour))
            words = QFontMetrics(font).elidedText(index.data(role), Qt.TextElideMode.ElideRight, room.width())
            side = Qt.AlignmentFlag.AlignTop if above else Qt.AlignmentFlag.AlignBottom
            painter.drawText(room, int(side | Qt.AlignmentFlag.AlignLeft), words)
        painter.restore()

        drawn = QStyleOptionButton()
        drawn.initFrom(view := self._list())
        drawn.rect = button
        drawn.text = "Redo" if entry.undone else "Undo"
        down = view.down == entry.id
        flag = QStyle.StateFlag
        drawn.state = flag.State_Enabled | (flag.State_Sunken if down else flag.State_Raised)
        painter.save()
        painter.setFont(theme.font())
        view.style().drawControl(QStyle.ControlElement.CE_PushButton, drawn, painter, view)
        painter.restore()

    def _list(self) -> _List:
        view = self.parent()
        assert isinstance(view, _List)
        return view


def _paint_mark(painter: QPainter, place: QRectF, entry: Entry) -> None:
    """A gesture's glyph: its zone's on its colour, hollow if undone, and a dash where there is no zone."""
    t, half = theme.tokens(), theme.GRID / 2
    zone = zone_of(entry)
    colour = QColor(t.muted) if zone is None or entry.undone else theme.zone_colour(zone)
    on_colour = QColor(t.panel) if zone is None else theme.on_zone_colour(zone)
    if entry.undone:
        on_colour = colour
    painter.setPen(QPen(colour, 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush if entry.undone else colour)
    painter.drawEllipse(place.adjusted(1, 1, -1, -1))
    inner = place.adjusted(half + 1, half + 1, -half - 1, -half - 1)
    if zone is not None:
        theme.paint_glyph(painter, zone, inner, on_colour)
    else:
        painter.setPen(QPen(on_colour, 2))
        middle = inner.center()
        painter.drawLine(QPointF(inner.left(), middle.y()), QPointF(inner.right(), middle.y()))
