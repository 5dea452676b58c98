"""A plan as rows for a table, with what is said of it; rows can be left out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QWidget

from lennonnet_gui import names
from training.sorting import TRASH, Action, Fate, Plan, Row

_Index = QModelIndex | QPersistentModelIndex

ROW = int(Qt.ItemDataRole.UserRole)
"""The role of the plan's Row."""
OUT = ROW + 1
"""Whether it is left out."""

HEADERS = ("Photo", "What happens", "Why")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what the window shows of it, made beside the window.

    rows: the numbers of the rows of each fate; trash: of those that go to the trash
    words: the plan's first sentence; others: the rest of them; wrong: what is expected to be wrong, in sentences
    """

    plan: Plan
    rows: dict[Fate, list[int]]
    words: str
    others: tuple[str, ...]
    wrong: tuple[str, ...]
    trash: frozenset[int] = frozenset()

    @classmethod
    def of(cls, plan: Plan) -> Planned:
        """All that; takes a moment with many photos."""
        rows: dict[Fate, list[int]] = {fate: [] for fate in Fate}
        for number, row in enumerate(plan.rows):
            rows[row.fate].append(number)
        sentences, wrong = plan.summary, plan.wrong
        end = len(sentences) - len(wrong)
        told = list(zip(wrong, sentences[end:], strict=True))
        # That it can't be told how many are wrong is no figure to be set in bold, nor to be said for each zone.
        unknown = [words for one, words in told if not one.known]
        if len(unknown) > 1:
            guessed = sum(one.of - one.by_human for one in wrong)
            unknown = [
                f"How many of the {guessed:,} that were only guessed are wrong can’t be told: too few labelled photos"
                " say how often that happens."
            ]
        trash = frozenset(number for number in rows[Fate.GOES] if plan.rows[number].target == TRASH)
        return cls(
            plan,
            rows,
            sentences[0],
            (*sentences[1:end], *unknown),
            tuple(words for one, words in told if one.known),
            trash,
        )

    @property
    def tags(self) -> bool:
        """Whether photos get tags, instead of going somewhere."""
        return self.plan.rules.action is Action.TAG


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
        self._tags = False
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
        self._tags = planned is not None and planned.tags
        self._out = (
            {i for i in self._by_fate.get(Fate.GOES, ()) if self._rows[i].file.path in out} if out else set()
        )
        self._shown = self._of(fate)
        self.endResetModel()

    def forget_out(self) -> None:
        """Leave nothing out any more."""
        self._out.clear()

    def show_fate(self, fate: Fate | None) -> None:
        """Show the rows of one fate only, or all; what is left out stays, and is in sight until this is asked again."""
        self.beginResetModel()
        self._shown = self._of(fate)
        self.endResetModel()

    def _of(self, fate: Fate | None) -> Sequence[int]:
        if fate is None:
            return range(len(self._rows))
        numbers = self._by_fate.get(fate, ())
        if self._out and fate is Fate.GOES:
            return [number for number in numbers if number not in self._out]
        return sorted({*numbers, *self._out}) if self._out and fate is Fate.STAYS else numbers

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
            lines += [f"sidecar: {names.folder_name(one.path)}" for one in row.sidecars]
            lines += [names.shown(row.note)] if row.sidecars and row.note else []
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
                return "Stays as it is: you left it out" if self._tags else "Stays: you left it out"
            case Fate.GOES:
                return self._tagged(row) if row.sidecars else f"To {self._place(row)}{_along(row)}"
            case Fate.STAYS:
                return "Stays as it is" if self._tags else "Stays"
            case Fate.THERE:
                return "Has the tag already" if self._tags else "Lies there already"
            case Fate.SAME:
                return f"Skipped: same as {self._inside(row.note)}"
        problem = names.shown(row.problem)
        if problem.startswith("can’t be tagged"):
            return problem[:1].upper() + problem[1:]
        return f"{'Can’t be tagged' if self._tags else 'Can’t go'}: {problem}"

    def _tagged(self, row: Row) -> str:
        what = [f"gets “{names.shown(tag)}”" for tag in row.add]
        what += [f"loses “{names.shown(tag)}”" for tag in row.remove]
        new = sum(one.new for one in row.sidecars)
        where = "new sidecar" if new == 1 else f"{new} new sidecars" if new else "into its sidecar"
        words = ", ".join([*what, where])
        return words[:1].upper() + words[1:]

    def _place(self, row: Row) -> str:
        """The folder that a photo goes into, and its name there if that is another."""
        target = row.target or ""
        if target == TRASH:
            return "the trash"
        if os.path.basename(target) == os.path.basename(row.file.path):  # noqa: PTH119
            return self._inside(os.path.dirname(target)) + os.sep  # noqa: PTH120
        return self._inside(target)

    def _inside(self, path: str) -> str:
        inside = path.startswith(os.path.join(self._root, "")) and path != self._root  # noqa: PTH118
        if path == self._root:
            path = os.path.basename(path) or path  # noqa: PTH119
        return names.shown(os.path.relpath(path, self._root) if inside else path)


def _along(row: Row) -> str:
    along = len(row.companions)
    if not along:
        return ""
    return " (and 1 file along)" if along == 1 else f" (and {along} files along)"
