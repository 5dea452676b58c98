"""The list of photos that can't be read, and why."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QIcon, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme

_Index = QModelIndex | QPersistentModelIndex

Row = tuple[str, str]
"""A path, and why it can't be read, in words that follow a file name."""


class _PhotoTable(QAbstractTableModel):
    """Rows of name, reason and folder; sorts a Python list, which is quick at any length."""

    HEADERS = ("Name", "What is wrong", "Folder")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._column, self._order = 0, Qt.SortOrder.AscendingOrder

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.HEADERS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        path, reason = self._rows[index.row()]
        folder, name = os.path.split(path)
        if role == Qt.ItemDataRole.DisplayRole:
            return names.shown((name, reason, folder)[index.column()])
        if role == Qt.ItemDataRole.ToolTipRole:
            return names.in_tool_tip(f"{names.shown(path)}\n{names.shown(reason)}")
        return None

    def row(self, at: int) -> Row:
        """The path and the reason in row `at`."""
        return self._rows[at]

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Replace all rows, in the order that is in force."""
        self.beginResetModel()
        self._rows = self._sorted(rows)
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._order = column, order
        self.layoutAboutToBeChanged.emit()
        before = self._rows
        self._rows = self._sorted(before)
        now = {row: at for at, row in enumerate(self._rows)}
        held = self.persistentIndexList()
        self.changePersistentIndexList(held, [self.index(now[before[i.row()]], i.column()) for i in held])
        self.layoutChanged.emit()

    def _sorted(self, rows: Sequence[Row]) -> list[Row]:
        def key(row: Row) -> tuple[Any, ...]:
            folder, name = os.path.split(row[0])
            keys = names.natural_key(name), (row[1],), names.natural_key(folder)
            return keys[self._column], keys[0], keys[2]

        return sorted(rows, key=key, reverse=self._order == Qt.SortOrder.DescendingOrder)


class PhotoListDialog(QDialog):
    """Which photos can't be read and why: to sort, to copy, to find on the disk; the window stays usable.

    With a `title` of its own it lists photos that something else was the matter with.
    """

    def __init__(self, parent: QWidget | None = None, title: str = "") -> None:
        super().__init__(parent)
        self.setModal(False)
        self._own_title = title
        self.setWindowTitle(title or "Photos that can't be read")
        self._title = QLabel(textFormat=Qt.TextFormat.PlainText)
        self._title.setFont(theme.font(theme.TEXT_TITLE))
        self._text = QLabel(
            "These files are left as they are."
            if title
            else "All others get their scores as usual. These files are left as they are."
        )
        self._text.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._text.setWordWrap(True)

        self._given: list[Row] | None = None
        self._model = _PhotoTable(self)
        self._table = QTableView(showGrid=False, wordWrap=False)
        self._table.setAccessibleName("Photos that can't be read")
        self._table.setModel(self._model)
        self._table.setFrameShape(QFrame.Shape.NoFrame)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._table.setTabKeyNavigation(False)  # Tab leaves the table
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + theme.GRID)
        header = self._table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.resizeSection(0, 26 * theme.GRID)
        header.resizeSection(1, 38 * theme.GRID)
        self._table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._table.setSortingEnabled(True)
        self._table.doubleClicked.connect(self._show_in_folder)
        self._table.selectionModel().selectionChanged.connect(self._update_buttons)

        copy = QAction("Copy", self, shortcut=QKeySequence(QKeySequence.StandardKey.Copy))
        copy.triggered.connect(self._copy_selected)
        self._table.addAction(copy)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._copy_button = buttons.addButton("Copy list", QDialogButtonBox.ButtonRole.ActionRole)
        self._folder_button = buttons.addButton("Show in folder", QDialogButtonBox.ButtonRole.ActionRole)
        self._copy_button.clicked.connect(self._copy_all)
        self._folder_button.clicked.connect(self._show_in_folder)
        buttons.rejected.connect(self.close)
        for button in buttons.buttons():
            button.setIcon(QIcon())  # a style's own icons follow no dark scheme
            button.setAutoDefault(False)  # type: ignore[attr-defined]  # Enter in the table is not a button's

        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID)
        column.setSpacing(theme.GRID)
        for widget in (self._title, self._text, self._table, buttons):
            column.addWidget(widget)
        self.set_rows(())

    def set_rows(self, rows: Sequence[Row], folders: int = 0) -> None:
        """Show these photos, each a path and why it can't be read; keeps the order and what is selected.

        `folders` says how many of the rows are folders.
        """
        if self._given == (given := list(rows)):
            return  # scores stream in all the time, unreadable photos seldom
        self._given = given
        selected = {self._model.row(index.row()) for index in self._table.selectionModel().selectedRows()}
        self._model.set_rows(rows)
        count = len(rows)
        what = names.photos_and_folders(count - folders, folders)
        can_read = f"{what} can't be read" if count else "Every photo can be read"
        self._title.setText(f"{self._own_title}: {count:,}" if self._own_title else can_read)
        self._text.setVisible(bool(count))
        self._copy_button.setEnabled(bool(count))
        if selected:
            model, flags = self._table.selectionModel(), self._table.selectionModel().SelectionFlag
            for at in range(count):
                if self._model.row(at) in selected:
                    model.select(self._model.index(at, 0), flags.Select | flags.Rows)
        self._update_buttons()

    def sizeHint(self) -> QSize:
        return QSize(88 * theme.GRID, 52 * theme.GRID)

    def _selected(self) -> list[Row]:
        at = sorted(index.row() for index in self._table.selectionModel().selectedRows())
        return [self._model.row(row) for row in at]

    def _update_buttons(self) -> None:
        self._folder_button.setEnabled(bool(self._selected()))

    def _copy_all(self) -> None:
        self._copy([self._model.row(at) for at in range(self._model.rowCount())])

    def _copy_selected(self) -> None:
        self._copy(self._selected())

    @staticmethod
    def _copy(rows: Sequence[Row]) -> None:
        if rows:
            text = "\n".join(f"{names.shown(path)}\t{names.shown(reason)}" for path, reason in rows)
            QGuiApplication.clipboard().setText(text)

    def _show_in_folder(self) -> None:
        if selected := self._selected():
            QDesktopServices.openUrl(names.to_url(str(Path(selected[0][0]).parent)))
