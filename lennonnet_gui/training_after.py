"""After a training: old and new side by side and a choice, or why there is no new one and what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.training_parts import GAP, MARGIN, Button, Hairline, Words, foot, group_name, paint_zone
from training import finetune
from training.evaluate import Figures, GroupFigure
from training.zones import Zone


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
            paint_zone(
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
        head.setSpacing(GAP)
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self._title, 1)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addWidget(self._text)
        column.addSpacing(2 * GAP)
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
            foot(
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
