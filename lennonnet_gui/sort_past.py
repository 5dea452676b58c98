"""What the history of sortings shows: the runs, the photos of one, and what an undo of it would find."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.history_panel import ago
from training import paths
from training.sorting import TRASH, Action, Row
from training.sorting_journal import Journal, Run, RunState, State, Unit
from training.sorting_tagging import why_not_back

_Index = QModelIndex | QPersistentModelIndex

_RUN = int(Qt.ItemDataRole.UserRole)
_ABOUT = _RUN + 1
_DONE = {Action.MOVE: "Moved", Action.COPY: "Copied", Action.LINK: "Hard-linked", Action.TAG: "Tagged"}
_UNDONE = {
    Action.MOVE: ("brought back", "Brought back"),
    Action.COPY: ("taken away", "Taken away again"),
    Action.LINK: ("taken away", "Taken away again"),
    Action.TAG: ("as before", "As it was before"),
}
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Look:
    """What an undo would find: how many photos go back, and which are left alone, and why."""

    run: int
    only: frozenset[str] | None
    count: int
    left: tuple[tuple[str, str], ...]


def about_words(run: Run, now: float) -> str:
    """When a run was and what came of it, in words."""
    done = _DONE[run.action].lower()
    parts = [ago(run.when, now)]
    for number, words in (
        (run.done, done),
        (run.undone, _UNDONE[run.action][0]),
        (run.skipped, "skipped"),
        (run.failed, "stayed"),
        (run.planned + run.begun, "not done yet"),
    ):
        if number:
            parts.append(f"{number:,} {words}")
    if len(parts) == 1:
        parts.append("nothing to do")
    return "  ·  ".join(parts)


def undo_words(action: Action, count: int) -> tuple[str, str, str]:
    """What is asked before so many photos of a sorting are undone, what that means, and what the button says."""
    what = names.photos(count)
    if action is Action.MOVE:
        return f"Bring {what} back?", "They go back to where they were.", "Bring back"
    if action is Action.TAG:
        means = (
            "The sidecars hold again what they held before, and those that were made for it are taken away. The photos"
            " themselves stay as they are."
        )
        return f"Take the tags of {what} away again?", means, "Take away"
    means = "The originals stay; what was put there by the sorting is taken away."
    return f"Take {what} away again?", means, "Take away"


class RunsModel(QAbstractListModel):
    """The runs, in words."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._runs: list[Run] = []

    def set_runs(self, runs: Sequence[Run]) -> None:
        """Show these, given newest first."""
        self.beginResetModel()
        self._runs = list(runs)
        self.endResetModel()

    def run(self, index: _Index) -> Run | None:
        """The run at an index; None if that is invalid."""
        return self._runs[index.row()] if index.isValid() else None

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._runs)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        run = self.run(index)
        if run is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return names.shown(run.words)
        if role == _RUN:
            return run
        about = about_words(run, time.time())
        if role == _ABOUT:
            return f"not finished  ·  {about}" if run.can_resume else about
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            words = f"{names.shown(run.words)}\n{about}\n{names.shown(run.root)}"
            return names.in_tool_tip(words) if role == Qt.ItemDataRole.ToolTipRole else words
        return None


class RunRow(QStyledItemDelegate):
    """Draws a run in two lines."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        body, small = QFontMetrics(theme.font()), QFontMetrics(theme.font(theme.TEXT_SMALL))
        return QSize(20 * theme.GRID, body.height() + small.height() + 2 * theme.GRID)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        t, place, state = theme.tokens(), option.rect, option.state
        painter.save()
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(place, QColor(t.placeholder if selected else t.canvas))
        painter.fillRect(place.x(), place.bottom(), place.width(), 1, QColor(t.line))
        if selected:
            wide = 3 if state & QStyle.StateFlag.State_HasFocus else 1
            painter.fillRect(place.x(), place.y(), wide, place.height() - 1, QColor(t.focus))
        run: Run = index.data(_RUN)
        over = not run.can_undo and not run.can_resume
        body, small = theme.font(bold=run.can_resume), theme.font(theme.TEXT_SMALL)
        room = place.adjusted(2 * theme.GRID, theme.GRID, -theme.GRID, -theme.GRID)
        high = QFontMetrics(body).height()
        for font, text, colour, top in (
            (body, index.data(), t.muted if over else t.text, room.y()),
            (small, index.data(_ABOUT), t.muted, room.y() + high),
        ):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            metrics = QFontMetrics(font)
            words = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(
                QRect(room.x(), top, room.width(), metrics.height()),
                int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
                words,
            )
        painter.restore()


class RunPhotos(QAbstractTableModel):
    """The photos of one run: the name, where it was put, and what became of it."""

    HEADERS = ("Photo", "Where it was put", "What became of it")
    TAG_HEADERS = ("Photo", "Sidecar", "What became of it")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: Sequence[tuple[Row, State, str]] = ()
        self._failed: Mapping[str, str] = {}
        self._root = ""
        self._action = Action.MOVE

    def set_rows(self, rows: Sequence[tuple[Row, State, str]], run: Run, failed: Mapping[str, str]) -> None:
        """Show the photos of a run; failed: what its last undo left alone, and why, by path."""
        self.beginResetModel()
        self._rows, self._failed = rows, failed
        self._root, self._action = run.root, run.action
        self.endResetModel()

    def entry(self, place: int) -> tuple[Row, State, str]:
        """A photo as it was planned, how far it is, and what went wrong."""
        return self._rows[place]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (self.TAG_HEADERS if self._action is Action.TAG else self.HEADERS)[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, state, why = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0:
                return names.folder_name(row.file.path)
            return self._where(row) if index.column() == 1 else self._what(row, state, why)
        if role == Qt.ItemDataRole.ToolTipRole:
            words = [row.file.path, row.target or "", self._what(row, state, why)]
            return names.in_tool_tip("\n".join(names.shown(one) for one in words))
        return None

    def _where(self, row: Row) -> str:
        if row.sidecars:
            return ", ".join(names.folder_name(one.path) for one in row.sidecars)
        target = row.target or ""
        if target == TRASH:
            return "The trash"
        inside = target.startswith(os.path.join(self._root, ""))  # noqa: PTH118
        return names.shown(target[len(self._root) :].lstrip(os.sep) if inside else target)

    def _what(self, row: Row, state: State, why: str) -> str:
        match state:
            case State.DONE:
                left = self._failed.get(row.file.path, "")
                if left:
                    return f"Left alone: {names.shown(left)}"
                return "Moved to the trash" if row.target == TRASH else _DONE[self._action]
            case State.UNDONE:
                return _UNDONE[self._action][1]
            case State.SKIPPED:
                return f"Skipped: {names.shown(why)}" if why else "Skipped"
            case State.FAILED:
                return f"Stayed: {names.shown(why)}" if why else "Stayed"
            case State.PLANNED:
                return "Not done yet"
        return "Was interrupted"


# -- jobs


def journal_file() -> str:
    """Where the journal lies, if there is one."""
    file = paths.data_dir() / "sorting.sqlite3"
    return str(file) if file.exists() else ""


def read_runs() -> Generator[list[Run], None, None]:
    """A job: all runs; looks only where there is a journal."""
    if not journal_file():
        yield []
        return
    with Journal() as journal:
        yield journal.runs()


def read_photos(run: Run) -> Generator[tuple[Run, list[tuple[Row, State, str]]], None, None]:
    """A job: the photos of a run."""
    with Journal() as journal:
        rows = journal.rows(run.id)
    yield run, rows


def look_back(run: Run, only: Collection[str] | None) -> Generator[Look | None, None, None]:
    """What an undo would find; the undo itself looks again."""
    with Journal() as journal:
        units = journal.units(run.id, State.DONE)
    left: list[tuple[str, str]] = []
    count = 0
    for number, unit in enumerate(units):
        if number % _AT_ONCE == 0:
            yield None  # a place to be cancelled
        if only is not None and unit.photo.source not in only:
            continue
        why = _why_not_back(unit, run.action)
        if why:
            left.append((unit.photo.source, why))
        else:
            count += 1
    yield Look(run.id, None if only is None else frozenset(only), count, tuple(left))


def _why_not_back(unit: Unit, action: Action) -> str:
    for part in unit.parts:
        if part.state is not State.DONE:
            continue  # it was left out, as a sidecar that was gone
        if action is Action.TAG:
            why = why_not_back(part)
            if why:
                return why
            continue
        if part.target == TRASH and not part.place:
            return "can’t be brought back from here: please take it back from the trash"
        try:
            facts = os.stat(part.there, follow_symlinks=False)  # noqa: PTH116
        except OSError:
            return f"isn’t {'in the trash' if part.target == TRASH else 'where it was put'} any more"
        put = part.put
        # Where its time alone is another, what is in it tells; that is looked at when it is brought back.
        changed = put is not None and (facts.st_size, facts.st_mtime_ns) != (put.size, put.mtime_ns)
        if changed and (part.digest is None or facts.st_size != part.size):
            return "has changed since it was put there"
        there = os.path.lexists(part.source)
        if action is Action.MOVE and there:
            return "can’t go back: another file has its old name by now"
        if action is not Action.MOVE and not there:
            return "stays, because its original is gone"
    return ""


def unfinished_words(runs: Sequence[Run]) -> str:
    """What there is to be told of runs that were not finished, at the start; or ""."""
    left = [run for run in runs if run.can_resume and run.state is RunState.STOPPED]
    if not left:
        return ""
    photos = names.photos(sum(run.planned + run.begun for run in left))
    many = "A sorting was" if len(left) == 1 else f"{len(left):,} sortings were"
    return f"{many} not finished: {photos} still to do. “Sorted before…” goes on with it or undoes it."
