"""Where the photos of a zone go: a row of the first page, and what its pattern would make of a photo."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QPushButton, QWidget

from lennonnet_gui import names, theme
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
_DEFAULTS = {Zone.SUBJECT: "{subject}", Zone.UNSURE: "not_sure", Zone.NOT_SUBJECT: "not_{subject}"}


class Target(QWidget):
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
        self.field.setbad_words(bad)

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

    def setbad_words(self, bad: bool) -> None:
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


def bad_words(rules: Rules, zone: Zone) -> str:
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
