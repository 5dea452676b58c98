"""Groups of faces, a row each: how much a group is, what it is by now, and its faces, all painted by one widget.

There may be thousands of groups. What is where follows by arithmetic, and only what is in sight is painted; no face
and no button is a widget. The view selects, and tells by signals what is wanted; it changes no group itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QToolTip, QWidget

from lennonnet_gui import face_drag, photo_drag, theme
from lennonnet_gui.face_crops import Box, FaceCrops
from lennonnet_gui.people_groups import Group, PersonFace
from lennonnet_gui.people_paint import PeoplePainter
from lennonnet_gui.people_rows import BELOW, FACE, HEADER, STEP, Hit, Part, Rows
from training.verdicts import FaceVerdict

if TYPE_CHECKING:
    from training.photos import PhotoFile

_VISIBLE_MS = 30
_PULL_MS = 30  # while faces are held at the upper or lower edge


class PeopleView(QAbstractScrollArea):
    """Shows groups of faces; faces are selected as in the grid, and dragged out or onto another group."""

    selection_changed = Signal()
    acted = Signal(object, object)
    """FaceVerdict, and list[int]: the faces of a row whose button was clicked."""

    menu_wanted = Signal(object, object)
    """QPoint on the screen, and the Group whose button was clicked; None for a right click on the selection."""

    gathered = Signal(object, int)
    """list[int] and the id of a group: these faces were dropped onto it."""

    opened = Signal(int)
    """A face that was double-clicked."""

    wanted_changed = Signal()
    """Other faces are in sight than before: ask `wanted`."""

    def __init__(self, crops: FaceCrops, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._crops = crops
        self._faces: Sequence[PersonFace] = ()
        self._groups: Sequence[Group] = ()
        self._painter = PeoplePainter(crops)
        self._rows = Rows()
        self._open: set[int] = set()  # ids of groups
        self._chosen: dict[int, None] = {}
        self._current = (-1, -1)  # row, face within it
        self._anchor = (-1, -1)
        self._hovered: Hit | None = None
        self._pressed: Hit | None = None
        self._pressed_at = QPoint()  # in the contents' coordinates
        self._keeps = False  # a press on what is selected: a drag takes all, a click selects one
        self._band: QRect | None = None
        self._band_before: dict[int, None] = {}
        self._dragging = False
        self._target = -1  # row over which faces are held
        self._pull = 0
        self._telling = QTimer(self, singleShot=True, interval=_VISIBLE_MS)
        self._telling.timeout.connect(self.wanted_changed)
        self._pulling = QTimer(self, interval=_PULL_MS)
        self._pulling.timeout.connect(self._scroll_on)
        crops.arrived.connect(self._picture_came)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAlwaysOn
        )  # or every width would come twice
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setAccessibleName("People in this folder")
        self.viewport().setMouseTracking(True)
        self.setAcceptDrops(True)

    # ---------------------------------------------------------------------------------------- what it is told

    def set_subject(self, name: str, look_alikes: Mapping[str, str]) -> None:
        """Whom labels are about, and the names of look-alikes by their ids."""
        self._painter.set_subject(name, look_alikes)
        self._lay_out()

    def set_faces(self, faces: Sequence[PersonFace]) -> None:
        """What is known of the faces by now; groups are of places in this list."""
        self._faces = faces
        self._painter.set_faces(faces)
        self.viewport().update()

    def set_groups(self, groups: Sequence[Group]) -> None:
        """Show these, in this order; those that were there stay opened, and the topmost one where it is."""
        bar = self.verticalScrollBar()
        top = self._rows.at(bar.value())
        held = self._groups[top].id if top >= 0 else -1
        offset = bar.value() - self._rows.tops[max(0, top)]
        self._groups = list(groups)
        self._painter.forget_states()
        known = {face for group in groups for face in group.faces}
        chosen = {face: None for face in self._chosen if face in known}
        self._current = self._anchor = (-1, -1)
        self._hovered = self._pressed = self._band = None
        self._target = -1
        self._lay_out()
        row = next((at for at, group in enumerate(self._groups) if group.id == held), -1)
        if row >= 0:
            bar.setValue(self._rows.tops[row] + offset)
        self._choose(chosen)

    # ------------------------------------------------------------------------------------------- what it tells

    def chosen(self) -> list[int]:
        """The selected faces, from top to bottom."""
        if len(self._chosen) < 2:
            return list(self._chosen)
        return [face for group in self._groups for face in group.faces if face in self._chosen]

    def chosen_groups(self) -> list[Group]:
        """The groups that have selected faces."""
        if not self._chosen:
            return []
        return [group for group in self._groups if not self._chosen.keys().isdisjoint(group.faces)]

    def whole(self, group: Group) -> bool:
        """Whether all faces of a group are selected."""
        return len(group.faces) <= len(self._chosen) and all(face in self._chosen for face in group.faces)

    def choose(self, faces: Iterable[int]) -> None:
        """Select these and no others."""
        self._choose(dict.fromkeys(faces))

    def show_group(self, id: int) -> None:
        """Scroll to a group."""
        row = next((at for at, group in enumerate(self._groups) if group.id == id), -1)
        if row >= 0:
            self._reveal(self._rows.tops[row], self._rows.tops[row + 1])

    def wanted(self) -> list[tuple[PhotoFile, Box]]:
        """The faces in sight, from top to bottom, and then those of the next page."""
        if not self.isVisible():
            return []
        top, height = self.verticalScrollBar().value(), self.viewport().height()
        found: dict[int, None] = {}
        for low, high in ((top, top + height), (top + height, top + 2 * height)):
            for row in self._rows.between(low, high):
                places = self._rows.places_between(row, low, high)
                found.update(dict.fromkeys(self._rows.shown(row)[places.start : places.stop]))
        return [(self._faces[face].file, self._faces[face].box) for face in found]

    def rect_of(self, row: int, part: Part, face: int = -1) -> QRect:
        """Where something is in the viewport; an empty rectangle where it is not shown."""
        return self._rows.rect(Hit(row, part, face)).translated(0, -self.verticalScrollBar().value())

    def hit(self, point: QPoint) -> Hit | None:
        """What is at a place of the viewport; None below the last row."""
        return self._rows.hit(point + QPoint(0, self.verticalScrollBar().value()))

    # --------------------------------------------------------------------------------------- places and painting

    def _lay_out(self) -> None:
        width = self.viewport().width()
        self._rows = Rows(self._groups, self._open, width, self._painter.button_widths(width))
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setSingleStep(STEP // 2)
        bar.setPageStep(height)
        bar.setRange(0, max(0, self._rows.height + theme.GRID - height))
        self._telling.start()
        self.viewport().update()

    def _reveal(self, top: int, bottom: int) -> None:
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if top < bar.value() or bottom - top > height:
            bar.setValue(top)
        elif bottom > bar.value() + height:
            bar.setValue(bottom - height)

    def paintEvent(self, event: QPaintEvent) -> None:
        draw, rows, ratio = self._painter, self._rows, self.devicePixelRatioF()
        offset = self.verticalScrollBar().value()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), draw.look.canvas)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(0, -offset)
        area = event.rect().translated(0, offset)
        low, high = area.top() - theme.GRID, area.bottom() + theme.GRID  # frames stick out of faces
        for row in rows.between(low, high):
            if low < rows.tops[row] + HEADER:
                hovered = self._hovered.part if self._hovered and self._hovered.row == row else None
                draw.header(painter, rows, row, hovered, target=row == self._target)
            faces = rows.shown(row)
            for at in rows.places_between(row, low, high):
                if at < len(faces):
                    place, chosen = QRectF(rows.rect(Hit(row, Part.FACE, at))), faces[at] in self._chosen
                    draw.face(painter, self._faces[faces[at]], place, ratio, chosen=chosen)
                else:
                    more, lit = len(self._groups[row].faces) - at, self._hovered == Hit(row, Part.MORE)
                    draw.tile(painter, QRectF(rows.rect(Hit(row, Part.MORE))), more, lit=lit)
            if row == self._target:
                draw.target(painter, QRectF(rows.rect(Hit(row, Part.BLANK))))
        if self.hasFocus() and self._current[0] >= 0:
            place = QRectF(rows.rect(Hit(self._current[0], Part.FACE, self._current[1])))
            if not place.isEmpty():
                draw.current(painter, place)
        if self._band is not None:
            draw.band(painter, self._band)
        painter.end()

    @Slot()
    def _picture_came(self) -> None:
        if self.isVisible():
            self.viewport().update()  # many come between two frames; Qt paints once

    # ----------------------------------------------------------------------------------------------- selecting

    def _choose(self, faces: dict[int, None]) -> None:
        if faces.keys() != self._chosen.keys():
            self._chosen = faces
            self.selection_changed.emit()
        self.viewport().update()

    def _range(self, one: tuple[int, int], other: tuple[int, int]) -> Iterator[int]:
        (first, start), (last, end) = sorted((one, other))
        for row in range(first, last + 1):
            shown = self._rows.shown(row)
            yield from shown[start if row == first else 0 : end + 1 if row == last else None]

    def _click(self, hit: Hit, modifiers: Qt.KeyboardModifier) -> None:
        group, ctrl = self._groups[hit.row], bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        if hit.part is Part.FACE:
            here, some = (hit.row, hit.face), [group.faces[hit.face]]
            if modifiers & Qt.KeyboardModifier.ShiftModifier and self._anchor[0] >= 0:
                some = list(self._range(self._anchor, here))
            else:
                self._anchor = here
            self._current = here
        else:
            some = list(group.faces)
            self._current = self._anchor = (hit.row, 0)
        if not ctrl:
            self._choose(dict.fromkeys(some))
        elif all(face in self._chosen for face in some):
            self._choose({face: None for face in self._chosen if face not in set(some)})
        else:
            self._choose({**self._chosen, **dict.fromkeys(some)})

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        hit = self.hit(point)
        self._pressed_at = point + QPoint(0, self.verticalScrollBar().value())
        self._pressed, self._keeps, self._dragging = hit, False, False
        if event.button() == Qt.MouseButton.RightButton:
            if hit is not None and hit.part in (Part.FACE, Part.HEADER) and not self._all_chosen(hit):
                self._click(hit, Qt.KeyboardModifier.NoModifier)
            return
        if event.button() != Qt.MouseButton.LeftButton:
            self._pressed = None
            return
        if hit is not None and hit.part in (Part.FACE, Part.HEADER):
            plain = not event.modifiers() & (
                Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
            )
            self._keeps = plain and self._all_chosen(hit)
            if not self._keeps:
                self._click(hit, event.modifiers())
        elif hit is None or hit.part is Part.BLANK:
            ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self._band_before = dict(self._chosen) if ctrl else {}
            self._band = QRect(self._pressed_at, self._pressed_at)
            self._choose(dict(self._band_before))

    def _all_chosen(self, hit: Hit) -> bool:
        group = self._groups[hit.row]
        return group.faces[hit.face] in self._chosen if hit.part is Part.FACE else self.whole(group)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        here = point + QPoint(0, self.verticalScrollBar().value())
        if not event.buttons():
            self._hover(self.hit(point))
        elif self._dragging:
            return  # a drag was given up with Esc, the button is still held
        elif self._band is not None:
            self._band = QRect(self._pressed_at, here).normalized()
            self._choose({**self._band_before, **dict.fromkeys(self._rows.covered(self._band))})
        elif self._pressed is not None and self._pressed.part in (Part.FACE, Part.HEADER):
            far = (here - self._pressed_at).manhattanLength() >= QApplication.startDragDistance()
            if far and event.buttons() == Qt.MouseButton.LeftButton and self._chosen:
                self._drag()

    def _drag(self) -> None:
        """Drag what is selected; the face below the pointer is on top of the stack."""
        pressed, self._dragging = self._pressed, True
        if pressed is None:
            return
        chosen = self.chosen()
        if not self._all_chosen(pressed):  # taken out of the selection by a click with Ctrl
            return
        first = self._groups[pressed.row].faces[max(0, pressed.face)]
        top = [first, *(face for face in chosen if face != first)][: photo_drag.MOST_PICTURES]
        pictures = [self._crops.get(self._faces[face].file, self._faces[face].box) for face in top]
        pixmaps = [QPixmap() if image is None else QPixmap.fromImage(image) for image in pictures]
        self.start_drag([(self._faces[face].file, self._faces[face].number) for face in chosen], pixmaps)
        self._hold(-1)

    def start_drag(self, faces: Sequence[tuple[PhotoFile, int]], pixmaps: Sequence[QPixmap]) -> None:
        """Let the user drag faces; returns when they are let go."""
        face_drag.start_drag(self, faces, pixmaps)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        if self._band is not None:
            self._band = None
            self.viewport().update()
        if self._dragging or pressed is None or event.button() != Qt.MouseButton.LeftButton:
            self._dragging = False
            return
        if self._keeps:
            self._click(pressed, event.modifiers())
        elif self.hit(event.position().toPoint()) == pressed:
            group = self._groups[pressed.row]
            match pressed.part:
                case Part.MORE:
                    self._toggle(pressed.row)
                case Part.SUBJECT:
                    self.acted.emit(FaceVerdict.SUBJECT, list(group.faces))
                case Part.NOT_SUBJECT:
                    self.acted.emit(FaceVerdict.NOT_SUBJECT, list(group.faces))
                case Part.MENU:
                    box = self.rect_of(pressed.row, Part.MENU)
                    self.choose(group.faces)
                    self.menu_wanted.emit(self.viewport().mapToGlobal(box.bottomLeft()), group)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        hit = self.hit(event.position().toPoint())
        if hit is not None and hit.part is Part.FACE and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(self._groups[hit.row].faces[hit.face])
        elif hit is not None and hit.part is Part.HEADER and self._rows.rows[hit.row].tile:
            self._toggle(hit.row)
        else:
            self.mousePressEvent(event)

    def _toggle(self, row: int) -> None:
        """Show all faces of a group, or only the first."""
        self._open ^= {self._groups[row].id}
        self._lay_out()
        top, end = self._rows.tops[row : row + 2]
        self._reveal(top, min(end, top + self.viewport().height()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self._current[0] >= 0:
            where = self.rect_of(self._current[0], Part.FACE, self._current[1]).center()
            self.menu_wanted.emit(self.viewport().mapToGlobal(where), None)
        elif self._chosen:
            self.menu_wanted.emit(event.globalPos(), None)

    def _hover(self, hit: Hit | None) -> None:
        if hit == self._hovered:
            return
        self._hovered = hit
        buttons = (Part.MORE, Part.SUBJECT, Part.NOT_SUBJECT, Part.MENU)
        if hit is not None and hit.part in buttons:
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        elif hit is not None and hit.part is Part.HEADER:
            self.viewport().setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.viewport().unsetCursor()
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    # ---------------------------------------------------------------------------------------------------- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers()
        row, face = self._current
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if not self._groups:
            event.ignore()
        elif key in steps:
            to = self._rows.step(self._current, *steps[Qt.Key(key)]) if row >= 0 else (0, 0)
            if to is not None:
                self._go(to, modifiers)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            last = len(self._groups) - 1
            self._go((0, 0) if key == Qt.Key.Key_Home else (last, 0), modifiers)
        elif key == Qt.Key.Key_A and modifiers & Qt.KeyboardModifier.ControlModifier:
            self.choose(self._groups[max(0, row)].faces)
        elif key == Qt.Key.Key_Space and row >= 0 and self._rows.rows[row].tile:
            self._toggle(row)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row >= 0:
            self.opened.emit(self._groups[row].faces[face])
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _go(self, to: tuple[int, int], modifiers: Qt.KeyboardModifier) -> None:
        self._click(Hit(to[0], Part.FACE, to[1]), modifiers & Qt.KeyboardModifier.ShiftModifier)
        place = self._rows.rect(Hit(to[0], Part.FACE, to[1]))
        above = HEADER if to[1] < self._rows.rows[to[0]].columns else theme.GRID
        self._reveal(place.top() - above, place.bottom() + BELOW)

    # ----------------------------------------------------------------------- faces dropped onto another group

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.source() is self and face_drag.are_faces(event.mimeData()):
            photo_drag.take_as_copy(event)
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        point = event.position().toPoint()
        hit = self.hit(point)
        edge = 4 * theme.GRID
        self._pull = -1 if point.y() < edge else 1 if point.y() > self.viewport().height() - edge else 0
        if self._pull and not self._pulling.isActive():
            self._pulling.start()
        if hit is not None and self._takes(hit.row) and photo_drag.take_as_copy(event):
            self._light(hit.row)
        else:
            self._light(-1)
            event.ignore()

    def _takes(self, row: int) -> bool:
        """Whether what is selected may be dropped onto a group: not if it is all in there already."""
        group = self._groups[row]
        return not group.loose and not self._chosen.keys() <= set(group.faces)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._hold(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        hit = self.hit(event.position().toPoint())
        self._hold(-1)
        if hit is not None and self._takes(hit.row) and photo_drag.take_as_copy(event):
            self.gathered.emit(self.chosen(), self._groups[hit.row].id)

    def _hold(self, row: int) -> None:
        self._pulling.stop()
        self._light(row)

    def _light(self, row: int) -> None:
        if row != self._target:
            self._target = row
            self.viewport().update()

    def _scroll_on(self) -> None:
        if not self._pull:
            self._pulling.stop()
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self._pull * theme.GRID * 2)

    # ------------------------------------------------------------------------------------------------- Qt asks

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(
                event.globalPos(), self._painter.tip(self._rows, self.hit(event.pos())), self.viewport()
            )
            return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        bar = self.verticalScrollBar()
        row = self._rows.at(bar.value())
        offset = bar.value() - self._rows.tops[max(0, row)]
        self._lay_out()
        if row >= 0:
            bar.setValue(self._rows.tops[row] + offset)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._telling.start()
        self._hover(None)
        whole = self.devicePixelRatioF().is_integer()  # else pixels do not fall on pixels
        if whole and self._band is None and abs(dy) < self.viewport().height():
            self.viewport().scroll(0, dy)
        else:
            self.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._crops.set_edge(round(FACE * self.devicePixelRatioF()))
        self._telling.start()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._painter.forget_look()
            self._lay_out()
