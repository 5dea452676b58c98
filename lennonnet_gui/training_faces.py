"""The three faces of the training dialog: what will be learned from, how it goes, and what came of it.

They show what they are told and tell what was clicked; what happens then is the dialog's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
    QValidator,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.curves import Curves
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.pages import StepButton
from training import finetune
from training.evaluate import Figures, GroupFigure
from training.finetune import Baseline, Batch, Epoch, Found, Preparing, Settings
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture
    from training.photos import PhotoFile

MARGIN = 3 * theme.GRID
_GAP = theme.GRID
_RADIUS = theme.GRID * 0.75
_REFRESH_MS = 200  # words that change with every batch would flicker

_WRAP = int(Qt.TextFlag.TextWordWrap)


# -- words


def duration(seconds: float) -> str:
    """A time to come, as one says it: ``about 4 minutes``."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 50:
        return f"about {round(seconds / 10) * 10} seconds"
    minutes = seconds / 60
    if minutes < 1.5:
        return "about a minute"
    if minutes < 55:
        return f"about {round(minutes)} minutes"
    hours = minutes / 60
    return "about an hour" if hours < 1.25 else f"about {f'{hours:.1f}'.removesuffix('.0')} hours"


def group_name(group: str, subject: str, *, is_subject: bool) -> str:
    """A group as it is shown: John, not John, or the look-alike's own name."""
    if is_subject:
        return Zone.SUBJECT.words(names.shown(subject))
    if group.casefold() == f"not_{subject}".casefold():
        return Zone.NOT_SUBJECT.words(names.shown(subject))
    return names.shown(group)


def share(figure: GroupFigure) -> str:
    """A group's figure with the number of photos that it was measured on: ``96 % of 46``."""
    return f"{_whole_per_cent(figure)} of {figure.photos:,}"


def _whole_per_cent(figure: GroupFigure) -> str:
    """The share in whole per cent, but 100 only where every photo is right, and 0 only where none is."""
    if 0 < figure.right < figure.photos:
        return names.per_cent(min(max(figure.share, 0.01), 0.99))
    return names.per_cent(figure.share)


def figures_words(figures: Figures | None, subject: str) -> str:
    """The figures of a version in one line, each with the number of its photos."""
    if figures is None or not figures.groups:
        return "never measured: there were too few photos to hold some out"
    parts = [f"{group_name(g.group, subject, is_subject=g.is_subject)} {share(g)}" for g in figures.groups]
    return "told right: " + ", ".join(parts)


# -- small parts


class Words(QLabel):
    """Plain text that wraps; a name in it is never taken for markup."""

    def __init__(
        self, text: str = "", *, size: float = theme.TEXT_BODY, bold: bool = False, muted: bool = False
    ) -> None:
        super().__init__(text)
        self._size, self._bold = size, bold
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setFont(theme.font(size, bold=bold))
        if muted:
            self.setForegroundRole(QPalette.ColorRole.PlaceholderText)

    def say(self, text: str) -> None:
        """Show `text`, and nothing at all where there is none."""
        if text != self.text():
            self.setText(text)
        self.setVisible(bool(text))


def _rounded(painter: QPainter, box: QRectF, pen: QPen, fill: QColor) -> None:
    painter.setPen(pen)
    painter.setBrush(fill)
    painter.drawRoundedRect(box, _RADIUS, _RADIUS)


def _glyph(painter: QPainter, zone: Zone, box: QRectF) -> None:
    """A zone's glyph on its colour."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.zone_colour(zone))
    painter.drawRoundedRect(box, 3, 3)
    inset = box.width() * 0.18
    theme.paint_glyph(painter, zone, box.adjusted(inset, inset, -inset, -inset), theme.on_zone_colour(zone))


class Button(StepButton):
    """A step that looks as it is where it can't be taken."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.isEnabled():
            super().paintEvent(event)
            return
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(3.5, 3.5, -3.5, -3.5)
        _rounded(painter, body, QPen(QColor(t.line), 1), QColor(t.placeholder))
        painter.setFont(theme.font(theme.TEXT_BODY))
        painter.setPen(QColor(t.muted))
        painter.drawText(body, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextShowMnemonic, self.text())


class Choice(QAbstractButton):
    """A big choice: a name, and in a sentence or two what it means."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(name)
        self._words = ""
        self._beside: Choice | None = None
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_words(self, words: str) -> None:
        """What it means."""
        if words != self._words:
            self._words = words
            self.setAccessibleDescription(words)
            for shown in (self, self._beside):
                if shown is not None:
                    shown.fit()
                    shown.update()

    def stand_beside(self, other: Choice) -> None:
        """Be as high as another one."""
        self._beside = other

    def words(self) -> str:
        """What it means."""
        return self._words

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        body = QFontMetrics(theme.font(theme.TEXT_BODY))
        room = QRect(0, 0, max(1, width - 7 * theme.GRID), 0)
        texts = [self._words, *([self._beside.words()] if self._beside is not None else [])]
        words = max(body.boundingRect(room, _WRAP, text).height() for text in texts)
        # Some lines are kept free, so that nothing jumps when the time is known.
        return 4 * theme.GRID + body.height() + theme.GRID // 2 + max(words, 2 * body.lineSpacing())

    def sizeHint(self) -> QSize:
        return QSize(40 * theme.GRID, self.heightForWidth(40 * theme.GRID))

    def minimumSizeHint(self) -> QSize:
        return QSize(24 * theme.GRID, 8 * theme.GRID)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.fit()

    def fit(self) -> None:
        """Be as high as the words need at this width."""
        height = self.heightForWidth(self.width())
        if height != self.minimumHeight():
            self.setFixedHeight(height)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, on = theme.tokens(), self.isChecked()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(QColor(t.focus), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(
                QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.GRID, theme.GRID
            )
        body = QRectF(self.rect()).adjusted(3.5, 3.5, -3.5, -3.5)
        edge = t.text if on else t.muted if self.underMouse() and self.isEnabled() else t.line
        _rounded(painter, body, QPen(QColor(edge), 2 if on else 1), QColor(t.raised))
        plain, bold = theme.font(theme.TEXT_BODY), theme.font(theme.TEXT_BODY, bold=True)
        high = QFontMetrics(bold).height()
        knob = QRectF(2 * theme.GRID, 2 * theme.GRID + (high - 14) / 2, 14, 14)
        painter.setPen(QPen(QColor(t.text if on else t.muted), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(knob.adjusted(1, 1, -1, -1))
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.text))
            painter.drawEllipse(knob.adjusted(4, 4, -4, -4))
        left = 5 * theme.GRID
        painter.setPen(QColor(t.text if self.isEnabled() else t.muted))
        painter.setFont(bold)
        painter.drawText(QRect(left, 2 * theme.GRID, self.width() - left - 2 * theme.GRID, high), self.text())
        painter.setFont(plain)
        painter.setPen(QColor(t.muted))
        top = 2 * theme.GRID + high + theme.GRID // 2
        painter.drawText(
            QRect(left, top, self.width() - left - 2 * theme.GRID, self.height() - top), _WRAP, self._words
        )


class Amounts(QWidget):
    """How many photos there are of each group: a glyph, a name, a bar and the number."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, bool, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_rows(self, rows: Sequence[tuple[str, bool, int]]) -> None:
        """Name, whether it is the subject, and the number of photos."""
        self._rows = list(rows)
        self.setAccessibleName(", ".join(f"{name}: {names.photos(count)}" for name, _, count in rows))
        self.updateGeometry()
        self.update()

    def _height(self) -> int:
        return QFontMetrics(theme.font(theme.TEXT_BODY)).height() + theme.GRID // 2

    def sizeHint(self) -> QSize:
        return QSize(40 * theme.GRID, self._height() * len(self._rows))

    def minimumSizeHint(self) -> QSize:
        return QSize(30 * theme.GRID, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._rows:
            return
        t, high = theme.tokens(), self._height()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.TEXT_BODY))
        metrics = QFontMetrics(painter.font())
        edge = metrics.height() - 4
        counts = [names.photos(count) for _, _, count in self._rows]
        number = max(metrics.horizontalAdvance(text) for text in counts)
        room = self.width() - edge - number - 3 * theme.GRID
        name_room = min(room // 2, max(metrics.horizontalAdvance(name) for name, _, _ in self._rows) + 2)
        bar_left = edge + theme.GRID + name_room + theme.GRID
        bar_room = self.width() - bar_left - number - 2 * theme.GRID
        most = max(1, *(count for _, _, count in self._rows))
        faint = QColor(t.muted)
        faint.setAlphaF(0.55)
        for row, ((name, is_subject, count), words) in enumerate(zip(self._rows, counts, strict=True)):
            top = row * high
            _glyph(
                painter,
                Zone.SUBJECT if is_subject else Zone.NOT_SUBJECT,
                QRectF(0, top + (high - edge) / 2, edge, edge),
            )
            painter.setPen(QColor(t.text))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, name_room)
            middle = int(Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRect(edge + theme.GRID, top, name_room + 1, high), middle, shown)
            length = max(2.0 if count else 0.0, bar_room * count / most)
            painter.fillRect(QRectF(bar_left, top + (high - theme.GRID) / 2, length, theme.GRID), faint)
            painter.drawText(
                QRect(round(bar_left + length) + theme.GRID, top, number + theme.GRID, high), middle, words
            )


class _Link(QPushButton):
    """A quiet button within text: underlined words, flush with what is above."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font(theme.TEXT_BODY))
        return QSize(metrics.horizontalAdvance(self.text()) + 3, metrics.height() + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(8 * theme.GRID, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, font = QPainter(self), theme.font(theme.TEXT_BODY)
        font.setUnderline(True)
        painter.setFont(font)
        painter.setPen(QColor(theme.tokens().muted if self.underMouse() else theme.tokens().text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.tokens().focus), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


# -- before


@dataclass(frozen=True, slots=True)
class Conflict:
    """One photo that lies on both sides, under these paths."""

    paths: tuple[str, ...]


SIDES = {"out": "Leave it out", "subject": "It is {yes}", "not": "It is {no}"}
"""What can be said of a photo that lies on both sides, and the words for it."""


class Conflicts(QWidget):
    """The photos that are on both sides, each with a choice; nothing is chosen for the user but to leave them out."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._subject = "subject"
        self._boxes: dict[Conflict, QComboBox] = {}
        self._chosen: dict[Conflict, str] = {}
        self._title = Words(bold=True)
        self._text = Words(muted=True)
        self._rows = QGridLayout()
        self._rows.setColumnStretch(0, 1)
        self._rows.setSpacing(_GAP // 2)
        self._all = QComboBox()
        self._all.setAccessibleName("What to do with all of them")
        self._all.activated.connect(self._choose_all)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_GAP // 2)
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addLayout(self._rows)
        self.hide()

    def set_conflicts(self, conflicts: Sequence[Conflict], subject: str) -> None:
        """Show these; what was chosen before stays chosen."""
        self._subject = subject
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None and widget is not self._all:
                widget.hide()
                widget.deleteLater()
        self._boxes.clear()
        count = len(conflicts)
        yes, no = Zone.SUBJECT.words(names.shown(subject)), Zone.NOT_SUBJECT.words(names.shown(subject))
        self._title.setText(
            f"One photo is both among {yes} and {no}"
            if count == 1
            else f"{count:,} photos are both among {yes} and {no}"
        )
        self._text.setText(
            "Please say which side is right. Until then they are left out; no file is changed."
        )
        self._fill(self._all, yes, no)
        self._rows.addWidget(Words("All of them" if count > 1 else ""), 0, 0)
        self._rows.addWidget(self._all, 0, 1)
        self._all.setVisible(count > 1)
        for row, conflict in enumerate(conflicts, 1):
            label = Words(" = ".join(names.folder_name(path) for path in conflict.paths))
            label.setToolTip(names.in_tool_tip("\n".join(conflict.paths)))
            box = QComboBox()
            box.setAccessibleName(f"What {label.text()} shows")
            self._fill(box, yes, no)
            box.setCurrentIndex(max(0, box.findData(self._chosen.get(conflict, "out"))))
            box.currentIndexChanged.connect(self._chosen_one)
            self._boxes[conflict] = box
            self._rows.addWidget(label, row, 0)
            self._rows.addWidget(box, row, 1)
        self.setVisible(bool(conflicts))

    @staticmethod
    def _fill(box: QComboBox, yes: str, no: str) -> None:
        box.clear()
        for side, words in SIDES.items():
            box.addItem(words.format(yes=yes, no=no), side)

    def choices(self) -> Mapping[Conflict, str]:
        """What was chosen for each: "subject", "not" or "out"."""
        return {conflict: str(box.currentData()) for conflict, box in self._boxes.items()}

    @Slot()
    def _chosen_one(self) -> None:
        self._chosen |= self.choices()
        self.changed.emit()

    @Slot(int)
    def _choose_all(self, at: int) -> None:
        for box in self._boxes.values():
            box.blockSignals(True)
            box.setCurrentIndex(at)
            box.blockSignals(False)
        self._chosen_one()


class _Rate(QDoubleSpinBox):
    """A number over many powers of ten, written short; a step doubles or halves it."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.setDecimals(9)
        self.setRange(low, high)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:
        return f"{value:g}"

    def valueFromText(self, text: str) -> float:
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return self.value()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            unfinished = all(letter in "0123456789.,eE+-" for letter in text)
            return QValidator.State.Intermediate if unfinished else QValidator.State.Invalid, text, position
        fits = self.minimum() <= value <= self.maximum()
        return QValidator.State.Acceptable if fits else QValidator.State.Intermediate, text, position

    def stepBy(self, steps: int) -> None:
        self.setValue(self.value() * 2.0**steps)


DEVICES = {
    "auto": "The fastest there is",
    "cpu": "Processor",
    "gpu": "Graphics card",
    "mps": "Apple graphics",
}
LOGS = {"none": "None", "csv": "Table (CSV)", "tensorboard": "TensorBoard"}
NETWORKS = ("tf_efficientnet_lite0", "resnet50d", "efficientnet_b0", "mobilenetv3_large_100", "convnext_tiny")


class Advanced(QWidget):
    """All settings of a deep training, with their bounds; a button that puts them back."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._default = Settings()
        bounds = {field.name: field for field in finetune.bounds()}
        self._network = QComboBox(editable=True)
        self._network.addItem(f"{self._default.backbone}", self._default.backbone)
        self._network.addItems([name for name in NETWORKS if name != self._default.backbone])
        self._network.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._network.setMinimumWidth(34 * theme.GRID)
        self._note = Words(
            "Any name that timm knows. Another network than this one is downloaded first.", muted=True
        )
        self._note.setMinimumWidth(56 * theme.GRID)
        self._numbers: dict[str, QSpinBox | _Rate] = {}
        for name in ("epochs", "size", "batch"):
            field, box = bounds[name], QSpinBox()
            box.setRange(int(field.low), int(field.high))
            if field.default < field.low:  # a value of its own below the bounds: the network's
                box.setRange(int(field.low) - 1, int(field.high))
                box.setSpecialValueText("As the network likes it")
            box.setSingleStep(32 if name == "size" else 1)
            box.setKeyboardTracking(False)
            box.setToolTip(f"{int(field.low):,} to {int(field.high):,}")
            self._numbers[name] = box
        rate = bounds["rate"]
        self._numbers["rate"] = _Rate(rate.low, rate.high)
        self._numbers["rate"].setToolTip(f"{rate.low:g} to {rate.high:g}")
        self._device, self._log = QComboBox(), QComboBox()
        for box_, known in ((self._device, DEVICES), (self._log, LOGS)):
            for value, words in known.items():
                box_.addItem(words, value)
        self._problem = Words()
        self._reset = QPushButton("Reset")
        self._reset.setToolTip("Put all of this back to what did best")
        self._reset.setAutoDefault(False)
        self._reset.clicked.connect(self.reset)

        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(_GAP)
        form.setHorizontalSpacing(2 * _GAP)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        labels = {
            "epochs": "Rounds (epochs)",
            "size": "Image size in pixels",
            "batch": "Photos at a time (batch)",
            "rate": "Learning rate",
        }
        form.addRow("Network (backbone)", self._network)
        form.addRow("", self._note)
        for name, words in labels.items():
            self._numbers[name].setMinimumWidth(24 * theme.GRID)
            form.addRow(words, self._numbers[name])
        form.addRow("Runs on", self._device)
        form.addRow("Keep a log", self._log)
        form.addRow(self._problem)
        form.addRow("", self._reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * theme.GRID, 0, 0, 0)
        column.addLayout(form)
        self.reset()
        self._network.currentTextChanged.connect(self._changed)
        for number in self._numbers.values():
            number.valueChanged.connect(self._changed)
        for combo in (self._device, self._log):
            combo.currentIndexChanged.connect(self._changed)

    def settings(self) -> Settings:
        """What is set."""
        made, low = self._default, {field.name: field.low for field in finetune.bounds()}
        values: dict[str, object] = {}
        for name, box in self._numbers.items():
            value = box.value()
            values[name] = getattr(made, name) if value < low[name] else value
        return replace(
            made,
            backbone=self._network.currentText().strip() or made.backbone,
            device=str(self._device.currentData()),
            log=self._log.currentData(),
            **values,  # type: ignore[arg-type]
        )

    def problem(self) -> str:
        """What is wrong with what is set, as a sentence, or ""."""
        name = self._network.currentText().strip()
        if not name:
            return "Please name a network."
        if not all(letter.isalnum() or letter in "._-:/" for letter in name):
            return "A network’s name has letters, digits and _ only, such as resnet50d."
        return self.settings().problem()

    @Slot()
    def reset(self) -> None:
        """Put all back to the defaults."""
        self._network.setCurrentText(self._default.backbone)
        for name, box in self._numbers.items():
            box.setValue(
                getattr(self._default, name)
            )  # a default below the bounds shows as their special value
        for combo, value in ((self._device, self._default.device), (self._log, self._default.log)):
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self._changed()

    @Slot()
    def _changed(self) -> None:
        self._problem.say(self.problem())
        self._reset.setEnabled(self.settings() != self._default)
        self.changed.emit()


class BeforeFace(QWidget):
    """What will be learned from, and how."""

    labels_chosen = Signal()
    folder_wanted = Signal()
    unreadable_clicked = Signal()
    settled = Signal()  # a photo that is on both sides got a side
    settings_changed = Signal()
    start_clicked = Signal()
    resume_clicked = Signal()
    close_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._subject, self._folder = "subject", ""
        self._reason = ""
        self._found: Found | None = None
        self._kept_rounds = 0

        self._title = Words(size=theme.TEXT_TITLE)
        self._promise = Words(
            "Nothing changes until you say so: in the end, old and new are compared.", muted=True
        )

        self._labels = QRadioButton()
        self._from_folder = QRadioButton("A labelled folder")
        self._sources = QButtonGroup(self)
        for source in (self._labels, self._from_folder):
            self._sources.addButton(source)
            source.clicked.connect(self._source_clicked)
        self._labels.setChecked(True)
        self._folder_words = Words("or drop one here", muted=True)
        self._choose = QPushButton("Choose…")
        self._choose.setAutoDefault(False)
        self._choose.clicked.connect(self.folder_wanted)
        folder_row = QHBoxLayout()
        folder_row.setSpacing(_GAP)
        folder_row.addWidget(self._from_folder)
        folder_row.addWidget(self._choose)
        folder_row.addWidget(self._folder_words, 1)

        self._looking = Words(muted=True)
        self._looking_bar = QProgressBar(textVisible=False)
        self._looking_bar.setFixedHeight(theme.GRID // 2)
        self._looking_bar.setAccessibleName("Photos looked at")
        self._refusal = Words()
        self._amounts = Amounts()
        self._notes = Words(muted=True)
        self._unreadable = _Link("")
        self._unreadable.clicked.connect(self.unreadable_clicked)
        self._lopsided = Words()
        self.conflicts = Conflicts()
        self.conflicts.changed.connect(self.settled)

        self._quick, self._deep = Choice("Quick"), Choice("Deep")
        self._ways = QButtonGroup(self)
        cards = QHBoxLayout()
        cards.setSpacing(_GAP)
        for way in (self._quick, self._deep):
            self._ways.addButton(way)
            cards.addWidget(way, 1)
        self._quick.stand_beside(self._deep)
        self._deep.stand_beside(self._quick)
        self._quick.set_words("Learns in seconds, from what the network sees in photos already.")
        self._deep.setChecked(True)

        self._fold = QToolButton(autoRaise=True)
        self._fold.setText("Advanced")
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.clicked.connect(self.toggle_advanced)
        self.advanced = Advanced()
        self.advanced.hide()
        self.advanced.changed.connect(self.settings_changed)
        self.advanced.changed.connect(self._judge)

        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(_GAP)
        column.addWidget(self._title)
        column.addWidget(self._promise)
        column.addSpacing(_GAP)
        column.addWidget(Words("Learn from", bold=True))
        column.addWidget(self._labels)
        column.addLayout(folder_row)
        column.addSpacing(_GAP)
        self._what = Words("What there is", bold=True)
        for widget in (
            self._what,
            self._refusal,
            self._looking,
            self._looking_bar,
            self._amounts,
            self._notes,
        ):
            column.addWidget(widget)
        column.addWidget(self._lopsided)
        column.addWidget(self._unreadable)
        column.addWidget(self.conflicts)
        column.addSpacing(_GAP)
        column.addWidget(Words("How", bold=True))
        column.addLayout(cards)
        column.addWidget(self._fold, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.advanced)
        column.addStretch(1)
        self._area = QScrollArea(widgetResizable=True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(inside)

        self._foot = Words()
        self._close = Button("Close", primary=False)
        self._close.clicked.connect(self.close_clicked)
        self._over = Button("Start over", primary=False)
        self._over.clicked.connect(self.start_clicked)
        self.start = Button("Start")
        self.start.clicked.connect(self._start_clicked)
        foot = _foot(self._foot, self._close, self._over, self.start)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._area, 1)
        whole.addWidget(Hairline())
        whole.addLayout(foot)
        self._dress()
        self.set_subject("subject")
        self.show_looking("")
        self.show_nothing()
        self._deep.toggled.connect(self._judge)

    # What it is told

    def set_subject(self, name: str) -> None:
        """Whom it is about."""
        self._subject = name
        whom = Zone.SUBJECT.words(names.shown(name))
        self._title.setText(f"Train {whom}")
        no = Zone.NOT_SUBJECT.words(names.shown(name))
        self._labels.setText(names.on_button(f"What you labelled as {whom} and {no}"))

    def set_folder(self, folder: str) -> None:
        """Which labelled folder is chosen; "" for the labels instead."""
        self._folder = folder
        (self._from_folder if folder else self._labels).setChecked(True)
        if folder:
            self._folder_words.setText(f"{names.folder_name(folder)}, in {names.folder_place(folder)}")
            self._folder_words.setToolTip(names.in_tool_tip(folder))

    def show_looking(self, words: str, done: int = 0, total: int = 0) -> None:
        """Photos are being looked at."""
        self._looking.say(words)
        self._looking_bar.setVisible(bool(words))
        self._looking_bar.setMaximum(total)
        self._looking_bar.setValue(done)
        if words and self._found is None:
            self._reason = ""
            self._judge()

    def show_nothing(self) -> None:
        """Forget what was found: something else is being looked at."""
        self._deep.setEnabled(True)
        self._found, self._reason, self._kept_rounds = None, "", 0
        for widget in (self._amounts, self._notes, self._unreadable, self._lopsided, self.conflicts):
            widget.hide()
        self.show_estimate(None)
        self._judge()

    def show_found(self, found: Found) -> None:
        """What there is to learn from."""
        self._found = found
        rows = [
            (group_name(g.group, self._subject, is_subject=g.is_subject), g.is_subject, g.photos)
            for g in found.groups
        ]
        self._amounts.set_rows(rows)
        self._amounts.show()
        self._notes.say("\n".join(_notes(found)))
        self._lopsided.say("\n".join(found.words))
        count = len(found.unreadable)
        self._unreadable.setText(f"{names.photos(count)} can’t be read and will be left out. Show which")
        self._unreadable.setVisible(bool(count))
        self._deep.setEnabled(bool(found.held_out))
        if not found.held_out:  # the words say why
            self.show_estimate(None)
            self.choose(deep=False)
        self._judge()

    def show_estimate(self, seconds: float | None) -> None:
        """How long Deep will take; None while that is not known."""
        takes = "Takes some minutes" if seconds is None else f"Takes {duration(seconds)}"
        self._deep.set_words(f"Teaches the network itself. {takes}; better with 100 photos or more.")

    def show_kept(self, rounds: int) -> None:
        """A training of the same kind was interrupted after so many rounds, which are kept."""
        self._kept_rounds = rounds
        self._judge()

    def show_refusal(self, reason: str) -> None:
        """Nothing can be learned from this; a sentence says why."""
        self._reason = reason
        self._judge()

    # What it can be asked

    @property
    def deep(self) -> bool:
        """Whether the network itself is to be taught."""
        return self._deep.isChecked()

    def choose(self, *, deep: bool) -> None:
        """Choose the way."""
        (self._deep if deep else self._quick).setChecked(True)

    @property
    def why_not(self) -> str:
        """Why it can't start, as a sentence; "" if it can."""
        if self._reason:
            return self._reason
        if self._found is None:
            return "Looking at the photos first."
        return self.advanced.problem() if self.deep else ""

    # Inside

    @Slot()
    def _source_clicked(self) -> None:
        if self._labels.isChecked():
            self.labels_chosen.emit()
        elif not self._folder:
            self._labels.setChecked(True)
            self.folder_wanted.emit()
        else:
            self.folder_wanted.emit()

    @Slot()
    def _start_clicked(self) -> None:
        (self.resume_clicked if self._resumes() else self.start_clicked).emit()

    def _resumes(self) -> bool:
        return bool(self._kept_rounds) and self.deep

    @Slot()
    def toggle_advanced(self) -> None:
        """Fold the settings out or away."""
        on = self.advanced.isHidden()
        self.advanced.setVisible(on)
        self._dress()
        if on:
            self.choose(deep=True)
            QTimer.singleShot(0, self, self._show_advanced)

    @Slot()
    def _show_advanced(self) -> None:
        self._area.ensureWidgetVisible(self.advanced)

    @Slot()
    def _judge(self) -> None:
        why_not, resumes = self.why_not, self._resumes()
        kept = "One round is" if self._kept_rounds == 1 else f"{self._kept_rounds} rounds are"
        self._refusal.say(self._reason)
        problem = self.advanced.problem() if self.deep and not self._reason else ""
        interrupted = f"{kept} kept from a training that was interrupted." if resumes else ""
        self._foot.setText(problem or ("" if self._reason else interrupted))
        self.start.setEnabled(not why_not)
        self.start.setToolTip(names.in_tool_tip(why_not) if why_not else "")
        self.start.setText(f"Go on from round {self._kept_rounds + 1}" if resumes else "Start")
        self.start.updateGeometry()
        self._over.setVisible(resumes)
        self._over.setEnabled(not why_not)

    def _dress(self) -> None:
        self._fold.setIcon(theme.icon("plus" if self.advanced.isHidden() else "minus", 2 * theme.GRID))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)


def _notes(found: Found) -> list[str]:
    """What will be held out, and what is peculiar, a sentence a line."""
    said = []
    if found.held_out:
        said.append(
            f"Deep: {found.learned:,} are learned from"
            + (f", {found.checked:,} check each round" if found.checked else "")
            + f", and {found.held_out:,} are held out: on those, old and new are compared in the end."
        )
    if found.twins:
        said.append(
            f"{found.twins:,} show the same shot as another one. These stay together, or the figures would flatter."
        )
    if found.repeated:
        copies = "is an exact copy and does" if found.repeated == 1 else "are exact copies and do"
        said.append(f"{found.repeated:,} {copies} not count.")
    return said


class Hairline(QWidget):
    """A line between two areas."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(theme.tokens().line))


def _foot(words: QWidget, *buttons: QWidget) -> QHBoxLayout:
    """What stands below a face: words at the left, buttons at the right, the likeliest last."""
    row = QHBoxLayout()
    row.setContentsMargins(MARGIN, _GAP, MARGIN, _GAP)
    row.setSpacing(_GAP)
    row.addWidget(words, 1)
    for button in buttons:
        row.addWidget(button)
    return row


# -- during


@dataclass(frozen=True, slots=True)
class Wrong:
    """A photo that is told wrong: what it was told with, and what it is."""

    file: PhotoFile
    probability: float
    is_subject: bool


class MistakesStrip(QWidget):
    """The worst mistakes as thumbnails in a row, each with what was said of it and what it is."""

    EDGE = 10 * theme.GRID

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = picture
        self._subject = "subject"
        self._wrong: list[Wrong] = []
        self._tiles: dict[tuple[int, int], QPixmap] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_subject(self, name: str) -> None:
        """Whom it is about."""
        self._subject = names.shown(name)
        self.update()

    def set_wrong(self, wrong: Sequence[Wrong]) -> None:
        """Show these, the worst first, as many as fit."""
        self._wrong = list(wrong)
        self._tiles.clear()
        self.setAccessibleName("Worst mistakes: " + "; ".join(map(self._words, self._wrong[:8])))
        self.update()

    def wanted(self) -> list[PhotoFile]:
        """The photos in sight."""
        return [item.file for item, _ in self._shown()] if self.isVisible() else []

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        if any(item.file.path == path for item in self._wrong):
            self.update()

    def _words(self, item: Wrong) -> str:
        said = Zone.SUBJECT if item.probability >= 0.5 else Zone.NOT_SUBJECT
        truth = Zone.SUBJECT if item.is_subject else Zone.NOT_SUBJECT
        return (
            f"{names.folder_name(item.file.path)} is {truth.words(self._subject)}, but it says"
            f" {said.words(self._subject)}: {names.per_cent(item.probability)} sure that it is"
            f" {Zone.SUBJECT.words(self._subject)}"
        )

    def _shown(self) -> list[tuple[Wrong, QRect]]:
        step = self.EDGE + _GAP
        fit = max(0, (self.width() + _GAP) // step)
        return [(item, QRect(i * step, 0, self.EDGE, self.EDGE)) for i, item in enumerate(self._wrong[:fit])]

    def sizeHint(self) -> QSize:
        line = QFontMetrics(theme.font(theme.TEXT_SMALL)).height()
        return QSize(8 * (self.EDGE + _GAP), self.EDGE + theme.GRID // 2 + line)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.EDGE, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            under = [item for item, place in self._shown() if place.contains(event.pos())]
            text = names.in_tool_tip(self._words(under[0])) if under else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, ratio = theme.tokens(), self.devicePixelRatioF()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small, bold = theme.font(theme.TEXT_SMALL), theme.font(theme.TEXT_SMALL, bold=True)
        for item, place in self._shown():
            picture = self._picture(item.file)
            if picture is None or picture.isNull():
                painter.fillRect(place, QColor(t.placeholder))
            else:
                painter.drawPixmap(place, self._tile(picture, round(self.EDGE * ratio)))
            said = Zone.SUBJECT if item.probability >= 0.5 else Zone.NOT_SUBJECT
            painter.setFont(bold)
            self._paint_pill(painter, said, names.per_cent(item.probability), place)
            painter.setFont(small)
            painter.setPen(QColor(t.text))
            truth = (Zone.SUBJECT if item.is_subject else Zone.NOT_SUBJECT).words(self._subject)
            line = QRect(place.x(), place.bottom() + 1 + theme.GRID // 2, self.EDGE, self.height())
            words = QFontMetrics(small).elidedText(f"is {truth}", Qt.TextElideMode.ElideRight, self.EDGE)
            painter.drawText(line, int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter), words)

    @staticmethod
    def _paint_pill(painter: QPainter, zone: Zone, words: str, place: QRect) -> None:
        metrics = painter.fontMetrics()
        high = metrics.height() + 2
        glyph = high - 8
        wide = glyph + metrics.horizontalAdvance(words) + 14
        pill = QRectF(place.x() + 4, place.bottom() - 3 - high, wide, high)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.zone_colour(zone))
        painter.drawRoundedRect(pill, high / 2, high / 2)
        colour = theme.on_zone_colour(zone)
        theme.paint_glyph(painter, zone, QRectF(pill.x() + 5, pill.y() + 4, glyph, glyph), colour)
        painter.setPen(colour)
        left = QPointF(pill.x() + 5 + glyph + 3, pill.y() + 1 + metrics.ascent())
        painter.drawText(left, words)

    def _tile(self, picture: QPixmap, edge: int) -> QPixmap:
        """A square of `edge` device pixels out of the picture, kept. Of tall ones the upper part: heads are there."""
        key = (picture.cacheKey(), edge)
        tile = self._tiles.get(key)
        if tile is None:
            side = min(picture.width(), picture.height())
            x, y = (picture.width() - side) // 2, (picture.height() - side) // 4
            tile = picture.copy(x, y, side, side).scaled(
                edge,
                edge,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            tile.setDevicePixelRatio(1)
            self._tiles[key] = tile
        return tile


class DuringFace(QWidget):
    """How the training goes."""

    pause_clicked = Signal()
    go_clicked = Signal()
    cancel_clicked = Signal()

    def __init__(self, jobs: Jobs, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._subject, self._deep = "subject", True
        self._of, self._checked = 0, 0
        self._batch: Batch | None = None
        self._words, self._done, self._total = "", 0, 0
        self._paused = self._stopping = False
        self._title = Words(size=theme.TEXT_TITLE)
        self._line = Words(muted=True)
        self._line.setWordWrap(False)
        self._bar = QProgressBar(textVisible=False)
        self._bar.setFixedHeight(theme.GRID // 2)
        self._bar.setAccessibleName("How far the training is")
        self.curves = Curves(jobs)
        self._mistakes_title = Words(bold=True)
        self.mistakes = MistakesStrip(picture)
        self._trouble = Words()
        self._trouble.hide()
        self._pause = Button("Pause", primary=False)
        self._pause.clicked.connect(self._pause_clicked)
        self._cancel = Button("Cancel", primary=False)
        self._cancel.clicked.connect(self.cancel_clicked)
        self._calm = Words("You can go on with your photos meanwhile.", muted=True)
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(_GAP)
        for widget in (self._title, self._line, self._bar):
            column.addWidget(widget)
        column.addSpacing(_GAP)
        column.addWidget(self.curves, 1)
        column.addSpacing(_GAP)
        column.addWidget(self._mistakes_title)
        column.addWidget(self.mistakes)
        column.addWidget(self._trouble)
        self._rest = QWidget()  # takes the room of the curves where there are none
        column.addWidget(self._rest, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(column, 1)
        whole.addWidget(Hairline())
        whole.addLayout(_foot(self._calm, self._pause, self._cancel))
        self._refresh = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh.timeout.connect(self._say)

    def begin(self, subject: str, *, deep: bool, rounds: int) -> None:
        """Start afresh."""
        self._subject, self._deep, self._of, self._checked = subject, deep, rounds, 0
        self._batch, self._words, self._done, self._total = None, "Getting ready", 0, 0
        self._paused = self._stopping = False
        self._title.setText(f"Training {Zone.SUBJECT.words(names.shown(subject))}")
        self.curves.setVisible(deep)
        self._rest.setVisible(not deep)
        self.curves.begin(subject, rounds)
        if deep:
            self.curves.prepare()
        self.mistakes.set_subject(subject)
        self.set_mistakes(())
        for widget in (self._mistakes_title, self.mistakes):
            widget.setVisible(deep)
        self._mistakes_title.setText("What it still gets wrong")
        self._trouble.say("")
        self._say()

    def show_preparing(self, event: Preparing) -> None:
        """What is done before training."""
        self._batch, self._words = None, event.words
        self._done, self._total = event.done, event.total
        self._soon()

    def show_baseline(self, event: Baseline) -> None:
        """What to compare with."""
        self._checked = event.photos
        self.curves.set_held_out(event.photos)
        self.curves.set_levels(event.always_not, event.quick)

    def show_batch(self, event: Batch) -> None:
        """A batch is done."""
        self._batch = event
        if event.epoch and event.steps and self._of:
            # Steps count through the whole training; where they do not, the epoch says where they belong.
            self.curves.add_batch(event.step * self._of / event.steps, event.loss, event.right)
        self._soon()

    def show_epoch(self, event: Epoch) -> None:
        """A round is done."""
        if event.of != self._of:
            self._of = event.of
            self.curves.set_rounds(event.of)
        self.curves.add_round(
            event.number,
            event.training_loss,
            event.validation_loss,
            event.training_right,
            event.validation_right,
        )
        self._soon()

    def set_mistakes(self, wrong: Sequence[Wrong] | None) -> None:
        """The worst mistakes of the last round; None if there are none at all."""
        self.mistakes.set_wrong(wrong or ())
        of = f", of the {self._checked:,} photos that it doesn’t learn from" if self._checked else ""
        self._mistakes_title.setText(
            f"It gets none wrong{of}" if wrong is None else f"What it still gets wrong{of}"
        )

    def show_trouble(self, words: str) -> None:
        """Something that is no reason to stop, such as a full disk."""
        self._trouble.say(words)

    def set_paused(self, paused: bool) -> None:
        """Whether it rests."""
        self._paused = paused
        self._say()

    def set_stopping(self) -> None:
        """It was told to stop, and puts its things in order."""
        self._stopping = True
        self._say()

    @Slot()
    def _pause_clicked(self) -> None:
        (self.go_clicked if self._paused else self.pause_clicked).emit()

    def _soon(self) -> None:
        if not self._refresh.isActive():
            self._refresh.start()

    @Slot()
    def _say(self) -> None:
        batch = self._batch
        if batch is not None:
            self._bar.setMaximum(max(1, batch.steps))
            self._bar.setValue(batch.step)
        else:
            self._bar.setMaximum(self._total)
            self._bar.setValue(self._done)
        if self._paused and batch is None:
            self._bar.setMaximum(1)  # at rest, nothing moves
        words = self._line_words()
        if words != self._line.text():
            self._line.setText(words)
            self._bar.setAccessibleDescription(words)
        self._pause.setText("Go on" if self._paused else "Pause")
        self._pause.setEnabled(not self._stopping)
        self._cancel.setEnabled(not self._stopping)

    def _line_words(self) -> str:
        if self._stopping:
            return "Stopping; what was finished is being put away"
        batch, parts = self._batch, []
        if batch is None:
            parts.append(self._words)
            if self._total:
                parts.append(f"{self._done:,} of {names.photos(self._total)}")
        elif batch.epoch:
            parts.append(f"Round {batch.epoch:,} of {max(self._of, batch.epoch):,}")
        else:
            parts.append(f"{batch.step:,} of {names.photos(batch.steps)}")
        if self._paused:
            return "  ·  ".join([*parts, "paused"])
        if batch is not None:
            if math.isfinite(batch.photos_per_s) and batch.photos_per_s > 0:
                parts.append(f"{batch.photos_per_s:,.0f} photos/s")
            if math.isfinite(batch.seconds_left) and batch.seconds_left >= 0:
                parts.append(f"{duration(batch.seconds_left)} left")
        return "  ·  ".join(parts)


# -- after


class Comparison(QWidget):
    """Old and new, group by group, on the same photos: a bar each, the range that so few photos support, and words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._subject = "subject"
        self._groups: list[
            tuple[GroupFigure, GroupFigure | None]
        ] = []  # the new one's figure and the old one's
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_figures(self, new: Figures | None, old: Figures | None, subject: str) -> None:
        """Compare these; without the old ones only the new are shown."""
        self._subject = subject
        known = {} if old is None else {(g.group, g.is_subject): g for g in old.groups}
        self._groups = [] if new is None else [(g, known.get((g.group, g.is_subject))) for g in new.groups]
        self.setAccessibleName(". ".join(self.lines()))
        self.updateGeometry()
        self.update()

    def lines(self) -> list[str]:
        """The comparison in words, a line for each group."""
        said = []
        for new, old in self._groups:
            name = group_name(new.group, self._subject, is_subject=new.is_subject)
            before = "" if old is None else f"old {_figure(old)}, "
            said.append(f"{name}: {before}new {_figure(new)}")
        return said

    def _line(self) -> int:
        return QFontMetrics(theme.font(theme.TEXT_BODY)).height() + 2

    def _block(self, old: GroupFigure | None) -> int:
        return (2 if old is not None else 1) * self._line() + 2 * theme.GRID

    def sizeHint(self) -> QSize:
        return QSize(60 * theme.GRID, sum(self._block(old) for _, old in self._groups))

    def minimumSizeHint(self) -> QSize:
        return QSize(44 * theme.GRID, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._groups:
            return
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plain, bold = theme.font(theme.TEXT_BODY), theme.font(theme.TEXT_BODY, bold=True)
        metrics, bold_metrics = QFontMetrics(plain), QFontMetrics(bold)
        edge, middle = metrics.height() - 4, int(Qt.AlignmentFlag.AlignVCenter)
        shown = [group_name(new.group, self._subject, is_subject=new.is_subject) for new, _ in self._groups]
        name_room = min(self.width() // 4, max(bold_metrics.horizontalAdvance(name) for name in shown) + 1)
        which_room = metrics.horizontalAdvance("Newn")
        words_room = max(
            bold_metrics.horizontalAdvance(_figure(figure))
            for pair in self._groups
            for figure in pair
            if figure
        )
        left = edge + theme.GRID + name_room + 2 * theme.GRID
        bar_left = left + which_room + theme.GRID
        bar_room = self.width() - bar_left - words_room - 2 * theme.GRID
        top, line = 0, self._line()
        for (new, old), name in zip(self._groups, shown, strict=True):
            _glyph(
                painter,
                Zone.SUBJECT if new.is_subject else Zone.NOT_SUBJECT,
                QRectF(0, top + (line - edge) / 2, edge, edge),
            )
            painter.setFont(bold)
            painter.setPen(QColor(t.text))
            elided = bold_metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, name_room)
            painter.drawText(QRect(edge + theme.GRID, top, name_room + 1, line), middle, elided)
            for words, figure in (("Old", old), ("New", new)) if old is not None else (("New", new),):
                assert figure is not None
                is_new = words == "New"
                painter.setFont(bold if is_new else plain)
                painter.setPen(QColor(t.text if is_new else t.muted))
                painter.drawText(QRect(left, top, which_room + theme.GRID, line), middle, words)
                painter.drawText(
                    QRect(self.width() - words_room, top, words_room + 1, line), middle, _figure(figure)
                )
                self._paint_bar(painter, figure, QRectF(bar_left, top, bar_room, line), is_new=is_new)
                top += line
            top += 2 * theme.GRID

    @staticmethod
    def _paint_bar(painter: QPainter, figure: GroupFigure, room: QRectF, *, is_new: bool) -> None:
        t = theme.tokens()
        high = theme.GRID + 2
        track = QRectF(room.x(), room.center().y() - high / 2, room.width(), high)
        painter.fillRect(track, QColor(t.placeholder))
        bar = QRectF(track.x(), track.y(), track.width() * figure.share, high)
        painter.fillRect(bar, QColor(t.text if is_new else t.muted))
        low, up = (track.x() + track.width() * share for share in figure.range)
        y = room.center().y()
        # The range, light on the bar and dark beside it.
        dark = QColor(t.text if is_new else t.muted)
        for left, right, colour in (
            (low, min(up, bar.right()), QColor(t.panel)),
            (max(low, bar.right()), up, dark),
        ):
            if left < right:
                painter.setPen(QPen(colour, 1.5))
                painter.drawLine(QPointF(left, y), QPointF(right, y))
        for x in (low, up):
            painter.setPen(QPen(QColor(t.panel) if x <= bar.right() - 1 else dark, 1.5))
            painter.drawLine(QPointF(x, y - 3), QPointF(x, y + 3))


def _figure(figure: GroupFigure) -> str:
    return f"{_whole_per_cent(figure)}, {figure.right:,} of {figure.photos:,}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a training. `step` offers to go on ("resume"), to begin anew ("again"), or nothing ("")."""

    title: str
    text: str
    step: str = ""
    icon: str = "info"
    details: str = ""


class AfterFace(QWidget):
    """What came of it: figures and a choice, or why there are none and what can be done."""

    use_clicked = Signal()
    keep_clicked = Signal()
    resume_clicked = Signal()
    again_clicked = Signal()
    back_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Outcome | None = None
        self._icon = QLabel()
        self._title = Words(size=theme.TEXT_TITLE)
        self._text = Words()
        self._measured = Words(bold=True)
        self.comparison = Comparison()
        self._note = Words(muted=True, size=theme.TEXT_SMALL)
        self._details = Words(muted=True, size=theme.TEXT_SMALL)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._trouble = Words()
        head = QHBoxLayout()
        head.setSpacing(_GAP)
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self._title, 1)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(_GAP)
        column.addLayout(head)
        column.addWidget(self._text)
        column.addSpacing(2 * _GAP)
        for widget in (self._measured, self.comparison, self._note, self._details):
            column.addWidget(widget)
        column.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        self.use, self.keep = Button("Use the new one"), Button("Keep the old one")
        self.use_quiet, self.keep_quiet = (
            Button("Use the new one all the same", primary=False),
            Button("Keep the old one", primary=False),
        )
        self.resume, self.again = Button("Go on training"), Button("Try again")
        self.back = Button("Back", primary=False)
        self._buttons = (
            self.use,
            self.use_quiet,
            self.keep,
            self.keep_quiet,
            self.resume,
            self.again,
            self.back,
        )
        for button, clicked in (
            (self.use, self.use_clicked),
            (self.use_quiet, self.use_clicked),
            (self.keep, self.keep_clicked),
            (self.keep_quiet, self.keep_clicked),
            (self.resume, self.resume_clicked),
            (self.again, self.again_clicked),
            (self.back, self.back_clicked),
        ):
            button.clicked.connect(clicked)
            button.hide()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(area, 1)
        whole.addWidget(Hairline())
        whole.addLayout(
            _foot(
                self._trouble,
                self.back,
                self.use_quiet,
                self.keep_quiet,
                self.keep,
                self.use,
                self.resume,
                self.again,
            )
        )

    def show_finished(self, event: finetune.Finished, subject: str, *, old: str) -> None:
        """A new one is there; `old` is what the old one is called, such as "the quick way"."""
        whom = Zone.SUBJECT.words(names.shown(subject))
        better = event.better
        self._show(
            Outcome(
                f"The new {whom} is ready"
                if event.champion is None
                else f"The new {whom} is better"
                if better
                else f"The new {whom} is not better",
                event.sentence,
                icon="check" if better else "info",
            )
        )
        n = sum(g.photos for g in event.challenger.groups) if event.challenger else 0
        self._measured.say(
            f"How many are told right, of {names.photos(n)} that neither has learned from"
            if event.champion and n
            else f"How many are told right, of {names.photos(n)} that it has not learned from"
            if n
            else ""
        )
        self.comparison.set_figures(event.challenger, event.champion, subject)
        self.comparison.setVisible(bool(n))
        old_words = f"“Old” is {old}, taught by the same photos. " if event.champion else ""
        ranges = (
            "The thin lines show where each figure would lie, with 95 % confidence, on many more such photos."
        )
        self._note.say(f"{old_words}{ranges}" if n else "")
        self.use.setVisible(better)
        self.keep_quiet.setVisible(better)
        self.keep.setVisible(not better)
        self.use_quiet.setVisible(not better)
        (self.use if better else self.keep).setDefault(True)
        (self.use if better else self.keep).setFocus()

    def show_outcome(self, outcome: Outcome) -> None:
        """There is no new one."""
        self._show(outcome)
        self.resume.setVisible(outcome.step == "resume")
        self.again.setVisible(outcome.step == "again")
        self.back.show()
        (self.resume if outcome.step == "resume" else self.again if outcome.step else self.back).setFocus()

    def show_trouble(self, words: str) -> None:
        """What went wrong with the choice."""
        self._trouble.setText(words)

    def set_busy(self, busy: bool) -> None:
        """Whether the choice is being carried out."""
        for button in (self.use, self.use_quiet, self.keep, self.keep_quiet):
            button.setEnabled(not busy)

    @property
    def title(self) -> str:
        """The line on top."""
        return self._title.text()

    @property
    def text(self) -> str:
        """The sentences below it."""
        return self._text.text()

    def _show(self, outcome: Outcome) -> None:
        self._shown = outcome
        self._title.setText(outcome.title)
        self._text.say(outcome.text)
        self._details.say(outcome.details)
        self._trouble.setText("")
        for widget in (self._measured, self.comparison, self._note):
            widget.hide()
        for button in self._buttons:
            button.hide()
            button.setDefault(False)
        self.set_busy(False)
        self._dress()

    def _dress(self) -> None:
        if self._shown is not None:
            high = QFontMetrics(theme.font(theme.TEXT_TITLE)).height()
            self._icon.setPixmap(
                theme.icon_pixmap(self._shown.icon, high - 4, theme.tokens().text, self.devicePixelRatioF())
            )

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)
