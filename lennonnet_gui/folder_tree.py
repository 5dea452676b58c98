"""The tree of folders at the left of the window.

Not QFileSystemModel: that one makes a node for every file as well, and stalls on a folder of 100,000 photos.
Here a folder is listed on another thread when it is first unfolded, and nothing but folders comes back.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QToolButton, QTreeView, QVBoxLayout, QWidget

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Jobs

_Index = QModelIndex | QPersistentModelIndex

_ICON = 2 * theme.GRID

PEEK_ENTRIES = 500
"""So many entries of a folder are looked through for a subfolder; if there are more, there may be one."""

PEEK_SECONDS = 0.3
"""So long a listing looks into the folders it found; on a slow disk the rest may hold subfolders."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in one folder: the names of its subfolders, and which of those hold none themselves."""

    names: tuple[str, ...] = ()
    leaves: frozenset[str] = frozenset()
    trouble: str = ""
    """Why the folder could not be listed, in words that follow its name."""


def list_folder(path: str) -> Listing:
    """The subfolders of `path` that are not hidden, in the order that people count; never raises OSError."""
    try:
        found = sorted(_subfolders(path), key=names.natural_key)
    except FileNotFoundError:
        return Listing(trouble="is not there any more")
    except PermissionError:
        return Listing(trouble="may not be looked into")
    except OSError as error:
        return Listing(trouble=f"can't be read: {error.strerror}")
    until, leaves = time.monotonic() + PEEK_SECONDS, set()
    for name in found:
        if time.monotonic() > until:
            break
        if not _may_hold_folders(os.path.join(path, name)):  # noqa: PTH118, a Path for each name costs
            leaves.add(name)
    return Listing(tuple(found), frozenset(leaves))


def _subfolders(path: str) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if _is_shown_folder(entry):
                yield entry.name


def _is_shown_folder(entry: os.DirEntry[str]) -> bool:
    try:
        if entry.name.startswith(".") or not entry.is_dir():
            return False
        attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return not attributes & (stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM)


def _may_hold_folders(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            for i, entry in enumerate(entries):
                if i >= PEEK_ENTRIES or _is_shown_folder(entry):
                    return True
    except OSError:
        pass
    return False


def _icon(name: str) -> QIcon:
    icon = theme.icon(name, _ICON)
    for ratio in (1.0, 2.0):  # or the style would make one for selected rows, in a colour too close to theirs
        icon.addPixmap(theme.icon_pixmap(name, _ICON, theme.tokens().text, ratio), QIcon.Mode.Selected)
    return icon


def _listing_job(key: int, path: str) -> Generator[tuple[int, Listing], None, None]:
    yield key, list_folder(path)


@dataclass(slots=True, eq=False)
class _Folder:
    key: int
    path: str
    name: str
    parent: _Folder | None
    row: int = 0
    children: list[_Folder] | None = None  # None: not listed yet
    may_hold_folders: bool = True
    listing: bool = False
    trouble: str = ""

    def holds(self, path: str) -> bool:
        """Whether `path` is this folder or somewhere in it."""
        return path == self.path or path.startswith(self.path.rstrip(os.sep) + os.sep)


@dataclass(slots=True)
class _Forest:
    """All folders that the model knows, by the number that its indexes carry; a late index finds nothing."""

    by_key: dict[int, _Folder] = field(default_factory=dict)
    last_key: int = 0

    def plant(self, path: str, name: str, parent: _Folder | None) -> _Folder:
        self.last_key += 1
        folder = self.by_key[self.last_key] = _Folder(self.last_key, path, name, parent)
        return folder

    def fell(self, folder: _Folder) -> None:
        self.by_key.pop(folder.key, None)
        for child in folder.children or ():
            self.fell(child)


class FolderModel(QAbstractItemModel):
    """One root folder and, as far as they were asked for, the folders in it."""

    listed = Signal()
    """A listing came back, and the rows are up to date with it."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._forest = _Forest()
        self._root: _Folder | None = None
        self._chosen = ""
        self.dress()

    # What the view asks

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if column == 0 and 0 <= row < self.rowCount(parent):
            folder = self._folder(parent)
            below = folder.children[row] if folder and folder.children else self._root
            if below is not None:
                return self.createIndex(row, 0, below.key)
        return QModelIndex()

    def parent(self, index: _Index) -> QModelIndex:  # type: ignore[override]
        folder = self._folder(index)
        return self.index_of(folder.parent) if folder and folder.parent else QModelIndex()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        folder = self._folder(parent)
        return len(folder.children or ()) if folder else int(self._root is not None and not parent.isValid())

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 1

    def hasChildren(self, parent: _Index = QModelIndex()) -> bool:  # noqa: B008
        folder = self._folder(parent)
        if folder is None:
            return not parent.isValid() and self._root is not None
        return folder.may_hold_folders if folder.children is None else bool(folder.children)

    def canFetchMore(self, parent: _Index) -> bool:
        folder = self._folder(parent)
        return folder is not None and folder.children is None and not folder.listing

    def fetchMore(self, parent: _Index) -> None:
        if folder := self._folder(parent):
            self.list_again(folder)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        folder = self._folder(index)
        if folder is None:
            return None
        chosen = folder.path == self._chosen
        if role == Qt.ItemDataRole.DisplayRole:
            return names.shown(folder.name)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icons[chosen]
        if role == Qt.ItemDataRole.FontRole and chosen:
            return theme.font(theme.TEXT_BODY, bold=True)
        if role == Qt.ItemDataRole.ForegroundRole and folder.trouble:
            return QColor(theme.tokens().muted)
        if role == Qt.ItemDataRole.ToolTipRole:
            said = f"{folder.name} {folder.trouble}" if folder.trouble else folder.path
            return names.in_tool_tip(names.shown(said))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            said = f"{folder.name} {folder.trouble}" if folder.trouble else folder.name
            return names.shown(said + (", open" if chosen else ""))
        return None

    # What the tree asks and tells

    def root(self) -> _Folder | None:
        """The folder at the top."""
        return self._root

    def index_of(self, folder: _Folder) -> QModelIndex:
        """The index of a folder of this model."""
        return self.createIndex(folder.row, 0, folder.key)

    def folder_at(self, index: _Index) -> _Folder | None:
        """The folder of an index, or None for one that is gone."""
        return self._folder(index)

    def set_root(self, path: str) -> None:
        """Put `path` at the top and forget all others."""
        self.beginResetModel()
        self._forest.by_key.clear()
        self._root = self._forest.plant(path, os.path.basename(path) or path, None)  # noqa: PTH119
        self.endResetModel()

    def set_chosen(self, path: str) -> None:
        """Mark the folder that is open in the window; the view has to be redrawn then."""
        self._chosen = path

    def dress(self) -> None:
        """Make the icons in the colours of the scheme that is in force now."""
        self._icons = (_icon("folder"), _icon("folder-open"))

    def list_again(self, folder: _Folder) -> None:
        """Look into `folder` on another thread; rows come and go when the answer is here."""
        if not folder.listing:
            folder.listing = True
            self._jobs.start(partial(_listing_job, folder.key, folder.path), on_event=self._take)

    def list_all_again(self) -> None:
        """Look again into every folder that was looked into."""
        for folder in list(self._forest.by_key.values()):
            if folder.children is not None or folder.trouble:
                self.list_again(folder)

    def _folder(self, index: _Index) -> _Folder | None:
        return self._forest.by_key.get(index.internalId()) if index.isValid() else None

    def _take(self, event: tuple[int, Listing]) -> None:
        key, listing = event
        folder = self._forest.by_key.get(key)
        if folder is None:
            return  # the tree has moved on
        folder.listing, folder.trouble = False, listing.trouble
        here, known = self.index_of(folder), {child.name: child for child in folder.children or ()}
        wanted = set(listing.names)
        for child in reversed(folder.children or ()):
            if child.name not in wanted:
                self.beginRemoveRows(here, child.row, child.row)
                assert folder.children is not None
                del folder.children[child.row]
                self._forest.fell(child)
                self._number(folder)
                self.endRemoveRows()
        children = folder.children = folder.children or []
        for first, names_here in _runs_of_new(listing.names, known):
            self.beginInsertRows(here, first, first + len(names_here) - 1)
            children[first:first] = [
                self._forest.plant(os.path.join(folder.path, name), name, folder)  # noqa: PTH118
                for name in names_here
            ]
            self._number(folder)
            self.endInsertRows()
        for child in children:
            if child.children is None:
                child.may_hold_folders = child.name not in listing.leaves
        self.dataChanged.emit(here, here)
        if children:
            self.dataChanged.emit(self.index_of(children[0]), self.index_of(children[-1]))
        self.listed.emit()

    @staticmethod
    def _number(folder: _Folder) -> None:
        for row, child in enumerate(folder.children or ()):
            child.row = row


def _runs_of_new(wanted: tuple[str, ...], known: dict[str, _Folder]) -> Iterator[tuple[int, list[str]]]:
    """The names in `wanted` that are not `known`, in runs of neighbours, each with its first row."""
    run: list[str] = []
    for row, name in enumerate(wanted):
        if name not in known:
            run.append(name)
        elif run:
            yield row - len(run), run
            run = []
    if run:
        yield len(wanted) - len(run), run


class FolderTree(QWidget):
    """Folders only: the one that is open, those in it, and a button for the one around it."""

    folder_chosen = Signal(object)
    """The folder's path, as a Python str: Qt's own strings lose what is not UTF-8."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wanted = ""  # the folder to unfold down to, while listings come in
        self._chosen = ""
        self._model = FolderModel(jobs, self)
        self._model.listed.connect(self._unfold)

        self._up = QToolButton(autoRaise=True)
        self._up.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._up.setIconSize(QSize(_ICON, _ICON))
        self._up.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._up.clicked.connect(self._go_up)
        self._tree = QTreeView(headerHidden=True, uniformRowHeights=True)
        self._tree.setAccessibleName("Folders")
        self._tree.setModel(self._model)
        self._tree.setFrameShape(QFrame.Shape.NoFrame)
        self._tree.setIndentation(2 * theme.GRID)
        self._tree.setIconSize(QSize(_ICON, _ICON))
        self._tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._tree.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        self._tree.clicked.connect(self._choose)
        self._tree.activated.connect(self._choose)
        self._tree.expanded.connect(self._expanded)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID // 2, theme.GRID // 2, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self._up)
        column.addWidget(self._tree)
        self.setFocusProxy(self._tree)
        self.setMinimumWidth(16 * theme.GRID)
        self._dress()

    def set_folder(self, path: str) -> None:
        """Show that `path` is open, unfolding down to it, or starting the tree there if it is not in it.

        Emits nothing.
        """
        self._chosen = self._wanted = os.path.abspath(path)  # noqa: PTH100, `path` may hold any bytes
        root = self._model.root()
        if root is None or not root.holds(self._chosen):
            self.set_root(self._chosen)
        self._mark_chosen()
        self._unfold()

    def set_root(self, path: str) -> None:
        """Start the tree at `path`, unfolded; opens nothing."""
        self._model.set_root(os.path.abspath(path))  # noqa: PTH100
        self._tree.expand(self._model.index(0, 0))
        self._dress()

    def folder(self) -> str:
        """The folder that is open."""
        return self._chosen

    def refresh(self) -> None:
        """Look on the disk again for folders that came or went."""
        self._model.list_all_again()

    def sizeHint(self) -> QSize:
        return QSize(28 * theme.GRID, 60 * theme.GRID)

    def _choose(self, index: QModelIndex) -> None:
        folder = self._model.folder_at(index)
        if folder is not None and folder.path != self._chosen:
            self._chosen = folder.path
            self._wanted = ""
            self._mark_chosen()
            self.folder_chosen.emit(folder.path)

    def _mark_chosen(self) -> None:
        self._model.set_chosen(self._chosen)
        self._tree.viewport().update()

    def _go_up(self) -> None:
        root = self._model.root()
        if root is not None and (around := os.path.dirname(root.path)) != root.path:  # noqa: PTH120
            self._wanted = root.path
            self.set_root(around)

    def _expanded(self, index: QModelIndex) -> None:
        folder = self._model.folder_at(index)
        if folder is not None and folder.children is not None:
            self._model.list_again(folder)  # it may have changed since it was folded

    def _unfold(self) -> None:
        """Go on towards the wanted folder, as far as the listings have come."""
        folder = self._model.root()
        if not self._wanted or folder is None or not folder.holds(self._wanted):
            return
        while folder.path != self._wanted:
            if folder.children is None:
                self._model.list_again(folder)
                return  # comes back here once it is listed
            self._tree.expand(self._model.index_of(folder))
            below = next((child for child in folder.children if child.holds(self._wanted)), None)
            if below is None:
                break  # hidden or gone: the folder around it is as near as we get
            folder = below
        self._wanted = ""
        index = self._model.index_of(folder)
        self._tree.setCurrentIndex(index)
        self._tree.scrollTo(index)

    def _dress(self) -> None:
        root = self._model.root()
        around = os.path.dirname(root.path) if root else ""  # noqa: PTH120
        name = names.folder_name(around) if root and around != root.path else ""
        self._up.setEnabled(bool(name))
        self._up.setIcon(theme.icon("chevron-left", _ICON))
        room = self._up.width() - _ICON - 2 * theme.GRID
        elided = self._up.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, max(room, 0))
        self._up.setText(names.on_button(elided))
        quiet = self._tree.palette()  # the open folder is bold already; a black bar would outshine the photos
        quiet.setColor(QPalette.ColorRole.Highlight, QColor(theme.tokens().line))
        quiet.setColor(QPalette.ColorRole.HighlightedText, QColor(theme.tokens().text))
        if quiet != self._tree.palette():
            self._tree.setPalette(quiet)
        said = f"Up to the folder around it: {name}" if name else "There is no folder around this one"
        self._up.setAccessibleName(said)
        self._up.setToolTip(names.in_tool_tip(said))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._dress()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._model.dress()
            self._dress()
