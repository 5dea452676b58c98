"""What to do with the photos and where they go: the first page of sorting, with a live example of each target."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.sort_targets import FIELDS, Check, FieldButton, Target, bad_words, example
from lennonnet_gui.training_before import Choice
from lennonnet_gui.training_parts import GAP, MARGIN, Button, Hairline, Words, foot
from training import sorting
from training.evaluate import Figures
from training.sorting import Action, Rules
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
        self.only_confirmed = Check("Only what I said myself; what was only guessed stays")
        self.along = Check("Sidecars, camera files beside their JPEG and Live Photos’ films go along")
        self.along.setChecked(True)
        self.verify = Check("Read every copy again and compare it")
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
        self.targets = {zone: Target(zone) for zone in (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT)}
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
        for name, words in FIELDS:
            button = FieldButton(name, words)
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
            words = bad_words(rules, zone)
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
