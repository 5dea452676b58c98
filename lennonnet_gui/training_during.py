"""During a training: how far it is, how it goes, and what it still gets wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.curves import Curves
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.training_parts import GAP, MARGIN, Button, Hairline, Words, duration, foot
from training.finetune import Baseline, Batch, Epoch, Preparing
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture
    from training.photos import PhotoFile

_REFRESH_MS = 200  # words that change with every batch would flicker


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
        step = self.EDGE + GAP
        fit = max(0, (self.width() + GAP) // step)
        return [(item, QRect(i * step, 0, self.EDGE, self.EDGE)) for i, item in enumerate(self._wrong[:fit])]

    def sizeHint(self) -> QSize:
        line = QFontMetrics(theme.font(theme.TEXT_SMALL)).height()
        return QSize(8 * (self.EDGE + GAP), self.EDGE + theme.GRID // 2 + line)

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
        column.setSpacing(GAP)
        for widget in (self._title, self._line, self._bar):
            column.addWidget(widget)
        column.addSpacing(GAP)
        column.addWidget(self.curves, 1)
        column.addSpacing(GAP)
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
        whole.addLayout(foot(self._calm, self._pause, self._cancel))
        self._refresh = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh.timeout.connect(self._say)

    def begin(self, subject: str, *, deep: bool, rounds: int, after: int = 0) -> None:
        """Start afresh, or go on `after` so many rounds."""
        self._subject, self._deep, self._of, self._checked = subject, deep, rounds, 0
        self._batch, self._words, self._done, self._total = None, "Getting ready", 0, 0
        self._paused = self._stopping = False
        self._title.setText(f"Training {Zone.SUBJECT.words(names.shown(subject))}")
        self.curves.setVisible(deep)
        self._rest.setVisible(not deep)
        if after:
            self.curves.go_on(after)
        else:
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
