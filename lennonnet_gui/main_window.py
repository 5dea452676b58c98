"""The main window: where the parts stand, and who listens to whom. Layout and connections only."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QDeadlineTimer, QEvent, QModelIndex, QSize, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QMainWindow,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, pages, photo_drag, theme
from lennonnet_gui.bins import BINS
from lennonnet_gui.face_parts import FaceParts
from lennonnet_gui.folder_session import FolderSession, Phase, Status
from lennonnet_gui.folder_tree import FolderTree
from lennonnet_gui.help_parts import HelpParts
from lennonnet_gui.histogram import ScoreHistogram
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.keys import KeysDialog
from lennonnet_gui.pages import MessagePage, Step, WelcomePage
from lennonnet_gui.photo_grid import PhotoGrid
from lennonnet_gui.photo_list_dialog import PhotoListDialog
from lennonnet_gui.photo_model import PhotoModel, SortKey
from lennonnet_gui.settings import Settings
from lennonnet_gui.sort_parts import SortParts
from lennonnet_gui.status_line import NoticeBar, OnlyBar, StatusLine
from lennonnet_gui.subject_desk import SubjectDesk
from lennonnet_gui.teaching import State, Teaching
from lennonnet_gui.teaching_parts import TeachingParts
from lennonnet_gui.theme import Scheme
from lennonnet_gui.thumbnails import Thumbnails
from lennonnet_gui.view_bar import CELL_SIZES, ViewBar
from lennonnet_gui.viewer import Viewer
from training import learning
from training.photos import PhotoFile
from training.subject import Subject
from training.subjects import SubjectEntry, Subjects
from training.verdicts import Entry
from training.zones import Zone, Zones

if TYPE_CHECKING:
    from lennonnet_gui.subject_export import SubjectExport

_LOOKING_AFTER_MS = 300  # a folder that is listed sooner shows no "looking for photos"
_PATIENCE_MS = 1000  # for threads to come to a place where they can stop
_FIRST_SIZE = QSize(1240, 820)


class MainWindow(QMainWindow):
    """The whole of what the user sees of one open folder."""

    def __init__(
        self, entry: SubjectEntry, trained: Subject | None, subjects: Subjects, settings: Settings
    ) -> None:
        super().__init__()
        self._settings = settings
        self.desk = SubjectDesk(subjects, settings, entry, self)
        self.at_rest = False
        """Once closed: whether all threads have stopped; one inside a library, as in torch's import, can't."""
        self.jobs = Jobs(self)
        self.model = PhotoModel(self)
        self.thumbnails = Thumbnails(self)
        self.session = FolderSession(
            trained or learning.new_subject(entry.name), self.model, self.thumbnails, self.jobs, self
        )
        self.teaching = Teaching(self.session, self.model, self.jobs, self)
        self._unreadable_dialog: PhotoListDialog | None = None
        self._visible: list[PhotoFile] = []
        self._labelled_by = ""  # how the last label was given
        self._looking = QTimer(self, singleShot=True, interval=_LOOKING_AFTER_MS)
        self._make_parts()
        self._lay_out()
        self._make_menus()
        self._connect()
        self.use_entry(entry, trained)
        self._restore()
        self._show_page()

    # -- parts and layout

    def _make_parts(self) -> None:
        self.welcome = WelcomePage()
        self.message = MessagePage()
        self.tree = FolderTree(self.jobs)
        self.histogram = ScoreHistogram()
        self.bar = ViewBar()
        self.grid = PhotoGrid(self.thumbnails)
        self.grid.setModel(self.model)
        self.viewer = Viewer(self.model, self.thumbnails.known)
        self.parts = TeachingParts(
            self, self.desk, self.teaching, self.model, self.grid, self.viewer, self.thumbnails, self.jobs
        )
        self.bins, self.labels, self.queue = self.parts.bins, self.parts.labels, self.parts.queue
        self.faces = FaceParts(
            self,
            self._settings,
            self.desk,
            self.session,
            self.teaching,
            self.model,
            self.grid,
            self.viewer,
            self.thumbnails,
            self.jobs,
        )
        self.sorting = SortParts(
            self,
            self._settings,
            self.desk,
            self.session,
            self.teaching,
            self.model,
            self.grid,
            self.thumbnails,
            self.jobs,
        )
        self.help = HelpParts(self, self.jobs)
        self.only = OnlyBar()
        self.notice = NoticeBar()
        self.status_line = StatusLine()

    def _lay_out(self) -> None:
        self._content = QStackedWidget()  # the photos, or why there are none
        self._content.addWidget(self.grid)
        self._content.addWidget(self.message)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.notice, self.histogram, self.bar, self.only):
            column.addWidget(part)
        column.addWidget(_hairline())
        column.addWidget(self._content, 1)
        self._browser = QSplitter(childrenCollapsible=False)
        self._browser.setHandleWidth(1)
        self._browser.addWidget(self.tree)
        self._browser.addWidget(middle)
        self._browser.addWidget(self.parts.column)
        self._browser.setStretchFactor(1, 1)
        self._pages = QStackedWidget()
        for page in (self.welcome, self._browser, self.viewer, self.queue):
            self._pages.addWidget(page)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self._pages, 1)
        rows.addWidget(_hairline())
        rows.addWidget(self.status_line)
        self.setCentralWidget(whole)
        self.setAcceptDrops(True)

    def _make_menus(self) -> None:
        self.open_action = self._action("&Open folder…", self.choose_folder, "Ctrl+O", "folder-open")
        self.reload_action = self._action("&Look for changes", self._reload, "F5")
        self.unreadable_action = self._action("Photos that can’t be &read…", self._show_unreadable)
        self.subject_action = self._action("Use another &subject…", self._choose_subject)
        self.quit_action = self._action("&Quit", self.close, QKeySequence.StandardKey.Quit)
        self.open_photo_action = self._action("&Open", self._open_current, "Return")
        self.peek_action = self._action("&Quick look", self._peek_current, "Space")
        for action in (self.open_photo_action, self.peek_action):
            action.setShortcutContext(
                Qt.ShortcutContext.WidgetShortcut
            )  # the grid itself answers to these keys
        self.show_in_folder_action = self._action("Show in its &folder", self._show_in_folder, "Ctrl+R")
        self.tree_action = self._action("&Folders", None, "F9")
        self.tree_action.setCheckable(True)
        self.bins_action = self._action("&Bins", None, "F8")
        self.bins_action.setCheckable(True)
        self.full_screen_action = self._action("F&ull screen", None, "F11")
        self.full_screen_action.setCheckable(True)
        self.cancel_action = self._action("&Stop scoring", self.session.cancel, "Ctrl+.")
        self.resume_action = self._action("&Go on scoring", self.session.resume)
        self.reset_zones_action = self._action("Zones as &trained", self._reset_zones)
        self.scheme_actions = [
            self._action(text, self._scheme_chosen) for text in ("As the &system", "&Light", "&Dark")
        ]
        schemes = QActionGroup(self)
        for action, scheme in zip(self.scheme_actions, Scheme, strict=True):
            action.setCheckable(True)
            action.setData(str(scheme))
            schemes.addAction(action)
        self.keys_action = self._action("&Keys", self._show_keys, "?")
        self.keys_action.setShortcuts([QKeySequence("?"), QKeySequence("F1")])

        file = self._menu("&File", [self.open_action])
        self.recent_menu = file.addMenu("Open &recent")
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        file.addActions([self.reload_action])
        file.addSeparator()
        file.addActions([self.sorting.sort_action, self.sorting.history_action])
        file.addSeparator()
        file.addActions([self.subject_action, self.unreadable_action])
        file.addSeparator()
        file.addAction(self.quit_action)
        bar = self.bar
        photo = self._menu(
            "&Photo", [self.open_photo_action, self.peek_action, self.show_in_folder_action, None]
        )
        photo.addActions(self.viewer.actions())
        view = self._menu("&View", [self.tree_action, self.bins_action, self.full_screen_action, None])
        sort = view.addMenu("&Sort by")
        sort.addActions(list(bar.sort_actions))
        sort.addSeparator()
        sort.addActions([bar.descending_action, bar.resort_action])
        show = view.addMenu("S&how")
        show.addActions(list(bar.zone_actions))
        view.addActions([bar.find_action, bar.recursive_action])
        view.addSeparator()
        view.addActions([bar.larger_action, bar.smaller_action])
        view.addMenu("&Colours").addActions(self.scheme_actions)
        self._label_menu = self._menu("&Label", [])
        self._label_menu.aboutToShow.connect(self._fill_label_menu)
        self._fill_label_menu()  # the keys are the menu's
        self.menuBar().addMenu(self.faces.menu)
        self.menuBar().addMenu(self.parts.subject_menu)
        self._menu("&Scores", [self.cancel_action, self.resume_action, None, self.reset_zones_action])
        self._menu("&Help", [self.keys_action, self.help.log_action, None, self.help.about_action])
        self._key_groups: dict[str, Sequence[QAction]] = {
            "Folder": [
                self.open_action,
                self.reload_action,
                self.sorting.sort_action,
                self.cancel_action,
                self.quit_action,
            ],
            "Photos": [self.open_photo_action, self.peek_action, self.show_in_folder_action, bar.find_action],
            "Labels": [
                self.labels.subject_action,
                self.labels.not_action,
                self.labels.unlabel_action,
                self.labels.undo_action,
                self.labels.redo_action,
                self.parts.queue_action,
                self.parts.history_action,
                self.parts.train_action,
            ],
            "Window": [
                bar.larger_action,
                bar.smaller_action,
                self.tree_action,
                self.bins_action,
                self.full_screen_action,
                self.keys_action,
            ],
            "One photo": self.viewer.actions(),
            "A face, once it is selected": self.viewer.face_actions(),
            "Least sure first": self.queue.actions(),
        }

    def _action(
        self,
        text: str,
        do: Callable[[], object] | None,
        key: str | QKeySequence.StandardKey | None = None,
        icon: str | None = None,
    ) -> QAction:
        action = QAction(text, self)
        if do is not None:
            action.triggered.connect(do)
        if key is not None:
            action.setShortcut(QKeySequence(key))
        if icon is not None:
            action.setIcon(theme.icon(icon))
        return action

    def _menu(self, title: str, actions: Sequence[QAction | None]) -> QMenu:
        menu = self.menuBar().addMenu(title)
        for action in actions:
            if action is None:
                menu.addSeparator()
            else:
                menu.addAction(action)
        return menu

    def _connect(self) -> None:
        self.welcome.open_clicked.connect(self.choose_folder)
        self.welcome.recent_chosen.connect(self.open_folder)
        self.message.step_clicked.connect(self._do_step)
        self.tree.folder_chosen.connect(self.open_folder)

        self.session.status_changed.connect(self._status_changed)
        self.session.notice.connect(self.notice.show_words)
        self.session.download_needed.connect(self._ask_to_download)
        self.status_line.cancel_clicked.connect(self.session.cancel)
        self.status_line.resume_clicked.connect(self.session.resume)
        self.status_line.unreadable_clicked.connect(self._show_unreadable)
        self._looking.timeout.connect(self._show_page)

        self.model.counts_changed.connect(self._scores_changed)
        self.model.order_stale.connect(self.bar.set_order_stale)
        for changed in (self.model.rowsInserted, self.model.rowsRemoved, self.model.modelReset):
            changed.connect(self._show_page)
        self.model.layoutChanged.connect(self._show_page)

        self.histogram.zones_changed.connect(self._set_zones)
        self.histogram.zones_settled.connect(self._zones_settled)
        self.histogram.zone_clicked.connect(self._zone_clicked)
        self.bar.sort_changed.connect(self._sort_changed)
        self.bar.resort_clicked.connect(self.model.resort)
        self.bar.filter_changed.connect(self._filter_changed)
        self.bar.recursive_changed.connect(self._recursive_changed)
        self.bar.cell_size_changed.connect(self.grid.set_cell_size)
        self.grid.cell_size_changed.connect(self.bar.set_cell_size)
        self.grid.visible_changed.connect(self._visible_changed)
        self.grid.opened.connect(self._open_photo)
        self.grid.peeked.connect(self._peek_photo)
        self.viewer.closed.connect(self._viewer_closed)
        self.bins.clicked.connect(self._bin_clicked)
        self.parts.wanted_changed.connect(self._want_pictures)
        self.parts.page_changed.connect(self._show_page)
        self.parts.notice.connect(self.notice.show_words)
        self.faces.notice.connect(self.notice.show_words)
        self.sorting.notice.connect(self.notice.show_words)
        self.sorting.crashed.connect(self.faces.crashed)
        self.sorting.wanted_changed.connect(self._want_pictures)
        self.faces.looking.connect(self.status_line.show_looking)
        self.faces.page_changed.connect(self._people_opened_or_closed)
        self.faces.page_made.connect(self._people_page_made)
        self.faces.name_wanted.connect(self.parts.subject_menu.ask_for_look_alike)
        self.faces.open_wanted.connect(self._open_file)
        self.bins.faces_dropped.connect(self.faces.drop)
        self.bins.border_wanted.connect(self.faces.border.show)
        self.faces.border.shown.connect(self._border_shown)
        self.only.all_wanted.connect(self.faces.border.leave)
        self.session.left.connect(self.teaching.forget_folder)
        self.session.left.connect(self.queue.close_page)
        self.teaching.gesture_kept.connect(self._gesture_kept)
        self.teaching.learned.connect(self._learned)
        self.parts.subject_menu.save_wanted.connect(self._save_subject)
        self.desk.chosen.connect(self.use_entry)
        self.desk.changed.connect(self._subjects_changed)
        self.status_line.changed_toggled.connect(self._show_changed)
        self.tree_action.toggled.connect(self.tree.setVisible)
        self.bins_action.toggled.connect(self.parts.column.setVisible)
        self.full_screen_action.toggled.connect(self._set_full_screen)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_scheme)

    # -- what is remembered

    def _restore(self) -> None:
        kept = self._settings
        if not self.restoreGeometry(kept.bytes("window/geometry")):
            self.resize(_FIRST_SIZE)
        if not self._browser.restoreState(kept.bytes("window/panels")):
            side = 26 * theme.GRID
            self._browser.setSizes([side, _FIRST_SIZE.width() - 2 * side, side])
        self.tree_action.setChecked(kept.flag("window/tree", True))
        self.tree.setVisible(self.tree_action.isChecked())
        self.bins_action.setChecked(kept.flag("window/bins", True))
        self.parts.column.setVisible(self.bins_action.isChecked())
        key = kept.text("view/sort", SortKey.NAME)
        sort = SortKey(key) if key in set(SortKey) else SortKey.NAME
        descending = kept.flag("view/descending", False)
        self.bar.set_sort(sort, descending)
        self.model.sort_by(sort, descending)
        size = kept.number("view/cell", 160)
        size = min(max(size, CELL_SIZES[0]), CELL_SIZES[-1])
        self.bar.set_cell_size(size)
        self.grid.set_cell_size(size)
        scheme = kept.text("view/scheme", Scheme.SYSTEM)
        self.scheme_actions[list(Scheme).index(Scheme(scheme)) if scheme in set(Scheme) else 0].setChecked(
            True
        )
        self.session.recursive = kept.flag("view/subfolders", True)
        self.bar.set_recursive(self.session.recursive)
        self.welcome.set_recent(kept.recent_folders())

    def _remember(self) -> None:
        kept = self._settings
        kept.set("window/geometry", self.saveGeometry())
        kept.set("window/panels", self._browser.saveState())
        kept.set("window/tree", self.tree_action.isChecked())
        kept.set("window/bins", self.bins_action.isChecked())
        kept.set("view/cell", self.grid.cell_size())
        kept.set("view/subfolders", self.session.recursive)
        kept.save()

    # -- folders

    @Slot(object)
    def open_path(self, path: str) -> None:
        """Open the folder `path`, or the one that the file `path` is in; some file managers give it as a URL."""
        if path.startswith("file://"):
            path = QUrl(path).toLocalFile() or path
        self.open_folder(os.path.dirname(path) if os.path.isfile(path) else path)  # noqa: PTH113, PTH120

    @Slot(object)
    def open_folder(self, folder: str) -> None:
        """Open `folder`; that it is there is found out in the background, for a lost network drive takes its time."""
        path = os.path.abspath(folder)  # noqa: PTH100  (the name may hold any bytes)
        self._settings.add_recent_folder(path)
        self.welcome.set_recent(self._settings.recent_folders())
        self.bar.set_filter(frozenset(), "")
        self.model.set_filter()
        self.viewer.close_page()
        self._looking.start()
        self.tree.set_folder(path)
        self.session.open(path)
        self.setWindowTitle(f"{names.folder_name(path)} – Lennonnet")
        self._show_page()
        self.grid.setFocus()

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder and open it."""
        recent = next(iter(self._settings.recent_folders()), str(Path.home()))
        start = self.session.status.folder or recent
        dialog = QFileDialog(self, "Open a folder", start)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.open_folder)
        dialog.open()

    @Slot()
    def _reload(self) -> None:
        if self.session.status.phase is Phase.UNREACHABLE and not self.model.counts().total:
            self.open_folder(self.session.status.folder)
        else:
            self.session.look_again_thoroughly()
            self.tree.refresh()

    @Slot(bool)
    def _recursive_changed(self, recursive: bool) -> None:
        self.session.recursive = recursive
        self.bar.set_recursive(recursive)
        if self.session.status.folder:
            self.open_folder(self.session.status.folder)

    @Slot()
    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        for folder in self._settings.recent_folders():
            action = self.recent_menu.addAction(names.on_button(names.shown(folder)))
            action.setData(os.fsencode(folder).hex())
            action.triggered.connect(self._open_recent)
        self.recent_menu.addSeparator()
        self.recent_menu.addAction("Forget these").triggered.connect(self._forget_recent)

    @Slot()
    def _open_recent(self) -> None:
        self.open_folder(os.fsdecode(bytes.fromhex(cast(QAction, self.sender()).data())))

    @Slot()
    def _forget_recent(self) -> None:
        self._settings.forget_recent_folders()
        self.welcome.set_recent(())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and photos that are dragged over the window, to copy from, never to move."""
        if _dropped_path(event):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.welcome.set_drop_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.welcome.set_drop_active(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.welcome.set_drop_active(False)
        if path := _dropped_path(event):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.open_path(path)

    # -- what is shown

    @Slot(object)
    def _status_changed(self, status: Status) -> None:
        self.status_line.show_status(status)
        self.cancel_action.setEnabled(status.phase in (Phase.SCANNING, Phase.SCORING))
        self.resume_action.setEnabled(status.phase is Phase.STOPPED)
        self.unreadable_action.setEnabled(status.unreadable + status.closed_folders > 0)
        self._fill_unreadable()
        if status.phase is Phase.STOPPED:
            self.grid.viewport().update()  # thumbnails that scoring would have made are asked for now
        self._show_page()

    @Slot()
    def _scores_changed(self) -> None:
        labelled = {zone: self.model.labelled_probabilities(zone) for zone in BINS}
        self.histogram.set_probabilities(self.model.probabilities(), labelled)

    @Slot()
    def _show_page(self) -> None:
        """Put up the page that fits: welcome, one photo, the photos, or why there are none to see."""
        status = self.session.status
        if status.phase is Phase.CLOSED:
            self._pages.setCurrentWidget(self.welcome)
            return
        if self.queue.is_open():
            self._pages.setCurrentWidget(self.queue)
            return
        if self.viewer.file() is not None:
            self._pages.setCurrentWidget(self.viewer)
            return
        self._pages.setCurrentWidget(self._browser)
        message = self._message(status)
        if message is not None:
            self.message.set_message(message)
        people = self.faces.shows_people
        for part in (self.histogram, self.bar):
            part.setVisible(not people)
        self.only.setVisible(bool(self.only.words()) and not people)
        self._content.setCurrentWidget(
            self.faces.page if people else self.grid if message is None else self.message
        )

    def _message(self, status: Status) -> pages.Message | None:
        if self.model.rowCount():
            return None
        if self.model.counts().total:
            return pages.nothing_matches(self.model.counts().total)
        if status.phase is Phase.UNREACHABLE:
            if status.gone:
                return pages.folder_gone(status.folder)
            return pages.folder_unreadable(status.folder, status.reason)
        if status.phase is Phase.SCANNING:
            return None if self._looking.isActive() else pages.looking(status.folder, status.found)
        return pages.no_photos(
            status.folder, recursive=self.session.recursive, closed_folders=status.closed_folders
        )

    @Slot(object)
    def _do_step(self, step: Step) -> None:
        if step in (Step.OPEN_FOLDER, Step.OPEN_ANOTHER):
            self.choose_folder()
        elif step is Step.INCLUDE_SUBFOLDERS:
            self._recursive_changed(True)
        elif step is Step.TRY_AGAIN:
            self.open_folder(self.session.status.folder)
        else:
            self.bar.set_filter(frozenset(), "")
            self._filter_changed(frozenset(), "")

    @Slot(object, bool)
    def _sort_changed(self, key: SortKey, descending: bool) -> None:
        self.model.sort_by(key, descending)
        self._settings.set("view/sort", str(key))
        self._settings.set("view/descending", descending)
        self.grid.scrollToTop()

    @Slot(object, str)
    def _filter_changed(self, zones: frozenset[Zone], text: str) -> None:
        self.status_line.show_all()
        self.model.set_filter(zones, text)
        self.histogram.set_shown_zones(zones)
        self._show_page()

    @Slot(str)
    def _border_shown(self, words: str) -> None:
        self.only.show_words(words)
        if words:  # the photos are what was asked for, whatever stands before them
            self.faces.close_people()
            self.viewer.close_page()
        self._show_page()
        self.grid.scrollToTop()

    @Slot(bool)
    def _show_changed(self, on: bool) -> None:
        self.model.set_filter(self.bar.zones(), self.bar.text(), moved_only=on)
        self._show_page()

    @Slot(object)
    def _zone_clicked(self, zone: Zone) -> None:
        zones = frozenset() if self.bar.zones() == {zone} else frozenset({zone})
        self.bar.set_filter(zones, self.bar.text())
        self._filter_changed(zones, self.bar.text())

    # -- subject and zones

    @Slot(object, object)
    def use_entry(self, entry: SubjectEntry, trained: Subject | None) -> None:
        """Score and label for another subject; `trained` is its current version, None if there is none yet."""
        subject = trained or learning.new_subject(entry.name)
        self.session.set_subject(subject)
        self.teaching.use(entry, trained)
        zones = self._settings.zones(entry.id, subject.zones)
        self._set_zones(zones)
        self.histogram.set_default_zones(subject.zones)
        self.histogram.set_zones(zones)
        self.status_line.set_changed(0)
        self.parts.set_subject(entry)
        self.faces.set_subject(entry)
        self._name_subject(entry)

    def _name_subject(self, entry: SubjectEntry) -> None:
        self.model.set_subject(entry.name)
        for part in (self.histogram, self.bar, self.viewer, self.welcome):
            part.set_subject(entry.name)

    @Slot(object)
    def _set_zones(self, zones: Zones) -> None:
        self.model.set_zones(zones)
        self.faces.set_zones(zones)

    @Slot(object)
    def _zones_settled(self, zones: Zones) -> None:
        self._set_zones(zones)
        self._settings.set_zones(self.teaching.subject_id, zones)

    @Slot()
    def _reset_zones(self) -> None:
        zones = self.session.subject.zones
        self.histogram.set_zones(zones)
        self._zones_settled(zones)

    @Slot(str)
    def _ask_to_download(self, words: str) -> None:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Lennonnet")
        box.setText(f"{words} Shall it be downloaded?")
        box.setInformativeText("It comes from huggingface.co and is kept. Nothing of yours is sent there.")
        download = box.addButton("Download", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Not now", QMessageBox.ButtonRole.RejectRole)
        download.clicked.connect(self.session.allow_download)
        box.open()

    @Slot()
    def _choose_subject(self) -> None:
        dialog = QFileDialog(self, "Use another subject", "", "Subjects (*.safetensors)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.desk.use_file)
        dialog.open()

    @functools.cached_property
    def subject_export(self) -> SubjectExport:
        """What gives a subject out as a file; made when it is first wanted, as few ever want it."""
        from lennonnet_gui.subject_export import SubjectExport

        made = SubjectExport(self.jobs, self)
        made.notice.connect(self.notice.show_words)
        made.crashed.connect(self.faces.crashed)
        return made

    @Slot()
    def _save_subject(self) -> None:
        """Save the subject as it is by now, with what the labels taught."""
        self.subject_export.ask(self.session.known_subject())

    @Slot()
    def _subjects_changed(self) -> None:
        self._name_subject(self.desk.entry)
        self.faces.set_subject(self.desk.entry)

    # -- labels

    @Slot()
    def _fill_label_menu(self) -> None:
        self.parts.fill_menu(self._label_menu)

    @Slot(object, str)
    def _bin_clicked(self, zone: Zone, _group: str) -> None:
        self._zone_clicked(zone)

    @Slot(object, object)
    def _gesture_kept(self, entry: Entry, _files: object) -> None:
        self._labelled_by = entry.source

    @Slot(object)
    def _learned(self, state: State) -> None:
        """The grid shows what was learned; after a drop it is put in order, for the pointer is not on a photo then."""
        if self._labelled_by in ("drag", "files") and self.model.is_order_stale():
            self.model.resort()
        self._labelled_by = ""
        self.status_line.set_changed(state.changed)

    @Slot(object)
    def _visible_changed(self, files: Sequence[PhotoFile]) -> None:
        self._visible = list(files)
        self._want_pictures()

    @Slot()
    def _want_pictures(self) -> None:
        """Have the pictures made of what is on the screen: the grid's photos, then those in the bins."""
        self.session.want(self._visible, [*self.parts.wanted(), *self.sorting.wanted()])
        self.faces.want(self._visible)

    # -- photos

    @Slot(QModelIndex)
    def _open_photo(self, index: QModelIndex, *, peek: bool = False) -> None:
        self.viewer.show_index(index, peek=peek)
        self.faces.want(self._visible)
        self._show_page()
        self.viewer.setFocus()

    @Slot(object, int)
    def _open_file(self, file: PhotoFile, face: int) -> None:
        row = self.model.row_of(file.path)
        if row >= 0:
            self._open_photo(self.model.index(row))
            self.viewer.select_face(face)
            self.labels.set_enabled(True)
        else:
            name = names.shown(os.path.basename(file.path))  # noqa: PTH119
            self.notice.show_words(f"{name} is left out by what is chosen above the photos.")

    @Slot(object)
    def _people_page_made(self, page: QWidget) -> None:
        self._content.addWidget(page)
        self._key_groups["People"] = page.actions()

    @Slot()
    def _people_opened_or_closed(self) -> None:
        """While people are shown, the keys that label photos label faces."""
        self.labels.set_enabled(not self.faces.shows_people)
        self._show_page()
        if not self.faces.shows_people:
            self.grid.setFocus()

    @Slot(QModelIndex)
    def _peek_photo(self, index: QModelIndex) -> None:
        self._open_photo(index, peek=True)

    @Slot()
    def _open_current(self) -> None:
        if self.grid.currentIndex().isValid():
            self._open_photo(self.grid.currentIndex())

    @Slot()
    def _peek_current(self) -> None:
        if self.grid.currentIndex().isValid():
            self._peek_photo(self.grid.currentIndex())

    @Slot(int)
    def _viewer_closed(self, row: int) -> None:
        self._show_page()
        index = self.model.index(row)
        if index.isValid():
            self.grid.setCurrentIndex(index)
            self.grid.scrollTo(index)
        if self.faces.shows_people:
            self.labels.set_enabled(False)
            self.faces.page.setFocus()
        else:
            self.grid.setFocus()

    @Slot()
    def _show_in_folder(self) -> None:
        file = self.viewer.file()
        index = self.grid.currentIndex()
        if file is None and index.isValid():
            file = self.model.file_at(index.row())
        if file is not None:
            QDesktopServices.openUrl(names.to_url(os.path.dirname(file.path)))  # noqa: PTH120

    @Slot()
    def _show_unreadable(self) -> None:
        if self._unreadable_dialog is None:
            self._unreadable_dialog = PhotoListDialog(self)
        self._unreadable_dialog.show()
        self._unreadable_dialog.raise_()
        self._fill_unreadable()

    def _fill_unreadable(self) -> None:
        if self._unreadable_dialog is not None and self._unreadable_dialog.isVisible():
            folders = self.session.status.closed_folders
            self._unreadable_dialog.set_rows(self.session.unreadable(), folders)

    # -- the window itself

    @Slot()
    def _show_keys(self) -> None:
        dialog = KeysDialog(self, self._key_groups)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot()
    def _follow_scheme(self) -> None:
        theme.choose(self._scheme())

    def _scheme(self) -> Scheme:
        checked = next(action for action in self.scheme_actions if action.isChecked())
        return Scheme(checked.data())

    @Slot()
    def _scheme_chosen(self) -> None:
        self._settings.set("view/scheme", str(self._scheme()))
        theme.choose(self._scheme())

    @Slot(bool)
    def _set_full_screen(self, on: bool) -> None:
        if on:
            self.showFullScreen()
        else:
            self.showNormal()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.session.look_again()  # files may have changed while the user was elsewhere
        elif event.type() == QEvent.Type.PaletteChange:
            self.open_action.setIcon(theme.icon("folder-open"))
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember how the window was left, and end all work before its objects go; a training is asked about."""
        if self.parts.is_training:
            event.ignore()
            self.parts.ask_to_stop(self.close)
            return
        if self.sorting.running:
            event.ignore()
            self.sorting.ask_to_stop()
            return
        self._remember()
        self.sorting.stop()
        self.hide()  # what is waited for now is nothing to look at
        self.teaching.stop()
        self.session.close()
        patience = QDeadlineTimer(_PATIENCE_MS)
        stopped = [
            part.stop(patience) for part in (self.jobs, self.thumbnails, self.viewer, self.parts, self.faces)
        ]
        self.at_rest = all(stopped)
        super().closeEvent(event)


def _hairline() -> QFrame:
    line = QFrame(frameShape=QFrame.Shape.NoFrame)
    line.setFixedHeight(1)
    line.setAutoFillBackground(True)
    line.setBackgroundRole(line.palette().ColorRole.Mid)
    return line


def _dropped_path(event: QDropEvent) -> str:
    """The first folder or file that is dragged from elsewhere, as a path; "" if there is none on this computer."""
    if photo_drag.are_ours(event.mimeData()):
        return ""  # photos of the grid, on their way out or to a bin
    return next((names.from_url(url) for url in event.mimeData().urls() if url.isLocalFile()), "")
