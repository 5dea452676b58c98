"""A plan as rows for a table, with what is said of it; rows can be left out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QWidget

from lennonnet_gui import names
from training.sorting import Fate, Plan, Row

_Index = QModelIndex | QPersistentModelIndex

ROW = int(Qt.ItemDataRole.UserRole)
"""The role of the plan's Row."""
OUT = ROW + 1
"""Whether it is left out."""

HEADERS = ("Photo", "What happens", "Why")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what the window shows of it, made beside the window.

    rows: the numbers of the rows of each fate; words: the plan's first sentence; others: the rest of them
    wrong: what is expected to be wrong, in sentences
    """

    plan: Plan
    rows: dict[Fate, list[int]]
    words: str
    others: tuple[str, ...]
    wrong: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan) -> Planned:
        """All that; takes a moment with many photos."""
        rows: dict[Fate, list[int]] = {fate: [] for fate in Fate}
        for number, row in enumerate(plan.rows):
            rows[row.fate].append(number)
        sentences, wrong = plan.summary, len(plan.wrong)
        end = len(sentences) - wrong
        return cls(plan, rows, sentences[0], sentences[1:end], sentences[end:])


def left_out(plan: Plan, out: frozenset[int]) -> Generator[Planned, None, None]:
    """A job: what is to be said of a plan without some of its rows."""
    yield Planned.of(without(plan, out))


def without(plan: Plan, out: frozenset[int]) -> Plan:
    """The plan without some of its rows."""
    return plan.without([plan.rows[number].file.path for number in out]) if out else plan


class PlanModel(QAbstractTableModel):
    """The rows of a plan, all or those of one fate; holds numbers alone, so that many are quick."""

    out_changed = Signal()
    """Other photos than before are left out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Row, ...] = ()
        self._by_fate: dict[Fate, list[int]] = {}
        self._root = ""
        self._shown: Sequence[int] = ()
        self._out: set[int] = set()

    @property
    def out(self) -> frozenset[int]:
        """The numbers of the rows that are left out."""
        return frozenset(self._out)

    def set_planned(self, planned: Planned | None, fate: Fate | None = None) -> None:
        """Show a new plan; whoever was left out of the one before stays so."""
        out = {self._rows[number].file.path for number in self._out}
        self.beginResetModel()
        self._rows = () if planned is None else planned.plan.rows
        self._by_fate = {} if planned is None else planned.rows
        self._root = "" if planned is None else os.path.abspath(planned.plan.rules.root)  # noqa: PTH100
        self._out = (
            {i for i in self._by_fate.get(Fate.GOES, ()) if self._rows[i].file.path in out} if out else set()
        )
        self._shown = self._of(fate)
        self.endResetModel()

    def forget_out(self) -> None:
        """Leave nothing out any more."""
        self._out.clear()

    def show_fate(self, fate: Fate | None) -> None:
        """Show the rows of one fate only, or all."""
        self.beginResetModel()
        self._shown = self._of(fate)
        self.endResetModel()

    def _of(self, fate: Fate | None) -> Sequence[int]:
        return range(len(self._rows)) if fate is None else self._by_fate.get(fate, ())

    def row(self, at: int) -> Row:
        """The row of the plan that is shown at a place."""
        return self._rows[self._shown[at]]

    def leave_out(self, places: Iterable[int], out: bool) -> None:
        """Leave out what is shown at these places, or take it along again; what does not go is passed over."""
        numbers = {self._shown[at] for at in places}
        numbers = {number for number in numbers if self._rows[number].fate is Fate.GOES}
        before = len(self._out)
        if out:
            self._out |= numbers
        else:
            self._out -= numbers
        if len(self._out) != before:
            last = self.index(len(self._shown) - 1, len(HEADERS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)
            self.out_changed.emit()

    def toggle(self, places: Iterable[int]) -> None:
        """Leave these out; if all that could go of them are out already, take them along again."""
        at = list(places)
        numbers = {number for place in at if self._rows[number := self._shown[place]].fate is Fate.GOES}
        if numbers:
            self.leave_out(at, not numbers <= self._out)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        number = self._shown[index.row()]
        row = self._rows[number]
        if role == ROW:
            return row
        if role == OUT:
            return number in self._out
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0:
                return names.folder_name(row.file.path)
            return self.what(number) if index.column() == 1 else row.why[:1].upper() + row.why[1:]
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0 and row.fate is Fate.GOES:
            return Qt.CheckState.Unchecked if number in self._out else Qt.CheckState.Checked
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [names.shown(row.file.path), self.what(number), row.why]
            lines += [f"along goes {names.folder_name(one.file.path)}" for one in row.companions]
            return names.in_tool_tip("\n".join(lines))
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        row = self._rows[self._shown[index.row()]] if index.isValid() else None
        if row is not None and row.fate is Fate.GOES and index.column() == 0:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or not index.isValid():
            return False
        self.leave_out([index.row()], Qt.CheckState(value) == Qt.CheckState.Unchecked)
        return True

    def what(self, number: int) -> str:
        """What happens to a photo, in words."""
        row = self._rows[number]
        match row.fate:
            case Fate.GOES if number in self._out:
                return "Stays: you left it out"
            case Fate.GOES:
                along = len(row.companions)
                files = (
                    ""
                    if not along
                    else " (and 1 file along)"
                    if along == 1
                    else f" (and {along} files along)"
                )
                return f"To {self._place(row)}{files}"
            case Fate.STAYS:
                return "Stays"
            case Fate.THERE:
                return "Lies there already"
            case Fate.SAME:
                return f"Skipped: same as {self._inside(row.note)}"
        return f"Can’t go: {names.shown(row.problem)}"

    def _place(self, row: Row) -> str:
        """The folder that a photo goes into, and its name there if that is another."""
        target = row.target or ""
        if os.path.basename(target) == os.path.basename(row.file.path):  # noqa: PTH119
            return self._inside(os.path.dirname(target)) + os.sep  # noqa: PTH120
        return self._inside(target)

    def _inside(self, path: str) -> str:
        inside = path.startswith(os.path.join(self._root, "")) and path != self._root  # noqa: PTH118
        if path == self._root:
            path = os.path.basename(path) or path  # noqa: PTH119
        return names.shown(os.path.relpath(path, self._root) if inside else path)
