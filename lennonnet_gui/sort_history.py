"""“Sorted before…”: all sortings, newest first; each can be gone on with, and brought back whole or in part."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
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
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QFontMetrics,
    QIcon,
    QKeyEvent,
    QPainter,
    QPalette,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFrame,
    QHeaderView,
    QListView,
    QMessageBox,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.history_panel import ago
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.pages import Message, MessagePage
from lennonnet_gui.sort_faces import DuringFace
from lennonnet_gui.sort_run import Act, Ended, SortRun
from lennonnet_gui.sort_stop import StopQuestion
from lennonnet_gui.training_parts import GAP, Button, Hairline, Words, foot
from training import paths, sorting_run
from training.sorting import Action, Row, size_words
from training.sorting_journal import Journal, JournalError, Run, RunState, State, Unit

_Index = QModelIndex | QPersistentModelIndex

EMPTY = Message(
    "history",
    "Nothing was sorted yet",
    "Each sorting shows up here. It can be undone at any time, as long as the files are where they were put.",
)
_RUN = int(Qt.ItemDataRole.UserRole)
_ABOUT = _RUN + 1
_DONE = {Action.MOVE: "Moved", Action.COPY: "Copied", Action.LINK: "Hard-linked"}
_NAMED = 6  # photos that a question names
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
        (run.undone, "brought back"),
        (run.skipped, "skipped"),
        (run.failed, "stayed"),
        (run.planned + run.begun, "not done yet"),
    ):
        if number:
            parts.append(f"{number:,} {words}")
    if len(parts) == 1:
        parts.append("nothing to do")
    return "  ·  ".join(parts)


class SortHistory(QDialog):
    """The history; the window stays usable beside it."""

    sorted = Signal(object)
    """Photos are elsewhere: list of (old path, new path, digest or None)."""
    running_changed = Signal()
    """Something that was begun here runs, or is over."""
    crashed = Signal(str)
    """The traceback of a failure that nobody foresaw."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self.setWindowTitle("Sorted before")
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
        self._jobs = jobs
        self._photos_job: Job | None = None
        self._look_job: Job | None = None
        self._current: Run | None = None
        self._failed: dict[int, dict[str, str]] = {}  # of each run, what its last undo left alone
        self._box: QMessageBox | None = None
        self._yes: QPushButton | None = None
        self._look: Look | None = None

        self.runs_model = _Runs(self)
        self.list = QListView()
        self.list.setModel(self.runs_model)
        self.list.setItemDelegate(_RunRow(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        self.list.setUniformItemSizes(True)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Sortings, the newest first")
        self.list.selectionModel().currentChanged.connect(self._chosen)

        self._title = Words(bold=True)
        self._facts = Words(muted=True)
        self._told_words = Words()
        self._told_words.hide()
        self.photos_model = _Photos(self)
        self.table = QTableView()
        self._dress_table()
        self.undo_all = Button("Undo all", primary=False)
        self.undo_some = Button("Undo chosen", primary=False)
        self.go_on = Button("Go on")
        close = Button("Close", primary=False)
        self.undo_all.clicked.connect(self._undo_all)
        self.undo_some.clicked.connect(self._undo_some)
        self.go_on.clicked.connect(self._resume)
        close.clicked.connect(self.close)

        detail = QWidget()
        column = QVBoxLayout(detail)
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 0)
        column.setSpacing(GAP)
        for widget in (self._title, self._facts, self._told_words):
            column.addWidget(widget)
        column.addWidget(self.table, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setHandleWidth(1)
        splitter.addWidget(self.list)
        splitter.addWidget(detail)
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([42 * theme.GRID, 70 * theme.GRID])
        history = QWidget()
        whole = QVBoxLayout(history)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(splitter, 1)
        whole.addWidget(Hairline())
        whole.addLayout(foot(QWidget(), close, self.undo_some, self.undo_all, self.go_on))
        self._history = history
        self._empty = MessagePage()
        self._empty.set_message(EMPTY)
        self.during = DuringFace()
        self._pages = QStackedWidget()
        for page in (self._empty, history, self.during):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        self.setMinimumSize(80 * theme.GRID, 50 * theme.GRID)
        self.resize(self.sizeHint())

        self.run = SortRun(jobs, self)
        self.run.told.connect(self.during.show_tick)
        self.run.ended.connect(self._ended)
        self._question = StopQuestion(self.run, self)
        self._question.stopping.connect(self.during.set_stopping)
        self.during.pause_clicked.connect(self._pause)
        self.during.go_clicked.connect(self._go)
        self.during.stop_clicked.connect(self._stop)
        self._say_current()

    def _dress_table(self) -> None:
        table = self.table
        table.setModel(self.photos_model)
        table.setAccessibleName("The photos of the sorting")
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + theme.GRID)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(True)
        header.resizeSection(0, 22 * theme.GRID)
        header.resizeSection(1, 26 * theme.GRID)
        table.selectionModel().selectionChanged.connect(self._say_buttons)

    # -- what it can be asked

    @property
    def running(self) -> bool:
        """Whether something that was begun here is under way."""
        return self.run.running

    def refresh(self) -> None:
        """Read the history anew, if it is in sight."""
        if self.isVisible():
            self._jobs.start(_read_runs, on_event=self._runs_came, on_failed=self._not_read)

    def ask_to_stop(self, then: Callable[[], object]) -> None:
        """Ask whether to stop what is under way; if so, call `then` once it has ended."""
        self._question.ask(then)

    def shut(self) -> None:
        """End what runs, without asking: the program ends."""
        self._question.forget()
        self.run.stop()

    # -- the window itself

    def sizeHint(self) -> QSize:
        return QSize(120 * theme.GRID, 72 * theme.GRID)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            self._told_words.say("")
            self.refresh()

    def reject(self) -> None:
        if self.running:
            self.ask_to_stop(self.close)
        else:
            super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.running:
            event.ignore()
            self.ask_to_stop(self.close)
        else:
            super().closeEvent(event)

    # -- reading

    @Slot(object)
    def _runs_came(self, runs: list[Run]) -> None:
        at = None if self._current is None else self._current.id
        self.runs_model.set_runs(runs)
        if not self.running:
            self._pages.setCurrentWidget(self._history if runs else self._empty)
        place = next((place for place, run in enumerate(runs) if run.id == at), 0)
        if runs:
            self.list.setCurrentIndex(self.runs_model.index(place))
            self._choose(runs[place])
        else:
            self._current = None
            self._say_current()

    def _not_read(self, error: BaseException, trace: str) -> None:
        self._empty.set_message(Message("triangle-alert", "The history can’t be read", str(error)))
        self._pages.setCurrentWidget(self._empty)
        if not isinstance(error, JournalError):
            self.crashed.emit(trace)

    @Slot(QModelIndex, QModelIndex)
    def _chosen(self, current: QModelIndex) -> None:
        run = self.runs_model.run(current)
        if run is not None and (self._current is None or run.id != self._current.id):
            self._told_words.say("")
            self._choose(run)

    def _choose(self, run: Run) -> None:
        if self._current is None or self._current.id != run.id:
            self.photos_model.set_rows((), run, {})
        self._current = run
        self._say_current()
        if self._photos_job is not None:
            self._photos_job.cancel()
        self._photos_job = self._jobs.start(
            lambda: _read_photos(run), on_event=self._photos_came, on_failed=self._not_read
        )

    @Slot(object)
    def _photos_came(self, found: tuple[Run, list[tuple[Row, State, str]]]) -> None:
        run, rows = found
        self.photos_model.set_rows(rows, run, self._failed.get(run.id, {}))
        self._say_buttons()

    def _say_current(self) -> None:
        run = self._current
        self._title.setText("" if run is None else names.shown(run.words))
        if run is not None:
            by = names.shown(run.subject)
            into = names.shown(run.root)
            self._facts.setText(f"By {by[:1].upper()}{by[1:]}, into {into}  ·  {size_words(run.bytes)}")
        self._say_buttons()

    @Slot()
    def _say_buttons(self) -> None:
        run, idle = self._current, not self.running
        chosen = self._chosen_paths()
        self.undo_some.setText(f"Undo {len(chosen):,} chosen" if chosen else "Undo chosen")
        self.undo_some.updateGeometry()
        self.undo_some.setEnabled(idle and bool(chosen))
        self.undo_all.setEnabled(idle and run is not None and run.can_undo)
        self.go_on.setVisible(run is not None and run.can_resume)
        self.go_on.setEnabled(idle)

    def _chosen_paths(self) -> frozenset[str]:
        places = [index.row() for index in self.table.selectionModel().selectedRows()]
        rows = [self.photos_model.entry(place) for place in places]
        return frozenset(row.file.path for row, state, _ in rows if state is State.DONE)

    # -- bringing back

    @Slot()
    def _undo_all(self) -> None:
        self._look_first(None)

    @Slot()
    def _undo_some(self) -> None:
        self._look_first(self._chosen_paths())

    def _look_first(self, only: frozenset[str] | None) -> None:
        run = self._current
        if run is not None and not self.running and self._box is None:
            if self._look_job is not None:
                self._look_job.cancel()
            self._look_job = self._jobs.start(
                lambda: _look_back(run, only), on_event=self._looked, on_failed=self._not_read
            )

    @Slot(object)
    def _looked(self, look: Look | None) -> None:
        if look is None or self._current is None or self._current.id != look.run or self._box is not None:
            return
        run = self._current
        back = run.action is Action.MOVE
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle("Undo this sorting?")
        box.setTextFormat(Qt.TextFormat.PlainText)
        what = names.photos(look.count)
        box.setText(f"Bring {what} back?" if back else f"Take {what} away again?")
        words = [
            "They go back to where they were."
            if back
            else "The originals stay; what was put there by the sorting is taken away."
        ]
        if not look.count:
            box.setText("Nothing can be brought back")
            words = []
        if look.left:
            shown = [f"{names.folder_name(path)} {names.shown(why)}" for path, why in look.left[:_NAMED]]
            more = f"\n… and {len(look.left) - _NAMED:,} more" if len(look.left) > _NAMED else ""
            words.append(f"Left alone: {names.photos(len(look.left))}.\n\n" + "\n".join(shown) + more)
        box.setInformativeText("\n\n".join(words))
        no = box.addButton("Cancel" if look.count else "Close", QMessageBox.ButtonRole.RejectRole)
        no.setIcon(QIcon())
        self._yes = None
        if look.count:
            self._yes = box.addButton(
                "Bring back" if back else "Take away", QMessageBox.ButtonRole.AcceptRole
            )
            self._yes.setIcon(QIcon())
            box.setDefaultButton(self._yes)
        box.setEscapeButton(no)
        box.finished.connect(self._answered)
        self._box, self._look = box, look
        box.open()

    @Slot(int)
    def _answered(self) -> None:
        box, self._box = self._box, None
        look, self._look = self._look, None
        if box is None or look is None:
            return
        yes = self._yes is not None and box.clickedButton() is self._yes
        box.deleteLater()
        if yes:
            run, only = look.run, look.only
            self._begin(
                f"Bringing {names.photos(look.count)} back",
                lambda journal, control: sorting_run.undo(run, journal, only, control),
                back=True,
            )

    @Slot()
    def _resume(self) -> None:
        if self._current is not None:
            run = self._current.id
            self._begin("Going on", lambda journal, control: sorting_run.resume(journal, run, control))

    def _begin(self, title: str, act: Act, *, back: bool = False) -> None:
        if self.running:
            return
        self.during.begin(title)
        self._pages.setCurrentWidget(self.during)
        self.run.start(act, back=back)
        self.running_changed.emit()

    @Slot()
    def _pause(self) -> None:
        self.run.pause()
        self.during.set_paused(True)

    @Slot()
    def _go(self) -> None:
        self.run.go()
        self.during.set_paused(False)

    @Slot()
    def _stop(self) -> None:
        self.run.stop()
        self.during.set_stopping()

    @Slot(object)
    def _ended(self, ended: Ended) -> None:
        if ended.run is not None:
            self._failed[ended.run] = dict(ended.failed)
        self._told_words.say(" ".join([*ended.settled, *filter(None, (ended.words, ended.trouble))]))
        self._pages.setCurrentWidget(self._history)
        self.refresh()
        if ended.places:
            self.sorted.emit(ended.places)
        if ended.trace:
            self.crashed.emit(ended.trace)
        self.running_changed.emit()


class _Runs(QAbstractListModel):
    """The runs, in words."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._runs: list[Run] = []

    def set_runs(self, runs: Sequence[Run]) -> None:
        self.beginResetModel()
        self._runs = list(runs)
        self.endResetModel()

    def run(self, index: _Index) -> Run | None:
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


class _RunRow(QStyledItemDelegate):
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


class _Photos(QAbstractTableModel):
    """The photos of one run: the name, where it was put, and what became of it."""

    HEADERS = ("Photo", "Where it was put", "What became of it")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: Sequence[tuple[Row, State, str]] = ()
        self._failed: Mapping[str, str] = {}
        self._root = ""
        self._action = Action.MOVE

    def set_rows(self, rows: Sequence[tuple[Row, State, str]], run: Run, failed: Mapping[str, str]) -> None:
        self.beginResetModel()
        self._rows, self._failed = rows, failed
        self._root, self._action = run.root, run.action
        self.endResetModel()

    def entry(self, place: int) -> tuple[Row, State, str]:
        return self._rows[place]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.HEADERS[section]
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
        target = row.target or ""
        inside = target.startswith(os.path.join(self._root, ""))  # noqa: PTH118
        return names.shown(target[len(self._root) :].lstrip(os.sep) if inside else target)

    def _what(self, row: Row, state: State, why: str) -> str:
        match state:
            case State.DONE:
                left = self._failed.get(row.file.path, "")
                return f"Left alone: {names.shown(left)}" if left else _DONE[self._action]
            case State.UNDONE:
                return "Brought back" if self._action is Action.MOVE else "Taken away again"
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


def _read_runs() -> Generator[list[Run], None, None]:
    if not journal_file():
        yield []
        return
    with Journal() as journal:
        yield journal.runs()


def _read_photos(run: Run) -> Generator[tuple[Run, list[tuple[Row, State, str]]], None, None]:
    with Journal() as journal:
        rows = journal.rows(run.id)
    yield run, rows


def _look_back(run: Run, only: Collection[str] | None) -> Generator[Look | None, None, None]:
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
            left.append((unit.photo.target, why))
        else:
            count += 1
    yield Look(run.id, None if only is None else frozenset(only), count, tuple(left))


def _why_not_back(unit: Unit, action: Action) -> str:
    for part in unit.parts:
        try:
            facts = os.stat(part.target, follow_symlinks=False)  # noqa: PTH116
        except OSError:
            return "isn’t where it was put any more"
        put = part.put
        if put is not None and (facts.st_size, facts.st_mtime_ns) != (put.size, put.mtime_ns):
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
