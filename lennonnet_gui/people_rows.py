"""Where things are on the page of people: rows of groups, each a heading and its faces in lines. Arithmetic alone."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum, auto
from functools import cache
from typing import NamedTuple

from PySide6.QtCore import QPoint, QRect

from lennonnet_gui import theme
from lennonnet_gui.people_groups import Group

FACE = 10 * theme.GRID
"""Edge of a face, in device-independent pixels."""

GAP = 2 * theme.GRID
"""Between faces: room for two outlines, and for what hangs over the edges."""

STEP = FACE + GAP
SIDE = 2 * theme.GRID
"""Left and right of all."""

HEADER = 5 * theme.GRID
BELOW = 2 * theme.GRID
"""Below a row's faces."""

MOST_COLLAPSED = 12
"""More faces of a group are not shown before it is opened."""


class Part(Enum):
    """What of a row is meant."""

    HEADER = auto()
    FACE = auto()
    MORE = auto()  # the tile that opens or closes the row
    SUBJECT = auto()  # the header's buttons
    NOT_SUBJECT = auto()
    MENU = auto()
    BLANK = auto()


class Hit(NamedTuple):
    """A place: a row, what of it, and which of its faces (its place in the group), or -1."""

    row: int
    part: Part
    face: int = -1


class Row(NamedTuple):
    """What one row shows; equal rows are the same object."""

    columns: int
    shown: int  # faces
    tile: bool  # the last place opens or closes it
    height: int

    def place(self, at: int) -> QRect:
        """Where a face is; y counts from the row's top."""
        line, column = divmod(at, self.columns)
        return QRect(SIDE + column * STEP, HEADER + line * STEP, FACE, FACE)


@cache
def _row(columns: int, shown: int, tile: bool) -> Row:
    lines = -(-(shown + tile) // columns)
    return Row(columns, shown, tile, HEADER + lines * STEP - GAP + BELOW)


class Rows:
    """All rows, one below the other, in the contents' coordinates: y counts from the first row's top."""

    def __init__(
        self,
        groups: Sequence[Group] = (),
        opened: Collection[int] = (),
        width: int = 0,
        buttons: Mapping[Part, int] | None = None,
    ) -> None:
        """Groups, the ids of those that show all faces, and the widths of the page and of the header's buttons."""
        self.groups, self.width = groups, width
        self._buttons = buttons or {}
        columns = max(1, (width - 2 * SIDE + GAP) // STEP)
        most = min(columns, MOST_COLLAPSED)
        collapsed = _row(columns, max(1, min(columns, MOST_COLLAPSED + 1) - 1), True)
        self.rows: list[Row] = []
        self.tops = [0]
        top = 0
        for group in groups:
            count = len(group.faces)
            if count <= most:
                row = _row(columns, count, False)
            else:
                row = _row(columns, count, True) if group.id in opened else collapsed
            self.rows.append(row)
            top += row.height
            self.tops.append(top)

    @property
    def height(self) -> int:
        """Of all rows."""
        return self.tops[-1]

    def at(self, y: int) -> int:
        """The row at a height, or -1."""
        row = bisect.bisect_right(self.tops, y) - 1
        return row if 0 <= row < len(self.rows) else -1

    def between(self, top: int, bottom: int) -> range:
        """The rows that are, in part at least, between two heights."""
        first = max(0, bisect.bisect_right(self.tops, top) - 1)
        return range(first, max(first, min(len(self.rows), bisect.bisect_left(self.tops, bottom))))

    def shown(self, row: int) -> tuple[int, ...]:
        """The faces of a row that have a place."""
        return self.groups[row].faces[: self.rows[row].shown]

    def places_between(self, row: int, top: int, bottom: int) -> range:
        """The places of a row (the tile's is the last) in lines that are between two heights."""
        layout, above = self.rows[row], self.tops[row] + HEADER
        first = max(0, (top - above + GAP) // STEP) * layout.columns
        last = max(0, -(-(bottom - above) // STEP)) * layout.columns
        return range(first, max(first, min(last, layout.shown + layout.tile)))

    def covered(self, area: QRect) -> Iterator[int]:
        """The faces that an area touches."""
        for row in self.between(area.top(), area.bottom() + 1):
            faces = self.shown(row)
            for at in self.places_between(row, area.top(), area.bottom() + 1):
                if at < len(faces) and self.rect(Hit(row, Part.FACE, at)).intersects(area):
                    yield faces[at]

    def buttons(self, row: int) -> tuple[Part, ...]:
        """From left to right. All loose faces are never one person, so that no single click may say so."""
        return (Part.MENU,) if self.groups[row].loose else (Part.SUBJECT, Part.NOT_SUBJECT, Part.MENU)

    def rect(self, hit: Hit) -> QRect:
        """Where something is; an empty rectangle where it is not shown."""
        top, layout = self.tops[hit.row], self.rows[hit.row]
        match hit.part:
            case Part.FACE:
                if not 0 <= hit.face < layout.shown:
                    return QRect()
                return layout.place(hit.face).translated(0, top)
            case Part.MORE:
                return layout.place(layout.shown).translated(0, top) if layout.tile else QRect()
            case Part.SUBJECT | Part.NOT_SUBJECT | Part.MENU:
                right = self.width - SIDE
                for part in reversed(self.buttons(hit.row)):
                    wide = self._buttons.get(part, 0)
                    if part is hit.part:
                        return QRect(right - wide, top + theme.GRID, wide, 3 * theme.GRID)
                    right -= wide + theme.GRID // 2
                return QRect()
        return QRect(0, top, self.width, HEADER if hit.part is Part.HEADER else layout.height)

    def hit(self, point: QPoint) -> Hit | None:
        """What is at a place; None below the last row."""
        row = self.at(point.y())
        if row < 0:
            return None
        for part in self.buttons(row):
            if self.rect(Hit(row, part)).contains(point):
                return Hit(row, part)
        inside, layout = point.y() - self.tops[row], self.rows[row]
        if inside < HEADER:
            return Hit(row, Part.HEADER)
        line, column = (inside - HEADER) // STEP, (point.x() - SIDE) // STEP
        at = line * layout.columns + column
        on = 0 <= column < layout.columns and at < layout.shown + layout.tile
        if on and layout.place(at).contains(point.x(), inside):
            return Hit(row, Part.MORE) if at == layout.shown else Hit(row, Part.FACE, at)
        return Hit(row, Part.BLANK)

    def step(self, here: tuple[int, int], across: int, down: int) -> tuple[int, int] | None:
        """Where an arrow key leads from a face, as row and place; None: nowhere."""
        row, face = here
        columns = self.rows[row].columns
        face += across + down * columns
        if down and not 0 <= face < self.rows[row].shown:  # to the nearest line of the row above or below
            row += down
            if not 0 <= row < len(self.rows):
                return None
            last = self.rows[row].shown - 1
            face = min(last, (0 if down > 0 else last // columns) * columns + face % columns)
        elif face < 0:
            row -= 1
            face = self.rows[row].shown - 1
        elif face >= self.rows[row].shown:
            row, face = row + 1, 0
        return (row, face) if 0 <= row < len(self.rows) else None
