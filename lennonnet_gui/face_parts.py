"""What has to do with faces, put together: the search, the viewer's and the grid's faces, people, and their menu.

Layout and connections only, as in main_window.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence

from PySide6.QtCore import QDeadlineTimer, QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QImage, QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from lennonnet_gui import names
from lennonnet_gui.border import Border
from lennonnet_gui.face_crops import FaceCrops
from lennonnet_gui.face_desk import FaceDesk, Looking
from lennonnet_gui.face_labels import FaceLabels
from lennonnet_gui.face_layer import Box
from lennonnet_gui.folder_session import FolderSession
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.photo_grid import FaceStyle, PhotoGrid
from lennonnet_gui.photo_model import PhotoModel
from lennonnet_gui.settings import Settings
from lennonnet_gui.subject_desk import SubjectDesk
from lennonnet_gui.teaching import State, Teaching
from lennonnet_gui.thumbnails import Thumbnails
from lennonnet_gui.viewer import Viewer
from training.cache import FeatureCache
from training.face_head import Evidence
from training.faces import Look
from training.photos import PhotoFile
from training.subjects import SubjectEntry, Subjects, SubjectsError
from training.zones import Zone, Zones

_LOOKS: dict[str, Look | None] = {"quick": Look.QUICK, "thorough": Look.THOROUGH, "off": None}
_LOOK_WORDS = {"quick": "&Quickly", "thorough": "&Thoroughly where it is not clear", "off": "&Not at all"}
_STYLE_WORDS = {
    FaceStyle.NONE: "&Nothing",
    FaceStyle.INSET: "The face that decides, &small",
    FaceStyle.CENTRED: "The photo &centred on that face",
}
_EVIDENCE_WORDS = {
    "": "What the &labels say",
    "faces": "&Faces",
    "scene": "The &whole picture",
    "both": "&Both",
}


class FaceParts(QObject):
    """All widgets and actions that have to do with faces."""

    looking = Signal(object)
    """Looking: how far the search for faces has come."""

    page_changed = Signal()
    """Something takes the window's place, or does no more; see `page`."""

    notice = Signal(str)
    crashed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        settings: Settings,
        desk: SubjectDesk,
        session: FolderSession,
        teaching: Teaching,
        model: PhotoModel,
        grid: PhotoGrid,
        viewer: Viewer,
        thumbnails: Thumbnails,
        jobs: Jobs,
    ) -> None:
        super().__init__(window)
        self._window, self._settings, self._subjects_desk = window, settings, desk
        self._session, self._teaching, self._model, self._grid, self._viewer = (
            session,
            teaching,
            model,
            grid,
            viewer,
        )
        self._jobs = jobs
        self.desk = FaceDesk(session, teaching, thumbnails, jobs, self)
        self.labels = FaceLabels(session, teaching, self)
        self.crops = FaceCrops(self)
        self.border = Border(session, teaching, model, self)
        self._forgotten = 0
        self._make_menu()
        self._connect()
        self._restore()

    # -- the menu

    def _make_menu(self) -> None:
        self.menu = QMenu("&Faces", self._window)
        self.menu.addAction(self._viewer.faces_action)
        self.menu.addSeparator()
        self._look_actions = self._choices("&Look for faces", _LOOK_WORDS, self._look_chosen)
        self._style_actions = self._choices("Show in the &grid", _STYLE_WORDS, self._style_chosen)
        self._evidence_actions = self._choices("&Decided by", _EVIDENCE_WORDS, self._evidence_chosen)
        self.border_menu = self.menu.addMenu("On the &border of")
        self.menu.addSeparator()
        self.forget_action = QAction("F&orget all faces…", self._window)
        self.forget_action.triggered.connect(self.ask_to_forget)
        self.menu.addAction(self.forget_action)

    def _choices(self, title: str, words: dict[str, str] | dict[FaceStyle, str], chosen: object) -> list[QAction]:
        menu, group = self.menu.addMenu(title), QActionGroup(self)
        actions = []
        for key, text in words.items():
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setData(str(key))
            group.addAction(action)
            actions.append(action)
        group.triggered.connect(chosen)
        return actions

    def _connect(self) -> None:
        viewer, grid = self._viewer, self._grid
        viewer.set_faces(self.labels.faces_of, self.labels.explain, self._picture_of_face)
        viewer.face_said.connect(self.labels.say)
        viewer.faces_action.toggled.connect(self._faces_shown)
        self.labels.changed.connect(self._faces_changed)
        self.desk.found.connect(self._faces_changed)
        self.crops.arrived.connect(self._crop_came)
        self.desk.changed.connect(self._looking_changed)
        self.desk.crashed.connect(self.crashed)
        self._teaching.learned.connect(self._learned)
        self.border.notice.connect(self.notice)
        grid.set_face_style(FaceStyle.INSET)

    def _restore(self) -> None:
        kept = self._settings
        look = kept.text("faces/look", "quick")
        self._check(self._look_actions, look if look in _LOOKS else "quick")
        self.desk.set_look(_LOOKS.get(look, Look.QUICK))
        style = kept.text("faces/style", FaceStyle.INSET)
        chosen = FaceStyle(style) if style in set(FaceStyle) else FaceStyle.INSET
        self._check(self._style_actions, chosen)
        self._grid.set_face_style(chosen)
        self._viewer.faces_action.setChecked(kept.flag("faces/shown", True))

    def _check(self, actions: Sequence[QAction], key: str) -> None:
        for action in actions:
            action.setChecked(action.data() == key)

    # -- what the user chooses

    @Slot(QAction)
    def _look_chosen(self, action: QAction) -> None:
        self._settings.set("faces/look", action.data())
        self.desk.set_look(_LOOKS[action.data()])

    @Slot(QAction)
    def _style_chosen(self, action: QAction) -> None:
        self._settings.set("faces/style", action.data())
        self._grid.set_face_style(FaceStyle(action.data()))

    @Slot(QAction)
    def _evidence_chosen(self, action: QAction) -> None:
        if self._subjects_desk.set_evidence(action.data()):
            self._teaching.force(Evidence(action.data()) if action.data() else None)
        else:
            self._check(self._evidence_actions, self._subjects_desk.entry.evidence)

    @Slot(bool)
    def _faces_shown(self, shown: bool) -> None:
        self._settings.set("faces/shown", shown)

    @Slot()
    def ask_to_forget(self) -> QMessageBox:
        """Ask whether all that was computed from faces may be deleted."""
        box = QMessageBox(self._window)
        box.setWindowTitle("Lennonnet")
        box.setText("Forget all faces?")
        box.setInformativeText(
            "All numbers that were computed from faces are deleted from this computer, those in your subjects too."
            " Your photos and your labels stay. Nobody is looked for by face until you switch that on again."
        )
        box.addButton("Forget all faces", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.accepted.connect(self.forget)
        box.finished.connect(box.deleteLater)
        box.open()
        return box

    @Slot()
    def forget(self) -> None:
        """Delete all that was computed from faces, and look for none from now on."""
        self._check(self._look_actions, "off")
        self._settings.set("faces/look", "off")
        self.desk.set_look(None)
        self.desk.forget()
        self._jobs.start(
            functools.partial(_forget, self._subjects_desk.subjects),
            on_event=self._forgot,
            on_failed=self._forgetting_failed,
        )

    @Slot(object)
    def _forgot(self, words: str) -> None:
        self._subjects_desk.use(self._subjects_desk.entry.id)
        self.notice.emit(words)

    @Slot(object, str)
    def _forgetting_failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, SubjectsError | OSError):
            self.notice.emit(f"Not all faces could be forgotten. {error}")
        else:
            self.crashed.emit(trace)

    # -- the subject

    def set_subject(self, entry: SubjectEntry) -> None:
        """Name whom faces are compared with."""
        groups = {one.id: one.name for one in entry.look_alikes}
        self.labels.set_subject(entry.name, groups)
        self._viewer.set_look_alikes(list(groups.items()))
        self._check(self._evidence_actions, entry.evidence)
        self.border.set_subject(entry)
        self.border_menu.clear()
        for one in entry.look_alikes:
            words = f"{Zone.SUBJECT.words(entry.name)} or {names.shown(one.name)}?"
            action = self.border_menu.addAction(names.on_button(words))
            action.setData(one.id)
            action.triggered.connect(self._border_wanted)
        self.border_menu.setEnabled(bool(entry.look_alikes))

    def set_zones(self, zones: Zones) -> None:
        """Part the probabilities of faces as those of photos are."""
        self.labels.set_zones(zones)

    @Slot()
    def _border_wanted(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.border.show(action.data())

    @Slot(object)
    def _learned(self, state: State) -> None:
        """Say in the menu what decides by now."""
        words = state.words or _EVIDENCE_WORDS[""].replace("&", "")
        self._evidence_actions[0].setToolTip(words)
        title = "What the &labels say"
        if state.evidence is not None and self._teaching.forced is None:
            title += f": {_EVIDENCE_WORDS[state.evidence].replace('&', '').lower()}"
        self._evidence_actions[0].setText(title)

    # -- what comes

    def want(self, files: Sequence[PhotoFile]) -> None:
        """Say which photos are on screen: their faces are looked for first."""
        shown = self._viewer.file()
        paths = [file.path for file in files]
        self.desk.want([shown.path, *paths] if shown is not None else paths)

    def _picture_of_face(self, file: PhotoFile, box: Box) -> QImage | None:
        return self.crops.get(file, box)

    @Slot(object)
    def _faces_changed(self, paths: Sequence[str]) -> None:
        shown = self._viewer.file()
        if shown is not None:
            self._viewer.faces_changed(paths or (shown.path,))

    @Slot()
    def _crop_came(self) -> None:
        self._viewer.face_picture_came()

    @Slot(object)
    def _looking_changed(self, looking: Looking) -> None:
        self.looking.emit(looking)

    def stop(self, patience: QDeadlineTimer) -> bool:
        """End what works for this; False if patience ended before."""
        return self.crops.stop(patience)


def _forget(subjects: Subjects) -> Generator[str, None, None]:
    """Delete all that was computed from faces, on a worker's thread."""
    with FeatureCache() as cache:
        photos = cache.forget_faces()
        trouble = cache.notice
    subjects.forget_faces()
    yield trouble or f"The faces in {names.photos(photos)} were forgotten. Labels and photos are as they were."
