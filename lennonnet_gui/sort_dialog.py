"""“Sort out…”: asks what to do, shows the plan before anything happens, carries it out, and can take it back."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer, Signal, Slot
from PySide6.QtGui import QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.settings import Settings
from lennonnet_gui.sort_choose import About, ChooseFace
from lennonnet_gui.sort_faces import AfterFace, PlanFace
from lennonnet_gui.sort_past import journal_file
from lennonnet_gui.sort_plan_model import Planned, left_out, without
from lennonnet_gui.sort_remembered import Doing, Remembered
from lennonnet_gui.sort_run import Act, Ended, Places
from lennonnet_gui.sort_targets import NoDisk
from lennonnet_gui.sort_window import SortWindow
from training import sorting, sorting_run, sorting_table
from training.evaluate import Figures
from training.photos import PhotoFile
from training.sorting import Action, BadTarget, Fate, Item, Plan, Rules
from training.sorting_disk import RealDisk
from training.sorting_journal import Journal, JournalError
from training.sorting_run import Control, Events
from training.teach import Progress
from training.verdicts import Said, Verdict
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture

_RETELL_MS = 120  # so long several ticks may follow each other
_LOOK_MS = 200  # as long a folder that is typed or chosen may change again


class SortDialog(SortWindow):
    """Sorts the photos that its owner names: `items`, of what `about` says, when they are asked for."""

    corrected = Signal(object, object)
    """What the user says photos of the plan are: list[PhotoFile] and Verdict; the plan knows it already."""
    wanted_changed = Signal()
    """Other pictures are in sight than before: ask `wanted`."""

    def __init__(
        self,
        jobs: Jobs,
        picture: Picture,
        items: Callable[[], Sequence[Item]],
        about: Callable[[], About],
        parent: QWidget | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(jobs, "Sort out", parent)
        self._items_of, self._about_of = items, about
        self._remembered = Remembered(settings)
        self._about = About("subject", "")
        self._items: Sequence[Item] = ()
        self._said: dict[str, Said] = {}
        self._planned: Planned | None = None
        self._table_only = False
        self._plan_job: Job | None = None
        self._words_job: Job | None = None
        self._look_job: Job | None = None
        self._root_job: Job | None = None
        self._run_id: int | None = None
        self._back = False

        self.choose, self.plan, self.after = ChooseFace(), PlanFace(picture), AfterFace()
        self.choose.set_how(self._remembered.how())
        for face in (self.choose, self.plan, self.after):
            self._pages.addWidget(face)
        self.setMinimumSize(80 * theme.GRID, 60 * theme.GRID)
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
        self.after.undo_clicked.connect(self._undo)
        self.after.resume_clicked.connect(self._resume)
        self.after.folder_clicked.connect(self._open_folder)
        self.after.again_clicked.connect(self._begin)
        self.after.close_clicked.connect(self.close)

    # -- what it can be asked

    def wanted(self) -> list[PhotoFile]:
        """The photos whose pictures are in sight."""
        return self.plan.table.wanted()

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        self.plan.table.picture_came(path)

    def shut(self) -> None:
        self._retell_soon.stop()
        self._look_soon.stop()
        self._end_plan()
        super().shut()

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
        if not self.running and self._pages.currentWidget() is self.plan:
            self._go_back()
        else:
            super().reject()

    # -- choosing

    @Slot()
    def _begin(self) -> None:
        self._end_plan()
        self._said.clear()
        self.plan.forget()
        self._about, self._items = self._about_of(), self._items_of()
        self.choose.set_about(self._about, len(self._items))
        self.choose.set_targets(self._remembered.targets(self._about.subject_id))
        self.choose.plan_button.setDefault(True)
        self._pages.setCurrentWidget(self.choose)
        self._look_soon.start()
        if self._root_job is not None:
            self._root_job.cancel()  # it was for another folder
            self._root_job = None
        root = self._remembered.root(self._about.folder)
        if root and root != self._about.folder:
            self._root_job = self._jobs.start(lambda: _is_there(root), on_event=self._root_looked_at)

    @Slot(object)
    def _root_looked_at(self, found: tuple[str, bool]) -> None:
        root, there = found
        if self._pages.currentWidget() is not self.choose or self.choose.root != self._about.folder:
            return  # something else was chosen meanwhile
        if there:
            self.choose.use_root(root)
        else:
            self.choose.say_place_is_gone(root)

    def _remember(self) -> None:
        self._remembered.keep_how(self.choose.how())
        self._remembered.keep_targets(self._about.subject_id, self.choose.chosen_targets())
        self._remembered.keep_root(self._about.folder, self.choose.root)

    @Slot()
    def _look_at_place(self) -> None:
        if self.choose.root and self.choose.doing not in (Doing.TABLE, Doing.TAG):
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
        about = self._about_of()
        if (about.folder, about.subject) != (self._about.folder, self._about.subject):
            self._begin()  # another folder was opened beside this window: what is chosen was not meant for it
            self.choose.say_trouble("Something else is open by now. Please look again at what is chosen.")
            return
        self._about, self._items = about, self._items_of()
        self._remember()
        self.plan.forget()
        self.plan.table.set_subject(self._about.subject)
        self._planned = None
        self._table_only = self.choose.doing is Doing.TABLE
        self._pages.setCurrentWidget(self.plan)
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
        if not isinstance(error, (BadTarget, JournalError)):
            self.crashed.emit(trace)

    def _end_plan(self) -> None:
        for job in (self._plan_job, self._words_job):
            if job is not None:
                job.cancel()
        self._plan_job = self._words_job = None

    @Slot()
    def _go_back(self) -> None:
        self._end_plan()
        self._pages.setCurrentWidget(self.choose)
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
            self.during.begin("Undoing it", tags=self.choose.doing is Doing.TAG)
            self._run(lambda journal, control: sorting_run.undo(run, journal, None, control), back=True)

    @Slot()
    def _resume(self) -> None:
        run = self._run_id
        if run is not None and not self.running:
            self.during.begin("Going on", tags=self.choose.doing is Doing.TAG)
            self._run(lambda journal, control: sorting_run.resume(journal, run, control))

    def _run(self, act: Act, *, back: bool = False) -> None:
        self._end_plan()
        self._back = back
        self.carry_out(act, back=back)
        self.wanted_changed.emit()

    def show_ended(self, ended: Ended) -> None:
        if ended.run is not None:
            self._run_id = ended.run
        known = ended.run is not None
        halted = ended.stopped or bool(ended.trouble)
        self.after.show_ended(
            ended,
            back=self._back,
            can_undo=known and (halted if self._back else ended.done > 0),
            can_resume=known and halted and not self._back and (ended.counts.left > 0 or bool(ended.trouble)),
        )
        self._pages.setCurrentWidget(self.after)

    def places(self, ended: Ended) -> Places:
        """Where photos are now, with what is known of those that went along with others."""
        places = ended.places
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
        self._pages.setCurrentWidget(self.after)

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


def _is_there(folder: str) -> Generator[tuple[str, bool], None, None]:
    yield folder, os.path.isdir(folder)  # noqa: PTH112


def _corrected(items: Sequence[Item], said: dict[str, Said]) -> list[Item]:
    if not said:
        return list(items)
    return [replace(item, verdict=said[item.file.path]) if item.file.path in said else item for item in items]


def _planned(
    items: Sequence[Item], said: dict[str, Said], rules: Rules, figures: Figures | None
) -> Generator[Progress | Planned, None, None]:
    """A job: the plan, and what is to be said of it."""
    wrote = None
    if rules.action is Action.TAG and journal_file():
        with Journal() as journal:
            wrote = journal.wrote()
    plan = yield from sorting.planning(_corrected(items, said), rules, figures=figures, wrote=wrote)
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
