"""The user's subjects: a menu and a button to switch, name, delete and restore them, and its small dialogs.

`SubjectMenu` keeps nothing and changes nothing: it is told what there is, and says by signals what the user wants.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QColor,
    QDesktopServices,
    QFontMetrics,
    QIcon,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.history_panel import ago
from training.subjects import BadName, LookAlike, SubjectEntry, fit_name
from training.zones import Zone

_NOBODY = SubjectEntry("", "subject")
_NAME_WIDTH, _EXPORT_WIDTH = 46 * theme.GRID, 58 * theme.GRID  # of the words in the dialogs


class SubjectMenu(QMenu):
    """All that can be done with subjects; the same menu serves the menu bar and a `SubjectButton`."""

    switch_wanted = Signal(str)
    """Subject id"""
    create_wanted = Signal(str)
    """Name"""
    rename_wanted = Signal(str, str)
    """Subject id, name"""
    delete_wanted = Signal(str)
    """Subject id"""
    restore_wanted = Signal(str)
    """Subject id"""
    look_alike_create_wanted = Signal(str)
    """Name of a look-alike of the current subject"""
    look_alike_rename_wanted = Signal(str, str)
    """Look-alike id, name"""
    look_alike_remove_wanted = Signal(str)
    """Look-alike id"""
    versions_wanted = Signal()
    save_wanted = Signal()
    """The current version is to be put into a file"""
    import_wanted = Signal(object)
    """Folder; as an object, because Qt's text can't hold every file name"""
    export_wanted = Signal(object, bool)
    """Folder, and whether to make hard links instead of copies"""
    export_stopped = Signal()
    changed = Signal()
    """It was told of other subjects than before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("&Subject", parent)
        self.current = _NOBODY
        """The subject whose photos are looked for now."""
        self._entries: tuple[SubjectEntry, ...] = ()
        self._counts: Mapping[tuple[Zone, str], int] = {}
        self._export: ExportDialog | None = None
        self._group = QActionGroup(self)
        self._group.triggered.connect(self._switch)
        self._switches: list[QAction] = []
        self.new_action = self._made("&New subject…", self.ask_for_subject)
        self.rename_action = self._made("&Rename…", self.ask_to_rename)
        self.delete_action = self._made("&Delete…", self.ask_to_delete)
        self.look_alike_action = self._made("Add a &look-alike…", self.ask_for_look_alike)
        self.versions_action = self._made("&Versions…", self.versions_wanted)
        self.save_action = self._made("&Save subject as…", self.save_wanted)
        self.import_action = self._made("&Import labelled folder…", self.ask_for_import)
        self.export_action = self._made("&Export labels…", self.ask_for_export)
        self._end_of_switches = self.addSeparator()
        self.addAction(self.new_action)
        self.addActions([self.rename_action, self.delete_action])
        self.deleted_menu = self.addMenu("Dele&ted subjects")
        self.addSeparator()
        self.addActions([self.look_alike_action, self.versions_action, self.save_action])
        self.addSeparator()
        self.addActions([self.import_action, self.export_action])
        self.set_subjects((), (), "")

    def _made(self, text: str, do: Callable[[], object] | object) -> QAction:
        action = QAction(text, self)
        action.triggered.connect(do)
        return action

    # What it is told

    def set_subjects(
        self, entries: Sequence[SubjectEntry], deleted: Sequence[SubjectEntry], current_id: str
    ) -> None:
        """Offer these subjects, and the deleted ones to restore; `current_id` is the one in use."""
        self._entries = tuple(entries)
        self.current = next((one for one in entries if one.id == current_id), _NOBODY)
        for gone in self._switches:
            self._group.removeAction(gone)
            self.removeAction(gone)
            gone.deleteLater()
        self._switches = []
        for entry in entries:
            action = QAction(names.on_button(_shown(entry)), self, checkable=True)
            action.setData(entry.id)
            action.setChecked(entry.id == current_id)
            self._group.addAction(action)
            self._switches.append(action)
        self.insertActions(self._end_of_switches, self._switches)
        known, whose = self.current is not _NOBODY, names.on_button(_shown(self.current))
        self.rename_action.setText(f"&Rename “{whose}”…" if known else "&Rename…")
        self.delete_action.setText(f"&Delete “{whose}”…" if known else "&Delete…")
        self.delete_action.setEnabled(known and len(entries) > 1)  # one there must be
        for action in (
            *(self.rename_action, self.look_alike_action, self.versions_action),
            *(self.save_action, self.export_action),
        ):
            action.setEnabled(known)

        self.deleted_menu.clear()
        for entry in deleted:
            restore = self.deleted_menu.addAction(
                names.on_button(f"Restore “{_shown(entry)}”{_when_deleted(entry)}")
            )
            restore.setData(entry.id)
            restore.triggered.connect(self._restore)
        self.deleted_menu.setEnabled(bool(deleted))
        self.changed.emit()

    def set_counts(self, counts: Mapping[tuple[Zone, str], int]) -> None:
        """How many photos of the current subject are labelled, by zone and look-alike's id ("" for none)."""
        self._counts = counts

    def show_export(self, done: int, total: int) -> None:
        """Tell how far the export has come: `done` of `total` photos."""
        if self._export is not None:
            self._export.show_progress(done, total)

    def end_export(self, sentence: str) -> None:
        """Tell how the export ended, well or not."""
        if self._export is not None:
            self._export.end(sentence)

    # What the user does

    def _switch(self, action: QAction) -> None:
        if action.data() != self.current.id:
            self.switch_wanted.emit(action.data())
        # Which one is in use is told by `set_subjects`, should it come to that.
        for switch in self._switches:
            switch.setChecked(switch.data() == self.current.id)

    def _restore(self) -> None:
        self.restore_wanted.emit(cast(QAction, self.sender()).data())

    def ask_for_subject(self) -> NameDialog:
        """Ask for a new subject's name."""
        dialog = NameDialog(
            self._window(),
            "New subject",
            "Who or what are you looking for? A person, a dog, a thing: one name for it.",
            "Create",
            taken=[one.name for one in self._entries],
        )
        dialog.named.connect(self.create_wanted)
        dialog.open()
        return dialog

    def ask_to_rename(self) -> NameDialog:
        """Ask for another name for the current subject."""
        entry = self.current
        taken = [one.name for one in self._entries if one.id != entry.id]
        dialog = NameDialog(
            self._window(),
            f"Rename “{_shown(entry)}”",
            "Its labels and all that was learned of it stay.",
            "Rename",
            taken=[*taken, *(one.name for one in entry.look_alikes)],
            name=entry.name,
        )
        dialog.about = entry.id
        dialog.named.connect(self._renamed)
        dialog.open()
        return dialog

    def _renamed(self, name: str) -> None:
        self.rename_wanted.emit(cast(NameDialog, self.sender()).about, name)

    def ask_to_delete(self) -> QMessageBox:
        """Ask whether the current subject may go to the deleted ones."""
        labels = sum(self._counts.values())
        what = f" and its {_labels(labels)} go" if labels else " goes"
        whose = _shown(self.current)
        box = _question(
            self._window(),
            f"Delete “{whose}”?",
            f"{whose}{what} to “Deleted subjects” in this menu. Nothing is lost: you can restore it from there, "
            "and your photos stay where they are.",
            "Delete",
        )
        box.setProperty("about", self.current.id)
        box.accepted.connect(self._delete_accepted)
        box.open()
        return box

    def _delete_accepted(self) -> None:
        self.delete_wanted.emit(self.sender().property("about"))

    def ask_for_look_alike(self) -> NameDialog:
        """Ask for the name of a look-alike of the current subject."""
        whose = _shown(self.current)
        dialog = NameDialog(
            self._window(),
            "New look-alike",
            f"Who or what is taken for {whose} again and again? With a bin of their own, their photos count for "
            f"more, and you see how often they are still taken for {whose}.",
            "Add",
            taken=self._names_within(),
        )
        dialog.named.connect(self.look_alike_create_wanted)
        dialog.open()
        return dialog

    def ask_to_rename_look_alike(self, look_alike_id: str) -> NameDialog | None:
        """Ask for another name for a look-alike of the current subject; None if there is none of this id."""
        one = self._look_alike(look_alike_id)
        if one is None:
            return None
        dialog = NameDialog(
            self._window(),
            f"Rename “{names.shown(one.name)}”",
            "Its labels stay.",
            "Rename",
            taken=[name for name in self._names_within() if name != one.name],
            name=one.name,
        )
        dialog.about = one.id
        dialog.named.connect(self._look_alike_renamed)
        dialog.open()
        return dialog

    def _look_alike_renamed(self, name: str) -> None:
        self.look_alike_rename_wanted.emit(cast(NameDialog, self.sender()).about, name)

    def ask_to_remove_look_alike(self, look_alike_id: str) -> QMessageBox | None:
        """Ask whether a look-alike's bin may go; None if there is none of this id."""
        one = self._look_alike(look_alike_id)
        if one is None:
            return None
        count = self._counts.get((Zone.NOT_SUBJECT, one.id), 0)
        no = Zone.NOT_SUBJECT.words(_shown(self.current))
        stay = "It has no labels." if not count else f"Its {_labels(count)} stay and count as “{no}”."
        box = _question(
            self._window(),
            f"Remove the look-alike “{names.shown(one.name)}”?",
            f"{stay} Add a look-alike of this name again, and it gets them back.",
            "Remove",
        )
        box.setProperty("about", one.id)
        box.accepted.connect(self._removal_accepted)
        box.open()
        return box

    def _removal_accepted(self) -> None:
        self.look_alike_remove_wanted.emit(self.sender().property("about"))

    def ask_for_import(self) -> QFileDialog:
        """Ask for the folder that labels are taken from."""
        dialog = _folder_dialog(self._window(), "Import labelled folder: it holds NAME and not_NAME")
        dialog.fileSelected.connect(self._import_chosen)
        dialog.open()
        return dialog

    def _import_chosen(self, folder: str) -> None:
        self.import_wanted.emit(folder)

    def ask_for_export(self) -> ExportDialog:
        """Ask where to put the labelled photos, and show how it goes."""
        if self._export is None:
            self._export = ExportDialog(self._window())
            self._export.wanted.connect(self.export_wanted)
            self._export.stopped.connect(self.export_stopped)
            self._export.finished.connect(self._export_closed)
            self._export.set_labels(self.current, self._counts)
        self._export.open()
        return self._export

    def _export_closed(self) -> None:
        if self._export is not None:
            self._export.deleteLater()
            self._export = None

    # Inside

    def _window(self) -> QWidget | None:
        parent = self.parentWidget()
        return None if parent is None else parent.window()

    def _look_alike(self, look_alike_id: str) -> LookAlike | None:
        return next((one for one in self.current.look_alikes if one.id == look_alike_id), None)

    def _names_within(self) -> list[str]:
        return [self.current.name, *(one.name for one in self.current.look_alikes)]


class SubjectButton(QToolButton):
    """The name of the subject in use; a click opens the menu."""

    def __init__(self, menu: SubjectMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._menu = menu
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        menu.changed.connect(self._describe)
        self._describe()

    def _describe(self) -> None:
        name = _shown(self._menu.current)
        self.setAccessibleName(f"Subject: {name}")
        self.setToolTip(
            names.in_tool_tip(f"You are looking for {name}.\nClick for another subject, or a new one.")
        )
        self.update()

    def sizeHint(self) -> QSize:
        # Always the same, so that nothing moves when another subject is chosen.
        height = QFontMetrics(theme.font(theme.TEXT_BODY, bold=True)).height()
        return QSize(18 * theme.GRID, height + theme.GRID)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        t, half = theme.tokens(), theme.GRID / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.underMouse() or self.isDown()
        painter.setPen(QPen(QColor(t.focus), 1.5) if self.hasFocus() else QPen(QColor(t.line), 1))
        painter.setBrush(QColor(t.placeholder if on else t.raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75), half, half)
        font = theme.font(theme.TEXT_BODY, bold=True)
        room = QRectF(self.rect()).adjusted(theme.GRID, 0, -2.5 * theme.GRID, 0)
        name = QFontMetrics(font).elidedText(
            _shown(self._menu.current), Qt.TextElideMode.ElideRight, int(room.width())
        )
        painter.setFont(font)
        painter.setPen(QColor(t.text))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), name)
        painter.setPen(QPen(QColor(t.muted), 1.5))
        tip = QPointF(self.width() - 1.5 * theme.GRID, self.height() / 2 + 2)
        painter.drawPolyline([tip + QPointF(-4, -4), tip, tip + QPointF(4, -4)])


class NameDialog(QDialog):
    """Asks for one name, and says while it is typed why it won't do."""

    named = Signal(str)

    def __init__(
        self,
        parent: QWidget | None,
        title: str,
        text: str,
        action: str,
        *,
        taken: Sequence[str] = (),
        name: str = "",
    ) -> None:
        """taken: names that can't be given; name: the one that it has, if any."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.about = ""
        """The id of what is named, for the caller."""
        self._taken, self._before = list(taken), name
        heading = _label(title, size=theme.TEXT_TITLE, width=_NAME_WIDTH)
        self._field = QLineEdit(name)
        self._field.setAccessibleName("Name")
        self._field.selectAll()
        self._problem = _label("", size=theme.TEXT_SMALL, muted=True)
        self._problem.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        # Room for two lines, so that nothing moves when there is something to say.
        self._problem.setMinimumHeight(2 * QFontMetrics(self._problem.font()).lineSpacing())
        buttons, self._go = _buttons(action)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = _column(self)
        words = _label(text, muted=True, width=_NAME_WIDTH)
        for widget in (heading, words, self._field, self._problem, buttons):
            column.addWidget(widget)
        column.insertSpacing(2, theme.GRID // 2)
        self._go.setDefault(True)
        self._field.textChanged.connect(self._check)
        self._check()
        self._problem.setText("")  # nothing is wrong before anything was typed

    def _check(self) -> None:
        problem = name_problem(self._field.text(), self._taken)
        self._problem.setText(problem)
        self._field.setAccessibleDescription(problem)
        self._go.setEnabled(not problem and self._field.text() != self._before)

    def accept(self) -> None:
        if self._go.isEnabled():
            self.named.emit(self._field.text())
            super().accept()


def name_problem(name: str, taken: Sequence[str]) -> str:
    """Why `name` can't be given, in a sentence, or "" if it can; `taken` are names that others have."""
    try:
        fit_name(name, taken)
    except BadName as error:
        return str(error)
    return ""


class ExportDialog(QDialog):
    """Asks where to put labelled photos and how, then shows how it goes and how it ended."""

    wanted = Signal(object, bool)
    """Folder, and whether to make hard links instead of copies"""
    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export labels")
        self._folder = ""
        self._total = 0
        self._running = False
        self._heading = _label("", size=theme.TEXT_TITLE)
        self._what = QGridLayout()
        self._what.setHorizontalSpacing(2 * theme.GRID)
        self._what.setVerticalSpacing(theme.GRID // 2)
        self._what.setColumnStretch(2, 1)
        self._field = QLineEdit(readOnly=True, placeholderText="No folder chosen yet")
        self._field.setAccessibleName("Into the folder")
        self._choose = QPushButton("Choose…")
        self._choose.setAccessibleName("Choose the folder")
        self._choose.clicked.connect(self._ask_for_folder)
        self._how = QComboBox()
        self._how.setAccessibleName("As copies or hard links")
        self._how.addItems(
            ["copies", "hard links: they need no room; where there can be none, copies are made"]
        )
        self._bar = QProgressBar(textVisible=False)
        self._bar.setAccessibleName("Photos exported")
        self._bar.setFixedHeight(theme.GRID // 2)
        _keep_room(self._bar)
        self._said = _label("")
        self._said.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._said.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        buttons, self._go = _buttons("Export")
        self._cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self._open = buttons.addButton("Open folder", QDialogButtonBox.ButtonRole.ActionRole)
        self._open.setAutoDefault(False)
        _keep_room(self._open)
        self._open.hide()
        self._open.clicked.connect(self._open_folder)
        buttons.accepted.connect(self._start)
        buttons.rejected.connect(self.reject)

        choices = QGridLayout()
        choices.setSpacing(theme.GRID)
        choices.addWidget(QLabel("Into"), 0, 0)
        choices.addWidget(self._field, 0, 1)
        choices.addWidget(self._choose, 0, 2)
        choices.addWidget(QLabel("As"), 1, 0)
        choices.addWidget(self._how, 1, 1, 1, 2)
        choices.setColumnStretch(1, 1)
        column = _column(self)
        column.addWidget(self._heading)
        promise = (
            "Your photos stay where they are, and nothing is overwritten. "
            "Any program that learns from folders can learn from these:"
        )
        column.addWidget(_label(promise, muted=True, width=_EXPORT_WIDTH))
        column.addLayout(self._what)
        column.addSpacing(theme.GRID)
        column.addLayout(choices)
        column.addSpacing(theme.GRID)
        column.addWidget(self._bar)
        column.addWidget(self._said)
        column.addStretch(1)
        column.addWidget(buttons)
        self._go.setDefault(True)
        self._choose.setFocus()
        self._show_state()

    def set_labels(self, subject: SubjectEntry, counts: Mapping[tuple[Zone, str], int]) -> None:
        """What will be written: the labels of `subject`, counted by zone and look-alike's id ("" for none)."""
        whose = _shown(subject)
        self._heading.setText(f"Export the labels of {whose}")
        self._heading.setMinimumHeight(self._heading.heightForWidth(_EXPORT_WIDTH))
        groups = {one.id: names.shown(one.name) for one in subject.look_alikes}
        folders = {Zone.SUBJECT.label(whose): 0, Zone.NOT_SUBJECT.label(whose): 0}
        for (zone, group), count in counts.items():
            within = f"/{groups[group]}" if group in groups else ""
            folder = zone.label(whose) + within
            folders[folder] = folders.get(folder, 0) + count
        for at, (folder, count) in enumerate(
            sorted(folders.items(), key=lambda one: one[0].startswith("not_"))
        ):
            label = QLabel(textFormat=Qt.TextFormat.PlainText)
            room, middle = _EXPORT_WIDTH * 2 // 3, Qt.TextElideMode.ElideMiddle
            label.setText(f"{label.fontMetrics().elidedText(folder, middle, room)}/")
            label.setToolTip(names.in_tool_tip(f"{folder}/"))
            self._what.addWidget(label, at, 0)
            number = QLabel(names.photos(count))
            number.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            self._what.addWidget(number, at, 1)
        self._total = sum(counts.values())
        if not self._total:
            self._said.setText(f"Nothing is labelled yet. Label a few photos of {whose} and of others first.")
        self._show_state()

    def set_folder(self, folder: str) -> None:
        """Where to; as if the user had chosen it."""
        self._folder = folder
        self._field.setText(names.shown(folder))
        self._show_state()
        (self._go if self._go.isEnabled() else self._choose).setFocus()

    def show_progress(self, done: int, total: int) -> None:
        """How far it has come: `done` of `total` photos."""
        self._bar.setRange(0, max(1, total))
        self._bar.setValue(done)
        self._said.setText(f"{done:,} of {names.photos(total)}")

    def end(self, sentence: str) -> None:
        """It has ended, well or not, as `sentence` says."""
        self._running = False
        self._said.setText(sentence)
        self._said.setAccessibleName(sentence)
        self._show_state()
        self._go.hide()
        self._open.show()
        self._cancel.setText("Close")
        self._cancel.setEnabled(True)
        self._cancel.setFocus()

    def reject(self) -> None:
        """Close; while it works, ask it to stop instead, and stay to say how far it came."""
        if not self._running:
            super().reject()
        elif self._cancel.isEnabled():
            self._cancel.setEnabled(False)
            self.stopped.emit()

    def _ask_for_folder(self) -> None:
        dialog = _folder_dialog(self, "Export into a folder")
        if self._folder:
            dialog.setDirectory(self._folder)
        dialog.fileSelected.connect(self.set_folder)
        dialog.open()

    def _start(self) -> None:
        self._running = True
        self._said.setText("")
        self._show_state()
        self._cancel.setText("Stop")
        self.wanted.emit(self._folder, self._how.currentIndex() == 1)

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(names.to_url(self._folder))

    def _show_state(self) -> None:
        for widget in (self._field, self._choose, self._how):
            widget.setEnabled(not self._running)
        self._bar.setVisible(self._running)
        self._go.setEnabled(not self._running and bool(self._folder) and self._total > 0)


def _shown(entry: SubjectEntry) -> str:
    return Zone.SUBJECT.words(names.shown(entry.name))


def _labels(count: int) -> str:
    return "1 label" if count == 1 else f"{count:,} labels"


def _when_deleted(entry: SubjectEntry) -> str:
    try:
        return f", deleted {ago(datetime.fromisoformat(entry.deleted).timestamp(), time.time())}"
    except ValueError:
        return ""


def _label(text: str, *, size: float = theme.TEXT_BODY, muted: bool = False, width: int = 0) -> QLabel:
    """Wrapping plain text, which a name in it never turns into markup; none of it is cut off at `width`."""
    made = QLabel(text, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    made.setFont(theme.font(size))
    if muted:
        made.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    if width:
        made.setMinimumSize(width, made.heightForWidth(width))
    return made


def _column(dialog: QDialog) -> QVBoxLayout:
    column = QVBoxLayout(dialog)
    column.setContentsMargins(2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID)
    column.setSpacing(theme.GRID)
    return column


def _buttons(action: str) -> tuple[QDialogButtonBox, QPushButton]:
    """Cancel and the button that does it; to be made the default once it is in its dialog."""
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    go = box.addButton(action, QDialogButtonBox.ButtonRole.AcceptRole)
    _undress(box.buttons())
    return box, go


def _undress(buttons: Sequence[QAbstractButton]) -> None:
    for button in buttons:
        button.setIcon(QIcon())  # a style's own icons follow no dark scheme


def _keep_room(widget: QWidget) -> None:
    """Have its place kept while it is hidden: nothing jumps when it comes."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)


def _question(parent: QWidget | None, title: str, text: str, action: str) -> QMessageBox:
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Lennonnet")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(title)
    box.setInformativeText(text)
    box.addButton(action, QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    _undress(box.buttons())
    return box


def _folder_dialog(parent: QWidget | None, title: str) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(Path.home()))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return dialog
