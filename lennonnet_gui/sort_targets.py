"""What happens to the photos of a zone: a row of the first page, and what its pattern would make of a photo."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.sort_remembered import FOLDERS, TAGS, Choice, Goes
from lennonnet_gui.training_parts import GAP, Words, paint_rounded, paint_zone
from training import sorting
from training.photos import PhotoFile
from training.sorting import Action, Fate, Item, Rules
from training.sorting_disk import FILE, Place
from training.zones import Zone, Zones

_EXAMPLE = ("IMG_0412.jpg", "2024-07-21T10:30:00")
FIELDS = (
    ("{subject}", "the subject’s name"),
    ("{zone}", "where it belongs, such as not_sure"),
    ("{year}", "the year it was taken in"),
    ("{month}", "the month it was taken in"),
    ("{name}", "its name"),
    ("{stem}", "its name without the ending"),
    ("{suffix}", "the ending, such as .jpg"),
)
_WAYS = {
    False: ((Goes.TO, "go to"), (Goes.STAY, "stay"), (Goes.TRASH, "go to the trash")),
    True: ((Goes.TO, "get the tag"), (Goes.STAY, "get no tag")),
}
_TRASHED = (
    "To the trash of this computer. They can be taken back from there."
    if sys.platform in ("win32", "darwin")
    else "To the trash of this computer. They can be brought back from there, next week as well."
)


class Target(QWidget):
    """Where the photos of a zone go, or which tag they get: the parts of a row, in one grid with the others."""

    changed = Signal()
    entered = Signal(object)  # the field that has the cursor now

    def __init__(self, zone: Zone, *, tag: bool = False) -> None:
        super().__init__()
        self.hide()
        self.zone = zone
        self._tag = tag
        self.mark = _Mark(zone)
        self.name = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.goes = Offer()
        for way, words in _WAYS[tag]:
            self.goes.addItem(words, way)
        self.field = _Field()
        self.field.entered.connect(self.entered)
        self.words = Words(muted=True, size=theme.TEXT_SMALL)
        self.place = QWidget()
        column = QVBoxLayout(self.place)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 4)
        column.addWidget(self.field)
        column.addWidget(self.words)
        self.goes.currentIndexChanged.connect(self._switched)
        self.field.textEdited.connect(self.changed)
        self.field.textChanged.connect(self.changed)
        self.choose((TAGS if tag else FOLDERS)[zone])

    def set_subject(self, subject: str) -> None:
        whom = self.zone.words(names.shown(subject))
        self.name.setText(whom[:1].upper() + whom[1:])
        self.goes.setAccessibleName(f"What happens to {whom}")
        self.field.setAccessibleName(f"Which tag {whom} gets" if self._tag else f"Where {whom} goes")

    @property
    def way(self) -> Goes:
        """What happens to the photos."""
        return Goes(self.goes.currentData())

    def choose(self, choice: Choice) -> None:
        """Have this happen to the photos."""
        self.field.setText(choice.pattern)
        self.goes.setCurrentIndex(self.goes.findData(choice.goes))
        self._switched()

    def choice(self) -> Choice:
        """What is chosen."""
        return Choice(self.way, self.field.text())

    def let_trash(self, may: bool) -> None:
        """Whether they may go to the trash; if not, they stay."""
        at = self.goes.findData(Goes.TRASH)
        if may and at < 0:
            self.goes.addItem(*reversed(_WAYS[False][-1]))
        elif not may and at >= 0:
            if self.way is Goes.TRASH:
                self.goes.setCurrentIndex(self.goes.findData(Goes.STAY))
            self.goes.removeItem(at)

    def pattern(self) -> str | None:
        """The pattern, `sorting.TRASH`, or None if the photos stay as they are."""
        return {Goes.TO: self.field.text().strip(), Goes.STAY: None, Goes.TRASH: sorting.TRASH}[self.way]

    def say(self, words: str, *, bad: bool) -> None:
        self.words.setText(words)
        self.words.setForegroundRole(self.name.foregroundRole() if bad else self._muted)
        self.field.set_bad(bad)

    @property
    def _muted(self) -> QPalette.ColorRole:
        return QPalette.ColorRole.PlaceholderText

    @Slot()
    def _switched(self) -> None:
        self.field.setVisible(self.way is Goes.TO)
        self.changed.emit()


class Offer(QComboBox):
    """A choice of a few; the wheel scrolls the page that it is on, and chooses nothing by the way."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _Field(QLineEdit):
    """A line for a pattern; what is wrong in it stands below, and its frame says so too."""

    entered = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(False)  # photos dragged over it are no pattern
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
        self.setFixedWidth(2 * theme.GRID + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = 2 * theme.GRID
        paint_zone(painter, self._zone, QRectF(1, (self.height() - edge) / 2, edge, edge))


class FieldButton(QPushButton):
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


class Check(QCheckBox):
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


def whole_path(folder: str) -> str:
    """A folder with all that it is in, the user's own folder as ``~``; "" for none."""
    return os.path.join(names.folder_place(folder), names.folder_name(folder)) if folder else ""  # noqa: PTH118


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

    def read(self, path: str) -> bytes:
        """Nothing."""
        raise FileNotFoundError(path)


def example(rules: Rules, zone: Zone, folder: str) -> str:
    """What would become of a made-up photo of a zone, in words; looks at no disk. The rules must be good."""
    tags = rules.action is Action.TAG
    if rules.target(zone) is None:
        return "" if tags else "They stay where they are."
    if rules.target(zone) == sorting.TRASH:
        return _TRASHED
    name, taken = _EXAMPLE
    path = os.path.join(folder or os.sep, name)  # noqa: PTH118
    item = Item(PhotoFile(path, 1, 0), None, 0.5, None, taken)
    rules = replace(
        _alone(rules, zone),
        action=Action.TAG if tags else Action.COPY,
        only_confirmed=False,
        zones=_ALL[zone],
    )
    row = sorting.plan([item], rules, NoDisk(path)).rows[0]
    if row.fate is Fate.THERE:
        return "They stay where they are: that is the folder they are in."
    if row.target is None:
        return f"For example, {name} {row.problem}." if row.problem else ""
    if tags:
        written = ", ".join(names.shown(tag) for tag in row.add)
        return f"For example: {name} gets “{written}”, in {names.folder_name(row.target)}"
    root = os.path.join(os.path.abspath(rules.root), "")  # noqa: PTH100, PTH118
    target = row.target.removeprefix(root)
    dated = any(field in (rules.target(zone) or "") for field in ("{year}", "{month}"))
    return f"For example: {name}{' taken in July 2024' if dated else ''} → {names.shown(target)}"


_ALL = {Zone.SUBJECT: Zones(0.0, 0.0), Zone.UNSURE: Zones(0.0, 1.0), Zone.NOT_SUBJECT: Zones(1.0, 1.0)}


def bad_words(rules: Rules, zone: Zone) -> str:
    """What is wrong with the target of one zone alone, as a sentence, or ""."""
    pattern = rules.target(zone)
    if pattern is None:
        return ""
    if not pattern:
        if rules.action is Action.TAG:
            return "Please name a tag, or choose “get no tag”."
        return "Please name a folder, or choose “stay”."
    return sorting.bad_target(_alone(rules, zone))


def _alone(rules: Rules, zone: Zone) -> Rules:
    """The rules if all other zones' photos stayed."""
    return replace(
        rules,
        root=rules.root or os.sep,
        to_subject=rules.to_subject if zone is Zone.SUBJECT else None,
        to_unsure=rules.to_unsure if zone is Zone.UNSURE else None,
        to_not_subject=rules.to_not_subject if zone is Zone.NOT_SUBJECT else None,
    )
