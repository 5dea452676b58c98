"""The window's part for teaching: bins and what stands around them, keys, history, questions, subjects, training.

Layout and connections only. What is said goes to `Teaching`, what is done with subjects to `SubjectDesk`; what they
tell comes back into the widgets here. The main window gives this a column and a page, and shows that page.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDeadlineTimer, QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.bins import Bins
from lennonnet_gui.enough_meter import EnoughMeter
from lennonnet_gui.history_panel import HistoryPanel
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.label_actions import LabelActions
from lennonnet_gui.photo_grid import PhotoGrid
from lennonnet_gui.photo_list_dialog import PhotoListDialog
from lennonnet_gui.photo_model import PhotoModel
from lennonnet_gui.queue_page import QueuePage
from lennonnet_gui.subject_desk import SubjectDesk
from lennonnet_gui.subject_menu import SubjectButton, SubjectMenu
from lennonnet_gui.teaching import State, Teaching
from lennonnet_gui.thumbnails import Thumbnails
from lennonnet_gui.viewer import Viewer
from training.photos import PhotoFile
from training.subjects import SubjectEntry
from training.verdicts import Entry
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.label_exchange import LabelExchange
    from lennonnet_gui.training_dialog import TrainingDialog
    from lennonnet_gui.versions_dialog import VersionsDialog
    from training.enough import Enough

_MOST_QUESTIONS = 50
_MOST_GESTURES = 50  # of the history, at first; as many more each time its end is in sight


class TeachingParts(QObject):
    """All widgets and actions that teach; `column` stands beside the grid, `queue` takes the window's place."""

    page_changed = Signal()
    """The queue was opened or closed."""

    wanted_changed = Signal()
    """Other photos than before are to be seen in the bins."""

    notice = Signal(str)
    crashed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        desk: SubjectDesk,
        teaching: Teaching,
        model: PhotoModel,
        grid: PhotoGrid,
        viewer: Viewer,
        thumbnails: Thumbnails,
        jobs: Jobs,
    ) -> None:
        super().__init__(window)
        self._window, self._desk, self._teaching = window, desk, teaching
        self._model = model
        self._gestures = _MOST_GESTURES
        self.labels = LabelActions(teaching, model, grid, viewer, window)
        self.subject_menu = SubjectMenu(window)
        self.bins = Bins(grid.picture)
        self.meter = EnoughMeter()
        self.queue = QueuePage(thumbnails.known)
        self.history = HistoryPanel(window)
        self._left_out: PhotoListDialog | None = None
        self._shown_id = ""
        self._any_will_do = False  # ask about photos that would teach little, too
        self._first: list[tuple[PhotoFile, str]] = []  # to be asked about before others, and why
        self._training: TrainingDialog | None = None  # made when it is first wanted, with its curves
        self._versions: VersionsDialog | None = None
        self._picture, self._jobs, self._thumbnails = grid.picture, jobs, thumbnails
        self.train_action = self._action("&Train…", self.open_training, "Ctrl+T")
        self.queue_action = self._action("&Ask me about the least sure", self.open_queue, "Q")
        self.history_action = self._action("&History…", self.open_history, "Ctrl+H")
        self.history.addActions([self.labels.undo_action, self.labels.redo_action])
        self._lay_out()
        self._connect(thumbnails)
        self.set_subject(desk.entry)

    def _action(self, text: str, do: object, key: str) -> QAction:
        action = QAction(text, self._window)
        action.triggered.connect(do)
        action.setShortcut(QKeySequence(key))
        return action

    def _lay_out(self) -> None:
        self.column = QWidget()
        self.column.setObjectName("teaching")
        self._ask = QPushButton("Ask me…")
        self._ask.setToolTip("One photo at a time, the least sure first: a key each (Q)")
        self._ask.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._ask.clicked.connect(self.open_queue)
        column = QVBoxLayout(self.column)
        column.setContentsMargins(0, theme.GRID // 2, 0, 0)
        column.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(theme.GRID, 0, theme.GRID, 0)
        head.addWidget(SubjectButton(self.subject_menu), 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(head)
        column.addWidget(self.bins, 1)
        column.addWidget(self.meter)
        self._decided_by = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._decided_by.setFont(theme.font(theme.TEXT_SMALL))
        self._decided_by.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._decided_by.setContentsMargins(theme.GRID + 4, 0, theme.GRID, theme.GRID)
        self._decided_by.setAccessibleName("Decided by")
        self._decided_by.hide()
        column.addWidget(self._decided_by)
        self._train = QPushButton("Train…")
        self._train.setToolTip("Learn thoroughly from all labels, and see how good it gets (Ctrl+T)")
        self._train.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._train.clicked.connect(self.open_training)
        foot = QHBoxLayout()
        foot.setContentsMargins(theme.GRID, 0, theme.GRID, theme.GRID)
        foot.setSpacing(theme.GRID)
        foot.addWidget(self._ask, 1)
        foot.addWidget(self._train, 1)
        column.addLayout(foot)

    def _connect(self, thumbnails: Thumbnails) -> None:
        teaching, desk, menu, bins = self._teaching, self._desk, self.subject_menu, self.bins
        bins.dropped.connect(self._dropped)
        bins.wanted_changed.connect(self.wanted_changed)
        bins.look_alike_wanted.connect(menu.ask_for_look_alike)
        bins.rename_wanted.connect(menu.ask_to_rename_look_alike)
        bins.remove_wanted.connect(menu.ask_to_remove_look_alike)
        thumbnails.arrived.connect(bins.picture_came)

        menu.switch_wanted.connect(desk.use)
        menu.create_wanted.connect(desk.create)
        menu.rename_wanted.connect(desk.rename)
        menu.delete_wanted.connect(desk.delete)
        menu.restore_wanted.connect(desk.restore)
        menu.look_alike_create_wanted.connect(desk.add_look_alike)
        menu.look_alike_rename_wanted.connect(desk.rename_look_alike)
        menu.look_alike_remove_wanted.connect(desk.remove_look_alike)
        menu.import_wanted.connect(self._import)
        menu.export_wanted.connect(self._export)
        menu.export_stopped.connect(self._stop_export)
        menu.versions_wanted.connect(self.open_versions)
        for part in (teaching, desk):
            part.notice.connect(self.notice)
        teaching.crashed.connect(self.crashed)
        teaching.contradicted.connect(self._contradicted)

        teaching.labels_changed.connect(self._labels_changed)
        teaching.faces_labelled.connect(self._labels_changed)
        teaching.gesture_kept.connect(self._gesture_kept)
        teaching.learned.connect(self._learned)
        teaching.assessing.connect(self.meter.set_busy)
        teaching.assessed.connect(self._assessed)
        teaching.questions_found.connect(self._questions_found)
        teaching.history_read.connect(self._history_read)
        teaching.folder_dropped.connect(self._import)
        desk.changed.connect(self._names_changed)

        self.history.undo_wanted.connect(teaching.take_back)
        self.history.redo_wanted.connect(teaching.bring_back)
        self.history.more_wanted.connect(self._read_more_history)

        self.queue.answered.connect(self._answered)
        self.queue.undo_wanted.connect(teaching.undo)
        self.queue.wants_more.connect(self._find_questions)
        self.queue.ask_anyway.connect(self._find_any_questions)
        self.queue.closed.connect(self._queue_closed)

    # -- the subject

    def set_subject(self, entry: SubjectEntry) -> None:
        """Show whose labels these are."""
        if entry.id != self._shown_id:
            self.queue.close_page()
            self._first = []
        self._shown_id = entry.id
        for part in (self.bins, self.meter, self.queue, self.history):
            part.set_subject(entry.name)
        self.bins.set_look_alikes(entry.look_alikes)
        self.queue.set_look_alikes([(one.id, one.name) for one in entry.look_alikes])
        self.labels.set_subject(entry.name, entry.look_alikes)
        kept = self._desk.all()
        others = [one for one in kept if one.id != entry.id]
        shown = kept if len(others) < len(kept) else [entry, *kept]  # one from a file is in no list
        self.subject_menu.set_subjects(shown, self._desk.deleted(), entry.id)
        for dialog in (self._training, self._versions):
            if dialog is not None:
                dialog.set_subject(entry)
        self._labels_changed()

    @Slot()
    def _names_changed(self) -> None:
        self._teaching.set_look_alikes(self._desk.entry)
        self.set_subject(self._desk.entry)

    # -- labels

    @Slot(object, object, str, str)
    def _dropped(self, zone: Zone, paths: list[str], source: str, group: str) -> None:
        self._teaching.drop(paths, zone, source, group)

    @Slot()
    def _labels_changed(self) -> None:
        counts = self._teaching.counts()
        self.bins.set_counts(counts)
        faces = self._teaching.face_counts()
        self.bins.set_face_counts(faces)
        self.meter.set_faces(sum(faces.values()))
        self.subject_menu.set_counts(counts)
        for zone, group in self._teaching.bins():
            self.bins.set_latest(zone, group, self._teaching.latest(zone, group))
        if self.history.isVisible():
            self._teaching.read_history(self._gestures)
        if self._training is not None:
            self._training.labels_changed()

    @Slot(object, object)
    def _gesture_kept(self, entry: Entry, files: list[PhotoFile]) -> None:
        if entry.undone and self.queue.is_open():
            for file in files[:_MOST_QUESTIONS]:
                self.queue.take_back(file.path)

    @Slot(object)
    def _learned(self, state: State) -> None:
        self.queue.set_guessing(state.guessing)
        self._decided_by.setText(state.words)
        self._decided_by.setVisible(bool(state.words))

    @Slot(object)
    def _assessed(self, enough: Enough | None) -> None:
        self.meter.set_enough(enough)
        self.queue.set_enough(enough.advice if enough is not None else "")

    # -- the history

    @Slot()
    def open_history(self) -> None:
        """Show what was labelled when."""
        self._gestures = _MOST_GESTURES
        self.history.show()
        self.history.raise_()
        self._teaching.read_history(self._gestures)

    @Slot()
    def _read_more_history(self) -> None:
        self._gestures += _MOST_GESTURES
        self._teaching.read_history(self._gestures)

    @Slot(object)
    def _history_read(self, entries: list[Entry]) -> None:
        groups = {one.id: one.name for one in self._desk.entry.look_alikes}
        self.history.set_entries(entries, groups, more=len(entries) >= self._gestures)

    # -- the queue

    @Slot()
    def open_queue(self) -> None:
        """Ask about one photo after the other, the least sure first."""
        self._set_keys(False)
        self.queue.start()
        self.page_changed.emit()
        self.queue.setFocus()

    def _set_keys(self, on: bool) -> None:
        """While questions are asked, the same keys answer them."""
        self.labels.set_enabled(on)
        for action in (self.labels.undo_action, self.labels.redo_action, self.queue_action):
            action.setEnabled(on)

    @Slot()
    def _queue_closed(self) -> None:
        self._any_will_do = False
        self._set_keys(True)
        self.page_changed.emit()

    @Slot(object, object, str)
    def _answered(self, file: PhotoFile, zone: Zone | None, group: str) -> None:
        self._first = [(other, why) for other, why in self._first if other != file]
        if zone is not None:
            self._teaching.label([file], zone, "queue", group)

    @Slot()
    def _find_questions(self) -> None:
        self._teaching.find_questions(
            self.queue.skipped(), most=_MOST_QUESTIONS, any_will_do=self._any_will_do
        )

    @Slot()
    def _find_any_questions(self) -> None:
        self._any_will_do = True
        self._find_questions()

    @Slot(object)
    def _questions_found(self, questions: list[tuple[PhotoFile, float]]) -> None:
        asked: list[tuple[PhotoFile, float | None, str]] = [(file, None, why) for file, why in self._first]
        self.queue.set_questions([*asked, *((file, probability, "") for file, probability in questions)])

    @Slot(object)
    def _ask_first(self, conflicts: list[tuple[PhotoFile, str]]) -> None:
        """Next time, ask about these before all others: a folder had them under both labels."""
        self._first = [*conflicts, *self._first]
        if self.queue.is_open():
            self._find_questions()

    @Slot(object)
    def _contradicted(self, found: list[tuple[PhotoFile, str]]) -> None:
        """Labels that can't all be true: say so, and let the user choose, photo by photo."""
        asked = {file for file, _ in self._first}
        new = [one for one in found if one[0] not in asked]
        if not new:
            return
        name, words = names.shown(os.path.basename(new[0][0].path)), new[0][1]  # noqa: PTH119
        more = f" So it is with {names.photos(len(new) - 1)} more." if len(new) > 1 else ""
        self._ask_first(new)
        self.notice.emit(f"{name}: {words}{more} “Ask me…” shows what to choose from.")

    # -- training

    @Slot()
    def open_training(self) -> None:
        """Open the dialog that trains the current subject."""
        if not self._desk.keep_current():
            return
        if self._training is None:
            from lennonnet_gui.training_dialog import TrainingDialog

            self._training = TrainingDialog(
                self._desk.subjects, self._jobs, self._picture, parent=self._window
            )
            self._training.adopted.connect(self._adopted)
            self._training.wanted_changed.connect(self.wanted_changed)
            self._thumbnails.arrived.connect(self._training.picture_came)
        self._training.with_faces = self._teaching.with_faces
        self._training.set_subject(self._desk.entry)
        self._training.show()
        self._training.raise_()
        self._training.activateWindow()

    @Slot()
    def open_versions(self) -> None:
        """Open the list of the current subject's versions."""
        if self._versions is None:
            from lennonnet_gui.versions_dialog import VersionsDialog

            self._versions = VersionsDialog(self._desk.subjects, self._jobs, self._window)
            self._versions.adopted.connect(self._adopted)
        self._versions.set_subject(self._desk.entry)
        self._versions.show()
        self._versions.raise_()

    @Slot(str, int)
    def _adopted(self, id: str, _version: int) -> None:
        self._desk.use(id)

    def ask_to_stop(self, then: Callable[[], object]) -> None:
        """Call `then` once no training is under way; if one is, the user is asked first, and may say no."""
        if self._training is None:
            then()
        else:
            self._training.ask_to_stop(then)

    @property
    def is_training(self) -> bool:
        """Whether a training is under way."""
        return self._training is not None and self._training.training

    def wanted(self) -> list[PhotoFile]:
        """The photos beside the grid whose pictures are in sight."""
        return [*self.bins.wanted(), *(self._training.wanted() if self._training is not None else ())]

    # -- folders

    @functools.cached_property
    def exchange(self) -> LabelExchange:
        """What takes labelled folders in and gives them out; made when it is first wanted, as few ever want it."""
        from lennonnet_gui.label_exchange import LabelExchange

        made = LabelExchange(self._desk, self._teaching, self._jobs, self)
        made.exporting.connect(self.subject_menu.show_export)
        made.exported.connect(self.subject_menu.end_export)
        made.problems_found.connect(self._show_left_out)
        made.conflicts_found.connect(self._ask_first)
        made.notice.connect(self.notice)
        made.crashed.connect(self.crashed)
        return made

    @Slot(object, bool)
    def _export(self, folder: str | Path, link: bool) -> None:
        self.exchange.give_out(Path(folder), link)

    @Slot()
    def _stop_export(self) -> None:
        self.exchange.stop_export()

    @Slot(object)
    def _import(self, folder: str | Path) -> None:
        self.exchange.take_in(Path(folder))

    @Slot(str, object)
    def _show_left_out(self, title: str, rows: list[tuple[str, str]]) -> None:
        self._left_out = PhotoListDialog(self._window, title)
        self._left_out.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._left_out.set_rows(rows)
        self._left_out.show()

    # -- the end

    def fill_menu(self, menu: QMenu) -> None:
        """Put into the window's menu all that labels."""
        menu.clear()
        menu.addActions(self.labels.actions())
        menu.addSeparator()
        menu.addActions([self.labels.undo_action, self.labels.redo_action, self.history_action])
        menu.addSeparator()
        menu.addActions([self.queue_action, self.train_action])

    def stop(self, patience: QDeadlineTimer) -> bool:
        """End what works for this; False if patience ended before."""
        if self._training is not None:
            self._training.shut()
        return self.queue.stop(patience)
