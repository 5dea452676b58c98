"""“Sort out…”: asks what to do, shows the plan before anything happens, carries it out, and can take it back."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDesktopServices, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.sort_choose import About, ChooseFace, Doing
from lennonnet_gui.sort_faces import AfterFace, DuringFace, PlanFace
from lennonnet_gui.sort_plan_model import Planned, left_out, without
from lennonnet_gui.sort_run import Act, Ended, Places, SortRun, Tick
from lennonnet_gui.sort_stop import StopQuestion
from lennonnet_gui.sort_targets import NoDisk
from training import sorting, sorting_run, sorting_table
from training.evaluate import Figures
from training.photos import PhotoFile
from training.sorting import BadTarget, Fate, Item, Plan, Rules
from training.sorting_disk import RealDisk
from training.sorting_run import Control, Events
from training.teach import Progress
from training.verdicts import Said, Verdict
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture
    from training.sorting_journal import Journal

_RETELL_MS = 120  # so long several ticks may follow each other
_LOOK_MS = 200  # as long a folder that is typed or chosen may change again


class SortDialog(QDialog):
    """Sorts the photos that its owner names: `items`, of what `about` says, when they are asked for."""

    sorted = Signal(object)
    """Photos are elsewhere: list of (old path, new path, digest or None); of copies, the old one is there too."""
    corrected = Signal(object, object)
    """What the user says photos of the plan are: list[PhotoFile] and Verdict; the plan knows it already."""
    wanted_changed = Signal()
    """Other pictures are in sight than before: ask `wanted`."""
    running_changed = Signal()
    """A run began or ended."""
    crashed = Signal(str)
    """The traceback of a failure that nobody foresaw."""

    def __init__(
        self,
        jobs: Jobs,
        picture: Picture,
        items: Callable[[], Sequence[Item]],
        about: Callable[[], About],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setModal(False)
        self.setWindowTitle("Sort out")
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint, True)
        self._jobs, self._items_of, self._about_of = jobs, items, about
        self._about = About("subject", "")
        self._items: Sequence[Item] = ()
        self._said: dict[str, Said] = {}
        self._planned: Planned | None = None
        self._table_only = False
        self._plan_job: Job | None = None
        self._words_job: Job | None = None
        self._look_job: Job | None = None
        self._run_id: int | None = None
        self._back = False

        self.choose, self.plan = ChooseFace(), PlanFace(picture)
        self.during, self.after = DuringFace(), AfterFace()
        self.run = SortRun(jobs, self)
        self._faces = QStackedWidget()
        for face in (self.choose, self.plan, self.during, self.after):
            self._faces.addWidget(face)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._faces)
        self.setMinimumSize(80 * theme.GRID, 70 * theme.GRID)
        self.resize(self.sizeHint())

        self._retell_soon = QTimer(self, singleShot=True, interval=_RETELL_MS)
        self._retell_soon.timeout.connect(self._retell)
        self._look_soon = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._look_soon.timeout.connect(self._look_at_place)
        self.choose.plan_clicked.connect(self.make_plan)
        self.choose.close_clicked.connect(self.close)
        self.choose.root_changed.connect(self._look_soon.start)
        self.plan.back_clicked.connect(self._go_back)
        self.plan.start_clicked.connect(self._start)
        self.plan.table.corrected.connect(self._correct)
        self.plan.table.wanted_changed.connect(self.wanted_changed)
        self.plan.table.plan_model.out_changed.connect(self._retell_soon.start)
        self.during.pause_clicked.connect(self._pause)
        self.during.go_clicked.connect(self._go)
        self.during.stop_clicked.connect(self.stop)
        self.after.undo_clicked.connect(self._undo)
        self.after.resume_clicked.connect(self._resume)
        self.after.folder_clicked.connect(self._open_folder)
        self.after.again_clicked.connect(self._begin)
        self.after.close_clicked.connect(self.close)
        self.run.told.connect(self._told)
        self.run.ended.connect(self._ended)
        self._question = StopQuestion(self.run, self)
        self._question.stopping.connect(self.during.set_stopping)

    # -- what it can be asked

    @property
    def running(self) -> bool:
        """Whether photos are being sorted or brought back."""
        return self.run.running

    def wanted(self) -> list[PhotoFile]:
        """The photos whose pictures are in sight."""
        return self.plan.table.wanted()

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        self.plan.table.picture_came(path)

    def ask_to_stop(self, then: Callable[[], object]) -> None:
        """Ask whether to stop what is under way; if so, call `then` once it has ended.

        For a window that is about to close. If nothing is under way, `then` is called at once.
        """
        self._question.ask(then)

    def shut(self) -> None:
        """End what runs, without asking: the program ends. What is done stays done, and can be gone on with."""
        self._retell_soon.stop()
        self._look_soon.stop()
        self._end_plan()
        self._question.forget()
        self.run.stop()

    # -- the window itself

    def sizeHint(self) -> QSize:
        return QSize(112 * theme.GRID, 88 * theme.GRID)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous() and not self.running:
            self._begin()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():
            self._end_plan()
            self.wanted_changed.emit()

    def reject(self) -> None:
        if self.running:  # Esc does what the close button does
            self.ask_to_stop(self.close)
        elif self._faces.currentWidget() is self.plan:
            self._go_back()
        else:
            super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Enter in a field would press whichever button Qt takes for the default.
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.running:
            event.ignore()
            self.ask_to_stop(self.close)
        else:
            super().closeEvent(event)

    # -- choosing

    @Slot()
    def _begin(self) -> None:
        self._end_plan()
        self._said.clear()
        self.plan.forget()
        self._about, self._items = self._about_of(), self._items_of()
        self.choose.set_about(self._about, len(self._items))
        self.choose.plan_button.setDefault(True)
        self._faces.setCurrentWidget(self.choose)
        self._look_soon.start()

    @Slot()
    def _look_at_place(self) -> None:
        if self.choose.root and self.choose.doing is not Doing.TABLE:
            if self._look_job is not None:
                self._look_job.cancel()
            folder = self.choose.root
            self._look_job = self._jobs.start(lambda: _look_at(folder), on_event=self._place_known)

    @Slot(object)
    def _place_known(self, found: tuple[str, str]) -> None:
        self.choose.set_place_trouble(*found)

    # -- the plan

    @Slot()
    def make_plan(self) -> None:
        """Show what would happen, as it is chosen now."""
        self._about, self._items = self._about_of(), self._items_of()
        self.plan.forget()
        self.plan.table.set_subject(self._about.subject)
        self._planned = None
        self._table_only = self.choose.doing is Doing.TABLE
        self._faces.setCurrentWidget(self.plan)
        self._make()

    def _make(self) -> None:
        self._end_plan()
        rules, items, said, figures = self.choose.rules(), self._items, dict(self._said), self._about.figures
        work = _listed if self._table_only else _planned
        self.plan.show_making(0, len(items))
        self._plan_job = self._jobs.start(
            functools.partial(work, items, said, rules, figures),
            on_event=self._plan_came,
            on_failed=self._plan_failed,
        )

    @Slot(object)
    def _plan_came(self, event: Progress | Planned) -> None:
        if isinstance(event, Progress):
            self.plan.show_making(event.done, event.total)
            return
        self._plan_job = None
        self._planned = event
        self.plan.show_planned(event, table_only=self._table_only)
        if self.plan.table.plan_model.out:
            self._retell()
        self.plan.table.setFocus()  # the Enter that asked for the plan must not start it as well
        self.wanted_changed.emit()

    def _plan_failed(self, error: BaseException, trace: str) -> None:
        self._plan_job = None
        self._go_back()
        self.choose.say_trouble(str(error))
        if not isinstance(error, BadTarget):
            self.crashed.emit(trace)

    def _end_plan(self) -> None:
        for job in (self._plan_job, self._words_job):
            if job is not None:
                job.cancel()
        self._plan_job = self._words_job = None

    @Slot()
    def _go_back(self) -> None:
        self._end_plan()
        self._faces.setCurrentWidget(self.choose)
        self.wanted_changed.emit()

    @Slot()
    def _retell(self) -> None:
        if self._planned is not None and self._plan_job is None:
            if self._words_job is not None:
                self._words_job.cancel()
            plan, out = self._planned.plan, self.plan.table.plan_model.out
            self._words_job = self._jobs.start(lambda: left_out(plan, out), on_event=self._retold)

    @Slot(object)
    def _retold(self, planned: Planned) -> None:
        self.plan.retell(planned)

    @Slot(object, object)
    def _correct(self, files: list[PhotoFile], verdict: Verdict) -> None:
        self._said.update((file.path, Said(verdict)) for file in files)
        self.corrected.emit(files, verdict)
        self._make()

    # -- the run

    @Slot()
    def _start(self) -> None:
        if self._planned is None or self.running:
            return
        if self._table_only:
            file, plan = self.choose.table, self._planned.plan
            self.plan.start.setEnabled(False)
            self._jobs.start(
                lambda: _written(file, plan), on_event=self._table_written, on_failed=self._table_failed
            )
            return
        plan, out = self._planned.plan, self.plan.table.plan_model.out
        self.during.begin_sorting(self._planned, len(self._planned.rows[Fate.GOES]) - len(out))

        def act(journal: Journal, control: Control) -> Events:
            return sorting_run.run(without(plan, out), journal, control)

        self._run(act)

    @Slot()
    def _undo(self) -> None:
        run = self._run_id
        if run is not None and not self.running:
            self.during.begin("Bringing the photos back")
            self._run(lambda journal, control: sorting_run.undo(run, journal, None, control), back=True)

    @Slot()
    def _resume(self) -> None:
        run = self._run_id
        if run is not None and not self.running:
            self.during.begin("Going on")
            self._run(lambda journal, control: sorting_run.resume(journal, run, control))

    def _run(self, act: Act, *, back: bool = False) -> None:
        self._end_plan()
        self._back = back
        self._faces.setCurrentWidget(self.during)
        self.run.start(act, back=back)
        self.wanted_changed.emit()
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
    def stop(self) -> None:
        """End cleanly after the photo that is under way."""
        self.run.stop()
        self.during.set_stopping()

    @Slot(object)
    def _told(self, tick: Tick) -> None:
        self.during.show_tick(tick)

    @Slot(object)
    def _ended(self, ended: Ended) -> None:
        if ended.run is not None:
            self._run_id = ended.run
        known = ended.run is not None
        halted = ended.stopped or bool(ended.trouble)
        moved = bool(ended.places)
        self.after.show_ended(
            ended,
            back=self._back,
            can_undo=known and (halted if self._back else moved),
            can_resume=known and halted and not self._back and (ended.counts.left > 0 or bool(ended.trouble)),
        )
        self._faces.setCurrentWidget(self.after)
        if ended.places:
            self.sorted.emit(self._with_digests(ended.places))
        if ended.trace:
            self.crashed.emit(ended.trace)
        self.running_changed.emit()

    def _with_digests(self, places: Places) -> Places:
        """The same, with what is known of photos that went along with others."""
        if all(digest is not None for _, _, digest in places):
            return places
        known = {item.file.path: item.digest for item in self._items}
        return [(old, new, digest or known.get(old) or known.get(new)) for old, new, digest in places]

    @Slot()
    def _open_folder(self) -> None:
        folder = os.path.dirname(self.choose.table) if self._table_only else self.choose.root  # noqa: PTH120
        QDesktopServices.openUrl(names.to_url(folder))

    @Slot(object)
    def _table_written(self, count: int) -> None:
        self.after.show_table_written(self.choose.table, count)
        self._faces.setCurrentWidget(self.after)

    def _table_failed(self, error: BaseException, trace: str) -> None:
        self._go_back()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        name = names.folder_name(self.choose.table)
        self.choose.say_trouble(f"“{name}” can’t be written: {reason}. Choose another file.")
        if not isinstance(error, OSError):
            self.crashed.emit(trace)


def _look_at(folder: str) -> Generator[tuple[str, str], None, None]:
    trouble = RealDisk().place(folder).trouble
    yield (
        folder,
        f"“{names.folder_name(folder)}” {names.shown(trouble)}. Choose another folder." if trouble else "",
    )


def _corrected(items: Sequence[Item], said: dict[str, Said]) -> list[Item]:
    if not said:
        return list(items)
    return [replace(item, verdict=said[item.file.path]) if item.file.path in said else item for item in items]


def _planned(
    items: Sequence[Item], said: dict[str, Said], rules: Rules, figures: Figures | None
) -> Generator[Progress | Planned, None, None]:
    """A job: the plan, and what is to be said of it."""
    plan = yield from sorting.planning(_corrected(items, said), rules, figures=figures)
    yield Planned.of(plan)


def _listed(
    items: Sequence[Item], said: dict[str, Said], rules: Rules, figures: Figures | None
) -> Generator[Progress | Planned, None, None]:
    """A job: all photos for a table, none of which goes anywhere."""
    rules = replace(
        rules,
        root=rules.root or "/",
        to_subject="{subject}",
        to_not_subject=None,
        to_unsure=None,
        companions=False,
        only_confirmed=False,
    )
    made = yield from sorting.planning(_corrected(items, said), rules, NoDisk(), figures)
    rows = tuple(
        replace(row, fate=Fate.STAYS, target=None, companions=(), note="", problem="") for row in made.rows
    )
    plan = replace(made, rows=rows, space=None)
    zones = Counter(row.zone for row in rows)
    parts = [
        f"{zones[zone]:,} {zone.words(rules.subject)}"
        for zone in (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT)
        if zones[zone]
    ]
    if zones[None]:
        parts.append(f"{zones[None]:,} not scored")
    by_human = sum(row.by_human for row in rows)
    words = f"{names.photos(len(rows))}: {', '.join(parts)}." if parts else "There are no photos."
    others = (f"Of {by_human:,} you said so yourself.",) if by_human else ()
    yield Planned(plan, {fate: [] for fate in Fate} | {Fate.STAYS: list(range(len(rows)))}, words, others, ())


def _written(file: str, plan: Plan) -> Generator[int, None, None]:
    sorting_table.write(file, plan)
    yield len(plan.rows)
