"""What to do with the photos and where they go: the first page of sorting, with a live example of each target."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QRect, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QFontMetrics
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
from lennonnet_gui.sort_remembered import Doing, How, Targets
from lennonnet_gui.sort_targets import (
    FIELDS,
    Check,
    FieldButton,
    Offer,
    Target,
    bad_words,
    example,
    whole_path,
)
from lennonnet_gui.training_before import Choice
from lennonnet_gui.training_parts import GAP, MARGIN, Button, Hairline, Words, foot
from training import sorting
from training.evaluate import Figures
from training.sorting import Action, Rules
from training.xmp_tags import Naming
from training.zones import Zone, Zones

_ZONES = (Zone.SUBJECT, Zone.UNSURE, Zone.NOT_SUBJECT)
_WAYS_WIDE = 30 * theme.GRID


@dataclass(frozen=True, slots=True)
class About:
    """What is sorted: the subject's name and id, its zones and figures, and the folder that is open."""

    subject: str
    folder: str
    zones: Zones = field(default_factory=Zones)
    figures: Figures | None = None
    subject_id: str = ""


_WAYS = (
    (Doing.MOVE, "Move", "The photos leave their folder."),
    (Doing.COPY, "Copy", "Copies go. That takes room."),
    (Doing.LINK, "Hard-link", "A second name for the same file; that takes no room."),
    (Doing.TAG, "Write tags", "For other photo programs, into files beside the photos."),
    (Doing.TABLE, "Write a table", "CSV or JSON, for other programs."),
)
_NAMINGS = (
    (Naming.FULL, "IMG_0412.CR2.xmp  (darktable, digiKam)"),
    (Naming.STEM, "IMG_0412.xmp  (Lightroom, Capture One)"),
)


class Way(Choice):
    """One of the things that can be done; as high as its words."""

    def heightForWidth(self, width: int) -> int:
        body = QFontMetrics(theme.font(theme.TEXT_BODY))
        room = QRect(0, 0, max(1, width - 7 * theme.GRID), 0)
        words = body.boundingRect(room, int(Qt.TextFlag.TextWordWrap), self.words()).height()
        return 4 * theme.GRID + body.height() + theme.GRID // 2 + words


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
        self._bad_place = self._other_place = ""
        self._chooser: QFileDialog | None = None
        self._title = Words(size=theme.TEXT_TITLE)
        self._line = Words(muted=True)
        self.choices: dict[Doing, Way] = {}
        self._group = QButtonGroup(self)
        ways = QVBoxLayout()
        ways.setSpacing(GAP // 2)
        for doing, name, words in _WAYS:
            way = self.choices[doing] = Way(name)
            way.set_words(words)
            way.setFixedWidth(_WAYS_WIDE)
            self._group.addButton(way)
            ways.addWidget(way)
        ways.addStretch(1)

        self.targets, self._rows = self._targets(tag=False)
        self.tags, self._tag_rows = self._targets(tag=True)
        self._last: QLineEdit = self.targets[Zone.SUBJECT].field
        self._where_to()
        self._tags_into()
        self._put_in_row()
        self._table_to()
        self.only_confirmed = Check("Only what I said myself; what was only guessed stays")
        self.only_confirmed_tags = Check("Only what I said myself; what was only guessed gets no tag")
        self.along = Check("Sidecars, camera files beside their JPEG and Live Photos’ films go along")
        self.verify = Check("Read every copy again and compare it")
        ticks = (self.along, self.verify, self.only_confirmed, self.only_confirmed_tags)

        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addWidget(self._title)
        column.addWidget(self._line)
        column.addSpacing(GAP)
        right = QVBoxLayout()
        right.setContentsMargins(0, GAP // 2, 0, 0)
        right.setSpacing(GAP)
        for widget in (self._where, self._tags_box, self._fields, self._table_box, *ticks):
            right.addWidget(widget)
        right.addStretch(1)
        halves = QHBoxLayout()
        halves.setSpacing(MARGIN)
        halves.addLayout(ways)
        halves.addLayout(right, 1)
        column.addLayout(halves, 1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
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
        for tick in ticks:
            tick.toggled.connect(self._changed)
        self.set_how(How())

    def _targets(self, *, tag: bool) -> tuple[dict[Zone, Target], QGridLayout]:
        targets = {zone: Target(zone, tag=tag) for zone in _ZONES}
        rows = QGridLayout()
        rows.setHorizontalSpacing(GAP)
        rows.setVerticalSpacing(GAP)
        rows.setColumnStretch(3, 1)
        for at, target in enumerate(targets.values()):
            target.changed.connect(self._changed)
            target.entered.connect(self._entered)
            high = max(target.goes.sizeHint().height(), target.field.sizeHint().height())
            for number, widget in enumerate((target.mark, target.name, target.goes)):
                widget.setMinimumHeight(high)
                rows.addWidget(widget, at, number, Qt.AlignmentFlag.AlignTop)
            target.place.setMinimumHeight(high)
            rows.addWidget(target.place, at, 3)
        return targets, rows

    def _where_to(self) -> None:
        self._where = QWidget()
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
        column = QVBoxLayout(self._where)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(Words("Into folders in", bold=True))
        column.addLayout(line)
        column.addWidget(self._place_trouble)
        column.addSpacing(GAP // 2)
        column.addLayout(self._rows)

    def _tags_into(self) -> None:
        self._tags_box = QWidget()
        self.naming = Offer()
        for naming, words in _NAMINGS:
            self.naming.addItem(words, naming)
        self.naming.setAccessibleName("What new sidecars are called")
        self.naming.currentIndexChanged.connect(self._changed)
        line = QHBoxLayout()
        line.setSpacing(GAP)
        called = Words("New sidecars are called")
        called.setWordWrap(False)
        line.addWidget(called)
        line.addWidget(self.naming)
        line.addStretch(1)
        column = QVBoxLayout(self._tags_box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(Words("Into sidecars beside the photos", bold=True))
        column.addWidget(
            Words(
                "No photo is touched. A sidecar that is there already keeps all that other programs wrote into it.",
                muted=True,
            )
        )
        column.addSpacing(GAP // 2)
        column.addLayout(self._tag_rows)
        column.addSpacing(GAP // 2)
        column.addLayout(line)

    def _put_in_row(self) -> None:
        self._fields = QWidget()
        fields = QHBoxLayout()
        fields.setSpacing(GAP // 2)
        fields.addWidget(Words("Put in:", muted=True, size=theme.TEXT_SMALL))
        for name, words in FIELDS:
            button = FieldButton(name, words)
            button.picked.connect(self._put_in)
            fields.addWidget(button)
        fields.addStretch(1)
        self._explained = Words(muted=True, size=theme.TEXT_SMALL)
        column = QVBoxLayout(self._fields)
        column.setContentsMargins(0, 0, 0, GAP)
        column.setSpacing(GAP // 2)
        column.addLayout(fields)
        column.addWidget(self._explained)

    def _table_to(self) -> None:
        self._table_box = QWidget()
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
                " a person or the model. No photo is touched.",
                muted=True,
                size=theme.TEXT_SMALL,
            )
        )

    # -- what is chosen

    def set_about(self, about: About, photos: int) -> None:
        """What is sorted, and how many photos there are; the targets are beside the photos."""
        if about.folder != self._about.folder:
            self._table = ""
        self._about = about
        self._root, self._bad_place, self._other_place = about.folder, "", ""
        whom = Zone.SUBJECT.words(names.shown(about.subject))
        self._title.setText(f"Sort out {names.photos(photos)}")
        where = f"Of “{names.folder_name(about.folder)}”, " if about.folder else ""
        self._line.setText(f"{where}by what is thought and said of {whom}." if where else f"By {whom}.")
        for target in (*self.targets.values(), *self.tags.values()):
            target.set_subject(about.subject)
        self._changed()

    def set_how(self, how: How) -> None:
        """Choose what was chosen before."""
        self.choices[how.doing].setChecked(True)  # first: the page shows what belongs to it
        for tick, on in (
            (self.along, how.along),
            (self.verify, how.verify),
            (self.only_confirmed, how.only_confirmed),
            (self.only_confirmed_tags, how.only_confirmed_tags),
        ):
            tick.setChecked(on)
        self.naming.setCurrentIndex(self.naming.findData(how.naming))
        self._changed()

    def how(self) -> How:
        """What is chosen, whoever is sorted by."""
        return How(
            self.doing,
            self.along.isChecked(),
            self.verify.isChecked(),
            self.only_confirmed.isChecked(),
            self.only_confirmed_tags.isChecked(),
            Naming(self.naming.currentData()),
        )

    def set_targets(self, targets: Targets) -> None:
        """Choose where the photos go and which tags they get."""
        for rows, choices in ((self.targets, targets.folders), (self.tags, targets.tags)):
            for zone, choice in choices.items():
                rows[zone].choose(choice)

    def chosen_targets(self) -> Targets:
        """Where the photos go and which tags they get, as it is chosen now."""
        return Targets(
            {zone: target.choice() for zone, target in self.targets.items()},
            {zone: target.choice() for zone, target in self.tags.items()},
        )

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
        tags = doing is Doing.TAG
        patterns = {zone: target.pattern() for zone, target in (self.tags if tags else self.targets).items()}
        return Rules(
            Action.COPY if doing is Doing.TABLE else Action(doing.value),
            self._about.subject,
            self._about.folder if tags else self._root,
            patterns[Zone.SUBJECT],
            patterns[Zone.NOT_SUBJECT],
            patterns[Zone.UNSURE],
            self._about.zones,
            self.along.isChecked(),
            (self.only_confirmed_tags if tags else self.only_confirmed).isChecked(),
            self.verify.isChecked(),
            Naming(self.naming.currentData()),
        )

    def use_root(self, folder: str) -> None:
        """Sort into this folder."""
        if folder:
            self._root, self._bad_place, self._other_place = folder, "", ""
            self._changed()

    def say_place_is_gone(self, folder: str) -> None:
        """The folder of the last time is not there any more: another one is chosen."""
        self._other_place = (
            f"“{names.folder_name(folder)}”, where they went before, isn’t there any more. The folders are made beside"
            " the photos, unless you choose another place."
        )
        self._say()

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
        doing = self.doing
        table, tags = doing is Doing.TABLE, doing is Doing.TAG
        folders = not table and not tags
        for widget, on in (
            (self._where, folders),
            (self._tags_box, tags),
            (self._fields, not table),
            (self._table_box, table),
            (self.along, folders),
            (self.only_confirmed, folders),
            (self.only_confirmed_tags, tags),
            (self.verify, doing is Doing.COPY),
        ):
            widget.setVisible(on)
        for target in self.targets.values():
            target.let_trash(doing is Doing.MOVE)
        self._explained.setText(
            "What stands in braces differs from photo to photo. A slash makes "
            + ("levels: “People/{subject}”." if tags else "folders in folders.")
        )
        self._beside.setEnabled(self._root != self._about.folder)
        self._place.setText(whole_path(self._root) or "Please choose a folder.")
        self._table_name.setText(whole_path(self._table) or "Please choose a file.")
        self._place_trouble.say(self._bad_place or self._other_place)
        bad = ""
        rules = self.rules()
        for zone, target in (self.tags if tags else self.targets).items():
            words = bad_words(rules, zone)
            bad = bad or words
            target.say(words or example(rules, zone, self._about.folder), bad=bool(words))
        if not bad and not table:
            bad = sorting.bad_target(rules)
            if bad and not self._trouble.text():
                self._trouble.setText(bad)
        place = self._bad_place if folders else ""
        self.plan_button.setText("Look at the list" if table else "Show the plan")
        self.plan_button.updateGeometry()
        self.plan_button.setEnabled(bool(self._table) if table else not bad and not place)

    @Slot(object)
    def _entered(self, field: QLineEdit) -> None:
        self._last = field

    @Slot(str)
    def _put_in(self, text: str) -> None:
        fields = [one.field for one in (*self.targets.values(), *self.tags.values())]
        fields = [field for field in fields if field.isVisibleTo(self)]
        field = self._last if self._last in fields else next(iter(fields), None)
        if field is not None:
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
