"""What to do with the photos and where they go: the first page of sorting, with a live example of each target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.training_before import Choice
from lennonnet_gui.training_parts import GAP, MARGIN, Button, Hairline, Words, foot, paint_rounded, paint_zone
from training import sorting
from training.evaluate import Figures
from training.photos import PhotoFile
from training.sorting import Action, Fate, Item, Rules
from training.sorting_disk import FILE, Place
from training.zones import Zone, Zones


class Doing(StrEnum):
    """What is done with the photos."""

    MOVE = "move"
    COPY = "copy"
    LINK = "link"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class About:
    """What is sorted: the subject's name, its zones and figures, and the folder that is open."""

    subject: str
    folder: str
    zones: Zones = field(default_factory=Zones)
    figures: Figures | None = None


_CHOICES = (
    (Doing.MOVE, "Move", "The photos leave their folder. All of it can be undone, next week as well."),
    (Doing.COPY, "Copy", "The photos stay where they are, and copies go. That takes room on the disk."),
    (Doing.LINK, "Hard-link", "The same file gets a second name, on the same drive. That takes no room."),
    (Doing.TABLE, "Write a table", "No file is touched. A list for other programs, as CSV or JSON."),
)
_DEFAULTS = {Zone.SUBJECT: "{subject}", Zone.UNSURE: "not_sure", Zone.NOT_SUBJECT: "not_{subject}"}
_FIELDS = (
    ("{subject}", "the subject’s name"),
    ("{zone}", "where it belongs, such as not_sure"),
    ("{year}", "the year it was taken in"),
    ("{month}", "the month it was taken in"),
    ("{name}", "its name"),
    ("{stem}", "its name without the ending"),
    ("{suffix}", "the ending, such as .jpg"),
)
_EXAMPLE = ("IMG_0412.jpg", "2024-07-21T10:30:00")


class ChooseFace(QWidget):
    """Asks what to do."""

    plan_clicked = Signal()
    close_clicked = Signal()
    root_changed = Signal()
    """Something is chosen: the folder may be looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about = About("subject", "")
        self._root = self._table = ""
        self._bad_place = ""
        self._chooser: QFileDialog | None = None
        self._title = Words(size=theme.TEXT_TITLE)
        self._line = Words(muted=True)
        self.choices: dict[Doing, Choice] = {}
        self._group = QButtonGroup(self)
        cards = QGridLayout()
        cards.setSpacing(GAP)
        for at, (doing, name, words) in enumerate(_CHOICES):
            choice = self.choices[doing] = Choice(name)
            choice.set_words(words)
            self._group.addButton(choice)
            cards.addWidget(choice, at // 2, at % 2)
        self.choices[Doing.MOVE].setChecked(True)

        self._where = QWidget()
        self._where_to()
        self._table_box = QWidget()
        self._table_to()
        self.only_confirmed = Tick("Only what I said myself; what was only guessed stays")
        self.along = Tick("Sidecars, camera files beside their JPEG and Live Photos’ films go along")
        self.along.setChecked(True)
        self.verify = Tick("Read every copy again and compare it")
        self.verify.setChecked(True)

        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addWidget(self._title)
        column.addWidget(self._line)
        column.addSpacing(GAP)
        column.addLayout(cards)
        column.addSpacing(GAP)
        for widget in (self._where, self._table_box, self.along, self.verify, self.only_confirmed):
            column.addWidget(widget)
        column.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        self._trouble = Words()
        self.plan_button = Button("Show the plan")
        self.plan_button.clicked.connect(self.plan_clicked)
        close = Button("Close", primary=False)
        close.clicked.connect(self.close_clicked)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(area, 1)
        whole.addWidget(Hairline())
        whole.addLayout(foot(self._trouble, close, self.plan_button))

        self._group.buttonClicked.connect(self._changed)
        for tick in (self.only_confirmed, self.along, self.verify):
            tick.toggled.connect(self._changed)
        self._changed()

    def _where_to(self) -> None:
        self._place = Words()
        self._place_trouble = Words()
        self._place_trouble.hide()
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose_root)
        self._beside = QPushButton("Beside the photos")
        self._beside.clicked.connect(self._go_beside)
        for button in (choose, self._beside):
            button.setAutoDefault(False)
        line = QHBoxLayout()
        line.setSpacing(GAP)
        line.addWidget(self._place, 1)
        line.addWidget(self._beside)
        line.addWidget(choose)
        self.targets = {zone: _Target(zone) for zone in (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT)}
        self._last: QLineEdit = self.targets[Zone.SUBJECT].field
        rows = QGridLayout()
        rows.setHorizontalSpacing(GAP)
        rows.setVerticalSpacing(GAP // 2)
        rows.setColumnStretch(3, 1)
        for at, target in enumerate(self.targets.values()):
            target.changed.connect(self._changed)
            target.entered.connect(self._entered)
            for number, widget in enumerate((target.mark, target.name, target.goes, target.field)):
                rows.addWidget(widget, 2 * at, number)
            rows.addWidget(target.words, 2 * at + 1, 3)
        fields = QHBoxLayout()
        fields.setSpacing(GAP // 2)
        fields.addWidget(Words("Put in:", muted=True, size=theme.TEXT_SMALL))
        for name, words in _FIELDS:
            button = _FieldButton(name, words)
            button.picked.connect(self._put_in)
            fields.addWidget(button)
        fields.addStretch(1)
        self._explained = Words(
            "In braces stands what differs from photo to photo: {subject} is the name, {zone} where it belongs, {year}"
            " and {month} when it was taken, {name} the photo’s name, {stem} that without its ending, {suffix} the"
            " ending. A slash makes folders in folders.",
            muted=True,
            size=theme.TEXT_SMALL,
        )
        column = QVBoxLayout(self._where)
        column.setContentsMargins(0, 0, 0, GAP)
        column.setSpacing(GAP)
        column.addWidget(Words("Into folders in", bold=True))
        column.addLayout(line)
        column.addWidget(self._place_trouble)
        column.addSpacing(GAP // 2)
        column.addLayout(rows)
        column.addLayout(fields)
        column.addWidget(self._explained)

    def _table_to(self) -> None:
        self._table_name = Words()
        choose = QPushButton("Choose…")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose_table)
        line = QHBoxLayout()
        line.addWidget(self._table_name, 1)
        line.addWidget(choose)
        column = QVBoxLayout(self._table_box)
        column.setContentsMargins(0, 0, 0, GAP)
        column.setSpacing(GAP)
        column.addWidget(Words("Into the file", bold=True))
        column.addLayout(line)
        column.addWidget(
            Words(
                "For each photo: its path, the hash of what it holds, the probability, the verdict, and who decided:"
                " a person or the model.",
                muted=True,
                size=theme.TEXT_SMALL,
            )
        )

    # -- what is chosen

    def set_about(self, about: About, photos: int) -> None:
        """What is sorted, and how many photos there are; targets are beside the photos at first."""
        if about.folder != self._about.folder or not self._root:
            self._root, self._bad_place = about.folder, ""
            self._table = ""
        self._about = about
        whom = Zone.SUBJECT.words(names.shown(about.subject))
        self._title.setText(f"Sort out {names.photos(photos)}")
        where = f"Of “{names.folder_name(about.folder)}”, " if about.folder else ""
        self._line.setText(f"{where}by what is thought and said of {whom}." if where else f"By {whom}.")
        for target in self.targets.values():
            target.set_subject(about.subject)
        self._changed()

    @property
    def doing(self) -> Doing:
        """What is chosen to be done."""
        return next(doing for doing, choice in self.choices.items() if choice.isChecked())

    @property
    def root(self) -> str:
        """The folder that the targets are in."""
        return self._root

    @property
    def table(self) -> str:
        """The file that a table is written to, or ""."""
        return self._table

    def rules(self) -> Rules:
        """How to sort, as it is chosen now; for a table, as little as can be."""
        doing = self.doing
        patterns = {zone: target.pattern() for zone, target in self.targets.items()}
        return Rules(
            Action.COPY if doing is Doing.TABLE else Action(doing.value),
            self._about.subject,
            self._root,
            patterns[Zone.SUBJECT],
            patterns[Zone.NOT_SUBJECT],
            patterns[Zone.UNSURE],
            self._about.zones,
            self.along.isChecked(),
            self.only_confirmed.isChecked(),
            self.verify.isChecked(),
        )

    def use_root(self, folder: str) -> None:
        """Sort into this folder."""
        if folder:
            self._root, self._bad_place = folder, ""
            self._changed()

    def use_table(self, file: str) -> None:
        """Write the table to this file; CSV unless its name ends in .json."""
        if file:
            self._table = file if file.lower().endswith((".csv", ".json")) else f"{file}.csv"
            self._changed()

    def set_place_trouble(self, folder: str, words: str) -> None:
        """Why nothing can go into a folder, or ""; said where it is still the one that is chosen."""
        if folder == self._root:
            self._bad_place = words
            self._say()

    def say_trouble(self, words: str) -> None:
        """Why there is no plan."""
        self._trouble.setText(words)

    # -- live words

    @Slot()
    def _changed(self) -> None:
        self._trouble.setText("")
        self._say()
        self.root_changed.emit()

    def _say(self) -> None:
        table = self.doing is Doing.TABLE
        self._where.setVisible(not table)
        self._table_box.setVisible(table)
        self.along.setVisible(not table)
        self.only_confirmed.setVisible(not table)
        self.verify.setVisible(self.doing is Doing.COPY)
        self._beside.setEnabled(self._root != self._about.folder)
        self._place.setText(names.shown(self._root) or "Please choose a folder.")
        self._table_name.setText(names.shown(self._table) or "Please choose a file.")
        self._place_trouble.say(self._bad_place)
        bad = ""
        rules = self.rules()
        for zone, target in self.targets.items():
            words = _bad(rules, zone)
            bad = bad or words
            target.say(words or example(rules, zone, self._about.folder), bad=bool(words))
        if not bad and not table:
            bad = sorting.bad_target(rules)
            if bad and not self._trouble.text():
                self._trouble.setText(bad)
        self.plan_button.setText("Look at the list" if table else "Show the plan")
        self.plan_button.updateGeometry()
        self.plan_button.setEnabled(bool(self._table) if table else not bad and not self._bad_place)

    @Slot(object)
    def _entered(self, field: QLineEdit) -> None:
        self._last = field

    @Slot(str)
    def _put_in(self, text: str) -> None:
        field = self._last
        if field.isEnabled():
            field.insert(text)
            field.setFocus()

    # -- choosers

    @Slot()
    def _choose_root(self) -> None:
        self._chooser = QFileDialog(self, "Sort into folders in")
        self._chooser.setFileMode(QFileDialog.FileMode.Directory)
        self._chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        if self._root:
            self._chooser.setDirectoryUrl(names.to_url(self._root))
        self._chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._chooser.urlSelected.connect(self._root_chosen)
        self._chooser.open()

    @Slot(QUrl)
    def _root_chosen(self, url: QUrl) -> None:
        self.use_root(names.from_url(url))

    @Slot()
    def _go_beside(self) -> None:
        self.use_root(self._about.folder)

    @Slot()
    def _choose_table(self) -> None:
        self._chooser = QFileDialog(self, "Write a table to")
        self._chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self._chooser.setNameFilters(["Tables (*.csv)", "JSON (*.json)"])
        self._chooser.setDefaultSuffix("csv")
        self._chooser.filterSelected.connect(self._suffix_chosen)
        if self._about.folder:
            self._chooser.setDirectoryUrl(names.to_url(self._about.folder))
        self._chooser.selectFile("photos.csv")
        self._chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._chooser.urlSelected.connect(self._table_chosen)
        self._chooser.open()

    @Slot(str)
    def _suffix_chosen(self, chosen: str) -> None:
        if self._chooser is not None:
            self._chooser.setDefaultSuffix("json" if "json" in chosen else "csv")

    @Slot(QUrl)
    def _table_chosen(self, url: QUrl) -> None:
        self.use_table(names.from_url(url))


class _Target(QWidget):
    """Where the photos of a zone go: the parts of a row, which stand in one grid with the others."""

    changed = Signal()
    entered = Signal(object)  # the field that has the cursor now

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self.hide()
        self.zone = zone
        self.mark = _Mark(zone)
        self.name = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.goes = QComboBox()
        self.goes.addItems(["go to", "stay"])
        self.goes.setCurrentIndex(int(zone is Zone.UNSURE))
        self.field = _Field(_DEFAULTS[zone])
        self.field.entered.connect(self.entered)
        self.words = Words(muted=True, size=theme.TEXT_SMALL)
        self.goes.currentIndexChanged.connect(self._switched)
        self.field.textEdited.connect(self.changed)
        self.field.textChanged.connect(self.changed)
        self._switched()

    def set_subject(self, subject: str) -> None:
        whom = self.zone.words(names.shown(subject))
        self.name.setText(whom[:1].upper() + whom[1:])
        self.goes.setAccessibleName(f"What happens to {whom}")
        self.field.setAccessibleName(f"Where {whom} goes")

    def pattern(self) -> str | None:
        """The pattern; None if the photos stay."""
        return self.field.text().strip() if self.goes.currentIndex() == 0 else None

    def say(self, words: str, *, bad: bool) -> None:
        self.words.setText(words)
        self.words.setForegroundRole(self.name.foregroundRole() if bad else self._muted)
        self.field.set_bad(bad)

    @property
    def _muted(self) -> QPalette.ColorRole:
        return QPalette.ColorRole.PlaceholderText

    @Slot()
    def _switched(self) -> None:
        self.field.setEnabled(self.goes.currentIndex() == 0)
        self.changed.emit()


class _Field(QLineEdit):
    """A line for a pattern; what is wrong in it stands below, and its frame says so too."""

    entered = Signal(object)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._bad = False

    def set_bad(self, bad: bool) -> None:
        if bad != self._bad:
            self._bad = bad
            self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn:
            self.entered.emit(self)
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._bad:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme.tokens().text), 2, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)


class _Mark(QWidget):
    """A zone's glyph."""

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self._zone = zone
        self.setFixedSize(QSize(2 * theme.GRID + 2, 2 * theme.GRID + 2))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_zone(painter, self._zone, QRectF(self.rect()).adjusted(1, 1, -1, -1))


class _FieldButton(QPushButton):
    """Puts a field into the pattern."""

    picked = Signal(str)

    def __init__(self, field: str, words: str) -> None:
        super().__init__(field)
        self._field = field
        self.setToolTip(f"{field}: {words}")
        self.setAccessibleDescription(words)
        self.setFont(theme.font(theme.TEXT_SMALL))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # the cursor stays where it is
        self.setAutoDefault(False)
        self.setFlat(True)
        self.clicked.connect(self._pick)

    @Slot()
    def _pick(self) -> None:
        self.picked.emit(self._field)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._field) + 2 * theme.GRID, metrics.height() + theme.GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = t.focus if self.hasFocus() else t.muted if self.underMouse() else t.line
        paint_rounded(
            painter, QRectF(self.rect()).adjusted(1, 1, -1, -1), QPen(QColor(edge), 1), QColor(t.raised)
        )
        painter.setPen(QColor(t.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._field)


class Tick(QCheckBox):
    """A check box that can be seen in the dark; its words wrap nowhere."""

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(
            3 * theme.GRID + metrics.horizontalAdvance(self.text()) + 4, metrics.height() + theme.GRID
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(20 * theme.GRID, self.sizeHint().height())

    def hitButton(self, pos: object) -> bool:
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = 2 * theme.GRID
        box = QRectF(0.5, (self.height() - edge) / 2 + 0.5, edge - 1, edge - 1)
        on = self.isChecked()
        pen = QPen(QColor(t.focus if self.hasFocus() else t.muted), 2 if self.hasFocus() else 1)
        painter.setPen(pen)
        painter.setBrush(QColor(t.text if on else t.raised))
        painter.drawRoundedRect(box, 3, 3)
        if on:
            theme.paint_glyph(painter, Zone.SUBJECT, box.adjusted(3, 3, -3, -3), QColor(t.panel))
        painter.setPen(QColor(t.text))
        words = self.rect().adjusted(edge + GAP, 0, 0, 0)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), self.text())


# -------------------------------------------------------------------------------------------------------- the example


class NoDisk:
    """A disk that is none, with one photo on it: for what is only to be thought of."""

    def __init__(self, photo: str = "") -> None:
        self._folder, self._name = os.path.split(photo)

    def listing(self, folder: str) -> Mapping[str, str] | None:
        """That photo in its folder, and nothing elsewhere."""
        return {self._name: FILE} if folder == self._folder else {}

    def file(self, path: str) -> PhotoFile | None:
        """No file."""
        return None

    def digest(self, file: PhotoFile) -> bytes | None:
        """Nothing."""
        return None

    def place(self, folder: str) -> Place:
        """Every folder is there."""
        return Place((1, hash(folder)), 1)


def example(rules: Rules, zone: Zone, folder: str) -> str:
    """Where a made-up photo of a zone would go, in words; looks at no disk. The rules must be good."""
    if rules.target(zone) is None:
        return "They stay where they are."
    name, taken = _EXAMPLE
    path = os.path.join(folder or os.sep, name)  # noqa: PTH118
    item = Item(PhotoFile(path, 1, 0), None, 0.5, None, taken)
    rules = replace(
        rules,
        root=rules.root or os.sep,
        action=Action.COPY,
        only_confirmed=False,
        zones=_ALL[zone],
        to_subject=rules.to_subject if zone is Zone.SUBJECT else None,
        to_unsure=rules.to_unsure if zone is Zone.UNSURE else None,
        to_not_subject=rules.to_not_subject if zone is Zone.NOT_SUBJECT else None,
    )
    row = sorting.plan([item], rules, NoDisk(path)).rows[0]
    if row.fate is Fate.THERE:
        return "They stay where they are: that is the folder they are in."
    if row.target is None:
        return f"For example, {name} {row.problem}." if row.problem else ""
    root = os.path.join(os.path.abspath(rules.root), "")  # noqa: PTH100, PTH118
    target = row.target.removeprefix(root)
    return f"For example: {name} taken in July 2024 → {names.shown(target)}"


_ALL = {Zone.SUBJECT: Zones(0.0, 0.0), Zone.UNSURE: Zones(0.0, 1.0), Zone.NOT_SUBJECT: Zones(1.0, 1.0)}


def _bad(rules: Rules, zone: Zone) -> str:
    """What is wrong with the target of one zone alone, as a sentence, or ""."""
    pattern = rules.target(zone)
    if pattern is None:
        return ""
    if not pattern:
        return "Please name a folder, or choose “stay”."
    alone = replace(
        rules,
        root=rules.root or os.sep,
        to_subject=pattern if zone is Zone.SUBJECT else None,
        to_unsure=pattern if zone is Zone.UNSURE else None,
        to_not_subject=pattern if zone is Zone.NOT_SUBJECT else None,
    )
    return sorting.bad_target(alone)
