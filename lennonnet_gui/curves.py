"""How a training goes, as two live curves: how many photos are right, and how far off the others are.

Drawn by pyqtgraph, which takes a quarter of a second to import: that happens on a thread, once somebody is about to
look. What is told before is kept and drawn then. All lines are neutral; they differ in width, dashes and dots.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Jobs
from training.zones import Zone

REDRAW_MS = 100
"""The least time between two drawings of a plot, however many batches come."""

MOST_BATCHES = 400
"""When so many points of batches are kept, every other one is dropped, and from then on fewer are kept."""

_SAMPLE = 4 * theme.GRID  # the length of a line in the legend
_HIGH = 22 * theme.GRID  # the least height of a plot


@dataclass(frozen=True, slots=True)
class _Look:
    """How one line is drawn, on both plots and in the legend."""

    quiet: bool
    width: float
    dashes: Qt.PenStyle = Qt.PenStyle.SolidLine
    dots: float = 0.0  # diameter; 0 for none
    hollow: bool = False

    def colour(self) -> QColor:
        t = theme.tokens()
        return QColor(t.muted if self.quiet else t.text)

    def pen(self, ratio: float = 1.0) -> QPen:
        made = QPen(self.colour(), self.width * ratio, self.dashes)
        return made

    def cosmetic_pen(self, ratio: float) -> QPen:
        """A pen that no scale makes wider, and so is told how many device pixels there are to one of ours."""
        made = self.pen(ratio)
        made.setCosmetic(True)
        return made


_BATCHES = _Look(True, 1)
_LEARNED = _Look(True, 1, dots=6, hollow=True)
_HELD_OUT = _Look(False, 2, dots=7)
_QUICK = _Look(False, 1, Qt.PenStyle.DashLine)
_ALWAYS_NOT = _Look(True, 1, Qt.PenStyle.DotLine)


@dataclass
class _Line:
    """Points of one line, at finite places only."""

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)

    def add(self, x: float, y: float) -> None:
        if math.isfinite(x) and math.isfinite(y):
            self.x.append(x)
            self.y.append(y)

    def cut(self, before: float) -> None:
        """Keep the points before a place only."""
        kept = [i for i, x in enumerate(self.x) if x < before]
        self.x, self.y = [self.x[i] for i in kept], [self.y[i] for i in kept]

    def thin_out(self) -> None:
        self.x, self.y = self.x[1::2], self.y[1::2]


@dataclass
class _Told:
    """The three lines of one plot, and the levels to compare them with."""

    batches: _Line = field(default_factory=_Line)
    learned: _Line = field(default_factory=_Line)
    held_out: _Line = field(default_factory=_Line)
    levels: dict[str, float] = field(default_factory=dict)


class Curves(QWidget):
    """Two plots over the rounds of a training, and a legend with the latest figures."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._subject = "subject"
        self._rounds, self._n_held_out = 1, 0
        self._right, self._error = _Told(), _Told()
        self._smooth: tuple[float, float] | None = None
        self._every, self._passed = 1, 0  # so many batches make one point, and so many came
        self._pg: object = None
        self._plots: list[_Plot] = []
        self._prepared = False
        self._redraw = QTimer(self, singleShot=True, interval=REDRAW_MS // 2)
        self._redraw.timeout.connect(self._draw)
        self._due: list[_Plot] = []  # one is drawn at a time, so that the window waits for one only
        self.redraws = 0

        self._places = [QVBoxLayout(), QVBoxLayout()]
        self._titles = []
        grid = QGridLayout()
        grid.setSpacing(theme.GRID)
        grid.setHorizontalSpacing(2 * theme.GRID)
        for column, words in enumerate(
            ("Told right, both sides weighing the same", "Error (the lower, the better)")
        ):
            title = QLabel(words, textFormat=Qt.TextFormat.PlainText)
            title.setFont(theme.font(theme.TEXT_BODY, bold=True))
            self._titles.append(title)
            grid.addWidget(title, 0, column)
            grid.addLayout(self._places[column], 1, column)
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(1, 1)
        grid.setRowMinimumHeight(1, _HIGH)
        self._legend = [_LegendEntry(look) for look in (_HELD_OUT, _LEARNED, _QUICK, _ALWAYS_NOT)]
        legend = QGridLayout()
        legend.setHorizontalSpacing(3 * theme.GRID)
        legend.setVerticalSpacing(theme.GRID // 2)
        for i, entry in enumerate(self._legend):
            legend.addWidget(entry, i % 2, i // 2)
        legend.setColumnStretch(2, 1)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(0, 0, 0, 0)
        column_.setSpacing(theme.GRID)
        column_.addLayout(grid, 1)
        column_.addLayout(legend)
        self.begin("subject", 1)

    # What it is told

    @Slot()
    def prepare(self) -> None:
        """Get ready to draw; takes a moment on a thread, and then two short ones here. Call it early."""
        if not self._prepared:
            self._prepared = True
            self._jobs.start(_import_plots, on_event=self._can_draw)

    def begin(self, subject: str, rounds: int, n_held_out: int = 0) -> None:
        """Start afresh, for a training of `rounds` rounds that is measured on `n_held_out` photos."""
        self._subject, self._rounds, self._n_held_out = names.shown(subject), max(1, rounds), n_held_out
        self._right, self._error = _Told(), _Told()
        self._smooth = None
        self._every, self._passed = 1, 0
        self._describe()
        self._soon()

    def go_on(self, rounds: int) -> None:
        """A training goes on after so many rounds: what it had told of later ones is told again."""
        for told in (self._right, self._error):
            told.batches.cut(rounds + 1e-9)
            for line in (told.learned, told.held_out):
                line.cut(rounds + 0.5)
        self._describe()
        self._soon()

    def set_rounds(self, rounds: int) -> None:
        """The number of rounds turned out to be another."""
        self._rounds = max(1, rounds)
        self._soon()

    def set_held_out(self, n_held_out: int) -> None:
        """On how many photos it is measured."""
        self._n_held_out = n_held_out
        self._describe()

    def add_batch(self, at: float, error: float, right: float) -> None:
        """One batch, at a place in rounds such as 2.25. What is drawn is a running mean."""
        if not (math.isfinite(error) and math.isfinite(right)):
            return
        last = self._smooth or (error, right)
        self._smooth = (last[0] + 0.2 * (error - last[0]), last[1] + 0.2 * (right - last[1]))
        self._passed += 1
        if self._passed % self._every == 0:
            self._error.batches.add(at, self._smooth[0])
            self._right.batches.add(at, self._smooth[1])
            if len(self._error.batches.x) >= MOST_BATCHES:
                self._every *= 2
                self._error.batches.thin_out()
                self._right.batches.thin_out()
        self._soon()

    def add_round(
        self,
        number: int,
        learned_error: float,
        held_out_error: float,
        learned_right: float,
        held_out_right: float,
    ) -> None:
        """One round, counted from 1: the error and the share right, of photos learned from and of those held out."""
        for line in (self._error.learned, self._error.held_out, self._right.learned, self._right.held_out):
            line.cut(number)  # a training that goes on may tell of a round twice
        self._error.learned.add(number, learned_error)
        self._error.held_out.add(number, held_out_error)
        self._right.learned.add(number, learned_right)
        self._right.held_out.add(number, held_out_right)
        self._describe()
        self._soon()

    def set_levels(self, always_not: float, quick: float | None) -> None:
        """The shares of held-out photos that are right if all are called “not”, and that Quick gets right."""
        levels = {"always": always_not} | ({} if quick is None else {"quick": quick})
        self._right.levels = {name: share for name, share in levels.items() if math.isfinite(share)}
        self._describe()
        self._soon()

    # Words

    def _describe(self) -> None:
        def latest(line: _Line) -> str:
            return names.per_cent(line.y[-1]) if line.y else ""

        count = self._n_held_out
        of = f"{names.photos(count)} it doesn’t learn from" if count else "Photos it doesn’t learn from"
        levels = self._right.levels
        words = (
            of,
            "Photos it learns from",
            f"Quick, on the same {count:,}" if count else "Quick, on the same",
            f"Always “{Zone.NOT_SUBJECT.words(self._subject)}”",
        )
        figures = (
            latest(self._right.held_out),
            latest(self._right.learned),
            names.per_cent(levels["quick"]) if "quick" in levels else "",
            names.per_cent(levels["always"]) if "always" in levels else "",
        )
        for entry, text, figure in zip(self._legend, words, figures, strict=True):
            entry.set_words(text, figure)
        known = [f"{text}: {figure} right" for text, figure in zip(words, figures, strict=True) if figure]
        self.setAccessibleName("Curves of the training")
        self.setAccessibleDescription(". ".join(known))
        self._legend[2].setVisible("quick" in levels or "always" not in levels)

    # Drawing

    @Slot(object)
    def _can_draw(self, pg: object) -> None:
        self._pg = pg
        self._add_plot()

    @Slot()
    def _add_plot(self) -> None:
        place = self._places[len(self._plots)]
        made = _Plot(self._pg, self, is_share=not self._plots)
        self._plots.append(made)
        place.addWidget(made.widget, 1)
        made.dress()
        self._soon()
        if len(self._plots) < len(self._places):
            QTimer.singleShot(REDRAW_MS // 2, self, self._add_plot)  # the window breathes between the two

    def _soon(self) -> None:
        self._due += [plot for plot in self._plots if plot not in self._due]
        if not self._redraw.isActive():
            self._redraw.start()

    @Slot()
    def _draw(self) -> None:
        if self._due:
            self.redraws += 1
            plot = self._due.pop(0)
            plot.draw(self._right if plot.is_share else self._error, self._rounds)
        if self._due:
            self._redraw.start()

    def _dress(self) -> None:
        for title in self._titles:
            title.setFont(theme.font(theme.TEXT_BODY, bold=True))
        for plot in self._plots:
            plot.dress()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._dress()
        super().changeEvent(event)


def _import_plots() -> Generator[Any, None, None]:
    import pyqtgraph  # type: ignore[import-untyped]

    # At the program's end it would go through every object that there is.
    pyqtgraph.setConfigOption("exitCleanup", False)
    yield pyqtgraph


class _Plot:
    """One plot: three lines and two levels over the rounds."""

    def __init__(self, pg: Any, parent: QWidget, *, is_share: bool) -> None:
        self._pg, self.is_share = pg, is_share
        self.widget = pg.PlotWidget(parent=parent)
        self.widget.setAntialiasing(True)
        self.widget.setFrameShape(self.widget.Shape.NoFrame)
        self.widget.setMinimumHeight(_HIGH)
        self.widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._item = self.widget.getPlotItem()
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.setMouseEnabled(False, False)
        self._item.getViewBox().setDefaultPadding(0)
        self._item.getViewBox().disableAutoRange()
        self._item.showGrid(y=True, alpha=0.15)
        self._item.setLabel("bottom", "Rounds")
        margins = (0, theme.GRID, 12, 0)  # room for the numbers of the last ticks
        self._item.layout.setContentsMargins(*margins)
        self._levels = {
            name: (look, pg.InfiniteLine(angle=0, movable=False))
            for name, look in (("always", _ALWAYS_NOT), ("quick", _QUICK))
        }
        for _, level in self._levels.values():
            level.hide()
            self._item.addItem(level, ignoreBounds=True)
        self._lines = [(look, self._item.plot(antialias=True)) for look in (_BATCHES, _LEARNED, _HELD_OUT)]

    def dress(self) -> None:
        """Put on the colours of the scheme."""
        t, ratio = theme.tokens(), self.widget.devicePixelRatioF()
        self.widget.setBackground(QColor(t.panel))
        for side in ("left", "bottom"):
            axis = self._item.getAxis(side)
            axis.setPen(QPen(QColor(t.line), 1))
            axis.setTickPen(QPen(QColor(t.muted), 1))
            axis.setTextPen(QPen(QColor(t.muted)))
            axis.setStyle(
                tickFont=theme.font(theme.TEXT_SMALL),
                tickLength=-theme.GRID // 2,
                hideOverlappingLabels=False,
            )
        label = self._item.getAxis("bottom").label
        label.setFont(theme.font(theme.TEXT_SMALL))
        label.setDefaultTextColor(QColor(t.muted))
        for look, line in self._lines:
            pen = look.cosmetic_pen(ratio)
            if look is _BATCHES:
                faint = QColor(t.muted)
                faint.setAlphaF(0.55)
                pen.setColor(faint)
            line.setPen(pen)
            if look.dots:
                line.setSymbol("o")
                line.setSymbolSize(look.dots)
                edge = QPen(look.colour(), ratio)
                edge.setCosmetic(True)  # or pyqtgraph makes it as wide as the dot
                line.setSymbolPen(edge)
                line.setSymbolBrush(QColor(t.panel) if look.hollow else look.colour())
        for look, level in self._levels.values():
            level.setPen(look.cosmetic_pen(ratio))

    def draw(self, told: _Told, rounds: int) -> None:
        """Show what was told, on axes that hold all of it."""
        scale = 100.0 if self.is_share else 1.0
        for (_, line), points in zip(self._lines, (told.batches, told.learned, told.held_out), strict=True):
            line.setData(points.x, [scale * y for y in points.y])
        for name, (_, level) in self._levels.items():
            level.setVisible(name in told.levels)
            if name in told.levels:
                level.setValue(scale * told.levels[name])
        drawn = [*told.batches.y, *told.learned.y, *told.held_out.y, *told.levels.values()]
        low, high, step = _share_axis(drawn) if self.is_share else _error_axis(drawn)
        rounds = max([rounds, *(math.ceil(x) for x in told.learned.x[-1:])])
        box = self._item.getViewBox()
        box.setRange(xRange=(0, rounds), yRange=(low, high), padding=0)
        sign = "\N{NARROW NO-BREAK SPACE}%" if self.is_share else ""
        digits = 0 if step >= 1 else math.ceil(-math.log10(step) - 1e-9)
        ticks = [low + i * step for i in range(math.floor((high - low) / step + 1e-6) + 1)]
        self._item.getAxis("left").setTicks([[(tick, f"{tick:.{digits}f}{sign}") for tick in ticks]])
        every = max(1, int(_nice(rounds / 8)))
        self._item.getAxis("bottom").setTicks([[(n, f"{n}") for n in range(0, rounds + 1, every)]])


def _share_axis(drawn: list[float]) -> tuple[float, float, float]:
    """From where to where the shares are drawn, in per cent, and how far apart the ticks are."""
    low = 100 * min(drawn, default=0.5)
    low = 10.0 * max(0, math.floor((low - 4) / 10))
    return low, 102.0, 10.0 if low >= 40 else 20.0 if (100 - low) % 20 == 0 else 25.0 if low == 0 else 10.0


def _error_axis(drawn: list[float]) -> tuple[float, float, float]:
    high = max([0.1, *drawn]) * 1.05
    return 0.0, high, _nice(high / 5)


def _nice(about: float) -> float:
    """A round number, 1, 2 or 5 times a power of ten, that is at least `about`."""
    power = 10.0 ** math.floor(math.log10(about)) if about > 0 else 1.0
    return next(power * times for times in (1, 2, 5, 10) if power * times >= about * (1 - 1e-9))


class _LegendEntry(QWidget):
    """A line as it is drawn, what it is, and its latest figure."""

    def __init__(self, look: _Look) -> None:
        super().__init__()
        self._look, self._words, self._figure = look, "", ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_words(self, words: str, figure: str) -> None:
        if (words, figure) != (self._words, self._figure):
            self._words, self._figure = words, figure
            self.setAccessibleName(f"{words} {figure}".strip())
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        plain = QFontMetrics(theme.font(theme.TEXT_SMALL))
        bold = QFontMetrics(theme.font(theme.TEXT_SMALL, bold=True))
        width = _SAMPLE + theme.GRID + plain.horizontalAdvance(self._words)
        # Room for a figure is kept before there is one, so that nothing jumps.
        return QSize(width + theme.GRID + bold.horizontalAdvance("100 %"), plain.height() + theme.GRID // 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        painter.setPen(self._look.pen())
        painter.drawLine(QPointF(0, middle), QPointF(_SAMPLE, middle))
        if self._look.dots:
            painter.setPen(QPen(self._look.colour(), 1))
            painter.setBrush(QColor(theme.tokens().panel) if self._look.hollow else self._look.colour())
            painter.drawEllipse(QPointF(_SAMPLE / 2, middle), self._look.dots / 2, self._look.dots / 2)
        plain, bold = theme.font(theme.TEXT_SMALL), theme.font(theme.TEXT_SMALL, bold=True)
        painter.setFont(plain)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        left = _SAMPLE + theme.GRID
        rect = self.rect().adjusted(left, 0, 0, 0)
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, self._words)
        painter.setFont(bold)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        rect.adjust(QFontMetrics(plain).horizontalAdvance(self._words) + theme.GRID, 0, 0, 0)
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, self._figure)
