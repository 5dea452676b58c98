"""What has to do with faces, put together: the search, the viewer's and the grid's faces, people, and their menu.

Layout and connections only, as in main_window.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QDeadlineTimer, QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QImage, QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from lennonnet_gui import names
from lennonnet_gui.border import Border
from lennonnet_gui.face_crops import Box, FaceCrops
from lennonnet_gui.face_desk import FaceDesk, Looking
from lennonnet_gui.face_labels import FaceLabels
from lennonnet_gui.folder_session import FolderSession
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.photo_cell import FaceStyle
from lennonnet_gui.photo_grid import PhotoGrid
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
from training.verdicts import FaceVerdict
from training.zones import Zone, Zones

if TYPE_CHECKING:
    from lennonnet_gui.people_desk import PeopleDesk
    from lennonnet_gui.people_page import PeoplePage

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

    page_made = Signal(object)
    """The page of people, a QWidget, to be put among the window's pages."""

    name_wanted = Signal()
    """A look-alike has to get a name; see SubjectMenu.ask_for_look_alike."""

    open_wanted = Signal(object, int)
    """PhotoFile and number of a face that is to be seen large."""

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
        self.border = Border(session, teaching, model, jobs, self)
        self._known_groups: set[str] = set()
        self._to_name: list[tuple[PhotoFile, int]] = []  # faces of a look-alike whose name is being asked for
        self._make_menu()
        self._connect()
        self._restore()

    # -- the menu

    def _make_menu(self) -> None:
        self.menu = QMenu("&Faces", self._window)
        self.people_action = QAction("&People in this folder", self._window)
        self.people_action.setShortcut(QKeySequence("Ctrl+P"))
        self.people_action.triggered.connect(self.open_people)
        self.menu.addAction(self.people_action)
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

    def _choices(
        self, title: str, words: dict[str, str] | dict[FaceStyle, str], chosen: object
    ) -> list[QAction]:
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
        viewer = self._viewer
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
        self.border.crashed.connect(self.crashed)

        self._subjects_desk.changed.connect(self._subject_changed)

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

    # -- people

    @functools.cached_property
    def page(self) -> PeoplePage:
        """People in this folder; made when it is first wanted."""
        from lennonnet_gui.people_page import PeoplePage

        page = PeoplePage(self.crops)
        page.said.connect(self._people_said)
        page.look_alike_wanted.connect(self._look_alike_wanted)
        page.open_wanted.connect(self._people_open)
        page.faces_wanted.connect(self._faces_wanted)
        page.closed.connect(self._people_closed)
        self._session.left.connect(page.close_page)
        self._name_page(page, self._subjects_desk.entry)
        self.page_made.emit(page)
        return page

    @functools.cached_property
    def people(self) -> PeopleDesk:
        """What groups the faces for it."""
        from lennonnet_gui.people_desk import PeopleDesk

        people = PeopleDesk(self.page, self.labels.people, self._jobs, self)
        people.crashed.connect(self.crashed)
        self._session.left.connect(people.forget)
        self.labels.changed.connect(people.faces_changed)
        self.desk.found.connect(people.faces_changed)
        return people

    def _name_page(self, page: PeoplePage, entry: SubjectEntry) -> None:
        page.set_subject(entry.name)
        page.set_look_alikes([(one.id, one.name) for one in entry.look_alikes])

    @property
    def _has_page(self) -> bool:
        return "page" in self.__dict__

    @property
    def shows_people(self) -> bool:
        """Whether the page of people is open."""
        return self._has_page and self.page.is_open()

    def close_people(self) -> None:
        """Show photos again."""
        if self._has_page:
            self.page.close_page()

    @Slot()
    def open_people(self) -> None:
        """Show the faces of the folder, grouped by likeness; or, if they are shown, the photos again."""
        is_shown = self.page.is_open() and self._viewer.file() is None
        self._viewer.close_page()
        if is_shown:
            self.page.close_page()
            return
        if self.page.is_open():
            return
        self.page.set_off(
            "" if self.desk.look is not None else "Faces are not looked for: you have switched that off."
        )
        self.desk.want_all(True)
        self._tell_looked(self.desk.state)
        self.people.open()
        self.page_changed.emit()
        self.page.setFocus()

    @Slot()
    def _people_closed(self) -> None:
        self.desk.want_all(False)
        self.page_changed.emit()

    @Slot()
    def _faces_wanted(self) -> None:
        """The user wants faces to be used after all."""
        self._check(self._look_actions, "quick")
        self._settings.set("faces/look", "quick")
        self.desk.set_look(Look.QUICK)
        self.page.set_off("")
        self.people.faces_changed()

    def _tell_looked(self, looking: Looking) -> None:
        if not self._has_page:
            return
        photos = self._model.counts().total
        looked = looking.looked if looking.running else photos
        self.page.set_cannot_look(looking.trouble)
        self.people.set_looked(looked, looking.photos if looking.running else photos, running=looking.running)

    @Slot(object, object, str)
    def _people_said(
        self, faces: list[tuple[PhotoFile, int]], verdict: FaceVerdict | None, group: str
    ) -> None:
        self._teaching.label_faces(self._as_found(faces), verdict, "people", group)

    @Slot(object, int)
    def _people_open(self, file: PhotoFile, number: int) -> None:
        found = self._as_found([(file, number)])
        self.open_wanted.emit(file, found[0][1] if found else -1)

    def _as_found(self, faces: Sequence[tuple[PhotoFile, int]]) -> list[tuple[PhotoFile, int]]:
        """The faces of the page by the numbers that they have now: a closer look may have found more, and others."""
        boxes = {face.key: face.box for face in self.page.faces()}
        places = [(file, boxes.get((file.path, number))) for file, number in faces]
        found = [(file, self.labels.number_of(file, box)) for file, box in places if box is not None]
        return [(file, number) for file, number in found if number >= 0]

    @Slot(object, object, str)
    def drop(self, zone: Zone, faces: list[tuple[str, int]], group: str) -> None:
        """Label faces that were dropped into a bin."""
        files = [(self._session.file_of(path), number) for path, number in faces]
        known = [(file, number) for file, number in files if file is not None]
        verdict = FaceVerdict.SUBJECT if zone is Zone.SUBJECT else FaceVerdict.NOT_SUBJECT
        self._teaching.label_faces(self._as_found(known), verdict, "drag", group)

    @Slot(object)
    def _look_alike_wanted(self, faces: list[tuple[PhotoFile, int]]) -> None:
        """Ask for a name for those that are taken for the subject; then they are labelled so."""
        self._to_name = faces
        self.name_wanted.emit()

    @Slot()
    def _subject_changed(self) -> None:
        """A look-alike may have got its name: then the faces that waited for it are labelled."""
        known = self._subjects_desk.entry.look_alikes
        if self._to_name and known and known[-1].id not in self._known_groups:
            faces = self._as_found(self._to_name)
            self._teaching.label_faces(faces, FaceVerdict.NOT_SUBJECT, "people", known[-1].id)
        self._to_name = []
        self._known_groups = {one.id for one in known}

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
        if self._has_page:
            self.people.forget()
        self.desk.forget(self._forget_on_disk)

    def _forget_on_disk(self) -> None:
        self._jobs.start(
            functools.partial(_forget, self._subjects_desk.subjects),
            on_event=self._forgot,
            on_failed=self._forgetting_failed,
        )

    @Slot(object)
    def _forgot(self, words: str) -> None:
        if self._subjects_desk.is_kept:  # what it goes by on the disk has changed
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
        if self._has_page:
            self._name_page(self.page, entry)
        self._known_groups = set(groups)
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
        self._tell_looked(looking)

    def stop(self, patience: QDeadlineTimer) -> bool:
        """End what works for this; False if patience ended before."""
        return self.crops.stop(patience)


def _forget(subjects: Subjects) -> Generator[str, None, None]:
    """Delete all that was computed from faces, on a worker's thread."""
    with FeatureCache() as cache:
        photos = cache.forget_faces()
        trouble = cache.notice
    subjects.forget_faces()
    yield (
        trouble or f"The faces in {names.photos(photos)} were forgotten. Labels and photos are as they were."
    )
