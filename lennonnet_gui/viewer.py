"""One photo, as large as the window: fit, zoom, pan, its score and its facts.

`Pictures` decodes, `Canvas` draws, `FaceLayer` has the faces, `Strip` and `Facts` say what is known; `Viewer` gives
them keys and buttons.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PySide6.QtCore import (
    QDeadlineTimer,
    QEvent,
    QLocale,
    QMargins,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QHideEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPalette,
    QPixmap,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QHBoxLayout, QLabel, QToolButton, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.canvas import HIGHEST_ZOOM, ZOOM_STEP, Canvas
from lennonnet_gui.face_layer import FaceLayer, FaceWords, ShownFace
from lennonnet_gui.jobs import FOREVER
from lennonnet_gui.photo_facts import Caption, Facts, Panel, Strip, date_in_words, size_in_words
from lennonnet_gui.photo_model import (
    DecidedByRole,
    FaceCountRole,
    PhotoModel,
    ProbabilityRole,
    ScoreZoneRole,
    State,
    StateRole,
    TakenRole,
    VerdictRole,
    ZoneRole,
)
from lennonnet_gui.pictures import Picture, Pictures, Wish
from training.photos import PhotoFile
from training.verdicts import Box, FaceVerdict
from training.zones import Zone

_SETTLE_MS = 250  # after that long on one photo all of it is decoded, before anybody asks
_LARGE_FILE = 200_000  # bytes; a smaller one is decoded before anything could be seen in its stead
_DECIDED_BY = {"face": "decided by a face", "scene": "decided by the whole picture"}


class Viewer(QWidget):
    """The page that takes the grid's place while one photo is looked at.

    It follows the model: a photo that moves stays on screen, one that is gone gives way to its neighbour.
    Its actions are attributes, to be put into menus; their keys work only while the viewer has the focus.
    """

    closed = Signal(int)
    """The user is done, or no photo is left (-1): the row that was shown last."""
    face_said = Signal(object, object, object, str)
    """What the user said of a face: PhotoFile, number of the face, FaceVerdict or None (take the label off), and the
    id of the look-alike whose face it is, or ""."""

    def __init__(
        self,
        model: PhotoModel,
        thumbnail: Callable[[PhotoFile], QPixmap | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._thumbnail = thumbnail
        self._subject = "subject"
        self._file: PhotoFile | None = None  # None: closed
        self._row = -1
        self._travel = 1  # +1 or -1: where the user is heading
        self._peeking = False
        self._pictures = Pictures(self)
        self._pictures.arrived.connect(self._arrived)
        self._settling = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settling.timeout.connect(self._ask)
        self._canvas = Canvas(self)
        self._faces_of: Callable[[PhotoFile], Sequence[ShownFace]] = _no_faces
        self._explain: Callable[[PhotoFile, int], FaceWords | None] | None = None
        self._faces = FaceLayer(self._canvas)
        self._faces.said.connect(self._face_said)
        self._faces.selection_changed.connect(self._describe)
        self._make_actions()
        self._lay_out()
        self._dress()
        self._update_actions()
        self._follow_model()

    def show_index(self, index: QModelIndex | QPersistentModelIndex | int, *, peek: bool = False) -> None:
        """Show the photo at an index or row of the model; with `peek`, the Space key closes as well."""
        row = index if isinstance(index, int) else index.row()
        if not 0 <= row < self._model.rowCount():
            return
        self._peeking, self._travel = peek, 1
        self._pictures.forget_failures()
        self._show(row)
        self._canvas.setFocus()

    def row(self) -> int:
        """The row that is shown, -1 while closed."""
        return self._row if self._file else -1

    def file(self) -> PhotoFile | None:
        """The photo that is shown, None while closed."""
        return self._file

    def set_subject(self, name: str) -> None:
        """Whose photos these may be, for the words of the score."""
        self._subject = names.shown(name)
        self._faces.set_subject(self._subject)
        self._describe()

    def set_look_alikes(self, look_alikes: Sequence[tuple[str, str]]) -> None:
        """Who is taken for the subject, by id and name: each is one more thing to say of a face."""
        self._faces.set_look_alikes([(key, names.shown(name)) for key, name in look_alikes])

    def set_faces(
        self,
        faces_of: Callable[[PhotoFile], Sequence[ShownFace]],
        explain: Callable[[PhotoFile, int], FaceWords | None],
        picture_of_face: Callable[[PhotoFile, Box], QImage | None] | None = None,
    ) -> None:
        """Say where the faces of a photo come from, and why the one of that number has its probability.

        All are asked in the window's thread and answer at once; `picture_of_face` gives None for what will come, see
        face_picture_came.
        """
        self._faces_of, self._explain = faces_of, explain
        if picture_of_face is not None:
            self._faces.set_pictures(picture_of_face)
        self._show_faces(anew=True)

    @Slot(object)
    def faces_changed(self, paths: Collection[str]) -> None:
        """Take note that more, or something else, is known of the faces of these photos."""
        if self._file is not None and self._file.path in paths:
            self._show_faces(anew=False)

    @Slot()
    def face_picture_came(self) -> None:
        """Take note that a face's picture that was asked for can now be had."""
        self._faces.picture_came()

    def say_of_face(self, verdict: FaceVerdict | None, group: str = "") -> bool:
        """Say so of the face that is selected; False, and nothing said, where none is."""
        return self._file is not None and self._faces.say(verdict, group)

    def select_face(self, number: int) -> bool:
        """Select a face of the photo that is shown, as a click on it does; False where it is not shown."""
        return self._file is not None and self._faces.select(number)

    def face_actions(self) -> list[QAction]:
        """What can be said of a selected face, for the table of keys; not for menus: their keys are the photos' too."""
        faces = self._faces
        return [faces.subject_action, faces.not_action, faces.no_face_action, faces.unlabel_action]

    def close_page(self) -> None:
        """Be done: emit `closed` with the row that was shown."""
        if self._file is not None:
            self._file = None
            self._settling.stop()
            self._pictures.rest()
            self._show_faces(anew=True)
            self._update_actions()
            self.closed.emit(self._row)

    def stop(self, patience: QDeadlineTimer = FOREVER) -> bool:
        """Drop what is wanted, and wait until no thread of the viewer runs; False if patience ended before."""
        self._settling.stop()
        return self._pictures.stop(patience)

    # ------------------------------------------------------------------------------------ what it is made of

    def _make_actions(self) -> None:
        self.back_action = self._action("Back to the grid", ["Esc"], self.close_page)
        self.previous_action = self._action("Previous photo", [], self._go_back)
        self.next_action = self._action("Next photo", [], self.go_on)
        self.first_action = self._action("First photo", ["Home"], self._go_to_first)
        self.last_action = self._action("Last photo", ["End"], self._go_to_last)
        self.zoom_in_action = self._action("Zoom in", ["+", "="], self._zoom_in)
        self.zoom_out_action = self._action("Zoom out", ["-"], self._zoom_out)
        self.fit_action = self._action("Fit to the window", ["0"], self._canvas.fit)
        self.actual_size_action = self._action(names.per_cent(1.0), ["1"], self._actual_size)
        self.toggle_zoom_action = self._action(f"Fit or {names.per_cent(1.0)}", ["Z"], self._toggle_zoom)
        self.info_action = self._action("Facts", ["I"], self._toggle_facts)
        self.info_action.setCheckable(True)
        self.faces_action = self._action("Show faces", ["F"], None)
        self.faces_action.setCheckable(True)
        self.faces_action.setChecked(True)
        self.faces_action.toggled.connect(self._faces.set_on)
        for once in (self.back_action, self.info_action, self.toggle_zoom_action, self.faces_action):
            once.setAutoRepeat(False)

    def _action(self, text: str, keys: Sequence[str], act: Callable[[], None] | None) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        if act is not None:
            action.triggered.connect(act)
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        self._strip = Strip(self)
        self._facts = Facts(self)
        self._facts.hide()
        self.setFocusProxy(self._canvas)
        self.setAccessibleName("Photo viewer")
        self._bar = Panel(Qt.Edge.BottomEdge, self)
        self._zoom_label = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._zoom_label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        widest = self._zoom_label.fontMetrics().horizontalAdvance(names.per_cent(HIGHEST_ZOOM))
        self._zoom_label.setMinimumWidth(widest)
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        row.setSpacing(theme.GRID // 2)
        row.addWidget(self._button(self.back_action, Qt.ToolButtonStyle.ToolButtonTextBesideIcon))
        row.addStretch(1)
        row.addWidget(self._button(self.zoom_out_action))
        row.addWidget(self._zoom_label)
        row.addWidget(self._button(self.zoom_in_action))
        row.addSpacing(theme.GRID)
        row.addWidget(self._button(self.fit_action))
        row.addWidget(self._button(self.actual_size_action, Qt.ToolButtonStyle.ToolButtonTextOnly))
        row.addSpacing(theme.GRID)
        row.addWidget(self._button(self.faces_action))
        row.addWidget(self._button(self.info_action))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self._bar, 0, 0, 1, 2)
        grid.addWidget(self._canvas, 1, 0, 2, 2)  # also under strip and facts: they don't move a zoomed photo
        grid.addWidget(self._strip, 2, 0)
        grid.addWidget(self._facts, 1, 1, 2, 1)
        grid.setRowStretch(1, 1)
        grid.setColumnStretch(0, 1)
        self._canvas.zoom_changed.connect(self._zoom_changed)
        self._canvas.box_changed.connect(self._settling.start)
        self._cover()

    def _button(
        self, action: QAction, style: Qt.ToolButtonStyle = Qt.ToolButtonStyle.ToolButtonIconOnly
    ) -> QToolButton:
        button = QToolButton(autoRaise=True, toolButtonStyle=style)
        button.setDefaultAction(action)
        button.setAccessibleName(action.text())
        button.setIconSize(QSize(2 * theme.GRID, 2 * theme.GRID))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the photo
        return button

    def _dress(self) -> None:
        """Put on the scheme's colours and the direction of reading."""
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for action, icon in (
            (self.back_action, "chevron-right" if from_right else "chevron-left"),
            (self.zoom_in_action, "zoom-in"),
            (self.zoom_out_action, "zoom-out"),
            (self.fit_action, "maximize"),
            (self.faces_action, "scan-face"),
            (self.info_action, "info"),
        ):
            action.setIcon(theme.icon(icon, 2 * theme.GRID))
        back, on = ("Right", "Left") if from_right else ("Left", "Right")
        self.previous_action.setShortcuts([QKeySequence(back), QKeySequence("PgUp")])
        self.next_action.setShortcuts([QKeySequence(on), QKeySequence("PgDown")])
        for action in self.actions():
            key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(names.in_tool_tip(f"{action.text()} ({key})"))

    def _cover(self) -> None:
        """Keep a fitted photo clear of the strip and the facts."""
        width = self._facts.minimumWidth() if self.info_action.isChecked() else 0
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        left, right = (width, 0) if from_right else (0, width)
        self._canvas.set_covered(QMargins(left, 0, right, self._strip.minimumHeight()))

    # ---------------------------------------------------------------------------------------- going about

    def _go_back(self) -> None:
        self._go_to(self._row - 1, -1)

    def go_on(self) -> None:
        """Show the next photo, if there is one."""
        self._go_to(self._row + 1, 1)

    def _go_to_first(self) -> None:
        self._go_to(0, 1)

    def _go_to_last(self) -> None:
        self._go_to(self._model.rowCount() - 1, -1)

    def _go_to(self, row: int, travel: int) -> None:
        if self._file is not None and 0 <= row < self._model.rowCount():
            self._travel = travel
            self._show(row)

    def _zoom_in(self) -> None:
        self._canvas.zoom_by(ZOOM_STEP)

    def _zoom_out(self) -> None:
        self._canvas.zoom_by(1 / ZOOM_STEP)

    def _actual_size(self) -> None:
        self._canvas.zoom_to(1.0)

    def _toggle_zoom(self) -> None:
        self._canvas.toggle_zoom()

    def _toggle_facts(self) -> None:
        self._facts.setVisible(self.info_action.isChecked())
        self._cover()

    def focusNextPrevChild(self, forwards: bool) -> bool:
        """Tab goes from face to face, and on from the last one to the buttons; Shift+Tab the same way back."""
        if self._canvas.hasFocus() and self._faces.step(forwards=forwards):
            return True
        moved = super().focusNextPrevChild(forwards)
        if not self._canvas.hasFocus() and not self._faces.bar.isAncestorOf(self.focusWidget() or self):
            self._faces.deselect()  # or keys pressed elsewhere would seem to be about that face
        return moved

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, focused = event.key(), self.focusWidget()
        if self._faces.take_key(event):
            return
        if (
            key in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and focused is self._canvas
            and self._faces.bar.isVisible()
        ):
            self._faces.bar.focus_first()
            return
        if key not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not (
            key == Qt.Key.Key_Space and self._peeking
        ):
            super().keyPressEvent(event)
        elif isinstance(focused, QAbstractButton):
            focused.click()
        elif not event.isAutoRepeat():  # or the key that opened the viewer closes it while it is held
            self.close_page()

    # ----------------------------------------------------------------------------------------- the model

    def _follow_model(self) -> None:
        model = self._model
        model.dataChanged.connect(self._data_changed)
        model.rowsRemoved.connect(self._rows_removed)
        for changed in (model.rowsInserted, model.rowsMoved, model.layoutChanged, model.modelReset):
            changed.connect(self._rows_changed)

    @Slot(QModelIndex, QModelIndex)
    def _data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if self._file is None or not first.row() <= self._row <= last.row():
            return
        if self._model.file_at(self._row) != self._file:  # its content is another one now
            self._show(self._row)
        else:
            self._show_faces(anew=False)
            self._describe()

    @Slot(QModelIndex, int, int)
    def _rows_removed(self, _parent: QModelIndex, first: int, last: int) -> None:
        self._stay_or_go(first if first <= self._row <= last else self._row)

    @Slot()
    def _rows_changed(self) -> None:
        self._stay_or_go(self._row)

    def _stay_or_go(self, neighbour: int) -> None:
        """Stay on the photo wherever it is now; if it is gone, show `neighbour`, or close if none is left."""
        if self._file is None:
            return
        row, count = self._model.row_of(self._file.path), self._model.rowCount()
        if count == 0:
            self._row = -1
            self.close_page()
        else:
            self._show(row if row >= 0 else min(neighbour, count - 1))

    # -------------------------------------------------------------------------------------- what is shown

    def _show(self, row: int) -> None:
        file = self._model.file_at(row)
        other = file != self._file
        self._file, self._row = file, row
        if other:
            self._canvas.show_nothing()
            self._canvas.fit()
            self._settling.start()
            self._show_photo()
            self._show_faces(anew=True)
        self._describe()
        self._ask()

    def _show_faces(self, *, anew: bool) -> None:
        """Draw what is known of the photo's faces by now; `anew`: it is another photo than before."""
        faces = self._faces_of(self._file) if self._file is not None else ()
        self._faces.show_faces(faces, self._why, anew=anew)

    def _why(self, number: int) -> FaceWords | None:
        if self._file is None or self._explain is None:
            return None
        return self._explain(self._file, number)

    @Slot(int, object, str)
    def _face_said(self, number: int, verdict: FaceVerdict | None, group: str) -> None:
        if self._file is not None:
            self.face_said.emit(self._file, number, verdict, group)

    def _show_photo(self) -> None:
        """Show the best that there is of the photo by now."""
        assert self._file is not None
        picture = self._pictures.get(self._file)
        if picture is not None and picture.reason:
            self._canvas.show_trouble(
                "This photo can't be shown",
                f"{self._name()} {picture.reason}.",
                "The arrow keys go on to other photos, Esc goes back to the grid.",
            )
        elif picture is not None and picture.levels:
            self._canvas.show_picture(picture.size, picture.levels)
        elif self._thumbnail is not None and self._file.size >= _LARGE_FILE:
            thumbnail = self._thumbnail(self._file)
            if thumbnail is not None and not thumbnail.isNull():
                self._canvas.show_thumbnail(thumbnail)

    def _ask(self) -> None:
        """Wish for what the user sees, then for what they may see next."""
        if self._file is None or not self.isVisible():
            return
        box = self._canvas.box()
        wishes = [Wish(self._file, box)]
        if self._file.size >= _LARGE_FILE:
            wishes.insert(0, Wish(self._file, box, quick=True))
        if self._canvas.lacks_pixels():
            wishes.append(Wish(self._file, None))
        for step in (self._travel, -self._travel, 2 * self._travel):
            if 0 <= self._row + step < self._model.rowCount():
                wishes.append(Wish(self._model.file_at(self._row + step), box))
        if not self._settling.isActive():
            wishes.append(Wish(self._file, None))
        self._pictures.want(wishes)

    @Slot(object)
    def _arrived(self, file: PhotoFile) -> None:
        if file == self._file:
            self._show_photo()
            self._describe()

    @Slot()
    def _zoom_changed(self) -> None:
        self._zoom_label.setText(names.per_cent(self._canvas.zoom()) if self._canvas.can_zoom() else "")
        self._update_actions()
        if self._canvas.lacks_pixels():
            self._ask()

    def _update_actions(self) -> None:
        """Leave enabled what would do something."""
        canvas, is_open = self._canvas, self._file is not None
        can_zoom, zoom = is_open and canvas.can_zoom(), canvas.zoom()
        self.back_action.setEnabled(is_open)
        self.info_action.setEnabled(is_open)
        self.faces_action.setEnabled(is_open)
        for action in (self.previous_action, self.first_action):
            action.setEnabled(is_open and self._row > 0)
        for action in (self.next_action, self.last_action):
            action.setEnabled(is_open and self._row + 1 < self._model.rowCount())
        self.zoom_in_action.setEnabled(can_zoom and zoom < HIGHEST_ZOOM)
        self.zoom_out_action.setEnabled(can_zoom and zoom > canvas.lowest_zoom())
        self.fit_action.setEnabled(can_zoom and not canvas.is_fit())
        self.actual_size_action.setEnabled(can_zoom and zoom != 1.0)
        self.toggle_zoom_action.setEnabled(can_zoom)

    # ------------------------------------------------------------------------------------------- in words

    def _describe(self) -> None:
        """Say in words what is shown: strip, facts, screen reader."""
        if self._file is None:
            return
        place = f"{self._row + 1:,} of {self._model.rowCount():,}"
        picture = self._pictures.get(self._file) or Picture()
        zone, probability = self._fact(ZoneRole), self._fact(ProbabilityRole)
        taken = date_in_words(picture.taken or self._fact(TakenRole))
        pixels = size_in_words(picture.size)
        weight = QLocale.c().formattedDataSize(self._file.size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
        file = f"{weight} {picture.format}".strip()
        folder, score = names.folder_place(self._file.path), self._score_in_words(zone, probability)
        facts = [fact for fact in (taken, picture.camera, pixels, weight) if fact]
        self._strip.show_caption(
            Caption(
                name=self._name(),
                facts="  \N{MIDDLE DOT}  ".join(facts),
                place=place,
                words=self._verdict_in_words() or (score if zone is None else zone.words(self._subject)),
                zone=self._fact(ScoreZoneRole),
                probability=probability,
            )
        )
        self._facts.show_facts((score, taken, picture.camera, pixels, file, self._name(), folder))
        spoken, why = f"{self._fact(Qt.ItemDataRole.AccessibleTextRole)}; {place}", ""
        face = self._faces.selected()
        if face is not None:
            spoken, why = f"{self._faces.in_words(face)}; {spoken}", self._faces.why(face)
        self._canvas.setAccessibleName(spoken)
        trouble = f"It can't be shown: it {picture.reason}." if picture.reason else ""
        self._canvas.setAccessibleDescription(trouble or why or ", ".join([*facts, folder]))
        self._update_actions()

    def _fact(self, role: int) -> Any:
        return self._model.data(self._model.index(self._row), role)

    def _name(self) -> str:
        return str(self._fact(Qt.ItemDataRole.DisplayRole))

    def _score_in_words(self, zone: Zone | None, probability: float | None) -> str:
        if zone is None or probability is None:
            return "can't be read" if self._fact(StateRole) is State.UNREADABLE else "no score yet"
        said = self._verdict_in_words() or zone.words(self._subject)
        looked = self._fact(FaceCountRole) is not None
        by = _DECIDED_BY.get(self._fact(DecidedByRole), "") if looked else ""
        return f"{names.per_cent(probability)}: {said}" + (f", {by}" if by else "")

    def _verdict_in_words(self) -> str:
        verdict: Zone | None = self._fact(VerdictRole)
        return "" if verdict is None else f"labelled {verdict.words(self._subject)} by you"

    # -------------------------------------------------------------------------------------------- Qt asks

    def showEvent(self, event: QShowEvent) -> None:
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        if not event.spontaneous():  # not for a minimised window, which will be back
            self._pictures.rest()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.LayoutDirectionChange):
            self._dress()
            self._cover()
            self._show_faces(anew=False)
        super().changeEvent(event)


def _no_faces(_file: PhotoFile) -> Sequence[ShownFace]:
    return ()
