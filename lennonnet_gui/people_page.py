"""“People in this folder”: faces grouped by likeness, so that one gesture labels forty photos.

The page shows groups (`people_view`), shapes them as the user says (`people_groups`) and tells by signals what was said
of faces. It finds no face, groups none and keeps no label; how groups were shaped is forgotten with them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, cast

from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetrics,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import face_drag, keys, names, theme
from lennonnet_gui.answer_buttons import Foot, Link, Words
from lennonnet_gui.face_crops import FaceCrops
from lennonnet_gui.pages import Message, MessagePage, Step
from lennonnet_gui.people_groups import Group, PersonFace, Shape
from lennonnet_gui.people_paint import NARROW, paint_zone
from lennonnet_gui.people_view import PeopleView
from lennonnet_gui.photo_facts import Panel
from training import people
from training.verdicts import FaceVerdict
from training.zones import Zone

_FILE, _NUMBER = (
    operator.itemgetter(0),
    operator.itemgetter(1),
)  # of a PersonFace; attributes take twice as long
_MOST_KEYS = 9  # look-alikes with a key; as many as for photos
_DOT = " \N{MIDDLE DOT} "


class _Step(StrEnum):
    """What the page offers where it has no groups to show."""

    BACK = "Back to the photos"
    CANCEL = "Cancel"
    GROUP = "Group them now"
    TRY_AGAIN = "Try again"
    USE_FACES = "Use faces"


class PeoplePage(QWidget):
    """The page that takes the grid's place while the user looks at who is in the folder.

    Its keys work while the focus is in it, before those of the window.
    """

    said = Signal(object, object, str)
    """list[tuple[PhotoFile, int]]: faces, by photo and number; a FaceVerdict, or None for "say nothing of them"; and
    a look-alike's id or ""."""

    look_alike_wanted = Signal(object)
    """list[tuple[PhotoFile, int]]: these are a look-alike who has no name yet."""

    open_wanted = Signal(object, int)
    """PhotoFile and number of a face that was double-clicked."""

    group_wanted = Signal()
    """Group the faces (again): there are more, or it was given up or failed."""

    cancel_wanted = Signal()
    faces_wanted = Signal()
    """Faces are switched off and shall be used."""

    wanted_changed = Signal()
    """Other faces are in sight; the page asks `FaceCrops` for their pictures itself."""

    closed = Signal()

    def __init__(self, crops: FaceCrops, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._crops = crops
        self._subject = "subject"
        self._look_alikes: list[tuple[str, str]] = []
        self.look_alike_actions: list[QAction] = []
        self._faces: Sequence[PersonFace] = ()
        self._descriptors: NDArray[Any] | None = None
        self._shape = Shape()
        self._grouped = False  # the faces there are; False also while they are new
        self._open = False
        self._off = ""
        self._trouble = ""
        self._cannot_look = ""
        self._looked, self._photos, self._looking = 0, 0, False
        self._share: float | None = None  # of the grouping; None: none is on
        self._more = ""  # what is not on the page yet, in words
        self._make_actions()
        self._lay_out()
        self._dress()
        self._describe()

    # ---------------------------------------------------------------------------------------- what it is told

    def set_subject(self, name: str) -> None:
        """Whom the labels are about."""
        self._subject = names.shown(name)
        self._name_actions()

    def set_look_alikes(self, look_alikes: Sequence[tuple[str, str]]) -> None:
        """Who is often taken for the subject, as (id, name)."""
        shown = [(key, names.shown(name)) for key, name in look_alikes]
        if shown == self._look_alikes:
            return
        self._look_alikes = shown
        for action in self.look_alike_actions:
            self.removeAction(action)
            action.deleteLater()
        self.look_alike_actions = [
            self._action("", [f"Alt+{at}"] if at <= _MOST_KEYS else [], self._say_look_alike)
            for at in range(1, len(shown) + 1)
        ]
        self._name_actions()

    def set_faces(self, faces: Sequence[PersonFace], descriptors: NDArray[Any]) -> None:
        """Show these; descriptors: (F, 128), of each face. Groups stay if only what is known of the faces changed."""
        before = self._faces
        same = all(list(map(part, faces)) == list(map(part, before)) for part in (_FILE, _NUMBER))
        self._faces, self._descriptors = faces, descriptors
        self._more = ""
        if not same:
            self._grouped = False
            self._shape.begin((), ())
            self._view.set_groups(())
        self._view.set_faces(faces)
        self._describe()

    def set_groups(
        self, groups: people.Groups, faces: Sequence[PersonFace], descriptors: NDArray[Any]
    ) -> None:
        """Show these groups of these faces, whatever was on the page before."""
        self._faces, self._descriptors, self._more = faces, descriptors, ""
        self._grouped, self._share, self._trouble = True, None, ""
        self._shape.begin([members.tolist() for members in groups.members], groups.single.tolist())
        self._view.set_groups(())
        self._view.set_faces(faces)
        self._view.set_groups(self._shape.groups)
        self._describe()

    def set_looked(self, looked: int, photos: int, *, running: bool) -> None:
        """In how many photos faces were looked for so far, and whether that goes on."""
        self._looked, self._photos, self._looking = looked, photos, running
        self._describe()

    def set_grouping(self, share: float | None) -> None:
        """Say how much of the grouping is done, 0 to 1; None: it is not on (any more)."""
        if share is not None:
            self._trouble = ""
        self._share = share
        self._describe()

    def set_more(self, words: str) -> None:
        """Offer to group again: say what is not on the page yet, such as "12 faces"; "" if all is."""
        self._more = words
        self._describe()

    def set_off(self, words: str) -> None:
        """Faces are switched off: why that is, or what it means, in a sentence; "" when they are used."""
        self._off = words
        self._describe()

    def set_cannot_look(self, words: str) -> None:
        """Say why no faces can be looked for, in a sentence; "" where they can."""
        if words != self._cannot_look:
            self._cannot_look = words
            self._describe()

    def set_trouble(self, words: str) -> None:
        """Say why the faces could not be grouped, in a sentence."""
        self._trouble, self._share = words, None
        self._describe()

    def start(self) -> None:
        """Be shown."""
        self._open = True
        self._crops.forget_failures()
        self._describe()
        self.setFocus()

    def close_page(self) -> None:
        """Be done: emit `closed`."""
        if self._open:
            self._open = False
            self.closed.emit()

    # ------------------------------------------------------------------------------------------- what it tells

    def is_open(self) -> bool:
        """Whether it was started and not closed yet."""
        return self._open

    def is_grouped(self) -> bool:
        """Whether the faces that were set are shown in groups."""
        return self._grouped

    def faces(self) -> Sequence[PersonFace]:
        """What was set last."""
        return self._faces

    def descriptors(self) -> NDArray[Any] | None:
        """What was set with the faces."""
        return self._descriptors

    def groups(self) -> list[Group]:
        """The groups as they are by now, from top to bottom; loose faces last."""
        return list(self._shape.groups)

    def chosen(self) -> list[tuple[Any, int]]:
        """The selected faces, by photo and number, from top to bottom."""
        return [(self._faces[at].file, self._faces[at].number) for at in self._view.chosen()]

    # ------------------------------------------------------------------------------------ what it is made of

    def _make_actions(self) -> None:
        self.subject_action = self._action("", ["J", "P"], self._say_subject)
        self.not_subject_action = self._action("", ["N", "X"], self._say_not)
        self.look_alike_action = self._action("Name a look-alike…", ["L"], self._name_look_alike)
        self.no_face_action = self._action("Not faces", ["D"], self._say_no_face)
        self.unlabel_action = self._action("Take the label away", ["U"], self._unlabel)
        self.same_action = self._action("Same person", ["M"], self._gather)
        self.split_action = self._action("Two people? Split", ["S"], self._split)
        self.out_action = self._action("Not in this group", ["Del", "Backspace"], self._take_out)
        self.back_action = self._action(_Step.BACK, ["Esc"], self.close_page)

    def _action(self, text: str, shortcuts: Sequence[str], act: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in shortcuts])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setAutoRepeat(False)
        action.triggered.connect(act)
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        self.setAccessibleName("People in this folder")
        self._view = PeopleView(self._crops, self)
        self._view.selection_changed.connect(self._selection_changed)
        self._view.acted.connect(self._acted)
        self._view.menu_wanted.connect(self._open_menu)
        self._view.gathered.connect(self._gathered)
        self._view.opened.connect(self._opened)
        self._view.wanted_changed.connect(self._want)
        self._message = MessagePage()
        self._message.step_clicked.connect(self._step)
        self._middle = QStackedWidget()
        self._middle.addWidget(self._view)
        self._middle.addWidget(self._message)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocusProxy(self._view)
        self._view.installEventFilter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_bar())
        column.addWidget(self._middle, 1)
        column.addWidget(self._make_foot())
        self._name_actions()

    def _make_bar(self) -> QWidget:
        bar = Panel(Qt.Edge.BottomEdge, self)
        back = QToolButton(autoRaise=True)
        back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        back.setDefaultAction(self.back_action)
        back.setIconSize(QSize(2 * theme.GRID, 2 * theme.GRID))
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        self._title = Words(theme.TEXT_TITLE, left)
        self._title.setText("People in this folder")
        self._counts = Words(theme.TEXT_SMALL, left, muted=True)
        self._going_on = Words(theme.TEXT_SMALL, right, muted=True)
        self._going_on_link = Link("")
        self._going_on_link.clicked.connect(self._going_on_clicked)
        self._undo_link = Link("")
        self._undo_link.clicked.connect(self._undo)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._title)
        words.addWidget(self._counts)
        row = QHBoxLayout(bar)
        row.setContentsMargins(theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID)
        row.setSpacing(theme.GRID)
        row.addWidget(back)
        row.addLayout(words, 1)
        for widget in (self._going_on, self._going_on_link, self._undo_link):
            row.addWidget(widget)
        return bar

    def _make_foot(self) -> QWidget:
        self._foot = Foot(self)
        self._chosen = Words(theme.TEXT_BODY, Qt.AlignmentFlag.AlignLeft)
        self._links = [
            (Link(keys.plain_text(each)), each)
            for each in (self.same_action, self.split_action, self.out_action)
        ]
        self._answers = [
            _Answer(Zone.SUBJECT, self.subject_action),
            _Answer(Zone.NOT_SUBJECT, self.not_subject_action),
        ]
        row = QHBoxLayout(self._foot)
        row.setContentsMargins(2 * theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID)
        row.setSpacing(theme.GRID // 2)
        row.addWidget(self._chosen)
        for link, action in self._links:
            link.clicked.connect(action.trigger)
            link.setToolTip(names.in_tool_tip(f"Key: {action.shortcut().toString()}"))
            row.addWidget(link)
        row.addStretch(1)
        for answer in self._answers:
            row.addWidget(answer)
        self._foot.setFixedHeight(5 * theme.GRID)  # the same with buttons and without
        return self._foot

    def _dress(self) -> None:
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        self.back_action.setIcon(
            theme.icon("chevron-right" if from_right else "chevron-left", 2 * theme.GRID)
        )

    def _name_actions(self) -> None:
        for answer, zone, action in zip(
            self._answers,
            (Zone.SUBJECT, Zone.NOT_SUBJECT),
            (self.subject_action, self.not_subject_action),
            strict=True,
        ):
            words = zone.words(self._subject)
            action.setText(names.on_button(f"These are {words}"))
            answer.set_short(words[:1].upper() + words[1:])
        for action, (_, name) in zip(self.look_alike_actions, self._look_alikes, strict=True):
            action.setText(names.on_button(f"They are {name}"))
        self._view.set_subject(self._subject, dict(self._look_alikes))

    # ------------------------------------------------------------------------------------------------ labelling

    def _say_subject(self) -> None:
        self._say(FaceVerdict.SUBJECT)

    def _say_not(self) -> None:
        self._say(FaceVerdict.NOT_SUBJECT)

    def _say_look_alike(self) -> None:
        at = self.look_alike_actions.index(cast("QAction", self.sender()))
        self._say(FaceVerdict.NOT_SUBJECT, self._look_alikes[at][0])

    def _say_no_face(self) -> None:
        self._say(FaceVerdict.NO_FACE)

    def _unlabel(self) -> None:
        self._say(None)

    def _say(self, verdict: FaceVerdict | None, group: str = "") -> None:
        """Tell what was said of the selected faces; after all of one group, the next group is selected."""
        faces = self.chosen()
        if not faces:
            return
        of = self._view.chosen_groups()
        self.said.emit(faces, verdict, group)
        if verdict is not None and len(of) == 1 and self._view.whole(of[0]):
            places = [group.id for group in self._shape.groups]
            after = places.index(of[0].id) + 1 if of[0].id in places else len(places)
            if after < len(places) and not self._shape.groups[after].loose:
                self._view.choose(self._shape.groups[after].faces)
                self._view.show_group(places[after])

    def _name_look_alike(self) -> None:
        if faces := self.chosen():
            self.look_alike_wanted.emit(faces)

    @Slot(object, object)
    def _acted(self, verdict: FaceVerdict, faces: list[int]) -> None:
        self.said.emit([(self._faces[at].file, self._faces[at].number) for at in faces], verdict, "")

    @Slot(int)
    def _opened(self, face: int) -> None:
        self.open_wanted.emit(self._faces[face].file, self._faces[face].number)

    # -------------------------------------------------------------------------------------------------- shaping

    def _gather(self) -> None:
        if self.same_action.isEnabled():
            self._gathered(self._view.chosen(), None)

    @Slot(object, int)
    def _gathered(self, faces: list[int], into: int | None) -> None:
        made = self._shape.gather(faces, into)
        self._reshaped(made.faces, made.id)

    def _split(self) -> None:
        """Part each group of which all is selected in two; of one group, also what is selected from the rest."""
        of = self._view.chosen_groups()
        if len(of) != 1 or of[0].loose or self._descriptors is None:
            return
        group, chosen = of[0], set(self._view.chosen())
        if self._view.whole(group):
            places = people.split(self._descriptors[list(group.faces)])
            parts = [[group.faces[at] for at in part] for part in places]
        else:
            parts = [
                [face for face in group.faces if face not in chosen],
                [face for face in group.faces if face in chosen],
            ]
        if len(parts) == 2:
            made = self._shape.split(group.id, parts)
            self._reshaped(made[1].faces, made[0].id)

    def _take_out(self) -> None:
        faces = [face for group in self._view.chosen_groups() if not group.loose for face in group.faces]
        chosen = set(self._view.chosen())
        if faces := [face for face in faces if face in chosen]:
            self._shape.take_out(faces)
            self._reshaped((), None)

    def _undo(self) -> None:
        self._shape.undo()
        self._reshaped((), None)

    def _reshaped(self, chosen: Sequence[int], show: int | None) -> None:
        self._view.set_groups(self._shape.groups)
        self._view.choose(chosen)
        if show is not None:
            self._view.show_group(show)
        self._describe()
        self._view.setFocus()

    # ---------------------------------------------------------------------------------------- what is on show

    def _describe(self) -> None:
        message = self._words_instead()
        if message is not None:
            self._message.set_message(message)
        on_show = self._view if message is None else self._message
        if self._middle.currentWidget() is not on_show:
            focused = self._open and (
                self._view.hasFocus() or self._message.isAncestorOf(self.focusWidget() or self)
            )
            self._middle.setCurrentWidget(on_show)
            self.setFocusProxy(on_show)
            if focused:
                on_show.setFocus()
        self._foot.setVisible(message is None)
        self._counts.setText(self._how_many() if message is None else "")
        self._undo_link.setText(self._shape.undo_words())
        self._undo_link.setVisible(message is None and bool(self._shape.undo_words()))
        self._undo_link.updateGeometry()
        self._describe_going_on(shown=message is None)
        self._selection_changed()

    def _how_many(self) -> str:
        loose = sum(len(group.faces) for group in self._shape.groups if group.loose)
        count = sum(not group.loose for group in self._shape.groups)
        people_here = f"{count:,} group" if count == 1 else f"{count:,} groups"
        words = [
            people_here,
            face_drag.faces(len(self._faces)),
            *([f"{loose:,} resemble no other"] if loose else []),
        ]
        return _DOT.join(words)

    def _describe_going_on(self, *, shown: bool) -> None:
        words, link = "", ""
        if shown and self._share is not None:
            words, link = f"Grouping again: {names.per_cent(self._share)}", _Step.CANCEL
        elif shown and self._more:
            words, link = f"New here: {self._more}", "Group again"
        elif shown and self._looking:
            words = f"Still looking: {self._looked:,} of {names.photos(self._photos)}"
        self._going_on.setText(words)
        self._going_on_link.setText(link)
        self._going_on.setVisible(bool(words))
        self._going_on_link.setVisible(bool(link))
        self._going_on_link.updateGeometry()

    def _words_instead(self) -> Message | None:
        """What is said where there are no groups to show, or None."""
        count = face_drag.faces(len(self._faces))
        looked = f"{self._looked:,} of {names.photos(self._photos)} looked at"
        if self._off:
            return _message("eye", "Faces are switched off", self._off, (_Step.USE_FACES, _Step.BACK))
        if self._grouped and self._shape.groups:
            return None
        if self._cannot_look and not len(self._faces):
            title = "Faces can’t be looked for"
            return _message("triangle-alert", title, self._cannot_look, (_Step.BACK,))
        if self._trouble:
            title = "The faces could not be grouped"
            return _message("triangle-alert", title, self._trouble, (_Step.TRY_AGAIN, _Step.BACK))
        if self._share is not None:
            text = f"{names.per_cent(self._share)} done. The photos can be used meanwhile."
            some = count if len(self._faces) else "faces"
            return _message("images", f"Grouping {some} by likeness", text, (_Step.CANCEL, _Step.BACK))
        if self._looking and self._more:
            text = f"{looked}, {self._more} so far. They are grouped when all are found."
            return _message("search", "Looking for faces", text, (_Step.GROUP, _Step.BACK))
        if self._looking:
            return _message("search", "Looking for faces", f"{looked}.", (_Step.BACK,))
        if len(self._faces) or self._more:
            count = count if len(self._faces) else self._more
            text = "Nothing was changed. Grouping them again takes a moment."
            return _message("images", f"{count} not grouped yet", text, (_Step.GROUP, _Step.BACK))
        text = "In no photo of this folder was a face found. Each photo is judged by the whole picture."
        return _message("image", "There are no faces here", text, (_Step.BACK,))

    @Slot()
    def _selection_changed(self) -> None:
        chosen, groups = len(self._view.chosen()), self._view.chosen_groups()
        shaped = [group for group in groups if not group.loose]
        if not chosen:
            words = (
                "Select faces, or a whole line by its heading; then press J or N, or drag them into a bin."
            )
        else:
            where = f"in {len(groups):,} groups" if len(groups) > 1 else "selected"
            words = f"{face_drag.faces(chosen)} {where}"
        self._chosen.setText(words)
        for action in self._labelling():
            action.setEnabled(bool(chosen))
        self.same_action.setEnabled(len(groups) > 1 or (len(groups) == 1 and not shaped and chosen > 1))
        self.split_action.setEnabled(len(groups) == 1 and len(shaped) == 1 and len(shaped[0].faces) > 1)
        self.out_action.setEnabled(bool(shaped))
        for link, action in self._links:
            link.setVisible(action.isEnabled())
        for answer in self._answers:
            answer.setVisible(bool(chosen))

    def _labelling(self) -> list[QAction]:
        return [
            self.subject_action,
            self.not_subject_action,
            *self.look_alike_actions,
            self.look_alike_action,
            self.no_face_action,
            self.unlabel_action,
        ]

    @Slot(object, object)
    def _open_menu(self, where: QPoint, _group: Group | None) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        *labels, no_face, unlabel = self._labelling()
        menu.addActions([*labels, no_face])
        if any(self._faces[at].said is not None for at in self._view.chosen()):
            menu.addAction(unlabel)
        menu.addSeparator()
        menu.addActions([self.same_action, self.split_action, self.out_action])
        menu.popup(where)

    @Slot()
    def _want(self) -> None:
        if self.isVisible():
            self._crops.want(self._view.wanted())
        self.wanted_changed.emit()

    @Slot()
    def _going_on_clicked(self) -> None:
        (self.cancel_wanted if self._share is not None else self.group_wanted).emit()

    @Slot(object)
    def _step(self, step: _Step) -> None:
        match step:
            case _Step.BACK:
                self.close_page()
            case _Step.CANCEL:
                self.cancel_wanted.emit()
            case _Step.USE_FACES:
                self.faces_wanted.emit()
            case _:
                self.group_wanted.emit()

    # -------------------------------------------------------------------------------------------- Qt asks

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The page's keys go before the same keys of the window, which would label the photos of the hidden grid.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._action_of(event) is not None
        ):
            event.accept()
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = self._action_of(event)
        if action is None or isinstance(self.focusWidget(), QAbstractButton):
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            action.trigger()

    def _action_of(self, event: QKeyEvent) -> QAction | None:
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        pressed = QKeySequence(modifiers.value | event.key())
        return next((each for each in self.actions() if pressed in each.shortcuts()), None)

    def hideEvent(self, event: QHideEvent) -> None:
        if not event.spontaneous():  # not for a minimised window, which will be back
            self._crops.want(())

    def resizeEvent(self, event: QResizeEvent) -> None:
        for answer in self._answers:
            answer.set_compact(self.width() < NARROW)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.LayoutDirectionChange):
            self._dress()
        super().changeEvent(event)


class _Answer(QPushButton):
    """A slim button below the groups, as high as those in their headings: a glyph, words and the key."""

    def __init__(self, zone: Zone, action: QAction) -> None:
        super().__init__()
        self._zone, self._action, self._short, self._compact = zone, action, "", False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the faces
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)

    def set_short(self, words: str) -> None:
        """What it says where there is little room."""
        self._short = words
        self._follow()

    def set_compact(self, compact: bool) -> None:
        """Say it in fewer words."""
        self._compact = compact
        self._follow()

    def words(self) -> str:
        """What it says now."""
        return self._short if self._compact else self._action.text().replace("&&", "&")

    def key(self) -> str:
        """The key that does the same."""
        return self._action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())
        words = self._action.text().replace("&&", "&")
        self.setAccessibleName(words)
        self.setToolTip(names.in_tool_tip(f"{words} ({self.key()})"))
        self.updateGeometry()
        self.update()

    def _widths(self) -> tuple[int, int]:
        metrics = QFontMetrics(theme.font(theme.TEXT_SMALL))
        return metrics.horizontalAdvance(self.words()) + 2, metrics.horizontalAdvance(self.key())

    def sizeHint(self) -> QSize:
        words, key = self._widths()
        return QSize(words + key + 6 * theme.GRID, 3 * theme.GRID)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        t, grid = theme.tokens(), theme.GRID
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = QColor(t.muted if self.underMouse() else t.line)
        painter.setPen(QPen(QColor(t.focus), 1.5) if self.hasFocus() else edge)
        painter.setBrush(QColor(t.line if self.isDown() else t.raised))
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, grid / 2, grid / 2)
        paint_zone(painter, self._zone, grid * 0.75, box.center().y())
        words, key = self._widths()
        painter.setFont(theme.font(theme.TEXT_SMALL))
        painter.setPen(QColor(t.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(3 * grid, 0, words, self.height()), middle, self.words())
        cap = QRectF(self.width() - key - 2 * grid, 4, key + 1.5 * grid, self.height() - 8)
        painter.setPen(QColor(t.line))
        painter.setBrush(QColor(t.panel))
        painter.drawRoundedRect(cap.adjusted(0.5, 0.5, -0.5, -0.5), grid * 0.375, grid * 0.375)
        painter.setPen(QColor(t.muted))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, self.key())


def _message(icon: str, title: str, text: str, steps: Sequence[_Step]) -> Message:
    # MessagePage shows any words on its buttons and hands back the ones that were clicked.
    return Message(icon, title, text, cast("tuple[Step, ...]", tuple(steps)))
