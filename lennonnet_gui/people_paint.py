"""How groups of faces look: headings with buttons, faces with rounded corners in their zone's frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetrics, QImage, QPainter, QPen, QPixmap

from lennonnet_gui import names, theme
from lennonnet_gui.face_crops import FaceCrops
from lennonnet_gui.people_groups import Group, PersonFace, state, title
from lennonnet_gui.people_rows import FACE, HEADER, SIDE, Hit, Part, Rows
from lennonnet_gui.photo_cell import paint_mark, paint_pill
from training.zones import Zone

NARROW = 80 * theme.GRID
"""On a page that is not as wide, buttons use fewer words."""

_ROUND = theme.GRID * 0.75
_GLYPH = 13
_MOST_KEPT = 1500  # rounded pictures
_MARK = 18

_ZONES = {Part.SUBJECT: Zone.SUBJECT, Part.NOT_SUBJECT: Zone.NOT_SUBJECT}


def paint_zone(painter: QPainter, zone: Zone, left: float, middle: float) -> None:
    """Draw a zone's glyph on a small disc of its colour; from `left` on, around the height `middle`."""
    disc = QRectF(left, middle - _GLYPH / 2, _GLYPH, _GLYPH)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.zone_colour(zone))
    painter.drawEllipse(disc)
    theme.paint_glyph(painter, zone, disc.adjusted(3, 3, -3, -3), theme.on_zone_colour(zone))


class _Look:
    """Colours and fonts for one scheme and one font, made once and not for each face."""

    def __init__(self) -> None:
        t = theme.tokens()
        self.canvas, self.panel, self.raised = QColor(t.canvas), QColor(t.panel), QColor(t.raised)
        self.line, self.text, self.muted = QColor(t.line), QColor(t.text), QColor(t.muted)
        self.focus, self.placeholder = QColor(t.focus), QColor(t.placeholder)
        self.faint = QColor(t.text)
        self.faint.setAlphaF(0.05)
        self.frames = {zone: QPen(theme.zone_colour(zone), 2) for zone in Zone}
        self.no_frame, self.chosen = QPen(self.line, 2), QPen(self.focus, 2)
        self.small, self.body = theme.font(theme.TEXT_SMALL), theme.font(theme.TEXT_BODY)
        self.bold = theme.font(theme.TEXT_BODY, bold=True)
        self.small_metrics, self.body_metrics = QFontMetrics(self.small), QFontMetrics(self.body)
        self.bold_metrics = QFontMetrics(self.bold)


class PeoplePainter:
    """Draws rows of faces, and keeps what would take long to make again."""

    def __init__(self, crops: FaceCrops) -> None:
        self._crops = crops
        self._faces: Sequence[PersonFace] = ()
        self._subject = "subject"
        self._look_alikes: Mapping[str, str] = {}
        self._states: dict[int, tuple[str, Zone | None]] = {}  # by a group's id, as far as asked
        self._kept: OrderedDict[tuple[int, int], QPixmap] = OrderedDict()
        self._look: _Look | None = None

    @property
    def look(self) -> _Look:
        """What to draw with; see forget_look."""
        if self._look is None:
            self._look = _Look()
        return self._look

    def forget_look(self) -> None:
        """Read colours and fonts anew."""
        self._look = None

    def set_subject(self, name: str, look_alikes: Mapping[str, str]) -> None:
        """Whom labels are about, and the names of look-alikes by their ids."""
        self._subject, self._look_alikes = name, look_alikes
        self._states.clear()

    def set_faces(self, faces: Sequence[PersonFace]) -> None:
        """What is known of the faces by now."""
        self._faces = faces
        self._states.clear()

    def forget_states(self) -> None:
        """The groups are other ones."""
        self._states.clear()

    def state(self, group: Group) -> tuple[str, Zone | None]:
        """What a group is by now, in words, and the zone of most of it."""
        if group.id not in self._states:
            self._states[group.id] = state(group, self._faces, self._subject, self._look_alikes)
        return self._states[group.id]

    def button_widths(self, page: int) -> dict[Part, int]:
        """How wide the header's buttons are on a page of this width."""
        advance = self.look.small_metrics.horizontalAdvance
        wide = {part: advance(self._words(part, page)) + 4 * theme.GRID for part in _ZONES}
        return {**wide, Part.MENU: 3 * theme.GRID}

    def _words(self, part: Part, page: int) -> str:
        words = _ZONES[part].words(self._subject)
        return words[:1].upper() + words[1:] if page < NARROW else f"These are {words}"

    # Headers

    def header(self, painter: QPainter, rows: Rows, row: int, hovered: Part | None, *, target: bool) -> None:
        """Draw a row's heading; `target`: faces are held over the row."""
        look, group, top = self.look, rows.groups[row], rows.tops[row]
        if row:
            painter.fillRect(QRect(SIDE, top, rows.width - 2 * SIDE, 1), look.line)
        if hovered is Part.HEADER:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.faint)
            strip = QRectF(theme.GRID, top + theme.GRID / 2, rows.width - 2 * theme.GRID, HEADER - theme.GRID)
            painter.drawRoundedRect(strip, theme.GRID / 2, theme.GRID / 2)
        room = rows.rect(Hit(row, rows.buttons(row)[0])).left() - 2 * theme.GRID - SIDE
        line = QRect(SIDE, top + theme.GRID, room, 3 * theme.GRID)
        words, (is_now, zone) = title(group, self._faces), self.state(group)
        if target:
            words, is_now, zone = "Same person: let go to put these together", "", None
        shown = look.bold_metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
        painter.setFont(look.bold)
        painter.setPen(look.text)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
        line.setLeft(line.left() + look.bold_metrics.horizontalAdvance(shown) + 2 * theme.GRID)
        if zone is not None and line.width() > 6 * theme.GRID:
            paint_zone(painter, zone, line.left(), line.center().y() + 0.5)
            line.setLeft(line.left() + _GLYPH + theme.GRID)
        if is_now and line.width() > 4 * theme.GRID:
            painter.setFont(look.body)
            painter.setPen(look.muted)
            cut = look.body_metrics.elidedText(is_now, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, cut)
        for part in rows.buttons(row):
            self._button(painter, rows.rect(Hit(row, part)), part, rows.width, lit=hovered is part)

    def _button(self, painter: QPainter, place: QRect, part: Part, page: int, *, lit: bool) -> None:
        look, box = self.look, QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(look.muted if lit else look.line)
        painter.setBrush(look.raised)
        painter.drawRoundedRect(box, theme.GRID / 2, theme.GRID / 2)
        if part is Part.MENU:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.text if lit else look.muted)
            for x in (-5, 0, 5):
                painter.drawEllipse(QRectF(box.center().x() + x - 1.5, box.center().y() - 1.5, 3, 3))
            return
        paint_zone(painter, _ZONES[part], box.left() + theme.GRID * 0.75, box.center().y())
        painter.setFont(look.small)
        painter.setPen(look.text)
        text = box.adjusted(theme.GRID * 1.25 + _GLYPH, 0, 0, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, self._words(part, page))

    # Faces

    def face(self, painter: QPainter, face: PersonFace, place: QRectF, ratio: float, *, chosen: bool) -> None:
        """Draw a face with its frame, its probability and what was said of it."""
        look, zone = self.look, face.shown_zone
        picture = self._picture(face, ratio)
        if picture is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.placeholder)
            painter.drawRoundedRect(place, _ROUND, _ROUND)
        else:
            painter.drawPixmap(place.topLeft(), picture)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if chosen:  # outside the frame, so that the zone stays visible
            painter.setPen(look.chosen)
            painter.drawRoundedRect(place.adjusted(-4, -4, 4, 4), _ROUND + 3, _ROUND + 3)
        painter.setPen(look.frames[zone] if zone is not None else look.no_frame)
        painter.drawRoundedRect(place, _ROUND, _ROUND)
        if face.zone is not None and face.probability is not None and face.probability == face.probability:
            paint_pill(painter, QPointF(place.left() - 3, place.bottom() + 4), face.zone, face.probability)
        if face.said is not None:
            corner = QPointF(place.right() + 5, place.top() - 5)
            if zone is not None:
                paint_mark(painter, corner, zone, _MARK)
            else:
                self._no_face(painter, corner)

    def _no_face(self, painter: QPainter, corner: QPointF) -> None:
        """The mark of what was said to be no face: a struck-through disc, its upper right at `corner`."""
        look = self.look
        disc = QRectF(corner.x() - _MARK, corner.y(), _MARK, _MARK).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(look.canvas, 1.5))
        painter.setBrush(look.text)
        painter.drawEllipse(disc)
        painter.setPen(QPen(look.canvas, 2))
        painter.drawLine(disc.topLeft() + QPointF(4, 4), disc.bottomRight() - QPointF(4, 4))

    def tile(self, painter: QPainter, place: QRectF, more: int, *, lit: bool) -> None:
        """Draw what opens a row that shows `more` faces too few, or closes one that shows all."""
        look = self.look
        painter.setPen(look.muted if lit else look.line)
        painter.setBrush(look.panel)
        painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), _ROUND, _ROUND)
        painter.setPen(look.text)
        painter.setFont(look.bold if more else look.small)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"+{more:,}" if more else "Show\nfewer")

    def current(self, painter: QPainter, place: QRectF) -> None:
        """Draw where the keys are."""
        painter.setPen(QPen(self.look.focus, 1, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(place.adjusted(-6.5, -6.5, 6.5, 6.5), _ROUND + 4, _ROUND + 4)

    def target(self, painter: QPainter, whole: QRectF) -> None:
        """Draw around a row over which faces are held."""
        painter.setPen(QPen(self.look.focus, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(whole.adjusted(3, 3, -3, -3), theme.GRID, theme.GRID)

    def band(self, painter: QPainter, area: QRect) -> None:
        """Draw the rubber band."""
        colour = QColor(self.look.text)
        colour.setAlphaF(0.12)
        painter.setPen(self.look.muted)
        painter.setBrush(colour)
        painter.drawRect(area)

    def tip(self, rows: Rows, hit: Hit | None) -> str:
        """What is said of a place when the pointer rests there."""
        if hit is None or hit.part in (Part.BLANK, Part.MORE):
            return ""
        if hit.part is Part.FACE:
            file = self._faces[rows.groups[hit.row].faces[hit.face]].file
            return names.in_tool_tip(names.folder_name(file.path))
        if hit.part is Part.MENU:
            return names.in_tool_tip("More")
        group = rows.groups[hit.row]
        words = f"{title(group, self._faces)}\n{self.state(group)[0]}".strip()
        drag = "Drag it into a bin, or onto another group of the same person."
        return names.in_tool_tip(f"{words}\n{drag}" if hit.part is Part.HEADER else words)

    def _picture(self, face: PersonFace, ratio: float) -> QPixmap | None:
        """A face with rounded corners in the size it is drawn in, kept; None: it will come."""
        image = self._crops.get(face.file, face.box)
        if image is None or image.isNull():
            return None
        edge = round(FACE * ratio)
        key = (image.cacheKey(), edge)
        made = self._kept.get(key)
        if made is None:
            made = self._kept[key] = _rounded(image, edge, _ROUND * ratio)
            made.setDevicePixelRatio(ratio)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made


def _rounded(image: QImage, edge: int, radius: float) -> QPixmap:
    """The picture as a square of `edge` device pixels with rounded corners."""
    fitted = image.scaled(
        edge, edge, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    made = QPixmap(edge, edge)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(fitted))
    painter.drawRoundedRect(QRectF(0, 0, edge, edge), radius, radius)
    painter.end()
    return made
