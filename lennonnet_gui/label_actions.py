"""The keys and menus that label photos, in the grid and in the viewer alike.

One photo is labelled with its key and the next one stands there; several that are selected are labelled together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from lennonnet_gui import names
from lennonnet_gui.photo_grid import PhotoGrid
from lennonnet_gui.photo_model import PhotoModel
from lennonnet_gui.teaching import Teaching
from lennonnet_gui.viewer import Viewer
from training.photos import PhotoFile
from training.subjects import LookAlike
from training.verdicts import FaceVerdict
from training.zones import Zone

_MOST_KEYS = 9
_OF_FACES = {Zone.SUBJECT: FaceVerdict.SUBJECT, Zone.NOT_SUBJECT: FaceVerdict.NOT_SUBJECT}


class LabelActions(QObject):
    """Labels what the user looks at: the viewer's photo, else the grid's selected ones.

    Its actions are attributes, to be put into the window's menus; `photo_menu` is what a right click opens.
    """

    def __init__(
        self, teaching: Teaching, model: PhotoModel, grid: PhotoGrid, viewer: Viewer, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._teaching, self._model, self._grid, self._viewer = teaching, model, grid, viewer
        self._subject = ""
        self.subject_action = self._action(["J", "P"], self._label_subject)
        self.not_action = self._action(["N", "X"], self._label_not)
        self.unlabel_action = self._action(["U"], self._unlabel)
        self.unlabel_action.setText("&Take the label away")
        self.undo_action = self._action(["Ctrl+Z"], teaching.undo)
        self.undo_action.setText("&Undo the last label")
        self.redo_action = self._action(["Ctrl+Shift+Z", "Ctrl+Y"], teaching.redo)
        self.redo_action.setText("&Redo the last label")
        self.look_alike_actions: list[QAction] = []
        self._others = QMenu("As a &look-alike", parent)
        self.photo_menu = QMenu(parent)
        self.photo_menu.addActions([self.subject_action, self.not_action])
        self.photo_menu.addMenu(self._others)
        self.photo_menu.addAction(self.unlabel_action)
        self.photo_menu.addSeparator()
        for widget in (grid, viewer):
            widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            widget.customContextMenuRequested.connect(partial(self._open_menu, widget))
        self.set_subject("John", ())

    def set_subject(self, name: str, look_alikes: Sequence[LookAlike]) -> None:
        """Name whom or what the labels are about."""
        self._subject = names.on_button(names.shown(name))
        self.subject_action.setText(f"It &is {self._subject}")
        self.not_action.setText(f"It is &not {self._subject}")
        for action in self.look_alike_actions:
            self._others.removeAction(action)
            self.parent().removeAction(action)  # type: ignore[union-attr]
            action.deleteLater()
        self.look_alike_actions = []
        for number, one in enumerate(look_alikes, 1):
            keys = [f"Alt+{number}"] if number <= _MOST_KEYS else []
            action = self._action(keys, partial(self.label, Zone.NOT_SUBJECT, one.id))
            action.setText(f"It is {names.on_button(names.shown(one.name))}")
            self._others.addAction(action)
            self.look_alike_actions.append(action)
        self._others.menuAction().setVisible(bool(look_alikes))

    def actions(self) -> list[QAction]:
        """What labels: to be shown in a menu, and off where there are no photos."""
        return [self.subject_action, self.not_action, *self.look_alike_actions, self.unlabel_action]

    def set_enabled(self, on: bool) -> None:
        """Whether there is anything to label; what was labelled can be undone anyway."""
        for action in self.actions():
            action.setEnabled(on)

    def chosen(self) -> list[PhotoFile]:
        """The photos that a key would label."""
        shown = self._viewer.file()
        if shown is not None:
            return [shown]
        chosen = self._grid.selectionModel().selection()
        parts = [range(part.top(), part.bottom() + 1) for part in map(chosen.at, range(chosen.count()))]
        files = [
            file for part in sorted(parts, key=lambda part: part.start) for file in self._model.files(part)
        ]
        current = self._grid.currentIndex()
        return files or ([self._model.file_at(current.row())] if current.isValid() else [])

    def label(self, zone: Zone | None, group: str = "", source: str = "key") -> None:
        """Label the chosen photos and, after a label of one, go on to the next."""
        verdict = _OF_FACES[zone] if zone is not None else None
        if self._viewer.say_of_face(
            verdict, group
        ):  # by menu, or by a key that another keyboard has elsewhere
            return
        files = self.chosen()
        if not files:
            return
        self._teaching.label(files, zone, source, group)
        if zone is None or len(files) > 1:
            return
        if self._viewer.file() is not None:
            self._viewer.go_on()
        else:
            row = self._model.row_of(files[0].path) + 1
            if 0 < row < self._model.rowCount():
                self._grid.setCurrentIndex(self._model.index(row))
                self._grid.scrollTo(self._model.index(row))

    def _label_subject(self) -> None:
        self.label(Zone.SUBJECT)

    def _label_not(self) -> None:
        self.label(Zone.NOT_SUBJECT)

    def _unlabel(self) -> None:
        self.label(None)

    def _action(self, keys: Sequence[str], act: object) -> QAction:
        action = QAction(self.parent())
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.triggered.connect(act)
        action.setAutoRepeat(False)  # a key held too long labels one photo, not twenty
        self.parent().addAction(action)  # type: ignore[union-attr]
        return action

    def _open_menu(self, widget: QWidget, where: QPoint) -> None:
        if self.chosen():
            self.photo_menu.popup(widget.mapToGlobal(where))
