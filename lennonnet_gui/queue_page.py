"""Least sure first: the photos whose label would teach most, one at a time, large, one key each.

`Round` knows what is asked, answered and skipped; `QueuePage` shows it and gives it keys and buttons. It chooses no
photo and writes no label: it tells by signals what was answered, and is told what to ask next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, StrEnum, auto
from typing import cast

from PySide6.QtCore import QDeadlineTimer, QEvent, QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.answer_buttons import AnswerButton, AnswerMark, ButtonRows, Foot, Link, Words
from lennonnet_gui.canvas import Canvas
from lennonnet_gui.jobs import FOREVER
from lennonnet_gui.pages import Message, MessagePage, Step
from lennonnet_gui.photo_facts import Panel
from lennonnet_gui.pictures import Pictures, Wish
from lennonnet_gui.queue_round import Question, Round
from training.photos import PhotoFile
from training.zones import Zone

_HANDFUL = 5  # with fewer questions left, the next ones are wanted
_AHEAD = 3  # photos decoded before they are asked about
_MANY = 8  # photos in a row that can't be read: it is not the photos then
_SETTLE_MS = 250  # after a change of size, before photos are decoded for the new one
_PATIENCE_MS = 300  # a shorter search for the next photo needs no words
_LARGEST = 2.0  # so much is a small photo enlarged to be seen, in pixels of the window
_LARGE_FILE = 200_000  # bytes; a smaller one is decoded before anything could be seen in its stead
_KEYED = 9  # so many look-alikes have a key
_NARROW = 110 * theme.GRID
_DOT = "  \N{MIDDLE DOT}  "


class _Step(StrEnum):
    """What the page offers where it has no photo to ask about."""

    BACK = "Back to the photos"
    ANYWAY = "Ask about all others anyway"
    TRY_AGAIN = "Try again"


class _Phase(Enum):
    CLOSED = auto()
    ASKING = auto()  # a photo is on show
    CHOOSING = auto()  # the owner looks for the next ones
    OVER = auto()  # there are none
    STUCK = auto()  # one after the other could not be read


class QueuePage(QWidget):
    """The page that takes the grid's place while the program asks about one photo after the other.

    Its keys work while the focus is in it, before those of the window. Answers count from `start` to `close_page`;
    what was skipped is not asked again before another subject is set, or all others are asked for.
    """

    answered = Signal(object, object, str)
    """A PhotoFile, its Zone (SUBJECT or NOT_SUBJECT; None: skipped), and a look-alike's id or "".

    The next photo is on show by then; an answer that could not be kept is given back by `take_back`.
    """

    undo_wanted = Signal()
    """The user wants the last answer back: undo it, then call `take_back`. Skips are taken back without asking."""

    wants_more = Signal()
    """Few questions are left: call `set_questions`, with an empty list if there are no others."""

    ask_anyway = Signal()
    """The user wants to be asked about all others, little as it would teach: call `set_questions` with them."""

    closed = Signal()

    def __init__(
        self,
        thumbnail: Callable[[PhotoFile], QPixmap | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._thumbnail = thumbnail
        self._subject = "subject"
        self._look_alikes: list[tuple[str, str]] = []
        self._guessing = False
        self._round = Round()
        self._phase = _Phase.CLOSED
        self._given = False  # questions, or word that there are none
        self._asked = False  # for more, and none came since
        self._stale = False  # answered since they were asked for: what comes may not know of it
        self._anyway = False  # all others are asked for
        self._seen = False  # the photo on show, at least as a thumbnail
        self._failures = 0  # in a row
        self._enlarged = 0.0  # the zoom that a small photo was given
        self._pictures = Pictures(self)
        self._pictures.arrived.connect(self._arrived)
        self._settling = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settling.timeout.connect(self._want)
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(self._say_choosing)
        self._make_actions()
        self._lay_out()
        self._dress()
        self._describe()

    # ---------------------------------------------------------------------------------------- what it is told

    def set_subject(self, name: str) -> None:
        """Whose photos these may be; another name forgets what was skipped."""
        if names.shown(name) != self._subject:
            self._subject = names.shown(name)
            self._round.skipped.clear()
        self._describe()

    def set_look_alikes(self, look_alikes: Sequence[tuple[str, str]]) -> None:
        """Who is often taken for the subject, as (id, name): a button each, and the keys 1 to 9."""
        shown = [(key, names.shown(name)) for key, name in look_alikes]
        if shown != self._look_alikes:
            self._look_alikes = shown
            self._offer()
            self._describe()

    def set_guessing(self, guessing: bool) -> None:
        """Say whether there are too few labels for a probability to mean something."""
        self._guessing = guessing
        self._describe()

    def set_enough(self, sentence: str) -> None:
        """Say what more labels would help, in one sentence; "" for nothing."""
        self._enough.setText(names.shown(sentence))

    def set_questions(self, questions: Sequence[tuple[PhotoFile, float | None, str]]) -> None:
        """Ask these next, as (file, probability, reason), in place of those not asked yet.

        The photo on show stays. What was answered in this sitting, skipped, or can't be read is left out.
        """
        self._round.replace(Question(*each) for each in questions)
        stale, self._given, self._asked, self._stale = self._stale, True, False, False
        if self._phase in (_Phase.CHOOSING, _Phase.OVER):
            self._round.go_on()
            self._show(otherwise=_Phase.CHOOSING if stale else _Phase.OVER)
            if self._phase is _Phase.CHOOSING:
                self._want_more()
        elif self._phase is _Phase.ASKING:
            self._describe()
            self._want()

    def take_back(self, path: str) -> None:
        """Ask again about a photo that was answered or skipped in this sitting, and count it no more."""
        question = self._round.bring_back(path) if self._phase is not _Phase.CLOSED else None
        if question is not None:
            self._failures = 0
            self._note(f"Taken back: {_name(question.file)}")
            self._show()

    def start(self) -> None:
        """Begin to ask, or go on where it was begun already."""
        if self._phase is _Phase.CLOSED:
            self._failures = 0
            self._pictures.forget_failures()
            self._note("")
            self._round.go_on()
            self._show(otherwise=_Phase.OVER if self._given else _Phase.CHOOSING)
        self.setFocus()
        if self._phase is _Phase.CHOOSING:
            self._want_more()

    def close_page(self) -> None:
        """Be done: emit `closed`."""
        if self._phase is not _Phase.CLOSED:
            self._phase = _Phase.CLOSED
            self._round = Round(self._round.skipped)
            self._given = self._asked = self._stale = self._anyway = False
            self._settling.stop()
            self._patience.stop()
            self._pictures.rest()
            self._describe()
            self.closed.emit()

    def stop(self, patience: QDeadlineTimer = FOREVER) -> bool:
        """Drop what is wanted, and wait until no thread of the page runs; False if patience ended before."""
        self._settling.stop()
        self._patience.stop()
        return self._pictures.stop(patience)

    # ------------------------------------------------------------------------------------------- what it tells

    def is_open(self) -> bool:
        """Whether it was started and not closed yet."""
        return self._phase is not _Phase.CLOSED

    def file(self) -> PhotoFile | None:
        """The photo that is on show, or None."""
        return self._round.on_show.file if self._round.on_show is not None else None

    def skipped(self) -> frozenset[str]:
        """The paths of what was skipped or can't be read, which need not be found again."""
        return frozenset({*self._round.skipped, *self._round.unreadable})

    def counter(self) -> str:
        """How far it is, as in "23 answered: 9 John, 14 not John · 12 left now"."""
        return _DOT.join(part for part in self._counts() if part)

    # ------------------------------------------------------------------------------------ what it is made of

    def _make_actions(self) -> None:
        self.subject_action = self._action("", ["J", "P"], self._say_subject)
        self.not_subject_action = self._action("", ["N", "X"], self._say_not)
        self.skip_action = self._action("Skip", ["Space", "S", "Right"], self._skip)
        self.undo_action = self._action("Take the last answer back", ["U", "Ctrl+Z", "Backspace"], self._undo)
        self.zoom_action = self._action("Closer, or all of it", ["Z"], self._toggle_zoom)
        self.back_action = self._action(_Step.BACK, ["Esc", "Q"], self.close_page)
        self.look_alike_actions = [
            self._action("", [str(number)], self._say_look_alike) for number in range(1, _KEYED + 1)
        ]

    def _action(self, text: str, keys: Sequence[str], act: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setAutoRepeat(False)  # a key that is held down labels one photo, not all
        action.triggered.connect(act)
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        self.setAccessibleName("Least sure first")
        self._canvas = Canvas(self)
        self._canvas.zoom_changed.connect(self._zoom_changed)
        self._canvas.box_changed.connect(self._box_changed)
        self._message = MessagePage()
        self._message.step_clicked.connect(self._step)
        self._middle = QStackedWidget()
        self._middle.addWidget(self._canvas)
        self._middle.addWidget(self._message)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.installEventFilter(self)
        self.setFocusProxy(self._canvas)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_bar())
        column.addWidget(self._middle, 1)
        column.addWidget(self._make_foot())

    def _make_bar(self) -> QWidget:
        """Above the photo: the question, and how far it is."""
        bar = Panel(Qt.Edge.BottomEdge, self)
        self._back = QToolButton(autoRaise=True)
        self._back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._back.setDefaultAction(self.back_action)
        self._back.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._back.setIconSize(QSize(2 * theme.GRID, 2 * theme.GRID))
        self._start_side, self._end_side = QWidget(), QWidget()
        centre, end = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight
        self._question = Words(theme.TEXT_TITLE, centre)
        self._thought = Words(theme.TEXT_SMALL, centre, muted=True)
        self._answered = Words(theme.TEXT_SMALL, end)
        self._left = Words(theme.TEXT_SMALL, end, muted=True)
        start = QHBoxLayout(self._start_side)
        start.setContentsMargins(0, 0, 0, 0)
        start.addWidget(self._back)
        start.addStretch(1)
        row = QHBoxLayout(bar)
        row.setContentsMargins(theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID)
        row.setSpacing(theme.GRID)
        row.addWidget(self._start_side)
        row.addLayout(_lines(self._question, self._thought), 1)
        self._end_side.setLayout(_lines(self._answered, self._left))
        row.addWidget(self._end_side)
        return bar

    def _make_foot(self) -> QWidget:
        """Below the photo: the last answer, and the buttons for the next."""
        foot = Foot(self)
        self._mark = AnswerMark()
        self._said = Words(theme.TEXT_BODY, Qt.AlignmentFlag.AlignLeft, cut=Qt.TextElideMode.ElideMiddle)
        self._undo_link = Link("Undo")
        self._undo_link.clicked.connect(self.undo_action.trigger)
        self._enough = Words(theme.TEXT_BODY, Qt.AlignmentFlag.AlignRight, muted=True)
        line = QHBoxLayout()
        line.setSpacing(theme.GRID)
        for widget in (self._mark, self._said, self._undo_link):
            line.addWidget(widget)
        line.addStretch(1)
        line.addSpacing(theme.GRID)
        line.addWidget(self._enough)
        high = QWidget()  # the same with words and without
        high.setLayout(line)
        line.setContentsMargins(0, 0, 0, 0)
        high.setFixedHeight(self._undo_link.sizeHint().height())
        self._buttons = ButtonRows()
        self._subject_button = AnswerButton(Zone.SUBJECT, self.subject_action)
        self._not_button = AnswerButton(Zone.NOT_SUBJECT, self.not_subject_action)
        self._skip_button = AnswerButton(None, self.skip_action)
        column = QVBoxLayout(foot)
        column.setContentsMargins(2 * theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID * 3 // 2)
        column.setSpacing(theme.GRID)
        column.addWidget(high)
        column.addWidget(self._buttons)
        self._look_alike_buttons: list[AnswerButton] = []
        self._offer()
        return foot

    def _offer(self) -> None:
        """Make a button for each look-alike, between "not" and "skip", and give keys to the first."""
        for gone in self._look_alike_buttons:
            gone.hide()
            gone.deleteLater()
        self._look_alike_buttons = []
        for at, (_, name) in enumerate(self._look_alikes):
            action = self.look_alike_actions[at] if at < _KEYED else None
            button = AnswerButton(Zone.NOT_SUBJECT, action, name)
            if action is None:
                button.clicked.connect(self._say_look_alike)
            self._look_alike_buttons.append(button)
        answers = [self._subject_button, self._not_button, *self._look_alike_buttons, self._skip_button]
        self._buttons.set_buttons(answers)
        for at, action in enumerate(self.look_alike_actions):
            action.setVisible(at < len(self._look_alikes))
            action.setText("" if not action.isVisible() else names.on_button(self._look_alikes[at][1]))

    def _dress(self) -> None:
        """Put on the scheme's colours and the direction of reading."""
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        self.back_action.setIcon(
            theme.icon("chevron-right" if from_right else "chevron-left", 2 * theme.GRID)
        )
        on = "Left" if from_right else "Right"
        self.skip_action.setShortcuts([QKeySequence(key) for key in ("Space", "S", on)])

    # --------------------------------------------------------------------------------------------- answers

    def _say_subject(self) -> None:
        self._answer(Zone.SUBJECT)

    def _say_not(self) -> None:
        self._answer(Zone.NOT_SUBJECT)

    def _say_look_alike(self) -> None:
        sender = self.sender()
        if isinstance(sender, AnswerButton):
            at = self._look_alike_buttons.index(sender)
        else:
            at = self.look_alike_actions.index(cast("QAction", sender))
        self._answer(Zone.NOT_SUBJECT, at)

    def _skip(self) -> None:
        self._answer(None)

    def _answer(self, verdict: Zone | None, look_alike: int | None = None) -> None:
        # Who presses a key twice has not seen the second photo: it is not answered, but it can be skipped.
        if self._phase is not _Phase.ASKING or (verdict is not None and not self._seen):
            return
        question = self._round.settle(verdict)
        self._stale = True
        group, words = "", "skipped" if verdict is None else verdict.words(self._subject)
        if look_alike is not None:
            group, name = self._look_alikes[look_alike]
            words = f"{words}, but {name}"
        self._note(f"{_name(question.file)}: {words}", verdict, undo="Undo")
        self._show()
        self.answered.emit(question.file, verdict, group)
        self._want_more()

    def _undo(self) -> None:
        if self._phase is _Phase.CLOSED or not self._round.undoable:
            return
        last = self._round.undoable[-1].file.path
        if last not in self._round.answers:
            self.take_back(last)
            return
        self._round.undoable.pop()  # pressed twice, it is the one before; `take_back` finds it all the same
        self._describe()
        self.undo_wanted.emit()

    def _note(self, words: str, zone: Zone | None = None, undo: str = "Undo the one before") -> None:
        """Say what was done last, and beside it what the link would undo."""
        self._said.setText(words)
        self._undo_link.setText(undo)
        self._mark.show_zone(zone)

    def _want_more(self) -> None:
        """Tell the owner, once until they come, that few questions are left."""
        wanting = self._phase in (_Phase.ASKING, _Phase.CHOOSING)
        if wanting and not self._asked and len(self._round.waiting) < _HANDFUL:
            self._asked, self._stale = True, False
            self.wants_more.emit()

    # -------------------------------------------------------------------------------------- what is shown

    def _show(self, otherwise: _Phase = _Phase.CHOOSING) -> None:
        """Show the photo that is asked about, or, where there is none, that it is `otherwise`."""
        while (question := self._round.on_show) is not None and (reason := self._failure(question.file)):
            self._round.give_up()
            self._failures += 1
            self._note(f"{_name(question.file)} {reason}: left out")
            if self._failures >= _MANY:
                self._round.put_back()
                otherwise = _Phase.STUCK
        self._seen = False
        self._canvas.show_nothing()
        self._canvas.fit()
        self._set_phase(_Phase.ASKING if question is not None else otherwise)
        if question is not None:
            self._show_photo(question.file)
        self._want()

    def _failure(self, file: PhotoFile) -> str:
        """Why a photo can't be shown, as far as that was tried; else ""."""
        picture = self._pictures.get(file)
        return "" if picture is None else picture.reason

    def _show_photo(self, file: PhotoFile) -> None:
        """Show the best that there is of the photo by now."""
        picture = self._pictures.get(file)
        if picture is not None and picture.levels:
            self._canvas.show_picture(picture.size, picture.levels)
            self._enlarge()
            self._seen, self._failures = True, 0
        elif self._thumbnail is not None and file.size >= _LARGE_FILE:
            thumbnail = self._thumbnail(file)
            if thumbnail is not None and not thumbnail.isNull():
                self._canvas.show_thumbnail(thumbnail)
                self._seen = True

    def _enlarge(self) -> None:
        """Show a small photo larger than it is, unless the user has zoomed it."""
        file, canvas = self.file(), self._canvas
        picture = None if file is None else self._pictures.get(file)
        if (
            picture is None
            or not canvas.can_zoom()
            or not (canvas.is_fit() or canvas.zoom() == self._enlarged)
        ):
            return
        wide, high = canvas.box()
        most = _LARGEST * self.devicePixelRatioF()
        zoom = min(wide / picture.size.width(), high / picture.size.height(), most)
        if zoom > canvas.fit_zoom():
            self._enlarged = zoom
            canvas.zoom_to(zoom)
        elif not canvas.is_fit():
            canvas.fit()

    def _set_phase(self, phase: _Phase) -> None:
        self._phase = phase
        if phase is _Phase.CHOOSING:
            self._patience.start()
        else:
            self._patience.stop()
        if phase is _Phase.OVER:
            self._say(self._over())
        elif phase is _Phase.STUCK:
            self._say(_stuck(len(self._round.unreadable)))
        else:
            self._bring_up(self._canvas)
        self._describe()

    def _say_choosing(self) -> None:
        self._say(Message("images", "Looking for the photos that would teach most", "They come in a moment."))

    def _say(self, message: Message) -> None:
        self._message.set_message(message)
        self._bring_up(self._message)

    def _bring_up(self, widget: QWidget) -> None:
        """Show the photo or the message. No button of a message takes the keys: Space, meant to skip, presses it."""
        focused = QApplication.focusWidget()
        self.setFocusProxy(self._canvas if widget is self._canvas else None)  # type: ignore[arg-type]
        self._middle.setCurrentWidget(widget)
        if focused is None or not self.isAncestorOf(focused):
            return
        if self._phase is not _Phase.ASKING or self._middle.isAncestorOf(focused):  # out of sight, or of use
            self.setFocus()

    def _over(self) -> Message:
        """Nothing is left to ask."""
        steps = (_Step.BACK,) if self._anyway else (_Step.BACK, _Step.ANYWAY)
        sentences = []
        if self._round.answers:
            sentences.append(f"{self._counts()[0]}.")
        if self._anyway:
            title = "No photo is left to ask about"
        else:
            title = "Nothing left that would teach much"
            sentences.append("The other photos are clear enough, or look like ones that you have labelled.")
        if unreadable := len(self._round.unreadable):
            were = "was" if unreadable == 1 else "were"
            sentences.append(f"{names.photos(unreadable)} can’t be read and {were} left out.")
        return _message("check" if self._round.answers else "images", title, " ".join(sentences), steps)

    def _step(self, step: str) -> None:
        """Do what a button of the message says."""
        if step == _Step.BACK:
            self.close_page()
        elif step == _Step.TRY_AGAIN:
            self._failures = 0
            self._pictures.forget_failures()
            self._round.try_again()
            self._round.go_on()
            self._show()
            self._want_more()
        else:
            self._anyway = self._asked = True
            self._stale = False
            self._round.skipped.clear()
            self._show()
            self.ask_anyway.emit()

    def _want(self) -> None:
        """Wish for what the user sees, then for what they will see next."""
        question = self._round.on_show
        if not self.isVisible() or question is None or self._phase is not _Phase.ASKING:
            self._pictures.want(())
            return
        box = self._canvas.box()
        wishes = [Wish(question.file, box)]
        if question.file.size >= _LARGE_FILE:
            wishes.insert(0, Wish(question.file, box, quick=True))
        if self._canvas.lacks_pixels():
            wishes.append(Wish(question.file, None))
        wishes += [Wish(following.file, box) for following in self._round.waiting[:_AHEAD]]
        self._pictures.want(wishes)

    @Slot(object)
    def _arrived(self, file: PhotoFile) -> None:
        if self._phase is not _Phase.ASKING or file != self.file():
            return
        if self._failure(file):
            self._show()
            self._want_more()
        else:
            self._show_photo(file)

    @Slot()
    def _box_changed(self) -> None:
        self._enlarge()
        self._settling.start()

    @Slot()
    def _zoom_changed(self) -> None:
        if self._canvas.lacks_pixels():
            self._want()

    def _toggle_zoom(self) -> None:
        self._canvas.toggle_zoom()

    # ------------------------------------------------------------------------------------------- in words

    def _describe(self) -> None:
        """Say in words what is asked and how far it is, and leave enabled what would do something."""
        question, asking = self._round.on_show, self._phase is _Phase.ASKING
        whom = Zone.SUBJECT.words(self._subject)
        no_photo = self._phase in (_Phase.OVER, _Phase.STUCK)
        self._question.setText("Least sure first" if no_photo else f"Is it {whom}?")
        thought = self._thought_of(question) if asking and question is not None else ""
        self._thought.setText(thought)
        answered, left = self._counts()
        self._answered.setText(answered)
        self._left.setText(left)
        self.subject_action.setText(names.on_button(whom))
        self.not_subject_action.setText(names.on_button(Zone.NOT_SUBJECT.words(self._subject)))
        for action in (self.subject_action, self.not_subject_action, *self.look_alike_actions):
            action.setEnabled(asking)
        for action in (self.skip_action, self.zoom_action):
            action.setEnabled(asking)
        self.back_action.setEnabled(self.is_open())
        self.undo_action.setEnabled(self.is_open() and bool(self._round.undoable))
        for button in self._look_alike_buttons:
            button.setEnabled(asking)
        self._undo_link.setVisible(self.undo_action.isEnabled())
        self._canvas.setAccessibleName(
            f"{self._question.text()} {_name(question.file)}" if question is not None else ""
        )
        self._canvas.setAccessibleDescription(". ".join(part for part in (thought, self.counter()) if part))
        for action in self.actions():
            key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(names.in_tool_tip(f"{action.text()} ({key})"))

    def _thought_of(self, question: Question) -> str:
        """What the program thinks so far, small and without a colour, so that it talks nobody into an answer."""
        if self._guessing or question.probability is None:
            thought = "Still guessing" if self._guessing else ""
        else:
            thought = f"So far it thinks {names.per_cent(question.probability)}"
        return _DOT.join(part for part in (thought, names.shown(question.reason)) if part)

    def _counts(self) -> tuple[str, str]:
        """How many were answered, and how many are left."""
        count, yes, no = len(self._round.answers), Zone.SUBJECT, Zone.NOT_SUBJECT
        parts = [f"{self._round.count(zone):,} {zone.words(self._subject)}" for zone in (yes, no)]
        answered = f"{count:,} answered: {', '.join(parts)}" if count else "None answered yet"
        left = len(self._round.waiting) + (self._round.on_show is not None)
        if left:
            return answered, f"{left:,} left now"
        return answered, {_Phase.OVER: "none left", _Phase.CHOOSING: "looking for more"}.get(self._phase, "")

    # -------------------------------------------------------------------------------------------- Qt asks

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The page's keys go before the same keys of the window, and a focused button keeps its own.
        # Not in event(): what Qt deletes under a Python event() it deletes while it keeps Python's lock, and the page's
        # end waits for threads that need it.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and (self._presses_button(event) or self._action_of(event) is not None)
        ):
            event.accept()
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = self._action_of(event)
        if self._presses_button(event):
            if not event.isAutoRepeat():
                cast("QAbstractButton", self.focusWidget()).click()
        elif action is None:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            action.trigger()

    def _presses_button(self, event: QKeyEvent) -> bool:
        keys = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        return event.key() in keys and isinstance(self.focusWidget(), QAbstractButton)

    def _action_of(self, event: QKeyEvent) -> QAction | None:
        """The action that a key stands for, if any."""
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if Qt.Key.Key_1 <= key <= Qt.Key.Key_9:  # on a French keyboard, digits take Shift
            modifiers &= ~Qt.KeyboardModifier.ShiftModifier
        pressed = QKeySequence(modifiers.value | key)
        return next(
            (each for each in self.actions() if each.isVisible() and pressed in each.shortcuts()), None
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        # If there is room, both sides are of a width, and the question stands over the middle of the photo.
        wide = self.width() >= _NARROW
        side = 36 * theme.GRID if wide else 26 * theme.GRID
        self._start_side.setMinimumWidth(side if wide else 0)
        aligned = Qt.AlignmentFlag.AlignHCenter if wide else Qt.AlignmentFlag.AlignLeft
        for words in (self._question, self._thought):
            words.setAlignment(aligned | Qt.AlignmentFlag.AlignVCenter)
        self._end_side.setFixedWidth(side)
        self._back.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon if wide else Qt.ToolButtonStyle.ToolButtonIconOnly
        )
        super().resizeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        self._want()

    def hideEvent(self, event: QHideEvent) -> None:
        if not event.spontaneous():  # not for a minimised window, which will be back
            self._pictures.rest()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.LayoutDirectionChange):
            self._dress()
        super().changeEvent(event)


def _name(file: PhotoFile) -> str:
    """A photo's name as one line."""
    return names.folder_name(file.path)


def _message(icon: str, title: str, text: str, steps: Sequence[_Step]) -> Message:
    # MessagePage shows any words on its buttons and hands back the ones that were clicked.
    return Message(icon, title, text, cast("tuple[Step, ...]", tuple(steps)))


def _stuck(count: int) -> Message:
    """Photo after photo could not be read."""
    text = f"The last {count:,} could not be read. They may be gone, or their disk may not be connected."
    return _message("image-off", "These photos can’t be read", text, (_Step.TRY_AGAIN, _Step.BACK))


def _lines(*widgets: QWidget) -> QVBoxLayout:
    """Widgets below each other, in the middle of the height."""
    column = QVBoxLayout()
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addStretch(1)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
    return column
