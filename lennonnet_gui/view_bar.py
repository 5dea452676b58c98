"""The one slim bar over the grid: what order, which photos, how large.

`ViewBar` holds no photos: it says what the user wants by signals, and its setters, which emit nothing, show
what is. Each thing it can do is a QAction as well, for the main window's menus.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QColor,
    QHideEvent,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QShowEvent,
    QTransform,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.histogram import ZoneButton
from lennonnet_gui.photo_grid import LARGEST_CELL, SMALLEST_CELL
from lennonnet_gui.photo_model import SortKey
from training.zones import Zone

CELL_SIZES = range(SMALLEST_CELL, LARGEST_CELL + 1)
"""The edge of a cell in the grid, in device-independent pixels."""

CELL_STEP = 32
"""By how much the keys make the cells larger or smaller."""

TYPING_MS = 150
"""How long the name filter waits for the next letter."""

SORTS: dict[SortKey, tuple[str, bool, str, str]] = {
    SortKey.NAME: ("Name", False, "A to Z", "Z to A"),
    SortKey.SCORE: ("Score", True, "lowest first", "highest first"),
    SortKey.TAKEN: ("Date taken", True, "oldest first", "newest first"),
    SortKey.UNSURE: ("Least sure first", False, "least sure first", "surest first"),
}
"""By key: its name, whether it starts descending, and what ascending and descending mean."""

_ICON = 2 * theme.GRID


class _NameField(QLineEdit):
    """A line edit that Esc empties."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.textEdited.emit("")
        else:
            super().keyPressEvent(event)


class _Switch(QCheckBox):
    """A check box that looks like a switch: a pill with a knob, then words."""

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        height = max(metrics.height(), 2 * theme.GRID) + theme.GRID
        return QSize(5 * theme.GRID + metrics.horizontalAdvance(self.text()), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, grid = theme.tokens(), theme.GRID
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pill = QRectF(grid / 2, (self.height() - 1.75 * grid) / 2, 3.25 * grid, 1.75 * grid)
        painter.setPen(QPen(QColor(tokens.muted), 1))
        painter.setBrush(QColor(tokens.text if self.isChecked() else tokens.raised))
        painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        knob = pill.adjusted(2.5, 2.5, -2.5, -2.5)
        knob.setWidth(knob.height())
        if self.isChecked():
            knob.moveRight(pill.right() - 2.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.panel if self.isChecked() else tokens.muted))
        painter.drawEllipse(knob)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens.focus), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), grid / 2, grid / 2)
        painter.setPen(QColor(tokens.text))
        words = QRectF(pill.right() + 0.75 * grid, 0, self.width(), self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())


class ViewBar(QWidget):
    """Sort, filter, subfolders and thumbnail size in one line; narrow, it gives up words, never meaning."""

    sort_changed = Signal(object, bool)
    """SortKey, and whether descending."""
    resort_clicked = Signal()
    filter_changed = Signal(object, str)
    """frozenset[Zone] (empty means all), and the text that names must hold."""
    recursive_changed = Signal(bool)
    cell_size_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key, self._descending = SortKey.NAME, False
        self._needs: list[int] = []  # the width that each level of compactness needs
        self.setAccessibleName("Sort and filter")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._make_actions()
        self._make_widgets()
        self._lay_out()
        self._dress()
        self.set_subject("subject")
        self.set_sort(SortKey.NAME, False)
        self.set_cell_size(160)
        self.set_order_stale(False)
        self._enable_keys(False)

    def _make_actions(self) -> None:
        self.sort_actions = tuple(QAction(SORTS[key][0], self, checkable=True) for key in SortKey)
        group = QActionGroup(self)
        for key, action in zip(SortKey, self.sort_actions, strict=True):
            action.setData(key)
            group.addAction(action)
        group.triggered.connect(self._sort_action_triggered)
        self.descending_action = QAction("Other way round", self, checkable=True)
        self.descending_action.triggered.connect(self._turn_round)
        self.resort_action = QAction("Sort again", self)
        self.resort_action.triggered.connect(self.resort_clicked)
        self.zone_actions = tuple(QAction(self, checkable=True) for _ in Zone)
        self.find_action = QAction("Find by name", self, shortcut=QKeySequence(QKeySequence.StandardKey.Find))
        self.find_action.triggered.connect(self.focus_name_filter)
        self.recursive_action = QAction("Include subfolders", self, checkable=True)
        self.recursive_action.triggered.connect(self._recursive_triggered)
        self.larger_action = QAction("Larger thumbnails", self)
        self.larger_action.setShortcuts([QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")])
        self.larger_action.triggered.connect(self._make_larger)
        self.smaller_action = QAction("Smaller thumbnails", self, shortcut=QKeySequence("Ctrl+-"))
        self.smaller_action.triggered.connect(self._make_smaller)
        # So that their keys work even if no menu holds them.
        self.addActions([self.find_action, self.larger_action, self.smaller_action])

    def _make_widgets(self) -> None:
        self._sort_label = QLabel("Sort by")
        self._sort_label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._sort = QComboBox()
        self._sort.setAccessibleName("Sort by")
        self._sort.setToolTip("What the photos are sorted by")
        self._sort.addItems([action.text() for action in self.sort_actions])
        self._sort.activated.connect(self._sort_picked)
        self._direction = QToolButton(autoRaise=True)
        self._direction.clicked.connect(self.descending_action.trigger)
        self._resort = QToolButton(autoRaise=True)
        self._resort.setText("Sort again")
        self._resort.setAccessibleName("Sort again")
        why = "Scores came in since the photos were put in order.\nNothing moves until you ask."
        self._resort.setToolTip(names.in_tool_tip(why))
        self._resort.clicked.connect(self.resort_clicked)
        kept = self._resort.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # its place is reserved: nothing jumps when it comes
        self._resort.setSizePolicy(kept)

        self._chips = tuple(ZoneButton(zone) for zone in Zone)
        for chip, action in zip(self._chips, self.zone_actions, strict=True):
            chip.setCheckable(True)
            chip.toggled.connect(action.setChecked)
            action.toggled.connect(chip.setChecked)
            chip.clicked.connect(self._filter_now)
            action.triggered.connect(self._filter_now)

        self._name = _NameField(placeholderText="Find by name")
        self._name.setAccessibleName("Show only photos whose name holds")
        self._name.setClearButtonEnabled(True)
        self._search_icon = self._name.addAction(QIcon(), QLineEdit.ActionPosition.LeadingPosition)
        self._name.textEdited.connect(self._name_edited)
        self._name.returnPressed.connect(self._filter_now)
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(self._filter_now)

        self._recursive = _Switch()
        self._recursive.setAccessibleName("Include subfolders")
        self._recursive.setToolTip(names.in_tool_tip("Also show the photos in the folders inside this one"))
        self._recursive.clicked.connect(self._recursive_triggered)

        self._small, self._large = QLabel(), QLabel()
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._size.setAccessibleName("Size of the thumbnails")
        self._size.setRange(CELL_SIZES[0], CELL_SIZES[-1])
        self._size.setSingleStep(theme.GRID)
        self._size.setPageStep(CELL_STEP)
        self._size.setToolTip("Size of the thumbnails")
        self._size.valueChanged.connect(self.cell_size_changed)

    def _lay_out(self) -> None:
        row = self._row = QHBoxLayout(self)
        row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)  # see minimumSizeHint
        row.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        row.setSpacing(theme.GRID // 2)
        for widget in (self._sort_label, self._sort, self._direction, self._resort):
            row.addWidget(widget)
        row.addSpacing(theme.GRID)
        for chip in self._chips:
            row.addWidget(chip)
        row.addSpacing(theme.GRID)
        row.addWidget(self._name, 20)
        row.addStretch(1)
        row.addSpacing(theme.GRID)
        row.addWidget(self._recursive)
        row.addSpacing(theme.GRID)
        row.addWidget(self._small)
        row.addWidget(self._size, 4)
        row.addWidget(self._large)
        self._name.setMinimumWidth(12 * theme.GRID)
        self._name.setMaximumWidth(32 * theme.GRID)
        self._size.setMinimumWidth(7 * theme.GRID)
        self._size.setMaximumWidth(16 * theme.GRID)
        self._size.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    # What it is told; none of these emits

    def set_sort(self, key: SortKey, descending: bool) -> None:
        """Show that the photos are sorted by `key`."""
        self._key, self._descending = key, descending
        at = list(SortKey).index(key)
        self._sort.setCurrentIndex(at)
        self.sort_actions[at].setChecked(True)
        self.descending_action.setChecked(descending)
        self._dress_direction()

    def set_order_stale(self, stale: bool) -> None:
        """Offer "Sort again", or take the offer back."""
        self._resort.setVisible(stale)
        self.resort_action.setEnabled(stale)

    def set_filter(self, zones: frozenset[Zone], text: str) -> None:
        """Show which photos are shown: those of `zones` (empty means all) whose name holds `text`."""
        self._typing.stop()
        for chip in self._chips:
            chip.setChecked(chip.zone in zones)
        if text != self._name.text():
            self._name.setText(text)

    def set_recursive(self, recursive: bool) -> None:
        """Show whether the photos of subfolders are included."""
        self._recursive.setChecked(recursive)
        self.recursive_action.setChecked(recursive)

    def set_cell_size(self, size: int) -> None:
        """Show the size of the thumbnails, in device-independent pixels."""
        self._size.blockSignals(True)
        self._size.setValue(size)
        self._size.blockSignals(False)

    def set_subject(self, name: str) -> None:
        """Whose photos these may be, for the words of the zone filter."""
        for chip, action in zip(self._chips, self.zone_actions, strict=True):
            words = chip.zone.words(names.shown(name))
            chip.set_words(words)
            action.setText(names.on_button(f"Show “{words}”"))
            chip.setAccessibleName(f"Show “{words}”")
            chip.setToolTip(names.in_tool_tip(f"Show “{words}”\nWith none of the three pressed, all show."))
        self._measure()

    # What it can be asked

    def zones(self) -> frozenset[Zone]:
        """The zones whose photos are shown; empty means all."""
        return frozenset(chip.zone for chip in self._chips if chip.isChecked())

    def text(self) -> str:
        """What the names of the shown photos must hold."""
        return self._name.text()

    def focus_name_filter(self) -> None:
        """Put the cursor into the name filter, with what is there selected."""
        self._name.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._name.selectAll()

    # The user's acts

    def _sort_picked(self, at: int) -> None:
        key = list(SortKey)[at]
        self._sort_by(key, self._descending if key is self._key else SORTS[key][1])

    def _sort_action_triggered(self, action: QAction) -> None:
        self._sort_picked(self.sort_actions.index(action))

    def _turn_round(self, descending: bool) -> None:
        self._sort_by(self._key, descending)

    def _sort_by(self, key: SortKey, descending: bool) -> None:
        changed = (key, descending) != (self._key, self._descending)
        self.set_sort(key, descending)
        if changed:
            self.sort_changed.emit(key, descending)

    def _name_edited(self, text: str) -> None:
        if text:
            self._typing.start()
        else:
            self._filter_now()  # there is nothing more to type

    def _filter_now(self) -> None:
        self._typing.stop()
        self.filter_changed.emit(self.zones(), self._name.text())

    def _recursive_triggered(self, recursive: bool) -> None:
        self.set_recursive(recursive)
        self.recursive_changed.emit(recursive)

    def _make_larger(self) -> None:
        self._size.setValue(self._size.value() + CELL_STEP)

    def _make_smaller(self) -> None:
        self._size.setValue(self._size.value() - CELL_STEP)

    # Looks

    def _dress(self) -> None:
        self._resort.setIcon(theme.icon("rotate-ccw", _ICON))
        self._search_icon.setIcon(theme.icon("search", _ICON))
        muted, ratio = theme.tokens().muted, self.devicePixelRatioF()
        self._small.setPixmap(theme.icon_pixmap("image", round(1.5 * theme.GRID), muted, ratio))
        self._large.setPixmap(theme.icon_pixmap("image", round(2.5 * theme.GRID), muted, ratio))
        for button in (self._direction, self._resort):
            button.setIconSize(QSize(_ICON, _ICON))
        self._dress_direction()

    def _dress_direction(self) -> None:
        _, _, ascending, descending = SORTS[self._key]
        now, other = (descending, ascending) if self._descending else (ascending, descending)
        icon = QIcon()
        for ratio in (1.0, 2.0):
            made = theme.icon_pixmap("arrow-down-wide-narrow", _ICON, theme.tokens().text, ratio)
            icon.addPixmap(made if self._descending else made.transformed(QTransform.fromScale(1, -1)))
        self._direction.setIcon(icon)
        self._direction.setAccessibleName(f"Order: {now}")
        self._direction.setToolTip(names.in_tool_tip(f"Now {now}.\nClick for {other}."))

    def _apply(self, level: int) -> None:
        """Leave out words up to `level`; the tool tips and the screen reader's names keep them."""
        self._sort_label.setVisible(level < 1)
        worded, bare = Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly
        self._resort.setToolButtonStyle(worded if level < 2 else bare)
        self._recursive.setText("Include subfolders" if level < 1 else "Subfolders")
        self._small.setVisible(level < 3)
        self._large.setVisible(level < 3)
        for chip in self._chips:
            chip.set_compact(level >= 4)

    def _measure(self) -> None:
        """Find the width that each level needs, and take the one that fits."""
        self._needs = []
        for level in range(5):
            self._apply(level)
            self._row.invalidate()
            self._needs.append(self._row.minimumSize().width())
        self.updateGeometry()
        self._fit()

    def _fit(self) -> None:
        fitting = [level for level, need in enumerate(self._needs) if need <= self.width()]
        self._apply(fitting[0] if fitting else len(self._needs) - 1)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._needs[-1] if self._needs else 0, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(self._needs[0] if self._needs else 0, super().sizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._enable_keys(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._enable_keys(False)

    def _enable_keys(self, on: bool) -> None:
        """Leave the keys to others while the bar is out of sight: one photo is made larger by the same ones."""
        for action in (self.find_action, self.larger_action, self.smaller_action):
            action.setEnabled(on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        elif event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure()
