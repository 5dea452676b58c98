"""The folder tree: what it lists, how it is walked by mouse and keys, and what becomes of folders that change."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from lennonnet_gui.folder_tree import FolderTree, list_folder
from lennonnet_gui.jobs import Jobs


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("Holidays 10", "Holidays 2/Beach", "holidays 1", ".hidden", "Rock & Roll"):
        (tmp_path / "album" / name).mkdir(parents=True)
    (tmp_path / "album" / "photo.jpg").write_bytes(b"")
    return tmp_path / "album"


@pytest.fixture
def tree(qtbot: QtBot) -> Iterator[FolderTree]:
    jobs = Jobs()
    made = FolderTree(jobs)
    QAbstractItemModelTester(made._model, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    qtbot.addWidget(made)
    made.resize(240, 400)
    made.show()
    yield made
    jobs.stop()


def rows(tree: FolderTree, parent: QModelIndex | None = None) -> list[str]:
    """The names of the folders below `parent`, or below the top folder."""
    parent = parent or tree._model.index(0, 0)
    return [tree._model.index(row, 0, parent).data() for row in range(tree._model.rowCount(parent))]


def index_of(tree: FolderTree, name: str, parent: QModelIndex | None = None) -> QModelIndex:
    parent = parent or tree._model.index(0, 0)
    return tree._model.index(rows(tree, parent).index(name), 0, parent)


def current_name(tree: FolderTree) -> str:
    return str(tree._tree.currentIndex().data())


def test_listing_counts_as_people_do_and_leaves_out_files_and_hidden_folders(album: Path) -> None:
    listing = list_folder(str(album))
    assert listing.names == ("holidays 1", "Holidays 2", "Holidays 10", "Rock & Roll")
    assert listing.leaves == {"holidays 1", "Holidays 10", "Rock & Roll"}
    assert listing.trouble == ""


def test_listing_says_what_is_wrong_in_words(album: Path) -> None:
    assert list_folder(str(album / "none")).trouble == "is not there any more"
    assert list_folder(str(album / "photo.jpg")).trouble.startswith("can't be read")


@pytest.mark.skipif(not hasattr(os, "symlink") or sys.platform == "win32", reason="needs links")
def test_links_in_a_circle_are_listed_without_end_of_the_world(album: Path) -> None:
    (album / "circle").symlink_to(album, target_is_directory=True)
    (album / "dangling").symlink_to(album / "nowhere")
    assert "circle" in list_folder(str(album)).names
    assert "dangling" not in list_folder(str(album)).names


def test_the_open_folder_is_at_the_top_unfolded_and_marked(
    qtbot: QtBot, tree: FolderTree, album: Path
) -> None:
    tree.set_folder(str(album))
    qtbot.waitUntil(lambda: len(rows(tree)) == 4)
    top = tree._model.index(0, 0)
    assert top.data() == "album"
    assert top.data(Qt.ItemDataRole.FontRole).bold()
    assert top.data(Qt.ItemDataRole.AccessibleTextRole) == "album, open"
    assert tree._tree.isExpanded(top)
    assert current_name(tree) == "album"
    assert not tree._model.hasChildren(index_of(tree, "Holidays 10"))
    assert tree._model.hasChildren(index_of(tree, "Holidays 2"))


def test_a_click_opens_a_folder_once_and_the_tree_stays(qtbot: QtBot, tree: FolderTree, album: Path) -> None:
    tree.set_folder(str(album))
    qtbot.waitUntil(lambda: len(rows(tree)) == 4)
    chosen: list[str] = []
    tree.folder_chosen.connect(chosen.append)
    tree.folder_chosen.connect(tree.set_folder)  # as the window does
    where = tree._tree.visualRect(index_of(tree, "Holidays 2")).center()
    for _ in range(2):
        qtbot.mouseClick(tree._tree.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert chosen == [str(album / "Holidays 2")]
    assert tree.folder() == chosen[0]
    assert tree._model.index(0, 0).data() == "album"


def test_arrows_and_enter_open_a_folder(qtbot: QtBot, tree: FolderTree, album: Path) -> None:
    tree.set_folder(str(album))
    qtbot.waitUntil(lambda: len(rows(tree)) == 4)
    tree.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right):
        qtbot.keyClick(tree._tree, key)
    qtbot.waitUntil(lambda: rows(tree, index_of(tree, "Holidays 2")) == ["Beach"])
    qtbot.keyClick(tree._tree, Qt.Key.Key_Down)
    with qtbot.waitSignal(tree.folder_chosen) as chosen:
        qtbot.keyClick(tree._tree, Qt.Key.Key_Return)
    assert chosen.args == [str(album / "Holidays 2" / "Beach")]


def test_setting_a_folder_deep_in_the_tree_unfolds_down_to_it_in_silence(
    qtbot: QtBot, tree: FolderTree, album: Path
) -> None:
    tree.set_folder(str(album.parent))
    with qtbot.assertNotEmitted(tree.folder_chosen):
        tree.set_folder(str(album / "Holidays 2" / "Beach"))
        qtbot.waitUntil(lambda: current_name(tree) == "Beach")
    assert tree._model.index(0, 0).data() == album.parent.name


def test_a_folder_elsewhere_starts_the_tree_anew(qtbot: QtBot, tree: FolderTree, album: Path) -> None:
    tree.set_folder(str(album / "Holidays 2"))
    qtbot.waitUntil(lambda: rows(tree) == ["Beach"])
    tree.set_folder(str(album / "Holidays 10"))
    assert tree._model.index(0, 0).data() == "Holidays 10"


def test_up_shows_the_folder_around_and_opens_nothing(qtbot: QtBot, tree: FolderTree, album: Path) -> None:
    tree.set_folder(str(album / "Holidays 2"))
    assert tree._up.accessibleName() == "Up to the folder around it: album"
    with qtbot.assertNotEmitted(tree.folder_chosen):
        qtbot.mouseClick(tree._up, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: current_name(tree) == "Holidays 2")
    assert tree._model.index(0, 0).data() == "album"
    assert tree.folder() == str(album / "Holidays 2")


def test_there_is_nothing_above_the_root_of_the_disk(tree: FolderTree, album: Path) -> None:
    tree.set_folder(album.anchor)
    assert not tree._up.isEnabled()


def test_refreshing_brings_new_folders_and_drops_those_that_went(
    qtbot: QtBot, tree: FolderTree, album: Path
) -> None:
    tree.set_folder(str(album))
    qtbot.waitUntil(lambda: len(rows(tree)) == 4)
    tree._tree.expand(index_of(tree, "Holidays 2"))
    qtbot.waitUntil(lambda: rows(tree, index_of(tree, "Holidays 2")) == ["Beach"])
    (album / "Holidays 10").rmdir()
    (album / "Holidays 3").mkdir()
    (album / "Aunt").mkdir()
    tree.refresh()
    wanted = ["Aunt", "holidays 1", "Holidays 2", "Holidays 3", "Rock & Roll"]
    qtbot.waitUntil(lambda: rows(tree) == wanted)
    assert tree._tree.isExpanded(index_of(tree, "Holidays 2"))
    assert rows(tree, index_of(tree, "Holidays 2")) == ["Beach"]


def test_a_folder_that_is_gone_says_so_and_comes_back(qtbot: QtBot, tree: FolderTree, album: Path) -> None:
    gone = album / "none"
    tree.set_folder(str(gone))
    top = tree._model.index(0, 0)
    said = "none is not there any more, open"
    qtbot.waitUntil(lambda: top.data(Qt.ItemDataRole.AccessibleTextRole) == said)
    (gone / "inside").mkdir(parents=True)
    tree.refresh()
    qtbot.waitUntil(lambda: rows(tree) == ["inside"])


def test_answers_that_come_after_the_tree_moved_on_fall_away(
    qtbot: QtBot, tree: FolderTree, album: Path
) -> None:
    tree.set_folder(str(album))
    tree.set_root(str(album / "Holidays 2"))  # before the listing of album is delivered
    qtbot.waitUntil(lambda: rows(tree) == ["Beach"])
    assert tree._model.index(0, 0).data() == "Holidays 2"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the disk there takes only proper names")
def test_a_name_that_is_no_text_is_shown_and_opened(qtbot: QtBot, tree: FolderTree, album: Path) -> None:
    strange = os.fsdecode(b"caf\xe9\n<b>")
    (album / strange).mkdir()
    tree.set_folder(str(album))
    shown = "caf\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}<b>"
    qtbot.waitUntil(lambda: shown in rows(tree))
    index = index_of(tree, shown)
    assert "&lt;b&gt;" in index.data(Qt.ItemDataRole.ToolTipRole)
    with qtbot.waitSignal(tree.folder_chosen) as chosen:
        tree._tree.setCurrentIndex(index)
        qtbot.keyClick(tree._tree, Qt.Key.Key_Return)
    assert Path(chosen.args[0]).is_dir()
