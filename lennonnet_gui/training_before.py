"""Before a training: what will be learned from, what is peculiar about it, and the choice of the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent, QValidator
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.training_parts import (
    GAP,
    MARGIN,
    Button,
    Hairline,
    Words,
    duration,
    foot,
    group_name,
    paint_rounded,
    paint_zone,
)
from training import finetune
from training.events import FEW_FOR_DEEP
from training.finetune import Found, Settings
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture
    from training.photos import PhotoFile

_WRAP = int(Qt.TextFlag.TextWordWrap)


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
        paint_rounded(painter, body, QPen(QColor(edge), 2 if on else 1), QColor(t.raised))
        plain, bold = theme.font(theme.TEXT_BODY), theme.font(theme.TEXT_BODY, bold=True)
        high = QFontMetrics(bold).height()
        knob = QRectF(2 * theme.GRID, 2 * theme.GRID + (high - 14) / 2, 14, 14)
        paint_knob(painter, knob, on=on)
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
            paint_zone(
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


@dataclass(frozen=True, slots=True)
class Conflict:
    """One photo that lies on both sides, under these paths."""

    paths: tuple[str, ...]


SIDES = {"out": "Leave it out", "subject": "It is {yes}", "not": "It is {no}"}
"""What can be said of a photo that lies on both sides, and the words for it."""


MOST_CONFLICTS = 40
"""More photos on both sides than this are not listed one by one."""


class Conflicts(QWidget):
    """The photos that are on both sides, each with a choice; nothing is chosen for the user but to leave them out."""

    changed = Signal()

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = picture
        self._conflicts: list[Conflict] = []
        self._boxes: dict[Conflict, QComboBox] = {}
        self._thumbs: dict[Conflict, _Thumb] = {}
        self._chosen: dict[Conflict, str] = {}
        self._title = Words(bold=True)
        self._text = Words(muted=True)
        self._rest = Words(muted=True)
        self._rows = QGridLayout()
        self._rows.setColumnStretch(1, 1)
        self._rows.setSpacing(GAP)
        self._all = QComboBox()
        self._all.setAccessibleName("What to do with all of them")
        self._all.activated.connect(self._choose_all)
        self._wheel = _WheelScrolls(self)
        self._wheel.keep(self._all)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        for widget in (self._title, self._text):
            column.addWidget(widget)
        column.addLayout(self._rows)
        column.addWidget(self._rest)
        self.hide()

    def set_conflicts(self, conflicts: Sequence[Conflict], subject: str) -> None:
        """Show these; what was chosen before stays chosen."""
        self._conflicts = list(conflicts)
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None and widget is not self._all:
                widget.hide()
                widget.deleteLater()
        self._boxes.clear()
        self._thumbs.clear()
        count = len(conflicts)
        yes, no = Zone.SUBJECT.words(names.shown(subject)), Zone.NOT_SUBJECT.words(names.shown(subject))
        whole = "One photo is" if count == 1 else f"{count:,} photos are"
        self._title.setText(f"{whole} both among {yes} and {no}")
        self._text.setText("Which side is right? Until you say so they are left out. No file is changed.")
        self._rest.say(f"And {count - MOST_CONFLICTS:,} more" if count > MOST_CONFLICTS else "")
        self._fill(self._all, yes, no)
        if count > 1:
            self._rows.addWidget(Words("All of them"), 0, 0, 1, 2)
        self._rows.addWidget(self._all, 0, 2)
        self._all.setVisible(count > 1)
        for row, conflict in enumerate(conflicts[:MOST_CONFLICTS], 1):
            label = Words(" = ".join(_with_folder(path) for path in conflict.paths))
            label.setToolTip(names.in_tool_tip("\n".join(conflict.paths)))
            box = QComboBox()
            box.setAccessibleName(f"What {label.text()} shows")
            self._wheel.keep(box)
            self._fill(box, yes, no)
            box.setCurrentIndex(max(0, box.findData(self._chosen.get(conflict, "out"))))
            box.currentIndexChanged.connect(self._chosen_one)
            self._boxes[conflict], self._thumbs[conflict] = box, _Thumb(self._picture)
            for column, widget in enumerate((self._thumbs[conflict], label, box)):
                self._rows.addWidget(widget, row, column)
        self.setVisible(bool(conflicts))

    def set_files(self, files: Mapping[str, PhotoFile]) -> None:
        """What is known of the photos' files, by path: their pictures can be shown."""
        for conflict, thumb in self._thumbs.items():
            thumb.set_file(next((files[path] for path in conflict.paths if path in files), None))

    def wanted(self) -> list[PhotoFile]:
        """The photos whose pictures are in sight, or nearly."""
        shown = self._thumbs.values() if self.isVisible() else ()
        return [thumb.file for thumb in shown if thumb.file is not None]

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        for thumb in self._thumbs.values():
            if thumb.file is not None and thumb.file.path == path:
                thumb.update()

    @staticmethod
    def _fill(box: QComboBox, yes: str, no: str) -> None:
        box.clear()
        for side, words in SIDES.items():
            box.addItem(words.format(yes=yes, no=no), side)

    def choices(self) -> Mapping[Conflict, str]:
        """What was chosen for each: "subject", "not" or "out"."""
        return {conflict: self._chosen.get(conflict, "out") for conflict in self._conflicts}

    @Slot()
    def _chosen_one(self) -> None:
        self._chosen |= {conflict: str(box.currentData()) for conflict, box in self._boxes.items()}
        self.changed.emit()

    @Slot(int)
    def _choose_all(self, at: int) -> None:
        self._chosen |= dict.fromkeys(self._conflicts, str(self._all.itemData(at)))
        for box in self._boxes.values():
            box.blockSignals(True)
            box.setCurrentIndex(at)
            box.blockSignals(False)
        self.changed.emit()


def _with_folder(path: str) -> str:
    """The names of a file and of the folder it lies in: of two files of one photo, they tell which is which."""
    return names.shown("/".join(Path(path).parts[-2:]))


class _WheelScrolls(QObject):
    """Lets the wheel scroll the page where it passes over a field that is not being edited."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False

    def keep(self, field: QWidget) -> None:
        """Keep the wheel from a field."""
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(self)


class _Thumb(QWidget):
    """A small picture."""

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self.file: PhotoFile | None = None
        self._picture = picture
        self.setFixedSize(6 * theme.GRID, 6 * theme.GRID)

    def set_file(self, file: PhotoFile | None) -> None:
        self.file = file
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        picture = None if self.file is None else self._picture(self.file)
        if picture is None or picture.isNull():
            painter.fillRect(self.rect(), QColor(theme.tokens().placeholder))
            return
        ratio = self.devicePixelRatioF()
        fitted = picture.scaled(
            self.size() * ratio,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        fitted.setDevicePixelRatio(ratio)
        size = fitted.deviceIndependentSize()
        left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        painter.drawPixmap(QPointF(left, top), fitted)


class _Source(QRadioButton):
    """A choice of one among several, drawn so that it can be seen in the dark."""

    _KNOB = 14

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        words = metrics.size(Qt.TextFlag.TextShowMnemonic, self.text())
        return QSize(self._KNOB + GAP + words.width() + 4, max(self._KNOB, words.height()) + GAP // 2)

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        knob = QRectF(0, (self.height() - self._KNOB) / 2, self._KNOB, self._KNOB)
        paint_knob(painter, knob, on=self.isChecked())
        words = self.rect().adjusted(self._KNOB + GAP, 0, 0, 0)
        painter.setPen(QColor(theme.tokens().text))
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextShowMnemonic)
        painter.drawText(words, flags, self.text())
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.tokens().focus), 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(words.adjusted(-3, 0, -1, -1))


def paint_knob(painter: QPainter, box: QRectF, *, on: bool) -> None:
    """Draw the ring of one choice among several, filled if it is made."""
    t = theme.tokens()
    painter.setPen(QPen(QColor(t.text if on else t.muted), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(box.adjusted(1, 1, -1, -1))
    if on:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.text))
        painter.drawEllipse(box.adjusted(4, 4, -4, -4))


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
        wheel = _WheelScrolls(self)
        for field_ in (self._network, *self._numbers.values(), self._device, self._log):
            wheel.keep(field_)
        self._problem = Words()
        self._reset = QPushButton("Reset")
        self._reset.setToolTip("Put all of this back to what did best")
        self._reset.setAutoDefault(False)
        self._reset.clicked.connect(self.reset)

        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(GAP)
        form.setHorizontalSpacing(2 * GAP)
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

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._subject, self._folder = "subject", ""
        self._reason = ""
        self._found: Found | None = None
        self._kept_rounds = 0

        self._title = Words(size=theme.TEXT_TITLE)
        self._promise = Words(
            "Nothing changes until you say so: in the end, old and new are compared.", muted=True
        )

        self._labels = _Source()
        self._from_folder = _Source("A labelled folder")
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
        folder_row.setSpacing(GAP)
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
        self.conflicts = Conflicts(picture)
        self.conflicts.changed.connect(self.settled)

        self._quick, self._deep = Choice("Quick"), Choice("Deep")
        self._ways = QButtonGroup(self)
        cards = QHBoxLayout()
        cards.setSpacing(GAP)
        for way in (self._quick, self._deep):
            self._ways.addButton(way)
            cards.addWidget(way, 1)
        self._quick.stand_beside(self._deep)
        self._deep.stand_beside(self._quick)
        self._quick.set_words("Learns in seconds, from what the network sees in photos already.")
        self._deep.setChecked(True)
        self._way_was_clicked = False
        self._ways.buttonClicked.connect(self._way_clicked)

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
        column.setSpacing(GAP)
        column.addWidget(self._title)
        column.addWidget(self._promise)
        column.addSpacing(GAP)
        column.addWidget(Words("Learn from", bold=True))
        column.addWidget(self._labels)
        column.addLayout(folder_row)
        column.addSpacing(GAP)
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
        column.addSpacing(GAP)
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
        row = foot(self._foot, self._close, self._over, self.start)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._area, 1)
        whole.addWidget(Hairline())
        whole.addLayout(row)
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
        sides = [sum(g.photos for g in found.groups if g.is_subject == side) for side in (True, False)]
        if not found.held_out or (min(sides) < FEW_FOR_DEEP and not self._way_was_clicked):
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
    def _way_clicked(self) -> None:
        self._way_was_clicked = True

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
