"""The faces of the photo in the viewer: a box around each in its zone's colour, which of them is selected, and why.

A face is one box of the photo. Clicks, Tab and the keys that label photos go to it while it is selected; a bar beside
it has the same as buttons (`face_bar`). What is said of a face is told by a signal, nothing is kept here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QMarginsF, QObject, QPointF, QRectF, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QColor, QImage, QKeyEvent, QKeySequence, QPainter, QPen, QRegion
from PySide6.QtWidgets import QApplication

from lennonnet_gui import names, theme
from lennonnet_gui.canvas import Canvas
from lennonnet_gui.face_bar import FaceBar, FaceCard
from lennonnet_gui.photo_cell import paint_mark, paint_pill, pill_size
from training.verdicts import Box, FaceVerdict
from training.zones import Zone

if TYPE_CHECKING:
    from training.photos import PhotoFile
    from training.verdicts import FaceSaid

_HOVER_MS = 300
_MOST_KEYS = 9  # look-alikes with a key; as many as for photos
_ROUND = theme.GRID / 2
_SMALL = 3 * theme.GRID  # a box that is less wide is drawn with a finer line
_PLAIN = 6 * theme.GRID  # and one less wide than this with square corners
_LEAST = theme.GRID  # and is never drawn, or hit, smaller
_MARKS = (
    (10 * theme.GRID, 22),
    (5 * theme.GRID, 18),
    (0, 14),
)  # from this width of a box on, a mark of that size
_REACH = 8 * theme.GRID  # how far a face's pill and frame stick out of its box
_HALO = QColor(0, 0, 0, 110)  # parts a frame from any photo, also from one in the zone's colour
_ZONE_SAID = {FaceVerdict.SUBJECT: Zone.SUBJECT, FaceVerdict.NOT_SUBJECT: Zone.NOT_SUBJECT}


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A face as it is drawn.

    box: left, top, right, bottom in fractions of the photo's width and height; may stick out of the photo
    number: within its photo; probability: of being the subject, 0 to 1, NaN where it has none; zone: of that
    said: what the user said of it; deciding: whether the photo's score is this face's
    """

    number: int
    box: Box
    probability: float
    zone: Zone
    said: FaceSaid | None = None
    deciding: bool = False


@dataclass(frozen=True, slots=True)
class FaceWords:
    """Why a face has its probability: a sentence, and the faces it was compared with, each with a caption.

    A photo of None is one that only the program's own examples know: there is no picture of it.
    """

    words: str
    closest: Sequence[tuple[PhotoFile | None, Box, str]] = ()
    other: Sequence[tuple[PhotoFile | None, Box, str]] = ()


@dataclass(slots=True)
class _Placed:
    """Where a face is drawn, in the window's pixels from the photo's upper left corner."""

    face: ShownFace
    box: QRectF
    pill: QPointF | None = None  # its lower left
    in_figures: bool = False  # the pill has the per cent beside the glyph


class FaceLayer(QObject):
    """Draws faces over a canvas, lets one be selected by click or Tab, and labelled by key or button."""

    said = Signal(int, object, str)
    """Number of the face, FaceVerdict or None (take the label off), and group: id of a look-alike, or ""."""
    selection_changed = Signal()
    """Another face is selected, or the one that is has other facts."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._subject = "subject"
        self._look_alikes: list[tuple[str, str]] = []
        self._explain: Callable[[int], FaceWords | None] = _nothing
        self._faces: tuple[ShownFace, ...] = ()  # in reading order
        self._on = True
        self._selected: int | None = None  # numbers of faces
        self._hovered: int | None = None
        self._awaited: int | None = None  # to be selected once the photo is there
        self._pointer: QPointF | None = None
        self._placed: list[_Placed] = []  # the uppermost last; see _places
        self._placed_for: tuple[object, ...] = ()
        self._waiting = QTimer(self, singleShot=True, interval=_HOVER_MS)
        self._waiting.timeout.connect(self._show_card)
        self.bar = FaceBar(canvas)
        self.card = FaceCard(canvas)
        self.subject_action = self._action(["J", "P"], FaceVerdict.SUBJECT)
        self.not_action = self._action(["N", "X"], FaceVerdict.NOT_SUBJECT)
        self.no_face_action = self._action(["D"], FaceVerdict.NO_FACE)
        self.unlabel_action = self._action(["U"], None)
        self.look_alike_actions: list[QAction] = []
        self._name_actions()
        canvas.set_overlay(self._paint, self.takes)
        canvas.clicked.connect(self._clicked)
        canvas.pointed.connect(self._pointed)
        canvas.place_changed.connect(self._follow)
        self.bar.entered.connect(self._pointed_elsewhere)

    # -------------------------------------------------------------------------------------- what it is told

    def set_subject(self, name: str) -> None:
        """Whose face these may be."""
        if name != self._subject:
            self._subject = name
            self._name_actions()
            self._fill_bar()

    def set_look_alikes(self, look_alikes: Sequence[tuple[str, str]]) -> None:
        """Have an answer for each of these, by id and name."""
        if list(look_alikes) != self._look_alikes:
            self._look_alikes = list(look_alikes)
            self._name_actions()
            self._fill_bar()

    def set_pictures(self, picture: Callable[[PhotoFile, Box], QImage | None]) -> None:
        """Where the pictures of the faces that were compared come from; None: it will come, see picture_came."""
        self.card.set_pictures(picture)

    def picture_came(self) -> None:
        """Take note that a picture that was asked for can now be had."""
        self.card.look_again()

    def show_faces(
        self, faces: Sequence[ShownFace], explain: Callable[[int], FaceWords | None], *, anew: bool
    ) -> None:
        """Draw these; `anew`: of another photo than before, so that none is selected."""
        self._explain = explain
        ordered = _in_reading_order(faces, from_right=self._from_right())
        if anew:
            self._select(None)
            self._hovered = self._pointer = self._awaited = None
            self._hide_card()
        elif ordered == self._faces:
            return
        self._faces = ordered
        self._placed_for = ()
        numbers = {face.number for face in ordered}
        if self._hovered not in numbers:
            self._hovered = None
            self._hide_card()
        self._select(self._selected if self._selected in numbers else None)
        self._canvas.redraw()

    def set_on(self, on: bool) -> None:
        """Draw faces at all, or none."""
        self._on = on
        self._hovered = None
        self._hide_card()
        self._select(None)
        self._canvas.redraw()

    # ------------------------------------------------------------------------------------ what can be asked

    def actions(self) -> list[QAction]:
        """What can be said of the selected face, in the order of the bar.

        Their keys are those that label photos. So they are no shortcuts, which would be ambiguous, but are taken
        from the window before its shortcuts get them: see `takes`.
        """
        return [
            self.subject_action,
            self.not_action,
            *self.look_alike_actions,
            self.no_face_action,
            self.unlabel_action,
        ]

    def selected(self) -> ShownFace | None:
        """The face that keys label, or None."""
        return next((face for face in self._faces if face.number == self._selected), None)

    def in_words(self, face: ShownFace) -> str:
        """A face for a screen reader: "Face 2 of 5: 92 per cent, John, labelled not John by you"."""
        place = f"Face {self._faces.index(face) + 1} of {len(self._faces)}"
        parts = []
        if not math.isnan(face.probability):
            parts = [f"{round(100 * face.probability)} per cent", face.zone.words(self._subject)]
        parts += [self._said_in_words(face.said)] if face.said is not None else []
        parts += ["decides the photo’s score"] if face.deciding else []
        return f"{place}: {', '.join(parts)}" if parts else place

    def why(self, face: ShownFace) -> str:
        """The sentence on what a face was compared with, or ""."""
        words = self._explain(face.number)
        return "" if words is None else words.words

    def face_at(self, point: QPointF) -> ShownFace | None:
        """The face at a point of the canvas: of several, one inside another, the smallest."""
        photo = self._canvas.seen_rect()
        if not self._on or not self._faces or photo.isEmpty():
            return None
        point = point - photo.topLeft()
        hit = [one for one in self._places(photo.size()) if one.box.contains(point)]
        return min(hit, key=lambda one: one.box.width() * one.box.height()).face if hit else None

    def place_of(self, number: int) -> QRectF:
        """Where a face's box is, in the canvas's pixels; empty for one that is not there."""
        photo = self._canvas.seen_rect()
        for one in self._places(photo.size()) if not photo.isEmpty() else ():
            if one.face.number == number:
                return one.box.translated(photo.topLeft())
        return QRectF()

    # ------------------------------------------------------------------------------------------ selection

    def step(self, *, forwards: bool) -> bool:
        """Select the next face or the one before; False, and none selected, where there is no further one."""
        if not self._on or not self._faces or self._canvas.seen_rect().isEmpty():
            return False
        numbers = [face.number for face in self._faces]
        if self._selected is None:
            at = 0 if forwards else len(numbers) - 1
        else:
            at = numbers.index(self._selected) + (1 if forwards else -1)
        there = 0 <= at < len(numbers)
        if there:
            self._canvas.reveal(self.place_of(numbers[at]))
        self._select(numbers[at] if there else None)
        return there

    def select(self, number: int) -> bool:
        """Select the face of this number, as soon as it is to be seen; False where no face has it, or none is shown."""
        there = self._on and any(face.number == number for face in self._faces)
        if there and self.place_of(number).isEmpty():
            self._awaited = number
        elif there:
            self._select(number)
        return there

    def deselect(self) -> bool:
        """Let go of the selected face; whether there was one."""
        was = self._selected is not None
        self._select(None)
        return was

    def _select(self, number: int | None) -> None:
        before, self._selected = self._selected, number
        self._awaited = None
        focused = QApplication.focusWidget()
        if number is None and focused is not None and self.bar.isAncestorOf(focused):
            self._canvas.setFocus()  # the bar is about to go
        if before is None and number is None:
            return
        for each in {before, number}:
            self._update_face(each)
        self._fill_bar()
        self.selection_changed.emit()

    # ------------------------------------------------------------------------------------------------ keys

    def takes(self, event: QKeyEvent) -> bool:
        """Whether this key is about the selected face, and so no shortcut of the window's."""
        return self._selected is not None and (
            event.key() == Qt.Key.Key_Escape or self._action_of(event) is not None
        )

    def take_key(self, event: QKeyEvent) -> bool:
        """Do what a key asks of the selected face; whether it asks anything."""
        if self._selected is None:
            return False
        if event.key() == Qt.Key.Key_Escape:
            return self.deselect()
        action = self._action_of(event)
        if action is not None and not event.isAutoRepeat():
            action.trigger()
        return action is not None

    def say(self, verdict: FaceVerdict | None, group: str = "") -> bool:
        """Say so of the selected face; False where none is."""
        if self._selected is None:
            return False
        self.said.emit(self._selected, verdict, group)
        return True

    def _action_of(self, event: QKeyEvent) -> QAction | None:
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        pressed = QKeySequence(held.value | event.key())
        for action in self.actions():
            if pressed in action.shortcuts():
                return action  # also one that is off: it would label the photo instead
        return None

    def _action(self, keys: Sequence[str], verdict: FaceVerdict | None, group: str = "") -> QAction:
        made = QAction(self)
        made.setShortcuts([QKeySequence(key) for key in keys])
        made.setData((verdict, group))
        made.triggered.connect(self._triggered)
        return made

    def _triggered(self) -> None:
        action = self.sender()
        assert isinstance(action, QAction)
        self._check_actions()  # Qt has turned it over, but what holds is only what is told
        self.say(*action.data())

    def _name_actions(self) -> None:
        whom = Zone.SUBJECT.words(self._subject)
        self.subject_action.setText(names.on_button(f"This is {whom}"))
        self.not_action.setText(names.on_button(f"Not {whom}"))
        self.no_face_action.setText("Not a face")
        self.unlabel_action.setText("Take label off")
        for action in self.look_alike_actions:
            action.deleteLater()
        self.look_alike_actions = []
        for number, (group, name) in enumerate(self._look_alikes, 1):
            keys = [f"Alt+{number}"] if number <= _MOST_KEYS else []
            action = self._action(keys, FaceVerdict.NOT_SUBJECT, group)
            action.setText(names.on_button(name))
            self.look_alike_actions.append(action)
        others = [(action, Zone.NOT_SUBJECT) for action in self.look_alike_actions]
        self.bar.set_answers(
            [
                (self.subject_action, Zone.SUBJECT),
                (self.not_action, Zone.NOT_SUBJECT),
                *others,
                (self.no_face_action, "ban"),
                (self.unlabel_action, "undo-2"),
            ]
        )
        self.card.set_names(whom, Zone.NOT_SUBJECT.words(self._subject))

    def _said_in_words(self, said: FaceSaid) -> str:
        if said.verdict is FaceVerdict.NO_FACE:
            return "no face, as you said"
        zone = _ZONE_SAID[said.verdict]
        name = dict(self._look_alikes).get(said.group) if said.group else None
        return f"labelled {name or zone.words(self._subject)} by you"

    # ------------------------------------------------------------------------------------- the bar, the card

    def _fill_bar(self) -> None:
        face = self.selected()
        if face is None:
            self.bar.hide()
            return
        self._check_actions()
        self.unlabel_action.setEnabled(face.said is not None)
        title = f"Face {self._faces.index(face) + 1} of {len(self._faces)}"
        self.bar.show_face(title, self.why(face))
        self._place_bar()

    def _check_actions(self) -> None:
        face = self.selected()
        said = None if face is None else face.said
        for action in self.actions():
            verdict, group = action.data()
            action.setCheckable(verdict is not None)
            action.setChecked(said is not None and (verdict, group) == (said.verdict, said.group))

    @Slot()
    def _follow(self) -> None:
        """The photo is shown at another place or size."""
        self._hide_card()
        if self._pointer is not None:
            self._pointed(self._pointer)
            if self._hovered is not None:
                self._waiting.start()
        if self._awaited is not None and not self.place_of(self._awaited).isEmpty():
            self._select(self._awaited)
        if self._selected is not None:
            self._place_bar()

    def _place_bar(self) -> None:
        place = self.place_of(self._selected) if self._selected is not None else QRectF()
        free = self._canvas.free_rect()
        if place.isEmpty() or not QRectF(free).intersects(place):
            self._select(None)  # keys label nothing that is out of sight
        else:
            self.bar.place_beside(place.toAlignedRect(), free)

    @Slot(object)
    def _pointed(self, point: QPointF | None) -> None:
        self._pointer = point
        face = None if point is None else self.face_at(point)
        number = None if face is None else face.number
        if number != self._hovered:
            before, self._hovered = self._hovered, number
            for each in (before, number):
                self._update_face(each)
            self._hide_card()
            if number is not None:
                self._waiting.start()
        elif (
            not self.card.isHidden() and point is not None and self.card.geometry().contains(point.toPoint())
        ):
            self._place_card()

    @Slot()
    def _pointed_elsewhere(self) -> None:
        self._pointed(None)

    def _hide_card(self) -> None:
        self._waiting.stop()
        self.card.hide()

    def _show_card(self) -> None:
        words = None if self._hovered is None else self._explain(self._hovered)
        if words is not None and self._pointer is not None:
            self.card.show_words(words.words, words.closest, words.other)
            self._place_card()

    def _place_card(self) -> None:
        if self._hovered is None or self._pointer is None:
            return
        keep_off = [self.bar.geometry()] if self.bar.isVisible() else []
        face = self.place_of(self._hovered).toAlignedRect()
        self.card.place_beside(face, self._canvas.free_rect(), self._pointer.toPoint(), keep_off)

    @Slot(QPointF)
    def _clicked(self, point: QPointF) -> None:
        face = self.face_at(point)
        self._select(None if face is None else face.number)

    # --------------------------------------------------------------------------------------------- places

    def _from_right(self) -> bool:
        return self._canvas.layoutDirection() == Qt.LayoutDirection.RightToLeft

    def _update_face(self, number: int | None) -> None:
        if number is not None:
            place = self.place_of(number).toAlignedRect()
            self._canvas.redraw(place.adjusted(-_REACH, -_REACH, _REACH, _REACH))

    def _places(self, photo: QSizeF) -> list[_Placed]:
        """All faces, the uppermost last, for a photo of that size; kept while it is only panned."""
        ratio = self._canvas.devicePixelRatioF()
        placed_for = (photo.width(), photo.height(), ratio, theme.font().key())
        if placed_for != self._placed_for:
            self._placed_for = placed_for
            self._placed = [_Placed(face, _box_in(photo, face.box)) for face in self._faces]
            self._placed.sort(key=lambda one: -one.box.width() * one.box.height())
            _place_pills(self._placed, photo, ratio)
        return self._placed

    # ------------------------------------------------------------------------------------------- painting

    def _paint(self, painter: QPainter, photo: QRectF, dirty: QRegion) -> None:
        if not self._on or not self._faces:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.translate(photo.topLeft())
        seen = (
            QRectF(self._canvas.rect())
            .translated(-photo.topLeft())
            .adjusted(-_REACH, -_REACH, _REACH, _REACH)
        )
        foremost = (self._hovered, self._selected)
        reach = QMarginsF(_REACH, _REACH, _REACH, _REACH)
        places = [
            one
            for one in self._places(photo.size())
            if dirty.intersects(one.box.translated(photo.topLeft()).marginsAdded(reach).toAlignedRect())
        ]
        for one in sorted(places, key=lambda one: one.face.number in foremost):
            self._paint_face(painter, one, seen)
        painter.restore()

    def _paint_face(self, painter: QPainter, one: _Placed, seen: QRectF) -> None:
        face, said = one.face, one.face.said
        box = one.box.intersected(seen)  # of a face far larger than the window only what is in sight
        hovered, selected = face.number == self._hovered, face.number == self._selected
        if selected:
            _outline_selected(painter, box)
        if said is not None and said.verdict is FaceVerdict.NO_FACE:
            _outline_no_face(painter, box, strong=hovered or selected)
            return
        if math.isnan(face.probability) and said is None:
            colour = QColor(theme.tokens().zones[Zone.UNSURE])
        else:
            colour = theme.zone_colour(face.zone if said is None else _ZONE_SAID[said.verdict])
        _outline(painter, box, colour, _line_width(one.box.width(), face.deciding, hovered))
        pointed_at = (hovered or selected) and not math.isnan(face.probability)
        if pointed_at and not one.in_figures:  # what there was no room for
            corner = QPointF(one.box.left() - 1, one.box.bottom() + 2)
            pill = pill_size(face.zone, face.probability, self._canvas.devicePixelRatioF())
            paint_pill(painter, corner + QPointF(0, pill.height()), face.zone, face.probability)
        elif one.pill is not None:
            paint_pill(painter, one.pill, face.zone, face.probability if one.in_figures else None)
        if said is not None:
            wide = one.box.width()
            size = next(size for least, size in _MARKS if wide >= least)
            off = size / 3
            paint_mark(painter, one.box.topRight() + QPointF(off, -off), _ZONE_SAID[said.verdict], size)


def _nothing(_number: int) -> FaceWords | None:
    return None


def _in_reading_order(faces: Sequence[ShownFace], *, from_right: bool) -> tuple[ShownFace, ...]:
    """Row by row from above; whoever's middle is above the lower edge of a row's first face is in that row."""
    rows: list[tuple[float, list[ShownFace]]] = []
    for face in sorted(faces, key=lambda face: face.box[1]):
        _, top, _, bottom = face.box
        if rows and (top + bottom) / 2 < rows[-1][0]:
            rows[-1][1].append(face)
        else:
            rows.append((bottom, [face]))
    side = -1.0 if from_right else 1.0
    return tuple(face for _, row in rows for face in sorted(row, key=lambda face: side * face.box[0]))


def _box_in(photo: QSizeF, box: Box) -> QRectF:
    """A face's box in the window's pixels, cut at the photo's edges, and never too small to be hit."""
    width, height = photo.width(), photo.height()
    left, top = max(0.0, box[0]) * width, max(0.0, box[1]) * height
    right, bottom = min(1.0, box[2]) * width, min(1.0, box[3]) * height
    grown_x, grown_y = max(0.0, _LEAST - (right - left)) / 2, max(0.0, _LEAST - (bottom - top)) / 2
    return QRectF(QPointF(left - grown_x, top - grown_y), QPointF(right + grown_x, bottom + grown_y))


def _place_pills(placed: Sequence[_Placed], photo: QSizeF, ratio: float) -> None:
    """Find room for pills: below a box or, failing that, in it; for the glyph alone in a crowd, or for none.

    No pill lies on another one or on another face. Those of faces that matter most come first.
    """
    boxes = np.array([_sides(one.box) for one in placed], np.float64).reshape(-1, 4)
    taken = np.concatenate([boxes, np.full(boxes.shape, np.nan)])  # by faces, then by their pills
    order = sorted(
        range(len(placed)),
        key=lambda at: (
            not placed[at].face.deciding,
            placed[at].face.said is None,
            -placed[at].face.probability,
        ),
    )
    for at in order:
        one = placed[at]
        face, box = one.face, one.box
        no_face = face.said is not None and face.said.verdict is FaceVerdict.NO_FACE
        if no_face or math.isnan(face.probability):
            continue
        for in_figures in (True, False):
            size = pill_size(face.zone, face.probability if in_figures else None, ratio)
            if box.width() < (1.0 if in_figures else 0.8) * size.width() and not face.deciding:
                continue
            left = max(0.0, min(box.left() - 1, photo.width() - size.width()))
            spots = [QRectF(left, box.bottom() + 2, size.width(), size.height())]
            if box.height() >= 4 * size.height():
                spots.append(QRectF(QPointF(box.left() + 4, box.bottom() - 4 - size.height()), size))
            for spot in spots:
                if spot.bottom() > photo.height() or _overlaps(spot, taken, at):
                    continue
                one.pill, one.in_figures = spot.bottomLeft(), in_figures
                taken[len(placed) + at] = _sides(spot)
                break
            if one.pill is not None:
                break


def _sides(rect: QRectF) -> tuple[float, float, float, float]:
    return rect.left(), rect.top(), rect.right(), rect.bottom()


def _overlaps(rect: QRectF, others: npt.NDArray[np.float64], but: int) -> bool:
    """Whether `rect` lies on any of `others` (N, 4) but that one; NaN is nowhere."""
    left, top, right, bottom = others.T
    on = (left < rect.right()) & (right > rect.left()) & (top < rect.bottom()) & (bottom > rect.top())
    on[but] = False
    return bool(on.any())


def _line_width(width: float, deciding: bool, hovered: bool) -> float:
    """Of a frame around a box so wide."""
    return (1.0 if width < _SMALL else 2.0) + (2.0 if deciding else 0.0) + (1.0 if hovered else 0.0)


def _outline(painter: QPainter, box: QRectF, colour: QColor, width: float) -> None:
    """A rounded frame around the outside of `box`, with a faint dark edge to part it from the photo."""
    if box.width() < _PLAIN:  # where nobody sees round corners, which take most of the time in a crowd
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for by, each in ((width + 1, _HALO), (width, colour)):
            left, top, right, bottom = _sides(box.adjusted(-by, -by, by, by))
            painter.fillRect(QRectF(left, top, right - left, by), each)
            painter.fillRect(QRectF(left, bottom - by, right - left, by), each)
            painter.fillRect(QRectF(left, top + by, by, bottom - top - 2 * by), each)
            painter.fillRect(QRectF(right - by, top + by, by, bottom - top - 2 * by), each)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        return
    around = box.adjusted(-width / 2, -width / 2, width / 2, width / 2)
    for pen in (QPen(_HALO, width + 2), QPen(colour, width)):
        painter.setPen(pen)
        painter.drawRoundedRect(around, _ROUND, _ROUND)


def _outline_selected(painter: QPainter, box: QRectF) -> None:
    """Outside of a face's frame, with a gap, as in the grid: the zone stays visible."""
    t, around = theme.tokens(), box.adjusted(-8, -8, 8, 8)
    for pen in (QPen(QColor(t.canvas), 5), QPen(QColor(t.focus), 2.5)):
        painter.setPen(pen)
        painter.drawRoundedRect(around, theme.GRID, theme.GRID)


def _outline_no_face(painter: QPainter, box: QRectF, *, strong: bool) -> None:
    """What the user said is no face: barely there."""
    for colour, width in (
        (QColor(0, 0, 0, 150 if strong else 60), 3.0),
        (QColor(255, 255, 255, 230 if strong else 120), 1.0),
    ):
        pen = QPen(colour, width)
        pen.setDashPattern([4 / width, 4 / width])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawRoundedRect(box, _ROUND, _ROUND)
