"""“Sorted before…”: all sortings, newest first; each can be gone on with, and brought back whole or in part."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Slot
from PySide6.QtGui import QIcon, QPalette, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QListView,
    QMessageBox,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.pages import Message, MessagePage, Step
from lennonnet_gui.sort_past import (
    Look,
    RunPhotos,
    RunRow,
    RunsModel,
    look_back,
    read_photos,
    read_runs,
    undo_words,
)
from lennonnet_gui.sort_run import Act, Ended
from lennonnet_gui.sort_targets import whole_path
from lennonnet_gui.sort_window import SortWindow
from lennonnet_gui.training_parts import GAP, Button, Hairline, Words, foot
from training import sorting_run
from training.sorting import Action, Row, size_words
from training.sorting_journal import JournalError, Run, State
from training.zones import Zone

_Index = QModelIndex | QPersistentModelIndex

EMPTY = Message(
    "history",
    "Nothing was sorted yet",
    "Each sorting shows up here. It can be undone at any time, as long as the files are where they were put.",
)
_NAMED = 6  # photos that a question names


class SortHistory(SortWindow):
    """The history; the window stays usable beside it."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(jobs, "Sorted before", parent)
        self._photos_job: Job | None = None
        self._look_job: Job | None = None
        self._current: Run | None = None
        self._failed: dict[int, dict[str, str]] = {}  # of each run, what its last undo left alone
        self._box: QMessageBox | None = None
        self._yes: QPushButton | None = None
        self._look: Look | None = None

        self.runs_model = RunsModel(self)
        self.list = QListView()
        self.list.setModel(self.runs_model)
        self.list.setItemDelegate(RunRow(self.list))
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
        self.photos_model = RunPhotos(self)
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
        self._empty.step_clicked.connect(self.refresh)
        for page in (history, self._empty):
            self._pages.addWidget(page)
        self._pages.setCurrentWidget(history)  # empty until it is known to be
        self.setMinimumSize(80 * theme.GRID, 50 * theme.GRID)
        self.resize(self.sizeHint())
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
        table.setTextElideMode(Qt.TextElideMode.ElideRight)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + theme.GRID)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(True)
        header.resizeSection(0, 18 * theme.GRID)
        header.resizeSection(1, 23 * theme.GRID)
        table.selectionModel().selectionChanged.connect(self._say_buttons)

    # -- what it can be asked

    @Slot()
    def refresh(self) -> None:
        """Read the history anew, if it is in sight."""
        if self.isVisible():
            self._jobs.start(read_runs, on_event=self._runs_came, on_failed=self._not_read)

    # -- the window itself

    def sizeHint(self) -> QSize:
        return QSize(120 * theme.GRID, 72 * theme.GRID)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            self._told_words.say("")
            if not self.running:
                self._current = None  # the newest is what one comes for
            self.refresh()

    # -- reading

    @Slot(object)
    def _runs_came(self, runs: list[Run]) -> None:
        at = None if self._current is None else self._current.id
        self._empty.set_message(EMPTY)
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
        known = isinstance(error, JournalError)
        why = str(error) if known else f"Something went wrong: {error}"
        steps = (Step.TRY_AGAIN,)
        self._empty.set_message(Message("triangle-alert", "The history can’t be read", why, steps))
        self._pages.setCurrentWidget(self._empty)
        if not known:
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
            lambda: read_photos(run), on_event=self._photos_came, on_failed=self._not_read
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
            by = Zone.SUBJECT.words(names.shown(run.subject))
            tags = run.action is Action.TAG
            parts = [f"By {by}, {'tags in sidecars' if tags else f'into {whole_path(run.root)}'}"]
            self._facts.setText("  ·  ".join(parts + ([] if tags else [size_words(run.bytes)])))
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
        # By ranges: an index for each of many rows would take a second.
        chosen = self.table.selectionModel().selection()
        ranges = [chosen.at(at) for at in range(chosen.count())]
        rows = [self.photos_model.entry(at) for part in ranges for at in range(part.top(), part.bottom() + 1)]
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
                lambda: look_back(run, only), on_event=self._looked, on_failed=self._not_read
            )

    @Slot(object)
    def _looked(self, look: Look | None) -> None:
        if look is None or self._current is None or self._current.id != look.run or self._box is not None:
            return
        run = self._current
        ask, told, do = undo_words(run.action, look.count)
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle("Undo this sorting?")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(ask if look.count else "Nothing can be brought back")
        words = [told] if look.count else []
        if look.left:
            shown = [f"{names.folder_name(path)} {names.shown(why)}" for path, why in look.left[:_NAMED]]
            more = f"\n… and {len(look.left) - _NAMED:,} more" if len(look.left) > _NAMED else ""
            words.append(f"Left alone: {names.photos(len(look.left))}.\n\n" + "\n".join(shown) + more)
        box.setInformativeText("\n\n".join(words))
        no = box.addButton("Cancel" if look.count else "Close", QMessageBox.ButtonRole.RejectRole)
        no.setIcon(QIcon())
        self._yes = None
        if look.count:
            self._yes = box.addButton(do, QMessageBox.ButtonRole.AcceptRole)
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
                f"Undoing {names.photos(look.count)}",
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
        self.during.begin(title, tags=self._current is not None and self._current.action is Action.TAG)
        self.carry_out(act, back=back)

    def show_ended(self, ended: Ended) -> None:
        if ended.run is not None:
            self._failed[ended.run] = dict(ended.failed)
        self._told_words.say(" ".join([*ended.settled, *filter(None, (ended.words, ended.trouble))]))
        self._pages.setCurrentWidget(self._history)
        self.refresh()
