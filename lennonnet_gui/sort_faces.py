"""The later pages of sorting: the plan, how the run goes, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QStringListModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.pages import Message, MessagePage
from lennonnet_gui.sort_chips import Chip
from lennonnet_gui.sort_plan_model import Planned
from lennonnet_gui.sort_plan_view import PlanTable
from lennonnet_gui.sort_run import Ended, Tick
from lennonnet_gui.training_parts import GAP, MARGIN, Button, Hairline, Words, duration, foot
from training.sorting import Action, Fate, size_words

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture

_FATES: tuple[tuple[Fate | None, str, str], ...] = (
    (None, "All", "All"),
    (Fate.GOES, "Go", "Get tags"),
    (Fate.STAYS, "Stay", "Stay as they are"),
    (Fate.THERE, "There already", "Have it already"),
    (Fate.SAME, "Same photo there", "Same photo there"),
    (Fate.PROBLEM, "Can’t go", "Can’t be tagged"),
)
_START = {Action.MOVE: "Move", Action.COPY: "Copy", Action.LINK: "Hard-link", Action.TAG: "Tag"}
_DOING = {
    Action.MOVE: "Moving",
    Action.COPY: "Copying",
    Action.LINK: "Hard-linking",
    Action.TAG: "Tagging",
}
_UNTICK = "Untick what shall stay, with a click or the space bar."


class PlanFace(QWidget):
    """What would happen, before it does."""

    start_clicked = Signal()
    back_clicked = Signal()

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._planned: Planned | None = None
        self._table_only = False
        # The button that starts lies where the one was that asked for the plan: a double click must not press both.
        self._rest = QTimer(self, singleShot=True, interval=QApplication.doubleClickInterval())
        self._rest.timeout.connect(self._say_chosen)
        self._title = Words(size=theme.TEXT_TITLE)
        self._wrong = Words(bold=True)
        self._others = Words(muted=True)
        self._bar = QProgressBar(textVisible=False)
        self._bar.setFixedHeight(theme.GRID // 2)
        self._bar.setAccessibleName("How far the plan is")
        self.chips: dict[Fate | None, Chip] = {}
        self._group = QButtonGroup(self)
        line = QHBoxLayout()
        line.setSpacing(GAP // 2)
        for fate, words, _ in _FATES:
            chip = self.chips[fate] = Chip(words)
            self._group.addButton(chip)
            line.addWidget(chip)
        line.addStretch(1)
        self._group.buttonClicked.connect(self._filter)
        self.table = PlanTable(picture)
        self.table.plan_model.out_changed.connect(self._say_chosen)
        self._none = Words(muted=True)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._middle = QStackedWidget()
        for widget in (self.table, self._none):
            self._middle.addWidget(widget)
        self._hint = Words(muted=True)
        self._back = Button("Back", primary=False)
        self._back.clicked.connect(self.back_clicked)
        self.start = Button("Move")
        self.start.clicked.connect(self.start_clicked)
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
        column.setSpacing(GAP)
        for item in (self._title, self._wrong, self._others, self._bar):
            column.addWidget(item)
        column.addLayout(line)
        column.addWidget(self._middle, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(column, 1)
        whole.addWidget(Hairline())
        whole.addLayout(foot(self._hint, self._back, self.start))

    def show_making(self, done: int, total: int) -> None:
        """The plan is being made; what was there before stays in sight."""
        if self._planned is None:
            self._title.setText("Making the plan")
            self._wrong.say("")
            self._others.say(f"{done:,} of {names.photos(total)} looked at" if total else "")
            self._middle.setCurrentWidget(self._none)
            self._none.setText("Nothing is moved before you say so.")
            self._hint.setText("")
            for chip in self.chips.values():
                chip.hide()
        self._bar.setMaximum(max(1, total))
        self._bar.setValue(done)
        self._bar.setVisible(self._planned is None)
        self.start.setEnabled(False)

    def forget(self) -> None:
        """There is no plan any more, and one will be asked for with a click."""
        self._planned = None
        self._rest.start()
        self.table.plan_model.set_planned(None)
        self.table.plan_model.forget_out()

    def show_planned(self, planned: Planned, *, table_only: bool) -> None:
        """Show a plan; table_only: nothing goes, it is a list to be written."""
        self._planned, self._table_only = planned, table_only
        fate = self._fate() if planned.rows.get(self._fate() or Fate.GOES) else None
        self.chips[fate].setChecked(True)
        self.table.plan_model.set_planned(planned, fate)
        self.table.set_table_only(table_only)
        self.table.scrollToTop()
        self._bar.hide()
        rows = len(planned.plan.rows)
        self._middle.setCurrentWidget(self.table if rows else self._none)
        self._none.setText("Open a folder with photos first.")
        self.retell(planned)
        self._say_chosen()

    def retell(self, planned: Planned) -> None:
        """Say what becomes of the photos; the table is as it was."""
        self._title.setText(planned.words if planned.plan.rows else "There are no photos here")
        self._wrong.say(" ".join(planned.wrong))
        self._others.say(" ".join(planned.others))

    @Slot()
    def _say_chosen(self) -> None:
        """What is left out changed: the chips and the button say so at once."""
        planned, out = self._planned, self.table.plan_model.out
        if planned is None:
            return
        for fate, words, of_tags in _FATES:
            chip = self.chips[fate]
            count = len(planned.plan.rows) if fate is None else len(planned.rows[fate])
            count += len(out) * ((fate is Fate.STAYS) - (fate is Fate.GOES))
            chip.set_count(count, of_tags if planned.tags else words)
            some = bool(planned.plan.rows) and not self._table_only
            chip.setVisible(some and bool(count or chip.isChecked()))
        self._say_start(planned, out)

    def _say_start(self, planned: Planned, out: frozenset[int]) -> None:
        action = planned.plan.rules.action
        trash = len(planned.trash - out)
        going = len(planned.rows[Fate.GOES]) - len(out) - trash
        if self._table_only:
            self.start.setText("Write the table")
            self._hint.setText("")
            self.start.setEnabled(bool(planned.plan.rows) and not self._rest.isActive())
        else:
            parts = [f"{_START[action]} {names.photos(going)}"] if going else []
            if trash:
                parts.append(
                    f"{trash:,} to the trash" if going else f"Move {names.photos(trash)} to the trash"
                )
            self.start.setText(", ".join(parts) or _START[action])
            self.start.setEnabled(bool(parts) and not self._rest.isActive())
            self._hint.setText(
                "Nothing has to be done."
                if not planned.rows[Fate.GOES]
                else f"{_UNTICK} What is in the trash can be brought back."
                if trash
                else f"{_UNTICK} What others wrote is kept."
                if planned.tags
                else f"{_UNTICK} Nothing is ever overwritten."
            )
        self.start.updateGeometry()

    def _fate(self) -> Fate | None:
        return next((fate for fate, chip in self.chips.items() if chip.isChecked()), None)

    @Slot()
    def _filter(self) -> None:
        self._say_chosen()  # a chip that has come to nothing goes once another is chosen
        self.table.plan_model.show_fate(self._fate())
        self.table.scrollToTop()


class DuringFace(QWidget):
    """How it goes."""

    pause_clicked = Signal()
    go_clicked = Signal()
    stop_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paused = self._stopping = False
        self._tags = False
        self._tick = Tick()
        self._title = Words(size=theme.TEXT_TITLE)
        self._bar = QProgressBar(textVisible=False)
        self._bar.setFixedHeight(theme.GRID)
        self._bar.setAccessibleName("How far it is")
        self._line = Words(muted=True)
        self._failed = Words()
        self._pause = Button("Pause", primary=False)
        self._pause.clicked.connect(self._pause_clicked)
        self._stop = Button("Cancel", primary=False)
        self._stop.clicked.connect(self.stop_clicked)
        self._calm = Words(
            "You can go on with your photos meanwhile. What is done can be undone afterwards.", muted=True
        )
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(2 * GAP)
        column.addStretch(2)
        for widget in (self._title, self._bar, self._line, self._failed):
            column.addWidget(widget)
        column.addStretch(3)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(column, 1)
        whole.addWidget(Hairline())
        whole.addLayout(foot(self._calm, self._pause, self._stop))

    def begin(self, title: str, *, tags: bool = False) -> None:
        """Start afresh; tags: photos get tags or lose them, and go nowhere."""
        self._paused = self._stopping = False
        self._tags = tags
        self._title.setText(title)
        self.show_tick(Tick())

    def begin_sorting(self, planned: Planned, going: int) -> None:
        """Start afresh with a plan."""
        action = planned.plan.rules.action
        self.begin(f"{_DOING[action]} {names.photos(going)}", tags=action is Action.TAG)

    def show_tick(self, tick: Tick) -> None:
        """How far it is."""
        self._tick = tick
        self._say()

    def set_paused(self, paused: bool) -> None:
        """It rests, or goes on."""
        self._paused = paused
        self._say()

    def set_stopping(self) -> None:
        """It was told to stop, and ends the photo that it is at."""
        self._stopping = True
        self._say()

    @property
    def paused(self) -> bool:
        """Whether it was told to rest."""
        return self._paused

    @Slot()
    def _pause_clicked(self) -> None:
        (self.go_clicked if self._paused else self.pause_clicked).emit()

    def _say(self) -> None:
        tick = self._tick
        by_bytes = tick.of_bytes > 0  # large files last longer
        self._bar.setMaximum(1000 if tick.of else int(self._paused))
        done = tick.bytes / tick.of_bytes if by_bytes else tick.files / max(1, tick.of)
        self._bar.setValue(round(1000 * min(1.0, done)))
        words = tick_words(tick, paused=self._paused, stopping=self._stopping)
        self._line.setText(words)
        self._bar.setAccessibleDescription(words)
        self._failed.say(
            f"{names.photos(tick.failed)} could not {'be tagged' if self._tags else 'go'} so far; the reasons follow at"
            " the end."
            if tick.failed
            else ""
        )
        self._pause.setText("Go on" if self._paused else "Pause")
        self._pause.setEnabled(not self._stopping)
        self._stop.setEnabled(not self._stopping)


def tick_words(tick: Tick, *, paused: bool, stopping: bool) -> str:
    """How far it is, in words."""
    if not tick.of:
        return "Stopping" if stopping else "Getting ready"
    parts = [f"{tick.files:,} of {names.photos(tick.of)}"]
    if tick.of_bytes:
        parts.append(f"{size_words(tick.bytes)} of {size_words(tick.of_bytes)}")
    if stopping:
        parts.append("stopping after the photo that is under way")
    elif paused:
        parts.append("paused")
    else:
        if tick.per_second:
            parts.append(f"{tick.per_second:,.0f} photos/s")
        if tick.seconds_left is not None:
            parts.append(f"{duration(tick.seconds_left)} left")
    return "  ·  ".join(parts)


class AfterFace(QWidget):
    """What came of it."""

    undo_clicked = Signal()
    folder_clicked = Signal()
    resume_clicked = Signal()
    again_clicked = Signal()
    close_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = "check"
        self._icon = QLabel()
        self._icon.setFixedWidth(4 * theme.GRID)
        self._title = Words(size=theme.TEXT_TITLE)
        self._text = Words(muted=True)
        self._list_title = Words(bold=True)
        self._lines = QStringListModel(self)
        self._list = QListView()
        self._list.setModel(self._lines)
        self._list.setUniformItemSizes(True)
        self._list.setSpacing(theme.GRID // 4)
        self._list.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._list.setAccessibleName("What could not be done, and why")
        self._again = Button("Sort out again", primary=False)
        self._undo = Button("Undo this", primary=False)
        self._folder = Button("Open folder", primary=False)
        self._resume = Button("Go on")
        self._close = Button("Done")
        self._close_quiet = Button("Later", primary=False)
        buttons = (self._again, self._undo, self._folder, self._close_quiet, self._resume, self._close)
        for button, signal in (
            (self._again, self.again_clicked),
            (self._undo, self.undo_clicked),
            (self._folder, self.folder_clicked),
            (self._resume, self.resume_clicked),
            (self._close, self.close_clicked),
            (self._close_quiet, self.close_clicked),
        ):
            button.clicked.connect(signal)
        column = QVBoxLayout()
        column.setSpacing(GAP)
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addSpacing(GAP)
        column.addWidget(self._list_title)
        column.addWidget(self._list, 1)
        self._listed = QWidget()
        whole = QHBoxLayout(self._listed)
        whole.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
        whole.setSpacing(0)
        whole.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        whole.addLayout(column, 1)
        self._plain = MessagePage()
        self._looks = QStackedWidget()
        for look in (self._plain, self._listed):
            self._looks.addWidget(look)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._looks, 1)
        outer.addWidget(Hairline())
        outer.addLayout(foot(QWidget(), *buttons))
        self._dress()

    def show_ended(self, ended: Ended, *, back: bool, can_undo: bool, can_resume: bool) -> None:
        """Tell what was done."""
        words = ended.words.removeprefix("Stopped. ")
        title = words or ("Nothing was brought back." if back else "Nothing was done.")
        text = list(ended.settled)
        if ended.trouble:
            title = "This was interrupted" if ended.done else "Nothing was done"
            were = "was" if ended.done == 1 else "were"
            text.append(ended.trouble)
            text += [f"{names.photos(ended.done)} {were} done before that."] if ended.done else []
        elif ended.stopped:
            text.append("It was stopped. What is done stays done, and the rest is as it was.")
        elif not back and ended.done:
            text.append(
                "“Sorted before…” can undo this at any time, as long as the files are where they are now."
                if ended.elsewhere
                else "“Sorted before…” can undo this at any time, as long as nobody changed the sidecars since."
            )
        elif back and not ended.failed:
            text.append("All is as it was before.")
        if ended.trashed:
            who = "They" if ended.trashed == ended.done else f"{ended.trashed:,} of them"
            who = "It" if ended.done == 1 else who
            text.insert(0, f"{who} {'is' if ended.trashed == 1 else 'are'} in the trash.")
        if can_resume:
            text.append("You can go on now or later.")
        lines = [f"{names.folder_name(path)} {names.shown(why)}" for path, why in ended.failed]
        lines += [f"{names.folder_name(path)}: {names.shown(note)}" for path, note in ended.notes]
        count = len(ended.failed)
        were = "was left as it was" if count == 1 else "were left as they were"
        over = f"{names.photos(count)} {were}, and why" if count else "To be noted"
        well = not (lines or ended.trouble or ended.stopped)
        self._tell("check" if well else "info", title, " ".join(text), over, lines)
        self._undo.setText("Bring back the rest" if back else "Undo this")
        self._undo.updateGeometry()
        self._undo.setVisible(can_undo)
        self._folder.setVisible(bool(ended.places) and not back)
        self._again.setVisible(back)
        self._resume.setVisible(can_resume)
        self._close_quiet.setVisible(can_resume)
        self._close.setVisible(not can_resume)
        (self._resume if can_resume else self._close).setFocus()

    def show_table_written(self, file: str, photos: int) -> None:
        """Tell that a table was written."""
        self._tell(
            "check",
            f"{names.photos(photos)} written to “{names.folder_name(file)}”",
            f"It lies in {names.folder_place(file)}. No photo was touched.",
        )
        for button in (self._undo, self._resume, self._close_quiet, self._again):
            button.hide()
        self._folder.show()
        self._close.show()
        self._close.setFocus()

    def _tell(self, icon: str, title: str, text: str, over: str = "", lines: Sequence[str] = ()) -> None:
        """In the middle of the page where that is all; above a list where there is one."""
        plain = not lines
        self._icon_name = icon
        self._plain.set_message(Message(icon, title, text) if plain else Message(icon, "", ""))
        self._title.setText("" if plain else title)
        self._text.say("" if plain else text)
        self._list_title.say("" if plain else over)
        self._lines.setStringList(list(lines))
        self._looks.setCurrentWidget(self._plain if plain else self._listed)
        self._dress()

    @property
    def failures(self) -> list[str]:
        """The lines below, as they are shown."""
        return self._lines.stringList()

    def _dress(self) -> None:
        high = QFontMetrics(theme.font(theme.TEXT_TITLE)).height()
        self._icon.setPixmap(
            theme.icon_pixmap(self._icon_name, high - 4, theme.tokens().text, self.devicePixelRatioF())
        )

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)
